//! "Decide first, commit late" gives what the paper's procedure gives, step by step: on random route sets, with random
//! policies, for random headers. The model is in `support/model.rs`; it knows nothing of the engine.

mod support;

use std::collections::BTreeMap;

use dataplane::fib::Prefix6;
use dataplane::id::PortId;
use dataplane::table::mex::{Permit, UNUSABLE};
use dataplane::table::{MexPolicy, NextHop, Trigger};
use dataplane::update::Why;
use proptest::prelude::*;
use support::model::{Outcome, step_by_step};
use support::octets::{self, AP, DESTINATION_OPTIONS, UDP};
use support::{Plan, ip, world};

const CASES: u32 = if cfg!(miri) { 4 } else { 4000 };
const IN: PortId = PortId(0);
const OUT: PortId = PortId(1);
const SOURCE: &str = "2001:db8:ffff::1";
const INTERFACE_ID: u128 = 0x77;

/// What a prefix leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    NoRoute,
    Unreachable,
    Blackhole,
    Mex,
    Dead,
    DeadGroup,
    Own,
    Alive,
    AliveGroup,
    OnLink,
}

const KINDS: [Kind; 10] = [
    Kind::NoRoute,
    Kind::Unreachable,
    Kind::Blackhole,
    Kind::Mex,
    Kind::Dead,
    Kind::DeadGroup,
    Kind::Own,
    Kind::Alive,
    Kind::AliveGroup,
    Kind::OnLink,
];

impl Kind {
    fn is_reachable(self) -> bool {
        matches!(self, Kind::Alive | Kind::AliveGroup | Kind::OnLink)
    }

    /// Why a packet that goes there has no way out, and the code of the Destination Unreachable about it.
    fn trigger(self) -> Option<(Trigger, Option<u8>)> {
        match self {
            Kind::NoRoute => Some((Trigger::NoRoute, Some(0))),
            Kind::Unreachable => Some((Trigger::Unreachable, Some(0))),
            Kind::Blackhole => Some((Trigger::Blackhole, None)),
            Kind::Mex => Some((Trigger::Mex, Some(0))),
            Kind::Dead | Kind::DeadGroup => Some((Trigger::NextHopDown, Some(0))),
            _ => None,
        }
    }
}

/// The prefixes of a test: ten that a route may cover, and some that are never destinations.
fn high(index: usize) -> u64 {
    match index % 13 {
        i @ 0..10 => 0x2001_0db8_0000_0001 | (i as u64 + 1) << 16,
        10 => 0xfe80 << 48,
        11 => 0xff0e << 48,
        _ => 0x5f00 << 48,
    }
}

fn at(high: u64) -> u128 {
    u128::from(high) << 64 | INTERFACE_ID
}

fn plan(kinds: &BTreeMap<u64, Kind>, mex: MexPolicy) -> Plan {
    let mut plan = Plan { mex, ..Plan::default() };
    plan.port(0, 9000, &["2001:db8:ffff::ff"]);
    plan.port(0, 9000, &["2001:db8:fffe::ff"]);
    plan.via("2001:db8:ffff::/48", IN, SOURCE);
    let alive = plan.neighbor(OUT, "2001:db8:fffe::9");
    let dead = plan.neighbor(OUT, "2001:db8:fffe::8");
    plan.dead.push(dead);
    let mixed = plan.group(&[dead, alive, dead]);
    let none = plan.group(&[dead, dead]);
    for (high, kind) in kinds {
        // The other table knows the opposite: it must not be asked.
        let elsewhere = if kind.is_reachable() { NextHop::Unreachable } else { NextHop::Adjacency(alive) };
        let entry = match kind {
            Kind::NoRoute => None,
            Kind::Unreachable => Some(NextHop::Unreachable),
            Kind::Blackhole => Some(NextHop::Blackhole),
            Kind::Mex => Some(NextHop::Mex),
            Kind::Dead => Some(NextHop::Adjacency(dead)),
            Kind::DeadGroup => Some(none),
            Kind::Own => Some(NextHop::Local),
            Kind::Alive => Some(NextHop::Adjacency(alive)),
            Kind::AliveGroup => Some(mixed),
            Kind::OnLink => Some(NextHop::OnLink(OUT)),
        };
        let to = Prefix6::new(at(*high), 64);
        for (vrf, entry) in [(0, entry), (1, Some(elsewhere))] {
            if let Some(entry) = entry {
                let id = plan.hop(entry);
                plan.routes.insert((vrf, to), id);
            }
        }
        // Whoever is asked for on the link.
        if *kind == Kind::OnLink {
            plan.neighbor(OUT, &std::net::Ipv6Addr::from(at(*high)).to_string());
        }
    }
    plan
}

/// Deny list and permit pairs, as sets of prefixes.
#[derive(Clone, Debug)]
struct Policy {
    triggers: u8,
    max_prefixes: u8,
    deny: Vec<Prefix6>,
    permit: Option<Vec<(Prefix6, Prefix6)>>,
}

