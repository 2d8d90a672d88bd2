//! The express lane and the graph alone: the same packets through the same tables leave with the same octets, by the same
//! ports, and everything is counted the same.

mod support;

use std::collections::BTreeMap;

use dataplane::buffer::PacketBuf;
use dataplane::drop::Drop;
use dataplane::id::{
    AdjacencyId, MAX_POLICIES, MAX_SEGMENT_LISTS, MAX_SIDS, PolicyId, PortId, SegmentListId, SidId,
};
use proptest::prelude::*;
use support::Router;
use support::packets::{Dice, any_frame};
use support::sr_packets::raw_sr_frame;
use support::world;

const CASES: u32 = if cfg!(miri) { 2 } else { 1000 };

/// What leaves, by cause, in the order in which it leaves; and every count that is not 0.
#[derive(Debug, PartialEq)]
struct Outcome {
    sent: BTreeMap<u64, Vec<(u16, Vec<u8>)>>,
    counts: BTreeMap<String, u64>,
}

fn counts(router: &Router) -> BTreeMap<String, u64> {
    let counters = &router.rings.counters;
    let mut counts = BTreeMap::new();
    let mut add = |name: String, value: u64| {
        if value != 0 {
            counts.insert(name, value);
        }
    };
    for (number, port) in counters.ports.iter().enumerate() {
        add(format!("port {number} rx"), port.rx_packets.value());
        add(format!("port {number} rx octets"), port.rx_octets.value());
        add(format!("port {number} tx"), port.tx_packets.value());
        add(format!("port {number} tx octets"), port.tx_octets.value());
    }
    for reason in Drop::ALL {
        add(format!("drop {}", reason.name()), counters.drops(*reason));
        add(format!("drop {} octets", reason.name()), counters.drop_octets(*reason));
    }
    for (name, value) in counters.mex.values() {
        add(format!("mex {name}"), value);
    }
    for id in 0..router.plan.adjacencies.len() as u32 {
        add(format!("adjacency {id}"), counters.adjacency(AdjacencyId(id)));
    }
    let volumes = (0..MAX_SIDS as u16).map(|id| (format!("sid {id}"), counters.sid(SidId(id))));
    let volumes = volumes
        .chain((0..MAX_POLICIES as u16).map(|id| (format!("policy {id}"), counters.policy(PolicyId(id)))));
    let volumes = volumes.chain(
        (0..MAX_SEGMENT_LISTS as u16).map(|id| (format!("list {id}"), counters.list(SegmentListId(id)))),
    );
    for (name, volume) in volumes {
        let Some(volume) = volume else { panic!("{name} has no counter") };
        add(format!("{name} octets"), volume.octets.value());
        add(name, volume.packets.value());
    }
    for (name, value) in [
        ("made", counters.made.value()),
        ("consumed", counters.consumed.value()),
        ("held", counters.held.value()),
        ("resumed", counters.resumed.value()),
    ] {
        add(name.into(), value);
    }
    counts
}

/// Sends the packets that the octets describe through a router that has everything.
fn play(octets: &[u8], frame: fn(&mut Dice<'_>) -> (PortId, Vec<u8>), is_open: bool) -> Outcome {
    let mut dice = Dice::new(octets);
    let mut router = world::plan(&mut dice).start();
    router.worker.set_express(is_open);
    router.io.burst_size = [256, 1, 7, 64][dice.below(4)];
    let mut cause = 0;
    while !dice.is_empty() && cause < 400 {
        for _ in 0..=dice.below(100) {
            let (port, octets) = frame(&mut dice);
            router.push(port, &octets, cause);
            cause += 1;
        }
        if dice.one_in(8) {
            let adjacency = AdjacencyId(u32::from(dice.byte()) % router.plan.adjacencies.len() as u32);
            router.liveness.set(adjacency, dice.one_in(2));
        }
        router.now_ns += u64::from(dice.byte()) * 100_000;
        while router.poll() > 0 {}
        // Packets that wait for a neighbor: what they are is the graph's affair.
        router.punts();
    }
    let mut sent: BTreeMap<u64, Vec<_>> = BTreeMap::new();
    for (port, frame) in std::mem::take(&mut router.io.sent) {
        sent.entry(frame.cause).or_default().push((port.0, frame.bytes().to_vec()));
    }
    Outcome { sent, counts: counts(&router) }
}

/// Counts that depend on who comes first, where there is not enough for all: the lane's packets do.
fn has_limits(outcome: &Outcome) -> bool {
    outcome.counts.contains_key("mex policed")
}

fn compare(octets: &[u8], frame: fn(&mut Dice<'_>) -> (PortId, Vec<u8>)) {
    let (lane, graph) = (play(octets, frame, true), play(octets, frame, false));
    if has_limits(&graph) {
        return;
    }
    assert_eq!(lane.counts, graph.counts);
    assert_eq!(lane.sent, graph.sent);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_lane_does_what_the_graph_does(octets in proptest::collection::vec(any::<u8>(), 0..9000)) {
        compare(&octets, any_frame);
    }

    #[test]
    fn also_with_sids(octets in proptest::collection::vec(prop_oneof![2 => 0u8..6, 1 => any::<u8>()], 0..6000)) {
        compare(&octets, raw_sr_frame);
    }
}
