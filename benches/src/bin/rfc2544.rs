//! RFC 2544 over virtio or real NICs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use benches::fib::report::machine;
use benches::generator::{Kind, Stations};
use benches::rfc2544::{
    Dut, Plan, Priority, Report, Seat, Task, is_installed, json, latency_plot, loss_plot, markdown, mtu, run,
    short,
};
use clap::{Parser, ValueEnum};
use rustix::thread::{CpuSet, sched_getaffinity};

/// Frames of an Ethernet with jumbo frames, without the frame check sequence.
const FRAME_MAX_BYTES: u32 = 9014;
const FRAME_MIN_BYTES: u32 = 64;

/// Rates without loss, latency, bursts and recovery of mexfwd, by the method of RFC 2544, 8219 and 9004: a generator in a
/// process of its own on the first core, the device under test on the last, virtio or real NICs in between. dpdk-testpmd
/// (io: frames pass untouched) in the same seat shows what the seat itself can do.
///
/// Exit status 1 when a frame was not forwarded as it has to be.
#[derive(Parser, Debug)]
#[command(name = "scripts/bench rfc2544")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
struct Options {
    /// Devices under test, measured in turn
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "mexfwd,testpmd")]
    dut: Vec<Dut>,
    /// Workloads: plain, mex-idle, mex-exchange, sr-end, sr-encap, sr-decap
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "plain,mex-exchange")]
    workload: Vec<Kind>,
    /// Octets of frames, without the frame check sequence; a workload whose headers are longer has its shortest frame
    #[arg(long, value_name = "OCTETS,…", value_delimiter = ',', default_value = "64,512,1500",
          value_parser = clap::value_parser!(u32).range(FRAME_MIN_BYTES as i64..=FRAME_MAX_BYTES as i64))]
    sizes: Vec<u32>,
    /// Flows
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    flows: u32,
    /// Every device with every workload so often
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Seconds of a trial of a search (RFC 2544 wants 60 for the final one)
    #[arg(long, value_name = "S", default_value_t = 0.2, value_parser = seconds)]
    seconds: f64,
    /// Seconds of a trial of the latency curve (RFC 8219 wants 120)
    #[arg(long, value_name = "S", default_value_t = 0.5, value_parser = seconds)]
    latency_seconds: f64,
    /// Seconds of overload before a recovery (RFC 2544 wants 60)
    #[arg(long, value_name = "S", default_value_t = 0.3, value_parser = seconds)]
    overload_seconds: f64,
    /// How often a trial that failed is repeated
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    repetitions: u32,
    /// Searches end when their bounds are this close, a share of the upper one
    #[arg(long, value_name = "SHARE", default_value_t = 0.03, value_parser = resolution)]
    resolution: f64,
    /// Searches for the longest burst (RFC 9004 wants 50)
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=1000))]
    bursts: u32,
    /// The longest burst tried, in seconds at the rate of the wire (RFC 2544 has 2)
    #[arg(long, value_name = "S", default_value_t = 0.1, value_parser = seconds)]
    burst_seconds: f64,
    /// Recoveries after overload
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=1000))]
    recoveries: u32,
    /// The wire: no more is offered, and bursts come at this rate
    #[arg(long, value_name = "GBPS", default_value_t = 25.0, value_parser = gbps)]
    line_gbps: f64,
    /// virtio: processes and memory in between. pci: real NICs
    #[arg(long, value_enum, default_value_t = SeatKind::Virtio)]
    seat: SeatKind,
    /// The two NICs of the device under test, in and out; PCI addresses
    #[arg(long, value_name = "IN,OUT", value_delimiter = ',', required_if_eq("seat", "pci"))]
    dut_pci: Vec<String>,
    /// The two NICs of the generator, to the device under test and from it
    #[arg(long, value_name = "TO,FROM", value_delimiter = ',', required_if_eq("seat", "pci"))]
    generator_pci: Vec<String>,
    /// DPDK's memory for each process
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(64..=65536))]
    memory_mb: u32,
    /// Hugepages, when enough are free
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    hugepages: bool,
    /// A release build of mexfwd; the one beside this program by default
    #[arg(long, value_name = "FILE")]
    mexfwd: Option<PathBuf>,
    /// The generator; the one beside this program by default
    #[arg(long, value_name = "FILE")]
    generator: Option<PathBuf>,
    /// Results as JSON, on standard output; progress is on standard error
    #[arg(long)]
    json: bool,
    /// Writes rfc2544.md, rfc2544.json and the plots here
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// Only: does it work? Little load, every frame compared, less than a minute
    #[arg(long)]
    short: bool,
    /// Prints mexfwd's configuration of the first workload and size, and ends
    #[arg(long)]
    print_config: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SeatKind {
    Virtio,
    Pci,
}

fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(format!("from {least} to {most}")) }
}

fn seconds(text: &str) -> Result<f64, String> {
    number(text, 0.01, 600.0)
}

fn resolution(text: &str) -> Result<f64, String> {
    number(text, 0.0001, 0.5)
}

fn gbps(text: &str) -> Result<f64, String> {
    number(text, 0.001, 1000.0)
}

