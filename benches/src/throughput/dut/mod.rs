//! The programs that take the seats, one file each.

mod grout;
mod kernel;
mod l3fwd;
mod mexfwd;
mod testpmd;
mod vpp;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::BenchError;
use super::scenario::Scenario;
use super::seat::{Sample, Seat};

pub use mexfwd::NAME as MEXFWD;
pub use testpmd::IO as SEATS_ALONE;

/// A program under test.
pub trait Dut {
    /// As reports name it.
    fn name(&self) -> &'static str;

    /// Its version, when it tells.
    fn version(&self) -> Option<String>;

    /// Whether it can do this at all.
    fn takes(&self, scenario: &Scenario) -> bool;

    /// What takes time and is needed once, such as a build: before anything is measured.
    ///
    /// # Errors
    /// It cannot be done.
    fn prepare(&mut self, _seat: &Seat, _scenario: &Scenario) -> Result<(), BenchError> {
        Ok(())
    }

    /// Forwards the scenario's packets for the time of a measurement.
    ///
    /// # Errors
    /// It does not start, loses packets, or does not do what it should.
    fn run(&mut self, seat: &Seat, scenario: &Scenario) -> Result<Sample, BenchError>;
}

/// All programs, by name: those that can run here, and why the others cannot.
pub type Found = Vec<(&'static str, Result<Box<dyn Dut>, String>)>;

/// Looks for every program; `mexfwd` is the path of the release build.
pub fn all(mexfwd: &Path) -> Found {
    vec![
        (mexfwd::NAME, mexfwd::Mexfwd::find(mexfwd).map(boxed)),
        (testpmd::IO, testpmd::Testpmd::find(testpmd::IO, "io").map(boxed)),
        (testpmd::MAC, testpmd::Testpmd::find(testpmd::MAC, "mac").map(boxed)),
        (l3fwd::FIB, l3fwd::L3fwd::find(l3fwd::FIB, "fib").map(boxed)),
        (l3fwd::LPM, l3fwd::L3fwd::find(l3fwd::LPM, "lpm").map(boxed)),
        (vpp::NAME, vpp::Vpp::find().map(boxed)),
        (grout::NAME, grout::Grout::find().map(boxed)),
        (kernel::NAME, kernel::Kernel::find().map(boxed)),
    ]
}

fn boxed<D: Dut + 'static>(dut: D) -> Box<dyn Dut> {
    Box::new(dut)
}

/// Where this program is, as the shell would find it.
fn installed(program: &str) -> Result<PathBuf, String> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("{program} is not installed"))
}

/// The first line that a program prints, such as its version.
fn first_line(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let line =
        String::from_utf8_lossy(&text).lines().map(str::trim).find(|line| !line.is_empty())?.to_owned();
    Some(line)
}

/// Runs a command that must succeed; what it prints.
fn succeeds(command: &mut Command) -> Result<String, BenchError> {
    let name = || {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    };
    let name = name();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| BenchError(format!("`{name}`: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(BenchError(format!("`{name}`: {said}")))
}

/// The template with `{name}` replaced by its value, for each of them.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The seats' device of this name and number that plays a capture again and again.
fn source(number: u8, capture: &Path) -> (String, String) {
    let name = format!("net_pcap{}", 2 * number);
    let device = format!("{name},rx_pcap={},infinite_rx=1", capture.display());
    (name, device)
}

/// The sink beside it, which never receives.
fn sink(number: u8) -> (String, String) {
    let name = format!("net_null{}", 2 * number + 1);
    let device = format!("{name},no-rx=1");
    (name, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        assert_eq!(filled("a {b} {c} {b}", &[("b", "1"), ("c", "2")]), "a 1 2 1");
    }

    #[test]
    fn pairs_of_devices() {
        let (name, device) = source(1, Path::new("/x.pcap"));
        assert_eq!(
            (name.as_str(), device.as_str()),
            ("net_pcap2", "net_pcap2,rx_pcap=/x.pcap,infinite_rx=1")
        );
        assert_eq!(sink(1), ("net_null3".to_owned(), "net_null3,no-rx=1".to_owned()));
    }

    #[test]
    fn programs_are_found_as_the_shell_does() {
        assert!(installed("sh").is_ok());
        assert_eq!(installed("no-such-program").unwrap_err(), "no-such-program is not installed");
    }
}
