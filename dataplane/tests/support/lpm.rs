//! Longest-prefix match in the plainest way there is, and how tables are compared with it.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::Write;
use std::net::Ipv6Addr;
use std::sync::Once;

use dataplane::fib::{FibError, Kernel, Prefix6, Writer4, Writer6};
use dataplane::id::NextHopId;
use hashbrown::HashMap;

/// Sizes of batches: around those of vectors, of blocks, and of bursts.
pub const BATCHES: [usize; 11] = [0, 1, 7, 8, 31, 63, 64, 65, 130, 256, 1000];
/// What no table in these tests leads to: stands in results before a lookup.
pub const UNTOUCHED: NextHopId = NextHopId(u32::MAX);

/// The host bits of a prefix.
fn host_bits(len: u8) -> u128 {
    u128::MAX.checked_shr(u32::from(len)).unwrap_or(0)
}

/// One hash map for each length, asked from the longest to the shortest (RFC 4632, 5.1).
#[derive(Clone, Debug)]
pub struct Naive {
    lengths: Vec<HashMap<u128, NextHopId>>,
}

impl Default for Naive {
    fn default() -> Naive {
        Naive { lengths: vec![HashMap::new(); 129] }
    }
}

impl Naive {
    pub fn insert(&mut self, prefix: Prefix6, next_hop: NextHopId) -> Option<NextHopId> {
        self.lengths[usize::from(prefix.len())].insert(prefix.address(), next_hop)
    }

    pub fn remove(&mut self, prefix: Prefix6) -> Option<NextHopId> {
        self.lengths[usize::from(prefix.len())].remove(&prefix.address())
    }

    pub fn get(&self, prefix: Prefix6) -> Option<NextHopId> {
        self.lengths[usize::from(prefix.len())].get(&prefix.address()).copied()
    }

    pub fn lookup(&self, address: u128) -> NextHopId {
        for len in (0..=128u8).rev() {
            let routes = &self.lengths[usize::from(len)];
            if routes.is_empty() {
                continue;
            }
            if let Some(next_hop) = routes.get(&(address & !host_bits(len))) {
                return *next_hop;
            }
        }
        NextHopId::NO_ROUTE
    }

    pub fn len(&self) -> usize {
        self.lengths.iter().map(HashMap::len).sum()
    }

    /// All prefixes, shortest first.
    pub fn prefixes(&self) -> Vec<Prefix6> {
        let of_length = |(len, routes): (u8, &HashMap<u128, NextHopId>)| {
            routes.keys().map(move |address| Prefix6::new(*address, len)).collect::<Vec<_>>()
        };
        let mut prefixes: Vec<_> = (0..).zip(&self.lengths).flat_map(of_length).collect();
        // Hash maps have no order of their own: the same test has to do the same each time.
        prefixes.sort_unstable();
        prefixes
    }
}

impl FromIterator<(Prefix6, NextHopId)> for Naive {
    fn from_iter<I: IntoIterator<Item = (Prefix6, NextHopId)>>(routes: I) -> Naive {
        let mut naive = Naive::default();
        for (prefix, next_hop) in routes {
            naive.insert(prefix, next_hop);
        }
        naive
    }
}

/// SplitMix64: the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    pub fn address(&mut self) -> u128 {
        u128::from(self.bits()) << 64 | u128::from(self.bits())
    }

    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.bits()) * count as u128) >> 64) as usize
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// The ways to look up that this processor has; the others are named once, where no test runner hides it.
pub fn kernels() -> impl Iterator<Item = Kernel> {
    static NAMED: Once = Once::new();
    NAMED.call_once(|| {
        for kernel in Kernel::ALL.into_iter().filter(|kernel| !kernel.is_available()) {
            let _ = writeln!(std::io::stderr(), "kernel {kernel}: skipped, this processor does not have it");
        }
    });
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available())
}

/// A table of either family, by IPv6 prefixes and addresses: an IPv4 one is in the first 32 bits.
pub trait Table: Sized {
    /// Bits of an address.
    const BITS: u8;
    fn empty() -> Self;
    fn of(routes: &[(Prefix6, NextHopId)]) -> Result<Self, FibError>;
    fn put(&mut self, prefix: Prefix6, next_hop: NextHopId) -> Result<Option<NextHopId>, FibError>;
    fn take(&mut self, prefix: Prefix6) -> Result<Option<NextHopId>, FibError>;
    /// By one kernel, or by the one that the table has chosen.
    fn find(&self, kernel: Option<Kernel>, addresses: &[u128], next_hops: &mut [NextHopId]);
    /// What was replaced is free: nobody looks up.
    fn reclaim_all(&mut self);
    fn memory(&self) -> usize;
    fn node_bytes(&self) -> usize;
    fn depth_of(&self, address: u128) -> usize;
}

