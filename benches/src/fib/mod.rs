//! Longest-prefix match, measured: tables, traces, an oracle, the engines, and the report of `cargo run --bin fib`.

pub mod check;
pub mod engine;
pub mod engines;
pub mod measure;
pub mod oracle;
pub mod random;
pub mod report;
pub mod run;
pub mod sizes;
pub mod table;
pub mod trace;
