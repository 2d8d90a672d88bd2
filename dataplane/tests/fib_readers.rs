//! Lookups while the table changes: every answer was right at some moment since the lookup began.
//!
//! What is right when is known before the first lookup: all changes are made up in advance, and a naive match says for
//! every address from which change on it leads where. The writer says before each change that it begins, and after it
//! that it is done; a reader reads which one was done before its lookup, and which one had begun after it. Between the
//! two the answer has to be right at least once. For an address that no change touches that is one answer, always.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

#[path = "support/lpm.rs"]
mod lpm;
#[path = "support/shapes.rs"]
mod shapes;

use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use dataplane::fib::{Fib6, Kernel, Prefix6, Writer6};
use dataplane::id::NextHopId;
use dataplane::update::Rings;
use lpm::{BATCHES, Naive, Random, UNTOUCHED, kernels, probes_around};

/// Changes in a run.
const CHANGES: usize = if cfg!(miri) { 40 } else { 30_000 };
/// Changes between two grace periods: as control makes them.
const CHANGES_OF_A_PERIOD: u64 = 8;
/// Addresses that are looked up.
const ADDRESSES: usize = if cfg!(miri) { 70 } else { 2_000 };

/// One change: a route comes or changes, or goes.
type Change = (Prefix6, Option<NextHopId>);

/// What happens, and what is right when.
struct Story {
    routes: Vec<(Prefix6, NextHopId)>,
    changes: Vec<Change>,
    addresses: Vec<u128>,
    /// For each address: from which change on (0: from the start) it leads where; ascending.
    right: Vec<Vec<(u64, NextHopId)>>,
}

impl Story {
    /// `routes` at first, then `changes`; `addresses` are asked for.
    fn new(routes: Vec<(Prefix6, NextHopId)>, changes: Vec<Change>, mut addresses: Vec<u128>) -> Story {
        addresses.sort_unstable();
        addresses.dedup();
        let mut naive: Naive = routes.iter().copied().collect();
        let mut right: Vec<_> = addresses.iter().map(|address| vec![(0, naive.lookup(*address))]).collect();
        for (number, (prefix, next_hop)) in (1..).zip(&changes) {
            match next_hop {
                Some(next_hop) => naive.insert(*prefix, *next_hop),
                None => naive.remove(*prefix),
            };
            let first = addresses.partition_point(|address| *address < prefix.address());
            for (address, right) in addresses.iter().zip(&mut right).skip(first) {
                if !prefix.contains(*address) {
                    break;
                }
                let now = naive.lookup(*address);
                if right.last().unwrap().1 != now {
                    right.push((number, now));
                }
            }
        }
        Story { routes, changes, addresses, right }
    }

    /// What an address leads to from change `done` to change `begun`, and from when on.
    fn right_between(&self, address: usize, done: u64, begun: u64) -> &[(u64, NextHopId)] {
        let right = &self.right[address];
        // The last one that holds from `done` or before on, and all that came to hold up to `begun`.
        let first = right.partition_point(|(from, _)| *from <= done) - 1;
        let end = right.partition_point(|(from, _)| *from <= begun);
        &right[first..end]
    }

    fn was_right(&self, address: usize, found: NextHopId, done: u64, begun: u64) -> bool {
        self.right_between(address, done, begun).iter().any(|(_, next_hop)| *next_hop == found)
    }

    fn unchanged(&self) -> usize {
        self.right.iter().filter(|right| right.len() == 1).count()
    }
}

/// What the writer and the readers share.
#[derive(Default)]
struct Clock {
    begun: AtomicU64,
    done: AtomicU64,
    is_over: AtomicBool,
}

/// Readers end when the writer does, also when it fails.
struct End<'a>(&'a Clock);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// What a reader has seen.
#[derive(Debug, Default)]
struct Seen {
    lookups: u64,
    /// Lookups of addresses that changed while they were looked up: the test would be empty without.
    during_changes: u64,
    wrong: Option<String>,
}

