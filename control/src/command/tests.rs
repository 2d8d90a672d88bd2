//! The grammar: what is read, and the exact lines for what is not.

use proptest::prelude::*;

use super::{ActionSpec, Command, NeighborSpec, NextHopSpec, RouteSpec, parse_script};
use crate::config::{self, NextHop, RouteAction};

fn parse(line: &str) -> Result<Command, String> {
    Command::parse(&line.split_whitespace().collect::<Vec<_>>())
}

/// Asserts a command by the words that it is written with.
#[track_caller]
fn reads(line: &str, canonical: &str) {
    let command = parse(line).unwrap();
    assert_eq!(command.to_string(), canonical);
    assert_eq!(parse(canonical), Ok(command));
}

#[track_caller]
fn refused(line: &str, expected: &str) {
    assert_eq!(parse(line), Err(expected.to_owned()));
}

fn hop(address: Option<&str>, port: Option<&str>, weight: u8) -> NextHopSpec {
    NextHopSpec { address: address.map(|text| text.parse().unwrap()), port: port.map(str::to_owned), weight }
}

fn route(prefix: &str, vrf: &str, action: ActionSpec) -> RouteSpec {
    RouteSpec { prefix: prefix.parse().unwrap(), vrf: vrf.to_owned(), action }
}

#[test]
fn routes_with_a_next_hop() {
    let expected =
        route("2001:db8::/32", "default", ActionSpec::Via(vec![hop(Some("fe80::1"), Some("isp-a"), 1)]));
    assert_eq!(
        parse("route add 2001:db8::/32 via fe80::1 dev isp-a"),
        Ok(Command::RouteAdd(expected.clone()))
    );
    assert_eq!(
        parse("route replace 2001:db8::/32 dev isp-a via fe80::1"),
        Ok(Command::RouteReplace(expected))
    );
    let weighted = route("::/0", "red", ActionSpec::Via(vec![hop(Some("2001:db8::1"), None, 7)]));
    assert_eq!(parse("route add default weight 7 vrf red via 2001:db8::1"), Ok(Command::RouteAdd(weighted)));
    let on_link = route("2001:db8::1/128", "default", ActionSpec::Via(vec![hop(None, Some("lan"), 1)]));
    assert_eq!(parse("route add 2001:db8::1 dev lan"), Ok(Command::RouteAdd(on_link)));
}

#[test]
fn routes_with_several_next_hops() {
    let hops = vec![
        hop(Some("fe80::1"), Some("a"), 2),
        hop(None, Some("b"), 1),
        hop(Some("fe80::3"), Some("c"), 255),
    ];
    let expected = Command::RouteAdd(route("2001:db8::/32", "red", ActionSpec::Via(hops)));
    let line = "route add 2001:db8::/32 vrf red nexthop via fe80::1 dev a weight 2 nexthop dev b nexthop via fe80::3 dev c weight 255";
    assert_eq!(parse(line).as_ref(), Ok(&expected));
    assert_eq!(expected.to_string(), line);
    reads("route add ::/0 nexthop dev a", "route add ::/0 dev a");
}

#[test]
fn routes_that_do_not_forward() {
    for (word, action) in [
        ("blackhole", ActionSpec::Blackhole),
        ("unreachable", ActionSpec::Unreachable),
        ("mex", ActionSpec::Mex),
    ] {
        let expected = Command::RouteAdd(route("2001:db8::/32", "default", action));
        assert_eq!(parse(&format!("route add {word} 2001:db8::/32")).as_ref(), Ok(&expected));
        assert_eq!(parse(&format!("route add 2001:db8::/32 {word}")).as_ref(), Ok(&expected));
    }
    reads("route replace ::/0 vrf red mex", "route replace mex ::/0 vrf red");
}

#[test]
fn routes_removed() {
    reads("route del 2001:db8::/32", "route del 2001:db8::/32");
    reads("route delete default vrf red", "route del ::/0 vrf red");
    reads("route del 2001:db8::/32 via fe80::1 dev a", "route del 2001:db8::/32 via fe80::1 dev a");
    reads("route del blackhole 2001:db8::/32", "route del blackhole 2001:db8::/32");
}