fn main() -> ExitCode {
    match all(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench rfc2544: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all(options: &Options) -> Result<ExitCode, String> {
    let directory = Scratch::new()?;
    let (task, skipped) = task(options, &directory.0)?;
    if options.print_config {
        print!("{}", task.seat.config(task.kinds[0], task.sizes[0]));
        return Ok(ExitCode::SUCCESS);
    }
    let say = |text: &str| eprintln!("{text}");
    if options.short {
        short(
            &Task { seat: Seat { spins: false, ..task.seat.clone() }, kinds: Kind::ALL.to_vec(), ..task },
            &say,
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let priority = Priority::raise();
    if priority.is_none() {
        eprintln!("ordinary priority: only root may raise it");
    }
    let plan = Plan {
        seconds: options.seconds,
        latency_seconds: options.latency_seconds,
        repetitions: options.repetitions,
        resolution: options.resolution,
        tolerances: vec![1e-4, 1e-5, 0.0],
        bursts: options.bursts,
        burst_seconds: options.burst_seconds,
        recoveries: options.recoveries,
        overload_seconds: options.overload_seconds,
        line_gbps: options.line_gbps,
    };
    let rows = run(&task, &plan, &say)?;
    let report = Report {
        machine: machine(),
        dpdk: dpdk::Eal::version(),
        seat: if options.seat == SeatKind::Virtio { "virtio" } else { "pci" }.to_owned(),
        has_hugepages: task.seat.has_hugepages,
        has_priority: priority.is_some(),
        plan,
        rows,
        skipped,
    };
    publish(options, &report)?;
    let wrong = report.rows.iter().find(|row| row.measured.seen.wrong > 0);
    if let Some(row) = wrong {
        let seen = &row.measured.seen;
        eprintln!(
            "{}, {}: {} of {} frames wrong: {:?}",
            row.dut, row.kind, seen.wrong, seen.checked, seen.wrong_frame
        );
    }
    Ok(if wrong.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn publish(options: &Options, report: &Report) -> Result<(), String> {
    if let Some(directory) = &options.out {
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
        };
        let first = report.scenarios().first().map(|(kind, bytes)| format!("{kind}, {bytes} octets"));
        let subtitle = format!("{}; {}; {}", first.unwrap_or_default(), report.machine, report.dpdk);
        write("rfc2544.md", markdown(report))?;
        write("rfc2544.json", format!("{:#}\n", json(report)))?;
        write("rfc2544-latency.svg", latency_plot(report, &subtitle))?;
        write("rfc2544-loss.svg", loss_plot(report, &subtitle))?;
    }
    if options.json {
        println!("{:#}", json(report));
    } else {
        print!("{}", markdown(report));
    }
    Ok(())
}

fn task(options: &Options, directory: &Path) -> Result<(Task, Vec<(String, String)>), String> {
    let beside =
        |name: &str| std::env::current_exe().map(|path| path.with_file_name(name)).unwrap_or_default();
    let mexfwd = options.mexfwd.clone().unwrap_or_else(|| beside("mexfwd"));
    let generator = options.generator.clone().unwrap_or_else(|| beside("generator"));
    if !generator.is_file() {
        return Err(format!("{} is not there: `cargo build --release`", generator.display()));
    }
    let (mut duts, mut skipped) = (Vec::new(), Vec::new());
    for dut in &options.dut {
        if options.print_config || is_installed(*dut, &mexfwd) {
            duts.push(*dut);
        } else if *dut == Dut::Mexfwd {
            return Err(format!("{} is not there: `cargo build --release`", mexfwd.display()));
        } else {
            eprintln!("{dut} is not installed: left out");
            skipped.push((dut.name().to_owned(), "not installed".to_owned()));
        }
    }
    let (others, worker) = cores(options.short)?;
    // Of both sides.
    let has_hugepages = options.hugepages && dpdk::free_hugepages_mb() >= 2 * u64::from(options.memory_mb);
    if !has_hugepages {
        eprintln!("ordinary memory: hugepages take {} MiB", 2 * options.memory_mb);
    }
    let largest = options.sizes.iter().max().copied().unwrap_or_default();
    u16::try_from(mtu(largest as usize)).map_err(|_| format!("frames of {largest} octets are too long"))?;
    let seat = Seat {
        directory: directory.to_owned(),
        mexfwd,
        pci: pair(&options.dut_pci)?,
        worker,
        others,
        memory_mb: options.memory_mb,
        has_hugepages,
        spins: true,
        stations: Stations::default(),
    };
    let task = Task {
        seat,
        generator,
        generator_pci: pair(&options.generator_pci)?,
        duts,
        kinds: options.workload.clone(),
        sizes: options.sizes.iter().map(|size| *size as usize).collect(),
        flows: options.flows as usize,
        rounds: options.rounds,
    };
    Ok((task, skipped))
}

fn pair(addresses: &[String]) -> Result<Option<[String; 2]>, String> {
    match addresses {
        [] => Ok(None),
        [one, other] => Ok(Some([one.clone(), other.clone()])),
        _ => Err("two PCI addresses are needed, with a comma between".to_owned()),
    }
}

/// The first core and the last; the short form does with one.
fn cores(is_short: bool) -> Result<(usize, usize), String> {
    let allowed = sched_getaffinity(None).map_err(|error| error.to_string())?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    let first = cores.next().ok_or("no core")?;
    match cores.next_back() {
        Some(last) => Ok((first, last)),
        None if is_short => Ok((first, first)),
        None => Err("generator and device under test take a core each: two at least".to_owned()),
    }
}

/// A directory for sockets and logs, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch, String> {
        let path = std::env::temp_dir().join(format!("mexfwd-rfc2544-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
