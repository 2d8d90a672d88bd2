//! A router that has everything: local addresses, routes of every kind, groups with dead members, MEX with every
//! trigger, sites, peers, an egress filter, two VRFs, a port that is down, SIDs and policies.

use dataplane::fib::Prefix6;
use dataplane::id::{AdjacencyId, PortId};
use dataplane::limit::IcmpLimits;
use dataplane::table::mex::Permit;
use dataplane::table::{MexPolicy, NextHop, Peer, PeerRef, Site, Trigger};

use super::{Plan, ip, prefix, sr_world};
use crate::support::packets::Dice;

/// The ports, by what is special about them.
pub const LAN: PortId = PortId(0);
pub const ISP: PortId = PortId(1);
pub const OTHER_VRF: PortId = PortId(2);
pub const DOWN: PortId = PortId(3);
pub const INSIDE: PortId = PortId(4);
pub const SMALL: PortId = PortId(5);
/// Its frames go into a policy.
pub const L2: PortId = PortId(6);
pub const PORTS: u16 = 7;

/// The high halves that packets of the tests go to and list: each leads to something else.
pub const PREFIXES: [u64; 24] = {
    let mut prefixes = [0; 24];
    let mut i = 0;
    while i < 16 {
        prefixes[i] = 0x2001_0db8_0000_0001 | (i as u64 + 1) << 16;
        i += 1;
    }
    prefixes[16] = 0x2001_0db8_00f0_0000; // this node's
    prefixes[17] = 0xff0e << 48;
    prefixes[18] = 0xfe80 << 48;
    prefixes[19] = 0;
    prefixes[20] = 0x5f00 << 48;
    prefixes[21] = 0x2001_0db8_dead_0001; // filtered on the way out
    prefixes[22] = 0x2001_0db8_0e00_0000; // into policies
    prefixes[23] = 0x2001_0db8_0e03_0000;
    prefixes
};

/// Of these, the prefixes of the site behind this node: two lead there, one nowhere, one away.
pub const SITE: [usize; 4] = [9, 10, 14, 0];

pub const TRIGGERS: [Trigger; 5] =
    [Trigger::NoRoute, Trigger::Unreachable, Trigger::Blackhole, Trigger::Mex, Trigger::NextHopDown];

fn ports(plan: &mut Plan) {
    plan.port(0, 1500, &["2001:db8:f0::1"]);
    plan.port(0, 1500, &["2001:db8:f1::1", "2001:db8:f1::2"]);
    plan.port(1, 1500, &["2001:db8:f2::1"]);
    plan.port(0, 1500, &["2001:db8:f3::1"]);
    plan.port(0, 1500, &["2001:db8:f4::1"]);
    plan.port(0, 1280, &[]);
    plan.port(0, 1500, &[]);
    plan.ports[DOWN.index()].is_up = false;
    let filtered = || [prefix("2001:db8:dead::/48")].into_iter().collect();
    plan.ports[ISP.index()].egress_deny = filtered();
    plan.ports[SMALL.index()].egress_deny = filtered();
}

/// Routes of the default table: `2001:db8:<n>::/48` for each kind of next hop.
fn routes(plan: &mut Plan) {
    let isp = plan.via("2001:db8:1::/48", ISP, "2001:db8:f1::9");
    plan.adjacencies[isp.index()].is_filtered = true;
    let unresolved = plan.via("2001:db8:2::/48", ISP, "2001:db8:f1::8");
    plan.adjacencies[unresolved.index()].is_resolved = false;
    let dead = plan.neighbor(ISP, "2001:db8:f1::7");
    plan.dead.push(dead);
    let lan = plan.neighbor(LAN, "2001:db8:f0::9");
    let mixed = plan.group(&[isp, dead, lan]);
    plan.route(0, "2001:db8:3::/48", mixed);
    let none_left = plan.group(&[dead]);
    plan.route(0, "2001:db8:4::/48", none_left);
    plan.route(0, "2001:db8:5::/48", NextHop::Adjacency(dead));
    plan.route(0, "2001:db8:6::/48", NextHop::Unreachable);
    plan.route(0, "2001:db8:7::/48", NextHop::Blackhole);
    plan.route(0, "2001:db8:8::/48", NextHop::Mex);
    plan.route(0, "2001:db8:9::/48", NextHop::OnLink(LAN));
    let via_isp = plan.hop(NextHop::Adjacency(isp));
    plan.route(0, "2001:db8:a::/48", NextHop::Site { site: 0, via: via_isp });
    let via_group = plan.hop(mixed);
    plan.route(0, "2001:db8:b::/48", NextHop::Site { site: 0, via: via_group });
    let small = plan.via("2001:db8:c::/48", SMALL, "2001:db8:f5::9");
    plan.adjacencies[small.index()].is_filtered = true;
    plan.via("2001:db8:d::/48", DOWN, "2001:db8:f3::9");
    plan.route(0, "2001:db8:e::/48", NextHop::Adjacency(AdjacencyId(9999)));
    // 2001:db8:f::/48 and :10::/48 have no route.
    plan.route(0, "2001:db8:dead::/48", NextHop::Adjacency(isp));
    let inside = plan.via("2001:db8:f4::/64", INSIDE, "2001:db8:f4::9");
    plan.adjacencies[inside.index()].is_mex_inside = true;
    // The other table leads elsewhere: what must not be seen from here is reachable there.
    let other = plan.neighbor(OTHER_VRF, "2001:db8:f2::9");
    plan.route(1, "2001:db8:f::/48", NextHop::Adjacency(other));
    plan.route(1, "2001:db8:6::/48", NextHop::Adjacency(other));
    plan.route(1, "2001:db8:1::/48", NextHop::Unreachable);
}

