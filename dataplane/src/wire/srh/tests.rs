//! Headers as scapy and RFC 8754 write them; walks, edits, and what is malformed.

use super::*;
use crate::buffer::{HeapBuf, PacketBuf, packet};
use crate::wire::ethernet;
use crate::wire::ext::UpperLayer;
use proptest::prelude::*;

const S1: u128 = 0x2001_0db8_0000_0000_0000_0000_0000_0001;
const S2: u128 = 0x2001_0db8_0000_0000_0000_0000_0000_0002;
const S3: u128 = 0x2001_0db8_0000_0000_0000_0000_0000_0003;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

/// By scapy: to S1, S2, S3, tag 0x1234, in front of IPv6.
fn full() -> Vec<u8> {
    hex("2906040202001234 20010db8000000000000000000000003 20010db8000000000000000000000002
         20010db8000000000000000000000001")
}

fn repr(path: &[u128]) -> Repr<'_> {
    Repr { next_header: 41, flags: 0, tag: 0x1234, path, is_reduced: false, hmac_key_id: None }
}

/// An IPv6 packet: headers of these kinds, each part made to announce the next.
fn chain(kinds: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut packet = vec![0u8; ipv6::LEN];
    packet[0] = 0x60;
    packet[ipv6::NEXT_HEADER_AT] = kinds[0];
    for (i, part) in parts.iter().enumerate() {
        let begin = packet.len();
        packet.extend(*part);
        if let (Some(next), Some(first)) = (kinds.get(i + 1), packet.get_mut(begin)) {
            *first = *next;
        }
    }
    let payload_len = (packet.len() - ipv6::LEN) as u16;
    packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
    packet
}

fn buffer(packet: &[u8]) -> HeapBuf {
    let mut frame = vec![7; ethernet::LEN];
    frame.extend(packet);
    HeapBuf::new(&frame, 0)
}

const OPTIONS: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0];
const UDP: &[u8] = &[1; 8];

#[test]
fn fields_are_where_rfc_8754_puts_them() {
    let packet = chain(&[43, 41], &[&full(), UDP]);
    let srh = Srh::at(&packet, DIRECT).unwrap();
    let h = srh.header();
    assert_eq!((h.next_header(), h.hdr_ext_len(), h.routing_type(), h.segments_left()), (41, 6, 4, 2));
    assert_eq!((h.last_entry(), h.flags(), h.tag(), h.has_oam_flag()), (2, 0, 0x1234, false));
    assert_eq!((srh.total_len(), srh.end(), srh.segments_left_at()), (56, 96, 43));
    assert_eq!([0, 1, 2, 3].map(|i| srh.segment(i)), [Some(S3), Some(S2), Some(S1), None]);
    assert_eq!(srh.list().unwrap(), &full()[8..]);
    assert_eq!((srh.tlvs().count(), srh.hmac()), (0, Ok(None)));
}

#[test]
fn a_list_is_sound_as_rfc_8986_says() {
    let sound = |hdr_ext_len, last_entry, segments_left| {
        let octets = [0, hdr_ext_len, 4, segments_left, last_entry, 0, 0, 0];
        let header = Header::of(&octets).unwrap();
        (header.max_last_entry(), header.is_list_sound())
    };
    assert_eq!(sound(0, 0, 0), (None, false));
    assert_eq!(sound(1, 0, 0), (None, false));
    assert_eq!(sound(2, 0, 1), (Some(0), true));
    assert_eq!(sound(2, 0, 2), (Some(0), false));
    assert_eq!(sound(2, 1, 1), (Some(0), false));
    assert_eq!(sound(3, 0, 0), (Some(0), true));
    assert_eq!(sound(4, 1, 2), (Some(1), true));
    assert_eq!(sound(4, 1, 3), (Some(1), false));
    assert_eq!(sound(255, 126, 127), (Some(126), true));
    assert_eq!(sound(255, 127, 127), (Some(126), false));
    assert_eq!(sound(255, 255, 255), (Some(126), false));
    let mut octets = full();
    octets[LAST_ENTRY_AT] = 3;
    let srh = Srh::of(&octets).unwrap();
    assert_eq!((srh.segment(2), srh.segment(3), srh.list()), (Some(S1), None, None));
    assert_eq!(srh.tlvs().count(), 0);
}

