//! Binary search for the highest load at which a device loses no more than it may, with loss verification.
//!
//! RFC 2544 (26.1) asks for the highest rate without loss. On a machine that is shared a trial also fails when somebody
//! else's work interrupts one side; so a trial that fails is repeated, and the load passes when a repetition does (binary
//! search with loss verification, ETSI GS NFV-TST 009, 12.3.3). Every trial is kept and reported.

use serde::Serialize;

/// Trials that say nothing are repeated so much more often than those that fail.
const INVALID_FACTOR: u32 = 4;

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The search ends when the bounds are this close, as a share of the upper one.
    pub resolution: f64,
    /// How often a trial that failed is repeated.
    pub repetitions: u32,
    /// Below this share of the upper bound nothing is searched.
    pub lowest: f64,
}

/// One trial, as a search sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    /// The intended load.
    pub load: f64,
    /// Frames lost of those offered.
    pub loss_ratio: f64,
    /// Both sides had their cores: otherwise the trial says nothing about the device at this load.
    pub is_valid: bool,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
    /// Trials in which the generator did not keep up, or that failed while one side waited for its core.
    pub invalid: u32,
    /// The next higher load has no trial that says something: the generator does not do more, or the machine is too busy.
    pub is_generator_limited: bool,
    /// Times that a load passed which had failed before with all its repetitions.
    pub resumed: u32,
    /// Every trial of this search.
    pub trials: Vec<Trial>,
}

/// Searches from 0 to `most` for the highest load at which at most `tolerance` of the frames are lost.
///
/// When the bounds are close enough, the upper one gets another chance: if it passes now, what failed before was a
/// disturbance, and the search goes on above it.
///
/// # Errors
/// The first error of a trial.
pub fn search(
    rules: Rules,
    most: f64,
    tolerance: f64,
    mut trial: impl FnMut(f64) -> Result<Trial, String>,
) -> Result<Found, String> {
    let mut found = Found { loss_tolerance: tolerance, ..Found::default() };
    let first = passes(rules, most, &mut found, &mut trial)?;
    if first == Verdict::Passes {
        found.load = most;
        found.is_bound = true;
        return Ok(found);
    }
    // Loads that failed, and how; the lowest last.
    let mut failed = vec![(most, first)];
    while let Some((fails_at, verdict)) = failed.last().copied() {
        found.is_generator_limited = verdict == Verdict::Unknown;
        // A device that loses at any load would be searched for ever.
        if fails_at - found.load > fails_at * rules.resolution && fails_at > most * rules.lowest {
            let middle = f64::midpoint(found.load, fails_at);
            match passes(rules, middle, &mut found, &mut trial)? {
                Verdict::Passes => found.load = middle,
                fails => failed.push((middle, fails)),
            }
            continue;
        }
        if passes(rules, fails_at, &mut found, &mut trial)? != Verdict::Passes {
            break;
        }
        found.load = fails_at;
        found.resumed += 1;
        failed.pop();
    }
    found.is_bound = found.load >= most;
    found.is_generator_limited &= !found.is_bound;
    Ok(found)
}

/// What the trials of a load say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passes,
    Fails,
    /// None of them says something.
    Unknown,
}

/// Whether a load passes, in one of its trials. Those that say nothing do not count, but have an end.
fn passes(
    rules: Rules,
    load: f64,
    found: &mut Found,
    trial: &mut impl FnMut(f64) -> Result<Trial, String>,
) -> Result<Verdict, String> {
    let (mut failed, mut invalid) = (0, 0);
    while failed <= rules.repetitions && invalid <= INVALID_FACTOR * rules.repetitions {
        let trial = trial(load)?;
        found.trials.push(trial);
        if !trial.is_valid {
            invalid += 1;
            found.invalid += 1;
        } else if trial.loss_ratio <= found.loss_tolerance {
            found.failed_and_passed += failed;
            return Ok(Verdict::Passes);
        } else {
            failed += 1;
        }
    }
    Ok(if failed > 0 { Verdict::Fails } else { Verdict::Unknown })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: Rules = Rules { resolution: 0.01, repetitions: 2, lowest: 0.01 };

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
        assert!((4.9..=5.0).contains(&found.load) && !found.is_generator_limited, "{}", found.load);
        assert!(found.failed_and_passed > 0);
    }

    #[test]
    fn a_disturbance_that_outlasts_the_repetitions_is_found_out() {
        let mut count = 0;
        let found = search(RULES, 16.0, 0.0, |load| {
            count += 1;
            let mut trial = device(7.0)(load);
            // 16 and 8 fail by themselves, three times each; 4 by the disturbance.
            if (4..=9).contains(&count) {
                trial.loss_ratio = 0.5;
            }
            Ok(trial)
        })
        .unwrap();
        assert!((6.8..=7.0).contains(&found.load) && found.resumed == 1, "{found:?}");
    }

    #[test]
    fn a_generator_that_does_not_keep_up_proves_nothing() {
        let found =
            search(RULES, 10.0, 0.0, |load| Ok(Trial { load, loss_ratio: 0.0, is_valid: load <= 3.0 }))
                .unwrap();
        assert!((2.9..=3.0).contains(&found.load) && found.invalid > 0, "{found:?}");
        assert!(found.is_generator_limited);
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
