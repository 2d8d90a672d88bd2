//! Segment Routing headers that this node writes.

use super::{FIXED_LEN, HMAC_TLV_LEN, MAX_LEN, ROUTING_TYPE, SEGMENT_LEN, tlv};

/// The value of a header for a path whose first segment the packet is about to go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repr<'a> {
    /// Protocol number of what follows.
    pub next_header: u8,
    /// Flags, 8 bits.
    pub flags: u8,
    /// Tag.
    pub tag: u16,
    /// The segments in the order in which they are visited; the header lists them the other way round.
    pub path: &'a [u128],
    /// The first segment, which is in the destination address, is not listed (RFC 8754, 4.1.1). A path of one segment
    /// is listed all the same: such a header exists for its flags, tag or TLV only (RFC 8986, 5.2).
    pub is_reduced: bool,
    /// Key of the HMAC TLV, if there is to be one; its hash is left 0.
    pub hmac_key_id: Option<u32>,
}

impl Repr<'_> {
    /// The segments that are listed, in the order in which they are visited.
    fn listed(&self) -> &[u128] {
        match self.path {
            [_, rest @ ..] if self.is_reduced && !rest.is_empty() => rest,
            whole => whole,
        }
    }

    /// Octets of the header; `None` when the path is empty or too long for any header.
    pub fn total_len(&self) -> Option<usize> {
        let tlv_len = if self.hmac_key_id.is_some() { HMAC_TLV_LEN } else { 0 };
        let listed = self.listed().len();
        let len = SEGMENT_LEN.checked_mul(listed)?.checked_add(FIXED_LEN + tlv_len)?;
        (listed > 0 && len <= MAX_LEN).then_some(len)
    }

    /// Writes the header to the front of `octets`: how many it has, or `None`, and nothing has changed, when there is
    /// no such header or no room for it.
    pub fn emit(&self, octets: &mut [u8]) -> Option<usize> {
        let len = self.total_len()?;
        let (fixed, rest) = octets.get_mut(..len)?.split_first_chunk_mut::<FIXED_LEN>()?;
        let listed = self.listed();
        let (last_entry, segments_left) = (listed.len() - 1, self.path.len() - 1);
        let tag = self.tag.to_be_bytes();
        *fixed = [
            self.next_header,
            ((len - FIXED_LEN) / 8) as u8,
            ROUTING_TYPE,
            segments_left as u8,
            last_entry as u8,
            self.flags,
            tag[0],
            tag[1],
        ];
        let (list, tlvs) = rest.split_at_mut_checked(SEGMENT_LEN * listed.len())?;
        let (slots, _) = list.as_chunks_mut::<SEGMENT_LEN>();
        for (slot, segment) in slots.iter_mut().zip(listed.iter().rev()) {
            *slot = segment.to_be_bytes();
        }
        if let (Some(key_id), Some((head, value))) = (self.hmac_key_id, tlvs.split_first_chunk_mut::<8>()) {
            *head = tlv::hmac_head(last_entry != segments_left, key_id);
            value.fill(0);
        }
        Some(len)
    }
}
