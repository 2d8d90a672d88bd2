//! DPDK's `l3fwd`, built from the packaged example with the patch of `benches/rivals/l3fwd`: what an example omits
//! (hop limit, MTU, neighbors, ICMP) makes it the rival with the least work.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Dut, installed, succeeds};
use crate::fib::engines::dpdk::{tbl8_count, tbl8_reserved};
use crate::fib::table::Table;
use crate::throughput::BenchError;
use crate::throughput::dut::mexfwd::{next_hop_ids, table_routes};
use crate::throughput::packet::ROUTES;
use crate::throughput::scenario::{Scenario, Work};
use crate::throughput::seat::{Launch, Sample, Seat};

/// Lookup in `rte_fib6`.
pub const FIB: &str = "l3fwd-fib";
/// Lookup in `rte_lpm6`.
pub const LPM: &str = "l3fwd-lpm";

const SOURCES: &str = "/usr/share/dpdk/examples";
const PATCH: &str = include_str!("../../../rivals/l3fwd/seats.patch");
/// Of the compiler.
const FLAGS: [&str; 3] = ["-O3", "-march=native", "-DALLOW_EXPERIMENTAL_API"];
const NEIGHBOR_MAC: &str = "02:00:00:00:00:b2";
/// The example wants an IPv4 rule, too.
const IPV4_RULE: &str = "R198.18.0.0/15 1\n";
/// What the example has without more routes than it expects.
const SMALL_TABLE: usize = 1000;
/// Spare room in a larger table.
const SPARE: usize = 1024;
/// Octets of one second-level table of `rte_fib6` or `rte_lpm6`, with 4-octet entries.
const TBL8_BYTES: usize = 1024;
/// The first stage, and the routes in control's own tree: octets each.
const FRONT_MB: usize = 64 + 64;
const RULE_BYTES: usize = 512;
/// Descriptors: its number of packet buffers follows from these, and the capture needs one for each packet.
const TX_DESCRIPTORS: u32 = 2048;
/// Packet buffers fit frames of so many octets.
const LONGEST_FRAME: usize = 2048;

#[derive(Debug)]
pub struct L3fwd {
    name: &'static str,
    lookup: &'static str,
    /// Programs by the table that their limits are for.
    built: BTreeMap<String, Built>,
}

#[derive(Clone, Debug)]
struct Built {
    program: PathBuf,
    rules: PathBuf,
    table_mb: u32,
}

impl L3fwd {
    pub fn find(name: &'static str, lookup: &'static str) -> Result<L3fwd, String> {
        for program in ["cc", "pkg-config", "patch"] {
            installed(program)?;
        }
        if !Path::new(SOURCES).join("l3fwd/main.c").is_file() {
            return Err(format!("no sources in {SOURCES}/l3fwd: Debian has them in dpdk-doc"));
        }
        Ok(L3fwd { name, lookup, built: BTreeMap::new() })
    }

    /// The program for this table, and the table as its rules.
    fn built(&mut self, seat: &Seat, table: Option<&Table>) -> Result<Built, BenchError> {
        let key = table.map_or("", |table| table.source.as_str()).to_owned();
        if let Some(built) = self.built.get(&key) {
            return Ok(built.clone());
        }
        let limits = table.map(limits).unwrap_or_default();
        let rules = seat.write(&format!("{}-{}.rules6", self.name, self.built.len()), &rules6(table))?;
        let table_mb = u32::try_from(limits.megabytes()).unwrap_or(u32::MAX);
        let built = Built { program: self.program(limits)?, rules, table_mb };
        self.built.insert(key, built.clone());
        Ok(built)
    }

