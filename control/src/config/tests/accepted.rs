//! Good configurations and what they mean.

use super::{PORTS, accepted};
use crate::config::{Hugepages, Idle, NextHop, Prefix, Prefix6, RouteAction, Trigger, Triggers, load, parse};

/// The example of the documentation, without SRv6, and with the port that its MEX sections name.
const EXAMPLE: &str = include_str!("example.toml");

#[test]
fn the_documented_example() {
    let (config, warnings) = accepted(EXAMPLE);
    assert_eq!(config.dpdk.workers, [1]);
    assert_eq!(config.dpdk.memory_bytes, 512 << 20);
    assert_eq!((config.dpdk.hugepages, config.dpdk.idle), (Hugepages::Auto, Idle::Spin));
    assert_eq!((config.icmp.rate, config.icmp.burst), (1000, 100));

    let port = config.port("isp-a").unwrap();
    assert_eq!(port.device.as_deref(), Some("0000:3b:00.0"));
    assert_eq!(port.mac, Some([2, 0, 0, 0, 0, 0x0a]));
    assert_eq!((port.queues, port.mtu, port.vrf.as_str(), port.sr_domain), (1, 1500, "default", false));
    let addresses = [("2001:db8:a::1".parse().unwrap(), 64), ("192.0.2.1".parse().unwrap(), 24)];
    assert_eq!(port.addresses, addresses);

    assert_eq!(config.neighbors.len(), 1);
    assert_eq!(config.neighbors[0].mac, [2, 0, 0, 0, 0, 0xa2]);
    let via =
        NextHop { address: Some("2001:db8:a::2".parse().unwrap()), port: "isp-a".to_owned(), weight: 1 };
    assert_eq!(config.routes.len(), 1);
    assert_eq!(config.routes[0].prefix.to_string(), "2001:db8:1::/48");
    assert_eq!(config.routes[0].action, RouteAction::Via(vec![via]));

    let mex = &config.mex;
    assert_eq!((mex.enabled, mex.next_header, mex.option_type, mex.max_prefixes), (Some(true), 253, 0x1e, 8));
    assert_eq!(mex.trigger, Some(Triggers::DEFAULT));
    assert_eq!(mex.deny[0].to_string(), "2001:db8:ffff::/48");
    assert_eq!(mex.permit.as_ref().unwrap()[0].to.to_string(), "2001:db8:b::/48");
    let prefixes = |texts: [&str; 2]| {
        texts.map(|text| match text.parse().unwrap() {
            Prefix::V6(prefix) => prefix,
            Prefix::V4(_) => unreachable!(),
        })
    };
    let expected = prefixes(["2001:db8:a:1::/64", "2001:db8:b:1::/64"]);
    assert_eq!(mex.sites[0].prefixes, expected);
    assert_eq!(mex.peers[0].prefixes, expected);
    assert!(mex.sites[0].announce);
    assert_eq!(config.problems_for_run().len(), 1, "the added port has no device");

    assert_eq!(
        warnings,
        [
            "t.toml:45:1: warning: announcing is not part of this version: announce has no effect",
            "t.toml:49:13: warning: 2001:db8:a:1::/64 is behind this node's port \"lan\" (a [[mex.site]]) and a peer's too",
            "t.toml:49:34: warning: 2001:db8:b:1::/64 is behind this node's port \"lan\" (a [[mex.site]]) and a peer's too",
        ]
    );
}

#[test]
fn an_empty_file_has_all_defaults() {
    let (config, warnings) = accepted("");
    assert!(warnings.is_empty());
    assert!(config.dpdk.workers == [0] || config.dpdk.workers == [1]);
    assert_eq!(config.dpdk.memory_bytes, 512 << 20);
    assert_eq!((config.icmp.rate, config.icmp.burst), (1000, 100));
    assert_eq!((config.mex.rate, config.mex.burst), (40_000_000, 4_000_000));
    assert_eq!((config.mex.max_headers, config.mex.max_octets), (4, 256));
    assert_eq!(config.vrfs(), ["default"]);
    let needed: Vec<String> = config.problems_for_run().iter().map(ToString::to_string).collect();
    assert_eq!(needed, ["t.toml:1:1: there is no [[port]]; run needs at least one"]);
}

