//! Routes that are read without TOML's tree: the same as with it.

use proptest::prelude::*;

use super::{PORTS, refused_after_ports};
use crate::config::plain_routes::{self, Plain};
use crate::config::{Config, Problem, Warning, parse, parse_beside};

/// As TOML's parser alone reads a text.
fn by_the_tree(text: &str) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    parse_beside("t.toml", text, Plain::default())
}

/// How many routes of a text are plain; all of it is read as the tree reads it.
#[track_caller]
fn plain(text: &str) -> usize {
    let text = format!("{PORTS}{text}");
    assert_eq!(parse("t.toml", &text), by_the_tree(&text), "{text}");
    plain_routes::take(&text).routes.len()
}

const VIA: &str = "via = [{ address = \"2001:db8:a::2\", port = \"isp-a\" }]\n";

#[test]
fn plain_sections_are_taken_out() {
    for (section, count) in [
        (format!("[[route]]\nprefix = \"2001:db8:1::/48\"\n{VIA}"), 1),
        (format!("[[route]]\r\nprefix = \"2001:db8:1::/48\"\r\n{}\r\n", VIA.trim_end()), 1),
        (format!("[[route]] # first\n\n\t{VIA}  # both # of them\nprefix='2001:db8:1::/48'#x\n[icmp]\n"), 1),
        ("[[route]]\nprefix = \"::/0\"\naction = \"mex\"\nvrf = \"default\"".to_owned(), 1),
        ("[[route]]\nprefix = \"::/0\"\nvia = [{port=\"lan\",weight=7},]\n".to_owned(), 1),
        (format!("[[route]]\nprefix = \"3fff::/48\"\n{VIA}[[route]]\nprefix = \"3fff::/49\"\n{VIA}"), 2),
        (format!("[icmp]\nrate = 5\n[[route]]\nprefix = \"3fff::/48\"\n{VIA}[mex]\nenabled = true\n"), 1),
        (format!("[mex]\ndeny = [\n\"3fff::/20\"]\n[[route]]\nprefix = \"3fff::/48\"\n{VIA}"), 1),
        // Wrong, but not for TOML.
        ("[[route]]\nprefix = \"2001:db8::1/48\"\naction = \"mexx\"\n".to_owned(), 1),
    ] {
        assert_eq!(plain(&section), count, "{section}");
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_parser() {
    for section in [
        format!("[[route]]\nprefix = \"2001:db8:\\u0031::/48\"\n{VIA}"),
        format!("[[route]]\nprefix = \"\"\"2001:db8:1::/48\"\"\"\n{VIA}"),
        "[[route]]\nprefix = \"3fff::/48\"\nvia = [\n{ port = \"isp-a\" }]\n".to_owned(),
        "[[route]]\nprefix = \"3fff::/48\"\n[[route.via]]\nport = \"isp-a\"\n".to_owned(),
        "[[route]]\nprefix = \"3fff::/48\"\nvia = []\n".to_owned(),
        format!("[[route]]\nprefix = \"3fff::/48\"\nprefix = \"3fff::/49\"\n{VIA}"),
        format!("[[route]]\nprefix = \"3fff::/48\"\nmetric = 7\n{VIA}"),
        format!("[[route]]\nprefix = 7\n{VIA}"),
        format!("[[route]]\nprefix = \"3fff::/48\" 8\n{VIA}"),
        "[[route]]\nprefix = \"3fff::/48\naction = \"mex\"\n".to_owned(),
        format!("[[route]]\n{VIA}"),
        "[[route]]\nprefix = \"3fff::/48\"\nvia = [{ port = \"isp-a\", weight = 256 }]\n".to_owned(),
        "[[route]]\nprefix = \"3fff::/48\"\nvia = [{ port = \"isp-a\", weight = 1_0 }]\n".to_owned(),
        "[[route]]\nprefix = \"3fff::/48\"\nvia = [{ port = \"isp-a\", port = \"lan\" }]\n".to_owned(),
        // The key in another way, which TOML does not allow beside the sections.
        format!("[route]\n[[route]]\nprefix = \"3fff::/48\"\n{VIA}"),
        // No header: inside a list.
        format!("[mex]\ndeny = [\n[[route]]\nprefix = \"3fff::/48\"\n{VIA}"),
    ] {
        assert_eq!(plain(&section), 0, "{section}");
    }
}

#[test]
fn problems_stand_where_they_are_written() {
    let routes = "\
[[route]]
prefix = \"3fff::/48\"
via = [{ address = \"2001:db8:a::2\", port = \"isp-b\" }]
[[route]]
prefix = \"3fff:0::/48\"
vrf = \"default\"
via = [{ address = \"2001:db8:a::2\", port = \"isp-a\" },
       { address = \"2001:db8:a::2\", port = \"isp-a\" }]
";
    refused_after_ports(
        routes,
        &[
            "12:44: there is no port \"isp-b\"; did you mean \"isp-a\"?",
            "14:10: 3fff::/48 is a route of VRF \"default\" already (line 11); a prefix has one route in a VRF",
            "17:8: this next hop is listed twice; use weight to give it a greater share",
        ],
    );
}

/// Lines that make sections, plain and not, in any order.
fn line() -> impl Strategy<Value = String> {
    let lines = [
        "[[route]]\n",
        "[[ route ]]\n",
        "[route]\n",
        "route = 1\n",
        "[icmp]\n",
        "rate = 5\n",
        "prefix = \"3fff::/20\"\n",
        "prefix = \"3fff:1::/48\" # \"\n",
        "prefix = '10.0.0.0/8'\n",
        "prefix = \"3fff::/\n",
        "action = \"mex\"\n",
        "action = 'blackhole'\r\n",
        "policy = \"gold\"\n",
        "vrf = \"red\"\n",
        "via = [{ address = \"2001:db8:a::2\", port = \"isp-a\" }]\n",
        "via = [{ port = \"lan\", weight = 3 }, { address = \"2001:db8:a::2\" }]\n",
        "via = [{ port = \"lan\"\n",
        "via = [\n",
        "}]\n",
        "]\n",
        "\n",
        "# [[route]]\n",
        "x = \"\"\"\n",
        "y = '''\n",
        "\u{7f}\n",
        "ö\n",
    ];
    prop::sample::select(lines.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn every_text_means_what_the_parser_alone_says(lines in prop::collection::vec(line(), 0..24)) {
        let text = format!("{PORTS}{}", lines.concat());
        prop_assert_eq!(parse("t.toml", &text), by_the_tree(&text), "{}", text);
    }

    #[test]
    fn so_does_every_cut_and_changed_text(
        at in 0_usize..400, cut in 0_usize..6, with in prop::sample::select(vec!["", "\"", "[", "\\", "#", "\n", "=", "}"]),
    ) {
        let section = format!("[[route]]\nprefix = \"3fff::/48\" # one\n{VIA}[icmp]\nrate = 1\n");
        let mut text = format!("{PORTS}{section}{}", section.replace("3fff", "2001:db8").replace("[icmp]\nrate = 1\n", ""));
        let at = at.min(text.len() - cut);
        text.replace_range(at..at + cut, with);
        prop_assert_eq!(parse("t.toml", &text), by_the_tree(&text), "{}", text);
    }
}
