//! Receive and transmit queues.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use dpdk_sys as sys;

use crate::burst::{self, MbufBurst};
use crate::mbuf::Mbuf;
use crate::port::{Direction, PortId, PortInner};

/// The most packets that one call hands to a driver: its count is 16 bits wide.
const CALL_MAX: usize = u16::MAX as usize;

/// What both kinds of queue are: a number of a started port, taken by nobody else.
#[derive(Debug)]
struct Queue {
    port: Arc<PortInner>,
    id: u16,
    direction: Direction,
    /// Makes queues `!Sync`: their functions need `&mut self`, and this is the second lock on that door.
    not_sync: PhantomData<Cell<()>>,
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.port.give_back(self.direction, self.id);
    }
}

impl Queue {
    fn new(port: Arc<PortInner>, id: u16, direction: Direction) -> Self {
        Self { port, id, direction, not_sync: PhantomData }
    }
}

/// A receive queue. It can be moved to a thread, and is then that thread's alone. Its port stays started as long
/// as it exists; dropped, it goes back to the port.
#[derive(Debug)]
pub struct RxQueue(Queue);

/// A transmit queue, as [`RxQueue`].
#[derive(Debug)]
pub struct TxQueue(Queue);

impl RxQueue {
    /// For `PortInner`, which makes at most one of each number exist, and only while the port is started.
    pub(crate) fn new(port: Arc<PortInner>, id: u16) -> Self {
        Self(Queue::new(port, id, Direction::Receive))
    }

    /// Appends what has arrived, as far as there is room; returns how many packets. Never waits.
    #[inline]
    pub fn receive(&mut self, into: &mut MbufBurst) -> usize {
        let count = self.fill(into.free_slots());
        into.grow(count);
        count
    }

    /// Puts what has arrived into the empty slots at the start of `into`; returns how many packets.
    #[inline]
    pub fn receive_into(&mut self, into: &mut [Option<Mbuf>]) -> usize {
        let empty = into.iter().take_while(|slot| slot.is_none()).count();
        self.fill(&mut into[..empty])
    }

    /// Receives into slots that are all empty.
    #[inline]
    fn fill(&mut self, slots: &mut [Option<Mbuf>]) -> usize {
        let room = slots.len().min(CALL_MAX) as u16;
        // SAFETY: the port is started and has this queue (`PortInner` checked both when it made `self`, and does
        // not stop the port while `self` exists), and `&mut self` of the only `RxQueue` of this number keeps all
        // other threads out of it. There is room for `room` pointers; those that the driver writes, one each from
        // the start, are buffers that it hands over (see the invariant of `Mbuf`). Overwriting `None` loses nothing.
        unsafe { sys::dpdk_shim_rx_burst(self.0.port.id().0, self.0.id, burst::as_raw(slots), room) }.into()
    }

    /// The queue's number.
    pub fn id(&self) -> u16 {
        self.0.id
    }

    /// The port it belongs to.
    pub fn port(&self) -> PortId {
        self.0.port.id()
    }
}

impl TxQueue {
    /// For `PortInner`, as [`RxQueue::new`].
    pub(crate) fn new(port: Arc<PortInner>, id: u16) -> Self {
        Self(Queue::new(port, id, Direction::Transmit))
    }

    /// Hands the packets at the start of `from`, up to its first empty slot, to the device; returns how many it
    /// took. Those slots are empty then; what it did not take stays where it is, for another try or to be dropped.
    #[inline]
    pub fn transmit(&mut self, from: &mut [Option<Mbuf>]) -> usize {
        let count = from.iter().take(CALL_MAX).take_while(|slot| slot.is_some()).count();
        let raw = burst::as_raw(from);
        // SAFETY: the queue is ours and its port started, as in `RxQueue::fill`. The first `count` slots hold
        // buffers (just counted) that they own alone; the driver takes over those at the start that it reports
        // as sent, which the next statement makes this side forget, and leaves the others alone.
        let sent = unsafe { sys::dpdk_shim_tx_burst(self.0.port.id().0, self.0.id, raw, count as u16) };
        let sent = usize::from(sent).min(count);
        burst::forget(&mut from[..sent]);
        sent
    }

    /// The queue's number.
    pub fn id(&self) -> u16 {
        self.0.id
    }

    /// The port it belongs to.
    pub fn port(&self) -> PortId {
        self.0.port.id()
    }
}
