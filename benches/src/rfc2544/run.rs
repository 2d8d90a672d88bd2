//! Rounds: every workload and size with every device under test, each in turn.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::dut::{Dut, Seat};
use super::procedure::{Measured, Plan, Procedure};
use super::report::Row;
use crate::generator::{Client, Command, Kind, Load, WorkloadRequest};

/// virtio_user as the generator uses it: the layout of rings that its driver is fastest with.
const VIRTIO_ARGUMENTS: &str = "queue_size=1024,mrg_rxbuf=0,in_order=1";

/// Frames a second, and seconds, of a trial before all others; and how long until one of them loses nothing.
const WARM_UP_PPS: f64 = 1000.0;
const WARM_UP_S: f64 = 0.1;
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// What is to be measured, besides how.
#[derive(Clone, Debug)]
pub struct Task {
    /// Where.
    pub seat: Seat,
    /// The generator's program.
    pub generator: PathBuf,
    /// The generator's two NICs, to the device under test and from it; virtio if `None`.
    pub generator_pci: Option<[String; 2]>,
    /// Who.
    pub duts: Vec<Dut>,
    /// What packets need.
    pub kinds: Vec<Kind>,
    /// Octets of frames.
    pub sizes: Vec<usize>,
    /// Flows.
    pub flows: usize,
    /// Every device with every workload so often, in turn.
    pub rounds: u32,
}

impl Task {
    /// A generator with its workload, for a device under test that runs.
    ///
    /// # Errors
    /// It does not start, or the frames are too short for the workload.
    pub fn generator(&self, dut: Dut, kind: Kind, frame_bytes: usize) -> Result<Client, String> {
        let [to_dut, from_dut] = self.generator_pci.clone().unwrap_or_else(|| {
            let [input, output] = self.seat.sockets();
            [(0, input), (1, output)].map(|(number, socket)| {
                format!("net_virtio_user{number},path={},{VIRTIO_ARGUMENTS}", socket.display())
            })
        });
        let mut client = Client::start(&Command {
            program: self.generator.clone(),
            to_dut,
            from_dut,
            core: Some(self.seat.others),
            memory_mb: self.seat.memory_mb,
            has_hugepages: self.seat.has_hugepages,
            mtu: u16::try_from(super::mtu(frame_bytes))
                .map_err(|_| format!("{frame_bytes} octets are too long"))?,
            log: Some(self.seat.directory.join("generator.log")),
            ..Command::default()
        })?;
        client.workload(WorkloadRequest {
            kind: kind.to_string(),
            frame_bytes,
            flows: self.flows,
            destinations: None,
            unchanged: dut.leaves_frames(),
        })?;
        warm_up(&mut client)?;
        Ok(client)
    }

    /// What each round has: workload, size and device. Only frames that are long enough for the workload.
    fn parts(&self) -> Vec<(Kind, usize, Dut)> {
        let mut parts = Vec::new();
        for kind in &self.kinds {
            let least = crate::generator::headers_len(*kind) + 2;
            for size in &self.sizes {
                for dut in &self.duts {
                    // The shortest frames of a workload stand for those that cannot hold its headers.
                    let part = (*kind, (*size).max(least), *dut);
                    if !parts.contains(&part) {
                        parts.push(part);
                    }
                }
            }
        }
        parts
    }
}

/// Sends a little until nothing is lost: a device that has just found its links up may still be busy with its routes.
fn warm_up(generator: &mut Client) -> Result<(), String> {
    let deadline = Instant::now() + WARM_UP_TIMEOUT;
    loop {
        let outcome = generator.run(&Load::steady(WARM_UP_PPS, WARM_UP_S))?;
        if outcome.offered > 0 && outcome.lost == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!(
                "{} of {} frames are lost at {WARM_UP_PPS} a second",
                outcome.lost, outcome.offered
            ));
        }
    }
}

/// Runs all rounds. `say` gets a line about each step.
///
/// # Errors
/// The first thing that goes wrong.
pub fn run(task: &Task, plan: &Plan, say: &dyn Fn(&str)) -> Result<Vec<Row>, String> {
    let parts = task.parts();
    let mut rows = Vec::new();
    for round in 0..task.rounds {
        // Every round begins with another one.
        for at in 0..parts.len() {
            let (kind, frame_bytes, dut) = parts[(at + round as usize) % parts.len()];
            let place = at + 1 + round as usize * parts.len();
            let name = format!(
                "[{place}/{}] {kind}, {frame_bytes} octets, {dut}",
                parts.len() * task.rounds as usize
            );
            let measured = one(task, plan, (kind, frame_bytes, dut), &|text| say(&format!("{name}: {text}")))
                .map_err(|error| format!("{name}: {error}"))?;
            rows.push(Row { kind, frame_bytes, dut, round, measured });
        }
    }
    Ok(rows)
}

fn one(
    task: &Task,
    plan: &Plan,
    (kind, frame_bytes, dut): (Kind, usize, Dut),
    say: &dyn Fn(&str),
) -> Result<Measured, String> {
    let mut running = task.seat.start(dut, kind, frame_bytes)?;
    let mut generator = task.generator(dut, kind, frame_bytes)?;
    let measured = Procedure::new(plan, &mut generator, &running, frame_bytes).run(say);
    running.check()?;
    measured
}
