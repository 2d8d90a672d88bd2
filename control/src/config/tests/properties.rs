//! What holds for every text.

use std::net::Ipv6Addr;

use proptest::prelude::*;

use crate::config::address::{mac_problem, mac_text, parse_mac};
use crate::config::{Prefix, Prefix6, parse};

/// Fragments that reach deep into the stages when they are put together at random.
fn fragment() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "[[port]]\n",
        "[[route]]\n",
        "[[neighbor]]\n",
        "[mex]\n",
        "[dpdk]\n",
        "[icmp]\n",
        "[[mex.site]]\n",
        "[[mex.peer]]\n",
        "[srv6]\n",
        "[[srv6.sid]]\n",
        "[[srv6.policy]]\n",
        "[[srv6.locator]]\n",
        "sid",
        "behavior",
        "flavors",
        "segment-list",
        "segments",
        "mode",
        "'End.X'",
        "'PSP'",
        "'encap'",
        "'fc00::1'",
        "[port]\n",
        "name",
        "device",
        "mtu",
        "vrf",
        "address",
        "mac",
        "prefix",
        "via",
        "action",
        "policy",
        "weight",
        "port",
        "inside",
        "prefixes",
        "workers",
        "memory",
        "trigger",
        "deny",
        "permit",
        "enabled",
        " = ",
        "=",
        "\n",
        "\"isp-a\"",
        "\"lan\"",
        "'é'",
        "\"2001:db8::/32\"",
        "\"2001:db8::1/64\"",
        "'mex'",
        "'::/0'",
        "\"2:0:0:0:0:1\"",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "1500",
        "-1",
        "0x1e",
        "true",
        "1979-05-27",
        "1.5",
        "\r\n",
        "#",
        "\"",
        "\u{feff}",
        "\"512M\"",
    ]);
    prop_oneof![9 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
}

/// Lines that are TOML, with keys and values that need not go together.
fn line() -> impl Strategy<Value = String> {
    let header = prop::sample::select(vec![
        "[[port]]",
        "[[route]]",
        "[[neighbor]]",
        "[[mex.site]]",
        "[[mex.peer]]",
        "[[srv6.sid]]",
        "[[srv6.policy]]",
        "[[srv6.locator]]",
        "[srv6]",
    ]);
    let key = prop::sample::select(vec![
        "name",
        "device",
        "mtu",
        "vrf",
        "address",
        "mac",
        "prefix",
        "via",
        "action",
        "policy",
        "port",
        "inside",
        "prefixes",
        "announce",
        "queues",
        "egress-deny",
        "sr-domain",
        "sid",
        "behavior",
        "flavors",
        "mode",
        "source",
        "binding-sid",
        "segment-list",
        "candidate-path",
        "hmac",
        "hmac-key",
        "hop-limit",
        "other",
    ]);
    let value = prop::sample::select(vec![
        "'a'",
        "'b'",
        "1",
        "1500",
        "true",
        "[]",
        "['2001:db8::1/64']",
        "['2001:db8::/64', '2001:db8:1::/64']",
        "'::/0'",
        "'2001:db8::/32'",
        "'2001:db8::2'",
        "'fe80::1'",
        "'02:00:00:00:00:01'",
        "'mex'",
        "[{port='a'}]",
        "[{address='2001:db8::2'}]",
        "[{address='fe80::1', port='b', weight=3}]",
        "[{segments=['fc00::1']}]",
        "[{preference=3, segment-list=[{segments=['fc00::1']}]}]",
        "{address='2001:db8::2', port='a'}",
        "'fc00:0:1::/48'",
        "'fc00::1'",
        "'End'",
        "'End.X'",
        "'uN'",
        "'encap'",
        "'insert'",
        "['PSP']",
        "['NEXT-CSID']",
        "[{}]",
        "[1]",
        "{}",
        "1.5",
    ]);
    prop_oneof![
        1 => header.prop_map(str::to_owned),
        3 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
    ]
}

/// Parses and checks what every answer must satisfy.
fn check(text: &str) -> Result<(), TestCaseError> {
    let lines = text.split('\n').count();
    match parse("f", text) {
        Ok((config, _)) => {
            for route in &config.routes {
                if let crate::config::RouteAction::Via(hops) = &route.action {
                    prop_assert!(!hops.is_empty());
                    for hop in hops {
                        let port = config.port(&hop.port);
                        prop_assert!(port.is_some_and(|port| port.vrf == route.vrf) && hop.weight > 0);
                    }
                }
            }
            for sid in &config.srv6.sids {
                prop_assert_eq!(sid.faults(), []);
                prop_assert_eq!(sid.reference_faults(&config.ports, &config.srv6.policies), []);
            }
            for policy in &config.srv6.policies {
                prop_assert_eq!(policy.faults(), []);
                prop_assert_eq!(policy.path_faults(), []);
            }
            for inside in config.mex.sites.iter().map(|site| &site.inside) {
                prop_assert!(config.port(inside).is_some());
            }
            prop_assert_eq!(&config, &config.clone());
        }
        Err(problems) => {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!((1..=lines).contains(&problem.line) && problem.column > 0, "{}", problem);
                prop_assert!(!problem.to_string().contains('\n'), "{}", problem);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_mix_of_fragments_is_answered(parts in prop::collection::vec(fragment(), 0..60)) {
        check(&parts.concat())?;
    }

    #[test]
    fn any_mix_of_lines_is_answered(lines in prop::collection::vec(line(), 0..40)) {
        check(&lines.join("\n"))?;
    }

    #[test]
    fn a_prefix_is_what_it_says(bits in any::<u128>(), length in 0..=128u8, other in any::<u128>()) {
        let address = Ipv6Addr::from_bits(bits);
        let prefix = Prefix6::covering(address, length).unwrap();
        prop_assert!(prefix.contains(address));
        prop_assert_eq!(prefix.to_string().parse(), Ok(Prefix::V6(prefix)));
        // An oracle that works bit by bit.
        let bit = |number: u128, index: u8| number >> (127 - index) & 1;
        let same = (0..length).all(|index| bit(bits, index) == bit(other, index));
        prop_assert_eq!(prefix.contains(Ipv6Addr::from_bits(other)), same);
        let exact = (length..128).all(|index| bit(bits, index) == 0);
        prop_assert_eq!(Prefix6::new(address, length).is_ok(), exact);
    }

    #[test]
    fn a_mac_address_is_what_it_says(mac in any::<[u8; 6]>()) {
        prop_assert_eq!(parse_mac(&mac_text(mac)).is_ok(), mac_problem(mac).is_none());
        if let Ok(parsed) = parse_mac(&mac_text(mac)) {
            prop_assert_eq!(parsed, mac);
        }
    }
}
