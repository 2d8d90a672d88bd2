//! The tests of RFC 2544 (26), with the latency of RFC 8219 (7.2), and the bursts of RFC 9004.

use std::time::Duration;

use serde::Serialize;

use super::dut::Running;
use super::search::{Found, Rules, Trial, search};
use crate::generator::{Client, Latency, Load, Outcome, Phase};

/// Below this share of the intended frames a trial says nothing: the generator was interrupted, or cannot do more.
const OFFERED_MIN: f64 = 0.98;
/// A trial that lost frames while worker or generator had to wait longer for their cores says nothing about the device:
/// their rings hold what comes in some 50 us.
const WAIT_MAX: Duration = Duration::from_micros(50);
/// Latency and recovery are measured again so many times more often than a search repeats a trial, until nothing interrupts.
const UNDISTURBED_FACTOR: u32 = 4;
/// The partial drop rate that PDR allows (0.5 %, as most testers have it).
const PARTIAL_DROP: f64 = 0.005;
/// Loads of the latency curve, as shares of PDR. 0.5 and 0.9 are those of the table.
pub const SHARES: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.3];
/// The first search tries up to so much more than came back under overload.
const HEADROOM: f64 = 1.2;
/// System recovery: overload and relief, as shares of PDR (RFC 2544, 26.5).
const OVERLOAD: f64 = 1.1;
const RELIEF: f64 = 0.5;
/// Octets of preamble, gap and frame check sequence around a frame on a wire.
const WIRE_OVERHEAD_BYTES: f64 = 24.0;
const BITS_PER_BYTE: f64 = 8.0;
const BURST_RESOLUTION: f64 = 0.01;
/// Rates and bursts below these shares of the upper bound are not searched: a ring holds a thousandth of a second's frames.
const RATE_LOWEST: f64 = 0.01;
const BURST_LOWEST: f64 = 1e-4;
/// How long the last frames of a burst may take, ms.
const BURST_DRAIN_MS: f64 = 20.0;
/// Room for a generator that is slower than the wire.
const BURST_PATIENCE: f64 = 10.0;
const LATENCY_SHARES: [f64; 2] = [0.5, 0.9];

/// How to measure.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Seconds of a trial of a search.
    pub seconds: f64,
    /// Seconds of a trial of the latency curve.
    pub latency_seconds: f64,
    /// How often a failed trial is repeated.
    pub repetitions: u32,
    /// A search ends when its bounds are this close.
    pub resolution: f64,
    /// Loss that NDR tolerates, one search each, the largest first.
    pub tolerances: Vec<f64>,
    /// Searches for the longest burst; none when 0.
    pub bursts: u32,
    /// The longest burst tried, in seconds at the rate of the wire.
    pub burst_seconds: f64,
    /// Recoveries; none when 0.
    pub recoveries: u32,
    /// Seconds of overload before a recovery.
    pub overload_seconds: f64,
    /// The rate of the wire, Gbit/s: no more is offered, and bursts have it.
    pub line_gbps: f64,
}

/// Longest bursts (RFC 9004).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bursts {
    /// Frames of the longest burst without loss, search by search.
    pub frames: Vec<f64>,
    /// Their mean.
    pub mean_frames: f64,
    /// Frames a second within the bursts, as they were offered.
    pub offered_pps: f64,
    /// The buffer that this implies, us, less what the device forwards meanwhile (RFC 9004, 6.4).
    pub corrected_buffer_us: f64,
}

/// A recovery.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recovery {
    /// From the end of the overload until the last lost frame was sent, ms.
    pub lasts_ms: f64,
    /// Frames lost during the overload.
    pub overload_lost: u64,
    /// Frames lost after it.
    pub relief_lost: u64,
    /// How long the worker waited for its core during the trial, us.
    pub waited_us: f64,
}

impl Recovery {
    /// Whether it says something about the device: frames that are lost while somebody else has its core say nothing. One
    /// interruption at the end of the relief would look like a recovery that lasts all the time. Only the worker counts: the
    /// device's own control thread takes the generator's core for some microseconds every millisecond, which loses
    /// nothing, and must not excuse what the device does.
    pub fn is_valid(&self) -> bool {
        self.relief_lost == 0 || self.waited_us <= WAIT_MAX.as_secs_f64() * 1e6
    }
}

/// Latency and loss at one load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Point {
    /// The load as a share of PDR.
    pub share: f64,
    /// Intended frames a second.
    pub intended_pps: f64,
    /// Offered frames a second.
    pub offered_pps: f64,
    /// Lost of those offered.
    pub loss_ratio: f64,
    /// Latency.
    pub latency: Option<Latency>,
}

