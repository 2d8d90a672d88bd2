//! Control's part: changes routes at a steady rate, and frees what they replaced after grace periods.

use std::sync::atomic::Ordering;
use std::time::Instant;

use dataplane::fib::Writer6;
use dataplane::fib::grace::Grace;

use super::story::{Change, Story};
use super::{Clock, nanoseconds};

/// Changes after which a grace period begins, if the one before it has passed.
const CHANGES_OF_A_PERIOD: u64 = 64;

/// Times in nanoseconds, each measured.
#[derive(Clone, Debug, Default)]
pub struct Times {
    sorted: Vec<u64>,
}

impl Times {
    fn new(mut times: Vec<u64>) -> Times {
        times.sort_unstable();
        Times { sorted: times }
    }

    /// How many were measured.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// Their mean in microseconds; 0 without any.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn mean_us(&self) -> f64 {
        self.sorted.iter().sum::<u64>() as f64 / self.sorted.len().max(1) as f64 / 1e3
    }

    /// What 99 of 100 do not exceed, in microseconds; 0 without any.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn p99_us(&self) -> f64 {
        let at = (self.sorted.len() * 99).div_ceil(100).saturating_sub(1);
        self.sorted.get(at).map_or(0.0, |time| *time as f64 / 1e3)
    }
}

/// What the storm was.
#[derive(Clone, Debug, Default)]
pub struct Storm {
    /// Changes made.
    pub changes: u64,
    /// Time with the storm blowing, nanoseconds.
    pub blowing_ns: u64,
    /// What one change took.
    pub update: Times,
    /// From the beginning of a grace period until control sees that the worker has passed it.
    pub grace: Times,
}

impl Storm {
    /// Changes a second while it blew.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn rate(&self) -> f64 {
        self.changes as f64 * 1e9 / self.blowing_ns.max(1) as f64
    }
}

/// Grace periods, one after the other.
struct Periods<'a> {
    grace: &'a Grace,
    /// The last one that began.
    begun: u64,
    /// When, while it has not passed.
    since: Option<Instant>,
    times: Vec<u64>,
}

impl Periods<'_> {
    /// Begins one when none is under way.
    fn begin(&mut self, writer: &mut Writer6) {
        if self.since.is_none() && writer.seal(self.begun + 1) {
            self.begun += 1;
            self.grace.begin(self.begun);
            self.since = Some(Instant::now());
        }
    }

    /// Frees what may be freed, when the period under way has passed.
    fn end(&mut self, writer: &mut Writer6) {
        if let Some(since) = self.since
            && self.grace.passed() >= self.begun
        {
            self.times.push(nanoseconds(since));
            self.since = None;
            writer.reclaim(self.begun);
        }
    }
}

/// Makes the story's changes, `rate` a second while the storm blows, until the clock says that it is over.
pub(super) fn blow(
    story: &Story,
    writer: &mut Writer6,
    grace: &Grace,
    clock: &Clock,
    rate: u64,
) -> Result<Storm, String> {
    let mut changes = (1..).zip(story.changes());
    let mut periods = Periods { grace, begun: 0, since: None, times: Vec::new() };
    let mut updates = Vec::with_capacity(story.changes().len());
    let mut blowing_ns = 0;
    while !clock.is_over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let mut made = 0;
        while clock.is_storm.load(Ordering::Relaxed) && !clock.is_over.load(Ordering::Relaxed) {
            periods.end(writer);
            if made * 1_000_000_000 >= u128::from(rate) * u128::from(nanoseconds(begin)) {
                std::hint::spin_loop();
                continue;
            }
            let Some((number, change)) = changes.next() else { break };
            updates.push(make(number, change, writer, clock)?);
            made += 1;
            if number % CHANGES_OF_A_PERIOD == 0 {
                periods.begin(writer);
            }
        }
        if made > 0 {
            blowing_ns += nanoseconds(begin);
        }
        periods.end(writer);
        // As busy as in the storm, but for the changes: a core beside this one must not notice another difference.
        std::hint::spin_loop();
    }
    let made = updates.len() as u64;
    Ok(Storm { changes: made, blowing_ns, update: Times::new(updates), grace: Times::new(periods.times) })
}

/// One change; how long it took.
fn make(number: u64, change: &Change, writer: &mut Writer6, clock: &Clock) -> Result<u64, String> {
    // Release, as the words of the table: whoever sees a word of this change sees that it has begun.
    clock.begun.store(number, Ordering::Release);
    let begin = Instant::now();
    let made = match change.next_hop {
        Some(next_hop) => writer.insert(change.prefix, next_hop),
        None => writer.remove(change.prefix),
    };
    let time = nanoseconds(begin);
    clock.done.store(number, Ordering::Release);
    made.map(|_| time).map_err(|error| format!("change {number}, of {}: {error}", change.prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_percentile() {
        let times = Times::new((1..=200).rev().map(|us| us * 1000).collect());
        assert!((times.mean_us() - 100.5).abs() < 1e-9);
        assert!((times.p99_us() - 198.0).abs() < 1e-9);
        assert_eq!((Times::default().mean_us(), Times::default().p99_us()), (0.0, 0.0));
    }
}
