//! mexfwd itself: its configuration for a scenario, and the counters that show that the work was done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Dut, first_line, sink, source, succeeds};
use crate::fib::table::{Route, Table};
use crate::throughput::BenchError;
use crate::throughput::scenario::{Scenario, Work};
use crate::throughput::seat::{Launch, Probe, Sample, Seat};

mod config;

pub use config::config;

/// As reports name it.
pub const NAME: &str = "mexfwd";
/// Next hops of a table, at most; more of them share.
const MAX_NEXT_HOPS: u32 = 1024;
/// Counters are published a little later than packets leave: so much may be missing, of 1.
const LATE: f64 = 0.2;
/// Packets that are counted and have not left.
const IN_FLIGHT: f64 = 8192.0;

#[derive(Debug)]
pub struct Mexfwd {
    program: PathBuf,
}

impl Mexfwd {
    pub fn find(program: &Path) -> Result<Mexfwd, String> {
        let found = program.canonicalize().map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Mexfwd { program: found })
    }

    fn show(&self, socket: &Path, topic: &str) -> Result<Value, BenchError> {
        let mut command = Command::new(&self.program);
        let said = succeeds(command.args(["show", topic, "--json", "--socket"]).arg(socket))?;
        serde_json::from_str(&said).map_err(|error| BenchError(format!("show {topic}: {error}")))
    }

    /// How many packets the scenario's work was done for.
    fn done(&self, socket: &Path, work: Work) -> Result<u64, BenchError> {
        let of = |topic, name: &str, wanted: &str| {
            let list = self.show(socket, topic)?;
            let entries = list.as_array().into_iter().flatten();
            let entry =
                entries.into_iter().find(|entry| entry.get(name).and_then(Value::as_str) == Some(wanted));
            let packets = entry.and_then(|entry| entry.get("packets")).and_then(Value::as_u64);
            packets.ok_or_else(|| BenchError(format!("show {topic}: nothing about {wanted}")))
        };
        match work {
            Work::Plain => Ok(0),
            Work::PlainAp | Work::MexExchange | Work::MexShare(_) => {
                let counters = self.show(socket, "mex")?;
                let exchanged = counters.get("exchanged").and_then(Value::as_u64);
                exchanged.ok_or_else(|| BenchError("show mex: no counter of exchanges".to_owned()))
            }
            Work::Encaps(_) | Work::EncapsRed(_) => of("policies", "name", config::STEERED_INTO),
            Work::End | Work::Srh(_) => of("sids", "sid", config::END),
            Work::EndPsp => of("sids", "sid", config::END_PSP),
            Work::Un => of("sids", "sid", config::MICRO),
            Work::Dt6 | Work::Dt6Srh => of("sids", "sid", config::DT6),
            Work::Dt46 => of("sids", "sid", config::DT46),
            Work::B6 => of("sids", "sid", config::BINDING),
        }
    }

    fn check(&self, probe: &Probe, socket: &Path, work: Work) -> Result<(), BenchError> {
        let Some(share) = share(work) else { return Ok(()) };
        let before = probe.sent()?;
        let done = self.done(socket, work)?;
        let after = probe.sent()?;
        if is_done(share, done, before, after) {
            return Ok(());
        }
        Err(BenchError(format!("{done} packets done, of {before} to {after} sent: not what {work} is")))
    }
}

/// Which part of the packets the work is done for; nothing where nothing is counted.
fn share(work: Work) -> Option<f64> {
    match work.exchanged_percent() {
        Some(percent) => Some(f64::from(percent) / 100.0),
        None => work.is_srv6().then_some(1.0),
    }
}

/// Whether `done` is this share of what was sent in all: more than `before`, less than `after`.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn is_done(share: f64, done: u64, before: u64, after: u64) -> bool {
    let done = done as f64;
    if share == 0.0 {
        return done == 0.0;
    }
    done >= share * before as f64 * (1.0 - LATE) && done <= share * (after as f64 + IN_FLIGHT)
}

/// The routes of a table that do not touch the seats' own addresses.
pub fn table_routes(table: &Table) -> impl Iterator<Item = &Route> {
    let ours = |route: &&Route| {
        let address = route.prefix.address();
        let (is_documentation, is_local) = (address >> 96 == 0x2001_0db8, address >> 121 == 0xfc >> 1);
        !is_documentation && !is_local
    };
    table.routes().iter().filter(ours)
}

/// A small number, from 1, for each next hop of the table.
pub fn next_hop_ids(table: &Table) -> BTreeMap<u32, u32> {
    let mut ids: BTreeMap<u32, u32> = table.routes().iter().map(|route| (route.next_hop, 0)).collect();
    ids.values_mut().zip(0..).for_each(|(id, number)| *id = number % MAX_NEXT_HOPS + 1);
    ids
}

impl Dut for Mexfwd {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> Option<String> {
        first_line(&self.program, &["--version"])
    }

    fn takes(&self, _scenario: &Scenario) -> bool {
        true
    }

    fn run(&mut self, seat: &Seat, scenario: &Scenario) -> Result<Sample, BenchError> {
        let captures = seat.captures(scenario)?;
        let pairs: Vec<_> =
            (0..).zip(&captures).map(|(number, capture)| (source(number, capture), sink(number))).collect();
        let devices: Vec<(&str, &str)> =
            pairs.iter().map(|((_, source), (_, sink))| (source.as_str(), sink.as_str())).collect();
        let memory_mb = Seat::memory_mb(scenario);
        let settings = config::Settings {
            cores: seat.workers(scenario.workers)?,
            memory_mb,
            has_hugepages: seat.has_hugepages(memory_mb),
            devices: &devices,
        };
        let file = seat.write("mexfwd.toml", &config(scenario, &settings))?;
        let socket = seat.path("mexfwd.sock");
        let _ = std::fs::remove_file(&socket);
        let mut command = Command::new(&self.program);
        command.args(["run", "-c"]).arg(&file).arg("--socket").arg(&socket);
        let (sources, sinks) = pairs.into_iter().map(|((source, _), (sink, _))| (source, sink)).unzip();
        let launch = Launch { command, sources, sinks, file_prefix: None, setup: None };
        seat.measure(launch, scenario, |probe| self.check(probe, &socket, scenario.work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_was_not_done_is_noticed() {
        assert!(is_done(1.0, 1_000_000, 950_000, 1_050_000));
        assert!(is_done(0.01, 10_000, 950_000, 1_050_000));
        for (share, done) in [(1.0, 0), (1.0, 2_000_000), (0.1, 1_000_000), (0.0, 1)] {
            assert!(!is_done(share, done, 950_000, 1_050_000), "{share} {done}");
        }
        assert!(is_done(0.0, 0, 950_000, 1_050_000));
    }

    #[test]
    fn what_is_counted_and_for_which_packets() {
        assert_eq!(share(Work::Plain), None);
        assert_eq!(share(Work::PlainAp), Some(0.0));
        assert_eq!(share(Work::MexShare(10)), Some(0.1));
        assert_eq!(share(Work::End), Some(1.0));
    }

    #[test]
    fn next_hops_are_numbered_from_one() {
        let table = Table::synthetic(5000);
        let ids = next_hop_ids(&table);
        assert_eq!(ids.values().min(), Some(&1));
        let many = next_hop_ids(&table.with_distinct_next_hops());
        assert_eq!((many.len(), many.values().max().copied()), (5000, Some(MAX_NEXT_HOPS)));
    }
}
