//! Update storms under load: `scripts/bench storm`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use benches::fib::table::{DEFAULT_ROUTES, MAX_SYNTHETIC_ROUTES, Table};
use benches::live::{self, BenchError, Scratch};
use benches::storm::{self, Kind, Plan, death};
use clap::Parser;

/// A daemon with a full table forwards as fast as it can, while routes change at a steady rate, the table is loaded anew, or a
/// port with a next hop of every route goes and comes: rate and drops before, during and after. And how long packets still go
/// to a next hop that has died.
#[derive(Parser, Debug)]
#[command(name = "scripts/bench storm")]
struct Options {
    /// IPv6 table: `PREFIX NEXT_HOP_ID` a line, or an MRT RIB dump; gzip and bzip2 are recognised
    #[arg(long, value_name = "FILE", conflicts_with = "routes")]
    table: Option<PathBuf>,
    /// Number of routes of the synthetic table
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUTES as u64,
          value_parser = clap::value_parser!(u64).range(1..=MAX_SYNTHETIC_ROUTES as u64))]
    routes: u64,
    /// Only these storms: updates, reload, flap, death
    #[arg(long, value_name = "NAMES", value_delimiter = ',',
          value_parser = ["updates", "reload", "flap", "death"])]
    only: Vec<String>,
    /// Route changes a second
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// Seconds before, during and after, each
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Deaths of a next hop
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    events: u64,
    /// The program
    #[arg(long, value_name = "FILE", default_value = "target/release/mexfwd", overrides_with = "mexfwd")]
    mexfwd: PathBuf,
    /// Results as JSON
    #[arg(long)]
    json: bool,
    /// Write storm.json, storm.md and the plots into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench storm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), BenchError> {
    let table = match &options.table {
        Some(path) => Table::read(path).map_err(|error| BenchError(error.to_string()))?,
        None => Table::synthetic(options.routes as usize),
    };
    let scratch = Scratch::new("storm")?;
    let plan = Plan {
        program: &options.mexfwd,
        table: &table,
        rate: options.rate,
        part: Duration::from_secs(options.seconds),
        core: live::last_core(),
        scratch: scratch.path(),
    };
    let is_chosen = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let mut outcomes = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| is_chosen(kind.name())) {
        eprintln!("{}", kind.title());
        outcomes.push(storm::run(&plan, kind)?);
    }
    let deaths = if is_chosen("death") {
        eprintln!("a next hop's death");
        Some(death::run(&table, options.events as usize)?)
    } else {
        None
    };
    let source = format!("{} routes ({})", table.routes().len(), table.source);
    let machine = live::machine();
    let page = storm::markdown(&outcomes, deaths.as_ref(), &source, &machine);
    let json = format!("{:#}\n", storm::json(&outcomes, deaths.as_ref(), &source));
    if let Some(folder) = &options.out {
        live::write(folder, "storm.json", &json)?;
        live::write(folder, "storm.md", &page)?;
        for outcome in &outcomes {
            let name = format!("storm-{}.svg", outcome.kind.name());
            live::write(folder, &name, &storm::plot(outcome, &format!("{source}. {machine}")))?;
        }
    }
    print!("{}", if options.json { json } else { page });
    Ok(())
}
