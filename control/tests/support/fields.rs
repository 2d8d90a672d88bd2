//! Names of header fields by offset, and a dump of two frames side by side: for reading failures only.

use std::fmt::Write;

const ROW_OCTETS: usize = 16;
const ETHERNET: &[(usize, &str)] = &[(6, "Ethernet destination"), (12, "Ethernet source"), (14, "EtherType")];
/// Field ends within the IPv6 header.
const IPV6: &[(usize, &str)] = &[
    (4, "version, traffic class, flow label"),
    (6, "payload length"),
    (7, "next header"),
    (8, "hop limit"),
    (24, "source"),
    (32, "destination, high half"),
    (40, "destination, low half"),
];
const AP: &[(usize, &str)] = &[
    (1, "AP next header"),
    (2, "AP Hdr Ext Len"),
    (3, "AP Pleft"),
    (4, "AP version, flags"),
    (6, "AP Experiment ID"),
    (8, "AP reserved"),
];
const SRH: &[(usize, &str)] = &[
    (1, "SRH next header"),
    (2, "SRH Hdr Ext Len"),
    (3, "Routing Type"),
    (4, "SRH Segments Left"),
    (5, "SRH Last Entry"),
    (6, "SRH flags"),
    (8, "SRH tag"),
];
/// Field ends within the IPv4 header.
const IPV4: &[(usize, &str)] = &[
    (1, "version, header length"),
    (2, "type of service"),
    (4, "total length"),
    (6, "identification"),
    (8, "flags, fragment offset"),
    (9, "TTL"),
    (10, "protocol"),
    (12, "header checksum"),
    (16, "source"),
    (20, "destination"),
];
const ICMPV6: &[(usize, &str)] =
    &[(1, "ICMPv6 type"), (2, "ICMPv6 code"), (4, "ICMPv6 checksum"), (8, "ICMPv6 word")];
const UDP: &[(usize, &str)] =
    &[(2, "UDP source port"), (4, "UDP destination port"), (6, "UDP length"), (8, "UDP checksum")];

/// What the octet at `offset` of an Ethernet frame is.
pub fn name(frame: &[u8], offset: usize) -> String {
    match within(ETHERNET, offset) {
        Some(field) => field.to_owned(),
        None if frame.get(12..14) == Some(&[8, 0]) => ipv4(offset - 14, ""),
        None => ipv6(frame.get(14..).unwrap_or_default(), offset - 14, ""),
    }
}

fn within(fields: &[(usize, &'static str)], offset: usize) -> Option<&'static str> {
    fields.iter().find(|(end, _)| offset < *end).map(|(_, name)| *name)
}

fn ipv4(offset: usize, prefix: &str) -> String {
    within(IPV4, offset)
        .map_or_else(|| format!("{prefix}IPv4 octet {offset}"), |field| format!("{prefix}IPv4 {field}"))
}

fn ipv6(packet: &[u8], offset: usize, prefix: &str) -> String {
    if let Some(field) = within(IPV6, offset) {
        return format!("{prefix}IPv6 {field}");
    }
    let mut next_header = packet.get(6).copied().unwrap_or(59);
    let mut at = 40;
    loop {
        let inside = offset - at;
        let octets = match next_header {
            44 => 8,
            51 => 4 * (usize::from(packet.get(at + 1).copied().unwrap_or(0)) + 2),
            0 | 43 | 60 | 253 => 8 * (usize::from(packet.get(at + 1).copied().unwrap_or(0)) + 1),
            58 if inside >= 8 && packet.get(at).is_some_and(|kind| *kind < 128) => {
                return ipv6(
                    packet.get(at + 8..).unwrap_or_default(),
                    inside - 8,
                    &format!("{prefix}quote: "),
                );
            }
            58 => return format!("{prefix}{}", within(ICMPV6, inside).unwrap_or("ICMPv6 body")),
            4 => return ipv4(inside, &format!("{prefix}inside: ")),
            41 => {
                let inner = packet.get(at..).unwrap_or_default();
                return ipv6(inner, inside, &format!("{prefix}inside: "));
            }
            17 => return format!("{prefix}{}", within(UDP, inside).unwrap_or("UDP data")),
            other => return format!("{prefix}protocol {other}, octet {inside}"),
        };
        if inside < octets {
            return match (next_header, within(AP, inside)) {
                (253, Some(field)) => format!("{prefix}{field}"),
                (253, None) => format!("{prefix}AP prefix #{}", inside / 8),
                (43, _) => within(SRH, inside).map_or_else(
                    || format!("{prefix}SRH octet {inside}"),
                    |field| format!("{prefix}{field}"),
                ),
                (other, _) => format!("{prefix}header {other}, octet {inside}"),
            };
        }
        next_header = packet.get(at).copied().unwrap_or(59);
        at += octets;
    }
}

/// Rows of 16 octets. With two frames: only the rows that differ, the expected one marked `-`, the other `+`,
/// and the names of the fields that differ.
pub fn dump(want: &[u8], have: Option<&[u8]>) -> String {
    let mut text = String::new();
    let longest = want.len().max(have.map_or(0, <[u8]>::len));
    let mut names: Vec<String> = Vec::new();
    for row in (0..longest).step_by(ROW_OCTETS) {
        let cut =
            |frame: &[u8]| frame.get(row..(row + ROW_OCTETS).min(frame.len())).unwrap_or_default().to_vec();
        let (left, right) = (cut(want), have.map(cut));
        match right {
            None => text += &format!("      {row:04x}  {}\n", spaced(&left)),
            Some(right) if right != left => {
                text += &format!("    - {row:04x}  {}\n    + {row:04x}  {}\n", spaced(&left), spaced(&right));
                for offset in (0..ROW_OCTETS).filter(|i| left.get(*i) != right.get(*i)) {
                    let field = format!("{:#x} {}", row + offset, name(want, row + offset));
                    let same = |last: &String| {
                        last.split_once(' ').map(|l| l.1) == field.split_once(' ').map(|f| f.1)
                    };
                    if !names.last().is_some_and(same) {
                        names.push(field);
                    }
                }
            }
            Some(_) => {}
        }
    }
    if !names.is_empty() {
        let _ = write!(text, "      differs at: {}", names.join(", "));
    }
    text
}

fn spaced(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x} ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_an_error_that_quotes_a_mex_packet() {
        let mut frame = vec![0u8; 14 + 40 + 8 + 40 + 16 + 8];
        frame[14 + 6] = 58;
        frame[54] = 1;
        frame[62 + 6] = 253;
        frame[102] = 17;
        frame[103] = 1;
        assert_eq!(name(&frame, 5), "Ethernet destination");
        assert_eq!(name(&frame, 21), "IPv6 hop limit");
        assert_eq!(name(&frame, 56), "ICMPv6 checksum");
        assert_eq!(name(&frame, 62 + 24), "quote: IPv6 destination, high half");
        assert_eq!(name(&frame, 104), "quote: AP Pleft");
        assert_eq!(name(&frame, 102 + 8), "quote: AP prefix #1");
        assert_eq!(name(&frame, 118), "quote: UDP source port");
        let mut other = frame.clone();
        other[104] = 1;
        assert!(dump(&frame, Some(&other)).ends_with("differs at: 0x68 quote: AP Pleft"));
    }
}
