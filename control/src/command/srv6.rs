//! The commands about SIDs and policies: grammar, and the words of them.
//!
//! What follows the name may be in any order, except that `weight` and `preference` speak of the `segments` before them.

use std::fmt::{self, Write as _};
use std::net::Ipv6Addr;

use super::Command;
use super::grammar::{Parsed, VERBS, Verb, Words};
use crate::config::limits::{BLOCK_BITS, CSID_BITS, FLOW_LABEL, HMAC_KEY_ID, PREFERENCE, WEIGHT};
use crate::config::quoted;
use crate::config::srv6::{
    Behavior, CandidatePath, Flavors, FlowLabel, HmacMode, HopLimit, Mode, Needs, Policy, SegmentList, Sid,
    SidText, TrafficClass, Via,
};

/// The words that a SID's command knows.
const SID_WORDS: [&str; 9] =
    ["behavior", "flavors", "via", "dev", "vrf", "policy", "hmac", "block-length", "csid-length"];

/// The words that a policy's command knows.
const POLICY_WORDS: [&str; 10] = [
    "mode",
    "source",
    "binding-sid",
    "segments",
    "weight",
    "preference",
    "hmac-key",
    "hop-limit",
    "traffic-class",
    "flow-label",
];

/// Each word once, but for those of segment lists.
fn once(words: &Words<'_>, seen: &mut Vec<String>, word: &str) -> Parsed<()> {
    if seen.iter().any(|before| before == word) {
        return words.wrong(format!("\"{word}\" is given twice; remove one"));
    }
    seen.push(word.to_owned());
    Ok(())
}

fn sid_text(words: &mut Words<'_>) -> Parsed<SidText> {
    let word = words.take("a SID")?;
    word.parse().or_else(|message: String| words.wrong(message))
}

pub(super) fn sid(words: &mut Words<'_>) -> Parsed<Command> {
    let verb = words.one_of(&VERBS)?;
    let sid = sid_text(words)?;
    if verb == Verb::Del {
        // What else it was is no part of what it is known by.
        while words.peek().is_some() {
            words.take("a word")?;
        }
        return Ok(Command::SidDel { sid });
    }
    let (mut behavior, mut address, mut dev, mut seen) = (None, None, None, Vec::new());
    let mut rest = Sid {
        sid,
        behavior: Behavior::End,
        flavors: Flavors::default(),
        via: None,
        vrf: None,
        port: None,
        policy: None,
        hmac: HmacMode::Ignore,
        block_length: None,
        csid_length: None,
    };
    while words.peek().is_some() {
        let word = words.take("a word")?;
        once(words, &mut seen, word)?;
        match word {
            "behavior" => behavior = Some(words.one_of(&Behavior::NAMES)?),
            "flavors" => rest.flavors = flavors(words)?,
            "via" => address = Some(words.next_hop_address()?),
            "dev" => dev = Some(words.name("port")?),
            "vrf" => rest.vrf = Some(words.name("VRF")?),
            "policy" => rest.policy = Some(words.name("policy")?),
            "hmac" => rest.hmac = words.one_of(&HmacMode::NAMES)?,
            "block-length" => rest.block_length = Some(words.integer("block-length", &BLOCK_BITS)?),
            "csid-length" => rest.csid_length = Some(words.integer("csid-length", &CSID_BITS)?),
            other => return words.unknown(other, &SID_WORDS),
        }
    }
    let Some((behavior, is_next)) = behavior else {
        return words.missing("the SID has no behavior; add behavior End, or another");
    };
    rest.behavior = behavior;
    rest.flavors.next_csid |= is_next;
    if behavior.needs() == Needs::Port && address.is_none() {
        rest.port = dev;
    } else if address.is_some() || dev.is_some() {
        rest.via = Some(Via { address, port: dev });
    }
    let rest = Box::new(rest);
    Ok(if verb == Verb::Add { Command::SidAdd(rest) } else { Command::SidReplace(rest) })
}

