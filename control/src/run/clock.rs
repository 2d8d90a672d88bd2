//! Time for workers and control: the processor's counter, scaled. No system call.

const NS_PER_SECOND: u128 = 1_000_000_000;
/// Binary places of the scale.
const FRACTION_BITS: u32 = 32;

/// Nanoseconds since the clock was made; the same on every core.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start_ticks: u64,
    /// Nanoseconds a tick, times 2^[`FRACTION_BITS`].
    scale: u64,
}

impl Clock {
    /// A clock that starts now. EAL must run: it has measured the counter's rate.
    pub fn start() -> Clock {
        Clock::at(dpdk::tsc(), dpdk::tsc_hz())
    }

    fn at(start_ticks: u64, ticks_hz: u64) -> Clock {
        let scale = (NS_PER_SECOND << FRACTION_BITS) / u128::from(ticks_hz.max(1));
        Clock { start_ticks, scale: u64::try_from(scale).unwrap_or(u64::MAX) }
    }

    /// Now, ns.
    pub fn now_ns(&self) -> u64 {
        self.ns(dpdk::tsc())
    }

    /// The time of a reading of the counter, ns. A reading from before the start is 0.
    #[inline]
    pub fn ns(&self, ticks: u64) -> u64 {
        self.duration_ns(ticks.saturating_sub(self.start_ticks))
    }

    /// How long so many ticks take, ns.
    #[inline]
    pub fn duration_ns(&self, ticks: u64) -> u64 {
        // 128 bits hold the product; the sum of a few hundred years of nanoseconds fits in 64.
        ((u128::from(ticks) * u128::from(self.scale)) >> FRACTION_BITS) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_what_the_rate_says() {
        let clock = Clock::at(1000, 2_000_000_000);
        assert_eq!(clock.ns(1000), 0);
        assert_eq!(clock.ns(999), 0, "never before the start");
        assert_eq!(clock.ns(1000 + 2_000_000_000), 1_000_000_000);
        // A year of an odd rate is right to a second.
        let (hz, year_s) = (2_595_123_457, 365 * 86_400);
        let year_ns = Clock::at(0, hz).ns(hz * year_s);
        assert!(year_ns.abs_diff(year_s * 1_000_000_000) < 1_000_000_000, "{year_ns}");
    }
}
