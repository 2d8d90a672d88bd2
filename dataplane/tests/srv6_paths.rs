//! Whole ways of packets through SRv6: pushed at a headend, from SID to SID, and out again. What comes out is what went in,
//! octet by octet, but for the hops.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod support;

use dataplane::id::PortId;
use dataplane::table::NextHop;
use dataplane::table::srv6::{Behavior, Field, Flavors, Mode, Sid};
use proptest::prelude::*;
use support::headers::{self, IPV6, srh};
use support::octets::{self, ROUTING, UDP};
use support::sids::{PolicySpec, sid};
use support::{Plan, Router, ip, port_mac};

const CASES: u32 = if cfg!(miri) { 1 } else { 1000 };
const IN: PortId = PortId(0);
const OUT: PortId = PortId(1);
const HOST: &str = "2001:db8:100::1";
const SERVER: &str = "2001:db8:200::1";

/// Two ports, everything by the second but what is behind the first.
fn node() -> Plan {
    let mut plan = Plan::default();
    plan.port(0, 9000, &["2001:db8:f0::1"]);
    plan.port(0, 9000, &["2001:db8:f1::1"]);
    for port in &mut plan.ports {
        port.is_sr_domain = true;
    }
    plan.via("::/0", OUT, "2001:db8:f1::9");
    plan.via("2001:db8:100::/48", IN, "2001:db8:f0::9");
    plan
}

fn onward(plan: &mut Plan) -> dataplane::id::NextHopId {
    plan.hop(NextHop::Adjacency(dataplane::id::AdjacencyId(0)))
}

/// One packet in, one out by [`OUT`].
fn through(router: &mut Router, packet: &[u8]) -> Vec<u8> {
    let mut out = router.send(IN, packet);
    assert_eq!(out.len(), 1, "{packet:02x?}");
    assert_eq!(out[0].0, OUT);
    out.remove(0).1.split_off(14)
}

fn datagram(len: usize) -> Vec<u8> {
    let udp = octets::udp(ip(HOST), ip(SERVER), (1234, 5678), &vec![0x5a; len]);
    octets::ip6(ip(HOST), ip(SERVER), 99, UDP, &udp)
}

/// The segment that a number stands for, and the nodes on the way to its end, each with its SID.
fn element(number: usize, kind: u8) -> (u128, Vec<(String, Sid)>) {
    let plain = format!("fd00:0:0:{number:x}::1");
    let behind = |behavior, flavors| (ip(&plain), vec![(format!("{plain}/128"), sid(behavior, flavors))]);
    match kind {
        0 => behind(Behavior::End, Flavors::NONE),
        1 => behind(Behavior::EndX, Flavors::USP),
        2 => behind(Behavior::EndT, Flavors::USD.and(Flavors::USP)),
        _ => {
            // A container of `kind - 2` compressed SIDs, the last of which goes on by the segment list.
            let csids: Vec<usize> = (0..usize::from(kind) - 2).map(|i| 1 + number * 8 + i).collect();
            let container = csids
                .iter()
                .enumerate()
                .fold(ip("fcbb:bbbb::"), |c, (at, csid)| c | (*csid as u128) << (80 - 16 * at));
            let un = sid(Behavior::End, Flavors::NEXT_CSID);
            (container, csids.iter().map(|csid| (format!("fcbb:bbbb:{csid:x}::/48"), un)).collect())
        }
    }
}

