//! The flow that a packet belongs to, as a number: what next-hop groups pick by.

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
}
/// tmp
pub fn hash4(_p: &[u8]) -> u32 {
    0
}
/// tmp
pub fn hash_frame(_p: &[u8]) -> u32 {
    0
}
/// tmp
pub fn label(h: u32) -> u32 {
    h & 0xfffff | 1
}
