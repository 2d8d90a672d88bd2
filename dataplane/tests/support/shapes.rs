//! Sets of prefixes that are hard for a table, each for a reason of its own.

#![allow(dead_code, reason = "each test uses a part of it")]

use dataplane::fib::{MAX_NEXT_HOP_ID, Prefix6};
use dataplane::id::NextHopId;

use super::lpm::Random;

/// Lengths around which something changes: octets, halves of them, words of 32 and 64 bits, and the ends.
pub const BORDERS: [u8; 24] =
    [0, 1, 7, 8, 15, 16, 17, 23, 24, 25, 31, 32, 33, 39, 40, 47, 48, 49, 63, 64, 65, 120, 127, 128];

/// Where chains go down.
pub const BASES: [u128; 6] = [
    0,
    u128::MAX,
    0x2001_0db8_0000_0001_0000_0000_0000_0001,
    0x5555_5555_5555_5555_5555_5555_5555_5555,
    0xaaaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaaa,
    0x2001_0db8_ffff_ffff_0000_0000_ffff_ffff,
];

const SITE: u128 = 0x2001_0db8_0000_0001 << 64;

/// A named set of prefixes.
#[derive(Clone, Debug)]
pub struct Shape {
    pub name: &'static str,
    pub prefixes: Vec<Prefix6>,
}

/// All shapes, `scale` prefixes in those that can have any number.
pub fn all(scale: usize, random: &mut Random) -> Vec<Shape> {
    [
        ("hosts side by side in one /64", hosts_in_a_row(scale)),
        ("random hosts in one /64", (0..scale).map(|_| host(SITE, 64, random)).collect()),
        ("hosts that share 112 bits", (0..scale).map(|_| host(SITE, 112, random)).collect()),
        ("nested chains", BASES.into_iter().flat_map(chain).collect()),
        ("64 siblings at every length", siblings(0x2a00_1450_4001_0800_c0de_cafe_f00d_beef)),
        ("64 siblings at every length, of ones", siblings(u128::MAX)),
        ("borders", borders(scale, random)),
        ("combs", BASES.into_iter().flat_map(comb).collect()),
        ("combs of hosts", BASES.into_iter().flat_map(host_comb).collect()),
        ("stairs", stairs(0x2001_0db8_1111_2222_3333_4444_5555_6666, random)),
        ("random", (0..scale).map(|_| Prefix6::new(random.address(), random.below(129) as u8)).collect()),
        ("clustered", (0..scale).map(|_| clustered(random)).collect()),
    ]
    .into_iter()
    .map(|(name, prefixes)| Shape { name, prefixes: distinct(prefixes) })
    .collect()
}

/// The same for IPv4, in the first 32 bits.
pub fn all4(scale: usize, random: &mut Random) -> Vec<Shape> {
    let bases = [0, u128::MAX, 0xc000_0201 << 96, 0x5555_5555 << 96];
    let prefix = |random: &mut Random, bits: u32| {
        let base = 0xc612_0000 << 96;
        Prefix6::new(
            base | random.address() >> bits,
            (usize::from(bits as u8) + random.below(33 - bits as usize)) as u8,
        )
    };
    [
        ("hosts in one /16", (0..scale).map(|_| Prefix6::new(prefix(random, 16).address(), 32)).collect()),
        ("nested chains", bases.into_iter().flat_map(|base| chain(base).take(33)).collect()),
        ("combs", bases.into_iter().flat_map(|base| comb(base).take(32)).collect()),
        (
            "combs of hosts",
            bases
                .into_iter()
                .flat_map(|base| (0..32).map(move |bit| Prefix6::new(base ^ 1 << (127 - bit), 32)))
                .collect(),
        ),
        ("random", (0..scale).map(|_| Prefix6::new(random.address(), random.below(33) as u8)).collect()),
        ("in one /8", (0..scale).map(|_| prefix(random, 8)).collect()),
        (
            "around /24",
            (0..scale)
                .map(|_| Prefix6::new(prefix(random, 12).address(), 22 + random.below(6) as u8))
                .collect(),
        ),
    ]
    .into_iter()
    .map(|(name, prefixes): (_, Vec<_>)| Shape { name, prefixes: distinct(prefixes) })
    .collect()
}

