//! How the cost grows with the table: synthetic tables from one route to a million.

use super::check::Check;
use super::engine::{Engine, Kind};
use super::measure::Rates;
use super::oracle::Oracle;
use super::run::built;
use super::table::Table;
use super::trace::{HOT_ADDRESSES, Spread, Trace};

/// Routes of the tables.
pub const ROUTES: [usize; 6] = [1, 1_000, 10_000, 100_000, 280_000, 1_000_000];
const ROUNDS: usize = 5;
/// Addresses of the cold trace: 64 MB.
const COLD_ADDRESSES: usize = 4 << 20;
const SEED: u64 = 201;

/// One engine with one table.
#[derive(Clone, Debug)]
pub struct Point {
    /// The engine.
    pub engine: &'static str,
    /// Number of routes.
    pub routes: usize,
    /// Nanoseconds a lookup, uniform over prefixes: 64k addresses again and again.
    pub hot_ns: f64,
    /// The same over 4M addresses.
    pub cold_ns: f64,
    /// Octets of memory.
    pub memory_bytes: usize,
    /// Milliseconds to build the table.
    pub build_ms: f64,
    /// Wrong answers.
    pub mismatches: usize,
}

/// Measures the engines (without those that differ only in the way to look up) with each table; the last is no larger than `most` routes. Engines that do not do are left out,
/// with a line of progress.
pub fn measure(kinds: &[Kind], most: usize, batch: usize, progress: &mut dyn FnMut(&str)) -> Vec<Point> {
    let mut points = Vec::new();
    for routes in ROUTES.into_iter().filter(|routes| *routes <= most) {
        progress(&format!("sizes: {routes} routes"));
        points.extend(with_routes(kinds, &Table::synthetic(routes), batch, progress));
    }
    points
}

fn with_routes(kinds: &[Kind], table: &Table, batch: usize, progress: &mut dyn FnMut(&str)) -> Vec<Point> {
    let sizes = [(HOT_ADDRESSES, "64k"), (COLD_ADDRESSES, "4m")];
    let traces = sizes.map(|(count, label)| Trace::new(table, Spread::Uniform, count, label, SEED));
    let check = Check::new(table, &Oracle::new(table.routes()), &[&traces[0]]);
    let mut points = Vec::new();
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    for kind in kinds.iter().filter(|kind| kind.family == table.family && !kind.is_variant) {
        match built(kind, table) {
            Ok((engine, build_ms)) => {
                let (mismatches, _) = check.mismatches(&*engine, batch);
                points.push(Point {
                    engine: kind.name,
                    routes: table.routes().len(),
                    hot_ns: f64::NAN,
                    cold_ns: f64::NAN,
                    memory_bytes: engine.memory_bytes(),
                    build_ms: build_ms.median,
                    mismatches,
                });
                engines.push(engine);
            }
            Err(reason) => progress(&format!("skipped: {}: {reason}", kind.name)),
        }
    }
    let borrowed: Vec<&dyn Engine> = engines.iter().map(|engine| &**engine).collect();
    let rates = Rates::measure(&borrowed, &traces, batch, ROUNDS, |_| ());
    for (index, point) in points.iter_mut().enumerate() {
        point.hot_ns = 1e3 / rates.mlps(index, 0).median;
        point.cold_ns = 1e3 / rates.mlps(index, 1).median;
    }
    points
}