macro_rules! table {
    ($writer:ident, $bits:literal, $address:expr) => {
        impl Table for $writer {
            const BITS: u8 = $bits;

            fn empty() -> $writer {
                $writer::new().unwrap()
            }

            fn of(routes: &[(Prefix6, NextHopId)]) -> Result<$writer, FibError> {
                $writer::build(routes.iter().map(|(prefix, next_hop)| ((*prefix).into(), *next_hop)))
            }

            fn put(&mut self, prefix: Prefix6, next_hop: NextHopId) -> Result<Option<NextHopId>, FibError> {
                self.insert(prefix.into(), next_hop)
            }

            fn take(&mut self, prefix: Prefix6) -> Result<Option<NextHopId>, FibError> {
                self.remove(prefix.into())
            }

            fn find(&self, kernel: Option<Kernel>, addresses: &[u128], next_hops: &mut [NextHopId]) {
                let addresses: Vec<_> = addresses.iter().map($address).collect();
                match kernel {
                    Some(kernel) => self.fib().lookup_batch_by(kernel, &addresses, next_hops),
                    None => self.fib().lookup_batch(&addresses, next_hops),
                }
            }

            fn reclaim_all(&mut self) {
                assert!(self.reclaim_unread(), "somebody holds the table");
            }

            fn memory(&self) -> usize {
                self.memory_bytes()
            }

            fn node_bytes(&self) -> usize {
                self.stats().node_bytes
            }

            fn depth_of(&self, address: u128) -> usize {
                self.fib().depth($address(&address))
            }
        }
    };
}

table!(Writer6, 128, |address: &u128| *address);
table!(Writer4, 32, |address: &u128| (*address >> 96) as u32);

/// The addresses at both ends of a prefix, those next to it, and two inside.
pub fn probes_around(prefix: Prefix6, bits: u8, noise: u128) -> [u128; 6] {
    let (first, last) = (prefix.address(), prefix.address() | host_bits(prefix.len()));
    let one = host_bits(bits).wrapping_add(1);
    let inside = |noise: u128| first | noise & host_bits(prefix.len());
    [
        first,
        last,
        first.wrapping_sub(one),
        last.wrapping_add(one),
        inside(noise),
        inside(noise.rotate_left(64)),
    ]
}

/// Every kernel finds what a naive match finds.
pub fn agree<T: Table>(table: &T, naive: &Naive, probes: &[u128], when: &str) {
    let expected: Vec<_> = probes.iter().map(|address| naive.lookup(*address)).collect();
    let mut found = vec![UNTOUCHED; probes.len()];
    for kernel in kernels() {
        found.fill(UNTOUCHED);
        table.find(Some(kernel), probes, &mut found);
        compare(&found, &expected, probes, when, kernel);
    }
}

pub fn compare(found: &[NextHopId], expected: &[NextHopId], probes: &[u128], when: &str, kernel: Kernel) {
    if found != expected {
        for ((found, expected), probe) in found.iter().zip(expected).zip(probes) {
            assert_eq!(found, expected, "{when}, {kernel}: {}", Ipv6Addr::from(*probe));
        }
    }
}

/// The same in batches of every size, from several places on; nothing behind a batch is written.
pub fn agree_in_batches<T: Table>(table: &T, naive: &Naive, probes: &[u128], when: &str) {
    let expected: Vec<_> = probes.iter().map(|address| naive.lookup(*address)).collect();
    for kernel in kernels() {
        for size in BATCHES.into_iter().filter(|size| *size <= probes.len()) {
            for from in [0, 3.min(probes.len() - size), probes.len() - size] {
                let range = from..from + size;
                let mut found = vec![UNTOUCHED; size + 1];
                table.find(Some(kernel), &probes[range.clone()], &mut found);
                compare(&found[..size], &expected[range.clone()], &probes[range], when, kernel);
                assert_eq!(found[size], UNTOUCHED, "{when}, {kernel}: behind a batch of {size}");
            }
        }
    }
}
