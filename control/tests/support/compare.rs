//! Compares what came out with what lies in the folder.

use std::collections::BTreeMap;

use serde_json::Value;

use super::capture::{Capture, ETHERNET, Record, parse};
use super::case::{Case, Expected};
use super::fields;
use super::labels::Labels;
use super::replay::Outcome;

/// Differing packets printed in full; the rest is counted.
const PRINTED_MAX: usize = 3;
const ETHERNET_OCTETS: usize = 14;

/// The summary holds what expect.json says, adds up, and counts what the captures hold.
pub fn summary(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let summary = &outcome.summary;
    let number =
        |key: &str| summary.get(key).and_then(Value::as_u64).ok_or_else(|| format!("summary: no {key:?}"));
    let (received, made) = (number("received")?, number("made")?);
    let (sent, dropped, consumed) = (number("sent")?, number("dropped")?, number("consumed")?);
    let mut wrong = Vec::new();
    if received + made != sent + dropped + consumed {
        wrong.push(format!(
            "received {received} + made {made} != sent {sent} + dropped {dropped} + consumed {consumed}"
        ));
    }
    let reasons: u64 = summary
        .get("drops")
        .and_then(Value::as_object)
        .map_or(0, |drops| drops.values().filter_map(Value::as_u64).sum());
    if reasons != dropped {
        wrong.push(format!("the drops by reason add up to {reasons}, dropped is {dropped}"));
    }
    for port in &case.ports {
        let input = case.inputs.iter().find(|(name, _)| name == port);
        // Another kind of input file (pcapng, nanoseconds) is counted by the totals alone.
        let read = input.map(|(_, path)| super::read(path)).transpose()?.map(|octets| parse(&octets));
        let output = outcome.captures.get(port).ok_or_else(|| format!("no capture of {port}"))?;
        let tx = parse(output).map_err(|e| format!("out {port}: {e}"))?.records.len();
        let rx = match read {
            None => Some(0),
            Some(capture) => capture.ok().map(|c| c.records.len()),
        };
        if let Some(rx) = rx {
            subset_at(
                &format!("ports.{port}.rx"),
                Some(&rx.into()),
                port_count(summary, port, "rx"),
                &mut wrong,
            );
        }
        subset_at(&format!("ports.{port}.tx"), Some(&tx.into()), port_count(summary, port, "tx"), &mut wrong);
    }
    let mut expect = case.expect.clone();
    if let Some(object) = expect.as_object_mut() {
        // What the runner itself reads: see `shared` and `labels`.
        object.remove("ethernet");
        object.remove("one-path-per");
        object.remove("flow-labels");
    }
    subset_at("", Some(&expect), Some(summary), &mut wrong);
    if wrong.is_empty() { Ok(()) } else { Err(format!("summary: {}\n    {summary}", wrong.join("; "))) }
}

fn port_count<'a>(summary: &'a Value, port: &str, key: &str) -> Option<&'a Value> {
    summary.get("ports")?.get(port)?.get(key)
}

/// Objects may hold more than expected; a counter that is absent counts as 0.
fn subset_at(path: &str, want: Option<&Value>, have: Option<&Value>, wrong: &mut Vec<String>) {
    match (want, have) {
        (Some(Value::Object(want)), have) => {
            for (key, value) in want {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                subset_at(&path, Some(value), have.and_then(|h| h.get(key)), wrong);
            }
        }
        (Some(want), None) if want.as_u64() == Some(0) => {}
        (Some(want), Some(have)) if want == have => {}
        (Some(want), have) => wrong.push(format!("{path} is {}, not {want}", have.unwrap_or(&Value::Null))),
        (None, _) => {}
    }
}

