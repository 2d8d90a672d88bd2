//! VPP with its dpdk plugin in the seats: `benches/rivals/vpp` has its start-up configuration.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Dut, filled, first_line, installed, sink, source, succeeds};
use crate::throughput::BenchError;
use crate::throughput::dut::mexfwd::table_routes;
use crate::throughput::packet::{ROUTES, sid};
use crate::throughput::scenario::{MAX_SEGMENTS, Scenario, Work};
use crate::throughput::seat::{Launch, Sample, Seat};

/// As reports name it.
pub const NAME: &str = "vpp";
const STARTUP: &str = include_str!("../../../rivals/vpp/startup.conf");
const COMMON: &str = include_str!("../../../rivals/vpp/common.cli");
/// The binding SID of the policy that plain packets are steered into.
const BINDING: &str = "fc00:0:1:b::";
/// Packet buffers beside those of the capture.
const BUFFERS: u32 = 32_768;

#[derive(Debug)]
pub struct Vpp {
    program: PathBuf,
    client: PathBuf,
}

impl Vpp {
    pub fn find() -> Result<Vpp, String> {
        Ok(Vpp { program: installed("vpp")?, client: installed("vppctl")? })
    }
}

/// Asks for the names of its interfaces, which VPP chooses itself, and has it read the commands.
fn configure(client: &Path, socket: &Path, file: &Path, scenario: &Scenario) -> Result<(), BenchError> {
    let ask = |words: &[&str]| succeeds(Command::new(client).arg("-s").arg(socket).args(words));
    let names = interfaces(&ask(&["show", "interface"])?);
    let [inward, outward] = names.as_slice() else {
        return Err(BenchError(format!("two interfaces are there when VPP is ready, not {names:?}")));
    };
    let text = commands(scenario, inward, outward);
    std::fs::write(file, text).map_err(|error| BenchError(format!("{}: {error}", file.display())))?;
    let said = ask(&["exec", &file.display().to_string()])?;
    if !said.trim().is_empty() {
        return Err(BenchError(said.trim().replace('\n', " | ")));
    }
    // Packets flow only now, over routes that are all there.
    for name in [outward, inward] {
        ask(&["set", "interface", "state", name, "up"])?;
    }
    Ok(())
}

/// First words of the lines of `show interface` that begin one, without VPP's own.
fn interfaces(shown: &str) -> Vec<String> {
    let begins = |line: &&str| !line.starts_with(char::is_whitespace) && !line.trim().is_empty();
    let names = shown.lines().skip(1).filter(begins).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "local0").map(str::to_owned).collect()
}

fn commands(scenario: &Scenario, inward: &str, outward: &str) -> String {
    let mut text = filled(COMMON, &[("in", inward), ("out", outward)]);
    let via = format!("via 2001:db8:ffff:2::2 {outward}");
    for node in 2..=MAX_SEGMENTS + 1 {
        let _ = writeln!(text, "ip route add fc00:0:{node:x}::/48 {via}");
    }
    if let Work::Encaps(count) = scenario.work {
        let mut policy = format!("sr policy add bsid {BINDING}");
        for node in (2..).take(usize::from(count)) {
            let _ = write!(policy, " next {}", std::net::Ipv6Addr::from(sid(node, 0x100)));
        }
        let _ = writeln!(text, "{policy} encap");
    }
    for index in 1..=ROUTES {
        let _ = match scenario.work {
            Work::Encaps(_) => writeln!(text, "sr steer l3 2001:db8:{index:x}::/48 via bsid {BINDING}"),
            _ => writeln!(text, "ip route add 2001:db8:{index:x}::/48 {via}"),
        };
    }
    for route in scenario.routes.iter().flat_map(|routes| table_routes(&routes.table)) {
        let address = std::net::Ipv6Addr::from(route.prefix.address());
        let _ = writeln!(text, "ip route add {address}/{} {via}", route.prefix.len());
    }
    text
}

impl Dut for Vpp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> Option<String> {
        first_line(&self.program, &["--version"])
    }

    fn takes(&self, scenario: &Scenario) -> bool {
        let is_known = matches!(
            scenario.work,
            Work::Plain | Work::End | Work::EndPsp | Work::Un | Work::Encaps(_) | Work::Dt6 | Work::Dt6Srh
        );
        is_known && scenario.workers == 1 && scenario.longest_frame() <= 2048
    }

    fn run(&mut self, seat: &Seat, scenario: &Scenario) -> Result<Sample, BenchError> {
        let captures = seat.captures(scenario)?;
        let capture = captures.first().ok_or_else(|| BenchError("no capture".to_owned()))?;
        let ((source, source_device), (sink, sink_device)) = (source(0, capture), sink(0));
        let worker = seat.workers(1)?.first().copied().unwrap_or_default();
        let socket = seat.path("vpp.sock");
        let startup = filled(
            STARTUP,
            &[
                ("cli", &socket.display().to_string()),
                ("log", &seat.path("vpp.log").display().to_string()),
                ("control", &seat.control_core.to_string()),
                ("worker", &worker.to_string()),
                ("buffers", &(BUFFERS + scenario.flows).to_string()),
                ("source", &source_device),
                ("sink", &sink_device),
            ],
        );
        let startup = seat.write("vpp.conf", &startup)?;
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(startup);
        let (client, file, scenario_of) = (self.client.clone(), seat.path("vpp.cli"), scenario.clone());
        let setup = move || configure(&client, &socket, &file, &scenario_of);
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
    fn names_of_interfaces_are_read() {
        let shown = "              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     Counter          Count\n\
                     UnknownEthernet0                  1     down         9000/0/0/0\n\
                     \x20                                                             rx packets                1\n\
                     UnknownEthernet1                  2     down         9000/0/0/0\n\
                     local0                            0     down          0/0/0/0\n";
        assert_eq!(interfaces(shown), ["UnknownEthernet0", "UnknownEthernet1"]);
    }

    #[test]
    fn a_policy_of_three_segments() {
        let text = commands(&Scenario::new(Work::Encaps(3)), "a", "b");
        assert!(text.contains(
            "sr policy add bsid fc00:0:1:b:: next fc00:0:2:100:: next fc00:0:3:100:: next fc00:0:4:100:: encap\n"
        ));
        assert_eq!(text.matches("sr steer l3 ").count(), 8);
        assert!(text.contains("set interface ip address b 2001:db8:ffff:2::1/64\n"));
        assert!(!text.contains(['{', '}']));
    }

    #[test]
    fn the_start_up_file_has_no_other_places() {
        let names = ["cli", "log", "control", "worker", "buffers", "source", "sink"];
        let values: Vec<(&str, &str)> = names.iter().map(|name| (*name, "x")).collect();
        let text = filled(STARTUP, &values);
        assert_eq!(text.matches("{x}").count(), 0);
        for name in names {
            assert!(
                STARTUP.contains(&format!("{{{name}}}")) && !text.contains(&format!("{{{name}}}")),
                "{name}"
            );
        }
    }
}
