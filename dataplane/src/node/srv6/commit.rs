//! The changes that SRv6 decides on, made once the packet is sure to leave: the step to the next segment, and the header
//! of a policy (RFC 8986, 4.13, 4.14, 5).

use super::advance::{self, Advance};
use crate::buffer::{PacketBuf, front, packet, packet_mut};
use crate::burst::{Flags, Meta, Pending};
use crate::counters::Counters;
use crate::flow;
use crate::id::{PolicyId, VrfId};
use crate::node::mex_commit;
use crate::table::Tables;
use crate::table::srv6::{Field, Flavors, Policy, SegmentList};
use crate::wire::ext::Place;
use crate::wire::ipv6::protocol;
use crate::wire::srh;
use crate::wire::{ap, ethernet, ipv4, ipv6};

/// The hash of the flow of what a policy carries.
fn flow_hash<B: PacketBuf>(buffer: &B, flags: Flags) -> u32 {
    if flags.has(Flags::ETHERNET) {
        return flow::hash_frame(buffer.bytes());
    }
    let packet = packet(buffer);
    if flags.has(Flags::IPV4) {
        return flow::hash4(packet);
    }
    flow::hash(packet, ipv6::Header::of(packet).map_or(0, |header| header.destination()))
}

/// Steers a packet into a policy: picks the segment list of its flow and looks for the first segment in the default
/// table. False when no candidate path is valid.
pub fn steer<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    id: PolicyId,
    buffer: &B,
    meta: &mut Meta,
) -> bool {
    let Some(policy) = tables.srv6.policy(id) else { return false };
    let Some(picked) = policy.pick(|| flow_hash(buffer, meta.flags)) else { return false };
    let Some(list) = tables.srv6.list(picked) else { return false };
    let octets = carried_len(buffer, meta.flags);
    for volume in [counters.policy(id), counters.list(picked)].into_iter().flatten() {
        volume.add(octets);
    }
    if !meta.pending.has(Pending::SRV6) {
        meta.source_vrf = meta.vrf;
    }
    meta.pending = meta.pending.and(Pending::PUSH);
    meta.segment_list = picked;
    meta.destination = list.first;
    meta.vrf = VrfId(0);
    true
}

/// Octets of what a policy carries: the packet, or the whole frame.
fn carried_len<B: PacketBuf>(buffer: &B, flags: Flags) -> usize {
    let frame = buffer.bytes().len();
    if flags.has(Flags::ETHERNET) { frame } else { frame.saturating_sub(ethernet::LEN) }
}

/// Octets by which the pending changes make the packet longer on the link.
pub fn growth<B: PacketBuf>(tables: &Tables, buffer: &B, meta: &Meta) -> isize {
    let mut octets = 0;
    if meta.pending.has(Pending::INSERT) {
        octets += ap::len(meta.ap_prefixes);
    }
    if meta.pending.has(Pending::PUSH) {
        octets += tables.srv6.list(meta.segment_list).map_or(0, SegmentList::overhead);
        octets += if meta.flags.has(Flags::ETHERNET) { ethernet::LEN } else { 0 };
    }
    octets.cast_signed() - popped(tables, packet(buffer), meta).cast_signed()
}

/// Octets of the SRHs that will be removed.
fn popped(tables: &Tables, packet: &[u8], meta: &Meta) -> usize {
    if let Some((srh, _)) = meta.noted_advance(meta.pending) {
        let srh = srh.filter(|_| meta.pending.has(Pending::POP));
        return srh.and_then(|place| srh::Srh::at(packet, place)).map_or(0, |srh| srh.total_len());
    }
    let sid = tables.srv6.sid(meta.sid).filter(|sid| sid.flavors.has(Flavors::PSP.and(Flavors::USP)));
    let (true, Some(sid)) = (meta.pending.has(Pending::ADVANCE), sid) else { return 0 };
    let used_up: usize = advance::used_up(sid, packet).into_iter().flatten().map(|srh| srh.total_len()).sum();
    match advance::onward(sid, packet) {
        Some((Some(srh), Advance::To { pop: true, .. })) => used_up + srh.total_len(),
        _ => used_up,
    }
}

/// The packet stays on this node: what is pending is made now, and it counts as received again. False when there is no
/// room for it.
#[must_use]
pub fn settle<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> bool {
    if meta.pending.has(Pending::SRV6) {
        return apply(tables, counters, buffer, meta);
    }
    // What was to be inserted for others to restore would be no use here.
    if std::mem::take(&mut meta.pending).has(Pending::STRIP) {
        mex_commit::strip(counters, buffer, meta);
    }
    true
}

