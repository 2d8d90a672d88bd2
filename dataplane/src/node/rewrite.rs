//! The way out: hop limit, MTU, egress filter, then the Ethernet header (RFC 8200, 3 and 5). What fails a check leaves
//! as it came, so that errors quote it as received.

use crate::buffer::{FRONT_LEN, PacketBuf, front};
use crate::burst::{Burst, Flags, Meta, Pending};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::{Adjacency, Tables};
use crate::wire::{ap, ethernet, ipv6};

edges! {
    /// Ready for the wire.
    Output => node Output,
    /// The neighbor's MAC address is not known yet.
    Unresolved => node Resolve,
    /// Changes are to be made first.
    Commit => node MexCommit,
    /// An error for a host that knows nothing of MEX: what it quotes may have to be translated first.
    Quote => node MexQuote,
    /// The hop limit ran out.
    HopLimit => drop HopLimit,
    /// Longer than the link carries.
    TooBig => drop TooBig,
    /// Not through this port.
    Filter => drop EgressFilter,
    /// An unspecified source is not forwarded.
    Source => drop SourceAddress,
    /// A link-local source stays on its link.
    BeyondScope => drop BeyondScope,
    /// The adjacency went away under the packet.
    Gone => drop NextHopDown,
}

/// Octets by which the pending changes will make the packet longer.
fn growth(meta: &Meta) -> isize {
    let header = ap::len(meta.ap_prefixes).cast_signed();
    if meta.pending.has(Pending::INSERT) {
        header
    } else if meta.pending.has(Pending::STRIP) {
        -header
    } else {
        0
    }
}

/// The MTU check of a packet that MEX makes longer or shorter: the source learns what it may send, not what the link
/// carries. An insertion that does not fit is called off where the source cannot be asked for less, because every link
/// carries 1280 octets: unprotected beats undeliverable.
fn check_changed(counters: &Counters, len: usize, mtu: usize, meta: &mut Meta) -> Option<Next> {
    let room = mtu.saturating_add_signed(-growth(meta));
    if len <= room {
        return None;
    }
    if meta.pending == Pending::INSERT && room < ipv6::MIN_MTU {
        meta.pending = Pending::NONE;
        counters.mex.not_inserted.add(1);
        return (len > mtu).then(|| too_big(mtu, meta));
    }
    Some(too_big(room, meta))
}

fn too_big(mtu: usize, meta: &mut Meta) -> Next {
    meta.parameter = mtu as u32;
    Next::TooBig
}

/// What stops a packet that is unusual: made here, or with a source that must not be forwarded.
fn check_unusual(meta: &Meta) -> Option<Next> {
    if meta.flags.has(Flags::UNSPECIFIED_SOURCE) {
        Some(Next::Source)
    } else if meta.flags.has(Flags::LINK_LOCAL_SOURCE) {
        Some(Next::BeyondScope)
    } else {
        None
    }
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> Next {
    let Some(adjacency) = tables.adjacencies.get(meta.adjacency.index()) else { return Next::Gone };
    let Some(header) = front(buffer) else { return Next::Gone };
    let (hop_limit, next_header) = (header.hop_limit(), header.next_header());
    let (len, mtu) = (buffer.bytes().len() - ethernet::LEN, usize::from(adjacency.mtu));
    let is_forwarded = !meta.flags.has(Flags::ORIGINATED);
    if meta.flags != Flags::NONE
        && let Some(stop) = check_unusual(meta)
    {
        return stop;
    }
    if is_forwarded && hop_limit <= 1 {
        return Next::HopLimit;
    }
    if meta.pending == Pending::NONE {
        if len > mtu {
            return too_big(mtu, meta);
        }
    } else if let Some(stop) = check_changed(counters, len, mtu, meta) {
        return stop;
    }
    if adjacency.is_filtered && is_filtered(tables, adjacency, meta) {
        return Next::Filter;
    }
    if !adjacency.is_resolved {
        return Next::Unresolved;
    }
    if meta.pending != Pending::NONE {
        return Next::Commit;
    }
    if adjacency.is_mex_inside && next_header == ipv6::protocol::ICMPV6 && !meta.flags.has(Flags::QUOTE_SEEN)
    {
        return Next::Quote;
    }
    write(counters, adjacency, buffer, meta);
    Next::Output
}

/// Writes the Ethernet header and the hop limit of a packet that has passed every check.
#[inline]
pub(super) fn write<B: PacketBuf>(
    counters: &Counters,
    adjacency: &Adjacency,
    buffer: &mut B,
    meta: &mut Meta,
) {
    if let Some(front) = buffer.bytes_mut().first_chunk_mut::<FRONT_LEN>() {
        front[..ethernet::LEN].copy_from_slice(&adjacency.ethernet);
        if !meta.flags.has(Flags::ORIGINATED)
            && let Some(mut header) = ipv6::Header::of_mut(&mut front[ethernet::LEN..])
        {
            // Checked to be above 1.
            header.set_hop_limit(header.hop_limit().wrapping_sub(1));
        }
    }
    counters.use_adjacency(meta.adjacency, 1);
    meta.out = adjacency.port;
}

fn is_filtered(tables: &Tables, adjacency: &Adjacency, meta: &Meta) -> bool {
    tables.port(adjacency.port).is_some_and(|port| port.egress_deny.contains(meta.destination))
}

/// Rewrites a burst.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::Rewrite, |buffer, meta| step(tables, counters, buffer, meta));
}
