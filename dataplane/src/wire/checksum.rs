//! The Internet checksum (RFC 1071): plain, over the IPv6 pseudo-header (RFC 8200, 8.1), and updated (RFC 1624).

/// The 16-bit one's complement sum of `bytes`, folded; an odd last octet counts as its high half.
fn sum(mut total: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        total += u64::from(u32::from_be_bytes(*word));
    }
    let mut tail = [0; 4];
    for (to, from) in tail.iter_mut().zip(rest) {
        *to = *from;
    }
    total + u64::from(u32::from_be_bytes(tail))
}

/// One's complement sum folded to 16 bits.
fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// The checksum field's value for an upper-layer `payload` whose own checksum field is zero; over a payload
/// that already holds its right checksum it is 0.
pub fn upper_layer(source: u128, destination: u128, next_header: u8, payload: &[u8]) -> u16 {
    let mut total = sum(0, &source.to_be_bytes());
    total = sum(total, &destination.to_be_bytes());
    total += payload.len() as u64 + u64::from(next_header);
    !fold(sum(total, payload))
}

/// The checksum field's value for `octets` whose own checksum field is zero, without a pseudo-header: IPv4 headers and
/// `ICMP`. Over octets that already hold their right checksum it is 0.
pub fn plain(octets: &[u8]) -> u16 {
    !fold(sum(0, octets))
}

/// The checksum after one 16-bit word that it covers went from `old` to `new` (RFC 1624, equation 3).
pub const fn updated(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = !checksum as u32 + !old as u32 + new as u32;
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_of_the_mex_specification() {
        // UDP 0x1234 -> 0x5678 "MEX-VECTOR-01\n": checksum 0x4ed0 over the original destination.
        let source = 0x2001_0db8_0001_0000_0000_0000_0000_0001;
        let destination = 0x2001_0db8_000a_0001_000a_000b_000c_000d;
        let mut udp = *b"\x12\x34\x56\x78\x00\x16\x00\x00MEX-VECTOR-01\n";
        assert_eq!(upper_layer(source, destination, 17, &udp), 0x4ed0);
        udp[6..8].copy_from_slice(&[0x4e, 0xd0]);
        assert_eq!(upper_layer(source, destination, 17, &udp), 0);
    }

    #[test]
    fn odd_length_pads_with_zero() {
        assert_eq!(upper_layer(0, 0, 0, &[0xab]), !(0xab00 + 1));
    }
    #[test]
    fn plain_sum_of_rfc_1071() {
        // RFC 1071, 3: the words 0001 f203 f4f5 f6f7 sum up to ddf2.
        assert_eq!(plain(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn update_of_rfc_1624() {
        // RFC 1624, 4: the case in which equation 2 goes wrong.
        assert_eq!(updated(0xdd2f, 0x5555, 0x3285), 0x0000);
    }
}