/// Makes all pending changes, the hop limit's included. False, and the packet is to be dropped, when there is no room.
#[must_use]
pub fn apply<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> bool {
    let pending = std::mem::take(&mut meta.pending);
    if pending.has(Pending::MEX) && !mex_commit::add(tables, counters, buffer, meta, pending) {
        return false;
    }
    if pending.has(Pending::ADVANCE) && !make_advance(tables, buffer, meta, pending) {
        return false;
    }
    // A SID is a hop for every packet, for those of this node too.
    if pending.has(Pending::ADVANCE) || !meta.flags.has(Flags::ORIGINATED) {
        decrement(buffer, meta);
    }
    if !pending.has(Pending::PUSH) {
        return true;
    }
    let Some(list) = tables.srv6.list(meta.segment_list) else { return false };
    let Some(policy) = tables.srv6.policy(list.policy) else { return false };
    if policy.mode.is_insert() {
        insert(tables, list, buffer)
    } else {
        let made = encapsulate(tables, policy, list, buffer, meta.flags);
        if made {
            // The packet is the outer one now.
            meta.flags = meta.flags.without(Flags::IPV4.and(Flags::ETHERNET));
        }
        made
    }
}

/// The hop limit or TTL of the packet as it came; `None` for what has none.
pub fn hops<B: PacketBuf>(buffer: &B, meta: &Meta) -> Option<u8> {
    if meta.flags.has(Flags::ETHERNET.and(Flags::ORIGINATED)) {
        None
    } else if meta.flags.has(Flags::IPV4) {
        ipv4::Header::of(packet(buffer)).map(|header| header.ttl())
    } else {
        front(buffer).map(|header| header.hop_limit())
    }
}

/// The hop limit, or TTL, of the packet as it is before a header is pushed; checked to be above 1.
fn decrement<B: PacketBuf>(buffer: &mut B, meta: &Meta) {
    if meta.flags.has(Flags::ETHERNET) {
        return;
    }
    let packet = packet_mut(buffer);
    if meta.flags.has(Flags::IPV4) {
        if let Some(mut header) = ipv4::Header::of_mut(packet) {
            header.decrement_ttl();
        }
    } else if let Some(mut header) = ipv6::Header::of_mut(packet) {
        header.set_hop_limit(header.hop_limit().wrapping_sub(1));
    }
}

/// To the next segment: the destination, Segments Left, and the end of an SRH that has served.
fn make_advance<B: PacketBuf>(tables: &Tables, buffer: &mut B, meta: &Meta, pending: Pending) -> bool {
    let pop = pending.has(Pending::POP);
    match meta.noted_advance(pending) {
        Some((srh, segments_left)) if !pending.has(Pending::PUSH) => {
            write_advance(buffer, meta.destination, srh, segments_left, pop)
        }
        Some((Some(place), segments_left)) if is_whole_segment(tables, meta) => {
            // The noted destination has given way to the policy's; the list has it.
            let next = srh::Srh::at(packet(buffer), place).and_then(|srh| srh.segment(segments_left));
            next.is_some_and(|next| write_advance(buffer, next, Some(place), segments_left, pop))
        }
        _ => make_advance_again(tables, buffer, meta),
    }
}

/// True when the next segment stands in the list as it is: no compressed SID.
fn is_whole_segment(tables: &Tables, meta: &Meta) -> bool {
    let csid = Flavors::NEXT_CSID.and(Flavors::REPLACE_CSID);
    tables.srv6.sid(meta.sid).is_some_and(|sid| !sid.flavors.has(csid))
}

/// The same for a packet whose step is not noted: what it comes to is found out once more.
fn make_advance_again<B: PacketBuf>(tables: &Tables, buffer: &mut B, meta: &Meta) -> bool {
    let Some(sid) = tables.srv6.sid(meta.sid) else { return false };
    if sid.flavors.has(Flavors::USP) {
        // The last one first: the others stay where they are.
        let places = advance::used_up(sid, packet(buffer)).map(|srh| srh.map(|srh| srh.place()));
        if !places.into_iter().rev().flatten().all(|place| srh::remove(buffer, place)) {
            return false;
        }
    }
    let packet = packet_mut(buffer);
    let Some((srh, Advance::To { destination, segments_left, pop })) = advance::onward(sid, packet) else {
        return false;
    };
    let place = srh.map(|srh| srh.place());
    write_advance(buffer, destination, place, segments_left, pop)
}

/// Writes the step to the next segment. False when an SRH that is to be removed is not whole.
#[inline]
pub fn write_advance<B: PacketBuf>(
    buffer: &mut B,
    destination: u128,
    srh: Option<Place>,
    segments_left: u8,
    pop: bool,
) -> bool {
    let packet = packet_mut(buffer);
    if let Some(mut header) = ipv6::Header::of_mut(packet) {
        header.set_destination(destination);
    }
    let Some(place) = srh else { return true };
    if let Some(mut srh) = packet.get_mut(usize::from(place.offset)..).and_then(srh::Header::of_mut) {
        srh.set_segments_left(segments_left);
    }
    !pop || srh::remove(buffer, place)
}