impl Policy {
    fn allows(&self, from: u128, to: u128) -> bool {
        let refused = |a| UNUSABLE.iter().chain(&self.deny).any(|p| p.contains(a));
        let permitted = self
            .permit
            .as_ref()
            .is_none_or(|pairs| pairs.iter().any(|(f, t)| f.contains(from) && t.contains(to)));
        !refused(from) && !refused(to) && permitted
    }

    fn compiled(&self) -> MexPolicy {
        MexPolicy {
            triggers: world::TRIGGERS.into_iter().filter(|t| self.triggers & 1 << *t as u8 != 0).collect(),
            max_prefixes: self.max_prefixes,
            refused: UNUSABLE.into_iter().chain(self.deny.iter().copied()).collect(),
            permit: self
                .permit
                .as_ref()
                .map(|p| p.iter().map(|(from, to)| Permit { from: *from, to: *to }).collect()),
            ..MexPolicy::default()
        }
    }
}

fn some_prefix() -> impl Strategy<Value = Prefix6> {
    (0usize..10, prop_oneof![Just(64u8), Just(47), Just(128), Just(32)])
        .prop_map(|(index, len)| Prefix6::new(at(high(index)), len))
}

fn policy() -> impl Strategy<Value = Policy> {
    let permit = proptest::collection::vec((some_prefix(), some_prefix()), 0..4);
    let deny = proptest::collection::vec(some_prefix(), 0..3);
    (
        prop_oneof![Just(0x1fu8), any::<u8>()],
        prop_oneof![1u8..6, Just(255)],
        deny,
        proptest::option::of(permit),
    )
        .prop_map(|(triggers, max_prefixes, deny, permit)| Policy {
            triggers,
            max_prefixes,
            deny,
            permit,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn late_commit_is_the_step_by_step_procedure(
        kinds in proptest::collection::vec(0usize..10, 10), policy in policy(), destination in 0usize..10,
        listed in proptest::collection::vec(0usize..13, 0..20), used in 0u8..24, behind in 0usize..3,
        lie in prop_oneof![9 => Just(0u8), 1 => 1u8..4],
    ) {
        let kinds: BTreeMap<u64, Kind> = kinds.iter().enumerate().map(|(i, k)| (high(i), KINDS[*k])).collect();
        let prefixes: Vec<u64> = listed.iter().map(|i| high(*i)).collect();
        let n = prefixes.len() as u8;
        let mut header = octets::ap(n.wrapping_sub(used % (n + 1)), &prefixes);
        match lie {
            1 => header[1] = 255,
            2 => header[2] = n + 1,
            3 => header[5] ^= 1,
            _ => {}
        }
        let mut parts = vec![(DESTINATION_OPTIONS, octets::options(0)); behind];
        parts.push((AP, header));
        let destination = at(high(destination));
        let received = octets::chain(ip(SOURCE), destination, 9, &parts, (UDP, b"\x12\x34\x56\x78\x00\x0c\0\0abcd"));
        let kind_of = |a: u128| kinds.get(&((a >> 64) as u64)).copied().unwrap_or(Kind::NoRoute);
        let first = kind_of(destination);
        prop_assume!(first != Kind::Own);

        let outcome = match first.trigger() {
            None => Outcome::Forward(received.clone()),
            Some((trigger, _)) if policy.triggers & 1 << trigger as u8 == 0 => Outcome::Ordinary,
            Some(_) => step_by_step(
                &received, policy.max_prefixes, |a| kind_of(a).is_reachable(), |from, to| policy.allows(from, to)),
        };
        let mut router = plan(&kinds, policy.compiled()).start();
        let mut out = router.send(IN, &received);
        match outcome {
            Outcome::Forward(mut expected) => {
                if kind_of(octets::destination(&expected)) == Kind::OnLink {
                    prop_assert!(out.is_empty());
                    let punt = router.rings.punts.pop().unwrap();
                    prop_assert_eq!(punt.why, Why::Resolve { port: OUT, address: octets::destination(&expected) });
                    prop_assert_eq!(dataplane::buffer::packet(&punt.buffer), &received[..], "nothing is changed yet");
                    assert!(router.rings.punts.push(punt).is_ok());
                    out = router.answer_neighbors();
                }
                expected[7] -= 1;
                prop_assert_eq!(out.len(), 1);
                prop_assert_eq!(out[0].0, OUT);
                prop_assert_eq!(&out[0].1[14..], &expected[..]);
            }
            Outcome::Malformed(pointer) => {
                prop_assert_eq!(out.len(), 1);
                let error = octets::error(&out[0].1);
                prop_assert_eq!((error.kind, error.code, error.parameter), (4, 0, pointer as u32));
                prop_assert_eq!(error.quote, octets::quoted(&received), "the packet as received");
            }
            Outcome::Ordinary => match first.trigger().and_then(|(_, code)| code) {
                None => prop_assert!(out.is_empty(), "a discard route is silent"),
                Some(code) => {
                    prop_assert_eq!(out.len(), 1);
                    prop_assert_eq!(out[0].0, IN);
                    let error = octets::error(&out[0].1);
                    prop_assert_eq!((error.kind, error.code, error.parameter), (1, code, 0));
                    prop_assert_eq!(error.quote, octets::quoted(&received), "the packet as received");
                }
            },
        }
    }
}
