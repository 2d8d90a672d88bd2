//! Ports that meet the Linux kernel: af_packet, af_xdp and tap, in a network namespace of their own. The kernel's
//! end is an AF_PACKET socket of a small Python program, which knows nothing of this crate.
#![allow(clippy::unwrap_used, clippy::doc_markdown)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use common::{frame, options, pool, receive, send};
use dpdk::{Eal, Error, MbufBurst, Mempool, Port, PortConfig, RxQueue, Shortfall};

/// An argument for this program: it is in its namespace.
const INSIDE: &str = "inside-namespace";

const ENTER: &str = "mount -t sysfs sysfs /sys && sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && \
    sysctl -qw net.ipv6.conf.default.disable_ipv6=1 && exec \"$0\" inside-namespace";

const PEER: &str = r#"
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0))
s.settimeout(10)
print("ready", flush=True)
for line in sys.stdin:
    word, argument = line.split()
    if word == "send":
        s.send(bytes.fromhex(argument))
        continue
    left = int(argument)
    while left:
        octets, address = s.recvfrom(65535)
        if address[2] != socket.PACKET_OUTGOING and octets[12:14] == b"\x88\xb5":
            print(octets.hex(), flush=True)
            left -= 1
"#;

type Test = fn(&Eal, &Mempool);

