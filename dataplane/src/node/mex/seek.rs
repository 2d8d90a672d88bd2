//! The packets that seek a way out, and the candidates that each may try (docs/mex.md, Router algorithm).

use crate::burst::{Meta, Pending, SLOTS};
use crate::counters::Counters;
use crate::table::MexPolicy;
use crate::wire::ap;

/// A packet that seeks a way out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seek {
    pub(super) slot: u8,
    /// Hdr Ext Len.
    pub(super) n: u8,
    /// Pleft.
    pub(super) p: u8,
    /// Alternatives tried so far.
    pub(super) tried: u8,
    /// The destination as received.
    pub(super) destination: u128,
}

/// The packets of a burst that still seek. At most one entry a slot, so the list never holds more than [`SLOTS`].
#[derive(Debug)]
pub struct Seekers {
    pub(super) list: Box<[Seek; SLOTS]>,
    pub(super) len: usize,
}

impl Default for Seekers {
    fn default() -> Self {
        Seekers { list: Box::new([Seek::default(); SLOTS]), len: 0 }
    }
}

impl Seekers {
    pub(super) fn push(&mut self, seek: Seek) {
        self.list[self.len % SLOTS] = seek;
        self.len += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Alternative `number` (1-based) of the packet: from its header, or from what will be inserted.
fn alternative(mex: &MexPolicy, packet: &[u8], meta: &Meta, number: u8) -> Option<u64> {
    if meta.pending.has(Pending::INSERT) {
        let peer = mex.peers.get(usize::from(meta.peer.peer))?;
        return peer.alternatives(meta.peer.own).nth(usize::from(number).checked_sub(1)?);
    }
    ap::prefix(packet, usize::from(meta.ap.offset), number)
}

/// The next candidate destination that policy allows; `None` when all are used up.
pub(super) fn next_candidate(
    mex: &MexPolicy,
    counters: &Counters,
    packet: &[u8],
    meta: &Meta,
    seek: &mut Seek,
) -> Option<u128> {
    let last = seek.p.min(mex.max_prefixes);
    while seek.tried < last {
        seek.tried += 1;
        let prefix = alternative(mex, packet, meta, seek.n - seek.p + seek.tried)?;
        let candidate = u128::from(prefix) << 64 | u128::from(seek.destination as u64);
        if candidate != seek.destination && mex.allows(seek.destination, candidate) {
            return Some(candidate);
        }
        counters.mex.refused.add(1);
    }
    None
}