fn add(plan: &mut Plan, to: &str, sid: Sid) {
    let next_hop = onward(plan);
    plan.sid(to, Sid { next_hop, port: OUT, ..sid });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any path, on as many nodes as it has SIDs or on one.
    #[test]
    fn what_is_pushed_comes_out_as_it_went_in(
        kinds in prop_oneof![
            3 => proptest::collection::vec(0u8..8, 0..6),
            1 => proptest::collection::vec(0u8..3, 0..64),
        ],
        mode in 0usize..6, on_one_node: bool, len in 0usize..600,
    ) {
        use Mode::{Encap, EncapRed, Insert, InsertRed, L2Encap, L2EncapRed};
        let mode = [Encap, EncapRed, L2Encap, L2EncapRed, Insert, InsertRed][mode];
        let is_l2 = matches!(mode, L2Encap | L2EncapRed);
        let elements: Vec<_> = kinds.iter().enumerate().map(|(at, kind)| element(at, *kind)).collect();
        let mut segments: Vec<u128> = elements.iter().map(|(segment, _)| *segment).collect();
        let mut nodes: Vec<(String, Sid)> = elements.into_iter().flat_map(|(_, nodes)| nodes).collect();
        let last = match mode {
            Insert | InsertRed => sid(Behavior::End, Flavors::PSP),
            L2Encap | L2EncapRed => sid(Behavior::EndDx2, Flavors::NONE),
            _ => sid(Behavior::EndDt6, Flavors::NONE),
        };
        segments.push(ip("fd00:0:0:ffff::1"));
        nodes.push(("fd00:0:0:ffff::1/128".to_owned(), last));

        let mut plan = node();
        let spec = PolicySpec { hop_limit: Field::Fixed(255), ..PolicySpec::new(mode, ip("2001:db8:f0::1"), &segments) };
        let policy = plan.policy(spec);
        plan.route(0, "2001:db8:200::/48", NextHop::Policy(policy));
        plan.ports[0].policy = is_l2.then_some(policy);
        let mut received = datagram(len);
        received[7] = 200;
        let mut packet = if is_l2 {
            let frame = octets::frame(port_mac(9), &received);
            let mut router = plan.start();
            router.push(IN, &frame, 0);
            let mut out = router.drain();
            prop_assert_eq!(out.len(), 1);
            received = frame;
            out.remove(0).1.split_off(14)
        } else {
            through(&mut plan.start(), &received)
        };
        let hops = nodes.len() as u8;
        if on_one_node {
            let mut plan = node();
            for (to, sid) in &nodes {
                add(&mut plan, to, *sid);
            }
            // End.X sends it out even to this very node: it comes in again.
            let mut router = plan.start();
            loop {
                let mut out = router.send(IN, &packet);
                prop_assert_eq!(out.len(), 1);
                packet = out.remove(0).1;
                if packet[14 + 24] & 0xfc != 0xfc {
                    break;
                }
                packet.drain(..14);
            }
        } else {
            for (at, (to, sid)) in nodes.iter().enumerate() {
                let mut plan = node();
                add(&mut plan, to, *sid);
                let is_last = at + 1 == nodes.len();
                let mut out = plan.start().send(IN, &packet);
                prop_assert_eq!(out.len(), 1, "at {}", to);
                let hop_limit = packet[7];
                packet = out.remove(0).1;
                if !is_last {
                    packet.drain(..14);
                    prop_assert_eq!(packet[7], hop_limit - 1, "each SID is one hop");
                }
            }
        }
        if is_l2 {
            prop_assert_eq!(packet, received);
        } else {
            received[7] -= if matches!(mode, Insert | InsertRed) { 1 + hops } else { 2 };
            prop_assert_eq!(&packet[14..], &received[..]);
        }
    }
}

/// 12 nodes, two containers of six, and nothing else in the list (RFC 9800, 4.1).
#[test]
fn twelve_hops_of_two_containers() {
    let containers = [ip("fcbb:bbbb:101:102:103:104:105:106"), ip("fcbb:bbbb:107:108:109:10a:10b:10c")];
    let mut plan = node();
    let policy = plan.policy(PolicySpec::new(Mode::EncapRed, ip("2001:db8:f0::1"), &containers));
    plan.route(0, "2001:db8:200::/48", NextHop::Policy(policy));
    let received = datagram(100);
    let mut packet = through(&mut plan.start(), &received);
    assert_eq!(packet[40..48], [IPV6, 2, 4, 1, 0, 0, 0, 0], "one container in the list");
    let expected = [
        "fcbb:bbbb:102:103:104:105:106:0",
        "fcbb:bbbb:103:104:105:106:0:0",
        "fcbb:bbbb:104:105:106::",
        "fcbb:bbbb:105:106::",
        "fcbb:bbbb:106::",
        "fcbb:bbbb:107:108:109:10a:10b:10c",
        "fcbb:bbbb:108:109:10a:10b:10c:0",
        "fcbb:bbbb:109:10a:10b:10c:0:0",
        "fcbb:bbbb:10a:10b:10c::",
        "fcbb:bbbb:10b:10c::",
        "fcbb:bbbb:10c::",
    ];
    for (at, destination) in expected.into_iter().enumerate() {
        let mut plan = node();
        add(&mut plan, &format!("fcbb:bbbb:{:x}::/48", 0x101 + at), sid(Behavior::End, Flavors::NEXT_CSID));
        packet = through(&mut plan.start(), &packet);
        assert_eq!(octets::destination(&packet), ip(destination), "after hop {}", at + 1);
        assert_eq!((packet[7], packet[43]), (63 - at as u8, u8::from(at < 5)));
    }
    let mut plan = node();
    let udt6 = sid(Behavior::EndDt6, Flavors::NEXT_CSID);
    add(&mut plan, "fcbb:bbbb:10c::/48", udt6);
    let mut expected = received;
    expected[7] -= 2;
    assert_eq!(through(&mut plan.start(), &packet), expected);
}

