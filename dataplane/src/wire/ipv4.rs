//! IPv4 (RFC 791): the header, its checksum, and what an address is (RFC 1122, RFC 5771).

use std::borrow::{Borrow, BorrowMut};

use super::checksum;

/// Octets of a header without options.
pub const LEN: usize = 20;
/// Octets of the longest header.
pub const MAX_LEN: usize = 60;
/// Every node takes packets of this many octets (RFC 791, 3.1).
pub const MIN_REASSEMBLY_LEN: usize = 576;
/// Time to live of packets that this node originates (RFC 1700).
pub const DEFAULT_TTL: u8 = 64;
/// Offset of the time to live, octets.
pub const TTL_AT: usize = 8;

/// Flags and fragment offset: the packet must not be fragmented.
const DONT_FRAGMENT: u16 = 0x4000;
/// Flags and fragment offset: this is not the last fragment.
const MORE_FRAGMENTS: u16 = 0x2000;
/// Flags and fragment offset: the latter's bits.
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// A lens over the header without its options.
///
/// ```text
///  0        1     2              4
///  |v4| IHL | TOS | Total Length |  0..4
///  | Identification |0DM| Offset |  4..8    D: don't fragment, M: more fragments
///  | TTL | Protocol |  Checksum  |  8..12
///  |       Source Address        | 12..16
///  |    Destination Address      | 16..20
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Header<T>(T);

impl<'a> Header<&'a [u8; LEN]> {
    /// The header at the front of `packet`, or `None` when the packet is shorter. [`check`] looks at what it says.
    pub fn of(packet: &'a [u8]) -> Option<Self> {
        packet.first_chunk().map(Header)
    }
}

impl<'a> Header<&'a mut [u8; LEN]> {
    /// The header at the front of `packet`, or `None` when the packet is shorter.
    pub fn of_mut(packet: &'a mut [u8]) -> Option<Self> {
        packet.first_chunk_mut().map(Header)
    }
}

impl<T: Borrow<[u8; LEN]>> Header<T> {
    fn word<const AT: usize>(&self) -> u16 {
        let b = self.0.borrow();
        u16::from_be_bytes([b[AT], b[AT + 1]])
    }

    /// Version: 4, or the packet is not IPv4.
    pub fn version(&self) -> u8 {
        self.0.borrow()[0] >> 4
    }

    /// Octets of the header with its options, as IHL tells: a multiple of 4, below [`LEN`] in a wrong header.
    pub fn header_len(&self) -> usize {
        4 * usize::from(self.0.borrow()[0] & 0xf)
    }

    /// Octets of options; 0 too when IHL is wrong.
    pub fn options_len(&self) -> usize {
        self.header_len().saturating_sub(LEN)
    }

    /// Type of service: DSCP and ECN.
    pub fn tos(&self) -> u8 {
        self.0.borrow()[1]
    }

    /// Octets of the packet, its header included.
    pub fn total_len(&self) -> u16 {
        self.word::<2>()
    }

    /// Identification: the same for all fragments of a packet.
    pub fn identification(&self) -> u16 {
        self.word::<4>()
    }

    /// DF: the packet must not be fragmented.
    pub fn dont_fragment(&self) -> bool {
        self.word::<6>() & DONT_FRAGMENT != 0
    }

    /// MF: this is not the last fragment.
    pub fn more_fragments(&self) -> bool {
        self.word::<6>() & MORE_FRAGMENTS != 0
    }

    /// Where this fragment's payload belongs, octets (the field counts 8-octet units).
    pub fn fragment_offset(&self) -> usize {
        8 * usize::from(self.word::<6>() & FRAGMENT_OFFSET)
    }

    /// True for a fragment, the first and the last included.
    pub fn is_fragment(&self) -> bool {
        self.word::<6>() & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0
    }

    /// Time to live, hops.
    pub fn ttl(&self) -> u8 {
        self.0.borrow()[TTL_AT]
    }

    /// Protocol number of what follows.
    pub fn protocol(&self) -> u8 {
        self.0.borrow()[9]
    }

    /// Header checksum.
    pub fn checksum(&self) -> u16 {
        self.word::<10>()
    }

