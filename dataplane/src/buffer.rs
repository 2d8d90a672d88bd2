//! Packet memory, as the engine meets it: through the one trait [`PacketBuf`].
//!
//! An mbuf implements it for `run`, [`HeapBuf`] for `replay`, tests, fuzzers and benches: all of them run
//! the same graph. The buffer's first octet is always the first octet of the Ethernet header.

pub use packet_buf::PacketBuf;

use crate::wire::{ethernet, ipv6};

/// The frame's network-layer packet: empty when the frame is shorter than an Ethernet header.
pub fn packet<B: PacketBuf>(buffer: &B) -> &[u8] {
    buffer.bytes().get(ethernet::LEN..).unwrap_or_default()
}

/// The frame's network-layer packet, to be written to.
pub fn packet_mut<B: PacketBuf>(buffer: &mut B) -> &mut [u8] {
    buffer.bytes_mut().get_mut(ethernet::LEN..).unwrap_or_default()
}

/// Octets of an Ethernet header and the IPv6 header behind it.
pub const FRONT_LEN: usize = ethernet::LEN + ipv6::LEN;

/// Both headers of an IPv6 frame, or `None` when the frame is shorter. One check of the length for all fields.
pub fn front<B: PacketBuf>(buffer: &B) -> Option<ipv6::Header<&[u8; ipv6::LEN]>> {
    buffer.bytes().first_chunk::<FRONT_LEN>().and_then(|front| ipv6::Header::of(&front[ethernet::LEN..]))
}

/// Headroom of a [`HeapBuf`], octets: what DPDK gives an mbuf by default.
pub const HEAP_HEADROOM_BYTES: usize = 128;

/// Room behind the frame of a [`HeapBuf`], octets: enough for the longest header that is ever pushed.
pub const HEAP_TAILROOM_BYTES: usize = 1280;

/// A packet on the heap: allocated once, when it is made.
#[derive(Clone, Debug)]
pub struct HeapBuf {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
    /// The input that this packet was made from; a reply made in place keeps it.
    pub cause: u64,
}

impl HeapBuf {
    /// A buffer that holds `frame`, with [`HEAP_HEADROOM_BYTES`] in front and [`HEAP_TAILROOM_BYTES`] behind.
    pub fn new(frame: &[u8], cause: u64) -> HeapBuf {
        let end = HEAP_HEADROOM_BYTES + frame.len();
        let mut memory = vec![0; end + HEAP_TAILROOM_BYTES];
        memory[HEAP_HEADROOM_BYTES..end].copy_from_slice(frame);
        HeapBuf { memory: memory.into_boxed_slice(), start: HEAP_HEADROOM_BYTES, end, cause }
    }

    /// Holds `frame` again, as a new buffer would, in the memory that it has. False, and nothing has changed, when that is
    /// too small.
    #[must_use]
    pub fn refill(&mut self, frame: &[u8]) -> bool {
        let end = HEAP_HEADROOM_BYTES + frame.len();
        let Some(octets) = self.memory.get_mut(HEAP_HEADROOM_BYTES..end) else { return false };
        octets.copy_from_slice(frame);
        (self.start, self.end) = (HEAP_HEADROOM_BYTES, end);
        true
    }
}

impl PacketBuf for HeapBuf {
    fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.end).unwrap_or_default()
    }

    fn prepend(&mut self, octets: usize) -> bool {
        let fits = octets <= self.start;
        if fits {
            self.start -= octets;
        }
        fits
    }

    fn headroom(&self) -> usize {
        self.start
    }

    fn extend(&mut self, octets: usize) -> bool {
        let fits = octets <= self.memory.len() - self.end;
        if fits {
            self.end += octets;
        }
        fits
    }

    fn trim_front(&mut self, octets: usize) -> bool {
        let fits = octets <= self.end - self.start;
        if fits {
            self.start += octets;
        }
        fits
    }

    fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.start.saturating_add(len));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_in_front_is_bounded_and_comes_back() {
        let mut b = HeapBuf::new(&[1, 2, 3], 0);
        assert!(!b.prepend(HEAP_HEADROOM_BYTES + 1));
        assert!(b.prepend(HEAP_HEADROOM_BYTES));
        assert_eq!(b.bytes().len(), HEAP_HEADROOM_BYTES + 3);
        assert!(b.trim_front(HEAP_HEADROOM_BYTES + 1));
        assert_eq!(b.bytes(), [2, 3]);
        b.truncate(1);
        assert_eq!(b.bytes(), [2]);
        assert!(!b.trim_front(2));
        b.truncate(9);
        assert_eq!(b.bytes(), [2]);
        assert!(b.refill(&[7, 8, 9, 10]) && !b.refill(&[0; 4096]));
        assert_eq!(b.bytes(), [7, 8, 9, 10]);
        assert_eq!(b.headroom(), HEAP_HEADROOM_BYTES);
    }

    #[test]
    fn what_the_headroom_lacks_the_other_end_gives() {
        let all = HEAP_HEADROOM_BYTES + HEAP_TAILROOM_BYTES;
        for octets in [0, 1, HEAP_HEADROOM_BYTES, HEAP_HEADROOM_BYTES + 1, all] {
            let mut b = HeapBuf::new(&[1, 2, 3], 0);
            assert!(b.grow_front(octets), "{octets}");
            assert_eq!(b.bytes().len(), octets + 3);
            assert_eq!(b.bytes()[octets..], [1, 2, 3]);
        }
        let mut b = HeapBuf::new(&[1, 2, 3], 0);
        assert!(!b.grow_front(all + 1));
        assert_eq!(b.bytes(), [1, 2, 3]);
    }
}
