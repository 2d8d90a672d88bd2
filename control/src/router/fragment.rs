//! IPv4 packets that are longer than the link ahead and may be cut (RFC 791, 3.2).
//!
//! Cutting needs memory for each piece, which a worker does not have. Hosts that probe their path MTU set DF, so that these are
//! few; control cuts no more than [`PACKETS_A_SECOND`], and drops the rest by name.

use dataplane::buffer::PacketBuf;
use dataplane::burst::Meta;
use dataplane::drop::Drop;
use dataplane::update::{Inject, Resume};
use dataplane::wire::{ethernet, ipv4};

use super::{Buffers, Router};

/// Packets that are cut in a second, at most.
pub const PACKETS_A_SECOND: u64 = 10_000;
/// Packets that are cut at once, at most.
pub const PACKETS_AT_ONCE: u64 = 1_000;

/// Octets that fragment offsets count in.
const UNIT: usize = 8;
/// Option types with this bit are copied into every fragment (RFC 791, 3.1).
const COPIED: u8 = 0x80;
/// Option type: the list ends here.
const END_OF_OPTIONS: u8 = 0;
/// Option type: padding of one octet.
const NO_OPERATION: u8 = 1;

impl<B: PacketBuf> Router<B> {
    /// Sends a packet on in pieces of at most `room` octets, or fails it as a whole.
    pub(super) fn cut(
        &mut self,
        worker: usize,
        buffer: B,
        meta: Meta,
        room: usize,
        buffers: &mut impl Buffers<B>,
        now_ns: u64,
    ) {
        let pieces = if self.fragment_limit.take(now_ns) { pieces(buffer.bytes(), room) } else { None };
        let made: Option<Vec<B>> =
            pieces.and_then(|pieces| pieces.iter().map(|piece| buffers.make(piece)).collect());
        let Some(made) = made else {
            return self.inject(worker, Inject { buffer, meta, resume: Resume::Fail(Drop::FragmentLimit) });
        };
        // The first one is the packet itself, for those who count.
        let mut resume = Resume::Forward(meta.adjacency);
        for buffer in made {
            self.inject(worker, Inject { buffer, meta, resume });
            resume = Resume::Fragment;
        }
    }
}

/// The frames of the pieces; `None` when the packet cannot be cut: it is none, or there is no room for a header and 8 octets.
fn pieces(frame: &[u8], room: usize) -> Option<Vec<Vec<u8>>> {
    let (link, packet) = frame.split_at_checked(ethernet::LEN)?;
    let lengths = ipv4::check(packet).ok()?;
    let header = ipv4::Header::of(packet)?;
    let (base, is_last) = (header.fragment_offset(), !header.more_fragments());
    let options = packet.get(ipv4::LEN..lengths.header_len)?;
    let payload = packet.get(lengths.header_len..lengths.total_len)?;
    let later = copied(options);
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < payload.len() {
        let options = if at == 0 { options } else { &later };
        let header_len = ipv4::LEN + options.len();
        let most = room.checked_sub(header_len)? / UNIT * UNIT;
        let left = payload.len() - at;
        // The last piece need not be a multiple of anything.
        let len = if left <= room - header_len { left } else { most };
        if len == 0 {
            return None;
        }
        let mut piece = Vec::with_capacity(ethernet::LEN + header_len + len);
        piece.extend_from_slice(link);
        piece.extend_from_slice(packet.get(..ipv4::LEN)?);
        piece.extend_from_slice(options);
        piece.extend_from_slice(payload.get(at..at + len)?);
        let more = at + len < payload.len() || !is_last;
        set_header(piece.get_mut(ethernet::LEN..)?, header_len, more, base + at)?;
        pieces.push(piece);
        at += len;
    }
    (!pieces.is_empty()).then_some(pieces)
}

fn set_header(packet: &mut [u8], header_len: usize, more_fragments: bool, offset: usize) -> Option<()> {
    let total_len = u16::try_from(packet.len()).ok()?;
    *packet.first_mut()? = 0x40 | (header_len / 4) as u8;
    let mut header = ipv4::Header::of_mut(packet)?;
    header.set_total_len(total_len);
    header.set_fragment(false, more_fragments, offset);
    ipv4::fill_checksum(packet);
    Some(())
}

/// The options that later fragments have, too, padded to whole words.
fn copied(mut options: &[u8]) -> Vec<u8> {
    let mut copied = Vec::new();
    loop {
        let len = match options {
            [] | [END_OF_OPTIONS, ..] => break,
            [NO_OPERATION, ..] => 1,
            [_, len, ..] if *len >= 2 => usize::from(*len),
            // What cannot be read cannot be sorted: it stays with the first.
            _ => break,
        };
        let Some((option, rest)) = options.split_at_checked(len) else { break };
        if option.first().is_some_and(|kind| kind & COPIED != 0) {
            copied.extend_from_slice(option);
        }
        options = rest;
    }
    copied.resize(copied.len().next_multiple_of(4), END_OF_OPTIONS);
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    // Fixed header and checksum by scapy 2.5: Ether(dst="02:00:00:00:00:0a", src="02:00:00:00:00:0b")/IP(src="192.0.2.1",
    // dst="198.51.100.1", id=7, ttl=9, proto=253)/bytes(range(50)), with an Internet Timestamp, which stays with the first
    // fragment, and a Router Alert, which has the copied bit; and its three fragments.
    const PACKET: &str = "02000000000a02000000000b0800490000560007000009fde35dc0000201c6336401440c0500000000000000000094040000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031";
    const FIRST: &str = "02000000000a02000000000b0800490000340007200009fdc37fc0000201c6336401440c0500000000000000000094040000000102030405060708090a0b0c0d0e0f";
    const SECOND: &str = "02000000000a02000000000b0800460000300007200209fd0f8ec0000201c633640194040000101112131415161718191a1b1c1d1e1f2021222324252627";
    const LAST: &str =
        "02000000000a02000000000b0800460000220007000509fd2f99c0000201c63364019404000028292a2b2c2d2e2f3031";

    #[test]
    fn pieces_are_as_rfc_791_says() {
        let pieces = pieces(&hex(PACKET), 52).unwrap();
        assert_eq!(pieces, [hex(FIRST), hex(SECOND), hex(LAST)]);
    }

    #[test]
    fn what_fits_stays_whole_and_what_cannot_be_cut_is_not() {
        let frame = hex(PACKET);
        let whole = pieces(&frame, frame.len() - ethernet::LEN).unwrap();
        assert_eq!(whole, std::slice::from_ref(&frame));
        assert_eq!(pieces(&frame, 43), None, "36 octets of header, and 8 of payload are the least");
        assert!(pieces(&frame, 44).is_some());
        for cut in 0..frame.len() {
            assert_eq!(pieces(&frame[..cut], 60), None);
        }
    }
}
