//! The Segment Routing header (RFC 8754): a Routing header of type 4 that lists the segments of a path.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+---------------+
//! |  Next Header  |  Hdr Ext Len  |Routing Type=4 | Segments Left |  0..3
//! +---------------+---------------+---------------+---------------+
//! |  Last Entry   |     Flags     |              Tag              |  4..7
//! +---------------+---------------+-------------------------------+
//! |     Segment List[0]: the last segment of the path (128 bits)  |  8..24
//! |     …                                                         |
//! |     Segment List[n]: n = Last Entry                           |  8+16n..24+16n
//! +---------------------------------------------------------------+
//! |     TLVs …                                                    |  24+16n..8+8*Hdr Ext Len
//! +---------------------------------------------------------------+
//! ```
//!
//! Offsets in results count from the first octet of the IPv6 header, as the pointer of an ICMPv6 error does.

mod edit;
mod repr;
#[cfg(test)]
mod tests;
mod tlv;
mod walk;

use std::borrow::{Borrow, BorrowMut};

pub use edit::{insert, insert_octets, remove, set_segment};
pub use repr::Repr;
pub use tlv::{HMAC_TLV_LEN, HmacTlv, MAX_TLVS, Malformed, Tlv, Tlvs};
pub use walk::{Found, MAX_WALK, direct, find, find_behind};

use super::ext::Place;
use super::ipv6;

/// Octets before the first segment.
pub const FIXED_LEN: usize = 8;
/// Octets of one segment.
pub const SEGMENT_LEN: usize = 16;
/// Routing Type of the header.
pub const ROUTING_TYPE: u8 = 4;
/// Offset of Hdr Ext Len within the header, octets.
pub const HDR_EXT_LEN_AT: usize = 1;
/// Offset of Routing Type within the header, octets: where an error about an unknown one points (RFC 8200, 4.4).
pub const ROUTING_TYPE_AT: usize = 2;
/// Offset of Segments Left within the header, octets: where errors about the list point (RFC 8986, 4.1 S10).
pub const SEGMENTS_LEFT_AT: usize = 3;
/// Offset of Last Entry within the header, octets.
pub const LAST_ENTRY_AT: usize = 4;
/// Offset of Flags within the header, octets.
pub const FLAGS_AT: usize = 5;
/// Flags: O, a copy of the packet is wanted for OAM (RFC 9259, 2.1).
pub const FLAG_OAM: u8 = 0x20;
/// Octets of the longest header that Hdr Ext Len can tell.
pub const MAX_LEN: usize = FIXED_LEN + 8 * 255;
/// Segments of the longest list that fits into a header without TLVs.
pub const MAX_SEGMENTS: usize = (MAX_LEN - FIXED_LEN) / SEGMENT_LEN;
/// Where a header stands that directly follows the IPv6 header.
pub const DIRECT: Place = Place { offset: ipv6::LEN as u16, next_header_at: ipv6::NEXT_HEADER_AT as u16 };

/// A lens over the fixed part.
#[derive(Clone, Copy, Debug)]
pub struct Header<T>(T);

impl<'a> Header<&'a [u8; FIXED_LEN]> {
    /// The fixed part at the front of `bytes`, or `None` when there are fewer octets.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        bytes.first_chunk().map(Header)
    }
}

impl<'a> Header<&'a mut [u8; FIXED_LEN]> {
    /// The fixed part at the front of `bytes`, or `None` when there are fewer octets.
    pub fn of_mut(bytes: &'a mut [u8]) -> Option<Self> {
        bytes.first_chunk_mut().map(Header)
    }
}

impl<T: Borrow<[u8; FIXED_LEN]>> Header<T> {
    /// Protocol number of what follows the header.
    pub fn next_header(&self) -> u8 {
        self.0.borrow()[0]
    }

    /// Length of the header beyond its first 8 octets, in units of 8 octets.
    pub fn hdr_ext_len(&self) -> u8 {
        self.0.borrow()[HDR_EXT_LEN_AT]
    }

    /// Octets of the whole header.
    pub fn total_len(&self) -> usize {
        FIXED_LEN + 8 * usize::from(self.hdr_ext_len())
    }

    /// What kind of Routing header this is: [`ROUTING_TYPE`], or the other fields mean something else.
    pub fn routing_type(&self) -> u8 {
        self.0.borrow()[ROUTING_TYPE_AT]
    }

    /// Segments that are still to be visited.
    pub fn segments_left(&self) -> u8 {
        self.0.borrow()[SEGMENTS_LEFT_AT]
    }

    /// Index of the list's last element, which is the path's first segment unless the list is reduced.
    pub fn last_entry(&self) -> u8 {
        self.0.borrow()[LAST_ENTRY_AT]
    }

    /// Flags, 8 bits.
    pub fn flags(&self) -> u8 {
        self.0.borrow()[FLAGS_AT]
    }

    /// True when the O-flag is set (RFC 9259, 2.1).
    pub fn has_oam_flag(&self) -> bool {
        self.flags() & FLAG_OAM != 0
    }

