//! A router and workers that are polled by hand: what workers see, and when.

mod death;
mod ipv4;
mod limits;
mod order;
mod property;
mod srv6;

use std::net::IpAddr;
use std::sync::Arc;

use dataplane::buffer::HeapBuf;
use dataplane::id::{NextHopId, PortId, VrfId};
use dataplane::table::{Liveness, NextHop};
use dataplane::update::Rings;
use dataplane::wire::ethernet::Mac;
use dataplane::worker::{Arrivals, PacketIo, Worker};

use super::*;
use crate::command::Command;
use crate::family;

pub(super) struct Heap;

impl Buffers<HeapBuf> for Heap {
    fn make(&mut self, frame: &[u8]) -> Option<HeapBuf> {
        Some(HeapBuf::new(frame, 0))
    }
}

/// Nothing arrives, and what is sent is gone.
struct Silence;

impl PacketIo<HeapBuf> for Silence {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, _arrivals: &mut Arrivals<'_, HeapBuf>) {}

    fn transmit(&mut self, _port: PortId, frames: &mut [Option<HeapBuf>]) {
        for frame in frames {
            drop(frame.take());
        }
    }
}

/// Turns until a node is settled, at most.
const MAX_TURNS: usize = 1000;

/// A router and its workers.
pub(super) struct Node {
    pub router: Router<HeapBuf>,
    pub workers: Vec<Worker<HeapBuf>>,
    pub now_ns: u64,
}

impl Node {
    pub fn new(text: &str, workers: usize, mode: Mode) -> Node {
        let (config, _) = crate::config::parse("test.toml", text).unwrap();
        let macs: Vec<_> = (1..).map(|n| Mac([2, 0, 0, 0, 0, n])).take(config.ports.len()).collect();
        let liveness = Arc::<Liveness>::default();
        let rings: Vec<Arc<Rings<HeapBuf>>> = (0..workers).map(|_| Arc::default()).collect();
        let worker = |rings: &Arc<_>| Worker::new(Arc::clone(rings), Arc::clone(&liveness));
        let workers = rings.iter().map(worker).collect();
        let router = Router::new(config, &macs, Arc::clone(&liveness), rings, mode, &mut Heap, 0).unwrap();
        Node { router, workers, now_ns: 0 }
    }

    pub fn change(&mut self, words: &str) -> Result<(), ChangeError> {
        let words: Vec<_> = words.split(' ').collect();
        let command = Command::parse(&words).map_err(ChangeError::Refused)?;
        self.router.change(&command, &mut Heap, self.now_ns)
    }

    pub fn poll(&mut self, worker: usize) {
        self.workers[worker].poll(&mut Silence, self.now_ns);
    }

    /// One turn of everybody.
    pub fn turn(&mut self) {
        for worker in 0..self.workers.len() {
            self.poll(worker);
        }
        self.router.take_punts(usize::MAX, &mut Heap, self.now_ns);
        self.router.push();
    }

    /// Turns until nothing is on its way, and the grace period after the last change has passed.
    pub fn settle(&mut self) {
        for _ in 0..MAX_TURNS {
            self.turn();
            if self.router.is_settled() {
                self.turn();
                self.turn();
                return;
            }
        }
        panic!("not settled after {MAX_TURNS} turns");
    }

    /// What a worker gives a destination.
    pub fn seen_by(&self, worker: usize, address: &str) -> NextHop {
        let tables = self.workers[worker].tables();
        let found = match address.parse().unwrap() {
            IpAddr::V6(address) => tables.fib(VrfId(0)).map(|fib| fib.lookup(address.to_bits())),
            IpAddr::V4(address) => tables.fib4(VrfId(0)).map(|fib| fib.lookup(address.to_bits())),
        };
        tables.next_hops.entry(found.unwrap_or(NextHopId::NO_ROUTE))
    }

    /// Every entry that a worker can meet leads to what control means by it: next hop, group members, neighbors.
    pub fn assert_workers_know_what_they_see(&self) {
        let next_hops = self.router.program.next_hops();
        for worker in &self.workers {
            let tables = worker.tables();
            for vrf in (0..self.router.rib.vrfs().len()).map(|vrf| VrfId(vrf as u16)) {
                let Some(table) = self.router.program.table(vrf) else { continue };
                let has_table = |prefix| {
                    let is_ipv4 = family::is_ipv4_prefix(prefix);
                    if is_ipv4 { tables.fib4(vrf).is_some() } else { tables.fib(vrf).is_some() }
                };
                for (prefix, id) in table.routes().filter(|(prefix, _)| has_table(*prefix)) {
                    self.assert_known(tables, next_hops, prefix, id);
                }
            }
        }
    }

    fn assert_known(
        &self,
        tables: &dataplane::table::Tables,
        next_hops: &crate::program::NextHopTable,
        prefix: dataplane::fib::Prefix6,
        id: NextHopId,
    ) {
        let (known, meant) = (tables.next_hops.entry(id), next_hops.entry(id));
        assert_eq!(known, meant, "{prefix}: next hop {id:?}");
        let mut adjacencies = Vec::new();
        match meant {
            NextHop::NoRoute => panic!("{prefix} leads nowhere"),
            NextHop::Adjacency(adjacency) => adjacencies.push(adjacency),
            NextHop::Group(group) => {
                let members = next_hops.members(group);
                let known = tables.next_hops.group(group).expect("the worker has the group").members();
                assert!(
                    known.eq(members.iter().map(|(id, weight)| (*id, u32::from(*weight)))),
                    "{prefix}: group {group}"
                );
                adjacencies.extend(members.iter().map(|(id, _)| *id));
            }
            NextHop::Site { via, .. } => self.assert_known(tables, next_hops, prefix, via),
            NextHop::Sid(sid) => {
                let sid = tables.srv6.sid(sid).expect("the worker has the SID");
                assert_eq!(sid.prefix_len, prefix.len(), "{prefix}: {sid:?}");
                if sid.behavior == dataplane::table::srv6::Behavior::EndX {
                    let NextHop::Adjacency(id) = tables.next_hops.entry(sid.next_hop) else {
                        panic!("{prefix}: {sid:?}")
                    };
                    assert!(tables.adjacencies.get(id.index()).is_some(), "{prefix}: {sid:?}");
                }
                if sid.behavior == dataplane::table::srv6::Behavior::EndB6 {
                    assert!(tables.srv6.policy(sid.policy).is_some(), "{prefix}: {sid:?}");
                }
            }
            NextHop::Policy(policy) => {
                let policy = tables.srv6.policy(policy).expect("the worker has the policy");
                let lists = policy.lists().iter().map(|(list, _)| tables.srv6.list(*list));
                assert!(lists.into_iter().all(|list| list.is_some()), "{prefix}: {policy:?}");
            }
            _ => {}
        }
        for id in adjacencies {
            let known = tables.adjacencies.get(id.index()).map(|known| (known.port, known.address));
            assert_eq!(known, self.router.program.adjacencies.key(id), "{prefix}: {id:?}");
            assert!(known.is_some());
        }
    }
}

/// Two ports in the default VRF and one in another.
pub(super) const PORTS: &str = "[[port]]\nname = \"a\"\naddress = [\"2001:db8:a::1/64\", \"192.0.2.1/24\"]\n\
    [[port]]\nname = \"b\"\naddress = [\"2001:db8:b::1/64\", \"198.51.100.1/24\"]\n\
    [[port]]\nname = \"r\"\nvrf = \"red\"\naddress = [\"2001:db8:a::1/64\"]\n";
