//! IPv4 of any octets: what passes the check has a right checksum and its lengths inside, hops keep the checksum, errors
//! and echo replies made in place are whole and right, all fragments of a packet have one flow.
#![no_main]

use dataplane::buffer::{HeapBuf, PacketBuf, packet, packet_mut};
use dataplane::flow;
use dataplane::wire::{ethernet, icmpv4, ipv4};
use libfuzzer_sys::fuzz_target;

/// The Internet checksum (RFC 1071), octet pair by octet pair.
fn checksum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn check_header(packet: &[u8]) -> bool {
    let Ok(lengths) = ipv4::check(packet) else { return false };
    assert_eq!((packet[0] >> 4, 4 * usize::from(packet[0] & 15)), (4, lengths.header_len));
    assert!((20..=lengths.total_len).contains(&lengths.header_len) && lengths.total_len <= packet.len());
    assert_eq!(checksum(&packet[..lengths.header_len]), 0);
    true
}

fn check_error(frame: &[u8]) {
    let mut buffer = HeapBuf::new(frame, 0);
    if !icmpv4::make_error(&mut buffer, 0x0a00_0001, icmpv4::Error::too_big(1400)) {
        assert_eq!(buffer.bytes(), frame);
        return;
    }
    let made = packet(&buffer);
    assert!(check_header(made) && made.len() <= 576);
    assert_eq!((&made[12..16], &made[16..20]), (&[10, 0, 0, 1][..], &frame[14 + 12..14 + 16]));
    assert_eq!((&made[20..22], &made[24..28], checksum(&made[20..])), (&[3, 4][..], &[0, 0, 5, 120][..], 0));
    assert!(made.len() >= 48 && frame[14..].starts_with(&made[28..]));
}

fn check_reply(frame: &[u8]) {
    let mut buffer = HeapBuf::new(frame, 0);
    if !icmpv4::make_echo_reply(packet_mut(&mut buffer), 0x0a00_0001) {
        assert_eq!(buffer.bytes(), frame);
        return;
    }
    let (request, reply) = (&frame[14..], packet(&buffer));
    assert!(
        reply.len() == request.len() && check_header(&[&[reply[0] & 15 | 0x40], &reply[1..]].concat())
            || request[0] >> 4 != 4
    );
    let header_len = 4 * usize::from(reply[0] & 15);
    let total_len = usize::from(u16::from_be_bytes([reply[2], reply[3]]));
    assert_eq!((request[header_len], reply[header_len], checksum(&reply[header_len..total_len])), (8, 0, 0));
    assert_eq!(reply[header_len + 4..], request[header_len + 4..]);
    assert_eq!((&reply[12..16], &reply[16..20]), (&[10, 0, 0, 1][..], &request[12..16]));
}

fuzz_target!(|frame: &[u8]| {
    let _ = flow::hash_frame(frame);
    let Some(header) = ethernet::Header::of(frame) else { return };
    let received = &frame[ethernet::LEN..];
    let _ = (check_header(received), icmpv4::is_error_forbidden(header.destination(), received));
    check_error(frame);

    // A fuzzer does not guess checksums: put the right ones in, and try both.
    let mut mended = frame.to_vec();
    ipv4::fill_checksum(&mut mended[ethernet::LEN..]);
    let Some(lens) = ipv4::Header::of(received).map(|h| (h.header_len(), usize::from(h.total_len()))) else {
        return;
    };
    if let Some(message) = mended[ethernet::LEN..].get_mut(lens.0..lens.1).filter(|_| lens.0 >= ipv4::LEN) {
        icmpv4::set_checksum(message);
    }
    check_reply(frame);
    check_reply(&mended);

    let mut hop = mended[ethernet::LEN..].to_vec();
    if check_header(&hop) {
        let ttl = hop[ipv4::TTL_AT];
        ipv4::Header::of_mut(&mut hop).unwrap().decrement_ttl();
        assert!(check_header(&hop));
        assert_eq!(hop[ipv4::TTL_AT], ttl.saturating_sub(1));
    }
    let of_fragment = |offset| {
        let mut fragment = received.to_vec();
        ipv4::Header::of_mut(&mut fragment).unwrap().set_fragment(false, true, offset);
        flow::hash4(&fragment)
    };
    assert_eq!(of_fragment(0), of_fragment(8));
    let label = flow::label(flow::hash4(received));
    assert!(label != 0 && label < 1 << 20);
});
