//! The headers of SRv6 as octets: RFC 8754, RFC 2473, RFC 791, written as the RFCs draw them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::octets::{self, DESTINATION_OPTIONS, HOP_BY_HOP, ROUTING};

pub const IPV4: u8 = 4;
pub const IPV6: u8 = 41;
pub const ETHERNET: u8 = 143;

/// A Segment Routing header (RFC 8754, 2): `list` as it stands in the header, the last segment first. The first octet is
/// for [`octets::chain`]. `tlvs` are padded to a multiple of 8.
pub fn srh(segments_left: u8, last_entry: u8, list: &[u128], tlvs: &[u8]) -> Vec<u8> {
    let mut header = vec![0, 0, 4, segments_left, last_entry, 0, 0, 0];
    header.extend(list.iter().flat_map(|segment| segment.to_be_bytes()));
    header.extend(tlvs);
    header.resize(header.len().next_multiple_of(8), 0);
    header[1] = (header.len() / 8 - 1) as u8;
    header
}

/// An HMAC TLV without its hash (RFC 8754, 2.1.2).
pub fn hmac_tlv(is_reduced: bool, key_id: u32) -> Vec<u8> {
    let mut tlv = vec![5, 38, if is_reduced { 0x80 } else { 0 }, 0];
    tlv.extend(key_id.to_be_bytes());
    tlv.resize(40, 0);
    tlv
}

/// RFC 8754, 2.1.2.1: the hash of the SRH in `header`.
pub fn hash(source: u128, header: &[u8], key_id: u32, secret: &[u8]) -> [u8; 32] {
    let mut text = source.to_be_bytes().to_vec();
    text.extend([header[4], header[5]]);
    text.extend(key_id.to_be_bytes());
    text.extend(&header[8..24 + 16 * usize::from(header[4])]);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(&text);
    mac.finalize().into_bytes().into()
}

/// Where the HMAC TLV of the SRH in `header` is; `Err`: where a TLV is that is none.
pub fn find_hmac(header: &[u8]) -> Result<Option<usize>, usize> {
    let mut at = 24 + 16 * usize::from(header[4]);
    let mut count = 0;
    while at < header.len() {
        if count == 64 {
            return Err(at);
        }
        count += 1;
        if header[at] == 0 {
            at += 1;
            continue;
        }
        let len = 2 + usize::from(*header.get(at + 1).ok_or(at)?);
        if at + len > header.len() {
            return Err(at);
        }
        if header[at] == 5 {
            return if len == 40 { Ok(Some(at)) } else { Err(at) };
        }
        at += len;
    }
    Ok(None)
}

/// Fills in the hash of the header's HMAC TLV.
pub fn sign(source: u128, header: &mut [u8], key_id: u32, secret: &[u8]) {
    if let Ok(Some(at)) = find_hmac(header) {
        let hash = hash(source, header, key_id, secret);
        header[at + 8..at + 40].copy_from_slice(&hash);
    }
}

/// An IPv4 packet without options (RFC 791, 3.1).
pub fn ip4(source: u32, destination: u32, ttl: u8, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0x2c];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend([0x12, 0x34, 0x40, 0, ttl, protocol, 0, 0]);
    packet.extend(source.to_be_bytes());
    packet.extend(destination.to_be_bytes());
    let sum = sum4(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

/// The checksum of an IPv4 header, octet pair by octet pair (RFC 1071).
pub fn sum4(header: &[u8]) -> u16 {
    let pairs = header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let mut sum: u32 = pairs.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// What a node that walks the headers of a packet comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// A Segment Routing header, whole: where it is, and the field that announces it.
    Srh { at: usize, announced_at: usize },
    /// A Routing header of another type with segments left.
    OtherRouting { at: usize },
    /// Whatever else: its protocol number, and where it is.
    Upper { protocol: u8, at: usize },
    /// Not all there.
    Broken,
}

/// RFC 8200, 4: the first header from the field at `announced_at` on, which announces the one at `at`, that is no options
/// header and no Routing header of another type without segments left.
pub fn walk(packet: &[u8], mut announced_at: usize, mut at: usize) -> Found {
    let is_front = announced_at == 6;
    for passed in 0..9 {
        let Some(kind) = packet.get(announced_at).copied() else { return Found::Broken };
        let is_options = kind == DESTINATION_OPTIONS || kind == HOP_BY_HOP && passed == 0 && is_front;
        if kind != ROUTING && !is_options {
            return Found::Upper { protocol: kind, at };
        }
        let end = packet.get(at + 1).map(|units| at + 8 + 8 * usize::from(*units));
        let is_whole = end.is_some_and(|end| end <= packet.len());
        if kind == ROUTING && packet.len() >= at + 8 && packet[at + 2] != 4 && packet[at + 3] != 0 {
            return Found::OtherRouting { at };
        }
        let (true, Some(end)) = (is_whole, end) else { return Found::Broken };
        if kind == ROUTING && packet[at + 2] == 4 {
            return Found::Srh { at, announced_at };
        }
        (announced_at, at) = (at, end);
    }
    Found::Broken
}

/// A packet without the header at `at`, which the field at `announced_at` announces.
pub fn without(packet: &[u8], at: usize, announced_at: usize) -> Vec<u8> {
    let len = 8 + 8 * usize::from(packet[at + 1]);
    let mut shorter = packet.to_vec();
    shorter[announced_at] = packet[at];
    shorter.drain(at..at + len);
    set_payload_len(&mut shorter);
    shorter
}

/// False when the packet ends within its Hop-by-Hop header.
pub fn is_hop_by_hop_whole(packet: &[u8]) -> bool {
    let end = || packet.get(41).map(|units| 48 + 8 * usize::from(*units));
    packet[6] != HOP_BY_HOP || end().is_some_and(|end| end <= packet.len())
}

/// A packet with `header` put before what is behind the IPv6 and a Hop-by-Hop header.
pub fn with(packet: &[u8], mut header: Vec<u8>) -> Vec<u8> {
    let (announced_at, at) =
        if packet[6] == HOP_BY_HOP { (40, 48 + 8 * usize::from(packet[41])) } else { (6, 40) };
    header[0] = packet[announced_at];
    let mut longer = packet.to_vec();
    longer[announced_at] = ROUTING;
    longer.splice(at..at, header);
    set_payload_len(&mut longer);
    longer
}

pub fn set_payload_len(packet: &mut [u8]) {
    let len = packet.len() as u16 - 40;
    packet[4..6].copy_from_slice(&len.to_be_bytes());
}

pub fn set_destination(packet: &mut [u8], destination: u128) {
    packet[24..40].copy_from_slice(&destination.to_be_bytes());
}

/// Segment List\[`index`\] of the header.
pub fn segment(header: &[u8], index: usize) -> u128 {
    octets::u128_at(header, 8 + 16 * index)
}
