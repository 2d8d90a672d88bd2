//! IPv6 extension headers (RFC 8200, 4): bounded walks that never leave the packet.

use super::ap;
use super::ipv6::{self, protocol};
use crate::buffer::{FRONT_LEN, PacketBuf, packet_mut};

/// Headers that [`upper_layer`] walks at most: no sane packet has more.
pub const MAX_UPPER_LAYER_WALK: usize = 16;

/// Where a header stands in a packet, octets from the first of the IPv6 header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// First octet of the header (or where one would be inserted).
    pub offset: u16,
    /// The next-header field that announces it.
    pub next_header_at: u16,
}

/// How far a router walks to find the AP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WalkBounds {
    /// Extension headers before it, at most.
    pub max_headers: u8,
    /// Octets of extension headers before it, at most.
    pub max_octets: u16,
}

impl Default for WalkBounds {
    fn default() -> Self {
        WalkBounds { max_headers: 4, max_octets: 256 }
    }
}

/// One position of a walk: a header of kind `next_header` begins at `offset`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    pub next_header: u8,
    pub offset: usize,
    pub next_header_at: usize,
}

impl Cursor {
    pub fn first(packet: &[u8]) -> Option<Cursor> {
        let header = ipv6::Header::of(packet)?;
        Some(Cursor {
            next_header: header.next_header(),
            offset: ipv6::LEN,
            next_header_at: ipv6::NEXT_HEADER_AT,
        })
    }

    /// Past a header of `octets`, all of which must be in the packet.
    fn past(self, packet: &[u8], octets: usize) -> Option<Cursor> {
        let end = self.offset + octets;
        let next_header = *packet.get(self.offset)?;
        (end <= packet.len()).then_some(Cursor { next_header, offset: end, next_header_at: self.offset })
    }

    /// Past a header whose second octet counts 8-octet units after the first.
    pub fn past_units(self, packet: &[u8]) -> Option<Cursor> {
        let units = usize::from(*packet.get(self.offset + 1)?);
        self.past(packet, 8 + 8 * units)
    }

    fn place(self) -> Place {
        Place { offset: self.offset as u16, next_header_at: self.next_header_at as u16 }
    }

    /// The same, or `None` beyond what a [`Place`] can tell.
    pub fn checked_place(self) -> Option<Place> {
        let offset = u16::try_from(self.offset).ok()?;
        Some(Place { offset, next_header_at: self.next_header_at as u16 })
    }
}

/// Segments Left of the Routing header at `offset` (RFC 8200, 4.4).
fn segments_left(packet: &[u8], offset: usize) -> Option<u8> {
    packet.get(offset + 3).copied()
}

/// Finds the AP header as a router does: Hop-by-Hop (first only), Destination Options and Routing headers
/// with Segments Left 0 may stand before it. Anything else, or a header that is not ours by version or
/// experiment, is "absent".
pub fn find_ap(packet: &[u8], ap_next_header: u8, bounds: WalkBounds) -> Option<Place> {
    let mut at = Cursor::first(packet)?;
    for walked in 0..=bounds.max_headers {
        if at.offset - ipv6::LEN > usize::from(bounds.max_octets) {
            return None;
        }
        at = match at.next_header {
            found if found == ap_next_header => {
                return ap::Header::of(packet.get(at.offset..)?)?.is_ours().then_some(at.place());
            }
            protocol::HOP_BY_HOP if walked == 0 => at.past_units(packet)?,
            protocol::DESTINATION_OPTIONS => at.past_units(packet)?,
            protocol::ROUTING if segments_left(packet, at.offset)? == 0 => at.past_units(packet)?,
            _ => return None,
        };
    }
    None
}

/// Where a sender's edge inserts the AP header: behind Hop-by-Hop and Routing, before everything else.
/// `None` when the packet must go as it is: a segment list is under way, the header is there already, or
/// the headers are malformed or beyond `bounds`.
pub fn insertion_place(packet: &[u8], ap_next_header: u8, bounds: WalkBounds) -> Option<Place> {
    let mut at = Cursor::first(packet)?;
    let mut place = at.place();
    for walked in 0..=bounds.max_headers {
        if at.offset - ipv6::LEN > usize::from(bounds.max_octets) {
            return None;
        }
        at = match at.next_header {
            found if found == ap_next_header => return None,
            protocol::HOP_BY_HOP if walked == 0 => {
                let next = at.past_units(packet)?;
                place = next.place();
                next
            }
            // Only a Routing header behind it makes this the first of the two Destination Options headers;
            // otherwise it is the last one, and the AP header goes before it.
            protocol::DESTINATION_OPTIONS => at.past_units(packet)?,
            protocol::ROUTING => {
                if segments_left(packet, at.offset)? != 0 {
                    return None;
                }
                let next = at.past_units(packet)?;
                place = next.place();
                next
            }
            _ => return Some(place),
        };
    }
    None
}

