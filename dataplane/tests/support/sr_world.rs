//! The part of the router that has everything which is SRv6's: SIDs of every behavior and flavor, policies of every mode,
//! ports in and out of the SR domain, HMAC keys.

use dataplane::id::{AdjacencyId, PolicyId};
use dataplane::table::NextHop;
use dataplane::table::srv6::{Behavior, Field, Flavors, HmacRule, Mode, Sid};

use super::packets::Dice;
use super::sids::{PolicySpec, sid};
use super::world::{DOWN, ISP, L2, LAN, SMALL};
use super::{Plan, ip};

/// HMAC key that the router knows.
pub const KEY: (u32, &[u8]) = (7, b"a secret");

/// The `number`th SID that is one address.
pub fn plain(number: usize) -> u128 {
    ip("fd00::1") + ((number as u128) << 64)
}

/// Plain SIDs, at least; a few numbers more are no SID's.
pub const PLAIN: usize = 24 + 3 * 6 + 16;
/// SIDs with NEXT-CSID: `fcbb:bbbb:<n>::/48`, from 1 on.
const NEXT: usize = 9;
/// SIDs with REPLACE-CSID of 16 and of 32 bits, each: `fd01:0:0:<n>::/64`, `fd02:0:0:0:<n>::/80`, from 1 on.
const REPLACE: usize = 6;
/// Policies that routes lead to: `2001:db8:<e00 + n>::/48`.
pub const POLICIES: usize = 14;

/// Where policy `number` begins.
pub fn policy(number: usize) -> u128 {
    ip("2001:db8:e00::") + ((number as u128) << 80)
}

/// A SID of this node, more or less.
pub fn address(dice: &mut Dice<'_>) -> u128 {
    match dice.below(8) {
        0..4 => plain(dice.below(PLAIN + 4)),
        4 | 5 => {
            let csids = (0..dice.below(7)).fold(0, |csids, _| csids << 16 | next(dice));
            ip("fcbb:bbbb::") | csids << (16 * dice.below(2))
        }
        6 => ip("fd01::") + ((dice.below(REPLACE + 2) as u128) << 64) + (dice.below(9) % 8) as u128,
        _ => ip("fd02::") + ((dice.below(REPLACE + 2) as u128) << 48) + dice.below(4) as u128,
    }
}

fn next(dice: &mut Dice<'_>) -> u128 {
    dice.below(NEXT + 2) as u128
}

/// A container of compressed SIDs, the first at its end.
pub fn container(dice: &mut Dice<'_>) -> u128 {
    let len = if dice.one_in(2) { 16 } else { 32 };
    let used = dice.below(128 / len + 1);
    (0..used).fold(0, |c: u128, _| c.checked_shl(len as u32).unwrap_or(0) | dice.below(REPLACE + 2) as u128)
}

fn flavors(bits: usize) -> Flavors {
    let set = [Flavors::PSP, Flavors::USP, Flavors::USD];
    let of = set.into_iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    of.fold(Flavors::NONE, |all, (_, flavor)| all.and(flavor))
}

/// Adds all of it.
pub fn add(plan: &mut Plan, dice: &mut Dice<'_>) {
    for port in [LAN, ISP, SMALL, L2] {
        plan.ports[port.index()].is_sr_domain = true;
    }
    plan.ports[SMALL.index()].hmac = HmacRule::Verify;
    if dice.one_in(8) {
        plan.ports[LAN.index()].hmac = HmacRule::Require;
    }
    plan.guard(&["fd00::/14", "fcbb:bbbb::/32"], &["5f00::/16"]);
    plan.key(KEY.0, KEY.1);
    policies(plan);
    sids(plan);
    plan.ports[L2.index()].policy = Some(PolicyId(POLICIES as u16 + dice.below(3) as u16));
}

