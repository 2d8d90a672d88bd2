//! Rounds: each runs every scenario and program once, so that what is compared ran within seconds of each other.

use std::collections::BTreeMap;

use super::BenchError;
use super::dut::{Dut, MEXFWD, SEATS_ALONE};
use super::scenario::Scenario;
use super::seat::{Sample, Seat};
use super::stats::{Spread, spread};

/// A run that fails is tried again so many times: another program of the machine may have been the cause.
const RETRIES: usize = 2;

/// What was found, by scenario and program, round by round.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Scenarios, in the order of the report.
    pub scenarios: Vec<Row>,
    /// Programs that were given up, and why.
    pub failed: BTreeMap<String, String>,
}

/// One scenario.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its workers.
    pub workers: u8,
    /// Millions of packets a second by program and round.
    pub samples: Vec<(&'static str, Vec<Sample>)>,
}

impl Row {
    fn of(&self, dut: &str) -> Option<&[Sample]> {
        self.samples.iter().find(|(name, _)| *name == dut).map(|(_, samples)| samples.as_slice())
    }

    /// Rates of a program.
    pub fn mpps(&self, dut: &str) -> Option<Spread> {
        spread(&self.of(dut)?.iter().map(|sample| sample.mpps).collect::<Vec<_>>())
    }

    /// What a generator offered, where the program has one.
    pub fn offered(&self, dut: &str) -> Option<Spread> {
        spread(&self.of(dut)?.iter().filter_map(|sample| sample.offered_mpps).collect::<Vec<_>>())
    }

    /// Nanoseconds of a core for each packet.
    pub fn ns(&self, dut: &str) -> Option<Spread> {
        spread(&self.all_ns(dut)?)
    }

    fn all_ns(&self, dut: &str) -> Option<Vec<f64>> {
        Some(self.of(dut)?.iter().map(|sample| 1e3 * f64::from(self.workers) / sample.mpps).collect())
    }

    /// Nanoseconds for each packet without those of the seats in the same round, for programs in these seats.
    pub fn cost(&self, dut: &str) -> Option<Spread> {
        spread(&self.costs(dut)?)
    }

    fn costs(&self, dut: &str) -> Option<Vec<f64>> {
        // The kernel has other seats, and the seats alone cost nothing but themselves.
        if dut == SEATS_ALONE || dut == "kernel" {
            return None;
        }
        let (own, seats) = (self.all_ns(dut)?, self.all_ns(SEATS_ALONE)?);
        Some(own.into_iter().zip(seats).map(|(own, seats)| own - seats).collect())
    }

    /// Counters of the worker's core, if there are any: instructions, cycles, cache misses a packet.
    pub fn counters(&self, dut: &str) -> Option<[f64; 3]> {
        let all: Vec<_> = self.of(dut)?.iter().filter_map(|sample| sample.counters).collect();
        let median = |of: fn(&super::perf::Counters) -> f64| spread(&all.iter().map(of).collect::<Vec<_>>());
        let [instructions, cycles, misses] =
            [median(|all| all.instructions), median(|all| all.cycles), median(|all| all.cache_misses)];
        Some([instructions?.median, cycles?.median, misses?.median])
    }
}

/// The ratio of two programs, or of a program's two scenarios: of the rates, and of the costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Above 1: the first is faster.
    pub rate: Spread,
    /// Below 1: the first is cheaper. None where source and sink are not known, or cost more than the rival.
    pub cost: Option<Spread>,
}

/// Within each round.
pub fn ratio(one: (&Row, &str), other: (&Row, &str)) -> Option<Ratio> {
    let paired = |values: Option<Vec<f64>>, others: Option<Vec<f64>>| {
        let pairs = values?.into_iter().zip(others?);
        Some(pairs.map(|(value, other)| value / other).collect::<Vec<_>>())
    };
    // Of times: the other's is above.
    let rate = paired(other.0.all_ns(other.1), one.0.all_ns(one.1))?;
    let cost = paired(one.0.costs(one.1), other.0.costs(other.1));
    let is_sound = |ratios: &Vec<f64>| ratios.iter().all(|ratio| ratio.is_finite() && *ratio > 0.0);
    Some(Ratio { rate: spread(&rate)?, cost: cost.filter(is_sound).and_then(|ratios| spread(&ratios)) })
}

