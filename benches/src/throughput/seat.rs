//! The seats: an endless capture, one worker, a sink; and how a program in them is started, measured and ended.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::perf::{self, Counters};
use super::scenario::Scenario;
use super::telemetry::Telemetry;
use super::{BenchError, capture};

const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Packets between source and sink, or counted at one of them only so far, at most: bursts, rings, buffered sends.
const IN_FLIGHT: u64 = 8192;
/// Octets of a program's output that an error quotes.
const QUOTED_BYTES: usize = 400;
/// Memory of a program whose capture is small.
const MIN_MEMORY_MB: u32 = 512;
/// Packet buffers of each worker beside those of its capture.
const BUFFERS: usize = 16_384;
/// What DPDK adds to a packet buffer, octets.
const BUFFER_OVERHEAD_BYTES: usize = 256;
/// Of three parts of the memory two are for packet buffers.
const BUFFER_SHARE: (usize, usize) = (2, 3);
/// What a packet buffer has before the frame (DPDK's headroom), and what it needs behind for alignment, octets.
const BUFFER_SPARE_BYTES: usize = 128 + 64;
/// DPDK's usual packet buffer, octets with the headroom.
const BUFFER_BYTES: usize = 2048 + 128;
/// Hugepages: which of the sizes the seats use.
const HUGEPAGES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
const HUGEPAGE_MB: u64 = 2;

/// Where everything runs.
#[derive(Debug)]
pub struct Seat {
    directory: PathBuf,
    /// Cores of workers, the last of the machine first; the remaining ones, or the first, are for everything else.
    pub worker_cores: Vec<usize>,
    /// The core of everything that does not forward.
    pub control_core: usize,
    /// Of one measurement.
    pub seconds: f64,
    /// Before it.
    pub warm_up: Duration,
    /// Whether hugepages may be used, if there are enough of them.
    pub may_use_hugepages: bool,
    can_count: bool,
    interrupted: Arc<AtomicBool>,
    captures: RefCell<BTreeMap<String, Vec<PathBuf>>>,
}

/// What has to be said to a program before packets flow; refused until it is ready to listen.
pub type Setup = Box<dyn FnMut() -> Result<(), BenchError>>;

/// A program that takes the seats.
pub struct Launch {
    /// The program and its options.
    pub command: Command,
    /// Its devices that receive, as DPDK calls them.
    pub sources: Vec<String>,
    /// Its devices that send.
    pub sinks: Vec<String>,
    /// The runtime directory below DPDK's that stays behind and has to be removed.
    pub file_prefix: Option<String>,
    /// Its configuration, where that is given to a running program.
    pub setup: Option<Setup>,
}

/// What one measurement found.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Packets into the sinks, millions a second.
    pub mpps: f64,
    /// Packets that a generator of its own offered, millions a second; none where the source never waits.
    pub offered_mpps: Option<f64>,
    /// What the worker's core counted for each of them.
    pub counters: Option<Counters>,
    /// DPDK's version, where DPDK was at work.
    pub dpdk: Option<String>,
}

/// The counters of a running program.
#[derive(Debug)]
pub struct Probe {
    telemetry: Telemetry,
    sources: Vec<u64>,
    sinks: Vec<u64>,
}

struct Reading {
    received: u64,
    sent: u64,
    sent_at: Instant,
    took: Duration,
}

impl Probe {
    /// Packets that the sinks have got since the start.
    ///
    /// # Errors
    /// The program is gone.
    pub fn sent(&self) -> Result<u64, BenchError> {
        self.telemetry.sum(&self.sinks, "opackets")
    }

    fn read(&self) -> Result<Reading, BenchError> {
        let begin = Instant::now();
        let received = self.telemetry.sum(&self.sources, "ipackets")?;
        let middle = Instant::now();
        let sent = self.sent()?;
        let end = Instant::now();
        Ok(Reading { received, sent, sent_at: middle + (end - middle) / 2, took: end - begin })
    }
}

/// Ends the program when the measurement is over, however it is.
struct Running {
    child: Child,
    log: PathBuf,
    file_prefix: Option<String>,
}

