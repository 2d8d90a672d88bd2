//! Passengers that are changed on the way: what each will be, decided before anything is written.
//!
//! ```text
//!  first lookup ─┬─ a SID:     the next segment, or the packet inside ─┬─ second lookup ─ the change, and the way out
//!                ├─ a policy:  its first segment ──────────────────────┤
//!                └─ no route:  the first alternative of the AP header ─┘
//! ```

use super::Passage;
use super::exits::Exits;
use super::forward::{Leaving, neighbor};
use crate::buffer::{FRONT_LEN, PacketBuf};
use crate::burst::Flags;
use crate::counters::Counters;
use crate::fib::BLOCK;
use crate::id::{AdjacencyId, NextHopId, PolicyId, SegmentListId, SidId, VrfId};
use crate::limit::TokenBucket;
use crate::node::srv6::commit;
use crate::table::srv6::{Policy, SegmentList};
use crate::table::{NextHop, Tables};
use crate::wire::{ap, ethernet, ipv6, srh};

/// What is made of a passenger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub(super) enum Kind {
    /// On to the next segment.
    #[default]
    Advance,
    /// On to the next segment, the last one, without the SRH.
    Pop,
    /// On to the next compressed segment of the destination.
    Shift,
    /// The IPv6 packet inside.
    Expose,
    /// Into an outer header.
    Push,
    /// To its first alternative.
    Exchange,
}

/// A decision.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    pub(super) kind: Kind,
    /// Of its frame in the block.
    pub(super) place: u8,
    /// Number of the lookup of its destination.
    lookup: u8,
    /// Segments Left from now on.
    pub(super) segments_left: u8,
    /// Where the alternative stands in the frame.
    pub(super) alternative_at: u16,
    /// Octets by which the frame becomes longer; of what is inside another packet, less those of the outer headers.
    pub(super) growth: i16,
    /// The SID that decides.
    pub(super) sid: SidId,
    /// The policy that it goes into.
    pub(super) policy: PolicyId,
    /// Its list.
    pub(super) list: SegmentListId,
    /// What a SID has as its next hop; "no route" when that is looked up.
    pub(super) next_hop: NextHopId,
}

/// The decisions about one block.
#[derive(Debug)]
pub(super) struct Changes {
    list: [Change; BLOCK],
    len: usize,
    /// Lookups: of destinations that follow each other, one for all that are the same.
    vrfs: [VrfId; BLOCK],
    destinations: [u128; BLOCK],
    next_hops: [NextHopId; BLOCK],
    /// What each comes to: an adjacency that is alive, or one of the two below.
    adjacencies: [AdjacencyId; BLOCK],
    lookups: usize,
}

/// Not a neighbor, or a dead one.
const NOBODY: AdjacencyId = AdjacencyId(u32::MAX);
/// Whom depends on the packet's flow.
const BY_FLOW: AdjacencyId = AdjacencyId(u32::MAX - 1);

impl Default for Changes {
    fn default() -> Self {
        Changes {
            list: [Change::default(); BLOCK],
            len: 0,
            vrfs: [VrfId(0); BLOCK],
            destinations: [0; BLOCK],
            next_hops: [NextHopId::NO_ROUTE; BLOCK],
            adjacencies: [NOBODY; BLOCK],
            lookups: 0,
        }
    }
}

impl Changes {
    /// Adds a decision about the packet at `place`: where it goes then, and in which table that is looked up. The caller
    /// fills in the rest where it stands: a copy made of small pieces would stall the core (2 ns a packet).
    #[inline]
    pub(super) fn add(
        &mut self,
        place: u8,
        kind: Kind,
        vrf: VrfId,
        destination: u128,
    ) -> Option<&mut Change> {
        let last = self.lookups.wrapping_sub(1);
        let is_same = self.destinations.get(last) == Some(&destination) && self.vrfs.get(last) == Some(&vrf);
        let lookup = if is_same { last } else { self.lookups };
        *self.vrfs.get_mut(lookup)? = vrf;
        *self.destinations.get_mut(lookup)? = destination;
        let change = self.list.get_mut(self.len)?;
        self.lookups = lookup + 1;
        self.len += 1;
        change.lookup = lookup as u8;
        change.place = place;
        change.kind = kind;
        change.growth = 0;
        change.next_hop = NextHopId::NO_ROUTE;
        Some(change)
    }

