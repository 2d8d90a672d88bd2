//! Any packets through the router that has everything, and what has to be true of whatever comes out.

use dataplane::buffer::{HeapBuf, PacketBuf};
use dataplane::burst::Meta;
use dataplane::drop::Drop;
use dataplane::id::{AdjacencyId, PortId};
use dataplane::update::{Inject, Resume, Why};

use super::model::canonical;
use super::octets::{self, AP, ICMPV6};
use super::packets::{Dice, any_frame, raw_frame};
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
        let cause = causes.get(frame.cause as usize).map(|(port, f)| (*port, &f[14..]));
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

/// Checks a frame that left by `port`, made from what came in on another (an IPv6 packet with any padding).
pub fn check_frame(plan: &Plan, port: PortId, frame: &[u8], cause: Option<(PortId, &[u8])>) {
    let out = &plan.ports[port.index()];
    assert!(out.is_up, "sent through a port that is down");
    let Some((came_by, cause)) = cause else { return };
    assert_eq!(frame[6..12], out.mac.0, "the source is the port's station");
    let to_neighbor = plan.adjacencies.iter().any(|a| a.port == port && a.ethernet[..] == frame[..14]);
    assert!(to_neighbor, "to no neighbor on this port");
    let packet = &frame[14..];
    assert_eq!(packet[0] >> 4, 6);
    let payload_len = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
    assert_eq!(packet.len(), 40 + payload_len, "the payload length is the frame's");
    assert!(packet.len() <= usize::from(plan.mtus[port.index()]), "longer than the MTU");
    assert!(packet[7] >= 1, "hop limit 0 on the wire");
    let cause = &cause[..40 + usize::from(u16::from_be_bytes([cause[4], cause[5]]))];
    let is_older = cause[7].checked_sub(1) == Some(packet[7]);
    let is_forwarded = is_older
        && (canonical(packet) == canonical(cause)
            || port == world::INSIDE && is_translated(&canonical(packet), &canonical(cause)));
    // What the inside sent is quoted as it was received.
    let may_translate = port == world::INSIDE && came_by != world::INSIDE;
    assert!(
        is_forwarded || is_made_from(plan, packet, cause, may_translate),
        "neither forwarded nor an answer:\n{:02x?}\n{:02x?}",
        &packet[..packet.len().min(120)],
        &cause[..cause.len().min(120)]
    );
}

/// True when the packet is the ICMPv6 error that came, with what it quotes as a host without MEX sent it.
fn is_translated(packet: &[u8], cause: &[u8]) -> bool {
    let Some(shorter) = cause.len().checked_sub(packet.len()) else { return false };
    if cause[6] != ICMPV6 || cause.len() < 48 || packet.len() < 48 || cause[40] >= 128 {
        return false;
    }
    let told = |p: &[u8]| u32::from_be_bytes([p[44], p[45], p[46], p[47]]);
    let (was, is) = (told(cause), told(packet));
    let expected = match cause[40] {
        2 => is == was.saturating_sub(shorter as u32).max(1280),
        4 => is == was || was >= 40 && is == was - shorter as u32,
        _ => is == was,
    };
    let sum = octets::checksum(octets::source(packet), octets::destination(packet), ICMPV6, &packet[40..]);
    let same = packet[..4] == cause[..4] && packet[6..42] == cause[6..42];
    expected && same && sum == 0 && canonical(&packet[48..]) == canonical(&cause[48..])
}

/// True when the packet is this node's ICMPv6 error about the cause, or the reply to it.
fn is_made_from(plan: &Plan, packet: &[u8], cause: &[u8], may_translate: bool) -> bool {
    let (source, to) = (octets::source(packet), octets::destination(packet));
    let is_own = plan.ports.iter().any(|p| p.owns(source));
    let sum = octets::checksum(source, to, ICMPV6, &packet[40..]);
    if packet[6] != ICMPV6 || packet[7] != 64 || !is_own || to != octets::source(cause) || sum != 0 {
        return false;
    }
    match packet[40] {
        129 => echo(cause).is_some_and(|asked| asked[0] == 128 && packet[44..] == asked[4..]),
        1..=4 => {
            let quote = octets::quoted(cause);
            packet.len() <= 1280
                && (packet[48..] == *quote || may_translate && canonical(&packet[48..]) == canonical(quote))
                && octets::destination(cause) >> 120 != 0xff
                && !is_error_or_redirect(cause)
        }
        _ => false,
    }
}

/// The ICMPv6 message of a packet, behind headers that its destination passes.
fn echo(packet: &[u8]) -> Option<&[u8]> {
    let (mut kind, mut at) = (packet[6], 40);
    while kind != ICMPV6 {
        let header = packet.get(at..).filter(|header| header.len() > 8)?;
        if !matches!(kind, 0 | 43 | 60) {
            return None;
        }
        (kind, at) = (header[0], at + 8 + 8 * usize::from(header[1]));
    }
    packet.get(at..).filter(|message| message.len() >= 8)
}

/// True when the packet carries an ICMPv6 error or redirect, behind any headers that say where they end.
fn is_error_or_redirect(packet: &[u8]) -> bool {
    let (mut kind, mut at) = (packet[6], 40);
    for _ in 0..16 {
        let Some(header) = packet.get(at..).filter(|h| !h.is_empty()) else { return false };
        let len = match kind {
            ICMPV6 => return header[0] < 128 || header[0] == 137,
            0 | 43 | 60 | AP if header.len() > 1 => 8 + 8 * usize::from(header[1]),
            51 if header.len() > 1 => 8 + 4 * usize::from(header[1]),
            44 if header.len() >= 4 && header[2] == 0 && header[3] < 8 => 8,
            _ => return false,
        };
        (kind, at) = (header[0], at + len);
    }
    false
}
