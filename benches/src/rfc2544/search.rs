//! Binary search for the highest load at which a device loses no more than it may, with loss verification.
//!
//! RFC 2544 (26.1) asks for the highest rate without loss. On a machine that is shared a trial also fails when somebody
//! else's work interrupts one side; so a trial that fails is repeated, and the load passes when a repetition does (binary
//! search with loss verification, ETSI GS NFV-TST 009, 12.3.3). Every trial is kept and reported.

use serde::Serialize;

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The search ends when the bounds are this close, as a share of the upper one.
    pub resolution: f64,
    /// How often a trial that failed is repeated.
    pub repetitions: u32,
}

/// One trial, as a search sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    /// The intended load.
    pub load: f64,
    /// Frames lost of those offered.
    pub loss_ratio: f64,
    /// The generator kept up: otherwise the trial says nothing about the device at this load.
    pub is_valid: bool,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Found {
    /// The highest load that passed; 0 when none did.
    pub load: f64,
    /// Frames that may be lost of those offered.
    pub loss_tolerance: f64,
    /// The upper bound itself passed: the device does more than was tried.
    pub is_bound: bool,
    /// Trials of this search that failed although their load passed in a repetition.
    pub failed_and_passed: u32,
    /// Trials in which the generator did not keep up.
    pub invalid: u32,
    /// Every trial of this search.
    pub trials: Vec<Trial>,
}

/// Searches from 0 to `most` for the highest load at which at most `tolerance` of the frames are lost.
///
/// # Errors
/// The first error of a trial.
pub fn search(
    rules: Rules,
    most: f64,
    tolerance: f64,
    mut trial: impl FnMut(f64) -> Result<Trial, String>,
) -> Result<Found, String> {
    let mut found = Found {
        load: 0.0,
        loss_tolerance: tolerance,
        is_bound: false,
        failed_and_passed: 0,
        invalid: 0,
        trials: Vec::new(),
    };
    let mut passes = |load: f64, found: &mut Found| {
        let mut failed = 0;
        loop {
            let trial = trial(load)?;
            found.trials.push(trial);
            found.invalid += u32::from(!trial.is_valid);
            if trial.is_valid && trial.loss_ratio <= tolerance {
                found.failed_and_passed += failed;
                return Ok::<bool, String>(true);
            }
            failed += 1;
            if failed > rules.repetitions {
                return Ok(false);
            }
        }
    };
    if passes(most, &mut found)? {
        found.load = most;
        found.is_bound = true;
        return Ok(found);
    }
    let mut fails_at = most;
    while fails_at - found.load > fails_at * rules.resolution {
        let middle = f64::midpoint(found.load, fails_at);
        if passes(middle, &mut found)? {
            found.load = middle;
        } else {
            fails_at = middle;
        }
        // A device that loses at any load would be searched for ever.
        if fails_at < most * rules.resolution {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: Rules = Rules { resolution: 0.01, repetitions: 2 };

    /// A device that forwards up to `capacity`, and loses the rest.
    fn device(capacity: f64) -> impl Fn(f64) -> Trial {
        move |load| Trial { load, loss_ratio: ((load - capacity) / load).max(0.0), is_valid: true }
    }

    #[test]
    fn a_device_that_does_all_is_at_the_bound() {
        let found = search(RULES, 10.0, 0.0, |load| Ok(device(20.0)(load))).unwrap();
        assert!(found.is_bound && found.load >= 10.0 && found.trials.len() == 1);
    }

    #[test]
    fn a_device_that_does_nothing_has_no_rate_and_the_search_ends() {
        let found = search(RULES, 10.0, 0.0, |load| Ok(device(0.0)(load))).unwrap();
        assert!(found.load == 0.0 && found.trials.len() < 60, "{found:?}");
    }

    #[test]
    fn loss_that_is_not_repeated_is_forgiven_and_counted() {
        let mut count = 0;
        let found = search(RULES, 10.0, 0.0, |load| {
            count += 1;
            let mut trial = device(5.0)(load);
            // Every second trial is disturbed.
            if count % 2 == 0 {
                trial.loss_ratio = trial.loss_ratio.max(0.1);
            }
            Ok(trial)
        })
        .unwrap();
        assert!((4.9..=5.0).contains(&found.load), "{}", found.load);
        assert!(found.failed_and_passed > 0);
    }

    #[test]
    fn a_generator_that_does_not_keep_up_proves_nothing() {
        let found =
            search(RULES, 10.0, 0.0, |load| Ok(Trial { load, loss_ratio: 0.0, is_valid: load <= 3.0 }))
                .unwrap();
        assert!((2.9..=3.0).contains(&found.load) && found.invalid > 0, "{found:?}");
    }

    #[test]
    fn an_error_ends_the_search() {
        assert_eq!(search(RULES, 1.0, 0.0, |_| Err("gone".to_owned())), Err("gone".to_owned()));
    }

    proptest! {
        /// The rate found is within the resolution of the true one, for every tolerance.
        #[test]
        fn what_is_found_is_the_rate(capacity in 0.2f64..9.0, tolerance in prop::sample::select(vec![0.0, 1e-5, 5e-3])) {
            let found = search(RULES, 10.0, tolerance, |load| Ok(device(capacity)(load))).unwrap();
            let truth = capacity / (1.0 - tolerance);
            prop_assert!(found.load <= truth * 1.0001 && found.load >= truth * 0.985, "{} of {truth}", found.load);
        }
    }
}
