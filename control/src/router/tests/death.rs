//! A port dies and comes back under traffic: no packet is lost, and none goes to the dead port.

use std::fmt::Write as _;

use dataplane::wire::ipv6;

use super::*;

/// Routes, each with a next hop of its own on two ports.
const ROUTES: u16 = 64;
/// Payloads are empty.
const FRAME_LEN: usize = 54;

/// Packets to every route, and which port they leave by.
struct Traffic {
    frames: Vec<Vec<u8>>,
    sent: [usize; 3],
}

impl PacketIo<HeapBuf> for Traffic {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, arrivals: &mut Arrivals<'_, HeapBuf>) {
        for frame in &self.frames {
            arrivals.push(PortId(0), HeapBuf::new(frame, 0)).expect("fewer than a burst");
        }
    }

    fn transmit(&mut self, port: PortId, frames: &mut [Option<HeapBuf>]) {
        for frame in frames {
            assert_eq!(
                frame.take().map(|frame| dataplane::buffer::PacketBuf::bytes(&frame).len()),
                Some(FRAME_LEN)
            );
            self.sent[port.index()] += 1;
        }
    }
}

impl Traffic {
    /// Ports that the packets of one turn left by.
    fn turn(&mut self, node: &mut Node) -> [usize; 3] {
        self.sent = [0; 3];
        node.workers[0].poll(self, node.now_ns);
        self.sent
    }
}

/// As RFC 8200 (3) and IEEE 802.3 lay it out: to 4000:NUMBER::1, from 2001:db8:a::9.
fn frame(number: u16) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x99, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 59, 64];
    let source: std::net::Ipv6Addr = "2001:db8:a::9".parse().unwrap();
    frame.extend(source.octets());
    frame.extend((0x4000_u128 << 112 | u128::from(number) << 96 | 1).to_be_bytes());
    assert_eq!(frame.len(), 14 + ipv6::LEN);
    frame
}

/// Routes by both `b` and `c`, to neighbors whose MAC addresses are known.
fn node() -> (Node, Traffic) {
    let mut text = String::new();
    for (port, subnet) in [("a", "a"), ("b", "b"), ("c", "c")] {
        let _ = writeln!(text, "[[port]]\nname = \"{port}\"\naddress = [\"2001:db8:{subnet}::1/64\"]");
    }
    for number in 0..ROUTES {
        for port in ["b", "c"] {
            let address = format!("2001:db8:{port}::{:x}", 2 + number);
            let _ = writeln!(text, "[[neighbor]]\nport = \"{port}\"\naddress = \"{address}\"");
            let _ = writeln!(text, "mac = \"02:00:00:00:01:{number:02x}\"");
        }
        let hop = |port| format!("{{ address = \"2001:db8:{port}::{:x}\", port = \"{port}\" }}", 2 + number);
        let _ = writeln!(
            text,
            "[[route]]\nprefix = \"4000:{number:x}::/32\"\nvia = [{}, {}]",
            hop("b"),
            hop("c")
        );
    }
    let mut node = Node::new(&text, 1, Mode::REPLAY);
    node.settle();
    (node, Traffic { frames: (0..ROUTES).map(frame).collect(), sent: [0; 3] })
}

fn dropped(node: &Node) -> u64 {
    node.router.counters().map(Counters::dropped).sum()
}

/// One death and return, by what `change` does to port `b`.
fn die_and_return(change: impl Fn(&mut Node, bool)) {
    let (mut node, mut traffic) = node();
    let all = usize::from(ROUTES);
    let [_, by_b, by_c] = traffic.turn(&mut node);
    assert!(by_b > 0 && by_c > 0 && by_b + by_c == all, "{by_b} and {by_c}");
    for _ in 0..3 {
        change(&mut node, false);
        // Whatever the worker has taken of the new tables, from none to all.
        while !node.router.is_settled() {
            assert_eq!(traffic.turn(&mut node), [0, 0, all]);
            node.router.push();
        }
        assert_eq!(traffic.turn(&mut node), [0, 0, all]);
        change(&mut node, true);
        while !node.router.is_settled() {
            let [_, by_b, by_c] = traffic.turn(&mut node);
            assert_eq!(by_b + by_c, all, "none is lost");
            node.router.push();
        }
        assert_eq!(traffic.turn(&mut node), [0, by_b, by_c], "every flow is where it was");
    }
    assert_eq!(dropped(&node), 0);
}

#[test]
fn a_link_that_ends_and_returns_costs_no_packet() {
    die_and_return(|node, is_up| node.router.set_link(PortId(1), is_up, &mut Heap, node.now_ns));
}

#[test]
fn a_port_that_is_set_down_and_up_costs_no_packet() {
    die_and_return(|node, is_up| {
        node.change(if is_up { "port set b up" } else { "port set b down" }).unwrap();
    });
}

#[test]
fn whoever_sees_the_end_of_a_link_first_moves_its_packets_before_control_knows() {
    let (mut node, mut traffic) = node();
    let all = usize::from(ROUTES);
    let before = traffic.turn(&mut node);
    let links = Arc::clone(node.router.links());
    links.cut(PortId(1));
    assert_eq!(traffic.turn(&mut node), [0, 0, all]);
    // What control does meanwhile does not bring it back.
    node.change("port set b down").unwrap();
    node.change("port set b up").unwrap();
    node.settle();
    assert_eq!(traffic.turn(&mut node), [0, 0, all]);
    links.mend(PortId(1));
    // Control hears of both, late and in order.
    for is_up in [false, true] {
        node.router.set_link(PortId(1), is_up, &mut Heap, node.now_ns);
        assert_eq!(traffic.turn(&mut node), [0, 0, all]);
    }
    node.settle();
    assert_eq!(traffic.turn(&mut node), before);
    assert_eq!(dropped(&node), 0);
}

#[test]
fn a_link_that_ends_again_before_workers_know_of_its_return_stays_dead() {
    let (mut node, mut traffic) = node();
    let all = usize::from(ROUTES);
    for is_up in [false, true, false] {
        node.router.set_link(PortId(1), is_up, &mut Heap, node.now_ns);
    }
    while !node.router.is_settled() {
        assert_eq!(traffic.turn(&mut node), [0, 0, all]);
        node.router.push();
    }
    assert_eq!(traffic.turn(&mut node), [0, 0, all]);
    assert_eq!(dropped(&node), 0);
}
