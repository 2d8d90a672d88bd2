//! IPv6 (RFC 8200): the fixed header, and what an address is (RFC 4291).

use std::borrow::{Borrow, BorrowMut};

/// Octets of the fixed header.
pub const LEN: usize = 40;
/// Every link carries packets of this many octets (RFC 8200, 5).
pub const MIN_MTU: usize = 1280;
/// Hop limit of packets that this node originates.
pub const DEFAULT_HOP_LIMIT: u8 = 64;

/// Offset of the next-header field in the fixed header, octets.
pub const NEXT_HEADER_AT: usize = 6;
/// Offset of the hop limit in the fixed header, octets.
pub const HOP_LIMIT_AT: usize = 7;

/// A lens over the fixed header.
///
/// ```text
///  0        4         6     7     8        24       40
///  |v|tc|fl | length  | nh  | hl  | source | destination |
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Header<T>(T);

impl<'a> Header<&'a [u8; LEN]> {
    /// The header at the front of `packet`, or `None` when the packet is shorter.
    pub fn of(packet: &'a [u8]) -> Option<Self> {
        packet.first_chunk().map(Header)
    }
}

impl<'a> Header<&'a mut [u8; LEN]> {
    /// The header at the front of `packet`, or `None` when the packet is shorter.
    pub fn of_mut(packet: &'a mut [u8]) -> Option<Self> {
        packet.first_chunk_mut().map(Header)
    }

    /// The header that these octets are.
    pub fn of_array(octets: &'a mut [u8; LEN]) -> Self {
        Header(octets)
    }
}

fn read_u128<const AT: usize>(b: &[u8; LEN]) -> u128 {
    let mut octets = [0; 16];
    octets.copy_from_slice(&b[AT..AT + 16]);
    u128::from_be_bytes(octets)
}

impl<T: Borrow<[u8; LEN]>> Header<T> {
    /// Version, traffic class and flow label: the first word.
    fn word(&self) -> u32 {
        let b = self.0.borrow();
        u32::from_be_bytes([b[0], b[1], b[2], b[3]])
    }

    /// Version: 6, or the packet is not IPv6.
    pub fn version(&self) -> u8 {
        self.0.borrow()[0] >> 4
    }

    /// Traffic class: DSCP and ECN.
    pub fn traffic_class(&self) -> u8 {
        (self.word() >> 20) as u8
    }

    /// Flow label, 20 bits (RFC 6437).
    pub fn flow_label(&self) -> u32 {
        self.word() & 0xf_ffff
    }

    /// Octets after the fixed header.
    pub fn payload_len(&self) -> u16 {
        let b = self.0.borrow();
        u16::from_be_bytes([b[4], b[5]])
    }

    /// Protocol number of what follows.
    pub fn next_header(&self) -> u8 {
        self.0.borrow()[NEXT_HEADER_AT]
    }

    /// Hop limit.
    pub fn hop_limit(&self) -> u8 {
        self.0.borrow()[7]
    }

    /// Source address.
    pub fn source(&self) -> u128 {
        read_u128::<8>(self.0.borrow())
    }

    /// Destination address.
    pub fn destination(&self) -> u128 {
        read_u128::<24>(self.0.borrow())
    }
}

impl<T: BorrowMut<[u8; LEN]>> Header<T> {
    /// Writes version 6, the traffic class and the flow label (20 bits used).
    pub fn set_version_class_label(&mut self, traffic_class: u8, flow_label: u32) {
        let word = 6 << 28 | u32::from(traffic_class) << 20 | (flow_label & 0xf_ffff);
        self.0.borrow_mut()[0..4].copy_from_slice(&word.to_be_bytes());
    }

    /// Octets after the fixed header.
    pub fn set_payload_len(&mut self, octets: u16) {
        self.0.borrow_mut()[4..6].copy_from_slice(&octets.to_be_bytes());
    }

    /// Protocol number of what follows.
    pub fn set_next_header(&mut self, next_header: u8) {
        self.0.borrow_mut()[NEXT_HEADER_AT] = next_header;
    }

    /// Hop limit.
    pub fn set_hop_limit(&mut self, hop_limit: u8) {
        self.0.borrow_mut()[7] = hop_limit;
    }

    /// Source address.
    pub fn set_source(&mut self, address: u128) {
        self.0.borrow_mut()[8..24].copy_from_slice(&address.to_be_bytes());
    }

    /// Destination address.
    pub fn set_destination(&mut self, address: u128) {
        self.0.borrow_mut()[24..40].copy_from_slice(&address.to_be_bytes());
    }
}

