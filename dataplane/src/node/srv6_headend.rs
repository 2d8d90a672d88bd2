//! Into a policy: RFC 8986, 5. Picks the segment list of the flow, and goes to find its first segment; the header is
//! pushed when the packet is sure to leave, so that every error is about the packet as it came, to its own source.

use super::srv6::commit;
use crate::buffer::PacketBuf;
use crate::burst::{Burst, Flags, Meta, Pending};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::{NextHop, Tables};

edges! {
    /// Toward the first segment.
    Lookup => node Lookup,
    /// No candidate path of the policy is valid.
    Down => drop PolicyDown,
    /// The hop limit ran out: it is decremented before the header is pushed.
    HopLimit => drop HopLimit,
    /// No room for a header that was decided on before.
    Headroom => drop Headroom,
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> Next {
    let policy = if meta.flags.has(Flags::ETHERNET) && !meta.pending.has(Pending::PUSH) {
        tables.port(meta.port).and_then(|port| port.policy)
    } else if let NextHop::Policy(policy) = tables.next_hops.entry(meta.next_hop) {
        Some(policy)
    } else {
        None
    };
    let Some(policy) = policy else { return Next::Down };
    // A header is pushed already: that makes this packet the one to carry. A site's packet is restored before.
    let is_settled = !meta.pending.has(Pending::PUSH.and(Pending::STRIP))
        || commit::settle(tables, counters, buffer, meta);
    if !is_settled {
        return Next::Headroom;
    }
    // Where the first segment is on this node, the header is pushed before `srv6-rewrite` gets to see the packet.
    if commit::hops(buffer, meta).is_some_and(|hops| hops <= 1) {
        return Next::HopLimit;
    }
    if commit::steer(tables, counters, policy, buffer, meta) { Next::Lookup } else { Next::Down }
}

/// Steers a burst.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::Srv6Headend, |buffer, meta| step(tables, counters, buffer, meta));
}
