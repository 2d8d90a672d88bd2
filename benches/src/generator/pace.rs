//! When the next frames are due: a token bucket on the processor's counter.

/// Binary places of a frame in the arithmetic: a rate of one frame a second is still exact to a millionth.
const FRACTION_BITS: u32 = 48;
const NS_PER_SECOND: u128 = 1_000_000_000;

/// Nanoseconds of so many ticks.
pub fn nanoseconds(ticks: u64, ticks_hz: u64) -> u64 {
    u64::try_from(u128::from(ticks) * NS_PER_SECOND / u128::from(ticks_hz.max(1))).unwrap_or(u64::MAX)
}

/// A token bucket: one token is one frame. Frames that fall due while nobody looks pile up to the bucket's depth; those
/// above it are [`skipped`](Self::skipped): they were intended and are not offered.
#[derive(Clone, Debug)]
pub struct Pacer {
    /// Tokens a tick, times 2^[`FRACTION_BITS`].
    per_tick: u128,
    credit: u128,
    depth: u128,
    last_ticks: u64,
    /// Tokens that ran over, with their fractions.
    spilled: u128,
}

impl Pacer {
    /// A bucket that is empty at `now_ticks` and then fills at `rate_pps` frames a second, up to `depth` frames.
    pub fn new(rate_pps: f64, ticks_hz: u64, depth: u32, now_ticks: u64) -> Pacer {
        Pacer {
            per_tick: per_tick(rate_pps, ticks_hz),
            credit: 0,
            depth: u128::from(depth.max(1)) << FRACTION_BITS,
            last_ticks: now_ticks,
            spilled: 0,
        }
    }

    /// Another rate from now on. What is in the bucket stays.
    pub fn set_rate(&mut self, rate_pps: f64, ticks_hz: u64) {
        self.per_tick = per_tick(rate_pps, ticks_hz);
    }

    /// Frames that are due.
    #[inline]
    pub fn due(&mut self, now_ticks: u64) -> u32 {
        // A counter that goes backwards, between cores of a bad machine, adds nothing.
        let elapsed = now_ticks.saturating_sub(self.last_ticks);
        self.last_ticks = self.last_ticks.max(now_ticks);
        self.credit += self.per_tick * u128::from(elapsed);
        if self.credit > self.depth {
            self.spilled += self.credit - self.depth;
            self.credit = self.depth;
        }
        (self.credit >> FRACTION_BITS) as u32
    }

    /// So many of the due frames were offered.
    #[inline]
    pub fn take(&mut self, frames: u32) {
        self.credit = self.credit.saturating_sub(u128::from(frames) << FRACTION_BITS);
    }

    /// Whole frames that were intended and never offered.
    pub fn skipped(&self) -> u64 {
        u64::try_from(self.spilled >> FRACTION_BITS).unwrap_or(u64::MAX)
    }
}

/// Nothing below zero, and nothing above a frame a tick.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a ratio from 0 to 1, scaled to 48 bits"
)]
fn per_tick(rate_pps: f64, ticks_hz: u64) -> u128 {
    let per_tick = (rate_pps / ticks_hz.max(1) as f64).clamp(0.0, 1.0);
    (per_tick * (1u64 << FRACTION_BITS) as f64) as u128
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HZ: u64 = 2_600_000_000;

    #[test]
    fn a_second_at_a_rate_is_that_many_frames() {
        for rate in [1.0, 999.0, 1e6, 14_880_952.0] {
            let mut pacer = Pacer::new(rate, HZ, 64, 0);
            let mut sent = 0u64;
            // Looked at every microsecond.
            for now in (0..=HZ).step_by(2600) {
                let due = pacer.due(now);
                pacer.take(due);
                sent += u64::from(due);
            }
            assert!((sent as f64 - rate).abs() <= 1.0, "{rate}: {sent}");
            assert_eq!(pacer.skipped(), 0, "{rate}");
        }
    }

    #[test]
    fn who_comes_late_gets_a_bucket_full_and_the_rest_is_skipped() {
        let mut pacer = Pacer::new(1e6, HZ, 32, 1000);
        assert_eq!(pacer.due(1000), 0);
        // 100 us late: 100 frames.
        assert_eq!(pacer.due(1000 + HZ / 10_000), 32);
        assert_eq!(pacer.skipped(), 67, "100 less 32, and the fraction of one");
        pacer.take(30);
        assert_eq!(pacer.due(1000 + HZ / 10_000), 2);
        assert_eq!(pacer.due(0), 2, "a counter that goes backwards");
    }

    #[test]
    fn rates_change_on_the_way() {
        let mut pacer = Pacer::new(1e6, HZ, 1000, 0);
        assert!(pacer.due(HZ / 10_000).abs_diff(100) <= 1);
        pacer.set_rate(0.0, HZ);
        assert!(pacer.due(HZ).abs_diff(100) <= 1, "what is in the bucket stays");
        pacer.take(100);
        assert_eq!(pacer.due(2 * HZ), 0);
    }

    #[test]
    fn ticks_become_nanoseconds() {
        assert_eq!(nanoseconds(HZ / 1000, HZ), 1_000_000);
        assert_eq!(nanoseconds(5, 0), 5_000_000_000, "no division by zero");
    }

    proptest! {
        /// However irregularly it is looked at: offered and skipped frames are the intended ones.
        #[test]
        fn no_frame_is_lost_or_made(steps in prop::collection::vec(1u64..3_000_000, 1..200), rate in 1.0f64..2e7, depth in 1u32..512) {
            let mut pacer = Pacer::new(rate, HZ, depth, 0);
            let (mut now, mut sent) = (0, 0u64);
            for step in steps {
                now += step;
                let due = pacer.due(now);
                prop_assert!(due <= depth);
                pacer.take(due);
                sent += u64::from(due);
            }
            let intended = rate * now as f64 / HZ as f64;
            let accounted = (sent + pacer.skipped()) as f64;
            prop_assert!((accounted - intended).abs() <= 2.0 + intended * 1e-9, "{accounted} of {intended}");
        }
    }
}
