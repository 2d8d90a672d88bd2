//! One worker and the router, driven in turn by one thread.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use dataplane::buffer::HeapBuf;
use dataplane::burst::Step;
use dataplane::graph::Edge;
use dataplane::id::PortId;
use dataplane::table::Liveness;
use dataplane::update::Rings;
use dataplane::wire::ethernet::Mac;
use dataplane::worker::{Arrivals, PacketIo, Worker};
use serde_json::Value;

use super::Input;
use super::capture::{CaptureError, Writer};
use crate::command::Command;
use crate::config::{self, Config};
use crate::oam::Copies;
use crate::router::{Buffers, ChangeError, Mode, Router};

/// Turns of worker and control for one burst, at most: each turn moves every packet on, and no packet needs more than a
/// few.
const MAX_TURNS: usize = 10_000;

/// Buffers that remember which input they answer.
#[derive(Default)]
struct HeapBuffers {
    cause: u64,
}

impl Buffers<HeapBuf> for HeapBuffers {
    fn make(&mut self, frame: &[u8]) -> Option<HeapBuf> {
        Some(HeapBuf::new(frame, self.cause))
    }

    fn follow(&mut self, cause: &HeapBuf) {
        self.cause = cause.cause;
    }

    fn resume(&mut self, held: &mut HeapBuf) {
        held.cause = self.cause;
    }
}

/// A frame sent in this burst.
struct Sent {
    cause: u64,
    port: PortId,
    frame: HeapBuf,
}

/// The ports: inputs that wait for their turn, and what was sent.
#[derive(Default)]
struct ReplayIo {
    inputs: VecDeque<(PortId, u64, HeapBuf)>,
    sent: Vec<Sent>,
}

impl PacketIo<HeapBuf> for ReplayIo {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, arrivals: &mut Arrivals<'_, HeapBuf>) {
        while arrivals.room() > 0
            && let Some((port, arrival_ns, frame)) = self.inputs.pop_front()
        {
            // There is room: asked above.
            let _ = arrivals.push_at(port, frame, arrival_ns);
        }
    }

    fn transmit(&mut self, port: PortId, frames: &mut [Option<HeapBuf>]) {
        for frame in frames.iter_mut().filter_map(Option::take) {
            self.sent.push(Sent { cause: frame.cause, port, frame });
        }
    }
}

/// See the module.
pub(super) struct Engine {
    worker: Worker<HeapBuf>,
    router: Router<HeapBuf>,
    io: ReplayIo,
    buffers: HeapBuffers,
    writers: Vec<Option<Writer>>,
    /// Timestamps of the inputs of the current burst, by number.
    timestamps: VecDeque<(u64, u64)>,
    now_ns: u64,
    trace: bool,
    copies: Copies,
}

/// The station address of a port whose configuration gives none: locally administered, from its position.
fn default_mac(index: usize) -> Mac {
    Mac([2, 0, 0, 0, 0, (index + 1) as u8])
}

impl Engine {
    pub(super) fn new(config: Config, trace: bool) -> Result<Engine, String> {
        let macs: Vec<_> = config
            .ports
            .iter()
            .enumerate()
            .map(|(index, port)| port.mac.map_or_else(|| default_mac(index), Mac))
            .collect();
        let copies = Copies::open(config.srv6.oam.as_ref(), false)?;
        let liveness = Arc::new(Liveness::default());
        let rings = Arc::new(Rings::default());
        let mut worker = Worker::new(Arc::clone(&rings), Arc::clone(&liveness));
        let mut buffers = HeapBuffers::default();
        let writers = config.ports.iter().map(|_| None).collect();
        let router = Router::new(config, &macs, liveness, vec![rings], Mode::REPLAY, &mut buffers, 0)?;
        if trace {
            worker.start_trace();
        }
        let timestamps = VecDeque::new();
        let io = ReplayIo::default();
        let mut engine =
            Engine { worker, router, io, buffers, writers, timestamps, now_ns: 0, trace, copies };
        engine.flush().map_err(|e| e.to_string())?;
        Ok(engine)
    }

    /// Writes what the port sends to a capture.
    pub(super) fn write_to(&mut self, port: &str, writer: Writer) -> Result<(), String> {
        let Some(id) = self.router.port_id(port) else {
            return Err(format!("--out {port}: {}", config::unknown_port(&self.router.config().ports, port)));
        };
        if let Some(place) = self.writers.get_mut(id.index())
            && place.replace(writer).is_some()
        {
            return Err(format!("--out {port}: given twice; a port has one output"));
        }
        Ok(())
    }

    /// Packets that wait for [`Engine::flush`].
    pub(super) fn waiting(&self) -> usize {
        self.io.inputs.len()
    }

