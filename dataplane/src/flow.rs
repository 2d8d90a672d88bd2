//! The flow that a packet belongs to, as a number: what next-hop groups and segment lists are picked by, and what the flow
//! label of an outer header is made from.

use crate::wire::ethernet;
use crate::wire::ipv4;
use crate::wire::ipv6::{self, protocol};

/// Multiplies and folds: every bit of the input reaches every bit of the result (after wyhash).
fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide >> 64) as u64 ^ wide as u64
}

const K0: u64 = 0x9e37_79b9_7f4a_7c15;
const K1: u64 = 0xd6e8_feb8_6659_fd93;
const K2: u64 = 0xa076_1d64_78bd_642f;

/// The hash of a packet's flow, when the packet goes to `destination`: addresses, protocol and ports for TCP, UDP and SCTP
/// directly behind the IPv6 header; otherwise (fragments, unknown and extension headers) addresses and flow label
/// (RFC 6437, RFC 6438), so that all fragments of a packet go one way.
pub fn hash(packet: &[u8], destination: u128) -> u32 {
    let Some(header) = ipv6::Header::of(packet) else { return 0 };
    let source = header.source();
    let ports = match header.next_header() {
        protocol::TCP | protocol::UDP | protocol::SCTP => {
            packet.get(ipv6::LEN..).and_then(|p| p.first_chunk::<4>())
        }
        _ => None,
    };
    let last = match ports {
        Some(ports) => u64::from(u32::from_be_bytes(*ports)) | u64::from(header.next_header()) << 32,
        None => u64::from(header.flow_label()) | 1 << 63,
    };
    let addresses = mix((source >> 64) as u64 ^ K0, source as u64 ^ K1)
        .wrapping_add(mix((destination >> 64) as u64 ^ K1, destination as u64 ^ K2));
    (mix(addresses ^ K0, last ^ K2) >> 32) as u32
}

/// The hash of an IPv4 packet's flow: addresses, protocol and ports for TCP, UDP and SCTP that are not fragmented;
/// otherwise addresses and protocol only, so that all fragments go one way. 0 without an IPv4 header.
pub fn hash4(packet: &[u8]) -> u32 {
    let Some(header) = ipv4::Header::of(packet) else { return 0 };
    let ports = match header.protocol() {
        protocol::TCP | protocol::UDP | protocol::SCTP if !header.is_fragment() => {
            ipv4::payload(packet).first_chunk::<4>()
        }
        _ => None,
    };
    let addresses = u64::from(header.source()) << 32 | u64::from(header.destination());
    let upper = match ports {
        Some(ports) => u64::from(u32::from_be_bytes(*ports)) | 1 << 40,
        None => 0,
    };
    let last = upper | u64::from(header.protocol()) << 32;
    (mix(mix(addresses ^ K0, K1) ^ K0, last ^ K2) >> 32) as u32
}

/// `EtherType` of a VLAN tag (IEEE 802.1Q).
const TYPE_VLAN: u16 = 0x8100;
/// `EtherType` of a service tag (IEEE 802.1ad).
const TYPE_SERVICE_VLAN: u16 = 0x88a8;

/// The hash of an Ethernet frame's flow: that of the IP packet inside, also behind one VLAN tag; otherwise of both
/// MAC addresses and the type.
pub fn hash_frame(frame: &[u8]) -> u32 {
    let Some(header) = ethernet::Header::of(frame) else { return 0 };
    let (mut ether_type, mut payload_at) = (header.ether_type(), ethernet::LEN);
    if matches!(ether_type, TYPE_VLAN | TYPE_SERVICE_VLAN)
        && let Some([_, _, high, low]) = frame.get(ethernet::LEN..).and_then(|tag| tag.first_chunk())
    {
        ether_type = u16::from_be_bytes([*high, *low]);
        payload_at = ethernet::LEN + ethernet::VLAN_LEN;
    }
    let packet = frame.get(payload_at..).unwrap_or_default();
    match (ether_type, ipv6::Header::of(packet)) {
        (ethernet::TYPE_IPV4, _) if packet.len() >= ipv4::LEN => hash4(packet),
        (ethernet::TYPE_IPV6, Some(header)) => hash(packet, header.destination()),
        _ => hash_stations(header.destination(), header.source(), ether_type),
    }
}

