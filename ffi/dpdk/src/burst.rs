//! Bursts of packets, as devices give and take them.

use dpdk_sys as sys;

use crate::mbuf::Mbuf;

/// The most packets in a burst.
pub const BURST_CAPACITY: usize = 256;

/// Up to [`BURST_CAPACITY`] packets, in place. Slots below [`len`](Self::len) hold a packet unless it was taken
/// out; the others are empty.
#[derive(Debug)]
pub struct MbufBurst {
    slots: [Option<Mbuf>; BURST_CAPACITY],
    len: usize,
}

impl MbufBurst {
    /// An empty burst: 2 KiB.
    pub const fn new() -> Self {
        Self { slots: [const { None }; BURST_CAPACITY], len: 0 }
    }

    /// Slots in use, those that were emptied by taking their packet included.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when no slot is in use.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a packet.
    ///
    /// # Errors
    /// Gives the packet back when the burst is full.
    #[inline]
    pub fn push(&mut self, mbuf: Mbuf) -> Result<(), Mbuf> {
        let Some(slot) = self.slots.get_mut(self.len) else { return Err(mbuf) };
        *slot = Some(mbuf);
        self.len += 1;
        Ok(())
    }

    /// Takes the packet out of slot `index`, leaving the slot empty.
    #[inline]
    pub fn take(&mut self, index: usize) -> Option<Mbuf> {
        self.slots.get_mut(index)?.take()
    }

    /// The slots in use.
    #[inline]
    pub fn as_slice(&self) -> &[Option<Mbuf>] {
        &self.slots[..self.len]
    }

    /// The slots in use, to change or take the packets: what [`TxQueue::transmit`](crate::TxQueue::transmit) wants.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [Option<Mbuf>] {
        &mut self.slots[..self.len]
    }

    /// Moves the packets that are left to the front, in order, and makes the rest of the slots free: after a
    /// partial transmission, what is left can be sent again.
    pub fn compact(&mut self) {
        let mut kept = 0;
        for index in 0..self.len {
            if self.slots[index].is_some() {
                self.slots.swap(kept, index);
                kept += 1;
            }
        }
        self.len = kept;
    }

    /// Frees the packets that are left and makes all slots free.
    #[inline]
    pub fn clear(&mut self) {
        free(self.as_mut_slice());
        self.len = 0;
    }

    /// The free slots, all of them `None`.
    #[inline]
    pub(crate) fn free_slots(&mut self) -> &mut [Option<Mbuf>] {
        &mut self.slots[self.len..]
    }

    /// Takes into use `count` slots that were filled by way of `free_slots`.
    #[inline]
    pub(crate) fn grow(&mut self, count: usize) {
        self.len = (self.len + count).min(BURST_CAPACITY);
    }
}

impl Default for MbufBurst {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for MbufBurst {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Frees the packets in the slots with one call to DPDK, and empties the slots.
pub(crate) fn free(slots: &mut [Option<Mbuf>]) {
    if slots.iter().all(Option::is_none) {
        return;
    }
    let count = u32::try_from(slots.len()).unwrap_or(u32::MAX);
    let raw = as_raw(slots);
    // SAFETY: `raw` is of `slots.len()` pointers (see `as_raw`), each null, which the callee skips, or of a
    // buffer that its slot owns; that ownership passes to the callee, since the slots are overwritten below.
    unsafe { sys::dpdk_shim_mbuf_free_bulk(raw, count) };
    forget(&mut slots[..count as usize]);
}

/// The slots as the array of pointers that C functions take.
///
/// An `Option<Mbuf>` has the size, alignment and representation of a `*mut rte_mbuf` that is null for `None`:
/// `Mbuf` is a transparent wrapper of `NonNull`, for which Rust guarantees exactly this. Reading through the
/// result is as good as reading the slots. Who writes a pointer through it makes an `Mbuf`, and must keep that
/// type's invariant.
#[inline]
pub(crate) fn as_raw(slots: &mut [Option<Mbuf>]) -> *mut *mut sys::rte_mbuf {
    const { assert!(size_of::<Option<Mbuf>>() == size_of::<*mut sys::rte_mbuf>()) };
    slots.as_mut_ptr().cast()
}

/// Empties slots whose packets belong to somebody else by now, without freeing them.
#[inline]
pub(crate) fn forget(slots: &mut [Option<Mbuf>]) {
    for slot in slots {
        std::mem::forget(slot.take());
    }
}
