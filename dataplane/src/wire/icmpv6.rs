//! `ICMPv6` (RFC 4443): errors made in place from the packet that caused them, and echo replies.

use super::{checksum, ethernet, ext, ipv6};
use crate::buffer::{PacketBuf, packet, packet_mut};

/// Octets of the header of every error: type, code, checksum and a 32-bit parameter.
pub const LEN: usize = 8;
/// Octets of an error packet, at most: as much of the cause as fits is quoted (RFC 4443, 2.4 (c)).
pub const MAX_ERROR_PACKET_LEN: usize = ipv6::MIN_MTU;
/// Octets of the cause that an error quotes, at most.
pub const MAX_QUOTE_LEN: usize = MAX_ERROR_PACKET_LEN - ipv6::LEN - LEN;
/// Types below are errors, the others informational (RFC 4443, 2.1).
pub const FIRST_INFORMATIONAL: u8 = 128;

/// Destination Unreachable.
pub const UNREACHABLE: u8 = 1;
/// Packet Too Big.
pub const TOO_BIG: u8 = 2;
/// Time Exceeded.
pub const TIME_EXCEEDED: u8 = 3;
/// Parameter Problem.
pub const PARAMETER_PROBLEM: u8 = 4;
/// Echo Request.
pub const ECHO_REQUEST: u8 = 128;
/// Echo Reply.
pub const ECHO_REPLY: u8 = 129;
/// Neighbor discovery: Router Solicitation to Redirect (RFC 4861).
pub const NEIGHBOR_DISCOVERY: std::ops::RangeInclusive<u8> = 133..=137;
/// Redirect (RFC 4861, 4.5): informational by its number, but no error is made about it either.
const REDIRECT: u8 = 137;
/// Neighbor discovery packets come from the link itself: hop limit 255 (RFC 4861, 7.1).
pub const NEIGHBOR_DISCOVERY_HOP_LIMIT: u8 = 255;

/// What an error says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// Type, below [`FIRST_INFORMATIONAL`].
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// MTU of a Packet Too Big, pointer of a Parameter Problem, otherwise 0.
    pub parameter: u32,
}

/// True when no error may be made about this packet (RFC 4443, 2.4 (e)): it is an `ICMPv6` error or redirect, goes to
/// a multicast address or group of stations, or its source is no single node.
pub fn is_error_forbidden(frame_destination: ethernet::Mac, packet: &[u8], ap_next_header: u8) -> bool {
    let Some(header) = ipv6::Header::of(packet) else { return true };
    let source = header.source();
    if source == ipv6::UNSPECIFIED || source == ipv6::LOOPBACK || ipv6::is_multicast(source) {
        return true;
    }
    if frame_destination.is_multicast() || ipv6::is_multicast(header.destination()) {
        return true;
    }
    let Some(upper) = ext::upper_layer(packet, Some(ap_next_header)) else { return false };
    upper.protocol == ipv6::protocol::ICMPV6
        && packet
            .get(usize::from(upper.place.offset))
            .is_some_and(|kind| *kind < FIRST_INFORMATIONAL || *kind == REDIRECT)
}

/// Turns the packet that caused an error into that error, from `source` to the packet's source, quoting the packet as
/// it stands. False when there is no IPv6 header or too little room: nothing but the end that is not quoted has gone then.
#[must_use]
pub fn make_error<B: PacketBuf>(buffer: &mut B, source: u128, error: Error) -> bool {
    const PREPENDED: usize = ipv6::LEN + LEN;
    let cause = packet(buffer);
    let Some(destination) = ipv6::Header::of(cause).map(|h| h.source()) else { return false };
    let quote_len = cause.len().min(MAX_QUOTE_LEN);
    // What is not quoted goes first: its place is room where a pushed header has used what was in front.
    buffer.truncate(ethernet::LEN + quote_len);
    // The cause's Ethernet header, then in the middle, is overwritten: the new headers are 14 octets longer than what is
    // added in front.
    if !buffer.grow_front(PREPENDED) {
        return false;
    }
    let packet = packet_mut(buffer);
    let repr = ipv6::Repr {
        payload_len: (LEN + quote_len) as u16,
        next_header: ipv6::protocol::ICMPV6,
        hop_limit: ipv6::DEFAULT_HOP_LIMIT,
        source,
        destination,
    };
    if let Some(mut header) = ipv6::Header::of_mut(packet) {
        repr.emit(&mut header);
    }
    if let Some(message) = packet.get_mut(ipv6::LEN..) {
        if let Some(head) = message.first_chunk_mut::<LEN>() {
            let p = error.parameter.to_be_bytes();
            *head = [error.kind, error.code, 0, 0, p[0], p[1], p[2], p[3]];
        }
        set_checksum(source, destination, message);
    }
    true
}

