//! Forwarding while routes change: what it costs, and that no packet is lost or goes wrong.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use benches::churn::{self, DEFAULT_RATE, DEFAULT_SECONDS, Outcome, Plan};
use benches::fib::table::{DEFAULT_ROUTES, MAX_SYNTHETIC_ROUTES, Table};
use clap::Parser;

const MAX_RATE: u64 = 10_000_000;
const MAX_SECONDS: u64 = 3600;
/// Changes are made up in advance: about 50 octets each.
const MAX_CHANGES: u64 = 100_000_000;

/// Forwards packets over a full table, while another thread changes routes of it at a steady rate, and checks every packet:
/// none to a route that does not change may be lost, and none may go to a next hop that was not right while it was in the
/// graph. Storm and quiet take turns; the ratio of their forwarding rates is what the storm costs. Takes two cores.
///
/// Exit status 1 when a packet was lost or went wrong.
#[derive(Parser, Debug)]
#[command(name = "scripts/bench updates")]
struct Options {
    /// Route changes a second
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RATE, value_parser = clap::value_parser!(u64).range(1..=MAX_RATE))]
    rate: u64,
    /// Seconds of forwarding; the storm blows half of the time
    #[arg(long, value_name = "S", default_value_t = DEFAULT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,
    /// IPv6 table: `PREFIX NEXT_HOP_ID` a line, or an MRT RIB dump; gzip and bzip2 are recognised
    #[arg(long, value_name = "FILE", conflicts_with = "routes")]
    table: Option<PathBuf>,
    /// Number of routes of the synthetic table
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUTES as u64,
          value_parser = clap::value_parser!(u64).range(1..=MAX_SYNTHETIC_ROUTES as u64))]
    routes: u64,
    /// Results as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(outcome) => {
            if options.json {
                println!("{:#}", churn::json(&outcome));
            } else {
                print!("{}", churn::text(&outcome));
            }
            if outcome.packets.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("bench updates: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Outcome, String> {
    if options.rate.saturating_mul(options.seconds) > MAX_CHANGES {
        return Err(format!("more than {MAX_CHANGES} changes: lower --rate or --seconds"));
    }
    let table = match &options.table {
        Some(path) => Table::read(path).map_err(|error| error.to_string())?,
        None => Table::synthetic(options.routes as usize),
    };
    churn::run(&Plan { table, rate: options.rate, duration: Duration::from_secs(options.seconds) })
}
