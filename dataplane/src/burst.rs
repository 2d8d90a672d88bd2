//! A burst: the packets that are in the graph, what is known about each, and which node each is at.
//!
//! A packet stays in its slot from receive to its end; nodes pass slot numbers along, never packets. A slot number is a
//! `u8` and there are 256 slots, so that no index can be out of bounds.

use crate::buffer::PacketBuf;
use crate::drop::Drop;
use crate::graph::{Edge, NODES, NodeId};
use crate::id::{AdjacencyId, NextHopId, PortId, SegmentListId, SidId, VrfId};
use crate::table::PeerRef;
use crate::wire::ext::Place;

/// Packets in one burst, at most.
pub const SLOTS: usize = 256;

/// Changes to a packet that are decided but not yet made: they are made when it is certain that the packet leaves, so
/// that every error quotes the packet as received.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pending(u8);

impl Pending {
    /// Nothing to change.
    pub const NONE: Pending = Pending(0);
    /// Insert an AP header.
    pub const INSERT: Pending = Pending(1);
    /// Exchange alternative prefixes.
    pub const EXCHANGE: Pending = Pending(2);
    /// Restore the destination and strip the AP header.
    pub const STRIP: Pending = Pending(4);
    /// Advance to the next segment, as [`Meta::sid`] does it.
    pub const ADVANCE: Pending = Pending(8);
    /// Push the header of [`Meta::segment_list`].
    pub const PUSH: Pending = Pending(16);
    /// Changes that SRv6 makes.
    pub const SRV6: Pending = Pending(8 | 16);
    /// With [`Pending::ADVANCE`]: what it comes to is noted, see [`Meta::note_advance`].
    pub const NOTED: Pending = Pending(32);
    /// With [`Pending::NOTED`]: the SRH has served its purpose, and is removed.
    pub const POP: Pending = Pending(64);
    /// Changes that MEX adds to a packet that goes on.
    pub const MEX: Pending = Pending(1 | 2);

    /// True when any change of `other` is pending.
    pub const fn has(self, other: Pending) -> bool {
        self.0 & other.0 != 0
    }

    /// These and those of `other`.
    #[must_use]
    pub const fn and(self, other: Pending) -> Pending {
        Pending(self.0 | other.0)
    }

    /// These without those of `other`.
    #[must_use]
    pub const fn without(self, other: Pending) -> Pending {
        Pending(self.0 & !other.0)
    }
}

/// What is unusual about a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(u8);

impl Flags {
    /// Nothing.
    pub const NONE: Flags = Flags(0);
    /// Made by this node: its hop limit is not decremented.
    pub const ORIGINATED: Flags = Flags(1);
    /// Its source is unspecified: not to be forwarded.
    pub const UNSPECIFIED_SOURCE: Flags = Flags(2);
    /// Its source is link-local: not to be forwarded.
    pub const LINK_LOCAL_SOURCE: Flags = Flags(4);

    /// What it quotes has been looked at (`mex-quote`).
    pub const QUOTE_SEEN: Flags = Flags(8);
    /// An IPv4 packet: `destination` is its IPv4-mapped address (RFC 4291, 2.5.5.2).
    pub const IPV4: Flags = Flags(16);
    /// An Ethernet frame that is carried whole: the packet begins with its Ethernet header.
    pub const ETHERNET: Flags = Flags(32);
    /// An SRv6 endpoint has exposed it: it is looked up in the table that the SID names, not in the port's.
    pub const DECAPSULATED: Flags = Flags(64);

    /// These and those of `other`.
    #[must_use]
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// These without those of `other`.
    #[must_use]
    pub const fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    /// True when any of `other` is set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }
}

/// What the graph knows about a packet: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Meta {
    /// The destination that lookups use: the packet's own, or what pending changes will make of it.
    pub destination: u128,
    /// When the packet came, ns of the caller's clock.
    pub arrival_ns: u64,
    /// What the lookup gave.
    pub next_hop: NextHopId,
    /// The neighbor that the packet goes to.
    pub adjacency: AdjacencyId,
    /// For an `ICMPv6` error: MTU or pointer.
    pub parameter: u32,
    /// The port that received it; for a packet made here, the port that received its cause.
    pub port: PortId,
    /// The port that it leaves by.
    pub out: PortId,
    /// The table that it is looked up in.
    pub vrf: VrfId,
    /// The AP header, or where it will be inserted; of a packet that SRv6 advances, its SRH. Octets from the IPv6 header.
    pub ap: Place,
    /// With pending changes of SRv6: the table that the packet's source is looked up in, for errors.
    pub source_vrf: VrfId,
    /// The local SID that advances the packet.
    pub sid: SidId,
    /// The segment list whose header is pushed.
    pub segment_list: SegmentListId,
    /// The peer whose alternatives will be inserted.
    pub peer: PeerRef,
    /// Prefixes in the AP header.
    pub ap_prefixes: u8,
    /// Alternatives that will be used up; of a packet that SRv6 advances, its Segments Left from then on.
    pub ap_exchanges: u8,
    /// Changes to come.
    pub pending: Pending,
    /// What is unusual about it.
    pub flags: Flags,
    /// Lookups so far.
    pub lookups: u8,
    /// Why it is dropped, or would be if MEX does not help.
    pub reason: Drop,
    /// Where it came in, in the order of the burst.
    pub sequence: u8,
    /// The node that it waits at.
    pub at: NodeId,
}

