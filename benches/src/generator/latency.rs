//! Latency: a histogram of ticks with three significant digits.

use hdrhistogram::Histogram;

use super::trial::Latency;

/// The longest that is told apart, in ticks: 26 s at 2.6 GHz, where the time of a probe wraps.
const TICKS_MAX: u64 = 1 << 36;
const DIGITS: u8 = 3;
const US_PER_SECOND: f64 = 1e6;

/// Counts of ticks.
#[derive(Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
    us_per_tick: f64,
}

impl Latencies {
    /// An empty histogram. All its memory is there from now on.
    ///
    /// # Errors
    /// There is not enough memory.
    #[expect(clippy::cast_precision_loss, reason = "a frequency")]
    pub fn new(ticks_hz: u64) -> Result<Latencies, String> {
        let histogram =
            Histogram::new_with_bounds(1, TICKS_MAX, DIGITS).map_err(|error| error.to_string())?;
        Ok(Latencies { histogram, us_per_tick: US_PER_SECOND / ticks_hz.max(1) as f64 })
    }

    /// One frame.
    #[inline]
    pub fn record(&mut self, ticks: u64) {
        self.histogram.saturating_record(ticks);
    }

    /// Forgets all.
    pub fn reset(&mut self) {
        self.histogram.reset();
    }

    /// The ticks that this share of the frames do not exceed, in us.
    #[expect(clippy::cast_precision_loss, reason = "ticks are below 2^36")]
    pub fn quantile_us(&self, share: f64) -> f64 {
        self.histogram.value_at_quantile(share) as f64 * self.us_per_tick
    }

    /// The longest, us.
    #[expect(clippy::cast_precision_loss, reason = "ticks are below 2^36")]
    pub fn max_us(&self) -> f64 {
        self.histogram.max() as f64 * self.us_per_tick
    }

    /// All figures; `None` without frames.
    #[expect(clippy::cast_precision_loss, reason = "ticks are below 2^36")]
    pub fn summary(&self) -> Option<Latency> {
        (!self.histogram.is_empty()).then(|| Latency {
            frames: self.histogram.len(),
            min_us: self.histogram.min() as f64 * self.us_per_tick,
            mean_us: self.histogram.mean() * self.us_per_tick,
            p50_us: self.quantile_us(0.5),
            p90_us: self.quantile_us(0.9),
            p99_us: self.quantile_us(0.99),
            p999_us: self.quantile_us(0.999),
            max_us: self.max_us(),
        })
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "small numbers")]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_values() {
        const HZ: u64 = 1_000_000_000;
        let mut latencies = Latencies::new(HZ).unwrap();
        assert_eq!(latencies.summary(), None);
        // 1 us to 10 ms, not in order.
        let mut values: Vec<u64> = (1..=10_000).map(|value| value * 1000).collect();
        for value in values.iter().skip(5000).chain(values.iter().take(5000)) {
            latencies.record(*value);
        }
        values.sort_unstable();
        let summary = latencies.summary().unwrap();
        assert_eq!(summary.frames, 10_000);
        for (found, share) in [
            (summary.p50_us, 0.5),
            (summary.p90_us, 0.9),
            (summary.p99_us, 0.99),
            (summary.p999_us, 0.999),
            (summary.max_us, 1.0),
        ] {
            let want = values[(share * 10_000.0) as usize - 1] as f64 / 1000.0;
            assert!((found - want).abs() <= want * 1e-3, "{share}: {found}, not {want}");
        }
        assert!((summary.min_us - 1.0).abs() < 1e-3 && (summary.mean_us - 5000.5).abs() < 5.0);
        latencies.record(u64::MAX);
        assert!(latencies.max_us() >= TICKS_MAX as f64 / 1000.0, "longer ones count as the longest");
        latencies.reset();
        assert_eq!(latencies.summary(), None);
    }
}
