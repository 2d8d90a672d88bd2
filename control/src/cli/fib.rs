//! Forwarding tables for people: entries, figures, and the way of one address.

use std::fmt::Write;

use serde_json::Value;

use super::show::{cell, entries as pairs, field, rows};
use super::table::{NONE, Table};

/// The next hop of an entry: what its packets get.
fn next_hop(entry: &Value) -> String {
    let hops = rows(entry.get("via").unwrap_or(&Value::Null)).map(|hop| {
        let mut text = format!("via {} dev {}", field(hop, "next-hop"), field(hop, "port"));
        if let Some(weight) = hop.get("weight") {
            let _ = write!(text, " weight {}", cell(weight));
        }
        if hop.get("state").and_then(Value::as_str) == Some("down") {
            text.push_str(" (down)");
        }
        text
    });
    let hops = hops.collect::<Vec<_>>().join(", ");
    let mut text = match entry.get("result").and_then(Value::as_str) {
        Some("forward") => hops,
        Some("on-link") => format!("on-link dev {}", field(entry, "port")),
        Some("sid") => format!("sid {} behavior {}", field(entry, "sid"), field(entry, "behavior")),
        Some("policy") => format!("policy {}", field(entry, "policy")),
        result => result.unwrap_or(NONE).to_owned(),
    };
    if let Some(site) = entry.get("mex-site") {
        let _ = write!(text, " (mex-site {})", cell(site));
    }
    text
}

/// Every entry of every table.
pub fn entries(value: &Value) -> String {
    let mut table = Table::new(&["prefix", "vrf", "next hop"]);
    for vrf in rows(value) {
        for entry in rows(vrf.get("entries").unwrap_or(&Value::Null)) {
            table.row([field(entry, "prefix"), field(vrf, "vrf"), next_hop(entry)]);
        }
    }
    table.render()
}

/// Figures of a table, for people: key in JSON, and what it is.
const FIGURES: [(&str, &str); 12] = [
    ("routes", "entries"),
    ("memory-bytes", "memory, octets"),
    ("front-bytes", "  of the front"),
    ("node-bytes", "  of trees, nodes and pages"),
    ("route-bytes", "routes in order (control), octets"),
    ("reserved-bytes", "address space, octets"),
    ("retired-nodes", "nodes that wait for a grace period"),
    ("waiting", "changes that wait for workers"),
    ("next-hops", "next hops (all VRFs)"),
    ("intervals", "intervals"),
    ("merged-intervals", "intervals, equal neighbors merged"),
    ("merge-ratio", "merge ratio"),
];

/// Figures of every table: sizes, then entries by steps of a lookup and by length.
pub fn stats(value: &Value) -> String {
    let mut parts = Vec::new();
    for vrf in rows(value) {
        let mut text = format!("vrf {}\n", field(vrf, "vrf"));
        let width = FIGURES.iter().map(|(_, name)| name.len()).max().unwrap_or(0);
        for (key, name) in FIGURES {
            let _ = writeln!(text, "  {name:<width$}  {}", field(vrf, key));
        }
        text.push_str(&histogram("steps", vrf.get("depths")));
        text.push_str(&histogram("length", vrf.get("lengths")));
        parts.push(text);
    }
    parts.join("\n")
}

/// Entries by a number.
fn histogram(title: &str, counts: Option<&Value>) -> String {
    let mut counts: Vec<(u64, &Value)> = counts
        .into_iter()
        .flat_map(pairs)
        .filter_map(|(key, count)| Some((key.parse().ok()?, count)))
        .collect();
    if counts.is_empty() {
        return String::new();
    }
    counts.sort_unstable_by_key(|(key, _)| *key);
    let mut table = Table::new(&[title, "entries"]);
    for (key, count) in counts {
        table.row([key.to_string(), cell(count)]);
    }
    table.render().lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "  {line}");
        text
    })
}

/// What a destination gets.
pub fn destination(value: &Value) -> String {
    let mut text = format!(
        "{} vrf {}: {}, route {}\n",
        field(value, "address"),
        field(value, "vrf"),
        value.get("result").map_or_else(|| "mex-site".to_owned(), cell),
        field(value, "route")
    );
    let _ = writeln!(
        text,
        "  entry {}, next-hop id {}, {} steps",
        field(value, "entry"),
        field(value, "next-hop-id"),
        field(value, "steps")
    );
    if let Some(covering) = value.get("covering").filter(|covering| covering.is_object()) {
        let _ = writeln!(text, "  covered by {}: {}", field(covering, "prefix"), next_hop(covering));
    }
    for key in ["port", "mex-site", "sid", "behavior", "policy"] {
        if let Some(value) = value.get(key) {
            let _ = writeln!(text, "  {key} {}", cell(value));
        }
    }
    for hop in rows(value.get("via").unwrap_or(&Value::Null)) {
        let weight = hop.get("weight").map(|weight| format!(" weight {weight}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "  via {} dev {}{weight}: to {} from {}, mtu {}, {}",
            field(hop, "next-hop"),
            field(hop, "port"),
            field(hop, "mac"),
            field(hop, "source-mac"),
            field(hop, "mtu"),
            field(hop, "state"),
        );
    }
    text
}
