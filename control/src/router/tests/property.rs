//! Whatever comes, in whatever order, with workers that poll or do not: the tables end as a compilation from scratch would
//! have them, and no worker ever meets an entry that it does not understand.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// With sites; `{}` is a line of `[mex]`.
fn config(trigger: &str) -> String {
    let mut text = PORTS.to_owned();
    let _ = write!(
        text,
        "[mex]\n{trigger}\n[[mex.site]]\ninside = \"b\"\nprefixes = [\"2001:db8:5:1::/64\", \"2001:db8:6:1::/64\"]\n\
         [[mex.site]]\ninside = \"a\"\nprefixes = [\"2001:db8:a::/64\", \"2001:db8:7:1::/64\"]\n"
    );
    text
}

#[derive(Clone, Debug)]
enum Step {
    Change(String),
    Link(u16, bool),
    Poll(usize),
    Push,
    Tick(u64),
}

fn prefix() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "::/0",
        "2001:db8::/32",
        "2001:db8:5::/48",
        "2001:db8:5:1::/64",
        "2001:db8:5:1::7/128",
        "2001:db8:6::/48",
        "2001:db8:7:1::/64",
        "2001:db8:7:1:8000::/65",
        "2001:db8:a::/64",
        "2001:db8:a::5/128",
        "2001:db8:b::/64",
        "2001:db8:b::4/126",
        "3fff::/20",
        "0.0.0.0/0",
        "10.0.0.0/8",
        "192.0.2.0/24",
        "192.0.2.4/30",
        "192.0.2.5/32",
        "198.51.100.0/23",
    ])
}

fn neighbor() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "2001:db8:a::5 dev a",
        "2001:db8:a::6 dev a",
        "2001:db8:b::5 dev b",
        "2001:db8:b::6 dev b",
        "2001:db8:5:1::7 dev b",
        "2001:db8:7:1::7 dev a",
        "fe80::7 dev b",
        "192.0.2.5 dev a",
        "192.0.2.6 dev a",
        "198.51.100.5 dev b",
        "10.0.0.7 dev b",
    ])
}

fn action() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => neighbor().prop_map(|hop| format!("via {hop}")),
        2 => prop::sample::select(vec!["dev a", "dev b"]).prop_map(str::to_owned),
        2 => (neighbor(), neighbor(), 1..4_u8)
            .prop_map(|(one, two, weight)| format!("nexthop via {one} nexthop via {two} weight {weight}")),
        1 => prop::sample::select(vec!["blackhole", "unreachable", "mex"]).prop_map(str::to_owned),
    ]
}

