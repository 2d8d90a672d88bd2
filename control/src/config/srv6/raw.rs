//! The SRv6 sections as written: the right keys with values of the right type, each with its place.

use super::{FlowLabel, HmacMode, HopLimit, LocatorFormat, Mode, TrafficClass};
use crate::config::limits;
use crate::config::raw::{Text, optional};
use crate::config::report::Located;
use crate::config::section::{List, Section};

/// `Err`: it is there, of the wrong type or misspelt; that is reported.
pub(in crate::config) type Maybe<T> = Result<Option<T>, ()>;

#[derive(Default)]
pub(in crate::config) struct RawSrv6<'t> {
    pub upper_layer: Option<List<'t>>,
    pub edge_filter: Option<List<'t>>,
    pub oam: Option<RawOam<'t>>,
    pub hmac_keys: Vec<RawHmacKey<'t>>,
    pub locators: Vec<RawLocator<'t>>,
    pub sids: Vec<RawSid<'t>>,
    pub policies: Vec<RawPolicy<'t>>,
}

pub(in crate::config) struct RawOam<'t> {
    pub at: usize,
    pub rate: Option<u64>,
    pub burst: Option<u64>,
    pub capture: Maybe<Located<&'t str>>,
    pub sink: Maybe<Located<&'t str>>,
}

pub(in crate::config) struct RawHmacKey<'t> {
    pub id: Option<Located<u64>>,
    pub secret: Text<'t>,
}

pub(in crate::config) struct RawLocator<'t> {
    pub name: Text<'t>,
    pub prefix: Text<'t>,
    pub format: Option<LocatorFormat>,
}

/// Where each key of a section is.
pub(in crate::config) struct Places {
    at: usize,
    keys: Vec<(&'static str, usize)>,
}

impl Places {
    fn of(section: &Section<'_, '_>, keys: &[&'static str]) -> Self {
        let keys = keys.iter().filter_map(|key| Some((*key, section.value_at(key)?))).collect();
        Self { at: section.at, keys }
    }

    /// The place of a key's value, or of the section when it has none.
    pub fn of_key(&self, key: &str) -> usize {
        self.keys.iter().find(|(name, _)| *name == key).map_or(self.at, |(_, at)| *at)
    }
}

pub(in crate::config) struct RawSid<'t> {
    pub places: Places,
    pub sid: Text<'t>,
    pub behavior: Text<'t>,
    pub flavors: Option<List<'t>>,
    pub via: Maybe<RawVia<'t>>,
    pub vrf: Maybe<Located<&'t str>>,
    pub port: Maybe<Located<&'t str>>,
    pub policy: Maybe<Located<&'t str>>,
    pub hmac: Option<HmacMode>,
    pub block_length: Option<u64>,
    pub csid_length: Option<u64>,
}

pub(in crate::config) struct RawVia<'t> {
    pub address: Maybe<Located<&'t str>>,
    pub port: Maybe<Located<&'t str>>,
}

pub(in crate::config) struct RawPolicy<'t> {
    pub places: Places,
    pub name: Text<'t>,
    pub mode: Option<Mode>,
    pub binding_sid: Maybe<Located<&'t str>>,
    pub source: Maybe<Located<&'t str>>,
    /// `None` when the lists could not be read; that is reported then.
    pub paths: Option<Vec<RawPath<'t>>>,
    pub hmac_key: Option<Located<u64>>,
    pub hop_limit: Option<HopLimit>,
    pub traffic_class: Option<TrafficClass>,
    pub flow_label: Option<FlowLabel>,
}

pub(in crate::config) struct RawPath<'t> {
    pub preference: Option<Located<u64>>,
    pub lists: Vec<RawSegmentList<'t>>,
}

pub(in crate::config) struct RawSegmentList<'t> {
    pub weight: Option<u64>,
    pub segments: Option<List<'t>>,
}

