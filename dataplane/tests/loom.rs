//! Publishing and grace periods through every interleaving that the memory model allows.
//!
//! The grace period is the dataplane's own ([`Grace`] uses loom's atomics in this build). What it protects is a model of a
//! table: one word that leads to one of two lines. The word is stored with release and loaded with acquire, as `table.rs`
//! says; a line is a loom cell, which fails when somebody reads it while somebody else writes it, or when a read does not
//! happen after the write that it sees.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p dataplane --test loom --release`

#![cfg(loom)]

use std::sync::atomic::AtomicUsize as Count;
use std::sync::atomic::Ordering::Relaxed as Uncounted;

use dataplane::fib::grace::Grace;
use loom::cell::Cell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// Bursts of a worker: one before, one while and one after something changes.
const BURSTS: usize = 3;
/// How often control asks whether the grace period is over.
const ASKED: usize = 2;
/// Loom stops at more than this many switches of threads that nothing asked for; what goes wrong does so with fewer.
const MAX_PREEMPTIONS: usize = 3;

/// A table: the word says which line counts; lines hold the number of the change that filled them.
struct Table {
    word: AtomicUsize,
    lines: [Cell<usize>; 2],
}

/// What the worker or control does other than the protocol says.
#[derive(Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// Control uses a line again at once.
    NoGracePeriod,
    /// Control begins the period before it takes the line out.
    PeriodBegunTooEarly,
    /// The worker says that it holds nothing while it does.
    PassedWhileReading,
    /// The word is published without release.
    PublishedRelaxed,
    /// The word is loaded without acquire.
    LoadedRelaxed,
    /// With two workers: control waits for the first one only.
    OneOfTwo,
}

/// The poll loop: bursts, each of which looks up and is followed by a quiescent state.
fn worker(table: &Table, grace: &Grace, mistake: Mistake) {
    let mut last = 0;
    for _ in 0..BURSTS {
        let order = if mistake == Mistake::LoadedRelaxed { Ordering::Relaxed } else { Ordering::Acquire };
        let line = table.word.load(order);
        if mistake == Mistake::PassedWhileReading {
            grace.pass();
        }
        let change = table.lines[line].get();
        // Changes are never seen in another order than they were made.
        assert!(change >= last, "change {change} after {last}");
        last = change;
        if mistake != Mistake::PassedWhileReading {
            grace.pass();
        }
    }
}

/// Control: change 1 goes into the second line; change 2 into the first one, when every worker has passed.
fn control(table: &Table, graces: &[Arc<Grace>], mistake: Mistake, reused: &Count) {
    let begin = || graces.iter().for_each(|grace| grace.begin(1));
    let order = if mistake == Mistake::PublishedRelaxed { Ordering::Relaxed } else { Ordering::Release };
    table.lines[1].set(1);
    if mistake == Mistake::PeriodBegunTooEarly {
        begin();
    }
    table.word.store(1, order);
    if mistake != Mistake::PeriodBegunTooEarly {
        begin();
    }
    let waited_for = if mistake == Mistake::OneOfTwo { &graces[..1] } else { graces };
    // As control does it: what has not passed yet stays where it is, and is asked for again later.
    let is_free = (0..ASKED).any(|_| {
        // Also what makes loom try the worker's whole poll here: where one thread loads what another one loads, then
        // stores, it sees no reason to.
        thread::yield_now();
        waited_for.iter().all(|grace| grace.passed() >= 1)
    });
    if is_free || mistake == Mistake::NoGracePeriod {
        reused.fetch_add(1, Uncounted);
        table.lines[0].set(2);
        table.word.store(0, order);
    }
}

/// All interleavings of control and so many workers. A line has to be used again in some of them.
fn model(workers: usize, mistake: Mistake) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(MAX_PREEMPTIONS);
    let reused = std::sync::Arc::new(Count::new(0));
    let counted = std::sync::Arc::clone(&reused);
    builder.check(move || {
        let table = Arc::new(Table { word: AtomicUsize::new(0), lines: [Cell::new(0), Cell::new(0)] });
        let graces: Vec<_> = (0..workers).map(|_| Arc::new(Grace::default())).collect();
        let threads: Vec<_> = graces
            .iter()
            .map(|grace| {
                let (table, grace) = (Arc::clone(&table), Arc::clone(grace));
                thread::spawn(move || worker(&table, &grace, mistake))
            })
            .collect();
        control(&table, &graces, mistake, &counted);
        for thread in threads {
            assert!(thread.join().is_ok());
        }
    });
    assert!(reused.load(Uncounted) > 0, "no line was ever used again");
}

#[test]
fn a_reader_never_sees_a_line_that_is_written() {
    model(1, Mistake::None);
}

#[test]
fn two_readers_never_see_a_line_that_is_written() {
    model(2, Mistake::None);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_a_grace_period_it_would() {
    model(1, Mistake::NoGracePeriod);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_period_that_begins_before_the_line_is_taken_out_is_none() {
    model(1, Mistake::PeriodBegunTooEarly);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_worker_that_passes_while_it_reads_is_not_safe() {
    model(1, Mistake::PassedWhileReading);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_word_without_release_shows_lines_too_early() {
    model(1, Mistake::PublishedRelaxed);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_word_without_acquire_shows_lines_too_early() {
    model(1, Mistake::LoadedRelaxed);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn every_worker_counts() {
    model(2, Mistake::OneOfTwo);
}
