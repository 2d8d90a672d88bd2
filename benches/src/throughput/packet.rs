//! The packets of the scenarios, octet by octet. Sizes are of the frame without its check sequence.

use std::net::Ipv4Addr;

/// Whose address the frames are sent to: the port of the source.
pub const OUR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x0a];
const SENDER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Octets of an Ethernet header.
pub const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;
const IPV4_LEN: usize = 20;
const UDP_LEN: usize = 8;
const SEGMENT_LEN: usize = 16;
const SRH_FIXED_LEN: usize = 8;
/// The shortest frame that an IPv6 and a UDP header fit in.
pub const MIN_FRAME_LEN: usize = ETHERNET_LEN + IPV6_LEN + UDP_LEN;

const TYPE_IPV4: u16 = 0x0800;
const TYPE_IPV6: u16 = 0x86dd;
const UDP: u8 = 17;
const IPIP: u8 = 4;
const IPV6: u8 = 41;
const ROUTING: u8 = 43;
/// The next-header value of the AP header, as configured by default.
const AP: u8 = 253;
/// An AP header with one alternative prefix: 8 octets and the prefix.
const AP_LEN: usize = 16;

const HOP_LIMIT: u8 = 64;
const PLAIN_SOURCE: u128 = 0x2001_0db8_f000_0000_0000_0000_0000_0001;
const OUTER_SOURCE: u128 = 0x2001_0db8_f001_0000_0000_0000_0000_0001;
const FIRST_PORT: u32 = 1024;
const DISCARD_PORT: u16 = 9;
const SOURCE4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Routes that plain destinations are spread over, `2001:db8:1::/48` and so on.
pub const ROUTES: u32 = 8;
/// SIDs of full addresses are `fc00:0:NODE:FUNCTION::`, compressed ones `fc01:0:NODE:FUNCTION::`.
const SID_BLOCK: u128 = 0xfc00 << 112;
const CSID_BLOCK: u128 = 0xfc01 << 112;
/// The function of End at every node.
const END: u16 = 0x100;

/// `fc00:0:NODE:FUNCTION::`.
pub const fn sid(node: u16, function: u16) -> u128 {
    SID_BLOCK | (node as u128) << 80 | (function as u128) << 64
}

/// The destination of a flow: behind one of the eight routes of a pair of ports.
pub fn reachable(pair: u32, flow: u32) -> u128 {
    subnet(pair * ROUTES + flow % ROUTES + 1) | u128::from(flow + 1)
}

/// A destination that has a route with the action `mex` alone.
fn unreachable(flow: u32) -> u128 {
    subnet(0x8000 + flow % 0x7000) | u128::from(flow + 1)
}

/// `2001:db8:INDEX:1::`.
const fn subnet(index: u32) -> u128 {
    0x2001_0db8 << 96 | (index as u128) << 80 | 1 << 64
}

/// What is around the plain packet of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// Nothing.
    Plain,
    /// An AP header; of 100 flows so many have a destination without a route and need it.
    Ap {
        /// 0 to 100.
        needed_percent: u8,
    },
    /// An outer header to a SID of node 1, without an SRH.
    Sid(u16),
    /// An outer header to the micro SID of node 1, another one behind it.
    MicroSid,
    /// The same with IPv4 inside.
    SidIpv4(u16),
    /// An outer header to a SID of node 1, and an SRH of three segments, of which so many are left.
    Srh3 {
        /// The function of the SID.
        function: u16,
        /// 0 to 2.
        segments_left: u8,
    },
    /// An outer header to End of node 1, and a reduced SRH with so many segments, all of them left.
    SrhReduced {
        /// 1 to 10.
        segments: u8,
    },
}

/// The frame of `flow`, whose plain packet has `len` octets with Ethernet, to `destination`.
pub fn frame(shape: Shape, flow: u32, len: usize, destination: u128) -> Vec<u8> {
    let inner_len = len.max(MIN_FRAME_LEN) - ETHERNET_LEN;
    let inner = || udp6(flow, inner_len, destination);
    let packet = match shape {
        Shape::Plain => inner(),
        Shape::Ap { needed_percent } => {
            // 37 and 100 have no common divisor: the flows that need it are spread among the others.
            if flow * 37 % 100 < u32::from(needed_percent) {
                with_ap(udp6(flow, inner_len, unreachable(flow)), destination)
            } else {
                with_ap(inner(), unreachable(flow))
            }
        }
        Shape::Sid(function) => outer(flow, sid(1, function), IPV6, &[], &inner()),
        Shape::MicroSid => outer(flow, CSID_BLOCK | 1 << 80 | 2 << 64, IPV6, &[], &inner()),
        Shape::SidIpv4(function) => outer(flow, sid(1, function), IPIP, &[], &udp4(flow, inner_len)),
        Shape::Srh3 { function, segments_left } => {
            let list = [sid(2, END), sid(3, END), sid(1, function)];
            outer(flow, list[2], ROUTING, &srh(IPV6, segments_left, &list), &inner())
        }
        Shape::SrhReduced { segments } => {
            let list: Vec<u128> = (2..).map(|node| sid(node, END)).take(usize::from(segments)).collect();
            outer(flow, sid(1, END), ROUTING, &srh(IPV6, segments, &list), &inner())
        }
    };
    let ethernet_type = if packet[0] >> 4 == 4 { TYPE_IPV4 } else { TYPE_IPV6 };
    [&OUR_MAC[..], &SENDER_MAC, &ethernet_type.to_be_bytes(), &packet].concat()
}

