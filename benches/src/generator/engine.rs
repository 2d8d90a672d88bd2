//! The loop: sends frames when they are due, receives what comes back, and keeps account.

use std::fmt::Write;

use dpdk::{Mbuf, MbufBurst, ThreadRegistration, tsc, tsc_hz};

use super::latency::Latencies;
use super::pace::{self, Pacer};
use super::ports::Ports;
use super::probe::{Probe, ticks_since, time};
use super::sequence::{MAX_FRAMES, Sequence};
use super::trial::{Interval, Load, Outcome, PhaseOutcome};
use super::workload::Workload;

/// Frames that are handed to the device at once.
const TRANSMIT_BURST: usize = 32;
/// Frames ahead of the one that is looked at, whose first octets are fetched into the cache.
const FETCH_AHEAD: usize = 4;
/// The longest trial, in seconds.
pub const SECONDS_MAX: f64 = 3600.0;
/// The most intervals of a trial.
const INTERVALS_MAX: f64 = 1e6;
const MS_PER_SECOND: f64 = 1e3;

/// A generator with its devices. It belongs to the thread that made it.
#[derive(Debug)]
pub struct Engine {
    ports: Ports,
    _registration: ThreadRegistration,
    next_number: u32,
    slots: [Option<Mbuf>; TRANSMIT_BURST],
    burst: Box<MbufBurst>,
}

impl Engine {
    /// Takes the devices.
    ///
    /// # Errors
    /// DPDK has no place for another thread.
    pub fn new(ports: Ports) -> Result<Engine, String> {
        let registration = ports.eal().register_thread().map_err(|error| error.to_string())?;
        Ok(Engine {
            ports,
            _registration: registration,
            next_number: 0,
            slots: [const { None }; TRANSMIT_BURST],
            burst: Box::default(),
        })
    }

    /// Runs a trial.
    ///
    /// # Errors
    /// The load makes no sense, or there is no memory for its results.
    pub fn run(&mut self, workload: &Workload, load: &Load) -> Result<Outcome, String> {
        check(load)?;
        self.discard_arrivals();
        let hz = tsc_hz();
        let mut account = Account::new(workload, load, self.next_number, hz)?;
        let start = tsc();
        account.start = start;
        account.interval_end = start.saturating_add(account.interval_ticks);
        let mut pacer = Pacer::new(0.0, hz, load.bucket_frames, start);
        let limit = load.frames.unwrap_or(MAX_FRAMES).min(MAX_FRAMES);
        let mut end = start;
        let mut intended = 0.0;
        for phase in &load.phases {
            account.begin_phase();
            pacer.set_rate(phase.rate_pps, hz);
            end += seconds_to_ticks(phase.seconds, hz);
            intended += phase.rate_pps * phase.seconds;
            self.run_phase(workload, &mut account, &mut pacer, end, limit);
        }
        let sent_until = tsc();
        self.drain(workload, &mut account, seconds_to_ticks(load.drain_ms / MS_PER_SECOND, hz));
        self.next_number = self.next_number.wrapping_add(account.offered as u32);
        #[expect(clippy::cast_sign_loss, reason = "checked: no rate is negative")]
        let intended = (intended.round() as u64).min(limit);
        Ok(account.outcome(intended, pacer.skipped(), sent_until))
    }

    fn run_phase(
        &mut self,
        workload: &Workload,
        account: &mut Account,
        pacer: &mut Pacer,
        end: u64,
        limit: u64,
    ) {
        loop {
            let now = tsc();
            if now >= end || account.offered >= limit {
                return;
            }
            account.tick(now);
            self.receive(workload, account);
            let now = tsc();
            let due = pacer.due(now).min(TRANSMIT_BURST as u32);
            let left = u32::try_from(limit - account.offered).unwrap_or(u32::MAX);
            let due = due.min(left);
            if due > 0 {
                let offered = self.send(workload, account, due as usize, now);
                pacer.take(offered);
            }
        }
    }

    /// Sends the next frames; returns how many were offered.
    fn send(&mut self, workload: &Workload, account: &mut Account, count: usize, now: u64) -> u32 {
        let mut built = 0;
        for (at, slot) in self.slots.iter_mut().take(count).enumerate() {
            let index = account.offered + at as u64;
            let number = account.first.wrapping_add(index as u32);
            if slot.is_none() {
                *slot = self.ports.pool.alloc();
            }
            let Some(mbuf) = slot else { break };
            if !fill(mbuf, workload, index, Probe { number, time: time(now) }) {
                break;
            }
            built += 1;
        }
        let sent = self.ports.transmit.transmit(&mut self.slots[..built]);
        // A wire takes the rest later; a ring that is the other side's has lost them.
        let offered = if self.ports.is_without_wire { built } else { sent };
        account.offer(offered as u64, (offered - sent) as u64, now);
        // What was not taken is at the end of the burst: the next one begins at the first slot.
        self.slots[..built].rotate_left(sent);
        offered as u32
    }

