//! Routes of a running daemon: many at once from a file, and what `show fib` and `lookup` say about them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::doc_markdown)]

mod daemon;

use std::fmt::Write as _;
use std::fs;
use std::process::Output;
use std::time::Instant;

use daemon::Daemon;
use serde_json::{Value, json};

const NULLS: &str = r#"
[[port]]
name    = "a"
device  = "net_null0"
mac     = "02:00:00:00:00:0a"
address = ["2001:db8:a::1/64"]

[[port]]
name    = "b"
device  = "net_null1"
mac     = "02:00:00:00:00:0b"
address = ["2001:db8:b::1/64"]

[[neighbor]]
port    = "b"
address = "2001:db8:b::2"
mac     = "02:00:00:00:00:b2"

[[route]]
prefix = "2001:db8::/32"
action = "unreachable"
"#;

fn stdout(output: Output) -> String {
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn json_of(daemon: &Daemon, words: &[&str]) -> Value {
    serde_json::from_str(&stdout(daemon.command(&[words, &["--json"]].concat()))).unwrap()
}

/// Runs a batch from a file with these lines; status and standard error.
fn batch(daemon: &Daemon, lines: &str, more: &[&str]) -> (i32, String) {
    fs::write(daemon.path("batch"), lines).unwrap();
    let file = daemon.path("batch");
    let output = daemon.command(&[&["batch", file.to_str().unwrap()], more].concat());
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn count(daemon: &Daemon) -> usize {
    daemon.show("routes").as_array().unwrap().len()
}

#[test]
fn a_batch_does_what_its_lines_say_and_ends_at_the_first_bad_one() {
    let daemon = Daemon::start(NULLS, |_| {}, None);
    let good = "# comment\n\nroute add 3fff::/20 via 2001:db8:b::2 # and why\n  route add blackhole 4000::/16\n\
        neighbor add 2001:db8:b::3 lladdr 02:00:00:00:00:b3 dev b\nroute del 4000::/16\n";
    assert_eq!(batch(&daemon, good, &[]), (0, String::new()));
    assert_eq!(count(&daemon), 2);

    // A line that cannot be read, one that the daemon refuses: what stands before is done, the rest is not.
    let name = daemon.path("batch").display().to_string();
    let lines = "route add mex 5000::/16\nroute ad 5001::/16 dev a\nroute add mex 5002::/16\n";
    let (status, told) = batch(&daemon, lines, &[]);
    assert!(status == 2 && told.starts_with(&format!("{name}:2: ")) && told.lines().count() == 1, "{told}");
    assert_eq!(count(&daemon), 3);
    let lines = "route add mex 5002::/16\nroute add mex 5000::/16\nroute add mex 5003::/16\n";
    let (status, told) = batch(&daemon, lines, &[]);
    assert_eq!(status, 2);
    assert_eq!(told, format!("{name}:2: 5000::/16: the route exists already; use replace to change it\n"));
    assert_eq!(count(&daemon), 4);

    let lines = "route add mex 5000::/16\nnonsense\nroute add mex 5003::/16\n";
    let (status, told) = batch(&daemon, lines, &["--force"]);
    let told: Vec<_> = told.lines().collect();
    assert_eq!(status, 2);
    assert!(
        told[0].starts_with(&format!("{name}:1: ")) && told[1].starts_with(&format!("{name}:2: ")),
        "{told:?}"
    );
    assert_eq!(told[2], format!("mexfwd: {name}: 2 of 3 changes failed"));
    assert_eq!(count(&daemon), 5);
    daemon.end();
}

#[test]
fn a_full_table_is_loaded_in_seconds_and_shown() {
    let daemon = Daemon::start(NULLS, |_| {}, None);
    let number = 50_000;
    // Known, or its routes would be gone again by the time a slow machine has loaded the last one.
    let mut lines = String::from("neighbor add 2001:db8:b::3 lladdr 02:00:00:00:00:b3 dev b\n");
    for n in 0..number {
        // Two next hops in turn: no two neighbors merge, but for the last of each block of 256.
        let hop = 2 + (n + n / 256) % 2;
        let _ =
            writeln!(lines, "route add 2600:{:x}:{:x}::/48 via 2001:db8:b::{hop} dev b", n / 256, n % 256);
    }
    let start = Instant::now();
    assert_eq!(batch(&daemon, &lines, &[]), (0, String::new()));
    println!("{number} routes in {} ms", start.elapsed().as_millis());
    let stats = json_of(&daemon, &["show", "fib", "--stats"])[0].clone();
    // Configured: 1. Own: two connected prefixes, two addresses, two anycast addresses. Neighbors on a link: 2.
    assert_eq!((&stats["vrf"], &stats["routes"]), (&json!("default"), &json!(number + 9)));
    let steps = stats["depths"].as_object().unwrap();
    assert_eq!(steps.values().map(|n| n.as_u64().unwrap()).sum::<u64>(), number + 9);
    assert_eq!(stats["lengths"], json!({ "32": 1, "48": number, "64": 2, "128": 6 }));
    // The blocks' routes and what is between the blocks, each an interval of its own; the rest lies in 2001:db8::/32.
    let (all, merged) = (stats["intervals"].as_u64().unwrap(), stats["merged-intervals"].as_u64().unwrap());
    assert!(merged > number && merged < all, "{stats}");
    let sum = stats["front-bytes"].as_u64().unwrap() + stats["node-bytes"].as_u64().unwrap();
    assert_eq!(stats["memory-bytes"].as_u64(), Some(sum));
    assert_eq!(stats["waiting"], 0);
    let text = stdout(daemon.command(&["show", "fib", "--stats"]));
    assert!(text.contains("merge ratio") && text.contains("STEPS  ENTRIES"), "{text}");

    let mut lines = String::new();
    for n in 0..number {
        let _ = writeln!(lines, "route del 2600:{:x}:{:x}::/48", n / 256, n % 256);
    }
    assert_eq!(batch(&daemon, &lines, &[]), (0, String::new()));
    assert_eq!(json_of(&daemon, &["show", "fib", "--stats"])[0]["routes"], 9);
    daemon.end();
}

#[test]
fn show_fib_and_lookup_say_what_is_programmed() {
    let daemon = Daemon::start(NULLS, |_| {}, None);
    assert_eq!(
        batch(
            &daemon,
            "route add 2001:db8:1::/48 via 2001:db8:b::2\nroute add blackhole 3fff::/20 vrf red\n",
            &[]
        )
        .0,
        0
    );
    let text = stdout(daemon.command(&["show", "fib", "--vrf", "default"]));
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["PREFIX", "VRF", "NEXT", "HOP"]);
    let expected = [
        "2001:db8::/32 default unreachable",
        "2001:db8:1::/48 default via 2001:db8:b::2 dev b",
        "2001:db8:a::/64 default on-link dev a",
        "2001:db8:a::/128 default local",
        "2001:db8:a::1/128 default local",
        "2001:db8:b::/64 default on-link dev b",
        "2001:db8:b::/128 default local",
        "2001:db8:b::1/128 default local",
        "2001:db8:b::2/128 default via 2001:db8:b::2 dev b",
    ];
    let found: Vec<_> = lines[1..].iter().map(|words| words.join(" ")).collect();
    assert_eq!(found, expected);
    let red = json_of(&daemon, &["show", "fib", "--vrf", "red"]);
    assert_eq!(red[0]["entries"][0]["prefix"], "3fff::/20");
    assert_eq!((red.as_array().unwrap().len(), &red[0]["routes"]), (1, &json!(1)));
    let output = daemon.command(&["show", "fib", "--vrf", "blue"]);
    assert_eq!(output.status.code(), Some(2));

    let found = json_of(&daemon, &["lookup", "2001:db8:1::5"]);
    let shown = (&found["entry"], &found["route"], &found["result"]);
    assert_eq!(shown, (&json!("2001:db8:1::/48"), &json!("2001:db8:1::/48"), &json!("forward")));
    assert_eq!(found["covering"]["prefix"], "2001:db8::/32");
    assert_eq!(found["covering"]["result"], "unreachable");
    assert_eq!(found["via"][0]["mac"], "02:00:00:00:00:b2");
    assert!(found["steps"].as_u64().is_some_and(|steps| steps <= 8), "{found}");
    let text = stdout(daemon.command(&["lookup", "2001:db8:1::5"]));
    assert!(text.contains("entry 2001:db8:1::/48, next-hop id "), "{text}");
    assert!(text.contains("covered by 2001:db8::/32: unreachable"), "{text}");
    // A neighbor's own entry, which no route asked for.
    let found = json_of(&daemon, &["lookup", "2001:db8:b::2"]);
    assert_eq!((&found["entry"], &found["route"]), (&json!("2001:db8:b::2/128"), &json!("2001:db8::/32")));
    assert_eq!(found["covering"]["result"], "on-link");
    let found = json_of(&daemon, &["lookup", "3fff::1"]);
    assert_eq!((&found["entry"], &found["covering"]), (&Value::Null, &Value::Null));
    assert_eq!((&found["result"], &found["next-hop-id"]), (&json!("no-route"), &json!(0)));
    daemon.end();
}