const _: () = assert!(size_of::<Meta>() == 64, "what is known about a packet is one cache line");

impl Meta {
    /// What is known about a packet that `port` has just received.
    pub const fn received(port: PortId, arrival_ns: u64) -> Meta {
        Meta {
            destination: 0,
            arrival_ns,
            next_hop: NextHopId::NO_ROUTE,
            adjacency: AdjacencyId(u32::MAX),
            parameter: 0,
            port,
            out: port,
            vrf: VrfId(0),
            ap: Place { offset: 0, next_header_at: 0 },
            source_vrf: VrfId(0),
            sid: SidId(0),
            segment_list: SegmentListId(0),
            peer: PeerRef { peer: 0, own: 0 },
            ap_prefixes: 0,
            ap_exchanges: 0,
            pending: Pending::NONE,
            flags: Flags::NONE,
            lookups: 0,
            reason: Drop::NoRoute,
            sequence: 0,
            at: NodeId::EthernetInput,
        }
    }

    /// Notes the step to the next segment, which `destination` is already: no AP header is dealt with until it is made.
    pub(crate) const fn note_advance(&mut self, srh: Option<Place>, segments_left: u8, pop: bool) {
        self.ap = match srh {
            Some(place) => place,
            None => Place { offset: 0, next_header_at: 0 },
        };
        self.ap_exchanges = segments_left;
        self.pending = self.pending.and(if pop { Pending::NOTED.and(Pending::POP) } else { Pending::NOTED });
    }

    /// The step that [`Meta::note_advance`] noted: the SRH, if there is one, and its Segments Left. With a push pending,
    /// `destination` has become the policy's first segment.
    pub(crate) const fn noted_advance(&self, pending: Pending) -> Option<(Option<Place>, u8)> {
        if !pending.has(Pending::NOTED) {
            return None;
        }
        Some((if self.ap.offset == 0 { None } else { Some(self.ap) }, self.ap_exchanges))
    }

    /// What is known about a packet that this node has just made in answer to this one.
    #[must_use]
    pub const fn originated(&self, destination: u128) -> Meta {
        let mut made = Meta::received(self.port, self.arrival_ns);
        made.vrf = self.vrf;
        made.sequence = self.sequence;
        made.destination = destination;
        made.flags = Flags::ORIGINATED;
        made
    }
}

/// The slots that wait at one node, in order.
#[derive(Clone, Debug)]
struct Queue {
    slots: [u8; SLOTS],
    len: usize,
}

impl Queue {
    const EMPTY: Queue = Queue { slots: [0; SLOTS], len: 0 };

    fn push(&mut self, slot: u8) {
        // A slot is in one queue at a time, so a queue never holds more than there are slots; the mask says so to
        // the compiler.
        self.slots[self.len % SLOTS] = slot;
        self.len += 1;
    }
}

/// One step of a packet's way, as `--trace` shows it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Which packet of the burst.
    pub sequence: u8,
    /// The node it was at.
    pub node: NodeId,
    /// Where it went from there.
    pub edge: Edge,
    /// What was known about it then.
    pub meta: Meta,
}

/// See the module.
#[derive(Debug)]
pub struct Burst<B> {
    buffers: Box<[Option<B>; SLOTS]>,
    metas: Box<[Meta; SLOTS]>,
    queues: Box<[Queue; NODES]>,
    /// Bit n is set when node n has packets waiting.
    waiting: u32,
    /// Slots used since the burst began.
    len: usize,
    trace: Option<Vec<Step>>,
}

impl<B: PacketBuf> Default for Burst<B> {
    fn default() -> Self {
        Burst {
            buffers: Box::new(std::array::from_fn(|_| None)),
            metas: Box::new([Meta::received(PortId(0), 0); SLOTS]),
            queues: Box::new([const { Queue::EMPTY }; NODES]),
            waiting: 0,
            len: 0,
            trace: None,
        }
    }
}

impl<B: PacketBuf> Burst<B> {
    /// Packets that can still be pushed.
    pub fn room(&self) -> usize {
        SLOTS - self.len
    }

    /// Puts a packet at `node`; gives it back when the burst is full.
    ///
    /// # Errors
    /// The packet itself, when all [`SLOTS`] are taken.
    pub fn push(&mut self, node: NodeId, buffer: B, mut meta: Meta) -> Result<(), B> {
        let Ok(slot) = u8::try_from(self.len) else { return Err(buffer) };
        meta.sequence = slot;
        self.buffers[usize::from(slot)] = Some(buffer);
        self.metas[usize::from(slot)] = meta;
        self.len += 1;
        self.enqueue(node, slot);
        Ok(())
    }

