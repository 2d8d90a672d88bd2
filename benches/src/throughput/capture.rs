//! Capture files that a source plays again and again.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::packet;
use super::scenario::Scenario;
use crate::fib::random::Random;
use crate::fib::table::Table;

/// Microseconds, and the byte order of the machine that writes: the format's own way to tell.
const PCAP_MAGIC: u32 = 0xa1b2_c3d4;
const PCAP_VERSION: (u16, u16) = (2, 4);
const LINKTYPE_ETHERNET: u32 = 1;
const SNAP_LEN: u32 = 65_535;
/// Global unicast addresses, of which a route table has its prefixes.
const GLOBAL: (u128, u32) = (1, 3);
/// The prefix of documentation: the seats' own addresses are in it.
const OURS: (u128, u32) = (0x2001_0db8, 32);
const SEED: u64 = 8219;

/// The frames that arrive at the source of this pair, from 0.
pub fn frames(scenario: &Scenario, pair: u32) -> Vec<Vec<u8>> {
    let spread = scenario.routes.as_ref().filter(|routes| routes.is_spread);
    let destinations = spread.map(|routes| destinations(&routes.table, scenario.flows));
    let one = |flow: u32| {
        let destination = destinations.as_ref().and_then(|all| all.get(flow as usize).copied());
        let destination = destination.unwrap_or_else(|| packet::reachable(pair, flow));
        packet::frame(scenario.work.shape(), flow, usize::from(scenario.size.of(flow)), destination)
    };
    (0..scenario.flows).map(one).collect()
}

/// Addresses in `count` prefixes that are spread evenly over the table, in no order. Fewer, possibly none, if the table
/// is too small to have any that are global.
fn destinations(table: &Table, count: u32) -> Vec<u128> {
    let is_in = |address: u128, (prefix, len): (u128, u32)| address >> (128 - len) == prefix;
    let prefixes: Vec<_> = (table.routes().iter().map(|route| route.prefix))
        .filter(|prefix| is_in(prefix.address(), GLOBAL) && !is_in(prefix.address(), OURS))
        .collect();
    let mut random = Random::new(SEED);
    let mut found: Vec<u128> = Vec::new();
    if prefixes.is_empty() {
        return found;
    }
    for number in 0..count as usize {
        let prefix = prefixes[number * prefixes.len() / count as usize % prefixes.len()];
        let host = random.wide_bits() & (prefix.last_address() ^ prefix.address());
        found.push(prefix.address() | host);
    }
    random.shuffle(&mut found);
    found
}

/// Writes the frames as a classic pcap file; all times are zero.
///
/// # Errors
/// Those of the file.
pub fn write(path: &Path, frames: &[Vec<u8>]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&PCAP_MAGIC.to_ne_bytes())?;
    file.write_all(&PCAP_VERSION.0.to_ne_bytes())?;
    file.write_all(&PCAP_VERSION.1.to_ne_bytes())?;
    for field in [0, 0, SNAP_LEN, LINKTYPE_ETHERNET] {
        file.write_all(&field.to_ne_bytes())?;
    }
    for frame in frames {
        for field in [0, 0, frame.len() as u32, frame.len() as u32] {
            file.write_all(&field.to_ne_bytes())?;
        }
        file.write_all(frame)?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dataplane::fib::Prefix6;

    use super::*;
    use crate::fib::table::{Family, Route};
    use crate::throughput::scenario::{Size, Work};

    #[test]
    fn a_file_of_two_frames() {
        let path = std::env::temp_dir().join(format!("benches-capture-{}", std::process::id()));
        write(&path, &[vec![1, 2, 3], vec![4]]).unwrap();
        let found = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        // As scapy's PcapWriter writes them, little-endian.
        let want = "d4c3b2a1 02000400 00000000 00000000 ffff0000 01000000 \
                    00000000 00000000 03000000 03000000 010203 00000000 00000000 01000000 01000000 04";
        let want: String = want.split_whitespace().collect();
        let found = found.iter().fold(String::new(), |text, octet| text + &format!("{octet:02x}"));
        #[cfg(target_endian = "little")]
        assert_eq!(found, want);
    }

    #[test]
    fn destinations_are_in_prefixes_all_over_the_table() {
        let table = Table::synthetic(1000);
        let found = destinations(&table, 250);
        assert_eq!(found.len(), 250);
        assert!(found.iter().all(|address| table.routes().iter().any(|r| r.prefix.contains(*address))));
        let quarter = |address: &u128| {
            table.routes().iter().rposition(|r| r.prefix.contains(*address)).unwrap_or_default() / 250
        };
        for part in 0..4 {
            assert!(found.iter().filter(|address| quarter(address) == part).count() > 30, "part {part}");
        }
    }

    #[test]
    fn addresses_of_the_seats_and_of_no_network_are_left_out() {
        let route = |address: u128, len| Route { prefix: Prefix6::new(address, len), next_hop: 1 };
        let routes = [route(0x2001_0db8 << 96, 32), route(0xfe80 << 112, 10), route(0x2001_0db9 << 96, 32)];
        let table = Arc::new(Table::new(Family::V6, "three", routes));
        let frames = frames(&Scenario::spread("three", &table).with_flows(10), 0);
        assert!(frames.iter().all(|frame| frame[38..42] == [0x20, 0x01, 0x0d, 0xb9]), "{frames:02x?}");
        assert_eq!(frames.len(), 10);
    }

    #[test]
    fn frames_of_a_pair_and_their_sizes() {
        let scenario = Scenario::new(Work::Plain).with_size(Size::Imix);
        let frames = frames(&scenario, 1);
        assert_eq!(frames.len(), 264);
        assert_eq!(frames[6].len(), 1518);
        assert_eq!(frames[0][42..44], [0, 9]);
    }
}