/// Every expected capture against what came out.
pub fn captures(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let mut wrong = String::new();
    let mut labels = Labels::of(&case.expect);
    for expected in &case.outputs {
        let want =
            parse(&super::read(&expected.file)?).map_err(|e| format!("{}: {e}", expected.file.display()))?;
        let mut have = BTreeMap::new();
        for port in &expected.ports {
            let octets = outcome.captures.get(port).ok_or_else(|| format!("no capture of {port}"))?;
            let capture = parse(octets).map_err(|e| format!("out {port}: {e}"))?;
            if capture.link_type != ETHERNET {
                return Err(format!("out {port}: link type {}, not Ethernet", capture.link_type));
            }
            have.insert(port.clone(), capture);
        }
        let difference = match (have.len(), have.values().next()) {
            (1, Some(only)) => {
                let (filled, problems) = labels.fill(&want.records, &only.records);
                problems + &records(&filled, &only.records)
            }
            _ => shared(case, expected, &want, &have)?,
        };
        if !difference.is_empty() {
            wrong += &format!("\n  out {}:{difference}", expected.ports.join("+"));
        }
    }
    wrong += &labels.spread();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// The same packets in the same order, whichever of the ports each took; one path for each flow; every path
/// used.
fn shared(
    case: &Case,
    expected: &Expected,
    want: &Capture,
    have: &BTreeMap<String, Capture>,
) -> Result<String, String> {
    let mut wrong = String::new();
    let mut merged = Vec::new();
    let mut paths: BTreeMap<Vec<u8>, &str> = BTreeMap::new();
    for port in &expected.ports {
        let ethernet = case.expect.get("ethernet").and_then(|e| e.get(port)).and_then(Value::as_str);
        let ethernet = ethernet.ok_or_else(|| format!("expect.json: no \"ethernet\" header for {port}"))?;
        let sent = &have[port].records;
        if sent.is_empty() {
            wrong += &format!("\n    nothing left by {port}: the flows do not spread");
        }
        let head = |record: &Record| hex(record.frame.get(..ETHERNET_OCTETS).unwrap_or(&record.frame));
        if let Some(other) = sent.iter().map(head).find(|head| head != ethernet) {
            wrong += &format!("\n    {port}: Ethernet header {other} instead of {ethernet}");
        }
        for record in sent {
            let (head, packet) = record.frame.split_at(ETHERNET_OCTETS.min(record.frame.len()));
            // Flow label, source, destination.
            let flow =
                [packet.get(1..4), packet.get(8..40)].into_iter().flatten().collect::<Vec<_>>().concat();
            let path = paths.entry(flow).or_insert(port);
            if path != port {
                wrong += &format!("\n    one flow takes both {path} and {port}");
            }
            let frame = [&[0; 12], head.get(12..).unwrap_or_default(), packet].concat();
            merged.push(Record { time_us: record.time_us, frame });
        }
    }
    merged.sort_by_key(|record| record.time_us);
    Ok(wrong + &records(&want.records, &merged))
}

/// Two runs left the same captures and the same summary.
pub fn same(one: &Outcome, other: &Outcome) -> Result<(), String> {
    for (port, octets) in &one.captures {
        let again = other.captures.get(port).ok_or_else(|| format!("no capture of {port}"))?;
        if octets != again {
            let (a, b) = (parse(octets)?, parse(again)?);
            return Err(format!(
                "out {port} differs from the default burst:{}",
                records(&a.records, &b.records)
            ));
        }
    }
    if one.summary == other.summary {
        Ok(())
    } else {
        Err(format!("the summary differs:\n    {}\n    {}", one.summary, other.summary))
    }
}

/// Empty when equal; otherwise the first differences, readable.
fn records(want: &[Record], have: &[Record]) -> String {
    let mut text = String::new();
    if want.len() != have.len() {
        text += &format!("\n    {} packets instead of {}", have.len(), want.len());
    }
    let mut differing = 0;
    for index in 0..want.len().max(have.len()) {
        let (want, have) = (want.get(index), have.get(index));
        if want == have {
            continue;
        }
        differing += 1;
        if differing <= PRINTED_MAX {
            text += &format!("\n    packet {}: {}", index + 1, difference(want, have));
        }
    }
    if differing > PRINTED_MAX {
        text += &format!("\n    … and {} packets more", differing - PRINTED_MAX);
    }
    text
}

fn difference(want: Option<&Record>, have: Option<&Record>) -> String {
    let (want, have) = match (want, have) {
        (Some(want), Some(have)) => (want, have),
        (Some(want), None) => return format!("missing\n{}", fields::dump(&want.frame, None)),
        (None, Some(have)) => return format!("not expected\n{}", fields::dump(&have.frame, None)),
        (None, None) => return String::new(),
    };
    let mut text = String::new();
    if want.time_us != have.time_us {
        text += &format!("time {} us instead of {} us; ", have.time_us, want.time_us);
    }
    if want.frame.len() != have.frame.len() {
        text += &format!("{} octets instead of {}; ", have.frame.len(), want.frame.len());
    }
    if want.frame != have.frame {
        text += &format!("\n{}", fields::dump(&want.frame, Some(&have.frame)));
    }
    text
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(time_us: u64, frame: &[u8]) -> Record {
        Record { time_us, frame: frame.to_vec() }
    }

    #[test]
    fn every_kind_of_difference_is_one() {
        let want = [record(1, &[0; 60]), record(2, &[1; 60])];
        assert_eq!(records(&want, &want), "");
        let mut octet = want.clone();
        octet[1].frame[20] ^= 1;
        let mut length = want.clone();
        length[0].frame.push(0);
        let mut time = want.clone();
        time[0].time_us += 1;
        let mut order = want.clone();
        order.swap(0, 1);
        for other in [&octet[..], &length, &time, &order, &want[..1], &[]] {
            assert_ne!(records(&want, other), "");
            assert_ne!(records(other, &want), "");
        }
    }

    #[test]
    fn a_subset_is_compared_by_value_and_an_absent_counter_is_zero() {
        let wrong = |want: Value, have: Value| {
            let mut wrong = Vec::new();
            subset_at("", Some(&want), Some(&have), &mut wrong);
            wrong.len()
        };
        assert_eq!(wrong(json!({"a": {"b": 1}}), json!({"a": {"b": 1, "c": 2}, "d": 3})), 0);
        assert_eq!(wrong(json!({"a": {"b": 1}}), json!({"a": {"b": 2}})), 1);
        assert_eq!(wrong(json!({"a": {"b": 1}, "d": 2}), json!({})), 2);
        assert_eq!(wrong(json!({"a": 0}), json!({})), 0);
    }
}