impl<'t> RawSrv6<'t> {
    pub fn read(mut section: Section<'t, '_>) -> Self {
        let list = |word| format!("a list of sections, each written [[srv6.{word}]]");
        let mut each = |word, title, max| section.tables(word, title, max, &list(word)).unwrap_or_default();
        let locators = each("locator", "[[srv6.locator]]", limits::MAX_LOCATORS);
        let sids = each("sid", "[[srv6.sid]]", limits::MAX_SIDS);
        let policies = each("policy", "[[srv6.policy]]", limits::MAX_POLICIES);
        let keys = each("hmac-key", "[[srv6.hmac-key]]", limits::MAX_HMAC_KEYS);
        let raw = Self {
            upper_layer: section.strings("upper-layer", "a list of strings like [\"icmpv6\"]"),
            edge_filter: section.strings("edge-filter", "a list of strings like [\"5f00::/16\"]"),
            oam: section.table("oam", "[srv6.oam]").map(RawOam::read),
            hmac_keys: keys.into_iter().map(RawHmacKey::read).collect(),
            locators: locators.into_iter().map(RawLocator::read).collect(),
            sids: sids.into_iter().map(RawSid::read).collect(),
            policies: policies.into_iter().map(RawPolicy::read).collect(),
        };
        section.finish();
        raw
    }
}

impl<'t> RawOam<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let raw = Self {
            at: section.at,
            rate: section.integer("rate", limits::OAM_RATE).map(|rate| rate.value),
            burst: section.integer("burst", limits::OAM_BURST).map(|burst| burst.value),
            capture: optional(&mut section, "capture", "a string, the name of a file"),
            sink: optional(&mut section, "sink", "a string like \"[2001:db8::1]:9000\""),
        };
        section.finish();
        raw
    }
}

impl<'t> RawHmacKey<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let raw = Self {
            id: section.integer("id", limits::HMAC_KEY_ID),
            secret: section.string("secret", "a string"),
        };
        section.require("id", "id = 1");
        section.require("secret", "secret = \"...\"");
        section.finish();
        raw
    }
}

impl<'t> RawLocator<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let formats = [("full", LocatorFormat::Full), ("usid-f3216", LocatorFormat::UsidF3216)];
        let raw = Self {
            name: section.string("name", "a string"),
            prefix: section.string("prefix", "a string like \"fc00:0:1::/48\""),
            format: section.choice("format", &formats),
        };
        section.require("name", "name = \"...\"");
        section.require("prefix", "prefix = \"...\"");
        section.finish();
        raw
    }
}

/// The keys that rules for SIDs speak of.
const SID_KEYS: [&str; 10] =
    ["sid", "behavior", "flavors", "via", "vrf", "port", "policy", "hmac", "block-length", "csid-length"];

/// `hmac` of a port or SID.
pub(in crate::config) fn hmac_mode(section: &mut Section<'_, '_>) -> Option<HmacMode> {
    section.choice("hmac", &HmacMode::NAMES)
}

impl<'t> RawSid<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let expected = "a next hop, like { address = \"2001:db8:a::2\", port = \"isp-a\" }";
        let raw = Self {
            places: Places::of(&section, &SID_KEYS),
            sid: section.string("sid", "a string like \"fc00:0:1:100::\""),
            behavior: section.string("behavior", "a string like \"End.X\""),
            flavors: section.strings("flavors", "a list of strings like [\"PSP\", \"USD\"]"),
            via: section.inline("via", "a next hop", expected).map(|via| via.map(RawVia::read)),
            vrf: optional(&mut section, "vrf", "a string"),
            port: optional(&mut section, "port", "a string, the name of a [[port]]"),
            policy: optional(&mut section, "policy", "a string, the name of a [[srv6.policy]]"),
            hmac: hmac_mode(&mut section),
            block_length: section.integer("block-length", limits::BLOCK_BITS).map(|bits| bits.value),
            csid_length: section.integer("csid-length", limits::CSID_BITS).map(|bits| bits.value),
        };
        section.require("sid", "sid = \"...\"");
        section.require("behavior", "behavior = \"...\"");
        // A misspelt key is not missing too.
        let raw = Self {
            via: raw.via.and_then(|via| present(&section, "via", via)),
            vrf: raw.vrf.and_then(|vrf| present(&section, "vrf", vrf)),
            port: raw.port.and_then(|port| present(&section, "port", port)),
            policy: raw.policy.and_then(|policy| present(&section, "policy", policy)),
            ..raw
        };
        section.finish();
        raw
    }
}

/// `Err` for what is absent because its key is misspelt.
fn present<T>(section: &Section<'_, '_>, key: &str, value: Option<T>) -> Maybe<T> {
    if value.is_none() && section.is_misspelt(key) { Err(()) } else { Ok(value) }
}

impl<'t> RawVia<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let address = optional(&mut section, "address", "a string like \"2001:db8:a::2\"");
        let port = optional(&mut section, "port", "a string, the name of a [[port]]");
        let raw = Self {
            address: address.and_then(|address| present(&section, "address", address)),
            port: port.and_then(|port| present(&section, "port", port)),
        };
        section.finish();
        raw
    }
}