/// Names with commas between them.
fn flavors(words: &mut Words<'_>) -> Parsed<Flavors> {
    let list = words.take("flavors, like PSP,USD")?;
    let mut flavors = Flavors::default();
    for name in list.split(',') {
        match flavors.flag(name) {
            Some(flag) => *flag = true,
            None => return words.unknown(name, &Flavors::NAMES),
        }
    }
    Ok(flavors)
}

/// One segment list as the words give it.
struct List {
    preference: u32,
    list: SegmentList,
}

pub(super) fn policy(words: &mut Words<'_>) -> Parsed<Command> {
    let verb = words.one_of(&VERBS)?;
    let name = words.name("policy")?;
    if verb == Verb::Del {
        return Ok(Command::PolicyDel { name });
    }
    let (mut mode, mut lists, mut seen) = (None, Vec::<List>::new(), Vec::new());
    let mut policy = Policy {
        name,
        mode: Mode::Encap,
        binding_sid: None,
        source: None,
        candidate_path: Vec::new(),
        hmac_key: None,
        hop_limit: HopLimit::default(),
        traffic_class: TrafficClass::default(),
        flow_label: FlowLabel::default(),
    };
    while words.peek().is_some() {
        let word = words.take("a word")?;
        if !["segments", "weight", "preference"].contains(&word) {
            once(words, &mut seen, word)?;
        }
        match word {
            "mode" => mode = Some(words.one_of(&Mode::NAMES)?),
            "source" => policy.source = Some(address(words)?),
            "binding-sid" => policy.binding_sid = Some(sid_text(words)?),
            "segments" => lists.push(segments(words)?),
            "weight" => last(words, &mut lists, word)?.list.weight = words.integer(word, &WEIGHT)?,
            "preference" => last(words, &mut lists, word)?.preference = words.integer(word, &PREFERENCE)?,
            "hmac-key" => policy.hmac_key = Some(words.integer(word, &HMAC_KEY_ID)?),
            "hop-limit" => policy.hop_limit = hop_limit(words)?,
            "traffic-class" => policy.traffic_class = traffic_class(words)?,
            "flow-label" => policy.flow_label = flow_label(words)?,
            other => return words.unknown(other, &POLICY_WORDS),
        }
    }
    let Some(mode) = mode else {
        return words.missing("the policy has no mode; add mode encap, or another");
    };
    policy.mode = mode;
    policy.candidate_path = paths(lists);
    if policy.candidate_path.is_empty() {
        return words.missing("the policy has no segment list; add segments SID,SID,...");
    }
    let policy = Box::new(policy);
    Ok(if verb == Verb::Add { Command::PolicyAdd(policy) } else { Command::PolicyReplace(policy) })
}

/// The list that a word speaks of.
fn last<'l>(words: &Words<'_>, lists: &'l mut [List], word: &str) -> Parsed<&'l mut List> {
    match lists.last_mut() {
        Some(list) => Ok(list),
        None => words.wrong(format!("\"{word}\" speaks of the segments before it, and there are none")),
    }
}

/// Lists of one preference are one candidate path; the highest comes first.
fn paths(lists: Vec<List>) -> Vec<CandidatePath> {
    let mut paths: Vec<CandidatePath> = Vec::new();
    for List { preference, list } in lists {
        match paths.iter_mut().find(|path| path.preference == preference) {
            Some(path) => path.segment_list.push(list),
            None => paths.push(CandidatePath { preference, segment_list: vec![list] }),
        }
    }
    paths.sort_by_key(|path| std::cmp::Reverse(path.preference));
    paths
}

fn address(words: &mut Words<'_>) -> Parsed<Ipv6Addr> {
    let word = words.take("an IPv6 address")?;
    word.parse().or_else(|_| words.wrong(format!("{} is not an IPv6 address", quoted(word))))
}

fn segments(words: &mut Words<'_>) -> Parsed<List> {
    let list = words.take("segments, like fc00:0:2:100::,fc00:0:3:d6::")?;
    let mut segments = Vec::new();
    for segment in list.split(',') {
        match segment.parse() {
            Ok(segment) => segments.push(segment),
            Err(_) => return words.wrong(format!("{} is not an IPv6 address", quoted(segment))),
        }
    }
    let preference = CandidatePath::DEFAULT_PREFERENCE;
    Ok(List { preference, list: SegmentList { weight: 1, segments } })
}

