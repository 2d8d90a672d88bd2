//! What policies and MEX make of a passenger, as long as it is what they make of nearly every packet: the questions of
//! `srv6-headend` and `mex`, asked of the same tables.

use super::change::{Changes, Kind};
use super::endpoint::Endpoints;
use super::{Columns, Passage};
use crate::buffer::{FRONT_LEN, PacketBuf};
use crate::fib::BLOCK;
use crate::flow;
use crate::id::{PolicyId, VrfId};
use crate::table::srv6::Mode;
use crate::table::{NextHop, Trigger};
use crate::wire::{ap, ethernet, ipv6};

/// One passenger.
struct Passenger<'a, B> {
    /// Of its frame in the block.
    place: u8,
    frame: &'a B,
    destination: u128,
}

/// Decides about the passengers with these numbers. Those about whom nothing is decided go through the graph.
#[inline(never)]
pub(super) fn decide<B: PacketBuf>(
    passage: &Passage<'_>,
    frames: &[Option<B>],
    endpoints: &Endpoints,
    columns: &Columns,
    numbers: &[u8],
    changes: &mut Changes,
) {
    for &number in numbers {
        let number = usize::from(number) % BLOCK;
        let (place, destination) = (columns.places[number], columns.destinations[number]);
        let Some(Some(frame)) = frames.get(usize::from(place)) else { continue };
        let passenger = &Passenger { place, frame, destination };
        // `None` when nothing is decided; each has told `changes` otherwise.
        let _ = match passage.tables.next_hops.entry(columns.next_hops[number]) {
            NextHop::Sid(id) => endpoints.step_apart(passage, place, frame.bytes(), destination, id, changes),
            NextHop::Policy(id) => headend(passage, passenger, id, changes),
            other => trigger(other).and_then(|trigger| alternative(passage, passenger, trigger, changes)),
        };
    }
}

/// Why a packet with this next hop has no way out.
#[inline]
const fn trigger(next_hop: NextHop) -> Option<Trigger> {
    match next_hop {
        NextHop::NoRoute => Some(Trigger::NoRoute),
        NextHop::Unreachable => Some(Trigger::Unreachable),
        NextHop::Blackhole => Some(Trigger::Blackhole),
        NextHop::Mex => Some(Trigger::Mex),
        _ => None,
    }
}

/// RFC 8986, 5: H.Encaps and H.Encaps.Red.
#[inline(never)]
fn headend<B: PacketBuf>(
    passage: &Passage<'_>,
    passenger: &Passenger<'_, B>,
    id: PolicyId,
    changes: &mut Changes,
) -> Option<()> {
    let srv6 = &passage.tables.srv6;
    let policy = srv6.policy(id)?;
    let packet = passenger.frame.bytes().get(ethernet::LEN..)?;
    let picked = policy.pick(|| flow::hash(packet, passenger.destination))?;
    let list = srv6.list(picked)?;
    let overhead = list.overhead();
    let is_plain = matches!(policy.mode, Mode::Encap | Mode::EncapRed)
        && list.policy == id
        && list.hmac_key.is_none()
        && passenger.frame.headroom() >= overhead
        && u16::try_from(packet.len() + overhead).is_ok();
    if !is_plain {
        return None;
    }
    let growth = i16::try_from(overhead).ok()?;
    let change = changes.add(passenger.place, Kind::Push, VrfId(0), list.first)?;
    change.growth = growth;
    change.policy = id;
    change.list = picked;
    Some(())
}

/// MEX: the first alternative of an AP header right behind the IPv6 header (docs/mex.md, Router algorithm).
#[inline]
fn alternative<B: PacketBuf>(
    passage: &Passage<'_>,
    passenger: &Passenger<'_, B>,
    trigger: Trigger,
    changes: &mut Changes,
) -> Option<()> {
    let mex = &passage.tables.mex;
    let frame = passenger.frame.bytes();
    let front = frame.first_chunk::<{ FRONT_LEN + ap::FIXED_LEN }>()?;
    let may_seek = mex.triggers.contains(trigger)
        && front[ethernet::LEN + ipv6::NEXT_HEADER_AT] == mex.next_header
        && mex.max_prefixes > 0;
    let header = ap::Header::of(&front[FRONT_LEN..]).filter(|header| may_seek && header.is_ours())?;
    let (n, p) = (header.prefixes(), header.pleft());
    let destination = passenger.destination;
    if p == 0 || p > n || FRONT_LEN + ap::len(n) > frame.len() || mex.refused.contains(destination) {
        return None;
    }
    // The first that is left.
    let at = FRONT_LEN + ap::len(n - p);
    let prefix = u64::from_be_bytes(*frame.get(at..)?.first_chunk()?);
    let candidate = u128::from(prefix) << 64 | u128::from(destination as u64);
    if candidate == destination || !mex.allows(destination, candidate) {
        return None;
    }
    let change = changes.add(passenger.place, Kind::Exchange, passage.port.vrf, candidate)?;
    change.alternative_at = at as u16;
    Some(())
}
