//! Runs the built binary over a case's captures.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::case::Case;

/// A replay of a few hundred packets takes milliseconds; longer than this is a stuck one.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// What a run left.
pub struct Outcome {
    /// The octets of each port's capture file.
    pub captures: BTreeMap<String, Vec<u8>>,
    /// What it printed with `--json`.
    pub summary: Value,
}

/// Replays a case into `keep`, which is emptied first.
pub fn run(case: &Case, burst: Option<u32>, keep: &Path) -> Result<Outcome, String> {
    let at = |e: std::io::Error| format!("{}: {e}", keep.display());
    if keep.exists() {
        std::fs::remove_dir_all(keep).map_err(at)?;
    }
    std::fs::create_dir_all(keep).map_err(at)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_mexfwd"));
    command.args(["replay", "--json", "-c"]).arg(&case.config);
    for (port, path) in &case.inputs {
        command.arg("--in").arg(format!("{port}={}", path.display()));
    }
    let out = |port: &str| keep.join(format!("{port}.pcap"));
    for port in &case.ports {
        command.arg("--out").arg(format!("{port}={}", out(port).display()));
    }
    if let Some(script) = &case.script {
        command.arg("--script").arg(script);
    }
    if let Some(burst) = burst {
        command.arg("--burst").arg(burst.to_string());
    }
    let (stdout, stderr) = (keep.join("summary.json"), keep.join("stderr"));
    command.stdout(File::create(&stdout).map_err(at)?).stderr(File::create(&stderr).map_err(at)?);
    let status = finish(command)?;
    if !status.success() {
        let said = super::read(&stderr)?;
        return Err(format!("replay ended with {status}: {}", String::from_utf8_lossy(&said).trim()));
    }
    let summary = serde_json::from_slice(&super::read(&stdout)?).map_err(|e| format!("summary: {e}"))?;
    let mut captures = BTreeMap::new();
    for port in &case.ports {
        captures.insert(port.clone(), super::read(&out(port))?);
    }
    Ok(Outcome { captures, summary })
}

fn finish(mut command: Command) -> Result<ExitStatus, String> {
    let mut child = command.spawn().map_err(|e| format!("cannot start the binary: {e}"))?;
    let started = Instant::now();
    loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => return Ok(status),
            None if started.elapsed() > TIME_LIMIT => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("replay did not end within {} s", TIME_LIMIT.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
