//! Measures forwarding: mexfwd and its rivals in the same seats, interleaved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use benches::fib::report::machine;
use benches::fib::table::{DEFAULT_ROUTES, Table};
use benches::throughput::BenchError;
use benches::throughput::dut::{self, Dut, MEXFWD, SEATS_ALONE};
use benches::throughput::plan::{self, Curve};
use benches::throughput::plot::{self, Measure};
use benches::throughput::report::Report;
use benches::throughput::rounds::{self, Outcome};
use benches::throughput::scenario::{MAX_FLOWS, MAX_WORKERS, Scenario, Size};
use benches::throughput::seat::Seat;
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

const DEFAULT_PAIRS: u64 = 10;
const SWEEP_PAIRS: u64 = 3;
const MAX_PAIRS: u64 = 1000;
const DEFAULT_SECONDS: f64 = 1.0;
const SHORT_SECONDS: f64 = 0.3;
const MAX_SECONDS: f64 = 3600.0;
const WARM_UP: Duration = Duration::from_millis(500);
const SHORT_WARM_UP: Duration = Duration::from_millis(100);
/// Routes of the short form's table.
const SHORT_ROUTES: usize = 10_000;
/// Beside the repository, where it is there.
const REAL_TABLE: &str = "../shared/data/ipv6-table.txt.gz";
/// What a growth curve is measured of by default, beside the seats alone.
const SWEEP_RIVALS: [&str; 3] = ["l3fwd-fib", "vpp", "grout"];

/// Measures forwarding, one worker core: an endless capture (net_pcap) feeds the program, a sink (net_null) takes what it
/// sends. mexfwd, dpdk-testpmd, DPDK's l3fwd, VPP, grout, and the kernel in a seat of its own, whichever are there; every round
/// runs everything once, and only ratios within a round count. Needs root.
///
/// Results on standard output, progress on standard error.
#[derive(Parser, Debug)]
#[command(name = "scripts/bench forward")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Options {
    /// Scenarios by name, separated by commas (`--list` names the usual ones)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "sweep")]
    scenario: Vec<String>,
    /// Sizes of the frames, octets without the check sequence: 64 to 9000, or `imix`
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size, conflicts_with = "sweep")]
    sizes: Vec<Size>,
    /// Numbers of flows
    #[arg(long, value_name = "N,...", value_delimiter = ',', conflicts_with = "sweep",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_FLOWS)))]
    flows: Vec<u32>,
    /// Numbers of workers, each with a core and a pair of ports of its own
    #[arg(long, value_name = "N,...", value_delimiter = ',', conflicts_with = "sweep",
          value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_WORKERS)))]
    workers: Vec<u8>,
    /// How the cost grows with routes, segments, size, and flows, instead of the scenarios
    #[arg(long)]
    sweep: bool,
    /// One round of 0.3 s and few scenarios: does everything work?
    #[arg(long, conflicts_with_all = ["sweep", "pairs", "seconds", "scenario"])]
    short: bool,
    /// Rounds (default: 10; 3 for --sweep)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_PAIRS))]
    pairs: Option<u64>,
    /// Of one measurement (default: 1)
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<f64>,
    /// Programs beside mexfwd and testpmd-io, by name and separated by commas; `none` for none (default: all that are there)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    rivals: Option<Vec<String>>,
    /// The full table: `PREFIX NEXT_HOP_ID` a line, or an MRT RIB dump (default: a real one if it is beside the
    /// repository, else a synthetic one)
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// A release build of mexfwd (default: the one beside this program)
    #[arg(long, value_name = "FILE")]
    mexfwd: Option<PathBuf>,
    /// Memory of all DPDK programs: hugepages when enough are free, or never
    #[arg(long, value_enum, default_value = "auto")]
    hugepages: Hugepages,
    /// Results as JSON
    #[arg(long)]
    json: bool,
    /// Write forward.json, forward.md and the plots (SVG) into this directory; with --sweep forward-sweep.*
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Builds what rivals need, and ends; later runs find it
    #[arg(long)]
    prepare: bool,
    /// Names the scenarios and the programs, and ends
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Hugepages {
    Auto,
    Off,
}