    /// The program with these limits, beside this one; built if it is not there from an earlier run.
    fn program(&self, limits: Limits) -> Result<PathBuf, BenchError> {
        let definitions = limits.definitions(self.lookup);
        let mut hasher = DefaultHasher::new();
        (PATCH, FLAGS, &definitions, self.lookup).hash(&mut hasher);
        let own = std::env::current_exe().map_err(|error| BenchError(error.to_string()))?;
        let directory = own.with_file_name("rivals").join(format!("{}-{:016x}", self.name, hasher.finish()));
        let program = directory.join("l3fwd");
        if !program.is_file() {
            build(&directory, &definitions)?;
        }
        Ok(program)
    }
}

/// Builds l3fwd from the packaged sources.
fn build(directory: &Path, definitions: &[String]) -> Result<(), BenchError> {
    let io = |error: std::io::Error| BenchError(format!("{}: {error}", directory.display()));
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).map_err(io)?;
    for entry in fs::read_dir(Path::new(SOURCES).join("l3fwd")).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, directory.join(name)).map_err(io)?;
        }
    }
    let patch = directory.join("seats.patch");
    fs::write(&patch, PATCH).map_err(io)?;
    succeeds(Command::new("patch").args(["-s", "-p1", "-i"]).arg(&patch).current_dir(directory))?;
    let flags = |what: &str| {
        let said = succeeds(Command::new("pkg-config").args([what, "libdpdk"]))?;
        Ok::<_, BenchError>(said.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    };
    let mut compiler = Command::new("cc");
    // DPDK's own flags ask for an old processor: ours come behind them.
    compiler.args(flags("--cflags")?).args(FLAGS);
    compiler.args(["-I", &format!("{SOURCES}/common"), "-o", "l3fwd.new"]);
    compiler.args(definitions).args(c_files(directory).map_err(io)?);
    succeeds(compiler.args(flags("--libs")?).current_dir(directory))?;
    fs::rename(directory.join("l3fwd.new"), directory.join("l3fwd")).map_err(io)
}

/// How large the IPv6 table may become; none: as the example has it.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    routes: usize,
    fib_tbl8: usize,
    lpm_tbl8: usize,
}

fn limits(table: &Table) -> Limits {
    if table.routes().len() < SMALL_TABLE {
        return Limits::default();
    }
    let spare = |count: usize| count + count / 8 + SPARE;
    Limits {
        routes: spare(table.routes().len()),
        fib_tbl8: spare(tbl8_reserved(table)),
        lpm_tbl8: spare(tbl8_count(table)),
    }
}

impl Limits {
    fn definitions(self, lookup: &str) -> Vec<String> {
        let Limits { routes, fib_tbl8, lpm_tbl8 } = self;
        match (routes, lookup) {
            (0, _) => Vec::new(),
            (_, "fib") => vec![format!("-DFIB6_MAX_ROUTES={routes}"), format!("-DFIB6_TBL8={fib_tbl8}")],
            _ => vec![
                format!("-DIPV6_L3FWD_LPM_MAX_RULES={routes}"),
                format!("-DIPV6_L3FWD_LPM_NUMBER_TBL8S={lpm_tbl8}"),
            ],
        }
    }

    fn megabytes(self) -> usize {
        let tables = self.fib_tbl8.max(self.lpm_tbl8).max(1 << 16) * TBL8_BYTES + self.routes * RULE_BYTES;
        FRONT_MB + tables.div_ceil(1 << 20)
    }
}

