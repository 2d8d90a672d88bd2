//! ARP: the frames in hex were made with scapy 2.5, `bytes(Ether(dst=…, src=…)/ARP(op=…, …)).hex()`, where M is
//! `02:00:00:00:00:0a`, N `02:00:00:00:00:0b`, the port's address 192.0.2.1 and the neighbor's 192.0.2.7.

use dataplane::wire::arp::{self, Repr};
use dataplane::wire::ipv4::mapped;

use super::*;
use crate::nd::arp::{ANNOUNCE_INTERVAL_NS, DEFEND_INTERVAL_NS};

const SECOND: u64 = 1_000_000_000;
const OWN: u32 = 0xc000_0201;
const NEIGHBOR: u32 = 0xc000_0207;

// ARP(op=1, hwsrc=M, psrc="192.0.2.1", hwdst=0, pdst="192.0.2.7") to all, and to N.
const REQUEST: &str = "ffffffffffff02000000000a0806000108000604000102000000000ac0000201000000000000c0000207";
const REQUEST_TO_N: &str =
    "02000000000b02000000000a0806000108000604000102000000000ac0000201000000000000c0000207";
// ARP(op=1, hwsrc=M, psrc="0.0.0.0", hwdst=0, pdst="192.0.2.1") to all.
const PROBE: &str = "ffffffffffff02000000000a0806000108000604000102000000000a00000000000000000000c0000201";
// ARP(op=1, hwsrc=M, psrc="192.0.2.1", hwdst=0, pdst="192.0.2.1") to all.
const ANNOUNCEMENT: &str =
    "ffffffffffff02000000000a0806000108000604000102000000000ac0000201000000000000c0000201";
// ARP(op=2, hwsrc=M, psrc="192.0.2.1", hwdst=N, pdst="192.0.2.7") and pdst="0.0.0.0", to N.
const ANSWER: &str = "02000000000b02000000000a0806000108000604000202000000000ac000020102000000000bc0000207";
const ANSWER_TO_PROBE: &str =
    "02000000000b02000000000a0806000108000604000202000000000ac000020102000000000b00000000";
// ARP(op=2, hwsrc=N, psrc="192.0.2.7", hwdst=M, pdst="192.0.2.1"), without its Ethernet header.
const REPLY: &str = "000108000604000202000000000bc000020702000000000ac0000201";
// ARP(op=1, hwsrc=N, psrc="192.0.2.7", hwdst=0, pdst="192.0.2.1"), without its Ethernet header.
const ASKS_US: &str = "000108000604000102000000000bc0000207000000000000c0000201";

fn machine4(transmits: u8) -> Machine<u32> {
    let mut machine = Machine::new(Settings { seed: 1, dup_addr_detect_transmits: transmits });
    machine.add_port(PORT, M, &[(S, 64), (mapped(OWN), 120)], 0);
    machine.link_up(PORT, 0);
    if transmits == 0 {
        drain(&mut machine);
    }
    machine
}

fn resolved4(mac: Mac) -> Action<u32> {
    Action::Resolved { port: PORT, address: mapped(NEIGHBOR), mac }
}

fn state4(machine: &Machine<u32>) -> Option<(State, Option<Mac>)> {
    neighbor(machine, mapped(NEIGHBOR)).map(|info| (info.state, info.mac))
}

fn receive(machine: &mut Machine<u32>, message: &Repr, now: u64) -> Actions {
    machine.receive_arp(PORT, &message.octets(), message.source_mac, now).unwrap();
    drain(machine)
}

fn frames(actions: Actions) -> Vec<Vec<u8>> {
    let frame = |action| match action {
        Action::Transmit { frame, .. } => Some(frame),
        _ => None,
    };
    actions.into_iter().filter_map(frame).collect()
}