fn size(text: &str) -> Result<Size, String> {
    Size::parse(text).ok_or_else(|| "want 64 to 9000, or imix".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0 && *seconds <= MAX_SECONDS);
    seconds.ok_or_else(|| format!("want more than 0, and at most {MAX_SECONDS}"))
}

fn main() -> ExitCode {
    match measured(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench forward: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measured(options: &Options) -> Result<(), BenchError> {
    let mexfwd = match &options.mexfwd {
        Some(path) => path.clone(),
        None => beside_this().ok_or_else(|| BenchError("where is mexfwd? --mexfwd FILE".to_owned()))?,
    };
    let mut absent = BTreeMap::new();
    let mut duts = Vec::new();
    for (name, found) in dut::all(&mexfwd) {
        match found {
            Ok(dut) => duts.push(dut),
            Err(reason) => {
                absent.insert(name.to_owned(), reason);
            }
        }
    }
    if options.list {
        list(&duts, &absent);
        return Ok(());
    }
    if let Some(reason) = absent.get(MEXFWD).or_else(|| absent.get(SEATS_ALONE)) {
        return Err(BenchError(reason.clone()));
    }
    let duts = chosen(duts, options, &absent)?;
    let table = Arc::new(table(options)?);
    let curves = if options.sweep { plan::curves() } else { Vec::new() };
    let scenarios = scenarios(options, &table, &curves)?;
    if options.prepare {
        let seat = Seat::new(DEFAULT_SECONDS, WARM_UP, false)?;
        let mut duts = duts;
        for (name, reason) in rounds::prepare(&seat, &scenarios, &mut duts)? {
            eprintln!("bench forward: {name}: {reason}");
        }
        return Ok(());
    }
    let report = run(options, &scenarios, duts, &table, absent)?;
    publish(options, &report, &curves)
}

fn beside_this() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.with_file_name("mexfwd"))
}

fn list(duts: &[Box<dyn Dut>], absent: &BTreeMap<String, String>) {
    for name in plan::DEFAULT {
        println!("scenario {name}");
    }
    for dut in duts {
        println!("program {}", dut.name());
    }
    for (name, reason) in absent {
        println!("program {name}: {reason}");
    }
}

fn chosen(
    duts: Vec<Box<dyn Dut>>,
    options: &Options,
    absent: &BTreeMap<String, String>,
) -> Result<Vec<Box<dyn Dut>>, BenchError> {
    let usual = options.sweep.then(|| SWEEP_RIVALS.map(str::to_owned).to_vec());
    for name in options.rivals.iter().flatten().filter(|name| *name != "none") {
        if let Some(reason) = absent.get(name) {
            return Err(BenchError(format!("{name}: {reason}")));
        }
        if !duts.iter().any(|dut| dut.name() == name) {
            return Err(BenchError(format!("no program is called '{name}' (`--list` names them)")));
        }
    }
    let wanted = options.rivals.as_ref().or(usual.as_ref());
    let is_wanted = |name: &str| {
        [MEXFWD, SEATS_ALONE].contains(&name)
            || wanted.is_none_or(|list| list.iter().any(|wanted| wanted == name))
    };
    Ok(duts.into_iter().filter(|dut| is_wanted(dut.name())).collect())
}

fn table(options: &Options) -> Result<Table, BenchError> {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(REAL_TABLE);
    match &options.table {
        Some(path) => Table::read(path).map_err(|error| BenchError(error.to_string())),
        None if options.short => Ok(Table::synthetic(SHORT_ROUTES)),
        None if real.is_file() => Table::read(&real).map_err(|error| BenchError(error.to_string())),
        None => Ok(Table::synthetic(DEFAULT_ROUTES)),
    }
}

fn scenarios(options: &Options, table: &Arc<Table>, curves: &[Curve]) -> Result<Vec<Scenario>, BenchError> {
    if options.sweep {
        return Ok(curves
            .iter()
            .flat_map(|curve| &curve.points)
            .map(|(_, scenario)| scenario.clone())
            .collect());
    }
    let usual = || plan::DEFAULT.map(str::to_owned).to_vec();
    let names = match options.scenario.as_slice() {
        [] if options.short => plan::SHORT.map(str::to_owned).to_vec(),
        [] => usual(),
        names => names.to_vec(),
    };
    plan::scenarios(&names, &options.sizes, &options.flows, &options.workers, table)
}

