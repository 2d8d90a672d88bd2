//! Forwarding under an update storm: one thread forwards packets over a full table while another changes routes of it, as
//! control does. Every packet is checked: where it went was right at some moment while it was in the graph.

mod control;
pub(crate) mod cores;
mod report;
mod router;
mod story;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dataplane::fib::Writer6;

pub use self::control::Storm;
pub use self::report::{json, text};
use self::router::Router;
pub use self::story::MAX_NEXT_HOP;
use self::story::Story;
use crate::fib::table::Table;

/// Changes a second, unless the user says otherwise.
pub const DEFAULT_RATE: u64 = 100_000;
/// Seconds of forwarding, unless the user says otherwise: half of them with the storm, half without.
pub const DEFAULT_SECONDS: u64 = 10;
/// How long the storm blows, and then does not: short, so that what else happens on the machine meets both.
const PHASE: Duration = Duration::from_millis(250);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The table; its next hops are mapped to those of the bench.
    pub table: Table,
    /// Route changes a second.
    pub rate: u64,
    /// How long, in all.
    pub duration: Duration,
}

/// What the two threads share besides the rings.
#[derive(Debug, Default)]
struct Clock {
    /// The last change that began.
    begun: AtomicU64,
    /// The last change that is done.
    done: AtomicU64,
    is_storm: AtomicBool,
    is_over: AtomicBool,
}

/// Tells the other thread that it is over, also when this one fails.
struct End<'a>(&'a Clock);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// What became of the packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Received.
    pub received: u64,
    /// Sent to a next hop that was right.
    pub right: u64,
    /// Dropped where no route was right.
    pub dropped: u64,
    /// Of all received: to addresses whose next hop never changed.
    pub unchanged: u64,
    /// Of all received: to addresses whose next hop changed at least once while the packet was in the graph.
    pub during_change: u64,
    /// Not sent though there was a route all the time.
    pub lost: u64,
    /// Sent to a next hop that was not right at any moment while the packet was in the graph.
    pub wrong: u64,
    /// The first that was lost or went wrong.
    pub first_error: Option<String>,
}

impl Packets {
    /// True when none was lost or went wrong.
    pub fn is_right(&self) -> bool {
        self.lost == 0 && self.wrong == 0
    }
}

/// What a run has shown.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Where the table comes from.
    pub source: String,
    /// Its routes.
    pub routes: usize,
    /// Routes that come, change and go.
    pub changing_routes: usize,
    /// Changes a second that were asked for.
    pub rate: u64,
    /// True when each thread had a core of its own; else the rates say little.
    pub has_two_cores: bool,
    /// Packets.
    pub packets: Packets,
    /// Packets a second without the storm, one figure a phase.
    pub quiet: Vec<f64>,
    /// The same with it; each phase follows the quiet one of the same index.
    pub storm: Vec<f64>,
    /// The storm's own figures.
    pub changes: Storm,
}

/// Forwards for as long as the plan says, storm and quiet in turn.
///
/// # Errors
/// The table does not fit, or a change was refused: one line for the user.
pub fn run(plan: &Plan) -> Result<Outcome, String> {
    // Quiet and storm are a pair of phases, one at least.
    let phases = plan.duration.as_nanos().div_ceil(2 * PHASE.as_nanos()).max(1);
    // The storm may blow a little longer than it should.
    let most = u128::from(plan.rate) * phases * PHASE.as_nanos() / 1_000_000_000 * 11 / 10 + 1;
    let (phases, most) = (phases as usize, most as usize);
    let story = Story::new(&plan.table, most);
    let mut writer = Writer6::build(story.routes().iter().copied()).map_err(|error| error.to_string())?;
    let clock = Clock::default();
    let (mut router, rings) = Router::new(&story, writer.fib());
    let (mut quiet, mut storm) = (Vec::new(), Vec::new());
    let cores = cores::two();
    let changes = std::thread::scope(|scope| {
        let (clock, story) = (&clock, &story);
        let control = Arc::clone(&rings);
        let control = scope.spawn(move || {
            cores::go_to(cores.map(|(_, core)| core));
            control::blow(story, &mut writer, &control.grace, clock, plan.rate)
        });
        let end = End(clock);
        let home = cores::go_to(cores.map(|(core, _)| core));
        // Once round before anything is measured.
        router.forward(clock, PHASE);
        for _ in 0..phases {
            quiet.push(router.forward(clock, PHASE));
            clock.is_storm.store(true, Ordering::Relaxed);
            storm.push(router.forward(clock, PHASE));
            clock.is_storm.store(false, Ordering::Relaxed);
        }
        drop(end);
        cores::go_back(home);
        control.join().unwrap_or_else(|_| Err("the thread that changes routes panicked".to_owned()))
    })?;
    Ok(Outcome {
        source: plan.table.source.clone(),
        routes: plan.table.routes().len(),
        changing_routes: story.changing_routes(),
        rate: plan.rate,
        has_two_cores: cores.is_some(),
        packets: router.into_packets(),
        quiet,
        storm,
        changes,
    })
}

/// Nanoseconds since `begin`.
fn nanoseconds(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
