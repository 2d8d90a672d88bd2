//! Updates reach the worker in order, each exactly once, whatever ring is full; and only between two bursts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod support;

use std::collections::VecDeque;
use std::sync::Arc;

use dataplane::buffer::HeapBuf;
use dataplane::fib::Fib6;
use dataplane::id::{NextHopId, PortId, VrfId};
use dataplane::table::NextHop;
use dataplane::update::{RETIRED_RING_LEN, Rings, UPDATE_RING_LEN, UPDATES_PER_POLL, Update};
use dataplane::worker::{Arrivals, PacketIo};
use proptest::prelude::*;
use support::{Plan, Router, ip, octets, port_mac, prefix};

const CASES: u32 = if cfg!(miri) { 2 } else { 60 };
const VRF: VrfId = VrfId(9);

/// Table number `n`: told apart by what it says of one address.
fn table(n: u32) -> Fib6 {
    Fib6::build([(prefix("2001:db8::/32"), NextHopId(n))]).unwrap()
}

fn number(fib: &Fib6) -> u32 {
    fib.lookup(ip("2001:db8::1")).0
}

fn current(router: &Router) -> u32 {
    // Every VRF begins without a table.
    router.worker.tables().fib(VRF).map_or(0, number)
}

fn retired(rings: &Rings<HeapBuf>) -> Option<u32> {
    match rings.retired.pop()? {
        Update::Fib(VRF, fib) => {
            // Every VRF begins without a table.
            let number = fib.as_ref().map_or(0, number);
            assert!(fib.is_none_or(|fib| fib.handles() == 1), "the worker has let go of it");
            Some(number)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_ring_back_holds_updates_up_and_loses_none() {
    let mut router = Plan::default().start();
    let (mut sent, mut back) = (0, 0);
    let old = RETIRED_RING_LEN as u32;
    // Nobody takes old tables back: the ring fills, then the worker keeps one in its hand and takes no more updates.
    for _ in 0..2 * RETIRED_RING_LEN {
        if router.rings.updates.push(Update::Fib(VRF, Some(table(sent + 1)))).is_ok() {
            sent += 1;
        }
        router.poll();
    }
    assert!(router.rings.retired.is_full() && router.rings.updates.is_full());
    assert_eq!(current(&router), old + 1);
    assert_eq!(sent, old + 1 + UPDATE_RING_LEN as u32);
    // One taken back lets one through.
    for step in 1..=20 {
        assert_eq!(retired(&router.rings), Some(back));
        back += 1;
        router.poll();
        assert_eq!(current(&router), old + 1 + step);
    }
    loop {
        while let Some(number) = retired(&router.rings) {
            assert_eq!(number, back);
            back += 1;
        }
        if router.poll() == 0 && router.rings.retired.is_empty() {
            break;
        }
    }
    assert_eq!((current(&router), back), (sent, sent), "all but the last have come back");
}

#[test]
fn a_storm_costs_bounded_time() {
    let mut router = Plan::default().start();
    for n in 1..=UPDATE_RING_LEN as u32 {
        router.rings.updates.push(Update::Fib(VRF, Some(table(n)))).unwrap();
    }
    assert!(router.rings.updates.push(Update::Fib(VRF, Some(table(0)))).is_err(), "a full ring pushes back");
    for polls in 1..=UPDATE_RING_LEN / UPDATES_PER_POLL {
        assert_eq!(router.poll(), UPDATES_PER_POLL);
        assert_eq!(current(&router), (polls * UPDATES_PER_POLL) as u32);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Control pushes, takes back and the worker polls, in any order; control keeps what a ring refuses.
    #[test]
    fn in_order_and_exactly_once(steps in proptest::collection::vec((0u8..3, 1u32..60), 1..400)) {
        let mut router = Plan::default().start();
        let mut kept: VecDeque<Update> = VecDeque::new();
        let (mut made, mut back) = (0, 0);
        let drain = steps.len();
        let rest = std::iter::repeat_n([(1, 60), (2, 9)], 2000).flatten();
        for (at, (what, count)) in steps.into_iter().chain(rest).enumerate() {
            for _ in 0..count {
                match what {
                    0 if at < drain => {
                        made += 1;
                        kept.push_back(Update::Fib(VRF, Some(table(made))));
                    }
                    1 => if let Some(number) = retired(&router.rings) {
                        prop_assert_eq!(number, back);
                        back += 1;
                    },
                    _ => { router.poll(); }
                }
                while let Some(update) = kept.pop_front() {
                    if let Err(update) = router.rings.updates.push(update) {
                        kept.push_front(update);
                        break;
                    }
                }
            }
            if at >= drain && back == made {
                break;
            }
        }
        prop_assert_eq!(current(&router), made);
        prop_assert_eq!(back, made);
    }
}

/// A device during whose receive control changes the tables.
struct Meanwhile {
    rings: Arc<Rings<HeapBuf>>,
    bursts: u32,
    hops: [NextHopId; 2],
    /// By burst: the ports of the frames that left.
    sent: Vec<Vec<PortId>>,
}

const PER_BURST: usize = 32;

impl PacketIo<HeapBuf> for Meanwhile {
    fn receive_queues(&self) -> usize {
        2
    }

    fn receive(&mut self, _queue: usize, arrivals: &mut Arrivals<'_, HeapBuf>) {
        let packet = octets::ip6(ip("2001:db8:2::2"), ip("2001:db8:1::1"), 9, 59, &[]);
        let frame = octets::frame(port_mac(0), &packet);
        for at in 0..PER_BURST {
            if at == PER_BURST / 2 {
                let hop = self.hops[self.bursts as usize % 2];
                let fib = Fib6::build([(prefix("::/0"), hop)]).unwrap();
                self.rings.updates.push(Update::Fib(VrfId(0), Some(fib))).unwrap();
                self.bursts += 1;
            }
            assert!(arrivals.push(PortId(0), HeapBuf::new(&frame, 0)).is_ok());
        }
        self.sent.push(Vec::new());
    }

    fn transmit(&mut self, port: PortId, frames: &mut [Option<HeapBuf>]) {
        let burst = self.sent.last_mut().unwrap();
        burst.extend(frames.iter_mut().filter_map(Option::take).map(|_| port));
    }
}

#[test]
fn tables_change_between_bursts_only() {
    let mut plan = Plan::default();
    for address in ["2001:db8:f0::1", "2001:db8:f1::1"] {
        plan.port(0, 1500, &[address]);
    }
    let hops = [0, 1].map(|port| {
        let neighbor = plan.neighbor(PortId(port), "2001:db8:f0::9");
        plan.hop(NextHop::Adjacency(neighbor))
    });
    plan.routes.insert((0, prefix("::/0")), hops[0]);
    let mut router = plan.start();
    let mut io = Meanwhile { rings: Arc::clone(&router.rings), bursts: 0, hops, sent: Vec::new() };
    for poll in 0..50u16 {
        router.worker.poll(&mut io, 0);
        while router.rings.retired.pop().is_some() {}
        // Two queues a poll, updates after both: the second change of the last poll holds for this one.
        let expected = if poll == 0 { PortId(0) } else { PortId(1) };
        for burst in io.sent.drain(..) {
            assert_eq!(burst, vec![expected; PER_BURST]);
        }
        router.check_balance();
    }
}

/// The packets that control lets go wait for the tables that control sent before them.
#[test]
fn injected_packets_go_by_the_newest_tables() {
    use dataplane::burst::Meta;
    use dataplane::id::AdjacencyId;
    use dataplane::update::{Inject, Resume};

    let mut plan = Plan::default();
    plan.port(0, 1500, &[]);
    let mut router = plan.start();
    let neighbor = plan.neighbor(PortId(0), "2001:db8:f0::9");
    for n in 1..=UPDATES_PER_POLL as u32 {
        router.rings.updates.push(Update::Fib(VRF, Some(table(n)))).unwrap();
    }
    router.rings.updates.push(Update::Adjacencies(Arc::from(plan.adjacencies.clone()))).unwrap();
    let packet = octets::ip6(ip("2001:db8:2::2"), ip("2001:db8:1::1"), 9, 59, &[]);
    let buffer = HeapBuf::new(&octets::frame(port_mac(0), &packet), 0);
    let inject = Inject { buffer, meta: Meta::received(PortId(0), 0), resume: Resume::Forward(neighbor) };
    assert_eq!(neighbor, AdjacencyId(0));
    router.rings.counters.held.add(1); // it was held before
    router.rings.injects.push(inject).unwrap();
    router.rings.counters.port(PortId(0)).unwrap().rx_packets.add(1);
    assert_eq!(router.drain().len(), 1);
    assert_eq!(router.rings.counters.dropped(), 0);
}