/// The value of a fixed header that this node originates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repr {
    /// Octets after the fixed header.
    pub payload_len: u16,
    /// Protocol number of what follows.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub source: u128,
    /// Destination address.
    pub destination: u128,
}

impl Repr {
    /// Writes the header, with traffic class and flow label 0.
    pub fn emit<T: BorrowMut<[u8; LEN]>>(&self, header: &mut Header<T>) {
        header.set_version_class_label(0, 0);
        header.set_payload_len(self.payload_len);
        header.set_next_header(self.next_header);
        header.set_hop_limit(self.hop_limit);
        header.set_source(self.source);
        header.set_destination(self.destination);
    }
}

/// Next-header values that this node knows (IANA protocol numbers).
pub mod protocol {
    /// Hop-by-Hop Options (RFC 8200, 4.3).
    pub const HOP_BY_HOP: u8 = 0;
    /// An IPv4 packet inside (RFC 2003).
    pub const IPV4: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// An IPv6 packet inside (RFC 2473).
    pub const IPV6: u8 = 41;
    /// Routing header (RFC 8200, 4.4).
    pub const ROUTING: u8 = 43;
    /// Fragment header (RFC 8200, 4.5).
    pub const FRAGMENT: u8 = 44;
    /// Encapsulating Security Payload (RFC 4303).
    pub const ESP: u8 = 50;
    /// Authentication Header (RFC 4302).
    pub const AH: u8 = 51;
    /// `ICMPv6` (RFC 4443).
    pub const ICMPV6: u8 = 58;
    /// No next header (RFC 8200, 4.7).
    pub const NONE: u8 = 59;
    /// Destination Options (RFC 8200, 4.6).
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// SCTP.
    pub const SCTP: u8 = 132;
    /// An Ethernet frame inside (RFC 8986, 10.1).
    pub const ETHERNET: u8 = 143;
}

/// ff00::/8 (RFC 4291, 2.7).
pub const fn is_multicast(address: u128) -> bool {
    address >> 120 == 0xff
}

/// fe80::/10 (RFC 4291, 2.5.6).
pub const fn is_link_local(address: u128) -> bool {
    address >> 118 == 0xfe80 >> 6
}

/// `::` (RFC 4291, 2.5.2).
pub const UNSPECIFIED: u128 = 0;
/// `::1` (RFC 4291, 2.5.3).
pub const LOOPBACK: u128 = 1;
/// ff02::1, all nodes on the link.
pub const ALL_NODES: u128 = 0xff02 << 112 | 1;
/// ff02::2, all routers on the link.
pub const ALL_ROUTERS: u128 = 0xff02 << 112 | 2;

/// In ff02::1:ff00:0/104, the solicited-node group of `address` (RFC 4291, 2.7.1).
pub const fn solicited_node(address: u128) -> u128 {
    0xff02 << 112 | 0x1_ff00_0000 | address & 0xff_ffff
}

/// True for any solicited-node group.
pub const fn is_solicited_node(address: u128) -> bool {
    address >> 24 == solicited_node(0) >> 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emitted_octets_are_rfc_8200s() {
        let mut b = [0xaau8; LEN];
        let repr =
            Repr { payload_len: 0x1234, next_header: 58, hop_limit: 64, source: 1, destination: ALL_NODES };
        repr.emit(&mut Header(&mut b));
        assert_eq!(b[..8], [0x60, 0, 0, 0, 0x12, 0x34, 58, 64]);
        assert_eq!(b[23], 1);
        assert_eq!(b[24..26], [0xff, 2]);
        assert_eq!(b[39], 1);
        let mut h = Header(&mut b);
        h.set_version_class_label(0xa5, 0xf_1234);
        assert_eq!((h.version(), h.traffic_class(), h.flow_label()), (6, 0xa5, 0xf_1234));
        assert_eq!((h.payload_len(), h.source(), h.destination()), (0x1234, 1, ALL_NODES));
    }

    #[test]
    fn kinds_of_address() {
        let parse = |s: &str| u128::from(s.parse::<std::net::Ipv6Addr>().unwrap());
        assert!(is_link_local(parse("fe80::1")) && is_link_local(parse("febf::1")));
        assert!(!is_link_local(parse("fec0::1")) && !is_link_local(parse("2001:db8::1")));
        assert!(is_multicast(parse("ff02::1")) && !is_multicast(parse("fe80::1")));
        assert_eq!(solicited_node(parse("2001:db8::1:800:200e:8c6c")), parse("ff02::1:ff0e:8c6c"));
        assert!(is_solicited_node(parse("ff02::1:ff00:1")) && !is_solicited_node(parse("ff02::1:fe00:1")));
        assert_eq!(ALL_ROUTERS, parse("ff02::2"));
    }
}