#[test]
fn only_run_needs_a_device() {
    let (config, _) = accepted("[[port]]\nname='a'\ndevice='net_tap0'\n\n[[port]]\nname='b'\n");
    let needed: Vec<String> = config.problems_for_run().iter().map(ToString::to_string).collect();
    let line = "t.toml:5:1: port \"b\" has no device; run needs one, like device = \"0000:3b:00.0\"";
    assert_eq!(needed, [line]);
}

#[test]
fn a_next_hop_without_a_port_is_found_by_its_subnet() {
    let text = format!(
        "{PORTS}[[route]]\nprefix='::/0'\nvia=[{{address='2001:db8:f::2'}}, {{port='isp-a', weight=255}}]\n"
    );
    let (config, warnings) = accepted(&text);
    let RouteAction::Via(hops) = &config.routes[0].action else { panic!("{:?}", config.routes) };
    assert_eq!((hops[0].port.as_str(), hops[0].weight), ("lan", 1));
    assert_eq!((hops[1].port.as_str(), hops[1].address, hops[1].weight), ("isp-a", None, 255));
    assert!(warnings.is_empty());
}

#[test]
fn ipv4_routes_have_next_hops_of_either_family() {
    let text = format!(
        "{PORTS}[[port]]\nname='c'\naddress=['192.0.2.1/24', '10.0.0.0/31', '10.0.1.1/32']\n\
         [[route]]\nprefix='0.0.0.0/0'\nvia=[{{address='192.0.2.2'}}, {{address='fe80::2', port='lan'}}]\n\
         [[route]]\nprefix='198.51.100.0/24'\naction='unreachable'\n"
    );
    let (config, warnings) = accepted(&text);
    let RouteAction::Via(hops) = &config.routes[0].action else { panic!("{:?}", config.routes) };
    assert_eq!((hops[0].port.as_str(), hops[1].port.as_str()), ("c", "lan"));
    assert_eq!(hops[0].address, Some("192.0.2.2".parse().unwrap()));
    assert!(warnings.is_empty());
}

