//! How a SID takes a packet to its next segment: the SRH processing of RFC 8986 (4.1 and 4.16) and RFC 9800 (4.1, 4.2),
//! as a function of the headers alone. It is asked twice, when the packet is sorted and when it leaves, and writes nothing.

use crate::table::srv6::{Behavior, Flavors, Sid};
use crate::wire::ipv6;
use crate::wire::srh::{self, Found, Srh};

/// What the SID makes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advance {
    /// No segment is left here: process the next header.
    Upper,
    /// The hop limit ran out.
    HopLimit,
    /// Segments Left and Last Entry do not fit the header, or each other.
    SegmentsLeft,
    /// On to the next segment.
    To {
        /// The new destination.
        destination: u128,
        /// Segments Left from now on.
        segments_left: u8,
        /// The SRH has served its purpose: remove it (PSP).
        pop: bool,
    },
}

/// The bits of an address that a prefix of this length covers.
pub const fn mask(prefix_len: u8) -> u128 {
    if prefix_len == 0 { 0 } else { u128::MAX << 128u32.saturating_sub(prefix_len as u32) }
}

/// NEXT-CSID: the destination after the next compressed SID of the argument has moved up; `None` when the argument is 0
/// (RFC 9800, 4.1.1).
pub fn shift(sid: &Sid, destination: u128) -> Option<u128> {
    let argument = destination & !mask(sid.prefix_len);
    let by = u32::from(sid.prefix_len.saturating_sub(sid.block_len));
    // N05, N06: DA.Argument into the bits behind the block; what it leaves becomes zero.
    (argument != 0).then(|| destination & mask(sid.block_len) | argument << by)
}

/// What `sid` makes of a packet with this destination and hop limit, and with or without an SRH.
#[inline]
pub fn advance(sid: &Sid, destination: u128, hop_limit: u8, srh: Option<&Srh<'_>>) -> Advance {
    if sid.flavors.has(Flavors::NEXT_CSID)
        && takes_next(sid.behavior)
        && let Some(shifted) = shift(sid, destination)
    {
        // N02 to N08.
        let segments_left = srh.map_or(0, |srh| srh.header().segments_left());
        return if hop_limit <= 1 {
            Advance::HopLimit
        } else {
            Advance::To { destination: shifted, segments_left, pop: false }
        };
    }
    let Some(srh) = srh else { return Advance::Upper };
    if !takes_next(sid.behavior) {
        // RFC 8986, 4.4 S02 and its likes: the last segment, and it has to be.
        return if srh.header().segments_left() == 0 { Advance::Upper } else { Advance::SegmentsLeft };
    }
    if sid.flavors.has(Flavors::REPLACE_CSID) {
        replace(sid, destination, hop_limit, srh)
    } else {
        next(sid, hop_limit, srh)
    }
}

/// Segment Routing headers of one packet that are looked at, at most.
pub const MAX_HEADERS: usize = 4;

/// The header that takes a packet on, and how: the first that has segments left for this SID, or none in a packet that goes
/// on without. A header that is used up is passed (RFC 8754, 4.3.1.1). `None`: the packet does not go on.
pub fn onward<'a>(sid: &Sid, packet: &'a [u8]) -> Option<(Option<Srh<'a>>, Advance)> {
    let header = ipv6::Header::of(packet)?;
    let mut found = srh::find(packet);
    for _ in 0..MAX_HEADERS {
        let srh = if let Found::Srh(srh) = found { Some(srh) } else { None };
        match (advance(sid, header.destination(), header.hop_limit(), srh.as_ref()), srh) {
            (Advance::Upper, Some(used_up)) => found = srh::find_behind(packet, &used_up),
            (to @ Advance::To { .. }, srh) => return Some((srh, to)),
            _ => return None,
        }
    }
    None
}

/// The SRHs ahead of the one that leads on, which a SID with USP removes: used up, and at their end here (RFC 8986,
/// 4.16.2).
pub fn used_up<'a>(sid: &Sid, packet: &'a [u8]) -> [Option<Srh<'a>>; MAX_HEADERS] {
    let mut passed = [None; MAX_HEADERS];
    let Some(header) = ipv6::Header::of(packet).filter(|_| sid.flavors.has(Flavors::USP)) else {
        return passed;
    };
    let mut found = srh::find(packet);
    for place in &mut passed {
        let Found::Srh(srh) = found else { break };
        if advance(sid, header.destination(), header.hop_limit(), Some(&srh)) != Advance::Upper {
            break;
        }
        found = srh::find_behind(packet, &srh);
        *place = Some(srh);
    }
    passed
}