/// One run: a program in one scenario; the seats alone run once for all scenarios with the same packets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    dut: usize,
    scenario: usize,
    shared_by: Vec<usize>,
}

fn runs(scenarios: &[Scenario], duts: &[Box<dyn Dut>]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        for (number, dut) in duts.iter().enumerate().filter(|(_, dut)| dut.takes(scenario)) {
            let is_same = |run: &&mut Run| {
                run.dut == number && scenarios[run.scenario].capture_key() == scenario.capture_key()
            };
            match runs.iter_mut().find(is_same).filter(|_| dut.name() == SEATS_ALONE) {
                Some(run) => run.shared_by.push(index),
                None => runs.push(Run { dut: number, scenario: index, shared_by: vec![index] }),
            }
        }
    }
    runs
}

/// How many runs a round has.
pub fn runs_of_a_round(scenarios: &[Scenario], duts: &[Box<dyn Dut>]) -> usize {
    runs(scenarios, duts).len()
}

/// Builds and writes what the programs need. Rivals that cannot are given up, as in [`run`].
///
/// # Errors
/// mexfwd or the seats alone cannot, or the table has no destinations.
pub fn prepare(
    seat: &Seat,
    scenarios: &[Scenario],
    duts: &mut [Box<dyn Dut>],
) -> Result<BTreeMap<String, String>, BenchError> {
    let mut failed = BTreeMap::new();
    for scenario in scenarios {
        seat.captures(scenario)?;
        for dut in duts.iter_mut().filter(|dut| dut.takes(scenario)) {
            match dut.prepare(seat, scenario) {
                Err(error) if is_ours(dut.name()) => return Err(error),
                Err(error) => {
                    failed.insert(format!("{} {}", dut.name(), scenario.name), error.0);
                }
                Ok(()) => {}
            }
        }
    }
    Ok(failed)
}

fn is_ours(name: &str) -> bool {
    [MEXFWD, SEATS_ALONE].contains(&name)
}

/// Runs `pairs` rounds; each begins with another run. `progress` is told of every run as it begins.
///
/// # Errors
/// mexfwd or the seats alone fail. A rival that fails is given up, and the outcome says why.
pub fn run(
    seat: &Seat,
    scenarios: &[Scenario],
    duts: &mut [Box<dyn Dut>],
    pairs: usize,
    mut progress: impl FnMut(&str),
) -> Result<Outcome, BenchError> {
    let runs = runs(scenarios, duts);
    let failed = prepare(seat, scenarios, duts)?;
    let rows = scenarios.iter().map(|scenario| Row {
        name: scenario.name.clone(),
        workers: scenario.workers,
        samples: (duts.iter().filter(|dut| dut.takes(scenario)))
            .filter(|dut| !failed.contains_key(&format!("{} {}", dut.name(), scenario.name)))
            .map(|dut| (dut.name(), Vec::new()))
            .collect(),
    });
    let rows = rows.collect();
    let mut outcome = Outcome { scenarios: rows, failed };
    for round in 0..pairs {
        for turn in 0..runs.len() {
            let run = &runs[(turn + round) % runs.len()];
            let (dut, scenario) = (&mut duts[run.dut], &scenarios[run.scenario]);
            let name = format!("{} {}", dut.name(), scenario.name);
            progress(&name);
            if outcome.failed.contains_key(&name) {
                continue;
            }
            match attempt(dut.as_mut(), seat, scenario) {
                Ok(sample) => {
                    for index in &run.shared_by {
                        let samples = &mut outcome.scenarios[*index].samples;
                        if let Some((_, samples)) = samples.iter_mut().find(|(name, _)| *name == dut.name()) {
                            samples.push(sample.clone());
                        }
                    }
                }
                Err(error) if is_ours(dut.name()) || seat.is_interrupted() => {
                    return Err(BenchError(format!("{name}: {error}")));
                }
                Err(error) => {
                    // Half of its rounds could not be paired.
                    let samples = &mut outcome.scenarios[run.scenario].samples;
                    samples.retain(|(name, _)| *name != dut.name());
                    outcome.failed.insert(name, error.0);
                }
            }
        }
    }
    Ok(outcome)
}

