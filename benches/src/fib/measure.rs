//! Interleaved, paired measurement: in every round each engine passes over each trace once, in another order.
//! A machine that others use too is faster or slower from one minute to the next; ratios within a round are not.

use std::time::Instant;

use super::engine::Engine;
use super::trace::Trace;

/// Rounds, unless the user says otherwise.
pub const DEFAULT_ROUNDS: usize = 11;
/// Lookups of one timed pass, at least: short traces are passed over several times.
const LOOKUPS_OF_A_PASS: usize = 4 << 20;
/// Lookups before the clock starts: the table's pages are mapped and its hot part is in the caches again.
const WARM_UP_LOOKUPS: usize = 64 << 10;

/// Rates of every engine on every trace.
#[derive(Clone, Debug)]
pub struct Rates {
    /// Millions of lookups a second: `mlps[engine][trace][round]`.
    mlps: Vec<Vec<Vec<f64>>>,
}

/// A median, and the 10th and the 90th percentile around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The 10th percentile.
    pub p10: f64,
    /// The 90th percentile.
    pub p90: f64,
}

impl Rates {
    /// Measures `rounds` rounds. `progress` is told of each round as it begins, from 1.
    pub fn measure(
        engines: &[&dyn Engine],
        traces: &[Trace],
        batch: usize,
        rounds: usize,
        mut progress: impl FnMut(usize),
    ) -> Rates {
        let mut mlps = vec![vec![Vec::with_capacity(rounds); traces.len()]; engines.len()];
        for round in 0..rounds {
            progress(round + 1);
            for (number, trace) in traces.iter().enumerate() {
                for turn in 0..engines.len() {
                    // Whoever is first in one round and trace is last in the next.
                    let index = (turn + round + number) % engines.len();
                    mlps[index][number].push(timed(engines[index], trace, batch));
                }
            }
        }
        Rates { mlps }
    }

    /// Rates measured elsewhere: `mlps[engine][trace][round]`.
    pub fn from_rounds(mlps: Vec<Vec<Vec<f64>>>) -> Rates {
        Rates { mlps }
    }

    /// Millions of lookups a second of one engine on one trace, over the rounds.
    pub fn mlps(&self, engine: usize, trace: usize) -> Spread {
        spread(&self.mlps[engine][trace])
    }

    /// How many times faster one engine is than another on one trace: of the ratios within each round.
    pub fn ratio(&self, engine: usize, rival: usize, trace: usize) -> Spread {
        let pairs = self.mlps[engine][trace].iter().zip(&self.mlps[rival][trace]);
        spread(&pairs.map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
    }

    /// The geometric mean over the traces of the median ratios.
    pub fn geomean_ratio(&self, engine: usize, rival: usize) -> f64 {
        geometric_mean(&self.ratios(engine, rival))
    }

    /// The smallest of the traces' median ratios.
    pub fn min_ratio(&self, engine: usize, rival: usize) -> f64 {
        self.ratios(engine, rival).into_iter().fold(f64::INFINITY, f64::min)
    }

    fn ratios(&self, engine: usize, rival: usize) -> Vec<f64> {
        (0..self.mlps[engine].len()).map(|trace| self.ratio(engine, rival, trace).median).collect()
    }
}

/// Millions of lookups a second in one timed pass (or several over a short trace).
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub fn timed(engine: &dyn Engine, trace: &Trace, batch: usize) -> f64 {
    let passes = LOOKUPS_OF_A_PASS.div_ceil(trace.len().max(1));
    engine.pass(trace, WARM_UP_LOOKUPS, batch);
    let begin = Instant::now();
    for _ in 0..passes {
        engine.pass(trace, usize::MAX, batch);
    }
    (trace.len() * passes) as f64 / begin.elapsed().as_secs_f64() / 1e6
}

/// The value that this part (0 to 1) of the values are below, straight between neighbours; NaN of nothing.
#[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "small and not negative")]
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = part.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// Median and percentiles of some values.
pub fn spread(values: &[f64]) -> Spread {
    Spread { median: quantile(values, 0.5), p10: quantile(values, 0.1), p90: quantile(values, 0.9) }
}

/// The geometric mean of positive values; NaN of nothing.
#[expect(clippy::cast_precision_loss, reason = "a handful")]
pub fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, want: f64) {
        assert!((found - want).abs() < 1e-9, "{found}, not {want}");
    }

    #[test]
    fn quantiles_of_odd_even_and_nothing() {
        near(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        near(quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), 2.5);
        near(quantile(&[7.0], 0.9), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
        let tens: Vec<f64> = (0..=10).map(f64::from).collect();
        let Spread { median, p10, p90 } = spread(&tens);
        near(median, 5.0);
        near(p10, 1.0);
        near(p90, 9.0);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine halves its speed in the second round: each pair is still 2 to 1 and 3 to 1.
        let ours = vec![vec![200.0, 100.0, 200.0], vec![300.0, 150.0, 300.0]];
        let theirs = vec![vec![100.0, 50.0, 100.0], vec![100.0, 50.0, 100.0]];
        let rates = Rates::from_rounds(vec![ours, theirs]);
        near(rates.ratio(0, 1, 0).median, 2.0);
        near(rates.ratio(0, 1, 1).p10, 3.0);
        near(rates.geomean_ratio(0, 1), 6f64.sqrt());
        near(rates.min_ratio(0, 1), 2.0);
        near(rates.min_ratio(1, 0), 1.0 / 3.0);
        near(rates.mlps(0, 1).median, 300.0);
    }
}
