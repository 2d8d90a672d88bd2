//! The drops of SRv6: at a SID, at a headend, at the border of the SR domain.

use dataplane::drop::Drop;
use dataplane::table::NextHop;
use dataplane::table::srv6::{Behavior, Flavors, HmacRule, MAX_SEGMENTS, Mode, Sid};

use super::support::headers::{self, ETHERNET, IPV4, IPV6, srh};
use super::support::octets::{self, DESTINATION_OPTIONS, FRAGMENT, NONE, ROUTING, UDP};
use super::support::sids::{PolicySpec, sid};
use super::support::{Plan, ip, port_mac};
use super::{HOST, IN, OUT, OWN, check, check_end, check_frame, plan, to, udp, with};

const END: &str = "fd00::1";
const DT6: &str = "fd00::2";
const DX2: &str = "fd00::3";
const DX4: &str = "fd00::4";
const DX6: &str = "fd00::5";
const REQUIRES: &str = "fd00::6";
const VERIFIES: &str = "fd00::7";
const B6: &str = "fd00::8";
const UN: &str = "fcbb:bbbb:1::";
const REPLACE: &str = "fd01:0:0:1::";
const KEY: (u32, &[u8]) = (9, b"secret");
const UDP8: (u8, &[u8]) = (UDP, &[0; 8]);

/// The plan of the other drops, inside an SR domain, with a SID of each kind. `2001:db8:70::/48` leads into a policy without
/// a list, `2001:db8:71::/48` into one whose path leaves by [`OUT`], `2001:db8:72::/48` through an own SID into a longer one.
fn sr_plan() -> Plan {
    let mut plan = plan();
    plan.ports[IN.index()].is_sr_domain = true;
    let onward = plan.hop(NextHop::Adjacency(dataplane::id::AdjacencyId(2)));
    let key = plan.key(KEY.0, KEY.1);
    let mut down = PolicySpec::new(Mode::Encap, ip(OWN), &[1]);
    down.lists.clear();
    let away = [ip("2001:db8:1::1"), ip("2001:db8:1::2")];
    let long = vec![ip("2001:db8:73::1"); MAX_SEGMENTS];
    let policies = [
        down,
        PolicySpec::new(Mode::Encap, ip(OWN), &away),
        PolicySpec::new(Mode::Encap, ip(OWN), &[ip(END), ip("2001:db8:73::1")]),
        PolicySpec { key: Some(key), ..PolicySpec::new(Mode::Insert, 0, &long) },
        PolicySpec::new(Mode::L2Encap, ip(OWN), &away),
    ];
    for (number, spec) in policies.into_iter().enumerate() {
        let id = plan.policy(spec);
        plan.route(0, &format!("2001:db8:{}::/48", 70 + number), NextHop::Policy(id));
    }
    let plain = |behavior| Sid { next_hop: onward, port: OUT, ..sid(behavior, Flavors::NONE) };
    let hmac = |hmac| Sid { hmac, ..plain(Behavior::End) };
    for (at, of) in [
        (END, plain(Behavior::End)),
        (DT6, plain(Behavior::EndDt6)),
        (DX2, plain(Behavior::EndDx2)),
        (DX4, plain(Behavior::EndDx4)),
        (DX6, plain(Behavior::EndDx6)),
        (REQUIRES, hmac(HmacRule::Require)),
        (VERIFIES, hmac(HmacRule::Verify)),
        (B6, plain(Behavior::EndB6)),
    ] {
        plan.sid(&format!("{at}/128"), of);
    }
    plan.sid(&format!("{UN}/48"), sid(Behavior::End, Flavors::NEXT_CSID));
    let replace = Sid { block_len: 48, csid_len: 16, ..sid(Behavior::End, Flavors::REPLACE_CSID) };
    plan.sid(&format!("{REPLACE}/64"), replace);
    plan
}

/// A packet to `at` with one SRH: Segments Left, Last Entry, list.
fn sr(at: &str, left: u8, last: u8, list: &[u128]) -> Vec<u8> {
    with(at, &[(ROUTING, srh(left, last, list, &[]))], UDP8)
}

fn carrying(at: &str, protocol: u8, inner: &[u8]) -> Vec<u8> {
    with(at, &[(ROUTING, srh(0, 0, &[ip(at)], &[]))], (protocol, inner))
}

pub fn all() -> Vec<Drop> {
    [border(), headers_of_sids(), hmac(), upper_layers(), inside(), ahead(), headend()].concat()
}

