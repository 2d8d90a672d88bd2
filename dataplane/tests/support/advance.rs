//! From segment to segment: the pseudo-code of RFC 8986 (4.1, 4.4, 4.16) and RFC 9800 (4.1, 4.2), on a copy of the packet.

use dataplane::table::srv6::{Behavior, Flavors, Sid};

use super::headers;
use super::octets;

/// What a SID makes of a packet.
pub enum Step {
    Next(Vec<u8>),
    TimeExceeded,
    /// Parameter Problem, code 0: the octet at fault.
    SegmentsLeft(usize),
    UpperLayer,
}

/// Bits `from..from + len` of an address, counted from its first.
fn bits(address: u128, from: u32, len: u32) -> u128 {
    (0..len).fold(0, |value, bit| value << 1 | address >> (127 - from - bit) & 1)
}

/// The address with these bits replaced.
fn write(mut address: u128, from: u32, len: u32, value: u128) -> u128 {
    for bit in 0..len {
        let mask = 1 << (127 - from - bit);
        address = if value >> (len - 1 - bit) & 1 == 1 { address | mask } else { address & !mask };
    }
    address
}

/// One visit. `srh`: where it is, and the field that announces it.
pub fn step(sid: &Sid, packet: &[u8], srh: Option<(usize, usize)>) -> Step {
    let goes_on = matches!(sid.behavior, Behavior::End | Behavior::EndX | Behavior::EndT | Behavior::EndB6);
    if goes_on && sid.flavors.has(Flavors::NEXT_CSID) {
        let to = octets::destination(packet);
        let len = u32::from(sid.prefix_len);
        let argument = bits(to, len, 128 - len);
        if argument != 0 {
            if packet[7] <= 1 {
                return Step::TimeExceeded;
            }
            let block = u32::from(sid.block_len);
            let moved = write(write(to, block, 128 - block, 0), block, 128 - len, argument);
            return Step::Next(older(packet, moved));
        }
    }
    let Some((at, announced_at)) = srh else { return Step::UpperLayer };
    let left = usize::from(packet[at + 3]);
    if !goes_on {
        return if left == 0 { Step::UpperLayer } else { Step::SegmentsLeft(at + 3) };
    }
    let next = if sid.flavors.has(Flavors::REPLACE_CSID) {
        replace(sid, packet, &packet[at..])
    } else {
        end(packet, &packet[at..])
    };
    let (to, left, is_last) = match next {
        Ok(next) => next,
        Err(Fault::UpperLayer) => return Step::UpperLayer,
        Err(Fault::TimeExceeded) => return Step::TimeExceeded,
        Err(Fault::SegmentsLeft) => return Step::SegmentsLeft(at + 3),
    };
    let mut packet = older(packet, to);
    packet[at + 3] = left as u8;
    // RFC 8986, 4.16.1.
    if is_last && sid.flavors.has(Flavors::PSP) {
        packet = headers::without(&packet, at, announced_at);
    }
    Step::Next(packet)
}

/// The next destination, Segments Left, and whether no segment is left then.
type Next = (u128, usize, bool);

enum Fault {
    UpperLayer,
    TimeExceeded,
    SegmentsLeft,
}

/// The packet one hop older and on its way to `to`.
fn older(packet: &[u8], to: u128) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet[7] -= 1;
    headers::set_destination(&mut packet, to);
    packet
}

/// RFC 8986, 4.1, S02 to S14.
fn end(packet: &[u8], header: &[u8]) -> Result<Next, Fault> {
    let (left, last) = (i32::from(header[3]), i32::from(header[4]));
    if left == 0 {
        return Err(Fault::UpperLayer);
    }
    if packet[7] <= 1 {
        return Err(Fault::TimeExceeded);
    }
    let max_last_entry = i32::from(header[1]) / 2 - 1;
    if last > max_last_entry || left > last + 1 {
        return Err(Fault::SegmentsLeft);
    }
    let left = usize::from(header[3]) - 1;
    Ok((headers::segment(header, left), left, left == 0))
}

/// Compressed SIDs in a container.
fn containers(sid: &Sid) -> usize {
    128 / usize::from(sid.csid_len)
}

/// DA.Arg.Index.
fn index_of(sid: &Sid, to: u128) -> usize {
    let width = usize::BITS - (containers(sid) - 1).leading_zeros();
    bits(to, 128 - width, width) as usize
}

/// Segment List[entry][position].
fn csid(sid: &Sid, header: &[u8], entry: usize, position: usize) -> u128 {
    let len = u32::from(sid.csid_len);
    bits(headers::segment(header, entry), position as u32 * len, len)
}

/// The condition of S02 but for Segments Left.
fn is_done(sid: &Sid, header: &[u8], index: usize) -> bool {
    index == 0 || has_list(header, 0) && csid(sid, header, 0, index - 1) == 0
}

/// Segment List[entry] is in the header.
fn has_list(header: &[u8], entry: usize) -> bool {
    24 + 16 * entry <= 8 + 8 * usize::from(header[1]) && entry <= usize::from(header[4])
}

/// RFC 9800, 4.2.1.
fn replace(sid: &Sid, packet: &[u8], header: &[u8]) -> Result<Next, Fault> {
    let to = octets::destination(packet);
    let (mut left, last) = (usize::from(header[3]), i32::from(header[4]));
    let received = i32::from(header[3]);
    let mut index = index_of(sid, to);
    let max_last_entry = i32::from(header[1]) / 2 - 1;
    // S02
    if left == 0 && (is_done(sid, header, index) || !has_list(header, 0)) {
        return Err(Fault::UpperLayer);
    }
    // S05
    if packet[7] <= 1 {
        return Err(Fault::TimeExceeded);
    }
    // S09
    if index != 0 {
        // S10
        if last > max_last_entry || received > last {
            return Err(Fault::SegmentsLeft);
        }
        // S13, S14
        index -= 1;
        if index >= containers(sid) || csid(sid, header, left, index) == 0 {
            // S15, S17
            let left = left.checked_sub(1).ok_or(Fault::SegmentsLeft)?;
            return Ok((headers::segment(header, left), left, left == 0));
        }
    } else {
        // S21
        if last > max_last_entry || received > last + 1 {
            return Err(Fault::SegmentsLeft);
        }
        // S24, S25
        left -= 1;
        index = containers(sid) - 1;
    }
    // S28
    let len = u32::from(sid.csid_len);
    let width = usize::BITS - (containers(sid) - 1).leading_zeros();
    let written = write(to, u32::from(sid.block_len), len, csid(sid, header, left, index));
    let is_last = left == 0 && is_done(sid, header, index);
    Ok((write(written, 128 - width, width, index as u128), left, is_last))
}
