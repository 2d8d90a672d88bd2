//! The AP header: exchanges and restore undo each other, and so do insert and strip; what is not whole is left alone.
#![no_main]

use dataplane::buffer::{HeapBuf, PacketBuf, packet};
use dataplane::wire::ap;
use dataplane::wire::ext::{self, WalkBounds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, Vec<u64>, &[u8])| {
    let (count, prefixes, frame) = input;
    let bounds = WalkBounds::default();
    let received = frame.get(14..).unwrap_or_default();
    if let Some(place) = ext::find_ap(received, 253, bounds) {
        let offset = usize::from(place.offset);
        let mut changed = received.to_vec();
        let is_fresh = ap::read(received, offset).is_ok_and(|(n, p)| n == p);
        if ap::exchange(&mut changed, offset, count).is_none() {
            assert_eq!(changed, received);
        } else if is_fresh {
            ap::restore(&mut changed, offset).unwrap();
            assert_eq!(changed, received);
        }
        let mut restored = received.to_vec();
        if ap::restore(&mut restored, offset).is_none() {
            assert_eq!(restored, received);
        }
        let mut buffer = HeapBuf::new(frame, 0);
        if !ap::strip(&mut buffer, place) {
            assert_eq!(buffer.bytes(), frame);
        }
    }
    let Some(place) = ext::insertion_place(received, 253, bounds) else { return };
    let mut buffer = HeapBuf::new(frame, 0);
    if ap::insert(&mut buffer, place, 253, prefixes.iter().copied()) {
        assert_eq!(ext::find_ap(packet(&buffer), 253, bounds), Some(place));
        for (number, prefix) in (1u8..).zip(&prefixes) {
            assert_eq!(ap::prefix(packet(&buffer), usize::from(place.offset), number), Some(*prefix));
        }
        assert!(ap::strip(&mut buffer, place));
    }
    assert_eq!(buffer.bytes(), frame);
});
