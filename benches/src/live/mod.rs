//! A daemon with a full table, driven from outside: what memory, start, update storms and dead next hops are measured on.

mod daemon;
mod files;
mod seat;

pub use crate::throughput::BenchError;
pub use crate::throughput::telemetry::Telemetry;
pub use daemon::Daemon;
pub use files::{Scratch, machine, write};
pub use seat::{MAX_NEXT_HOPS, SINKS, Seat, Ways, capture, destinations, last_core, neighbor};
