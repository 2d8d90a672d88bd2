//! The storms themselves. Requests are made before: while it blows, only octets are written and answers read.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use control::ask::{Ask, MAX_BATCH};
use control::command::Command;
use serde_json::{Value, json};

use super::{Kind, Plan, number};
use crate::fib::random::Random;
use crate::live::{BenchError, Daemon, SINKS, Seat, neighbor};

/// How long a port stays down, and then up.
const FLAP: Duration = Duration::from_millis(100);
const SEED: u64 = 5;

/// What was done in a storm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Blown {
    /// Route changes, reloads, or changes of a port's state.
    pub changes: u64,
    /// Changes that were asked for a second; 0: as they come.
    pub asked_rate: u64,
    /// How long it took until the last one was in effect, s.
    pub seconds: f64,
    /// The longest time from a request until its changes were in effect, ms.
    pub slowest_ms: f64,
}

impl Blown {
    /// Changes a second.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn rate(&self) -> f64 {
        self.changes as f64 / self.seconds.max(1e-9)
    }
}

/// A request as its octets, and how many changes it asks for.
#[derive(Debug)]
pub(super) struct Request(Vec<u8>, u64);

/// The requests of a storm.
pub(super) fn prepare(plan: &Plan<'_>, kind: Kind, seat: &Seat<'_>) -> Vec<Request> {
    if kind != Kind::Updates {
        return Vec::new();
    }
    let mut random = Random::new(SEED);
    let batch = MAX_BATCH as u64;
    let batches = (plan.rate * plan.part.as_millis() as u64 / 1000).div_ceil(batch);
    let (routes, next_hops) = (plan.table.routes(), seat.next_hops() as usize);
    let mut change = || {
        let prefix = routes[random.below(routes.len().max(1))].prefix;
        let (address, _) = neighbor(0, random.below(next_hops) as u32);
        Command::parse(&["route", "replace", &prefix.to_string(), "via", &address, "dev", SINKS[0]])
    };
    let request = |_| {
        let commands: Vec<Command> = (0..batch).filter_map(|_| change().ok()).collect();
        let body = json!({ "commands": commands, "force": false }).to_string();
        let head = format!(
            "POST /v1/batch HTTP/1.1\r\nhost: mexfwd\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Request((head + &body).into_bytes(), commands.len() as u64)
    };
    (0..batches).map(request).collect()
}

/// Lets it blow, until all is in effect.
pub(super) fn blow(
    plan: &Plan<'_>,
    kind: Kind,
    daemon: &mut Daemon,
    requests: &[Request],
) -> Result<Blown, BenchError> {
    let begin = Instant::now();
    let mut blown = Blown::default();
    let mut slowest = Duration::ZERO;
    match kind {
        Kind::Updates => {
            blown.asked_rate = plan.rate;
            for Request(octets, changes) in requests {
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                let due = Duration::from_secs_f64(blown.changes as f64 / plan.rate as f64);
                std::thread::sleep(due.saturating_sub(begin.elapsed()));
                let sent = Instant::now();
                let answer = exchange(daemon.socket(), octets)?;
                slowest = slowest.max(sent.elapsed());
                if number(&answer, "done") != *changes {
                    return Err(BenchError(format!("not all of {changes} changes were made: {answer}")));
                }
                blown.changes += changes;
            }
        }
        Kind::Reload => {
            daemon.reload()?;
            daemon.wait_for(": reloaded")?;
            // An answer to a question comes behind it; routes are in effect when none waits.
            while waiting(daemon)? > 0 {}
            slowest = begin.elapsed();
            blown.changes = 1;
        }
        Kind::Flap => {
            while begin.elapsed() < plan.part {
                for up in [false, true] {
                    let sent = Instant::now();
                    daemon.ask(&Ask::Change(Command::PortSet { port: SINKS[0].to_owned(), up }))?;
                    slowest = slowest.max(sent.elapsed());
                    blown.changes += 1;
                    std::thread::sleep(FLAP.saturating_sub(sent.elapsed()));
                }
            }
        }
    }
    blown.seconds = begin.elapsed().as_secs_f64();
    blown.slowest_ms = slowest.as_secs_f64() * 1e3;
    Ok(blown)
}

fn waiting(daemon: &Daemon) -> Result<u64, BenchError> {
    let fib = daemon.ask(&Ask::Fib { vrf: None, stats: true })?;
    Ok(fib.as_array().into_iter().flatten().map(|table| number(table, "waiting")).sum())
}

/// Sends a request and reads the answer.
fn exchange(socket: &Path, request: &[u8]) -> Result<Value, BenchError> {
    let failed = |error: std::io::Error| BenchError(format!("{}: {error}", socket.display()));
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.write_all(request).map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(failed)?;
    understand(&String::from_utf8_lossy(&answer))
}

/// The body of an answer that is not an error.
fn understand(answer: &str) -> Result<Value, BenchError> {
    let refused = || BenchError(format!("the API says: {}", answer.lines().next().unwrap_or_default()));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(refused)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(BenchError(format!("the API says: {}", body.trim())));
    }
    serde_json::from_str(body).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fib::table::Table;

    #[test]
    fn requests_have_all_changes_and_are_what_the_api_takes() {
        let table = Table::synthetic(500);
        let plan = Plan {
            program: Path::new(""),
            table: &table,
            rate: 100_000,
            part: Duration::from_millis(25),
            core: 0,
            scratch: Path::new(""),
        };
        let seat = Seat::of_one_process(Path::new("a"), 0, Some(&table));
        let requests = prepare(&plan, Kind::Updates, &seat);
        assert_eq!(requests.iter().map(|Request(_, changes)| *changes).collect::<Vec<_>>(), [1024; 3]);
        let text = String::from_utf8(requests[0].0.clone()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
        assert!(body.len() <= control::api::MAX_BATCH_BYTES, "{}", body.len());
        let value: Value = serde_json::from_str(body).unwrap();
        let commands: Vec<Command> = serde_json::from_value(value["commands"].clone()).unwrap();
        assert!(commands.iter().all(|command| command.check().is_ok()));
        assert!(prepare(&plan, Kind::Flap, &seat).is_empty());
    }

    #[test]
    fn answers_are_told_from_errors() {
        let good = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"done\":3}";
        assert_eq!(understand(good).unwrap(), json!({ "done": 3 }));
        let bad = "HTTP/1.1 503 Service Unavailable\r\n\r\n{\"error\":\"busy\"}";
        assert!(understand(bad).unwrap_err().0.contains("busy"));
        assert!(understand("").is_err());
    }
}