    /// Empties the list.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.lookups = 0;
    }

    /// Looks all destinations up, each in its table.
    fn look_up(&mut self, tables: &Tables) {
        let mut start = 0;
        while let Some(&vrf) = self.vrfs.get(start..self.lookups).and_then(<[_]>::first) {
            // One table for all, nearly always.
            let differ = |other: &VrfId| *other != vrf;
            let end = self.vrfs[start..self.lookups]
                .iter()
                .position(differ)
                .map_or(self.lookups, |run| start + run);
            let (Some(destinations), Some(next_hops)) =
                (self.destinations.get(start..end), self.next_hops.get_mut(start..end))
            else {
                return;
            };
            match tables.fib(vrf) {
                Some(fib) => fib.lookup_batch(destinations, next_hops),
                None => next_hops.fill(NextHopId::NO_ROUTE),
            }
            start = end;
        }
        for (adjacency, &next_hop) in self.adjacencies.iter_mut().zip(&self.next_hops).take(self.lookups) {
            *adjacency = match tables.next_hops.entry(next_hop) {
                NextHop::Adjacency(id) if tables.liveness.is_up(id) => id,
                NextHop::Group(_) => BY_FLOW,
                _ => NOBODY,
            };
        }
    }

    /// Looks up where the packets go then, and makes those ready whose way out is usual.
    #[inline(never)]
    pub(super) fn make<B: PacketBuf>(
        &mut self,
        passage: &Passage<'_>,
        policer: &mut TokenBucket,
        exits: &Exits,
        frames: &mut [Option<B>],
        leaving: &mut Leaving,
    ) {
        self.look_up(passage.tables);
        let mut exchanged = 0;
        let mut counted = Counted::default();
        for change in self.list.get(..self.len).unwrap_or_default() {
            let lookup = usize::from(change.lookup) % BLOCK;
            let (destination, mut id) = (self.destinations[lookup], self.adjacencies[lookup]);
            let slot = frames.get_mut(usize::from(change.place));
            let Some(frame) = slot.and_then(Option::as_mut) else { continue };
            let bytes = frame.bytes();
            if id == BY_FLOW || change.next_hop != NextHopId::NO_ROUTE {
                id = change.neighbor(passage.tables, bytes, destination, self.next_hops[lookup]);
            }
            let Some(exit) = exits.of(id) else { continue };
            let Some(octets) = bytes.len().checked_add_signed(isize::from(change.growth)) else { continue };
            if !exit.takes(octets, (destination >> 120) as u8) {
                continue;
            }
            if change.kind == Kind::Exchange {
                let arrival_ns =
                    passage.arrival_ns.get(usize::from(change.place)).copied().unwrap_or_default();
                // Refused here, it is refused by `mex` once more, which counts it.
                if !policer.take(arrival_ns) {
                    continue;
                }
                exchanged += 1;
            }
            counted.add(passage.counters, change, bytes.len() - ethernet::LEN);
            if !change.make(passage.tables, frame, destination) {
                // All that could fail has been asked before.
                debug_assert!(false, "a change that was decided on fails: {change:?}");
                continue;
            }
            if let Some(front) = frame.bytes_mut().first_chunk_mut() {
                *front = exit.ethernet;
            }
            leaving.push(change.place, id, octets);
        }
        counted.settle(passage.counters);
        if exchanged > 0 {
            passage.counters.mex.examined.add(exchanged);
            passage.counters.mex.exchanged.add(exchanged);
        }
    }
}

/// Packets in a row that count for the same SID, or the same list: counted together.
#[derive(Default)]
struct Counted {
    /// Kind, SID or policy, and list.
    of: (Kind, u16, u16),
    packets: u64,
    octets: u64,
}

impl Counted {
    /// One packet of so many octets, as it came.
    #[inline]
    fn add(&mut self, counters: &Counters, change: &Change, octets: usize) {
        let of = match change.kind {
            Kind::Push => (Kind::Push, change.policy.0, change.list.0),
            Kind::Exchange => return,
            _ => (Kind::Advance, change.sid.0, 0),
        };
        if of != self.of {
            self.settle(counters);
            self.of = of;
        }
        self.packets += 1;
        self.octets += octets as u64;
    }

    fn settle(&mut self, counters: &Counters) {
        let (kind, id, list) = self.of;
        let volumes = if kind == Kind::Push {
            [counters.policy(PolicyId(id)), counters.list(SegmentListId(list))]
        } else {
            [counters.sid(SidId(id)), None]
        };
        for volume in volumes.into_iter().flatten() {
            volume.packets.add(self.packets);
            volume.octets.add(self.octets);
        }
        (self.packets, self.octets) = (0, 0);
    }
}

impl Change {
    /// The neighbor of a packet that is not looked up, or goes by its flow.
    #[inline(never)]
    fn neighbor(
        &self,
        tables: &Tables,
        frame: &[u8],
        destination: u128,
        looked_up: NextHopId,
    ) -> AdjacencyId {
        let next_hop = if self.next_hop == NextHopId::NO_ROUTE { looked_up } else { self.next_hop };
        let outer = if self.kind == Kind::Expose { usize::from(self.growth.unsigned_abs()) } else { 0 };
        let packet = frame.get(ethernet::LEN + outer..).unwrap_or_default();
        neighbor(tables, packet, destination, next_hop)
            .filter(|id| tables.liveness.is_up(*id))
            .unwrap_or(NOBODY)
    }