#[test]
fn the_longest_subnet_wins() {
    let text = "[[port]]\nname='wide'\naddress=['2001:db8::1/32']\n[[port]]\nname='narrow'\naddress=['2001:db8:1::1/64']\n\
        [[route]]\nprefix='::/0'\nvia=[{address='2001:db8:1::2'}]\n[[route]]\nprefix='::1:0:0:0/128'\nvia=[{address='2001:db8:2::2'}]";
    let (config, _) = accepted(text);
    let port = |index: usize| match &config.routes[index].action {
        RouteAction::Via(hops) => hops[0].port.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((port(0), port(1)), ("narrow".to_owned(), "wide".to_owned()));
}

#[test]
fn a_vrf_exists_once_something_names_it() {
    let text = "[[port]]\nname='a'\nvrf='red'\naddress=['2001:db8::1/64']\n[[port]]\nname='b'\naddress=['2001:db8::1/64']\n\
        [[route]]\nprefix='::/0'\nvrf='blue'\naction='blackhole'\n[[route]]\nprefix='::/0'\nvrf='red'\nvia=[{address='2001:db8::2'}]";
    let (config, warnings) = accepted(text);
    assert_eq!(config.vrfs(), ["default", "red", "blue"]);
    assert!(warnings.is_empty());
    let RouteAction::Via(hops) = &config.routes[1].action else { panic!("{:?}", config.routes) };
    assert_eq!(hops[0].port, "a");
}

#[test]
fn triggers_in_effect() {
    let effective = |text: &str| accepted(text).0.mex.effective_triggers();
    let route = "[[route]]\nprefix='::/0'\naction='mex'\n";
    let sink_only = Triggers::NONE.with(Trigger::Mex);
    let down_only = Triggers::NONE.with(Trigger::NextHopDown);
    assert_eq!(effective(""), Triggers::NONE);
    assert_eq!(effective("[mex]\nmax-prefixes=3"), Triggers::NONE);
    assert_eq!(effective("[mex]\nenabled=true"), Triggers::DEFAULT);
    assert_eq!(effective("[mex]\nenabled=true\ntrigger=['next-hop-down']"), down_only);
    assert_eq!(effective("[mex]\ntrigger=['next-hop-down']"), down_only);
    assert_eq!(effective("[mex]\nenabled=false\ntrigger=['next-hop-down']"), Triggers::NONE);
    assert_eq!(effective(route), sink_only);
    assert_eq!(effective(&format!("{route}[mex]\nenabled=true")), Triggers::DEFAULT);
    assert_eq!(effective(&format!("{route}[mex]\nenabled=false")), Triggers::NONE);
    assert!(!Triggers::DEFAULT.contains(Trigger::NextHopDown));
    assert_eq!(
        Triggers::DEFAULT.names().collect::<Vec<_>>(),
        ["no-route", "unreachable", "blackhole", "mex"]
    );
}

#[test]
fn warnings_for_what_can_be_run_but_does_nothing() {
    let warnings = |text: &str| accepted(&format!("{PORTS}{text}")).1;
    assert_eq!(
        warnings("[[route]]\nprefix='::/0'\naction='mex'\n[mex]\ntrigger=['no-route']"),
        ["t.toml:12:8: warning: trigger has no \"mex\": a route with this action acts like no route"]
    );
    assert_eq!(
        warnings("[mex]\nenabled=false\n[[mex.site]]\ninside='lan'\nprefixes=['2001:db8:1:1::/64']"),
        ["t.toml:13:8: warning: [mex] is not enabled: this section has no effect"]
    );
    assert_eq!(
        warnings("[[neighbor]]\nport='lan'\naddress='2001:db8:a::2'\nmac='2:0:0:0:0:1'"),
        ["t.toml:12:9: warning: 2001:db8:a::2 is in no subnet of port \"lan\""]
    );
    assert_eq!(
        warnings("[[route]]\nprefix='10.0.0.0/8'\nvia=[{address='192.0.2.1', port='lan'}]"),
        Vec::<String>::new(),
        "no subnet says otherwise"
    );
    assert_eq!(
        warnings("[[port]]\nname='c'\nsr-domain=true\naddress=['2001:db8:a::/64']"),
        [
            "t.toml:13:10: warning: 2001:db8:a:: is the first address of its subnet, which every router of the subnet has (RFC 4291, 2.6.1)",
            "t.toml:13:10: warning: 2001:db8:a::/64 is the subnet of port \"isp-a\" too",
        ]
    );
}

#[test]
fn the_same_text_is_the_same_configuration() {
    let (one, _) = accepted(EXAMPLE);
    let (two, _) = accepted(
        &format!("# moved down by a line\n{EXAMPLE}")
            .replace("[[port]]\nname = \"lan\"", "[[port]]\nname = \"lan\"\ndevice = \"x\""),
    );
    let (three, _) =
        accepted(&EXAMPLE.replace("[[port]]\nname = \"lan\"", "[[port]]\nname = \"lan\"\ndevice = \"x\""));
    assert_eq!(one, one.clone());
    assert_ne!(one, two);
    assert_eq!(two, three);
}

#[test]
fn prefixes_to_the_edges() {
    assert_eq!("::/0".parse(), Ok(Prefix::V6(Prefix6::ALL)));
    let host: Prefix = "2001:db8::1/128".parse().unwrap();
    assert!(host.contains("2001:db8::1".parse().unwrap()) && !host.contains("2001:db8::2".parse().unwrap()));
    let all: Prefix = "0.0.0.0/0".parse().unwrap();
    assert!(all.contains("255.255.255.255".parse().unwrap()) && !all.contains("::".parse().unwrap()));
    for wrong in [
        "2001:db8::/+32",
        "2001:db8::/",
        "2001:db8::/1 ",
        "/32",
        "fe80::1%eth0/64",
        "1.2.3/24",
        "::/129",
        "0.0.0.0/33",
    ] {
        assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
    }
}

#[test]
fn files_are_read_and_named() {
    let directory = std::env::temp_dir().join(format!("mexfwd-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("good.toml");
    std::fs::write(&path, EXAMPLE).unwrap();
    assert_eq!(load(&path).unwrap().0.routes, parse("x", EXAMPLE).unwrap().0.routes);
    std::fs::write(&path, b"# caf\xc3\xa9 \xff\n").unwrap();
    let problems = load(&path).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        format!("{}:1:8: not UTF-8; save the file as UTF-8 text", path.display())
    );
    std::fs::remove_dir_all(&directory).unwrap();
    let problems = load(&path).unwrap_err();
    let line = format!("{}: cannot be read: No such file or directory (os error 2)", path.display());
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [line]);
}
