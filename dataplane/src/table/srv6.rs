//! SIDs and SRv6 policies, as workers read them (RFC 8986, RFC 9256, RFC 9800).

use super::next_hop::pick_by_weight;
use crate::fib::PrefixSet;
use crate::id::{NextHopId, PolicyId, PortId, SegmentListId, SidId, VrfId};
use crate::wire::hmac::{self, Key};
use crate::wire::ipv6::{self, protocol};
use crate::wire::srh::{self, HmacTlv, Srh};

/// Segments of one list, at most: 64 SIDs in full, or far more in CSID containers.
pub const MAX_SEGMENTS: usize = 64;
/// Outer hop limit unless a policy says otherwise.
pub const DEFAULT_HOP_LIMIT: u8 = 64;

/// What a SID does (RFC 8986, 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum Behavior {
    /// 4.1: on to the next segment.
    #[default]
    End,
    /// 4.2: on to the next segment by [`Sid::next_hop`].
    EndX,
    /// 4.3: on to the next segment, looked up in [`Sid::vrf`].
    EndT,
    /// 4.4: the IPv6 packet inside leaves by [`Sid::next_hop`].
    EndDx6,
    /// 4.5: the IPv4 packet inside leaves by [`Sid::next_hop`].
    EndDx4,
    /// 4.9: the Ethernet frame inside leaves by [`Sid::port`].
    EndDx2,
    /// 4.6: the IPv6 packet inside is looked up in [`Sid::vrf`].
    EndDt6,
    /// 4.7: the IPv4 packet inside is looked up in [`Sid::vrf`].
    EndDt4,
    /// 4.8: the IP packet inside is looked up in [`Sid::vrf`].
    EndDt46,
    /// 4.13, 4.14 and End.B6.Insert: on to the next segment through [`Sid::policy`], whose mode says how.
    EndB6,
}

/// How a SID is advanced, and what is removed on the way (RFC 8986, 4.16; RFC 9800, 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Flavors(u8);

impl Flavors {
    /// As the behavior alone.
    pub const NONE: Flavors = Flavors(0);
    /// Penultimate Segment Pop of the SRH.
    pub const PSP: Flavors = Flavors(1);
    /// Ultimate Segment Pop of the SRH.
    pub const USP: Flavors = Flavors(2);
    /// Ultimate Segment Decapsulation.
    pub const USD: Flavors = Flavors(4);
    /// The argument holds the next compressed SIDs.
    pub const NEXT_CSID: Flavors = Flavors(8);
    /// The argument is an index into containers of compressed SIDs.
    pub const REPLACE_CSID: Flavors = Flavors(16);
    /// Names in configuration and output, in the order of output.
    pub const NAMES: [(&'static str, Flavors); 5] = [
        ("PSP", Flavors::PSP),
        ("USP", Flavors::USP),
        ("USD", Flavors::USD),
        ("NEXT-CSID", Flavors::NEXT_CSID),
        ("REPLACE-CSID", Flavors::REPLACE_CSID),
    ];

    /// These and those of `other`.
    #[must_use]
    pub const fn and(self, other: Flavors) -> Flavors {
        Flavors(self.0 | other.0)
    }

    /// True when any of `other` is in the set.
    pub const fn has(self, other: Flavors) -> bool {
        self.0 & other.0 != 0
    }

    /// The names of those in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Flavors::NAMES.into_iter().filter(move |(_, flavor)| self.has(*flavor)).map(|(name, _)| name)
    }
}

/// What a packet needs for its SRH to be believed (RFC 8754, 2.1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum HmacRule {
    /// An HMAC TLV is not looked at.
    #[default]
    Ignore,
    /// An HMAC TLV must be right where there is one.
    Verify,
    /// A right HMAC TLV must be there.
    Require,
}

/// A local SID.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sid {
    /// What it does.
    pub behavior: Behavior,
    /// How.
    pub flavors: Flavors,
    /// Bits that identify it; those behind are its argument. 1 to 128.
    pub prefix_len: u8,
    /// Bits of the locator block (LBL) of a compressed SID.
    pub block_len: u8,
    /// Bits of locator node and function (LNFL) of a SID with REPLACE-CSID: 16 or 32.
    pub csid_len: u8,
    /// What its packets need.
    pub hmac: HmacRule,
    /// Of End.T and End.DT*.
    pub vrf: VrfId,
    /// Of End.X, End.DX6 and End.DX4.
    pub next_hop: NextHopId,
    /// Of End.DX2.
    pub port: PortId,
    /// Of End.B6.*.
    pub policy: PolicyId,
}

