//! Watched and static neighbors, and links that go down.

use super::*;

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_watched_neighbor_is_resolved_without_traffic_and_tried_again_with_growing_pauses() {
    let mut machine = machine();
    machine.watch(PORT, T, 0).unwrap();
    assert_eq!(drain(&mut machine), [transmit(NS_MULTICAST)]);
    let mut solicited = vec![0];
    let mut told = 0;
    while solicited.len() < 24 {
        let now = timeout(&mut machine);
        for action in drain(&mut machine) {
            match action {
                Action::Unreachable { .. } => told += 1,
                action => {
                    assert_eq!(action, transmit(NS_MULTICAST));
                    solicited.push(now / SECOND);
                }
            }
        }
    }
    // Three solicitations, 1 s each, then a pause of 1, 2, 4, 8, 16, 32, 32 s.
    let mut expected = vec![];
    let mut begin = 0;
    for pause in [1, 2, 4, 8, 16, 32, 32, 32] {
        expected.extend([begin, begin + 1, begin + 2]);
        begin += 3 + pause;
    }
    assert_eq!(solicited, expected);
    assert_eq!(told, 1, "that it is unreachable is told once");
}

#[test]
fn a_watched_neighbor_is_probed_instead_of_going_stale() {
    let mut machine = machine();
    machine.watch(PORT, T, 0).unwrap();
    machine.receive(PORT, &advertisement(T, CONFIRMING, Some(N)), N, 0).unwrap();
    assert_eq!(drain(&mut machine), [transmit(NS_MULTICAST), resolved(N)]);
    let now = timeout(&mut machine);
    assert_eq!(drain(&mut machine), [transmit(NS_UNICAST)]);
    machine.receive(PORT, &advertisement(T, CONFIRMING, None), N, now).unwrap();
    assert_eq!(state(&machine), Some((State::Reachable, Some(N))));
    assert_eq!(drain(&mut machine), []);

    // When it does not answer any more, it is dead and being resolved at once.
    for _ in 0..3 {
        timeout(&mut machine);
        assert_eq!(drain(&mut machine), [transmit(NS_UNICAST)]);
    }
    let now = timeout(&mut machine);
    assert_eq!(drain(&mut machine), [UNREACHABLE, transmit(NS_MULTICAST)]);
    // An unsolicited advertisement revives it, and it is probed.
    let unsolicited = Flags { router: true, solicited: false, override_cached: true };
    machine.receive(PORT, &advertisement(T, unsolicited, Some(N)), N, now).unwrap();
    assert_eq!(drain(&mut machine), [resolved(N), transmit(NS_UNICAST)]);
    assert_eq!(state(&machine), Some((State::Probe, Some(N))));

    machine.unwatch(PORT, T);
    machine.receive(PORT, &advertisement(T, CONFIRMING, Some(N)), N, now).unwrap();
    timeout(&mut machine);
    assert_eq!(state(&machine), Some((State::Stale, Some(N))));
}

#[test]
fn a_failed_watched_neighbor_hears_advertisements() {
    let mut machine = machine();
    machine.watch(PORT, T, 0).unwrap();
    // Two resolutions and the pause between them.
    for _ in 0..7 {
        timeout(&mut machine);
    }
    drain(&mut machine);
    assert_eq!(state(&machine), Some((State::Failed, None)));
    assert_eq!(machine.next_deadline(), Some(9 * SECOND));
    machine.receive(PORT, &advertisement(T, CONFIRMING, Some(N)), N, 7 * SECOND).unwrap();
    assert_eq!(drain(&mut machine), [resolved(N)]);
    assert_eq!(state(&machine), Some((State::Reachable, Some(N))));
    // After that, the pauses begin anew: a second after the next three probes and three solicitations.
    let mut failed = 0;
    while state(&machine) != Some((State::Failed, None)) {
        failed = timeout(&mut machine);
    }
    assert_eq!(machine.next_deadline(), Some(failed + SECOND));
}

#[test]
fn a_watched_neighbor_that_was_stale_is_probed_at_once() {
    let mut machine = machine();
    machine.receive(PORT, &solicitation(T, S, Some(N)), N, 0).unwrap();
    drain(&mut machine);
    machine.watch(PORT, T, 0).unwrap();
    machine.watch(PORT, T, 0).unwrap();
    assert_eq!(drain(&mut machine), [transmit(NS_UNICAST)]);
}