impl Running {
    fn quoted(&self, error: &BenchError) -> BenchError {
        let text = fs::read(&self.log).unwrap_or_default();
        let tail = text.len().saturating_sub(QUOTED_BYTES);
        let tail = String::from_utf8_lossy(text.get(tail..).unwrap_or_default()).trim().replace('\n', " | ");
        BenchError(format!("{error} ({tail})"))
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            thread::sleep(POLL_INTERVAL);
        }
        if let Some(prefix) = &self.file_prefix {
            let _ = fs::remove_dir_all(Path::new("/var/run/dpdk").join(prefix));
        }
    }
}

impl Seat {
    /// The seats on the cores of this process: workers on the last ones.
    ///
    /// # Errors
    /// Fewer than two cores, or no room for the scratch directory.
    pub fn new(seconds: f64, warm_up: Duration, may_use_hugepages: bool) -> Result<Seat, BenchError> {
        let allowed = sched_getaffinity(None).map_err(|error| BenchError(format!("cores: {error}")))?;
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        let (Some(control_core), true) = (cores.first().copied(), cores.len() > 1) else {
            return Err(BenchError("the worker needs a core of its own: two cores at least".to_owned()));
        };
        let directory = std::env::temp_dir().join(format!("mexfwd-seats-{}", std::process::id()));
        fs::create_dir_all(&directory)
            .map_err(|error| BenchError(format!("{}: {error}", directory.display())))?;
        let worker_cores = cores.into_iter().rev().collect();
        let (can_count, captures) = (perf::is_available(), RefCell::default());
        // Children and namespaces are ended in order, not left behind.
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&interrupted))
                .map_err(|error| BenchError(format!("signals: {error}")))?;
        }
        Ok(Seat {
            directory,
            worker_cores,
            control_core,
            seconds,
            warm_up,
            may_use_hugepages,
            can_count,
            interrupted,
            captures,
        })
    }

    /// A path in the scratch directory, which goes away with the seats.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A name that tells this run's things from those of others.
    pub fn unique(&self) -> String {
        format!("seats{}", std::process::id())
    }

    /// Whether somebody asked this process to end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Waits, unless somebody asks this process to end.
    ///
    /// # Errors
    /// Somebody did.
    pub fn pause(&self, duration: Duration) -> Result<(), BenchError> {
        let end = Instant::now() + duration;
        loop {
            if self.is_interrupted() {
                return Err(BenchError("interrupted".to_owned()));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(POLL_INTERVAL));
        }
    }

    /// Whether the machine has hardware counters that may be read.
    pub fn can_count(&self) -> bool {
        self.can_count
    }

    /// The cores of so many workers.
    ///
    /// # Errors
    /// There are fewer.
    pub fn workers(&self, count: u8) -> Result<&[usize], BenchError> {
        self.worker_cores
            .get(..usize::from(count))
            .ok_or_else(|| BenchError(format!("{count} workers, but {} cores", self.worker_cores.len())))
    }

    /// The capture of each pair of ports; written when it is asked for the first time.
    ///
    /// # Errors
    /// The scratch directory is full, or the table has no destination.
    pub fn captures(&self, scenario: &Scenario) -> Result<Vec<PathBuf>, BenchError> {
        let mut known = self.captures.borrow_mut();
        let key = scenario.capture_key();
        if let Some(paths) = known.get(&key) {
            return Ok(paths.clone());
        }
        let mut paths = Vec::new();
        for pair in 0..u32::from(scenario.workers) {
            let path = self.path(&format!("{}-{pair}.pcap", known.len()));
            capture::write(&path, &capture::frames(scenario, pair))
                .map_err(|error| BenchError(format!("{}: {error}", path.display())))?;
            paths.push(path);
        }
        known.insert(key, paths.clone());
        Ok(paths)
    }

    /// Writes a file of the scratch directory.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf, BenchError> {
        let path = self.path(name);
        fs::write(&path, content).map_err(|error| BenchError(format!("{}: {error}", path.display())))?;
        Ok(path)
    }

    /// Megabytes of DPDK memory that a scenario wants.
    pub fn memory_mb(scenario: &Scenario) -> u32 {
        let buffers = (scenario.flows as usize + BUFFERS) * usize::from(scenario.workers);
        let bytes = buffers * (Seat::buffer_bytes(scenario) + BUFFER_OVERHEAD_BYTES);
        let megabytes = (bytes * BUFFER_SHARE.1 / BUFFER_SHARE.0).div_ceil(1 << 20);
        u32::try_from(megabytes).unwrap_or(u32::MAX).max(MIN_MEMORY_MB)
    }

    /// Octets of a packet buffer that the longest frame fits in.
    pub fn buffer_bytes(scenario: &Scenario) -> usize {
        (scenario.longest_frame() + BUFFER_SPARE_BYTES).max(BUFFER_BYTES)
    }

    /// Whether so much hugepage memory may be used and is free.
    pub fn has_hugepages(&self, memory_mb: u32) -> bool {
        let free = fs::read_to_string(HUGEPAGES).ok().and_then(|text| text.trim().parse::<u64>().ok());
        self.may_use_hugepages && free.unwrap_or(0) * HUGEPAGE_MB >= u64::from(memory_mb)
    }

    /// EAL's options: memory, nothing but virtual devices, a name of its own, and the widest SIMD.
    pub fn eal_options(&self, memory_mb: u32) -> Vec<String> {
        let mut options = vec!["--no-pci".to_owned(), format!("--file-prefix={}", self.unique())];
        options.push("--force-max-simd-bitwidth=512".to_owned());
        // EAL refuses --in-memory together with --no-huge.
        if self.has_hugepages(memory_mb) {
            options.push("--in-memory".to_owned());
        } else {
            options.extend(["--no-huge", "--no-shconf", "-m"].map(str::to_owned));
            options.push(memory_mb.to_string());
        }
        options
    }

    /// Starts the program, measures it, and ends it. `check` runs while packets pass and may refuse the result.
    ///
    /// # Errors
    /// It does not start, sends nothing, loses packets, or `check` says so; with the end of what it printed.
    pub fn measure(
        &self,
        launch: Launch,
        scenario: &Scenario,
        check: impl FnOnce(&Probe) -> Result<(), BenchError>,
    ) -> Result<Sample, BenchError> {
        let Launch { mut command, sources, sinks, file_prefix, mut setup } = launch;
        let log = self.path("output.log");
        let output = File::create(&log).map_err(|error| BenchError(format!("{}: {error}", log.display())))?;
        let errors = output.try_clone().map_err(|error| BenchError(format!("{}: {error}", log.display())))?;
        // Standard input stays open: testpmd ends without.
        let child = command.stdin(Stdio::piped()).stdout(output).stderr(errors).spawn();
        let program = command.get_program().to_string_lossy().into_owned();
        let child = child.map_err(|error| BenchError(format!("{program}: {error}")))?;
        let mut running = Running { child, log, file_prefix };
        let result = self
            .started(&mut running, &program, &sources, &sinks, &mut setup)
            .and_then(|probe| self.sampled(&probe, scenario, check));
        result.map_err(|error| running.quoted(&error))
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn sampled(
        &self,
        probe: &Probe,
        scenario: &Scenario,
        check: impl FnOnce(&Probe) -> Result<(), BenchError>,
    ) -> Result<Sample, BenchError> {
        self.pause(self.warm_up)?;
        let cores: Vec<String> = self.workers(scenario.workers)?.iter().map(usize::to_string).collect();
        let begin = probe.read()?;
        let counters = if self.can_count {
            perf::wait(self.seconds, &cores.join(","))
        } else {
            self.pause(Duration::from_secs_f64(self.seconds))?;
            None
        };
        let end = probe.read()?;
        check(probe)?;
        let mpps = rate(&begin, &end)?;
        let packets = (end.sent - begin.sent).max(1) as f64;
        let counters = counters.map(|all| Counters {
            instructions: all.instructions / packets,
            cycles: all.cycles / packets,
            cache_misses: all.cache_misses / packets,
        });
        Ok(Sample { mpps, offered_mpps: None, counters, dpdk: Some(probe.telemetry.version.clone()) })
    }

    /// Waits until packets get into the sinks.
    fn started(
        &self,
        running: &mut Running,
        program: &str,
        sources: &[String],
        sinks: &[String],
        setup: &mut Option<Setup>,
    ) -> Result<Probe, BenchError> {
        let deadline = Instant::now() + START_TIMEOUT;
        let pid = running.child.id();
        let mut attempt = || {
            if let Some(configure) = setup {
                configure()?;
                *setup = None;
            }
            let telemetry = Telemetry::of(pid)?;
            let (sources, sinks) = (telemetry.ports(sources)?, telemetry.ports(sinks)?);
            let probe = Probe { telemetry, sources, sinks };
            Ok((probe.sent()? > 0).then_some(probe))
        };
        loop {
            if let Some(status) = running.ended() {
                return Err(BenchError(format!("{program} ended: {status}")));
            }
            let result: Result<Option<Probe>, BenchError> = attempt();
            match result {
                Ok(Some(probe)) => return Ok(probe),
                Ok(None) if Instant::now() > deadline => {
                    return Err(BenchError(format!(
                        "{program} sends nothing after {} s",
                        START_TIMEOUT.as_secs()
                    )));
                }
                Err(error) if Instant::now() > deadline => {
                    return Err(BenchError(format!("{program}: {error}")));
                }
                _ => self.pause(POLL_INTERVAL)?,
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Millions of packets a second into the sinks; an error when not all that were received got there. The counters are
/// read one after the other: what passes meanwhile may differ.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn rate(begin: &Reading, end: &Reading) -> Result<f64, BenchError> {
    let seconds = (end.sent_at - begin.sent_at).as_secs_f64();
    let (received, sent) = (end.received.saturating_sub(begin.received), end.sent.saturating_sub(begin.sent));
    let rate = sent as f64 / seconds;
    let apart = (received.max(sent) as f64 / seconds) * (begin.took + end.took).as_secs_f64();
    if received.abs_diff(sent) as f64 > apart + IN_FLIGHT as f64 {
        return Err(BenchError(format!("{received} packets received, {sent} sent: the rate says nothing")));
    }
    if sent == 0 {
        return Err(BenchError("no packet was sent".to_owned()));
    }
    Ok(rate / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_capture_has_room() {
        use crate::throughput::scenario::{Size, Work};
        let plain = Scenario::new(Work::Plain);
        assert_eq!(Seat::memory_mb(&plain), 512);
        // 65,536 frames of 9000 octets alone are 562 MB.
        let large = plain.with_size(Size::Octets(9000)).with_flows(65_536);
        assert!((1000..1300).contains(&Seat::memory_mb(&large)), "{}", Seat::memory_mb(&large));
    }

    fn reading(start: Instant, received: u64, sent: u64, at_ms: u64) -> Reading {
        let sent_at = start + Duration::from_millis(at_ms);
        Reading { received, sent, sent_at, took: Duration::from_millis(1) }
    }

    #[test]
    fn a_rate_is_of_the_time_between_the_readings() {
        let start = Instant::now();
        let found = rate(&reading(start, 100, 90, 0), &reading(start, 20_000_100, 20_000_090, 2000)).unwrap();
        assert!((found - 10.0).abs() < 1e-9, "{found}");
    }

    #[test]
    fn lost_packets_are_no_rate() {
        let start = Instant::now();
        let (begin, lossy) = (reading(start, 0, 0, 0), reading(start, 10_000_000, 9_900_000, 1000));
        assert!(rate(&begin, &lossy).is_err());
        // 10 million a second, counters read 2 ms apart in all: 20,000 packets and what is in flight may differ.
        assert!(rate(&begin, &reading(start, 10_000_000, 9_975_000, 1000)).is_ok());
        assert!(rate(&begin, &reading(start, 0, 0, 1000)).is_err());
    }
}