/// What the analyzer saw, over all trials.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Seen {
    /// Trials.
    pub trials: u64,
    /// Frames that came back.
    pub received: u64,
    /// Twice.
    pub duplicate: u64,
    /// Out of order within their flow.
    pub reordered: u64,
    /// Not from the generator.
    pub foreign: u64,
    /// Compared octet by octet.
    pub checked: u64,
    /// Of those, not what they have to be.
    pub wrong: u64,
    /// The first of them, and what it should have been.
    pub wrong_frame: Option<[String; 2]>,
}

/// What was measured of one device with one workload.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// Frames a second that come back when as much as possible is offered.
    pub overload_pps: f64,
    /// Highest rate with at most 0.5 % loss.
    pub pdr: Found,
    /// Highest rates with at most each of the tolerances.
    pub ndr: Vec<Found>,
    /// Latency and loss against load.
    pub curve: Vec<Point>,
    /// Longest bursts; `None` when the device forwards as fast as bursts come.
    pub bursts: Option<Bursts>,
    /// Recoveries, one each.
    pub recoveries: Vec<Recovery>,
    /// What the analyzer saw.
    pub seen: Seen,
}

impl Measured {
    /// Latency at a share of PDR.
    pub fn latency_at(&self, share: f64) -> Option<Latency> {
        let point = self.curve.iter().find(|point| (point.share - share).abs() < f64::EPSILON)?;
        point.latency
    }

    /// The valid recoveries' times, ms.
    pub fn recoveries_ms(&self) -> Vec<f64> {
        self.recoveries
            .iter()
            .filter(|recovery| recovery.is_valid())
            .map(|recovery| recovery.lasts_ms)
            .collect()
    }

    /// Latency at 50 % and at 90 % of PDR.
    pub fn latencies(&self) -> [Option<Latency>; 2] {
        LATENCY_SHARES.map(|share| self.latency_at(share))
    }
}

/// Frames a second that a wire carries.
#[expect(clippy::cast_precision_loss, reason = "the length of a frame")]
pub fn line_pps(line_gbps: f64, frame_bytes: usize) -> f64 {
    line_gbps * 1e9 / BITS_PER_BYTE / (frame_bytes as f64 + WIRE_OVERHEAD_BYTES)
}

/// A device under test behind a generator, with one workload.
#[derive(Debug)]
pub struct Procedure<'a> {
    plan: &'a Plan,
    generator: &'a mut Client,
    running: &'a Running,
    line_pps: f64,
    seen: Seen,
}