    /// Makes the change, the hop limit's included. False when it cannot be made.
    #[inline]
    fn make<B: PacketBuf>(&self, tables: &Tables, frame: &mut B, destination: u128) -> bool {
        match self.kind {
            Kind::Advance => {
                let Some(front) = frame.bytes_mut().first_chunk_mut::<{ FRONT_LEN + srh::FIXED_LEN }>()
                else {
                    return false;
                };
                front[HOP_LIMIT_AT] = front[HOP_LIMIT_AT].wrapping_sub(1);
                front[DESTINATION_AT..FRONT_LEN].copy_from_slice(&destination.to_be_bytes());
                front[FRONT_LEN + srh::SEGMENTS_LEFT_AT] = self.segments_left;
                true
            }
            Kind::Shift => {
                let Some(front) = frame.bytes_mut().first_chunk_mut::<FRONT_LEN>() else { return false };
                front[HOP_LIMIT_AT] = front[HOP_LIMIT_AT].wrapping_sub(1);
                front[DESTINATION_AT..].copy_from_slice(&destination.to_be_bytes());
                true
            }
            Kind::Pop => {
                decrement(frame);
                commit::write_advance(frame, destination, Some(srh::DIRECT), 0, true)
            }
            Kind::Expose => {
                let made = frame.trim_front(usize::from(self.growth.unsigned_abs()));
                decrement(frame);
                made
            }
            Kind::Push => {
                let (Some(policy), Some(list)) =
                    (tables.srv6.policy(self.policy), tables.srv6.list(self.list))
                else {
                    return false;
                };
                decrement(frame);
                push(policy, list, frame)
            }
            Kind::Exchange => exchange(frame, usize::from(self.alternative_at), destination),
        }
    }
}

/// H.Encaps: the outer header; that of Ethernet is written to every packet afterwards.
#[inline]
fn push<B: PacketBuf>(policy: &Policy, list: &SegmentList, frame: &mut B) -> bool {
    let Some(inside) = commit::inside(policy, frame, Flags::NONE) else { return false };
    let overhead = list.overhead();
    // It was checked to be no more than 65535.
    let payload_len = (frame.bytes().len() + overhead - FRONT_LEN) as u16;
    if !frame.prepend(overhead) {
        return false;
    }
    let pushed = frame.bytes_mut().get_mut(ethernet::LEN..ethernet::LEN + overhead);
    if let Some(pushed) = pushed {
        commit::write_outer(list, &inside, payload_len, pushed);
    }
    true
}

/// Offset of the hop limit in a frame.
const HOP_LIMIT_AT: usize = ethernet::LEN + ipv6::HOP_LIMIT_AT;
/// Offset of the destination address in a frame.
const DESTINATION_AT: usize = FRONT_LEN - 16;

/// One exchange (docs/mex.md): the alternative at this place becomes the destination's high half, and the other way round.
#[inline]
fn exchange<B: PacketBuf>(frame: &mut B, alternative_at: usize, destination: u128) -> bool {
    let Some((front, behind)) = frame.bytes_mut().split_first_chunk_mut::<{ FRONT_LEN + ap::FIXED_LEN }>()
    else {
        return false;
    };
    let place = alternative_at.wrapping_sub(front.len());
    let Some(alternative) = behind.get_mut(place..).and_then(|octets| octets.first_chunk_mut()) else {
        return false;
    };
    let high = DESTINATION_AT..DESTINATION_AT + ap::PREFIX_LEN;
    let mut old = [0; ap::PREFIX_LEN];
    old.copy_from_slice(&front[high.clone()]);
    *alternative = old;
    front[high].copy_from_slice(&((destination >> 64) as u64).to_be_bytes());
    front[HOP_LIMIT_AT] = front[HOP_LIMIT_AT].wrapping_sub(1);
    // Above 0: there is an alternative.
    front[FRONT_LEN + ap::PLEFT_AT] = front[FRONT_LEN + ap::PLEFT_AT].wrapping_sub(1);
    true
}

/// One hop less; it was checked to be above 1.
#[inline]
fn decrement<B: PacketBuf>(frame: &mut B) {
    if let Some(front) = frame.bytes_mut().first_chunk_mut::<FRONT_LEN>() {
        front[HOP_LIMIT_AT] = front[HOP_LIMIT_AT].wrapping_sub(1);
    }
}