    /// Source address.
    pub fn source(&self) -> u32 {
        let b = self.0.borrow();
        u32::from_be_bytes([b[12], b[13], b[14], b[15]])
    }

    /// Destination address.
    pub fn destination(&self) -> u32 {
        let b = self.0.borrow();
        u32::from_be_bytes([b[16], b[17], b[18], b[19]])
    }
}

impl<T: BorrowMut<[u8; LEN]>> Header<T> {
    fn set_word<const AT: usize>(&mut self, word: u16) {
        self.0.borrow_mut()[AT..AT + 2].copy_from_slice(&word.to_be_bytes());
    }

    /// One hop less, and the checksum updated (RFC 1624): wrong stays wrong. A time to live of 0 stays.
    pub fn decrement_ttl(&mut self) {
        let old = self.word::<8>();
        let Some(new) = old.checked_sub(0x100) else { return };
        let sum = checksum::updated(self.checksum(), old, new);
        self.set_word::<8>(new);
        self.set_checksum(sum);
    }

    /// Type of service: DSCP and ECN. Does not touch the checksum, nor do the other setters: [`fill_checksum`] follows.
    pub fn set_tos(&mut self, tos: u8) {
        self.0.borrow_mut()[1] = tos;
    }

    /// Octets of the packet, its header included.
    pub fn set_total_len(&mut self, octets: u16) {
        self.set_word::<2>(octets);
    }

    /// DF, MF and the fragment offset in octets, a multiple of 8.
    pub fn set_fragment(&mut self, dont_fragment: bool, more_fragments: bool, offset: usize) {
        let flags = u16::from(dont_fragment) << 14 | u16::from(more_fragments) << 13;
        self.set_word::<6>(flags | (offset / 8) as u16 & FRAGMENT_OFFSET);
    }

    /// Time to live, hops.
    pub fn set_ttl(&mut self, ttl: u8) {
        self.0.borrow_mut()[TTL_AT] = ttl;
    }

    /// Header checksum.
    pub fn set_checksum(&mut self, checksum: u16) {
        self.set_word::<10>(checksum);
    }

    /// Source address.
    pub fn set_source(&mut self, address: u32) {
        self.0.borrow_mut()[12..16].copy_from_slice(&address.to_be_bytes());
    }

    /// Destination address.
    pub fn set_destination(&mut self, address: u32) {
        self.0.borrow_mut()[16..20].copy_from_slice(&address.to_be_bytes());
    }
}

/// Why a packet fails the header validation of RFC 1812, 5.2.2: it is dropped silently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Fewer octets than a header, than IHL tells, or than Total Length tells (test 1).
    Truncated,
    /// Version is not 4 (test 3).
    Version,
    /// IHL is below 5 (test 4), or Total Length is shorter than the header (test 5).
    Length,
    /// The checksum is wrong (test 2).
    Checksum,
}

/// The lengths of a packet that passed [`check`], octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lengths {
    /// Header with options.
    pub header_len: usize,
    /// Header and payload: what is behind it in the frame is padding.
    pub total_len: usize,
}

/// Validates the header of `packet` (RFC 1812, 5.2.2).
///
/// # Errors
/// The first test that it fails.
#[inline]
pub fn check(packet: &[u8]) -> Result<Lengths, Fault> {
    let header = Header::of(packet).ok_or(Fault::Truncated)?;
    if header.version() != 4 {
        return Err(Fault::Version);
    }
    let (header_len, total_len) = (header.header_len(), usize::from(header.total_len()));
    if header_len < LEN || total_len < header_len {
        return Err(Fault::Length);
    }
    if total_len > packet.len() {
        return Err(Fault::Truncated);
    }
    let octets = packet.get(..header_len).ok_or(Fault::Truncated)?;
    if checksum::plain(octets) != 0 {
        return Err(Fault::Checksum);
    }
    Ok(Lengths { header_len, total_len })
}

/// What follows the header and its options, to the end of `packet`; empty when IHL is wrong.
pub fn payload(packet: &[u8]) -> &[u8] {
    let header_len = Header::of(packet).map_or(0, |h| h.header_len());
    if header_len < LEN { &[] } else { packet.get(header_len..).unwrap_or_default() }
}

