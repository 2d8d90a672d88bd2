//! The AP extension header of MEX: alternative prefixes that travel with the packet (docs/mex.md).
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+-------+-------+
//! |  Next Header  | Hdr Ext Len=n |     Pleft     | Ver=1 | Flags |  0..3
//! +---------------+---------------+---------------+-------+-------+
//! |     Experiment ID 0x4D58      |          Reserved = 0         |  4..7
//! +-------------------------------+-------------------------------+
//! |               Alternative Prefix #1 (64 bits) …               |  8..8+8n
//! ```
//!
//! Offsets here count from the first octet of the IPv6 header.

use std::borrow::{Borrow, BorrowMut};

use super::ext::Place;
use super::ipv6;
use crate::buffer::{PacketBuf, packet_mut};
use crate::wire::ethernet;

/// Octets before the first prefix.
pub const FIXED_LEN: usize = 8;
/// Octets of one prefix.
pub const PREFIX_LEN: usize = 8;
/// The version this node speaks.
pub const VERSION: u8 = 1;
/// "MX": tells this use of the shared experimental protocol number from others (RFC 4727).
pub const EXPERIMENT_ID: u16 = 0x4d58;
/// Offset of Hdr Ext Len within the header, octets: where an error about it points.
pub const HDR_EXT_LEN_AT: usize = 1;
/// Offset of Pleft within the header, octets: where an error about it points.
pub const PLEFT_AT: usize = 2;
/// Offset of the destination address's high half in the IPv6 header, octets.
const DESTINATION_AT: usize = 24;

/// Octets of a header that carries `prefixes` prefixes.
pub const fn len(prefixes: u8) -> usize {
    FIXED_LEN + PREFIX_LEN * prefixes as usize
}

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

    /// n: Hdr Ext Len, which is the number of prefixes.
    pub fn prefixes(&self) -> u8 {
        self.0.borrow()[HDR_EXT_LEN_AT]
    }

    /// p: prefixes not used yet.
    pub fn pleft(&self) -> u8 {
        self.0.borrow()[PLEFT_AT]
    }

    /// True when version and experiment are ours; otherwise the header counts as absent.
    pub fn is_ours(&self) -> bool {
        let b = self.0.borrow();
        b[3] >> 4 == VERSION && u16::from_be_bytes([b[4], b[5]]) == EXPERIMENT_ID
    }
}

impl<T: BorrowMut<[u8; FIXED_LEN]>> Header<T> {
    /// Prefixes not used yet: the one field of the fixed part that a router changes.
    pub fn set_pleft(&mut self, pleft: u8) {
        self.0.borrow_mut()[PLEFT_AT] = pleft;
    }
}

/// The 8 octets at `offset` of `packet`.
fn cell(packet: &[u8], offset: usize) -> Option<u64> {
    packet.get(offset..)?.first_chunk().map(|octets| u64::from_be_bytes(*octets))
}

fn cell_mut(packet: &mut [u8], offset: usize) -> Option<&mut [u8; 8]> {
    packet.get_mut(offset..)?.first_chunk_mut()
}

/// n and p of the header at `offset`, whose fixed part is there. An error is the offset of the field that contradicts
/// the packet or the header: Hdr Ext Len when the header is longer than the packet, Pleft when it exceeds n.
///
/// # Errors
/// The offset of the field at fault, octets from the IPv6 header.
pub fn read(packet: &[u8], offset: usize) -> Result<(u8, u8), usize> {
    let header = packet.get(offset..).and_then(Header::of).ok_or(offset + HDR_EXT_LEN_AT)?;
    let (n, p) = (header.prefixes(), header.pleft());
    if offset + len(n) > packet.len() {
        Err(offset + HDR_EXT_LEN_AT)
    } else if p > n {
        Err(offset + PLEFT_AT)
    } else {
        Ok((n, p))
    }
}

/// Alternative prefix `number` (1-based, as the specification counts) of the header at `offset`.
pub fn prefix(packet: &[u8], offset: usize, number: u8) -> Option<u64> {
    let slot = usize::from(number).checked_sub(1)?;
    cell(packet, offset + FIXED_LEN + PREFIX_LEN * slot)
}