impl<'a> Procedure<'a> {
    /// The generator must have its workload.
    pub fn new(
        plan: &'a Plan,
        generator: &'a mut Client,
        running: &'a Running,
        frame_bytes: usize,
    ) -> Procedure<'a> {
        let line_pps = line_pps(plan.line_gbps, frame_bytes);
        Procedure { plan, generator, running, line_pps, seen: Seen::default() }
    }

    /// Everything in turn. `say` gets a line about each part.
    ///
    /// # Errors
    /// A trial cannot be run; or nothing at all came back.
    pub fn run(mut self, say: &dyn Fn(&str)) -> Result<Measured, String> {
        let overload_pps = self.overload()?;
        let most = (overload_pps * HEADROOM).min(self.line_pps);
        let pdr = self.rate(most, PARTIAL_DROP)?;
        say(&format!("overload {:.3} Mpps, PDR {:.3} Mpps", overload_pps / 1e6, pdr.load / 1e6));
        let mut ndr: Vec<Found> = Vec::new();
        for tolerance in &self.plan.tolerances {
            let most = ndr.last().map_or(pdr.load, |looser| looser.load);
            let mut found = self.rate(most, *tolerance)?;
            found.is_bound = false;
            say(&format!("NDR at loss {tolerance:.0e} {:.3} Mpps", found.load / 1e6));
            ndr.push(found);
        }
        let curve = self.curve(pdr.load)?;
        let bursts = self.bursts(pdr.load)?;
        let recoveries = self.recoveries(pdr.load)?;
        Ok(Measured { overload_pps, pdr, ndr, curve, bursts, recoveries, seen: self.seen })
    }

    /// Frames a second that come back when as much as possible is offered: the most of some trials.
    fn overload(&mut self) -> Result<f64, String> {
        let mut most = 0.0f64;
        for _ in 0..=self.plan.repetitions {
            let outcome = self.trial(&Load::steady(self.line_pps, self.plan.seconds))?;
            if outcome.received == 0 {
                return Err(format!(
                    "nothing came back of {} frames ({} foreign)",
                    outcome.offered, outcome.foreign
                ));
            }
            most = most.max(outcome.received_pps());
        }
        Ok(most)
    }

    fn trial(&mut self, load: &Load) -> Result<Outcome, String> {
        let outcome = self.generator.run(load)?;
        let seen = &mut self.seen;
        seen.trials += 1;
        seen.received += outcome.received;
        seen.duplicate += outcome.duplicate;
        seen.reordered += outcome.reordered;
        seen.foreign += outcome.foreign;
        seen.checked += outcome.checked;
        seen.wrong += outcome.wrong;
        if seen.wrong_frame.is_none() {
            seen.wrong_frame.clone_from(&outcome.wrong_frame);
        }
        Ok(outcome)
    }

    /// A trial, and how long worker and generator waited for their cores meanwhile.
    fn watched(&mut self, load: &Load) -> Result<(Outcome, Duration), String> {
        let before = self.running.waited() + self.generator.waited();
        let outcome = self.trial(load)?;
        Ok((outcome, (self.running.waited() + self.generator.waited()).saturating_sub(before)))
    }

    /// A trial without interruption; if there is none among some, the one in which they waited least.
    fn undisturbed(&mut self, load: &Load) -> Result<Outcome, String> {
        let (mut best, mut least) = self.watched(load)?;
        for _ in 0..UNDISTURBED_FACTOR * self.plan.repetitions {
            if least <= WAIT_MAX && best.offered_ratio() >= OFFERED_MIN {
                break;
            }
            let (outcome, waited) = self.watched(load)?;
            if waited < least {
                (best, least) = (outcome, waited);
            }
        }
        Ok(best)
    }

    fn rate(&mut self, most: f64, tolerance: f64) -> Result<Found, String> {
        let rules = Rules {
            resolution: self.plan.resolution,
            repetitions: self.plan.repetitions,
            lowest: RATE_LOWEST,
        };
        let seconds = self.plan.seconds;
        search(rules, most, tolerance, |load| {
            let (outcome, waited) = self.watched(&Load::steady(load, seconds))?;
            let was_interrupted = outcome.loss_ratio() > tolerance && waited > WAIT_MAX;
            let is_valid = outcome.offered_ratio() >= OFFERED_MIN && !was_interrupted;
            Ok(Trial { load, loss_ratio: outcome.loss_ratio(), is_valid })
        })
    }

    fn curve(&mut self, pdr_pps: f64) -> Result<Vec<Point>, String> {
        let mut points = Vec::new();
        for share in SHARES {
            let intended_pps = pdr_pps * share;
            let outcome = self.undisturbed(&Load::steady(intended_pps, self.plan.latency_seconds))?;
            points.push(Point {
                share,
                intended_pps,
                offered_pps: outcome.offered_pps(),
                loss_ratio: outcome.loss_ratio(),
                latency: outcome.latency,
            });
        }
        Ok(points)
    }

    /// Bursts at the rate of the wire. They mean something only to a device that is slower.
    #[expect(clippy::cast_precision_loss, reason = "a count of searches")]
    fn bursts(&mut self, pdr_pps: f64) -> Result<Option<Bursts>, String> {
        if self.plan.bursts == 0 || pdr_pps >= self.line_pps * (1.0 - self.plan.resolution) {
            return Ok(None);
        }
        let rules =
            Rules { resolution: BURST_RESOLUTION, repetitions: self.plan.repetitions, lowest: BURST_LOWEST };
        let (line_pps, mut offered_pps) = (self.line_pps, 0.0f64);
        let mut frames = Vec::new();
        for _ in 0..self.plan.bursts {
            let found = search(rules, line_pps * self.plan.burst_seconds, 0.0, |load| {
                let count = load.max(1.0);
                let mut burst = Load::steady(line_pps, count / line_pps * BURST_PATIENCE);
                #[expect(clippy::cast_sign_loss, reason = "a number of frames")]
                let whole = count as u64;
                burst.frames = Some(whole);
                burst.drain_ms = BURST_DRAIN_MS;
                let (outcome, waited) = self.watched(&burst)?;
                offered_pps = offered_pps.max(outcome.offered_pps());
                let is_valid = outcome.lost == 0 || waited <= WAIT_MAX;
                Ok(Trial { load, loss_ratio: outcome.loss_ratio(), is_valid })
            })?;
            frames.push(found.load.floor());
        }
        let mean_frames = frames.iter().sum::<f64>() / frames.len() as f64;
        let corrected_buffer_us = corrected_buffer_us(mean_frames, offered_pps, pdr_pps);
        Ok(Some(Bursts { frames, mean_frames, offered_pps, corrected_buffer_us }))
    }

    fn recovery(&mut self, load: &Load) -> Result<Recovery, String> {
        let before = self.running.waited();
        let outcome = self.trial(load)?;
        Ok(recovery(&outcome, self.running.waited().saturating_sub(before)))
    }

    fn recoveries(&mut self, pdr_pps: f64) -> Result<Vec<Recovery>, String> {
        let mut recoveries = Vec::new();
        for _ in 0..self.plan.recoveries {
            let phase = |share, seconds| Phase { rate_pps: pdr_pps * share, seconds };
            let load = Load {
                phases: vec![
                    phase(OVERLOAD, self.plan.overload_seconds),
                    phase(RELIEF, self.plan.overload_seconds),
                ],
                ..Load::default()
            };
            let mut best = self.recovery(&load)?;
            for _ in 0..UNDISTURBED_FACTOR * self.plan.repetitions {
                if best.is_valid() {
                    break;
                }
                best = self.recovery(&load)?;
            }
            recoveries.push(best);
        }
        Ok(recoveries)
    }
}

