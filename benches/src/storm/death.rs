//! How long the routes behind a dead next hop go on using it: control and a worker in one process, on heap buffers, each on a
//! core of its own. Every route has two next hops, and every packet goes by the first while it lives. The clock runs from the
//! moment when the thread that watches links hears of it until the first packet leaves by the other port.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use control::router::{Buffers, Mode, Router};
use dataplane::buffer::{HeapBuf, PacketBuf};
use dataplane::id::PortId;
use dataplane::table::Liveness;
use dataplane::update::Rings;
use dataplane::wire::ethernet::{self, Mac};
use dataplane::worker::{Arrivals, PacketIo, Worker};

use crate::churn::cores;
use crate::fib::table::Table;
use crate::live::{BenchError, Seat, Ways, destinations};
use crate::{MAC, frame};

/// The first packet leaves by the other port so soon, at the latest: p99.
pub const MAX_US: f64 = 50.0;
/// Flows.
const FLOWS: usize = 4096;
/// Packets of a burst.
const BURST: usize = 32;
/// Packets by the dead port after the first by the other, each time, at most: the neighbors on the port are marked one by
/// one, within microseconds, and the bursts that are decided meanwhile go either way. So many are one burst of a worker.
pub const MAX_LATE: u64 = dataplane::burst::SLOTS as u64;
/// The port that dies, and the other one.
const DYING: PortId = PortId(1);
const OTHER: PortId = PortId(2);
/// Where the destination of an IPv6 packet is in its frame.
const DESTINATION_AT: usize = ethernet::LEN + 24;
/// How long a change of routes may take.
const LIMIT: Duration = Duration::from_secs(20);
/// How long things rest between two events.
const REST: Duration = Duration::from_millis(5);

/// What the two threads share.
#[derive(Debug, Default)]
struct Watch {
    /// An event is near: the next packet by the other port is the first.
    is_armed: AtomicBool,
    /// When it left, ns; 0: it has not.
    first_ns: AtomicU64,
    /// How long the worker's thread had waited for a core until then, ns.
    waited_ns: AtomicU64,
    /// The worker's thread; 0 before it runs.
    thread: AtomicI32,
    /// Packets by the dying port in bursts behind that one.
    late: AtomicU64,
    is_over: AtomicBool,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Deaths {
    /// Routes behind the port.
    pub routes: usize,
    /// From the event until the first packet by the other port, us, ascending.
    pub times_us: Vec<f64>,
    /// Of those at which both threads had their cores all the time, likewise.
    pub undisturbed_us: Vec<f64>,
    /// Packets that took the dead port after a burst had taken the other.
    pub late: u64,
    /// The most of them at one event; see [`MAX_LATE`].
    pub most_late: u64,
    /// Packets dropped.
    pub dropped: u64,
    /// What control does then with all routes, ms: the median.
    pub control_ms: f64,
    /// True when each thread had a core of its own; else the times say little.
    pub has_two_cores: bool,
}

impl Deaths {
    /// What so many of 100 do not exceed, us.
    pub fn percentile_us(&self, percent: usize) -> f64 {
        percentile(&self.times_us, percent)
    }

    /// The same where no thread had to wait for its core.
    pub fn undisturbed_percentile_us(&self, percent: usize) -> f64 {
        percentile(&self.undisturbed_us, percent)
    }
}

struct Heap;

impl Buffers<HeapBuf> for Heap {
    fn make(&mut self, frame: &[u8]) -> Option<HeapBuf> {
        Some(HeapBuf::new(frame, 0))
    }
}

/// The worker's ports: frames to each destination in turn.
struct Ports<'a> {
    destinations: Vec<u128>,
    template: Vec<u8>,
    next: usize,
    spare: Vec<HeapBuf>,
    /// Destinations of the burst by the port that they left by, while they are sorted.
    by_dying: Option<Vec<u128>>,
    has_switched: bool,
    watch: &'a Watch,
    begun: Instant,
}