fn hop_limit(words: &mut Words<'_>) -> Parsed<HopLimit> {
    if words.skip("copy") {
        return Ok(HopLimit::Copy);
    }
    Ok(HopLimit::Fixed(words.integer("hop-limit", &(1..=255))?))
}

fn traffic_class(words: &mut Words<'_>) -> Parsed<TrafficClass> {
    if words.skip("copy") {
        return Ok(TrafficClass::Copy);
    }
    Ok(TrafficClass::Fixed(words.integer("traffic-class", &(0..=255))?))
}

fn flow_label(words: &mut Words<'_>) -> Parsed<FlowLabel> {
    if words.skip("flow") {
        return Ok(FlowLabel::Flow);
    }
    if words.skip("copy") {
        return Ok(FlowLabel::Copy);
    }
    Ok(FlowLabel::Fixed(words.integer("flow-label", &FLOW_LABEL)?))
}

/// `Err` with the first fault.
fn first_fault(faults: Vec<crate::config::srv6::Fault>) -> Result<(), String> {
    faults.into_iter().next().map_or(Ok(()), |fault| Err(fault.message))
}

pub(super) fn check_sid(sid: &Sid) -> Result<(), String> {
    first_fault(sid.faults())
}

pub(super) fn check_policy(policy: &Policy) -> Result<(), String> {
    first_fault(policy.path_faults())?;
    first_fault(policy.faults())
}

/// A SID in the words that describe it.
pub(super) fn sid_words(sid: &Sid) -> String {
    let mut text = format!("{} behavior {}", sid.sid, sid.behavior);
    let flavors = sid.flavors.names();
    if !flavors.is_empty() {
        let _ = write!(text, " flavors {}", flavors.join(","));
    }
    let address = sid.via.as_ref().and_then(|via| via.address);
    let port = sid.via.as_ref().and_then(|via| via.port.as_ref()).or(sid.port.as_ref());
    let optional: [(&str, Option<&dyn fmt::Display>); 6] = [
        ("via", address.as_ref().map(|a| a as _)),
        ("dev", port.map(|p| p as _)),
        ("vrf", sid.vrf.as_ref().map(|v| v as _)),
        ("policy", sid.policy.as_ref().map(|p| p as _)),
        ("block-length", sid.block_length.as_ref().map(|b| b as _)),
        ("csid-length", sid.csid_length.as_ref().map(|c| c as _)),
    ];
    for (word, value) in optional {
        if let Some(value) = value {
            let _ = write!(text, " {word} {value}");
        }
    }
    if sid.hmac != HmacMode::Ignore {
        let _ = write!(text, " hmac {}", sid.hmac.name());
    }
    text
}

/// A policy in the words that describe it.
pub(super) fn policy_words(policy: &Policy) -> String {
    let mut text = format!("{} mode {}", policy.name, policy.mode);
    if let Some(source) = policy.source {
        let _ = write!(text, " source {source}");
    }
    if let Some(sid) = &policy.binding_sid {
        let _ = write!(text, " binding-sid {sid}");
    }
    if let Some(id) = policy.hmac_key {
        let _ = write!(text, " hmac-key {id}");
    }
    let (hops, class, label) = (policy.hop_limit, policy.traffic_class, policy.flow_label);
    if hops != HopLimit::default() {
        let _ = write!(text, " hop-limit {hops}");
    }
    if class != TrafficClass::default() {
        let _ = write!(text, " traffic-class {class}");
    }
    if label != FlowLabel::default() {
        let _ = write!(text, " flow-label {label}");
    }
    for path in &policy.candidate_path {
        for list in &path.segment_list {
            let segments: Vec<_> = list.segments.iter().map(ToString::to_string).collect();
            let _ = write!(text, " segments {}", segments.join(","));
            if list.weight != 1 {
                let _ = write!(text, " weight {}", list.weight);
            }
            if path.preference != CandidatePath::DEFAULT_PREFERENCE {
                let _ = write!(text, " preference {}", path.preference);
            }
        }
    }
    text
}

#[cfg(test)]
#[path = "srv6_tests.rs"]
mod tests;
