//! The devices under test: processes between two sockets of vhost-user, or two NICs.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::config::{self, Settings};
use crate::generator::{Kind, Stations, waited_ns};

const START_TIMEOUT: Duration = Duration::from_secs(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
const TESTPMD: &str = "dpdk-testpmd";
const DESCRIPTORS: u16 = 1024;
const TESTPMD_BUFFERS: u32 = 16384;
/// Octets of a buffer of testpmd besides the packet.
const HEADROOM_BYTES: usize = 128;
const BUFFER_MIN_BYTES: usize = 2176;

/// Who is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dut {
    /// The forwarder of this repository.
    Mexfwd,
    /// `dpdk-testpmd` in io mode: frames pass untouched. What the seat itself can do.
    Testpmd,
}

impl Dut {
    /// As options, reports and JSON name it.
    pub fn name(self) -> &'static str {
        match self {
            Dut::Mexfwd => "mexfwd",
            Dut::Testpmd => "testpmd",
        }
    }

    /// Frames come back as they were sent.
    pub fn leaves_frames(self) -> bool {
        self == Dut::Testpmd
    }
}

impl fmt::Display for Dut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dut {
    type Err = String;

    fn from_str(text: &str) -> Result<Dut, String> {
        [Dut::Mexfwd, Dut::Testpmd]
            .into_iter()
            .find(|dut| dut.name() == text)
            .ok_or_else(|| format!("\"{text}\" cannot be put under test; there are mexfwd and testpmd"))
    }
}

/// Where the device under test sits.
#[derive(Clone, Debug)]
pub struct Seat {
    /// For configurations, logs and sockets.
    pub directory: PathBuf,
    /// The program of [`Dut::Mexfwd`].
    pub mexfwd: PathBuf,
    /// Its two NICs; virtio if `None`.
    pub pci: Option<[String; 2]>,
    /// The worker's core, the last.
    pub worker: usize,
    /// The core of everything else, the first.
    pub others: usize,
    /// DPDK's memory of each process, MiB.
    pub memory_mb: u32,
    /// Hugepages, or ordinary ones.
    pub has_hugepages: bool,
    /// Poll on when there is nothing to do.
    pub spins: bool,
    /// Station addresses.
    pub stations: Stations,
}

impl Seat {
    /// The sockets of vhost-user: to the device under test, and from it.
    pub fn sockets(&self) -> [PathBuf; 2] {
        [self.directory.join("in"), self.directory.join("out")]
    }

    /// The devices of the device under test.
    fn devices(&self) -> [String; 2] {
        let [input, output] = self.sockets();
        self.pci.clone().unwrap_or_else(|| {
            [
                format!("net_vhost0,iface={}", input.display()),
                format!("net_vhost1,iface={}", output.display()),
            ]
        })
    }

    /// The configuration of mexfwd for a workload.
    pub fn config(&self, kind: Kind, frame_bytes: usize) -> String {
        let [source, sink] = self.devices();
        config::mexfwd(&Settings {
            kind,
            frame_bytes,
            source,
            sink,
            stations: self.stations,
            worker: self.worker,
            memory_mb: self.memory_mb,
            has_hugepages: self.has_hugepages,
            spins: self.spins,
        })
    }

    fn testpmd(&self, frame_bytes: usize) -> Command {
        let mut command = Command::new(TESTPMD);
        command.arg("-l").arg(format!("{},{}", self.others, self.worker));
        if self.has_hugepages {
            command.args(["--in-memory", "--single-file-segments"]);
        } else {
            command.args(["--no-huge", "--no-shconf"]);
        }
        command.args(["--no-telemetry", "--force-max-simd-bitwidth=512"]);
        command.arg("--file-prefix=rfc2544");
        command.arg("-m").arg(self.memory_mb.to_string());
        if self.pci.is_none() {
            command.arg("--no-pci");
        }
        for device in self.devices() {
            command.arg(if self.pci.is_some() { "--allow" } else { "--vdev" }).arg(device);
        }
        let buffer_bytes = (config::mtu(frame_bytes) + 64 + HEADROOM_BYTES).max(BUFFER_MIN_BYTES);
        command.args(["--", "--forward-mode=io", "--nb-cores=1", "--auto-start", "--burst=64"]);
        command
            .arg(format!("--total-num-mbufs={TESTPMD_BUFFERS}"))
            .arg(format!("--mbuf-size={buffer_bytes}"));
        command.args([format!("--rxd={DESCRIPTORS}"), format!("--txd={DESCRIPTORS}")]);
        command
    }

    /// Starts a device under test, and waits for its sockets.
    ///
    /// # Errors
    /// It is not there, or does not start; what it says then.
    pub fn start(&self, dut: Dut, kind: Kind, frame_bytes: usize) -> Result<Running, String> {
        for socket in self.sockets() {
            let _ = fs::remove_file(socket);
        }
        let mut command = match dut {
            Dut::Testpmd => self.testpmd(frame_bytes),
            Dut::Mexfwd => {
                let path = self.directory.join("mexfwd.toml");
                fs::write(&path, self.config(kind, frame_bytes)).map_err(|error| error.to_string())?;
                let mut command = Command::new(&self.mexfwd);
                command.args(["run", "--log", "warn", "--config"]).arg(path);
                command.arg("--socket").arg(self.directory.join("api"));
                command
            }
        };
        let log = self.directory.join(format!("{dut}.log"));
        let output = File::create(&log).map_err(|error| error.to_string())?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        // testpmd ends when its standard input does.
        let child = command.stdin(Stdio::piped()).stdout(output).stderr(errors).spawn();
        let child = child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let mut running = Running { child, log, dut };
        if self.pci.is_none() {
            running.wait_for(&self.sockets())?;
        }
        Ok(running)
    }
}

/// A device under test that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
    dut: Dut,
}

impl Running {
    fn wait_for(&mut self, sockets: &[PathBuf]) -> Result<(), String> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !sockets.iter().all(|socket| socket.exists()) {
            self.check()?;
            if Instant::now() > deadline {
                return Err(format!("{} does not start: {}", self.dut, tail(&self.log)));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// How long its workers have waited for their core while somebody else had it, since their start. The kernel's account
    /// (`schedstat`); nothing where it keeps none.
    pub fn waited(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let of = |task: fs::DirEntry| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            // Both call them so: worker-1, and lcore-worker-1.
            name.contains("worker").then(|| waited_ns(&text))?
        };
        Duration::from_nanos(tasks.filter_map(of).sum())
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// It does not; what it said.
    pub fn check(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("{} ended: {status}: {}", self.dut, tail(&self.log))),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(POLL);
        }
        let _ = self.child.wait();
    }
}

/// The end of a log, in one line.
fn tail(log: &Path) -> String {
    const LINES: usize = 4;
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("; ")
}

/// Whether a program is in the path.
pub fn is_installed(dut: Dut, mexfwd: &Path) -> bool {
    match dut {
        Dut::Mexfwd => mexfwd.is_file(),
        Dut::Testpmd => std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|directory| directory.join(TESTPMD).is_file())
        }),
    }
}