    /// Records every step from now on (costs time and memory: for people who look).
    pub fn start_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    /// True when steps are recorded.
    pub(crate) fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// The steps recorded since the last call.
    pub fn take_trace(&mut self) -> Vec<Step> {
        self.trace.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Begins a new burst, once every packet of the old one has left.
    pub(crate) fn restart(&mut self) {
        debug_assert_eq!(self.waiting, 0, "packets are still in the graph");
        self.len = 0;
    }

    /// The first node, in the order of the path, that has packets waiting.
    pub(crate) fn next_node(&self) -> Option<NodeId> {
        NodeId::ALL.get(self.waiting.trailing_zeros() as usize).copied()
    }

    fn enqueue(&mut self, node: NodeId, slot: u8) {
        self.queues[node as usize].push(slot);
        self.waiting |= 1 << node as u32;
    }

    /// Takes the slots that wait at `node`. The slots stay in the queue's memory until it is used again.
    pub(crate) fn take_queue(&mut self, node: NodeId) -> SlotList {
        let queue = &mut self.queues[node as usize];
        let list = SlotList { slots: queue.slots, len: queue.len.min(SLOTS) };
        queue.len = 0;
        self.waiting &= !(1 << node as u32);
        list
    }

    /// A packet and what is known about it.
    pub(crate) fn slot(&mut self, slot: u8) -> (Option<&mut B>, &mut Meta) {
        (self.buffers[usize::from(slot)].as_mut(), &mut self.metas[usize::from(slot)])
    }

    /// Takes a packet out of its slot: it leaves the graph.
    pub(crate) fn take(&mut self, slot: u8) -> (Option<B>, Meta) {
        (self.buffers[usize::from(slot)].take(), self.metas[usize::from(slot)])
    }

    /// Sends the packet in `slot` along an edge.
    pub(crate) fn route(&mut self, from: NodeId, slot: u8, edge: Edge) {
        let meta = &mut self.metas[usize::from(slot)];
        let node = destination(edge, meta);
        meta.at = node;
        if self.trace.is_some() {
            self.record(from, slot);
        }
        self.enqueue(node, slot);
    }

    /// Runs `step` on every packet that waits at `node` and sorts them onto the edges that it returns.
    pub(crate) fn sort<E: Into<Edge>>(&mut self, node: NodeId, mut step: impl FnMut(&mut B, &mut Meta) -> E) {
        let list = self.take_queue(node);
        self.sort_with(node, &list, &[(); SLOTS], |buffer, meta, ()| step(buffer, meta));
    }

    /// Runs `step` on each packet of `list` and the value of the same index, and sorts the packets onto the edges that it
    /// returns. A packet without a value stays behind: give as many.
    pub(crate) fn sort_with<T: Copy, E: Into<Edge>>(
        &mut self,
        node: NodeId,
        list: &SlotList,
        values: &[T],
        mut step: impl FnMut(&mut B, &mut Meta, T) -> E,
    ) {
        // The fields are borrowed once for all packets: the compiler keeps their addresses in registers.
        let Burst { buffers, metas, queues, waiting, .. } = self;
        let mut touched = 0;
        for (&slot, value) in list.as_slice().iter().zip(values) {
            let Some(buffer) = buffers[usize::from(slot)].as_mut() else { continue };
            let meta = &mut metas[usize::from(slot)];
            let to = destination(step(buffer, meta, *value).into(), meta);
            meta.at = to;
            queues[to as usize].push(slot);
            touched |= 1 << to as u32;
        }
        *waiting |= touched;
        if self.trace.is_some() {
            for &slot in list.as_slice() {
                self.record(node, slot);
            }
        }
    }

    /// Notes the step that the packet in `slot` has just made from `node`.
    #[cold]
    fn record(&mut self, node: NodeId, slot: u8) {
        let meta = self.metas[usize::from(slot)];
        let is_drop = matches!(meta.at, NodeId::IcmpError | NodeId::Drop) && node != NodeId::IcmpError;
        let edge = if is_drop { Edge::Drop(meta.reason) } else { Edge::Node(meta.at) };
        if let Some(trace) = &mut self.trace {
            trace.push(Step { sequence: meta.sequence, node, edge, meta });
        }
    }
}

/// The node at the end of an edge; a drop is noted in the packet's meta.
fn destination(edge: Edge, meta: &mut Meta) -> NodeId {
    match edge {
        Edge::Node(node) => node,
        Edge::Drop(reason) => {
            meta.reason = reason;
            if reason.reply().is_some() { NodeId::IcmpError } else { NodeId::Drop }
        }
    }
}

/// Slots that a node works on.
pub(crate) struct SlotList {
    slots: [u8; SLOTS],
    len: usize,
}

impl SlotList {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.slots.get(..self.len).unwrap_or_default()
    }
}
