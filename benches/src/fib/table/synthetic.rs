//! An IPv6 table made up in the shape of a BGP table: how many prefixes of which length, where they cluster, how they
//! nest, and how far neighbours lead to the same next hop. The figures are those of a table of June 2026, rounded.
//!
//! The model follows how the real one comes to be. Registries hand out blocks of /19 to /32, at distances of a /29,
//! from few /16s. Under 17,200 /32s there are longer prefixes: a few under most, thousands under some, mostly of one
//! length, in runs of adjacent ones, and behind one network; but in some /32s each run belongs to another network.

use std::collections::HashSet;

use dataplane::fib::Prefix6;

use super::Route;
use crate::fib::random::{Random, Weighted};

/// Routes of a synthetic table, at most: what the room between /19 and /48 is enough for.
pub const MAX_SYNTHETIC_ROUTES: usize = 4_000_000;

const SEED: u64 = 0x6d65_7866_7764_0006;
/// Routes that the counts below are for.
const SHAPE_ROUTES: f64 = 280_000.0;
/// Number of prefixes by length, /19 to /48.
#[rustfmt::skip]
const LENGTHS: [u32; 30] = [
    1, 15, 3, 6, 6, 42, 13, 18, 19, 173,
    5_530, 760, 360, 27_200, 6_000, 5_900, 2_080, 10_400, 1_370, 2_840,
    1_930, 24_800, 4_870, 3_610, 1_760, 27_000, 5_090, 8_380, 9_840, 129_984,
];
const SHORTEST_LEN: u8 = 19;
const BLOCK_LEN: u8 = 32;
/// The /16s in use, by IANA's allocations, and their parts of the routes in thousandths.
#[rustfmt::skip]
const SLASH16: [(u16, u16); 65] = [
    (0x2804, 1140), (0x2001, 1110), (0x2409, 750), (0x2401, 430), (0x2600, 370), (0x2a02, 360),
    (0x2803, 340), (0x2402, 330), (0x2800, 290), (0x2405, 280), (0x2400, 270), (0x2408, 240),
    (0x2806, 230), (0x2602, 220), (0x2403, 220), (0x2a00, 210), (0x240e, 190), (0x2c0f, 190),
    (0x2604, 170), (0x240a, 170), (0x2a01, 160), (0x2607, 150), (0x2605, 150), (0x2606, 130),
    (0x2a03, 120), (0x2404, 120), (0x2406, 110), (0x2a0f, 110), (0x2620, 105), (0x2a0d, 95),
    (0x2a0a, 94), (0x2a06, 93), (0x2407, 93), (0x2a0e, 92), (0x2a04, 92), (0x2a0b, 79),
    (0x2a14, 76), (0x2a13, 73), (0x2a05, 68), (0x2a0c, 68), (0x2a12, 67), (0x2a10, 59),
    (0x2603, 55), (0x2a07, 54), (0x2a09, 53), (0x2a11, 50), (0x2801, 43), (0x2610, 15),
    (0x2608, 14), (0x2601, 9), (0x240d, 9), (0x2c0e, 5), (0x240c, 5), (0x240b, 4),
    (0x2003, 3), (0x2631, 2), (0x2802, 1), (0x2609, 1), (0x2632, 1), (0x2a08, 1),
    (0x2805, 1), (0x240f, 1), (0x2000, 1), (0x2041, 1), (0x2670, 1),
];
/// /24s in use.
const SLASH24: f64 = 10_300.0;
/// /32s with longer prefixes inside.
const SITES: f64 = 18_900.0;
/// Quantiles of the number of longer prefixes in such a /32.
const SITE_SIZES: [(f64, f64); 9] = [
    (0.0, 1.0),
    (0.28, 1.6),
    (0.50, 3.8),
    (0.66, 4.5),
    (0.82, 8.6),
    (0.90, 16.0),
    (0.99, 222.0),
    (0.999, 1000.0),
    (1.0, 4500.0),
];
/// Of the /32s with longer prefixes, those that are a route themselves.
const OWN_ROUTE: f64 = 0.40;
/// And those that lie within a shorter route.
const WITHIN_ROUTE: f64 = 0.05;
/// /32s whose runs belong to different networks.
const MIXED: f64 = 0.12;
/// In those: a run leads elsewhere than the /32.
const RUN_ELSEWHERE: f64 = 0.75;
/// In any: one prefix of a run leads elsewhere than the one before it.
const PREFIX_ELSEWHERE: f64 = 0.016;
/// A run has its /32's usual length.
const USUAL_LEN: f64 = 0.80;
/// A run of a shorter length than that is not taken back.
const COVERING: f64 = 0.12;
/// A run begins near the end of the run before it.
const NEAR: f64 = 0.60;
/// A run lies within a shorter prefix of the same /32.
const NESTED: f64 = 0.08;
/// Exponent of the Pareto distribution of the prefixes in a run.
const RUN_EXPONENT: f64 = 1.25;
const MAX_RUN: f64 = 300.0;
const NEXT_HOPS: usize = 250;
/// Attempts at placing before another place, or another length, is tried.
const ATTEMPTS: usize = 64;