/// Looks up until the writer is done, in batches of all sizes; between two batches it is quiescent.
fn read(story: &Story, fib: &Fib6, rings: &Rings<()>, clock: &Clock, kernel: Kernel, seed: u64) -> Seen {
    let mut random = Random(seed);
    let mut seen = Seen::default();
    // Few addresses are asked for several times in a batch.
    let repeated = story.addresses.len().max(BATCHES[BATCHES.len() - 1]);
    let mut order: Vec<usize> = (0..repeated).map(|at| at % story.addresses.len()).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last + 1));
    }
    // A reader that the system lets run only when all is over still looks up once.
    while !clock.is_over.load(Ordering::Relaxed) || seen.lookups == 0 {
        let size = random.pick(&BATCHES).min(order.len());
        let from = random.below(order.len() - size + 1);
        let batch = &order[from..from + size];
        let addresses: Vec<_> = batch.iter().map(|at| story.addresses[*at]).collect();
        let mut found = vec![UNTOUCHED; size];
        let done = clock.done.load(Ordering::Acquire);
        fib.lookup_batch_by(kernel, &addresses, &mut found);
        // The words that the lookup saw were loaded with acquire: what had begun by then is seen here.
        let begun = clock.begun.load(Ordering::Acquire);
        rings.grace.pass();
        seen.lookups += size as u64;
        for (at, found) in batch.iter().zip(found) {
            seen.during_changes += u64::from(!story.was_right(*at, found, begun, begun));
            if !story.was_right(*at, found, done, begun) {
                let address = Ipv6Addr::from(story.addresses[*at]);
                let right = story.right_between(*at, done, begun);
                let of = story.routes.iter().map(|(prefix, next_hop)| (*prefix, Some(*next_hop)));
                let of =
                    of.chain(story.changes.iter().copied()).find(|(_, next_hop)| *next_hop == Some(found));
                seen.wrong = Some(format!(
                    "{kernel}: {address} led to {} (of {:?}) between changes {done} and {begun}; right were {right:?}",
                    found.0,
                    of.map(|(prefix, _)| prefix)
                ));
                // It is of no use to go on; and the others wait for this reader's grace periods.
                clock.is_over.store(true, Ordering::Relaxed);
            }
        }
    }
    seen
}

/// Makes the changes, and frees what they replaced when every reader has passed a grace period that began afterwards.
fn write(story: &Story, writer: &mut Writer6, rings: &[Arc<Rings<()>>], clock: &Clock) {
    let mut period = 0;
    for (number, (prefix, next_hop)) in (1..).zip(&story.changes) {
        clock.begun.store(number, Ordering::Release);
        match next_hop {
            Some(next_hop) => writer.insert(*prefix, *next_hop).unwrap(),
            None => writer.remove(*prefix).unwrap(),
        };
        clock.done.store(number, Ordering::Release);
        if number % CHANGES_OF_A_PERIOD == 0 {
            period += 1;
            if writer.seal(period) {
                for rings in rings {
                    rings.grace.begin(period);
                }
            }
        }
        writer.reclaim(rings.iter().map(|rings| rings.grace.passed()).min().unwrap());
        if clock.is_over.load(Ordering::Relaxed) {
            break;
        }
    }
}

/// Runs a story with a reader for each kernel.
fn run(story: &Story) {
    let mut writer = Writer6::build(story.routes.iter().copied()).unwrap();
    let (clock, fib) = (Clock::default(), writer.fib());
    let rings: Vec<_> = kernels().map(|_| Arc::new(Rings::default())).collect();
    let start = Barrier::new(rings.len() + 1);
    std::thread::scope(|scope| {
        let (clock, fib, start) = (&clock, &fib, &start);
        let readers: Vec<_> = kernels()
            .zip(&rings)
            .zip(1..)
            .map(|((kernel, rings), seed)| {
                scope.spawn(move || {
                    start.wait();
                    (kernel, read(story, fib, rings, clock, kernel, seed))
                })
            })
            .collect();
        let end = End(clock);
        start.wait();
        write(story, &mut writer, &rings, clock);
        drop(end);
        for reader in readers {
            let (kernel, seen) = reader.join().unwrap();
            assert!(seen.wrong.is_none(), "{}", seen.wrong.unwrap());
            println!("{kernel}: {} lookups, {} during a change of theirs", seen.lookups, seen.during_changes);
        }
    });
}

/// Changes to some of the routes of a shape, while the others stay; their next hops differ each time.
fn story_of(prefixes: &[Prefix6], seed: u64) -> Story {
    let mut random = Random(seed);
    // Every third prefix comes and goes; the others are there all the time. The default route is a test of its own, below.
    let routes: Vec<_> =
        prefixes.iter().enumerate().map(|(at, prefix)| (*prefix, NextHopId(1 + at as u32))).collect();
    let moving: Vec<_> = prefixes.iter().filter(|prefix| prefix.len() > 0).step_by(3).copied().collect();
    let changes = (0..CHANGES).map(|number| {
        let next_hop = (random.below(3) > 0).then_some(NextHopId(1_000_000 + number as u32));
        (random.pick(&moving), next_hop)
    });
    let changes = changes.collect();
    let mut addresses = Vec::new();
    while addresses.len() < ADDRESSES {
        addresses.extend(probes_around(random.pick(prefixes), 128, random.address()));
    }
    Story::new(routes, changes, addresses)
}

