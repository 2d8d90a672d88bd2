//! `dpdk-testpmd`: what the seats cost by themselves (`io`), and with the least that a forwarder does (`mac`).

use std::path::PathBuf;
use std::process::Command;

use super::{Dut, installed, sink, source};
use crate::throughput::BenchError;
use crate::throughput::scenario::{Scenario, Work};
use crate::throughput::seat::{Launch, Sample, Seat};

/// Every packet from source to sink, nobody looks at it.
pub const IO: &str = "testpmd-io";
/// The same with new Ethernet addresses.
pub const MAC: &str = "testpmd-mac";
const NEIGHBOR_MAC: &str = "02:00:00:00:00:b2";
/// Packet buffers beside those of the capture, for each pair of ports.
const BUFFERS: u32 = 16_384;

#[derive(Debug)]
pub struct Testpmd {
    name: &'static str,
    mode: &'static str,
    program: PathBuf,
}

impl Testpmd {
    pub fn find(name: &'static str, mode: &'static str) -> Result<Testpmd, String> {
        Ok(Testpmd { name, mode, program: installed("dpdk-testpmd")? })
    }
}

impl Dut for Testpmd {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> Option<String> {
        None
    }

    fn takes(&self, scenario: &Scenario) -> bool {
        self.name == IO || scenario.work == Work::Plain
    }

    fn run(&mut self, seat: &Seat, scenario: &Scenario) -> Result<Sample, BenchError> {
        let cores = seat.workers(scenario.workers)?;
        let mut command = Command::new(&self.program);
        // Logical cores 1, 2 and so on forward; 0 waits for commands.
        let lcores = cores.iter().enumerate().map(|(index, core)| format!(",{}@{core}", index + 1));
        command.arg(format!("--lcores=0@{}{}", seat.control_core, lcores.collect::<String>()));
        command.args(seat.eal_options(Seat::memory_mb(scenario)));
        let (mut sources, mut sinks) = (Vec::new(), Vec::new());
        for (number, capture) in (0..).zip(seat.captures(scenario)?) {
            for ((name, device), names) in
                [(source(number, &capture), &mut sources), (sink(number), &mut sinks)]
            {
                command.arg(format!("--vdev={device}"));
                names.push(name);
            }
        }
        let workers = scenario.workers;
        command.args(["--", &format!("--forward-mode={}", self.mode), &format!("--nb-cores={workers}")]);
        // Ports 0 and 1 are a pair, 2 and 3, and so on.
        command.arg("--port-topology=paired");
        command.arg(format!("--total-num-mbufs={}", (BUFFERS + scenario.flows) * u32::from(workers)));
        command.arg(format!("--mbuf-size={}", Seat::buffer_bytes(scenario)));
        command.args((0..workers).map(|pair| format!("--eth-peer={},{NEIGHBOR_MAC}", 2 * pair + 1)));
        let launch = Launch { command, sources, sinks, file_prefix: Some(seat.unique()), setup: None };
        seat.measure(launch, scenario, |_| Ok(()))
    }
}
