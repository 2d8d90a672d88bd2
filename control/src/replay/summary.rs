//! A replay's summary for people.

use std::fmt::Write as _;

use serde_json::Value;

/// The summary that [`super::run`] returned, as a table.
pub fn summary_text(summary: &Value) -> String {
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    let mut text = format!("{:<20} {:>12} {:>12}\n", "port", "received", "sent");
    for (name, port) in summary.get("ports").and_then(Value::as_object).into_iter().flatten() {
        let _ = writeln!(text, "{name:<20} {:>12} {:>12}", number(port, "rx"), number(port, "tx"));
    }
    for (title, key) in [("dropped", "drops"), ("mex", "mex")] {
        let counts = summary.get(key).and_then(Value::as_object).into_iter().flatten();
        for (name, count) in counts.filter(|(_, count)| count.as_u64() != Some(0)) {
            let _ = writeln!(text, "{title:<20} {name:<20} {:>5}", count.as_u64().unwrap_or(0));
        }
    }
    for (title, key) in [("sid", "sids"), ("policy", "policies")] {
        let counts = summary.get(key).and_then(Value::as_object).into_iter().flatten();
        for (name, count) in counts.filter(|(_, count)| number(count, "packets") != 0) {
            let _ = writeln!(text, "{title:<20} {name:<24} {:>7} packets", number(count, "packets"));
        }
    }
    let _ = writeln!(
        text,
        "received {} + made {} = sent {} + dropped {} + consumed {}",
        number(summary, "received"),
        number(summary, "made"),
        number(summary, "sent"),
        number(summary, "dropped"),
        number(summary, "consumed"),
    );
    text
}