/// `count` routes (at most [`MAX_SYNTHETIC_ROUTES`]), in no order, each prefix once.
pub fn routes(count: usize) -> Vec<Route> {
    let count = count.min(MAX_SYNTHETIC_ROUTES);
    let mut builder = Builder {
        random: Random::new(SEED),
        left: scaled_lengths(count),
        used: HashSet::with_capacity(count),
        routes: Vec::with_capacity(count),
    };
    let scale = scale(count);
    let places = Places::new(scale, &mut builder.random);
    let blocks = builder.blocks(&places);
    let sites = count_of(SITES * scale);
    builder.sites(&places, &blocks, sites);
    builder.routes
}

/// The size of the table, compared with the one that the counts are for.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn scale(count: usize) -> f64 {
    count as f64 / SHAPE_ROUTES
}

/// A number of things, from one that is not negative.
#[expect(clippy::cast_sign_loss, reason = "counts are not negative")]
fn count_of(number: f64) -> usize {
    number.ceil() as usize
}

/// How many prefixes of each length: the histogram scaled, and what rounding took goes to /48.
#[expect(clippy::cast_sign_loss, reason = "counts are not negative")]
fn scaled_lengths(count: usize) -> [usize; 129] {
    let mut left = [0; 129];
    let mut sum = 0;
    for (slot, of_shape) in left[SHORTEST_LEN.into()..48].iter_mut().zip(LENGTHS) {
        *slot = (f64::from(of_shape) * scale(count)) as usize;
        sum += *slot;
    }
    left[48] = count.saturating_sub(sum);
    left
}

/// The /24s that are in use, grouped by /16, and how likely each is.
struct Places {
    slash24: Vec<u32>,
    weights: Weighted,
}

impl Places {
    #[expect(clippy::cast_sign_loss, reason = "counts are not negative")]
    fn new(scale: f64, random: &mut Random) -> Places {
        let spread = |weight: u16| f64::from(weight).sqrt();
        let total: f64 = SLASH16.iter().map(|(_, weight)| spread(*weight)).sum();
        let (mut slash24, mut weights) = (Vec::new(), Vec::new());
        for (slash16, weight) in SLASH16 {
            let wanted = SLASH24 * scale.sqrt() * spread(weight) / total;
            let count = (wanted.round() as usize).clamp(1, 256);
            let mut octets: Vec<u32> = (0..256).collect();
            random.shuffle(&mut octets);
            for (rank, octet) in (1u32..).zip(&octets[..count]) {
                slash24.push(u32::from(slash16) << 8 | octet);
                // The density of the first ones: a few /24s are full.
                weights.push(f64::from(weight) / f64::from(rank).powf(0.55));
            }
        }
        Places { slash24, weights: Weighted::new(weights) }
    }

    /// A /32 where a registry would put a block.
    fn draw(&self, random: &mut Random) -> u128 {
        let slash24 = self.slash24[self.weights.draw(random)];
        // Within its /29: mostly the first, then the middle.
        let low = match random.unit() {
            x if x < 0.62 => 0,
            x if x < 0.76 => 4,
            _ => random.below(8) as u32,
        };
        let slash32 = slash24 << 8 | (random.below(32) as u32) << 3 | low;
        u128::from(slash32) << 96
    }
}

/// A /32 with longer prefixes inside, while it is filled.
struct Site {
    address: u128,
    next_hop: u32,
    is_mixed: bool,
    usual_len: u8,
    /// Where the last run ended.
    cursor: u128,
    /// First few shorter prefixes inside, for others to lie within.
    outer: Vec<Prefix6>,
}

struct Builder {
    random: Random,
    /// Prefixes that are still to be placed, by length.
    left: [usize; 129],
    used: HashSet<Prefix6>,
    routes: Vec<Route>,
}

impl Builder {
    fn next_hop(&mut self) -> u32 {
        1 + self.random.below(NEXT_HOPS) as u32
    }