fn ipv6_header(label: u32, payload_len: usize, next_header: u8, source: u128, destination: u128) -> Vec<u8> {
    let first = 6 << 28 | label & 0xf_ffff;
    [
        &first.to_be_bytes()[..],
        &(payload_len as u16).to_be_bytes(),
        &[next_header, HOP_LIMIT],
        &source.to_be_bytes(),
        &destination.to_be_bytes(),
    ]
    .concat()
}

/// UDP with zeros in it, its checksum over the pseudo-header of these sums.
fn udp(flow: u32, len: usize, pseudo: u32) -> Vec<u8> {
    // Never above 65535: ports go round.
    let port = (FIRST_PORT + flow % (0x1_0000 - FIRST_PORT)) as u16;
    let mut octets = vec![0; len];
    for (at, field) in [port, DISCARD_PORT, len as u16, 0].into_iter().enumerate() {
        octets[2 * at..2 * at + 2].copy_from_slice(&field.to_be_bytes());
    }
    // RFC 768: 0 means no checksum, all ones is sent instead.
    let checksum = match folded(pseudo + sum(&octets)) {
        0 => 0xffff,
        checksum => checksum,
    };
    octets[6..8].copy_from_slice(&checksum.to_be_bytes());
    octets
}

/// A packet of `len` octets, IPv6 header included.
fn udp6(flow: u32, len: usize, destination: u128) -> Vec<u8> {
    let upper_len = len - IPV6_LEN;
    let pseudo = sum(&PLAIN_SOURCE.to_be_bytes())
        + sum(&destination.to_be_bytes())
        + upper_len as u32
        + u32::from(UDP);
    let mut packet = ipv6_header(flow, upper_len, UDP, PLAIN_SOURCE, destination);
    packet.extend(udp(flow, upper_len, pseudo));
    packet
}

/// A packet of `len` octets, IPv4 header included, to one of 250 addresses of `198.51.100.0/24`.
fn udp4(flow: u32, len: usize) -> Vec<u8> {
    let destination = Ipv4Addr::new(198, 51, 100, (flow % 250 + 1) as u8);
    let addresses = [SOURCE4.octets(), destination.octets()].concat();
    let upper_len = len - IPV4_LEN;
    let mut header = vec![0x45, 0];
    header.extend((len as u16).to_be_bytes());
    header.extend([0, 1, 0, 0, HOP_LIMIT, UDP, 0, 0]);
    header.extend(&addresses);
    let checksum = folded(sum(&header)).to_be_bytes();
    header[10..12].copy_from_slice(&checksum);
    header.extend(udp(flow, upper_len, sum(&addresses) + upper_len as u32 + u32::from(UDP)));
    header
}

/// The packet with an AP header, which carries the first 64 bits of `alternative`. The checksum stays: it covers the
/// original destination.
fn with_ap(mut packet: Vec<u8>, alternative: u128) -> Vec<u8> {
    let next_header = std::mem::replace(&mut packet[6], AP);
    let payload_len = (packet.len() - IPV6_LEN + AP_LEN) as u16;
    packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
    let mut header = vec![next_header, 1, 1, 0x10, b'M', b'X', 0, 0];
    header.extend(&alternative.to_be_bytes()[..8]);
    packet.splice(IPV6_LEN..IPV6_LEN, header);
    packet
}

/// An SRH (RFC 8754) with this segment list, the last segment of the path first.
fn srh(next_header: u8, segments_left: u8, list: &[u128]) -> Vec<u8> {
    let count = list.len() as u8;
    let mut octets = vec![next_header, 2 * count, 4, segments_left, count - 1, 0, 0, 0];
    octets.extend(list.iter().flat_map(|segment| segment.to_be_bytes()));
    debug_assert_eq!(octets.len(), SRH_FIXED_LEN + SEGMENT_LEN * list.len());
    octets
}

fn outer(flow: u32, destination: u128, next_header: u8, routing: &[u8], inner: &[u8]) -> Vec<u8> {
    let mut packet =
        ipv6_header(flow + 1, routing.len() + inner.len(), next_header, OUTER_SOURCE, destination);
    packet.extend(routing);
    packet.extend(inner);
    packet
}

/// The sum of 16-bit words; an odd octet at the end counts as the first half of a word.
fn sum(octets: &[u8]) -> u32 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    octets.chunks(2).map(word).sum()
}

/// The ones' complement of a ones' complement sum.
fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests;
