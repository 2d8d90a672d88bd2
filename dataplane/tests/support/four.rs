//! A router with IPv4 routes, and what may come out of it, whatever goes in.

use dataplane::fib::{Fib4, Prefix4};
use dataplane::id::{AdjacencyId, PolicyId, PortId, SegmentListId, SidId, VrfId};
use dataplane::table::srv6::{Behavior, Mode, Policy, SegmentList, Sid};
use dataplane::table::{NextHop, Srv6};
use dataplane::update::{Update, Why};

use super::octets4::{self as octets, Fields, ICMP, UDP, a_hop_on, ip4, packet};
use super::packets::Dice;
use super::{Plan, Router, ip, neighbor_mac, port_mac};

pub const IN: PortId = PortId(0);
pub const OUT: PortId = PortId(1);
pub const HOST: &str = "203.0.113.7";
pub const OWN: &str = "192.0.2.1";
pub const AWAY: &str = "198.51.100.9";

/// A packet from [`HOST`].
pub const fn to(destination: &str) -> Fields<'_> {
    Fields { source: HOST, destination, ttl: 64, protocol: UDP, fragment: 0x4000, tos: 0, options: &[] }
}

pub fn mapped(text: &str) -> u128 {
    0xffff << 32 | u128::from(u32::from_be_bytes(ip4(text)))
}

