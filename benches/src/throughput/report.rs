//! The results: JSON for programs, markdown for readers.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::dut::{MEXFWD, SEATS_ALONE};
use super::rounds::{Outcome, Ratio, Row, ratio};
use super::stats::Spread;
use super::targets::{TARGETS, verdict};

/// Ratios of mexfwd to itself: a scenario, and the one that it is compared with.
const WITHIN: [(&str, &str); 17] = [
    ("plain-ap", "plain"),
    ("mex-1", "plain-ap"),
    ("mex-10", "plain-ap"),
    ("mex-exchange", "plain"),
    ("full-table", "plain-64k"),
    ("end", "plain"),
    ("end-psp", "plain"),
    ("un", "plain"),
    ("encaps-1", "plain"),
    ("encaps-3", "plain"),
    ("encaps-red-3", "plain"),
    ("dt6", "plain"),
    ("dt6-srh", "plain"),
    ("dt46", "plain"),
    ("b6", "plain"),
    ("end-loaded", "end"),
    ("encaps-1-loaded", "encaps-1"),
];

/// What was measured, with everything that a reader has to know about it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Processor and cores.
    pub machine: String,
    /// Versions by program.
    pub versions: BTreeMap<String, String>,
    /// The table of the scenarios that need one.
    pub table: String,
    /// Rounds.
    pub pairs: usize,
    /// Of one measurement.
    pub seconds: f64,
    /// Whether there were hugepages.
    pub has_hugepages: bool,
    /// Whether there were hardware counters.
    pub has_counters: bool,
    /// Programs that are not there, and why.
    pub absent: BTreeMap<String, String>,
    /// The results.
    pub outcome: Outcome,
}

impl Report {
    fn row(&self, name: &str) -> Option<&Row> {
        self.outcome.scenarios.iter().find(|row| row.name == name)
    }

    /// Ratios of mexfwd to every other program, and to itself in another scenario.
    fn ratios(&self, row: &Row) -> Vec<(String, Ratio)> {
        let of_program = |name: &str| Some((format!("{MEXFWD}/{name}"), ratio((row, MEXFWD), (row, name))?));
        let programs =
            row.samples.iter().filter(|(name, _)| *name != MEXFWD).filter_map(|(name, _)| of_program(name));
        let within = WITHIN.iter().filter(|(name, _)| *name == row.name).filter_map(|(_, base)| {
            Some((format!("{MEXFWD}/{MEXFWD} {base}"), ratio((row, MEXFWD), (self.row(base)?, MEXFWD))?))
        });
        programs.chain(within).collect()
    }

    /// All of it, in the names that other programs use.
    pub fn json(&self) -> Value {
        let by_name = |of: &dyn Fn(&Row) -> Map<String, Value>| {
            let rows = self.outcome.scenarios.iter().map(|row| (row.name.clone(), Value::Object(of(row))));
            Value::Object(rows.collect())
        };
        json!({
            "machine": self.machine,
            "versions": self.versions,
            "table": self.table,
            "pairs": self.pairs,
            "seconds": self.seconds,
            "hugepages": self.has_hugepages,
            "hardware_counters": self.has_counters,
            "not_installed": self.absent,
            "failed": self.outcome.failed,
            "scenarios": by_name(&|row| {
                row.samples.iter().map(|(name, _)| ((*name).to_owned(), figures(row, name))).collect()
            }),
            "ratios": by_name(&|row| {
                self.ratios(row).into_iter().map(|(name, ratio)| (name, json_ratio(&ratio))).collect()
            }),
            "targets": self.verdicts().into_iter().map(|(target, verdict)| json!({
                "scenario": target.scenario,
                "what": verdict.what,
                "bound": number(verdict.bound),
                "measured": number(verdict.measured),
                "holds": verdict.holds,
            })).collect::<Vec<_>>(),
        })
    }

    fn verdicts(&self) -> Vec<(super::targets::Target, super::targets::Verdict)> {
        let rows = &self.outcome.scenarios;
        TARGETS.iter().filter_map(|target| Some((*target, verdict(target, rows)?))).collect()
    }