fn run(
    options: &Options,
    scenarios: &[Scenario],
    mut duts: Vec<Box<dyn Dut>>,
    table: &Table,
    absent: BTreeMap<String, String>,
) -> Result<Report, BenchError> {
    let (usual_pairs, usual_seconds, warm_up) = match (options.short, options.sweep) {
        (true, _) => (1, SHORT_SECONDS, SHORT_WARM_UP),
        (_, true) => (SWEEP_PAIRS, DEFAULT_SECONDS, WARM_UP),
        _ => (DEFAULT_PAIRS, DEFAULT_SECONDS, WARM_UP),
    };
    let pairs = usize::try_from(options.pairs.unwrap_or(usual_pairs)).unwrap_or(usize::MAX);
    let seconds = options.seconds.unwrap_or(usual_seconds);
    let seat = Seat::new(seconds, warm_up, options.hugepages == Hugepages::Auto)?;
    let bar = ProgressBar::new((pairs * rounds::runs_of_a_round(scenarios, &duts)) as u64);
    // The template is a constant; without it the bar looks plainer.
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed_precise}, {eta} left: {msg}")
    {
        bar.set_style(style);
    }
    let mut is_first = true;
    let outcome = rounds::run(&seat, scenarios, &mut duts, pairs, |name| {
        bar.inc(u64::from(!is_first));
        is_first = false;
        bar.set_message(name.to_owned());
        // Where there is no terminal, lines.
        if bar.is_hidden() {
            eprintln!("bench forward: {}/{}: {name}", bar.position() + 1, bar.length().unwrap_or_default());
        }
    });
    bar.finish_and_clear();
    let outcome = outcome?;
    let memory_mb = scenarios.iter().map(Seat::memory_mb).max().unwrap_or_default();
    Ok(Report {
        machine: machine(),
        versions: versions(&duts, &outcome),
        table: table.source.clone(),
        pairs,
        seconds,
        has_hugepages: seat.has_hugepages(memory_mb),
        has_counters: seat.can_count(),
        absent,
        outcome,
    })
}

fn versions(duts: &[Box<dyn Dut>], outcome: &Outcome) -> BTreeMap<String, String> {
    let told = duts.iter().filter_map(|dut| Some((dut.name().to_owned(), dut.version()?)));
    let samples = outcome.scenarios.iter().flat_map(|row| &row.samples).flat_map(|(_, samples)| samples);
    let dpdk = samples
        .into_iter()
        .find_map(|sample| sample.dpdk.clone())
        .map(|version| ("DPDK".to_owned(), version));
    told.chain(dpdk).collect()
}

fn publish(options: &Options, report: &Report, curves: &[Curve]) -> Result<(), BenchError> {
    let json = serde_json::to_string_pretty(&report.json()).map_err(|error| BenchError(error.to_string()))?;
    let markdown = report.markdown();
    if options.json {
        println!("{json}");
    } else {
        print!("{markdown}");
    }
    let Some(directory) = &options.out else { return Ok(()) };
    let io = |error: std::io::Error| BenchError(format!("{}: {error}", directory.display()));
    std::fs::create_dir_all(directory).map_err(io)?;
    let subtitle = format!("{}; medians of {} interleaved rounds", report.machine, report.pairs);
    let rows = &report.outcome.scenarios;
    let files = if options.sweep {
        vec![
            ("forward-sweep.json", json + "\n"),
            ("forward-sweep.md", markdown),
            ("forward-sweep.svg", plot::curves(curves, rows, &subtitle)),
        ]
    } else {
        let rate = "Forwarding: millions of packets a second, one core";
        let cost = "Cost of a packet without source and sink, one core";
        vec![
            ("forward.json", json + "\n"),
            ("forward.md", markdown),
            ("forward-rate.svg", plot::bars(rows, Measure::Rate, rate, &subtitle)),
            ("forward-cost.svg", plot::bars(rows, Measure::Cost, cost, &subtitle)),
        ]
    };
    for (name, content) in files {
        std::fs::write(directory.join(name), content).map_err(io)?;
        eprintln!("bench forward: wrote {}", directory.join(name).display());
    }
    Ok(())
}
