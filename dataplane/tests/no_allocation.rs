//! The fast path does not allocate: thousands of polls with packets of all kinds, every allocation of this thread counted.

mod support;

use dataplane::buffer::HeapBuf;
use dataplane::update::{PUNT_RING_LEN, Update};
use support::packets::{Dice, any_frame};
use support::{four, octets4, port_mac, world};

const ROUNDS: usize = if cfg!(miri) { 4 } else { 2000 };

/// One octet of a fixed sequence (xorshift).
fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 32) as u8
}

#[test]
fn polls_do_not_allocate() {
    // The counter counts: a test of the test.
    assert_eq!(allocation_counter::measure(|| drop(std::hint::black_box(Box::new(7)))).count_total, 1);

    let mut state = 7;
    let octets: Vec<u8> = std::iter::repeat_with(|| next(&mut state)).take(ROUNDS * 500).collect();
    // All triggers, no policer, no limit on errors: whatever can happen, happens.
    let mut router = world::plan(&mut Dice::new(&[])).start();
    router.io.sent.reserve(ROUNDS * 64);
    router.io.waiting.reserve(64);
    let mut dice = Dice::new(&octets);
    let mut polls = 0;
    for _ in 0..ROUNDS {
        for _ in 0..32 {
            let (port, frame) = any_frame(&mut dice);
            router.io.waiting.push_back((port, HeapBuf::new(&frame, 0)));
        }
        router.rings.updates.push(Update::Ports(router.plan.ports.clone().into())).unwrap();
        let (worker, io) = (&mut router.worker, &mut router.io);
        let counted = allocation_counter::measure(|| {
            while worker.poll(io, 1_000_000_000) > 0 {
                polls += 1;
            }
        });
        assert_eq!(counted.count_total, 0);
        if router.rings.punts.len() > PUNT_RING_LEN / 2 {
            while router.rings.punts.pop().is_some() {}
        }
        while router.rings.retired.pop().is_some() {}
    }
    assert!(polls >= ROUNDS);
    let counters = &router.rings.counters;
    assert!(
        cfg!(miri) || counters.sent() > 1000 && counters.dropped() > 1000 && counters.made.value() > 1000
    );
    for (name, count) in counters.mex.values() {
        assert!(cfg!(miri) || count > 0 || name == "policed", "never met: {name}");
    }
}

#[test]
fn neither_do_those_with_ipv4() {
    let mut state = 9;
    let octets: Vec<u8> = std::iter::repeat_with(|| next(&mut state)).take(ROUNDS * 300).collect();
    let mut router = four::start();
    router.io.sent.reserve(ROUNDS * 64);
    router.io.waiting.reserve(64);
    let mut dice = Dice::new(&octets);
    for _ in 0..ROUNDS {
        for _ in 0..32 {
            let frame = octets4::frame(port_mac(four::IN.0), &four::any_packet(&mut dice));
            router.io.waiting.push_back((four::IN, HeapBuf::new(&frame, 0)));
        }
        let (worker, io) = (&mut router.worker, &mut router.io);
        let counted = allocation_counter::measure(|| while worker.poll(io, 1_000_000_000) > 0 {});
        assert_eq!(counted.count_total, 0);
        while router.rings.punts.pop().is_some() {}
    }
    let counters = &router.rings.counters;
    assert!(
        cfg!(miri) || counters.sent() > 1000 && counters.dropped() > 1000 && counters.made.value() > 1000
    );
}
