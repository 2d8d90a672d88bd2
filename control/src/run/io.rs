//! The queues of one worker: its receive queues, and a way out of every port.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use dataplane::drop::Drop;
use dataplane::id::PortId;
use dataplane::worker::{Arrivals, PacketIo};
use dpdk::{Mbuf, MbufBurst, RxQueue, TxQueue};

/// Packets taken from a receive queue at once: few enough that their headers stay in the first-level cache.
const RECEIVE_BURST: usize = 64;
/// Packets that one worker can have on their way to another one's transmit queue.
pub const RELAY_RING_LEN: usize = 1024;

/// A receive queue and the port that it belongs to, in the order of the configuration.
#[derive(Debug)]
struct Inlet {
    port: PortId,
    queue: RxQueue,
}

/// A worker's way out of one port.
#[derive(Debug)]
pub enum Outlet {
    /// A transmit queue of its own.
    Own(TxQueue),
    /// The device has fewer transmit queues than there are workers: the owner of one takes packets from this ring.
    Relayed(Arc<ArrayQueue<Mbuf>>),
}

/// Packets of other workers for a queue of this one.
#[derive(Debug)]
struct Relay {
    port: PortId,
    ring: Arc<ArrayQueue<Mbuf>>,
    /// Taken from the ring, not yet taken by the device.
    burst: MbufBurst,
}

/// All queues of one worker. Allocates nothing after it was made.
#[derive(Debug)]
pub struct DpdkIo {
    inlets: Vec<Inlet>,
    /// By [`PortId`].
    outlets: Vec<Outlet>,
    relays: Vec<Relay>,
    is_receiving: bool,
}

impl DpdkIo {
    /// No queues, and nothing is received. Queues are added before the worker starts.
    pub fn new() -> DpdkIo {
        DpdkIo { inlets: Vec::new(), outlets: Vec::new(), relays: Vec::new(), is_receiving: false }
    }

    /// A receive queue of a port.
    pub fn add_inlet(&mut self, port: PortId, queue: RxQueue) {
        self.inlets.push(Inlet { port, queue });
    }

    /// The way out of the next port, in the order of the configuration.
    pub fn add_outlet(&mut self, outlet: Outlet) {
        self.outlets.push(outlet);
    }

    /// Packets of other workers for this one's transmit queue of `port`.
    pub fn add_relay(&mut self, port: PortId, ring: Arc<ArrayQueue<Mbuf>>) {
        self.relays.push(Relay { port, ring, burst: MbufBurst::new() });
    }

    /// Whether anything is received from now on.
    pub fn set_receiving(&mut self, is_receiving: bool) {
        self.is_receiving = is_receiving;
    }

    /// Sends what other workers have for this one's queues; returns how many packets there were.
    pub fn relay(&mut self) -> usize {
        let mut work = 0;
        for Relay { port, ring, burst } in &mut self.relays {
            while burst.len() < RECEIVE_BURST
                && let Some(packet) = ring.pop()
            {
                // There is room: asked above.
                let _ = burst.push(packet);
            }
            if burst.is_empty() {
                continue;
            }
            work += burst.len();
            if let Some(Outlet::Own(queue)) = self.outlets.get_mut(port.index()) {
                queue.transmit(burst.as_mut_slice());
                // What the device does not take waits; when the ring is full, too, the senders drop by name.
                burst.compact();
            }
        }
        work
    }
}

impl PacketIo<Mbuf> for DpdkIo {
    fn receive_queues(&self) -> usize {
        if self.is_receiving { self.inlets.len() } else { 0 }
    }

    fn receive(&mut self, queue: usize, arrivals: &mut Arrivals<'_, Mbuf>) {
        let Some(inlet) = self.inlets.get_mut(queue) else { return };
        let slots = arrivals.free_slots();
        let room = slots.len().min(RECEIVE_BURST);
        let slots = slots.get_mut(..room).unwrap_or_default();
        let count = inlet.queue.receive_into(slots);
        let received = slots.get_mut(..count).unwrap_or_default();
        if received.iter().flatten().all(Mbuf::is_contiguous) {
            arrivals.fill(inlet.port, count);
        } else {
            receive_in_pieces(inlet.port, count, arrivals);
        }
    }

    fn transmit(&mut self, port: PortId, frames: &mut [Option<Mbuf>]) {
        match self.outlets.get_mut(port.index()) {
            Some(Outlet::Own(queue)) => {
                queue.transmit(frames);
            }
            Some(Outlet::Relayed(ring)) => {
                for frame in frames {
                    let Some(packet) = frame.take() else { continue };
                    if let Err(packet) = ring.push(packet) {
                        *frame = Some(packet);
                        break;
                    }
                }
            }
            None => {}
        }
    }
}

/// Takes in `count` packets that are in the free slots, of which some lie in several segments: the engine sees one.
#[cold]
fn receive_in_pieces(port: PortId, count: usize, arrivals: &mut Arrivals<'_, Mbuf>) {
    let mut received = MbufBurst::new();
    for slot in arrivals.free_slots().iter_mut().take(count) {
        // There is room: both have as much.
        drop(slot.take().map(|mbuf| received.push(mbuf)));
    }
    for mbuf in received.as_mut_slice().iter_mut().filter_map(Option::take) {
        if mbuf.is_contiguous() {
            drop(arrivals.push(port, mbuf));
        } else {
            arrivals.refuse(port, mbuf.len() as u64, Drop::MultiSegment);
        }
    }
}
