//! What is accepted, and the exact lines for what is not.

mod accepted;
mod broken;
mod plain_routes;
mod properties;
mod references;
mod srv6;
mod values;

use super::{Config, parse};

/// Two ports in the default VRF, for tests of what refers to them; nine lines.
const PORTS: &str = "\
[[port]]
name = \"isp-a\"
device = \"net_tap0\"
address = [\"2001:db8:a::1/64\", \"fe80::a/64\"]
[[port]]
name = \"lan\"
device = \"net_tap1\"
address = [\"2001:db8:f::1/64\"]

";

/// The lines that a text is refused with.
fn problems(text: &str) -> Vec<String> {
    match parse("t.toml", text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// Asserts the lines, each without the file name that it must begin with.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|line| format!("t.toml:{line}")).collect();
    assert_eq!(problems(text), expected);
}

/// The same, for a text that follows [`PORTS`]: it begins in line 10.
#[track_caller]
fn refused_after_ports(text: &str, expected: &[&str]) {
    refused(&format!("{PORTS}{text}"), expected);
}

/// The configuration and the warnings of a good text.
#[track_caller]
fn accepted(text: &str) -> (Config, Vec<String>) {
    let (config, warnings) = parse("t.toml", text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    (config, warnings.iter().map(ToString::to_string).collect())
}