/// What a policy does with a packet (RFC 8986, 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// 5.1: H.Encaps.
    #[default]
    Encap,
    /// 5.2: H.Encaps.Red.
    EncapRed,
    /// 5.3: H.Encaps.L2.
    L2Encap,
    /// 5.4: H.Encaps.L2.Red.
    L2EncapRed,
    /// H.Insert (draft-filsfils-spring-srv6-net-pgm-insertion).
    Insert,
    /// H.Insert.Red.
    InsertRed,
}

impl Mode {
    /// True when the first segment is in the destination address only.
    pub const fn is_reduced(self) -> bool {
        matches!(self, Mode::EncapRed | Mode::L2EncapRed | Mode::InsertRed)
    }

    /// True when the packet keeps its IPv6 header.
    pub const fn is_insert(self) -> bool {
        matches!(self, Mode::Insert | Mode::InsertRed)
    }

    /// True when whole Ethernet frames are carried.
    pub const fn is_l2(self) -> bool {
        matches!(self, Mode::L2Encap | Mode::L2EncapRed)
    }
}

/// Where a field of an outer header comes from (RFC 2983, RFC 8986 5.1, RFC 6438).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Field<T> {
    /// From the inner packet (the uniform model).
    Copy,
    /// From the hash of the inner flow: flow labels only.
    Flow,
    /// This value (the pipe model).
    Fixed(T),
}

/// A policy: the segment lists of its active candidate path, and how their headers are filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What it does.
    pub mode: Mode,
    /// Outer traffic class: copied or fixed.
    pub traffic_class: Field<u8>,
    /// Outer hop limit: copied or fixed.
    pub hop_limit: Field<u8>,
    /// Outer flow label, 20 bits: of the flow, copied, or fixed.
    pub flow_label: Field<u32>,
    lists: Box<[(SegmentListId, u32)]>,
    total_weight: u32,
}

impl Policy {
    /// A policy with default fields. `lists`: the lists of the active candidate path with weights of at least 1; none
    /// when no candidate path is valid.
    pub fn new(mode: Mode, lists: impl IntoIterator<Item = (SegmentListId, u32)>) -> Policy {
        let lists: Box<[_]> = lists.into_iter().collect();
        let total_weight = lists.iter().map(|(_, weight)| weight).sum();
        Policy {
            mode,
            traffic_class: Field::Copy,
            hop_limit: Field::Fixed(DEFAULT_HOP_LIMIT),
            flow_label: Field::Flow,
            lists,
            total_weight,
        }
    }

    /// The list of the flow with this hash: the same for all packets of a flow, in shares by weight.
    pub fn pick(&self, flow_hash: impl FnOnce() -> u32) -> Option<SegmentListId> {
        match &*self.lists {
            [] => None,
            [(only, _)] => Some(*only),
            lists => pick_by_weight(lists.iter().copied(), self.total_weight, flow_hash()),
        }
    }

    /// The lists and their weights.
    pub fn lists(&self) -> &[(SegmentListId, u32)] {
        &self.lists
    }
}

/// Why a [`SegmentList`] cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegmentListError {
    /// There is no segment.
    Empty,
    /// There are more than [`MAX_SEGMENTS`].
    TooMany,
}

/// The header that a segment list pushes, ready but for what depends on the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentList {
    /// The policy that it is of.
    pub policy: PolicyId,
    /// The first segment: the destination address.
    pub first: u128,
    /// The key that an HMAC TLV is to be computed with, an index into [`Srv6::keys`]; the TLV is the last of the template.
    pub hmac_key: Option<u16>,
    template: Box<[u8]>,
}

