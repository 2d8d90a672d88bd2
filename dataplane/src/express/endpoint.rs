//! What SIDs make of a passenger (RFC 8986, 4.1 to 4.8; RFC 9800, 4.1), as long as it is what they make of nearly every
//! packet: the step to the next segment, or the IPv6 packet inside. What a SID says about itself is compiled beforehand; the
//! rules are those of `srv6-endpoint`, which gets every packet that is not told here where to go.

use super::change::{Changes, Kind};
use super::{Columns, Passage};
use crate::buffer::{FRONT_LEN, PacketBuf};
use crate::id::{MAX_SIDS, NextHopId, SidId, VrfId};
use crate::node::srv6::advance::mask;
use crate::table::NextHop;
use crate::table::srv6::{Behavior, Flavors, HmacRule, Sid, Srv6};
use crate::wire::ipv6::protocol;
use crate::wire::{ethernet, ipv6, srh};

/// What the lane does for packets to a SID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Act {
    /// Nothing: they go through the graph.
    Nothing,
    /// On to the next segment.
    Advance,
    /// The IPv6 packet inside is looked up.
    Expose,
}

/// A SID, compiled: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Endpoint {
    act: Act,
    /// With PSP.
    pops: bool,
    /// Where the destination is looked up then.
    vrf: VrfId,
    /// Of End.X; "no route" when the destination is looked up.
    next_hop: NextHopId,
    /// With NEXT-CSID: octets of the argument, and by how many bits it moves up behind the block. 0 without.
    argument: u128,
    argument_shift: u32,
    block: u128,
}

const NOTHING: Endpoint = Endpoint {
    act: Act::Nothing,
    pops: false,
    vrf: VrfId(0),
    next_hop: NextHopId::NO_ROUTE,
    argument: 0,
    argument_shift: 0,
    block: 0,
};

impl Endpoint {
    fn of(sid: &Sid) -> Endpoint {
        let act = match sid.behavior {
            Behavior::End | Behavior::EndX | Behavior::EndT => Act::Advance,
            Behavior::EndDt6 | Behavior::EndDt46 => Act::Expose,
            _ => Act::Nothing,
        };
        if sid.hmac != HmacRule::Ignore || sid.flavors.has(Flavors::USP.and(Flavors::REPLACE_CSID)) {
            return NOTHING;
        }
        let is_compressed = act == Act::Advance && sid.flavors.has(Flavors::NEXT_CSID);
        Endpoint {
            act,
            pops: sid.flavors.has(Flavors::PSP),
            vrf: if matches!(sid.behavior, Behavior::End | Behavior::EndX) { VrfId(0) } else { sid.vrf },
            next_hop: if sid.behavior == Behavior::EndX { sid.next_hop } else { NextHopId::NO_ROUTE },
            argument: if is_compressed { !mask(sid.prefix_len) } else { 0 },
            argument_shift: u32::from(sid.prefix_len.saturating_sub(sid.block_len)).min(127),
            block: mask(sid.block_len),
        }
    }
}

/// By [`SidId`].
#[derive(Debug)]
pub(super) struct Endpoints {
    all: Box<[Endpoint]>,
    /// Behind these, there is nothing.
    compiled: usize,
}

impl Default for Endpoints {
    fn default() -> Self {
        Endpoints { all: vec![NOTHING; MAX_SIDS].into_boxed_slice(), compiled: 0 }
    }
}

impl Endpoints {
    /// Compiles all SIDs.
    pub(super) fn rebuild(&mut self, srv6: &Srv6) {
        let count = srv6.sids.len();
        let sids = srv6.sids.iter().map(|sid| sid.as_ref().map_or(NOTHING, Endpoint::of));
        let compiled = sids.chain(std::iter::repeat(NOTHING));
        for (endpoint, new) in self.all.iter_mut().zip(compiled).take(count.max(self.compiled)) {
            *endpoint = new;
        }
        self.compiled = count;
    }

