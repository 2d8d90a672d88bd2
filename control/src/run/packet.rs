//! Control's own packets, in DPDK's memory.

use dpdk::{Mbuf, Mempool};

use crate::router::Buffers;

/// From the pool that the ports receive into.
#[derive(Debug)]
pub struct PoolBuffers(pub Mempool);

impl Buffers<Mbuf> for PoolBuffers {
    fn make(&mut self, frame: &[u8]) -> Option<Mbuf> {
        self.0.alloc_from(frame).filter(Mbuf::is_contiguous)
    }
}
