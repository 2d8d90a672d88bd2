//! Own addresses: duplicate address detection, answers, and which one is a source.

use super::*;

const SECOND: u64 = 1_000_000_000;

/// A port with T/64 whose addresses are being checked.
fn detecting() -> Machine<u32> {
    let mut machine =
        Machine::new(Settings { seed: 1, dup_addr_detect_transmits: DUP_ADDR_DETECT_TRANSMITS });
    machine.add_port(PORT, M, &[(T, 64)], 0);
    assert_eq!(machine.next_deadline(), None);
    machine.link_up(PORT, 0);
    assert_eq!(drain(&mut machine), []);
    machine
}

fn own_state(machine: &Machine<u32>, address: u128) -> AddressState {
    machine.addresses(PORT).iter().find(|own| own.address == address).unwrap().state
}

/// Runs until the solicitation for T is sent.
fn until_solicited(machine: &mut Machine<u32>) -> u64 {
    loop {
        let now = timeout(machine);
        assert!(now < SECOND, "the pause is below a second");
        if drain(machine).contains(&transmit(NS_DAD)) {
            return now;
        }
    }
}

#[test]
fn an_address_that_nobody_claims_is_ready_a_second_later() {
    let mut machine = detecting();
    let sent = until_solicited(&mut machine);
    assert_eq!(own_state(&machine, T), AddressState::Tentative);
    machine.tick(sent + SECOND - 1);
    assert!(!drain(&mut machine).contains(&Action::AddressReady { port: PORT, address: T }));
    machine.tick(sent + SECOND);
    assert!(drain(&mut machine).contains(&Action::AddressReady { port: PORT, address: T }));
    assert_eq!(own_state(&machine, T), AddressState::Valid);
    machine.tick(3 * SECOND);
    assert_eq!(own_state(&machine, LINK_LOCAL), AddressState::Valid);
    assert_eq!(machine.next_deadline(), None);
}

#[test]
fn a_tentative_address_neither_answers_nor_is_a_source() {
    let mut machine = detecting();
    machine.receive(PORT, &solicitation(T + 1, T, Some(N)), N, 0).unwrap();
    machine.hold(PORT, T + 1, 1, T, 0);
    assert_eq!(drain(&mut machine), []);
    assert_eq!(neighbor(&machine, T + 1).unwrap().state, State::Incomplete);
    // With the first address that is ready, the packet's neighbor is solicited.
    let mut now = 0;
    while !drain(&mut machine).iter().any(|action| matches!(action, Action::AddressReady { .. })) {
        now = timeout(&mut machine);
    }
    assert!(now < 2 * SECOND);
    assert_eq!(neighbor(&machine, T + 1).unwrap().age_ns, 0);
    machine.receive(PORT, &advertisement(T + 1, CONFIRMING, Some(N)), N, now).unwrap();
    let actions = drain(&mut machine);
    assert_eq!(actions.last(), Some(&Action::Release { port: PORT, address: T + 1, packet: 1 }));
}

#[test]
fn another_nodes_claim_makes_a_duplicate() {
    let claims = [
        solicitation(0, T, None),
        advertisement(T, Flags { router: false, solicited: false, override_cached: true }, Some(N)),
    ];
    for claim in claims {
        let mut machine = detecting();
        let sent = until_solicited(&mut machine);
        machine.receive(PORT, &claim, M, sent).unwrap();
        assert_eq!(own_state(&machine, T), AddressState::Tentative, "an own frame that came back");
        machine.receive(PORT, &claim, N, sent).unwrap();
        assert_eq!(drain(&mut machine), [Action::Duplicate { port: PORT, address: T }]);
        machine.tick(10 * SECOND);
        drain(&mut machine);
        assert_eq!(own_state(&machine, T), AddressState::Duplicate);
        machine.receive(PORT, &solicitation(T + 1, T, Some(N)), N, 10 * SECOND).unwrap();
        assert_eq!(drain(&mut machine), [], "a duplicate is not answered for");
        // The next time the link comes up, it is tried again.
        machine.link_down(PORT, 11 * SECOND);
        machine.link_up(PORT, 11 * SECOND);
        assert_eq!(own_state(&machine, T), AddressState::Tentative);
    }
}

#[test]
fn solicitations_for_own_addresses_are_answered() {
    let mut machine = machine();
    // From T: to T, solicited. From ::, of a node that would like the address: to all nodes.
    machine.receive(PORT, &solicitation(T, S, Some(N)), N, 0).unwrap();
    assert_eq!(drain(&mut machine), [resolved(N), transmit(NA_SOLICITED)]);
    machine.receive(PORT, &solicitation(0, S, None), N, 0).unwrap();
    assert_eq!(drain(&mut machine), [transmit(NA_ALL_NODES)]);
    // Not for others.
    machine.receive(PORT, &solicitation(T, S + 1, Some(N)), N, 0).unwrap();
    assert_eq!(drain(&mut machine), []);
}

#[test]
fn the_source_is_the_packets_own_or_of_the_targets_subnet_or_link_local() {
    let mut machine = Machine::new(Settings { seed: 1, dup_addr_detect_transmits: 0 });
    let second = 0x2001_0db8_0002 << 80 | 0xa;
    machine.add_port(PORT, M, &[(second, 64), (S, 32), (S + 1, 64)], 0);
    machine.link_up(PORT, 0);
    drain(&mut machine);
    let link_local_target = 0xfe80 << 112 | 0x99;
    let off_link = 0x2001_0db9 << 96 | 1;
    // Target, the packet's source, the solicitation's.
    for (target, prompting, expected) in [
        (T, second, second),
        (T + 1, off_link, S + 1),
        (second + 1, off_link, second),
        (0x2001_0db8_0003 << 80 | 1, 0, S),
        (link_local_target, off_link, LINK_LOCAL),
        (off_link, T, LINK_LOCAL),
    ] {
        machine.hold(PORT, target, 0, prompting, 0);
        let Some(Action::Transmit { frame, .. }) = machine.next_action() else { panic!("no solicitation") };
        assert_eq!(frame[22..38], expected.to_be_bytes(), "target {target:x}");
        assert_eq!(frame[6..12], M.0);
    }
}

#[test]
fn changed_addresses_keep_what_they_share() {
    let mut machine = machine();
    make_reachable(&mut machine, 0);
    machine.hold(PORT, T + 1, 1, S, 0);
    drain(&mut machine);
    // S stays as it is; T + 1, until now a neighbor, becomes this node's own.
    machine.add_port(PORT, M, &[(S, 48), (T + 1, 64)], 5);
    assert_eq!(
        drain(&mut machine),
        [
            Action::Fail { port: PORT, address: T + 1, packet: 1, why: Why::BadAddress },
            Action::AddressReady { port: PORT, address: T + 1 },
        ]
    );
    assert_eq!(state(&machine), Some((State::Reachable, Some(N))));
    assert_eq!(machine.addresses(PORT)[0].prefix_len, 48);
    // With another MAC address all begins anew.
    machine.add_port(PORT, OTHER, &[(S, 64)], 6);
    let actions = drain(&mut machine);
    assert_eq!(actions[0], REMOVED);
    assert!(actions.contains(&Action::AddressReady { port: PORT, address: S }));
}