impl SegmentList {
    /// The list of `segments`, in the order of the path, for a policy of this mode. `source`: the outer source address;
    /// without meaning for an insertion. `hmac`: index of a key, and its id.
    ///
    /// # Errors
    /// See [`SegmentListError`].
    pub fn new(
        policy: PolicyId,
        mode: Mode,
        source: u128,
        segments: &[u128],
        hmac: Option<(u16, u32)>,
    ) -> Result<SegmentList, SegmentListError> {
        let Some(&first) = segments.first() else { return Err(SegmentListError::Empty) };
        if segments.len() > MAX_SEGMENTS {
            return Err(SegmentListError::TooMany);
        }
        // An insertion ends at the packet's own destination, written when it is known.
        let own = mode.is_insert().then_some(0);
        let path: Vec<u128> = segments.iter().copied().chain(own).collect();
        let hmac_key_id = hmac.map(|(_, id)| id);
        // All that an encapsulation says with one segment is in the destination address, unless there is a TLV.
        let has_srh = path.len() > 1 || !mode.is_reduced() || hmac_key_id.is_some();
        let is_reduced = mode.is_reduced();
        let repr = srh::Repr { next_header: 0, flags: 0, tag: 0, path: &path, is_reduced, hmac_key_id };
        let mut srh = vec![0; if has_srh { repr.total_len().unwrap_or_default() } else { 0 }];
        if has_srh && repr.emit(&mut srh).is_none() {
            return Err(SegmentListError::TooMany);
        }
        let mut template = Vec::new();
        if !mode.is_insert() {
            let mut header = [0; ipv6::LEN];
            if let Some(mut lens) = ipv6::Header::of_mut(&mut header) {
                let next_header = if has_srh { protocol::ROUTING } else { protocol::NONE };
                let payload_len = srh.len() as u16;
                let repr = ipv6::Repr {
                    payload_len,
                    next_header,
                    hop_limit: DEFAULT_HOP_LIMIT,
                    source,
                    destination: first,
                };
                repr.emit(&mut lens);
            }
            template.extend(header);
        }
        template.extend(srh);
        let hmac_key = hmac.map(|(key, _)| key);
        Ok(SegmentList { policy, first, hmac_key, template: template.into_boxed_slice() })
    }

    /// The octets to push.
    pub fn template(&self) -> &[u8] {
        &self.template
    }

    /// Octets by which a packet grows.
    pub fn overhead(&self) -> usize {
        self.template.len()
    }
}

/// Upper layers that packets to a SID may carry to this node (RFC 8986, 4.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpperLayers {
    /// `ICMPv6`.
    pub icmpv6: bool,
    /// UDP.
    pub udp: bool,
    /// TCP.
    pub tcp: bool,
}

impl Default for UpperLayers {
    fn default() -> Self {
        UpperLayers { icmpv6: true, udp: false, tcp: false }
    }
}