/// RFC 8754, 5.1; RFC 9602, 5.
fn border() -> Vec<Drop> {
    let mut plan = sr_plan();
    plan.ports[IN.index()].is_sr_domain = false;
    let mut guarded = plan.clone();
    guarded.guard(&["2001:db8:1::/48"], &["5f00::/16"]);
    let from_filter = udp("5f00::1", "2001:db8:5::1", 64, 1);
    vec![
        check(&plan, &to(END), Drop::SrDomain, None),
        check(&plan, &sr(END, 1, 1, &[1, 2]), Drop::SrDomain, None),
        check(&plan, &to(UN), Drop::SrDomain, None),
        check(&guarded, &to("2001:db8:1::1"), Drop::SrDomain, None),
        check(&guarded, &to("5f00::1"), Drop::SrDomain, None),
        check(&guarded, &from_filter, Drop::SrDomain, None),
    ]
}

fn headers_of_sids() -> Vec<Drop> {
    let plan = sr_plan();
    let mut long = srh(1, 0, &[1], &[]);
    long[1] = 9;
    let mut other = srh(1, 0, &[1], &[]);
    other[2] = 3;
    let options = (DESTINATION_OPTIONS, octets::options(0));
    let behind = with(END, &[options, (ROUTING, srh(3, 1, &[1, 2], &[]))], UDP8);
    let hop_limit = |mut packet: Vec<u8>, hops| {
        packet[7] = hops;
        packet
    };
    let time = Some((3, 0, 0));
    let mut met = vec![
        check(&plan, &with(END, &[(ROUTING, long)], UDP8), Drop::SrhLength, None),
        check(&plan, &with(END, &[(ROUTING, other.clone())], UDP8), Drop::RoutingType, Some((4, 0, 42))),
        check(&plan, &with(OWN, &[(ROUTING, other)], UDP8), Drop::RoutingType, Some((4, 0, 42))),
        check(&plan, &sr(OWN, 1, 0, &[1]), Drop::RoutingType, Some((4, 0, 42))),
        check(&plan, &behind, Drop::SegmentsLeft, Some((4, 0, 51))),
        check(&plan, &sr(END, 2, 2, &[1, 2]), Drop::SegmentsLeft, Some((4, 0, 43))),
        check(&plan, &sr(END, 255, 0, &[1]), Drop::SegmentsLeft, Some((4, 0, 43))),
        check(&plan, &sr(END, 1, 0, &[]), Drop::SegmentsLeft, Some((4, 0, 43))),
        check(&plan, &sr(REPLACE, 3, 1, &[1, 2]), Drop::SegmentsLeft, Some((4, 0, 43))),
        check(&plan, &sr("fd01:0:0:1::2", 2, 1, &[1, 2]), Drop::SegmentsLeft, Some((4, 0, 43))),
        check(&plan, &hop_limit(sr(END, 1, 0, &[1]), 1), Drop::HopLimit, time),
        check(&plan, &hop_limit(sr(END, 9, 0, &[1]), 0), Drop::HopLimit, time),
        check(&plan, &hop_limit(to("fcbb:bbbb:1:2::"), 1), Drop::HopLimit, time),
        check(&plan, &hop_limit(sr(REPLACE, 1, 0, &[1]), 1), Drop::HopLimit, time),
    ];
    for at in [DT6, DX2, DX4, DX6] {
        met.push(check(&plan, &sr(at, 1, 1, &[1, 2]), Drop::SegmentsLeft, Some((4, 0, 43))));
    }
    met
}

/// RFC 8754, 2.1.2.
fn hmac() -> Vec<Drop> {
    let plan = sr_plan();
    let list = [ip("2001:db8:1::2"), ip(VERIFIES)];
    let signed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut header = srh(1, 1, &list, &headers::hmac_tlv(false, KEY.0));
        headers::sign(ip(HOST), &mut header, KEY.0, KEY.1);
        change(&mut header);
        with(VERIFIES, &[(ROUTING, header)], UDP8)
    };
    assert_eq!(plan.start().send(IN, &signed(&|_| {})).len(), 1, "a right one passes");
    let told = Some((4, 0, 40 + 8 + 32));
    let unpadded = with(VERIFIES, &[(ROUTING, srh(1, 1, &list, &[5, 6, 0, 0, 0, 0, 0, 9]))], UDP8);
    vec![
        check(&plan, &signed(&|h| h[79] ^= 1), Drop::Hmac, told),
        check(&plan, &signed(&|h| h[8] ^= 1), Drop::Hmac, told),
        check(&plan, &signed(&|h| h[44] ^= 1), Drop::Hmac, told),
        // Not the segment that the list says, though Segments Left itself is not hashed.
        check(&plan, &signed(&|h| h[3] = 2), Drop::Hmac, told),
        check(&plan, &unpadded, Drop::Hmac, told),
        check(&plan, &sr(REQUIRES, 1, 0, &[1]), Drop::HmacMissing, None),
    ]
}