#[test]
fn the_other_objects() {
    let neighbor = NeighborSpec {
        address: "2001:db8::2".parse().unwrap(),
        port: "lan".to_owned(),
        mac: [2, 0, 0, 0, 0, 0xa2],
    };
    assert_eq!(
        parse("neighbor add 2001:db8::2 lladdr 02:00:00:00:00:a2 dev lan"),
        Ok(Command::NeighborAdd(neighbor.clone()))
    );
    assert_eq!(
        parse("neigh replace 2001:db8::2 dev lan lladdr 2:0:0:0:0:A2"),
        Ok(Command::NeighborReplace(neighbor))
    );
    reads("neigh del 2001:db8::2 lladdr 2:0:0:0:0:a2 dev lan", "neighbor del 2001:db8::2 dev lan");
    assert_eq!(parse("port set isp-a down"), Ok(Command::PortSet { port: "isp-a".to_owned(), up: false }));
    reads("port set isp-a up", "port set isp-a up");
    assert_eq!(
        parse("port set isp-a mtu 1280"),
        Ok(Command::PortMtu { port: "isp-a".to_owned(), mtu: 1280 })
    );
    assert_eq!(parse("mex set enabled off"), Ok(Command::MexEnabled { enabled: false }));
    assert_eq!(parse("mex set max-prefixes 255"), Ok(Command::MexMaxPrefixes { max_prefixes: 255 }));
}

#[test]
fn what_is_wrong_and_what_would_be_right() {
    refused(
        "",
        "the command is empty; \"route\", \"neighbor\", \"sid\", \"policy\", \"port\" or \"mex\" must follow",
    );
    refused("rout add ::/0", "unknown word \"rout\"; did you mean \"route\"?");
    refused(
        "link set x up",
        "unknown word \"link\"; \"route\", \"neighbor\", \"sid\", \"policy\", \"port\" or \"mex\" is possible here",
    );
    refused("route", "\"route\" ends too early; \"add\", \"replace\", \"del\" or \"delete\" must follow");
    refused("route ad ::/0", "unknown word \"ad\"; did you mean \"add\"?");
    refused("route add", "\"route add\" ends too early; a prefix must follow");
    refused("route add x dev a", "\"x\" is not ADDRESS/LENGTH; write it like 2001:db8::/32");
    refused(
        "route add 2001:db8::1/32 dev a",
        "2001:db8::1/32 has bits set beyond its length; write 2001:db8::/32",
    );
    refused(
        "route add ::ffff:192.0.2.0/120 dev a",
        "::ffff:192.0.2.0/120 is IPv4-mapped (RFC 4291, 2.5.5.2); write 192.0.2.0/24",
    );
    refused(
        "route add 2001:db8::/32",
        "the route leads nowhere; add via ADDRESS dev PORT, dev PORT, policy NAME, blackhole, unreachable or mex",
    );
    refused("route add ::/0 via", "\"route add ::/0 via\" ends too early; an address must follow");
    refused(
        "route add ::/0 via ff02::1 dev a",
        "ff02::1 is a multicast address; a unicast address is needed",
    );
    refused(
        "route add ::/0 via 192.0.2.1 dev a",
        "192.0.2.1 cannot be the next hop of ::/0; an IPv6 address is needed",
    );
    refused("route add 10.0.0.0/8 via inet6 192.0.2.1 dev a", "192.0.2.1 is an IPv4 address; inet6 is IPv6");
    refused("route add 10.0.0.0/8 via inet fe80::1 dev a", "fe80::1 is an IPv6 address; inet is IPv4");
    refused(
        "neigh add ::ffff:192.0.2.1 lladdr 2:0:0:0:0:1 dev a",
        "::ffff:192.0.2.1 is an IPv4-mapped address; a unicast address is needed",
    );
    refused(
        "route add ::/0 via fe80::1",
        "fe80::1 is link-local and could be on any link; name the port too",
    );
    refused("route add ::/0 dve a", "unknown word \"dve\"; did you mean \"dev\"?");
    refused("route add ::/0 dev a weight 0", "weight is \"0\"; it must be an integer from 1 to 255");
    refused("route add ::/0 dev a weight +1", "weight is \"+1\"; it must be an integer from 1 to 255");
    refused(
        "route add ::/0 dev a dev b",
        "\"dev\" is given twice; begin each of several next hops with nexthop",
    );
    refused(
        "route add ::/0 dev a nexthop dev b",
        "\"nexthop\" follows a next hop that has none; begin each of several with nexthop",
    );
    refused(
        "route add ::/0 nexthop weight 3 nexthop dev b",
        "a next hop needs an address, a port or both; add via ADDRESS dev PORT",
    );
    refused(
        "route add ::/0 nexthop dev b nexthop dev b",
        "the next hop \"dev b\" is given twice; use weight for a greater share",
    );
    refused("route add mex ::/0 dev b", "the route has a next hop and another action; remove one");
    refused("route add mex ::/0 blackhole", "\"blackhole\" is one action too many; a route has one");
    refused("neigh add 2001:db8::2 dev a", "the neighbor has no MAC address; add lladdr MAC");
    refused("neigh add 2001:db8::2 lladdr 2:0:0:0:0:1", "the neighbor has no port; add dev PORT");
    refused(
        "neigh add 2001:db8::2 lladdr ff:ff:ff:ff:ff:ff dev a",
        "\"ff:ff:ff:ff:ff:ff\" is a multicast MAC address; the first octet must be even",
    );
    refused("port set", "\"port set\" ends too early; the name of a port must follow");
    refused("port set a sideways", "unknown word \"sideways\"; \"up\", \"down\" or \"mtu\" is possible here");
    refused("port set a up now", "\"now\" is too much; the command ends before it");
    refused("port set a mtu 1279", "mtu is \"1279\"; it must be an integer from 1280 to 9600");
    refused("mex set enabled yes", "unknown word \"yes\"; \"on\" or \"off\" is possible here");
    refused("mex set max-prefixes 256", "max-prefixes is \"256\"; it must be an integer from 1 to 255");
}

