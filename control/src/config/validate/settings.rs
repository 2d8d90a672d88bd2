//! `[dpdk]` and `[icmp]`.

use std::collections::HashSet;

use crate::config::limits;
use crate::config::model::{Dpdk, Hugepages, Icmp, Idle};
use crate::config::raw::{RawDpdk, RawIcmp};
use crate::config::report::{Located, Report, quoted};

/// Bytes of packet memory when nothing is said.
const DEFAULT_MEMORY_BYTES: u64 = 512 << 20;
/// ICMP errors a second and kind when nothing is said.
const DEFAULT_ICMP_RATE: u32 = 1000;
/// ICMP errors at once when nothing is said.
const DEFAULT_ICMP_BURST: u32 = 100;

pub(super) fn dpdk(report: &Report<'_>, raw: &RawDpdk<'_>) -> Dpdk {
    let workers = raw.workers.as_ref().map(|(at, cores)| workers(report, *at, cores));
    Dpdk {
        workers: workers.unwrap_or_else(|| vec![default_worker()]),
        memory_bytes: raw.memory.and_then(|text| memory(report, text)).unwrap_or(DEFAULT_MEMORY_BYTES),
        hugepages: raw.hugepages.unwrap_or(Hugepages::Auto),
        idle: raw.idle.unwrap_or(Idle::Spin),
    }
}

/// Core 1, so that core 0 is left to the control thread; core 0 where there is no other.
fn default_worker() -> usize {
    usize::from(std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1))
}

fn workers(report: &Report<'_>, at: usize, cores: &[Located<u64>]) -> Vec<usize> {
    let max = limits::MAX_WORKERS;
    if cores.is_empty() {
        report.problem(at, "workers names no core; name at least one, like [1]");
    }
    if let Some(beyond) = cores.get(max) {
        report.problem(beyond.at, format!("more than {max} workers; at most {max} are possible"));
    }
    let mut seen = HashSet::new();
    for core in cores {
        if !seen.insert(core.value) {
            let twice = format!("core {} is listed twice; a worker has a core to itself", core.value);
            report.problem(core.at, twice);
        }
    }
    cores.iter().map(|core| core.value as usize).collect()
}

/// A number and a binary unit: `512M`.
fn memory(report: &Report<'_>, text: Located<&str>) -> Option<u64> {
    let unit_shift = match text.value.as_bytes().last() {
        Some(b'K') => Some(10),
        Some(b'M') => Some(20),
        Some(b'G') => Some(30),
        _ => None,
    };
    let digits = text.value.strip_suffix(['K', 'M', 'G']).unwrap_or("");
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    let (Some(shift), true) = (unit_shift, is_number) else {
        let wrong =
            format!("memory is {}; it must be a number and K, M or G, like \"512M\"", quoted(text.value));
        report.problem(text.at, wrong);
        return None;
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    let in_range = bytes.filter(|bytes| limits::MEMORY_BYTES.contains(bytes));
    if in_range.is_none() {
        let (min, max) = (limits::MEMORY_BYTES.start() >> 20, limits::MEMORY_BYTES.end() >> 30);
        report
            .problem(text.at, format!("memory is {}; it must be from {min}M to {max}G", quoted(text.value)));
    }
    in_range
}

pub(super) fn icmp(report: &Report<'_>, raw: &RawIcmp) -> Icmp {
    let rate = raw.rate.map_or(DEFAULT_ICMP_RATE, |rate| rate.value as u32);
    if let Some(burst) = raw.burst.filter(|burst| burst.value == 0)
        && rate > 0
    {
        report.problem(burst.at, "burst is 0, which never sends; use 1 or more, or rate = 0 to send none");
    }
    Icmp { rate, burst: raw.burst.map_or(DEFAULT_ICMP_BURST, |burst| burst.value as u32) }
}
