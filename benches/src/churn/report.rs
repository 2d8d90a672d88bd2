//! The result, for people and for programs.

use std::fmt::Write;

use super::Outcome;

/// Smallest, middle and largest of some figures; 0 without any.
fn spread(figures: &[f64]) -> [f64; 3] {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    [at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1))]
}

/// The rate in each storm as a part of that in the quiet before it.
fn ratios(outcome: &Outcome) -> Vec<f64> {
    outcome.quiet.iter().zip(&outcome.storm).map(|(quiet, storm)| storm / quiet.max(1.0)).collect()
}

/// For people.
pub fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    let (packets, changes) = (&outcome.packets, &outcome.changes);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<16}{value}");
    };
    let mpps = |[least, middle, most]: [f64; 3]| {
        format!("{:.3} Mpps (median; {:.3} to {:.3})", middle / 1e6, least / 1e6, most / 1e6)
    };
    line(
        "table",
        format!("{}, {} of {} routes change", outcome.source, outcome.changing_routes, outcome.routes),
    );
    if !outcome.has_two_cores {
        line("cores", "only one: the two threads take turns, their rates say little".to_owned());
    }
    line("quiet", mpps(spread(&outcome.quiet)));
    line("storm", mpps(spread(&outcome.storm)));
    let [least, middle, most] = spread(&ratios(outcome));
    let pairs = outcome.quiet.len();
    line("ratio", format!("{middle:.3} (median of {pairs} pairs; {least:.3} to {most:.3})"));
    line(
        "changes",
        format!("{} at {:.0} a second, of {} asked for", changes.changes, changes.rate(), outcome.rate),
    );
    line(
        "update",
        format!("{:.2} us (mean), {:.2} us (p99)", changes.update.mean_us(), changes.update.p99_us()),
    );
    line(
        "grace period",
        format!(
            "{:.1} us (mean), {:.1} us (p99), {} of them",
            changes.grace.mean_us(),
            changes.grace.p99_us(),
            changes.grace.count()
        ),
    );
    line(
        "packets",
        format!(
            "{} checked, {} of them to routes that do not change, {} during a change of theirs",
            packets.received, packets.unchanged, packets.during_change
        ),
    );
    line(
        "",
        format!(
            "{} sent right, {} dropped where there was no route, {} lost, {} sent wrong",
            packets.right, packets.dropped, packets.lost, packets.wrong
        ),
    );
    if let Some(error) = &packets.first_error {
        line("first error", error.clone());
    }
    text
}

/// For programs.
pub fn json(outcome: &Outcome) -> serde_json::Value {
    let (packets, changes) = (&outcome.packets, &outcome.changes);
    let spread = |figures: &[f64]| {
        let [min, median, max] = spread(figures);
        serde_json::json!({ "min": min, "median": median, "max": max })
    };
    serde_json::json!({
        "table": outcome.source,
        "routes": outcome.routes,
        "changing_routes": outcome.changing_routes,
        "has_two_cores": outcome.has_two_cores,
        "quiet_pps": spread(&outcome.quiet),
        "storm_pps": spread(&outcome.storm),
        "ratio": spread(&ratios(outcome)),
        "pairs": outcome.quiet.len(),
        "changes": changes.changes,
        "asked_changes_per_second": outcome.rate,
        "changes_per_second": changes.rate(),
        "update_us": { "mean": changes.update.mean_us(), "p99": changes.update.p99_us() },
        "grace_us": { "mean": changes.grace.mean_us(), "p99": changes.grace.p99_us(), "count": changes.grace.count() },
        "packets": {
            "received": packets.received,
            "unchanged": packets.unchanged,
            "during_change": packets.during_change,
            "right": packets.right,
            "dropped": packets.dropped,
            "lost": packets.lost,
            "wrong": packets.wrong,
            "first_error": packets.first_error,
        },
    })
}
