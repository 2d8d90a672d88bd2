//! Packets onto their port's transmit queue, in order.

use crate::buffer::PacketBuf;
use crate::burst::{Burst, SLOTS};
use crate::graph::NodeId;
use crate::table::Tables;

edges! {
    /// The port is down.
    PortDown => drop PortDown,
    /// More packets for this port than a burst can have.
    Full => drop TransmitFull,
}

/// The frames for one port that wait until the burst has gone through the graph.
#[derive(Debug)]
pub struct TransmitQueue<B> {
    frames: Box<[Option<B>; SLOTS]>,
    len: usize,
    /// Their octets, for the counters.
    octets: u64,
}

impl<B> Default for TransmitQueue<B> {
    fn default() -> Self {
        TransmitQueue { frames: Box::new(std::array::from_fn(|_| None)), len: 0, octets: 0 }
    }
}

impl<B: PacketBuf> TransmitQueue<B> {
    /// Adds a frame; false when it is full.
    fn push(&mut self, frame: B) -> bool {
        let Some(place) = self.frames.get_mut(self.len) else { return false };
        self.octets += frame.bytes().len() as u64;
        *place = Some(frame);
        self.len += 1;
        true
    }

    /// Takes a frame out of its slot; nothing when there is no room.
    #[inline]
    pub(crate) fn take(&mut self, slot: &mut Option<B>) {
        if let (Some(place), Some(frame)) = (self.frames.get_mut(self.len), slot.as_ref()) {
            self.octets += frame.bytes().len() as u64;
            self.len += 1;
            // An exchange, because the place is empty: nothing is to be freed.
            std::mem::swap(place, slot);
        }
    }

    /// Takes the frames at `places` out of their slots, so many octets in all, as far as there is room.
    pub(crate) fn take_all(&mut self, slots: &mut [Option<B>], places: &[u8], octets: usize) {
        let free = self.frames.get_mut(self.len..).unwrap_or_default();
        self.octets += octets as u64;
        self.len += places.len().min(free.len());
        for (to, &place) in free.iter_mut().zip(places) {
            if let Some(slot) = slots.get_mut(usize::from(place)) {
                std::mem::swap(to, slot);
            }
        }
    }

    /// True when there is no room.
    pub(crate) fn is_full(&self) -> bool {
        self.len >= SLOTS
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The frames that wait, in order: each is `Some`. The caller takes those that it sends.
    pub fn frames_mut(&mut self) -> &mut [Option<B>] {
        self.frames.get_mut(..self.len).unwrap_or_default()
    }

    /// Frees what is left after a transmit: how many frames and octets that was, and how many were sent.
    pub(crate) fn finish(&mut self) -> Finished {
        let mut unsent = 0;
        let mut unsent_octets = 0;
        // Frames leave from the first one on: with the last one gone, all are.
        let is_sent = matches!(self.frames_mut(), [.., None]);
        for frame in if is_sent { &mut [] } else { self.frames_mut() } {
            if let Some(frame) = frame.take() {
                unsent += 1;
                unsent_octets += frame.bytes().len() as u64;
            }
        }
        let finished = Finished {
            sent: self.len as u64 - unsent,
            sent_octets: self.octets - unsent_octets,
            unsent,
            unsent_octets,
        };
        self.len = 0;
        self.octets = 0;
        finished
    }
}

/// What became of the frames of a [`TransmitQueue`].
pub(crate) struct Finished {
    pub(crate) sent: u64,
    pub(crate) sent_octets: u64,
    pub(crate) unsent: u64,
    pub(crate) unsent_octets: u64,
}

/// Queues a burst.
pub fn process<B: PacketBuf>(tables: &Tables, transmit: &mut [TransmitQueue<B>], burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Output);
    for &slot in list.as_slice() {
        let (_, meta) = burst.slot(slot);
        let out = meta.out;
        let is_up = tables.port(out).is_some_and(|port| port.is_up);
        match transmit.get_mut(out.index()) {
            Some(queue) if is_up && !queue.is_full() => {
                if let (Some(buffer), _) = burst.take(slot) {
                    // There is room: asked above.
                    let _ = queue.push(buffer);
                }
            }
            Some(_) if is_up => burst.route(NodeId::Output, slot, Next::Full.into()),
            _ => burst.route(NodeId::Output, slot, Next::PortDown.into()),
        }
    }
}