impl UpperLayers {
    /// True when a protocol is among them.
    pub const fn allows(self, upper: u8) -> bool {
        match upper {
            protocol::ICMPV6 => self.icmpv6,
            protocol::UDP => self.udp,
            protocol::TCP => self.tcp,
            _ => false,
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Srv6 {
    /// By [`SidId`].
    pub sids: Box<[Option<Sid>]>,
    /// By [`PolicyId`].
    pub policies: Box<[Option<Policy>]>,
    /// By [`SegmentListId`].
    pub lists: Box<[Option<SegmentList>]>,
    /// Upper layers allowed at a SID.
    pub upper_layers: UpperLayers,
    /// Destinations that are dropped at ports outside the SR domain: locators and [`Srv6::edge_filter`] (RFC 8754, 5.1).
    pub blocks: PrefixSet,
    /// Sources that are dropped at ports outside the SR domain, and destinations that do not leave by them (RFC 9602).
    pub edge_filter: PrefixSet,
    /// Copies of packets with the O-flag that a worker makes a second; 0: the flag is not looked at (RFC 9259, 2.1.1).
    pub sample_rate: u64,
    /// Copies at once within the rate.
    pub sample_burst: u64,
    /// HMAC keys (RFC 8754, 2.1.2).
    pub keys: Box<[Key]>,
}

impl Srv6 {
    /// True when the HMAC TLV of `srh` is right by the key that it names (RFC 8754, 2.1.2.1).
    pub fn is_authentic(&self, source: u128, destination: u128, srh: &Srh<'_>, tlv: &HmacTlv<'_>) -> bool {
        hmac::is_destination_listed(destination, srh, tlv)
            && self.keys.iter().any(|key| key.id() == tlv.key_id && key.verify(source, srh, tlv))
    }

    /// Fills in the HMAC TLV of the header that a list pushes, when it has one.
    pub fn sign(&self, list: &SegmentList, source: u128, header: &mut [u8]) {
        if let Some(key) = list.hmac_key.and_then(|key| self.keys.get(usize::from(key))) {
            // A list that names a key has room for its hash.
            let _ = key.sign(source, header);
        }
    }

    /// True when a packet from outside the SR domain needs a closer look: its first octets are those of a SID block.
    pub fn guards(&self, source: u128, destination: u128) -> bool {
        self.blocks.may_contain(destination) || self.edge_filter.may_contain(source)
    }

    /// A SID, when there is such a SID.
    pub fn sid(&self, id: SidId) -> Option<&Sid> {
        self.sids.get(id.index())?.as_ref()
    }

    /// A policy, when there is such a policy.
    pub fn policy(&self, id: PolicyId) -> Option<&Policy> {
        self.policies.get(id.index())?.as_ref()
    }

    /// A segment list, when there is such a list.
    pub fn list(&self, id: SegmentListId) -> Option<&SegmentList> {
        self.lists.get(id.index())?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(mode: Mode, segments: &[u128]) -> SegmentList {
        SegmentList::new(PolicyId(0), mode, 9, segments, None).unwrap()
    }

    #[test]
    fn templates_are_what_rfc_8986_5_says() {
        let full = list(Mode::Encap, &[1, 2, 3]);
        assert_eq!(full.template()[..8], [0x60, 0, 0, 0, 0, 56, 43, 64]);
        assert_eq!((full.template()[23], full.template()[39]), (9, 1));
        assert_eq!(full.template()[40..48], [0, 6, 4, 2, 2, 0, 0, 0]);
        assert_eq!([full.template()[63], full.template()[79], full.template()[95]], [3, 2, 1]);
        assert_eq!(full.overhead(), 96);
        let reduced = list(Mode::EncapRed, &[1, 2, 3]);
        assert_eq!(reduced.template()[40..48], [0, 4, 4, 2, 1, 0, 0, 0]);
        assert_eq!([reduced.template()[63], reduced.template()[79], reduced.template()[39]], [3, 2, 1]);
        assert_eq!(list(Mode::Encap, &[7]).template()[40..48], [0, 2, 4, 0, 0, 0, 0, 0]);
        assert_eq!(list(Mode::EncapRed, &[7]).overhead(), 40);
        let inserted = list(Mode::Insert, &[1, 2]);
        assert_eq!(inserted.template()[..8], [0, 6, 4, 2, 2, 0, 0, 0]);
        assert_eq!([inserted.template()[23], inserted.template()[39], inserted.template()[55]], [0, 2, 1]);
        let reduced = list(Mode::InsertRed, &[1, 2]);
        assert_eq!(reduced.template()[..8], [0, 4, 4, 2, 1, 0, 0, 0]);
        assert_eq!(reduced.overhead(), 40);
    }

    #[test]
    fn the_limit_is_kept() {
        let of = |count| {
            SegmentList::new(PolicyId(0), Mode::Encap, 9, &vec![1; count], None).map(|l| l.overhead())
        };
        assert_eq!(of(0), Err(SegmentListError::Empty));
        assert_eq!(of(MAX_SEGMENTS), Ok(40 + 8 + 16 * MAX_SEGMENTS));
        assert_eq!(of(MAX_SEGMENTS + 1), Err(SegmentListError::TooMany));
    }

    #[test]
    fn a_million_flows_share_lists_by_weight() {
        let policy = Policy::new(Mode::Encap, [(SegmentListId(0), 1), (SegmentListId(1), 3)]);
        let mut counts = [0u32; 2];
        for flow in 0..1_000_000u32 {
            let hash = flow.wrapping_mul(0x9e37_79b9) ^ flow.rotate_left(9);
            counts[policy.pick(|| hash).unwrap().index()] += 1;
        }
        assert!(counts[0].abs_diff(250_000) < 5_000, "{counts:?}");
        assert_eq!(Policy::new(Mode::Encap, []).pick(|| 1), None);
    }
}
