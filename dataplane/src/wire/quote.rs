//! ICMPv6 errors that quote a packet with an AP header: what its sender has to see.

use super::ap;
use super::ext::{self, Place, WalkBounds};
use super::ipv6::protocol;
use super::{checksum, ethernet, icmpv6, ipv6};
use crate::buffer::{PacketBuf, packet, packet_mut};

/// Where the quoted packet begins, octets from the outer IPv6 header.
const QUOTE_AT: usize = ipv6::LEN + icmpv6::LEN;

/// What is known about a quote that is to be restored.
struct Quoted {
    source: u128,
    destination: u128,
    kind: u8,
    parameter: u32,
    place: Place,
    ap_octets: usize,
    payload_len: usize,
}

/// Reads an error; `None` when it is none, is corrupt, or quotes no whole AP header of a packet to a peer.
fn examine(
    packet: &[u8],
    ap_next_header: u8,
    bounds: WalkBounds,
    is_peer: impl Fn(u64) -> bool,
) -> Option<Quoted> {
    let header = ipv6::Header::of(packet)?;
    let message = packet.get(ipv6::LEN..)?;
    let head = message.first_chunk::<{ icmpv6::LEN }>()?;
    if header.next_header() != protocol::ICMPV6 || head[0] >= icmpv6::FIRST_INFORMATIONAL {
        return None;
    }
    let (source, destination) = (header.source(), header.destination());
    let quote = message.get(icmpv6::LEN..)?;
    let place = ext::find_ap(quote, ap_next_header, bounds)?;
    let offset = usize::from(place.offset);
    let (n, p) = ap::read(quote, offset).ok()?;
    let quoted = ipv6::Header::of(quote)?;
    let original = if p < n { ap::prefix(quote, offset, 1)? } else { (quoted.destination() >> 64) as u64 };
    // A checksum that is wrong must stay wrong: the host is to see that, not this node's good one.
    if !is_peer(original) || checksum::upper_layer(source, destination, protocol::ICMPV6, message) != 0 {
        return None;
    }
    Some(Quoted {
        source,
        destination,
        kind: head[0],
        parameter: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        place,
        ap_octets: ap::len(n),
        payload_len: usize::from(header.payload_len()),
    })
}

/// The parameter for the packet as its sender sent it: an MTU without the header that was inserted, a pointer behind
/// the header moved with what it points at.
fn parameter(quoted: &Quoted) -> u32 {
    let octets = quoted.ap_octets as u32;
    match quoted.kind {
        icmpv6::TOO_BIG => quoted.parameter.saturating_sub(octets).max(ipv6::MIN_MTU as u32),
        icmpv6::PARAMETER_PROBLEM if quoted.parameter >= u32::from(quoted.place.offset) + octets => {
            quoted.parameter - octets
        }
        _ => quoted.parameter,
    }
}

