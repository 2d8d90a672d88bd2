//! The kernel's forwarding and seg6, in a seat of its own: see `benches/rivals/kernel`.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Dut, installed, source, succeeds};
use crate::throughput::BenchError;
use crate::throughput::packet;
use crate::throughput::scenario::{Scenario, Work};
use crate::throughput::seat::{Sample, Seat};

/// As reports name it.
pub const NAME: &str = "kernel";
const SETUP: &str = include_str!("../../../rivals/kernel/setup.sh");
const ROUTES: &str = include_str!("../../../rivals/kernel/routes.sh");
const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// So many packets are the flood, and not what the kernel says on a new link.
const FLOOD: u64 = 10_000;
/// Packet buffers of the generator beside those of the capture.
const BUFFERS: u32 = 8192;

#[derive(Debug)]
pub struct Kernel {
    generator: PathBuf,
}

impl Kernel {
    pub fn find() -> Result<Kernel, String> {
        for program in ["ip", "tc", "sysctl"] {
            installed(program)?;
        }
        if !rustix::process::geteuid().is_root() {
            return Err("needs root for a network namespace".to_owned());
        }
        Ok(Kernel { generator: installed("dpdk-testpmd")? })
    }

    fn flood(&self, seat: &Seat, scenario: &Scenario, link: &str) -> Result<Flood, BenchError> {
        let captures = seat.captures(scenario)?;
        let capture = captures.first().ok_or_else(|| BenchError("no capture".to_owned()))?;
        let (_, source) = source(0, capture);
        let mut command = Command::new(&self.generator);
        command.arg(format!("--lcores=0@{0},1@{0}", seat.control_core));
        command.args(seat.eal_options(Seat::memory_mb(scenario)));
        command.arg(format!("--vdev={source}")).arg(format!("--vdev=net_af_packet0,iface={link}"));
        command.args(["--", "--forward-mode=io", "--nb-cores=1"]);
        command.arg(format!("--total-num-mbufs={}", BUFFERS + scenario.flows));
        let log = seat.path("flood.log");
        let output =
            fs::File::create(&log).map_err(|error| BenchError(format!("{}: {error}", log.display())))?;
        // Standard input stays open: testpmd ends without.
        let child = command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| BenchError(format!("dpdk-testpmd: {error}")))?;
        Ok(Flood { child, directory: PathBuf::from("/var/run/dpdk").join(seat.unique()) })
    }
}

/// The generator, for the time of a measurement.
struct Flood {
    child: Child,
    directory: PathBuf,
}

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The namespace and its links, for the time of a measurement.
struct Namespace {
    name: String,
    inward: String,
    outward: String,
}

impl Namespace {
    fn new(seat: &Seat, scenario: &Scenario) -> Result<Namespace, BenchError> {
        let number = std::process::id();
        let namespace = Namespace {
            name: seat.unique(),
            // Names of links have at most 15 characters.
            inward: format!("si{number}"),
            outward: format!("so{number}"),
        };
        let mask: u64 = seat.workers(scenario.workers)?.iter().map(|core| 1 << (core % 64)).sum();
        let mut setup = Command::new("sh");
        setup.args(["-c", SETUP]).env("NS", &namespace.name).env("IN", &namespace.inward);
        setup.env("OUT", &namespace.outward).env("WORKERS", format!("{mask:x}"));
        let count = match scenario.work {
            Work::Encaps(count) => count,
            _ => 1,
        };
        let segments: Vec<String> = (2..)
            .take(usize::from(count))
            .map(|node| std::net::Ipv6Addr::from(packet::sid(node, 0x100)).to_string())
            .collect();
        let mut routes = Command::new("ip");
        routes.args(["netns", "exec", &namespace.name, "sh", "-c", ROUTES]);
        routes.env("WORK", scenario.work.to_string()).env("SEGMENTS", segments.join(","));
        quiet(&mut setup)?;
        quiet(&mut routes)?;
        Ok(namespace)
    }

    /// Packets that came out, since the links exist.
    fn delivered(&self) -> Result<u64, BenchError> {
        counter(&self.outward, "rx_packets")
    }

    /// Packets that the generator has sent.
    fn offered(&self) -> Result<u64, BenchError> {
        counter(&self.inward, "tx_packets")
    }
}

fn counter(link: &str, name: &str) -> Result<u64, BenchError> {
    let path = format!("/sys/class/net/{link}/statistics/{name}");
    let text = fs::read_to_string(&path).map_err(|error| BenchError(format!("{path}: {error}")))?;
    text.trim().parse().map_err(|error| BenchError(format!("{path}: {error}")))
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for link in [&self.inward, &self.outward] {
            let _ = succeeds(Command::new("ip").args(["link", "delete", link]));
        }
        let _ = succeeds(Command::new("ip").args(["netns", "delete", &self.name]));
    }
}

/// The script is too long to be part of an error.
fn quiet(command: &mut Command) -> Result<(), BenchError> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| BenchError(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(BenchError(String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ")))
}

impl Dut for Kernel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> Option<String> {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
        Some(format!("Linux {}", release.trim()))
    }

    fn takes(&self, scenario: &Scenario) -> bool {
        let is_known = matches!(
            scenario.work,
            Work::Plain | Work::End | Work::EndPsp | Work::Encaps(_) | Work::Dt6 | Work::Dt6Srh
        );
        is_known && scenario.routes.is_none() && scenario.workers == 1
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn run(&mut self, seat: &Seat, scenario: &Scenario) -> Result<Sample, BenchError> {
        let namespace = Namespace::new(seat, scenario)?;
        let _flood = self.flood(seat, scenario, &namespace.inward)?;
        let deadline = Instant::now() + START_TIMEOUT;
        while namespace.delivered()? < FLOOD {
            if Instant::now() > deadline {
                return Err(BenchError(format!("nothing comes out after {} s", START_TIMEOUT.as_secs())));
            }
            seat.pause(POLL_INTERVAL)?;
        }
        seat.pause(seat.warm_up)?;
        let read = || Ok::<_, BenchError>((namespace.offered()?, namespace.delivered()?));
        let (begin, before) = (Instant::now(), read()?);
        seat.pause(Duration::from_secs_f64(seat.seconds))?;
        let (after, elapsed) = (read()?, begin.elapsed());
        let rate = |begin: u64, end: u64| end.saturating_sub(begin) as f64 / elapsed.as_secs_f64() / 1e6;
        let (offered, mpps) = (rate(before.0, after.0), rate(before.1, after.1));
        if mpps == 0.0 {
            return Err(BenchError("nothing comes out any more".to_owned()));
        }
        Ok(Sample { mpps, offered_mpps: Some(offered), counters: None, dpdk: None })
    }
}