    fn receive(&mut self, workload: &Workload, account: &mut Account) {
        if self.ports.receive.receive(&mut self.burst) == 0 {
            return;
        }
        let now = tsc();
        let slots = self.burst.as_slice();
        for (at, mbuf) in slots.iter().enumerate() {
            if let Some(Some(later)) = slots.get(at + FETCH_AHEAD)
                && let Some(octet) = later.bytes().first()
            {
                safe_arch::prefetch_t0(octet);
            }
            if let Some(mbuf) = mbuf {
                account.arrive(workload, mbuf.bytes(), now);
            }
        }
        self.burst.clear();
    }

    /// Receives until nothing more can come, or for so long after the last arrival.
    fn drain(&mut self, workload: &Workload, account: &mut Account, patience: u64) {
        let mut deadline = tsc().saturating_add(patience);
        let mut received = account.received();
        loop {
            let now = tsc();
            account.tick(now);
            self.receive(workload, account);
            if account.received() > received {
                received = account.received();
                deadline = now.saturating_add(patience);
            }
            if now > deadline || received + account.refused >= account.offered {
                return;
            }
        }
    }

    /// What came while nobody looked.
    fn discard_arrivals(&mut self) {
        while self.ports.receive.receive(&mut self.burst) > 0 {
            self.burst.clear();
        }
    }
}

/// Makes a buffer the frame; false where the buffer is too small.
#[inline]
fn fill(mbuf: &mut Mbuf, workload: &Workload, index: u64, probe: Probe) -> bool {
    let Some(template) = workload.templates.get(workload.flow(index)) else { return false };
    let len = template.sent.len();
    if mbuf.len() != len {
        mbuf.truncate(0);
        if !mbuf.extend(len) {
            return false;
        }
    }
    mbuf.bytes_mut().copy_from_slice(&template.sent);
    workload.placement.write(mbuf.bytes_mut(), probe)
}

fn check(load: &Load) -> Result<(), String> {
    let seconds: f64 = load.phases.iter().map(|phase| phase.seconds).sum();
    let is_bad = |value: f64| !value.is_finite() || value < 0.0;
    if load.phases.iter().any(|phase| is_bad(phase.rate_pps) || is_bad(phase.seconds))
        || seconds > SECONDS_MAX
    {
        return Err(format!("a trial has rates from 0 and at most {SECONDS_MAX} s"));
    }
    if is_bad(load.drain_ms) || is_bad(load.interval_ms) || load.drain_ms > SECONDS_MAX * MS_PER_SECOND {
        return Err("times are from 0 ms".to_owned());
    }
    if load.interval_ms > 0.0 && seconds * MS_PER_SECOND / load.interval_ms > INTERVALS_MAX {
        return Err(format!("a trial has at most {INTERVALS_MAX} intervals"));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "checked: at most an hour")]
fn seconds_to_ticks(seconds: f64, hz: u64) -> u64 {
    (seconds * hz as f64) as u64
}

/// The figures of a trial that runs.
#[derive(Debug)]
struct Account {
    first: u32,
    start: u64,
    hz: u64,
    offered: u64,
    refused: u64,
    sequence: Sequence,
    latencies: Latencies,
    mark: [u8; 12],
    wanted_len: usize,
    foreign: u64,
    check_every: u32,
    until_check: u32,
    checked: u64,
    wrong: u64,
    wrong_frame: Option<[String; 2]>,
    /// When the last frame that is missing was sent.
    last_loss: Option<u64>,
    /// Number within the trial of the first frame of each phase, when it began, and frames received of it.
    phases: Vec<(u64, u64, u64)>,
    interval_ticks: u64,
    interval_end: u64,
    interval: Interval,
    interval_latencies: Latencies,
    intervals: Vec<Interval>,
}

impl Account {
    fn new(workload: &Workload, load: &Load, first: u32, hz: u64) -> Result<Account, String> {
        let seconds: f64 = load.phases.iter().map(|phase| phase.seconds).sum();
        let has_intervals = load.interval_ms > 0.0;
        #[expect(clippy::cast_sign_loss, reason = "checked: no time is negative")]
        let count = if has_intervals {
            ((seconds * MS_PER_SECOND + load.drain_ms) / load.interval_ms) as usize + 2
        } else {
            0
        };
        Ok(Account {
            first,
            start: 0,
            hz,
            offered: 0,
            refused: 0,
            sequence: Sequence::new(first, workload.templates.len()),
            latencies: Latencies::new(hz)?,
            mark: workload.mark(),
            wanted_len: workload.wanted_len(),
            foreign: 0,
            check_every: load.check_every.max(1),
            until_check: 1,
            checked: 0,
            wrong: 0,
            wrong_frame: None,
            last_loss: None,
            phases: Vec::with_capacity(load.phases.len()),
            interval_ticks: if has_intervals {
                seconds_to_ticks(load.interval_ms / MS_PER_SECOND, hz)
            } else {
                u64::MAX
            },
            interval_end: u64::MAX,
            interval: Interval::default(),
            interval_latencies: Latencies::new(hz)?,
            intervals: Vec::with_capacity(count),
        })
    }

