//! No worker ever meets an entry whose next hop it does not know.

use std::fmt::Write as _;

use super::*;

#[test]
fn an_entry_with_a_new_next_hop_waits_for_every_worker_and_later_changes_wait_behind_it() {
    let mut node = Node::new(PORTS, 2, Mode::REPLAY);
    node.change("route add blackhole 4000:1::/32").unwrap();
    node.settle();
    node.change("route add 3fff::/20 via 2001:db8:a::5").unwrap();
    node.change("route del 4000:1::/32").unwrap();
    let as_before = |node: &Node| {
        for worker in [0, 1] {
            // The very table of the writer: what is not there is visible to nobody.
            assert_eq!(node.seen_by(worker, "3fff::1"), NextHop::NoRoute);
            assert_eq!(node.seen_by(worker, "4000:1::1"), NextHop::Blackhole);
        }
    };
    as_before(&node);
    assert_eq!(node.router.program.waiting(), 2);
    assert!(!node.router.is_settled());
    node.poll(0);
    node.router.push();
    as_before(&node);
    // Another VRF has no reason to wait.
    node.change("route add unreachable 3fff::/20 vrf red").unwrap();
    assert_eq!(node.router.program.waiting_of(node.router.rib.find_vrf("red").unwrap()), 0);
    node.poll(1);
    as_before(&node);
    node.router.push();
    assert_eq!(node.router.program.waiting(), 0);
    for worker in [0, 1] {
        let NextHop::Adjacency(id) = node.seen_by(worker, "3fff::1") else { panic!("worker {worker}") };
        let address = node.workers[worker].tables().adjacencies[id.index()].address;
        assert_eq!(std::net::Ipv6Addr::from_bits(address).to_string(), "2001:db8:a::5");
        let covered = node.seen_by(worker, "4000:1::1");
        assert_eq!(covered, NextHop::NoRoute, "withdrawn after the route that it had to wait for");
    }
}

#[test]
fn ipv4_has_a_table_of_its_own_that_no_ipv6_route_covers() {
    let ports = "[[port]]\nname = \"a\"\naddress = [\"2001:db8:a::1/64\"]\n";
    let mut node = Node::new(ports, 2, Mode::REPLAY);
    node.change("route add blackhole ::/0").unwrap();
    node.settle();
    assert!(node.workers[0].tables().fib4(VrfId(0)).is_none(), "nothing is IPv4 here");
    node.change("route add 192.0.2.0/24 via 2001:db8:a::5").unwrap();
    node.change("route add unreachable 192.0.2.128/25").unwrap();
    node.settle();
    node.assert_workers_know_what_they_see();
    for worker in [0, 1] {
        let NextHop::Adjacency(id) = node.seen_by(worker, "192.0.2.7") else { panic!("worker {worker}") };
        let address = node.workers[worker].tables().adjacencies[id.index()].address;
        assert_eq!(family::address(address).to_string(), "2001:db8:a::5", "RFC 8950");
        assert_eq!(node.seen_by(worker, "192.0.2.200"), NextHop::Unreachable);
        assert_eq!(node.seen_by(worker, "198.51.100.1"), NextHop::NoRoute);
        assert_eq!(node.seen_by(worker, "3fff::1"), NextHop::Blackhole);
    }
    node.change("route add default via 192.0.2.9 dev a").unwrap();
    node.settle();
    assert!(matches!(node.seen_by(0, "198.51.100.1"), NextHop::Adjacency(_)));
    assert_eq!(node.seen_by(0, "3fff::1"), NextHop::Blackhole);
}

#[test]
fn addresses_of_a_port_make_ipv4_routes() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    node.settle();
    for own in ["192.0.2.1", "192.0.2.0", "192.0.2.255", "198.51.100.1"] {
        assert_eq!(node.seen_by(0, own), NextHop::Local, "{own}");
    }
    assert_eq!(node.seen_by(0, "192.0.2.77"), NextHop::OnLink(PortId(0)));
    node.change("neighbor add 192.0.2.77 lladdr 02:00:00:00:00:77 dev a").unwrap();
    node.settle();
    assert!(matches!(node.seen_by(0, "192.0.2.77"), NextHop::Adjacency(_)), "need not ask control");
    let shown = node.router.lookup("192.0.2.77".parse().unwrap(), "default").unwrap();
    assert_eq!((shown["entry"].as_str(), shown["result"].as_str()), (Some("192.0.2.77/32"), Some("forward")));
    assert_eq!(shown["via"][0]["next-hop"], "192.0.2.77");
    assert_eq!(shown["covering"]["prefix"], "192.0.2.0/24");
    let neighbors = node.router.show_neighbors(0);
    assert_eq!(neighbors[0]["address"], "192.0.2.77");
    let ports = node.router.show_ports();
    assert_eq!(ports[0]["address-state"][1]["address"], "192.0.2.1");
}

