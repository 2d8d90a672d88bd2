//! One SRv6 policy (RFC 9256): what it does to a packet, and the segment lists it does it with.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Fault, HmacKey, SidText};
use crate::config::address::{is_link_local, unicast_problem};
use crate::config::limits::{FLOW_LABEL, MAX_CANDIDATE_PATHS, MAX_SEGMENT_LISTS, MAX_SEGMENTS};
use crate::config::validate::name_problem;
use crate::config::{Prefix, quoted};

/// `mode`: what a policy does to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are the configuration's own")]
pub enum Mode {
    Encap,
    EncapRed,
    Insert,
    InsertRed,
    L2Encap,
    L2EncapRed,
}

impl Mode {
    /// The words of the configuration.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("encap", Self::Encap),
        ("encap-red", Self::EncapRed),
        ("insert", Self::Insert),
        ("insert-red", Self::InsertRed),
        ("l2-encap", Self::L2Encap),
        ("l2-encap-red", Self::L2EncapRed),
    ];

    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| name)
    }

    /// Whether it inserts a header instead of pushing a packet around.
    pub const fn is_insert(self) -> bool {
        matches!(self, Self::Insert | Self::InsertRed)
    }

    /// Whether it takes Ethernet frames.
    pub const fn is_l2(self) -> bool {
        matches!(self, Self::L2Encap | Self::L2EncapRed)
    }

    /// Whether the first segment is in the destination only.
    pub const fn is_reduced(self) -> bool {
        matches!(self, Self::EncapRed | Self::InsertRed | Self::L2EncapRed)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that stands beside numbers: `"copy"`, `"flow"`.
macro_rules! word_or_number {
    ($name:ident, $number:ty, $variant:ident, { $($word:literal => $of:ident),+ }) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::$variant(number) => number.fmt(f),
                    $(Self::$of => f.write_str($word),)+
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::$variant(number) => number.serialize(serializer),
                    $(Self::$of => serializer.serialize_str($word),)+
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Written {
                    Number($number),
                    Word(String),
                }
                match Written::deserialize(deserializer)? {
                    Written::Number(number) => Ok(Self::$variant(number)),
                    Written::Word(word) => match word.as_str() {
                        $($word => Ok(Self::$of),)+
                        other => Err(de::Error::unknown_variant(other, &[$($word),+])),
                    },
                }
            }
        }
    };
}

/// `hop-limit` of the outer header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopLimit {
    /// The inner one, after it was decremented.
    Copy,
    /// Always this, not 0.
    Fixed(u8),
}

impl Default for HopLimit {
    fn default() -> Self {
        Self::Fixed(64)
    }
}

/// `traffic-class` of the outer header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrafficClass {
    /// The inner one; 0 for a frame.
    #[default]
    Copy,
    /// Always this.
    Fixed(u8),
}

/// `flow-label` of the outer header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlowLabel {
    /// A hash of the inner flow, never 0.
    #[default]
    Flow,
    /// The inner one where it is not 0, else as [`FlowLabel::Flow`].
    Copy,
    /// Always this, 20 bits, not 0.
    Fixed(u32),
}

word_or_number!(HopLimit, u8, Fixed, { "copy" => Copy });
word_or_number!(TrafficClass, u8, Fixed, { "copy" => Copy });
word_or_number!(FlowLabel, u32, Fixed, { "flow" => Flow, "copy" => Copy });

/// One segment list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SegmentList {
    /// Its share among the lists of its candidate path, 1 to 255.
    #[serde(default = "default_weight")]
    pub weight: u8,
    /// The segments in the order of travel, 1 to [`MAX_SEGMENTS`].
    pub segments: Vec<Ipv6Addr>,
}

const fn default_weight() -> u8 {
    1
}

/// One candidate path (RFC 9256, 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CandidatePath {
    /// The valid path of the highest preference is used (RFC 9256, 2.7); unique in a policy.
    #[serde(default = "default_preference")]
    pub preference: u32,
    /// At least one.
    pub segment_list: Vec<SegmentList>,
}

const fn default_preference() -> u32 {
    CandidatePath::DEFAULT_PREFERENCE
}

impl CandidatePath {
    /// Preference when nothing is said (RFC 9256, 2.7).
    pub const DEFAULT_PREFERENCE: u32 = 100;
}

/// `[[srv6.policy]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Policy {
    /// Unique name.
    pub name: String,
    /// What it does to a packet.
    pub mode: Mode,
    /// The SID that leads into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding_sid: Option<SidText>,
    /// Source of the outer header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Ipv6Addr>,
    /// Candidate paths, the highest preference first.
    pub candidate_path: Vec<CandidatePath>,
    /// The key of the HMAC TLV that it adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac_key: Option<u32>,
    /// Hop limit of the outer header.
    #[serde(default)]
    pub hop_limit: HopLimit,
    /// Traffic class of the outer header.
    #[serde(default)]
    pub traffic_class: TrafficClass,
    /// Flow label of the outer header.
    #[serde(default)]
    pub flow_label: FlowLabel,
}

/// Why packets cannot be sent to this segment; `None` if they can.
pub(super) fn segment_problem(segment: Ipv6Addr) -> Option<String> {
    let wrong = |why: &str| Some(format!("{segment} {why}; a segment is a unicast address"));
    match unicast_problem(IpAddr::V6(segment)) {
        Some(why) => wrong(why),
        None if is_link_local(IpAddr::V6(segment)) => wrong("is link-local"),
        None => None,
    }
}

