//! How many changes of routes a second control takes, with a full table and a worker that polls: each as a command of its
//! own, from the command to what the worker sees.
//!
//! `cargo bench -p control --bench routes -- [FILE]`; lines of FILE begin with a prefix. Without one a table is made up.

#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use control::command::{ActionSpec, Command, NextHopSpec, RouteSpec};
use control::config::{DEFAULT_VRF, Prefix, Prefix6};
use control::router::{Buffers, Mode, Router};
use dataplane::buffer::HeapBuf;
use dataplane::id::PortId;
use dataplane::table::Liveness;
use dataplane::update::Rings;
use dataplane::wire::ethernet::Mac;
use dataplane::worker::{Arrivals, PacketIo, Worker};

const ROUTES: usize = 280_000;
const CHANGES: usize = 400_000;
const NEXT_HOPS: usize = 64;
const BATCH: usize = control::ask::MAX_BATCH;

struct Heap;

impl Buffers<HeapBuf> for Heap {
    fn make(&mut self, frame: &[u8]) -> Option<HeapBuf> {
        Some(HeapBuf::new(frame, 0))
    }
}

/// No packets: the worker has its updates and grace periods to see to.
struct Silence;

impl PacketIo<HeapBuf> for Silence {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, _arrivals: &mut Arrivals<'_, HeapBuf>) {}

    fn transmit(&mut self, _port: PortId, frames: &mut [Option<HeapBuf>]) {
        for frame in frames {
            drop(frame.take());
        }
    }
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Prefixes that cluster as allocations do: blocks of /29 and /32, and within a block /40 to /48.
fn made_up(random: &mut Random) -> Vec<Prefix6> {
    let mut prefixes = std::collections::BTreeSet::new();
    while prefixes.len() < ROUTES {
        let registry = [0x2001_u128, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2a02, 0x2c0f][random.below(7)];
        let block = registry << 112 | u128::from(random.next() & 0xffff) << 96;
        prefixes.insert((block, if random.below(2) == 0 { 29 } else { 32 }));
        for _ in 0..random.below(24) {
            let len = [36, 40, 44, 48, 48, 48, 48, 48, 64][random.below(9)];
            prefixes.insert((block | u128::from(random.next() >> 32) << 64, len));
        }
    }
    let prefixes = prefixes.into_iter().take(ROUTES);
    let found: std::collections::BTreeSet<_> = prefixes
        .map(|(address, len)| {
            let network = if len == 0 { 0 } else { address & u128::MAX << (128 - len) };
            (network, len)
        })
        .collect();
    found.into_iter().map(|(address, len)| Prefix6::new(address.into(), len).unwrap()).collect()
}

fn read(path: &str) -> Vec<Prefix6> {
    let text = std::fs::read_to_string(path).unwrap();
    let words = text.lines().filter_map(|line| line.split_whitespace().next());
    words
        .filter_map(|word| word.parse::<Prefix>().ok())
        .filter_map(|prefix| match prefix {
            Prefix::V6(prefix) => Some(prefix),
            Prefix::V4(_) => None,
        })
        .collect()
}

fn router(rings: &Arc<Rings<HeapBuf>>, liveness: &Arc<Liveness>) -> Router<HeapBuf> {
    let text = "[[port]]\nname = \"a\"\naddress = [\"2001:db8::1/64\"]\n";
    let (config, _) = control::config::parse("a.toml", text).unwrap();
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    let (liveness, rings) = (Arc::clone(liveness), vec![Arc::clone(rings)]);
    Router::new(config, &[mac], liveness, rings, Mode::run(1), &mut Heap, 0).unwrap()
}

fn route(prefix: Prefix6, next_hop: usize) -> RouteSpec {
    let address = 0x2001_0db8_u128 << 96 | (2 + next_hop as u128);
    let hop = NextHopSpec {
        address: Some(std::net::Ipv6Addr::from_bits(address).into()),
        port: Some("a".to_owned()),
        weight: 1,
    };
    RouteSpec { prefix: prefix.into(), vrf: DEFAULT_VRF.to_owned(), action: ActionSpec::Via(vec![hop]) }
}

fn settle(router: &mut Router<HeapBuf>) {
    while !router.push() || !router.is_settled() {
        std::hint::spin_loop();
    }
}

/// Times each command, waits for the last, and says how it was.
fn measure(what: &str, router: &mut Router<HeapBuf>, commands: &[Command]) {
    let mut times: Vec<Duration> = Vec::with_capacity(commands.len());
    let start = Instant::now();
    for command in commands {
        let before = Instant::now();
        router.change(command, &mut Heap, 0).unwrap();
        times.push(before.elapsed());
    }
    settle(router);
    let total = start.elapsed();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    let mean = total.div_f64(times.len() as f64).as_secs_f64();
    println!(
        "{what}: {} changes, {:.0} a second; mean {:.2} us, median {:.2}, p99 {:.2}, max {:.0}",
        times.len(),
        1.0 / mean,
        mean * 1e6,
        at(50),
        at(99),
        at(100),
    );
}

fn main() {
    let mut random = Random(7);
    let file = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let prefixes = file.map_or_else(|| made_up(&mut random), |file| read(&file));
    let (rings, liveness) = (Arc::<Rings<HeapBuf>>::default(), Arc::<Liveness>::default());
    let mut router = router(&rings, &liveness);
    let is_over = Arc::new(AtomicBool::new(false));
    let worker = {
        let is_over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let mut worker = Worker::new(rings, liveness);
            while !is_over.load(Ordering::Relaxed) {
                worker.poll(&mut Silence, 0);
            }
        })
    };
    settle(&mut router);

    let adds: Vec<_> =
        prefixes.iter().map(|prefix| Command::RouteAdd(route(*prefix, random.below(NEXT_HOPS)))).collect();
    let start = Instant::now();
    for chunk in adds.chunks(BATCH) {
        let (done, failures) = router.change_all(chunk, false, &mut Heap, 0);
        assert!(done == chunk.len() && failures.is_empty(), "{failures:?}");
    }
    settle(&mut router);
    println!("load: {} routes, {} ms", router.rib().len(), start.elapsed().as_millis());
    let table = || router.program().table(dataplane::id::VrfId(0)).unwrap();
    println!("memory: {} octets", table().memory_bytes());
    let entries = table().len();

    let any = |random: &mut Random| prefixes[random.below(prefixes.len())];
    let replace: Vec<_> = (0..CHANGES)
        .map(|_| Command::RouteReplace(route(any(&mut random), random.below(NEXT_HOPS))))
        .collect();
    measure("replace", &mut router, &replace);
    let flaps: Vec<_> = (0..CHANGES / 2)
        .flat_map(|_| {
            let prefix = any(&mut random);
            let (vrf, action) = (DEFAULT_VRF.to_owned(), None);
            let withdraw = Command::RouteDel { prefix: prefix.into(), vrf, action };
            [withdraw, Command::RouteAdd(route(prefix, random.below(NEXT_HOPS)))]
        })
        .collect();
    measure("withdraw and announce", &mut router, &flaps);
    let table = router.program().table(dataplane::id::VrfId(0)).unwrap();
    assert_eq!((router.rib().len(), table.len()), (prefixes.len(), entries));
    println!("memory: {} octets", table.memory_bytes());

    let start = Instant::now();
    let down = Command::PortSet { port: "a".to_owned(), up: false };
    router.change(&down, &mut Heap, 0).unwrap();
    settle(&mut router);
    println!("port down, all routes behind it: {} ms", start.elapsed().as_millis());
    is_over.store(true, Ordering::Relaxed);
    worker.join().unwrap();
}
