//! IPv6 prefixes, and sets of them.

use std::fmt;
use std::net::Ipv6Addr;

/// An IPv6 prefix: /0 to /128, host bits zero. Ordered by address, then length: a covering prefix comes first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix6 {
    address: u128,
    len: u8,
}

impl Prefix6 {
    /// The prefix of `len` bits that holds `address`: host bits are cleared, a length above 128 is 128.
    pub const fn new(address: u128, len: u8) -> Prefix6 {
        let len = if len > 128 { 128 } else { len };
        Prefix6 { address: address & mask(len), len }
    }

    /// The first address: the prefix with host bits zero.
    pub const fn address(self) -> u128 {
        self.address
    }

    /// Length in bits, 0 to 128.
    #[expect(clippy::len_without_is_empty, reason = "the length of a prefix is its number of bits")]
    pub const fn len(self) -> u8 {
        self.len
    }

    /// The last address: host bits one.
    pub const fn last_address(self) -> u128 {
        self.address | !mask(self.len)
    }

    /// True when `address` has this prefix.
    pub const fn contains(self, address: u128) -> bool {
        address & mask(self.len) == self.address
    }

    /// A place in the order of prefixes: before all that begin at `address`. No prefix, unless that is 0.
    pub(super) const fn before_all_at(address: u128) -> Prefix6 {
        Prefix6 { address, len: 0 }
    }

    /// What comes next in the order of prefixes: nothing is between.
    #[must_use]
    pub const fn successor(self) -> Prefix6 {
        // A length of 129 is no prefix, only a place in the order: behind the host, before the next address.
        Prefix6 { address: self.address, len: self.len + 1 }
    }

    /// True when every address of `other` has this prefix.
    pub const fn covers(self, other: Prefix6) -> bool {
        self.len <= other.len && self.contains(other.address)
    }
}

/// The `len` high bits set.
pub(super) const fn mask(len: u8) -> u128 {
    if len == 0 { 0 } else { u128::MAX << (128 - len) }
}

impl fmt::Display for Prefix6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv6Addr::from(self.address), self.len)
    }
}

impl fmt::Debug for Prefix6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An IPv4 prefix: /0 to /32, host bits zero. Ordered by address, then length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix4 {
    address: u32,
    len: u8,
}

impl Prefix4 {
    /// The prefix of `len` bits that holds `address`: host bits are cleared, a length above 32 is 32.
    pub const fn new(address: u32, len: u8) -> Prefix4 {
        let len = if len > 32 { 32 } else { len };
        let mask = if len == 0 { 0 } else { u32::MAX << (32 - len) };
        Prefix4 { address: address & mask, len }
    }

    /// The first address: the prefix with host bits zero.
    pub const fn address(self) -> u32 {
        self.address
    }

    /// Length in bits, 0 to 32.
    #[expect(clippy::len_without_is_empty, reason = "the length of a prefix is its number of bits")]
    pub const fn len(self) -> u8 {
        self.len
    }
}

/// The first bits of an IPv6 address are those of the IPv4 address: one order and one cover relation for both.
impl From<Prefix4> for Prefix6 {
    fn from(prefix: Prefix4) -> Prefix6 {
        Prefix6::new(u128::from(prefix.address) << 96, prefix.len)
    }
}

impl From<Prefix6> for Prefix4 {
    fn from(prefix: Prefix6) -> Prefix4 {
        Prefix4::new((prefix.address >> 96) as u32, prefix.len)
    }
}

impl fmt::Display for Prefix4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", std::net::Ipv4Addr::from(self.address), self.len)
    }
}

impl fmt::Debug for Prefix4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of prefixes that answers "is this address in any of them".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixSet {
    /// Disjoint ranges of addresses, first and last, ascending.
    ranges: Box<[(u128, u128)]>,
    /// Bit n: some address of the set has n as its first octet.
    first_octets: [u64; 4],
}

impl PrefixSet {
    /// True when no address is in the set.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// False only when no address with this one's first octet is in the set: a quick answer for most addresses.
    #[inline]
    pub const fn may_contain(&self, address: u128) -> bool {
        let octet = (address >> 120) as usize;
        self.first_octets[octet / 64] >> (octet % 64) & 1 != 0
    }

    /// A bit for each first octet that addresses of the set have: octet n is bit n % 64 of word n / 64.
    pub const fn first_octets(&self) -> [u64; 4] {
        self.first_octets
    }

    /// True when a prefix of the set contains `address`.
    #[inline]
    pub fn contains(&self, address: u128) -> bool {
        self.may_contain(address) && self.has_range_of(address)
    }

    #[inline(never)]
    fn has_range_of(&self, address: u128) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= address);
        self.ranges.get(after.wrapping_sub(1)).is_some_and(|(_, last)| address <= *last)
    }
}

impl FromIterator<Prefix6> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = Prefix6>>(prefixes: I) -> Self {
        let mut sorted: Vec<_> = prefixes.into_iter().collect();
        sorted.sort_unstable();
        let mut ranges: Vec<(u128, u128)> = Vec::new();
        for prefix in sorted {
            // Prefixes nest or are disjoint: one that begins inside the last range lies inside it.
            if ranges.last().is_none_or(|(_, last)| prefix.address() > *last) {
                ranges.push((prefix.address(), prefix.last_address()));
            }
        }
        let mut first_octets = [0; 4];
        for (first, last) in &ranges {
            for octet in (first >> 120) as usize..=(last >> 120) as usize {
                first_octets[octet / 64] |= 1 << (octet % 64);
            }
        }
        PrefixSet { ranges: ranges.into_boxed_slice(), first_octets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_contains_what_a_member_contains(
            members in proptest::collection::vec((any::<u128>(), 0u8..=128), 0..20), probe: u128, near: prop::sample::Index,
        ) {
            let members: Vec<_> = members.into_iter().map(|(a, l)| Prefix6::new(a, l)).collect();
            let set: PrefixSet = members.iter().copied().collect();
            let mut probes = vec![probe];
            if !members.is_empty() {
                let member = members[near.index(members.len())];
                probes.extend([member.address(), member.last_address(), member.last_address().wrapping_add(1)]);
            }
            for probe in probes {
                prop_assert!(set.may_contain(probe) || !set.contains(probe));
                prop_assert_eq!(set.contains(probe), members.iter().any(|m| m.contains(probe)));
            }
        }
    }
}
