//! `ICMP` (RFC 792): errors made in place from the packet that caused them (RFC 1812, 4.3.2), and echo replies.
//!
//! ```text
//!  0      1      2          4                                  8
//!  | Type | Code | Checksum | unused, pointer, or next-hop MTU | IP header and data of the cause …
//! ```

use super::{checksum, ethernet, ipv4};
use crate::buffer::{PacketBuf, packet, packet_mut};

/// Octets before the quote of an error, or the data of an echo.
pub const LEN: usize = 8;
/// Octets of an error packet, at most: as much of the cause as fits is quoted (RFC 1812, 4.3.2.3).
pub const MAX_ERROR_PACKET_LEN: usize = ipv4::MIN_REASSEMBLY_LEN;
/// Octets of the cause that an error quotes, at most.
pub const MAX_QUOTE_LEN: usize = MAX_ERROR_PACKET_LEN - ipv4::LEN - LEN;

/// Echo Reply.
pub const ECHO_REPLY: u8 = 0;
/// Destination Unreachable.
pub const UNREACHABLE: u8 = 3;
/// Echo.
pub const ECHO_REQUEST: u8 = 8;
/// Time Exceeded.
pub const TIME_EXCEEDED: u8 = 11;
/// Parameter Problem.
pub const PARAMETER_PROBLEM: u8 = 12;

/// Codes of [`UNREACHABLE`] (RFC 792, RFC 1812 5.2.7.1).
pub mod unreachable {
    /// No route to the network.
    pub const NETWORK: u8 = 0;
    /// The last hop does not answer.
    pub const HOST: u8 = 1;
    /// The destination does not know the protocol.
    pub const PROTOCOL: u8 = 2;
    /// Nobody listens at the port.
    pub const PORT: u8 = 3;
    /// Fragmentation needed and DF set; with the next-hop MTU (RFC 1191, 4).
    pub const FRAGMENTATION_NEEDED: u8 = 4;
    /// Administratively prohibited.
    pub const PROHIBITED: u8 = 13;
}

/// Precedence Internetwork Control (RFC 1812, 4.3.2.5; RFC 791, 3.1).
const PRECEDENCE: u8 = 0xc0;
/// The type-of-service bits that an error takes from its cause: without precedence and ECN.
const TOS_COPIED: u8 = 0x1c;
/// Option types that begin a source route (RFC 791, 3.1).
const SOURCE_ROUTES: [u8; 2] = [131, 137];
/// Option type: the list ends here.
const END_OF_OPTIONS: u8 = 0;
/// Option type: padding of one octet.
const NO_OPERATION: u8 = 1;

/// What an error says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// The second word: [`Error::too_big`] and [`Error::pointer`] make it, otherwise 0.
    pub parameter: u32,
}

impl Error {
    /// Fragmentation needed and DF set; `mtu` in octets (RFC 1191, 4).
    pub const fn too_big(mtu: u16) -> Error {
        Error { kind: UNREACHABLE, code: unreachable::FRAGMENTATION_NEEDED, parameter: mtu as u32 }
    }

    /// Time to live exceeded in transit.
    pub const fn ttl_exceeded() -> Error {
        Error { kind: TIME_EXCEEDED, code: 0, parameter: 0 }
    }

    /// Destination unreachable with one of the codes of [`unreachable`].
    pub const fn unreachable(code: u8) -> Error {
        Error { kind: UNREACHABLE, code, parameter: 0 }
    }

    /// The octet at offset `pointer` of the cause is wrong.
    pub const fn pointer(pointer: u8) -> Error {
        Error { kind: PARAMETER_PROBLEM, code: 0, parameter: (pointer as u32) << 24 }
    }
}

/// True for types that are no errors: queries and their answers (RFC 792, RFC 950, RFC 1256, RFC 8335). An unknown type
/// may be one.
const fn is_query(kind: u8) -> bool {
    matches!(kind, ECHO_REPLY | ECHO_REQUEST | 9 | 10 | 13..=18 | 42 | 43)
}

/// True when no error may be made about this packet (RFC 1812, 4.3.2.7): it is an `ICMP` error, a fragment other than
/// the first, goes to a group of nodes or stations, or its source is no single node. That its header is valid
/// ([`ipv4::check`]), and that its destination is no subnet's broadcast address, is for the caller to know.
pub fn is_error_forbidden(frame_destination: ethernet::Mac, packet: &[u8]) -> bool {
    let Some(header) = ipv4::Header::of(packet) else { return true };
    let (source, destination) = (header.source(), header.destination());
    if frame_destination.is_multicast() || header.fragment_offset() != 0 || !ipv4::is_unicast(source) {
        return true;
    }
    if ipv4::is_multicast(destination) || destination == ipv4::LIMITED_BROADCAST {
        return true;
    }
    header.protocol() == ipv4::protocol::ICMP
        && !ipv4::payload(packet).first().is_some_and(|kind| is_query(*kind))
}

