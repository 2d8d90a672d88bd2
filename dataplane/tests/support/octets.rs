//! Packets as octets, written and read as the RFCs say, without the engine's own code.

use dataplane::wire::ethernet::Mac;

pub const HOP_BY_HOP: u8 = 0;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ROUTING: u8 = 43;
pub const FRAGMENT: u8 = 44;
pub const ESP: u8 = 50;
pub const AH: u8 = 51;
pub const ICMPV6: u8 = 58;
pub const NONE: u8 = 59;
pub const DESTINATION_OPTIONS: u8 = 60;
pub const AP: u8 = 253;

/// An Ethernet frame from some host to `to`.
pub fn frame(to: Mac, packet: &[u8]) -> Vec<u8> {
    let mut frame = to.0.to_vec();
    frame.extend([2, 0, 0, 0xcc, 0, 1, 0x86, 0xdd]);
    frame.extend(packet);
    frame
}

/// An IPv6 packet (RFC 8200, 3).
pub fn ip6(source: u128, destination: u128, hop_limit: u8, next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0x01, 0x23, 0x45];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next_header, hop_limit]);
    packet.extend(source.to_be_bytes());
    packet.extend(destination.to_be_bytes());
    packet.extend(payload);
    packet
}

/// An IPv6 packet with headers of these kinds; the first octet of each part is made to announce the next.
pub fn chain(
    source: u128,
    destination: u128,
    hop_limit: u8,
    parts: &[(u8, Vec<u8>)],
    last: (u8, &[u8]),
) -> Vec<u8> {
    let mut payload = Vec::new();
    for (at, (_, part)) in parts.iter().enumerate() {
        let next = parts.get(at + 1).map_or(last.0, |(kind, _)| *kind);
        let begin = payload.len();
        payload.extend(part);
        if payload.len() > begin {
            payload[begin] = next;
        }
    }
    payload.extend(last.1);
    let first = parts.first().map_or(last.0, |(kind, _)| *kind);
    ip6(source, destination, hop_limit, first, &payload)
}

/// A UDP datagram with a right checksum (RFC 768, RFC 8200, 8.1).
pub fn udp(source: u128, destination: u128, ports: (u16, u16), data: &[u8]) -> Vec<u8> {
    let mut datagram = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    datagram.extend((8 + data.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(data);
    let sum = checksum(source, destination, UDP, &datagram);
    datagram[6..8].copy_from_slice(&(if sum == 0 { 0xffff } else { sum }).to_be_bytes());
    datagram
}

/// An ICMPv6 message with a right checksum.
pub fn icmp(source: u128, destination: u128, kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0];
    message.extend(body);
    let sum = checksum(source, destination, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// The Internet checksum over the pseudo-header (RFC 1071, RFC 8200, 8.1), octet pair by octet pair.
pub fn checksum(source: u128, destination: u128, next_header: u8, payload: &[u8]) -> u16 {
    let mut octets = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    octets.extend((payload.len() as u32).to_be_bytes());
    octets.extend([0, 0, 0, next_header]);
    octets.extend(payload);
    if octets.len() % 2 == 1 {
        octets.push(0);
    }
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An AP header (docs/mex.md) with `prefixes`, `pleft` of them not used; the first octet is for [`chain`].
pub fn ap(pleft: u8, prefixes: &[u64]) -> Vec<u8> {
    let mut header = vec![0, prefixes.len() as u8, pleft, 0x10, 0x4d, 0x58, 0, 0];
    header.extend(prefixes.iter().flat_map(|p| p.to_be_bytes()));
    header
}

/// An options header of 8 + 8 * `units` octets, all padding (RFC 8200, 4.2).
pub fn options(units: u8) -> Vec<u8> {
    let mut header = vec![0; 8 + 8 * usize::from(units)];
    header[1] = units;
    if units == 0 {
        header[2..4].copy_from_slice(&[1, 4]);
    }
    header
}

/// A Routing header of type 4 (RFC 8754) with one segment.
pub fn routing(segments_left: u8) -> Vec<u8> {
    let mut header = vec![0, 2, 4, segments_left, 0, 0, 0, 0];
    header.extend([0x20; 16]);
    header
}

/// A Fragment header; `offset` in 8-octet units.
pub fn fragment(offset: u16, more: bool) -> Vec<u8> {
    let field = (offset << 3 | u16::from(more)).to_be_bytes();
    vec![0, 0, field[0], field[1], 0, 0, 0, 9]
}

pub fn u128_at(octets: &[u8], at: usize) -> u128 {
    u128::from_be_bytes(octets[at..at + 16].try_into().unwrap())
}

pub fn source(packet: &[u8]) -> u128 {
    u128_at(packet, 8)
}

pub fn destination(packet: &[u8]) -> u128 {
    u128_at(packet, 24)
}

/// What an ICMPv6 error packet says.
#[derive(Debug, PartialEq, Eq)]
pub struct Error<'a> {
    pub kind: u8,
    pub code: u8,
    pub parameter: u32,
    pub quote: &'a [u8],
}

/// Reads the ICMPv6 error in a frame, after checking its lengths, hop limit and checksum.
pub fn error(frame: &[u8]) -> Error<'_> {
    let packet = &frame[14..];
    assert_eq!((packet[0] >> 4, packet[6], packet[7]), (6, ICMPV6, 64), "not an error of this node");
    assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len() - 40);
    assert_eq!(checksum(source(packet), destination(packet), ICMPV6, &packet[40..]), 0, "checksum");
    assert!(packet.len() <= 1280, "an error of more than the minimum MTU");
    let parameter = u32::from_be_bytes(packet[44..48].try_into().unwrap());
    Error { kind: packet[40], code: packet[41], parameter, quote: &packet[48..] }
}

/// What an error quotes of `packet`: as much as fits into 1280 octets in all.
pub fn quoted(packet: &[u8]) -> &[u8] {
    &packet[..packet.len().min(1280 - 48)]
}
