//! The short form: does everything work? No rates, and little load, so that a busy machine passes too.

use super::dut::Dut;
use super::run::Task;
use crate::generator::Load;

/// Frames a second of a trial, and its seconds: so few that a worker that sleeps keeps up on a busy machine.
const RATE_PPS: f64 = 2000.0;
const SECONDS: f64 = 0.5;
/// How long frames may take, ms.
const DRAIN_MS: f64 = 2000.0;
/// A trial that a busy machine disturbed is repeated so often.
const ATTEMPTS: u32 = 3;

/// Sends some frames of each workload through each device: none may be lost, reordered or wrong. Every frame is compared.
///
/// # Errors
/// Says what is not as it has to be.
pub fn short(task: &Task, say: &dyn Fn(&str)) -> Result<(), String> {
    for dut in &task.duts {
        for kind in &task.kinds {
            // A device that does not look at the frames needs them only once.
            if dut.leaves_frames() && *kind != task.kinds[0] {
                continue;
            }
            // Long frames once: what differs between workloads is before their payload.
            let sizes = if *kind == task.kinds[0] { task.sizes.len() } else { 1 };
            for size in task.sizes.iter().take(sizes) {
                let size = (*size).max(crate::generator::headers_len(*kind) + 2);
                let name = format!("{dut}, {kind}, {size} octets");
                let mut running = task.seat.start(*dut, *kind, size)?;
                let mut generator = task.generator(*dut, *kind, size)?;
                let load = Load { check_every: 1, drain_ms: DRAIN_MS, ..Load::steady(RATE_PPS, SECONDS) };
                let mut attempt = 1;
                let outcome = loop {
                    let outcome = generator.run(&load)?;
                    if outcome.lost == 0 || attempt == ATTEMPTS {
                        break outcome;
                    }
                    attempt += 1;
                };
                running.check()?;
                if outcome.offered == 0 || outcome.lost > 0 || outcome.duplicate > 0 || outcome.reordered > 0
                {
                    return Err(format!("{name}: {outcome:?}"));
                }
                if outcome.wrong > 0 || outcome.checked != outcome.received || outcome.latency.is_none() {
                    return Err(format!(
                        "{name}: {} of {} frames wrong: {:?}",
                        outcome.wrong, outcome.checked, outcome.wrong_frame
                    ));
                }
                say(&format!("{name}: {} frames, all back and right", outcome.received));
            }
        }
    }
    if task.duts.contains(&Dut::Mexfwd) { Ok(()) } else { Err("mexfwd was not tested".to_owned()) }
}