/// The time of the buffer, less what is forwarded while a burst comes in.
fn corrected_buffer_us(burst_frames: f64, burst_pps: f64, forwarded_pps: f64) -> f64 {
    if burst_pps <= forwarded_pps {
        return 0.0;
    }
    burst_frames / burst_pps * (burst_pps - forwarded_pps) / burst_pps * 1e6
}

fn recovery(outcome: &Outcome, waited: Duration) -> Recovery {
    let lost = |phase: usize| outcome.phases.get(phase).map_or(0, |phase| phase.offered - phase.received);
    let relief_begins = outcome.phases.get(1).map_or(0.0, |phase| phase.begin_s);
    let lasts_ms = match outcome.last_loss_s {
        Some(at) if lost(1) > 0 => ((at - relief_begins) * 1e3).max(0.0),
        _ => 0.0,
    };
    let waited_us = waited.as_secs_f64() * 1e6;
    Recovery { lasts_ms, overload_lost: lost(0), relief_lost: lost(1), waited_us }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::PhaseOutcome;

    #[test]
    fn a_wire_carries_frames_with_their_gaps() {
        // 64 octets with the frame check sequence on 10 Gbit/s: 14.88 million a second.
        assert!((line_pps(10.0, 60) - 14_880_952.4).abs() < 0.1);
    }

    #[test]
    fn the_buffer_is_what_bursts_fill_beyond_what_is_forwarded() {
        // RFC 9004, 6.4: 26,700 frames at 14.88 million a second, of which 80 % are forwarded.
        let corrected = corrected_buffer_us(26_700.0, 14_880_952.0, 14_880_952.0 * 0.8);
        assert!((corrected - 26_700.0 / 14.880_952 * 0.2).abs() < 0.1, "{corrected}");
        assert!(corrected_buffer_us(1.0, 1.0, 2.0) == 0.0);
    }

    #[test]
    fn recovery_lasts_until_the_last_loss_of_the_relief() {
        let phases = |lost: u64| {
            let begun = |begin_s, lost: u64| PhaseOutcome { offered: 100, received: 100 - lost, begin_s };
            vec![begun(0.0, 9), begun(2.0, lost)]
        };
        let outcome = Outcome { phases: phases(3), last_loss_s: Some(2.25), ..Outcome::default() };
        let found = recovery(&outcome, Duration::ZERO);
        assert_eq!(found, Recovery { lasts_ms: 250.0, overload_lost: 9, relief_lost: 3, waited_us: 0.0 });
        assert!(found.is_valid());
        let interrupted = recovery(&outcome, Duration::from_millis(1));
        assert!(!interrupted.is_valid(), "frames that are lost while the worker has no core");
        let outcome = Outcome { phases: phases(0), last_loss_s: Some(1.99), ..Outcome::default() };
        let found = recovery(&outcome, Duration::from_millis(1));
        assert!(found.lasts_ms == 0.0 && found.is_valid(), "interrupted, and nothing lost all the same");
    }
}