/// What ends a walk over every extension header this node knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpperLayer {
    /// The protocol: an upper layer, or a header that the walk does not pass (ESP, a later fragment, unknown).
    pub protocol: u8,
    /// Where it begins and what announces it.
    pub place: Place,
}

/// Walks to the upper layer, past Hop-by-Hop, Destination Options, Routing, AH, a first Fragment, and the AP header
/// where its number is given: without, it counts as an upper layer, as for a host that does not know it.
/// `None` when a header runs past the packet or the walk is longer than [`MAX_UPPER_LAYER_WALK`].
pub fn upper_layer(packet: &[u8], ap_next_header: Option<u8>) -> Option<UpperLayer> {
    let mut at = Cursor::first(packet)?;
    for _ in 0..MAX_UPPER_LAYER_WALK {
        at = match at.next_header {
            protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING => {
                at.past_units(packet)?
            }
            protocol::FRAGMENT if is_first_fragment(packet, at.offset)? => at.past(packet, 8)?,
            protocol::AH => {
                let words = usize::from(*packet.get(at.offset + 1)?);
                at.past(packet, 8 + 4 * words)?
            }
            known if Some(known) == ap_next_header => at.past_units(packet)?,
            protocol => return Some(UpperLayer { protocol, place: at.place() }),
        };
    }
    None
}

/// Takes the extension headers out of a packet that this node is the destination of: `upper` follows the IPv6 header
/// then. False, and nothing has changed, when there are others than Hop-by-Hop, Destination Options and Routing.
#[must_use]
pub fn remove_all<B: PacketBuf>(buffer: &mut B, upper: UpperLayer) -> bool {
    let octets = usize::from(upper.place.offset).saturating_sub(ipv6::LEN);
    if octets == 0 {
        return true;
    }
    let packet = packet_mut(buffer);
    let mut walk = Cursor::first(packet);
    while let Some(at) = walk
        && at.offset < usize::from(upper.place.offset)
    {
        let is_passed = matches!(
            at.next_header,
            protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING
        );
        if !is_passed {
            return false;
        }
        walk = at.past_units(packet);
    }
    let Some(mut header) = ipv6::Header::of_mut(packet) else { return false };
    let Some(payload_len) = usize::from(header.payload_len()).checked_sub(octets) else { return false };
    header.set_payload_len(payload_len as u16);
    header.set_next_header(upper.protocol);
    buffer.bytes_mut().copy_within(..FRONT_LEN, octets);
    buffer.trim_front(octets)
}

