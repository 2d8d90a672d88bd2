//! The result, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Footprint, MAX_BYTES, MAX_LOADED, MAX_START, Start, median};

/// Megaoctets, for people.
#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mb(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// The parts of the memory, each with its octets; the sum is the whole.
fn parts(found: &Footprint) -> [(&'static str, u64); 5] {
    let (empty, full) = (median(&found.empty), median(&found.full));
    let grown = full.resident_bytes.saturating_sub(empty.resident_bytes);
    let buffers = full.buffer_bytes.min(full.huge_bytes);
    [
        ("packet buffers, in hugepages", buffers),
        ("other hugepages: descriptor rings, room for devices", full.huge_bytes - buffers),
        (
            "program, libraries, DPDK, counters, rings (the process with one route)",
            full.resident_bytes - grown,
        ),
        ("forwarding tables of the workers", full.fib_bytes.min(grown)),
        (
            "routes as control keeps them: RIB, the table's writer, what the start left behind",
            grown.saturating_sub(full.fib_bytes),
        ),
    ]
}

/// The page of the results.
pub fn markdown(found: &Footprint, machine: &str) -> String {
    let (empty, full) = (median(&found.empty), median(&found.full));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "# Memory and start\n\n`scripts/bench footprint`: one worker, three ports (a source, two sinks); {} routes ({}), in a \
         configuration of {} MB. {machine}.\n",
        full.routes,
        found.source,
        mb(found.config_bytes)
    );
    let _ = writeln!(text, "| memory with the table | MB |\n|---|---:|");
    for (part, bytes) in parts(found) {
        let _ = writeln!(text, "| {part} | {} |", mb(bytes));
    }
    let total = full.total_bytes();
    let _ = writeln!(text, "| **all** (target: {}) | **{}** |", mb(MAX_BYTES), mb(total));
    let peak = full.peak_bytes.max(full.resident_bytes) + full.huge_bytes;
    let _ = writeln!(text, "| the most while the configuration was read | {} |", mb(peak));
    let _ = writeln!(text, "| with one route instead of the table | {} |\n", mb(empty.total_bytes()));
    if full.huge_bytes == 0 {
        let _ = writeln!(
            text,
            "No hugepages were free: packet buffers are in ordinary memory, of which only what was used counts.\n"
        );
    }
    let _ = writeln!(
        text,
        "| from the execution to the first packet forwarded | s | range | target |\n|---|---:|---:|---:|"
    );
    for (what, starts, target) in [
        ("one route", &found.empty, MAX_START),
        ("the full table, all of it in effect", &found.full, MAX_LOADED),
    ] {
        let seconds = |start: &Start| start.first_packet.as_secs_f64();
        let least = starts.iter().map(seconds).fold(f64::INFINITY, f64::min);
        let most = starts.iter().map(seconds).fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "| {what} | {:.2} | {least:.2} - {most:.2} | {} |",
            seconds(&median(starts)),
            target.as_secs()
        );
    }
    let _ = writeln!(
        text,
        "\nMedians of {} starts. Memory is what the kernel counts: ordinary pages in use (VmRSS), and hugepages. No packet \
         is received before all routes are in effect on all workers, so the first packet also says when the table is loaded.",
        found.full.len()
    );
    text
}

/// For programs.
pub fn json(found: &Footprint) -> Value {
    let one = |start: &Start| {
        json!({
            "routes": start.routes,
            "first_packet_s": start.first_packet.as_secs_f64(),
            "resident_bytes": start.resident_bytes,
            "peak_bytes": start.peak_bytes,
            "huge_bytes": start.huge_bytes,
            "packet_buffer_bytes": start.buffer_bytes,
            "fib_bytes": start.fib_bytes,
            "total_bytes": start.total_bytes(),
        })
    };
    let all = |starts: &[Start]| starts.iter().map(one).collect::<Vec<_>>();
    json!({
        "table": found.source,
        "config_bytes": found.config_bytes,
        "empty": one(&median(&found.empty)),
        "full": one(&median(&found.full)),
        "parts": parts(found).into_iter().map(|(part, bytes)| (part.to_owned(), json!(bytes))).collect::<serde_json::Map<_, _>>(),
        "starts": { "empty": all(&found.empty), "full": all(&found.full) },
        "targets": { "total_bytes": MAX_BYTES, "first_packet_s": MAX_START.as_secs(), "loaded_s": MAX_LOADED.as_secs() },
        "missed": found.missed(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_parts_are_the_whole() {
        let empty = Start { resident_bytes: 60, huge_bytes: 90, buffer_bytes: 50, ..Start::default() };
        let full =
            Start { resident_bytes: 100, fib_bytes: 10, first_packet: Duration::from_millis(700), ..empty };
        let found =
            Footprint { source: "t".to_owned(), config_bytes: 5, empty: vec![empty], full: vec![full] };
        assert_eq!(parts(&found).map(|(_, bytes)| bytes), [50, 40, 60, 10, 30]);
        assert_eq!(full.total_bytes(), 190);
        let page = markdown(&found, "A machine");
        assert!(page.contains("| the full table, all of it in effect | 0.70 | 0.70 - 0.70 | 5 |"), "{page}");
        assert_eq!(json(&found)["full"]["total_bytes"], 190);
    }
}