    fn begin_phase(&mut self) {
        self.phases.push((self.offered, tsc(), 0));
    }

    #[inline]
    fn offer(&mut self, offered: u64, refused: u64, now: u64) {
        self.offered += offered;
        self.interval.offered += offered;
        if refused > 0 {
            self.refused += refused;
            self.interval.refused += refused;
            self.last_loss = Some(now);
        }
    }

    fn received(&self) -> u64 {
        self.sequence.arrived().unique
    }

    #[inline]
    fn arrive(&mut self, workload: &Workload, frame: &[u8], now: u64) {
        let probe = match frame.first_chunk::<12>() {
            Some(mark) if frame.len() == self.wanted_len && *mark == self.mark => {
                workload.placement.read(frame)
            }
            _ => None,
        };
        let Some(probe) = probe else {
            self.foreign += 1;
            return;
        };
        let before = self.sequence.arrived();
        let missing = self.sequence.arrive(probe.number, self.offered);
        if self.sequence.arrived().unique == before.unique {
            return;
        }
        let index = u64::from(probe.number.wrapping_sub(self.first));
        let ticks = ticks_since(probe.time, now);
        self.latencies.record(ticks);
        if let Some(phase) = self.phases.iter_mut().rev().find(|phase| index >= phase.0) {
            phase.2 += 1;
        }
        if self.interval_ticks != u64::MAX {
            self.interval_latencies.record(ticks);
            self.interval.received += 1;
            self.interval.missing += missing;
        }
        if missing > 0 {
            self.last_loss = Some(now.saturating_sub(ticks).max(self.last_loss.unwrap_or_default()));
        }
        self.until_check -= 1;
        if self.until_check == 0 {
            self.until_check = self.check_every;
            self.compare(workload, workload.flow(index), frame);
        }
    }

    fn compare(&mut self, workload: &Workload, flow: usize, frame: &[u8]) {
        self.checked += 1;
        if workload.is_right(flow, frame) {
            return;
        }
        self.wrong += 1;
        if self.wrong_frame.is_none() {
            let wanted = workload.templates.get(flow).map(|template| hex(&template.wanted));
            self.wrong_frame = Some([hex(frame), wanted.unwrap_or_default()]);
        }
    }

    /// Ends the interval when its time has come.
    #[inline]
    fn tick(&mut self, now: u64) {
        if now < self.interval_end || self.intervals.len() == self.intervals.capacity() {
            return;
        }
        self.interval.end_s = self.seconds(now);
        self.interval.p50_us = self.interval_latencies.quantile_us(0.5);
        self.interval.p99_us = self.interval_latencies.quantile_us(0.99);
        self.interval.max_us = self.interval_latencies.max_us();
        self.intervals.push(self.interval);
        self.interval = Interval::default();
        self.interval_latencies.reset();
        self.interval_end = self.interval_end.saturating_add(self.interval_ticks).max(now);
    }

    #[expect(clippy::cast_precision_loss, reason = "a time of some minutes")]
    fn seconds(&self, at: u64) -> f64 {
        pace::nanoseconds(at.saturating_sub(self.start), self.hz) as f64 / 1e9
    }

    fn outcome(self, intended: u64, skipped: u64, sent_until: u64) -> Outcome {
        let arrived = self.sequence.arrived();
        let lost = self.offered - arrived.unique - arrived.too_late.min(self.offered - arrived.unique);
        // Frames at the very end have none after them that shows that they are missing.
        let last_loss =
            if self.sequence.end() < self.offered && lost > 0 { Some(sent_until) } else { self.last_loss };
        let ends = self.phases.iter().skip(1).map(|phase| phase.0).chain([self.offered]);
        let phases = self.phases.iter().zip(ends).map(|(phase, end)| PhaseOutcome {
            offered: end - phase.0,
            received: phase.2,
            begin_s: self.seconds(phase.1),
        });
        Outcome {
            intended,
            offered: self.offered,
            skipped,
            refused: self.refused,
            received: arrived.unique,
            lost,
            duplicate: arrived.duplicate,
            reordered: arrived.reordered,
            too_late: arrived.too_late,
            stale: arrived.stale,
            foreign: self.foreign,
            checked: self.checked,
            wrong: self.wrong,
            seconds: self.seconds(sent_until),
            latency: self.latencies.summary(),
            phases: phases.collect(),
            last_loss_s: last_loss.map(|at| self.seconds(at)),
            start_ticks: self.start,
            ticks_hz: self.hz,
            wrong_frame: self.wrong_frame.clone(),
            intervals: self.intervals,
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
