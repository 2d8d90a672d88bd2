//! What has to be true of every frame that comes out of the router.

use dataplane::id::PortId;
use dataplane::table::NextHop;

use super::headers::{self, Found, IPV6};
use super::model::canonical;
use super::octets::{self, AP, ICMPV6};
use super::sids::{longest_match, ports};
use super::srv6::{self, Exit, Stage, Told, Ways};
use super::{Plan, world};

/// Checks a frame that left by `port`, made from the frame that came in on another.
pub fn check_frame(plan: &Plan, port: PortId, frame: &[u8], cause: Option<(PortId, &[u8])>) {
    let out = &plan.ports[port.index()];
    assert!(out.is_up, "sent through a port that is down");
    let Some((came_by, cause)) = cause else { return };
    let ways = Ways::of_frame(plan, came_by, cause);
    let carried = |exit: &Exit| matches!(exit, Exit::Frame(by, carried) if *by == port && carried == frame);
    if ways.exits.iter().any(carried) {
        assert!(frame.len() <= 18 + usize::from(plan.mtus[port.index()]), "longer than the MTU");
        return;
    }
    assert_eq!(frame[6..12], out.mac.0, "the source is the port's station");
    let to_neighbor = plan.adjacencies.iter().any(|a| a.port == port && a.ethernet[..12] == frame[..12]);
    assert!(to_neighbor, "to no neighbor on this port");
    let packet = &frame[14..];
    if frame[12..14] == [0x08, 0x00] {
        assert!(leaves(plan, &ways, port, packet, true), "no IPv4 packet that was carried: {packet:02x?}");
        return;
    }
    assert_eq!(frame[12..14], [0x86, 0xdd]);
    assert_eq!(packet[0] >> 4, 6);
    let payload_len = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
    assert_eq!(packet.len(), 40 + payload_len, "the payload length is the frame's");
    assert!(packet.len() <= usize::from(plan.mtus[port.index()]), "longer than the MTU");
    assert!(packet[7] >= 1, "hop limit 0 on the wire");
    assert!(
        leaves(plan, &ways, port, packet, true) || is_answer(plan, &ways, came_by, port, packet),
        "neither forwarded nor an answer:\n{:02x?}\nfrom {came_by:?} to {port:?}\n{:02x?}\n{:?}",
        &packet[..packet.len().min(240)],
        &cause[..cause.len().min(240)],
        ways.exits,
    );
}

/// True when this is one of the ways that a packet may go.
fn leaves(plan: &Plan, ways: &Ways<'_>, port: PortId, packet: &[u8], is_forwarded: bool) -> bool {
    ways.exits.iter().any(|exit| match exit {
        Exit::Exact(octets, ports) => ports.contains(&port) && octets.filled(packet) == packet,
        Exit::Plain(stage, entry) => is_plain(plan, &ways.stages[*stage], *entry, port, packet, is_forwarded),
        Exit::Frame(..) => false,
    })
}

/// The packet as it was, one hop older if it is not of this node, with what MEX may have done to it.
fn is_plain(
    plan: &Plan,
    stage: &Stage,
    entry: NextHop,
    port: PortId,
    packet: &[u8],
    is_forwarded: bool,
) -> bool {
    let was = stage.packet.filled(packet);
    let to = octets::destination(packet);
    let is_exchanged = to != octets::destination(&was);
    // A site's packet that is restored goes where its destination's own route leads, whatever had no way out before.
    let is_restored = packet.len() < was.len();
    let entry = if is_exchanged || is_restored { longest_match(plan, stage.vrf, to) } else { entry };
    was[7].checked_sub(u8::from(is_forwarded)) == Some(packet[7])
        && ports(plan, entry).contains(&port)
        && (canonical(packet) == canonical(&was)
            || port == world::INSIDE && is_translated(&canonical(packet), &canonical(&was)))
}

/// True when the packet is, or carries, this node's answer to the packet as it was at one of its stages.
fn is_answer(plan: &Plan, ways: &Ways<'_>, came_by: PortId, port: PortId, packet: &[u8]) -> bool {
    // What the inside sent is quoted as it was received.
    let may_translate = port == world::INSIDE && came_by != world::INSIDE;
    ways.stages.iter().filter(|stage| stage.told != Told::Nothing).any(|stage| {
        peeled(packet, 2).iter().any(|made| {
            let was = stage.packet.filled(made.get(48..).unwrap_or_default());
            if !is_made_from(plan, made, &was, stage, may_translate) {
                return false;
            }
            let on_link = octets::destination(made) >> 118 == 0xfe80 >> 6 && made == packet;
            let tables = [stage.vrf, 0];
            let goes =
                |vrf: &u16| leaves(plan, &Ways::of_made(plan, came_by, made, *vrf), port, packet, false);
            on_link || tables.iter().any(goes)
        })
    })
}

/// The packet, and what may have been one before a policy's header was pushed.
fn peeled(packet: &[u8], depth: u32) -> Vec<Vec<u8>> {
    let mut all = vec![packet.to_vec()];
    if depth == 0 {
        return all;
    }
    let mut found = headers::walk(packet, 6, 40);
    if let Found::Srh { at, announced_at } = found {
        if packet[at + 1] > 1 {
            let mut before = headers::without(packet, at, announced_at);
            headers::set_destination(&mut before, headers::segment(&packet[at..], 0));
            before[7] = 64;
            all.extend(peeled(&before, depth - 1));
        }
        found = headers::walk(packet, at, at + 8 + 8 * usize::from(packet[at + 1]));
    }
    if let Found::Upper { protocol: IPV6, at } = found
        && let Some(inner) = srv6::whole(&packet[at..])
    {
        all.extend(peeled(inner, depth - 1));
    }
    all
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
fn is_made_from(plan: &Plan, packet: &[u8], cause: &[u8], stage: &Stage, may_translate: bool) -> bool {
    if packet.len() < 48 {
        return false;
    }
    let (source, to) = (octets::source(packet), octets::destination(packet));
    let is_asked = stage.at_sid && source == octets::destination(cause) && packet[40] == 129;
    let is_own = is_asked || plan.ports.iter().any(|p| p.owns(source));
    let sum = octets::checksum(source, to, ICMPV6, &packet[40..]);
    if packet[6] != ICMPV6 || packet[7] != 64 || !is_own || to != octets::source(cause) || sum != 0 {
        return false;
    }
    match packet[40] {
        129 => echo(cause).is_some_and(|asked| asked[0] == 128 && packet[44..] == asked[4..]),
        kind @ 1..=4 => {
            let at_fault = u32::from_be_bytes([packet[44], packet[45], packet[46], packet[47]]);
            let is_told = match stage.told {
                Told::Any => true,
                Told::Problem(Some(problem)) => kind == 4 && problem == (packet[41], at_fault),
                Told::Problem(None) => kind != 4,
                Told::Nothing => false,
            };
            let quote = octets::quoted(cause);
            is_told
                && packet.len() <= 1280
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