    /// The tables.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.head(&mut out);
        let _ = self.rates(&mut out);
        let _ = self.paired(&mut out);
        let _ = self.targets(&mut out);
        out
    }

    fn head(&self, out: &mut String) -> std::fmt::Result {
        let versions: Vec<String> =
            self.versions.iter().map(|(name, version)| format!("{name}: {version}")).collect();
        writeln!(
            out,
            "{}; one worker core if the scenario does not say otherwise; {}. {} interleaved rounds of {} s; medians, with the range in brackets. \
             {}. Table: {}. Frames of 64 octets without the check sequence, headers around them on top.\n",
            self.machine,
            if self.has_hugepages { "hugepages" } else { "ordinary pages" },
            self.pairs,
            self.seconds,
            versions.join("; "),
            self.table,
        )?;
        if !self.has_counters {
            writeln!(
                out,
                "This machine has no hardware counters: `scripts/bench instructions` counts instructions.\n"
            )?;
        }
        for (what, list) in [("Not here", &self.absent), ("Given up", &self.outcome.failed)] {
            for (name, reason) in list {
                writeln!(out, "{what}: {name} ({}).\n", reason.replace('|', "/"))?;
            }
        }
        Ok(())
    }

    fn rates(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "| scenario | program | Mpps | ns a packet | cost without source and sink, ns |{}",
            self.counter_head().0
        )?;
        writeln!(out, "|---|---|---|---:|---:|{}", self.counter_head().1)?;
        for row in &self.outcome.scenarios {
            for (name, _) in &row.samples {
                let (Some(mpps), Some(ns)) = (row.mpps(name), row.ns(name)) else { continue };
                let cost =
                    row.cost(name).map_or_else(|| "-".to_owned(), |cost| format!("{:.1}", cost.median));
                let offered = row.offered(name);
                let offered =
                    offered.map(|offered| format!(", {:.2} offered", offered.median)).unwrap_or_default();
                write!(
                    out,
                    "| {} | {name} | {:.2} ({:.2} - {:.2}){offered} | {:.1} | {cost} |",
                    row.name, mpps.median, mpps.min, mpps.max, ns.median
                )?;
                if let Some([instructions, cycles, misses]) = row.counters(name) {
                    write!(out, " {instructions:.0} | {cycles:.0} | {misses:.2} |")?;
                }
                writeln!(out)?;
            }
        }
        writeln!(out)
    }

    fn counter_head(&self) -> (&'static str, &'static str) {
        if self.has_counters {
            (" instructions | cycles | cache misses |", "---:|---:|---:|")
        } else {
            ("", "")
        }
    }

    fn paired(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "| scenario | ratio, within each round | rate (quartiles) | cost (quartiles) |\n|---|---|---|---|"
        )?;
        let shown = |spread: Spread| {
            format!("{:.2} ({:.2} - {:.2})", spread.median, spread.quartiles[0], spread.quartiles[1])
        };
        for row in &self.outcome.scenarios {
            for (name, ratio) in self.ratios(row) {
                let cost = ratio.cost.map_or_else(|| "-".to_owned(), shown);
                writeln!(out, "| {} | {name} | {} | {cost} |", row.name, shown(ratio.rate))?;
            }
        }
        writeln!(out)
    }

    fn targets(&self, out: &mut String) -> std::fmt::Result {
        let verdicts = self.verdicts();
        if verdicts.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "| scenario | target | measured | bound | holds | where the bound comes from |\n|---|---|---:|---:|---|---|"
        )?;
        for (target, verdict) in verdicts {
            let holds = if verdict.holds { "yes" } else { "**no**" };
            let sign = if verdict.what.starts_with("rate") { ">=" } else { "<=" };
            writeln!(
                out,
                "| {} | {} | {:.2} | {sign} {:.2} | {holds} | {} |",
                target.scenario, verdict.what, verdict.measured, verdict.bound, target.source
            )?;
        }
        writeln!(out)
    }
}

