//! The built binary: exit status and messages, without a daemon.

// A failure here is a failed test.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// How a run ended.
struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    /// The one line on standard error.
    fn line(&self) -> &str {
        assert_eq!(self.stderr.lines().count(), 1, "{:?}", self.stderr);
        self.stderr.trim_end()
    }
}

/// Runs the binary in `directory`.
fn mexfwd(directory: &Path, arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_mexfwd"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("MEXFWD_SOCKET")
        .output()
        .unwrap();
    Ended {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

const GOOD: &str = "[[port]]\nname = \"a\"\ndevice = \"net_null0\"\naddress = [\"2001:db8:a::1/64\"]\n\
    [[port]]\nname = \"b\"\ndevice = \"net_null1\"\naddress = [\"2001:db8:b::1/64\"]\n\
    [[neighbor]]\nport = \"b\"\naddress = \"2001:db8:b::2\"\nmac = \"02:00:00:00:00:b2\"\n\
    [[route]]\nprefix = \"2001:db8:1::/48\"\nvia = [{ address = \"2001:db8:b::2\" }]\n";

/// A directory with `good.toml`.
fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("good.toml"), GOOD).unwrap();
    directory
}

#[test]
fn every_command_has_help() {
    let directory = directory();
    for command in
        ["run", "check", "replay", "show", "lookup", "route", "neighbor", "neigh", "port", "mex", "batch"]
    {
        let ended = mexfwd(directory.path(), &[command, "--help"]);
        assert_eq!(ended.status, 0, "{command}");
        assert!(ended.stdout.contains("Usage: mexfwd") && ended.stderr.is_empty(), "{command}");
    }
    assert_eq!(mexfwd(directory.path(), &["--help"]).status, 0);
    let version = mexfwd(directory.path(), &["--version"]).stdout;
    assert_eq!(version, format!("mexfwd {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_sums_up_a_good_configuration_on_one_line() {
    let directory = directory();
    let ended = mexfwd(directory.path(), &["check", "-c", "good.toml"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout, "good.toml: ok: 2 ports, 1 route, 1 neighbor, 1 VRF, mex off\n");
    let ended = mexfwd(directory.path(), &["check", "-c", "good.toml", "--json"]);
    let value: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&value["ok"], &value["ports"], &value["routes"]), (&true.into(), &2.into(), &1.into()));
}

#[test]
fn check_reports_every_problem_with_its_place() {
    let directory = directory();
    let text = "[[port]]\nname = \"a\"\nmtu = 12\ncolour = \"red\"\n\n[[route]]\nprefix = \"2001:db8::/200\"\n\
        action = \"mex\"\n\n[mex]\nmax-prefixes = 0\n";
    std::fs::write(directory.path().join("bad.toml"), text).unwrap();
    let ended = mexfwd(directory.path(), &["check", "-c", "bad.toml"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (2, ""));
    for (line, word) in [(3, "mtu"), (4, "colour"), (7, "\"200\""), (11, "max-prefixes")] {
        let place = format!("bad.toml:{line}:");
        assert!(
            ended.stderr.lines().any(|l| l.starts_with(&place) && l.contains(word)),
            "{place}\n{}",
            ended.stderr
        );
    }
    assert_eq!(ended.stderr.lines().count(), 4, "{}", ended.stderr);
    let ended = mexfwd(directory.path(), &["check", "-c", "bad.toml", "--json"]);
    assert_eq!(ended.status, 2);
    let value: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(value["ok"], false);
    let lines: Vec<_> =
        value["problems"].as_array().unwrap().iter().map(|p| p["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 7, 11]);
}

#[test]
fn check_takes_what_run_refuses_and_says_so() {
    let directory = directory();
    std::fs::write(directory.path().join("replay.toml"), "[[port]]\nname = \"a\"\n").unwrap();
    let ended = mexfwd(directory.path(), &["check", "-c", "replay.toml"]);
    assert_eq!(ended.status, 0);
    assert!(
        ended.line().starts_with("replay.toml:1:1: warning: `run` will refuse this: "),
        "{}",
        ended.stderr
    );
    let ended = mexfwd(directory.path(), &["run", "-c", "replay.toml", "--socket", "s"]);
    assert_eq!(ended.status, 2);
    assert!(ended.line().starts_with("replay.toml:1:1: "), "{}", ended.stderr);
}

#[test]
fn what_the_command_line_cannot_mean_is_one_line_and_2() {
    let directory = directory();
    for (arguments, word) in [
        (&["fly"][..], "fly"),
        (&["check"], "--config"),
        (&["check", "-c", "nowhere.toml"], "nowhere.toml"),
        (&["show"], "TOPIC"),
        (&["show", "port"], "ports"),
        (&["show", "drops", "--stats"], "--stats"),
        (&["show", "drops", "--vrf", "red"], "--vrf"),
        (&["batch", "nowhere"], "nowhere"),
        (&["lookup", "::ffff:192.0.2.1"], "192.0.2.1"),
        (&["route"], "add"),
        (&["route", "add", "2001:db8::/32", "via", "nonsense"], "nonsense"),
        (&["port", "set", "a", "sideways"], "sideways"),
        (&["neigh", "add", "2001:db8::1", "lladdr", "02:00", "dev", "a"], "02:00"),
        (&["mex", "set", "max-prefixes", "256"], "256"),
        (&["run", "-c", "good.toml", "--log", "chatty"], "chatty"),
        (&["run", "-c", "nowhere.toml"], "nowhere.toml"),
        (&["replay", "-c", "good.toml", "--in", "a"], "PORT=FILE"),
        (&["replay", "-c", "good.toml", "--burst", "0"], "1..=256"),
        (&["replay", "-c", "good.toml", "--burst", "257"], "1..=256"),
        (&["replay", "-c", "good.toml", "--in", "z=x.pcap"], "\"z\""),
        (&["replay", "-c", "good.toml", "--in", "a=nowhere.pcap"], "nowhere.pcap"),
        (&["replay", "-c", "good.toml", "--out", "z=z.pcap"], "\"z\""),
        (&["replay", "-c", "good.toml", "--script", "nowhere"], "nowhere"),
    ] {
        let ended = mexfwd(directory.path(), arguments);
        assert_eq!(ended.status, 2, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{arguments:?}: {}", ended.stdout);
        assert!(ended.line().contains(word), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn a_command_alone_is_answered_with_help() {
    let ended = mexfwd(directory().path(), &[]);
    assert_eq!((ended.status, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("Usage: mexfwd"), "{}", ended.stderr);
}

#[test]
fn without_a_daemon_its_commands_say_so() {
    let directory = directory();
    let socket = directory.path().join("s").display().to_string();
    let stale = directory.path().join("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let stale = stale.display().to_string();
    for socket in [&socket, &stale] {
        for arguments in [
            &["show", "ports"][..],
            &["show", "workers", "--json"],
            &["lookup", "2001:db8::1"],
            &["route", "add", "blackhole", "2001:db8::/32"],
            &["port", "set", "a", "down"],
        ] {
            let arguments = [arguments, &["--socket", socket]].concat();
            let ended = mexfwd(directory.path(), &arguments);
            assert_eq!((ended.status, ended.stdout.as_str()), (1, ""), "{arguments:?}");
            assert_eq!(ended.line(), format!("mexfwd: no mexfwd answers at {socket}: is it running?"));
        }
    }
    let by_environment = Command::new(env!("CARGO_BIN_EXE_mexfwd"))
        .args(["show", "ports"])
        .env("MEXFWD_SOCKET", "/nowhere/at/all")
        .output()
        .unwrap();
    assert!(String::from_utf8(by_environment.stderr).unwrap().contains("/nowhere/at/all"));
}

#[test]
fn run_refuses_a_path_that_is_not_its_socket() {
    let directory = directory();
    std::fs::write(directory.path().join("file"), "mine").unwrap();
    let ended = mexfwd(directory.path(), &["run", "-c", "good.toml", "--socket", "file"]);
    assert_eq!(ended.status, 2);
    assert!(ended.line().contains("file: there is something else here"), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(directory.path().join("file")).unwrap(), "mine");
    let _living = std::os::unix::net::UnixListener::bind(directory.path().join("s")).unwrap();
    let ended = mexfwd(directory.path(), &["run", "-c", "good.toml", "--socket", "s"]);
    assert_eq!(ended.status, 1);
    assert!(ended.line().contains("another mexfwd answers here already"), "{}", ended.stderr);
}

/// The file header of a classic pcap with microseconds (draft-ietf-opsawg-pcap).
fn pcap_header(link_type: u32) -> Vec<u8> {
    let mut octets = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0];
    octets.extend_from_slice(&link_type.to_le_bytes());
    octets
}

#[test]
fn replay_refuses_captures_that_it_cannot_read() {
    let directory = directory();
    let write = |name: &str, octets: &[u8]| std::fs::write(directory.path().join(name), octets).unwrap();
    write("empty.pcap", b"");
    write("text.pcap", b"this is no capture, whatever its name says");
    write("raw.pcap", &pcap_header(101));
    // A record of 60 octets of which 10 are there.
    let cut = [pcap_header(1), vec![0; 8], vec![60, 0, 0, 0, 60, 0, 0, 0], vec![0; 10]].concat();
    write("cut.pcap", &cut);
    for name in ["empty.pcap", "text.pcap", "raw.pcap", "cut.pcap"] {
        let input = format!("a={name}");
        let ended = mexfwd(directory.path(), &["replay", "-c", "good.toml", "--in", &input]);
        assert_eq!(ended.status, 2, "{name}: {}", ended.stderr);
        assert!(ended.line().contains(name), "{}", ended.stderr);
    }
    write("script", b"1 port set a down\n2 port set a sideways\nx mex set enabled on\n");
    let ended = mexfwd(directory.path(), &["replay", "-c", "good.toml", "--script", "script"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.lines().any(|line| line.starts_with("script:2:")), "{}", ended.stderr);
    assert!(ended.stderr.lines().any(|line| line.starts_with("script:3:")), "{}", ended.stderr);
}

#[test]
fn replay_sums_up_for_people_and_as_json() {
    let directory = directory();
    // One IPv6 packet for the route, hop limit 64, next header 59 (none), no payload.
    let mut packet =
        vec![0x02, 0, 0, 0, 0, 0x0a, 0x02, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 59, 64];
    packet.extend_from_slice(&"2001:db8:a::9".parse::<std::net::Ipv6Addr>().unwrap().octets());
    packet.extend_from_slice(&"2001:db8:1::9".parse::<std::net::Ipv6Addr>().unwrap().octets());
    let length = (packet.len() as u32).to_le_bytes();
    let capture =
        [pcap_header(1), vec![1, 0, 0, 0, 2, 0, 0, 0], length.to_vec(), length.to_vec(), packet.clone()];
    std::fs::write(directory.path().join("in.pcap"), capture.concat()).unwrap();
    let config =
        GOOD.replacen("[[port]]\nname = \"a\"\n", "[[port]]\nname = \"a\"\nmac = \"02:00:00:00:00:0a\"\n", 1);
    std::fs::write(directory.path().join("mac.toml"), config).unwrap();
    let arguments = ["replay", "-c", "mac.toml", "--in", "a=in.pcap", "--out", "a=a.pcap", "b=b.pcap"];
    let ended = mexfwd(directory.path(), &[&arguments[..], &["--json"]].concat());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&summary["ports"]["a"]["rx"], &summary["ports"]["b"]["tx"]), (&1.into(), &1.into()));
    let sent = std::fs::read(directory.path().join("b.pcap")).unwrap();
    let frame = &sent[24 + 16..];
    assert_eq!(&frame[..6], &[0x02, 0, 0, 0, 0, 0xb2]);
    assert_eq!((frame[21], &frame[22..]), (63, &packet[22..]));
    assert_eq!(
        std::fs::read(directory.path().join("a.pcap")).unwrap().len(),
        24,
        "not a valid empty capture"
    );
    // The way of a packet goes to the other stream, so that a program can read the summary.
    let ended = mexfwd(directory.path(), &[&arguments[..], &["--json", "--trace"]].concat());
    assert!(serde_json::from_str::<Value>(&ended.stdout).is_ok(), "{}", ended.stdout);
    assert_eq!(
        ended.stderr.trim(),
        "packet 1 from a: ethernet-input > ip6-input > lookup > rewrite > output",
        "{}",
        ended.stderr
    );
    let ended = mexfwd(directory.path(), &arguments);
    assert_eq!(ended.status, 0);
    assert!(
        ended.stdout.contains("received 1 + made 0 = sent 1 + dropped 0 + consumed 0"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let directory = directory();
    let binary: PathBuf = env!("CARGO_BIN_EXE_mexfwd").into();
    let script = format!("({} check -c good.toml --json; echo $? > status) | true", binary.display());
    let status = Command::new("sh").args(["-c", &script]).current_dir(directory.path()).status().unwrap();
    assert!(status.success());
    // The pipeline does not wait for its left side.
    let path = directory.path().join("status");
    for _ in 0..500 {
        if std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n");
}
