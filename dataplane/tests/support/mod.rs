//! A router on heap buffers, driven by hand: tables built directly, ports that are queues in memory.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

pub mod advance;
pub mod check;
pub mod four;
pub mod headers;
pub mod model;
pub mod octets;
pub mod octets4;
pub mod packets;
pub mod push;
pub mod scenario;
pub mod sids;
pub mod sr_packets;
pub mod sr_world;
pub mod srv6;
pub mod world;

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv6Addr;
use std::sync::Arc;

use dataplane::buffer::{HeapBuf, PacketBuf};
use dataplane::fib::{Fib6, Prefix6};
use dataplane::id::{AdjacencyId, NextHopId, PortId, VrfId};
use dataplane::limit::IcmpLimits;
use dataplane::table::{Adjacency, Group, Liveness, MexPolicy, NextHop, NextHops, Port, Srv6};
use dataplane::update::{Inject, Punt, Resume, Rings, Update, Why};
use dataplane::wire::ethernet::Mac;
use dataplane::worker::{Arrivals, PacketIo, Worker};

/// An address from its text.
pub fn ip(text: &str) -> u128 {
    u128::from(text.parse::<Ipv6Addr>().unwrap())
}

/// A prefix from its text.
pub fn prefix(text: &str) -> Prefix6 {
    let (address, len) = text.split_once('/').unwrap();
    Prefix6::new(ip(address), len.parse().unwrap())
}

/// One queue in, one list out.
pub struct Io {
    pub waiting: VecDeque<(PortId, HeapBuf)>,
    /// Packets that one poll takes, at most.
    pub burst_size: usize,
    pub sent: Vec<(PortId, HeapBuf)>,
    /// Frames that a transmit accepts, at most.
    pub accept: usize,
}

impl PacketIo<HeapBuf> for Io {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, arrivals: &mut Arrivals<'_, HeapBuf>) {
        for _ in 0..self.burst_size.min(arrivals.room()) {
            let Some((port, frame)) = self.waiting.pop_front() else { return };
            arrivals.push(port, frame).expect("there is room");
        }
    }

    fn transmit(&mut self, port: PortId, frames: &mut [Option<HeapBuf>]) {
        for frame in frames.iter_mut().take(self.accept) {
            self.sent.push((port, frame.take().expect("every frame that waits is there")));
        }
    }
}

/// Tables under construction.
#[derive(Clone)]
pub struct Plan {
    pub next_hops: Vec<NextHop>,
    pub groups: Vec<Group>,
    pub adjacencies: Vec<Adjacency>,
    pub ports: Vec<Port>,
    pub mtus: Vec<u16>,
    pub routes: BTreeMap<(u16, Prefix6), NextHopId>,
    pub mex: MexPolicy,
    pub srv6: Srv6,
    /// The policies of `srv6`, by id, as they were written.
    pub policies: Vec<sids::PolicySpec>,
    /// The HMAC keys of `srv6`: id and secret.
    pub keys: Vec<(u32, Vec<u8>)>,
    pub icmp: IcmpLimits,
    pub dead: Vec<AdjacencyId>,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            next_hops: vec![NextHop::NoRoute],
            groups: Vec::new(),
            adjacencies: Vec::new(),
            ports: Vec::new(),
            mtus: Vec::new(),
            routes: BTreeMap::new(),
            mex: MexPolicy::default(),
            srv6: Srv6::default(),
            policies: Vec::new(),
            keys: Vec::new(),
            icmp: IcmpLimits { rate: 1_000_000_000, burst: 1_000_000 },
            dead: Vec::new(),
        }
    }
}

/// The station address of port `number`.
pub fn port_mac(number: u16) -> Mac {
    Mac([2, 0, 0, 0xaa, (number >> 8) as u8, number as u8])
}

/// The station address of neighbor `number`.
pub fn neighbor_mac(number: u32) -> Mac {
    Mac([2, 0, 0, 0xbb, (number >> 8) as u8, number as u8])
}

impl Plan {
    /// A port that is up, with routes to its own addresses.
    pub fn port(&mut self, vrf: u16, mtu: u16, addresses: &[&str]) -> PortId {
        let id = PortId(self.ports.len() as u16);
        let addresses: Vec<u128> = addresses.iter().map(|a| ip(a)).collect();
        for address in &addresses {
            let local = self.hop(NextHop::Local);
            self.routes.insert((vrf, Prefix6::new(*address, 128)), local);
        }
        self.ports.push(Port {
            mac: port_mac(id.0),
            vrf: VrfId(vrf),
            is_up: true,
            mtu,
            link_local: ip("fe80::ff:0") + u128::from(id.0),
            addresses: addresses.into_boxed_slice(),
            ..Port::default()
        });
        self.mtus.push(mtu);
        id
    }

    /// A neighbor whose MAC address is known.
    pub fn neighbor(&mut self, port: PortId, address: &str) -> AdjacencyId {
        let id = AdjacencyId(self.adjacencies.len() as u32);
        let mut ethernet = [0; 14];
        ethernet[..6].copy_from_slice(&neighbor_mac(id.0).0);
        ethernet[6..12].copy_from_slice(&port_mac(port.0).0);
        ethernet[12..].copy_from_slice(&[0x86, 0xdd]);
        self.adjacencies.push(Adjacency {
            address: ip(address),
            ethernet,
            port,
            mtu: self.mtus[port.index()],
            is_resolved: true,
            is_filtered: false,
            is_mex_inside: false,
        });
        id
    }