    /// The next input packet.
    pub(super) fn push(&mut self, number: u64, input: &Input) {
        self.now_ns = input.timestamp_ns;
        self.timestamps.push_back((number, input.timestamp_ns));
        let frame = HeapBuf::new(&input.octets, number);
        self.io.inputs.push_back((PortId(input.port as u16), input.timestamp_ns, frame));
    }

    /// Takes the inputs that wait, and all that follows from them, to the end.
    pub(super) fn flush(&mut self) -> Result<(), CaptureError> {
        for _ in 0..MAX_TURNS {
            let work = self.worker.poll(&mut self.io, self.now_ns);
            self.print_trace();
            self.write_copies();
            let punts = self.router.take_punts(usize::MAX, &mut self.buffers, self.now_ns);
            self.router.push();
            if work == 0 && punts == 0 && self.router.is_settled() {
                break;
            }
        }
        self.write_sent()
    }

    /// Copies of packets with the O-flag, at the time of the packet.
    fn write_copies(&mut self) {
        let copies = &mut self.copies;
        self.router.take_samples(|sample| {
            if let Err(problem) = copies.take(sample, Duration::from_nanos(sample.arrival_ns)) {
                eprintln!("{problem}");
            }
        });
    }

    /// In the order of the causes: what came first is answered first, however the burst was sorted.
    fn write_sent(&mut self) -> Result<(), CaptureError> {
        let mut sent = std::mem::take(&mut self.io.sent);
        sent.sort_by_key(|sent| sent.cause);
        for Sent { cause, port, frame } in sent {
            let found = self.timestamps.binary_search_by_key(&cause, |(number, _)| *number);
            // What a timer or command before the burst caused has the time of the packet that it came before.
            let timestamp_ns =
                found.ok().and_then(|index| self.timestamps.get(index)).map_or(self.now_ns, |(_, at)| *at);
            if let Some(Some(writer)) = self.writers.get_mut(port.index()) {
                writer.write(timestamp_ns, dataplane::buffer::PacketBuf::bytes(&frame))?;
            }
        }
        self.timestamps.clear();
        Ok(())
    }

    /// True when time alone makes something happen before `now_ns`.
    pub(super) fn is_timer_due(&self, now_ns: u64) -> bool {
        self.router.next_deadline_ns().is_some_and(|deadline| deadline <= now_ns)
    }

    /// Does what is due before packet `number`.
    pub(super) fn tick(&mut self, number: u64, now_ns: u64) {
        self.advance(number, now_ns);
        self.router.tick(&mut self.buffers, now_ns);
    }

    /// Carries out a command before packet `number`.
    pub(super) fn change(&mut self, command: &Command, number: u64, now_ns: u64) -> Result<(), ChangeError> {
        self.advance(number, now_ns);
        self.router.change(command, &mut self.buffers, now_ns)
    }

    fn advance(&mut self, number: u64, now_ns: u64) {
        self.now_ns = now_ns;
        self.buffers.cause = number;
    }

    fn print_trace(&mut self) {
        if !self.trace {
            return;
        }
        let steps = self.worker.take_trace();
        let mut packets: Vec<Vec<Step>> = Vec::new();
        for step in steps {
            let index = usize::from(step.sequence);
            if packets.len() <= index {
                packets.resize(index + 1, Vec::new());
            }
            packets[index].push(step);
        }
        let first = self.timestamps.front().map_or(0, |(number, _)| *number);
        for (index, steps) in packets.iter().enumerate().filter(|(_, steps)| !steps.is_empty()) {
            // Who has closed the pipe has seen enough.
            let _ = writeln!(io::stderr().lock(), "{}", self.describe(first + index as u64, steps));
        }
    }

    fn describe(&self, number: u64, steps: &[Step]) -> String {
        use std::fmt::Write as _;
        let mut line = format!("packet {number}");
        if let Some(step) = steps.first() {
            let port = self.router.ports().get(step.meta.port.index()).map_or("?", |p| p.name.as_str());
            let _ = write!(line, " from {port}: {}", step.node.name());
        }
        for step in steps {
            let _ = match step.edge {
                Edge::Node(node) => write!(line, " > {}", node.name()),
                Edge::Drop(reason) => write!(line, " > drop {} ({})", reason.name(), reason.clause()),
            };
        }
        line
    }

    /// Closes the captures and sums up.
    pub(super) fn finish(mut self) -> Result<Value, CaptureError> {
        self.flush()?;
        self.router.give_up_waiting();
        self.copies.flush();
        for problem in self.router.take_problems() {
            eprintln!("{problem}");
        }
        for writer in self.writers.into_iter().flatten() {
            writer.finish()?;
        }
        let mut summary = self.router.show_counters();
        if let Some(summary) = summary.as_object_mut() {
            // Given up: dropped now, no longer waiting.
            summary.remove("waiting");
        }
        Ok(summary)
    }
}
