//! The daemon itself: `mexfwd run` with capture files for wires, where no privilege is needed, and with the kernel at
//! both ends, where namespaces can be made. Frames are written and compared octet by octet; the kernel is its own judge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::doc_markdown)]

mod daemon;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use daemon::{DPDK, Daemon, enter, pcap, write_config};
use serde_json::Value;

/// The frames of a capture file.
fn frames_of(path: &Path) -> Vec<Vec<u8>> {
    let file = fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (mut frames, mut at) = (Vec::new(), 24);
    while at < file.len() {
        let len = word(at + 8);
        frames.push(file[at + 16..at + 16 + len].to_vec());
        at += 16 + len;
    }
    frames
}

const A_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x0a];
const B_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x0b];
const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xf1];
const NEIGHBOR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xb2];

/// UDP from 2001:db8:1::1 to a subnet of 2001:db8::/32 (the third group), with octets that tell it from all others.
fn frame(to: [u8; 6], from: [u8; 6], subnet: u8, hop_limit: u8, number: u8) -> Vec<u8> {
    let payload: Vec<u8> = (0..number).map(|at| at ^ number).collect();
    let len = 8 + payload.len() as u8;
    let mut frame = [&to[..], &from, &[0x86, 0xdd, 0x60, 0, 0, number, 0, len, 17, hop_limit]].concat();
    for (subnet, host) in [(1, 1), (subnet, number)] {
        frame.extend([0x20, 0x01, 0x0d, 0xb8, 0, subnet, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    }
    frame.extend([0x13, 0x88, 0, 9, 0, len, 0xab, 0xcd]);
    frame.extend(payload);
    frame
}

const WIRES: &str = r#"
[[port]]
name    = "a"
device  = "net_pcap0,rx_pcap=DIR/a.pcap,tx_pcap=DIR/a-out.pcap"
mac     = "02:00:00:00:00:0a"
address = ["2001:db8:a::1/64"]

[[port]]
name    = "b"
device  = "net_pcap1,rx_pcap=DIR/b.pcap,tx_pcap=DIR/b-out.pcap"
mac     = "02:00:00:00:00:0b"
address = ["2001:db8:b::1/64"]

[[neighbor]]
port    = "b"
address = "2001:db8:b::2"
mac     = "02:00:00:00:00:b2"

[[neighbor]]
port    = "a"
address = "2001:db8:a::2"
mac     = "02:00:00:00:00:f1"

[[route]]
prefix = "2001:db8:1::/48"
via    = [{ address = "2001:db8:a::2", port = "a" }]

[[route]]
prefix = "2001:db8:2::/48"
via    = [{ address = "2001:db8:b::2", port = "b" }]
"#;

fn is_ours(frame: &[u8]) -> bool {
    frame.get(20) == Some(&17)
}

#[test]
fn forwards_from_capture_to_capture() {
    let count = 200_u8;
    let daemon = |directory: &Path| {
        let mut frames: Vec<_> = (0..count).map(|number| frame(A_MAC, HOST_MAC, 2, 64, number)).collect();
        frames.push(frame(A_MAC, HOST_MAC, 3, 64, 1));
        fs::write(directory.join("a.pcap"), pcap(&frames)).unwrap();
        fs::write(directory.join("b.pcap"), pcap(&[])).unwrap();
    };
    let mut daemon = Daemon::start(WIRES, daemon, None);
    daemon.wait("all packets", |daemon| {
        let counters = daemon.show("counters");
        counters["ports"]["a"]["rx"] == u64::from(count) + 1
    });
    let counters = daemon.show("counters");
    let value = |name: &str| counters[name].as_u64().unwrap();
    assert_eq!(
        value("received") + value("made"),
        value("sent") + value("dropped") + value("consumed") + value("waiting")
    );
    assert_eq!(daemon.show("drops")["no-route"], 1);
    let workers = daemon.show("workers");
    assert_eq!((&workers[0]["core"], &workers[0]["idle"]), (&Value::from(0), &Value::from("adaptive")));
    assert_eq!(daemon.show("ports")[0]["driver"], "net_pcap");
    let directory = daemon.end();
    let sent: Vec<_> =
        frames_of(&directory.path().join("b-out.pcap")).into_iter().filter(|f| is_ours(f)).collect();
    let expected: Vec<_> = (0..count).map(|number| frame(NEIGHBOR_MAC, B_MAC, 2, 63, number)).collect();
    assert_eq!(sent, expected, "all packets, in order, with nothing changed but what a router changes");

    let errors = frames_of(&directory.path().join("a-out.pcap"));
    let errors: Vec<_> = errors.iter().filter(|frame| frame[20] == 58 && frame[54] == 1).collect();
    assert_eq!(errors.len(), 1);
    assert_unreachable(errors[0], &frame(A_MAC, HOST_MAC, 3, 64, 1)[14..]);
}

/// Destination unreachable, no route (RFC 4443, 3.1), from 2001:db8:a::1 to 2001:db8:1::1, about this packet.
fn assert_unreachable(frame: &[u8], about: &[u8]) {
    let len = 8 + about.len();
    assert_eq!(frame[..14], [&HOST_MAC[..], &A_MAC, &[0x86, 0xdd]].concat());
    assert_eq!((frame[14] >> 4, &frame[18..21]), (6, &[0, len as u8, 58][..]));
    let address = |subnet| [0x20, 0x01, 0x0d, 0xb8, 0, subnet, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!((&frame[22..38], &frame[38..54]), (&address(0xa)[..], &address(1)[..]));
    assert_eq!((&frame[54..56], &frame[58..62]), (&[1, 0][..], &[0; 4][..]));
    assert_eq!(&frame[62..], about, "the packet as it was received");
    // The checksum (RFC 4443, 2.3): with the pseudo-header the sum is all ones.
    let pseudo_header = [&frame[22..54], &[0, 0, 0, len as u8, 0, 0, 0, 58]].concat();
    let words = pseudo_header.chunks(2).chain(frame[54..].chunks(2));
    let sum: u32 = words.map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
}

#[test]
fn reads_its_configuration_again_or_keeps_the_old_one() {
    let empty = |directory: &Path| {
        for name in ["a.pcap", "b.pcap"] {
            fs::write(directory.join(name), pcap(&[])).unwrap();
        }
    };
    let mut daemon = Daemon::start(WIRES, empty, None);
    assert_eq!(daemon.show("routes")[1]["prefix"], "2001:db8:2::/48");

    write_config(daemon.directory.path(), &format!("{WIRES}\nnonsense = 1\n"));
    daemon.signal("HUP");
    daemon.wait("a problem", |daemon| daemon.log().contains("nonsense"));
    assert!(daemon.log().contains("config.toml:37:1"), "with its place: {}", daemon.log());
    assert_eq!(daemon.show("routes")[1]["prefix"], "2001:db8:2::/48");

    write_config(daemon.directory.path(), &WIRES.replace("net_pcap1", "net_pcap2"));
    daemon.signal("HUP");
    daemon.wait("a refusal", |daemon| daemon.log().contains("cannot change while running"));

    write_config(daemon.directory.path(), &WIRES.replace("2001:db8:2::/48", "2001:db8:22::/48"));
    daemon.signal("HUP");
    daemon.wait("the new route", |daemon| daemon.show("routes")[1]["prefix"] == "2001:db8:22::/48");
    daemon.end();
}

/// What a start that must fail says, and its exit status.
fn failed_start(config: &str) -> (String, Option<i32>) {
    let directory = tempfile::tempdir().unwrap();
    let config = config.replace("DIR", directory.path().to_str().unwrap());
    fs::write(directory.path().join("config.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mexfwd"));
    command.args(["run", "--config"]).arg(directory.path().join("config.toml"));
    let output = command.arg("--socket").arg(directory.path().join("socket")).output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn says_why_it_does_not_start() {
    let port = |device: &str| format!("[[port]]\nname = \"wan\"\ndevice = \"{device}\"\n");
    let (told, status) = failed_start(&format!("{DPDK}{}", port("net_af_packet0,iface=no-such-one")));
    assert!(told.contains("wan") && told.contains("no-such-one"), "{told}");
    assert_eq!(status, Some(1), "{told}");
    let (told, status) = failed_start(&format!("{}{}", DPDK.replace("64M", "16M"), port("net_null0")));
    assert!(told.contains("memory") && told.contains("is needed"), "{told}");
    assert_eq!(status, Some(2), "{told}");
    let nowhere = DPDK.replace("[0]", "[1000]").replace("adaptive", "spin");
    let (told, status) = failed_start(&format!("{nowhere}{}", port("net_null0")));
    assert!(told.contains("1000"), "{told}");
    assert_eq!(status, Some(2), "{told}");
}

/// Network namespaces: two hosts and the router between them.
struct Hosts {
    names: [String; 3],
}

const SETUP: &str = "
set -e
for n in $1 $2 $3; do ip netns add $n; ip -n $n link set lo up; done
ip link add ra netns $1 type veth peer name eth0 netns $2
ip link add rb netns $1 type veth peer name eth0 netns $3
for i in ra rb; do ip netns exec $1 sysctl -qw net.ipv6.conf.$i.disable_ipv6=1; ip -n $1 link set $i up; done
ip -n $2 link set eth0 up; ip -n $3 link set eth0 up
ip -n $2 addr add 2001:db8:a::2/64 dev eth0 nodad; ip -n $3 addr add 2001:db8:b::2/64 dev eth0 nodad
ip -n $2 -6 route add default via 2001:db8:a::1; ip -n $3 -6 route add default via 2001:db8:b::1
";

impl Hosts {
    /// None where they cannot be made.
    fn new() -> Option<Hosts> {
        let names =
            ["router", "host-a", "host-b"].map(|name| format!("mexfwd-test-{}-{name}", std::process::id()));
        let hosts = Hosts { names };
        let output = Command::new("sh").args(["-c", SETUP, "sh"]).args(&hosts.names).output().unwrap();
        if output.status.success() {
            return Some(hosts);
        }
        println!(
            "run: SKIPPED: no network namespaces here: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        None
    }

    fn ip(&self, namespace: usize, arguments: &str) {
        let status =
            Command::new("ip").args(["-n", &self.names[namespace]]).args(arguments.split(' ')).status();
        assert!(status.unwrap().success(), "ip {arguments}");
    }

    /// Sends echo requests from host A; true when all were answered.
    fn ping(&self, address: &str) -> bool {
        let mut command = enter(Some(&self.names[1]), "ping");
        command.args(["-c", "3", "-i", "0.2", "-W", "2", "-s", "1000", address]);
        command.stdout(Stdio::null()).status().unwrap().success()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
        }
    }
}

const KERNELS: &str = r#"
[[port]]
name    = "a"
device  = "net_af_packet0,iface=ra"
mac     = "02:00:00:00:00:0a"
address = ["2001:db8:a::1/64"]

[[port]]
name    = "b"
device  = "net_af_packet1,iface=rb"
mac     = "02:00:00:00:00:0b"
address = ["2001:db8:b::1/64"]
"#;

#[test]
fn routes_between_kernels_and_follows_their_links() {
    let Some(hosts) = Hosts::new() else { return };
    let mut daemon = Daemon::start(KERNELS, |_| {}, Some(&hosts.names[0]));
    daemon.wait("a ping through the router", |_| hosts.ping("2001:db8:b::2"));
    assert!(hosts.ping("2001:db8:a::1"), "the router itself answers");
    let neighbors = daemon.show("neighbors").to_string();
    assert!(neighbors.contains("2001:db8:a::2") && neighbors.contains("2001:db8:b::2"), "{neighbors}");

    hosts.ip(2, "link set eth0 down");
    daemon.wait("the link to go", |daemon| daemon.link(1) == "down");
    assert_eq!(daemon.link(0), "up");
    hosts.ip(2, "link set eth0 up");
    daemon.wait("the link to come back", |daemon| daemon.link(1) == "up");
    hosts.ip(2, "addr replace 2001:db8:b::2/64 dev eth0 nodad");
    hosts.ip(2, "-6 route replace default via 2001:db8:b::1");
    daemon.wait("a ping through the router", |_| hosts.ping("2001:db8:b::2"));

    hosts.ip(0, "link del rb");
    daemon.wait("the link to go", |daemon| daemon.link(1) == "down");
    assert!(hosts.ping("2001:db8:a::1"), "the rest goes on");
    daemon.end();
}