fn main() {
    if std::env::args().any(|argument| argument == INSIDE) {
        return inside();
    }
    let allowed = Command::new("unshare").args(["--net", "--mount", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("kernel: SKIPPED: no network namespace can be made here (it takes root)");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let status =
        Command::new("unshare").args(["--net", "--mount", "sh", "-c", ENTER]).arg(program).status().unwrap();
    assert!(status.success(), "the tests in the namespace: {status}");
}

fn inside() {
    let eal = Eal::init(&options()).unwrap();
    let pool = pool(&eal, 16383);
    let tests: [(&str, Test); 4] = [
        ("af_packet", af_packet),
        ("af_packet with several queues", af_packet_queues),
        ("tap", tap),
        ("af_xdp", af_xdp),
    ];
    for (name, test) in tests {
        test(&eal, &pool);
        println!("kernel: {name}: ok");
    }
}

/// Runs a command of iproute2 and returns what it prints.
fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A pair of interfaces, up.
fn veth(name: &str, peer: &str) {
    ip(&format!("link add {name} type veth peer name {peer}"));
    ip(&format!("link set {name} up"));
    ip(&format!("link set {peer} up"));
}

/// The kernel's end of a wire.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn on(interface: &str) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", PEER, interface])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut peer = Self { child, input, output };
        assert_eq!(peer.line(), "ready");
        peer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn send(&mut self, frame: &[u8]) {
        write!(self.input, "send ").unwrap();
        for octet in frame {
            write!(self.input, "{octet:02x}").unwrap();
        }
        writeln!(self.input).unwrap();
    }

    fn receive(&mut self, count: usize) -> Vec<Vec<u8>> {
        writeln!(self.input, "receive {count}").unwrap();
        let octet = |line: &str, at| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
        let frame = |line: String| (0..line.len()).step_by(2).map(|at| octet(&line, at)).collect();
        (0..count).map(|_| frame(self.line())).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

/// Frames of many lengths pass both ways with all their octets, and are counted.
fn exchange(port: &mut Port, pool: &Mempool, peer: &mut Peer) {
    let (mut rx, mut tx) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    let frames: Vec<Vec<u8>> = (0..100).map(|number| frame(number, 60 + 13 * usize::from(number))).collect();
    for frame in &frames {
        peer.send(frame);
    }
    assert_eq!(receive(&mut [&mut rx], frames.len()), frames);
    for frame in &frames {
        send(&mut tx, pool.alloc_from(frame).unwrap());
    }
    assert_eq!(peer.receive(frames.len()), frames);
    let statistics = port.statistics().unwrap();
    assert!(statistics.rx_packets >= 100 && statistics.tx_packets >= 100, "{statistics:?}");
    let octets: usize = frames.iter().map(Vec::len).sum();
    assert!(statistics.rx_bytes >= octets as u64 && statistics.tx_bytes >= octets as u64, "{statistics:?}");
}

fn assert_index(port: &Port, interface: &str) {
    let index = port.info().unwrap().interface_index.unwrap();
    let line = ip(&format!("-oneline link show dev {interface}"));
    assert!(line.starts_with(&format!("{index}: ")), "{index}: {line}");
}

fn af_packet(eal: &Eal, pool: &Mempool) {
    veth("va", "vb");
    let mut port = Port::attach(eal, "net_af_packet0,iface=va").unwrap();
    let config = PortConfig { rx_queues: 2, mtu: Some(1400), promiscuous: true, ..PortConfig::default() };
    let got = port.configure(&config, pool).unwrap();
    assert_eq!((got.rx_queues, got.mtu, got.promiscuous), (1, 1400, true));
    assert!(got.shortfalls.contains(&Shortfall::RxQueues { asked: 2, got: 1 }), "{got:?}");
    port.start().unwrap();
    assert_index(&port, "va");
    assert!(ip("link show va").contains("mtu 1400") && ip("link show va").contains("PROMISC"));
    port.set_mtu(1500).unwrap();
    assert!(ip("link show va").contains("mtu 1500"));
    assert!(matches!(port.set_mtu(9000), Err(Error::Dpdk { code: 22, .. })), "larger than its frames");
    port.set_mac([2, 0, 0, 0, 0, 0x77]).unwrap();
    assert_eq!(port.mac().unwrap(), [2, 0, 0, 0, 0, 0x77]);
    assert!(ip("link show va").contains("02:00:00:00:00:77"));
    port.set_promiscuous(false).unwrap();
    assert!(!port.is_promiscuous() && !ip("link show va").contains("PROMISC"));
    port.set_promiscuous(true).unwrap();
    exchange(&mut port, pool, &mut Peer::on("vb"));

    // An interface that goes away beneath its port: nothing arrives, nothing crashes.
    let (mut rx, mut tx) = (port.take_rx_queue(0).unwrap(), port.take_tx_queue(0).unwrap());
    ip("link del va");
    let mut burst = MbufBurst::new();
    for _ in 0..1000 {
        rx.receive(&mut burst);
        burst.clear();
        tx.transmit(&mut [pool.alloc_from(&frame(1, 60))]);
    }
    assert!(port.statistics().unwrap().tx_errors > 0);
    drop((rx, tx, port));
    assert_eq!(pool.in_use(), 0);
}

/// An Ethernet frame with a UDP packet over IPv6 of the flow of this number.
fn flow_frame(flow: u8) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64];
    for host in [1, flow] {
        frame.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    }
    frame.extend([4, flow, 0, 9, 0, 8, 0xab, 0xcd]);
    frame
}

/// The frames of `flow_frame` that arrive at each queue, as the numbers of their flows.
fn flows(queues: &mut [RxQueue], count: usize) -> Vec<Vec<u8>> {
    let mut flows = vec![Vec::new(); queues.len()];
    let mut burst = MbufBurst::new();
    let deadline = std::time::Instant::now() + common::PATIENCE;
    while flows.iter().map(Vec::len).sum::<usize>() < count && std::time::Instant::now() < deadline {
        for (queue, flows) in queues.iter_mut().zip(&mut flows) {
            queue.receive(&mut burst);
            flows.extend(burst.as_slice().iter().flatten().filter_map(|mbuf| {
                let flow = *mbuf.bytes().get(53)?;
                (mbuf.bytes() == flow_frame(flow)).then_some(flow)
            }));
            burst.clear();
        }
    }
    flows
}

fn af_packet_queues(eal: &Eal, pool: &Mempool) {
    veth("va", "vb");
    let mut port = Port::attach(eal, "net_af_packet1,iface=va,qpairs=4").unwrap();
    let config = PortConfig { rx_queues: 4, tx_queues: 4, promiscuous: true, ..PortConfig::default() };
    let got = port.configure(&config, pool).unwrap();
    assert_eq!((got.rx_queues, got.tx_queues), (4, 4));
    port.start().unwrap();
    let mut peer = Peer::on("vb");
    let mut rx: Vec<RxQueue> = (0..4).map(|queue| port.take_rx_queue(queue).unwrap()).collect();
    for _ in 0..3 {
        for flow in 0..64 {
            peer.send(&flow_frame(flow));
        }
    }
    let flows = flows(&mut rx, 3 * 64);
    assert_eq!(flows.iter().map(Vec::len).sum::<usize>(), 3 * 64);
    assert!(flows.iter().all(|flows| !flows.is_empty()), "the kernel spreads flows: {flows:?}");
    for flow in 0..64 {
        let at = flows.iter().filter(|flows| flows.contains(&flow)).count();
        assert_eq!(at, 1, "flow {flow} stays in its queue: {flows:?}");
    }
    for queue in 0..4_u8 {
        let mut tx = port.take_tx_queue(queue.into()).unwrap();
        send(&mut tx, pool.alloc_from(&frame(queue, 70)).unwrap());
        assert_eq!(peer.receive(1), [frame(queue, 70)]);
    }
    drop((rx, port));
    ip("link del va");
    assert_eq!(pool.in_use(), 0);
}

fn tap(eal: &Eal, pool: &Mempool) {
    let mut port = Port::attach(eal, "net_tap0,iface=dpdk-tap").unwrap();
    port.configure(&PortConfig { mtu: Some(1450), promiscuous: true, ..PortConfig::default() }, pool)
        .unwrap();
    port.start().unwrap();
    assert_index(&port, "dpdk-tap");
    assert!(ip("link show dpdk-tap").contains("mtu 1450"));
    assert!(port.link().unwrap().up);
    port.set_mtu(1500).unwrap();
    exchange(&mut port, pool, &mut Peer::on("dpdk-tap"));
    port.set_link(false).unwrap();
    assert!(!port.link().unwrap().up);
    port.set_link(true).unwrap();
    assert!(port.link().unwrap().up);
    drop(port);
    assert_eq!(pool.in_use(), 0);
}

fn af_xdp(eal: &Eal, _: &Mempool) {
    veth("va", "vb");
    let pool = pool(eal, 16383);
    let mut port = Port::attach(eal, "net_af_xdp0,iface=va").unwrap();
    match port.configure(&PortConfig { promiscuous: true, ..PortConfig::default() }, &pool) {
        Ok(got) => assert_eq!((got.rx_queues, got.tx_queues), (1, 1)),
        Err(error) => {
            println!("kernel: af_xdp: SKIPPED: {error}");
            return;
        }
    }
    port.start().unwrap();
    assert_index(&port, "va");
    exchange(&mut port, &pool, &mut Peer::on("vb"));
    drop(port);
    // The driver of DPDK 22.11 loses the buffers that it had given to the kernel for receiving; with the
    // rest, the pool still works, and its memory stays.
    assert!(pool.in_use() <= 1024 * 3, "{}", pool.in_use());
    assert!(pool.alloc().is_some());
    ip("link del va");
}
