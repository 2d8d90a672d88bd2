//! From the IPv6 header to the Routing header or the upper layer, as a segment endpoint walks (RFC 8986, 4.1).

use super::super::ext::{Cursor, UpperLayer};
use super::super::ipv6::{self, protocol};
use super::{DIRECT, FIXED_LEN, HDR_EXT_LEN_AT, Header, ROUTING_TYPE, ROUTING_TYPE_AT, Srh};

/// Extension headers that one walk passes, at most.
pub const MAX_WALK: usize = 8;

/// What a walk ends at. Offsets count from the IPv6 header.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A Segment Routing header that is whole; its list may still be unsound.
    Srh(Srh<'a>),
    /// A Routing header of another type with Segments Left > 0: not to be passed (RFC 8200, 4.4).
    UnknownRouting {
        /// Its Routing Type octet: where the error points.
        routing_type_at: usize,
    },
    /// An upper layer, or a header that the walk does not pass: Fragment, AH, ESP, Hop-by-Hop that is not first, AP.
    Upper(UpperLayer),
    /// A header that is not whole.
    Truncated {
        /// Its Hdr Ext Len octet, which need not be in the packet.
        hdr_ext_len_at: usize,
    },
    /// More than [`MAX_WALK`] headers, or not even an IPv6 header.
    Endless,
}

/// The first Segment Routing header or the upper layer, past Hop-by-Hop, Destination Options, and Routing headers of
/// other types that are used up.
#[inline]
pub fn find(packet: &[u8]) -> Found<'_> {
    // Nearly every packet: the header directly behind the IPv6 header, or none.
    if let Some(srh) = direct(packet) {
        return Found::Srh(srh);
    }
    Cursor::first(packet).map_or(Found::Endless, |first| walk(packet, first, true))
}

/// The Segment Routing header directly behind the IPv6 header, when it is there and whole.
#[inline]
pub fn direct(packet: &[u8]) -> Option<Srh<'_>> {
    let front = packet.first_chunk::<{ ipv6::LEN + FIXED_LEN }>()?;
    let is_srh = front[ipv6::NEXT_HEADER_AT] == protocol::ROUTING
        && front[ipv6::LEN + ROUTING_TYPE_AT] == ROUTING_TYPE;
    if is_srh { Srh::at(packet, DIRECT) } else { None }
}

/// The same behind `srh`: what a node sees that takes it as used up, or is about to remove it.
pub fn find_behind<'a>(packet: &'a [u8], srh: &Srh<'_>) -> Found<'a> {
    let offset = usize::from(srh.place().offset);
    let next_header = srh.header().next_header();
    walk(packet, Cursor { next_header, offset: srh.end(), next_header_at: offset }, false)
}

fn walk(packet: &[u8], mut at: Cursor, mut is_first: bool) -> Found<'_> {
    for _ in 0..=MAX_WALK {
        let Some(place) = at.checked_place() else { return Found::Endless };
        let is_passed = match at.next_header {
            protocol::HOP_BY_HOP => is_first,
            protocol::DESTINATION_OPTIONS => true,
            protocol::ROUTING => {
                if let Some(srh) = Srh::at(packet, place) {
                    return Found::Srh(srh);
                }
                let header = packet.get(at.offset..).and_then(Header::of);
                if header.is_some_and(|h| h.routing_type() != ROUTING_TYPE && h.segments_left() != 0) {
                    return Found::UnknownRouting { routing_type_at: at.offset + ROUTING_TYPE_AT };
                }
                true
            }
            _ => false,
        };
        if !is_passed {
            return Found::Upper(UpperLayer { protocol: at.next_header, place });
        }
        let Some(next) = at.past_units(packet) else {
            return Found::Truncated { hdr_ext_len_at: at.offset + HDR_EXT_LEN_AT };
        };
        (at, is_first) = (next, false);
    }
    Found::Endless
}
