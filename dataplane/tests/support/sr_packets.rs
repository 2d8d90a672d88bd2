//! Packets with segment lists, of all kinds, from a string of octets.

use dataplane::id::PortId;

use super::headers::{self, ETHERNET, IPV4, IPV6};
use super::octets::{self, DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ROUTING};
use super::packets::{self, Dice};
use super::{port_mac, sr_world, world};

fn segment(dice: &mut Dice<'_>) -> u128 {
    match dice.below(4) {
        0 => world::address(dice),
        1 => sr_world::container(dice),
        _ => sr_world::address(dice),
    }
}

/// A Segment Routing header and where a packet with it goes.
fn header(dice: &mut Dice<'_>, source: u128) -> (Vec<u8>, u128) {
    let count = [1, 2, 3, 4, 1, 2, 12, 70][dice.below(8)];
    let list: Vec<u128> = (0..count).map(|_| segment(dice)).collect();
    let left = if dice.one_in(3) { 0 } else { dice.below(count + 2) };
    let tlvs = match dice.below(8) {
        0 => vec![4, 4, 0, 0, 0, 0, 0, 0],
        1 | 2 => headers::hmac_tlv(dice.one_in(2), sr_world::KEY.0 + u32::from(dice.one_in(8))),
        3 if dice.one_in(2) => dice.octets(12).to_vec(),
        _ => Vec::new(),
    };
    let mut header = headers::srh(left as u8, count as u8 - 1, &list, &tlvs);
    if !dice.one_in(4) {
        headers::sign(source, &mut header, sr_world::KEY.0, sr_world::KEY.1);
    }
    match dice.below(32) {
        0 => header[1] = dice.byte(),
        1 => header[2] = dice.byte() % 6,
        2 => header[4] = dice.byte(),
        3 => header[5] = dice.byte(),
        4 => header[1] = header[1].wrapping_sub(1),
        _ => {}
    }
    let listed = list.get(left).copied().filter(|_| !dice.one_in(3));
    (header, listed.unwrap_or_else(|| sr_world::address(dice)))
}

/// An IPv4 packet, to a host or to all.
pub fn ipv4(dice: &mut Dice<'_>) -> Vec<u8> {
    let ttl = [64, 0, 1, 64][dice.below(4)];
    let to = [0xc633_6401, 0xffff_ffff, 0xe000_0001, 0x7f00_0001][dice.below(8) % 5 % 4];
    let len = if dice.one_in(8) { 1400 } else { 12 };
    headers::ip4(0xc000_0201 + u32::from(dice.byte() % 4), to, ttl, 17, &vec![7; len])
}

fn inner(dice: &mut Dice<'_>, quotes: u8) -> (u8, Vec<u8>) {
    let mut inner = match dice.below(4) {
        0 => (IPV4, ipv4(dice)),
        1 => {
            let len = if dice.one_in(8) { 1500 } else { 20 };
            let packet = if dice.one_in(2) { packets::packet(dice) } else { vec![0xa5; len] };
            (ETHERNET, octets::frame(port_mac(dice.byte().into()), &packet))
        }
        _ => (IPV6, packets::packet_quoting(dice, quotes)),
    };
    match dice.below(16) {
        0 => inner.1.truncate(dice.below(60)),
        1 => inner.1.extend([0; 9]),
        2 => inner.0 = [IPV4, IPV6, ETHERNET][dice.below(3)],
        _ => {}
    }
    inner
}

/// An IPv6 packet to a SID or through a policy.
pub fn packet(dice: &mut Dice<'_>, quotes: u8) -> Vec<u8> {
    let source = world::address(dice);
    let hop_limit = [64, 64, 64, 255, 3, 2, 1, 0][dice.below(8)];
    let mut parts = Vec::new();
    match dice.below(8) {
        0 => parts.push((HOP_BY_HOP, octets::options(dice.byte() % 3))),
        1 => parts.push((DESTINATION_OPTIONS, octets::options(dice.byte() % 3))),
        2 => parts.push((ROUTING, vec![0, 0, 3, dice.byte() % 2, 0, 0, 0, 0])),
        _ => {}
    }
    let mut destination = sr_world::address(dice);
    for _ in 0..[1, 1, 1, 0, 2][dice.below(5)] {
        let (header, to) = header(dice, source);
        if parts.iter().all(|(kind, _)| *kind != ROUTING) {
            destination = to;
        }
        parts.push((ROUTING, header));
    }
    if dice.one_in(8) {
        parts.push((DESTINATION_OPTIONS, octets::options(0)));
    } else if dice.one_in(16) {
        parts.push((FRAGMENT, octets::fragment(0, true)));
    }
    let last = if quotes > 0 && !dice.one_in(4) {
        inner(dice, quotes - 1)
    } else {
        packets::upper_layer(dice, source, destination, quotes)
    };
    octets::chain(source, destination, hop_limit, &parts, (last.0, &last.1))
}

/// A packet to a SID, or through a policy, that came in by a port of the SR domain; everything behind its IPv6 header
/// stands in the octets as it is.
pub fn raw_sr_frame(dice: &mut Dice<'_>) -> (PortId, Vec<u8>) {
    let port = [world::LAN, world::ISP, world::SMALL, world::L2][dice.below(8) % 5 % 4];
    let to = if dice.one_in(4) { world::address(dice) } else { sr_world::address(dice) };
    let (hop_limit, next_header) = (dice.byte(), [ROUTING, dice.byte()][dice.below(4) / 3]);
    let len = usize::from(dice.word()) % 1500;
    let packet = octets::ip6(world::address(dice), to, hop_limit, next_header, dice.octets(len));
    (port, octets::frame(port_mac(port.0), &packet))
}