fn srv6() -> impl Strategy<Value = String> {
    let sid = || {
        prop::sample::select(vec![
            "2001:db8:5::/48",
            "fc00::/48",
            "fc00::1",
            "2001:db8:a::1",
            "2001:db8:a::",
            "192.0.2.1",
        ])
    };
    let segment = || prop::sample::select(vec!["2001:db8:5::9", "fc00::1", "3fff::1", "2001:db8:b::5"]);
    prop_oneof![
        2 => sid().prop_map(|sid| format!("sid replace {sid} behavior End")),
        2 => (sid(), 5..8_u8)
            .prop_map(|(sid, n)| format!("sid replace {sid} behavior End.X via 2001:db8:a::{n} dev a")),
        1 => sid().prop_map(|sid| format!("sid replace {sid} behavior End.DT46 vrf red")),
        1 => sid().prop_map(|sid| format!("sid replace {sid} behavior End.B6.Insert policy p")),
        2 => sid().prop_map(|sid| format!("sid del {sid}")),
        2 => (segment(), segment()).prop_map(|(one, two)| format!(
            "policy replace p mode insert segments {one} preference 7 segments {two}"
        )),
        1 => segment().prop_map(|one| format!("policy replace p mode insert binding-sid fc00::b segments {one}")),
        1 => Just("policy del p".to_owned()),
        2 => prefix().prop_map(|prefix| format!("route replace {prefix} policy p")),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let port = || prop::sample::select(vec!["a", "b"]);
    prop_oneof![
        8 => (prefix(), action()).prop_map(|(prefix, action)| Step::Change(format!("route replace {prefix} {action}"))),
        4 => prefix().prop_map(|prefix| Step::Change(format!("route del {prefix}"))),
        1 => prefix().prop_map(|prefix| Step::Change(format!("route replace {prefix} via 2001:db8:a::9 dev r vrf red"))),
        1 => prefix().prop_map(|prefix| Step::Change(format!("route del {prefix} vrf red"))),
        4 => (neighbor(), 1..5_u8).prop_map(|(neighbor, n)| {
            Step::Change(format!("neighbor replace {} lladdr 02:00:00:00:00:{n:02x} dev {}", &neighbor[..neighbor.len() - 6], &neighbor[neighbor.len() - 1..]))
        }),
        3 => neighbor().prop_map(|neighbor| Step::Change(format!("neighbor del {neighbor}"))),
        3 => srv6().prop_map(Step::Change),
        1 => (port(), any::<bool>()).prop_map(|(port, up)| Step::Change(format!("port set {port} {}", if up { "up" } else { "down" }))),
        1 => (0..2_u16, any::<bool>()).prop_map(|(port, up)| Step::Link(port, up)),
        1 => any::<bool>().prop_map(|on| Step::Change(format!("mex set enabled {}", if on { "on" } else { "off" }))),
        6 => (0..2_usize).prop_map(Step::Poll),
        4 => Just(Step::Push),
        2 => (1..4_u64).prop_map(Step::Tick),
    ]
}

fn take(node: &mut Node, step: &Step) {
    match step {
        // Most of them can be carried out; those that cannot must change nothing.
        Step::Change(words) => drop(node.change(words)),
        Step::Link(port, up) => node.router.set_link(PortId(*port), *up, &mut Heap, node.now_ns),
        Step::Poll(worker) => node.poll(*worker),
        Step::Push => drop(node.router.push()),
        Step::Tick(seconds) => {
            node.now_ns += seconds * 1_000_000_000;
            node.router.tick(&mut Heap, node.now_ns);
        }
    }
}

fn assert_as_from_scratch(node: &Node) {
    for vrf in (0..node.router.rib.vrfs().len()).map(|vrf| VrfId(vrf as u16)) {
        let program = &node.router.program;
        assert_eq!(program.as_programmed(vrf), program.compiled_anew(&node.router.rib, vrf), "{vrf:?}");
    }
}

fn run(steps: &[Step], trigger: &str, mode: Mode) {
    let mut node = Node::new(&config(trigger), 2, mode);
    node.settle();
    let ids = node.router.program.next_hops().used();
    for step in steps {
        take(&mut node, step);
        node.assert_workers_know_what_they_see();
        if node.router.is_settled() {
            assert_as_from_scratch(&node);
        }
    }
    node.settle();
    node.assert_workers_know_what_they_see();
    assert_as_from_scratch(&node);
    // Nothing is left of what goes: every use of an id was given back.
    let (config, _) = crate::config::parse("test.toml", &config(trigger)).unwrap();
    for words in ["port set a up", "port set b up"] {
        node.change(words).unwrap();
    }
    for port in [0, 1] {
        node.router.set_link(PortId(port), true, &mut Heap, node.now_ns);
    }
    node.router.reload(config, &mut Heap, node.now_ns).unwrap();
    let known: Vec<_> = node.router.neighbors.neighbors(0).map(|n| (n.port, n.address)).collect();
    for (port, address) in known {
        node.router.neighbors.del(port, address, node.now_ns);
    }
    node.now_ns += 2 * USAGE_INTERVAL_NS;
    node.router.tick(&mut Heap, node.now_ns);
    node.settle();
    assert_as_from_scratch(&node);
    assert_eq!(node.router.program.next_hops().used(), ids);
    assert_eq!(node.router.program.adjacencies.ids().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn routes_are_withdrawn_with_their_next_hops(steps in proptest::collection::vec(step(), 1..60)) {
        run(&steps, "", Mode::run(1));
    }

    #[test]
    fn routes_stay_for_mex_without_their_next_hops(steps in proptest::collection::vec(step(), 1..60)) {
        run(&steps, "trigger = [\"next-hop-down\", \"no-route\"]", Mode::run(2));
    }

    #[test]
    fn nothing_is_watched_in_a_replay(steps in proptest::collection::vec(step(), 1..60)) {
        run(&steps, "", Mode::REPLAY);
    }
}
