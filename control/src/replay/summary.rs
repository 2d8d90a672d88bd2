//! A replay's summary for people.

use serde_json::Value;

/// Prints the summary that [`super::run`] returned.
pub fn print_summary(summary: &Value) {
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    println!("{:<20} {:>12} {:>12}", "port", "received", "sent");
    for (name, port) in summary.get("ports").and_then(Value::as_object).into_iter().flatten() {
        println!("{name:<20} {:>12} {:>12}", number(port, "rx"), number(port, "tx"));
    }
    for (title, key) in [("dropped", "drops"), ("mex", "mex")] {
        let counts = summary.get(key).and_then(Value::as_object).into_iter().flatten();
        for (name, count) in counts.filter(|(_, count)| count.as_u64() != Some(0)) {
            println!("{title:<20} {name:<20} {:>5}", count.as_u64().unwrap_or(0));
        }
    }
    println!(
        "received {} + made {} = sent {} + dropped {} + consumed {}",
        number(summary, "received"),
        number(summary, "made"),
        number(summary, "sent"),
        number(summary, "dropped"),
        number(summary, "consumed"),
    );
}
