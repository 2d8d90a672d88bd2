//! Measures longest-prefix match: mexfwd's tables, DPDK's, and PlanB's scheme, in one process and interleaved.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use benches::fib::engine::{DEFAULT_BATCH, MAX_BATCH};
use benches::fib::engines;
use benches::fib::measure::DEFAULT_ROUNDS;
use benches::fib::report::{self, Part, Report};
use benches::fib::run::{self, Plan};
use benches::fib::sizes;
use benches::fib::table::{DEFAULT_ROUTES, Family, IPV4_ROUTES, MAX_SYNTHETIC_ROUTES, Shape, Table};
use benches::fib::trace::COLD_ADDRESSES;
use clap::{Parser, ValueEnum};

const MAX_ROUNDS: u64 = 1000;
/// 2^28 addresses are 8 GB.
const MAX_COLD_ADDRESSES: u64 = 1 << 28;

/// Measures longest-prefix match, one core: mexfwd's tables, DPDK's (rte_fib6, rte_lpm6, rte_fib), and PlanB's scheme,
/// interleaved in one process; every answer is checked against a naive match first.
///
/// Results on standard output, progress on standard error. Exit status 1 when mexfwd gave a wrong answer.
#[derive(Parser, Debug)]
#[command(name = "scripts/bench fib")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Options {
    /// IPv6 table to measure with: `PREFIX NEXT_HOP_ID` a line, or an MRT RIB dump; gzip and bzip2 are recognised
    #[arg(long, value_name = "FILE", conflicts_with = "routes")]
    table: Option<PathBuf>,
    /// Number of routes of the synthetic IPv6 table
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUTES as u64,
          value_parser = clap::value_parser!(u64).range(1..=MAX_SYNTHETIC_ROUTES as u64))]
    routes: u64,
    /// Give each prefix a next hop of its own, so that nothing merges
    #[arg(long)]
    distinct_next_hops: bool,
    /// Results as JSON
    #[arg(long)]
    json: bool,
    /// Rounds of measuring; medians are over these
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUNDS as u64,
          value_parser = clap::value_parser!(u64).range(1..=MAX_ROUNDS))]
    rounds: u64,
    /// Lookups of one call
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BATCH as u64,
          value_parser = clap::value_parser!(u64).range(1..=MAX_BATCH as u64))]
    batch: u64,
    /// Addresses of the cold traces
    #[arg(long, value_name = "N", default_value_t = COLD_ADDRESSES as u64,
          value_parser = clap::value_parser!(u64).range(1..=MAX_COLD_ADDRESSES))]
    cold_addresses: u64,
    /// Engines to measure, by name and separated by commas (default: all; `--list` names them)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    engines: Vec<String>,
    /// Names the engines and ends
    #[arg(long)]
    list: bool,
    /// Memory for DPDK's tables: hugepages when enough are free, or never
    #[arg(long, value_enum, default_value = "auto")]
    hugepages: Hugepages,
    /// Measure IPv6 only, IPv4 only (a synthetic table of a million routes), or both
    #[arg(long, value_enum, default_value = "both")]
    family: Families,
    /// Measure the cost against the size of the table too: synthetic tables of 1 to a million routes
    #[arg(long)]
    sizes: bool,
    /// Write the plots (SVG) and the tables (fib.md) into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Prints the shape of the IPv6 table as JSON and ends
    #[arg(long)]
    shape: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Hugepages {
    Auto,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Families {
    #[value(name = "6")]
    V6,
    #[value(name = "4")]
    V4,
    Both,
}

fn main() -> ExitCode {
    let result = measured(&Options::parse());
    engines::dpdk::stop();
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            progress(&error);
            ExitCode::FAILURE
        }
    }
}

fn progress(line: &str) {
    eprintln!("bench fib: {line}");
}

/// False when an engine of ours was wrong.
fn measured(options: &Options) -> Result<bool, String> {
    if options.list {
        for kind in engines::all() {
            println!("{}", kind.name);
        }
        return Ok(true);
    }
    let table = table6(options)?;
    if options.shape {
        let shape = serde_json::to_string_pretty(&Shape::of(&table)).map_err(|e| e.to_string())?;
        println!("{shape}");
        return Ok(true);
    }
    let kinds6 = engines::chosen(Family::V6, &options.engines)?;
    let kinds4 = engines::chosen(Family::V4, &options.engines)?;
    let has_hugepages = match engines::dpdk::start(options.hugepages == Hugepages::Auto) {
        Ok(has_hugepages) => has_hugepages,
        Err(error) => {
            // DPDK's tables are then reported as skipped, each with this reason.
            progress(&error);
            false
        }
    };
    let mut parts = Vec::new();
    if options.family != Families::V4 && !kinds6.is_empty() {
        parts.push(part(options, table, kinds6.clone()));
    }
    if options.family != Families::V6 && !kinds4.is_empty() {
        parts.push(part(options, Table::synthetic4(IPV4_ROUTES), kinds4));
    }
    let sizes = if options.sizes {
        sizes::measure(&kinds6, usize::MAX, options.batch as usize, &mut progress)
    } else {
        Vec::new()
    };
    let (batch, rounds) = (options.batch as usize, options.rounds as usize);
    let report = Report { machine: report::machine(), has_hugepages, batch, rounds, parts, sizes };
    publish(options, &report)?;
    let sizes_are_right =
        report.sizes.iter().all(|point| point.mismatches == 0 || !is_ours(&kinds6, point.engine));
    Ok(sizes_are_right && report.parts.iter().all(|part| part.outcome.is_right()))
}

fn is_ours(kinds: &[benches::fib::engine::Kind], name: &str) -> bool {
    kinds.iter().any(|kind| kind.is_ours && kind.name == name)
}

fn table6(options: &Options) -> Result<Table, String> {
    let table = match &options.table {
        Some(path) => Table::read(path).map_err(|error| error.to_string())?,
        None => Table::synthetic(options.routes as usize),
    };
    Ok(if options.distinct_next_hops { table.with_distinct_next_hops() } else { table })
}

fn part(options: &Options, table: Table, kinds: Vec<benches::fib::engine::Kind>) -> Part {
    let plan = Plan {
        table,
        kinds,
        batch: options.batch as usize,
        rounds: options.rounds as usize,
        cold_addresses: options.cold_addresses as usize,
    };
    let outcome = run::run(&plan, &mut progress);
    Part { shape: Shape::of(&plan.table), table: plan.table, outcome }
}

fn publish(options: &Options, report: &Report) -> Result<(), String> {
    let markdown = report::markdown(report);
    if options.json {
        let json = serde_json::to_string_pretty(&report::json(report)).map_err(|error| error.to_string())?;
        println!("{json}");
    } else {
        print!("{markdown}");
    }
    let Some(directory) = &options.out else { return Ok(()) };
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    for part in &report.parts {
        let name = if part.table.family == Family::V6 { "fib-lookup6.svg" } else { "fib-lookup4.svg" };
        write(directory, name, &report::lookup_plot(part, &subtitle(report, &part.table.source)))?;
    }
    if !report.sizes.is_empty() {
        write(
            directory,
            "fib-sizes.svg",
            &report::sizes_plot(&report.sizes, &subtitle(report, "synthetic tables")),
        )?;
    }
    write(directory, "fib.md", &markdown)
}

fn subtitle(report: &Report, table: &str) -> String {
    format!("{table}; {}; batches of {}, medians of interleaved rounds", report.machine, report.batch)
}

fn write(directory: &Path, name: &str, content: &str) -> Result<(), String> {
    let path = directory.join(name);
    std::fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
    progress(&format!("wrote {}", path.display()));
    Ok(())
}
