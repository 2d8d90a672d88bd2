//! The results: JSON for programs, markdown for readers.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::dut::Dut;
use super::procedure::{Measured, Plan};
use crate::generator::Kind;

const PPS_PER_MPPS: f64 = 1e6;

/// One device with one workload in one round.
#[derive(Clone, Debug)]
pub struct Row {
    /// What packets need.
    pub kind: Kind,
    /// Octets of the frames.
    pub frame_bytes: usize,
    /// Who.
    pub dut: Dut,
    /// In which round, from 0.
    pub round: u32,
    /// What was found.
    pub measured: Measured,
}

/// Everything, with what a reader has to know about it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Processor and cores.
    pub machine: String,
    /// DPDK's release.
    pub dpdk: String,
    /// The seat: `virtio` or `pci`.
    pub seat: String,
    /// Whether both sides had hugepages.
    pub has_hugepages: bool,
    /// Whether both sides had a raised priority.
    pub has_priority: bool,
    /// How it was measured.
    pub plan: Plan,
    /// The results.
    pub rows: Vec<Row>,
    /// Devices that were not there, and why.
    pub skipped: Vec<(String, String)>,
}

/// Workload and size.
type Scenario = (&'static str, usize);

impl Report {
    /// Workloads and sizes, in the order in which they were measured first.
    pub fn scenarios(&self) -> Vec<Scenario> {
        let mut scenarios = Vec::new();
        for row in &self.rows {
            let scenario = (row.kind.name(), row.frame_bytes);
            if !scenarios.contains(&scenario) {
                scenarios.push(scenario);
            }
        }
        scenarios.sort_by_key(|scenario| Kind::ALL.iter().position(|kind| kind.name() == scenario.0));
        scenarios
    }

    /// Devices, those of the first scenario first.
    pub fn duts(&self) -> Vec<Dut> {
        [Dut::Mexfwd, Dut::Testpmd]
            .into_iter()
            .filter(|dut| self.rows.iter().any(|row| row.dut == *dut))
            .collect()
    }

    /// All rounds of a device in a scenario.
    pub fn of(&self, scenario: Scenario, dut: Dut) -> Vec<&Measured> {
        let rows = self.rows.iter();
        rows.filter(|row| (row.kind.name(), row.frame_bytes) == scenario && row.dut == dut)
            .map(|row| &row.measured)
            .collect()
    }

    /// Medians of the rounds; `None` when there are none.
    fn median(&self, scenario: Scenario, dut: Dut, value: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        median(self.of(scenario, dut).into_iter().filter_map(value).collect())
    }

    /// Ratios of mexfwd to another device, of the same round.
    fn ratio(&self, scenario: Scenario, other: Dut) -> Option<f64> {
        let rate = |dut, round| {
            let mut rows = self.rows.iter();
            let row = rows.find(|row| {
                (row.kind.name(), row.frame_bytes) == scenario && row.dut == dut && row.round == round
            });
            row.map(|row| row.measured.pdr.load).filter(|rate| *rate > 0.0)
        };
        let rounds = self.rows.iter().map(|row| row.round + 1).max().unwrap_or_default();
        median(
            (0..rounds).filter_map(|round| Some(rate(Dut::Mexfwd, round)? / rate(other, round)?)).collect(),
        )
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => values.get(middle).copied(),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

fn mpps(pps: f64) -> f64 {
    pps / PPS_PER_MPPS
}

/// The report as JSON: `scenarios` has the medians by workload, size and device; `rounds` every figure.
pub fn json(report: &Report) -> Value {
    let mut scenarios: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for scenario in report.scenarios() {
        let mut of_scenario = serde_json::Map::new();
        for dut in report.duts() {
            of_scenario.insert(dut.name().to_owned(), medians(report, scenario, dut));
        }
        if let Some(ratio) = report.ratio(scenario, Dut::Testpmd) {
            of_scenario.insert("mexfwd/testpmd".to_owned(), json!({ "pdr": ratio }));
        }
        let sizes = scenarios.entry(scenario.0.to_owned()).or_default();
        sizes.insert(scenario.1.to_string(), Value::Object(of_scenario));
    }
    let rounds: Vec<Value> = report
        .rows
        .iter()
        .map(|row| {
            json!({
                "workload": row.kind.name(),
                "frame-bytes": row.frame_bytes,
                "dut": row.dut.name(),
                "round": row.round,
                "measured": row.measured,
            })
        })
        .collect();
    json!({
        "machine": report.machine,
        "dpdk": report.dpdk,
        "seat": report.seat,
        "hugepages": report.has_hugepages,
        "raised-priority": report.has_priority,
        "plan": report.plan,
        "scenarios": scenarios,
        "skipped": report.skipped.iter().cloned().collect::<BTreeMap<_, _>>(),
        "rounds": rounds,
    })
}

fn medians(report: &Report, scenario: Scenario, dut: Dut) -> Value {
    let rate = |value: &dyn Fn(&Measured) -> Option<f64>| report.median(scenario, dut, value).map(mpps);
    let ndr: BTreeMap<String, Option<f64>> = report
        .plan
        .tolerances
        .iter()
        .enumerate()
        .map(|(at, tolerance)| {
            (format!("{tolerance:e}"), rate(&|measured| measured.ndr.get(at).map(|found| found.load)))
        })
        .collect();
    let latency = |at: usize, value: &dyn Fn(crate::generator::Latency) -> f64| {
        report.median(scenario, dut, |measured| measured.latencies()[at].map(value))
    };
    let latencies = |at: usize| {
        json!({
            "min-us": latency(at, &|of| of.min_us),
            "p50-us": latency(at, &|of| of.p50_us),
            "p90-us": latency(at, &|of| of.p90_us),
            "p99-us": latency(at, &|of| of.p99_us),
            "p999-us": latency(at, &|of| of.p999_us),
            "max-us": latency(at, &|of| of.max_us),
        })
    };
    let of = report.of(scenario, dut);
    let sum = |value: &dyn Fn(&Measured) -> u64| of.iter().map(|measured| value(measured)).sum::<u64>();
    json!({
        "overload-mpps": rate(&|measured| Some(measured.overload_pps)),
        "pdr-mpps": rate(&|measured| Some(measured.pdr.load)),
        "pdr-is-bound": of.iter().any(|measured| measured.pdr.is_bound),
        "pdr-is-generator-limited": of.iter().any(|measured| measured.pdr.is_generator_limited),
        "ndr-mpps": ndr,
        "latency-at-50-percent": latencies(0),
        "latency-at-90-percent": latencies(1),
        "burst-frames": report.median(scenario, dut, |measured| Some(measured.bursts.as_ref()?.mean_frames)),
        "recovery-ms": report.median(scenario, dut, |measured| median(measured.recoveries_ms())),
        "trials": sum(&|measured| measured.seen.trials),
        "failed-and-passed": sum(&|measured| searches(measured).map(|found| u64::from(found.failed_and_passed)).sum()),
        "invalid": sum(&|measured| searches(measured).map(|found| u64::from(found.invalid)).sum()),
        "checked-frames": sum(&|measured| measured.seen.checked),
        "wrong-frames": sum(&|measured| measured.seen.wrong),
        "reordered-frames": sum(&|measured| measured.seen.reordered),
        "duplicate-frames": sum(&|measured| measured.seen.duplicate),
    })
}

fn searches(measured: &Measured) -> impl Iterator<Item = &super::Found> {
    std::iter::once(&measured.pdr).chain(&measured.ndr)
}

/// The report as markdown.
pub fn markdown(report: &Report) -> String {
    let mut out = introduction(report);
    rates(&mut out, report);
    latencies(&mut out, report);
    bursts(&mut out, report);
    trials(&mut out, report);
    for (dut, why) in &report.skipped {
        let _ = writeln!(out, "\n{dut} was not measured: {why}.");
    }
    out
}

fn introduction(report: &Report) -> String {
    let plan = &report.plan;
    let rounds = report.rows.iter().map(|row| row.round + 1).max().unwrap_or_default();
    format!(
        "# RFC 2544 over {}\n\n\
         {}; {}; {}; {} priority. One worker on the last core, the generator on the first. Medians of {rounds} rounds; in each, \
         every device was measured with every workload, in turn.\n\n\
         Trials of {} s. A rate passes when one of {} trials does (binary search with loss verification); the bounds are {} % \
         apart at the end. \"At least\": the wire of {} Gbit/s or the generator had no more, or every trial above was interrupted. Frame sizes are without the frame check sequence; of 64 frames one is compared octet by octet.\n\n\
         ![Latency against load](rfc2544-latency.svg)\n![Loss against load](rfc2544-loss.svg)\n",
        if report.seat == "virtio" { "virtio" } else { "real NICs" },
        report.machine,
        report.dpdk,
        if report.has_hugepages { "hugepages" } else { "ordinary pages" },
        if report.has_priority { "raised" } else { "ordinary" },
        plan.seconds,
        plan.repetitions + 1,
        plan.resolution * 100.0,
        plan.line_gbps,
    )
}

fn rates(out: &mut String, report: &Report) {
    let _ = write!(out, "\n## Throughput, Mpps\n\n| workload | octets | device | PDR, 0.5 % |");
    for tolerance in &report.plan.tolerances {
        let _ = write!(out, " NDR, {} |", share(*tolerance));
    }
    let columns = report.plan.tolerances.len() + 2;
    let _ = writeln!(out, " under overload |\n|---|---:|---|{}", "---:|".repeat(columns));
    for scenario in report.scenarios() {
        for dut in report.duts() {
            let value = |value: &dyn Fn(&Measured) -> Option<f64>| {
                report.median(scenario, dut, value).map_or("-".to_owned(), |pps| format!("{:.2}", mpps(pps)))
            };
            let of = report.of(scenario, dut);
            let bound =
                if of.iter().any(|measured| measured.pdr.is_bound || measured.pdr.is_generator_limited) {
                    "at least "
                } else {
                    ""
                };
            let pdr = value(&|measured| Some(measured.pdr.load));
            let _ = write!(out, "| {} | {} | {dut} | {bound}{pdr} |", scenario.0, scenario.1);
            for at in 0..report.plan.tolerances.len() {
                let _ = write!(out, " {} |", value(&|measured| measured.ndr.get(at).map(|found| found.load)));
            }
            let _ = writeln!(out, " {} |", value(&|measured| Some(measured.overload_pps)));
        }
    }
    for scenario in report.scenarios() {
        if let Some(ratio) = report.ratio(scenario, Dut::Testpmd) {
            let _ = write!(
                out,
                "\n{}, {} octets: mexfwd / testpmd io {ratio:.2} of the same round.",
                scenario.0, scenario.1
            );
        }
    }
    out.push('\n');
}

/// A loss ratio for readers.
fn share(tolerance: f64) -> String {
    if tolerance == 0.0 { "no loss".to_owned() } else { format!("{tolerance:e}") }
}

fn latencies(out: &mut String, report: &Report) {
    out.push_str(
        "\n## Latency, us\n\nFrom before a frame is handed to the generator's device until it is found in its receive ring.\n\n\
         | workload | octets | device | load | min | 50 % | 90 % | 99 % | 99.9 % | max |\n|---|---:|---|---|---:|---:|---:|---:|---:|---:|\n",
    );
    for scenario in report.scenarios() {
        for dut in report.duts() {
            for (at, load) in ["50 % of PDR", "90 % of PDR"].into_iter().enumerate() {
                let value = |value: &dyn Fn(crate::generator::Latency) -> f64| {
                    let found = report.median(scenario, dut, |measured| measured.latencies()[at].map(value));
                    found.map_or("-".to_owned(), |us| format!("{us:.1}"))
                };
                let _ = writeln!(
                    out,
                    "| {} | {} | {dut} | {load} | {} | {} | {} | {} | {} | {} |",
                    scenario.0,
                    scenario.1,
                    value(&|of| of.min_us),
                    value(&|of| of.p50_us),
                    value(&|of| of.p90_us),
                    value(&|of| of.p99_us),
                    value(&|of| of.p999_us),
                    value(&|of| of.max_us),
                );
            }
        }
    }
}

fn bursts(out: &mut String, report: &Report) {
    let gbps = report.plan.line_gbps;
    let _ = write!(
        out,
        "\n## Bursts and recovery\n\nThe longest burst without loss (RFC 9004), at the rate of a wire of {gbps} Gbit/s or as fast as the \
         generator is; the buffer that this implies; and how long after an overload of 110 % of PDR, relieved to 50 %, the last \
         frame was lost. \"-\": in each trial the machine took a core away, and frames were lost after the overload.\n\n\
         | workload | octets | device | burst, frames | offered, Mpps | buffer, us | lost in overload | recovery, ms |\n\
         |---|---:|---|---:|---:|---:|---:|---:|\n"
    );
    for scenario in report.scenarios() {
        for dut in report.duts() {
            let value = |digits: usize, value: &dyn Fn(&Measured) -> Option<f64>| {
                report
                    .median(scenario, dut, value)
                    .map_or("-".to_owned(), |found| format!("{found:.digits$}"))
            };
            let overload = |measured: &Measured| {
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                let lost = measured.recoveries.iter().map(|recovery| recovery.overload_lost as f64);
                median(lost.collect())
            };
            let _ = writeln!(
                out,
                "| {} | {} | {dut} | {} | {} | {} | {} | {} |",
                scenario.0,
                scenario.1,
                value(0, &|measured| Some(measured.bursts.as_ref()?.mean_frames)),
                value(1, &|measured| Some(mpps(measured.bursts.as_ref()?.offered_pps))),
                value(0, &|measured| Some(measured.bursts.as_ref()?.corrected_buffer_us)),
                value(0, &overload),
                value(1, &|measured| median(measured.recoveries_ms())),
            );
        }
    }
}

fn trials(out: &mut String, report: &Report) {
    out.push_str(
        "\n## Trials\n\nFailed: trials that lost too much at a load which a repetition passed. Interrupted: trials in which the \
         generator offered less than 98 %, or that lost too much while worker or generator waited for their cores for more than 50 us.\n\n| device | trials | failed | interrupted | frames compared | wrong | reordered | twice |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for dut in report.duts() {
        let of: Vec<&Measured> =
            report.rows.iter().filter(|row| row.dut == dut).map(|row| &row.measured).collect();
        let sum = |value: &dyn Fn(&Measured) -> u64| of.iter().map(|measured| value(measured)).sum::<u64>();
        let _ = writeln!(
            out,
            "| {dut} | {} | {} | {} | {} | {} | {} | {} |",
            sum(&|measured| measured.seen.trials),
            sum(&|measured| searches(measured).map(|found| u64::from(found.failed_and_passed)).sum()),
            sum(&|measured| searches(measured).map(|found| u64::from(found.invalid)).sum()),
            sum(&|measured| measured.seen.checked),
            sum(&|measured| measured.seen.wrong),
            sum(&|measured| measured.seen.reordered),
            sum(&|measured| measured.seen.duplicate),
        );
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