/// Turns the packet that caused an error into that error, from `source` to the packet's source, quoting the packet as
/// it stands without its padding. False, and nothing has changed, when there is no IPv4 header or too little headroom.
#[must_use]
pub fn make_error<B: PacketBuf>(buffer: &mut B, source: u32, error: Error) -> bool {
    const PREPENDED: usize = ipv4::LEN + LEN;
    let cause = packet(buffer);
    let Some(header) = ipv4::Header::of(cause) else { return false };
    let (destination, tos) = (header.source(), header.tos() & TOS_COPIED | PRECEDENCE);
    // A total length that contradicts itself does not keep the header out of the quote.
    let total_len = usize::from(header.total_len()).max(ipv4::LEN);
    let quote_len = cause.len().min(total_len).min(MAX_QUOTE_LEN);
    if !buffer.prepend(PREPENDED) {
        return false;
    }
    // The cause's Ethernet header, now in the middle, is overwritten: the new headers are 14 octets longer
    // than what was prepended.
    buffer.truncate(PREPENDED + ethernet::LEN + quote_len);
    let packet = packet_mut(buffer);
    let repr = ipv4::Repr {
        tos,
        total_len: (PREPENDED + quote_len) as u16,
        identification: 0,
        dont_fragment: true,
        ttl: ipv4::DEFAULT_TTL,
        protocol: ipv4::protocol::ICMP,
        source,
        destination,
    };
    if let Some(mut header) = ipv4::Header::of_mut(packet) {
        repr.emit(&mut header);
    }
    if let Some(message) = packet.get_mut(ipv4::LEN..) {
        if let Some(head) = message.first_chunk_mut::<LEN>() {
            let p = error.parameter.to_be_bytes();
            *head = [error.kind, error.code, 0, 0, p[0], p[1], p[2], p[3]];
        }
        set_checksum(message);
    }
    true
}

/// Turns an echo request into its reply from `source` (RFC 792; RFC 1812, 4.3.3.6): identification, flags, type of
/// service and options stay as they are (this node records no route and no time). What is behind the packet's total length is not looked at. False, and nothing has changed,
/// when it is none, is a fragment, has a source route (which would have to be reversed) or a wrong checksum.
#[must_use]
pub fn make_echo_reply(packet: &mut [u8], source: u32) -> bool {
    let Some(header) = ipv4::Header::of(packet) else { return false };
    let (header_len, total_len) = (header.header_len(), usize::from(header.total_len()));
    let from = header.source();
    if header.protocol() != ipv4::protocol::ICMP || header.is_fragment() || header_len < ipv4::LEN {
        return false;
    }
    if packet.get(ipv4::LEN..header_len).is_none_or(has_source_route) {
        return false;
    }
    let Some(message) = packet.get_mut(header_len..total_len) else { return false };
    if message.len() < LEN || message.first() != Some(&ECHO_REQUEST) || checksum::plain(message) != 0 {
        return false;
    }
    if let Some(head) = message.first_chunk_mut::<LEN>() {
        head[0] = ECHO_REPLY;
    }
    set_checksum(message);
    if let Some(mut header) = ipv4::Header::of_mut(packet) {
        header.set_ttl(ipv4::DEFAULT_TTL);
        header.set_source(source);
        header.set_destination(from);
    }
    ipv4::fill_checksum(packet);
    true
}

/// True when the options hold a source route, or cannot be read to their end.
fn has_source_route(mut options: &[u8]) -> bool {
    loop {
        let len = match options {
            [] | [END_OF_OPTIONS, ..] => return false,
            [NO_OPERATION, ..] => 1,
            [kind, ..] if SOURCE_ROUTES.contains(kind) => return true,
            [_, len, ..] if *len >= 2 => usize::from(*len),
            _ => return true,
        };
        let Some(rest) = options.get(len..) else { return true };
        options = rest;
    }
}

/// Fills in the checksum of a message, whatever its checksum field holds.
pub fn set_checksum(message: &mut [u8]) {
    if let Some(field) = message.get_mut(2..4) {
        field.fill(0);
    }
    let sum = checksum::plain(message);
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

#[cfg(test)]
#[path = "icmpv4_tests.rs"]
mod tests;