#[test]
fn emitted_octets_are_scapys() {
    let mut octets = [0xaa; 80];
    assert_eq!(repr(&[S1, S2, S3]).emit(&mut octets), Some(56));
    assert_eq!(octets[..56], full());
    assert_eq!(octets[56..], [0xaa; 24]);
    assert_eq!(repr(&[S1, S2, S3]).emit(&mut octets[..55]), None);
    assert_eq!(repr(&[]).emit(&mut octets), None);
}

#[test]
fn a_reduced_list_leaves_the_first_segment_out() {
    let mut octets = [0xaa; 80];
    let reduced = |path| Repr { is_reduced: true, ..repr(path) };
    // RFC 8754, 4.1.1: Segments Left counts the segment that is not listed.
    assert_eq!(reduced(&[S1, S2, S3]).emit(&mut octets), Some(40));
    assert_eq!(octets[..8], [41, 4, 4, 2, 1, 0, 0x12, 0x34]);
    assert_eq!(octets[8..40], full()[8..40]);
    assert_eq!(reduced(&[S1]).emit(&mut octets), Some(24));
    assert_eq!(octets[..8], [41, 2, 4, 0, 0, 0, 0x12, 0x34]);
    assert_eq!(octets[8..24], S1.to_be_bytes());
}

#[test]
fn an_hmac_tlv_is_where_and_what_rfc_8754_says() {
    let mut octets = [0xaa; 120];
    let with_key = Repr { hmac_key_id: Some(0x0102_0304), flags: FLAG_OAM, ..repr(&[S1, S2]) };
    assert_eq!(with_key.emit(&mut octets), Some(80));
    assert_eq!(octets[..8], [41, 9, 4, 1, 1, 0x20, 0x12, 0x34]);
    assert_eq!(octets[40..48], [5, 38, 0, 0, 1, 2, 3, 4]);
    assert_eq!(octets[48..80], [0; 32]);
    let srh = Srh::of(&octets).unwrap();
    assert!(srh.header().has_oam_flag());
    let hmac = srh.hmac().unwrap().unwrap();
    assert_eq!((hmac.at, hmac.key_id, hmac.is_destination_unchecked), (40, 0x0102_0304, false));
    assert_eq!(Repr { is_reduced: true, ..with_key }.emit(&mut octets), Some(64));
    assert_eq!(octets[24..32], [5, 38, 0x80, 0, 1, 2, 3, 4], "D: the list is reduced");
    assert_eq!(Repr { is_reduced: true, path: &[S1], ..with_key }.emit(&mut octets), Some(64));
    assert_eq!(octets[24..32], [5, 38, 0, 0, 1, 2, 3, 4], "one segment is listed");
}

#[test]
fn the_longest_headers_are_as_long_as_hdr_ext_len_can_tell() {
    let path = vec![S1; 130];
    let len =
        |n: usize, is_reduced, hmac_key_id| Repr { is_reduced, hmac_key_id, ..repr(&path[..n]) }.total_len();
    assert_eq!((MAX_SEGMENTS, len(127, false, None), len(128, false, None)), (127, Some(2040), None));
    assert_eq!((len(128, true, None), len(129, true, None)), (Some(2040), None));
    assert_eq!((len(125, false, Some(1)), len(126, false, Some(1))), (Some(2048), None));
    let mut octets = [0; MAX_LEN];
    assert_eq!(Repr { hmac_key_id: Some(1), ..repr(&path[..125]) }.emit(&mut octets), Some(2048));
    assert_eq!(octets[..5], [41, 255, 4, 124, 124]);
}

/// A header with one segment and `tlvs`, a multiple of 8 octets.
fn with_tlvs(tlvs: &[u8]) -> Vec<u8> {
    let mut octets = vec![59, 2 + (tlvs.len() / 8) as u8, 4, 0, 0, 0, 0, 0];
    octets.extend(S1.to_be_bytes());
    octets.extend(tlvs);
    octets
}