impl PacketIo<HeapBuf> for Ports<'_> {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, arrivals: &mut Arrivals<'_, HeapBuf>) {
        for _ in 0..BURST.min(self.destinations.len()) {
            let Some(destination) = self.destinations.get(self.next) else { return };
            let mut frame = self.spare.pop().unwrap_or_else(|| HeapBuf::new(&self.template, 0));
            let octets = frame.bytes_mut();
            octets.copy_from_slice(&self.template);
            octets[DESTINATION_AT..][..16].copy_from_slice(&destination.to_be_bytes());
            if arrivals.push(PortId(0), frame).is_err() {
                return;
            }
            self.next = (self.next + 1) % self.destinations.len();
        }
    }

    fn transmit(&mut self, port: PortId, frames: &mut [Option<HeapBuf>]) {
        let watch = self.watch;
        let is_armed = watch.is_armed.load(Ordering::Relaxed);
        if is_armed && port == OTHER && !self.has_switched {
            self.has_switched = true;
            let first_ns = nanoseconds(self.begun);
            watch.waited_ns.store(waited_ns(own_thread()), Ordering::Relaxed);
            watch.first_ns.store(first_ns, Ordering::Release);
        } else if is_armed && port == DYING && self.has_switched && watch.first_ns.load(Ordering::Relaxed) > 0
        {
            watch.late.fetch_add(frames.len() as u64, Ordering::Relaxed);
        }
        if !is_armed {
            self.has_switched = false;
        }
        for frame in frames.iter_mut().filter_map(Option::take) {
            let octets = frame.bytes();
            if port == DYING
                && let Some(found) = &mut self.by_dying
                && let Some(octets) = octets.get(DESTINATION_AT..).and_then(|octets| octets.first_chunk())
            {
                found.push(u128::from_be_bytes(*octets));
            }
            if octets.len() == self.template.len() {
                self.spare.push(frame);
            }
        }
    }
}

/// Of values that ascend.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let at = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(at).copied().unwrap_or(0.0)
}

fn own_thread() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// How long a thread of this process was ready to run without a core, ns (proc(5): `schedstat`).
fn waited_ns(thread: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|waited| waited.parse().ok()).unwrap_or(0)
}

fn nanoseconds(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Lets a port die `events` times.
///
/// # Errors
/// The table does not fit, or a worker does not take its tables.
pub fn run(table: &Table, events: usize) -> Result<Deaths, BenchError> {
    let mut seat = Seat::of_one_process(std::path::Path::new("none"), 0, Some(table));
    seat.ways = Ways::Both;
    let (config, _) = control::config::parse("table", &seat.config())
        .map_err(|problems| BenchError(problems.first().map(ToString::to_string).unwrap_or_default()))?;
    let (rings, liveness) = (Arc::<Rings<HeapBuf>>::default(), Arc::<Liveness>::default());
    let macs = [MAC, Mac([2, 0, 0, 0, 0, 11]), Mac([2, 0, 0, 0, 0, 12])];
    let mode = Mode::run(1);
    let router =
        Router::new(config, &macs, Arc::clone(&liveness), vec![Arc::clone(&rings)], mode, &mut Heap, 0);
    let mut router = router.map_err(BenchError)?;
    let (watch, begun) = (Watch::default(), Instant::now());
    let cores = cores::two();
    let mut deaths =
        Deaths { routes: table.routes().len(), has_two_cores: cores.is_some(), ..Deaths::default() };
    let is_sorted = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (watch, is_sorted, rings) = (&watch, &is_sorted, Arc::clone(&rings));
        scope.spawn(move || {
            cores::go_to(cores.map(|(core, _)| core));
            watch.thread.store(own_thread(), Ordering::Relaxed);
            let ports = Ports {
                destinations: destinations(table, FLOWS),
                template: frame(0, &[], 0),
                next: 0,
                spare: Vec::with_capacity(2 * FLOWS),
                by_dying: None,
                has_switched: false,
                watch,
                begun,
            };
            forward(Worker::new(rings, liveness), ports, is_sorted);
        });
        let home = cores::go_to(cores.map(|(_, core)| core));
        let measured = die(&mut router, watch, is_sorted, begun, events, &mut deaths);
        watch.is_over.store(true, Ordering::Relaxed);
        cores::go_back(home);
        measured
    })?;
    deaths.dropped = rings.counters.dropped();
    deaths.times_us.sort_by(f64::total_cmp);
    deaths.undisturbed_us.sort_by(f64::total_cmp);
    Ok(deaths)
}

