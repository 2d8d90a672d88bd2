//! Putting a Segment Routing header into a packet and taking it out.

use super::super::{ethernet, ipv6};
use super::{FIXED_LEN, Header, MAX_LEN, Place, ROUTING_TYPE, Repr, SEGMENT_LEN, Srh};
use crate::buffer::{PacketBuf, packet, packet_mut};

/// Payload length of the packet when it becomes `octets` longer at `offset`; `None` without IPv6 header, beyond 65535, or
/// when the packet ends before `offset` by its own account.
fn longer(packet: &[u8], offset: usize, octets: usize) -> Option<u16> {
    let payload_len = usize::from(ipv6::Header::of(packet)?.payload_len());
    if ipv6::LEN + payload_len < offset {
        return None;
    }
    u16::try_from(payload_len + octets).ok()
}

/// Makes room for `octets` at `place`, and patches the announcing next-header field and the payload length. The
/// protocol number that the field held, or `None`, and nothing has changed, when it does not fit.
fn open<B: PacketBuf>(buffer: &mut B, place: Place, octets: usize) -> Option<u8> {
    let (offset, announced_at) = (usize::from(place.offset), usize::from(place.next_header_at));
    let front = ethernet::LEN + offset;
    let payload_len = longer(packet(buffer), offset, octets)?;
    if offset < ipv6::LEN
        || announced_at >= offset
        || buffer.bytes().len() < front
        || !buffer.grow_front(octets)
    {
        return None;
    }
    buffer.bytes_mut().copy_within(octets..octets + front, 0);
    let packet = packet_mut(buffer);
    let next_header = std::mem::replace(packet.get_mut(announced_at)?, ipv6::protocol::ROUTING);
    ipv6::Header::of_mut(packet)?.set_payload_len(payload_len);
    Some(next_header)
}

/// Inserts the header `repr`, with the next header of what it is put before. The destination address is left to the
/// caller. False, and nothing has changed, when it does not fit or there is no such header.
#[must_use]
pub fn insert<B: PacketBuf>(buffer: &mut B, place: Place, repr: &Repr<'_>) -> bool {
    let Some(octets) = repr.total_len() else { return false };
    let Some(next_header) = open(buffer, place, octets) else { return false };
    let room = packet_mut(buffer).get_mut(usize::from(place.offset)..);
    room.and_then(|room| Repr { next_header, ..*repr }.emit(room)).is_some()
}

/// Inserts a header that is at hand as octets: what a policy keeps ready. Its next header is replaced as by [`insert`].
/// False, and nothing has changed, when it does not fit or `header` is no Segment Routing header of just its length.
#[must_use]
pub fn insert_octets<B: PacketBuf>(buffer: &mut B, place: Place, header: &[u8]) -> bool {
    if header.len() > MAX_LEN || Srh::of(header).is_none_or(|srh| srh.total_len() != header.len()) {
        return false;
    }
    let Some(next_header) = open(buffer, place, header.len()) else { return false };
    let room = packet_mut(buffer).get_mut(usize::from(place.offset)..);
    let Some(room) = room.and_then(|room| room.get_mut(..header.len())) else { return false };
    room.copy_from_slice(header);
    if let Some(first) = room.first_mut() {
        *first = next_header;
    }
    true
}

/// Takes the header at `place` out of the packet (PSP, USP: RFC 8986, 4.16), and patches the announcing next-header
/// field and the payload length. False, and nothing has changed, when it is not a whole Segment Routing header, or the
/// payload length does not cover it.
#[must_use]
pub fn remove<B: PacketBuf>(buffer: &mut B, place: Place) -> bool {
    let (offset, announced_at) = (usize::from(place.offset), usize::from(place.next_header_at));
    let packet = packet_mut(buffer);
    let Some(srh) = Srh::at(packet, place) else { return false };
    let (octets, end, next_header) = (srh.total_len(), srh.end(), srh.header().next_header());
    let Some(payload_len) = ipv6::Header::of(packet).map(|h| usize::from(h.payload_len())) else {
        return false;
    };
    if offset < ipv6::LEN || announced_at >= offset || ipv6::LEN + payload_len < end {
        return false;
    }
    if let Some(announced) = packet.get_mut(announced_at) {
        *announced = next_header;
    }
    if let Some(mut header) = ipv6::Header::of_mut(packet) {
        header.set_payload_len((payload_len - octets) as u16);
    }
    buffer.bytes_mut().copy_within(0..ethernet::LEN + offset, octets);
    buffer.trim_front(octets)
}

/// Writes Segment List\[`index`\] of the header at `offset`. `None`, and nothing has changed, beyond Last Entry, the
/// header or the packet.
#[must_use]
pub fn set_segment(packet: &mut [u8], offset: usize, index: u8, segment: u128) -> Option<()> {
    let octets = packet.get_mut(offset..)?;
    let header = Header::of(octets)?;
    if header.routing_type() != ROUTING_TYPE || !header.is_list_whole() || index > header.last_entry() {
        return None;
    }
    let slot = octets.get_mut(FIXED_LEN + SEGMENT_LEN * usize::from(index)..)?.first_chunk_mut()?;
    *slot = segment.to_be_bytes();
    Some(())
}
