//! What every frame carries for the analyzer: its number and the time when it was sent.
//!
//! Eight octets, and two more that balance them in the Internet checksum: so a UDP checksum that is right for one probe is
//! right for all, and nobody computes it again. Places are counted from the end of the frame, since what a router adds or
//! removes stands before.

use super::checksum;

/// Octets of number and time.
pub const PROBE_LEN: usize = 8;
/// Octets of the balance.
const BALANCE_LEN: usize = 2;
/// Binary places of the processor's counter that the time leaves out: 6 ns at 2.6 GHz, and 32 bits last for 26 s.
const TIME_SHIFT: u32 = 4;
/// The sum of a probe and its balance: 16 bits, ones' complement.
const BALANCED_SUM: u16 = 0xffff;

/// Where number, time and balance are, in octets before the end of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    probe_from_end: usize,
    balance_from_end: usize,
}

/// Where the UDP payload has at least ten octets: its last ones.
const IN_PAYLOAD: Placement =
    Placement { probe_from_end: PROBE_LEN + BALANCE_LEN, balance_from_end: BALANCE_LEN };

/// A frame's number, and when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Counts the frames of a generator's life, modulo 2^32.
    pub number: u32,
    /// The time of sending, as [`time`] makes it.
    pub time: u32,
}

/// The processor's counter as a probe carries it.
#[inline]
pub fn time(ticks: u64) -> u32 {
    (ticks >> TIME_SHIFT) as u32
}

/// Ticks from a probe's time to a reading of the counter, if less than 2^36.
#[inline]
pub fn ticks_since(time_sent: u32, now_ticks: u64) -> u64 {
    u64::from(time(now_ticks).wrapping_sub(time_sent)) << TIME_SHIFT
}

impl Placement {
    /// The place in a frame with so many octets of UDP payload, if `source_from_end` is where the source address of the
    /// packet with that payload begins. Two octets of payload, all that a frame of 64 octets has, are the balance; then
    /// the probe is the interface identifier of the source, which no router looks at.
    ///
    /// `None` for less payload.
    pub fn new(payload_len: usize, source_from_end: usize) -> Option<Placement> {
        const INTERFACE_ID_AT: usize = 8;
        if payload_len >= PROBE_LEN + BALANCE_LEN {
            return Some(IN_PAYLOAD);
        }
        let probe_from_end = source_from_end.checked_sub(INTERFACE_ID_AT)?;
        // At the start of the payload: both are at even places then, as sums of 16 bits want it.
        (payload_len >= BALANCE_LEN).then_some(Placement { probe_from_end, balance_from_end: payload_len })
    }

    /// True when the probe is in the source address.
    pub fn is_in_address(&self) -> bool {
        *self != IN_PAYLOAD
    }

    /// Zeros in the places that a UDP payload has for probe and balance.
    pub fn clear(&self, payload: &mut [u8]) {
        let (from_end, count) = if self.is_in_address() {
            (self.balance_from_end, BALANCE_LEN)
        } else {
            (self.probe_from_end, PROBE_LEN + BALANCE_LEN)
        };
        let at = payload.len().saturating_sub(from_end);
        payload.iter_mut().skip(at).take(count).for_each(|octet| *octet = 0);
    }

    /// The ranges of a frame of `len` octets that differ from frame to frame, in order.
    pub fn ranges(&self, len: usize) -> [std::ops::Range<usize>; 2] {
        let (probe, balance) = (len - self.probe_from_end, len - self.balance_from_end);
        [probe..probe + PROBE_LEN, balance..balance + BALANCE_LEN]
    }

    /// Writes a probe. False when the frame is too short.
    #[inline]
    pub fn write(&self, frame: &mut [u8], probe: Probe) -> bool {
        let value = u64::from(probe.number) << 32 | u64::from(probe.time);
        let balance = BALANCED_SUM - sum(value);
        let len = frame.len();
        let (Some(at), Some(balance_at)) =
            (len.checked_sub(self.probe_from_end), len.checked_sub(self.balance_from_end))
        else {
            return false;
        };
        let Some(place) = frame.get_mut(at..at + PROBE_LEN) else { return false };
        place.copy_from_slice(&value.to_be_bytes());
        let Some(place) = frame.get_mut(balance_at..balance_at + BALANCE_LEN) else { return false };
        place.copy_from_slice(&balance.to_be_bytes());
        true
    }

    /// Reads a probe; `None` where the balance is not right, or the frame too short.
    #[inline]
    pub fn read(&self, frame: &[u8]) -> Option<Probe> {
        let at = frame.len().checked_sub(self.probe_from_end)?;
        let value = u64::from_be_bytes(*frame.get(at..)?.first_chunk()?);
        let balance_at = frame.len().checked_sub(self.balance_from_end)?;
        let balance = u16::from_be_bytes(*frame.get(balance_at..)?.first_chunk()?);
        (balance == BALANCED_SUM - sum(value))
            .then_some(Probe { number: (value >> 32) as u32, time: value as u32 })
    }
}

/// The ones' complement sum of four 16-bit words.
#[inline]
fn sum(value: u64) -> u16 {
    checksum::fold(u64::from(value as u32) + (value >> 32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_probe_is_where_the_placement_says() {
        let placement = Placement::new(100, 0).unwrap();
        let mut frame = [0; 30];
        assert!(placement.write(&mut frame, Probe { number: 0x0102_0304, time: 0x0506_0708 }));
        // 0x0102 + 0x0304 + 0x0506 + 0x0708 = 0x1014; its complement is 0xefeb.
        assert_eq!(frame[20..], [1, 2, 3, 4, 5, 6, 7, 8, 0xef, 0xeb]);
        assert_eq!(placement.ranges(30), [20..28, 28..30]);
        frame[21] ^= 1;
        assert_eq!(placement.read(&frame), None, "the balance is wrong");
    }

    #[test]
    fn the_shortest_frame_has_it_in_the_source_address() {
        assert_eq!(Placement::new(5, 45).unwrap().ranges(67), [30..38, 62..64]);
        // Ethernet 14, source address at 8 of IPv6: 64 - 22 = 42 octets before the end.
        let placement = Placement::new(2, 42).unwrap();
        assert_eq!(placement.ranges(64), [30..38, 62..64]);
        assert_eq!(Placement::new(1, 42), None);
        assert!(!placement.write(&mut [0; 20], Probe { number: 1, time: 1 }));
        assert_eq!(placement.read(&[0; 20]), None);
    }

    #[test]
    fn time_wraps() {
        assert_eq!(ticks_since(time(0x1_2345_6780), 0x1_2345_6780 + 0x100), 0x100);
        assert_eq!(ticks_since(time(0xf_ffff_fff0), 0x10_0000_0010), 0x20);
    }

    proptest! {
        /// The checksum of a frame is the same whatever the probe, but for the two zeros of ones' complement.
        #[test]
        fn the_sum_of_a_frame_does_not_depend_on_its_probe(number: u32, time: u32, len in 10usize..90) {
            let placement = Placement::new(len, 0).unwrap();
            let mut frame = vec![0x5a; len];
            placement.write(&mut frame, Probe { number: 0, time: 0 });
            let before = checksum::of(0, &frame);
            placement.write(&mut frame, Probe { number, time });
            prop_assert_eq!(checksum::of(0, &frame), before);
            prop_assert_eq!(placement.read(&frame), Some(Probe { number, time }));
        }
    }
}
