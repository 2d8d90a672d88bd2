//! Sends frames to a device under test and looks at what comes back.

use std::io::{BufRead, Cursor};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use benches::generator::{
    Devices, Engine, Kind, Load, Plan, Ports, Request, Stations, Wanted, Workload, WorkloadRequest,
    destinations, pcap, serve,
};
use clap::{Parser, ValueEnum};

/// Sends frames to a device under test at a paced rate, and looks at what comes back: loss, order, duplicates, latency, and
/// whether the octets are what forwarding has to make of them. One thread, on one core. Prints the outcome as JSON.
#[derive(Parser, Debug)]
#[command(name = "generator")]
struct Options {
    /// Device that leads to the device under test: `net_virtio_user0,path=SOCKET,queue_size=1024`, or a PCI address
    #[arg(long, value_name = "DEVICE", required_unless_present = "pcap")]
    to_dut: Option<String>,
    /// Device that comes from it
    #[arg(long, value_name = "DEVICE", required_unless_present = "pcap")]
    from_dut: Option<String>,
    /// Only write the frames of the workload into a capture, one of each flow
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Serve requests, lines of JSON from standard input, instead of running one trial
    #[arg(long)]
    serve: bool,
    /// Workload: plain, mex-idle, mex-exchange, sr-end, sr-encap, sr-decap
    #[arg(long, default_value = "plain")]
    workload: Kind,
    /// Octets of a frame, without the frame check sequence
    #[arg(long, value_name = "OCTETS", default_value_t = 64)]
    size: usize,
    /// Flows
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    flows: u32,
    /// Frames a second, in millions
    #[arg(long, value_name = "MPPS", default_value_t = 1.0)]
    rate: f64,
    /// Seconds
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    seconds: f64,
    /// Figures for every so many ms
    #[arg(long, value_name = "MS", default_value_t = 0.0)]
    interval_ms: f64,
    /// The device under test only moves frames: they come back as they were sent
    #[arg(long)]
    unchanged: bool,
    /// Core for sending and receiving; the first one by default
    #[arg(long, value_name = "N")]
    core: Option<usize>,
    /// DPDK's memory
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    memory_mb: u32,
    /// Hugepages: when enough are free, always, or never
    #[arg(long, value_enum, default_value_t = Hugepages::Auto)]
    hugepages: Hugepages,
    /// Octets of the largest packet
    #[arg(long, value_name = "OCTETS", default_value_t = 1500)]
    mtu: u16,
    /// How long links may take to come up
    #[arg(long, value_name = "S", default_value_t = 10)]
    link_timeout_s: u64,
    /// MAC addresses, where they are not those of the configurations in this repository: ours towards the device under
    /// test, its own there, its own where packets leave, ours there
    #[arg(long, value_name = "MAC,MAC,MAC,MAC", value_parser = stations)]
    stations: Option<Stations>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Hugepages {
    Auto,
    On,
    Off,
}

fn stations(text: &str) -> Result<Stations, String> {
    let all: Vec<[u8; 6]> =
        text.split(',').map(mac).collect::<Option<_>>().ok_or("MAC addresses are xx:xx:xx:xx:xx:xx")?;
    let [source, dut_in, dut_out, sink] = all[..] else {
        return Err("four MAC addresses are needed".to_owned());
    };
    Ok(Stations { source, dut_in, dut_out, sink })
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let octets: Vec<u8> =
        text.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect::<Option<_>>()?;
    octets.try_into().ok()
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    if let Some(path) = &options.pcap {
        return write_capture(options, path);
    }
    let has_hugepages = match options.hugepages {
        Hugepages::Auto => dpdk::free_hugepages_mb() >= u64::from(options.memory_mb),
        other => other == Hugepages::On,
    };
    let ports = Ports::open(&Devices {
        to_dut: options.to_dut.clone().unwrap_or_default(),
        from_dut: options.from_dut.clone().unwrap_or_default(),
        core: options.core,
        memory_mb: options.memory_mb,
        has_hugepages,
        mtu: options.mtu,
        link_timeout: Duration::from_secs(options.link_timeout_s),
    })?;
    let mut engine = Engine::new(ports)?;
    let requests: Box<dyn BufRead> = if options.serve {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(Cursor::new(one_trial(options)?))
    };
    serve(&mut engine, options.stations.unwrap_or_default(), requests, std::io::stdout())
        .map_err(|error| error.to_string())
}

/// The frames as they are sent, for generators that play captures.
fn write_capture(options: &Options, path: &Path) -> Result<(), String> {
    let workload = Workload::new(&Plan {
        kind: options.workload,
        frame_bytes: options.size,
        destinations: destinations(options.flows as usize),
        stations: options.stations.unwrap_or_default(),
        wanted: Wanted::Forwarded,
    })?;
    let frames = workload.templates.iter().map(|template| template.sent.as_slice());
    std::fs::write(path, pcap(frames)).map_err(|error| format!("{}: {error}", path.display()))
}

/// The requests of one trial.
fn one_trial(options: &Options) -> Result<String, String> {
    let workload = Request::Workload(WorkloadRequest {
        kind: options.workload.to_string(),
        frame_bytes: options.size,
        flows: options.flows as usize,
        destinations: None,
        unchanged: options.unchanged,
    });
    let load = Load { interval_ms: options.interval_ms, ..Load::steady(options.rate * 1e6, options.seconds) };
    let lines: Result<Vec<String>, _> =
        [workload, Request::Load(load)].iter().map(serde_json::to_string).collect();
    lines.map(|lines| lines.join("\n")).map_err(|error| error.to_string())
}