/// RFC 8986, 4.1.1 and its likes.
fn upper_layers() -> Vec<Drop> {
    let plan = sr_plan();
    let inner = to("2001:db8:1::1");
    let at = |offset| Some((4, 4, offset));
    let twice = with(END, &[(ROUTING, srh(0, 0, &[1], &[])), (NONE, Vec::new())], (NONE, &[]));
    vec![
        check(&plan, &to(END), Drop::UpperLayer, at(40)),
        check(&plan, &to(UN), Drop::UpperLayer, at(40)),
        check(&plan, &to(REPLACE), Drop::UpperLayer, at(40)),
        check(&plan, &twice, Drop::UpperLayer, at(64)),
        check(&plan, &sr(END, 0, 0, &[1]), Drop::UpperLayer, at(64)),
        check(&plan, &sr(B6, 0, 0, &[1]), Drop::UpperLayer, at(64)),
        check(&plan, &to(B6), Drop::UpperLayer, at(40)),
        check(&plan, &carrying(END, IPV6, &inner), Drop::UpperLayer, at(64)),
        check(&plan, &carrying(DX6, IPV4, &[0x45; 20]), Drop::UpperLayer, at(64)),
        check(&plan, &carrying(DX4, IPV6, &inner), Drop::UpperLayer, at(64)),
        check(&plan, &carrying(DT6, ETHERNET, &[0; 60]), Drop::UpperLayer, at(64)),
        check(&plan, &carrying(DX2, IPV6, &inner), Drop::UpperLayer, at(64)),
        check(&plan, &with(END, &[(FRAGMENT, octets::fragment(0, true))], UDP8), Drop::LocalFragment, None),
    ]
}

/// What was carried is no better than what comes in by a port, and its own source hears of that.
fn inside() -> Vec<Drop> {
    let plan = sr_plan();
    let mut met = Vec::new();
    let short = to("2001:db8:1::1");
    for at in [DT6, DX6] {
        met.push(check(&plan, &carrying(at, IPV6, &short[..39]), Drop::Ip6Length, None));
        met.push(check(&plan, &carrying(at, IPV6, &short[..short.len() - 1]), Drop::Ip6Length, None));
    }
    let four = headers::ip4(1, 2, 9, 17, &[0; 9]);
    met.push(check(&plan, &carrying(DX4, IPV4, &four[..19]), Drop::Ip4Length, None));
    met.push(check(&plan, &carrying(DX4, IPV4, &four[..28]), Drop::Ip4Length, None));
    met.push(check(&plan, &carrying(DX2, ETHERNET, &[0; 13]), Drop::EthernetShort, None));
    met.push(check(&plan, &carrying(DX2, ETHERNET, &[0; 14 + 1405]), Drop::TooBigL2, None));
    // 2001:db8:1::/48 is reached through a port with an MTU of 1400.
    let cases = [
        (DT6, to("2001:db8:2::1"), Drop::Unreachable, (1, 0, 0)),
        (DT6, udp(HOST, "2001:db8:1::1", 1, 1), Drop::HopLimit, (3, 0, 0)),
        (DX6, udp(HOST, "2001:db8:2::1", 0, 1), Drop::HopLimit, (3, 0, 0)),
        (DX6, udp(HOST, "2001:db8:2::1", 64, 1353), Drop::TooBig, (2, 0, 1400)),
    ];
    for (at, inner, reason, told) in cases {
        let mut router = plan.start();
        let mut packet = carrying(at, IPV6, &inner);
        // The outer source is another one, and hears nothing.
        packet[8..24].copy_from_slice(&ip("2001:db8:1::99").to_be_bytes());
        let out = router.send(IN, &packet);
        check_end(&router, &out, &inner, reason, Some(told));
        met.push(reason);
    }
    met
}

