//! The site's edge: verifies that the destination and all listed prefixes are the site's own, decides the original
//! destination, and has the AP header stripped (docs/mex.md, P4). Only decides; `mex_commit` strips. A packet without
//! the header passes.

use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Meta, Pending};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::{NextHop, Site, Tables};
use crate::wire::{ap, ext, ipv6};

edges! {
    /// Nothing to restore: on by the route's own next hop.
    Deliver => node NextHop,
    /// The original destination is another one: look that up.
    Restored => node Lookup,
    /// Not the site's own.
    Verify => drop MexSiteVerify,
}

/// The high half of the original destination, when destination and prefixes are all the site's.
fn verify(site: &Site, packet: &[u8], offset: usize, destination: u64) -> Option<u64> {
    let (n, p) = ap::read(packet, offset).ok()?;
    let all_own =
        || (1..=n).all(|number| ap::prefix(packet, offset, number).is_some_and(|prefix| site.owns(prefix)));
    if !site.owns(destination) || !all_own() {
        return None;
    }
    // After one exchange or more, the original stands first.
    if p < n { ap::prefix(packet, offset, 1) } else { Some(destination) }
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &B, meta: &mut Meta) -> Next {
    let NextHop::Site { site, via } = tables.next_hops.entry(meta.next_hop) else { return Next::Deliver };
    let packet = packet(buffer);
    let Some(destination) = ipv6::Header::of(packet).map(|h| h.destination()) else { return Next::Verify };
    let looked_up = meta.destination;
    if meta.pending.has(Pending::SRV6) {
        // Neither an outer header nor a segment list meets MEX (docs/mex.md).
        meta.next_hop = via;
        return Next::Deliver;
    }
    if meta.pending.has(Pending::INSERT) {
        // This node is the edge of both ends: what would be inserted here would be stripped here.
        meta.pending = Pending::NONE;
        meta.destination = destination;
    } else if !meta.pending.has(Pending::STRIP)
        && let Some(place) = ext::find_ap(packet, tables.mex.next_header, tables.mex.bounds)
    {
        let offset = usize::from(place.offset);
        let own = tables.mex.sites.get(usize::from(site));
        let Some(original) = own.and_then(|site| verify(site, packet, offset, (destination >> 64) as u64))
        else {
            counters.mex.verify_failed.add(1);
            return Next::Verify;
        };
        meta.pending = Pending::STRIP;
        meta.ap = place;
        meta.ap_prefixes = packet.get(offset + ap::HDR_EXT_LEN_AT).copied().unwrap_or_default();
        meta.destination = u128::from(original) << 64 | u128::from(destination as u64);
    }
    if meta.destination == looked_up {
        meta.next_hop = via;
        Next::Deliver
    } else {
        Next::Restored
    }
}

/// Verifies a burst.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::MexSite, |buffer, meta| step(tables, counters, buffer, meta));
}
