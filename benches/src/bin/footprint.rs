//! Memory and start of a daemon: `scripts/bench footprint`.

use std::path::PathBuf;
use std::process::ExitCode;

use benches::fib::table::{DEFAULT_ROUTES, MAX_SYNTHETIC_ROUTES, Table};
use benches::footprint::{self, Footprint};
use benches::live::{self, BenchError, Scratch};
use clap::Parser;

/// Starts mexfwd with one route and with a full table in its configuration: memory by part, and the time from the execution to
/// the first packet forwarded.
///
/// Exit status 1 when a target is missed.
#[derive(Parser, Debug)]
#[command(name = "scripts/bench footprint")]
struct Options {
    /// IPv6 table: `PREFIX NEXT_HOP_ID` a line, or an MRT RIB dump; gzip and bzip2 are recognised
    #[arg(long, value_name = "FILE", conflicts_with = "routes")]
    table: Option<PathBuf>,
    /// Number of routes of the synthetic table
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUTES as u64,
          value_parser = clap::value_parser!(u64).range(1..=MAX_SYNTHETIC_ROUTES as u64))]
    routes: u64,
    /// Starts of each kind
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// The program
    #[arg(long, value_name = "FILE", default_value = "target/release/mexfwd", overrides_with = "mexfwd")]
    mexfwd: PathBuf,
    /// Results as JSON
    #[arg(long)]
    json: bool,
    /// Write footprint.json and footprint.md into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(found) if found.missed().is_empty() => ExitCode::SUCCESS,
        Ok(found) => {
            for missed in found.missed() {
                eprintln!("bench footprint: {missed}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench footprint: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Footprint, BenchError> {
    let table = match &options.table {
        Some(path) => Table::read(path).map_err(|error| BenchError(error.to_string()))?,
        None => Table::synthetic(options.routes as usize),
    };
    let scratch = Scratch::new("footprint")?;
    let rounds = options.rounds as usize;
    let found = footprint::run(&options.mexfwd, &table, rounds, live::last_core(), scratch.path())?;
    let page = footprint::markdown(&found, &live::machine());
    let json = format!("{:#}\n", footprint::json(&found));
    if let Some(folder) = &options.out {
        live::write(folder, "footprint.json", &json)?;
        live::write(folder, "footprint.md", &page)?;
    }
    print!("{}", if options.json { json } else { page });
    Ok(found)
}