fn policies(plan: &mut Plan) {
    let own = ip("2001:db8:f1::1");
    let remote = |n: u128| ip("2001:db8:1::5") + n;
    let add = |plan: &mut Plan, mode, segments: &[u128], change: &dyn Fn(&mut PolicySpec)| {
        let mut spec = PolicySpec::new(mode, own, segments);
        change(&mut spec);
        let id = plan.policy(spec);
        if id.index() < POLICIES {
            plan.route(0, &format!("2001:db8:{:x}::/48", 0xe00 + id.index()), NextHop::Policy(id));
        }
    };
    let three = [remote(0), plain(3), plain(42)];
    let long: Vec<u128> = (0..64).map(remote).collect();
    add(plan, Mode::Encap, &three, &|p| p.lists.push((vec![remote(7)], 3)));
    add(plan, Mode::EncapRed, &three[..1], &|p| p.traffic_class = Field::Fixed(0xb8));
    add(plan, Mode::EncapRed, &three, &|p| p.hop_limit = Field::Copy);
    add(plan, Mode::Insert, &three, &|_| {});
    add(plan, Mode::InsertRed, &three[..1], &|_| {});
    add(plan, Mode::Encap, &[plain(0), plain(38), remote(1)], &|p| {
        p.flow_label = Field::Copy;
        p.lists.push((vec![plain(0), plain(26)], 1));
    });
    add(plan, Mode::Encap, &[policy(0) + 3, remote(2)], &|p| p.flow_label = Field::Fixed(0x12345));
    add(plan, Mode::Encap, &three, &|p| p.lists.clear());
    add(plan, Mode::EncapRed, &[ip("2001:db8:ffff::1"), remote(1)], &|_| {});
    add(plan, Mode::Insert, &[plain(1), remote(4)], &|p| p.key = Some(0));
    add(plan, Mode::EncapRed, &long[..20], &|p| p.key = Some(0));
    add(plan, Mode::Encap, &[policy(11) + 1], &|_| {});
    add(plan, Mode::InsertRed, &long, &|_| {});
    add(plan, Mode::EncapRed, &[remote(9)], &|p| p.key = Some(0));
    // Of the port that steers frames.
    add(plan, Mode::L2Encap, &[remote(0), remote(1)], &|p| p.traffic_class = Field::Fixed(3));
    add(plan, Mode::L2EncapRed, &[remote(0)], &|_| {});
    add(plan, Mode::L2EncapRed, &[plain(0), plain(28)], &|_| {});
}

fn sids(plan: &mut Plan) {
    use Behavior::{End, EndB6, EndDt4, EndDt6, EndDt46, EndDx2, EndDx4, EndDx6, EndT, EndX};
    let isp = plan.hop(NextHop::Adjacency(AdjacencyId(0)));
    let nowhere = plan.hop(NextHop::Unreachable);
    let on_link = plan.hop(NextHop::OnLink(LAN));
    let group = plan.hop(NextHop::Group(0));
    let vrf = dataplane::id::VrfId(1);
    let mut all: Vec<Sid> = Vec::new();
    for bits in 0..8 {
        let by = if bits % 2 == 0 { isp } else { group };
        all.extend([End, EndX, EndT].map(|b| Sid { next_hop: by, vrf, ..sid(b, flavors(bits)) }));
    }
    for (next_hop, port) in [(isp, LAN), (nowhere, DOWN), (on_link, SMALL)] {
        let vrf = if port == LAN { dataplane::id::VrfId(0) } else { vrf };
        let of = [EndDx6, EndDx4, EndDt6, EndDt4, EndDx2, EndDt46];
        all.extend(of.map(|b| Sid { next_hop, port, vrf, ..sid(b, Flavors::NONE) }));
    }
    for number in 0..POLICIES {
        all.push(Sid { policy: PolicyId(number as u16), ..sid(EndB6, Flavors::NONE) });
    }
    all.push(Sid { hmac: HmacRule::Verify, ..sid(End, Flavors::PSP) });
    all.push(Sid { hmac: HmacRule::Require, ..sid(EndDt6, Flavors::NONE) });
    assert_eq!(all.len(), PLAIN);
    for (number, sid) in all.into_iter().enumerate() {
        plan.sid(&format!("{}/128", std::net::Ipv6Addr::from(plain(number))), sid);
    }
    let compressed = |flavor, bits: usize| flavors(bits).and(flavor);
    for number in 0..NEXT {
        let behavior = [End, EndX, EndT, EndDt6, EndB6][number % 5];
        let flavors = compressed(Flavors::NEXT_CSID, number);
        let of = Sid { next_hop: isp, vrf, policy: PolicyId(number as u16 % 2), ..sid(behavior, flavors) };
        plan.sid(&format!("fcbb:bbbb:{:x}::/48", number + 1), of);
    }
    for number in 0..REPLACE {
        let behavior = [End, EndX, EndT][number % 3];
        let flavors = compressed(Flavors::REPLACE_CSID, number);
        let of = Sid { next_hop: isp, vrf, block_len: 48, csid_len: 16, ..sid(behavior, flavors) };
        plan.sid(&format!("fd01:0:0:{:x}::/64", number + 1), of);
        plan.sid(&format!("fd02:0:0:0:{:x}::/80", number + 1), Sid { csid_len: 32, ..of });
    }
}
