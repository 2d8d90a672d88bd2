//! What is bounded.

use super::*;

fn address(n: usize) -> u128 {
    (S & !0xffff_ffff) | 0x1000_0000 | n as u128
}

fn resolve(machine: &mut Machine<u32>, address: u128, now: u64) {
    machine.hold(PORT, address, 0, S, now);
    machine.receive(PORT, &advertisement(address, CONFIRMING, Some(N)), N, now).unwrap();
}

#[test]
fn a_neighbors_queue_drops_its_oldest_packet_and_keeps_the_order() {
    let mut machine = machine();
    let held = HELD_PACKETS_PER_NEIGHBOR as u32;
    for packet in 0..held + 2 {
        machine.hold(PORT, T, packet, S, 0);
    }
    assert_eq!(
        drain(&mut machine),
        [transmit(NS_MULTICAST), fail(0, Why::QueueFull), fail(1, Why::QueueFull)]
    );
    assert_eq!(neighbor(&machine, T).unwrap().held, HELD_PACKETS_PER_NEIGHBOR);
    machine.receive(PORT, &advertisement(T, CONFIRMING, Some(N)), N, 0).unwrap();
    let mut expected = vec![resolved(N)];
    expected.extend((2..held + 2).map(release));
    assert_eq!(drain(&mut machine), expected);
    assert_eq!(machine.held(), 0);
}

#[test]
fn all_queues_together_drop_the_oldest_packet() {
    let mut machine = machine();
    for n in 0..HELD_PACKETS_TOTAL {
        machine.hold(PORT, address(n), n as u32, S, 0);
    }
    assert!(drain(&mut machine).iter().all(|action| matches!(action, Action::Transmit { .. })));
    machine.hold(PORT, T, 77, S, 0);
    let dropped = Action::Fail { port: PORT, address: address(0), packet: 0, why: Why::QueueFull };
    assert_eq!(drain(&mut machine), [dropped, transmit(NS_MULTICAST)]);
    assert_eq!(machine.held(), HELD_PACKETS_TOTAL);
    machine.receive(PORT, &advertisement(T, CONFIRMING, Some(N)), N, 0).unwrap();
    assert_eq!(drain(&mut machine), [resolved(N), release(77)]);
}

#[test]
fn a_full_table_evicts_failed_then_incomplete_then_stale() {
    let mut machine = machine();
    let second = 1_000_000_000;
    // One STALE, one REACHABLE, one that fails at 3 s, the rest INCOMPLETE since 2.5 s.
    machine.receive(PORT, &solicitation(address(0), S, Some(N)), N, 0).unwrap();
    machine.hold(PORT, address(2), 2, S, 0);
    for at in 1..=3 {
        machine.tick(at * second);
    }
    resolve(&mut machine, address(1), 3 * second);
    for n in 3..MAX_NEIGHBORS {
        machine.hold(PORT, address(n), n as u32, S, 3 * second + n as u64);
    }
    drain(&mut machine);
    let now = 3 * second + MAX_NEIGHBORS as u64;
    let state = |machine: &Machine<u32>, n| neighbor(machine, address(n)).map(|info| info.state);
    assert_eq!(machine.neighbors(now).count(), MAX_NEIGHBORS);
    assert_eq!(state(&machine, 2), Some(State::Failed));

    machine.hold(PORT, address(MAX_NEIGHBORS), 1, S, now);
    assert_eq!(state(&machine, 2), None, "the failed one goes first");
    drain(&mut machine);
    machine.hold(PORT, address(MAX_NEIGHBORS + 1), 1, S, now);
    assert_eq!(state(&machine, 3), None, "then the oldest INCOMPLETE");
    assert_eq!(machine.neighbors(now).count(), MAX_NEIGHBORS);

    // When all others are REACHABLE, the STALE one goes; after that nothing does.
    for n in 4..=MAX_NEIGHBORS + 1 {
        resolve(&mut machine, address(n), now);
    }
    drain(&mut machine);
    resolve(&mut machine, T, now);
    assert_eq!(state(&machine, 0), None);
    let actions = drain(&mut machine);
    assert_eq!(actions[0], Action::Removed { port: PORT, address: address(0) });
    machine.hold(PORT, T + 1, 9, S, now);
    let refused = Action::Fail { port: PORT, address: T + 1, packet: 9, why: Why::TableFull };
    assert_eq!(drain(&mut machine), [refused]);
    assert_eq!(machine.add_static(PORT, T + 1, N, now), Err(Why::TableFull));
    machine.receive(PORT, &solicitation(T + 1, S, Some(N)), N, now).unwrap();
    assert_eq!(neighbor(&machine, T + 1), None);
    assert_eq!(machine.neighbors(now).count(), MAX_NEIGHBORS);
}

