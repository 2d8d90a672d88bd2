//! What a daemon takes: memory by part, and the time from its execution to the first packet forwarded, without and with a
//! full table in its configuration. No packet is received before all routes are in effect: so the first packet also says
//! when the table is loaded.

mod report;

use std::path::Path;
use std::time::Duration;

use control::ask::Ask;
use serde_json::Value;

use crate::fib::table::Table;
use crate::live::{BenchError, Daemon, Seat, Telemetry, capture, destinations};

pub use report::{json, markdown};

/// Memory that a process with a full table may take, packet buffers included, octets.
pub const MAX_BYTES: u64 = 400_000_000;
/// From execution to the first packet forwarded, without a table.
pub const MAX_START: Duration = Duration::from_secs(2);
/// The same with a full table in the configuration.
pub const MAX_LOADED: Duration = Duration::from_secs(5);
/// Packets of the capture.
const PACKETS: usize = 256;
/// Memory is looked at so long after the first packet: what belongs to the start alone has been given back.
const SETTLED: Duration = Duration::from_millis(500);
const KB: u64 = 1024;

/// One start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Routes configured.
    pub routes: usize,
    /// From the execution until the first packet had left.
    pub first_packet: Duration,
    /// Memory in ordinary pages, octets.
    pub resident_bytes: u64,
    /// The most that it was.
    pub peak_bytes: u64,
    /// Hugepages, octets.
    pub huge_bytes: u64,
    /// Of them or of the ordinary ones: packet buffers.
    pub buffer_bytes: u64,
    /// The tables that workers look packets up in, octets.
    pub fib_bytes: u64,
    /// Packets of the first look at the sink, none of them dropped.
    pub packets: u64,
}

impl Start {
    /// All memory.
    pub fn total_bytes(&self) -> u64 {
        self.resident_bytes + self.huge_bytes
    }
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Footprint {
    /// Where the table comes from.
    pub source: String,
    /// The size of the configuration, octets.
    pub config_bytes: u64,
    /// Starts with one route, in the order of time.
    pub empty: Vec<Start>,
    /// Starts with the table.
    pub full: Vec<Start>,
}

impl Footprint {
    /// What does not hold, one line each.
    pub fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let mut check = |what: &str, is: f64, most: f64, unit: &str| {
            if is > most {
                missed.push(format!("{what}: {is:.2} {unit}, the target is {most:.2}"));
            }
        };
        let seconds = |starts: &[Start]| median(starts).first_packet.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "megaoctets for people")]
        let mb = |bytes: u64| bytes as f64 / 1e6;
        check("start to the first packet", seconds(&self.empty), MAX_START.as_secs_f64(), "s");
        check("start with the table", seconds(&self.full), MAX_LOADED.as_secs_f64(), "s");
        check("memory with the table", mb(median(&self.full).total_bytes()), mb(MAX_BYTES), "MB");
        missed
    }
}