/// The text for a list of this many segments; `None` when there can be so many.
pub(super) fn segment_count_problem(count: usize) -> Option<String> {
    match count {
        0 => Some("a segment list has no segments; list at least one".to_owned()),
        1..=MAX_SEGMENTS => None,
        _ => Some(format!("{count} segments; at most {MAX_SEGMENTS} are possible in a list")),
    }
}

impl Policy {
    /// All its segment lists.
    pub fn segment_lists(&self) -> impl Iterator<Item = &SegmentList> {
        self.candidate_path.iter().flat_map(|path| &path.segment_list)
    }

    /// Puts the candidate path of the highest preference first.
    pub fn sort(&mut self) {
        self.candidate_path.sort_by_key(|path| std::cmp::Reverse(path.preference));
    }

    /// What is wrong with it whatever else there is, segment lists excepted.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mode = self.mode;
        if self.source.is_none() && !mode.is_insert() {
            let what = format!("mode {mode} pushes a header and needs source, its address; add it");
            faults.push(Fault::new("mode", what));
        }
        if let Some(source) = self.source {
            let problem = segment_problem(source);
            let problem = problem.map(|text| text.replace("a segment is", "source must be"));
            faults.extend(problem.map(|text| Fault::new("source", text)));
        }
        if self.binding_sid.is_some() && mode.is_l2() {
            let why = "takes frames, and a SID leads packets into it";
            faults.push(Fault::new("binding-sid", format!("mode {mode} {why}; remove binding-sid")));
        }
        if self.hop_limit == HopLimit::Fixed(0) {
            faults.push(Fault::new("hop-limit", "hop-limit is 0; it must be 1 to 255 or \"copy\""));
        }
        if let FlowLabel::Fixed(label) = self.flow_label
            && !FLOW_LABEL.contains(&u64::from(label))
        {
            let (min, max) = (FLOW_LABEL.start(), FLOW_LABEL.end());
            let range = format!("{min} to {max}, \"flow\" or \"copy\"");
            faults.push(Fault::new("flow-label", format!("flow-label is {label}; it must be {range}")));
        }
        let has_header =
            |list: &SegmentList| !mode.is_reduced() || mode.is_insert() || list.segments.len() > 1;
        if self.hmac_key.is_some() && !self.segment_lists().all(has_header) {
            let why = format!("mode {mode} adds no SRH for one segment, and hence no HMAC");
            faults.push(Fault::new("hmac-key", format!("{why}; use a mode that is not reduced")));
        }
        faults
    }

    /// What is wrong with its name and candidate paths, for what was not read from a file piece by piece.
    pub fn path_faults(&self) -> Vec<Fault> {
        let name = name_problem("policy name", &self.name).map(|problem| Fault::new("name", problem));
        let mut faults: Vec<_> = name.into_iter().collect();
        let fault = |message: String| Fault::new("segment-list", message);
        let paths = self.candidate_path.len();
        if paths == 0 || self.candidate_path.iter().any(|path| path.segment_list.is_empty()) {
            faults.push(fault("a candidate path has no segment list; add one".to_owned()));
        }
        if paths > MAX_CANDIDATE_PATHS {
            let most = format!("{paths} candidate paths; at most {MAX_CANDIDATE_PATHS} are possible");
            faults.push(Fault::new("candidate-path", most));
        }
        for (index, path) in self.candidate_path.iter().enumerate() {
            let lists = path.segment_list.len();
            if lists > MAX_SEGMENT_LISTS {
                faults
                    .push(fault(format!("{lists} segment lists; at most {MAX_SEGMENT_LISTS} are possible")));
            }
            if self.candidate_path[..index].iter().any(|other| other.preference == path.preference) {
                let message = format!("two candidate paths have preference {}", path.preference);
                faults.push(Fault::new("candidate-path", format!("{message}; give each its own")));
            }
        }
        for list in self.segment_lists() {
            if list.weight == 0 {
                faults.push(fault("weight is 0; it must be an integer from 1 to 255".to_owned()));
            }
            faults.extend(segment_count_problem(list.segments.len()).map(fault));
            faults.extend(list.segments.iter().filter_map(|segment| segment_problem(*segment)).map(fault));
        }
        faults
    }

    /// The key that it names does not exist.
    pub fn key_fault(&self, keys: &[HmacKey]) -> Option<Fault> {
        let id = self.hmac_key.filter(|id| !keys.iter().any(|key| key.id == *id))?;
        let ids: Vec<_> = keys.iter().map(|key| key.id.to_string()).collect();
        let all = if ids.is_empty() {
            "there is no [[srv6.hmac-key]]".to_owned()
        } else {
            format!("the keys are: {}", ids.join(", "))
        };
        Some(Fault::new("hmac-key", format!("there is no HMAC key {id}; {all}")))
    }

    /// Why a route of this prefix cannot lead into it; `None` if it can.
    pub fn steering_problem(&self, prefix: Prefix) -> Option<String> {
        let (name, mode) = (quoted(&self.name), self.mode);
        if mode.is_l2() {
            let hint = "steer it by policy of a [[port]]";
            return Some(format!("policy {name} has mode {mode}, which takes frames and no routes; {hint}"));
        }
        (mode.is_insert() && !prefix.is_ipv6()).then(|| {
            let hint = "use a policy of mode encap";
            format!("policy {name} has mode {mode}, which takes no IPv4; {hint}")
        })
    }
}
