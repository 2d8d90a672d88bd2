//! Update storms under load, seen from outside: a daemon with a full table forwards as fast as it can, while routes change, the
//! table is loaded anew, or a port with next hops goes and comes; and, in one process, how long a dead next hop goes unnoticed.

mod blow;
pub mod death;
mod report;
mod sample;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::fib::table::Table;
use crate::live::{BenchError, Daemon, Seat, Telemetry, Ways, capture, destinations};

pub use blow::Blown;
pub use report::{json, markdown, plot};
pub use sample::{Figures, Sample, Sampler};

/// Packets of the capture: so many destinations.
const PACKETS: usize = 16_384;
/// What happens between two looks at the counters.
pub const INTERVAL: Duration = Duration::from_millis(10);
/// Forwarding begins before it is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// What blows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Route changes at a steady rate, through the API.
    Updates,
    /// The configuration is read again, with another next hop for every route.
    Reload,
    /// A port that is one of two next hops of every route goes and comes.
    Flap,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Updates, Kind::Reload, Kind::Flap];

    /// As options and JSON have it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Updates => "updates",
            Kind::Reload => "reload",
            Kind::Flap => "flap",
        }
    }

    /// As people read it.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Updates => "route changes through the API",
            Kind::Reload => "the full table loaded anew (SIGHUP)",
            Kind::Flap => "a port with a next hop of every route goes and comes",
        }
    }
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The program.
    pub program: &'a Path,
    /// The table.
    pub table: &'a Table,
    /// Route changes a second.
    pub rate: u64,
    /// How long each of the three parts lasts: before, storm, after. A reload takes as long as it takes.
    pub part: Duration,
    /// The worker's core.
    pub core: usize,
    /// Where files go.
    pub scratch: &'a Path,
}

/// Packets that the daemon dropped in each part, by its own counters; forwarding goes on between them.
pub type Drops = [u64; 3];

/// One storm.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which.
    pub kind: Kind,
    /// Counters over time.
    pub samples: Vec<Sample>,
    /// When the storm began and ended, from the first sample.
    pub begin: Duration,
    /// See `begin`.
    pub end: Duration,
    /// What was done.
    pub blown: Blown,
    /// Packets dropped before, during and after.
    pub drops: Drops,
}

/// Runs one storm.
///
/// # Errors
/// The daemon does not do what it should: one line for the user.
pub fn run(plan: &Plan<'_>, kind: Kind) -> Result<Outcome, BenchError> {
    let failed = |error: std::io::Error| BenchError(format!("{}: {error}", plan.scratch.display()));
    let path = plan.scratch.join(format!("{}.toml", kind.name()));
    let played =
        capture(&plan.scratch.join("in.pcap"), &destinations(plan.table, PACKETS)).map_err(failed)?;
    let mut seat = Seat::of_one_process(&played, plan.core, Some(plan.table));
    if kind == Kind::Flap {
        seat.ways = Ways::Both;
    }
    std::fs::write(&path, seat.config()).map_err(failed)?;
    let prepared = blow::prepare(plan, kind, &seat);
    let mut daemon = Daemon::start(plan.program, &path)?;
    daemon.wait_for("mexfwd ready")?;
    if kind == Kind::Reload {
        seat.turn = 1;
        std::fs::write(&path, seat.config()).map_err(failed)?;
    }
    let telemetry = Telemetry::of(daemon.pid())?;
    let ports = telemetry.ports(&["net_pcap0", "net_null1", "net_null2"].map(str::to_owned))?;
    std::thread::sleep(WARM_UP);

    let mut drops = vec![daemon.dropped()?];
    let sampler = Sampler::start(telemetry, ports, INTERVAL);
    std::thread::sleep(plan.part);
    drops.push(daemon.dropped()?);
    let begin = sampler.elapsed();
    let blown = blow::blow(plan, kind, &mut daemon, &prepared)?;
    let end = sampler.elapsed();
    drops.push(daemon.dropped()?);
    std::thread::sleep(plan.part);
    drops.push(daemon.dropped()?);
    let samples = sampler.stop()?;
    let between =
        |part: usize| drops.get(part + 1).zip(drops.get(part)).map_or(0, |(after, before)| after - before);
    Ok(Outcome { kind, samples, begin, end, blown, drops: [between(0), between(1), between(2)] })
}

/// What `show` says under this key, if it is a number.
fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}
