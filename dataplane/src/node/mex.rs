//! The MEX router: a packet that has no way out may carry alternatives for its destination prefix (docs/mex.md, Router
//! algorithm). The burst goes round by round: each round looks up one candidate of every packet that still seeks.
//! Nothing is written to a packet here: `mex_commit` exchanges, once the packet is sure to leave.

mod seek;

use super::lookup::{LookupBatch, ip6};
use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Meta, Pending, SLOTS};
use crate::counters::Counters;
use crate::drop::Drop;
use crate::graph::NodeId;
use crate::limit::TokenBucket;
use crate::table::{MexPolicy, Tables};
use crate::wire::{ap, ext, ipv6};
pub use seek::Seekers;
use seek::{Seek, next_candidate};

edges! {
    /// An alternative is reachable.
    Exchange => node NextHop,
    /// None is: the ordinary end.
    NoRoute => drop NoRoute,
    /// None is: the ordinary end.
    Unreachable => drop Unreachable,
    /// None is: the ordinary end.
    Blackhole => drop Blackhole,
    /// None is: the ordinary end.
    MexRoute => drop MexRoute,
    /// None is: the ordinary end.
    NextHopDown => drop NextHopDown,
    /// The header contradicts itself or the packet.
    Malformed => drop MexHeader,
    /// Beyond the policer's rate.
    Policed => drop MexPoliced,
}

/// The end of a packet that MEX cannot help.
fn ordinary(reason: Drop) -> Next {
    match reason {
        Drop::Unreachable => Next::Unreachable,
        Drop::Blackhole => Next::Blackhole,
        Drop::MexRoute => Next::MexRoute,
        Drop::NextHopDown => Next::NextHopDown,
        _ => Next::NoRoute,
    }
}

/// n and p of the packet's header, or of the one that this very node is to insert; otherwise the packet's end.
fn header(mex: &MexPolicy, counters: &Counters, packet: &[u8], meta: &mut Meta) -> Result<(u8, u8), Next> {
    if meta.pending.has(Pending::INSERT) {
        return Ok((meta.ap_prefixes, meta.ap_prefixes));
    }
    if meta.pending.has(Pending::STRIP) {
        // Restored here, the packet goes to its original destination or nowhere: without the header, whoever got it at
        // another one could not restore it.
        counters.mex.absent.add(1);
        return Err(ordinary(meta.reason));
    }
    let Some(place) = ext::find_ap(packet, mex.next_header, mex.bounds) else {
        counters.mex.absent.add(1);
        return Err(ordinary(meta.reason));
    };
    let (n, p) = ap::read(packet, usize::from(place.offset)).map_err(|at_fault| {
        counters.mex.malformed.add(1);
        meta.parameter = at_fault as u32;
        Next::Malformed
    })?;
    meta.ap = place;
    meta.ap_prefixes = n;
    Ok((n, p))
}

/// A packet that may seek a way out, or else its end.
fn examine(
    mex: &MexPolicy,
    counters: &Counters,
    policer: &mut TokenBucket,
    packet: &[u8],
    meta: &mut Meta,
) -> Result<Seek, Next> {
    counters.mex.examined.add(1);
    let (n, p) = header(mex, counters, packet, meta)?;
    let destination = ipv6::Header::of(packet).map_or(0, |h| h.destination());
    // Exchanged away from: as much refused as exchanged to (docs/mex.md, Security).
    if p == 0 || mex.refused.contains(destination) {
        counters.mex.exhausted.add(1);
        return Err(ordinary(meta.reason));
    }
    // Only what costs more than an ordinary end is policed: the candidates' lookups.
    if !policer.take(meta.arrival_ns) {
        counters.mex.policed.add(1);
        return Err(Next::Policed);
    }
    Ok(Seek { slot: 0, n, p, tried: 0, destination })
}

/// Examines every packet of the burst; those that seek go into `seekers`, the others to their end.
fn examine_all<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    policer: &mut TokenBucket,
    burst: &mut Burst<B>,
    seekers: &mut Seekers,
) {
    let list = burst.take_queue(NodeId::Mex);
    for &slot in list.as_slice() {
        let (buffer, meta) = burst.slot(slot);
        let Some(buffer) = buffer else { continue };
        match examine(&tables.mex, counters, policer, packet(buffer), meta) {
            Ok(seek) => seekers.push(Seek { slot, ..seek }),
            Err(end) => burst.route(NodeId::Mex, slot, end.into()),
        }
    }
}

/// One round: a candidate of each seeker is looked up; who found a way or has no candidate left, leaves.
fn round<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    batch: &mut LookupBatch<u128>,
    burst: &mut Burst<B>,
    seekers: &mut Seekers,
) {
    batch.clear();
    let before = std::mem::replace(&mut seekers.len, 0);
    for index in 0..before.min(SLOTS) {
        let mut seek = seekers.list[index];
        let (buffer, meta) = burst.slot(seek.slot);
        let Some(buffer) = buffer else { continue };
        let end = ordinary(meta.reason);
        if let Some(candidate) = next_candidate(&tables.mex, counters, packet(buffer), meta, &mut seek) {
            batch.push(meta.vrf, candidate);
            meta.destination = candidate;
            seekers.push(seek);
        } else {
            counters.mex.exhausted.add(1);
            burst.route(NodeId::Mex, seek.slot, end.into());
        }
    }
    let asked = std::mem::replace(&mut seekers.len, 0);
    for (index, next_hop) in (0..asked).zip(batch.run(ip6(tables))) {
        let seek = seekers.list[index % SLOTS];
        if tables.next_hops.is_reachable(*next_hop, &tables.liveness) {
            let (_, meta) = burst.slot(seek.slot);
            meta.next_hop = *next_hop;
            meta.ap_exchanges = seek.tried;
            meta.pending = meta.pending.and(Pending::EXCHANGE);
            burst.route(NodeId::Mex, seek.slot, Next::Exchange.into());
        } else {
            seekers.push(seek);
        }
    }
}

/// Finds a way out for a burst.
pub fn process<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    policer: &mut TokenBucket,
    batch: &mut LookupBatch<u128>,
    seekers: &mut Seekers,
    burst: &mut Burst<B>,
) {
    examine_all(tables, counters, policer, burst, seekers);
    // Each round uses up at least one alternative of each seeker, so this ends after max_prefixes rounds.
    while !seekers.is_empty() {
        round(tables, counters, batch, burst, seekers);
    }
}
