//! The seat: an endless capture feeds one worker, whose packets go to two sinks; behind the sinks are the next hops of a
//! table.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use dataplane::wire::ethernet;

use crate::fib::random::Random;
use crate::fib::table::Table;
use crate::{MAC, frame};

/// Next hops of a table, at most; more of them share.
pub const MAX_NEXT_HOPS: u32 = 1024;
/// Microseconds, and the byte order of the machine that writes: the format's own way to tell.
const PCAP_MAGIC: u32 = 0xa1b2_c3d4;
const PCAP_VERSION: [u16; 2] = [2, 4];
const LINKTYPE_ETHERNET: u32 = 1;
const SNAP_LEN: u32 = 65_535;
/// Where the destination of an IPv6 packet is in its frame.
const DESTINATION_AT: usize = ethernet::LEN + 24;
const SEED: u64 = 2544;

/// Which ways the routes of a table have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    /// Each has one next hop, on the first sink.
    One,
    /// Each has two of the same weight, one on each sink.
    Both,
}

/// What a daemon is configured with.
#[derive(Clone, Debug)]
pub struct Seat<'a> {
    /// The device that packets come from.
    pub source: String,
    /// The devices that they leave by.
    pub sinks: [String; 2],
    /// The worker's core.
    pub core: usize,
    /// Whether the worker polls without a break.
    pub spins: bool,
    /// Its routes; `None`: one route for all.
    pub table: Option<&'a Table>,
    /// The ways of the routes.
    pub ways: Ways,
    /// Added to the number of each route's next hop: another table of the same prefixes.
    pub turn: u32,
}

/// The neighbor with this number behind a sink, and its MAC address.
pub fn neighbor(sink: usize, number: u32) -> (String, String) {
    let [_, _, high, low] = number.to_be_bytes();
    let port = ["b", "c"].get(sink).copied().unwrap_or_default();
    (format!("2001:db8:{port}::{:x}", 2 + number), format!("02:00:00:0{port}:{high:02x}:{low:02x}"))
}

/// The name of a sink's port.
pub const SINKS: [&str; 2] = ["sink-a", "sink-b"];

