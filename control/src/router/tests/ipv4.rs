//! What control does about IPv4 packets: it cuts what is too long, and speaks ARP.

use std::collections::VecDeque;

use dataplane::wire::{arp, ethernet};

use super::*;

/// What arrives, and what is sent.
#[derive(Default)]
struct Wire {
    arriving: VecDeque<(PortId, Vec<u8>)>,
    sent: Vec<(PortId, Vec<u8>)>,
}

impl PacketIo<HeapBuf> for Wire {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, arrivals: &mut Arrivals<'_, HeapBuf>) {
        while arrivals.room() > 0
            && let Some((port, frame)) = self.arriving.pop_front()
        {
            arrivals.push(port, HeapBuf::new(&frame, 0)).unwrap();
        }
    }

    fn transmit(&mut self, port: PortId, frames: &mut [Option<HeapBuf>]) {
        for frame in frames.iter_mut().filter_map(Option::take) {
            self.sent.push((port, dataplane::buffer::PacketBuf::bytes(&frame).to_vec()));
        }
    }
}

const A: PortId = PortId(0);
const B: PortId = PortId(1);
/// The station address of port `b`.
const MAC_B: Mac = Mac([2, 0, 0, 0, 0, 2]);
const NEIGHBOR: Mac = Mac([2, 0, 0, 0, 0, 0x77]);

/// What is sent after these frames have come in, and control has had its turns.
fn exchange(node: &mut Node, frames: &[(PortId, Vec<u8>)]) -> Vec<(PortId, Vec<u8>)> {
    let mut wire = Wire { arriving: frames.iter().cloned().collect(), ..Wire::default() };
    for _ in 0..10 {
        node.workers[0].poll(&mut wire, node.now_ns);
        node.router.take_punts(usize::MAX, &mut Heap, node.now_ns);
        node.router.push();
    }
    wire.sent
}

/// 203.0.113.9 to 198.51.100.7, protocol 253, without DF, from a host on port `a`.
fn packet(payload_len: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, 0x45, 0];
    frame.extend((20 + payload_len as u16).to_be_bytes());
    frame.extend([0, 1, 0, 0, 64, 253, 0, 0, 203, 0, 113, 9, 198, 51, 100, 7]);
    dataplane::wire::ipv4::fill_checksum(&mut frame[14..]);
    frame.extend((0..payload_len).map(|at| at as u8));
    frame
}

#[test]
fn a_destination_is_asked_for_and_its_answer_lets_the_packet_go() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    node.settle();
    let sent = exchange(&mut node, &[(A, packet(100))]);
    let request = arp::Repr::request(MAC_B, 0xc633_6401, 0xc633_6407);
    assert_eq!(sent, [(B, request.frame(Mac::BROADCAST).to_vec())]);
    let sent = exchange(&mut node, &[(B, request.reply(NEIGHBOR).frame(MAC_B).to_vec())]);
    assert_eq!(sent.len(), 1);
    let (port, frame) = &sent[0];
    assert_eq!((*port, &frame[..14]), (B, &ethernet::bytes(NEIGHBOR, MAC_B, ethernet::TYPE_IPV4)[..]));
    let arrived = packet(100);
    assert_eq!((&frame[14..22], frame[22], &frame[23..24]), (&arrived[14..22], 63, &arrived[23..24]));
    assert_eq!(frame[26..], arrived[26..]);
    // Now it has an entry of its own.
    assert_eq!(exchange(&mut node, &[(A, packet(100))]).len(), 1);
    assert_eq!(node.router.waiting(), 0);
}

#[test]
fn what_is_too_long_is_cut_and_every_piece_counts() {
    let mut node = Node::new(PORTS, 1, Mode::REPLAY);
    node.change("port set b mtu 1280").unwrap();
    node.change("neighbor add 198.51.100.7 lladdr 02:00:00:00:00:77 dev b").unwrap();
    node.settle();
    let whole = packet(1400);
    let sent = exchange(&mut node, &[(A, whole.clone())]);
    assert_eq!(sent.len(), 2);
    let mut payload = Vec::new();
    for (at, (port, frame)) in sent.iter().enumerate() {
        let lengths = dataplane::wire::ipv4::check(&frame[14..]).unwrap();
        let field = u16::from_be_bytes([frame[20], frame[21]]);
        assert_eq!((*port, field & 0xe000, frame[22]), (B, [0x2000, 0][at], 63));
        assert_eq!(usize::from(field & 0x1fff) * 8, payload.len());
        assert!(lengths.total_len <= 1280);
        payload.extend_from_slice(&frame[34..]);
    }
    assert_eq!(payload, whole[34..]);
    let counters = node.router.show_counters();
    let of = |name: &str| counters[name].as_u64().unwrap();
    assert_eq!((of("received"), of("made"), of("sent"), of("waiting")), (1, 1, 2, 0));

    // As many as may be at once, and no more.
    let many: Vec<_> = (0..2 * fragment::PACKETS_AT_ONCE).map(|_| (A, packet(1400))).collect();
    let mut cut = 0;
    for some in many.chunks(100) {
        cut += exchange(&mut node, some).len() as u64 / 2;
    }
    assert_eq!(cut, fragment::PACKETS_AT_ONCE - 1, "one was cut before");
    let counters = node.router.show_counters();
    assert_eq!(counters["drops"]["fragment-limit"], fragment::PACKETS_AT_ONCE + 1);
    assert_eq!(counters["received"].as_u64().unwrap() + counters["made"].as_u64().unwrap(), {
        ["sent", "dropped", "consumed", "waiting"]
            .iter()
            .map(|name| counters[*name].as_u64().unwrap())
            .sum::<u64>()
    });
}
