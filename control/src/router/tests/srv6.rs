//! SIDs and policies: what workers have of them, and when.

use dataplane::table::srv6::{Behavior, Flavors, Sid};

use super::*;

const CONFIG: &str = "\
[[port]]
name = 'a'
address = ['2001:db8:a::1/64', 'fc00:0:1::1/64']
sr-domain = true
[[port]]
name = 'b'
address = ['2001:db8:b::1/64']
[[srv6.locator]]
name = 'main'
prefix = 'fc00:0:1::/48'
[[srv6.sid]]
sid = 'fc00:0:1::/48'
behavior = 'uN'
[[srv6.policy]]
name = 'gold'
mode = 'encap'
source = '2001:db8:a::1'
binding-sid = 'fc00:0:1:b::'
candidate-path = [
  { preference = 10, segment-list = [{ segments = ['fc00:0:3::'] }] },
  { preference = 200, segment-list = [{ weight = 3, segments = ['fc00:0:2::', 'fc00:0:9::'] }, { segments = ['fc00:0:4::'] }] },
]
[[route]]
prefix = '10.0.0.0/8'
policy = 'gold'
";

fn node() -> Node {
    let mut node = Node::new(CONFIG, 2, Mode::REPLAY);
    node.settle();
    node
}

fn sid(node: &Node, address: &str) -> Sid {
    let NextHop::Sid(id) = node.seen_by(0, address) else {
        panic!("{address}: {:?}", node.seen_by(0, address))
    };
    *node.workers[0].tables().srv6.sid(id).unwrap()
}

/// First segments and weights of the lists that a policy uses, as worker 0 has them.
fn lists(node: &Node, address: &str) -> Vec<(String, u32)> {
    let tables = node.workers[0].tables();
    let NextHop::Policy(id) = node.seen_by(0, address) else { panic!("{:?}", node.seen_by(0, address)) };
    let policy = tables.srv6.policy(id).unwrap();
    let first = |list| std::net::Ipv6Addr::from_bits(tables.srv6.list(list).unwrap().first).to_string();
    policy.lists().iter().map(|(list, weight)| (first(*list), *weight)).collect()
}

#[test]
fn sids_win_over_own_addresses_connected_prefixes_and_routes() {
    let mut node = node();
    let usid = sid(&node, "fc00:0:1:2::");
    assert_eq!((usid.behavior, usid.prefix_len, usid.block_len), (Behavior::End, 48, 32));
    assert!(usid.flavors.has(Flavors::NEXT_CSID));
    assert_eq!(sid(&node, "fc00:0:1::"), usid, "not the subnet-router anycast address");
    assert_eq!(node.seen_by(0, "fc00:0:1::1"), NextHop::Local, "longer than the SID");
    assert_eq!(node.seen_by(0, "2001:db8:a::"), NextHop::Local, "anycast");
    for (words, address) in [
        ("sid add fc00:0:1::/64 behavior End", "fc00:0:1::77"),
        ("sid add 2001:db8:a::1 behavior End", "2001:db8:a::1"),
        ("sid add 2001:db8:a:: behavior End", "2001:db8:a::"),
    ] {
        node.change(words).unwrap();
        node.settle();
        assert!(matches!(node.seen_by(0, address), NextHop::Sid(_)), "{words}");
    }
    node.change("route add blackhole 3fff::/20").unwrap();
    node.change("sid add 3fff::/20 behavior End.DT6 vrf red").unwrap();
    node.settle();
    assert_eq!(sid(&node, "3fff::1").vrf, node.router.rib.find_vrf("red").unwrap());
    for sid in ["3fff::/20", "2001:db8:a::1", "2001:db8:a::"] {
        node.change(&format!("sid del {sid}")).unwrap();
    }
    node.settle();
    assert_eq!(node.seen_by(0, "3fff::1"), NextHop::Blackhole);
    assert_eq!(node.seen_by(0, "2001:db8:a::1"), NextHop::Local);
    assert_eq!(node.seen_by(0, "2001:db8:a::"), NextHop::Local);
}

