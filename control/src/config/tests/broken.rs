//! Texts that are not TOML, and limits.

use std::fmt::Write;

use super::{problems, refused};

#[test]
fn syntax_errors_one_per_line() {
    refused(
        "[mex]\nenabled = \nname = ]\nmtu = 1500 x\n[unclosed\n",
        &[
            "2:11: not TOML: string values must be quoted; expected literal string",
            "3:8: not TOML: missing array opening; expected `[`",
            "4:7: not TOML: string values must be quoted; expected literal string",
            "5:10: not TOML: unclosed table; expected `]`",
        ],
    );
}

#[test]
fn after_a_syntax_error_nothing_else_is_claimed() {
    refused("[[port]\nname = 'a'\nbogus = 1\n", &["1:8: not TOML: unclosed array table; expected `]`"]);
}

#[test]
fn duplicate_keys_do_not_hide_the_rest() {
    refused(
        "[mex]\nenabled = true\nenabled = false\nbogus = 1\n",
        &[
            "3:1: this key is given twice; remove one",
            "4:1: unknown key \"bogus\" in [mex]; the keys are: permit, site, peer, enabled, next-header, option-type, \
             max-prefixes, trigger, deny, rate, burst, max-headers, max-octets",
        ],
    );
}

/// `count` sections, each a line.
fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, index| {
        writeln!(text, "{}", line(index)).unwrap();
        text
    })
}

#[test]
fn limits_are_reported_where_they_are_passed() {
    let ports = |count| format!("port = [\n{}]\n", many(count, |index| format!("{{name='p{index}'}},")));
    assert!(problems(&ports(64)).is_empty());
    refused(&ports(65), &["66:1: more than 64 of [[port]]; at most 64 are possible"]);

    let hops = |count| {
        let hops = many(count, |index| format!("{{address='2001:db8::{:x}',port='a'}},", index + 1));
        format!("[[port]]\nname='a'\n[[route]]\nprefix='::/0'\nvia=[\n{hops}]\n")
    };
    assert!(problems(&hops(64)).is_empty());
    refused(&hops(65), &["70:1: more than 64 of a next hop; at most 64 are possible"]);

    let vrfs = |count| {
        format!("route=[\n{}]\n", many(count, |i| format!("{{prefix='::/0',action='mex',vrf='v{i}'}},")))
    };
    assert!(problems(&vrfs(255)).is_empty());
    refused(&vrfs(256), &["257:33: more than 256 VRFs; at most 256 are possible"]);

    let site = |count| {
        let prefixes = many(count, |index| format!("'2001:db8:{index:x}::/64',"));
        format!("[[port]]\nname='a'\n[[mex.site]]\ninside='a'\nprefixes=[\n{prefixes}]\n")
    };
    assert!(problems(&site(32)).is_empty());
    refused(&site(33), &["38:1: more than 32 prefixes of one site; at most 32 are possible"]);

    let workers = many(65, |index| format!("{index},"));
    refused(
        &format!("[dpdk]\nworkers=[\n{workers}]"),
        &["67:1: more than 64 workers; at most 64 are possible"],
    );
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    let found = problems(&format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert!(!found.is_empty());
    let found = problems(&format!("{}x = 1", "a.".repeat(100_000)));
    assert!(!found.is_empty());
}

#[test]
fn long_values_are_cut_in_messages() {
    let found = problems(&format!("[[port]]\nname='a'\nmac='{}'", "é".repeat(10_000)));
    let shown = "é".repeat(80);
    assert_eq!(
        found,
        [format!("t.toml:3:5: \"{shown}\"... is not a MAC address; write it like 02:00:00:00:00:0a")]
    );
}
