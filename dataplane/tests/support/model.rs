//! MEX as the paper and docs/mex.md put it, one step after the other, on a copy of the packet: the model that the
//! engine's "decide first, commit late" is compared with.

use super::octets::{self, AP, DESTINATION_OPTIONS, HOP_BY_HOP, ROUTING};

/// Where the AP header is, walking Hop-by-Hop (first only), Destination Options and Routing with Segments Left 0; at most
/// 4 headers and 256 octets. A header whose version or experiment differs counts as absent.
pub fn find_ap(packet: &[u8]) -> Option<(usize, usize)> {
    let (mut kind, mut announced_at, mut at) = (*packet.get(6)?, 6, 40);
    let mut passed = 0;
    loop {
        if passed > 4 || at - 40 > 256 {
            return None;
        }
        match kind {
            AP => {
                let fixed = packet.get(at..at + 8)?;
                let is_ours = fixed[3] >> 4 == 1 && fixed[4..6] == [0x4d, 0x58];
                return is_ours.then_some((at, announced_at));
            }
            HOP_BY_HOP if passed == 0 => {}
            DESTINATION_OPTIONS => {}
            ROUTING if *packet.get(at + 3)? == 0 => {}
            _ => return None,
        }
        let len = 8 + 8 * usize::from(*packet.get(at + 1)?);
        let next = *packet.get(at)?;
        if at + len > packet.len() {
            return None;
        }
        (kind, announced_at, at) = (next, at, at + len);
        passed += 1;
    }
}

/// Swaps the high half of the destination with alternative `number` (1-based).
pub fn exchange(packet: &mut [u8], ap_at: usize, number: usize) {
    let slot = ap_at + 8 * number;
    for octet in 0..8 {
        packet.swap(24 + octet, slot + octet);
    }
}

/// What a router does with a packet that has no way out.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It leaves toward a reachable alternative; hop limit not yet decremented.
    Forward(Vec<u8>),
    /// Parameter Problem, code 0, with this pointer.
    Malformed(usize),
    /// The ordinary end.
    Ordinary,
}

/// The paper's procedure: while there is no route and prefixes are left, exchange the next one and decrement Pleft.
/// `is_reachable` is the router's lookup, `is_allowed(from, to)` its policy.
pub fn step_by_step(
    received: &[u8],
    max_prefixes: u8,
    is_reachable: impl Fn(u128) -> bool,
    is_allowed: impl Fn(u128, u128) -> bool,
) -> Outcome {
    let Some((at, _)) = find_ap(received) else { return Outcome::Ordinary };
    let (n, pleft) = (usize::from(received[at + 1]), usize::from(received[at + 2]));
    if at + 8 + 8 * n > received.len() {
        return Outcome::Malformed(at + 1);
    }
    if pleft > n {
        return Outcome::Malformed(at + 2);
    }
    let from = octets::destination(received);
    let mut packet = received.to_vec();
    for _ in 0..max_prefixes {
        let pleft = usize::from(packet[at + 2]);
        if pleft == 0 {
            break;
        }
        // Prefix #i, i = n - Pleft, counted from 0 before the decrement.
        exchange(&mut packet, at, n - pleft + 1);
        packet[at + 2] -= 1;
        let to = octets::destination(&packet);
        if to != from && is_allowed(from, to) && is_reachable(to) {
            return Outcome::Forward(packet);
        }
    }
    Outcome::Ordinary
}

/// The packet as its sender made it, without any AP header, and with hop limit 0: what stays the same on every way through
/// routers and edges. AP headers are restored and taken out one by one, as long as they are whole.
pub fn canonical(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if let Some(hop_limit) = packet.get_mut(7) {
        *hop_limit = 0;
    }
    while let Some((at, announced_at)) = find_ap(&packet) {
        let (n, pleft) = (usize::from(packet[at + 1]), usize::from(packet[at + 2]));
        if pleft > n || at + 8 + 8 * n > packet.len() {
            break;
        }
        for number in (1..=n - pleft).rev() {
            exchange(&mut packet, at, number);
        }
        packet[announced_at] = packet[at];
        packet.drain(at..at + 8 + 8 * n);
        // Not the length of what is here: a quote may be cut.
        let payload_len = u16::from_be_bytes([packet[4], packet[5]]).saturating_sub(8 + 8 * n as u16);
        packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
    }
    packet
}
