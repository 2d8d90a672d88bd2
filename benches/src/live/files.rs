//! Files of a run, and the machine that it ran on.

use std::path::{Path, PathBuf};

use super::BenchError;

/// A folder for the files of one run; it goes with the run.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(name: &str) -> Result<Scratch, BenchError> {
        let path = std::env::temp_dir().join(format!("mexfwd-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| BenchError(format!("{}: {error}", path.display())))?;
        Ok(Scratch(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is for the system to remove.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a result.
///
/// # Errors
/// It cannot be written.
pub fn write(folder: &Path, name: &str, text: &str) -> Result<(), BenchError> {
    let path = folder.join(name);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
    written.map_err(|error| BenchError(format!("{}: {error}", path.display())))
}

/// The processor and how many cores this process may use, as a sentence begins.
pub fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{cores} cores of: {}; DPDK {}",
        model.map_or("an unknown processor", |(_, name)| name),
        version()
    )
}

fn version() -> String {
    let version = dpdk::Eal::version();
    version.trim_start_matches("DPDK ").to_owned()
}
