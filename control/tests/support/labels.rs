//! Flow labels that the node computes (RFC 6437, RFC 8986 5.1): which number comes is its own business, so an expected
//! capture holds a placeholder for each flow, and what came is held to the rules: never 0, one for each flow, spread.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::capture::Record;

/// The placeholder of the first flow; those of the others follow. `expect.json` says how many under `flow-labels`.
const FIRST: u32 = 0xf1000;
/// From so many flows on, one label for all of them is no hash.
const SPREAD_FLOWS: usize = 8;
/// Offset of the label's first octet in an Ethernet frame that carries IPv6.
const LABEL_AT: usize = 14 + 1;

/// The labels seen in one run.
pub struct Labels {
    flows: u32,
    seen: BTreeMap<u32, u32>,
}

impl Labels {
    /// For a case with this `expect.json`.
    pub fn of(expect: &Value) -> Labels {
        let flows = expect.get("flow-labels").and_then(Value::as_u64).unwrap_or(0);
        Labels { flows: u32::try_from(flows).unwrap_or(0), seen: BTreeMap::new() }
    }

    /// What is expected, with the labels that came in place of the placeholders, and what is wrong with them.
    pub fn fill(&mut self, want: &[Record], have: &[Record]) -> (Vec<Record>, String) {
        let mut wrong = String::new();
        let mut filled = want.to_vec();
        for (index, (record, came)) in filled.iter_mut().zip(have).enumerate() {
            let Some(placeholder) = label(&record.frame).filter(|l| (FIRST..FIRST + self.flows).contains(l))
            else {
                continue;
            };
            let Some(label) = label(&came.frame) else { continue };
            let first = *self.seen.entry(placeholder).or_insert(label);
            if label == 0 {
                wrong += &format!("\n    packet {}: flow label 0", index + 1);
            } else if label != first {
                let flow = placeholder - FIRST;
                wrong +=
                    &format!("\n    packet {}: flow {flow} has labels {first:#x} and {label:#x}", index + 1);
            }
            set_label(&mut record.frame, label);
        }
        (filled, wrong)
    }

    /// Empty when the labels differ from flow to flow; call it behind the last capture.
    pub fn spread(&self) -> String {
        let distinct: BTreeSet<_> = self.seen.values().collect();
        if self.seen.len() >= SPREAD_FLOWS && distinct.len() == 1 {
            format!("\n    {} flows have one flow label", self.seen.len())
        } else {
            String::new()
        }
    }
}

/// The flow label of an IPv6 frame.
fn label(frame: &[u8]) -> Option<u32> {
    let octets: [u8; 3] = *frame.get(LABEL_AT..)?.first_chunk()?;
    let is_ipv6 = frame.get(12..14) == Some(&[0x86, 0xdd]);
    is_ipv6.then(|| u32::from_be_bytes([0, octets[0] & 0xf, octets[1], octets[2]]))
}

fn set_label(frame: &mut [u8], label: u32) {
    let [_, high, middle, low] = label.to_be_bytes();
    if let Some(octets) = frame.get_mut(LABEL_AT..LABEL_AT + 3) {
        octets[0] = octets[0] & 0xf0 | high;
        octets[1..].copy_from_slice(&[middle, low]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(label: u32) -> Record {
        let mut frame = vec![0u8; 60];
        frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        frame[LABEL_AT] = 0xb0;
        set_label(&mut frame, label);
        Record { time_us: 1, frame }
    }

    fn run(flows: u32, want: &[u32], have: &[u32]) -> (bool, bool) {
        let mut labels = Labels::of(&json!({ "flow-labels": flows }));
        let want: Vec<_> = want.iter().map(|l| record(*l)).collect();
        let have: Vec<_> = have.iter().map(|l| record(*l)).collect();
        let (filled, wrong) = labels.fill(&want, &have);
        (wrong.is_empty() && labels.spread().is_empty(), filled == have)
    }

    #[test]
    fn a_placeholder_takes_any_label_but_0_and_the_same_for_the_same_flow() {
        assert_eq!(run(2, &[FIRST, FIRST + 1, FIRST], &[7, 8, 7]), (true, true));
        assert_eq!(run(2, &[FIRST, FIRST + 1, FIRST], &[7, 7, 7]), (true, true));
        assert_eq!(run(2, &[FIRST, FIRST], &[7, 8]), (false, true));
        assert_eq!(run(1, &[FIRST], &[0]), (false, true));
        // A label beyond the placeholders is expected as it stands.
        assert_eq!(run(1, &[FIRST + 1], &[7]), (true, false));
        assert_eq!(run(0, &[FIRST], &[7]), (true, false));
    }

    #[test]
    fn many_flows_with_one_label_are_no_hash() {
        let flows: Vec<_> = (FIRST..FIRST + 8).collect();
        assert!(!run(8, &flows, &[7; 8]).0);
        assert!(run(8, &flows, &[7, 7, 7, 7, 7, 7, 7, 9]).0);
    }
}