/// Restores the quote of an error in place: original destination, no AP header, lengths, parameter and checksum. False,
/// and nothing has changed, when there is nothing to restore.
#[must_use]
pub fn restore<B: PacketBuf>(
    buffer: &mut B,
    ap_next_header: u8,
    bounds: WalkBounds,
    is_peer: impl Fn(u64) -> bool,
) -> bool {
    let Some(quoted) = examine(packet(buffer), ap_next_header, bounds, is_peer) else { return false };
    let Some(payload_len) = quoted.payload_len.checked_sub(quoted.ap_octets) else { return false };
    let offset = usize::from(quoted.place.offset);
    let Some(quote) = packet_mut(buffer).get_mut(QUOTE_AT..) else { return false };
    if ap::restore(quote, offset).is_none() {
        return false;
    }
    let next_header = quote.get(offset).copied();
    if let (Some(announced), Some(next_header)) =
        (quote.get_mut(usize::from(quoted.place.next_header_at)), next_header)
    {
        *announced = next_header;
    }
    if let Some(mut inner) = ipv6::Header::of_mut(quote) {
        // The quote may be cut, its length field is not.
        let inner_len = usize::from(inner.payload_len()).saturating_sub(quoted.ap_octets);
        inner.set_payload_len(inner_len as u16);
    }
    let front = ethernet::LEN + QUOTE_AT + offset;
    buffer.bytes_mut().copy_within(0..front, quoted.ap_octets);
    if !buffer.trim_front(quoted.ap_octets) {
        return false;
    }
    let packet = packet_mut(buffer);
    if let Some(mut outer) = ipv6::Header::of_mut(packet) {
        outer.set_payload_len(payload_len as u16);
    }
    if let Some(message) = packet.get_mut(ipv6::LEN..) {
        if let Some(head) = message.first_chunk_mut::<{ icmpv6::LEN }>() {
            head[2..4].fill(0);
            head[4..8].copy_from_slice(&parameter(&quoted).to_be_bytes());
        }
        icmpv6::set_checksum(quoted.source, quoted.destination, message);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::HeapBuf;

    const HOST: u128 = 0x2001_0db8_0001_0000_0000_0000_0000_0001;
    const ROUTER: u128 = 0x2001_0db8_00ff_0000_0000_0000_0000_0009;
    const A: u64 = 0x2001_0db8_000a_0001;
    const B: u64 = 0x2001_0db8_000b_0001;

    /// What the host sent: UDP to A, 100 octets of payload.
    fn sent() -> Vec<u8> {
        let mut packet = vec![0x11; ipv6::LEN + 100];
        let destination = u128::from(A) << 64 | 0xa_000b_000c_000d;
        let repr = ipv6::Repr { payload_len: 100, next_header: 17, hop_limit: 60, source: HOST, destination };
        repr.emit(&mut ipv6::Header::of_mut(&mut packet).unwrap());
        packet
    }

    fn error(kind: u8, parameter: u32, quote: &[u8]) -> HeapBuf {
        let mut frame = vec![9; ethernet::LEN];
        frame.extend([0; ipv6::LEN]);
        let repr = ipv6::Repr {
            payload_len: (8 + quote.len()) as u16,
            next_header: 58,
            hop_limit: 64,
            source: ROUTER,
            destination: HOST,
        };
        repr.emit(&mut ipv6::Header::of_mut(&mut frame[ethernet::LEN..]).unwrap());
        frame.extend([kind, 0, 0, 0]);
        frame.extend(parameter.to_be_bytes());
        frame.extend(quote);
        icmpv6::set_checksum(ROUTER, HOST, &mut frame[ethernet::LEN + ipv6::LEN..]);
        HeapBuf::new(&frame, 0)
    }

    /// The packet as the network has it: with the header, exchanged `exchanges` times.
    fn in_the_network(exchanges: u8) -> Vec<u8> {
        let mut frame = vec![0; ethernet::LEN];
        frame.extend(sent());
        let mut buffer = HeapBuf::new(&frame, 0);
        let place = Place { offset: 40, next_header_at: 6 };
        assert!(ap::insert(&mut buffer, place, 253, [B].into_iter()));
        let mut packet = packet(&buffer).to_vec();
        ap::exchange(&mut packet, 40, exchanges).unwrap();
        packet
    }

    #[test]
    fn the_host_sees_its_own_packet_quoted() {
        for exchanges in [0, 1] {
            let quote = in_the_network(exchanges);
            for (kind, parameter, expected) in
                [(2, 1400, 1384), (2, 1290, 1280), (1, 0, 0), (3, 0, 0), (4, 60, 44), (4, 42, 42)]
            {
                let mut buffer = error(kind, parameter, &quote);
                assert!(restore(&mut buffer, 253, WalkBounds::default(), |prefix| prefix == A));
                assert_eq!(buffer.bytes(), error(kind, expected, &sent()).bytes(), "type {kind}");
            }
        }
    }

    #[test]
    fn whatever_else_is_left_alone() {
        let quote = in_the_network(1);
        let untouched = |mut buffer: HeapBuf| {
            let before = buffer.bytes().to_vec();
            assert!(!restore(&mut buffer, 253, WalkBounds::default(), |prefix| prefix == A));
            assert_eq!(buffer.bytes(), before);
        };
        untouched(error(128, 0, &quote));
        untouched(error(2, 1400, &sent()));
        for cut in 0..56 {
            untouched(error(2, 1400, &quote[..cut]));
        }
        let mut corrupt = error(2, 1400, &quote);
        corrupt.bytes_mut()[80] ^= 1;
        untouched(corrupt);
        let mut other = quote;
        other[48..56].copy_from_slice(&B.to_be_bytes());
        untouched(error(2, 1400, &other));
    }
}