#[test]
fn a_group_has_a_limit() {
    let group = |count: usize| {
        let hops: Vec<String> =
            (1..=count).map(|index| format!("nexthop via 2001:db8::{index:x} dev a")).collect();
        format!("route add ::/0 {}", hops.join(" "))
    };
    assert!(parse(&group(64)).is_ok());
    refused(&group(65), "more than 64 next hops; at most 64 are possible");
}

#[test]
fn json_is_what_the_api_speaks() {
    let json = |line: &str| serde_json::to_string(&parse(line).unwrap()).unwrap();
    assert_eq!(json("port set isp-a down"), r#"{"command":"port-set","port":"isp-a","up":false}"#);
    assert_eq!(
        json("route add ::/0 via fe80::1 dev a"),
        r#"{"command":"route-add","prefix":"::/0","vrf":"default","action":{"via":[{"address":"fe80::1","port":"a","weight":1}]}}"#
    );
    assert_eq!(
        json("route del mex ::/0 vrf red"),
        r#"{"command":"route-del","prefix":"::/0","vrf":"red","action":"mex"}"#
    );
    assert_eq!(
        json("neigh add 2001:db8::2 lladdr 2:0:0:0:0:a2 dev lan"),
        r#"{"command":"neighbor-add","address":"2001:db8::2","port":"lan","mac":"02:00:00:00:00:a2"}"#
    );
    assert_eq!(json("mex set max-prefixes 3"), r#"{"command":"mex-max-prefixes","max-prefixes":3}"#);
    let short: Command =
        serde_json::from_str(r#"{"command":"route-add","prefix":"::/0","action":{"via":[{"port":"a"}]}}"#)
            .unwrap();
    assert_eq!(Ok(short), parse("route add ::/0 dev a"));
}

#[test]
fn values_that_only_json_can_carry_are_checked() {
    let check = |json: &str| serde_json::from_str::<Command>(json).unwrap().check();
    let wrong = |message: &str| Err(message.to_owned());
    assert_eq!(
        check(r#"{"command":"port-mtu","port":"a","mtu":100}"#),
        wrong("mtu is 100; it must be an integer from 1280 to 9600")
    );
    assert_eq!(
        check(r#"{"command":"mex-max-prefixes","max-prefixes":0}"#),
        wrong("max-prefixes is 0; it must be an integer from 1 to 255")
    );
    assert_eq!(
        check(r#"{"command":"route-add","prefix":"::/0","action":{"via":[]}}"#),
        wrong("the route has no next hop; give it at least one")
    );
    assert_eq!(
        check(r#"{"command":"route-add","prefix":"::/0","action":{"via":[{}]}}"#),
        wrong("a next hop needs an address, a port or both")
    );
    assert_eq!(
        check(r#"{"command":"route-add","prefix":"::/0","action":{"via":[{"port":"a","weight":0}]}}"#),
        wrong("weight is 0; it must be an integer from 1 to 255")
    );
    assert_eq!(
        check(r#"{"command":"port-set","port":"","up":true}"#),
        wrong("the port name is empty; a name is needed")
    );
    let multicast = r#"{"command":"neighbor-add","address":"fe80::1","port":"a","mac":"01:00:00:00:00:00"}"#;
    assert!(serde_json::from_str::<Command>(multicast).is_err());
}

#[test]
fn ports_are_resolved_by_the_rules_of_the_configuration() {
    let text = "[[port]]\nname='a'\naddress=['2001:db8:a::1/64']\n[[port]]\nname='r'\nvrf='red'\n";
    let (config, _) = config::parse("t", text).unwrap();
    let resolve = |line: &str| match parse(line).unwrap() {
        Command::RouteAdd(route) => route.resolve(&config.ports).map(|route| route.action),
        other => panic!("{other:?}"),
    };
    let next_hop =
        NextHop { address: Some("2001:db8:a::2".parse().unwrap()), port: "a".to_owned(), weight: 1 };
    assert_eq!(resolve("route add ::/0 via 2001:db8:a::2"), Ok(RouteAction::Via(vec![next_hop])));
    assert_eq!(resolve("route add ::/0 mex"), Ok(RouteAction::Mex));
    let wrong = |message: &str| Err(message.to_owned());
    assert_eq!(resolve("route add ::/0 dev b"), wrong("there is no port \"b\"; the ports are: a, r"));
    assert_eq!(
        resolve("route add ::/0 dev r"),
        wrong("port \"r\" is in VRF \"red\" and the route in \"default\"; both must be in the same VRF")
    );
    assert_eq!(
        resolve("route add ::/0 via 2001:db8:a::1 dev a"),
        wrong("2001:db8:a::1 is this node's own address; the neighbor's address is needed")
    );
    assert_eq!(
        resolve("route add ::/0 nexthop via 2001:db8:a::2 nexthop via 2001:db8:a::2 dev a"),
        wrong("the next hop \"via 2001:db8:a::2 dev a\" is given twice; use weight for a greater share")
    );
    assert_eq!(
        resolve("route add ff00::/8 dev a"),
        wrong("ff00::/8 is multicast, which is not routed; a unicast prefix is needed")
    );
}

#[test]
fn scripts_in_the_order_of_packets() {
    let text = "# a script\n\n 9 route del 2001:db8::/32 # gone\r\n1 port set a down\n9 port set a up\n1 mex set enabled on";
    let script = parse_script("s", text).unwrap();
    let lines: Vec<String> = script.iter().map(|(before, command)| format!("{before} {command}")).collect();
    assert_eq!(
        lines,
        ["1 port set a down", "1 mex set enabled on", "9 route del 2001:db8::/32", "9 port set a up"]
    );
    assert_eq!(parse_script("s", ""), Ok(Vec::new()));
}

#[test]
fn every_problem_of_a_script_with_its_place() {
    let text = "0 port set a down\nport set a down\n5 port sett a\n\n é  route del x\n7\n  3 port set a # up\n-1 mex\n18446744073709551616 port set a up\n";
    let found: Vec<String> = parse_script("s", text).unwrap_err().iter().map(ToString::to_string).collect();
    let number = "a line is the number of an input packet, from 1, and a command";
    assert_eq!(
        found,
        [
            format!("s:1:1: \"0\" is not a packet number; {number}"),
            format!("s:2:1: \"port\" is not a packet number; {number}"),
            "s:3:8: unknown word \"sett\"; did you mean \"set\"?".to_owned(),
            format!("s:5:2: \"é\" is not a packet number; {number}"),
            "s:5:15: \"x\" is not ADDRESS/LENGTH; write it like 2001:db8::/32".to_owned(),
            "s:6:2: the command is empty; \"route\", \"neighbor\", \"sid\", \"policy\", \"port\" or \"mex\" must follow"
                .to_owned(),
            "s:7:15: \"port set a\" ends too early; \"up\", \"down\" or \"mtu\" must follow".to_owned(),
            format!("s:8:1: \"-1\" is not a packet number; {number}"),
            "s:8:7: \"mex\" ends too early; \"set\" must follow".to_owned(),
            format!("s:9:1: \"18446744073709551616\" is not a packet number; {number}"),
        ]
    );
}

fn word() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "route",
        "neighbor",
        "neigh",
        "port",
        "mex",
        "add",
        "replace",
        "del",
        "set",
        "via",
        "dev",
        "weight",
        "vrf",
        "nexthop",
        "blackhole",
        "unreachable",
        "default",
        "::/0",
        "2001:db8::/32",
        "2001:db8::1",
        "fe80::1",
        "a",
        "b",
        "lladdr",
        "02:00:00:00:00:01",
        "up",
        "down",
        "mtu",
        "1500",
        "enabled",
        "on",
        "max-prefixes",
        "1",
        "255",
    ]);
    prop_oneof![20 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
}

#[test]
fn ipv4_as_in_iproute2() {
    let same = |one: &str, other: &str| {
        let (one, other) = (parse(one), parse(other));
        assert!(one.is_ok() && one == other, "{one:?} {other:?}");
    };
    same("route add default via 192.0.2.1 dev a", "route add 0.0.0.0/0 via inet 192.0.2.1 dev a");
    same("route del default via 192.0.2.1", "route del 0.0.0.0/0 via 192.0.2.1");
    same("route del default", "route del ::/0");
    same("route add 198.51.100.7 via inet6 fe80::1 dev a", "route add 198.51.100.7/32 via fe80::1 dev a");
    assert!(parse("neigh add 192.0.2.1 lladdr 2:0:0:0:0:1 dev a").is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_words_are_answered(words in prop::collection::vec(word(), 0..12)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Ok(command) = Command::parse(&words) {
            prop_assert_eq!(command.check(), Ok(()));
        }
    }

    /// A route from random parts: what is read is what was written, in words and in JSON.
    #[test]
    fn words_and_json_carry_everything(
        bits in any::<u128>(), length in 0..=128u8, is_ipv4 in any::<bool>(), vrf in "[a-z]{1,5}",
        hops in prop::collection::btree_map(1..u64::MAX, ("[a-z]{1,5}", 1..=255u8), 0..5), kind in 0..3,
    ) {
        let prefix = if is_ipv4 {
            config::Prefix4::covering((bits as u32).into(), length / 4).unwrap().into()
        } else {
            config::Prefix6::covering(bits.into(), length).unwrap().into()
        };
        let hops: Vec<NextHopSpec> = hops.into_iter().map(|(low, (port, weight))| NextHopSpec {
            address: Some(std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(low)).into()),
            port: Some(port),
            weight,
        }).collect();
        let action = if hops.is_empty() { ActionSpec::Mex } else { ActionSpec::Via(hops) };
        let command = match kind {
            0 => Command::RouteAdd(RouteSpec { prefix, vrf, action }),
            1 => Command::RouteReplace(RouteSpec { prefix, vrf, action }),
            _ => Command::RouteDel { prefix, vrf, action: Some(action) },
        };
        prop_assert_eq!(parse(&command.to_string()), Ok(command.clone()));
        let json = serde_json::to_string(&command).unwrap();
        prop_assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command);
    }

    #[test]
    fn any_script_is_answered(words in prop::collection::vec(word(), 0..40), text in any::<String>()) {
        for text in [words.join(" "), words.join("\n1 "), text] {
            if let Err(problems) = parse_script("s", &text) {
                let lines = text.split('\n').count();
                prop_assert!(problems.iter().all(|p| (1..=lines).contains(&p.line) && p.column > 0));
            }
        }
    }
}