impl<'a> Seat<'a> {
    /// A source that plays `capture`, and sinks without an end.
    pub fn of_one_process(capture: &Path, core: usize, table: Option<&'a Table>) -> Seat<'a> {
        Seat {
            source: format!("net_pcap0,rx_pcap={},infinite_rx=1", capture.display()),
            sinks: ["net_null1,no-rx=1".to_owned(), "net_null2,no-rx=1".to_owned()],
            core,
            spins: true,
            table,
            ways: Ways::One,
            turn: 0,
        }
    }

    /// The configuration's text.
    pub fn config(&self) -> String {
        let mut text = String::new();
        let idle = if self.spins { "spin" } else { "adaptive" };
        // Writing to a string does not fail.
        let _ = writeln!(text, "[dpdk]\nworkers = [{}]\nidle = \"{idle}\"\n", self.core);
        let mut port = |name: &str, device: &str, mac: &str, subnet: &str| {
            let _ = writeln!(text, "[[port]]\nname = \"{name}\"\ndevice = \"{device}\"\nmac = \"{mac}\"");
            let _ = writeln!(text, "address = [\"2001:db8:{subnet}::1/64\"]\n");
        };
        port("source", &self.source, &MAC.to_string(), "a");
        port(SINKS[0], &self.sinks[0], "02:00:00:00:00:0b", "b");
        port(SINKS[1], &self.sinks[1], "02:00:00:00:00:0c", "c");
        // Once: it visits the whole table.
        let next_hops = self.next_hops();
        for number in 0..next_hops {
            for (sink, name) in SINKS.iter().enumerate() {
                let (address, mac) = neighbor(sink, number);
                let _ = writeln!(
                    text,
                    "[[neighbor]]\nport = \"{name}\"\naddress = \"{address}\"\nmac = \"{mac}\"\n"
                );
            }
        }
        match self.table {
            None => self.write_route(&mut text, "::/0", 0, next_hops),
            Some(table) => {
                for route in table.routes() {
                    self.write_route(&mut text, &route.prefix.to_string(), route.next_hop, next_hops);
                }
            }
        }
        text
    }

    /// Next hops of the table behind each sink.
    pub fn next_hops(&self) -> u32 {
        let most = self.table.into_iter().flat_map(Table::routes).map(|route| route.next_hop).max();
        most.unwrap_or(0).saturating_add(1).min(MAX_NEXT_HOPS)
    }

    fn write_route(&self, text: &mut String, prefix: &str, next_hop: u32, next_hops: u32) {
        let number = next_hop.wrapping_add(self.turn) % next_hops;
        let hop = |sink: usize| {
            format!("{{ address = \"{}\", port = \"{}\" }}", neighbor(sink, number).0, SINKS[sink])
        };
        let hops = match self.ways {
            Ways::One => hop(0),
            Ways::Both => format!("{}, {}", hop(0), hop(1)),
        };
        let _ = writeln!(text, "[[route]]\nprefix = \"{prefix}\"\nvia = [{hops}]");
    }
}

/// The core with the highest number that this process may use: it takes the fewest interrupts.
pub fn last_core() -> usize {
    let allowed = rustix::thread::sched_getaffinity(None).ok();
    let is_allowed = |core: &usize| allowed.as_ref().is_none_or(|cores| cores.is_set(*core));
    (0..rustix::thread::CpuSet::MAX_CPU).rev().find(is_allowed).unwrap_or(0)
}

/// Addresses in `count` prefixes that are drawn from all of a table, and an address in each.
pub fn destinations(table: &Table, count: usize) -> Vec<u128> {
    let mut random = Random::new(SEED);
    let routes = table.routes();
    // Behind a route for this node's own links nothing would be found.
    let is_ours = |address: u128| address >> 96 == 0x2001_0db8;
    let mut found = Vec::with_capacity(count);
    while found.len() < count && !routes.is_empty() {
        let prefix = routes[random.below(routes.len())].prefix;
        let address = prefix.address() | random.wide_bits() & (prefix.address() ^ prefix.last_address());
        if !is_ours(address) {
            found.push(address);
        }
    }
    found
}

/// Writes a capture of UDP packets over IPv6, 64 octets each, to these destinations.
///
/// # Errors
/// Those of the file.
pub fn capture(path: &Path, destinations: &[u128]) -> io::Result<PathBuf> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&PCAP_MAGIC.to_ne_bytes())?;
    for field in PCAP_VERSION {
        file.write_all(&field.to_ne_bytes())?;
    }
    for field in [0, 0, SNAP_LEN, LINKTYPE_ETHERNET] {
        file.write_all(&field.to_ne_bytes())?;
    }
    for (flow, destination) in (0..).zip(destinations) {
        let mut frame = frame(0, &[], flow);
        frame[DESTINATION_AT..][..16].copy_from_slice(&destination.to_be_bytes());
        let len = frame.len() as u32;
        for field in [0, 0, len, len] {
            file.write_all(&field.to_ne_bytes())?;
        }
        file.write_all(&frame)?;
    }
    file.flush()?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_one_that_mexfwd_takes() {
        let table = Table::synthetic(2000);
        let mut seat = Seat::of_one_process(Path::new("/tmp/a.pcap"), 1, Some(&table));
        for ways in [Ways::One, Ways::Both] {
            seat.ways = ways;
            let (config, warnings) = control::config::parse("seat.toml", &seat.config()).unwrap();
            assert!(warnings.is_empty(), "{warnings:?}");
            assert_eq!((config.ports.len(), config.routes.len()), (3, 2000));
            assert_eq!(config.neighbors.len() as u32, 2 * seat.next_hops());
            assert!(config.problems_for_run().is_empty());
        }
        let before = seat.config();
        seat.turn = 1;
        assert_ne!(before, seat.config());
        let one = Seat { table: None, ..seat };
        assert_eq!(control::config::parse("seat.toml", &one.config()).unwrap().0.routes.len(), 1);
    }

    #[test]
    fn destinations_are_in_the_table() {
        let table = Table::synthetic(500);
        let found = destinations(&table, 100);
        assert_eq!(found.len(), 100);
        assert!(found.iter().all(|address| table.routes().iter().any(|r| r.prefix.contains(*address))));
    }

    #[test]
    fn a_capture_of_one_frame() {
        let path = std::env::temp_dir().join(format!("mexfwd-capture-{}", std::process::id()));
        capture(&path, &[0x2001_0db9 << 96 | 5]).unwrap();
        let octets = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(octets.len(), 24 + 16 + 64);
        assert_eq!(octets[40..52], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9]);
        assert_eq!(octets[78..94], (0x2001_0db9_u128 << 96 | 5).to_be_bytes());
        // RFC 8200, 3: version 6, UDP, hop limit 64, 10 octets of payload.
        assert_eq!(octets[54..62], [0x60, 0, 0, 0, 0, 10, 17, 64]);
    }
}