#[test]
fn a_new_sid_is_met_when_every_worker_has_it() {
    let mut node = node();
    node.change("sid add 3fff::1 behavior End.X via 2001:db8:b::2").unwrap();
    node.poll(0);
    node.router.push();
    assert_eq!(node.seen_by(0, "3fff::1"), NextHop::NoRoute);
    node.poll(1);
    node.router.push();
    let NextHop::Adjacency(id) = node.workers[1].tables().next_hops.entry(sid(&node, "3fff::1").next_hop)
    else {
        panic!("no neighbor")
    };
    let neighbor = node.workers[1].tables().adjacencies[id.index()].address;
    assert_eq!(neighbor, family::bits("2001:db8:b::2".parse().unwrap()));
    // Another next hop: all at once, under the same number.
    let before = node.seen_by(0, "3fff::1");
    node.change("sid replace 3fff::1 behavior End.X flavors PSP,USD via 2001:db8:b::3").unwrap();
    node.settle();
    assert_eq!(node.seen_by(0, "3fff::1"), before);
    assert!(sid(&node, "3fff::1").flavors.has(Flavors::PSP));
    node.change("sid del 3fff::1").unwrap();
    node.settle();
    node.settle();
    let NextHop::Sid(id) = before else { panic!("{before:?}") };
    assert!(node.workers[0].tables().srv6.sid(id).is_none());
}

#[test]
fn the_valid_candidate_path_of_the_highest_preference_is_used() {
    let mut node = node();
    let at = "10.1.2.3";
    let list = |first: &str, weight| (first.to_owned(), weight);
    assert_eq!(lists(&node, at), [], "no list has a way to its first segment");
    assert_eq!(node.router.show_policies()[0]["state"], "down");
    node.change("route add fc00:0:3::/48 via 2001:db8:b::2").unwrap();
    node.settle();
    assert_eq!(lists(&node, at), [list("fc00:0:3::", 1)]);
    node.change("route add fc00:0:2::/48 via 2001:db8:b::2").unwrap();
    node.settle();
    assert_eq!(lists(&node, at), [list("fc00:0:2::", 3)], "the valid list of the better path");
    node.change("route add fc00:0:4::/48 via 2001:db8:b::3").unwrap();
    node.settle();
    assert_eq!(lists(&node, at), [list("fc00:0:2::", 3), list("fc00:0:4::", 1)]);
    let shown = node.router.show_policies();
    assert_eq!(shown[0]["candidate-path"][0]["state"], "active");
    assert_eq!(shown[0]["candidate-path"][1]["state"], "valid");
    node.change("port set b down").unwrap();
    node.settle();
    assert_eq!(lists(&node, at), []);
    node.change("port set b up").unwrap();
    node.change("route replace unreachable fc00:0:2::/48").unwrap();
    node.change("route del fc00:0:4::/48").unwrap();
    node.settle();
    assert_eq!(lists(&node, at), [list("fc00:0:3::", 1)]);
    // A SID of this node's own is an end, too.
    node.change("sid add fc00:0:4:: behavior End").unwrap();
    node.settle();
    assert_eq!(lists(&node, at), [list("fc00:0:4::", 1)]);
}