/// The router, in the variant that the dice choose.
pub fn plan(dice: &mut Dice<'_>) -> Plan {
    let mut plan = Plan::default();
    ports(&mut plan);
    routes(&mut plan);
    sr_world::add(&mut plan, dice);
    let triggers = !dice.byte();
    let site = |at: &[usize]| at.iter().map(|i| PREFIXES[*i]).collect();
    let mut mex = MexPolicy {
        triggers: TRIGGERS.into_iter().filter(|t| triggers & 1 << *t as u8 != 0).collect(),
        max_prefixes: [8, 1, 3, 255][dice.below(4)],
        sites: Box::new([Site { prefixes: site(&SITE) }]),
        peers: Box::new([
            Peer { prefixes: site(&[0, 11, 5, 2]) },
            Peer { prefixes: (14..46).map(|i| PREFIXES[i % 16] + i as u64 / 16).collect() },
        ]),
        ..MexPolicy::default()
    };
    let own = plan.ports.iter().flat_map(|p| p.addresses.iter().map(|a| Prefix6::new(*a, 128)));
    let denied = [prefix("2001:db8:c:1::/64")].into_iter().filter(|_| dice.one_in(4));
    mex.refused = dataplane::table::mex::UNUSABLE.into_iter().chain(own).chain(denied).collect();
    if dice.one_in(4) {
        let permit = Permit { from: prefix("2001:db8::/45"), to: prefix("2001:db8::/32") };
        mex.permit = Some(Box::new([permit]));
    }
    if dice.one_in(8) {
        (mex.rate, mex.burst) = (1000, 3);
    }
    for (peer, table) in mex.peers.iter().enumerate() {
        for (own, high) in table.prefixes.iter().enumerate() {
            let reference = PeerRef { peer: peer as u16, own: own as u8 };
            plan.ports[INSIDE.index()].peers.entry(*high).or_insert(reference);
        }
    }
    plan.mex = mex;
    if dice.one_in(4) {
        plan.icmp = IcmpLimits { rate: 1000, burst: 2 };
    }
    plan
}

/// An address that leads somewhere interesting.
pub fn address(dice: &mut Dice<'_>) -> u128 {
    match dice.below(8) {
        0 => {
            let special = [
                "::",
                "::1",
                "fe80::ff:0",
                "fe80::ff:1",
                "fe80::9",
                "ff02::1",
                "ff02::2",
                "ff02::1:ff00:1",
                "ff0e::1",
                "ff02::5",
            ];
            ip(special[dice.below(special.len())])
        }
        1 => {
            let own =
                ["2001:db8:f0::1", "2001:db8:f1::1", "2001:db8:f1::2", "2001:db8:f3::1", "2001:db8:f4::1"];
            ip(own[dice.below(own.len())])
        }
        2 => ip("2001:db8:f4::") + 0x40 + dice.below(4) as u128,
        3 => sr_world::policy(dice.below(sr_world::POLICIES)) + dice.below(4) as u128,
        _ => u128::from(PREFIXES[dice.below(16)]) << 64 | (dice.below(3) as u128 + 1),
    }
}
