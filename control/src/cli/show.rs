//! `mexfwd show` and `mexfwd lookup`: what the daemon answers, as JSON or for people.

use std::fmt::Write;
use std::net::IpAddr;

use clap::ValueEnum;
use control::api;
use control::ask::Ask;
use control::config::DEFAULT_VRF;
use control::config::address::parse_destination;
use dataplane::drop::Drop;
use serde_json::{Map, Value};

use super::Socket;
use super::failure::Failure;
use super::table::{NONE, Table};
use super::{fib, output, srv6};

/// What can be shown.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Topic {
    /// Ports: configuration, state, packets
    Ports,
    /// Routes as configured or added
    Routes,
    /// The compiled forwarding tables
    Fib,
    /// Neighbors and their states
    Neighbors,
    /// `SRv6` SIDs
    Sids,
    /// `SRv6` policies
    Policies,
    /// What MEX did
    Mex,
    /// Everything counted
    Counters,
    /// Packets dropped, and why
    Drops,
    /// Workers and their load
    Workers,
    /// Versions of mexfwd and DPDK
    Version,
}

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    socket: Socket,
    /// What to show
    #[arg(value_enum)]
    topic: Topic,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// With fib: the figures of each table
    #[arg(long)]
    stats: bool,
    /// With fib: of this VRF alone
    #[arg(long)]
    vrf: Option<String>,
}

#[derive(clap::Args, Debug)]
pub struct LookupArguments {
    #[command(flatten)]
    socket: Socket,
    /// The destination
    #[arg(value_parser = parse_destination)]
    address: IpAddr,
    /// The VRF to look it up in
    #[arg(long, default_value = DEFAULT_VRF)]
    vrf: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Of a port, for people; the JSON has more.
const PORT_COLUMNS: [&str; 11] =
    ["name", "admin", "link", "mtu", "vrf", "mac", "rx", "tx", "rx-octets", "tx-octets", "address"];

/// Of a worker, for people; the JSON has more.
const WORKER_COLUMNS: [&str; 10] =
    ["worker", "core", "idle", "busy-ratio", "rx", "tx", "dropped", "made", "consumed", "sleeps"];

/// Shows one topic.
pub fn show(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { socket, topic, json, stats, vrf } = arguments;
    if *stats && *topic != Topic::Fib {
        return Err(Failure::bad_input("--stats goes with `show fib` alone"));
    }
    if vrf.is_some() && *topic != Topic::Fib {
        return Err(Failure::bad_input("--vrf goes with `show fib` alone"));
    }
    let word = topic.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let ask = match topic {
        Topic::Fib => Ask::Fib { vrf: vrf.clone(), stats: *stats },
        _ => Ask::Show(word),
    };
    let value = api::ask(&socket.path, &ask)?;
    if *json {
        return output::print_json(&value);
    }
    output::print(&match topic {
        Topic::Ports => list(&value, &PORT_COLUMNS),
        Topic::Routes => routes(&value),
        Topic::Fib if *stats => fib::stats(&value),
        Topic::Fib => fib::entries(&value),
        Topic::Neighbors => {
            list(&value, &["address", "port", "mac", "state", "router", "age-ms", "held", "tx"])
        }
        Topic::Workers => list(&value, &WORKER_COLUMNS),
        Topic::Sids => srv6::sids(&value),
        Topic::Policies => srv6::policies(&value),
        Topic::Drops => drops(&value),
        Topic::Counters => counters(&value),
        // What else there is may grow: whatever the daemon says, in its own words.
        Topic::Mex | Topic::Version => names_and_values(&value),
    })
}

/// Shows what a destination gets.
pub fn lookup(arguments: &LookupArguments) -> Result<(), Failure> {
    let ask = Ask::Lookup { address: arguments.address, vrf: arguments.vrf.clone() };
    let value = api::ask(&arguments.socket.path, &ask)?;
    if arguments.json {
        return output::print_json(&value);
    }
    output::print(&fib::destination(&value))
}

/// A value as a cell.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::Array(values) if values.is_empty() => NONE.to_owned(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

pub(super) fn field(value: &Value, key: &str) -> String {
    cell(value.get(key).unwrap_or(&Value::Null))
}

pub(super) fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// A list of objects, these keys.
fn list(value: &Value, keys: &[&str]) -> String {
    let mut table = Table::new(keys);
    for row in rows(value) {
        table.row(keys.iter().map(|key| field(row, key)));
    }
    table.render()
}

/// An object, one line a key.
fn names_and_values(value: &Value) -> String {
    let width = entries(value).map(|(key, _)| key.chars().count()).max().unwrap_or(0);
    entries(value).fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "{key:<width$}  {}", cell(value));
        text
    })
}

/// The next hops of a route, or what it does instead.
fn action(route: &Value) -> String {
    if let Some(action) = route.get("action") {
        return cell(action);
    }
    if let Some(policy) = route.get("policy") {
        return format!("policy {}", cell(policy));
    }
    let hops = rows(route.get("via").unwrap_or(&Value::Null)).map(|hop| {
        let mut words = Vec::new();
        if let Some(address) = hop.get("address").and_then(Value::as_str) {
            words.push(format!("via {address}"));
        }
        words.push(format!("dev {}", field(hop, "port")));
        if hop.get("weight").and_then(Value::as_u64) != Some(1) {
            words.push(format!("weight {}", field(hop, "weight")));
        }
        if hop.get("state").and_then(Value::as_str) == Some("down") {
            words.push("(down)".to_owned());
        }
        words.join(" ")
    });
    hops.collect::<Vec<_>>().join(", ")
}

fn routes(value: &Value) -> String {
    let mut table = Table::new(&["prefix", "vrf", "next hop"]);
    for route in rows(value) {
        table.row([field(route, "prefix"), field(route, "vrf"), action(route)]);
    }
    table.render()
}

fn clause(name: &str) -> &'static str {
    Drop::ALL.iter().find(|reason| reason.name() == name).map_or(NONE, |reason| reason.clause())
}

fn drops(value: &Value) -> String {
    let mut table = Table::new(&["reason", "packets", "clause"]);
    for (name, count) in entries(value) {
        table.row([name.clone(), cell(count), clause(name).to_owned()]);
    }
    table.render()
}

/// Totals first, then each group that has counted anything.
fn counters(value: &Value) -> String {
    let mut totals = Table::new(&["total", "packets"]);
    let mut groups = Table::new(&["group", "name", "packets"]);
    for (key, value) in entries(value) {
        match value {
            Value::Object(group) if ["ports", "sids", "policies"].contains(&key.as_str()) => {
                for (port, counts) in group {
                    for (name, count) in entries(counts) {
                        groups.row([key.clone(), format!("{port} {name}"), cell(count)]);
                    }
                }
            }
            Value::Object(group) => {
                for (name, count) in group.iter().filter(|(_, count)| count.as_u64() != Some(0)) {
                    groups.row([key.clone(), name.clone(), cell(count)]);
                }
            }
            total => totals.row([key.clone(), cell(total)]),
        }
    }
    format!("{}\n{}", totals.render(), groups.render())
}
