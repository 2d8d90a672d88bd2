//! Headers, as RFC 8200, RFC 768, RFC 8754 and the MEX specification lay them out. Written here anew: what the generator
//! expects must not come from the code that it measures.

use super::checksum;

/// Protocol numbers.
pub mod protocol {
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 in IPv6.
    pub const IPV6: u8 = 41;
    /// Routing header.
    pub const ROUTING: u8 = 43;
}

/// The experimental number of the AP header (RFC 4727).
pub const MEX_NEXT_HEADER: u8 = 253;
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];

/// An Ethernet header of IPv6.
pub fn ethernet(to: [u8; 6], from: [u8; 6]) -> [u8; 14] {
    let mut header = [0; 14];
    header[..6].copy_from_slice(&to);
    header[6..12].copy_from_slice(&from);
    header[12..].copy_from_slice(&ETHERTYPE_IPV6);
    header
}

/// The fields of an IPv6 header; the traffic class is 0.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6 {
    /// Source address.
    pub source: u128,
    /// Destination address.
    pub destination: u128,
    /// What follows.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
}

impl Ipv6 {
    /// The packet with this header and payload.
    pub fn around(&self, payload: &[u8]) -> Vec<u8> {
        let mut packet = (6 << 28 | self.flow_label).to_be_bytes().to_vec();
        packet.extend((payload.len() as u16).to_be_bytes());
        packet.extend([self.next_header, self.hop_limit]);
        packet.extend(self.source.to_be_bytes());
        packet.extend(self.destination.to_be_bytes());
        packet.extend(payload);
        packet
    }
}

/// A UDP datagram. A probe and its balance add nothing to its checksum, so they count as zeros: in the payload, and in the
/// source address where the probe is there.
pub fn udp(source: u128, destination: u128, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let len = 8 + payload.len();
    let mut datagram = ports.0.to_be_bytes().to_vec();
    datagram.extend(ports.1.to_be_bytes());
    datagram.extend((len as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let sum = checksum::upper_layer(source, destination, protocol::UDP, &datagram);
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

/// An AP header with one alternative prefix, of which `left` are left.
pub fn ap_header(next_header: u8, left: u8, alternative: u64) -> [u8; 16] {
    let mut header = [next_header, 1, left, 0x10, 0x4d, 0x58, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[8..].copy_from_slice(&alternative.to_be_bytes());
    header
}

/// The fields of an SRH.
#[derive(Clone, Copy, Debug)]
pub struct SrhFields<'a> {
    /// What follows.
    pub next_header: u8,
    /// Segments left.
    pub segments_left: u8,
    /// Segments in the order of travel.
    pub path: &'a [u128],
}

/// A segment routing header without TLVs (RFC 8754, 2): the list holds the last segment first.
pub fn srh(fields: &SrhFields<'_>) -> Vec<u8> {
    let count = fields.path.len() as u8;
    let mut header =
        vec![fields.next_header, 2 * count, 4, fields.segments_left, count.saturating_sub(1), 0, 0, 0];
    for segment in fields.path.iter().rev() {
        header.extend(segment.to_be_bytes());
    }
    header
}
