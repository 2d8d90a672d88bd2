//! A generator in a process of its own, as programs that measure see it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use super::trial::{Load, Outcome, Reply, Request, WorkloadRequest};

const MEMORY_MB: u32 = 512;
const MTU: u16 = 1500;
const LINK_TIMEOUT_S: u64 = 10;

/// How to start a generator.
#[derive(Clone, Debug)]
pub struct Command {
    /// The binary.
    pub program: PathBuf,
    /// The device that leads to the device under test: DPDK's name and arguments, or a PCI address.
    pub to_dut: String,
    /// The device that comes from it.
    pub from_dut: String,
    /// The processor for sending and receiving; the first one if `None`.
    pub core: Option<usize>,
    /// DPDK's memory, MiB.
    pub memory_mb: u32,
    /// Hugepages, or ordinary ones.
    pub has_hugepages: bool,
    /// The largest packet, octets.
    pub mtu: u16,
    /// How long links may take to come up, s.
    pub link_timeout_s: u64,
    /// Further arguments, such as station addresses.
    pub arguments: Vec<String>,
    /// Where its standard error goes; that of this process if `None`.
    pub log: Option<PathBuf>,
}

impl Default for Command {
    /// Devices and program are still to be named.
    fn default() -> Command {
        Command {
            program: PathBuf::new(),
            to_dut: String::new(),
            from_dut: String::new(),
            core: None,
            memory_mb: MEMORY_MB,
            has_hugepages: dpdk::free_hugepages_mb() >= u64::from(MEMORY_MB),
            mtu: MTU,
            link_timeout_s: LINK_TIMEOUT_S,
            arguments: Vec::new(),
            log: None,
        }
    }
}

impl Command {
    /// The program's arguments.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--serve".to_owned()];
        let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        add("--to-dut", self.to_dut.clone());
        add("--from-dut", self.from_dut.clone());
        add("--memory-mb", self.memory_mb.to_string());
        add("--mtu", self.mtu.to_string());
        add("--link-timeout-s", self.link_timeout_s.to_string());
        if let Some(core) = self.core {
            add("--core", core.to_string());
        }
        add("--hugepages", if self.has_hugepages { "on" } else { "off" }.to_owned());
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }
}

/// A generator that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Client {
    child: Child,
    /// Closed first, which is the word to end.
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    log: Option<PathBuf>,
}

impl Client {
    /// Starts a generator, and waits until its links are up.
    ///
    /// # Errors
    /// It does not start; what it says then.
    pub fn start(command: &Command) -> Result<Client, String> {
        let program = command.program.display();
        let errors = match &command.log {
            Some(path) => File::create(path).map_err(|error| format!("{}: {error}", path.display()))?.into(),
            None => Stdio::inherit(),
        };
        let mut child = std::process::Command::new(&command.program)
            .args(command.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let requests = child.stdin.take();
        let replies = child.stdout.take().ok_or("no standard output")?;
        let mut client =
            Client { child, requests, replies: BufReader::new(replies), log: command.log.clone() };
        match client.reply()? {
            Reply::Ready => Ok(client),
            other => Err(format!("the generator says {other:?}")),
        }
    }

    /// Sets the frames of the next trials.
    ///
    /// # Errors
    /// They cannot be made, or the generator has ended.
    pub fn workload(&mut self, request: WorkloadRequest) -> Result<(), String> {
        match self.ask(&Request::Workload(request))? {
            Reply::Ready => Ok(()),
            other => Err(format!("the generator says {other:?}")),
        }
    }

    /// Runs a trial and waits for its end.
    ///
    /// # Errors
    /// It cannot be run, or the generator has ended.
    pub fn run(&mut self, load: &Load) -> Result<Outcome, String> {
        self.begin(load)?;
        self.finish()
    }

    /// How long its thread has waited for its core while somebody else had it, since its start: by the kernel's account
    /// (`schedstat`), nothing where it keeps none. Frames that come back meanwhile find its ring full.
    pub fn waited(&self) -> Duration {
        // The first thread sends and receives.
        let text =
            std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).unwrap_or_default();
        Duration::from_nanos(waited_ns(&text).unwrap_or_default())
    }

    /// Begins a trial; [`finish`](Self::finish) waits for its end. In between the caller may do what is to be measured.
    ///
    /// # Errors
    /// The generator has ended.
    pub fn begin(&mut self, load: &Load) -> Result<(), String> {
        self.request(&Request::Load(load.clone()))
    }

    /// Waits for the end of the trial that was begun.
    ///
    /// # Errors
    /// It could not be run, or the generator has ended.
    pub fn finish(&mut self) -> Result<Outcome, String> {
        match self.reply()? {
            Reply::Outcome(outcome) => Ok(*outcome),
            other => Err(format!("the generator says {other:?}")),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, String> {
        self.request(request)?;
        self.reply()
    }

    fn request(&mut self, request: &Request) -> Result<(), String> {
        let mut line = serde_json::to_string(request).map_err(|error| error.to_string())?;
        line.push('\n');
        let written = self.requests.as_mut().map(|requests| requests.write_all(line.as_bytes()));
        if let Some(Ok(())) = written { Ok(()) } else { Err(self.ended()) }
    }

    fn reply(&mut self) -> Result<Reply, String> {
        let mut line = String::new();
        match self.replies.read_line(&mut line) {
            Ok(0) | Err(_) => Err(self.ended()),
            Ok(_) => match serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))? {
                Reply::Error(error) => Err(format!("generator: {error}")),
                reply => Ok(reply),
            },
        }
    }

    /// Why there is no answer.
    fn ended(&mut self) -> String {
        self.requests = None;
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = self.log.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        format!("the generator ended: {status}; {}", said.trim())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.requests = None;
        let _ = self.child.wait();
    }
}

/// Of the kernel's account of a thread the second field: time on the processor, time in wait for it, number of turns.
pub fn waited_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_the_second_field() {
        assert_eq!(waited_ns("2716049877 138845104 184\n"), Some(138_845_104));
        assert_eq!(waited_ns(""), None);
    }
}
