//! The Internet checksum (RFC 1071), for the packets that the generator makes.

/// The ones' complement sum of 16 bits of a wider sum.
#[inline]
pub fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The sum of octets in network order, added to `start`; the last one is padded with zero.
pub fn of(start: u64, octets: &[u8]) -> u16 {
    let pairs = octets
        .chunks(2)
        .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()])));
    fold(start + pairs.sum::<u64>())
}

/// The checksum field of an upper-layer packet in IPv6 (RFC 8200, 8.1); its own checksum field must hold zero.
pub fn upper_layer(source: u128, destination: u128, next_header: u8, packet: &[u8]) -> u16 {
    let addresses = of(0, &source.to_be_bytes()) as u64 + of(0, &destination.to_be_bytes()) as u64;
    let sum = !of(addresses + packet.len() as u64 + u64::from(next_header), packet);
    // In UDP zero means none.
    if sum == 0 { 0xffff } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The packet V0 of the MEX specification, whose checksum is given there.
    #[test]
    fn a_known_packet_has_its_known_checksum() {
        let mut udp = [0x12, 0x34, 0x56, 0x78, 0, 0x16, 0, 0].to_vec();
        udp.extend(b"MEX-VECTOR-01\n");
        let (source, destination) =
            (0x2001_0db8_0001_0000_0000_0000_0000_0001, 0x2001_0db8_000a_0001_000a_000b_000c_000d);
        assert_eq!(upper_layer(source, destination, 17, &udp), 0x4ed0);
    }

    #[test]
    fn an_odd_octet_is_padded_with_zero() {
        assert_eq!(of(0, &[0x12, 0x34, 0x56]), 0x1234 + 0x5600);
        assert_eq!(fold(0x1_fffe), 0xffff);
    }
}
