//! The Segment Routing header: the walk finds what an independent walk finds, lists and TLVs stay inside the header,
//! insert and remove undo each other, and a hash that was written here is right.
#![no_main]

use dataplane::buffer::{HeapBuf, PacketBuf, packet};
use dataplane::wire::ext::Place;
use dataplane::wire::hmac::Key;
use dataplane::wire::srh::{self, Found, Malformed, Repr, Srh, Tlv};
use libfuzzer_sys::fuzz_target;

/// What a walk ends at, in a form that compares: kind and offset.
type End = (&'static str, usize);

/// The walk as RFC 8200 and RFC 8986 tell it, on octets.
fn model(packet: &[u8]) -> End {
    if packet.len() < 40 {
        return ("endless", 0);
    }
    let (mut kind, mut at) = (packet[6], 40);
    for walked in 0..=srh::MAX_WALK {
        if kind != 43 && kind != 60 && !(kind == 0 && walked == 0) {
            return ("upper", at);
        }
        let end = packet.get(at + 1).map(|units| at + 8 + 8 * usize::from(*units));
        let is_whole = end.is_some_and(|end| end <= packet.len());
        if kind == 43 && packet.len() >= at + 8 {
            if packet[at + 2] == 4 && is_whole {
                return ("srh", at);
            }
            if packet[at + 2] != 4 && packet[at + 3] > 0 {
                return ("unknown", at + 2);
            }
        }
        if !is_whole {
            return ("truncated", at + 1);
        }
        (kind, at) = (packet[at], end.unwrap());
    }
    ("endless", 0)
}

fn end(found: &Found<'_>) -> End {
    match found {
        Found::Srh(srh) => ("srh", srh.place().offset.into()),
        Found::UnknownRouting { routing_type_at } => ("unknown", *routing_type_at),
        Found::Upper(upper) => ("upper", upper.place.offset.into()),
        Found::Truncated { hdr_ext_len_at } => ("truncated", *hdr_ext_len_at),
        Found::Endless => ("endless", 0),
    }
}

fn check_header(octets: &[u8], srh: &Srh<'_>) {
    let (offset, header) = (usize::from(srh.place().offset), srh.header());
    let own = &octets[offset..srh.end()];
    assert_eq!((own.len(), own[2]), (8 + 8 * usize::from(own[1]), 4));
    for index in 0..=255u8 {
        let at = 8 + 16 * usize::from(index);
        let listed = own.get(at..at + 16).filter(|_| index <= header.last_entry());
        assert_eq!(srh.segment(index).map(u128::to_be_bytes).as_ref().map(|s| &s[..]), listed);
    }
    let max_last_entry = i32::from(own[1] / 2) - 1;
    let (last_entry, left) = (i32::from(own[4]), i32::from(own[3]));
    assert_eq!(header.is_list_sound(), last_entry <= max_last_entry && left <= last_entry + 1);
    let mut at = offset + 8 + 16 * (usize::from(own[4]) + 1);
    for tlv in srh.tlvs() {
        match tlv {
            Ok((found_at, tlv)) => {
                assert_eq!(found_at, at);
                at += match tlv {
                    Tlv::Pad1 => 1,
                    Tlv::PadN { octets } | Tlv::Hmac { octets } | Tlv::Other { octets, .. } => {
                        2 + octets.len()
                    }
                };
                assert!(at <= srh.end());
            }
            Err(Malformed { at: found_at }) => {
                assert!(found_at == at && at < srh.end());
                at = srh.end();
            }
        }
    }
    assert!(at == srh.end() || last_entry > max_last_entry);
}

fn edit(frame: &[u8], place: Place, repr: &Repr<'_>) {
    let key = Key::new(7, b"secret").unwrap();
    let mut buffer = HeapBuf::new(frame, 0);
    if srh::insert(&mut buffer, place, repr) {
        let made = Srh::at(packet(&buffer), place).unwrap();
        assert_eq!(Some(made.total_len()), repr.total_len());
        assert!(made.header().is_list_sound());
        check_header(packet(&buffer), &made);
        let mut octets = packet(&buffer)[usize::from(place.offset)..].to_vec();
        assert_eq!(key.sign(1, &mut octets).is_some(), repr.hmac_key_id.is_some());
        if repr.hmac_key_id.is_some() {
            let signed = Srh::of(&octets).unwrap();
            assert!(key.verify(1, &signed, &signed.hmac().unwrap().unwrap()));
        }
        assert!(srh::remove(&mut buffer, place));
    }
    assert_eq!(buffer.bytes(), frame);
}

fuzz_target!(|input: (Vec<u128>, bool, Option<u32>, u16, &[u8])| {
    let (path, is_reduced, hmac_key_id, tag, frame) = input;
    let received = frame.get(14..).unwrap_or_default();
    let found = srh::find(received);
    assert_eq!(end(&found), model(received));
    let place = match &found {
        Found::Srh(srh) => {
            check_header(received, srh);
            let _ = srh::find_behind(received, srh);
            let mut buffer = HeapBuf::new(frame, 0);
            if !srh::remove(&mut buffer, srh.place()) {
                assert_eq!(buffer.bytes(), frame);
            } else if srh::insert_octets(
                &mut buffer,
                srh.place(),
                &received[srh.place().offset.into()..srh.end()],
            ) {
                assert_eq!(buffer.bytes(), frame);
            }
            srh.place()
        }
        Found::Upper(upper) => upper.place,
        _ => srh::DIRECT,
    };
    // An insertion announces itself as Routing: only before something else is the removal its inverse.
    edit(frame, place, &Repr { next_header: 0, flags: 0, tag, path: &path, is_reduced, hmac_key_id });
});
