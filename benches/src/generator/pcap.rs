//! Captures in libpcap's own format, for generators that play them.

const MAGIC: u32 = 0xa1b2_c3d4;
const VERSION: u32 = 2 | 4 << 16;
const SNAP_LEN: u32 = 65535;
const LINK_ETHERNET: u32 = 1;
/// Between frames, microseconds: players that go by the clock send them in order.
const GAP_US: u32 = 1;
const US_PER_SECOND: u32 = 1_000_000;

/// A capture of these frames.
pub fn pcap<'a>(frames: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [MAGIC, VERSION, 0, 0, SNAP_LEN, LINK_ETHERNET] {
        file.extend(word.to_le_bytes());
    }
    for (at, frame) in frames.into_iter().enumerate() {
        let at_us = at as u32 * GAP_US;
        let len = frame.len() as u32;
        for word in [at_us / US_PER_SECOND, at_us % US_PER_SECOND, len, len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_has_the_frames_in_their_records() {
        let file = pcap([&[1u8, 2, 3][..], &[4]]);
        let header =
            [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0];
        assert_eq!(file[..24], header);
        assert_eq!(file[24..43], [0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3]);
        assert_eq!(file[43..], [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4]);
    }
}