    /// Decides about the first `count` passengers, all of them to SIDs.
    #[inline(never)]
    pub(super) fn decide<B: PacketBuf>(
        &self,
        passage: &Passage<'_>,
        frames: &[Option<B>],
        columns: &Columns,
        count: usize,
        changes: &mut Changes,
    ) {
        let count = count.min(columns.places.len());
        let passengers = columns.places[..count].iter().zip(&columns.destinations[..count]);
        for ((&place, &destination), &next_hop) in passengers.zip(&columns.next_hops[..count]) {
            let Some(Some(frame)) = frames.get(usize::from(place)) else { continue };
            if let NextHop::Sid(id) = passage.tables.next_hops.entry(next_hop) {
                // `None` when nothing is decided; otherwise `changes` has been told.
                let _ = self.step(passage, place, frame.bytes(), destination, id, changes);
            }
        }
    }

    /// [`Endpoints::step`] as a function of its own: inlined twice, it would fill the registers of both callers.
    #[inline(never)]
    pub(super) fn step_apart(
        &self,
        passage: &Passage<'_>,
        place: u8,
        frame: &[u8],
        destination: u128,
        id: SidId,
        changes: &mut Changes,
    ) -> Option<()> {
        self.step(passage, place, frame, destination, id, changes)
    }

    /// Decides about one frame to a SID.
    #[inline]
    fn step(
        &self,
        passage: &Passage<'_>,
        place: u8,
        frame: &[u8],
        destination: u128,
        id: SidId,
        changes: &mut Changes,
    ) -> Option<()> {
        let endpoint = self.all.get(id.index())?;
        let front = frame.first_chunk::<{ FRONT_LEN + srh::FIXED_LEN }>()?;
        let next_header = front[ethernet::LEN + ipv6::NEXT_HEADER_AT];
        let is_routed = next_header == protocol::ROUTING;
        let srh = srh::Header::of(&front[FRONT_LEN..])?;
        let srh_end = FRONT_LEN + srh.total_len();
        let is_usual = !is_routed
            || (srh.routing_type() == srh::ROUTING_TYPE)
                & (srh_end <= frame.len())
                & !(passage.is_sampled & srh.has_oam_flag());
        if !is_usual || !passage.trusts_segments {
            return None;
        }
        match endpoint.act {
            Act::Advance if destination & endpoint.argument != 0 => {
                // Behind another header there may be an SRH, too.
                if !matches!(next_header, protocol::ROUTING | protocol::IPV6 | protocol::IPV4) {
                    return None;
                }
                // RFC 9800, 4.1.1, N05, N06. Segments Left stays what it is.
                let argument = (destination & endpoint.argument) << endpoint.argument_shift;
                let next = destination & endpoint.block | argument;
                let change = changes.add(place, Kind::Shift, endpoint.vrf, next)?;
                change.sid = id;
                change.next_hop = endpoint.next_hop;
            }
            Act::Advance => {
                // RFC 8986, 4.1, S02, S08, S09.
                if !is_routed || !srh.is_list_sound() {
                    return None;
                }
                // S13, S14
                let segments_left = srh.segments_left().checked_sub(1)?;
                let at = FRONT_LEN + srh::FIXED_LEN + srh::SEGMENT_LEN * usize::from(segments_left);
                let segment = frame.get(at..)?.first_chunk()?;
                let pops = endpoint.pops && segments_left == 0;
                let kind = if pops { Kind::Pop } else { Kind::Advance };
                let change = changes.add(place, kind, endpoint.vrf, u128::from_be_bytes(*segment))?;
                change.sid = id;
                change.next_hop = endpoint.next_hop;
                change.segments_left = segments_left;
                if pops {
                    // At most 2048.
                    change.growth = -(srh.total_len() as u16).cast_signed();
                }
            }
            Act::Expose => {
                // RFC 8986, 4.6: the last segment, and it has to be.
                let (upper, at) =
                    if is_routed { (srh.next_header(), srh_end) } else { (next_header, FRONT_LEN) };
                if upper != protocol::IPV6 || is_routed && srh.segments_left() != 0 {
                    return None;
                }
                let inner = frame.get(at..)?;
                let header = ipv6::Header::of(inner)?;
                if !passage.is_usual_inside(header, inner.len()) {
                    return None;
                }
                let change = changes.add(place, Kind::Expose, endpoint.vrf, header.destination())?;
                change.sid = id;
                // At most 2048 and the fixed header.
                change.growth = -((at - ethernet::LEN) as u16).cast_signed();
            }
            Act::Nothing => return None,
        }
        Some(())
    }
}
