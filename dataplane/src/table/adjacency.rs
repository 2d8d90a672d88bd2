//! Neighbors on ports, and whether they live.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::id::{AdjacencyId, MAX_ADJACENCIES, PortId};
use crate::wire::ethernet;

/// A neighbor on a port: all that the rewrite of a packet toward it needs, in one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct Adjacency {
    /// The neighbor's address.
    pub address: u128,
    /// The header of frames to it; meaningful when `is_resolved`.
    pub ethernet: [u8; ethernet::LEN],
    /// The port that it is on.
    pub port: PortId,
    /// The port's MTU, octets of an IPv6 packet.
    pub mtu: u16,
    /// True when the MAC address is known.
    pub is_resolved: bool,
    /// True when the port has an egress filter.
    pub is_filtered: bool,
    /// True when the port is the inside of a correspondent's edge: errors that quote an AP header are translated.
    pub is_mex_inside: bool,
}

/// For each adjacency one word: up or down. Control writes it the moment it knows, without going through the rings, so
/// that every route behind a dead next hop changes over in one step.
#[derive(Debug)]
pub struct Liveness(Box<[AtomicU32]>);

const UP: u32 = 0;
const DOWN: u32 = 1;

impl Default for Liveness {
    /// Every adjacency up.
    fn default() -> Self {
        Liveness((0..MAX_ADJACENCIES).map(|_| AtomicU32::new(UP)).collect())
    }
}

impl Liveness {
    /// True unless the adjacency is known to be dead. Relaxed: the word stands alone, no other memory is read through it.
    pub fn is_up(&self, adjacency: AdjacencyId) -> bool {
        self.0.get(adjacency.index()).is_some_and(|word| word.load(Ordering::Relaxed) == UP)
    }

    /// Marks an adjacency up or down.
    pub fn set(&self, adjacency: AdjacencyId, is_up: bool) {
        if let Some(word) = self.0.get(adjacency.index()) {
            word.store(if is_up { UP } else { DOWN }, Ordering::Relaxed);
        }
    }
}
