//! One measurement: build every engine, check its answers, measure, change the tables, check again.

use std::time::Instant;

use super::check::Check;
use super::engine::{Built, Engine, Kind};
use super::measure::{Rates, Spread, quantile, spread};
use super::oracle::Oracle;
use super::table::Table;
use super::trace::{self, Change};

/// Builds of every engine, for the median.
pub const BUILDS: usize = 5;
/// Withdrawals and announcements of routes that are there.
const FLAPS: usize = 100_000;
/// Routes that are withdrawn at one time.
const FLAP_DELAY: usize = 1000;
/// Changes of the random mix.
const MIX: usize = 60_000;
const FLAPS_SEED: u64 = 101;
const MIX_SEED: u64 = 102;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The routes.
    pub table: Table,
    /// The engines, ours first.
    pub kinds: Vec<Kind>,
    /// Lookups of one call.
    pub batch: usize,
    /// Rounds of measuring.
    pub rounds: usize,
    /// Addresses of the cold traces.
    pub cold_addresses: usize,
}

/// Time for one change, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateCost {
    /// The arithmetic mean.
    pub mean_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
}

/// What was found about one engine.
#[derive(Clone, Debug)]
pub struct EngineResult {
    /// Its name, and whether it is mexfwd's own.
    pub kind: Kind,
    /// Time to build the table, in milliseconds.
    pub build_ms: Spread,
    /// Octets of memory.
    pub memory_bytes: usize,
    /// Wrong answers: of the table as built, and after the changes.
    pub mismatches: usize,
    /// Withdrawals and announcements, if the engine has updates.
    pub flaps: Option<UpdateCost>,
    /// The random mix of new, changed and withdrawn routes.
    pub mix: Option<UpdateCost>,
    /// A change that was refused.
    pub update_error: Option<String>,
}

/// All results.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Names of the traces, in the order of the rates.
    pub traces: Vec<String>,
    /// The engines that were measured, in the order of the rates.
    pub engines: Vec<EngineResult>,
    /// Lookup rates.
    pub rates: Rates,
    /// Names of the engines that do not do here, each with the reason.
    pub skipped: Vec<(&'static str, String)>,
    /// Number of addresses that every engine's answers were checked for.
    pub checked: usize,
}

impl Outcome {
    /// True when mexfwd's own tables gave no wrong answer and refused no change.
    pub fn is_right(&self) -> bool {
        let ours = self.engines.iter().filter(|engine| engine.kind.is_ours);
        ours.clone().count() > 0
            && ours.clone().all(|engine| engine.mismatches == 0 && engine.update_error.is_none())
    }

    /// Index of the engine that the others are compared with: the first of mexfwd's own.
    pub fn reference(&self) -> Option<usize> {
        self.engines.iter().position(|engine| engine.kind.is_ours)
    }
}

/// Runs the plan; `progress` is told what happens, a line each.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&str)) -> Outcome {
    progress(&format!("table: {}", plan.table.source));
    let traces = trace::standard(&plan.table, plan.cold_addresses);
    let mut oracle = Oracle::new(plan.table.routes());
    let hot: Vec<_> = traces.iter().filter(|trace| trace.len() == trace::HOT_ADDRESSES).collect();
    let check = Check::new(&plan.table, &oracle, &hot);
    let mut skipped = Vec::new();
    let mut results = Vec::new();
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    for kind in &plan.kinds {
        progress(&format!("build: {}", kind.name));
        match built(kind, &plan.table) {
            Ok((engine, build_ms)) => {
                let mismatches = checked(kind, &*engine, &check, plan.batch, progress);
                let memory_bytes = engine.memory_bytes();
                let (kind, (flaps, mix), update_error) = (*kind, (None, None), None);
                results.push(EngineResult {
                    kind,
                    build_ms,
                    memory_bytes,
                    mismatches,
                    flaps,
                    mix,
                    update_error,
                });
                engines.push(engine);
            }
            Err(reason) => {
                progress(&format!("skipped: {}: {reason}", kind.name));
                skipped.push((kind.name, reason));
            }
        }
    }
    let borrowed: Vec<&dyn Engine> = engines.iter().map(|engine| &**engine).collect();
    let rates = Rates::measure(&borrowed, &traces, plan.batch, plan.rounds, |round| {
        progress(&format!("round {round} of {}", plan.rounds));
    });
    let changes = Changes::new(&plan.table, &mut oracle);
    for (result, engine) in results.iter_mut().zip(&mut engines) {
        if engine.has_updates() {
            progress(&format!("updates: {}", result.kind.name));
            if let Err(error) = changes.apply(result, &mut **engine, &check, plan.batch, progress) {
                progress(&format!("updates: {}: {error}", result.kind.name));
                result.update_error = Some(error);
            }
        }
    }
    let names = traces.into_iter().map(|trace| trace.name).collect();
    Outcome { traces: names, engines: results, rates, skipped, checked: check.len() }
}

