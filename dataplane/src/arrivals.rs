//! Where frames wait between a port's receive queue and the engine: in the order of their arrival, by the run.

use crate::burst::SLOTS;
use crate::counters::Counters;
use crate::drop::Drop;
use crate::id::PortId;

/// Frames of one port, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// The port that received them.
    pub(crate) port: PortId,
    /// The first one's place.
    pub(crate) start: usize,
    /// Behind the last one's place.
    pub(crate) end: usize,
}

/// Frames that have come in and have not been looked at.
#[derive(Debug)]
pub(crate) struct Ingress<B> {
    /// `None`: taken.
    pub(crate) frames: Box<[Option<B>; SLOTS]>,
    /// When each came, ns of the caller's clock.
    pub(crate) arrival_ns: Box<[u64; SLOTS]>,
    runs: Box<[Run; SLOTS]>,
    run_count: usize,
    len: usize,
}

impl<B> Default for Ingress<B> {
    fn default() -> Self {
        let no_run = Run { port: PortId(0), start: 0, end: 0 };
        Ingress {
            frames: Box::new(std::array::from_fn(|_| None)),
            arrival_ns: Box::new([0; SLOTS]),
            runs: Box::new([no_run; SLOTS]),
            run_count: 0,
            len: 0,
        }
    }
}

impl<B> Ingress<B> {
    /// The runs, in order.
    pub(crate) fn runs(&self) -> &[Run] {
        self.runs.get(..self.run_count).unwrap_or_default()
    }

    /// A run by its number.
    pub(crate) fn run(&self, number: usize) -> Option<Run> {
        self.runs().get(number).copied()
    }

    /// Forgets the runs; every frame has been taken.
    pub(crate) fn restart(&mut self) {
        self.run_count = 0;
        self.len = 0;
    }

    /// Makes the last run longer, or begins one.
    fn grow(&mut self, port: PortId, count: usize) {
        let (start, end) = (self.len, (self.len + count).min(SLOTS));
        self.len = end;
        let last = self.run_count.wrapping_sub(1);
        match self.runs.get_mut(last) {
            Some(run) if run.port == port => run.end = end,
            _ => {
                if let Some(run) = self.runs.get_mut(self.run_count) {
                    *run = Run { port, start, end };
                    self.run_count += 1;
                }
            }
        }
    }
}

/// Where a port's receive queue puts frames.
#[derive(Debug)]
pub struct Arrivals<'a, B> {
    ingress: &'a mut Ingress<B>,
    counters: &'a Counters,
    now_ns: u64,
}

impl<'a, B> Arrivals<'a, B> {
    pub(crate) fn new(ingress: &'a mut Ingress<B>, counters: &'a Counters, now_ns: u64) -> Arrivals<'a, B> {
        Arrivals { ingress, counters, now_ns }
    }

    /// Frames that there is room for.
    pub fn room(&self) -> usize {
        SLOTS - self.ingress.len
    }

    /// A frame that `port` received.
    ///
    /// # Errors
    /// The frame itself, when there is no room: ask first.
    pub fn push(&mut self, port: PortId, frame: B) -> Result<(), B> {
        self.push_at(port, frame, self.now_ns)
    }

    /// A frame that `port` received at a time of its own, ns.
    ///
    /// # Errors
    /// The frame itself, when there is no room: ask first.
    pub fn push_at(&mut self, port: PortId, frame: B, arrival_ns: u64) -> Result<(), B> {
        let place = self.ingress.len;
        let Some(slot) = self.ingress.frames.get_mut(place) else { return Err(frame) };
        *slot = Some(frame);
        if let Some(arrival) = self.ingress.arrival_ns.get_mut(place) {
            *arrival = arrival_ns;
        }
        self.ingress.grow(port, 1);
        Ok(())
    }

    /// The free slots, all `None`, for a device to fill from the first one on; then [`Arrivals::fill`] has to be told.
    pub fn free_slots(&mut self) -> &mut [Option<B>] {
        self.ingress.frames.get_mut(self.ingress.len..).unwrap_or_default()
    }

    /// Says that the first `count` of the free slots now hold frames that `port` received.
    pub fn fill(&mut self, port: PortId, count: usize) {
        let start = self.ingress.len;
        if count == 0 {
            return;
        }
        self.ingress.grow(port, count);
        if let Some(arrivals) = self.ingress.arrival_ns.get_mut(start..self.ingress.len) {
            arrivals.fill(self.now_ns);
        }
    }

    /// Counts a frame of so many octets that `port` received and that cannot enter the engine; the caller frees it.
    pub fn refuse(&mut self, port: PortId, octets: u64, reason: Drop) {
        if let Some(counters) = self.counters.port(port) {
            counters.rx_packets.add(1);
            counters.rx_octets.add(octets);
        }
        self.counters.drop_packet(reason, octets as usize);
    }
}