/// A list of REPLACE-CSID containers, each position of it, to its end (RFC 9800, 4.2): 2 full containers and some.
#[test]
fn replace_csid_to_exhaustion() {
    for (len, count) in [(16usize, 20usize), (16, 17), (16, 1), (32, 11), (32, 9), (32, 5)] {
        let per_container = 128 / len;
        let csid = |at: usize| 0x101 + at as u128;
        let place = 80 - len;
        let first = ip("fd01::") | csid(0) << place;
        let mut list: Vec<u128> = Vec::new();
        for at in 1..count {
            let (entry, from_right) = ((at - 1) / per_container, (at - 1) % per_container);
            if from_right == 0 {
                list.push(0);
            }
            list[entry] |= csid(at) << (from_right * len);
        }
        let left = list.len();
        list.reverse();
        let inner = datagram(60);
        let header = if list.is_empty() {
            srh(0, 0, &[first], &[])
        } else {
            srh(left as u8, left as u8 - 1, &list, &[])
        };
        let mut packet = octets::chain(ip("2001:db8:9::1"), first, 64, &[(ROUTING, header)], (IPV6, &inner));
        for at in 0..count {
            let mut plan = node();
            let behavior = if at + 1 == count { Behavior::EndDt6 } else { Behavior::End };
            let of = Sid { block_len: 48, csid_len: len as u8, ..sid(behavior, Flavors::REPLACE_CSID) };
            let to = format!("{}/{}", std::net::Ipv6Addr::from(ip("fd01::") | csid(at) << place), 48 + len);
            add(&mut plan, &to, of);
            packet = through(&mut plan.start(), &packet);
            if at + 1 < count {
                let (used, index) = (at / per_container + 1, per_container - 1 - at % per_container);
                let expected = ip("fd01::") | csid(at + 1) << place | index as u128;
                assert_eq!(octets::destination(&packet), expected, "{len} bits, after {at}");
                assert_eq!((packet[43], packet[7]), ((left - used) as u8, 63 - at as u8));
            }
        }
        let mut expected = inner;
        expected[7] -= 1;
        assert_eq!(packet, expected, "{count} of {len} bits");
    }
}

/// An entry that is not full ends before its last position: the next entry is a whole SID (S14 to S17).
#[test]
fn a_container_may_end_early() {
    let list = [ip("fd00:0:0:9::1"), 0x0000_0103_0000_0102u128];
    let header = srh(2, 1, &list, &[]);
    let mut packet =
        octets::chain(ip(HOST), ip("fd01:0:0:0:101::"), 64, &[(ROUTING, header)], (UDP, &[0; 8]));
    let expected = ["fd01:0:0:0:102::3", "fd01:0:0:0:103::2", "fd00:0:0:9::1"];
    for (at, destination) in expected.into_iter().enumerate() {
        let mut plan = node();
        let of = Sid {
            block_len: 48,
            csid_len: 32,
            ..sid(Behavior::End, Flavors::REPLACE_CSID.and(Flavors::PSP))
        };
        add(&mut plan, &format!("fd01::{:x}:0:0:0/80", 0x101 + at), of);
        packet = through(&mut plan.start(), &packet);
        assert_eq!(octets::destination(&packet), ip(destination));
    }
    assert_eq!(packet[6], UDP, "the SRH went at the last");
    assert_eq!((packet[7], packet.len()), (61, 48));
}

/// What this node sends itself is counted by its own SIDs like any packet.
#[test]
fn own_packets_are_counted_by_own_sids() {
    let mut plan = node();
    let policy = plan.policy(PolicySpec::new(Mode::Insert, 0, &[ip("fd00::1"), ip("2001:db8:77::1")]));
    plan.route(0, "2001:db8:200::/48", NextHop::Policy(policy));
    add(&mut plan, "fd00::1/128", sid(Behavior::End, Flavors::NONE));
    let asked = octets::icmp(ip(SERVER), ip("2001:db8:f0::1"), 128, 0, b"\0\x01\0\x01ping");
    let ping = octets::ip6(ip(SERVER), ip("2001:db8:f0::1"), 9, octets::ICMPV6, &asked);
    let reply = through(&mut plan.start(), &ping);
    assert_eq!((octets::destination(&reply), reply[43]), (ip("2001:db8:77::1"), 1));
    assert_eq!(reply[7], 63);
}