/// True when the Fragment header at `offset` has fragment offset 0.
fn is_first_fragment(packet: &[u8], offset: usize) -> Option<bool> {
    let field: [u8; 2] = *packet.get(offset + 2..)?.first_chunk()?;
    Some(u16::from_be_bytes(field) >> 3 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv6 header followed by `parts`; the first octet of each part is patched to announce the next.
    fn chain(kinds: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0u8; ipv6::LEN];
        packet[0] = 0x60;
        packet[ipv6::NEXT_HEADER_AT] = kinds[0];
        for (i, part) in parts.iter().enumerate() {
            let mut part = part.to_vec();
            if let (Some(next), Some(first)) = (kinds.get(i + 1), part.first_mut()) {
                *first = *next;
            }
            packet.extend(part);
        }
        packet
    }

    const OPTIONS: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0];
    const SRH_DONE: &[u8] = &[0, 0, 4, 0, 0, 0, 0, 0];
    const SRH_UNDER_WAY: &[u8] = &[0, 0, 4, 1, 0, 0, 0, 0];
    const AP1: &[u8] = &[0, 1, 1, 0x10, 0x4d, 0x58, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1];
    const FRAGMENT: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 9];
    const UDP: &[u8] = &[0; 8];

    fn find(kinds: &[u8], parts: &[&[u8]]) -> Option<u16> {
        find_ap(&chain(kinds, parts), 253, WalkBounds::default()).map(|p| p.offset)
    }

    #[test]
    fn the_walk_passes_what_mex_names_and_nothing_else() {
        assert_eq!(find(&[253, 17], &[AP1, UDP]), Some(40));
        assert_eq!(find(&[0, 253, 17], &[OPTIONS, AP1, UDP]), Some(48));
        assert_eq!(find(&[60, 253, 17], &[OPTIONS, AP1, UDP]), Some(48));
        assert_eq!(find(&[0, 60, 253, 17], &[OPTIONS, OPTIONS, AP1, UDP]), Some(56));
        assert_eq!(find(&[43, 253, 17], &[SRH_DONE, AP1, UDP]), Some(48));
        assert_eq!(find(&[43, 253, 17], &[SRH_UNDER_WAY, AP1, UDP]), None);
        assert_eq!(find(&[44, 253, 17], &[FRAGMENT, AP1, UDP]), None);
        assert_eq!(find(&[60, 0, 253], &[OPTIONS, OPTIONS, AP1]), None, "Hop-by-Hop is first or nothing");
        assert_eq!(find(&[17], &[UDP]), None);
    }

    #[test]
    fn the_walk_is_bounded() {
        let four = [OPTIONS, OPTIONS, OPTIONS, OPTIONS, AP1];
        assert_eq!(find(&[60, 60, 60, 60, 253], &four), Some(72));
        let five = [OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS, AP1];
        assert_eq!(find(&[60, 60, 60, 60, 60, 253], &five), None);
        let mut long = vec![0u8; 256];
        long[1] = 31;
        assert_eq!(find(&[60, 253], &[&long, AP1]), Some(296));
        let mut longer = vec![0u8; 264];
        longer[1] = 32;
        assert_eq!(find(&[60, 253], &[&longer, AP1]), None);
    }

    #[test]
    fn a_cut_at_every_octet_is_absent_or_found_but_never_a_panic() {
        let whole = chain(&[0, 60, 43, 253, 17], &[OPTIONS, OPTIONS, SRH_DONE, AP1, UDP]);
        for cut in 0..whole.len() {
            let found = find_ap(&whole[..cut], 253, WalkBounds::default());
            assert_eq!(found.is_some(), cut >= 64 + ap::FIXED_LEN, "cut at {cut}");
            let _ = insertion_place(&whole[..cut], 253, WalkBounds::default());
            let _ = upper_layer(&whole[..cut], Some(253));
        }
    }

    #[test]
    fn insertion_keeps_the_order_of_headers() {
        let place = |kinds: &[u8], parts: &[&[u8]]| {
            insertion_place(&chain(kinds, parts), 253, WalkBounds::default())
                .map(|p| (p.offset, p.next_header_at))
        };
        assert_eq!(place(&[17], &[UDP]), Some((40, 6)));
        assert_eq!(place(&[0, 17], &[OPTIONS, UDP]), Some((48, 40)));
        assert_eq!(place(&[60, 17], &[OPTIONS, UDP]), Some((40, 6)), "before the last Destination Options");
        assert_eq!(place(&[60, 43, 17], &[OPTIONS, SRH_DONE, UDP]), Some((56, 48)));
        assert_eq!(place(&[43, 60, 17], &[SRH_DONE, OPTIONS, UDP]), Some((48, 40)));
        assert_eq!(place(&[44, 17], &[FRAGMENT, UDP]), Some((40, 6)));
        assert_eq!(place(&[43, 17], &[SRH_UNDER_WAY, UDP]), None);
        assert_eq!(place(&[253, 17], &[AP1, UDP]), None);
    }

    #[test]
    fn upper_layer_is_found_behind_everything_known() {
        let packet = chain(&[0, 43, 253, 44, 58], &[OPTIONS, SRH_DONE, AP1, FRAGMENT, UDP]);
        let found = upper_layer(&packet, Some(253)).unwrap();
        assert_eq!((found.protocol, found.place.offset, found.place.next_header_at), (58, 80, 72));
        let later: &[u8] = &[0, 0, 0, 9, 0, 0, 0, 9];
        assert_eq!(upper_layer(&chain(&[44, 58], &[later, UDP]), None).unwrap().protocol, 44);
    }
}