    /// Tag: packets of one class have the same one.
    pub fn tag(&self) -> u16 {
        let b = self.0.borrow();
        u16::from_be_bytes([b[6], b[7]])
    }

    /// `max_LE` of RFC 8986, 4.1 S08: the greatest index that a list in a header of this length can have, `None` when
    /// not even one segment fits (the RFC's -1).
    pub fn max_last_entry(&self) -> Option<u8> {
        (self.hdr_ext_len() / 2).checked_sub(1)
    }

    /// RFC 8986, 4.1 S09: neither is Last Entry beyond the header, nor Segments Left beyond Last Entry + 1.
    pub fn is_list_sound(&self) -> bool {
        self.is_list_whole() && u16::from(self.segments_left()) <= u16::from(self.last_entry()) + 1
    }

    /// Last Entry is not beyond the header: the part of [`Header::is_list_sound`] that does not look at Segments Left.
    pub fn is_list_whole(&self) -> bool {
        self.max_last_entry().is_some_and(|max| self.last_entry() <= max)
    }
}

impl<T: BorrowMut<[u8; FIXED_LEN]>> Header<T> {
    /// Protocol number of what follows the header.
    pub fn set_next_header(&mut self, next_header: u8) {
        self.0.borrow_mut()[0] = next_header;
    }

    /// Segments that are still to be visited.
    pub fn set_segments_left(&mut self, segments_left: u8) {
        self.0.borrow_mut()[SEGMENTS_LEFT_AT] = segments_left;
    }

    /// Flags, 8 bits.
    pub fn set_flags(&mut self, flags: u8) {
        self.0.borrow_mut()[FLAGS_AT] = flags;
    }
}

/// A Segment Routing header that is in its packet as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Srh<'a> {
    place: Place,
    fixed: Header<&'a [u8; FIXED_LEN]>,
    /// All octets of the header behind the fixed part: exactly as many as Hdr Ext Len tells.
    rest: &'a [u8],
}

impl<'a> Srh<'a> {
    /// The header at `place` of `packet`; `None` when it is not whole, or a Routing header of another type.
    #[inline]
    pub fn at(packet: &'a [u8], place: Place) -> Option<Srh<'a>> {
        let (fixed, behind) = packet.get(usize::from(place.offset)..)?.split_first_chunk()?;
        let fixed = Header(fixed);
        let rest = behind.get(..fixed.total_len() - FIXED_LEN)?;
        (fixed.routing_type() == ROUTING_TYPE).then_some(Srh { place, fixed, rest })
    }

    /// The header that `octets` begin with, outside of any packet: its offsets count from its own first octet.
    pub fn of(octets: &'a [u8]) -> Option<Srh<'a>> {
        Srh::at(octets, Place::default())
    }

    /// Where the header stands and what announces it.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The fixed part.
    pub fn header(&self) -> Header<&'a [u8; FIXED_LEN]> {
        self.fixed
    }

    /// Octets of the whole header.
    pub fn total_len(&self) -> usize {
        FIXED_LEN + self.rest.len()
    }

    /// First octet behind the header.
    pub fn end(&self) -> usize {
        usize::from(self.place.offset) + self.total_len()
    }

    /// The Segments Left octet: where errors about the list point.
    pub fn segments_left_at(&self) -> usize {
        usize::from(self.place.offset) + SEGMENTS_LEFT_AT
    }

    /// Segment List\[`index`\]; `None` beyond Last Entry or the header.
    pub fn segment(&self, index: u8) -> Option<u128> {
        if index > self.fixed.last_entry() {
            return None;
        }
        let octets = self.rest.get(SEGMENT_LEN * usize::from(index)..)?.first_chunk()?;
        Some(u128::from_be_bytes(*octets))
    }

    /// Octets of the segment list, Segment List\[0\] first; `None` when Last Entry is beyond the header.
    pub fn list(&self) -> Option<&'a [u8]> {
        self.rest.get(..SEGMENT_LEN * (usize::from(self.fixed.last_entry()) + 1))
    }

    /// The TLVs behind the segment list: none when Last Entry is beyond the header.
    pub fn tlvs(&self) -> Tlvs<'a> {
        let list_len = SEGMENT_LEN * (usize::from(self.fixed.last_entry()) + 1);
        let octets = self.rest.get(list_len..).unwrap_or_default();
        Tlvs::new(octets, usize::from(self.place.offset) + FIXED_LEN + list_len)
    }

    /// The first HMAC TLV (RFC 8754, 2.1.2).
    ///
    /// # Errors
    /// A TLV before it is malformed, or it is itself.
    pub fn hmac(&self) -> Result<Option<HmacTlv<'a>>, Malformed> {
        for tlv in self.tlvs() {
            if let (at, Tlv::Hmac { octets }) = tlv? {
                return HmacTlv::of(octets, at).map(Some).ok_or(Malformed { at });
            }
        }
        Ok(None)
    }
}
