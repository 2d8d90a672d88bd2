//! The configuration file: TOML as written, then validated.
//!
//! [`parse`] goes over a text in stages. `plain_routes` takes out the routes of a large table, which need no parser; `raw` reads it as written: the known keys, each value of
//! the right type, with its place in the text. `validate` gives the values their meaning and
//! checks them against each other; the result is a [`Config`] that the rest of the program can
//! take at its word. Both stages go on after a problem, so that one run shows all of them.
//!
//! What the stages promise: no text makes them panic, every list has a limit ([`limits`]), and a
//! problem that only follows from another one is not reported.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::de::DeTable;

pub mod address;
pub mod limits;
mod model;
mod next_hop;
mod plain_routes;
pub mod prefix;
mod raw;
mod report;
mod section;
pub mod srv6;
pub(crate) mod suggest;
mod validate;

#[cfg(test)]
mod tests;

pub use dataplane::table::{Trigger, Triggers};
pub use model::{
    Config, DEFAULT_VRF, Dpdk, Hugepages, Icmp, Idle, Mex, NeighborConfig, NextHop, Peer, Permit, PortConfig,
    RouteAction, RouteConfig, Site,
};
pub use next_hop::{NextHopError, family_problem, resolve_next_hop, route_problem, unknown_port};
pub use prefix::{Prefix, Prefix4, Prefix6};
pub use report::{Problem, Warning};
pub(crate) use report::{Report, alternatives, quoted};

/// Reads a configuration from its text; `file_name` is only for the messages.
///
/// # Errors
/// Every problem found, in the order of the text. A text that is not TOML is not looked at any
/// further: what a broken line would have said changes the meaning of those after it.
pub fn parse(file_name: &str, text: &str) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    parse_beside(file_name, text, plain_routes::take(text))
}

/// The same, with some of the routes taken out of the text before.
fn parse_beside<'t>(
    file_name: &str,
    text: &'t str,
    plain: plain_routes::Plain<'t>,
) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    let report = Report::new(file_name, text);
    let (table, errors) = DeTable::parse_recoverable(plain.rest.as_deref().unwrap_or(text));
    if plain.rest.is_some() && !errors.is_empty() {
        // What follows from an error shows in the whole text only.
        return parse_beside(file_name, text, plain_routes::Plain::default());
    }
    let is_toml = note_syntax_errors(&report, &errors);
    if !is_toml {
        return Err(report.problems());
    }
    let raw = raw::RawConfig::read(table.get_ref(), plain.routes, &report);
    let config = validate::validate(&raw, &report);
    let problems = report.problems();
    if problems.is_empty() { Ok((config, report.warnings())) } else { Err(problems) }
}

/// Reports what the TOML parser found; whether the rest of the text still means what it says.
fn note_syntax_errors(report: &Report<'_>, errors: &[toml::de::Error]) -> bool {
    let mut is_toml = true;
    let mut last_line = 0;
    let mut errors: Vec<_> =
        errors.iter().map(|e| (e.span().map_or(0, |span| span.start), e.message())).collect();
    errors.sort_by_key(|(at, _)| *at);
    for (at, message) in errors {
        let duplicate = message == "duplicate key";
        is_toml &= duplicate;
        // The parser stumbles on over a line that it has lost: the first message is the cause.
        let line = report.line(at);
        if duplicate {
            report.problem(at, "this key is given twice; remove one");
        } else if line != last_line {
            report.problem(at, format!("not TOML: {}", message.replacen(", expected", "; expected", 1)));
            last_line = line;
        }
    }
    is_toml
}

/// Reads a configuration file.
///
/// # Errors
/// The file cannot be read, is too large or is not UTF-8, or what [`parse`] finds.
pub fn load(path: &Path) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    let name = path.display().to_string();
    let text = read_text(path, &name).map_err(|problem| vec![problem])?;
    parse(&name, &text)
}

/// A whole text file, within [`limits::MAX_FILE_BYTES`].
///
/// # Errors
/// As [`load`].
pub fn read_text(path: &Path, name: &str) -> Result<String, Problem> {
    let mut octets = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limits::MAX_FILE_BYTES + 1).read_to_end(&mut octets))
        .map_err(|error| Problem::with_file(name, format!("cannot be read: {error}")))?;
    if octets.len() as u64 > limits::MAX_FILE_BYTES {
        let max = limits::MAX_FILE_BYTES;
        return Err(Problem::with_file(name, format!("is too large; at most {max} octets are possible")));
    }
    String::from_utf8(octets).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let good = String::from_utf8_lossy(&error.as_bytes()[..at]);
        Report::new(name, &good).problem_at(at, "not UTF-8; save the file as UTF-8 text")
    })
}
