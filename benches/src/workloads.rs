//! What instructions are counted of: plain forwarding of both families, MEX, and SRv6.

use dataplane::fib::{Fib4, Prefix4};
use dataplane::id::{NextHopId, VrfId};
use dataplane::update::Update;
use dataplane::wire::ethernet::{self, Mac};
use dataplane::wire::ipv4;

use crate::{Bench, MAC, REACHABLE, UNREACHABLE, frame, srv6, tables};

/// Destinations of IPv4 packets are in this /16.
const NETWORK4: u32 = 0xcb00_0000;
/// Where IPv4 packets come from.
const SOURCE4: u32 = 0xc000_0201;
/// Octets of an Ethernet frame without its checksum, as small as they come on the wire with it.
const FRAME4_LEN: usize = 60;
/// UDP.
const UDP: u8 = 17;

/// Those that are not in the list of SRv6. Plain IPv6 forwarding is one of SRv6's: its tables are the larger ones.
const OTHERS: [&str; 4] =
    ["IPv4 plain forwarding", "AP header, not needed", "MEX exchange", "End.DT46, IPv4 inside"];

/// The names of all workloads, in the order of reports.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = srv6::WORKLOADS.iter().map(|workload| workload.name).collect();
    // Behind plain forwarding.
    let rest = names.split_off(1);
    names.extend(OTHERS);
    names.extend(rest);
    names
}

/// A worker with the tables of a workload, and `count` of its packets that go round; `None`: no such workload.
pub fn bench(name: &str, count: u32) -> Option<Bench> {
    if let Some(workload) = srv6::WORKLOADS.iter().find(|workload| workload.name == name) {
        return Some(workload.bench(count));
    }
    let frames = |one: &dyn Fn(u32) -> Vec<u8>| (0..count).map(one).collect::<Vec<_>>();
    let route4 = (Prefix4::new(NETWORK4, 16), NextHopId(1));
    let four = || Update::Fib4(VrfId(0), Fib4::build([route4]).ok());
    Some(match name {
        "IPv4 plain forwarding" => Bench::with(frames(&frame4), tables().into_iter().chain([four()])),
        "End.DT46, IPv4 inside" => srv6::dt46_with_ipv4(&frames(&frame4), [four()]),
        "AP header, not needed" => Bench::new(frames(&|flow| frame(REACHABLE, &[UNREACHABLE], flow))),
        "MEX exchange" => Bench::new(frames(&|flow| frame(UNREACHABLE, &[REACHABLE], flow))),
        _ => return None,
    })
}

/// A UDP packet over IPv4 in a frame of 64 octets on the wire.
fn frame4(flow: u32) -> Vec<u8> {
    let mut frame = vec![0; FRAME4_LEN];
    if let Some(mut header) = ethernet::Header::of_mut(&mut frame) {
        header.set(MAC, Mac([2, 0, 0, 0, 0, 9]), ethernet::TYPE_IPV4);
    }
    let packet = &mut frame[ethernet::LEN..];
    let repr = ipv4::Repr {
        tos: 0,
        total_len: (FRAME4_LEN - ethernet::LEN) as u16,
        identification: 0,
        dont_fragment: true,
        ttl: ipv4::DEFAULT_TTL,
        protocol: UDP,
        source: SOURCE4,
        destination: NETWORK4 | flow & 0xffff,
    };
    if let Some(mut header) = ipv4::Header::of_mut(packet) {
        repr.emit(&mut header);
    }
    ipv4::fill_checksum(packet);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_of_every_workload_is_sent() {
        for name in names() {
            let mut bench = bench(name, 64).unwrap();
            bench.turn();
            assert_eq!(bench.turn(), 64, "{name}");
            // All but these are usual enough for the express lane.
            let by_graph =
                ["IPv4 plain forwarding", "End.DT46, IPv4 inside", "End.B6.Encaps, SRH of 3, 1 segment"];
            assert_eq!(bench.express(), if by_graph.contains(&name) { 0 } else { 128 }, "{name}");
        }
        assert!(bench("", 64).is_none());
        let distinct: std::collections::BTreeSet<_> = names().into_iter().collect();
        assert_eq!((names().len(), names()[0]), (distinct.len(), "plain forwarding"));
    }

    #[test]
    fn lane_and_graph_send_the_same_octets() {
        for name in names() {
            let octets = |is_open| {
                let mut bench = bench(name, 64).unwrap();
                bench.set_express(is_open);
                assert_eq!((bench.turn(), bench.express() > 0 && !is_open), (64, false), "{name}");
                bench.sent().map(<[u8]>::to_vec).collect::<std::collections::BTreeSet<_>>()
            };
            let (lane, graph) = (octets(true), octets(false));
            assert_eq!((lane.len(), &lane), (64, &graph), "{name}");
        }
    }

    #[test]
    fn an_ipv4_frame_is_what_scapy_makes() {
        // Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:09") /
        //     IP(id=0, flags="DF", src="192.0.2.1", dst="203.0.0.7", proto=17, len=46), padded with zeros
        let scapy = [
            0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x09, 0x08, 0x00, 0x45, 0x00, 0x00, 0x2e, 0x00, 0x00,
            0x40, 0x00, 0x40, 0x11, 0xad, 0xb6, 0xc0, 0x00, 0x02, 0x01, 0xcb, 0x00, 0x00, 0x07,
        ];
        let frame = frame4(7);
        assert_eq!(frame[..scapy.len()], scapy);
        assert!(frame.len() == FRAME4_LEN && frame[scapy.len()..].iter().all(|octet| *octet == 0));
    }
}
