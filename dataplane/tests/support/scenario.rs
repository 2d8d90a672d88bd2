//! Any packets through the router that has everything, and what has to be true of whatever comes out.

use dataplane::buffer::{HeapBuf, PacketBuf};
use dataplane::burst::Meta;
use dataplane::drop::Drop;
use dataplane::id::{AdjacencyId, PortId};
use dataplane::update::{Inject, Resume, Why};

use super::check::check_frame;
use super::octets;
use super::packets::{Dice, any_frame, raw_frame};
use super::sr_packets::raw_sr_frame;
use super::{Plan, Router, world};

/// Packets of one scenario, at most.
const MAX_PACKETS: usize = 300;
/// The cause of frames that control made.
const BY_CONTROL: u64 = u64::MAX;

/// Plays the scenario that the octets describe; the router afterwards.
pub fn run(octets: &[u8]) -> Router {
    play(octets, any_frame)
}

/// Plays a scenario of frames that stand in the octets as they are.
pub fn run_raw(octets: &[u8]) -> Router {
    play(octets, raw_frame)
}

/// Plays a scenario of packets to SIDs, whose headers stand in the octets as they are.
pub fn run_srv6(octets: &[u8]) -> Router {
    play(octets, raw_sr_frame)
}

fn play(octets: &[u8], next_frame: fn(&mut Dice<'_>) -> (PortId, Vec<u8>)) -> Router {
    let mut dice = Dice::new(octets);
    let plan = world::plan(&mut dice);
    let mut router = plan.start();
    router.io.burst_size = [256, 1, 7, 32][dice.below(4)];
    router.io.accept = if dice.one_in(16) { 3 } else { usize::MAX };
    let mut causes: Vec<(PortId, Vec<u8>)> = Vec::new();
    while !dice.is_empty() && causes.len() < MAX_PACKETS {
        for _ in 0..=dice.below(32) {
            let (port, frame) = next_frame(&mut dice);
            router.push(port, &frame, causes.len() as u64);
            causes.push((port, frame));
        }
        if dice.one_in(8) {
            let adjacency = AdjacencyId(dice.byte() as u32 % plan.adjacencies.len() as u32);
            router.liveness.set(adjacency, dice.one_in(2));
        }
        router.now_ns += u64::from(dice.byte()) * 100_000;
        settle(&mut router, &mut dice);
    }
    settle(&mut router, &mut dice);
    let frames = std::mem::take(&mut router.io.sent);
    assert_eq!(router.rings.counters.sent(), frames.len() as u64);
    for (port, frame) in frames {
        let cause = causes.get(frame.cause as usize).map(|(port, f)| (*port, &f[..]));
        check_frame(&plan, port, frame.bytes(), cause);
    }
    router
}

/// Polls until nothing is left; control answers what comes to it, in one way or another.
fn settle(router: &mut Router, dice: &mut Dice<'_>) {
    let before = router.rings.counters.received();
    let waiting = router.io.waiting.len() as u64;
    while router.poll() > 0 {
        for punt in router.punts() {
            let Why::Resolve { port, .. } = punt.why else { continue };
            let resume = match dice.below(4) {
                3 => Resume::Fail(Drop::NeighborUnresolved),
                2 => Resume::Fail(Drop::NeighborQueueFull),
                _ => answer(&router.plan, port),
            };
            let inject = Inject { buffer: punt.buffer, meta: punt.meta, resume };
            assert!(router.rings.injects.push(inject).is_ok(), "there are fewer packets than room");
        }
    }
    if dice.one_in(8) {
        let port = PortId(dice.byte() as u16 % world::PORTS);
        let frame = octets::frame(super::port_mac(0), &octets::ip6(1, 2, 255, 59, &[]));
        let buffer = HeapBuf::new(&frame, BY_CONTROL);
        let meta = Meta::received(port, router.now_ns);
        let inject = Inject { buffer, meta, resume: Resume::Transmit(port) };
        assert!(router.rings.injects.push(inject).is_ok());
        while router.poll() > 0 {}
    }
    let counted = waiting - router.io.waiting.len() as u64;
    assert_eq!(router.rings.counters.received() - before, counted, "every frame is counted as received");
    assert_eq!(router.rings.counters.held.value(), router.rings.counters.resumed.value());
}

/// A resolved neighbor on the port: as if it had the address that was sought.
fn answer(plan: &Plan, port: PortId) -> Resume {
    let known = plan.adjacencies.iter().position(|a| a.port == port && a.is_resolved);
    known.map_or(Resume::Fail(Drop::NeighborUnresolved), |at| Resume::Forward(AdjacencyId(at as u32)))
}
