//! Two address families in one: inside control an IPv4 address is its IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), and an
//! IPv4 prefix of n bits one of 96 + n. Routes, neighbors and next hops of both families are kept in one place that way;
//! only tables for workers and texts for people tell them apart.
//!
//! Nobody can write such an IPv6 prefix: [`Prefix`] refuses it. A shorter prefix is IPv6 and says nothing about IPv4.

use std::net::{IpAddr, Ipv6Addr};

use dataplane::fib::{Prefix4, Prefix6};

use crate::config::Prefix;

/// Bits in front of an IPv4 address.
pub const MAPPED_LEN: u8 = 96;
/// All of IPv4: `::ffff:0:0/96`.
pub const IPV4: Prefix6 = Prefix6::new(0xffff << 32, MAPPED_LEN);

/// True for an IPv4 address.
pub const fn is_ipv4(address: u128) -> bool {
    IPV4.contains(address)
}

/// True for an IPv4 prefix.
pub const fn is_ipv4_prefix(prefix: Prefix6) -> bool {
    IPV4.covers(prefix)
}

/// The fewest bits that a prefix of this address's family has.
pub const fn min_len(address: u128) -> u8 {
    if is_ipv4(address) { MAPPED_LEN } else { 0 }
}

/// An address as control knows it.
pub fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V6(address) => address.to_bits(),
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
    }
}

/// The address that people know.
pub fn address(bits: u128) -> IpAddr {
    if is_ipv4(bits) { IpAddr::V4((bits as u32).into()) } else { Ipv6Addr::from_bits(bits).into() }
}

/// A prefix as control knows it.
pub fn prefix(prefix: Prefix) -> Prefix6 {
    match prefix {
        Prefix::V6(prefix) => Prefix6::new(prefix.address(), prefix.length()),
        Prefix::V4(prefix) => from_prefix4(Prefix4::new(prefix.address(), prefix.length())),
    }
}

/// A prefix of an address and the length that its family gives it.
pub fn subnet(address: IpAddr, length: u8) -> (u128, u8) {
    let bits = bits(address);
    (bits, min_len(bits).saturating_add(length))
}

/// An IPv4 prefix as control knows it.
pub const fn from_prefix4(prefix: Prefix4) -> Prefix6 {
    Prefix6::new(IPV4.address() | prefix.address() as u128, MAPPED_LEN + prefix.len())
}

/// The IPv4 prefix; `None` for an IPv6 one.
pub const fn prefix4(prefix: Prefix6) -> Option<Prefix4> {
    if is_ipv4_prefix(prefix) {
        Some(Prefix4::new(prefix.address() as u32, prefix.len() - MAPPED_LEN))
    } else {
        None
    }
}

/// The prefix of the configuration.
pub fn config_prefix(prefix: Prefix6) -> Prefix {
    let (address, len) = match prefix4(prefix) {
        Some(prefix) => (IpAddr::V4(prefix.address().into()), prefix.len()),
        None => (Ipv6Addr::from_bits(prefix.address()).into(), prefix.len()),
    };
    // The length is within the family's.
    Prefix::covering(address, len).unwrap_or(crate::config::Prefix6::ALL.into())
}

/// The prefix that people know.
pub fn text(prefix: Prefix6) -> String {
    prefix4(prefix).map_or_else(|| prefix.to_string(), |prefix| prefix.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_come_back_as_they_went_in() {
        for written in ["192.0.2.0/24", "0.0.0.0/0", "198.51.100.7/32", "::/0", "2001:db8::/32", "::1/128"] {
            assert_eq!(text(prefix(written.parse().unwrap())), written);
        }
        for written in ["192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "::fffe:1:2"] {
            let parsed: IpAddr = written.parse().unwrap();
            assert_eq!((address(bits(parsed)), is_ipv4(bits(parsed))), (parsed, parsed.is_ipv4()));
        }
        assert_eq!(prefix("192.0.2.0/24".parse().unwrap()), Prefix6::new(0xffff_c000_0200, 120));
        assert_eq!(subnet("192.0.2.1".parse().unwrap(), 24), (0xffff_c000_0201, 120));
    }

    #[test]
    fn what_covers_all_of_ipv4_and_more_is_ipv6() {
        for len in 0..MAPPED_LEN {
            assert!(!is_ipv4_prefix(Prefix6::new(IPV4.address(), len)), "{len}");
        }
        assert!(is_ipv4_prefix(IPV4) && prefix4(IPV4) == Some(Prefix4::new(0, 0)));
    }
}
