//! Hardware counters of the worker's core while it is measured, by `perf stat`, where there are any.

use std::process::{Command, Stdio};

const EVENTS: [&str; 3] = ["instructions", "cycles", "cache-misses"];

/// Counted on the worker's core in the time of a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counters {
    /// Retired instructions.
    pub instructions: f64,
    /// Core cycles.
    pub cycles: f64,
    /// Misses of the last level of cache.
    pub cache_misses: f64,
}

/// Whether this machine lets `perf` count.
pub fn is_available() -> bool {
    count(&["true"], None).is_some()
}

/// Waits; returns what was counted on `cores` meanwhile, if it can be.
pub fn wait(seconds: f64, cores: &str) -> Option<Counters> {
    count(&["sleep", &seconds.to_string()], Some(cores))
}

fn count(command: &[&str], cores: Option<&str>) -> Option<Counters> {
    let mut perf = Command::new("perf");
    perf.args(["stat", "-x", ";", "-e", &EVENTS.join(",")]).env("LC_ALL", "C").stdin(Stdio::null());
    if let Some(cores) = cores {
        perf.args(["-a", "-C", cores]);
    }
    let output = perf.arg("--").args(command).output().ok()?;
    parse(&String::from_utf8_lossy(&output.stderr))
}

/// The lines of `perf stat -x ;`: value, unit, event and more; "<not supported>" where there is no counter.
fn parse(text: &str) -> Option<Counters> {
    let value = |event: &str| {
        let of_event = |line: &&str| {
            line.split(';').nth(2).is_some_and(|name| name == event || name.strip_suffix(":u") == Some(event))
        };
        text.lines().find(of_event)?.split(';').next()?.parse::<f64>().ok()
    };
    Some(Counters {
        instructions: value(EVENTS[0])?,
        cycles: value(EVENTS[1])?,
        cache_misses: value(EVENTS[2])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_perf_stat() {
        let text = "2000;;instructions:u;10;100.00;0.5;insn per cycle\n4000;;cycles;10;100.00;;\n7;;cache-misses;10;100.00;;\n";
        assert_eq!(parse(text), Some(Counters { instructions: 2000.0, cycles: 4000.0, cache_misses: 7.0 }));
        assert_eq!(parse("<not supported>;;instructions;0;100.00;;\n"), None);
        assert_eq!(parse(""), None);
    }
}