/// Ports with addresses of both families; each destination network ends in another way.
pub struct Node {
    pub plan: Plan,
    routes: Vec<(u16, &'static str, NextHop)>,
    srv6: Srv6,
}

pub fn node() -> Node {
    let mut plan = Plan::default();
    plan.port(0, 1500, &["2001:db8:f0::1", "::ffff:192.0.2.1"]);
    plan.port(0, 1400, &["2001:db8:f1::1", "::ffff:192.0.2.129", "::ffff:169.254.0.1"]);
    let back = plan.neighbor(IN, "::ffff:192.0.2.2");
    let onward = plan.neighbor(OUT, "::ffff:192.0.2.130");
    let over6 = plan.neighbor(OUT, "fe80::9");
    let dead = plan.neighbor(OUT, "::ffff:192.0.2.140");
    let asked = plan.neighbor(OUT, "::ffff:192.0.2.150");
    plan.dead.push(dead);
    plan.adjacencies[asked.index()].is_resolved = false;
    plan.adjacencies[over6.index()].is_filtered = true;
    plan.ports[1].egress_deny =
        [super::prefix("::ffff:172.16.0.0/108"), super::prefix("2001:db8:bad::/48")].into_iter().collect();
    let group = plan.group(&[onward, over6]);
    let routes = vec![
        (0, "203.0.113.0/24", NextHop::Adjacency(back)),
        (0, "198.51.100.0/24", NextHop::Adjacency(onward)),
        (0, "198.18.0.0/15", NextHop::Adjacency(over6)),
        (0, "172.16.0.0/12", NextHop::Adjacency(over6)),
        (0, "10.0.0.0/8", group),
        (0, "100.64.1.0/24", NextHop::Unreachable),
        (0, "100.64.2.0/24", NextHop::Blackhole),
        (0, "100.64.3.0/24", NextHop::Adjacency(dead)),
        (0, "100.64.4.0/24", NextHop::Adjacency(asked)),
        (0, "100.64.5.0/24", NextHop::Policy(PolicyId(0))),
        (0, "100.64.6.0/24", NextHop::Policy(PolicyId(1))),
        (0, "192.0.2.0/25", NextHop::OnLink(IN)),
        (0, "192.0.2.1/32", NextHop::Local),
        (0, "192.0.2.127/32", NextHop::Local),
        (0, "192.0.2.129/32", NextHop::Local),
        (1, "198.51.100.0/24", NextHop::Adjacency(over6)),
        (1, "203.0.113.0/24", NextHop::Adjacency(back)),
    ];
    Node { plan, routes, srv6: srv6(&[ip("2001:db8:5:1::"), ip("2001:db8:5:2::")]) }
}

/// A policy by these segments, one without a path, and an End.DT4 into table 1.
fn srv6(segments: &[u128]) -> Srv6 {
    let list = SegmentList::new(PolicyId(0), Mode::Encap, ip("2001:db8:f0::1"), segments, None).unwrap();
    let sid = Sid { behavior: Behavior::EndDt4, prefix_len: 128, vrf: VrfId(1), ..Sid::default() };
    Srv6 {
        sids: Box::new([Some(sid)]),
        policies: Box::new([
            Some(Policy::new(Mode::Encap, [(SegmentListId(0), 1)])),
            Some(Policy::new(Mode::Encap, [])),
        ]),
        lists: Box::new([Some(list)]),
        ..Srv6::default()
    }
}

impl Node {
    pub fn start(mut self) -> Router {
        self.plan.route(0, "2001:db8:5::/48", NextHop::Adjacency(AdjacencyId(1)));
        self.plan.route(0, "2001:db8:51d::/48", NextHop::Sid(SidId(0)));
        self.plan.ports[0].is_sr_domain = true;
        let mut tables = Vec::new();
        for vrf in [0, 1] {
            let entries: Vec<_> = self.routes.iter().filter(|(of, ..)| *of == vrf).copied().collect();
            let entries = entries.into_iter().map(|(_, text, entry)| {
                let (address, len) = text.split_once('/').unwrap();
                let prefix = Prefix4::new(u32::from_be_bytes(ip4(address)), len.parse().unwrap());
                (prefix, self.plan.hop(entry))
            });
            let entries: Vec<_> = entries.collect();
            tables.push(Update::Fib4(VrfId(vrf), Some(Fib4::build(entries).unwrap())));
        }
        let mut router = self.plan.start();
        tables.push(Update::Srv6(self.srv6.into()));
        for update in tables {
            router.rings.updates.push(update).unwrap();
        }
        router.drain();
        while router.rings.retired.pop().is_some() {}
        router
    }
}

pub fn start() -> Router {
    node().start()
}

pub fn send(router: &mut Router, packet: &[u8]) -> Vec<(PortId, Vec<u8>)> {
    router.push(IN, &octets::frame(port_mac(IN.0), packet), 0);
    router.drain()
}

/// The frame that a packet leaves in, to a neighbor by its number.
pub fn leaves(neighbor: u32, port: PortId, packet: &[u8]) -> (PortId, Vec<u8>) {
    let mut frame = neighbor_mac(neighbor).0.to_vec();
    frame.extend(port_mac(port.0).0);
    frame.extend([8, 0]);
    frame.extend(packet);
    (port, frame)
}

/// Destinations of all kinds.
const DESTINATIONS: [&str; 18] = [
    AWAY,
    OWN,
    HOST,
    "198.18.0.1",
    "172.16.0.1",
    "10.1.2.3",
    "100.64.1.1",
    "100.64.2.1",
    "100.64.3.1",
    "100.64.4.1",
    "100.64.5.1",
    "100.64.6.1",
    "192.0.2.77",
    "192.0.2.127",
    "192.0.2.129",
    "169.254.0.1",
    "224.0.0.5",
    "8.8.8.8",
];
const SOURCES: [&str; 8] =
    [HOST, "203.0.113.8", "8.8.8.8", "169.254.1.1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "192.0.2.2"];

/// A packet made of the choices that the dice give: as a rule a good one.
pub fn any_packet(dice: &mut Dice<'_>) -> Vec<u8> {
    let payload = match dice.below(4) {
        0 => octets::icmp(dice.byte() % 16, 0, &vec![dice.byte(); 4 + dice.below(60)]),
        1 => vec![dice.byte(); dice.below(1500)],
        _ => vec![dice.byte(); 1340 + dice.below(60)],
    };
    let options: &[u8] = [&[][..], &[0x94, 4, 0, 0], &[7, 7, 4, 0, 0, 0, 0, 0], &[0, 0, 0, 0]][dice.below(4)];
    let source = if dice.one_in(4) { SOURCES[dice.below(SOURCES.len())] } else { HOST };
    let fields = Fields {
        source,
        destination: DESTINATIONS[dice.below(DESTINATIONS.len())],
        ttl: [0, 1, 2, 64, 255][dice.below(5)],
        protocol: [UDP, ICMP, ICMP, 6, 47][dice.below(5)],
        fragment: [0, 0x4000, 0x4000, 0x2000, 0x2003, 0x0007][dice.below(6)],
        tos: dice.byte(),
        options,
    };
    let mut packet = packet(fields, &payload);
    if dice.one_in(8) {
        let at = dice.below(packet.len());
        packet[at] ^= 1 << (dice.byte() % 8);
    }
    if dice.one_in(16) {
        packet.truncate(dice.below(packet.len() + 1));
    }
    if dice.one_in(8) {
        packet.extend(vec![0xee; dice.below(30)]);
    }
    packet
}

/// One packet after the other through a router that has everything; what leaves is judged.
pub fn run(octets: &[u8]) -> Router {
    let mut dice = Dice::new(octets);
    let mut router = start();
    while !dice.is_empty() {
        check(&mut router, &any_packet(&mut dice));
    }
    router
}

/// The same with the input as the packet.
pub fn run_raw(octets: &[u8]) {
    check(&mut start(), octets);
}

fn check(router: &mut Router, packet: &[u8]) {
    let out = send(router, packet);
    assert!(out.len() <= 1, "one packet became {}", out.len());
    for (port, frame) in &out {
        assert!(is_fit(packet, *port, frame), "{packet:02x?}\nbecame {frame:02x?}");
    }
    for punt in router.punts() {
        match punt.why {
            Why::Resolve { port, address } => {
                let known = [(IN, "192.0.2.77"), (IN, "192.0.2.2"), (OUT, "192.0.2.150")]
                    .map(|(port, text)| (port, mapped(text)));
                assert!(known.contains(&(port, address)), "{address:#x}");
            }
            Why::Fragment { room } => {
                assert!(packet[6] & 0x40 == 0 && packet.len() > room as usize, "{packet:02x?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The packet without its padding, one hop older, perhaps carried; an error about it; or an answer to it.
fn is_fit(received: &[u8], port: PortId, frame: &[u8]) -> bool {
    let total = usize::from(u16::from_be_bytes([received[2], received[3]]));
    let received = &received[..total];
    let is_sound = octets::checksum(&received[..usize::from(received[0] & 15) * 4]) == 0;
    let sent = &frame[14..];
    let (from, to) = (&received[12..16], &received[16..20]);
    let fits = frame.len() - 14 <= [1500, 1400][port.index()];
    let forwarded = || received[8] > 1 && sent == a_hop_on(received);
    let carried = || {
        let is_outer = frame[12..14] == [0x86, 0xdd] && frame[14 + 40] == 4;
        is_outer && received[8] > 1 && sent[80..] == a_hop_on(received)
    };
    let error = || {
        let is_error = frame[12..14] == [8, 0] && sent[9] == ICMP && [3, 11].contains(&sent[20]);
        is_error && {
            let error = octets::error(frame);
            error.destination == from && error.quote == octets::quoted(received)
        }
    };
    let answer = || {
        let header_len = usize::from(received[0] & 15) * 4;
        let is_asked = received[9] == ICMP && received[header_len] == 8;
        let swapped = &sent[12..16] == to && &sent[16..20] == from;
        let checksums =
            octets::checksum(&sent[..header_len]) == 0 && octets::checksum(&sent[header_len..]) == 0;
        is_asked
            && swapped
            && checksums
            && sent[header_len] == 0
            && sent[header_len + 4..] == received[header_len + 4..]
    };
    is_sound && fits && (forwarded() || carried() || error() || answer())
}
