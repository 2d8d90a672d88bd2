//! RFC 4861, appendix C, row by row.

use super::*;

/// Where a row begins; the numbers are of solicitations that were sent.
#[derive(Clone, Copy, Debug)]
enum Start {
    Nothing,
    Incomplete(u8),
    Reachable,
    Stale,
    Delay,
    Probe(u8),
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// Solicited, override, link-layer address.
    Na(bool, bool, Option<Mac>),
    Ns(Option<Mac>),
    Rs(Option<Mac>),
    Ra(Option<Mac>),
    Send,
    Confirmation,
    Timeout,
}

/// What the cache holds of T.
type Known = Option<(State, Option<Mac>)>;
type Row = (Start, Event, Actions, Known);

/// A Router Solicitation or Advertisement to `ff02::1`, all parameters 0. Their bytes are tested in
/// `dataplane::wire::ndp`; here only what they do to the cache counts.
fn router_message(kind: u8, source: u128, len: usize, option: Option<Mac>) -> Vec<u8> {
    let mut packet = vec![0; ipv6::LEN + len];
    packet[ipv6::LEN] = kind;
    if let Some(mac) = option {
        packet.extend([1, 1]);
        packet.extend(mac.0);
    }
    let payload_len = (packet.len() - ipv6::LEN) as u16;
    let repr =
        ipv6::Repr { payload_len, next_header: 58, hop_limit: 255, source, destination: ipv6::ALL_NODES };
    repr.emit(&mut ipv6::Header::<&mut [u8; ipv6::LEN]>::of_mut(&mut packet).unwrap());
    let sum = checksum::upper_layer(source, ipv6::ALL_NODES, 58, &packet[ipv6::LEN..]);
    packet[42..44].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// A machine at the start of a row, and the time there. INCOMPLETE holds packet 1.
fn at(start: Start) -> (Machine<u32>, u64) {
    let mut machine = machine();
    let mut now = 0;
    match start {
        Start::Nothing => {}
        Start::Incomplete(sent) => {
            machine.hold(PORT, T, 1, S, now);
            for _ in 1..sent {
                now = timeout(&mut machine);
            }
        }
        Start::Reachable => make_reachable(&mut machine, now),
        Start::Stale | Start::Delay | Start::Probe(_) => {
            machine.receive(PORT, &solicitation(T, S, Some(N)), N, now).unwrap();
            if !matches!(start, Start::Stale) {
                machine.used(PORT, T, now);
            }
            if let Start::Probe(sent) = start {
                for _ in 0..sent {
                    now = timeout(&mut machine);
                }
            }
        }
    }
    drain(&mut machine);
    let expected = match start {
        Start::Nothing => None,
        Start::Incomplete(_) => Some((State::Incomplete, None)),
        Start::Reachable => Some((State::Reachable, Some(N))),
        Start::Stale => Some((State::Stale, Some(N))),
        Start::Delay => Some((State::Delay, Some(N))),
        Start::Probe(_) => Some((State::Probe, Some(N))),
    };
    assert_eq!(state(&machine), expected, "{start:?}");
    (machine, now)
}

fn apply(machine: &mut Machine<u32>, event: Event, now: u64) {
    let packet = match event {
        Event::Na(solicited, override_cached, option) => {
            advertisement(T, Flags { router: false, solicited, override_cached }, option)
        }
        Event::Ns(option) => solicitation(T, S, option),
        Event::Rs(option) => router_message(133, T, 8, option),
        Event::Ra(option) => router_message(134, LINK_LOCAL + 1, 16, option),
        Event::Send => return machine.hold(PORT, T, 2, S, now),
        Event::Confirmation => return machine.confirm(PORT, T, now),
        Event::Timeout => {
            timeout(machine);
            return;
        }
    };
    machine.receive(PORT, &packet, N, now).unwrap();
}

fn check(rows: Vec<Row>) {
    for (start, event, actions, end) in rows {
        let (mut machine, now) = at(start);
        apply(&mut machine, event, now);
        assert_eq!(drain(&mut machine), actions, "{start:?}, {event:?}");
        assert_eq!(state(&machine), end, "{start:?}, {event:?}");
    }
}

const INCOMPLETE: Known = Some((State::Incomplete, None));
const REACHABLE: Known = Some((State::Reachable, Some(N)));
const STALE: Known = Some((State::Stale, Some(N)));
const DELAY: Known = Some((State::Delay, Some(N)));
const PROBE: Known = Some((State::Probe, Some(N)));

#[test]
fn resolution() {
    let solicits = || vec![transmit(NS_MULTICAST)];
    let failed = Some((State::Failed, None));
    let mut rows = vec![
        (Start::Nothing, Event::Send, solicits(), INCOMPLETE),
        (Start::Incomplete(1), Event::Timeout, solicits(), INCOMPLETE),
        (Start::Incomplete(2), Event::Timeout, solicits(), INCOMPLETE),
        // "Discard entry", but remembered for the negative lifetime.
        (Start::Incomplete(3), Event::Timeout, vec![UNREACHABLE, fail(1, Why::Unreachable)], failed),
        (Start::Nothing, Event::Na(true, true, Some(N)), vec![], None),
        (Start::Nothing, Event::Na(false, true, Some(N)), vec![], None),
        (Start::Incomplete(1), Event::Send, vec![], INCOMPLETE),
        (Start::Incomplete(1), Event::Confirmation, vec![], INCOMPLETE),
    ];
    for override_cached in [false, true] {
        let sends = || vec![resolved(N), release(1)];
        rows.push((Start::Incomplete(1), Event::Na(false, override_cached, Some(N)), sends(), STALE));
        rows.push((Start::Incomplete(3), Event::Na(true, override_cached, Some(N)), sends(), REACHABLE));
        for solicited in [false, true] {
            let event = Event::Na(solicited, override_cached, None);
            rows.push((Start::Incomplete(2), event, vec![], INCOMPLETE));
        }
    }
    check(rows);
}

#[test]
fn advertisements_to_a_resolved_neighbor() {
    let mut rows = vec![];
    for (start, same) in known() {
        let moved = |state| Some((state, Some(OTHER)));
        // Solicited, the same address or one that may replace it: reachable.
        rows.push((start, Event::Na(true, false, Some(N)), vec![], REACHABLE));
        rows.push((start, Event::Na(true, true, Some(N)), vec![], REACHABLE));
        let replaced = || vec![resolved(OTHER)];
        rows.push((start, Event::Na(true, true, Some(OTHER)), replaced(), moved(State::Reachable)));
        // Appendix C keeps the state when there is no address; 7.2.5 (II), which binds, and without which
        // answers to unicast probes (7.2.4) would be lost, confirms when the flag is set.
        rows.push((start, Event::Na(true, false, None), vec![], REACHABLE));
        rows.push((start, Event::Na(true, true, None), vec![], REACHABLE));
        rows.push((start, Event::Na(false, false, None), vec![], same));
        rows.push((start, Event::Na(false, true, None), vec![], same));
        // Another address that may not replace it.
        let doubted = if matches!(start, Start::Reachable) { STALE } else { same };
        rows.push((start, Event::Na(true, false, Some(OTHER)), vec![], doubted));
        rows.push((start, Event::Na(false, false, Some(OTHER)), vec![], doubted));
        // Unsolicited.
        rows.push((start, Event::Na(false, false, Some(N)), vec![], same));
        rows.push((start, Event::Na(false, true, Some(N)), vec![], same));
        rows.push((start, Event::Na(false, true, Some(OTHER)), replaced(), moved(State::Stale)));
        rows.push((start, Event::Confirmation, vec![], REACHABLE));
    }
    check(rows);
}

fn known() -> [(Start, Known); 4] {
    [(Start::Reachable, REACHABLE), (Start::Stale, STALE), (Start::Delay, DELAY), (Start::Probe(1), PROBE)]
}

#[test]
fn unreachability_detection() {
    let sends = || vec![release(2)];
    check(vec![
        (Start::Reachable, Event::Timeout, vec![], STALE),
        (Start::Reachable, Event::Send, sends(), REACHABLE),
        (Start::Stale, Event::Send, sends(), DELAY),
        (Start::Delay, Event::Send, sends(), DELAY),
        (Start::Probe(1), Event::Send, sends(), PROBE),
        (Start::Delay, Event::Timeout, vec![transmit(NS_UNICAST)], PROBE),
        (Start::Probe(1), Event::Timeout, vec![transmit(NS_UNICAST)], PROBE),
        (Start::Probe(2), Event::Timeout, vec![transmit(NS_UNICAST)], PROBE),
        (Start::Probe(3), Event::Timeout, vec![UNREACHABLE], None),
        (Start::Stale, Event::Timeout, vec![REMOVED], None),
    ]);
}

#[test]
fn messages_that_tell_the_senders_address() {
    // Solicitations for S are answered; the answer to T at N is scapy's, to OTHER only its Ethernet differs.
    let answer = |mac: Mac| match transmit(NA_SOLICITED) {
        Action::Transmit { port, mut frame } => {
            frame[..6].copy_from_slice(&mac.0);
            Action::Transmit { port, frame }
        }
        other => other,
    };
    let moved = Some((State::Stale, Some(OTHER)));
    let mut rows = vec![
        (Start::Nothing, Event::Ns(None), vec![answer(N)], None),
        (Start::Nothing, Event::Rs(None), vec![], None),
        (Start::Nothing, Event::Ns(Some(N)), vec![resolved(N), answer(N)], STALE),
        (Start::Nothing, Event::Rs(Some(N)), vec![resolved(N)], STALE),
        (Start::Incomplete(1), Event::Ns(None), vec![answer(N)], INCOMPLETE),
        (Start::Incomplete(1), Event::Ns(Some(N)), vec![resolved(N), release(1), answer(N)], STALE),
        (Start::Incomplete(1), Event::Rs(Some(N)), vec![resolved(N), release(1)], STALE),
    ];
    for (start, same) in known() {
        rows.push((start, Event::Ns(None), vec![answer(N)], same));
        rows.push((start, Event::Ns(Some(N)), vec![answer(N)], same));
        rows.push((start, Event::Rs(Some(N)), vec![], same));
        rows.push((start, Event::Ns(Some(OTHER)), vec![resolved(OTHER), answer(OTHER)], moved));
        rows.push((start, Event::Rs(Some(OTHER)), vec![resolved(OTHER)], moved));
    }
    check(rows);
}

#[test]
fn is_router() {
    let (mut machine, now) = at(Start::Reachable);
    let router = |machine: &Machine<u32>, address| neighbor(machine, address).unwrap().router;
    assert!(router(&machine, T), "the advertisement had R set");
    apply(&mut machine, Event::Ns(Some(N)), now);
    assert!(router(&machine, T), "solicitations do not tell");
    apply(&mut machine, Event::Na(false, false, Some(OTHER)), now);
    assert!(router(&machine, T), "an advertisement that is not believed does not tell");
    apply(&mut machine, Event::Na(false, false, None), now);
    assert!(!router(&machine, T), "R was clear");
    apply(&mut machine, Event::Ra(Some(N)), now);
    assert!(router(&machine, LINK_LOCAL + 1), "routers advertise");
    let rs = router_message(133, LINK_LOCAL + 1, 8, None);
    machine.receive(PORT, &rs, N, now).unwrap();
    assert!(!router(&machine, LINK_LOCAL + 1), "routers do not solicit routers");
}

#[test]
fn times() {
    let second = 1_000_000_000;
    let (mut machine, _) = at(Start::Incomplete(1));
    assert_eq!([timeout(&mut machine), timeout(&mut machine)], [second, 2 * second]);
    assert_eq!(timeout(&mut machine), 3 * second);
    drain(&mut machine);
    // Remembered as failed for a second: no solicitation meanwhile.
    machine.hold(PORT, T, 3, S, 4 * second - 1);
    assert_eq!(drain(&mut machine), [fail(3, Why::Unreachable)]);
    assert_eq!(timeout(&mut machine), 4 * second);
    assert_eq!(state(&machine), None);
    assert_eq!(drain(&mut machine), []);

    let (machine, _) = at(Start::Delay);
    assert_eq!(machine.next_deadline(), Some(5 * second));
    let (machine, now) = at(Start::Probe(1));
    assert_eq!((now, machine.next_deadline()), (5 * second, Some(6 * second)));

    // The reachable time is 15 to 45 s, and not always the same.
    let mut machine = super::machine();
    let mut lasted = std::collections::BTreeSet::new();
    make_reachable(&mut machine, 0);
    for _ in 0..200 {
        machine.confirm(PORT, T, second);
        lasted.insert(machine.next_deadline().unwrap() - second);
    }
    assert!(lasted.first() >= Some(&(15 * second)) && lasted.last() < Some(&(45 * second)));
    assert!(lasted.first() < Some(&(20 * second)) && lasted.last() > Some(&(40 * second)));
}
