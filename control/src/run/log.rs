//! DPDK's log lines, as events of this program.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dpdk::LogLevel;

/// What DPDK says about things that nobody here needs: its old telemetry, `rte_flow` on taps, secondary processes.
const NO_NEWS: [&str; 6] = [
    "No legacy callbacks",
    "qdisc kind is unknown",
    "multiq qdisc",
    "Disabling rte flow support",
    "Failed to send start req to secondary",
    "Failed to register mp action callback",
];
/// A line is not repeated for so long: drivers say the same each time that they are asked.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);
/// Lines that are remembered.
const REMEMBERED: usize = 64;

static RECENT: Mutex<Recent> = Mutex::new(Recent(VecDeque::new()));

/// The sink for [`dpdk::EalOptions::log_to`].
pub fn log(level: LogLevel, line: &str) {
    let is_news = !NO_NEWS.iter().any(|part| line.contains(part))
        && RECENT.lock().unwrap_or_else(PoisonError::into_inner).is_news(line, Instant::now());
    match level {
        _ if !is_news => tracing::debug!(target: "dpdk", "{line}"),
        LogLevel::Emergency | LogLevel::Alert | LogLevel::Critical | LogLevel::Error => {
            tracing::error!(target: "dpdk", "{line}");
        }
        LogLevel::Warning => tracing::warn!(target: "dpdk", "{line}"),
        LogLevel::Notice | LogLevel::Info => tracing::info!(target: "dpdk", "{line}"),
        LogLevel::Debug => tracing::debug!(target: "dpdk", "{line}"),
    }
}

/// Lines that were logged lately, oldest first.
struct Recent(VecDeque<(Instant, String)>);

impl Recent {
    fn is_news(&mut self, line: &str, now: Instant) -> bool {
        while self.0.front().is_some_and(|(at, _)| now.duration_since(*at) >= REPEAT_INTERVAL) {
            self.0.pop_front();
        }
        if self.0.iter().any(|(_, known)| known == line) {
            return false;
        }
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((now, line.to_owned()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_news_once_a_minute() {
        let mut recent = Recent(VecDeque::new());
        let start = Instant::now();
        assert!(recent.is_news("port 1 is down", start));
        assert!(!recent.is_news("port 1 is down", start + Duration::from_secs(59)));
        assert!(recent.is_news("port 2 is down", start + Duration::from_secs(59)));
        assert!(recent.is_news("port 1 is down", start + Duration::from_secs(60)));
        for number in 0..10 * REMEMBERED {
            assert!(recent.is_news(&number.to_string(), start + Duration::from_secs(60)));
        }
        assert_eq!(recent.0.len(), REMEMBERED, "bounded");
    }
}
