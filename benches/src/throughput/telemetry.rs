//! DPDK's telemetry: the counters of the ports of any DPDK program, read from outside.

use std::path::PathBuf;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};
use serde_json::Value;

use super::BenchError;

/// Of the greeting and of answers, unless the greeting says otherwise.
const ANSWER_BYTES: usize = 16 << 10;
/// An answer takes microseconds; the core that gives it may have others to serve.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The telemetry socket of one process.
#[derive(Debug)]
pub struct Telemetry {
    socket: OwnedFd,
    answer_bytes: usize,
    /// DPDK's version, as it says itself.
    pub version: String,
}

impl Telemetry {
    /// The socket of the process `pid`; its greeting tells.
    ///
    /// # Errors
    /// No process of this number has one (yet).
    pub fn of(pid: u32) -> Result<Telemetry, BenchError> {
        sockets()
            .into_iter()
            .find_map(|path| Telemetry::open(&path, pid))
            .ok_or_else(|| BenchError(format!("no telemetry socket of process {pid}")))
    }

    fn open(path: &PathBuf, pid: u32) -> Option<Telemetry> {
        let address = SocketAddrUnix::new(path).ok()?;
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).ok()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIMEOUT)).ok()?;
        connect(&socket, &address).ok()?;
        let mut telemetry = Telemetry { socket, answer_bytes: ANSWER_BYTES, version: String::new() };
        let greeting = telemetry.answer().ok()?;
        if greeting.get("pid")?.as_u64()? != u64::from(pid) {
            return None;
        }
        telemetry.answer_bytes = usize::try_from(greeting.get("max_output_len")?.as_u64()?).ok()?;
        greeting.get("version")?.as_str()?.clone_into(&mut telemetry.version);
        Some(telemetry)
    }

    fn answer(&self) -> Result<Value, BenchError> {
        let mut buffer = vec![0; self.answer_bytes];
        let (len, _) = recv(&self.socket, &mut buffer[..], RecvFlags::empty())
            .map_err(|error| BenchError(format!("telemetry: {error}")))?;
        serde_json::from_slice(buffer.get(..len).unwrap_or_default())
            .map_err(|error| BenchError(format!("telemetry: {error}")))
    }

    /// What it says to a command.
    ///
    /// # Errors
    /// The process is gone.
    pub fn ask(&self, command: &str) -> Result<Value, BenchError> {
        send(&self.socket, command.as_bytes(), SendFlags::empty())
            .map_err(|error| BenchError(format!("telemetry: {command}: {error}")))?;
        let topic = command.split(',').next().unwrap_or_default();
        let mut answer = self.answer()?;
        Ok(answer.get_mut(topic).map(Value::take).unwrap_or_default())
    }

    /// DPDK's number of each of these devices.
    ///
    /// # Errors
    /// One of them is not there (yet).
    pub fn ports(&self, names: &[String]) -> Result<Vec<u64>, BenchError> {
        let list = self.ask("/ethdev/list")?;
        let mut found = Vec::new();
        for number in list.as_array().into_iter().flatten().filter_map(Value::as_u64) {
            let info = self.ask(&format!("/ethdev/info,{number}"))?;
            found.push((info.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(), number));
        }
        let number =
            |name: &String| found.iter().find(|(device, _)| device == name).map(|(_, number)| *number);
        names
            .iter()
            .map(|name| number(name).ok_or_else(|| BenchError(format!("no port is called {name}"))))
            .collect()
    }

    /// The sum of one counter of these ports.
    ///
    /// # Errors
    /// The process is gone, or has no such counter.
    pub fn sum(&self, ports: &[u64], counter: &str) -> Result<u64, BenchError> {
        let one = |port: &u64| {
            let stats = self.ask(&format!("/ethdev/stats,{port}"))?;
            let value = stats.get(counter).and_then(Value::as_u64);
            value.ok_or_else(|| BenchError(format!("port {port} does not count {counter}")))
        };
        ports.iter().map(one).sum()
    }
}

/// All telemetry sockets of this user. A second process of the same prefix has a number behind the name.
fn sockets() -> Vec<PathBuf> {
    let user = std::env::var_os("XDG_RUNTIME_DIR").map(|directory| PathBuf::from(directory).join("dpdk"));
    let directories = [PathBuf::from("/var/run/dpdk")].into_iter().chain(user);
    let entries = |directory: PathBuf| std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_telemetry = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("dpdk_telemetry.v2"))
    };
    directories
        .flat_map(entries)
        .flat_map(|prefix| entries(prefix.path()))
        .map(|entry| entry.path())
        .filter(is_telemetry)
        .collect()
}
