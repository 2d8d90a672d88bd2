//! What is asked of a trial, and what came of it: the words that generator and programs around it exchange, as JSON.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How long a trial waits for frames that are still on their way, ms: RFC 2544 (24) wants two seconds, which is for links
/// with delay; the frames of a trial here are back in less than one millisecond, or preempted for some.
const DRAIN_MS: f64 = 100.0;
/// Frames that are sent late at most, when the generator was interrupted; what is above is not offered.
const BUCKET_FRAMES: u32 = 256;
/// Of so many frames that came back one is compared with what it has to be.
const CHECK_EVERY: u32 = 64;

/// Which frames the next trials send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct WorkloadRequest {
    /// Name of a [`Kind`](super::Kind).
    pub kind: String,
    /// Octets of a frame, without the frame check sequence.
    pub frame_bytes: usize,
    /// Number of flows.
    #[serde(default = "default_flows")]
    pub flows: usize,
    /// A file with a destination address a line, one for each flow, in place of [`destinations`](super::destinations).
    #[serde(default)]
    pub destinations: Option<PathBuf>,
    /// The device under test only moves frames: they come back unchanged.
    #[serde(default)]
    pub unchanged: bool,
}

fn default_flows() -> usize {
    256
}

/// A part of a trial with one rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Intended frames a second.
    pub rate_pps: f64,
    /// Seconds.
    pub seconds: f64,
}

/// A trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// One after the other.
    pub phases: Vec<Phase>,
    /// The trial ends with this frame, if not before.
    pub frames: Option<u64>,
    /// How long frames may take after the last one was sent, ms.
    pub drain_ms: f64,
    /// Figures for every part of this length, ms; none when 0.
    pub interval_ms: f64,
    /// One of so many frames is checked octet by octet; 1: all.
    pub check_every: u32,
    /// Frames that may be late at once.
    pub bucket_frames: u32,
}

impl Default for Load {
    fn default() -> Load {
        Load {
            phases: Vec::new(),
            frames: None,
            drain_ms: DRAIN_MS,
            interval_ms: 0.0,
            check_every: CHECK_EVERY,
            bucket_frames: BUCKET_FRAMES,
        }
    }
}

impl Load {
    /// One rate.
    pub fn steady(rate_pps: f64, seconds: f64) -> Load {
        Load { phases: vec![Phase { rate_pps, seconds }], ..Load::default() }
    }
}

/// Latency from before a frame is handed to the device until it is found in the receive ring, us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Frames.
    pub frames: u64,
    /// The shortest.
    pub min_us: f64,
    /// Mean.
    pub mean_us: f64,
    /// Half of the frames take no longer.
    pub p50_us: f64,
    /// 90 %.
    pub p90_us: f64,
    /// 99 %.
    pub p99_us: f64,
    /// 99.9 %.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// What became of the frames of one phase, by when they were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhaseOutcome {
    /// Frames offered to the device under test.
    pub offered: u64,
    /// Frames that came back.
    pub received: u64,
    /// When it began, seconds from the start of the trial.
    pub begin_s: f64,
}

/// A part of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// When it ended, seconds from the start of the trial.
    pub end_s: f64,
    /// Frames offered in it.
    pub offered: u64,
    /// Of those, frames that found the input of the device under test full.
    pub refused: u64,
    /// Frames that came back in it.
    pub received: u64,
    /// Frames that were found missing in it, refused ones included.
    pub missing: u64,
    /// Latency of the frames that came back in it, us: median.
    pub p50_us: f64,
    /// 99 %.
    pub p99_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// What came of a trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Frames that the rates of the phases amount to.
    pub intended: u64,
    /// Frames offered to the device under test: less than intended when the generator could not keep up.
    pub offered: u64,
    /// Frames that fell due while the generator was interrupted, beyond what it may send late.
    pub skipped: u64,
    /// Of the offered ones, frames that found the input of the device under test full.
    pub refused: u64,
    /// Different frames that came back.
    pub received: u64,
    /// Offered and not received.
    pub lost: u64,
    /// Came back more than once.
    pub duplicate: u64,
    /// Came back after a later frame of their flow.
    pub reordered: u64,
    /// Came back a million frames late.
    pub too_late: u64,
    /// Of an earlier trial.
    pub stale: u64,
    /// Frames that the generator did not send.
    pub foreign: u64,
    /// Frames that were compared octet by octet.
    pub checked: u64,
    /// Of those, frames that are not what forwarding has to make of them.
    pub wrong: u64,
    /// Time of sending, s.
    pub seconds: f64,
    /// Latency; `None` when nothing came back.
    pub latency: Option<Latency>,
    /// By phase.
    pub phases: Vec<PhaseOutcome>,
    /// When the last frame that was lost had been sent, seconds from the start of the trial.
    pub last_loss_s: Option<f64>,
    /// Parts, when they were asked for.
    pub intervals: Vec<Interval>,
    /// The processor's counter at the start: the same in all processes of a machine.
    pub start_ticks: u64,
    /// Ticks of that counter in a second.
    pub ticks_hz: u64,
    /// The first frame that was wrong, and what it should have been, in hexadecimal.
    pub wrong_frame: Option<[String; 2]>,
}

