//! `mexfwd replay`: captures through the very graph and control that `run` uses, without a NIC and with the captures'
//! time. The same input gives the same output, whatever the burst size.

pub mod capture;
mod engine;
mod summary;

use std::fmt;
use std::path::PathBuf;

use dataplane::wire::{arp, ethernet, icmpv6, ipv6};
use serde_json::Value;

use crate::command::{self, Command};
use crate::config::{self, Config, Problem};
use capture::CaptureError;
use engine::Engine;
pub use summary::summary_text;

/// What to replay.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration.
    pub config: PathBuf,
    /// Port and capture, in the order of the command line: ties in time are broken by it.
    pub inputs: Vec<(String, PathBuf)>,
    /// Port and capture to be written.
    pub outputs: Vec<(String, PathBuf)>,
    /// Commands between packets.
    pub script: Option<PathBuf>,
    /// Packets that go through the graph together, 1 to 256.
    pub burst: usize,
    /// Print the way of each packet on standard error.
    pub trace: bool,
}

/// Why a replay did not run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// The configuration or the script: every problem.
    Problems(Vec<Problem>),
    /// An option, a capture, or a command of the script.
    Input(String),
    /// Something that worked stopped working: a disk that is full.
    Failed(String),
}

impl ReplayError {
    /// The process's exit status: 2 for bad input, 1 for a failure.
    pub fn exit_status(&self) -> u8 {
        match self {
            ReplayError::Problems(_) | ReplayError::Input(_) => 2,
            ReplayError::Failed(_) => 1,
        }
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Problems(problems) => {
                for (index, problem) in problems.iter().enumerate() {
                    let end = if index == 0 { "" } else { "\n" };
                    write!(f, "{end}{problem}")?;
                }
                Ok(())
            }
            ReplayError::Input(text) | ReplayError::Failed(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ReplayError {}

/// An input packet.
#[derive(Clone, Debug)]
struct Input {
    port: usize,
    timestamp_ns: u64,
    octets: Vec<u8>,
}

/// Replays; returns the summary that `--json` prints.
///
/// # Errors
/// See [`ReplayError`]. Output captures are valid as far as they were written.
pub fn run(options: &Options) -> Result<Value, ReplayError> {
    let (config, warnings) = config::load(&options.config).map_err(ReplayError::Problems)?;
    for warning in warnings {
        eprintln!("{warning}");
    }
    let script = read_script(options)?;
    let inputs = read_inputs(options, &config)?;
    let mut engine = Engine::new(config, options.trace).map_err(ReplayError::Input)?;
    for (port, path) in &options.outputs {
        let writer = capture::Writer::create(path).map_err(|e| ReplayError::Input(e.to_string()))?;
        engine.write_to(port, writer).map_err(ReplayError::Input)?;
    }
    replay(&mut engine, options.burst.clamp(1, dataplane::burst::SLOTS), inputs, &script)?;
    engine.finish().map_err(|e| ReplayError::Failed(e.to_string()))
}

fn read_script(options: &Options) -> Result<Vec<(u64, Command)>, ReplayError> {
    let Some(path) = &options.script else { return Ok(Vec::new()) };
    let name = path.display().to_string();
    let text = config::read_text(path, &name).map_err(|problem| ReplayError::Problems(vec![problem]))?;
    command::parse_script(&name, &text).map_err(ReplayError::Problems)
}

/// All input packets in timestamp order; ties in the order of the options, then of the capture.
fn read_inputs(options: &Options, config: &Config) -> Result<Vec<Input>, ReplayError> {
    let mut inputs = Vec::new();
    for (name, path) in &options.inputs {
        let port = config.ports.iter().position(|port| port.name == *name);
        let port = port.ok_or_else(|| {
            ReplayError::Input(format!(
                "--in {name}={}: {}",
                path.display(),
                config::unknown_port(&config.ports, name)
            ))
        })?;
        let frames = capture::read(path).map_err(|e| ReplayError::Input(e.to_string()))?;
        inputs.extend(frames.into_iter().map(|frame| Input {
            port,
            timestamp_ns: frame.timestamp_ns,
            octets: frame.octets,
        }));
    }
    inputs.sort_by_key(|input| input.timestamp_ns);
    Ok(inputs)
}

/// True for packets that change what control knows: they go through alone, so that the size of bursts makes no
/// difference to what the packets around them meet.
fn is_neighbor_discovery(frame: &[u8]) -> bool {
    if ethernet::Header::of(frame).is_some_and(|header| header.ether_type() == arp::ETHER_TYPE) {
        return true;
    }
    let packet = frame.get(ethernet::LEN..).unwrap_or_default();
    let is_icmpv6 = ipv6::Header::of(packet).is_some_and(|h| h.next_header() == ipv6::protocol::ICMPV6);
    is_icmpv6 && packet.get(ipv6::LEN).is_some_and(|kind| icmpv6::NEIGHBOR_DISCOVERY.contains(kind))
}

fn replay(
    engine: &mut Engine,
    burst: usize,
    inputs: Vec<Input>,
    script: &[(u64, Command)],
) -> Result<(), ReplayError> {
    let failed = |e: CaptureError| ReplayError::Failed(e.to_string());
    let mut script = script.iter().peekable();
    for (number, input) in (1u64..).zip(inputs) {
        while let Some((_, command)) = script.next_if(|(at, _)| *at <= number) {
            engine.flush().map_err(failed)?;
            let changed = engine.change(command, number, input.timestamp_ns);
            changed.map_err(|e| ReplayError::Input(format!("before packet {number}: {command}: {e}")))?;
            engine.flush().map_err(failed)?;
        }
        if engine.is_timer_due(input.timestamp_ns) {
            engine.flush().map_err(failed)?;
            engine.tick(number, input.timestamp_ns);
            engine.flush().map_err(failed)?;
        }
        let is_discovery = is_neighbor_discovery(&input.octets);
        if is_discovery {
            engine.flush().map_err(failed)?;
        }
        engine.push(number, &input);
        if is_discovery || engine.waiting() >= burst {
            engine.flush().map_err(failed)?;
        }
    }
    engine.flush().map_err(failed)
}
