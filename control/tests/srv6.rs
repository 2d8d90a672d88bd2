//! SIDs and policies from the outside: a replay with commands and O-flag copies, and what a daemon says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod daemon;

use std::path::Path;
use std::process::{Command, Output};

use daemon::Daemon;
use serde_json::{Value, json};

const CONFIG: &str = r#"
[[port]]
name      = "a"
device    = "net_null0"
mac       = "02:00:00:00:00:01"
address   = ["2001:db8:a::1/64"]
sr-domain = true

[[port]]
name    = "b"
device  = "net_null1"
mac     = "02:00:00:00:00:02"
address = ["2001:db8:b::1/64"]

[[neighbor]]
port    = "b"
address = "2001:db8:b::2"
mac     = "02:00:00:00:00:b2"

[[srv6.locator]]
name   = "main"
prefix = "fc00:0:1::/48"
"#;

/// Made with scapy 2.5: from 2001:db8:a::2 to fc00:0:1:100::, an SRH on to 2001:db8:b::2 (SL 1), UDP; in the middle its flags.
const FRAME: [&str; 2] = [
    "0200000000010200000000a286dd6000000000312b4020010db8000a00000000000000000002fc0000000001010000000000000000001104040101",
    "000020010db8000b00000000000000000002fc000000000101000000000000000000000100020009123478",
];

/// O (RFC 9259, 2.1).
const O_FLAG: u8 = 0x20;

fn hex(digits: &str) -> Vec<u8> {
    let octet = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(octet).collect()
}

fn frame(flags: u8) -> Vec<u8> {
    [hex(FRAME[0]), vec![flags], hex(FRAME[1])].concat()
}

/// A classic capture: one frame a second.
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = hex("d4c3b2a1020004000000000000000000ffff000001000000");
    for (second, frame) in (1u32..).zip(frames) {
        let len = frame.len() as u32;
        octets.extend([second, 0, len, len].map(u32::to_le_bytes).concat());
        octets.extend(frame);
    }
    octets
}

fn replay(folder: &Path, config: &str, frames: &[Vec<u8>], script: &str) -> Output {
    let file = |name: &str, octets: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, octets).unwrap();
        path.display().to_string()
    };
    let (config, script) = (file("c.toml", config.as_bytes()), file("script", script.as_bytes()));
    let input = format!("a={}", file("in.pcap", &capture(frames)));
    let out = format!("b={}", folder.join("out.pcap").display());
    let words = ["replay", "--json", "-c", &config, "--script", &script, "--in", &input, "--out", &out];
    Command::new(env!("CARGO_BIN_EXE_mexfwd")).args(words).output().unwrap()
}

#[test]
fn commands_in_a_replay_and_copies_of_packets_with_the_o_flag() {
    let folder = tempfile::tempdir().unwrap();
    let copies = folder.path().join("oam.pcap");
    let config =
        format!("{CONFIG}[srv6.oam]\nrate = 1\nburst = 2\ncapture = {:?}\n", copies.display().to_string());
    let frames: Vec<_> = [0, O_FLAG, O_FLAG, 0, 0].map(frame).into();
    let script = "1 sid add fc00:0:1:100:: behavior End.X flavors PSP via 2001:db8:b::2\n\
        1 policy add p mode encap source 2001:db8:a::1 segments 2001:db8:b::2\n\
        4 sid replace fc00:0:1:100:: behavior End\n5 sid del fc00:0:1:100::\n5 route add fc00:0:1::/48 policy p\n";
    let ended = replay(folder.path(), &config, &frames, script);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let summary: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(summary["sids"], json!({}), "it is gone at the end");
    let octets = frames[0].len() - 14;
    assert_eq!(summary["policies"], json!({ "p": { "packets": 1, "octets": octets } }));
    assert_eq!(summary["sent"], 5);

    let copied = std::fs::read(&copies).unwrap();
    let record = |second: u32, frame: &[u8]| {
        let len = octets as u32;
        [[second, 0, len, len].map(u32::to_le_bytes).concat(), frame[14..].to_vec()].concat()
    };
    assert_eq!(copied[24..], [record(2, &frames[1]), record(3, &frames[2])].concat());

    // What arrived, sent on: without its SRH (PSP), with it, and inside another packet.
    let sent = std::fs::read(folder.path().join("out.pcap")).unwrap();
    let udp = &frames[0][14 + 40 + 40..];
    let lengths: Vec<usize> = {
        let (mut at, mut found) = (24, Vec::new());
        while at < sent.len() {
            let len = u32::from_le_bytes(sent[at + 8..at + 12].try_into().unwrap()) as usize;
            assert_eq!(&sent[at + 16 + len - udp.len()..at + 16 + len], udp);
            found.push(len);
            at += 16 + len;
        }
        found
    };
    let whole = frames[0].len();
    assert_eq!(lengths, [whole - 40, whole - 40, whole - 40, whole, whole + 40 + 24]);
}

#[test]
fn a_refused_command_of_a_script_ends_the_replay() {
    let folder = tempfile::tempdir().unwrap();
    let ended = replay(folder.path(), CONFIG, &[frame(0)], "1 policy del gold\n");
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    let line = "before packet 1: policy del gold: there is no policy \"gold\"; there is no [[srv6.policy]]\n";
    assert!(said.ends_with(line), "{said}");
}

fn stdout(output: Output) -> String {
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_daemon_shows_and_changes_sids_and_policies() {
    let daemon = Daemon::start(CONFIG, |_| {}, None);
    let words = |words: &str| daemon.command(&words.split(' ').collect::<Vec<_>>());
    for change in [
        "sid add fc00:0:1:100:: behavior End.X flavors PSP,USD via 2001:db8:b::2 dev b",
        "route add fc00:0:2::/48 via 2001:db8:b::2",
        "policy add gold mode encap source 2001:db8:a::1 binding-sid fc00:0:1:b:: segments fc00:0:2::,fc00:0:3:: weight 3",
        "route add 198.51.100.0/24 policy gold",
    ] {
        assert_eq!(stdout(words(change)), "");
    }
    let sids = daemon.show("sids");
    assert_eq!(sids[1]["via"], json!({ "address": "2001:db8:b::2", "port": "b", "state": "up" }));
    assert_eq!((&sids[0]["sid"], &sids[0]["behavior"]), (&json!("fc00:0:1:b::"), &json!("End.B6.Encaps")));
    let table = stdout(words("show sids"));
    let line = table.lines().nth(2).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(line, "fc00:0:1:100:: End.X PSP,USD via 2001:db8:b::2 dev b 0 0");
    let policies = daemon.show("policies");
    assert_eq!((&policies[0]["state"], &policies[0]["hop-limit"]), (&json!("up"), &json!(64)));
    assert_eq!(policies[0]["candidate-path"][0]["segment-list"][0]["weight"], 3);
    assert!(stdout(words("show policies")).contains("active"));
    let lookup = stdout(words("lookup fc00:0:1:100::"));
    assert!(lookup.contains("behavior End.X") && lookup.contains("to 02:00:00:00:00:b2"), "{lookup}");
    assert!(stdout(words("lookup 198.51.100.1")).contains("policy gold"));

    let refused = words("policy del gold");
    let why = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(why.contains("in use by the route 198.51.100.0/24 of VRF \"default\""), "{why}");
    assert_eq!(stdout(words("route del 198.51.100.0/24")), "");
    assert_eq!(stdout(words("policy del gold")), "");
    assert_eq!(daemon.show("policies"), json!([]));
    assert_eq!(daemon.show("sids").as_array().unwrap().len(), 1);
}