    /// Places a route, unless the prefix is there already.
    fn place(&mut self, prefix: Prefix6, next_hop: u32) -> bool {
        let placed = self.used.insert(prefix);
        if placed {
            self.left[usize::from(prefix.len())] -= 1;
            self.routes.push(Route { prefix, next_hop });
        }
        placed
    }

    /// The registries' blocks: every route of /32 and shorter.
    fn blocks(&mut self, places: &Places) -> Vec<Route> {
        // Every /16 is in use, also those of a route or two.
        for slash16 in SLASH16.map(|(slash16, _)| slash16) {
            let at = places.slash24.iter().find(|slash24| **slash24 >> 8 == u32::from(slash16));
            if let Some(slash24) = at.filter(|_| self.left[usize::from(BLOCK_LEN)] > 0) {
                let next_hop = self.next_hop();
                self.place(Prefix6::new(u128::from(*slash24) << 104, BLOCK_LEN), next_hop);
            }
        }
        for len in SHORTEST_LEN..=BLOCK_LEN {
            let mut attempts = ATTEMPTS * self.left[usize::from(len)];
            while self.left[usize::from(len)] > 0 && attempts > 0 {
                attempts -= 1;
                let next_hop = self.next_hop();
                let prefix = Prefix6::new(places.draw(&mut self.random), len);
                self.place(prefix, next_hop);
            }
            // There is no room for more of these: then they are /48s.
            self.left[48] += std::mem::take(&mut self.left[usize::from(len)]);
        }
        self.routes.clone()
    }

    /// Everything longer than /32.
    fn sites(&mut self, places: &Places, blocks: &[Route], count: usize) {
        let mut own: Vec<Route> =
            blocks.iter().copied().filter(|route| route.prefix.len() == BLOCK_LEN).collect();
        let around: Vec<Route> =
            blocks.iter().copied().filter(|route| (27..BLOCK_LEN).contains(&route.prefix.len())).collect();
        self.random.shuffle(&mut own);
        let mut sizes: Vec<usize> = (0..count).map(|index| site_size(index, count)).collect();
        self.random.shuffle(&mut sizes);
        let mut seen = HashSet::new();
        let mut size = sizes.iter().cycle();
        while self.left.iter().sum::<usize>() > 0 {
            let site = self.site(places, &mut own, &around);
            if seen.insert(site.address)
                && let Some(size) = size.next()
            {
                self.fill(site, *size);
            }
        }
    }

    fn site(&mut self, places: &Places, own: &mut Vec<Route>, around: &[Route]) -> Site {
        let kind = self.random.unit();
        let (address, next_hop) = match (own.pop_if(|_| kind < OWN_ROUTE), around) {
            (Some(route), _) => (route.prefix.address(), route.next_hop),
            (None, [_, ..]) if kind < OWN_ROUTE + WITHIN_ROUTE => {
                let route = around[self.random.below(around.len())];
                let within = route.prefix.last_address() & self.random.wide_bits() | route.prefix.address();
                (within, route.next_hop)
            }
            _ => (places.draw(&mut self.random), self.next_hop()),
        };
        let address = Prefix6::new(address, BLOCK_LEN).address();
        let usual_len = self.len();
        let is_mixed = self.random.chance(MIXED);
        Site { address, next_hop, is_mixed, usual_len, cursor: address, outer: Vec::new() }
    }

    /// A length, in proportion to what is left to place of each.
    fn len(&mut self) -> u8 {
        let total: usize = self.left.iter().sum();
        let mut at = self.random.below(total);
        for (len, left) in (0u8..).zip(self.left) {
            if at < left {
                return len;
            }
            at -= left;
        }
        48
    }

    fn fill(&mut self, mut site: Site, size: usize) {
        let mut placed = 0;
        let mut attempts = 2 * size + ATTEMPTS;
        while placed < size && attempts > 0 && self.left.iter().any(|left| *left > 0) {
            attempts -= 1;
            placed += self.run(&mut site, size - placed);
        }
    }