/// H.Insert: the policy's SRH, whose last segment is where the packet was going. It follows a Hop-by-Hop header (RFC 8200,
/// 4.1).
fn insert<B: PacketBuf>(tables: &Tables, list: &SegmentList, buffer: &mut B) -> bool {
    let packet = packet_mut(buffer);
    let Some(header) = ipv6::Header::of(packet) else { return false };
    let (source, destination) = (header.source(), header.destination());
    let place = if header.next_header() == protocol::HOP_BY_HOP {
        let Some(units) = packet.get(ipv6::LEN + 1) else { return false };
        Place { offset: (ipv6::LEN + 8 + 8 * usize::from(*units)) as u16, next_header_at: ipv6::LEN as u16 }
    } else {
        srh::DIRECT
    };
    if !srh::insert_octets(buffer, place, list.template()) {
        return false;
    }
    let packet = packet_mut(buffer);
    let offset = usize::from(place.offset);
    if srh::set_segment(packet, offset, 0, destination).is_none() {
        return false;
    }
    if let Some(mut header) = ipv6::Header::of_mut(packet) {
        header.set_destination(list.first);
    }
    if let Some(srh) = packet.get_mut(offset..offset + list.template().len()) {
        tables.srv6.sign(list, source, srh);
    }
    true
}

/// What an outer header takes from the packet inside.
#[derive(Debug)]
pub struct Inside {
    protocol: u8,
    traffic_class: u8,
    hop_limit: u8,
    flow_label: u32,
}

/// What the outer header of a policy takes from a packet; `flags` say what it is. `None` when it is none.
#[inline]
pub fn inside<B: PacketBuf>(policy: &Policy, buffer: &B, flags: Flags) -> Option<Inside> {
    let packet = packet(buffer);
    let (protocol, class, hops, label) = if flags.has(Flags::ETHERNET) {
        (protocol::ETHERNET, 0, crate::table::srv6::DEFAULT_HOP_LIMIT, 0)
    } else if flags.has(Flags::IPV4) {
        let header = ipv4::Header::of(packet)?;
        (protocol::IPV4, header.tos(), header.ttl(), 0)
    } else {
        let header = ipv6::Header::of(packet)?;
        (protocol::IPV6, header.traffic_class(), header.hop_limit(), header.flow_label())
    };
    Some(Inside {
        protocol,
        traffic_class: if let Field::Fixed(class) = policy.traffic_class { class } else { class },
        hop_limit: if let Field::Fixed(hops) = policy.hop_limit { hops } else { hops },
        flow_label: match policy.flow_label {
            Field::Fixed(label) => label,
            Field::Copy if label != 0 => label,
            _ => flow::label(flow_hash(buffer, flags)),
        },
    })
}

/// Writes the outer header, and the SRH behind it, to the octets that are there for it.
#[inline]
pub fn write_outer(list: &SegmentList, inside: &Inside, payload_len: u16, pushed: &mut [u8]) {
    let Some((template, srh)) = list.template().split_first_chunk::<{ ipv6::LEN }>() else { return };
    let Some((outer, behind)) = pushed.split_first_chunk_mut::<{ ipv6::LEN }>() else { return };
    *outer = *template;
    let mut header = ipv6::Header::of_array(outer);
    header.set_version_class_label(inside.traffic_class, inside.flow_label);
    header.set_payload_len(payload_len);
    header.set_hop_limit(inside.hop_limit);
    if srh.is_empty() {
        header.set_next_header(inside.protocol);
    } else if let Some(behind) = behind.get_mut(..srh.len()) {
        behind.copy_from_slice(srh);
        behind[0] = inside.protocol;
    }
}

/// H.Encaps and its kin: the template, and what depends on the packet.
/// `flags` say what is carried. False, and nothing has changed, when there is no room.
pub fn encapsulate<B: PacketBuf>(
    tables: &Tables,
    policy: &Policy,
    list: &SegmentList,
    buffer: &mut B,
    flags: Flags,
) -> bool {
    let Some(inside) = inside(policy, buffer, flags) else { return false };
    let Some(mut ethernet) = buffer.bytes().first_chunk::<{ ethernet::LEN }>().copied() else { return false };
    let template = list.template();
    let Ok(payload_len) = u16::try_from(carried_len(buffer, flags) + template.len() - ipv6::LEN) else {
        return false;
    };
    let kept = if flags.has(Flags::ETHERNET) { ethernet::LEN } else { 0 };
    if !buffer.grow_front(template.len() + kept) {
        return false;
    }
    ethernet[12..].copy_from_slice(&ethernet::TYPE_IPV6.to_be_bytes());
    let Some((front, behind)) = buffer.bytes_mut().split_first_chunk_mut() else { return false };
    *front = ethernet;
    let Some(pushed) = behind.get_mut(..template.len()) else { return false };
    write_outer(list, &inside, payload_len, pushed);
    if list.hmac_key.is_some()
        && let Some((header, srh)) = pushed.split_first_chunk_mut::<{ ipv6::LEN }>()
    {
        let source = ipv6::Header::of(header).map_or(0, |header| header.source());
        tables.srv6.sign(list, source, srh);
    }
    true
}