/// The worker's loop: keeps the flows that go by the dying port, then forwards them until it is over.
fn forward(mut worker: Worker<HeapBuf>, mut ports: Ports<'_>, is_sorted: &AtomicBool) {
    let all = std::mem::take(&mut ports.destinations);
    // Tables first: without destinations nothing arrives.
    while !ports.watch.is_over.load(Ordering::Relaxed) && !is_sorted.load(Ordering::Acquire) {
        worker.poll(&mut ports, 0);
    }
    ports.destinations = all;
    ports.by_dying = Some(Vec::new());
    for _ in 0..FLOWS.div_ceil(BURST) {
        worker.poll(&mut ports, 0);
    }
    ports.next = 0;
    ports.destinations = ports.by_dying.take().unwrap_or_default();
    is_sorted.store(false, Ordering::Release);
    while !ports.watch.is_over.load(Ordering::Relaxed) {
        worker.poll(&mut ports, 0);
    }
}

/// Control's part.
#[expect(clippy::cast_precision_loss, reason = "for people")]
fn die(
    router: &mut Router<HeapBuf>,
    watch: &Watch,
    is_sorted: &AtomicBool,
    begun: Instant,
    events: usize,
    deaths: &mut Deaths,
) -> Result<(), BenchError> {
    settle(router)?;
    is_sorted.store(true, Ordering::Release);
    while is_sorted.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    let mut works = Vec::with_capacity(events);
    for _ in 0..events {
        watch.first_ns.store(0, Ordering::Relaxed);
        watch.is_armed.store(true, Ordering::Relaxed);
        std::thread::sleep(REST);
        let threads = [watch.thread.load(Ordering::Relaxed), own_thread()];
        let [worker_before, own_before] = threads.map(waited_ns);
        let event_ns = nanoseconds(begun);
        // As the thread that watches links does, and then control.
        router.links().cut(DYING);
        let own_after = waited_ns(own_thread());
        router.set_link(DYING, false, &mut Heap, event_ns);
        settle(router)?;
        works.push((nanoseconds(begun) - event_ns) as f64 / 1e6);
        let first_ns = watch.first_ns.load(Ordering::Acquire);
        let late = watch.late.swap(0, Ordering::Relaxed);
        deaths.late += late;
        deaths.most_late = deaths.most_late.max(late);
        if first_ns < event_ns {
            return Err(BenchError(
                "no packet left by the other port, or one did before the event".to_owned(),
            ));
        }
        let us = (first_ns - event_ns) as f64 / 1e3;
        deaths.times_us.push(us);
        if (worker_before, own_before) == (watch.waited_ns.load(Ordering::Relaxed), own_after) {
            deaths.undisturbed_us.push(us);
        }
        watch.is_armed.store(false, Ordering::Relaxed);
        router.links().mend(DYING);
        router.set_link(DYING, true, &mut Heap, nanoseconds(begun));
        settle(router)?;
        std::thread::sleep(REST);
    }
    works.sort_by(f64::total_cmp);
    deaths.control_ms = works.get(works.len() / 2).copied().unwrap_or(0.0);
    Ok(())
}

fn settle(router: &mut Router<HeapBuf>) -> Result<(), BenchError> {
    let begin = Instant::now();
    while !router.push() || !router.is_settled() {
        if begin.elapsed() > LIMIT {
            return Err(BenchError("the worker does not take its tables".to_owned()));
        }
        std::thread::yield_now();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_death_is_seen_on_the_other_port() {
        let deaths = run(&Table::synthetic(2000), 3).unwrap();
        assert_eq!(deaths.times_us.len(), 3, "{deaths:?}");
        assert_eq!(deaths.dropped, 0, "{deaths:?}");
        assert!(deaths.most_late <= MAX_LATE, "{deaths:?}");
        assert!(deaths.percentile_us(99) > 0.0 && deaths.percentile_us(50) <= deaths.percentile_us(99));
    }
}