/// A list of one segment, reduced, with an HMAC: there has to be a list to be hashed.
#[test]
fn an_hmac_is_over_one_segment_at_least() {
    let mut plan = node();
    let key = plan.key(5, b"secret");
    let spec = PolicySpec {
        key: Some(key),
        ..PolicySpec::new(Mode::EncapRed, ip("2001:db8:f0::1"), &[ip("fd00::1")])
    };
    let policy = plan.policy(spec);
    plan.route(0, "2001:db8:200::/48", NextHop::Policy(policy));
    let packet = through(&mut plan.start(), &datagram(9));
    let mut expected = srh(0, 0, &[ip("fd00::1")], &headers::hmac_tlv(false, 5));
    expected[0] = IPV6;
    headers::sign(ip("2001:db8:f0::1"), &mut expected, 5, b"secret");
    assert_eq!(packet[40..40 + expected.len()], expected);
}

/// RFC 8754, 4.3.1.1: a header without segments left is passed, and the next one is processed.
#[test]
fn a_header_that_is_used_up_is_passed() {
    let behind = [ip("2001:db8:77::1"), ip("fd00::1")];
    for (flavors, len) in [(Flavors::NONE, 24 + 40), (Flavors::PSP, 24)] {
        let mut plan = node();
        add(&mut plan, "fd00::1/128", sid(Behavior::End, flavors));
        let parts = [(ROUTING, srh(0, 0, &[ip("fd00::1")], &[])), (ROUTING, srh(1, 1, &behind, &[]))];
        let packet = octets::chain(ip(HOST), ip("fd00::1"), 64, &parts, (UDP, &[0; 8]));
        let out = through(&mut plan.start(), &packet);
        assert_eq!((octets::destination(&out), out[7]), (behind[0], 63));
        assert_eq!(out.len(), 40 + len + 8);
        if flavors == Flavors::NONE {
            let mut expected = packet;
            (expected[7], expected[64 + 3]) = (63, 0);
            headers::set_destination(&mut expected, behind[0]);
            assert_eq!(out, expected);
        } else {
            assert_eq!((out[6], out[40]), (ROUTING, UDP), "the second went");
        }
        // An address that is no SID does not pass it.
        let own = octets::chain(
            ip(HOST),
            ip("2001:db8:f0::1"),
            64,
            &parts,
            (octets::ICMPV6, &[128, 0, 0, 0, 0, 0, 0, 0]),
        );
        let error = plan.start().send(IN, &own).remove(0).1;
        let error = octets::error(&error);
        assert_eq!((error.kind, error.code, error.parameter), (4, 0, 66));
    }
}

/// End.B6.Insert puts its header before the one that is there: the path that it takes part in goes on behind it.
#[test]
fn a_path_goes_on_behind_an_inserted_one() {
    let mut nodes = [node(), node(), node()];
    let policy = nodes[0].policy(PolicySpec::new(Mode::Insert, 0, &[ip("fd00::b")]));
    nodes[0].sid("fd00::a/128", Sid { policy, ..sid(Behavior::EndB6, Flavors::NONE) });
    add(&mut nodes[1], "fd00::b/128", sid(Behavior::End, Flavors::NONE));
    add(&mut nodes[2], "fd00::c/128", sid(Behavior::End, Flavors::NONE));
    let list = [ip("fd00::d"), ip("fd00::c"), ip("fd00::a")];
    let mut packet =
        octets::chain(ip(HOST), ip("fd00::a"), 64, &[(ROUTING, srh(2, 2, &list, &[]))], (UDP, &[0; 8]));
    for (plan, next) in nodes.iter().zip(["fd00::b", "fd00::c", "fd00::d"]) {
        packet = through(&mut plan.start(), &packet);
        assert_eq!(octets::destination(&packet), ip(next));
    }
    assert_eq!(packet[7], 61);
}

/// The room in front that a long header has used is not what an error has to do with.
#[test]
fn an_error_behind_a_long_header_has_room() {
    let mut plan = node();
    plan.route(0, "2001:db8:dead::/48", NextHop::Unreachable);
    let path: Vec<u128> =
        [ip("fd00::1")].into_iter().chain(std::iter::repeat_n(ip("2001:db8:dead::1"), 40)).collect();
    let policy = plan.policy(PolicySpec::new(Mode::Insert, 0, &path));
    plan.route(0, "2001:db8:200::/48", NextHop::Policy(policy));
    add(&mut plan, "fd00::1/128", sid(Behavior::End, Flavors::NONE));
    let received = datagram(100);
    let out = plan.start().send(IN, &received);
    assert_eq!(out.len(), 1);
    let error = octets::error(&out[0].1);
    assert_eq!((out[0].0, error.kind, error.code), (IN, 1, 0));
    let quote = [&error.quote[..4], &error.quote[8..24]].concat();
    assert_eq!(quote, [&received[..4], &received[8..24]].concat(), "as it came to the SID");
    assert_eq!((error.quote[6], error.quote[43]), (ROUTING, 41));
}
