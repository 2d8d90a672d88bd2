//! `mexfwd run` in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use control::api;
use control::ask::Ask;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{BenchError, Telemetry};

/// How long the daemon may take for anything.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked at when something is waited for.
const LOOK: Duration = Duration::from_micros(200);

/// A line of the log, and when it came.
type Line = (Instant, String);

/// A running daemon. It ends when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    /// Just before the program was executed.
    pub begun: Instant,
    socket: PathBuf,
    lines: Receiver<Line>,
    said: Vec<String>,
}

impl Daemon {
    /// Executes the program with this configuration; its socket is beside it.
    ///
    /// # Errors
    /// The program is not there.
    pub fn start(program: &Path, config: &Path) -> Result<Daemon, BenchError> {
        let socket = config.with_extension("sock");
        let begun = Instant::now();
        let mut child = Command::new(program)
            .args(["run", "--log", "info", "-c"])
            .arg(config)
            .arg("--socket")
            .arg(&socket)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| BenchError(format!("{}: {error}", program.display())))?;
        let (sender, lines) = channel();
        let log = child.stderr.take();
        std::thread::spawn(move || {
            for line in log.into_iter().flat_map(|log| BufReader::new(log).lines().map_while(Result::ok)) {
                // Who does not listen any more does not want to know.
                if sender.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Ok(Daemon { child, begun, socket, lines, said: Vec::new() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log with these words, and says when it came.
    ///
    /// # Errors
    /// It does not come; what the daemon said last.
    pub fn wait_for(&mut self, words: &str) -> Result<Instant, BenchError> {
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((at, line)) => {
                    self.said.push(line);
                    if self.said.last().is_some_and(|line| line.contains(words)) {
                        return Ok(at);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let said = self.said.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join("; ");
                    return Err(BenchError(format!("mexfwd did not say \"{words}\" but: {said}")));
                }
            }
        }
    }

    /// Its telemetry, as soon as it has any.
    ///
    /// # Errors
    /// It has none.
    pub fn telemetry(&mut self) -> Result<Telemetry, BenchError> {
        self.until(|pid| Telemetry::of(pid).ok())
    }

    /// Waits until `look` finds something.
    ///
    /// # Errors
    /// It does not, or the daemon has ended.
    pub fn until<T>(&mut self, mut look: impl FnMut(u32) -> Option<T>) -> Result<T, BenchError> {
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            if let Some(found) = look(self.pid()) {
                return Ok(found);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let last = std::iter::from_fn(|| self.lines.recv_timeout(LOOK).ok()).last();
                return Err(BenchError(format!(
                    "mexfwd ended ({status}): {}",
                    last.map(|(_, line)| line).unwrap_or_default()
                )));
            }
            std::thread::sleep(LOOK);
        }
        Err(BenchError("mexfwd did not come up".to_owned()))
    }

    /// Asks its API.
    ///
    /// # Errors
    /// What it says.
    pub fn ask(&self, ask: &Ask) -> Result<Value, BenchError> {
        api::ask(&self.socket, ask).map_err(|error| BenchError(error.to_string()))
    }

    /// Packets that it has dropped so far, by its own count.
    ///
    /// # Errors
    /// It does not say, or says something else.
    pub fn dropped(&self) -> Result<u64, BenchError> {
        let drops = self.ask(&Ask::Show("drops".to_owned()))?;
        sum(&drops).ok_or_else(|| BenchError(format!("`show drops` is not by reason: {drops}")))
    }

    /// Where its API is.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Tells it to read its configuration again.
    ///
    /// # Errors
    /// It is gone.
    pub fn reload(&self) -> Result<(), BenchError> {
        self.signal(Signal::HUP)
    }

    fn signal(&self, signal: Signal) -> Result<(), BenchError> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| BenchError("no process".to_owned()))?;
        kill_process(pid, signal).map_err(|error| BenchError(format!("mexfwd: {error}")))
    }

    /// Kilooctets of one line of /proc/PID/status, such as `VmRSS`.
    ///
    /// # Errors
    /// The process is gone, or the kernel has no such line.
    pub fn status_kb(&self, name: &str) -> Result<u64, BenchError> {
        let path = format!("/proc/{}/status", self.pid());
        let status =
            std::fs::read_to_string(&path).map_err(|error| BenchError(format!("{path}: {error}")))?;
        status_kb(&status, name).ok_or_else(|| BenchError(format!("{path} has no {name}")))
    }
}

/// The sum over all reasons.
fn sum(drops: &Value) -> Option<u64> {
    drops.as_object()?.values().map(Value::as_u64).sum()
}

/// Kilooctets of one line of a process's status.
fn status_kb(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.signal(Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // One that has ended is not hurt.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_status() {
        let status = "VmHWM:\t    100 kB\nVmRSS:\t  161540 kB\nHugetlbPages:\t   71680 kB\n";
        assert_eq!(status_kb(status, "VmRSS"), Some(161_540));
        assert_eq!(status_kb(status, "HugetlbPages"), Some(71_680));
        assert_eq!(status_kb(status, "Vm"), None);
    }

    #[test]
    fn drops_are_summed_over_all_reasons() {
        let drops = serde_json::json!({ "no-route": 3, "port-down": 4 });
        assert_eq!(sum(&drops), Some(7));
        assert_eq!(sum(&serde_json::json!({})), Some(0));
        assert_eq!(sum(&serde_json::json!([{ "packets": 3 }])), None);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error =
            Daemon::start(Path::new("/nonexistent/mexfwd"), Path::new("/nonexistent/c.toml")).unwrap_err();
        assert!(error.0.starts_with("/nonexistent/mexfwd: "), "{error}");
    }
}