/// Computes the checksum of the header at the front of `packet` anew, options included. Nothing happens when IHL is
/// wrong or the header is not whole.
pub fn fill_checksum(packet: &mut [u8]) {
    let Some(header_len) = Header::of(packet).map(|h| h.header_len()) else { return };
    if header_len < LEN {
        return;
    }
    let Some(octets) = packet.get_mut(..header_len) else { return };
    if let Some(mut header) = Header::of_mut(octets) {
        header.set_checksum(0);
    }
    let sum = checksum::plain(octets);
    if let Some(mut header) = Header::of_mut(octets) {
        header.set_checksum(sum);
    }
}

/// The value of a header without options that this node originates, never a fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repr {
    /// Type of service: DSCP and ECN.
    pub tos: u8,
    /// Octets of the packet, its header included.
    pub total_len: u16,
    /// Identification: anything when the packet must not be fragmented (RFC 6864, 4.1).
    pub identification: u16,
    /// DF: the packet must not be fragmented.
    pub dont_fragment: bool,
    /// Time to live, hops.
    pub ttl: u8,
    /// Protocol number of what follows.
    pub protocol: u8,
    /// Source address.
    pub source: u32,
    /// Destination address.
    pub destination: u32,
}

impl Repr {
    /// Writes the header with its checksum.
    pub fn emit<T: BorrowMut<[u8; LEN]>>(&self, header: &mut Header<T>) {
        let (len, id) = (self.total_len.to_be_bytes(), self.identification.to_be_bytes());
        let df = u8::from(self.dont_fragment) << 6;
        let octets = header.0.borrow_mut();
        octets[..12].copy_from_slice(&[
            0x45,
            self.tos,
            len[0],
            len[1],
            id[0],
            id[1],
            df,
            0,
            self.ttl,
            self.protocol,
            0,
            0,
        ]);
        header.set_source(self.source);
        header.set_destination(self.destination);
        let sum = checksum::plain(header.0.borrow());
        header.set_checksum(sum);
    }
}

/// Protocol numbers that this node knows in IPv4 only; the others are [`super::ipv6::protocol`].
pub mod protocol {
    /// `ICMP` (RFC 792).
    pub const ICMP: u8 = 1;
}

/// 224.0.0.0/4 (RFC 5771).
pub const fn is_multicast(address: u32) -> bool {
    address >> 28 == 0xe
}

/// 127.0.0.0/8: never on a wire (RFC 1122, 3.2.1.3 (g)).
pub const fn is_loopback(address: u32) -> bool {
    address >> 24 == 127
}

/// 169.254.0.0/16: stays on its link (RFC 3927, 2.7).
pub const fn is_link_local(address: u32) -> bool {
    address >> 16 == 0xa9fe
}

/// 0.0.0.0/8: "this network" (RFC 1122, 3.2.1.3 (a), (b)).
pub const fn is_this_network(address: u32) -> bool {
    address >> 24 == 0
}

/// 255.255.255.255: all nodes on the link, never forwarded (RFC 1122, 3.2.1.3 (c)).
pub const LIMITED_BROADCAST: u32 = u32::MAX;

/// True for an address that one node can have: what a source must be, and a destination that is forwarded (RFC 1812,
/// 5.3.7). Broadcast addresses of subnets cannot be told by their form.
pub const fn is_unicast(address: u32) -> bool {
    !is_this_network(address)
        && !is_loopback(address)
        && !is_multicast(address)
        && address != LIMITED_BROADCAST
}

/// ::ffff:0:0/96, the prefix of IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2).
const MAPPED: u128 = 0xffff << 32;

/// The IPv4-mapped IPv6 address of `address`.
pub const fn mapped(address: u32) -> u128 {
    MAPPED | address as u128
}

/// The address whose IPv4-mapped IPv6 address this is, if it is one.
pub const fn unmapped(address: u128) -> Option<u32> {
    if address >> 32 == MAPPED >> 32 { Some(address as u32) } else { None }
}

#[cfg(test)]
#[path = "ipv4_tests.rs"]
mod tests;
