//! Packets of all kinds from a string of octets: the same octets give the same packets, so that property tests can
//! shrink them and a fuzzer can mutate them.

use dataplane::id::PortId;

use super::octets::{
    self, AH, AP, DESTINATION_OPTIONS, ESP, FRAGMENT, HOP_BY_HOP, ICMPV6, NONE, ROUTING, TCP, UDP,
};
use super::{port_mac, sr_packets, world};

/// Decisions read from octets; all zero once they are used up.
pub struct Dice<'a> {
    rest: &'a [u8],
}

impl<'a> Dice<'a> {
    pub fn new(octets: &'a [u8]) -> Dice<'a> {
        Dice { rest: octets }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// As many octets as are left of `count`.
    pub fn octets(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// True for one octet in `n`; never when the dice are used up.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }
}

fn alternatives(dice: &mut Dice<'_>) -> Vec<u8> {
    let n = match dice.below(8) {
        0 => 255,
        1 => dice.byte(),
        small => small as u8 - 1,
    };
    let pleft = match dice.below(4) {
        0 | 1 => n,
        2 => dice.byte() % n.saturating_add(1).max(1),
        _ => dice.byte(),
    };
    let of_a_site = dice.one_in(2);
    let mut pick = || {
        let index = if of_a_site {
            world::SITE[dice.below(world::SITE.len())]
        } else {
            dice.below(world::PREFIXES.len())
        };
        world::PREFIXES[index]
    };
    let prefixes: Vec<u64> = (0..n).map(|_| pick()).collect();
    let mut header = octets::ap(pleft, &prefixes);
    match dice.below(32) {
        29 => header[1] = dice.byte(),
        30 => header[3] = dice.byte(),
        31 => header[4] = dice.byte(),
        _ => {}
    }
    header
}

fn extension(dice: &mut Dice<'_>) -> (u8, Vec<u8>) {
    match dice.below(10) {
        0 => (HOP_BY_HOP, octets::options(dice.byte() % 3)),
        1 => (DESTINATION_OPTIONS, octets::options(dice.byte() % 3)),
        2 => (DESTINATION_OPTIONS, octets::options(if dice.one_in(2) { 33 } else { 31 })),
        3 => (ROUTING, octets::routing(dice.byte() % 2)),
        4 => (FRAGMENT, octets::fragment(u16::from(dice.byte() % 3), dice.one_in(2))),
        5 => (AH, [[0, 4].as_slice(), &[7; 22]].concat()),
        _ => (AP, alternatives(dice)),
    }
}

/// What a neighbor discovery message says, more or less.
fn neighbor_discovery(dice: &mut Dice<'_>, source: u128, destination: u128) -> Vec<u8> {
    let mut body = vec![dice.byte(), 0, 0, 0];
    body.extend(world::address(dice).to_be_bytes());
    if dice.one_in(2) {
        body.extend([1 + dice.byte() % 2, 1, 2, 0, 0, 0xcc, 0, 1]);
    }
    octets::icmp(source, destination, 133 + dice.byte() % 5, 0, &body)
}

pub fn upper_layer(dice: &mut Dice<'_>, source: u128, destination: u128, quotes: u8) -> (u8, Vec<u8>) {
    let len = match dice.below(8) {
        0 => usize::from(dice.word() % 1500),
        1 => 1160 + usize::from(dice.byte()),
        _ => dice.below(40),
    };
    let data = vec![0x5a; len];
    match dice.below(10) {
        0 => (TCP, [&[0x12, 0x34, 0, 80][..], &data].concat()),
        1 => (ICMPV6, octets::icmp(source, destination, 128, 0, &[&[0, 7, 0, 1][..], &data].concat())),
        2 => (ICMPV6, octets::icmp(source, destination, dice.byte() % 6, 0, &[&[0; 4][..], &data].concat())),
        9 if quotes > 0 => {
            let told = u32::from(dice.word()).to_be_bytes();
            let mut quote = packet_quoting(dice, quotes - 1);
            quote.truncate(if dice.one_in(4) { dice.byte().into() } else { 1200 });
            (ICMPV6, octets::icmp(source, destination, 1 + dice.byte() % 4, 0, &[&told[..], &quote].concat()))
        }
        3 => (ICMPV6, neighbor_discovery(dice, source, destination)),
        4 => (NONE, data),
        5 => (ESP, [&[0, 0, 0, 9, 0, 0, 0, 1][..], &data].concat()),
        6 => (dice.byte(), data),
        _ => (UDP, octets::udp(source, destination, (u16::from(dice.byte()), 7), &data)),
    }
}

/// An IPv6 packet that is well-formed but for what it carries.
pub fn packet(dice: &mut Dice<'_>) -> Vec<u8> {
    packet_quoting(dice, 1)
}

/// [`packet`], in which errors quote packets so many levels deep.
pub fn packet_quoting(dice: &mut Dice<'_>, quotes: u8) -> Vec<u8> {
    if dice.one_in(3) {
        return sr_packets::packet(dice, quotes);
    }
    let (source, destination) = (world::address(dice), world::address(dice));
    let hop_limit = match dice.below(8) {
        0 => 0,
        1 => 1,
        2 => 2,
        3 | 4 => 255,
        _ => 64,
    };
    let count = [0, 1, 1, 1, 2, 3, 5, 6][dice.below(8)];
    let parts: Vec<_> = (0..count).map(|_| extension(dice)).collect();
    let last = upper_layer(dice, source, destination, quotes);
    octets::chain(source, destination, hop_limit, &parts, (last.0, &last.1))
}

fn mutate(dice: &mut Dice<'_>, frame: &mut Vec<u8>) {
    match dice.below(24) {
        0 => frame.truncate(usize::from(dice.word()) % (frame.len() + 1)),
        1 => frame.extend(vec![0xee; dice.below(64)]),
        2 => {
            for _ in 0..=dice.below(3) {
                let at = usize::from(dice.word()) % frame.len();
                frame[at] ^= dice.byte();
            }
        }
        3 => frame[..6]
            .copy_from_slice(&[[0xff; 6], [2, 9, 9, 9, 9, 9], [0x33, 0x33, 0, 0, 0, 1]][dice.below(3)]),
        4 => frame[12..14].copy_from_slice(&[[0x08, 0x00], [0x08, 0x06], [0x81, 0x00]][dice.below(3)]),
        5 => frame[18..20].copy_from_slice(&[dice.byte() % 8, dice.byte()]),
        _ => {}
    }
}

/// A frame of any kind, and the port that receives it.
pub fn any_frame(dice: &mut Dice<'_>) -> (PortId, Vec<u8>) {
    let port = match dice.below(16) {
        at @ 0..7 => at as u16,
        15 => 63, // no such port
        at => at as u16 % 2 * world::INSIDE.0,
    };
    if dice.below(16) == 15 {
        let len = dice.below(200);
        return (PortId(port), (0..len).map(|_| dice.byte()).collect());
    }
    let is_ipv4 = dice.one_in(16);
    let packet = if is_ipv4 { sr_packets::ipv4(dice) } else { packet(dice) };
    let mut frame = octets::frame(port_mac(port), &packet);
    if is_ipv4 {
        frame[12..14].copy_from_slice(&[0x08, 0x00]);
    }
    mutate(dice, &mut frame);
    (PortId(port), frame)
}

/// A frame as it stands in the octets: a port, a length, the frame.
pub fn raw_frame(dice: &mut Dice<'_>) -> (PortId, Vec<u8>) {
    let (how, len) = (dice.byte(), usize::from(dice.word()) % 2048);
    let port = u16::from(how & 0x7f) % world::PORTS;
    let mut frame = dice.octets(len).to_vec();
    if how & 0x80 == 0 && frame.len() >= 6 {
        frame[..6].copy_from_slice(&port_mac(port).0);
    }
    (PortId(port), frame)
}