/// Exchanges the destination's high half with prefix `number` (1-based).
fn exchange_one(packet: &mut [u8], offset: usize, number: usize) -> Option<()> {
    let slot_at = offset + FIXED_LEN + PREFIX_LEN * number.checked_sub(1)?;
    let slot = cell(packet, slot_at)?;
    let destination = cell(packet, DESTINATION_AT)?;
    *cell_mut(packet, slot_at)? = destination.to_be_bytes();
    *cell_mut(packet, DESTINATION_AT)? = slot.to_be_bytes();
    Some(())
}

/// Uses up `count` prefixes of the header at `offset`, one after the other: the router's algorithm once the
/// last of them is known to be reachable. `None`, and nothing has changed, when the header is not whole or
/// has fewer prefixes left.
#[must_use]
pub fn exchange(packet: &mut [u8], offset: usize, count: u8) -> Option<()> {
    let (n, p) = read(packet, offset).ok()?;
    if count > p {
        return None;
    }
    for q in 1..=usize::from(count) {
        exchange_one(packet, offset, usize::from(n - p) + q)?;
    }
    Header::of_mut(packet.get_mut(offset..)?)?.set_pleft(p - count);
    Some(())
}

/// Undoes every exchange: the receiver's step, before it looks at the upper layer. `None`, and nothing has
/// changed, when the header is not whole or Pleft exceeds the number of prefixes.
#[must_use]
pub fn restore(packet: &mut [u8], offset: usize) -> Option<()> {
    let (n, p) = read(packet, offset).ok()?;
    for number in (1..=usize::from(n - p)).rev() {
        exchange_one(packet, offset, number)?;
    }
    Header::of_mut(packet.get_mut(offset..)?)?.set_pleft(n);
    Some(())
}

/// Inserts a fresh header at `place` that lists `prefixes` (at most 255), and patches the announcing next-header field
/// and the payload length. False, and nothing has changed, when it does not fit.
#[must_use]
pub fn insert<B: PacketBuf>(
    buffer: &mut B,
    place: Place,
    ap_next_header: u8,
    prefixes: impl ExactSizeIterator<Item = u64>,
) -> bool {
    let Ok(n) = u8::try_from(prefixes.len()) else { return false };
    let (octets, offset) = (len(n), usize::from(place.offset));
    let front = ethernet::LEN + offset;
    let payload_len = ipv6::Header::of(packet_mut(buffer)).map(|h| usize::from(h.payload_len()) + octets);
    let Some(Ok(payload_len)) = payload_len.map(u16::try_from) else { return false };
    if buffer.bytes().len() < front || !buffer.prepend(octets) {
        return false;
    }
    buffer.bytes_mut().copy_within(octets..octets + front, 0);
    let packet = packet_mut(buffer);
    let Some(announced) = packet.get_mut(usize::from(place.next_header_at)) else { return false };
    let next_header = std::mem::replace(announced, ap_next_header);
    if let Some(mut header) = ipv6::Header::of_mut(packet) {
        header.set_payload_len(payload_len);
    }
    if let Some(fixed) = cell_mut(packet, offset) {
        let id = EXPERIMENT_ID.to_be_bytes();
        *fixed = [next_header, n, n, VERSION << 4, id[0], id[1], 0, 0];
    }
    for (slot, prefix) in prefixes.enumerate() {
        if let Some(octets) = cell_mut(packet, offset + FIXED_LEN + PREFIX_LEN * slot) {
            *octets = prefix.to_be_bytes();
        }
    }
    true
}