#[test]
fn a_neighbor_is_asked_for_by_broadcast_and_probed_by_unicast() {
    let mut machine = machine4(0);
    machine.hold(PORT, mapped(NEIGHBOR), 1, mapped(0xc633_6401), 0);
    assert_eq!(drain(&mut machine), [transmit(REQUEST)]);
    machine.receive_arp(PORT, &hex(REPLY), N, 5).unwrap();
    let release = Action::Release { port: PORT, address: mapped(NEIGHBOR), packet: 1 };
    assert_eq!(drain(&mut machine), [resolved4(N), release]);
    assert_eq!(state4(&machine), Some((State::Reachable, Some(N))));

    let stale = timeout(&mut machine);
    assert_eq!(state4(&machine), Some((State::Stale, Some(N))));
    machine.used(PORT, mapped(NEIGHBOR), stale);
    let probed = timeout(&mut machine);
    assert_eq!(drain(&mut machine), [transmit(REQUEST_TO_N)]);
    machine.receive_arp(PORT, &hex(REPLY), N, probed).unwrap();
    assert_eq!(state4(&machine), Some((State::Reachable, Some(N))));
    assert_eq!(drain(&mut machine), []);
}

#[test]
fn who_does_not_answer_three_requests_is_unreachable() {
    let mut machine = machine4(0);
    machine.hold(PORT, mapped(NEIGHBOR), 1, 0, 0);
    let mut sent = frames(drain(&mut machine)).len();
    while state4(&machine).unwrap().0 == State::Incomplete {
        timeout(&mut machine);
        let actions = drain(&mut machine);
        if actions.iter().any(|action| matches!(action, Action::Fail { .. })) {
            let address = mapped(NEIGHBOR);
            let fail = Action::Fail { port: PORT, address, packet: 1, why: Why::Unreachable };
            assert_eq!(actions, [Action::Unreachable { port: PORT, address }, fail]);
        } else {
            sent += frames(actions).len();
        }
    }
    assert_eq!(sent, 3);
}

#[test]
fn requests_for_own_addresses_are_answered_and_teach_who_asks() {
    let mut machine = machine4(0);
    machine.receive_arp(PORT, &hex(ASKS_US), N, 0).unwrap();
    assert_eq!(drain(&mut machine), [resolved4(N), transmit(ANSWER)]);
    assert_eq!(state4(&machine), Some((State::Stale, Some(N))), "asking confirms nothing");

    let mut machine = machine4(0);
    assert_eq!(receive(&mut machine, &Repr::request(N, 0, OWN), 0), [transmit(ANSWER_TO_PROBE)]);
    assert_eq!(machine.neighbors(0).count(), 0, "a probe has no address to learn");
    assert_eq!(receive(&mut machine, &Repr::request(N, NEIGHBOR, NEIGHBOR + 1), 0), []);
    assert_eq!(machine.neighbors(0).count(), 0, "what others ask each other says nothing new");
    let elsewhere = Repr::request(N, 0x0a00_0001, OWN);
    assert_eq!(frames(receive(&mut machine, &elsewhere, 0)).len(), 1);
    assert_eq!(machine.neighbors(0).count(), 0, "answered, not learned: in no subnet of the port");
    for nobody in [u32::MAX, 0xc000_02ff, 0xc000_0200, 0x7f00_0001, 0xe000_0001] {
        receive(&mut machine, &Repr::request(N, nobody, OWN), 0);
        assert_eq!(machine.neighbors(0).count(), 0, "{nobody:#x}");
        assert_eq!(machine.add_static(PORT, mapped(nobody), N, 0), Err(Why::BadAddress));
    }
}

#[test]
fn whoever_moves_tells_so_himself() {
    let mut machine = machine4(0);
    assert_eq!(receive(&mut machine, &Repr::request(N, NEIGHBOR, NEIGHBOR), 0), []);
    assert_eq!(machine.neighbors(0).count(), 0, "nobody asked for it");
    machine.hold(PORT, mapped(NEIGHBOR), 1, 0, 0);
    machine.receive_arp(PORT, &hex(REPLY), N, 0).unwrap();
    drain(&mut machine);
    assert_eq!(receive(&mut machine, &Repr::request(OTHER, NEIGHBOR, NEIGHBOR), 1), [resolved4(OTHER)]);
    assert_eq!(state4(&machine), Some((State::Stale, Some(OTHER))));
    let to_somebody = Repr { target: NEIGHBOR + 1, ..Repr::request(N, NEIGHBOR, OWN).reply(N) };
    let to_somebody = Repr { source: NEIGHBOR, ..to_somebody };
    assert_eq!(receive(&mut machine, &to_somebody, 2), [resolved4(N)]);
    assert_eq!(state4(&machine), Some((State::Stale, Some(N))), "not to us: confirms nothing");
    machine.add_static(PORT, mapped(NEIGHBOR), N, 3).unwrap();
    assert_eq!(receive(&mut machine, &Repr::request(OTHER, NEIGHBOR, NEIGHBOR), 4), []);
    assert_eq!(state4(&machine), Some((State::Static, Some(N))));
}

