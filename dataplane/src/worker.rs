//! The poll loop of one core: receive → graph → transmit → updates → quiescent.
//!
//! The caller calls [`Worker::poll`] again and again; between two calls no packet is in the graph and no table is being
//! read, which is when updates are applied.

use std::sync::Arc;

pub use crate::arrivals::Arrivals;
use crate::arrivals::Ingress;
use crate::buffer::PacketBuf;
use crate::burst::{Burst, Flags, Meta, Pending, Step};
use crate::drop::Drop;
use crate::express::{self, Lane};
use crate::graph::{self, Engine, NodeId};
use crate::id::{MAX_PORTS, PortId};
use crate::limit::{IcmpLimits, Limits, TokenBucket};
use crate::node::lookup::LookupBatch;
use crate::node::mex::Seekers;
use crate::node::output::TransmitQueue;
use crate::table::{Liveness, Tables};
use crate::update::{Inject, Resume, Rings, UPDATES_PER_POLL, Update};

/// The ports' queues, as one worker sees them.
pub trait PacketIo<B> {
    /// Receive queues of this worker.
    fn receive_queues(&self) -> usize;
    /// Takes what waits on a queue, at most as many packets as `arrivals` has room for, and puts it there.
    fn receive(&mut self, queue: usize, arrivals: &mut Arrivals<'_, B>);
    /// Sends frames in order, taking (`Option::take`) those that the device accepted: from the first one on, without a gap.
    fn transmit(&mut self, port: PortId, frames: &mut [Option<B>]);
}

/// The node that a packet from control goes on at: where it had to wait.
fn way_out(meta: &Meta) -> NodeId {
    if meta.pending.has(Pending::SRV6) {
        NodeId::Srv6Rewrite
    } else if meta.flags.has(Flags::IPV4) {
        NodeId::Rewrite4
    } else {
        NodeId::Rewrite
    }
}

/// One worker.
#[derive(Debug)]
pub struct Worker<B> {
    engine: Engine<B>,
    ingress: Ingress<B>,
    lane: Lane,
    burst: Burst<B>,
    /// What an applied update replaced, while the ring back to control is full.
    retiring: Option<Update>,
}

impl<B: PacketBuf> Worker<B> {
    /// A worker without tables: they come through `rings`. Allocates all that it will ever need.
    pub fn new(rings: Arc<Rings<B>>, liveness: Arc<Liveness>) -> Worker<B> {
        let engine = Engine {
            tables: Tables::new(liveness),
            limits: Limits::new(IcmpLimits::default()),
            rings,
            transmit: (0..MAX_PORTS).map(|_| TransmitQueue::default()).collect(),
            batch: LookupBatch::default(),
            batch4: LookupBatch::default(),
            seekers: Seekers::default(),
        };
        Worker {
            engine,
            ingress: Ingress::default(),
            lane: Lane::default(),
            burst: Burst::default(),
            retiring: None,
        }
    }

    /// One turn: a burst from each receive queue, packets from control, updates. `now_ns` is the caller's clock. Returns
    /// how much there was to do (packets and updates): 0 when the core could sleep.
    pub fn poll<I: PacketIo<B>>(&mut self, io: &mut I, now_ns: u64) -> usize {
        let mut work = 0;
        for queue in 0..io.receive_queues() {
            let Worker { engine, ingress, lane, burst, .. } = self;
            let mut arrivals = Arrivals::new(ingress, &engine.rings.counters, now_ns);
            let room = arrivals.room();
            io.receive(queue, &mut arrivals);
            work += room - arrivals.room();
            express::run(engine, lane, ingress, burst);
            self.run(io);
        }
        work += self.apply_updates();
        // Between two bursts nothing is held that was read from a table: the quiescent state.
        self.engine.rings.grace.pass();
        work + self.take_injects(io)
    }

    /// Records each packet's way from now on; see [`Worker::take_trace`].
    pub fn start_trace(&mut self) {
        self.burst.start_trace();
    }

    /// Opens or closes the express lane (open at first). Closed, every packet goes through the graph, to the same end.
    pub fn set_express(&mut self, is_open: bool) {
        self.lane.is_closed = !is_open;
    }

    /// The steps since the last call.
    pub fn take_trace(&mut self) -> Vec<Step> {
        self.burst.take_trace()
    }

    /// What control has programmed so far.
    pub fn tables(&self) -> &Tables {
        &self.engine.tables
    }