/// Takes the header at `place` out of the packet, and patches the announcing next-header field and the
/// payload length. False, and nothing has changed, when the header is not whole.
#[must_use]
pub fn strip<B: PacketBuf>(buffer: &mut B, place: Place) -> bool {
    let offset = usize::from(place.offset);
    let front = ethernet::LEN + offset;
    let packet = packet_mut(buffer);
    let Some(header) = packet.get(offset..).and_then(Header::of) else { return false };
    let (next_header, octets) = (header.next_header(), len(header.prefixes()));
    if packet.len() < offset + octets {
        return false;
    }
    let Some(payload_len) = ipv6::Header::of(packet).map(|h| usize::from(h.payload_len())) else {
        return false;
    };
    let Some(payload_len) = payload_len.checked_sub(octets) else { return false };
    if let Some(announced) = packet.get_mut(usize::from(place.next_header_at)) {
        *announced = next_header;
    }
    if let Some(mut header) = ipv6::Header::of_mut(packet) {
        header.set_payload_len(payload_len as u16);
    }
    buffer.bytes_mut().copy_within(0..front, octets);
    buffer.trim_front(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{HeapBuf, packet};
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    }

    // The specification's vectors.
    fn v0() -> Vec<u8> {
        hex("60012345002efd4020010db800010000000000000000000120010db8000a0001000a000b000c000d
             110202104d58000020010db8000b000120010db8000c0001 1234567800164ed04d45582d564543544f522d30310a")
    }
    fn v1() -> Vec<u8> {
        hex("60012345002efd3f20010db800010000000000000000000120010db8000b0001000a000b000c000d
             110201104d58000020010db8000a000120010db8000c0001 1234567800164ed04d45582d564543544f522d30310a")
    }
    fn v2() -> Vec<u8> {
        hex("60012345002efd3f20010db800010000000000000000000120010db8000c0001000a000b000c000d
             110200104d58000020010db8000a000120010db8000b0001 1234567800164ed04d45582d564543544f522d30310a")
    }

    fn with_hop_limit(mut packet: Vec<u8>, hop_limit: u8) -> Vec<u8> {
        packet[7] = hop_limit;
        packet
    }

    #[test]
    fn vectors() {
        for (count, expected) in [(0, with_hop_limit(v0(), 63)), (1, v1()), (2, v2())] {
            let mut packet = with_hop_limit(v0(), 63);
            exchange(&mut packet, 40, count).unwrap();
            assert_eq!(packet, expected, "{count} exchanges");
            restore(&mut packet, 40).unwrap();
            assert_eq!(packet, with_hop_limit(v0(), 63));
        }
        assert_eq!(exchange(&mut v0(), 40, 3), None);
        // One exchange in each of two routers is the same as two in one.
        let mut packet = v1();
        exchange(&mut packet, 40, 1).unwrap();
        assert_eq!(packet, v2());
    }

    #[test]
    fn insert_makes_v0_from_the_plain_packet_and_strip_takes_it_back() {
        let plain = hex("6001234500161140 20010db8000100000000000000000001 20010db8000a0001000a000b000c000d
                         1234567800164ed04d45582d564543544f522d30310a");
        let mut frame = vec![7u8; ethernet::LEN];
        frame.extend(&plain);
        let mut buffer = HeapBuf::new(&frame, 0);
        let place = Place { offset: 40, next_header_at: 6 };
        let prefixes = [0x2001_0db8_000b_0001, 0x2001_0db8_000c_0001];
        assert!(insert(&mut buffer, place, 253, prefixes.into_iter()));
        assert_eq!(packet(&buffer), v0());
        assert_eq!(buffer.bytes()[..ethernet::LEN], [7; ethernet::LEN]);
        assert!(strip(&mut buffer, place));
        assert_eq!(buffer.bytes(), frame);
    }

    #[test]
    fn a_cut_header_changes_nothing() {
        for cut in 0..64 {
            let mut packet = v1()[..cut].to_vec();
            assert_eq!(exchange(&mut packet, 40, 1), None);
            assert_eq!(restore(&mut packet, 40), None);
            assert_eq!(packet, v1()[..cut]);
        }
    }

    proptest! {
        /// restore(exchange^k) is the identity, and after k exchanges the cells are the right rotation that the
        /// specification writes down.
        #[test]
        fn exchanges_rotate_and_restore(n in 0u8..=255, splits in proptest::collection::vec(0u8..=255, 0..6), seed: u64) {
            let mut sent = v0()[..40].to_vec();
            sent.extend([17, n, n, 0x1f, 0x4d, 0x58, 9, 9]);
            let value = |i: u64| (seed ^ i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            sent.extend((1..=u64::from(n)).flat_map(|i| value(i).to_be_bytes()));
            sent.extend(b"tail");
            let mut packet = sent.clone();
            let mut used = 0u8;
            for split in splits {
                let count = split % (n - used).saturating_add(1).max(1);
                exchange(&mut packet, 40, count).unwrap();
                used += count;
            }
            let mut cells: Vec<u64> = std::iter::once(cell(&sent, 24).unwrap())
                .chain((1..=n).map(|i| prefix(&sent, 40, i).unwrap())).collect();
            cells[..=usize::from(used)].rotate_right(1);
            let found: Vec<u64> = std::iter::once(cell(&packet, 24).unwrap())
                .chain((1..=n).map(|i| prefix(&packet, 40, i).unwrap())).collect();
            prop_assert_eq!(found, cells);
            prop_assert_eq!(packet[42], n - used);
            restore(&mut packet, 40).unwrap();
            prop_assert_eq!(packet, sent);
        }
    }
}