fn figures(row: &Row, name: &str) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    if let (Some(mpps), Some(ns)) = (row.mpps(name), row.ns(name)) {
        put("mpps", number(mpps.median));
        put("mpps_min", number(mpps.min));
        put("mpps_max", number(mpps.max));
        put("mpps_iqr", quartiles(mpps));
        if let Some(offered) = row.offered(name) {
            put("offered_mpps", number(offered.median));
        }
        put("ns_per_packet", number(ns.median));
        if row.workers > 1 {
            put("mpps_per_core", number(mpps.median / f64::from(row.workers)));
        }
    }
    if name != SEATS_ALONE {
        put("cost_ns", row.cost(name).map_or(Value::Null, |cost| number(cost.median)));
        if let Some(cost) = row.cost(name) {
            put("cost_ns_iqr", quartiles(cost));
        }
    }
    if let Some([instructions, cycles, misses]) = row.counters(name) {
        put("instructions", number(instructions));
        put("cycles", number(cycles));
        put("cache_misses", number(misses));
    }
    Value::Object(members)
}

fn json_ratio(ratio: &Ratio) -> Value {
    let cost = |of: fn(Spread) -> Value| ratio.cost.map_or(Value::Null, of);
    json!({
        "rate": number(ratio.rate.median),
        "rate_iqr": quartiles(ratio.rate),
        "rate_min": number(ratio.rate.min),
        "rate_max": number(ratio.rate.max),
        "cost": cost(|spread| number(spread.median)),
        "cost_iqr": cost(quartiles),
    })
}

fn quartiles(spread: Spread) -> Value {
    spread.quartiles.map(number).to_vec().into()
}

/// A number with the digits that mean something.
fn number(value: f64) -> Value {
    json!((value * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::super::rounds::tests::row;
    use super::*;

    fn report() -> Report {
        let mut failed = BTreeMap::new();
        failed.insert("vpp plain".to_owned(), "a | b".to_owned());
        let scenarios = vec![row("plain"), row("end")];
        Report { pairs: 3, seconds: 1.0, outcome: Outcome { scenarios, failed }, ..Report::default() }
    }

    #[test]
    fn json_has_the_names_that_programs_use() {
        let json = report().json();
        let plain = &json["scenarios"]["plain"];
        assert_eq!(plain["mexfwd"]["mpps"], json!(50.0));
        assert_eq!(plain["mexfwd"]["ns_per_packet"], json!(20.0));
        assert_eq!(plain["mexfwd"]["cost_ns"], json!(10.0));
        assert_eq!(plain["mexfwd"]["mpps_min"], json!(25.0));
        assert_eq!(plain["testpmd-io"].get("cost_ns"), None);
        let ratio = &json["ratios"]["plain"]["mexfwd/l3fwd-fib"];
        assert_eq!((&ratio["rate"], &ratio["cost"]), (&json!(1.25), &json!(0.667)));
        assert_eq!(ratio["rate_iqr"], json!([1.25, 1.25]));
        assert_eq!(json["ratios"]["end"]["mexfwd/mexfwd plain"]["cost"], json!(1.0));
        assert_eq!(
            json["targets"][0],
            json!({
                "scenario": "plain", "what": "rate / l3fwd-fib", "bound": 1.0, "measured": 1.25, "holds": true
            })
        );
    }

    #[test]
    fn markdown_has_a_line_for_each_figure() {
        let text = report().markdown();
        assert!(text.contains("| plain | mexfwd | 50.00 (25.00 - 50.00) | 20.0 | 10.0 |\n"), "{text}");
        assert!(text.contains("| plain | testpmd-io | 100.00 (50.00 - 100.00) | 10.0 | - |\n"));
        assert!(text.contains("| plain | mexfwd/l3fwd-fib | 1.25 (1.25 - 1.25) | 0.67 (0.67 - 0.67) |\n"));
        assert!(text.contains("| plain | cost, ns | 10.00 | <= 11.00 | yes |"));
        assert!(text.contains("Given up: vpp plain (a / b)."));
    }
}