fn hash_stations(destination: ethernet::Mac, source: ethernet::Mac, ether_type: u16) -> u32 {
    let word = |mac: ethernet::Mac| {
        let m = mac.0;
        u64::from_be_bytes([0, 0, m[0], m[1], m[2], m[3], m[4], m[5]])
    };
    let typed = word(source) | u64::from(ether_type) << 48;
    (mix(mix(word(destination) ^ K0, K1) ^ K0, typed ^ K2) >> 32) as u32
}

/// Bits of a flow label (RFC 6437).
const LABEL_MASK: u32 = 0xf_ffff;

/// The flow label of a flow with this hash: 20 bits, never 0, which would say that there is none (RFC 6437, 2).
pub const fn label(hash: u32) -> u32 {
    let label = hash & LABEL_MASK;
    if label == 0 { LABEL_MASK } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(next_header: u8, label: u32, ports: [u8; 4]) -> Vec<u8> {
        let mut b = vec![0; 48];
        let mut header = ipv6::Header::of_mut(&mut b).unwrap();
        header.set_version_class_label(0, label);
        header.set_next_header(next_header);
        header.set_source(1);
        b[40..44].copy_from_slice(&ports);
        b
    }

    #[test]
    fn ports_count_where_they_are_known_and_the_label_elsewhere() {
        let of = |p: &[u8]| hash(p, 7);
        assert_ne!(of(&packet(6, 0, [0, 1, 0, 2])), of(&packet(6, 0, [0, 1, 0, 3])));
        assert_eq!(of(&packet(6, 1, [0, 1, 0, 2])), of(&packet(6, 2, [0, 1, 0, 2])));
        assert_ne!(of(&packet(6, 0, [0, 1, 0, 2])), of(&packet(17, 0, [0, 1, 0, 2])));
        for other in [protocol::FRAGMENT, protocol::ESP, protocol::ICMPV6, protocol::ROUTING, 41, 253] {
            assert_eq!(of(&packet(other, 5, [0, 1, 0, 2])), of(&packet(other, 5, [9, 9, 9, 9])), "{other}");
            assert_ne!(of(&packet(other, 5, [0; 4])), of(&packet(other, 6, [0; 4])), "{other}");
        }
        assert_ne!(hash(&packet(6, 0, [0; 4]), 1), hash(&packet(6, 0, [0; 4]), 2));
    }

    #[test]
    fn a_million_flows_spread_evenly() {
        let mut counts = [0u32; 16];
        for flow in 0..1_000_000u32 {
            let ports = flow.to_be_bytes();
            counts[(hash(&packet(17, 0, ports), 7) >> 28) as usize] += 1;
        }
        assert!(counts.iter().all(|c| c.abs_diff(62_500) < 1_250), "{counts:?}");
    }
    /// UDP or another protocol over IPv4, with `options` of 4 octets or none.
    fn packet4(protocol: u8, ports: [u8; 4], with_options: bool) -> Vec<u8> {
        let mut b = vec![0x45, 0, 0, 28, 0, 1, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7];
        if with_options {
            b[0] = 0x46;
            b.extend([0x94, 4, 0, 0]);
        }
        b.extend(ports);
        b.extend([0; 4]);
        b
    }

    #[test]
    fn ipv4_ports_count_unless_the_packet_is_a_fragment() {
        let (one, other) = ([0, 1, 0, 2], [0, 1, 0, 3]);
        for protocol in [6, 17, 132] {
            let of = |ports| hash4(&packet4(protocol, ports, false));
            assert_ne!(of(one), of(other), "{protocol}");
            assert_eq!(of(one), hash4(&packet4(protocol, one, true)), "options are not ports");
        }
        for protocol in [1, 4, 41, 47, 50] {
            assert_eq!(hash4(&packet4(protocol, one, false)), hash4(&packet4(protocol, other, false)));
        }
        assert_ne!(hash4(&packet4(6, one, false)), hash4(&packet4(17, one, false)));
        let fragment = |more: bool, offset: usize, ports: [u8; 4]| {
            let mut packet = packet4(17, ports, false);
            let mut header = ipv4::Header::of_mut(&mut packet).unwrap();
            header.set_fragment(false, more, offset);
            hash4(&packet)
        };
        let first = fragment(true, 0, one);
        assert_eq!([fragment(true, 8, other), fragment(false, 1480, [9; 4])], [first, first]);
        for at in 12..20 {
            let mut packet = packet4(17, one, false);
            packet[at] ^= 1;
            assert_ne!(hash4(&packet), hash4(&packet4(17, one, false)), "octet {at}");
        }
        let mut of_all_flags = packet4(17, one, false);
        of_all_flags[6] = 0x40;
        assert_eq!(hash4(&of_all_flags), hash4(&packet4(17, one, false)), "DF makes no fragment");
    }

    #[test]
    fn a_frame_has_the_flow_of_the_packet_inside() {
        let frame = |types: &[u16], inner: &[u8]| {
            let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
            for (at, ether_type) in types.iter().enumerate() {
                if at > 0 {
                    frame.extend([0, 5]);
                }
                frame.extend(ether_type.to_be_bytes());
            }
            frame.extend(inner);
            frame
        };
        let (four, six) = (packet4(17, [1, 2, 3, 4], false), packet(17, 5, [1, 2, 3, 4]));
        for tags in [&[][..], &[0x8100], &[0x88a8]] {
            assert_eq!(hash_frame(&frame(&[tags, &[0x0800]].concat(), &four)), hash4(&four));
            assert_eq!(hash_frame(&frame(&[tags, &[0x86dd]].concat(), &six)), hash(&six, 0));
        }
        let other = |ether_type, inner: &[u8]| hash_frame(&frame(&[ether_type], inner));
        assert_eq!(other(0x88cc, &[1; 60]), other(0x88cc, &[2; 60]), "what is unknown is not looked at");
        assert_ne!(other(0x88cc, &[1; 60]), other(0x0806, &[1; 60]));
        assert_ne!(other(0x0800, &four[..19]), 0, "too short for IPv4: by stations");
        assert_eq!(other(0x0800, &four[..19]), other(0x0800, &[]));
        for at in 0..12 {
            let mut changed = frame(&[0x88cc], &[]);
            changed[at] ^= 1;
            assert_ne!(hash_frame(&changed), other(0x88cc, &[]), "octet {at}");
        }
        assert_eq!(hash_frame(&[0; 13]), 0);
    }

    #[test]
    fn labels_are_20_bits_and_never_0() {
        assert_eq!((label(0x1234_5678), label(0xfff0_0001)), (0x4_5678, 1));
        for nought in [0, 0xfff0_0000, 0x0010_0000] {
            assert_eq!(label(nought), 0xf_ffff);
        }
    }

    #[test]
    fn a_million_ipv4_flows_spread_evenly() {
        let (mut picks, mut labels) = ([0u32; 16], [0u32; 16]);
        for flow in 0..1_000_000u32 {
            let mut packet = packet4(17, flow.to_be_bytes(), false);
            packet[19] = flow as u8;
            let hash = hash4(&packet);
            picks[(hash >> 28) as usize] += 1;
            labels[(label(hash) >> 16) as usize] += 1;
        }
        assert!(picks.iter().chain(&labels).all(|c| c.abs_diff(62_500) < 1_250), "{picks:?} {labels:?}");
    }
}
