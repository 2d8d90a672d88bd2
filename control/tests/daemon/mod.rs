//! `mexfwd run` as a child process, for tests of the daemon. Each test program uses a part of this.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub const DPDK: &str = "[dpdk]\nworkers = [0]\nmemory = \"64M\"\nhugepages = \"off\"\nidle = \"adaptive\"\n";

/// A daemon, and its directory.
pub struct Daemon {
    child: Child,
    pub directory: tempfile::TempDir,
}

impl Daemon {
    /// Starts with this configuration, in which `DIR` stands for its directory, and waits until it answers.
    pub fn start(config: &str, prepare: impl Fn(&Path), namespace: Option<&str>) -> Daemon {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path());
        write_config(directory.path(), config);
        let mut command = enter(namespace, env!("CARGO_BIN_EXE_mexfwd"));
        let log = fs::File::create(directory.path().join("log")).unwrap();
        command.args(["run", "--config"]).arg(directory.path().join("config.toml"));
        command.arg("--socket").arg(directory.path().join("socket")).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().unwrap();
        let mut daemon = Daemon { child, directory };
        daemon.wait("an answer", |daemon| daemon.try_show("workers").is_some());
        daemon
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    pub fn command(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mexfwd"));
        command.args(words).arg("--socket").arg(self.path("socket")).output().unwrap()
    }

    pub fn try_show(&self, topic: &str) -> Option<Value> {
        let output = self.command(&["show", topic, "--json"]);
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    pub fn show(&self, topic: &str) -> Value {
        self.try_show(topic).unwrap_or_else(|| panic!("show {topic}: no answer; {}", self.log()))
    }

    pub fn link(&self, port: usize) -> String {
        self.show("ports")[port]["link"].as_str().unwrap().to_owned()
    }

    pub fn wait(&mut self, what: &str, is_so: impl Fn(&Daemon) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "waiting for {what}: the daemon ended, {ended:?}: {}", self.log());
            assert!(Instant::now() < deadline, "waiting for {what}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, name: &str) {
        // `ip netns exec` becomes the program that it starts.
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// SIGTERM: exit status 0, and no socket is left.
    pub fn end(mut self) -> tempfile::TempDir {
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        assert!(!self.path("socket").exists());
        std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

pub fn write_config(directory: &Path, config: &str) {
    let config = config.replace("DIR", directory.to_str().unwrap());
    fs::write(directory.join("config.toml"), format!("{DPDK}{config}")).unwrap();
}

pub fn enter(namespace: Option<&str>, program: &str) -> Command {
    let Some(namespace) = namespace else { return Command::new(program) };
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, program]);
    command
}

/// A capture file of Ethernet frames, in libpcap's own format.
pub fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        for word in [1, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}
