//! IPv4 packets as octets, written and read as the RFCs say, without the engine's own code.

use dataplane::wire::ethernet::Mac;

pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// An address from its text.
pub fn ip4(text: &str) -> [u8; 4] {
    text.parse::<std::net::Ipv4Addr>().unwrap().octets()
}

/// An Ethernet frame from some host to `to`.
pub fn frame(to: Mac, packet: &[u8]) -> Vec<u8> {
    let mut frame = to.0.to_vec();
    frame.extend([2, 0, 0, 0xcc, 0, 1, 0x08, 0x00]);
    frame.extend(packet);
    frame
}

/// What a header says, to be changed before it is written.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    pub source: &'a str,
    pub destination: &'a str,
    pub ttl: u8,
    pub protocol: u8,
    /// DF is 0x4000, MF 0x2000, the rest counts 8 octets.
    pub fragment: u16,
    pub tos: u8,
    pub options: &'a [u8],
}

/// To 255.255.255.255.
pub const TO_ALL: Fields<'static> = Fields {
    source: "192.0.2.7",
    destination: "255.255.255.255",
    ttl: 64,
    protocol: UDP,
    fragment: 0,
    tos: 0,
    options: &[],
};

/// A packet (RFC 791, 3.1) with a right checksum.
pub fn packet(fields: Fields<'_>, payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + fields.options.len();
    let total = ((header_len + payload.len()) as u16).to_be_bytes();
    let fragment = fields.fragment.to_be_bytes();
    let first = 0x40 | (header_len / 4) as u8;
    let mut packet = vec![first, fields.tos, total[0], total[1], 0x12, 0x34, fragment[0], fragment[1]];
    packet.extend([fields.ttl, fields.protocol, 0, 0]);
    packet.extend(ip4(fields.source));
    packet.extend(ip4(fields.destination));
    packet.extend(fields.options);
    let sum = checksum(&packet).to_be_bytes();
    packet[10..12].copy_from_slice(&sum);
    packet.extend(payload);
    packet
}

/// The Internet checksum (RFC 1071), octet pair by octet pair.
pub fn checksum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An ICMP message with a right checksum.
pub fn icmp(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0];
    message.extend(rest);
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    message
}

/// The packet as it is one hop on.
pub fn a_hop_on(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let header_len = usize::from(packet[0] & 15) * 4;
    packet[8] -= 1;
    packet[10..12].copy_from_slice(&[0, 0]);
    let sum = checksum(&packet[..header_len]).to_be_bytes();
    packet[10..12].copy_from_slice(&sum);
    packet
}

/// What an ICMP error packet says.
#[derive(Debug, PartialEq, Eq)]
pub struct Error<'a> {
    pub source: [u8; 4],
    pub destination: [u8; 4],
    pub kind: u8,
    pub code: u8,
    pub parameter: u32,
    pub quote: &'a [u8],
}

/// Reads the ICMP error in a frame, after checking its lengths, time to live and checksums.
pub fn error(frame: &[u8]) -> Error<'_> {
    assert_eq!(frame[12..14], [8, 0]);
    let packet = &frame[14..];
    assert_eq!((packet[0], packet[8], packet[9]), (0x45, 64, ICMP), "not an error of this node");
    assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), packet.len());
    assert!(packet.len() <= 576, "an error of more than every host takes");
    assert_eq!(checksum(&packet[..20]), 0, "header checksum");
    assert_eq!(checksum(&packet[20..]), 0, "checksum");
    Error {
        source: packet[12..16].try_into().unwrap(),
        destination: packet[16..20].try_into().unwrap(),
        kind: packet[20],
        code: packet[21],
        parameter: u32::from_be_bytes(packet[24..28].try_into().unwrap()),
        quote: &packet[28..],
    }
}

/// What an error quotes of `packet`: as much as fits into 576 octets in all.
pub fn quoted(packet: &[u8]) -> &[u8] {
    &packet[..packet.len().min(576 - 28)]
}

/// An ARP message (RFC 826) in a frame.
pub fn arp(to: Mac, operation: u8, sender: (Mac, &str), target: &str) -> Vec<u8> {
    let mut frame = to.0.to_vec();
    frame.extend(sender.0.0);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend(sender.0.0);
    frame.extend(ip4(sender.1));
    frame.extend([0; 6]);
    frame.extend(ip4(target));
    frame
}