/// The start that took the median time; none: all zeros.
pub fn median(starts: &[Start]) -> Start {
    let mut sorted = starts.to_vec();
    sorted.sort_by_key(|start| start.first_packet);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Starts `program` `rounds` times without and with the table, in turn; its files are in `scratch`.
///
/// # Errors
/// It does not start, does not forward, or does not have the routes.
pub fn run(
    program: &Path,
    table: &Table,
    rounds: usize,
    core: usize,
    scratch: &Path,
) -> Result<Footprint, BenchError> {
    let failed = |error: std::io::Error| BenchError(format!("{}: {error}", scratch.display()));
    let played = capture(&scratch.join("in.pcap"), &destinations(table, PACKETS)).map_err(failed)?;
    let (empty, full) = (scratch.join("empty.toml"), scratch.join("full.toml"));
    let text = Seat::of_one_process(&played, core, Some(table)).config();
    std::fs::write(&full, &text).map_err(failed)?;
    std::fs::write(&empty, Seat::of_one_process(&played, core, None).config()).map_err(failed)?;
    let mut found = Footprint {
        source: table.source.clone(),
        config_bytes: text.len() as u64,
        empty: Vec::new(),
        full: Vec::new(),
    };
    drop(text);
    for round in 1..=rounds {
        eprintln!("[{round}/{rounds}]");
        found.empty.push(start(program, &empty, 1)?);
        found.full.push(start(program, &full, table.routes().len())?);
    }
    Ok(found)
}

fn start(program: &Path, config: &Path, routes: usize) -> Result<Start, BenchError> {
    let mut daemon = Daemon::start(program, config)?;
    let telemetry = daemon.telemetry()?;
    let sink = daemon.until(|_| port(&telemetry, "net_null1"))?;
    let packets = daemon.until(|_| sent(&telemetry, sink).filter(|packets| *packets > 0))?;
    let first_packet = daemon.begun.elapsed();
    std::thread::sleep(SETTLED);
    let fib = daemon.ask(&Ask::Fib { vrf: None, stats: true })?;
    let sum = |value: &Value, key: &str| -> u64 {
        value.as_array().into_iter().flatten().filter_map(|table| table[key].as_u64()).sum()
    };
    let dropped = daemon.dropped()?;
    // Connected prefixes and the node's own addresses are beside those of the configuration.
    let has = sum(&fib, "routes");
    if dropped > 0 || has < routes as u64 {
        return Err(BenchError(format!("{has} of {routes} routes, {dropped} packets dropped")));
    }
    Ok(Start {
        routes,
        first_packet,
        resident_bytes: daemon.status_kb("VmRSS")? * KB,
        peak_bytes: daemon.status_kb("VmHWM")? * KB,
        huge_bytes: daemon.status_kb("HugetlbPages")? * KB,
        buffer_bytes: buffers(&telemetry)?,
        fib_bytes: sum(&fib, "memory-bytes"),
        packets,
    })
}

/// DPDK's number of a device, when it is there.
fn port(telemetry: &Telemetry, device: &str) -> Option<u64> {
    telemetry.ports(&[device.to_owned()]).ok()?.first().copied()
}

fn sent(telemetry: &Telemetry, port: u64) -> Option<u64> {
    telemetry.sum(&[port], "opackets").ok()
}

/// Octets of all packet buffers, by what the pools say of themselves.
fn buffers(telemetry: &Telemetry) -> Result<u64, BenchError> {
    let pools = telemetry.ask("/mempool/list")?;
    let names = pools.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| Ok(pool_bytes(&telemetry.ask(&format!("/mempool/info,{name}"))?))).sum()
}

fn pool_bytes(info: &Value) -> u64 {
    let of = |key: &str| info[key].as_u64().unwrap_or(0);
    of("size") * (of("elt_size") + of("header_size") + of("trailer_size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(ms: u64, mb: u64) -> Start {
        let first_packet = Duration::from_millis(ms);
        Start { first_packet, resident_bytes: mb * 1_000_000, huge_bytes: 80_000_000, ..Start::default() }
    }

    #[test]
    fn what_does_not_hold_is_named() {
        let mut found = Footprint {
            source: String::new(),
            config_bytes: 0,
            empty: vec![start(300, 20), start(2500, 20), start(200, 20)],
            full: vec![start(900, 160)],
        };
        assert_eq!(found.missed(), [""; 0], "the median counts");
        found.full = vec![start(5100, 330)];
        let missed = found.missed();
        assert_eq!(
            missed,
            [
                "start with the table: 5.10 s, the target is 5.00",
                "memory with the table: 410.00 MB, the target is 400.00"
            ]
        );
    }

    #[test]
    fn a_pool_is_as_large_as_its_elements() {
        let info =
            serde_json::json!({ "size": 8191, "elt_size": 2304, "header_size": 64, "trailer_size": 64 });
        assert_eq!(pool_bytes(&info), 8191 * 2432);
    }
}