#[test]
fn an_evicted_neighbors_packets_fail() {
    let mut machine = machine();
    for n in 0..=MAX_NEIGHBORS {
        if n == 0 || n == MAX_NEIGHBORS {
            machine.hold(PORT, address(n), n as u32, S, n as u64);
        } else {
            machine.add_static(PORT, address(n), N, n as u64).unwrap();
        }
    }
    let actions = drain(&mut machine);
    let failed = Action::Fail { port: PORT, address: address(0), packet: 0, why: Why::TableFull };
    assert!(actions.contains(&failed));
    assert_eq!(machine.held(), 1);
}

#[test]
fn a_mac_that_flaps_is_followed_and_not_more() {
    let mut machine = machine();
    make_reachable(&mut machine, 0);
    let moved = Flags { router: false, solicited: false, override_cached: true };
    for now in 1..1000 {
        let mac = if now % 2 == 0 { N } else { OTHER };
        machine.receive(PORT, &advertisement(T, moved, Some(mac)), mac, now).unwrap();
        assert_eq!(drain(&mut machine), [resolved(mac)]);
        assert_eq!(state(&machine), Some((State::Stale, Some(mac))));
    }
    assert_eq!(machine.neighbors(0).count(), 1);
}

#[test]
fn addresses_that_are_nobodys_are_refused() {
    let mut machine = machine();
    for bad in [0, 1, ipv6::ALL_NODES, S, LINK_LOCAL] {
        machine.hold(PORT, bad, 5, S, 0);
        let refused = Action::Fail { port: PORT, address: bad, packet: 5, why: Why::BadAddress };
        assert_eq!(drain(&mut machine), [refused]);
        assert_eq!(machine.add_static(PORT, bad, N, 0), Err(Why::BadAddress));
        assert_eq!(machine.watch(PORT, bad, 0), Err(Why::BadAddress));
    }
    machine.hold(9, T, 5, S, 0);
    assert_eq!(drain(&mut machine), [Action::Fail { port: 9, address: T, packet: 5, why: Why::NoPort }]);
}

#[test]
fn an_off_link_sender_is_answered_and_not_learned() {
    let mut machine = machine();
    let off_link = 0x2001_0db8_ffff << 80 | 1;
    machine.receive(PORT, &solicitation(off_link, S, Some(N)), N, 0).unwrap();
    assert!(matches!(drain(&mut machine)[..], [Action::Transmit { .. }]));
    assert_eq!(neighbor(&machine, off_link), None);
    // One that is already wanted is (a route may say that it is on the link).
    machine.hold(PORT, off_link, 1, S, 0);
    machine.receive(PORT, &solicitation(off_link, S, Some(N)), N, 0).unwrap();
    assert_eq!(neighbor(&machine, off_link).unwrap().mac, Some(N));
}

#[test]
fn own_frames_that_come_back_are_ignored() {
    let mut machine = machine();
    machine.receive(PORT, &solicitation(T, S, Some(M)), M, 0).unwrap();
    machine.receive(PORT, &solicitation(S, S, Some(N)), N, 0).unwrap();
    machine.receive(PORT, &advertisement(S, CONFIRMING, Some(N)), N, 0).unwrap();
    assert_eq!(drain(&mut machine), []);
    assert_eq!(machine.neighbors(0).count(), 0);
}

#[test]
fn invalid_packets_change_nothing() {
    let mut machine = machine();
    let mut packet = solicitation(T, S, Some(N));
    packet[7] = 254;
    assert_eq!(machine.receive(PORT, &packet, N, 0), Err(dataplane::wire::ndp::Invalid::HopLimit));
    assert_eq!(machine.neighbors(0).count(), 0);
}