#[test]
fn an_address_is_probed_and_then_announced_twice() {
    let mut machine = machine4(1);
    let (mut sent, mut ready) = (Vec::new(), None);
    while let Some(now) = machine.next_deadline() {
        machine.tick(now);
        for action in drain(&mut machine) {
            match action {
                Action::Transmit { frame, .. } if frame[12..14] == [8, 6] => sent.push((now, frame)),
                Action::AddressReady { address, .. } if address == mapped(OWN) => ready = Some(now),
                _ => {}
            }
        }
    }
    let ready = ready.unwrap();
    let expected = [
        (ready - RETRANS_TIMER_NS, hex(PROBE)),
        (ready, hex(ANNOUNCEMENT)),
        (ready + ANNOUNCE_INTERVAL_NS, hex(ANNOUNCEMENT)),
    ];
    assert_eq!(sent, expected);
    assert!(ready < 2 * SECOND);
    machine.link_down(PORT, ready);
    machine.link_up(PORT, ready);
    assert!(machine.next_deadline().is_some(), "once more");
}

#[test]
fn somebody_who_has_or_wants_a_tentative_address_makes_it_a_duplicate() {
    let claims = [
        Repr::request(N, 0, OWN),
        Repr::request(N, OWN, OWN),
        Repr::request(N, OWN, NEIGHBOR),
        Repr::request(OTHER, NEIGHBOR, OWN).reply(N),
    ];
    for claim in claims {
        let mut machine = machine4(1);
        assert_eq!(
            receive(&mut machine, &Repr { source_mac: M, ..claim }, 0),
            [],
            "an own frame that came back"
        );
        assert_eq!(receive(&mut machine, &Repr::request(N, NEIGHBOR, OWN), 0), [], "not answered yet");
        let duplicate = Action::Duplicate { port: PORT, address: mapped(OWN) };
        assert_eq!(receive(&mut machine, &claim, 0), [duplicate]);
        while let Some(now) = machine.next_deadline() {
            machine.tick(now);
        }
        let own = machine.addresses(PORT).iter().find(|own| own.address == mapped(OWN)).unwrap();
        assert_eq!(own.state, AddressState::Duplicate);
    }
}

#[test]
fn an_address_in_use_is_defended_but_not_too_often() {
    let mut machine = machine4(0);
    let conflict = Action::Conflict { port: PORT, address: mapped(OWN) };
    let claim = Repr::request(N, OWN, OWN);
    assert_eq!(receive(&mut machine, &claim, 1), [transmit(ANNOUNCEMENT), conflict.clone()]);
    assert_eq!(receive(&mut machine, &claim, DEFEND_INTERVAL_NS), []);
    assert_eq!(receive(&mut machine, &claim, DEFEND_INTERVAL_NS + 1), [transmit(ANNOUNCEMENT), conflict]);
    assert_eq!(machine.neighbors(0).count(), 0);
}

#[test]
fn a_family_is_asked_from_an_address_of_its_own() {
    let mut machine = Machine::<u32>::new(Settings { seed: 1, dup_addr_detect_transmits: 0 });
    machine.add_port(PORT, M, &[(S, 64)], 0);
    machine.link_up(PORT, 0);
    drain(&mut machine);
    machine.hold(PORT, mapped(NEIGHBOR), 1, 0, 0);
    assert_eq!(drain(&mut machine), [], "no IPv4 address to ask from: only the time passes");

    let mut machine = machine4(0);
    // An IPv4 packet from this node itself whose next hop is IPv6 (RFC 8950).
    machine.hold(PORT, T, 1, mapped(OWN), 0);
    assert_eq!(drain(&mut machine), [transmit(NS_MULTICAST)]);
    assert_eq!(machine.receive_arp(PORT, &hex(REPLY)[..27], N, 0), Err(arp::Invalid::Truncated));
}
