//! grout in the seats: `benches/rivals/grout` has the fixed part of its configuration.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Dut, filled, first_line, installed, sink, source};
use crate::throughput::BenchError;
use crate::throughput::dut::mexfwd::{next_hop_ids, table_routes};
use crate::throughput::packet::{ROUTES, sid};
use crate::throughput::scenario::{MAX_SEGMENTS, Scenario, Work};
use crate::throughput::seat::{Launch, Sample, Seat};

/// As reports name it.
pub const NAME: &str = "grout";
const COMMON: &str = include_str!("../../../rivals/grout/common.cli");
/// Ids of next hops: of the one behind the sink, of the policy, and the first of a table.
const VIA_SINK: u32 = 1;
const POLICY: u32 = 200;
const FIRST_OF_TABLE: u32 = 1000;
/// Room in the table beside the routes.
const SPARE_ROUTES: usize = 1024;
/// An Ethernet link's usual MTU, octets.
const USUAL_MTU: usize = 1500;

#[derive(Debug)]
pub struct Grout {
    program: PathBuf,
    client: PathBuf,
}

impl Grout {
    pub fn find() -> Result<Grout, String> {
        Ok(Grout { program: installed("grout")?, client: installed("grcli")? })
    }
}

/// Has the client read the commands; it ends at the first that fails.
fn configure(client: &Path, socket: &Path, commands: &Path) -> Result<(), BenchError> {
    let input = std::fs::File::open(commands)
        .map_err(|error| BenchError(format!("{}: {error}", commands.display())))?;
    let mut command = Command::new(client);
    command.arg("-e").arg("-s").arg(socket).stdin(input).stdout(Stdio::null());
    let output = command.output().map_err(|error| BenchError(format!("grcli: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(BenchError(format!("grcli: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn commands(scenario: &Scenario, source: &str, sink: &str) -> String {
    let mtu = scenario.longest_frame().max(USUAL_MTU).to_string();
    let routes = scenario.routes.as_ref().map_or(0, |routes| routes.table.routes().len());
    let mut text = format!("route config set default rib6-routes {}\n", routes + SPARE_ROUTES);
    text.push_str(&filled(COMMON, &[("source", source), ("sink", sink), ("mtu", &mtu)]));
    for node in 2..=MAX_SEGMENTS + 1 {
        let _ = writeln!(text, "route add fc00:0:{node:x}::/48 via id {VIA_SINK}");
    }
    let mut via = VIA_SINK;
    if let Work::Encaps(count) = scenario.work {
        let segments = (2..).take(usize::from(count)).map(|node| std::net::Ipv6Addr::from(sid(node, 0x100)));
        let segments: Vec<String> = segments.map(|segment| segment.to_string()).collect();
        let _ = writeln!(text, "nexthop add srv6 seglist {} encap h.encaps id {POLICY}", segments.join(" "));
        via = POLICY;
    }
    for index in 1..=ROUTES {
        let _ = writeln!(text, "route add 2001:db8:{index:x}::/48 via id {via}");
    }
    if let Some(routes) = &scenario.routes {
        let ids = next_hop_ids(&routes.table);
        for id in ids.values() {
            let _ = writeln!(
                text,
                "nexthop add l3 iface out id {} address 2001:db8:ffff:2::{:x} mac 02:00:00:01:{:02x}:{:02x}",
                FIRST_OF_TABLE + id,
                0x1000 + id,
                id >> 8,
                id & 0xff
            );
        }
        for route in table_routes(&routes.table) {
            let address = std::net::Ipv6Addr::from(route.prefix.address());
            let id = FIRST_OF_TABLE + ids.get(&route.next_hop).copied().unwrap_or_default();
            let _ = writeln!(text, "route add {address}/{} via id {id}", route.prefix.len());
        }
    }
    text
}

impl Dut for Grout {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> Option<String> {
        first_line(&self.program, &["-V"])
    }

    fn takes(&self, scenario: &Scenario) -> bool {
        let is_known = matches!(
            scenario.work,
            Work::Plain | Work::End | Work::EndPsp | Work::Encaps(_) | Work::Dt6 | Work::Dt6Srh
        );
        is_known && scenario.workers == 1 && scenario.longest_frame() <= 2048
    }

    fn run(&mut self, seat: &Seat, scenario: &Scenario) -> Result<Sample, BenchError> {
        let captures = seat.captures(scenario)?;
        let capture = captures.first().ok_or_else(|| BenchError("no capture".to_owned()))?;
        let ((source, source_device), (sink, sink_device)) = (source(0, capture), sink(0));
        let socket = seat.path("grout.sock");
        let file = seat.write("grout.cli", &commands(scenario, &source_device, &sink_device))?;
        // grout takes its cores from its affinity: the first is for control.
        let worker = seat.workers(1)?.first().copied().unwrap_or_default();
        let mut command = Command::new("taskset");
        command.args(["-c", &format!("{},{worker}", seat.control_core)]).arg(&self.program);
        command.arg("-p").arg("-s").arg(&socket);
        if !seat.has_hugepages(Seat::memory_mb(scenario)) {
            command.arg("-t");
        }
        let client = self.client.clone();
        let setup = move || configure(&client, &socket, &file);
        let launch = Launch {
            command,
            sources: vec![source],
            sinks: vec![sink],
            file_prefix: None,
            setup: Some(Box::new(setup)),
        };
        seat.measure(launch, scenario, |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_and_its_routes() {
        let text = commands(&Scenario::new(Work::Encaps(1)), "net_pcap0", "net_null1");
        assert!(text.contains("nexthop add srv6 seglist fc00:0:2:100:: encap h.encaps id 200\n"));
        assert_eq!(text.matches("via id 200\n").count(), 8);
        assert!(
            text.contains("interface add port in devargs net_pcap0 mac 02:00:00:00:00:0a mtu 1500\n"),
            "{text}"
        );
        assert!(!text.contains(['{', '}']));
    }
}