    /// One run of adjacent prefixes, at most `most`; how many.
    #[expect(clippy::cast_sign_loss, reason = "counts are not negative")]
    fn run(&mut self, site: &mut Site, most: usize) -> usize {
        let is_usual = self.random.chance(USUAL_LEN) && self.left[usize::from(site.usual_len)] > 0;
        let len = if is_usual { site.usual_len } else { self.len() };
        // What covers the others is rare.
        let len = if len < site.usual_len && !self.random.chance(COVERING) { site.usual_len } else { len };
        if self.left[usize::from(len)] == 0 {
            return 0;
        }
        let (step, end) = (1u128 << (128 - len), site.address + (1 << (128 - BLOCK_LEN)));
        let wanted = (1.0 - self.random.unit()).powf(-1.0 / RUN_EXPONENT).min(MAX_RUN) as usize;
        let mut next_hop =
            if site.is_mixed && self.random.chance(RUN_ELSEWHERE) { self.next_hop() } else { site.next_hop };
        let mut at = self.run_start(site, len);
        let mut placed = 0;
        for _ in 0..wanted.min(most) {
            if at >= end || self.left[usize::from(len)] == 0 {
                break;
            }
            if self.random.chance(PREFIX_ELSEWHERE) {
                next_hop = self.next_hop();
            }
            let prefix = Prefix6::new(at, len);
            placed += usize::from(self.place(prefix, next_hop));
            if len < 48 && site.outer.len() < 64 {
                site.outer.push(prefix);
            }
            at += step;
        }
        site.cursor = at;
        placed
    }

    /// Where in the /32 a run of prefixes of this length begins.
    fn run_start(&mut self, site: &Site, len: u8) -> u128 {
        let within = |random: &mut Random, prefix: Prefix6| {
            Prefix6::new(
                prefix.address() | random.wide_bits() & (prefix.last_address() ^ prefix.address()),
                len,
            )
            .address()
        };
        let all = Prefix6::new(site.address, BLOCK_LEN);
        if self.random.chance(NESTED) && !site.outer.is_empty() {
            let outer = site.outer[self.random.below(site.outer.len())];
            if outer.len() < len {
                return within(&mut self.random, outer);
            }
        }
        if !self.random.chance(NEAR) {
            return within(&mut self.random, all);
        }
        let gap = match self.random.unit() {
            x if x < 0.5 => 1 + self.random.below(3),
            x if x < 0.8 => 4 + self.random.below(12),
            _ => 16 + self.random.below(240),
        };
        let at = Prefix6::new(site.cursor, len).address() + ((gap as u128) << (128 - len));
        if all.contains(at) { at } else { within(&mut self.random, all) }
    }
}

/// How many longer prefixes the `index`th of `count` /32s has, the smallest first.
#[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "small and not negative")]
fn site_size(index: usize, count: usize) -> usize {
    let quantile = (index as f64 + 0.5) / count as f64;
    let upper = SITE_SIZES.iter().position(|(q, _)| *q >= quantile).unwrap_or(SITE_SIZES.len() - 1).max(1);
    let ((q0, size0), (q1, size1)) = (SITE_SIZES[upper - 1], SITE_SIZES[upper]);
    // Straight between the points on a logarithmic scale.
    (size0 * (size1 / size0).powf((quantile - q0) / (q1 - q0))) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fib::table::{Shape, Table};

    #[test]
    fn the_shape_is_that_of_the_real_table() {
        let shape = Shape::of(&Table::synthetic(280_000));
        let near = |what: &str, found: usize, real: usize, percent: usize| {
            let slack = real * percent / 100;
            assert!(found.abs_diff(real) <= slack, "{what}: {found}, the real table has {real}");
        };
        assert_eq!(shape.routes, 280_000);
        assert_eq!(shape.next_hops, NEXT_HOPS);
        assert_eq!(shape.slash16, 65);
        near("/48s", shape.lengths[&48], 129_950, 1);
        near("/32s", shape.lengths[&32], 27_182, 1);
        near("/24s in use", shape.slash24, 8_120, 5);
        near("/32s with longer prefixes", shape.sites, 17_205, 5);
        assert_eq!(shape.site_median, 3);
        near("99th percentile of those", shape.site_p99, 212, 20);
        near("most of those", shape.site_max, 4_164, 20);
        near("intervals", shape.intervals, 376_317, 5);
        near("intervals after merging", shape.merged_intervals, 147_643, 5);
    }

    #[test]
    fn the_same_on_every_machine() {
        let sum = |count: usize| {
            routes(count).iter().fold(0u64, |sum, route| {
                let fields =
                    [(route.prefix.address() >> 64) as u64, route.prefix.len().into(), route.next_hop.into()];
                fields
                    .iter()
                    .fold(sum, |sum, field| sum.rotate_left(5).wrapping_mul(0x0000_0100_0000_01b3) ^ field)
            })
        };
        // Written down when the model was made: who changes the model changes this, and measures anew.
        assert_eq!(sum(10_000), 13_305_482_057_432_354_878);
    }

    #[test]
    fn every_size_is_met() {
        for count in [0, 1, 2, 1000, 10_000, 1_000_000] {
            assert_eq!(Table::synthetic(count).routes().len(), count);
        }
    }
}
