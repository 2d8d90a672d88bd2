//! ARP messages of any octets: what is read is what is written again, and its answer goes back to the sender.
#![no_main]

use dataplane::wire::arp::{self, Operation};
use dataplane::wire::ethernet::Mac;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let Ok(read) = arp::parse(message) else { return };
    assert_eq!(message[..6], [0, 1, 8, 0, 6, 4]);
    assert_eq!(read.octets()[..], message[..arp::LEN]);
    assert_eq!(read.source_mac.0[0] & 1, 0);
    let answer = read.reply(Mac([2, 0, 0, 0, 0, 1]));
    let frame = answer.frame(read.source_mac);
    assert_eq!(frame[..14], [&message[8..14], &[2, 0, 0, 0, 0, 1, 8, 6]].concat());
    // The sender of the one is the target of the other.
    assert_eq!((&frame[32..38], &frame[38..42]), (&message[8..14], &message[14..18]));
    assert_eq!((&frame[20..22], &frame[28..32]), (&[0, 2][..], &message[24..28]));
    assert_eq!(arp::parse(&frame[14..]).map(|m| m.operation), Ok(Operation::Reply));
});