/// On the way to the next segment: the packet as it came is quoted.
fn ahead() -> Vec<Drop> {
    let mut plan = sr_plan();
    plan.ports[OUT.index()].is_sr_domain = false;
    let next = |address| sr(END, 1, 0, &[ip(address)]);
    let mut big = with(END, &[(ROUTING, srh(1, 0, &[ip("2001:db8:1::1")], &[]))], (UDP, &[0; 1337]));
    big[7] = 9;
    let tail: Vec<u128> = vec![ip(END); 100];
    vec![
        check(&plan, &next("2001:db8:aaaa::1"), Drop::NoRoute, Some((1, 0, 0))),
        check(&plan, &next("2001:db8:2::1"), Drop::Unreachable, Some((1, 0, 0))),
        check(&plan, &next("2001:db8:3::1"), Drop::Blackhole, None),
        check(&plan, &next("2001:db8:4::1"), Drop::MexRoute, Some((1, 0, 0))),
        check(&plan, &next("2001:db8:5::1"), Drop::NextHopDown, Some((1, 0, 0))),
        check(&plan, &next("2001:db8:bad::1"), Drop::EgressFilter, None),
        check(&plan, &big, Drop::TooBig, Some((2, 0, 1400))),
        check(&plan, &next("2001:db8:70::1"), Drop::PolicyDown, Some((1, 0, 0))),
        check(&plan, &sr(B6, 1, 0, &[ip("2001:db8:1::1")]), Drop::PolicyDown, Some((1, 0, 0))),
        // Every segment is this very SID: one lookup each.
        check(&plan, &hops255(sr(END, 100, 99, &tail)), Drop::Loop, None),
    ]
}

fn hops255(mut packet: Vec<u8>) -> Vec<u8> {
    packet[7] = 255;
    packet
}

/// RFC 8986, 5: errors go to the source of what would have been carried, and quote it.
fn headend() -> Vec<Drop> {
    let mut plan = sr_plan();
    let mut met = vec![
        check(&plan, &to("2001:db8:70::1"), Drop::PolicyDown, Some((1, 0, 0))),
        check(&plan, &udp(HOST, "2001:db8:71::1", 1, 1), Drop::HopLimit, Some((3, 0, 0))),
        // The first segment is on this node.
        check(&plan, &udp(HOST, "2001:db8:72::1", 1, 1), Drop::HopLimit, Some((3, 0, 0))),
        check(&plan, &udp(HOST, "2001:db8:72::1", 0, 1), Drop::HopLimit, Some((3, 0, 0))),
        // 40 + 8 + 32 octets are pushed.
        check(&plan, &udp(HOST, "2001:db8:71::1", 64, 1321 - 48), Drop::TooBig, Some((2, 0, 1320))),
        // 80 + 1088 octets are more than a buffer has room for besides the packet, twice.
        check(&plan, &to("2001:db8:73::1"), Drop::Headroom, None),
    ];
    assert_eq!(plan.start().send(IN, &udp(HOST, "2001:db8:71::1", 64, 1320 - 48)).len(), 1, "just fits");
    plan.ports[IN.index()].policy = Some(dataplane::id::PolicyId(4));
    // 80 octets, and the frame's own header.
    let frame = |len| octets::frame(port_mac(0), &vec![7; len]);
    let mut router = plan.start();
    router.push(IN, &frame(1400 - 80 - 14), 0);
    assert_eq!(router.drain().len(), 1, "just fits");
    met.push(check_frame(&plan, IN, &frame(1400 - 80 - 13), Drop::TooBigL2, None));
    met
}

/// A port outside the SR domain may have an address in a SID block: its neighbors find it, and that is all.
#[test]
fn neighbors_of_an_address_in_a_block_find_it() {
    let mut guarded = plan();
    guarded.guard(&["2001:db8:f0::/48"], &[]);
    let sent = |kind: u8, hop_limit: u8, to: &str| {
        let message = octets::icmp(ip(HOST), ip(to), kind, 0, &[0; 20]);
        let mut router = guarded.start();
        let packet = octets::ip6(ip(HOST), ip(to), hop_limit, octets::ICMPV6, &message);
        router.push(IN, &octets::frame(port_mac(IN.0), &packet), 0);
        router.drain();
        (router.rings.punts.len(), router.rings.counters.drops(Drop::SrDomain))
    };
    assert_eq!(sent(135, 255, OWN), (1, 0), "neighbor solicitation");
    assert_eq!(sent(135, 254, OWN), (0, 1), "from beyond the link");
    assert_eq!(sent(128, 255, OWN), (0, 1), "echo");
    assert_eq!(sent(135, 255, "2001:db8:f0::77"), (0, 1), "not this port's");
}