/// The keys that rules for policies speak of.
const POLICY_KEYS: [&str; 10] = [
    "name",
    "mode",
    "binding-sid",
    "source",
    "segment-list",
    "candidate-path",
    "hmac-key",
    "hop-limit",
    "traffic-class",
    "flow-label",
];

impl<'t> RawPolicy<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let paths = read_paths(&mut section);
        let number = |number: u64| u32::try_from(number).unwrap_or_default();
        let flow = [("flow", FlowLabel::Flow), ("copy", FlowLabel::Copy)];
        let raw = Self {
            places: Places::of(&section, &POLICY_KEYS),
            name: section.string("name", "a string"),
            mode: section.choice("mode", &Mode::NAMES),
            binding_sid: optional(&mut section, "binding-sid", "a string like \"fc00:0:1:b::\""),
            source: optional(&mut section, "source", "a string like \"2001:db8::1\""),
            paths: paths.ok().flatten(),
            hmac_key: section.integer("hmac-key", limits::HMAC_KEY_ID),
            hop_limit: section.word_or_integer("hop-limit", &[("copy", HopLimit::Copy)], 1..=255, |n| {
                HopLimit::Fixed(n as u8)
            }),
            traffic_class: section.word_or_integer(
                "traffic-class",
                &[("copy", TrafficClass::Copy)],
                0..=255,
                |n| TrafficClass::Fixed(n as u8),
            ),
            flow_label: section
                .word_or_integer("flow-label", &flow, limits::FLOW_LABEL, |n| FlowLabel::Fixed(number(n))),
        };
        section.require("name", "name = \"...\"");
        section.require("mode", "mode = \"encap\", or another");
        let source = raw.source.and_then(|source| present(&section, "source", source));
        let raw = Self { source, ..raw };
        if section.value_at("candidate-path").is_none() {
            section.require("segment-list", "segment-list = [{ segments = [\"...\"] }]");
        }
        section.finish();
        raw
    }
}

/// `segment-list`, which is one candidate path, or `candidate-path`.
fn read_paths<'t>(section: &mut Section<'t, '_>) -> Maybe<Vec<RawPath<'t>>> {
    let lists = read_lists(section);
    let example = "a list like [{ preference = 100, segment-list = [{ segments = [\"fc00:0:2:100::\"] }] }]";
    let paths = section.tables("candidate-path", "a candidate path", limits::MAX_CANDIDATE_PATHS, example);
    let (list_at, path_at) = (section.key_at("segment-list"), section.key_at("candidate-path"));
    if let (Some(list_at), Some(path_at)) = (list_at, path_at) {
        let rule =
            "segment-list is one candidate path of its own; move it into candidate-path, or remove one";
        section.problem(list_at.max(path_at), rule);
        return Err(());
    }
    if let Some(paths) = paths {
        return Ok(Some(paths.into_iter().map(RawPath::read).collect()));
    }
    Ok(lists?.map(|lists| vec![RawPath { preference: None, lists }]))
}

fn read_lists<'t>(section: &mut Section<'t, '_>) -> Maybe<Vec<RawSegmentList<'t>>> {
    let example = "a list like [{ weight = 1, segments = [\"fc00:0:2:100::\"] }]";
    let lists = section.tables("segment-list", "a segment list", limits::MAX_SEGMENT_LISTS, example);
    let Some(lists) = lists else {
        return if section.key_at("segment-list").is_some() { Err(()) } else { Ok(None) };
    };
    if let (true, Some(at)) = (lists.is_empty(), section.value_at("segment-list")) {
        section.problem(at, "segment-list is empty; list at least one");
    }
    Ok(Some(lists.into_iter().map(RawSegmentList::read).collect()))
}

impl<'t> RawPath<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let raw = Self {
            preference: section.integer("preference", limits::PREFERENCE),
            lists: read_lists(&mut section).ok().flatten().unwrap_or_default(),
        };
        section.require("segment-list", "segment-list = [{ segments = [\"...\"] }]");
        section.finish();
        raw
    }
}

impl<'t> RawSegmentList<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let raw = Self {
            weight: section.integer("weight", limits::WEIGHT).map(|weight| weight.value),
            segments: section.strings("segments", "a list of strings like [\"fc00:0:2:100::\"]"),
        };
        section.require("segments", "segments = [\"...\"]");
        section.finish();
        raw
    }
}
