//! Forwarding rates: mexfwd and its rivals in the same seats, with the same packets, interleaved.

pub mod capture;
pub mod dut;
pub mod packet;
pub mod perf;
pub mod plan;
pub mod plot;
pub mod report;
pub mod rounds;
pub mod scenario;
pub mod seat;
pub mod stats;
pub mod targets;
pub mod telemetry;

use std::fmt;

/// What the user is told, in one line, when there is no honest figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchError(pub String);

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BenchError {}