/// The engine, and the time that its builds took.
///
/// # Errors
/// Why this machine or this table does not do.
pub fn built(kind: &Kind, table: &Table) -> Result<(Box<dyn Engine>, Spread), String> {
    let mut times_ms = Vec::with_capacity(BUILDS);
    loop {
        let Built { engine, elapsed } = (kind.build)(table)?;
        times_ms.push(elapsed.as_secs_f64() * 1e3);
        if times_ms.len() == BUILDS {
            return Ok((engine, spread(&times_ms)));
        }
    }
}

fn checked(
    kind: &Kind,
    engine: &dyn Engine,
    check: &Check,
    batch: usize,
    progress: &mut dyn FnMut(&str),
) -> usize {
    let (count, first) = check.mismatches(engine, batch);
    if let Some(first) = first {
        let address = std::net::Ipv6Addr::from(first.address);
        let (expected, found) = (first.expected, first.found);
        progress(&format!("{}: {count} wrong, first {address}: {found}, expected {expected}", kind.name));
    }
    count
}

/// The changes that every engine with updates goes through.
struct Changes {
    flaps: Vec<Change>,
    mix: Vec<Change>,
    /// Checks the table after the mix.
    after: Check,
}

impl Changes {
    fn new(table: &Table, oracle: &mut Oracle) -> Changes {
        let mix = trace::mix(table, MIX, MIX_SEED);
        let mut touched = Vec::new();
        for change in &mix {
            match *change {
                Change::Announce(route) => oracle.announce(route),
                Change::Withdraw(route) => oracle.withdraw(route.prefix),
            }
            let (Change::Announce(route) | Change::Withdraw(route)) = *change;
            touched.push(route);
        }
        // Both ends of whatever was or became a route.
        let everything = table.routes().iter().copied().chain(touched);
        let after = Check::new(&Table::new(table.family, "", everything), oracle, &[]);
        Changes { flaps: trace::flaps(table, FLAPS, FLAP_DELAY, FLAPS_SEED), mix, after }
    }

    fn apply(
        &self,
        result: &mut EngineResult,
        engine: &mut dyn Engine,
        before: &Check,
        batch: usize,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        result.flaps = Some(applied(engine, &self.flaps)?);
        result.mismatches += checked(&result.kind, engine, before, batch, progress);
        result.mix = Some(applied(engine, &self.mix)?);
        result.mismatches += checked(&result.kind, engine, &self.after, batch, progress);
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn applied(engine: &mut dyn Engine, changes: &[Change]) -> Result<UpdateCost, String> {
    let mut times_us = Vec::with_capacity(changes.len());
    for change in changes {
        let begin = Instant::now();
        engine.update(change)?;
        times_us.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    let mean_us = times_us.iter().sum::<f64>() / times_us.len().max(1) as f64;
    Ok(UpdateCost { mean_us, p99_us: quantile(&times_us, 0.99) })
}