    fn run<I: PacketIo<B>>(&mut self, io: &mut I) {
        graph::run(&mut self.engine, &mut self.burst);
        let counters = &self.engine.rings.counters;
        let ports = self.engine.tables.ports.len();
        for (port, queue) in (0u16..).zip(self.engine.transmit.iter_mut().take(ports)) {
            if queue.is_empty() {
                continue;
            }
            io.transmit(PortId(port), queue.frames_mut());
            let finished = queue.finish();
            if let Some(counters) = counters.port(PortId(port)) {
                counters.tx_packets.add(finished.sent);
                counters.tx_octets.add(finished.sent_octets);
            }
            counters.drop_packets(Drop::TransmitFull, finished.unsent, finished.unsent_octets);
        }
    }

    /// Packets that control made or has let go. Each goes by tables that control sent before it, so they wait until all
    /// updates are applied.
    fn take_injects<I: PacketIo<B>>(&mut self, io: &mut I) -> usize {
        let mut taken = 0;
        if self.retiring.is_some() || !self.engine.rings.updates.is_empty() {
            return taken;
        }
        while self.burst.room() > 0
            && let Some(Inject { buffer, mut meta, resume }) = self.engine.rings.injects.pop()
        {
            let counters = &self.engine.rings.counters;
            taken += 1;
            let node = match resume {
                Resume::Transmit(port) => {
                    counters.made.add(1);
                    meta.out = port;
                    NodeId::Output
                }
                Resume::Forward(adjacency) => {
                    counters.resumed.add(1);
                    meta.adjacency = adjacency;
                    way_out(&meta)
                }
                Resume::Fragment => {
                    counters.made.add(1);
                    way_out(&meta)
                }
                Resume::Fail(reason) => {
                    counters.resumed.add(1);
                    meta.reason = reason;
                    if reason.reply().is_some() { NodeId::IcmpError } else { NodeId::Drop }
                }
            };
            // There is room: asked above.
            let _ = self.burst.push(node, buffer, meta);
        }
        if taken > 0 {
            self.run(io);
        }
        taken
    }

    /// Applies at most [`UPDATES_PER_POLL`] updates. No packet is in the graph now: this is the quiescent point.
    fn apply_updates(&mut self) -> usize {
        let mut applied = 0;
        while applied < UPDATES_PER_POLL {
            if let Some(old) = self.retiring.take()
                && let Err(old) = self.engine.rings.retired.push(old)
            {
                self.retiring = Some(old);
                return applied;
            }
            let Some(update) = self.engine.rings.updates.pop() else { return applied };
            self.retiring = Some(self.swap(update));
            applied += 1;
        }
        applied
    }

    /// Puts new tables in place and returns the old ones.
    fn swap(&mut self, update: Update) -> Update {
        let concerns_lane =
            matches!(update, Update::Ports(_) | Update::Adjacencies(_) | Update::Srv6(_) | Update::Fib(..));
        let old = self.engine.swap(update);
        if concerns_lane {
            self.lane.rebuild(&self.engine.tables);
        }
        old
    }
}

impl<B> Engine<B> {
    /// Puts new tables in place and returns the old ones.
    fn swap(&mut self, update: Update) -> Update {
        use std::mem::replace;
        let tables = &mut self.tables;
        match update {
            Update::Fib(vrf, new) => match tables.fibs.get_mut(vrf.index()) {
                Some(fib) => Update::Fib(vrf, replace(fib, new)),
                None => Update::Fib(vrf, new),
            },
            Update::Fib4(vrf, new) => match tables.fibs4.get_mut(vrf.index()) {
                Some(fib) => Update::Fib4(vrf, replace(fib, new)),
                None => Update::Fib4(vrf, new),
            },
            Update::NextHops(new) => Update::NextHops(replace(&mut tables.next_hops, new)),
            Update::Adjacencies(new) => Update::Adjacencies(replace(&mut tables.adjacencies, new)),
            Update::Ports(new) => Update::Ports(replace(&mut tables.ports, new)),
            Update::Mex(new) => {
                self.limits.mex = if new.rate == 0 {
                    TokenBucket::unlimited()
                } else {
                    TokenBucket::new(new.rate, new.burst)
                };
                Update::Mex(replace(&mut tables.mex, new))
            }
            Update::Srv6(new) => {
                self.limits.samples = TokenBucket::new(new.sample_rate, new.sample_burst);
                Update::Srv6(replace(&mut tables.srv6, new))
            }
            Update::Icmp(limits) => {
                let Limits { mex, samples, .. } = self.limits.clone();
                self.limits = Limits { mex, samples, ..Limits::new(limits) };
                Update::Icmp(limits)
            }
        }
    }
}
