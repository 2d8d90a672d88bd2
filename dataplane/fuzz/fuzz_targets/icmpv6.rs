//! ICMPv6 from any frame: errors made in place, echo replies, quotes restored. What is made has its lengths and its
//! checksum right; what is refused is left as it was.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use dataplane::buffer::{HeapBuf, PacketBuf, packet, packet_mut};
use dataplane::wire::ext::WalkBounds;
use dataplane::wire::{icmpv6, quote};
use libfuzzer_sys::fuzz_target;
use support::octets::{self, ICMPV6};

fn checksum(packet: &[u8]) -> u16 {
    octets::checksum(octets::source(packet), octets::destination(packet), ICMPV6, &packet[40..])
}

fuzz_target!(|frame: &[u8]| {
    let mut buffer = HeapBuf::new(frame, 0);
    let error = icmpv6::Error { kind: 4, code: 0, parameter: 42 };
    if icmpv6::make_error(&mut buffer, 7, error) {
        let read = octets::error(buffer.bytes());
        assert_eq!((read.kind, read.code, read.parameter), (4, 0, 42));
        assert_eq!(read.quote, octets::quoted(&frame[14..]));
    } else {
        assert_eq!(buffer.bytes(), frame);
    }

    let mut buffer = HeapBuf::new(frame, 0);
    if icmpv6::make_echo_reply(packet_mut(&mut buffer), 7) {
        let reply = packet(&buffer);
        assert_eq!((checksum(reply), reply[40], &reply[44..]), (0, 129, &frame[14 + 44..]));
    } else {
        assert_eq!(buffer.bytes(), frame);
    }

    let mut buffer = HeapBuf::new(frame, 0);
    if quote::restore(&mut buffer, 253, WalkBounds::default(), |prefix| prefix & 1 == 1) {
        let restored = packet(&buffer);
        assert_eq!(checksum(restored), 0);
        assert!(buffer.bytes().len() < frame.len());
    } else {
        assert_eq!(buffer.bytes(), frame);
    }
});
