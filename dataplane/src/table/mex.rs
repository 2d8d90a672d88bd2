//! MEX policy: when to exchange, what with, and for whom this node is the edge.

use std::fmt;

use crate::fib::{Prefix6, PrefixSet};
use crate::wire::ext::WalkBounds;

/// Why a packet has no way out, and so may be given another destination prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Trigger {
    /// No entry in the table.
    NoRoute,
    /// A reject route.
    Unreachable,
    /// A discard route.
    Blackhole,
    /// The sink route.
    Mex,
    /// A route whose next hops are all down.
    NextHopDown,
}

impl Trigger {
    /// The names in configuration and output.
    pub const NAMES: [(&'static str, Trigger); 5] = [
        ("no-route", Trigger::NoRoute),
        ("unreachable", Trigger::Unreachable),
        ("blackhole", Trigger::Blackhole),
        ("mex", Trigger::Mex),
        ("next-hop-down", Trigger::NextHopDown),
    ];
}

/// A set of [`Trigger`]s.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Triggers(u8);

impl Triggers {
    /// No trigger: the router part of MEX is off.
    pub const NONE: Triggers = Triggers(0);
    /// What MEX reacts to unless told otherwise: all but `next-hop-down`.
    pub const DEFAULT: Triggers = Triggers::NONE
        .with(Trigger::NoRoute)
        .with(Trigger::Unreachable)
        .with(Trigger::Blackhole)
        .with(Trigger::Mex);

    /// The set with `trigger` in it.
    #[must_use]
    pub const fn with(self, trigger: Trigger) -> Triggers {
        Triggers(self.0 | 1 << trigger as u8)
    }

    /// True when no trigger is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True when `trigger` is in the set.
    pub const fn contains(self, trigger: Trigger) -> bool {
        self.0 & 1 << trigger as u8 != 0
    }

    /// The names of the triggers in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Trigger::NAMES.into_iter().filter(move |(_, trigger)| self.contains(*trigger)).map(|(name, _)| name)
    }
}

impl fmt::Debug for Triggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl FromIterator<Trigger> for Triggers {
    fn from_iter<I: IntoIterator<Item = Trigger>>(triggers: I) -> Self {
        triggers.into_iter().fold(Triggers::NONE, Triggers::with)
    }
}

/// The prefixes of a multi-homed site behind this node: the high halves, one a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Few: they are compared in turn.
    pub prefixes: Box<[u64]>,
}

impl Site {
    /// True when the high half of an address is the site's.
    pub fn owns(&self, prefix: u64) -> bool {
        self.prefixes.contains(&prefix)
    }
}

/// The prefixes of a multi-homed site elsewhere, in the order in which they are listed to routers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// At least two; their header must fit into a buffer's headroom.
    pub prefixes: Box<[u64]>,
}

/// A destination prefix of a peer: which peer, and which of its prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PeerRef {
    /// Index into [`MexPolicy::peers`].
    pub peer: u16,
    /// Index into [`Peer::prefixes`]: the destination's own prefix.
    pub own: u8,
}

impl Peer {
    /// The alternatives to prefix `own`: all others, in order.
    pub fn alternatives(&self, own: u8) -> Alternatives<'_> {
        Alternatives { prefixes: &self.prefixes, own: usize::from(own), at: 0 }
    }
}

/// See [`Peer::alternatives`].
#[derive(Clone, Debug)]
pub struct Alternatives<'a> {
    prefixes: &'a [u64],
    own: usize,
    at: usize,
}

impl Iterator for Alternatives<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.at == self.own {
            self.at += 1;
        }
        let prefix = self.prefixes.get(self.at).copied();
        self.at += 1;
        prefix
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let own_is_ahead = self.at <= self.own && self.own < self.prefixes.len();
        let left = self.prefixes.len().saturating_sub(self.at).saturating_sub(usize::from(own_is_ahead));
        (left, Some(left))
    }
}

impl ExactSizeIterator for Alternatives<'_> {}

/// One permit pair: exchanges are allowed from a prefix to a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// What the destination must have as received.
    pub from: Prefix6,
    /// What the new destination must have.
    pub to: Prefix6,
}

/// Permit pairs, at most: they are tried in turn.
pub const MAX_PERMITS: usize = 256;

/// The whole policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MexPolicy {
    /// When a packet's header is looked at; empty: never.
    pub triggers: Triggers,
    /// The protocol number of the AP header.
    pub next_header: u8,
    /// Alternatives that are tried for one packet, at most.
    pub max_prefixes: u8,
    /// How far the header is searched for.
    pub bounds: WalkBounds,
    /// Addresses that are neither exchanged nor exchanged to: never usable ones, and the operator's deny list.
    pub refused: PrefixSet,
    /// Allowed pairs; `None`: any.
    pub permit: Option<Box<[Permit]>>,
    /// Packets a second that a worker examines, 0: without limit.
    pub rate: u64,
    /// Packets that may come at once within `rate`.
    pub burst: u64,
    /// Sites behind this node.
    pub sites: Box<[Site]>,
    /// Sites elsewhere toward which this node adds the header.
    pub peers: Box<[Peer]>,
}

/// AP header (RFC 4727 experimental protocol number).
pub const DEFAULT_NEXT_HEADER: u8 = 253;
/// Alternatives tried for one packet.
pub const DEFAULT_MAX_PREFIXES: u8 = 8;

/// Never usable as destination prefixes: multicast, link-local, site-local, ::/64 and the SRv6 SID block of RFC 9602.
pub const UNUSABLE: [Prefix6; 5] = [
    Prefix6::new(0xff00 << 112, 8),
    Prefix6::new(0xfe80 << 112, 10),
    Prefix6::new(0xfec0 << 112, 10),
    Prefix6::new(0, 64),
    Prefix6::new(0x5f00 << 112, 16),
];

impl Default for MexPolicy {
    /// Off.
    fn default() -> Self {
        MexPolicy {
            triggers: Triggers::default(),
            next_header: DEFAULT_NEXT_HEADER,
            max_prefixes: DEFAULT_MAX_PREFIXES,
            bounds: WalkBounds::default(),
            refused: UNUSABLE.into_iter().collect(),
            permit: None,
            rate: 0,
            burst: 0,
            sites: Box::default(),
            peers: Box::default(),
        }
    }
}

impl MexPolicy {
    /// True when policy lets a packet that came for `from` go to `to`.
    #[inline]
    pub fn allows(&self, from: u128, to: u128) -> bool {
        !self.refused.contains(to)
            && self
                .permit
                .as_ref()
                .is_none_or(|pairs| pairs.iter().any(|pair| pair.from.contains(from) && pair.to.contains(to)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_the_others_in_order() {
        let peer = Peer { prefixes: Box::new([10, 11, 12]) };
        for (own, others) in [(0, [11, 12]), (1, [10, 12]), (2, [10, 11])] {
            let mut alternatives = peer.alternatives(own);
            assert_eq!(alternatives.len(), 2);
            assert_eq!(alternatives.clone().collect::<Vec<_>>(), others);
            alternatives.next();
            assert_eq!(alternatives.len(), 1);
        }
    }

    #[test]
    fn policy_refuses_what_is_never_a_destination() {
        let policy = MexPolicy::default();
        let address = |text: &str| u128::from(text.parse::<std::net::Ipv6Addr>().unwrap());
        let from = address("2001:db8::1");
        for refused in ["ff0e::1", "fe80::1", "fec0::1", "::1", "::ffff:1.2.3.4", "5f00::1"] {
            assert!(!policy.allows(from, address(refused)), "{refused}");
        }
        assert!(policy.allows(from, address("2001:db8:b::1")));
    }
}