/// Turns an echo request without extension headers into its reply from `source` (RFC 4443, 4.2). False, and nothing
/// has changed, when it is none or its checksum is wrong.
#[must_use]
pub fn make_echo_reply(packet: &mut [u8], source: u128) -> bool {
    let Some(header) = ipv6::Header::of(packet) else { return false };
    let (from, to) = (header.source(), header.destination());
    let Some(message) = packet.get_mut(ipv6::LEN..) else { return false };
    if message.len() < LEN
        || message.first() != Some(&ECHO_REQUEST)
        || checksum::upper_layer(from, to, ipv6::protocol::ICMPV6, message) != 0
    {
        return false;
    }
    if let Some(head) = message.first_chunk_mut::<LEN>() {
        head[0] = ECHO_REPLY;
        head[2..4].fill(0);
    }
    set_checksum(source, from, message);
    if let Some(mut header) = ipv6::Header::of_mut(packet) {
        header.set_version_class_label(0, 0);
        header.set_hop_limit(ipv6::DEFAULT_HOP_LIMIT);
        header.set_source(source);
        header.set_destination(from);
    }
    true
}

/// Fills in the checksum of a message whose checksum field is 0.
pub fn set_checksum(source: u128, destination: u128, message: &mut [u8]) {
    let sum = checksum::upper_layer(source, destination, ipv6::protocol::ICMPV6, message);
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::HeapBuf;
    use ethernet::Mac;

    fn frame(next_header: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![2u8; ethernet::LEN + ipv6::LEN];
        let repr = ipv6::Repr {
            payload_len: payload.len() as u16,
            next_header,
            hop_limit: 9,
            source: 0x2001 << 112 | 1,
            destination: 0x2001 << 112 | 2,
        };
        repr.emit(&mut ipv6::Header::of_mut(&mut frame[ethernet::LEN..]).unwrap());
        frame.extend(payload);
        frame
    }

    #[test]
    fn an_error_quotes_its_cause_up_to_1280_octets() {
        for payload_len in [0usize, 1, 8, 1191, 1192, 1193, 1460] {
            let cause = frame(17, &vec![0x5a; payload_len]);
            let mut buffer = HeapBuf::new(&cause, 0);
            let error = Error { kind: PARAMETER_PROBLEM, code: 0, parameter: 42 };
            assert!(make_error(&mut buffer, 0x2001 << 112 | 9, error));
            let made = packet(&buffer);
            let quote_len = (ipv6::LEN + payload_len).min(1232);
            assert_eq!(made.len(), 48 + quote_len);
            assert!(made.len() <= 1280);
            assert_eq!(
                made[..8],
                [0x60, 0, 0, 0, ((8 + quote_len) >> 8) as u8, (8 + quote_len) as u8, 58, 64]
            );
            assert_eq!(made[8..24], (0x2001u128 << 112 | 9).to_be_bytes());
            assert_eq!(made[24..40], (0x2001u128 << 112 | 1).to_be_bytes());
            assert_eq!((made[40], made[41], &made[44..48]), (4, 0, &[0, 0, 0, 42][..]));
            assert_eq!(made[48..], cause[14..14 + quote_len]);
            let sum = checksum::upper_layer(0x2001 << 112 | 9, 0x2001 << 112 | 1, 58, &made[40..]);
            assert_eq!(sum, 0);
        }
    }

    #[test]
    fn no_error_about_errors_groups_or_nobody() {
        let own = Mac([2, 0, 0, 0, 0, 1]);
        let forbidden = |frame: &[u8]| is_error_forbidden(own, &frame[14..], 253);
        assert!(!forbidden(&frame(17, &[0; 8])));
        assert!(!forbidden(&frame(58, &[128, 0, 0, 0, 0, 0, 0, 0])));
        for kind in [1, 2, 3, 4, 100, 127, 137] {
            assert!(forbidden(&frame(58, &[kind, 0, 0, 0, 0, 0, 0, 0])), "type {kind}");
        }
        let behind_ap = [58, 1, 0, 0x10, 0x4d, 0x58, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0];
        assert!(forbidden(&frame(253, &behind_ap)), "an error behind an AP header is an error");
        assert!(is_error_forbidden(Mac::BROADCAST, &frame(17, &[0; 8])[14..], 253));
        let mut group = frame(17, &[0; 8]);
        group[14 + 24] = 0xff;
        assert!(forbidden(&group));
        let mut nobody = frame(17, &[0; 8]);
        nobody[14 + 8..14 + 24].fill(0);
        assert!(forbidden(&nobody));
    }

    #[test]
    fn echo_reply() {
        let mut request = frame(58, &[128, 0, 0, 0, 0, 7, 0, 1, b'a', b'b', b'c']);
        let message = &mut request[54..];
        let sum = checksum::upper_layer(0x2001 << 112 | 1, 0x2001 << 112 | 2, 58, message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let mut reply = request[14..].to_vec();
        assert!(make_echo_reply(&mut reply, 0x2001 << 112 | 2));
        assert_eq!((reply[40], reply[7]), (129, 64));
        assert_eq!(checksum::upper_layer(0x2001 << 112 | 2, 0x2001 << 112 | 1, 58, &reply[40..]), 0);
        assert_eq!(reply[44..], request[58..]);
        request[60] ^= 1;
        assert!(!make_echo_reply(&mut request[14..], 1), "a wrong checksum is not answered");
    }
}
