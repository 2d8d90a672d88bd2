//! The report as markdown tables.

use std::fmt::Write;

use super::{Part, Report};
use crate::fib::run::UpdateCost;
use crate::fib::sizes::Point;
use crate::fib::table::Family;

const MB: f64 = 1e6;

/// The tables, with a line about machine and method above each.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    for part in &report.parts {
        lookups(&mut out, report, part);
        ratios(&mut out, part);
        skipped(&mut out, part);
    }
    if !report.sizes.is_empty() {
        sizes(&mut out, &report.sizes);
    }
    out
}

/// Writing to a string does not fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
    out.push('\n');
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn lookups(out: &mut String, report: &Report, part: &Part) {
    let (outcome, shape) = (&part.outcome, &part.shape);
    let family = if part.table.family == Family::V6 { "IPv6" } else { "IPv4" };
    line(out, format_args!("### {family}: {}\n", part.table.source));
    line(
        out,
        format_args!(
            "{} routes, {} next hops, {} intervals ({} after merging). {}; one core, batches of {}, medians of {} interleaved \
         rounds, millions of lookups a second. All answers checked against a naive match: {} addresses. DPDK's tables in \
         {}.\n",
            shape.routes,
            shape.next_hops,
            shape.intervals,
            shape.merged_intervals,
            report.machine,
            report.batch,
            report.rounds,
            outcome.checked,
            if report.has_hugepages { "hugepages" } else { "ordinary pages" },
        ),
    );
    let mut head = "| engine |".to_owned();
    let mut rule = "|---|".to_owned();
    for name in outcome.traces.iter().map(String::as_str).chain([
        "build ms",
        "memory MB",
        "update mean / p99 us",
        "random mix mean / p99 us",
        "wrong",
    ]) {
        let _ = write!(head, " {name} |");
        rule.push_str("---:|");
    }
    line(out, format_args!("{head}\n{rule}"));
    for (index, engine) in outcome.engines.iter().enumerate() {
        let mut row = format!("| {} |", engine.kind.name);
        for trace in 0..outcome.traces.len() {
            let _ = write!(row, " {:.1} |", outcome.rates.mlps(index, trace).median);
        }
        let (flaps, mix) = (cost(engine.flaps), cost(engine.mix));
        let memory = engine.memory_bytes as f64 / MB;
        line(
            out,
            format_args!(
                "{row} {:.1} | {memory:.1} | {flaps} | {mix} | {} |",
                engine.build_ms.median, engine.mismatches
            ),
        );
    }
    out.push('\n');
}

fn cost(cost: Option<UpdateCost>) -> String {
    cost.map_or_else(|| "-".to_owned(), |cost| format!("{:.2} / {:.2}", cost.mean_us, cost.p99_us))
}

fn ratios(out: &mut String, part: &Part) {
    let outcome = &part.outcome;
    let (Some(reference), false) = (outcome.reference(), part.rivals().is_empty()) else { return };
    let mut head =
        format!("| {} against | geometric mean | smallest |", outcome.engines[reference].kind.name);
    let mut rule = "|---|---:|---:|".to_owned();
    for name in &outcome.traces {
        let _ = write!(head, " {name} (p10 - p90) |");
        rule.push_str("---:|");
    }
    line(out, format_args!("{head}\n{rule}"));
    for rival in part.rivals() {
        let rates = &outcome.rates;
        let (mean, least) = (rates.geomean_ratio(reference, rival), rates.min_ratio(reference, rival));
        let mut row = format!("| {} | **{mean:.2}** | {least:.2} |", outcome.engines[rival].kind.name);
        for trace in 0..outcome.traces.len() {
            let ratio = rates.ratio(reference, rival, trace);
            let _ = write!(row, " {:.2} ({:.2} - {:.2}) |", ratio.median, ratio.p10, ratio.p90);
        }
        line(out, format_args!("{row}"));
    }
    out.push('\n');
}

fn skipped(out: &mut String, part: &Part) {
    for (name, reason) in &part.outcome.skipped {
        line(out, format_args!("- not measured: {name}: {reason}"));
    }
    if !part.outcome.skipped.is_empty() {
        out.push('\n');
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn sizes(out: &mut String, points: &[Point]) {
    line(out, format_args!("### Cost against the size of the table (synthetic)\n"));
    line(out, format_args!("| routes | engine | ns a lookup, hot | cold | build ms | memory MB | wrong |"));
    line(out, format_args!("|---:|---|---:|---:|---:|---:|---:|"));
    for point in points {
        line(
            out,
            format_args!(
                "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
                point.routes,
                point.engine,
                point.hot_ns,
                point.cold_ns,
                point.build_ms,
                point.memory_bytes as f64 / MB,
                point.mismatches,
            ),
        );
    }
}
