//! docs/graph.md shows the graph that the code has. `UPDATE_DOCS=1` writes it anew.

#![allow(clippy::expect_used, reason = "a test may")]

use std::fmt::Write as _;
use std::path::Path;

use dataplane::drop::{Drop, Reply};
use dataplane::graph::{Edge, NodeId, draw};

/// The generated text of each part of the page, by the name in its markers.
fn parts() -> [(&'static str, String); 2] {
    [("drawing", format!("```mermaid\n{}```\n", draw())), ("drops", drops())]
}

/// Every reason, in the order of the path.
fn drops() -> String {
    let mut out = String::from("| drop | clause | ICMPv6 reply | ICMP reply | at |\n|---|---|---|---|---|\n");
    for reason in Drop::ALL {
        let text = |reply: Option<Reply>| {
            reply.map_or(String::from("none"), |r| format!("type {}, code {}", r.kind, r.code))
        };
        let (reply, reply4) = (text(reason.reply()), text(reason.reply4()));
        let nodes: Vec<_> = NodeId::ALL
            .iter()
            .filter(|node| node.edges().contains(&Edge::Drop(*reason)))
            .map(|node| node.name())
            .collect();
        let nodes = if nodes.is_empty() { outside(*reason).to_owned() } else { nodes.join(", ") };
        let _ = writeln!(out, "| `{}` | {} | {reply} | {reply4} | {nodes} |", reason.name(), reason.clause());
    }
    out
}

/// Where a reason is used that is on no edge of the graph.
fn outside(reason: Drop) -> &'static str {
    match reason {
        Drop::MultiSegment => "receive",
        Drop::NeighborUnresolved | Drop::NeighborQueueFull => "control, for packets that wait",
        Drop::FragmentLimit => "control, for packets to be cut",
        other => panic!("{} is on no edge and nowhere else", other.name()),
    }
}

/// The page with the part between `name`'s markers replaced.
fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

#[test]
#[cfg_attr(miri, ignore = "reads a file")]
fn the_page_shows_the_graph() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/graph.md");
    let page = std::fs::read_to_string(&path).expect("docs/graph.md is there");
    let mut expected = page.clone();
    for (name, text) in parts() {
        expected = replaced(&expected, name, &text).expect("both markers of each part are there");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).expect("docs/graph.md can be written");
    } else {
        assert!(
            page == expected,
            "docs/graph.md is out of date: UPDATE_DOCS=1 cargo test -p dataplane --test graph_drawing"
        );
    }
}