/// True for behaviors that go on to a next segment.
const fn takes_next(behavior: Behavior) -> bool {
    matches!(behavior, Behavior::End | Behavior::EndX | Behavior::EndT | Behavior::EndB6)
}

/// RFC 8986, 4.1.
#[inline]
fn next(sid: &Sid, hop_limit: u8, srh: &Srh<'_>) -> Advance {
    let header = srh.header();
    let segments_left = header.segments_left();
    // S02
    if segments_left == 0 {
        return Advance::Upper;
    }
    // S05
    if hop_limit <= 1 {
        return Advance::HopLimit;
    }
    // S08, S09
    if !header.is_list_sound() {
        return Advance::SegmentsLeft;
    }
    // S13, S14
    let segments_left = segments_left - 1;
    let Some(destination) = srh.segment(segments_left) else { return Advance::SegmentsLeft };
    // 4.16.1, S14.1
    let pop = segments_left == 0 && sid.flavors.has(Flavors::PSP);
    Advance::To { destination, segments_left, pop }
}

/// RFC 9800, 4.2.1.
#[inline(never)]
fn replace(sid: &Sid, destination: u128, hop_limit: u8, srh: &Srh<'_>) -> Advance {
    let csid_len = u32::from(sid.csid_len).clamp(1, 128);
    let containers = 128 / csid_len;
    let index_mask = u128::from(containers.next_power_of_two() - 1);
    let index = (destination & index_mask) as u32;
    let header = srh.header();
    let segments_left = header.segments_left();
    // Segment List[entry][position]; positions count from the left.
    let csid = |entry: u8, position: u32| {
        let shift = 128u32.checked_sub((position + 1) * csid_len)?;
        Some(srh.segment(entry)? >> shift & (u128::MAX >> (128 - csid_len)))
    };
    let is_done = |index: u32| index == 0 || csid(0, index - 1).is_none_or(|csid| csid == 0);
    // S02
    if segments_left == 0 && is_done(index) {
        return Advance::Upper;
    }
    // S05
    if hop_limit <= 1 {
        return Advance::HopLimit;
    }
    let pops = sid.flavors.has(Flavors::PSP);
    let (segments_left, index) = if index != 0 {
        // S10
        if !header.is_list_whole() || segments_left > header.last_entry() {
            return Advance::SegmentsLeft;
        }
        // S13, S14
        if csid(segments_left, index - 1).is_none_or(|csid| csid == 0) {
            // S15, S17: the container is used up, and the next entry is a whole SID.
            let Some(segments_left) = segments_left.checked_sub(1) else { return Advance::SegmentsLeft };
            let Some(destination) = srh.segment(segments_left) else { return Advance::SegmentsLeft };
            return Advance::To { destination, segments_left, pop: pops && segments_left == 0 };
        }
        (segments_left, index - 1)
    } else {
        // S21
        if !header.is_list_sound() {
            return Advance::SegmentsLeft;
        }
        // S24, S25; Segments Left is not 0, or S02 had taken the packet.
        (segments_left - 1, containers - 1)
    };
    // S28
    let Some(written) = csid(segments_left, index) else { return Advance::SegmentsLeft };
    let place = 128u32.saturating_sub(u32::from(sid.block_len) + csid_len);
    let kept = destination & !((u128::MAX >> (128 - csid_len)) << place) & !index_mask;
    let destination = kept | written << place | u128::from(index);
    Advance::To { destination, segments_left, pop: pops && segments_left == 0 && is_done(index) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> u128 {
        u128::from(text.parse::<std::net::Ipv6Addr>().unwrap())
    }

    /// An SRH by hand: Last Entry and Hdr Ext Len as they come, so that they may lie.
    fn srh(segments_left: u8, last_entry: u8, units: u8, list: &[u128]) -> Vec<u8> {
        let mut octets = vec![59, units, 4, segments_left, last_entry, 0, 0, 0];
        octets.extend(list.iter().flat_map(|segment| segment.to_be_bytes()));
        octets.resize(8 + 8 * usize::from(units), 0);
        octets
    }

    fn with(sid: &Sid, destination: &str, hop_limit: u8, octets: &[u8]) -> Advance {
        advance(sid, ip(destination), hop_limit, Some(&Srh::of(octets).unwrap()))
    }

    const END: Sid = Sid {
        behavior: Behavior::End,
        flavors: Flavors::NONE,
        prefix_len: 128,
        block_len: 32,
        csid_len: 32,
        hmac: crate::table::srv6::HmacRule::Ignore,
        vrf: crate::id::VrfId(0),
        next_hop: crate::id::NextHopId(0),
        port: crate::id::PortId(0),
        policy: crate::id::PolicyId(0),
    };

    #[test]
    fn rfc_8986_4_1_line_by_line() {
        let three = |segments_left| srh(segments_left, 2, 6, &[1, 2, 3]);
        let to = |destination, segments_left, pop| Advance::To { destination, segments_left, pop };
        assert_eq!(with(&END, "::9", 64, &three(2)), to(2, 1, false));
        assert_eq!(with(&END, "::9", 64, &three(1)), to(1, 0, false));
        assert_eq!(with(&END, "::9", 64, &three(0)), Advance::Upper, "S02");
        assert_eq!(with(&END, "::9", 1, &three(0)), Advance::Upper, "S02 comes before S05");
        assert_eq!(with(&END, "::9", 1, &three(1)), Advance::HopLimit, "S05");
        assert_eq!(with(&END, "::9", 1, &three(9)), Advance::HopLimit, "S05 comes before S09");
        assert_eq!(with(&END, "::9", 64, &three(3)), to(3, 2, false), "a reduced list: SL = Last Entry + 1");
        assert_eq!(with(&END, "::9", 64, &three(4)), Advance::SegmentsLeft, "S09: SL > Last Entry + 1");
        assert_eq!(
            with(&END, "::9", 64, &srh(1, 3, 6, &[1, 2, 3])),
            Advance::SegmentsLeft,
            "S09: Last Entry > max_LE"
        );
        assert_eq!(with(&END, "::9", 64, &srh(1, 0, 0, &[])), Advance::SegmentsLeft, "a list of nothing");
        assert_eq!(advance(&END, 9, 64, None), Advance::Upper);
        let psp = Sid { flavors: Flavors::PSP.and(Flavors::USP), ..END };
        assert_eq!(with(&psp, "::9", 64, &three(1)), to(1, 0, true));
        assert_eq!(with(&psp, "::9", 64, &three(2)), to(2, 1, false));
        for behavior in [Behavior::EndDt6, Behavior::EndDt4, Behavior::EndDx2, Behavior::EndDx6] {
            let last = Sid { behavior, ..END };
            assert_eq!(with(&last, "::9", 1, &three(0)), Advance::Upper);
            assert_eq!(with(&last, "::9", 64, &three(1)), Advance::SegmentsLeft, "4.4 S02");
        }
    }

    #[test]
    fn micro_sids_move_up_one_by_one() {
        let un = Sid { flavors: Flavors::NEXT_CSID, prefix_len: 48, ..END };
        let mut destination = ip("fc00:0:1:2:3:4:5:6");
        for expected in
            ["fc00:0:2:3:4:5:6:0", "fc00:0:3:4:5:6::", "fc00:0:4:5:6::", "fc00:0:5:6::", "fc00:0:6::"]
        {
            let Advance::To { destination: next, segments_left: 0, pop: false } =
                advance(&un, destination, 64, None)
            else {
                panic!("{destination:x} goes nowhere")
            };
            assert_eq!(next, ip(expected));
            destination = next;
        }
        assert_eq!(advance(&un, destination, 64, None), Advance::Upper);
        assert_eq!(advance(&un, ip("fc00:0:1:2::"), 1, None), Advance::HopLimit);
        // uA as node and function: two of them go at once.
        let ua = Sid { behavior: Behavior::EndX, flavors: Flavors::NEXT_CSID, prefix_len: 64, ..END };
        let moved = Advance::To { destination: ip("fc00:0:2:3::"), segments_left: 0, pop: false };
        assert_eq!(advance(&ua, ip("fc00:0:1:e001:2:3::"), 64, None), moved);
        // The container is used up: the next one, and Segments Left only then.
        let octets = srh(1, 1, 4, &[7, 8]);
        let stays = Advance::To { destination: ip("fc00:0:2::"), segments_left: 1, pop: false };
        assert_eq!(with(&un, "fc00:0:1:2::", 64, &octets), stays);
        assert_eq!(
            with(&un, "fc00:0:1::", 64, &octets),
            Advance::To { destination: 7, segments_left: 0, pop: false }
        );
    }

    /// RFC 9800, 4.2: follows a list to its end, through SIDs that differ in locator and function alone.
    fn walk(sid: &Sid, first: &str, list: &[u128]) -> Vec<u128> {
        let mut octets = srh(list.len() as u8, list.len() as u8 - 1, 2 * list.len() as u8, list);
        let mut destination = ip(first);
        let mut visited = Vec::new();
        for _ in 0..100 {
            match advance(sid, destination, 64, Some(&Srh::of(&octets).unwrap())) {
                Advance::To { destination: next, segments_left, .. } => {
                    octets[3] = segments_left;
                    destination = next;
                    visited.push(next);
                }
                Advance::Upper => return visited,
                other => panic!("{other:?} at {destination:x}"),
            }
        }
        panic!("no end")
    }

    #[test]
    fn containers_are_used_up_from_the_right() {
        let sid = Sid { flavors: Flavors::REPLACE_CSID, prefix_len: 80, block_len: 48, csid_len: 32, ..END };
        let list = [ip("0:0:0:0:60:1:50:1"), ip("40:1:30:1:20:1:10:1")];
        let expected: Vec<_> = [
            "2001:db8:b2:10:1::3",
            "2001:db8:b2:20:1::2",
            "2001:db8:b2:30:1::1",
            "2001:db8:b2:40:1::",
            "2001:db8:b2:50:1::3",
            "2001:db8:b2:60:1::2",
        ]
        .map(ip)
        .into();
        assert_eq!(walk(&sid, "2001:db8:b2:1:1::", &list), expected);
        let short =
            Sid { flavors: Flavors::REPLACE_CSID, prefix_len: 64, block_len: 48, csid_len: 16, ..END };
        let visited = walk(&short, "2001:db8:b2:1::", &[ip("0:0:a:9:8:7:6:5")]);
        let expected: Vec<_> = ["5::7", "6::6", "7::5", "8::4", "9::3", "a::2"]
            .map(|tail| ip(&format!("2001:db8:b2:{tail}")))
            .into();
        assert_eq!(visited, expected);
    }

    #[test]
    fn a_whole_sid_may_follow_a_container() {
        let sid = Sid { flavors: Flavors::REPLACE_CSID, prefix_len: 80, block_len: 48, csid_len: 32, ..END };
        let octets = srh(1, 1, 4, &[ip("2001:db8:ffff::d6"), ip("0:0:0:0:0:0:10:1")]);
        let last = Advance::To { destination: ip("2001:db8:ffff::d6"), segments_left: 0, pop: false };
        assert_eq!(with(&sid, "2001:db8:b2:10:1::3", 64, &octets), last, "S14 to S18");
        let psp = Sid { flavors: Flavors::REPLACE_CSID.and(Flavors::PSP), ..sid };
        let popped = Advance::To { destination: ip("2001:db8:ffff::d6"), segments_left: 0, pop: true };
        assert_eq!(with(&psp, "2001:db8:b2:10:1::3", 64, &octets), popped);
        assert_eq!(
            with(&sid, "2001:db8:b2:10:1::3", 64, &srh(2, 1, 4, &[1, 2])),
            Advance::SegmentsLeft,
            "S10"
        );
        assert_eq!(
            with(&sid, "2001:db8:b2:10:1::", 64, &srh(3, 1, 4, &[1, 2])),
            Advance::SegmentsLeft,
            "S21"
        );
        assert_eq!(with(&sid, "2001:db8:b2:10:1::", 1, &octets), Advance::HopLimit, "S05");
    }
}
