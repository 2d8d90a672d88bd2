//! The counters of ports over time, by DPDK's telemetry: its thread is not the one that changes routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::live::{BenchError, Telemetry};

/// Counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// From the first look on.
    pub at: Duration,
    /// Packets that all ports together have sent.
    pub sent: u64,
}

/// Looks at counters in a thread of its own.
#[derive(Debug)]
pub struct Sampler {
    begun: Instant,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Sample>, BenchError>>,
}

impl Sampler {
    /// Looks at what these ports have sent, again and again.
    pub fn start(telemetry: Telemetry, ports: Vec<u64>, interval: Duration) -> Sampler {
        let (begun, is_over) = (Instant::now(), Arc::<AtomicBool>::default());
        let end = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            while !end.load(Ordering::Relaxed) {
                let sent = telemetry.sum(&ports, "opackets")?;
                samples.push(Sample { at: begun.elapsed(), sent });
                std::thread::sleep(interval);
            }
            Ok(samples)
        });
        Sampler { begun, is_over, thread }
    }

    /// The time by which samples are marked.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// All samples.
    ///
    /// # Errors
    /// The process that was looked at is gone.
    pub fn stop(self) -> Result<Vec<Sample>, BenchError> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err(BenchError("the thread that samples panicked".to_owned())))
    }
}

/// Millions of packets a second between two samples each, and the middle of the time between them in seconds.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(super) fn rates(samples: &[Sample]) -> Vec<(f64, f64)> {
    let rate = |pair: &[Sample]| match pair {
        [a, b] if b.at > a.at => {
            let seconds = b.at.saturating_sub(a.at).as_secs_f64();
            Some((a.at.as_secs_f64() + seconds / 2.0, b.sent.saturating_sub(a.sent) as f64 / seconds / 1e6))
        }
        _ => None,
    };
    samples.windows(2).filter_map(rate).collect()
}

/// The rate in one part of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Packets a second over the whole part, millions.
    pub mpps: f64,
    /// The lowest rate between two samples.
    pub least_mpps: f64,
    /// The longest time without a packet, as far as samples show it, ms.
    pub silent_ms: f64,
}

impl Figures {
    /// Of the samples from `begin` to `end`.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn between(samples: &[Sample], begin: Duration, end: Duration) -> Figures {
        let part: Vec<_> = samples.iter().filter(|s| (begin..=end).contains(&s.at)).copied().collect();
        let (Some(first), Some(last)) = (part.first(), part.last()) else { return Figures::default() };
        let seconds = last.at.saturating_sub(first.at).as_secs_f64();
        if seconds <= 0.0 {
            return Figures::default();
        }
        let least = rates(&part).into_iter().map(|(_, rate)| rate).fold(f64::INFINITY, f64::min);
        let (mut silent, mut since) = (Duration::ZERO, first);
        for sample in &part {
            if sample.sent != since.sent {
                since = sample;
            }
            silent = silent.max(sample.at.saturating_sub(since.at));
        }
        Figures {
            mpps: (last.sent - first.sent) as f64 / seconds / 1e6,
            least_mpps: least,
            silent_ms: silent.as_secs_f64() * 1e3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_part() {
        let ms = Duration::from_millis;
        let sample = |at, sent| Sample { at: ms(at), sent };
        let samples = [
            sample(0, 0),
            sample(10, 100_000),
            sample(20, 200_000),
            sample(30, 200_000),
            sample(40, 200_000),
            sample(50, 300_000),
        ];
        let all = Figures::between(&samples, ms(0), ms(50));
        assert!((all.mpps - 6.0).abs() < 1e-9 && all.least_mpps == 0.0, "{all:?}");
        assert!((all.silent_ms - 20.0).abs() < 1e-9, "{all:?}");
        let quiet = Figures::between(&samples, ms(0), ms(20));
        assert!(
            (quiet.mpps - 10.0).abs() < 1e-9
                && (quiet.least_mpps - 10.0).abs() < 1e-9
                && quiet.silent_ms == 0.0
        );
        assert_eq!(Figures::between(&samples, ms(60), ms(70)), Figures::default());
        assert_eq!(rates(&samples).len(), 5);
    }
}
