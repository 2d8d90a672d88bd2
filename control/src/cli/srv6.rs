//! SIDs and policies for people.

use serde_json::Value;

use super::show::{cell, field, rows};
use super::table::Table;

/// What a SID leads to, in the words of the commands.
fn leads_to(sid: &Value) -> String {
    let mut words = Vec::new();
    if let Some(via) = sid.get("via") {
        words.push(format!("via {} dev {}", field(via, "address"), field(via, "port")));
        if via.get("state").and_then(Value::as_str) == Some("down") {
            words.push("(down)".to_owned());
        }
    }
    for (key, word) in [("vrf", "vrf"), ("port", "dev"), ("policy", "policy"), ("hmac", "hmac")] {
        if let Some(value) = sid.get(key) {
            words.push(format!("{word} {}", cell(value)));
        }
    }
    words.join(" ")
}

fn joined(value: &Value, key: &str) -> String {
    let words: Vec<_> = rows(value.get(key).unwrap_or(&Value::Null)).map(cell).collect();
    words.join(",")
}

/// One line a SID.
pub fn sids(value: &Value) -> String {
    let mut table = Table::new(&["sid", "behavior", "flavors", "leads to", "packets", "octets"]);
    for sid in rows(value) {
        let (sid_text, behavior) = (field(sid, "sid"), field(sid, "behavior"));
        let (packets, octets) = (field(sid, "packets"), field(sid, "octets"));
        table.row([sid_text, behavior, joined(sid, "flavors"), leads_to(sid), packets, octets]);
    }
    table.render()
}

/// One line a segment list.
pub fn policies(value: &Value) -> String {
    let titles =
        ["policy", "mode", "binding sid", "path", "state", "weight", "segments", "packets", "octets"];
    let mut table = Table::new(&titles);
    for policy in rows(value) {
        for path in rows(policy.get("candidate-path").unwrap_or(&Value::Null)) {
            for list in rows(path.get("segment-list").unwrap_or(&Value::Null)) {
                let is_valid = list.get("state").and_then(Value::as_str) == Some("valid");
                let state = if is_valid { field(path, "state") } else { "invalid".to_owned() };
                table.row([
                    field(policy, "name"),
                    field(policy, "mode"),
                    field(policy, "binding-sid"),
                    field(path, "preference"),
                    state,
                    field(list, "weight"),
                    joined(list, "segments"),
                    field(list, "packets"),
                    field(list, "octets"),
                ]);
            }
        }
    }
    table.render()
}