#[test]
fn a_policy_in_use_stays() {
    let mut node = node();
    let refused = |result: Result<(), ChangeError>, text: &str| {
        assert_eq!(result, Err(ChangeError::Refused(text.to_owned())));
    };
    node.change("sid add fc00:0:1:c:: behavior End.B6.Encaps policy gold").unwrap();
    refused(
        node.change("policy del gold"),
        "the policy \"gold\" is in use by the route 10.0.0.0/8 of VRF \"default\", the SID fc00:0:1:c::",
    );
    refused(
        node.change("policy replace gold mode insert segments fc00:0:2::"),
        "the policy \"gold\" is in use by the route 10.0.0.0/8 of VRF \"default\", the SID fc00:0:1:c::",
    );
    refused(
        node.change("sid add fc00:0:1:b:: behavior End"),
        "fc00:0:1:b:: is the binding SID of policy \"gold\"; change the policy",
    );
    refused(
        node.change("sid add fc00:0:1:d:: behavior End.B6.Insert policy gold"),
        "policy \"gold\" has mode encap; End.B6.Insert needs insert",
    );
    refused(
        node.change("policy add iron mode insert binding-sid fc00:0:1:c:: segments fc00:0:2::"),
        "fc00:0:1:c:: is a SID already; a SID has one behavior",
    );
    refused(node.change("policy del iron"), "there is no policy \"iron\"; the policies are: gold");
    refused(node.change("sid del fc00::5"), "there is no SID fc00::5");
    refused(
        node.change("sid add fc00:0:1:c:: behavior End"),
        "fc00:0:1:c::: the SID exists already; use replace to change it",
    );
    refused(
        node.change("route add 3fff::/20 policy iron"),
        "there is no policy \"iron\"; the policies are: gold",
    );
    node.change("policy add iron mode insert segments fc00:0:2::").unwrap();
    refused(
        node.change("route add 11.0.0.0/8 policy iron"),
        "policy \"iron\" has mode insert, which takes no IPv4; use a policy of mode encap",
    );
    node.change("route add 3fff::/20 policy iron").unwrap();
    refused(
        node.change("policy del iron"),
        "the policy \"iron\" is in use by the route 3fff::/20 of VRF \"default\"",
    );
    for words in ["route del 3fff::/20", "policy del iron", "route del 10.0.0.0/8", "sid del fc00:0:1:c::"] {
        node.change(words).unwrap();
    }
    node.change("policy del gold").unwrap();
    node.settle();
    node.settle();
    assert!(!matches!(node.seen_by(0, "fc00:0:1:b::"), NextHop::Policy(_)));
    assert_eq!(sid(&node, "fc00:0:1:b::").prefix_len, 48, "only the locator's own is left");
    let srv6 = &node.workers[0].tables().srv6;
    assert!(srv6.policies.iter().all(Option::is_none) && srv6.lists.iter().all(Option::is_none));
}

#[test]
fn ports_outside_the_domain_are_guarded() {
    let node = node();
    let tables = node.workers[0].tables();
    assert!(tables.ports[0].is_sr_domain && !tables.ports[1].is_sr_domain);
    let bits = |text: &str| family::bits(text.parse().unwrap());
    assert!(
        tables.srv6.blocks.contains(bits("fc00:0:1:ffff::")) && tables.srv6.blocks.contains(bits("5f00::1"))
    );
    assert!(!tables.srv6.blocks.contains(bits("fc00:0:2::")));
    assert!(tables.ports[1].egress_deny.contains(bits("5f00::1")));
    assert!(!tables.ports[0].egress_deny.contains(bits("5f00::1")));
    assert!(tables.mex.refused.contains(bits("fc00:0:1::5")), "never an alternative");
}

#[test]
fn a_reload_keeps_numbers_and_counts() {
    let mut node = node();
    let (sid_before, policy_before) = (node.seen_by(0, "fc00:0:1::"), node.seen_by(0, "10.0.0.1"));
    node.change("sid add 3fff::1 behavior End").unwrap();
    node.settle();
    let text = CONFIG.replace("behavior = 'uN'", "behavior = 'uN'\nflavors = ['USD']");
    let (config, _) = crate::config::parse("t.toml", &text).unwrap();
    node.router.reload(config, &mut Heap, 0).unwrap();
    node.settle();
    assert_eq!((node.seen_by(0, "fc00:0:1::"), node.seen_by(0, "10.0.0.1")), (sid_before, policy_before));
    assert!(sid(&node, "fc00:0:1::").flavors.has(Flavors::USD));
    assert_eq!(node.seen_by(0, "3fff::1"), NextHop::NoRoute, "what a command has changed is undone");
}
