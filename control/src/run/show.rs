//! What only the daemon can show: its workers, and what devices say about themselves.

use dataplane::counters::Counter;
use serde_json::{Value, json};

use super::clock::Clock;
use super::ports::Device;
use super::worker::WorkerThread;
use crate::config::Idle;

/// Over how long a worker's load is measured, ns.
const LOAD_INTERVAL_NS: u64 = 1_000_000_000;

/// How busy each worker was lately.
#[derive(Debug, Default)]
pub struct Loads {
    measured_ns: u64,
    /// By worker: busy time when last measured, ns, and the part of the last interval that was busy, 0 to 1.
    workers: Vec<(u64, f64)>,
}

impl Loads {
    /// Measures, once an interval.
    pub fn measure(&mut self, workers: &[WorkerThread], clock: Clock, now_ns: u64) {
        let elapsed_ns = now_ns.saturating_sub(self.measured_ns);
        if elapsed_ns < LOAD_INTERVAL_NS {
            return;
        }
        self.measured_ns = now_ns;
        self.workers.resize(workers.len(), (0, 0.0));
        for (worker, (busy_ns, load)) in workers.iter().zip(&mut self.workers) {
            let now = clock.duration_ns(worker.activity.busy_ticks.value());
            let spent_ns = now.saturating_sub(std::mem::replace(busy_ns, now));
            #[allow(clippy::cast_precision_loss)] // a ratio for people
            {
                *load = (spent_ns as f64 / elapsed_ns as f64).min(1.0);
            }
        }
    }

    /// The workers: `busy-ratio` is of the last second, all else since the start.
    pub fn show(&self, workers: &[WorkerThread], idle: Idle, clock: Clock) -> Value {
        let shown = workers.iter().enumerate().map(|(index, worker)| {
            let (activity, counters) = (&worker.activity, &worker.rings.counters);
            let load = self.workers.get(index).map_or(0.0, |(_, load)| *load);
            json!({
                "worker": index,
                "core": worker.core,
                "idle": match idle { Idle::Spin => "spin", Idle::Adaptive => "adaptive" },
                "busy-ratio": (load * 1000.0).round() / 1000.0,
                "busy-ns": clock.duration_ns(activity.busy_ticks.value()),
                "polls": activity.polls.value(),
                "busy-polls": activity.busy_polls.value(),
                "sleeps": activity.sleeps.value(),
                "rx": counters.received(),
                "tx": counters.sent(),
                "dropped": counters.dropped(),
                "made": Counter::value(&counters.made),
                "consumed": Counter::value(&counters.consumed),
            })
        });
        Value::Array(shown.collect())
    }
}

/// Adds to `show ports` what the devices know.
pub fn add_devices(ports: &mut Value, devices: &[Device]) {
    let Some(ports) = ports.as_array_mut() else { return };
    for (value, device) in ports.iter_mut().zip(devices) {
        let Some(value) = value.as_object_mut() else { continue };
        value.insert("driver".to_owned(), json!(device.driver));
        if let Ok(link) = device.port.link() {
            value.insert("speed-mbps".to_owned(), json!(link.speed_mbps));
        }
        if let Ok(statistics) = device.port.statistics() {
            value.insert("device-rx".to_owned(), json!(statistics.rx_packets));
            value.insert("device-tx".to_owned(), json!(statistics.tx_packets));
            value.insert("rx-missed".to_owned(), json!(statistics.rx_missed));
            value.insert("rx-errors".to_owned(), json!(statistics.rx_errors));
            value.insert("rx-no-buffer".to_owned(), json!(statistics.rx_no_mbuf));
            value.insert("tx-errors".to_owned(), json!(statistics.tx_errors));
        }
    }
}
