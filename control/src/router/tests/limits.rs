//! Full tables and workers that do not keep up: one clear error, and nothing has changed.

use dataplane::id::MAX_ADJACENCIES;

use super::*;
use crate::program::MAX_WAITING_CHANGES;

fn routes(node: &Node) -> Vec<String> {
    node.router.rib.routes().map(|(vrf, prefix, action)| format!("{vrf:?} {prefix} {action:?}")).collect()
}

fn adds(count: usize, words: impl Fn(usize) -> String) -> Vec<Command> {
    let parse = |words: String| Command::parse(&words.split(' ').collect::<Vec<_>>()).unwrap();
    (0..count).map(|n| parse(words(n))).collect()
}

#[test]
fn so_many_changes_may_wait_and_no_more() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    node.settle();
    node.change("route add 3fff::/20 via 2001:db8:a::5").unwrap();
    let many = adds(MAX_WAITING_CHANGES, |n| format!("route add blackhole 2001:db8:{n:x}:1::/64"));
    let (done, failures) = node.router.change_all(&many, true, &mut Heap, 0);
    assert_eq!(done, MAX_WAITING_CHANGES - 1);
    let waiting = MAX_WAITING_CHANGES;
    assert_eq!(failures, [(done, ChangeError::Busy { waiting })]);
    let before = node.router.rib.len();
    for words in ["route add blackhole 5f00::/16", "route del 3fff::/20", "route replace mex 3fff::/20"] {
        let refused = node.change(words).unwrap_err();
        assert_eq!(refused.to_string(), "busy: 65536 changes wait for the workers; try again");
    }
    assert_eq!(node.router.rib.len(), before);
    // Ports and neighbors must not wait for routes.
    node.change("neighbor add 2001:db8:a::5 lladdr 02:00:00:00:00:a5 dev a").unwrap();
    node.settle();
    assert_eq!(node.router.program.waiting(), 0);
    node.change("route add blackhole 5f00::/16").unwrap();
    assert_eq!(node.seen_by(0, "5f00::1"), NextHop::Blackhole);
    assert_eq!(node.seen_by(0, "2001:db8:1:1::1"), NextHop::Blackhole);
}

#[test]
fn a_change_that_finds_no_adjacency_changes_nothing() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    let text = |n: usize| format!("route add 3fff:0:{n:x}::/48 via 2001:db8:a:0:1::{n:x} dev a");
    let (done, failures) = node.router.change_all(&adds(MAX_ADJACENCIES, text), false, &mut Heap, 0);
    assert_eq!((done, failures.len()), (MAX_ADJACENCIES, 0));
    node.settle();
    let (before, ids) = (routes(&node), node.router.program.next_hops().used());
    for words in [
        "route add 3fff:1::/32 via 2001:db8:a::9",
        "route replace 3fff:0:7::/48 via 2001:db8:a::9",
        "route add 3fff:1::/32 via fe80::9 dev a vrf default",
        "route add 3fff:1::/32 nexthop via 2001:db8:a:0:1::7 dev a nexthop via 2001:db8:a::9 dev a",
    ] {
        let failed = node.change(words).unwrap_err();
        assert!(matches!(failed, ChangeError::Failed(_)), "{failed:?}");
        assert!(failed.to_string().contains("the table of adjacencies is full"), "{failed}");
    }
    assert_eq!((routes(&node), node.router.program.next_hops().used()), (before, ids));
    node.settle();
    assert_eq!(
        node.router.program.compiled_anew(&node.router.rib, VrfId(0)),
        node.router.program.as_programmed(VrfId(0))
    );
    // One that goes makes room for one that comes.
    node.change("route del 3fff:0:7::/48").unwrap();
    node.change("route add 3fff:1::/32 via 2001:db8:a::9").unwrap();
    node.settle();
    assert!(matches!(node.seen_by(0, "3fff:1::1"), NextHop::Adjacency(_)));
    node.assert_workers_know_what_they_see();
}

#[test]
fn memory_comes_back_after_a_grace_period_and_not_before() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    node.change("route add blackhole 3fff::/20").unwrap();
    node.settle();
    let figures = |node: &Node| {
        let stats = node.router.program.stats(VrfId(0));
        (stats.routes, stats.node_bytes, stats.retired)
    };
    let start = figures(&node);
    let prefix = |n: usize| format!("2600:{:x}:{:x}::/64", n % 7, n);
    for round in 0..3 {
        for n in 0..2000 {
            node.change(&format!("route add unreachable {}", prefix(n))).unwrap();
        }
        for n in 0..2000 {
            node.change(&format!("route del {}", prefix(n))).unwrap();
        }
        let (routes, bytes, retired) = figures(&node);
        assert_eq!(routes, start.0);
        assert!(
            retired > 0 && bytes > start.1,
            "round {round}: the worker may still be reading: {bytes} {retired}"
        );
        node.router.push();
        assert_eq!(figures(&node).2, retired, "no grace period has passed");
        node.settle();
        assert_eq!(figures(&node), start, "round {round}");
    }
}

#[test]
fn a_new_vrf_whose_first_route_fails_is_forgotten() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    let before = node.router.rib.vrfs().to_vec();
    assert!(node.change("route add 3fff::/20 dev a vrf blue").is_err());
    assert_eq!(node.router.rib.vrfs(), before);
}