fn attempt(dut: &mut dyn Dut, seat: &Seat, scenario: &Scenario) -> Result<Sample, BenchError> {
    let mut result = dut.run(seat, scenario);
    for _ in 0..RETRIES {
        if result.is_ok() || seat.is_interrupted() {
            break;
        }
        result = dut.run(seat, scenario);
    }
    result
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::scenario::Work;
    use super::*;

    fn samples(mpps: &[f64]) -> Vec<Sample> {
        mpps.iter()
            .map(|mpps| Sample { mpps: *mpps, offered_mpps: None, counters: None, dpdk: None })
            .collect()
    }

    /// The second round on a machine at half the speed: 50, 40 and 100 Mpps are 10, 15 and 0 ns beside the seats' 10.
    pub fn row(name: &str) -> Row {
        let samples = vec![
            (MEXFWD, samples(&[50.0, 25.0, 50.0])),
            ("l3fwd-fib", samples(&[40.0, 20.0, 40.0])),
            (SEATS_ALONE, samples(&[100.0, 50.0, 100.0])),
        ];
        Row { name: name.to_owned(), workers: 1, samples }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let row = row("plain");
        let found = ratio((&row, MEXFWD), (&row, "l3fwd-fib")).unwrap();
        assert!((found.rate.median - 1.25).abs() < 1e-9 && (found.rate.min - 1.25).abs() < 1e-9);
        assert!((found.cost.unwrap().median - 10.0 / 15.0).abs() < 1e-9);
        assert!(ratio((&row, MEXFWD), (&row, SEATS_ALONE)).unwrap().cost.is_none());
        assert_eq!(ratio((&row, MEXFWD), (&row, "vpp")), None);
    }

    #[test]
    fn the_seats_are_subtracted_and_workers_counted() {
        let mut row = row("plain");
        assert_eq!(row.cost(MEXFWD).map(|cost| cost.median), Some(10.0));
        assert_eq!(row.cost(SEATS_ALONE), None);
        row.workers = 2;
        assert_eq!(row.ns(MEXFWD).map(|ns| ns.min), Some(40.0));
    }

    struct Fake(&'static str);

    impl Dut for Fake {
        fn name(&self) -> &'static str {
            self.0
        }
        fn version(&self) -> Option<String> {
            None
        }
        fn takes(&self, scenario: &Scenario) -> bool {
            self.0 != "rival" || scenario.work == Work::Plain
        }
        fn run(&mut self, _seat: &Seat, _scenario: &Scenario) -> Result<Sample, BenchError> {
            match self.0 {
                "rival" => Err(BenchError("broken".to_owned())),
                _ => Ok(Sample { mpps: 10.0, offered_mpps: None, counters: None, dpdk: None }),
            }
        }
    }

    #[test]
    fn the_seats_run_once_for_the_same_packets_and_a_broken_rival_is_given_up() {
        let scenarios = [Work::Plain, Work::Encaps(1), Work::End].map(Scenario::new);
        let mut duts: Vec<Box<dyn Dut>> =
            vec![Box::new(Fake(MEXFWD)), Box::new(Fake(SEATS_ALONE)), Box::new(Fake("rival"))];
        assert_eq!(runs_of_a_round(&scenarios, &duts), 3 + 2 + 1);
        let seat = Seat::new(0.1, std::time::Duration::ZERO, false).unwrap();
        let mut names = Vec::new();
        let outcome = run(&seat, &scenarios, &mut duts, 2, |name| names.push(name.to_owned())).unwrap();
        assert_eq!(names.len(), 12);
        assert_ne!(names[0], names[6]);
        assert_eq!(outcome.failed["rival plain"], "broken");
        for row in &outcome.scenarios {
            assert_eq!((row.of(MEXFWD).unwrap().len(), row.of(SEATS_ALONE).unwrap().len()), (2, 2));
            assert!(row.of("rival").is_none());
        }
    }
}
