//! Medians and quartiles over rounds.

use crate::fib::measure::quantile;

/// How some values are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The first and the third quartile.
    pub quartiles: [f64; 2],
}

/// Of at least one value.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let of = |part| quantile(values, part);
    let quartiles = [of(0.25), of(0.75)];
    (!values.is_empty()).then(|| Spread { median: of(0.5), min: of(0.0), max: of(1.0), quartiles })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_five_values_and_of_none() {
        let want = Spread { median: 3.0, min: 1.0, max: 9.0, quartiles: [2.0, 4.0] };
        assert_eq!(spread(&[9.0, 1.0, 4.0, 2.0, 3.0]), Some(want));
        assert_eq!(spread(&[]), None);
    }
}