    /// The id of an entry.
    pub fn hop(&mut self, entry: NextHop) -> NextHopId {
        let at = self.next_hops.iter().position(|e| *e == entry).unwrap_or_else(|| {
            self.next_hops.push(entry);
            self.next_hops.len() - 1
        });
        NextHopId(at as u32)
    }

    /// A group of equal members.
    pub fn group(&mut self, members: &[AdjacencyId]) -> NextHop {
        self.groups.push(Group::new(members.iter().map(|m| (*m, 1))));
        NextHop::Group(self.groups.len() as u32 - 1)
    }

    /// A route in table `vrf`.
    pub fn route(&mut self, vrf: u16, to: &str, entry: NextHop) {
        let id = self.hop(entry);
        self.routes.insert((vrf, prefix(to)), id);
    }

    /// A neighbor on `port`, and a route to it in table 0.
    pub fn via(&mut self, to: &str, port: PortId, neighbor: &str) -> AdjacencyId {
        let id = self.neighbor(port, neighbor);
        self.route(0, to, NextHop::Adjacency(id));
        id
    }

    /// The compiled table of a VRF.
    pub fn fib(&self, vrf: u16) -> Fib6 {
        Fib6::build(self.routes.iter().filter(|((v, _), _)| *v == vrf).map(|((_, p), n)| (*p, *n)))
            .expect("there is memory for a table")
    }

    /// The updates that program a worker.
    pub fn updates(&self) -> Vec<Update> {
        let mut updates = vec![
            Update::Ports(Arc::from(self.ports.clone())),
            Update::Adjacencies(Arc::from(self.adjacencies.clone())),
            Update::Srv6(Arc::new(self.srv6.clone())),
            Update::NextHops(Arc::new(NextHops::new(self.next_hops.clone(), self.groups.clone()))),
            Update::Mex(Arc::new(self.mex.clone())),
            Update::Icmp(self.icmp),
        ];
        let mut vrfs: Vec<u16> = self.routes.keys().map(|(vrf, _)| *vrf).collect();
        vrfs.dedup();
        updates.extend(vrfs.into_iter().map(|vrf| Update::Fib(VrfId(vrf), Some(self.fib(vrf)))));
        updates
    }

    /// A router with these tables.
    pub fn start(&self) -> Router {
        let rings: Arc<Rings<HeapBuf>> = Arc::default();
        let liveness = Arc::new(Liveness::default());
        for dead in &self.dead {
            liveness.set(*dead, false);
        }
        let worker = Worker::new(Arc::clone(&rings), Arc::clone(&liveness));
        let io = Io { waiting: VecDeque::new(), burst_size: 256, sent: Vec::new(), accept: usize::MAX };
        let mut router = Router { plan: self.clone(), worker, rings, liveness, io, now_ns: 1_000_000_000 };
        for update in self.updates() {
            router.rings.updates.push(update).unwrap();
        }
        while !router.rings.updates.is_empty() {
            router.poll();
        }
        while router.rings.retired.pop().is_some() {}
        router
    }
}

/// A worker, and what is on its other sides.
pub struct Router {
    pub plan: Plan,
    pub worker: Worker<HeapBuf>,
    pub rings: Arc<Rings<HeapBuf>>,
    pub liveness: Arc<Liveness>,
    pub io: Io,
    pub now_ns: u64,
}

impl Router {
    /// One turn.
    pub fn poll(&mut self) -> usize {
        let done = self.worker.poll(&mut self.io, self.now_ns);
        self.check_balance();
        done
    }

    /// A frame comes in on `port`.
    pub fn push(&mut self, port: PortId, frame: &[u8], cause: u64) {
        self.io.waiting.push_back((port, HeapBuf::new(frame, cause)));
    }

    /// Polls until nothing is left to do; every frame sent so far, in order.
    pub fn drain(&mut self) -> Vec<(PortId, Vec<u8>)> {
        while self.poll() > 0 {}
        std::mem::take(&mut self.io.sent).into_iter().map(|(port, f)| (port, f.bytes().to_vec())).collect()
    }

    /// An IPv6 packet comes in on `port`, addressed to this station; what goes out.
    pub fn send(&mut self, port: PortId, packet: &[u8]) -> Vec<(PortId, Vec<u8>)> {
        self.push(port, &octets::frame(port_mac(port.0), packet), 0);
        self.drain()
    }

    /// Packets for control.
    pub fn punts(&mut self) -> Vec<Punt<HeapBuf>> {
        std::iter::from_fn(|| self.rings.punts.pop()).collect()
    }

    /// Lets packets go that wait for neighbors which the plan knows; what goes out.
    pub fn answer_neighbors(&mut self) -> Vec<(PortId, Vec<u8>)> {
        for punt in self.punts() {
            let Why::Resolve { port, address } = punt.why else { panic!("not a packet that waits") };
            let known = self.plan.adjacencies.iter().position(|a| a.port == port && a.address == address);
            let resume = Resume::Forward(AdjacencyId(known.expect("the plan has the neighbor") as u32));
            self.rings.injects.push(Inject { buffer: punt.buffer, meta: punt.meta, resume }).unwrap();
        }
        self.drain()
    }

    /// Received + made = sent + dropped + consumed, and what waits.
    pub fn check_balance(&self) {
        let c = &self.rings.counters;
        let waiting = c.held.value() - c.resumed.value();
        assert_eq!(
            c.received() + c.made.value(),
            c.sent() + c.dropped() + c.consumed.value() + waiting,
            "packets came from nowhere or got lost"
        );
    }
}
