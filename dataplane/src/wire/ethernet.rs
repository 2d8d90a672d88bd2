//! Ethernet II (IEEE 802.3): the 14 octets before the network layer.

use std::borrow::{Borrow, BorrowMut};
use std::fmt;
use std::str::FromStr;

/// Octets of an untagged Ethernet header.
pub const LEN: usize = 14;

/// `EtherType` of IPv6 (RFC 2464).
pub const TYPE_IPV6: u16 = 0x86dd;
/// `EtherType` of IPv4 (RFC 894).
pub const TYPE_IPV4: u16 = 0x0800;

/// A 48-bit MAC address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All stations (`ff:ff:ff:ff:ff:ff`).
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// True for a group address, broadcast included (the I/G bit).
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The address that an IPv6 multicast destination maps to: 33:33 and the low 32 bits (RFC 2464, 7).
    pub const fn for_multicast(destination: u128) -> Mac {
        let low = (destination as u32).to_be_bytes();
        Mac([0x33, 0x33, low[0], low[1], low[2], low[3]])
    }

    /// The modified EUI-64 interface identifier of this address (RFC 4291, appendix A).
    pub const fn interface_id(self) -> u64 {
        let m = self.0;
        u64::from_be_bytes([m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = self.0;
        write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5])
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What [`Mac::from_str`] refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadMac;

impl fmt::Display for BadMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a MAC address; write six octets such as 02:00:00:00:00:0a")
    }
}

impl std::error::Error for BadMac {}

impl FromStr for Mac {
    type Err = BadMac;

    fn from_str(text: &str) -> Result<Mac, BadMac> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().ok_or(BadMac)?;
            if part.is_empty() || part.len() > 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(BadMac);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| BadMac)?;
        }
        parts.next().is_none().then_some(Mac(octets)).ok_or(BadMac)
    }
}

/// Octets of a VLAN tag (IEEE 802.1Q).
pub const VLAN_LEN: usize = 4;

/// A lens over an Ethernet header.
///
/// ```text
///  0      6      12   14
///  | dst  | src  | type |
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Header<T>(T);

impl<'a> Header<&'a [u8; LEN]> {
    /// The header at the front of `frame`, or `None` when the frame is shorter.
    pub fn of(frame: &'a [u8]) -> Option<Self> {
        frame.first_chunk().map(Header)
    }
}

impl<'a> Header<&'a mut [u8; LEN]> {
    /// The header at the front of `frame`, or `None` when the frame is shorter.
    pub fn of_mut(frame: &'a mut [u8]) -> Option<Self> {
        frame.first_chunk_mut().map(Header)
    }
}

impl<T: Borrow<[u8; LEN]>> Header<T> {
    /// Destination MAC address.
    pub fn destination(&self) -> Mac {
        let b = self.0.borrow();
        Mac([b[0], b[1], b[2], b[3], b[4], b[5]])
    }

    /// Source MAC address.
    pub fn source(&self) -> Mac {
        let b = self.0.borrow();
        Mac([b[6], b[7], b[8], b[9], b[10], b[11]])
    }

    /// `EtherType`.
    pub fn ether_type(&self) -> u16 {
        let b = self.0.borrow();
        u16::from_be_bytes([b[12], b[13]])
    }
}

impl<T: BorrowMut<[u8; LEN]>> Header<T> {
    /// Writes all three fields.
    pub fn set(&mut self, destination: Mac, source: Mac, ether_type: u16) {
        *self.0.borrow_mut() = bytes(destination, source, ether_type);
    }
}

/// The 14 octets of a header: what an adjacency keeps ready.
pub const fn bytes(destination: Mac, source: Mac, ether_type: u16) -> [u8; LEN] {
    let (d, s, t) = (destination.0, source.0, ether_type.to_be_bytes());
    [d[0], d[1], d[2], d[3], d[4], d[5], s[0], s[1], s[2], s[3], s[4], s[5], t[0], t[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_802_3_puts_them() {
        let mut frame = [0u8; 16];
        Header::of_mut(&mut frame).unwrap().set(
            Mac([1, 2, 3, 4, 5, 6]),
            Mac([7, 8, 9, 10, 11, 12]),
            TYPE_IPV6,
        );
        assert_eq!(frame, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x86, 0xdd, 0, 0]);
        let header = Header::of(&frame).unwrap();
        assert_eq!(header.destination(), Mac([1, 2, 3, 4, 5, 6]));
        assert_eq!(header.source(), Mac([7, 8, 9, 10, 11, 12]));
        assert_eq!(header.ether_type(), TYPE_IPV6);
        assert!(Header::of(&frame[..13]).is_none());
    }

    #[test]
    fn mac_text_round_trips_and_bad_text_is_refused() {
        let mac: Mac = "02:00:0a:0B:00:0a".parse().unwrap();
        assert_eq!(mac.to_string(), "02:00:0a:0b:00:0a");
        for bad in
            ["", "02:00", "02:00:00:00:00:0a:01", "02:00:00:00:00:0g", "+2:00:00:00:00:00", "2::3:4:5:6"]
        {
            assert_eq!(bad.parse::<Mac>(), Err(BadMac), "{bad}");
        }
    }

    #[test]
    fn derived_addresses_match_the_rfcs() {
        // RFC 4291 appendix A and RFC 2464 section 7.
        assert_eq!(Mac([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]).interface_id(), 0x3656_78ff_fe9a_bcde);
        let solicited = 0xff02_0000_0000_0000_0000_0001_ff28_9c5a_u128;
        assert_eq!(Mac::for_multicast(solicited), Mac([0x33, 0x33, 0xff, 0x28, 0x9c, 0x5a]));
    }
}
