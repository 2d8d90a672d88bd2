//! Whatever happens, limits hold and no packet is lost.

use super::*;
use dataplane::wire::arp::{Operation, Repr};
use dataplane::wire::ipv4::mapped;
use proptest::prelude::*;

/// The port's IPv4 address.
const S4: u32 = 0xc000_0203;
/// Numbers from here on stand for IPv4 neighbors.
const FIRST_IPV4: u8 = 16;

#[derive(Clone, Debug)]
enum Event {
    Hold(u8),
    Burst(u8),
    Used(u8),
    Confirm(u8),
    Static(u8),
    Del(u8),
    Watch(u8),
    Unwatch(u8),
    Na(u8, u8, bool),
    Ns(u8, bool),
    /// Sender, target, reply, from the other MAC address.
    Arp(u8, u8, bool, bool),
    Dad,
    Link(bool),
    Pass(u32),
    NextDeadline,
    Raw(Vec<u8>),
}

fn event() -> impl Strategy<Value = Event> {
    let who = 0u8..24;
    prop_oneof![
        8 => who.clone().prop_map(Event::Hold),
        1 => any::<u8>().prop_map(Event::Burst),
        2 => who.clone().prop_map(Event::Used),
        1 => who.clone().prop_map(Event::Confirm),
        1 => who.clone().prop_map(Event::Static),
        1 => who.clone().prop_map(Event::Del),
        1 => who.clone().prop_map(Event::Watch),
        1 => who.clone().prop_map(Event::Unwatch),
        4 => (who.clone(), any::<u8>(), any::<bool>()).prop_map(|(n, f, o)| Event::Na(n, f, o)),
        2 => (who.clone(), any::<bool>()).prop_map(|(n, o)| Event::Ns(n, o)),
        4 => (who.clone(), 0u8..8, any::<bool>(), any::<bool>()).prop_map(|(n, t, r, o)| Event::Arp(n, t, r, o)),
        1 => Just(Event::Dad),
        1 => any::<bool>().prop_map(Event::Link),
        3 => (0u32..2_000_000_000).prop_map(Event::Pass),
        4 => Just(Event::NextDeadline),
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Event::Raw),
    ]
}

struct Run {
    machine: Machine<u32>,
    now: u64,
    given: u32,
    /// Which packets came back.
    back: Vec<bool>,
    /// Whom the actions say to be resolved, and to which MAC address.
    adjacencies: BTreeMap<u128, Mac>,
}

impl Run {
    fn hold(&mut self, address: u128) {
        self.machine.hold(PORT, address, self.given, S, self.now);
        self.given += 1;
        self.back.push(false);
    }

    fn apply(&mut self, event: &Event) {
        let (now, machine) = (self.now, &mut self.machine);
        // The last ones are IPv4.
        let address = |n: &u8| {
            if *n < FIRST_IPV4 { T + u128::from(*n) } else { mapped(S4 - 2 + u32::from(*n - FIRST_IPV4)) }
        };
        let mac = |n: &u8| if n.is_multiple_of(2) { N } else { OTHER };
        match event {
            Event::Hold(n) => self.hold(address(n)),
            Event::Burst(n) => {
                for low in 0..300 {
                    self.hold((T & !0xffff) | u128::from(*n) << 32 | low);
                }
            }
            Event::Used(n) => machine.used(PORT, address(n), now),
            Event::Confirm(n) => machine.confirm(PORT, address(n), now),
            Event::Static(n) => drop(machine.add_static(PORT, address(n), N, now)),
            Event::Del(n) => drop(machine.del(PORT, address(n), now)),
            Event::Watch(n) => drop(machine.watch(PORT, address(n), now)),
            Event::Unwatch(n) => machine.unwatch(PORT, address(n)),
            Event::Na(n, ..) | Event::Ns(n, _) if *n >= FIRST_IPV4 => {}
            Event::Na(n, flags, option) => {
                let flags = Flags {
                    router: flags & 1 != 0,
                    solicited: flags & 2 != 0,
                    override_cached: flags & 4 != 0,
                };
                let packet =
                    advertisement(address(n), flags, option.then(|| mac(&(*n ^ flags.router as u8))));
                machine.receive(PORT, &packet, N, now).unwrap();
            }
            Event::Ns(n, option) => {
                let packet = solicitation(address(n), S, option.then(|| mac(n)));
                machine.receive(PORT, &packet, N, now).unwrap();
            }
            Event::Arp(sender, target, is_reply, is_other) => {
                let mac = if *is_other { OTHER } else { N };
                let ip = |n: &u8| if *n == 0 { 0 } else { S4 - 3 + u32::from(*n) };
                let mut message = Repr::request(mac, ip(&(*sender % 8)), ip(target));
                if *is_reply {
                    message.operation = Operation::Reply;
                }
                machine.receive_arp(PORT, &message.octets(), mac, now).unwrap();
            }
            Event::Dad => machine.receive(PORT, &solicitation(0, S, None), N, now).unwrap(),
            Event::Link(true) => machine.link_up(PORT, now),
            Event::Link(false) => machine.link_down(PORT, now),
            Event::Pass(ns) => {
                self.now += u64::from(*ns);
                machine.tick(self.now);
            }
            Event::NextDeadline => {
                self.now = machine.next_deadline().unwrap_or(now).max(now);
                machine.tick(self.now);
            }
            Event::Raw(octets) => {
                let _ = machine.receive(PORT, octets, N, now);
                let _ = machine.receive_arp(PORT, octets, N, now);
            }
        }
    }