fn c_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        // This one is included by another.
        let is_included = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("_parse.c"));
        if path.extension().is_some_and(|extension| extension == "c") && !is_included {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The eight routes and the table, all to port 1; each route has the id of its next hop.
fn rules6(table: Option<&Table>) -> String {
    let mut rules = String::new();
    for index in 1..=ROUTES {
        let _ = writeln!(rules, "R2001:db8:{index:x}::/48 1");
    }
    let ids = table.map(next_hop_ids).unwrap_or_default();
    for route in table.into_iter().flat_map(table_routes) {
        let address = Ipv6Addr::from(route.prefix.address());
        let id = ids.get(&route.next_hop).copied().unwrap_or_default();
        let _ = writeln!(rules, "R{address}/{} 1 {id}", route.prefix.len());
    }
    rules
}

impl Dut for L3fwd {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> Option<String> {
        None
    }

    fn takes(&self, scenario: &Scenario) -> bool {
        scenario.work == Work::Plain && scenario.longest_frame() <= LONGEST_FRAME && scenario.workers == 1
    }

    fn prepare(&mut self, seat: &Seat, scenario: &Scenario) -> Result<(), BenchError> {
        self.built(seat, scenario.routes.as_ref().map(|routes| routes.table.as_ref())).map(drop)
    }

    fn run(&mut self, seat: &Seat, scenario: &Scenario) -> Result<Sample, BenchError> {
        let table = scenario.routes.as_ref().map(|routes| routes.table.as_ref());
        let built = self.built(seat, table)?;
        let rules4 = seat.write("l3fwd.rules4", IPV4_RULE)?;
        let captures = seat.captures(scenario)?;
        let ((source, source_device), (sink, sink_device)) = match captures.as_slice() {
            [capture] => (super::source(0, capture), super::sink(0)),
            _ => return Err(BenchError("one pair of ports is what it is configured for".to_owned())),
        };
        let core = seat.workers(1)?.first().copied().unwrap_or_default();
        let mut command = Command::new(&built.program);
        // The main core forwards: one core is one transmit queue, and the source has no more.
        command.args(["-l", &core.to_string()]);
        command.args(seat.eal_options(Seat::memory_mb(scenario) + built.table_mb));
        command.arg(format!("--vdev={source_device}")).arg(format!("--vdev={sink_device}"));
        command.args(["--", "-p", "3", "-P", &format!("--lookup={}", self.lookup)]);
        command.args([&format!("--config=(0,0,{core})"), "--parse-ptype"]);
        command.arg(format!("--rule_ipv6={}", built.rules.display()));
        command.arg(format!("--rule_ipv4={}", rules4.display()));
        command.arg(format!("--eth-dest=1,{NEIGHBOR_MAC}"));
        if scenario.flows > TX_DESCRIPTORS {
            // Two ports have so many buffers each.
            command.arg(format!("--rx-queue-size={}", (scenario.flows / 2 + TX_DESCRIPTORS).min(65_535)));
            command.arg(format!("--tx-queue-size={TX_DESCRIPTORS}"));
        }
        let launch = Launch {
            command,
            sources: vec![source],
            sinks: vec![sink],
            file_prefix: Some(seat.unique()),
            setup: None,
        };
        seat.measure(launch, scenario, |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_eight_routes_and_of_a_table() {
        assert_eq!(rules6(None).lines().count(), 8);
        assert!(rules6(None).starts_with("R2001:db8:1::/48 1\n"));
        let table = Table::synthetic(100);
        let rules = rules6(Some(&table));
        assert_eq!(rules.lines().count(), 108);
        let last = rules.lines().last().unwrap();
        let words: Vec<&str> = last.split(' ').collect();
        assert_eq!((words.len(), words[1]), (3, "1"), "{last}");
    }

    #[test]
    fn a_large_table_raises_the_limits() {
        assert!(limits(&Table::synthetic(100)).definitions("fib").is_empty());
        let limits = limits(&Table::synthetic(20_000));
        assert!(limits.routes > 20_000 && limits.fib_tbl8 > limits.lpm_tbl8);
        assert!(limits.definitions("fib")[0].starts_with("-DFIB6_MAX_ROUTES=2"));
        assert!(limits.definitions("lpm")[1].starts_with("-DIPV6_L3FWD_LPM_NUMBER_TBL8S="));
    }

    #[test]
    fn the_patch_is_one_of_the_packaged_example() {
        for file in ["main.c", "l3fwd_fib.c", "l3fwd_lpm.c", "l3fwd_route.h", "lpm_route_parse.c"] {
            assert!(PATCH.contains(&format!("--- a/{file}\n+++ b/{file}\n")), "{file}");
        }
    }
}
