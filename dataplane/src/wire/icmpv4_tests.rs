//! Octets as scapy writes them, and what the RFCs forbid.

use super::*;
use crate::buffer::HeapBuf;
use ethernet::Mac;

const SOURCE: u32 = 0xc000_0201;
const ROUTER: u32 = 0xcb00_7109;
const OWN: Mac = Mac([2, 0, 0, 0, 0, 1]);

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

/// 192.0.2.1 > 198.51.100.7, TOS 0xbb, TTL 1: UDP.
const CAUSE: &str = "45bb0023000700000111ccccc0000201c633640700010002000f56617061796c6f6164";

fn buffer(packet: &[u8]) -> HeapBuf {
    let mut frame = vec![7; ethernet::LEN];
    frame.extend(packet);
    HeapBuf::new(&frame, 0)
}

/// A packet to 198.51.100.7 with a right header checksum.
fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let repr = ipv4::Repr {
        tos: 0,
        total_len: (ipv4::LEN + payload.len()) as u16,
        identification: 7,
        dont_fragment: false,
        ttl: 9,
        protocol,
        source: SOURCE,
        destination: 0xc633_6407,
    };
    let mut packet = vec![0; ipv4::LEN];
    repr.emit(&mut ipv4::Header::of_mut(&mut packet).unwrap());
    packet.extend(payload);
    packet
}

#[test]
fn errors_are_scapys() {
    let expected = [
        (Error::ttl_exceeded(), "45d8003f0000400040013bdbcb007109c00002010b00e15c00000000"),
        (Error::too_big(1400), "45d8003f0000400040013bdbcb007109c00002010304e3e000000578"),
        (Error::pointer(20), "45d8003f0000400040013bdbcb007109c00002010c00cc5c14000000"),
    ];
    for (error, head) in expected {
        let mut b = buffer(&hex(CAUSE));
        assert!(make_error(&mut b, ROUTER, error));
        assert_eq!(packet(&b), hex(&[head, CAUSE].concat()), "{error:?}");
    }
}

#[test]
fn an_error_quotes_its_cause_up_to_576_octets_and_without_padding() {
    for payload_len in [0usize, 1, 8, 527, 528, 529, 1480] {
        let cause = ip(17, &vec![0x5a; payload_len]);
        for padding in [0, 18] {
            let mut padded = cause.clone();
            padded.resize(cause.len() + padding, 0xee);
            let mut b = buffer(&padded);
            assert!(make_error(&mut b, ROUTER, Error::unreachable(unreachable::HOST)));
            let made = packet(&b);
            let quote_len = cause.len().min(548);
            assert_eq!((made.len(), made.len() <= 576), (28 + quote_len, true));
            assert_eq!(made[28..], cause[..quote_len]);
            let lengths = ipv4::Lengths { header_len: 20, total_len: made.len() };
            assert_eq!(ipv4::check(made), Ok(lengths));
            assert_eq!((made[20], made[21], checksum::plain(&made[20..])), (3, 1, 0));
        }
    }
    let mut short = buffer(&hex(CAUSE)[..19]);
    assert!(!make_error(&mut short, ROUTER, Error::ttl_exceeded()));
    assert_eq!(packet(&short), &hex(CAUSE)[..19]);
}

#[test]
fn no_error_about_errors_groups_later_fragments_or_nobody() {
    let forbidden = |packet: &[u8]| is_error_forbidden(OWN, packet);
    assert!(!forbidden(&ip(17, &[0; 8])));
    for query in [0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43] {
        assert!(!forbidden(&ip(1, &[query, 0, 0, 0])), "type {query}");
    }
    for error in [3, 4, 5, 11, 12, 30, 31, 40, 41, 44, 253, 255] {
        assert!(forbidden(&ip(1, &[error, 0, 0, 0])), "type {error}");
    }
    assert!(forbidden(&ip(1, &[])), "a type that is not there may be an error's");
    assert!(is_error_forbidden(Mac::BROADCAST, &ip(17, &[0; 8])));
    assert!(forbidden(&ip(17, &[0; 8])[..19]));
    let with = |change: &dyn Fn(&mut ipv4::Header<&mut [u8; ipv4::LEN]>)| {
        let mut packet = ip(17, &[0; 8]);
        change(&mut ipv4::Header::of_mut(&mut packet).unwrap());
        forbidden(&packet)
    };
    assert!(!with(&|h| h.set_fragment(false, true, 0)), "the first fragment may have one");
    assert!(with(&|h| h.set_fragment(false, true, 8)));
    for nobody in [0, 0x0102, 0x7f00_0001, 0xe000_0001, 0xffff_ffff] {
        assert!(with(&|h| h.set_source(nobody)), "from {nobody:08x}");
    }
    for group in [0xe000_0001, 0xffff_ffff] {
        assert!(with(&|h| h.set_destination(group)), "to {group:08x}");
    }
}

#[test]
fn echo_replies_are_scapys() {
    let cases = [
        (
            "45b9001f007700000901c472c0000201c63364070800339200050006616263",
            "45b9001f0077000040018d72c6336407c000020100003b9200050006616263",
        ),
        // With a Record Route option.
        (
            "47000027007700000901b81cc0000201c633640707070400000000000800339200050006616263",
            "47000027007700004001811cc6336407c0000201070704000000000000003b9200050006616263",
        ),
    ];
    for (request, reply) in cases {
        let mut packet = hex(request);
        assert!(make_echo_reply(&mut packet, 0xc633_6407));
        assert_eq!(packet, hex(reply));
        let mut padded = hex(request);
        padded.extend([0xee; 9]);
        assert!(make_echo_reply(&mut padded, 0xc633_6407), "padding is not the message's");
        assert_eq!(padded, [&hex(reply)[..], &[0xee; 9]].concat());
    }
}

#[test]
fn what_is_no_echo_request_is_not_answered() {
    let request = hex("45b9001f007700000901c472c0000201c63364070800339200050006616263");
    let refused = |mut packet: Vec<u8>, why: &str| {
        let before = packet.clone();
        assert!(!make_echo_reply(&mut packet, 1), "{why}");
        assert_eq!(packet, before, "{why}");
    };
    for cut in 0..request.len() {
        refused(request[..cut].to_vec(), "cut");
    }
    let with = |at: usize, octet: u8| {
        let mut packet = request.clone();
        packet[at] = octet;
        packet
    };
    refused(with(9, 17), "another protocol");
    refused(with(20, 0), "another type");
    refused(with(30, 0), "checksum");
    refused(with(6, 0x20), "first fragment");
    refused(with(7, 1), "later fragment");
    refused(with(0, 0x44), "header length");
    refused(with(3, 27), "no whole message");
    for source_route in [131, 137] {
        let mut options = hex("48000029007700000901b81cc0000201c6336407");
        options.extend([1, source_route, 7, 4, 1, 2, 3, 4, 0, 0, 0, 0]);
        options.extend(&request[20..]);
        options[3] = options.len() as u8;
        refused(options.clone(), "source route");
        options[21] = 7;
        assert!(make_echo_reply(&mut options.clone(), 1), "the same with Record Route");
        options[22] = 1;
        refused(options.clone(), "an option shorter than its own head");
        options[22] = 12;
        refused(options, "an option beyond the header");
    }
}
