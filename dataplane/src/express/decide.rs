//! What SIDs, policies and MEX make of a passenger, as long as it is what they make of nearly every packet: the questions of
//! `srv6-endpoint`, `srv6-headend` and `mex`, by the same functions.

use super::change::{AP_PLACE, Changes, Kind};
use super::{Columns, Passage};
use crate::buffer::{FRONT_LEN, PacketBuf, front};
use crate::fib::BLOCK;
use crate::flow;
use crate::id::{PolicyId, SidId, VrfId};
use crate::node::srv6::advance::{Advance, advance};
use crate::node::srv6::expose::{self, Inner};
use crate::table::srv6::{Behavior, Flavors, HmacRule, Mode};
use crate::table::{NextHop, Trigger};
use crate::wire::ipv6::protocol;
use crate::wire::{ap, ethernet, ipv6, srh};

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
            NextHop::Sid(id) => endpoint(passage, passenger, id, changes),
            NextHop::Policy(id) => headend(passage, passenger, id, changes),
            NextHop::NoRoute => alternative(passage, passenger, Trigger::NoRoute, changes),
            NextHop::Unreachable => alternative(passage, passenger, Trigger::Unreachable, changes),
            NextHop::Blackhole => alternative(passage, passenger, Trigger::Blackhole, changes),
            NextHop::Mex => alternative(passage, passenger, Trigger::Mex, changes),
            _ => None,
        };
    }
}

/// Decides about the first `count` passengers, all of them to SIDs.
#[inline(never)]
pub(super) fn endpoints<B: PacketBuf>(
    passage: &Passage<'_>,
    frames: &[Option<B>],
    columns: &Columns,
    count: usize,
    changes: &mut Changes,
) {
    let passengers = columns.places.iter().zip(&columns.destinations).zip(&columns.next_hops);
    for ((&place, &destination), &next_hop) in passengers.take(count) {
        let Some(Some(frame)) = frames.get(usize::from(place)) else { continue };
        if let NextHop::Sid(id) = passage.tables.next_hops.entry(next_hop) {
            // `None` when nothing is decided.
            let _ = endpoint(passage, &Passenger { place, frame, destination }, id, changes);
        }
    }
}

/// RFC 8986, 4: to the next segment, or the IPv6 packet inside.
#[inline(always)]
fn endpoint<B: PacketBuf>(
    passage: &Passage<'_>,
    passenger: &Passenger<'_, B>,
    id: SidId,
    changes: &mut Changes,
) -> Option<()> {
    let (srv6, port) = (&passage.tables.srv6, passage.port);
    let sid = srv6.sid(id)?;
    // Who may address a SID, HMAC, USP: rare, or asked header by header.
    let is_plain = port.is_sr_domain
        && port.hmac.max(sid.hmac) == HmacRule::Ignore
        && !sid.flavors.has(Flavors::USP)
        && sid.behavior != Behavior::EndB6;
    let header = front(passenger.frame).filter(|_| is_plain)?;
    let packet = passenger.frame.bytes().get(ethernet::LEN..)?;
    let (destination, hop_limit) = (passenger.destination, header.hop_limit());
    let next_header = header.next_header();
    let srh = if next_header == protocol::ROUTING { Some(srh::direct(packet)?) } else { None };
    if let Some(srh) = &srh
        && srv6.sample_rate != 0
        && srh.header().has_oam_flag()
    {
        return None;
    }
    let place = passenger.place;
    match advance(sid, destination, hop_limit, srh.as_ref()) {
        Advance::To { destination, segments_left, pop } => {
            // Behind other headers than an SRH or a packet there may be an SRH, too.
            let is_direct = srh.is_some() || next_header == protocol::IPV6 || next_header == protocol::IPV4;
            if !is_direct {
                return None;
            }
            let vrf = if sid.behavior == Behavior::EndT { sid.vrf } else { VrfId(0) };
            let change = changes.add(place, Kind::Advance, vrf, destination)?;
            change.sid = id;
            change.has_srh = srh.is_some();
            change.segments_left = segments_left;
            change.pop = pop;
            if pop && let Some(srh) = &srh {
                change.growth = -(srh.total_len() as i16);
            }
            if sid.behavior == Behavior::EndX {
                change.next_hop = sid.next_hop;
            }
            Some(())
        }
        Advance::Upper => {
            let (upper, offset) = match &srh {
                Some(srh) => (srh.header().next_header(), srh.end()),
                None => (next_header, ipv6::LEN),
            };
            let is_looked_up = matches!(sid.behavior, Behavior::EndDt6 | Behavior::EndDt46);
            if !is_looked_up || expose::inner(sid, upper) != Some(Inner::Ipv6) {
                return None;
            }
            let inner = packet.get(offset..)?;
            let header = ipv6::Header::of(inner)?;
            let octets = i16::try_from(offset).ok()?;
            if !passage.is_usual_inside(&header, inner.len()) {
                return None;
            }
            let change = changes.add(place, Kind::Expose, sid.vrf, header.destination())?;
            change.sid = id;
            change.exposed_at = octets.cast_unsigned();
            change.growth = -octets;
            Some(())
        }
        Advance::HopLimit | Advance::SegmentsLeft => None,
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
        && packet.len() + overhead <= usize::from(u16::MAX);
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
#[inline(never)]
fn alternative<B: PacketBuf>(
    passage: &Passage<'_>,
    passenger: &Passenger<'_, B>,
    trigger: Trigger,
    changes: &mut Changes,
) -> Option<()> {
    let mex = &passage.tables.mex;
    let front = passenger.frame.bytes().first_chunk::<{ FRONT_LEN + ap::FIXED_LEN }>()?;
    let may_seek = mex.triggers.contains(trigger)
        && front[ethernet::LEN + ipv6::NEXT_HEADER_AT] == mex.next_header
        && mex.max_prefixes > 0;
    let packet = passenger.frame.bytes().get(ethernet::LEN..).filter(|_| may_seek)?;
    ap::Header::of(&front[FRONT_LEN..]).filter(ap::Header::is_ours)?;
    let offset = usize::from(AP_PLACE.offset);
    let (n, p) = ap::read(packet, offset).ok()?;
    let destination = passenger.destination;
    if p == 0 || mex.refused.contains(destination) {
        return None;
    }
    let prefix = ap::prefix(packet, offset, n - p + 1)?;
    let candidate = u128::from(prefix) << 64 | u128::from(destination as u64);
    if candidate == destination || !mex.allows(destination, candidate) {
        return None;
    }
    changes.add(passenger.place, Kind::Exchange, passage.port.vrf, candidate).map(|_| ())
}