#[test]
fn what_the_workers_know_is_published_at_once() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    node.change("route add 3fff::/20 via 2001:db8:a::5").unwrap();
    node.settle();
    // Without a turn of the worker.
    node.change("route add 3fff:5::/32 via 2001:db8:a::5").unwrap();
    assert!(matches!(node.seen_by(0, "3fff:5::1"), NextHop::NoRoute | NextHop::Adjacency(_)));
    assert_eq!(node.seen_by(0, "3fff:5::1"), node.seen_by(0, "3fff::1"));
    for (words, expected) in [
        ("route replace blackhole 3fff:5::/32", NextHop::Blackhole),
        ("route replace unreachable 3fff:5::/32", NextHop::Unreachable),
        ("route replace mex 3fff:5::/32", NextHop::Mex),
    ] {
        node.change(words).unwrap();
        assert_eq!(node.seen_by(0, "3fff:5::1"), expected);
    }
    node.change("route del 3fff:5::/32").unwrap();
    node.change("route del 3fff::/20").unwrap();
    assert_eq!(node.seen_by(0, "3fff:5::1"), NextHop::NoRoute);
}

#[test]
fn a_new_name_for_an_old_id_reaches_workers_after_the_last_use_of_the_old_one() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    for round in 0..40 {
        // The only use of one next hop ends, and another one gets its id.
        node.change(&format!("route replace 3fff::/20 via 2001:db8:a::{:x}", 0x10 + round)).unwrap();
        if round % 3 == 0 {
            node.poll(0);
        }
        node.assert_workers_know_what_they_see();
        node.router.push();
        node.assert_workers_know_what_they_see();
    }
    node.settle();
    let ids = node.router.program.next_hops().used();
    node.change("route replace blackhole 3fff::/20").unwrap();
    assert_eq!(node.router.program.next_hops().used(), ids - 1, "nothing else holds the last one");
}

#[test]
fn a_table_that_is_replaced_as_a_whole_waits_for_nobody() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    node.settle();
    let mut text = PORTS.to_owned();
    for n in 0..3000 {
        let _ = write!(
            text,
            "[[route]]\nprefix = \"3fff:{n:x}::/32\"\nvia = [{{ address = \"2001:db8:a::{:x}\" }}]\n",
            2 + n % 50
        );
    }
    let (config, _) = crate::config::parse("test.toml", &text).unwrap();
    node.router.reload(config, &mut Heap, 0).unwrap();
    assert_eq!(node.router.program.waiting(), 0);
    assert_eq!(node.seen_by(0, "3fff:5::1"), NextHop::NoRoute);
    node.settle();
    assert!(matches!(node.seen_by(0, "3fff:5::1"), NextHop::Adjacency(_)));
    node.assert_workers_know_what_they_see();
    let handles = node.router.program.table(VrfId(0)).unwrap().six().fib().handles();
    assert_eq!(handles, 3, "the writer, the worker, and this one: the ring has given all others back");
}

#[test]
fn a_worker_that_does_not_poll_does_not_fill_memory_with_tables() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    node.settle();
    let sent = node.router.sent;
    for n in 0..1000 {
        node.change(&format!("route add 3fff:{n:x}::/32 via 2001:db8:a::{:x}", n + 2)).unwrap();
    }
    assert!(node.router.sent < sent + 40, "{} updates under way", node.router.sent - sent);
    assert!(!node.router.push() && !node.router.is_settled());
    assert_eq!(node.router.program.waiting(), 1000);
    node.settle();
    for n in 0..1000 {
        assert!(matches!(node.seen_by(0, &format!("3fff:{n:x}::1")), NextHop::Adjacency(_)));
    }
    node.assert_workers_know_what_they_see();
}

#[test]
fn an_entry_of_a_site_waits_for_the_policy_that_names_the_site() {
    let site = |inside: &str, subnet: u32| {
        format!("[[mex.site]]\ninside = \"{inside}\"\nprefixes = [\"2001:db8:{subnet}:1::/64\"]\n")
    };
    let config = |sites: [String; 2]| {
        let text = format!("{PORTS}{}", sites.concat());
        crate::config::parse("test.toml", &text).unwrap().0
    };
    let mut node = Node::new(&format!("{PORTS}{}{}", site("a", 5), site("a", 6)), 1, Mode::REPLAY);
    node.settle();
    let NextHop::Site { site: 0, .. } = node.seen_by(0, "2001:db8:5:1::1") else { panic!("no site") };
    // The other order: what was site 0 is site 1. Both have the same link inside, so that no next hop is new.
    node.router.reload(config([site("a", 6), site("a", 5)]), &mut Heap, 0).unwrap();
    let owner = |node: &Node| {
        let NextHop::Site { site, .. } = node.seen_by(0, "2001:db8:5:1::1") else { panic!("no site") };
        let policy = &node.workers[0].tables().mex;
        policy.sites[usize::from(site)].owns(0x2001_0db8_0005_0001)
    };
    assert!(owner(&node), "the policy of before, and the entry of before");
    node.settle();
    assert!(owner(&node));
    assert!(matches!(node.seen_by(0, "2001:db8:5:1::1"), NextHop::Site { site: 1, .. }));
}