#[test]
fn every_answer_was_right_at_some_moment_of_the_lookup() {
    let shapes = shapes::all(if cfg!(miri) { 20 } else { 2_000 }, &mut Random(31));
    for (seed, shape) in (32..).zip(shapes.iter().step_by(if cfg!(miri) { 6 } else { 1 })) {
        println!("{}", shape.name);
        run(&story_of(&shape.prefixes, seed));
    }
}

#[test]
fn routes_that_do_not_change_lead_to_the_same_next_hop_all_the_time() {
    // Hosts side by side, half of them never touched: the lines that hold them are made anew all the time.
    let hosts: Vec<_> = (0..600u128).map(|host| Prefix6::new(0x2001_0db8 << 96 | host, 128)).collect();
    let routes = hosts.iter().zip(1..).map(|(prefix, next_hop)| (*prefix, NextHopId(next_hop))).collect();
    let mut random = Random(41);
    let changes = (0..CHANGES).map(|number| {
        let next_hop = (random.below(2) > 0).then_some(NextHopId(1_000_000 + number as u32));
        (hosts[2 * random.below(300)], next_hop)
    });
    let story = Story::new(routes, changes.collect(), hosts.iter().map(|host| host.address()).collect());
    assert!(story.unchanged() >= 300);
    run(&story);
}

/// A route and the default route change in turn: an answer is never the default of one moment where the route is missing
/// at another.
#[test]
fn the_default_route_of_one_moment_does_not_answer_for_another() {
    let sites = [1u128, 2].map(|site| Prefix6::new(site << 64 | 0x2001_0db8 << 96, 64));
    let mut routes: Vec<_> = sites.iter().map(|site| (*site, NextHopId(7))).collect();
    routes.push((Prefix6::new(0, 0), NextHopId(1_000_000)));
    let mut random = Random(51);
    let changes = (0..CHANGES as u32).flat_map(|number| {
        let site = random.pick(&sites);
        let default = (Prefix6::new(0, 0), Some(NextHopId(1_000_001 + number)));
        [(site, None), (site, Some(NextHopId(7))), default]
    });
    run(&Story::new(routes, changes.collect(), sites.iter().map(|site| site.address()).collect()));
}

/// The tests above can fail: when what was replaced is used again at once, readers go wrong. Plain code only: it checks
/// every index, so that what it reads there is wrong and nothing worse.
#[test]
#[cfg_attr(miri, ignore = "takes many lookups")]
fn without_grace_periods_answers_are_wrong() {
    const TIME_LIMIT: Duration = Duration::from_secs(60);
    let shapes = shapes::all(2_000, &mut Random(61));
    let story = Arc::new(story_of(&shapes[1].prefixes, 62));
    let began = Instant::now();
    let wrong = Arc::new(AtomicBool::new(false));
    while !wrong.load(Ordering::Relaxed) {
        assert!(began.elapsed() < TIME_LIMIT, "no wrong answer");
        let mut writer = Writer6::build(story.routes.iter().copied()).unwrap();
        let clock = Arc::new(Clock::default());
        // Not waited for: what it reads may lead it round in circles.
        std::thread::spawn({
            let (story, fib, clock, wrong) =
                (Arc::clone(&story), writer.fib(), Arc::clone(&clock), Arc::clone(&wrong));
            move || {
                if read(&story, &fib, &Rings::default(), &clock, Kernel::Scalar, 1).wrong.is_some() {
                    wrong.store(true, Ordering::Relaxed);
                }
            }
        });
        for (number, (prefix, next_hop)) in (1..).zip(&story.changes) {
            clock.begun.store(number, Ordering::Release);
            match next_hop {
                Some(next_hop) => writer.insert(*prefix, *next_hop).unwrap(),
                None => writer.remove(*prefix).unwrap(),
            };
            clock.done.store(number, Ordering::Release);
            writer.seal(number);
            writer.reclaim(number);
            if wrong.load(Ordering::Relaxed) {
                break;
            }
        }
        clock.is_over.store(true, Ordering::Relaxed);
    }
}
