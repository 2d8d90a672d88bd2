//! The results for others: JSON for programs, markdown and SVG for readers.

pub mod chart;
mod json;
mod markdown;
mod plots;

use super::run::Outcome;
use super::sizes::Point;
use super::table::{Shape, Table};

pub use json::json;
pub use markdown::markdown;
pub use plots::{lookup_plot, sizes_plot};

/// What was measured, with everything that a reader has to know about it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Processor and cores.
    pub machine: String,
    /// True when DPDK's tables were in hugepages.
    pub has_hugepages: bool,
    /// Lookups of one call.
    pub batch: usize,
    /// Rounds of measuring.
    pub rounds: usize,
    /// The IPv6 and the IPv4 part, whichever were asked for.
    pub parts: Vec<Part>,
    /// The cost against the size of the table; empty when it was not asked for.
    pub sizes: Vec<Point>,
}

/// The results with one table.
#[derive(Clone, Debug)]
pub struct Part {
    /// The table: what it is.
    pub table: Table,
    /// And its shape.
    pub shape: Shape,
    /// What was found.
    pub outcome: Outcome,
}

impl Part {
    /// Of the engines' indices: those that the reference is compared with.
    fn rivals(&self) -> Vec<usize> {
        let engines = self.outcome.engines.iter().enumerate();
        engines.filter(|(_, engine)| !engine.kind.is_ours).map(|(index, _)| index).collect()
    }
}

/// Processor and number of cores, as Linux tells.
pub fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cores = text.lines().filter(|line| line.starts_with("processor")).count().max(1);
    let model = model.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    format!("{model}, {cores} core{}", if cores == 1 { "" } else { "s" })
}
