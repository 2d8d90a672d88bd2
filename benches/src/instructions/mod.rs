//! Instructions a packet spends in the graph, counted by callgrind: the same on every run, and so fit to guard against
//! changes that times on a shared machine do not show.

mod callgrind;
mod guard;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

pub use callgrind::{Profile, count};
pub use guard::{Expected, Finding, compare};

/// Packets of a burst.
pub const BURST: u32 = 64;
/// Bursts of the shorter of two runs. The longer one has twice as many: the difference is that of the packets alone.
pub const TURNS: u32 = 100;

/// One workload's figures, instructions a packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// As [`crate::workloads::names`] has it.
    pub workload: &'static str,
    /// In the whole graph.
    pub total: f64,
    /// By node or other module of the dataplane, in brackets; the sum is the total.
    pub parts: BTreeMap<String, f64>,
}

impl Cost {
    /// What two runs of [`TURNS`] and twice as many bursts say.
    fn between(workload: &'static str, short: &Profile, long: &Profile) -> Cost {
        let packets = f64::from(BURST) * f64::from(TURNS);
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let a_packet = |long: u64, short: u64| long.saturating_sub(short) as f64 / packets;
        let part = |(name, long): (&String, &u64)| {
            (name.clone(), a_packet(*long, short.parts.get(name).copied().unwrap_or(0)))
        };
        Cost {
            workload,
            total: a_packet(long.total, short.total),
            parts: long.parts.iter().map(part).filter(|(_, cost)| *cost > 0.0).collect(),
        }
    }
}

/// Counts one workload. `program` runs bursts of it when called with its name and a number of bursts.
///
/// # Errors
/// valgrind is not there, or counts nothing: one line for the user.
pub fn measure(program: &Path, workload: &'static str) -> Result<Cost, String> {
    let short = count(program, workload, TURNS)?;
    let long = count(program, workload, 2 * TURNS)?;
    Ok(Cost::between(workload, &short, &long))
}

/// A table for people, the dearest part first.
pub fn text(costs: &[Cost]) -> String {
    let mut text = "| workload | instructions a packet | where |\n|---|---:|---|\n".to_owned();
    for cost in costs {
        let mut parts: Vec<_> = cost.parts.iter().filter(|(_, cost)| **cost >= 0.5).collect();
        parts.sort_by(|a, b| b.1.total_cmp(a.1));
        let parts: Vec<_> = parts.iter().map(|(part, cost)| format!("{part} {cost:.0}")).collect();
        let _ = writeln!(text, "| {} | {:.0} | {} |", cost.workload, cost.total, parts.join(", "));
    }
    text
}

/// For programs: by workload, `instructions` and `parts`.
pub fn json(costs: &[Cost]) -> serde_json::Value {
    let cost = |cost: &Cost| {
        let parts: BTreeMap<_, _> = cost.parts.iter().map(|(part, cost)| (part, round(*cost))).collect();
        let value = serde_json::json!({ "instructions": round(cost.total), "parts": parts });
        (cost.workload.to_owned(), value)
    };
    serde_json::json!({ "workloads": costs.iter().map(cost).collect::<serde_json::Map<_, _>>() })
}

/// To a tenth: what is behind it says nothing.
fn round(cost: f64) -> f64 {
    (cost * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_the_difference_of_two_runs() {
        let packets = u64::from(BURST * TURNS);
        let profile = |total, lookup| Profile { total, parts: [("lookup".to_owned(), lookup)].into() };
        let cost =
            Cost::between("w", &profile(1000, 100), &profile(1000 + 500 * packets, 100 + 40 * packets));
        assert!((cost.total - 500.0).abs() < 1e-9, "{cost:?}");
        assert_eq!(text(std::slice::from_ref(&cost)).lines().nth(2), Some("| w | 500 | lookup 40 |"));
        let json = json(&[cost]);
        assert_eq!(json["workloads"]["w"]["instructions"], 500.0);
        assert_eq!(json["workloads"]["w"]["parts"]["lookup"], 40.0);
    }
}