#[test]
fn links() {
    let mut machine = machine();
    let other = T + 1;
    machine.add_static(PORT, T + 2, OTHER, 0).unwrap();
    machine.watch(PORT, T, 0).unwrap();
    machine.receive(PORT, &advertisement(T, CONFIRMING, Some(N)), N, 0).unwrap();
    machine.receive(PORT, &solicitation(T + 3, S, Some(N)), N, 0).unwrap();
    machine.hold(PORT, other, 4, S, 0);
    drain(&mut machine);

    machine.link_down(PORT, 10);
    assert_eq!(
        drain(&mut machine),
        [
            UNREACHABLE,
            Action::Fail { port: PORT, address: other, packet: 4, why: Why::LinkDown },
            Action::Removed { port: PORT, address: T + 3 },
        ]
    );
    let left: Vec<_> = machine.neighbors(10).map(|info| (info.address, info.state)).collect();
    assert_eq!(left, [(T, State::Failed), (T + 2, State::Static)]);
    assert_eq!(machine.next_deadline(), None);
    machine.hold(PORT, T, 5, S, 10);
    machine.hold(PORT, T + 2, 6, S, 10);
    machine.receive(PORT, &solicitation(T, S, Some(N)), N, 10).unwrap();
    assert_eq!(
        drain(&mut machine),
        [fail(5, Why::LinkDown), Action::Fail { port: PORT, address: T + 2, packet: 6, why: Why::LinkDown },]
    );

    machine.link_up(PORT, 20);
    let actions = drain(&mut machine);
    assert_eq!(actions.iter().filter(|&action| *action == transmit(NS_MULTICAST)).count(), 1);
    machine.hold(PORT, T + 2, 7, S, 20);
    assert_eq!(drain(&mut machine), [Action::Release { port: PORT, address: T + 2, packet: 7 }]);
}

#[test]
fn static_neighbors_stay() {
    let mut machine = machine();
    machine.hold(PORT, T, 1, S, 0);
    machine.add_static(PORT, T, OTHER, 0).unwrap();
    assert_eq!(drain(&mut machine), [transmit(NS_MULTICAST), resolved(OTHER), release(1)]);
    machine.receive(PORT, &advertisement(T, CONFIRMING, Some(N)), N, 0).unwrap();
    machine.confirm(PORT, T, 0);
    machine.used(PORT, T, 0);
    assert_eq!((state(&machine), machine.next_deadline()), (Some((State::Static, Some(OTHER))), None));
    // A solicitation from it is answered where it says it is, and does not change the entry.
    machine.receive(PORT, &solicitation(T, S, Some(N)), N, 0).unwrap();
    assert_eq!(drain(&mut machine), [transmit(NA_SOLICITED)]);
    assert_eq!(state(&machine), Some((State::Static, Some(OTHER))));
    machine.add_static(PORT, T, N, 0).unwrap();
    assert_eq!(drain(&mut machine), [resolved(N)]);

    assert!(machine.del(PORT, T, 0));
    assert_eq!(drain(&mut machine), [REMOVED]);
    assert!(!machine.del(PORT, T, 0));
}

#[test]
fn a_watched_neighbor_that_is_deleted_is_resolved_anew() {
    let mut machine = machine();
    machine.watch(PORT, T, 0).unwrap();
    machine.add_static(PORT, T, N, 0).unwrap();
    drain(&mut machine);
    assert!(machine.del(PORT, T, 0));
    assert_eq!(drain(&mut machine), [REMOVED, transmit(NS_MULTICAST)]);
}

#[test]
fn a_removed_port_leaves_nothing() {
    let mut machine = machine();
    make_reachable(&mut machine, 0);
    machine.hold(PORT, T + 1, 3, S, 0);
    drain(&mut machine);
    machine.remove_port(PORT);
    assert_eq!(
        drain(&mut machine),
        [REMOVED, Action::Fail { port: PORT, address: T + 1, packet: 3, why: Why::Removed }]
    );
    assert_eq!((machine.next_deadline(), machine.held()), (None, 0));
}