#[test]
fn tlvs_one_by_one() {
    let packet = chain(&[43, 59], &[&with_tlvs(&[0, 4, 0, 4, 3, 9, 9, 9, 124, 4, 1, 2, 3, 4, 0, 0])]);
    let tlvs: Vec<_> = Srh::at(&packet, DIRECT).unwrap().tlvs().map(Result::unwrap).collect();
    assert_eq!(
        tlvs,
        [
            (64, Tlv::Pad1),
            (65, Tlv::PadN { octets: &[] }),
            (67, Tlv::PadN { octets: &[9, 9, 9] }),
            (72, Tlv::Other { kind: 124, octets: &[1, 2, 3, 4] }),
            (78, Tlv::Pad1),
            (79, Tlv::Pad1),
        ]
    );
}

#[test]
fn malformed_tlvs_are_told_with_their_place() {
    let last = |tlvs: &[u8]| Srh::of(&with_tlvs(tlvs)).unwrap().tlvs().last().map(|t| t.map(|_| ()));
    assert_eq!(last(&[4, 6, 0, 0, 0, 0, 0, 0]), Some(Ok(())));
    assert_eq!(last(&[4, 7, 0, 0, 0, 0, 0, 0]), Some(Err(Malformed { at: 24 })));
    assert_eq!(last(&[4, 5, 0, 0, 0, 0, 0, 4]), Some(Err(Malformed { at: 31 })), "no length");
    assert_eq!(last(&[0; MAX_TLVS]), Some(Ok(())));
    assert_eq!(last(&[0; MAX_TLVS + 8]), Some(Err(Malformed { at: 24 + MAX_TLVS })));
    let short_hmac = with_tlvs(&[0, 0, 5, 4, 0, 0, 0, 1]);
    assert_eq!(Srh::of(&short_hmac).unwrap().hmac(), Err(Malformed { at: 26 }));
    let broken = with_tlvs(&[4, 9, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Srh::of(&broken).unwrap().hmac(), Err(Malformed { at: 24 }));
}

/// What a walk found, in a form that compares.
fn found(found: &Found<'_>) -> (&'static str, usize, usize) {
    match found {
        Found::Srh(srh) => ("srh", srh.place().offset.into(), srh.place().next_header_at.into()),
        Found::UnknownRouting { routing_type_at } => ("unknown", *routing_type_at, 0),
        Found::Upper(UpperLayer { protocol, place }) => ("upper", place.offset.into(), (*protocol).into()),
        Found::Truncated { hdr_ext_len_at } => ("truncated", *hdr_ext_len_at, 0),
        Found::Endless => ("endless", 0, 0),
    }
}

#[test]
fn walks_end_where_rfc_8986_says() {
    let walk = |kinds: &[u8], parts: &[&[u8]]| found(&find(&chain(kinds, parts)));
    let srh = &full()[..];
    let other_type = |segments_left| [0, 0, 3, segments_left, 0, 0, 0, 0];
    assert_eq!(walk(&[43, 17], &[srh, UDP]), ("srh", 40, 6));
    assert_eq!(walk(&[0, 43, 17], &[OPTIONS, srh, UDP]), ("srh", 48, 40));
    assert_eq!(walk(&[0, 60, 43, 17], &[OPTIONS, OPTIONS, srh, UDP]), ("srh", 56, 48));
    assert_eq!(walk(&[17], &[UDP]), ("upper", 40, 17));
    assert_eq!(walk(&[60, 17], &[OPTIONS, UDP]), ("upper", 48, 17));
    assert_eq!(walk(&[43, 43, 17], &[&other_type(0), srh, UDP]), ("srh", 48, 40));
    assert_eq!(walk(&[43, 43, 17], &[&other_type(1), srh, UDP]), ("unknown", 42, 0));
    assert_eq!(
        walk(&[60, 0, 43], &[OPTIONS, OPTIONS, srh]),
        ("upper", 48, 0),
        "Hop-by-Hop that is not first"
    );
    for protocol in [4, 41, 143, 44, 50, 51, 58, 59, 253] {
        assert_eq!(walk(&[protocol, 43, 17], &[OPTIONS, srh, UDP]), ("upper", 40, protocol.into()));
    }
    let options: Vec<&[u8]> = vec![OPTIONS; MAX_WALK + 1];
    let mut kinds = vec![60; MAX_WALK];
    kinds.push(17);
    assert_eq!(walk(&kinds, &options[1..]), ("upper", 40 + 8 * MAX_WALK, 17));
    kinds.insert(0, 60);
    assert_eq!(walk(&kinds, &options), ("endless", 0, 0));
}

#[test]
fn a_walk_goes_on_behind_a_header_that_is_used_up() {
    let packet = chain(&[43, 60, 43, 60, 41], &[&full(), OPTIONS, &full(), OPTIONS, UDP]);
    let Found::Srh(first) = find(&packet) else { panic!("there is one") };
    let Found::Srh(second) = find_behind(&packet, &first) else { panic!("there is another") };
    assert_eq!((second.place().offset, second.place().next_header_at), (104, 96));
    assert_eq!(found(&find_behind(&packet, &second)), ("upper", 168, 41));
}

#[test]
fn a_cut_at_every_octet_is_truncated() {
    let whole = chain(&[0, 60, 43, 17], &[OPTIONS, OPTIONS, &full(), UDP]);
    for cut in 0..whole.len() {
        let expected = match cut {
            0..40 => ("endless", 0, 0),
            40..48 => ("truncated", 41, 0),
            48..56 => ("truncated", 49, 0),
            56..112 => ("truncated", 57, 0),
            _ => ("srh", 56, 48),
        };
        assert_eq!(found(&find(&whole[..cut])), expected, "cut at {cut}");
    }
    let direct = chain(&[43, 17], &[&full(), UDP]);
    for cut in 40..96 {
        assert_eq!(found(&find(&direct[..cut])), ("truncated", 41, 0), "cut at {cut}");
    }
}

#[test]
fn insert_and_remove_undo_each_other() {
    let plain = chain(&[0, 17], &[OPTIONS, UDP]);
    let place = Place { offset: 48, next_header_at: 40 };
    let mut as_17 = full();
    as_17[0] = 17;
    let expected = chain(&[0, 43, 17], &[OPTIONS, &as_17, UDP]);
    let mut b = buffer(&plain);
    assert!(insert(&mut b, place, &repr(&[S1, S2, S3])));
    assert_eq!(packet(&b), expected);
    assert_eq!(b.bytes()[..ethernet::LEN], [7; ethernet::LEN]);
    assert!(remove(&mut b, place));
    assert_eq!(b.bytes(), buffer(&plain).bytes());
    assert!(insert_octets(&mut b, place, &full()));
    assert_eq!(packet(&b), expected);
}

#[test]
fn what_cannot_be_edited_is_left_alone() {
    let packet_with = chain(&[43, 17], &[&full(), UDP]);
    let refused = |bytes: &[u8], place| {
        let mut b = buffer(bytes);
        assert!(!remove(&mut b, place));
        assert_eq!(b.bytes(), buffer(bytes).bytes());
    };
    for cut in 0..96 {
        refused(&packet_with[..cut], DIRECT);
    }
    refused(&chain(&[43, 17], &[&[0, 0, 3, 0, 0, 0, 0, 0], UDP]), DIRECT);
    let mut short_payload = packet_with.clone();
    short_payload[4..6].copy_from_slice(&55u16.to_be_bytes());
    refused(&short_payload, DIRECT);
    refused(&packet_with, Place { offset: 40, next_header_at: 40 });

    let not_inserted = |bytes: &[u8], header: &[u8]| {
        let mut b = buffer(bytes);
        assert!(!insert_octets(&mut b, DIRECT, header));
        assert_eq!(b.bytes(), buffer(bytes).bytes());
    };
    let plain = chain(&[17], &[UDP]);
    not_inserted(&plain, &full()[..55]);
    not_inserted(&plain, &[&full()[..], &[0]].concat());
    not_inserted(&plain[..39], &full());
    let mut ended = chain(&[60, 17], &[OPTIONS, UDP]);
    ended[5] = 7;
    let mut b = buffer(&ended);
    assert!(!insert_octets(&mut b, Place { offset: 48, next_header_at: 40 }, &full()));
    assert_eq!(b.bytes(), buffer(&ended).bytes());
    let mut longest = plain.clone();
    longest[4..6].copy_from_slice(&(u16::MAX - 55).to_be_bytes());
    not_inserted(&longest, &full());
    let mut b = buffer(&plain);
    assert!(!insert(&mut b, DIRECT, &repr(&[S1; 127])), "more than the memory has room for");
    assert_eq!(b.bytes(), buffer(&plain).bytes());
    assert!(insert(&mut b, DIRECT, &repr(&[S1; 64])), "more than the headroom");
    assert_eq!(packet(&b).len(), plain.len() + 8 + 64 * 16);
    assert_eq!(packet(&b)[packet(&b).len() - 8..], *UDP);
}

#[test]
fn setters_write_their_octets_and_no_others() {
    let mut packet = chain(&[43, 41], &[&full(), UDP]);
    let before = packet.clone();
    let mut header = Header::of_mut(&mut packet[40..]).unwrap();
    header.set_next_header(4);
    header.set_segments_left(1);
    header.set_flags(FLAG_OAM);
    assert_eq!(packet[40..48], [4, 6, 4, 1, 2, 0x20, 0x12, 0x34]);
    assert_eq!(set_segment(&mut packet, 40, 1, !0), Some(()));
    assert_eq!(
        (&packet[48..64], &packet[64..80], &packet[80..]),
        (&before[48..64], &[0xff; 16][..], &before[80..])
    );
    for (index, cut) in [(3, packet.len()), (2, 95), (0, 47)] {
        let mut cut = packet[..cut].to_vec();
        let before = cut.clone();
        assert_eq!(set_segment(&mut cut, 40, index, 0), None);
        assert_eq!(cut, before);
    }
}

proptest! {
    /// What is written is read again, whatever the path; the walk over its segments is the path.
    #[test]
    fn written_and_read(path in proptest::collection::vec(any::<u128>(), 1..MAX_SEGMENTS), flags: u8, tag: u16,
                        is_reduced: bool, hmac_key_id in proptest::option::of(any::<u32>())) {
        let repr = Repr { next_header: 143, flags, tag, path: &path, is_reduced, hmac_key_id };
        let mut octets = vec![0; MAX_LEN];
        if let Some(len) = repr.emit(&mut octets) {
            let srh = Srh::of(&octets[..len]).unwrap();
            prop_assert_eq!((srh.total_len(), srh.header().flags(), srh.header().tag()), (len, flags, tag));
            prop_assert!(srh.header().is_list_sound());
            prop_assert_eq!(usize::from(srh.header().segments_left()), path.len() - 1);
            for (left, segment) in path.iter().rev().enumerate() {
                let is_listed = !is_reduced || path.len() == 1 || left + 1 < path.len();
                prop_assert_eq!(srh.segment(left as u8), is_listed.then_some(*segment));
            }
            prop_assert_eq!(srh.hmac().unwrap().map(|h| h.key_id), hmac_key_id);
        } else {
            prop_assert!(path.len() > 125 && hmac_key_id.is_some());
        }
    }

    /// No walk leaves the packet or panics, and what it finds is inside.
    #[test]
    fn any_octets(mut packet in proptest::collection::vec(any::<u8>(), 0..400), kinds in proptest::collection::vec(0u8..6, 4)) {
        // Make the chain likely: the fields that announce headers take known numbers.
        let mut at = ipv6::NEXT_HEADER_AT;
        let mut offset = ipv6::LEN;
        for kind in kinds {
            let Some(field) = packet.get_mut(at) else { break };
            *field = [0, 43, 43, 60, 41, 4][usize::from(kind)];
            if packet.len() < offset + 8 { break }
            packet[offset + 1] &= 7;
            packet[offset + 2] = 4;
            (at, offset) = (offset, offset + 8 + 8 * usize::from(packet[offset + 1]));
        }
        if let Found::Srh(srh) = find(&packet) {
            prop_assert!(srh.end() <= packet.len());
            for index in 0..=255 {
                prop_assert!(srh.segment(index).is_none() || usize::from(index) * 16 + 24 <= srh.total_len());
            }
            for tlv in srh.tlvs() {
                let at = tlv.map_or_else(|m| m.at, |(at, _)| at);
                prop_assert!(at < srh.end());
            }
            let mut b = buffer(&packet);
            let place = srh.place();
            if remove(&mut b, place) {
                prop_assert_eq!(crate::buffer::packet(&b).len(), packet.len() - srh.total_len());
            } else {
                prop_assert_eq!(crate::buffer::packet(&b), &packet[..]);
            }
            let _ = find_behind(&packet, &srh);
        }
    }
}