    fn take_actions(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Release { packet, address, .. } => {
                    assert!(self.adjacencies.contains_key(&address), "released without an adjacency");
                    self.came_back(packet);
                }
                Action::Fail { packet, .. } => self.came_back(packet),
                Action::Resolved { address, mac, .. } => {
                    assert_ne!(self.adjacencies.insert(address, mac), Some(mac), "told twice");
                }
                Action::Removed { address, .. } => assert!(self.adjacencies.remove(&address).is_some()),
                Action::Unreachable { address, .. } => drop(self.adjacencies.remove(&address)),
                Action::Transmit { .. }
                | Action::Duplicate { .. }
                | Action::Conflict { .. }
                | Action::AddressReady { .. } => {}
            }
        }
    }

    fn came_back(&mut self, packet: u32) {
        assert!(!std::mem::replace(&mut self.back[packet as usize], true), "packet {packet} came back twice");
    }

    fn check(&self) {
        let infos: Vec<_> = self.machine.neighbors(self.now).collect();
        let waiting: usize = infos.iter().map(|info| info.held).sum();
        assert!(infos.len() <= MAX_NEIGHBORS && waiting <= HELD_PACKETS_TOTAL);
        assert_eq!(waiting, self.machine.held());
        assert_eq!(waiting + self.back.iter().filter(|&&back| back).count(), self.given as usize);
        for info in &infos {
            assert!(info.held <= HELD_PACKETS_PER_NEIGHBOR);
            assert!(info.held == 0 || info.state == State::Incomplete);
            let unknown = matches!(info.state, State::Incomplete | State::Failed);
            assert_eq!(info.mac.is_none(), unknown, "{info:?}");
        }
        // What the actions told is what the cache holds.
        let resolved: BTreeMap<_, _> =
            infos.iter().filter_map(|info| Some((info.address, info.mac?))).collect();
        assert_eq!(resolved, self.adjacencies);
        assert!(self.machine.next_deadline().is_none_or(|at| at > self.now) || self.now == 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_packet_is_lost_and_no_limit_exceeded(
        events in prop::collection::vec(event(), 1..200),
        transmits in 0u8..2,
    ) {
        let mut machine = Machine::new(Settings { seed: 3, dup_addr_detect_transmits: transmits });
        machine.add_port(PORT, M, &[(S, 64), (mapped(S4), 120)], 0);
        machine.link_up(PORT, 0);
        let mut run = Run { machine, now: 0, given: 0, back: vec![], adjacencies: BTreeMap::new() };
        for event in events {
            run.apply(&event);
            run.take_actions();
            run.check();
        }
        // In the end nothing waits, if only the time passes.
        for _ in 0..MAX_NEIGHBORS * 4 {
            if run.machine.held() == 0 {
                break;
            }
            run.apply(&Event::NextDeadline);
            run.take_actions();
        }
        run.check();
        prop_assert_eq!(run.machine.held(), 0);
    }
}