impl Outcome {
    /// Lost frames of those offered, 0 to 1.
    pub fn loss_ratio(&self) -> f64 {
        ratio(self.lost, self.offered)
    }

    /// Offered frames of those intended, 0 to 1.
    pub fn offered_ratio(&self) -> f64 {
        ratio(self.offered, self.intended)
    }

    /// Frames a second that came back.
    #[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
    pub fn received_pps(&self) -> f64 {
        self.received as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// Frames a second that were offered.
    #[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
    pub fn offered_pps(&self) -> f64 {
        self.offered as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What a generator is asked, a line of JSON each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The frames of the next trials.
    Workload(WorkloadRequest),
    /// A trial.
    Load(Load),
}

/// What it answers, a line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Links are up, or the workload is made.
    Ready,
    /// The trial's end.
    Outcome(Box<Outcome>),
    /// What was asked cannot be done.
    Error(String),
}

/// The addresses of a file, one a line; empty lines and those that begin with `#` are skipped.
///
/// # Errors
/// Names the file and line.
pub fn read_destinations(path: &std::path::Path) -> Result<Vec<u128>, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| {
            line.parse()
                .map(Ipv6Addr::to_bits)
                .map_err(|_| format!("{name}:{at}: \"{line}\" is no IPv6 address"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_lines_of_json() {
        let line = r#"{"load":{"phases":[{"rate_pps":1e6,"seconds":0.5}],"interval_ms":10}}"#;
        let Request::Load(load) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        assert_eq!(load, Load { interval_ms: 10.0, ..Load::steady(1e6, 0.5) });
        let line = r#"{"workload":{"kind":"plain","frame_bytes":64}}"#;
        let Request::Workload(workload) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        assert_eq!((workload.flows, workload.unchanged), (256, false));
        assert!(serde_json::from_str::<Request>(r#"{"load":{"rate":1}}"#).is_err(), "unknown fields");
    }

    #[test]
    fn outcomes_survive_the_way() {
        let outcome = Outcome {
            offered: 10,
            intended: 20,
            lost: 1,
            seconds: 0.5,
            received: 9,
            latency: Some(Latency { frames: 9, ..Latency::default() }),
            ..Outcome::default()
        };
        let text = serde_json::to_string(&Reply::Outcome(Box::new(outcome.clone()))).unwrap();
        assert_eq!(serde_json::from_str::<Reply>(&text).unwrap(), Reply::Outcome(Box::new(outcome.clone())));
        assert!((outcome.loss_ratio() - 0.1).abs() < 1e-12 && (outcome.offered_ratio() - 0.5).abs() < 1e-12);
        assert!((outcome.received_pps() - 18.0).abs() < 1e-9);
        assert!(Outcome::default().loss_ratio() == 0.0, "nothing offered, nothing lost");
    }

    #[test]
    fn destinations_are_read_and_mistakes_named() {
        let path = std::env::temp_dir().join(format!("destinations-{}", std::process::id()));
        std::fs::write(&path, "# two\n2001:db8::1\n\n ::2 \n").unwrap();
        assert_eq!(read_destinations(&path), Ok(vec![0x2001_0db8 << 96 | 1, 2]));
        std::fs::write(&path, "::1\n192.0.2.1\n").unwrap();
        assert!(read_destinations(&path).unwrap_err().contains(":2: \"192.0.2.1\""));
        std::fs::remove_file(&path).unwrap();
        assert!(read_destinations(&path).is_err());
    }
}
