//! Packets in DPDK's memory.

use dataplane::buffer::PacketBuf;
use dpdk::{Mbuf, Mempool};

use crate::router::Buffers;

/// A packet in one mbuf. Made only of contiguous ones: then the bytes of the mbuf are the whole frame.
#[derive(Debug)]
#[repr(transparent)]
pub struct MbufPacket(Mbuf);

impl MbufPacket {
    /// The packet of an mbuf.
    ///
    /// # Errors
    /// The mbuf itself, when its packet lies in several segments.
    #[inline]
    pub fn new(mbuf: Mbuf) -> Result<MbufPacket, Mbuf> {
        if mbuf.is_contiguous() { Ok(MbufPacket(mbuf)) } else { Err(mbuf) }
    }

    /// The mbuf of the packet.
    #[inline]
    pub fn into_mbuf(self) -> Mbuf {
        self.0
    }
}

impl PacketBuf for MbufPacket {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.bytes_mut()
    }

    #[inline]
    fn prepend(&mut self, octets: usize) -> bool {
        self.0.prepend(octets)
    }

    #[inline]
    fn headroom(&self) -> usize {
        self.0.headroom()
    }

    #[inline]
    fn extend(&mut self, octets: usize) -> bool {
        self.0.extend(octets)
    }

    #[inline]
    fn trim_front(&mut self, octets: usize) -> bool {
        self.0.trim_front(octets)
    }

    #[inline]
    fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}

/// Control's packets, from the pool that the ports receive into.
#[derive(Debug)]
pub struct PoolBuffers(pub Mempool);

impl Buffers<MbufPacket> for PoolBuffers {
    fn make(&mut self, frame: &[u8]) -> Option<MbufPacket> {
        self.0.alloc_from(frame).and_then(|mbuf| MbufPacket::new(mbuf).ok())
    }
}