/// Each once, in an order that is not theirs.
fn distinct(mut prefixes: Vec<Prefix6>) -> Vec<Prefix6> {
    prefixes.sort_unstable();
    prefixes.dedup();
    let mut random = Random(prefixes.len() as u64);
    for last in (1..prefixes.len()).rev() {
        prefixes.swap(last, random.below(last + 1));
    }
    prefixes
}

fn hosts_in_a_row(count: usize) -> Vec<Prefix6> {
    (0..count as u128).map(|host| Prefix6::new(SITE + host, 128)).collect()
}

fn host(base: u128, bits: u32, random: &mut Random) -> Prefix6 {
    Prefix6::new(base | random.address() >> bits, 128)
}

/// /0, /1, … /128 of one address.
fn chain(base: u128) -> impl Iterator<Item = Prefix6> {
    (0..=128).map(move |len| Prefix6::new(base, len))
}

/// What branches off the way to an address, at every bit: as many changes as there are bits, at all distances.
fn comb(base: u128) -> impl Iterator<Item = Prefix6> {
    (1..=128).map(move |len| Prefix6::new(base ^ 1 << (128 - u32::from(len)), len))
}

/// Hosts that differ from one address in one bit: nothing is between them, and no two share a cell for long.
fn host_comb(base: u128) -> impl Iterator<Item = Prefix6> {
    (0..128).map(move |bit| Prefix6::new(base ^ 1 << bit, 128)).chain([Prefix6::new(base, 128)])
}

/// At every length from /6 on, all 64 values of the last six bits.
fn siblings(base: u128) -> Vec<Prefix6> {
    let at_length = |len: u8| {
        let parent = Prefix6::new(base, len - 6).address();
        (0..64u128).map(move |sibling| Prefix6::new(parent | sibling << (128 - u32::from(len)), len))
    };
    (6..=128).flat_map(at_length).collect()
}

/// Prefixes of the lengths around structural borders, each with the one before and the one behind it.
fn borders(count: usize, random: &mut Random) -> Vec<Prefix6> {
    let mut prefixes = Vec::new();
    while prefixes.len() < count {
        let len = random.pick(&BORDERS);
        // Shares its bits with a base up to a border, so that prefixes of all lengths meet.
        let shared = u128::MAX.checked_shr(u32::from(random.pick(&BORDERS))).unwrap_or(0);
        let address = random.pick(&BASES) & !shared | random.address() & shared;
        let one = 1u128.checked_shl(128 - u32::from(len)).unwrap_or(0);
        prefixes.extend(
            [address, address.wrapping_sub(one), address.wrapping_add(one)]
                .map(|address| Prefix6::new(address, len)),
        );
    }
    prefixes
}

/// So many odd prefixes around every octet of one address that each octet needs a step of its own: the greatest depth.
fn stairs(base: u128, random: &mut Random) -> Vec<Prefix6> {
    const STEPS: u128 = 48;
    let mut prefixes = Vec::new();
    for octet in 2..16u32 {
        let shift = 120 - 8 * octet;
        let parent = Prefix6::new(base, (8 * octet) as u8).address();
        for step in 0..STEPS {
            let value = (step * 5 + 1) & 0xff;
            // Some a little longer than the octet: a cell of the octet is not one thing.
            let len = (8 * (octet as usize + 1) + random.below(3)).min(128) as u8;
            prefixes.push(Prefix6::new(
                parent | value << shift | random.address() >> (128 - shift).min(127),
                len,
            ));
        }
    }
    prefixes
}

/// As networks have them: a few blocks, prefixes of the usual lengths inside.
fn clustered(random: &mut Random) -> Prefix6 {
    let block = 0x2001_0000 + (random.below(24) as u128) * 0x11;
    let inside = random.address() >> 32 & random.address() >> 32;
    Prefix6::new(
        block << 96 | inside,
        random.pick(&[28, 29, 32, 32, 36, 40, 44, 46, 48, 48, 48, 52, 56, 64, 64, 128]),
    )
}

/// Next hops: few, so that neighbours merge; with both ends of what a leaf holds.
pub fn next_hop(random: &mut Random) -> NextHopId {
    random.pick(&[
        NextHopId(0),
        NextHopId(1),
        NextHopId(1),
        NextHopId(2),
        NextHopId(3),
        NextHopId(77_777),
        MAX_NEXT_HOP_ID,
    ])
}
