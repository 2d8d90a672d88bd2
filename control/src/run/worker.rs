//! Worker threads: one a core, polling until told to stop.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::utils::CachePadded;
use dataplane::counters::Counter;
use dataplane::update::Rings;
use dataplane::worker::Worker;
use dpdk::{Eal, Mbuf};
use rustix::thread::CpuSet;

use super::RunError;
use super::clock::Clock;
use super::io::DpdkIo;
use crate::config::Idle;

/// Polls that find nothing before an adaptive worker sleeps for the first time.
const EMPTY_POLLS_BEFORE_SLEEP: u32 = 64;
/// The first sleep; each one after it is twice as long.
const SLEEP_MIN_US: u64 = 10;
/// The longest sleep: what a packet may wait for a worker that has been idle.
const SLEEP_MAX_US: u64 = 320;
/// How late the kernel may wake a worker, ns; its default is 50 us.
const TIMER_SLACK_NS: u64 = 1000;

const RUNNING: u8 = 1;
const DRAINING: u8 = 2;
const STOPPING: u8 = 3;

/// What all workers are told. At first they receive nothing, and take tables and packets from control.
#[derive(Debug, Default)]
pub struct Orders(AtomicU8);

impl Orders {
    /// Everything is received from now on.
    pub fn run(&self) {
        self.0.store(RUNNING, Ordering::Release);
    }

    /// Nothing is received any more; what is on its way goes on.
    pub fn drain(&self) {
        self.0.store(DRAINING, Ordering::Release);
    }

    /// The threads end.
    pub fn stop(&self) {
        self.0.store(STOPPING, Ordering::Release);
    }
}

/// What a worker says about itself. It alone writes.
#[derive(Debug, Default)]
pub struct Activity {
    /// Turns of the loop.
    pub polls: Counter,
    /// Turns with something to do.
    pub busy_polls: Counter,
    /// Time that those took, ticks of the processor's counter.
    pub busy_ticks: Counter,
    /// Times that it slept.
    pub sleeps: Counter,
    /// While draining: the last turn found nothing.
    is_quiet: AtomicBool,
}

impl Activity {
    /// While draining: whether the last turn found nothing.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet.load(Ordering::Acquire)
    }
}

/// A worker's thread, as control has it.
#[derive(Debug)]
pub struct WorkerThread {
    /// The core that it polls on.
    pub core: usize,
    /// What it says about itself.
    pub activity: Arc<CachePadded<Activity>>,
    /// What it shares with control.
    pub rings: Arc<Rings<Mbuf>>,
    thread: Option<JoinHandle<()>>,
}

impl WorkerThread {
    /// True when the thread ended by itself: it never should.
    pub fn has_died(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the thread's end; false when it had panicked.
    pub fn join(&mut self) -> bool {
        self.thread.take().is_none_or(|thread| thread.join().is_ok())
    }
}

/// What a worker's thread gets.
#[derive(Debug)]
pub struct Duty {
    /// The core to poll on.
    pub core: usize,
    /// Whether to bind the thread to it.
    pub is_pinned: bool,
    /// What to do when nothing arrives.
    pub idle: Idle,
    /// Time.
    pub clock: Clock,
    /// What all workers are told.
    pub orders: Arc<Orders>,
}

/// Starts a worker on its core.
///
/// # Errors
/// The system has no thread for it.
pub fn spawn(
    eal: &Eal,
    duty: Duty,
    mut worker: Worker<Mbuf>,
    mut io: DpdkIo,
    rings: Arc<Rings<Mbuf>>,
) -> Result<WorkerThread, RunError> {
    let (core, eal) = (duty.core, eal.clone());
    let activity = Arc::new(CachePadded::new(Activity::default()));
    let shared = Arc::clone(&activity);
    let body = move || {
        if duty.is_pinned {
            pin(duty.core);
        }
        if duty.idle == Idle::Adaptive {
            // A kernel that refuses wakes the worker a little later.
            let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(TIMER_SLACK_NS));
        }
        let registration = eal.register_thread();
        if let Err(error) = &registration {
            tracing::warn!("worker on core {core}: packet buffers come slower: {error}");
        }
        poll(&duty, &mut worker, &mut io, &shared);
    };
    let thread = thread::Builder::new()
        .name(format!("worker-{core}"))
        .spawn(body)
        .map_err(|error| RunError::Worker { core, why: error.to_string() })?;
    Ok(WorkerThread { core, activity, rings, thread: Some(thread) })
}

fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    if let Err(error) = rustix::thread::sched_setaffinity(None, &cores) {
        tracing::warn!("worker on core {core}: not bound to its core: {error}");
    }
}

fn poll(duty: &Duty, worker: &mut Worker<Mbuf>, io: &mut DpdkIo, activity: &Activity) {
    let mut empty_polls = 0_u32;
    loop {
        let order = duty.orders.0.load(Ordering::Acquire);
        if order == STOPPING {
            return;
        }
        io.set_receiving(order == RUNNING);
        let start = dpdk::tsc();
        let work = io.relay() + worker.poll(io, duty.clock.ns(start));
        activity.polls.add(1);
        if order == DRAINING {
            activity.is_quiet.store(work == 0, Ordering::Release);
        }
        if work > 0 {
            activity.busy_polls.add(1);
            activity.busy_ticks.add(dpdk::tsc().wrapping_sub(start));
            empty_polls = 0;
            continue;
        }
        empty_polls = empty_polls.saturating_add(1);
        if duty.idle == Idle::Adaptive && empty_polls > EMPTY_POLLS_BEFORE_SLEEP {
            activity.sleeps.add(1);
            thread::sleep(nap(empty_polls - EMPTY_POLLS_BEFORE_SLEEP));
        } else {
            std::hint::spin_loop();
        }
    }
}

/// How long the `n`-th sleep in a row is (from 1).
fn nap(n: u32) -> Duration {
    let factor = 1_u64.checked_shl(n.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_micros(SLEEP_MIN_US.saturating_mul(factor).min(SLEEP_MAX_US))
}

/// Checks that the workers' cores may be used, and leaves them to the workers: the calling thread, and those that it
/// starts from now on, run elsewhere if there is another core. Returns whether workers can be bound to their cores.
///
/// # Errors
/// A core that this process may not use, unless workers sleep when idle: then any core will do.
pub fn prepare_cores(cores: &[usize], idle: Idle) -> Result<bool, RunError> {
    let allowed =
        rustix::thread::sched_getaffinity(None).map_err(|error| RunError::Cores(error.to_string()))?;
    let usable: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    if let Some(core) = cores.iter().find(|core| !usable.contains(core)) {
        let usable = usable.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let problem = format!("core {core} is not available; there are {usable}");
        if idle == Idle::Spin {
            return Err(RunError::Cores(problem));
        }
        tracing::warn!("{problem}: workers run where the kernel puts them");
        return Ok(false);
    }
    let mut rest = CpuSet::new();
    usable.iter().filter(|core| !cores.contains(core)).for_each(|core| rest.set(*core));
    if rest.count() > 0
        && let Err(error) = rustix::thread::sched_setaffinity(None, &rest)
    {
        tracing::warn!("control shares the workers' cores: {error}");
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_grow_and_stay_below_a_millisecond() {
        assert_eq!(nap(1), Duration::from_micros(10));
        assert_eq!(nap(3), Duration::from_micros(40));
        for n in [6, 7, 63, 64, 65, 1000, u32::MAX] {
            assert_eq!(nap(n), Duration::from_micros(SLEEP_MAX_US), "{n}");
        }
    }
}
