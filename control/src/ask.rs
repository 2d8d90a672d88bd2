//! What an operator can ask of a running router, and the answers: the seam between the loop that owns the
//! [`Router`] and everything that talks to people. No socket, no HTTP.

use std::fmt;
use std::net::IpAddr;

use dataplane::buffer::PacketBuf;
use serde_json::{Value, json};

use crate::command::Command;
use crate::router::{Buffers, ChangeError, Router};

/// What `show` can be asked for by any router; a running daemon adds [`WORKERS`].
pub const TOPICS: [&str; 10] =
    ["ports", "routes", "fib", "neighbors", "sids", "policies", "mex", "counters", "drops", "version"];
/// The topic that only the loop around the workers can answer.
pub const WORKERS: &str = "workers";

/// Changes in one [`Ask::Batch`], at most: so many that control looks at its rings again soon.
pub const MAX_BATCH: usize = 1024;

/// A question or an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// The state of one thing: a name of [`TOPICS`], or [`WORKERS`].
    Show(String),
    /// The forwarding tables: entries as programmed, or figures.
    Fib {
        /// Of this VRF alone.
        vrf: Option<String>,
        /// Figures.
        stats: bool,
    },
    /// What a destination gets.
    Lookup {
        /// The destination.
        address: IpAddr,
        /// The VRF to look it up in.
        vrf: String,
    },
    /// A change; the answer is an empty object, perhaps with a `warning`.
    Change(Command),
    /// Changes in order, at most [`MAX_BATCH`]; the answer says how far they came.
    Batch {
        /// The changes.
        commands: Vec<Command>,
        /// Go on behind a change that fails.
        force: bool,
    },
}

/// Whose fault it is that there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AskErrorKind {
    /// What was asked cannot be: exit status 2.
    BadInput,
    /// It could have been, and failed: exit status 1.
    Failed,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AskError {
    /// Whose fault it is.
    pub kind: AskErrorKind,
    /// One line for the operator.
    pub message: String,
}

impl AskError {
    /// An error of the one who asks.
    pub fn bad_input(message: impl Into<String>) -> AskError {
        AskError { kind: AskErrorKind::BadInput, message: message.into() }
    }

    /// An error of this side.
    pub fn failed(message: impl Into<String>) -> AskError {
        AskError { kind: AskErrorKind::Failed, message: message.into() }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AskError {}

/// The answer, as JSON.
pub type Answer = Result<Value, AskError>;

/// Asks a router. `now_ns` is the clock that the router lives by.
///
/// # Errors
/// [`AskErrorKind::BadInput`] for what does not exist or cannot be; nothing has changed then.
pub fn answer<B: PacketBuf>(
    router: &mut Router<B>,
    ask: &Ask,
    buffers: &mut impl Buffers<B>,
    now_ns: u64,
) -> Answer {
    match ask {
        Ask::Show(topic) => show(router, topic, now_ns),
        Ask::Lookup { address, vrf } => router.lookup(*address, vrf).ok_or_else(|| unknown_vrf(router, vrf)),
        Ask::Fib { vrf, stats } => {
            let vrf = vrf.as_deref();
            let shown = if *stats { router.show_fib_stats(vrf) } else { router.show_fib(vrf) };
            shown.ok_or_else(|| unknown_vrf(router, vrf.unwrap_or_default()))
        }
        Ask::Change(command) => {
            router.change(command, buffers, now_ns).map(|()| json!({})).map_err(|error| AskError {
                kind: match error {
                    ChangeError::Refused(_) => AskErrorKind::BadInput,
                    ChangeError::Failed(_) | ChangeError::Busy { .. } => AskErrorKind::Failed,
                },
                message: error.to_string(),
            })
        }
        Ask::Batch { commands, .. } if commands.len() > MAX_BATCH => {
            Err(AskError::bad_input(format!("more than {MAX_BATCH} changes at once; send fewer at a time")))
        }
        Ask::Batch { commands, force } => {
            let (done, failures) = router.change_all(commands, *force, buffers, now_ns);
            let failures = failures.iter().map(|(index, error)| {
                let is_busy = matches!(error, ChangeError::Busy { .. });
                let is_refused = matches!(error, ChangeError::Refused(_));
                json!({ "index": index, "error": error.to_string(), "busy": is_busy, "refused": is_refused })
            });
            Ok(json!({ "done": done, "failures": failures.collect::<Vec<_>>() }))
        }
    }
}

fn unknown_vrf<B>(router: &Router<B>, vrf: &str) -> AskError {
    AskError::bad_input(format!("there is no VRF \"{vrf}\"; {}", vrfs(router)))
}

fn show<B: PacketBuf>(router: &Router<B>, topic: &str, now_ns: u64) -> Answer {
    Ok(match topic {
        "ports" => router.show_ports(),
        "routes" => router.show_routes(),
        "fib" => router.show_fib(None).unwrap_or_default(),
        "neighbors" => router.show_neighbors(now_ns),
        "sids" => router.show_sids(),
        "policies" => router.show_policies(),
        "mex" => router.show_mex(),
        "counters" => router.show_counters(),
        "drops" => router.show_drops(),
        "version" => version(),
        _ => {
            let topics = TOPICS.join(", ");
            return Err(AskError::bad_input(format!(
                "nothing is called \"{topic}\"; there are {topics}, {WORKERS}"
            )));
        }
    })
}

/// What this program is made of.
pub fn version() -> Value {
    json!({ "mexfwd": env!("CARGO_PKG_VERSION"), "dpdk": dpdk::Eal::version() })
}

fn vrfs<B>(router: &Router<B>) -> String {
    let names: Vec<_> = router.rib().vrfs().iter().map(|vrf| format!("\"{vrf}\"")).collect();
    format!("there are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dataplane::buffer::HeapBuf;

    use super::*;
    use crate::command::Command;
    use crate::router::Mode;

    struct Heap;

    impl Buffers<HeapBuf> for Heap {
        fn make(&mut self, frame: &[u8]) -> Option<HeapBuf> {
            Some(HeapBuf::new(frame, 0))
        }
    }

    fn router() -> Router<HeapBuf> {
        let text = "[[port]]\nname = \"a\"\naddress = [\"2001:db8::1/64\"]\n";
        let (config, _) = crate::config::parse("a.toml", text).unwrap();
        let mac = dataplane::wire::ethernet::Mac([2, 0, 0, 0, 0, 1]);
        Router::new(config, &[mac], Arc::default(), vec![Arc::default()], Mode::REPLAY, &mut Heap, 0).unwrap()
    }

    #[test]
    fn every_topic_has_an_answer_and_no_other_word_has() {
        let mut router = router();
        for topic in TOPICS {
            let shown = answer(&mut router, &Ask::Show(topic.to_owned()), &mut Heap, 0);
            assert!(shown.is_ok_and(|value| value.is_array() || value.is_object()), "{topic}");
        }
        let refused = answer(&mut router, &Ask::Show("port".to_owned()), &mut Heap, 0).unwrap_err();
        assert_eq!(refused.kind, AskErrorKind::BadInput);
        assert!(refused.message.contains("ports") && refused.message.contains("workers"), "{refused}");
    }

    #[test]
    fn a_change_is_seen_by_the_next_question() {
        let mut router = router();
        let ask = |router: &mut Router<HeapBuf>| {
            let address = IpAddr::from([0x3fff, 0, 0, 0, 0, 0, 0, 1]);
            answer(router, &Ask::Lookup { address, vrf: "default".to_owned() }, &mut Heap, 0).unwrap()
        };
        assert_eq!(ask(&mut router)["result"], "no-route");
        let change = Command::parse(&["route", "add", "blackhole", "3fff::/20"]).unwrap();
        assert!(answer(&mut router, &Ask::Change(change.clone()), &mut Heap, 0).is_ok());
        assert_eq!(ask(&mut router)["result"], "blackhole");
        let again = answer(&mut router, &Ask::Change(change), &mut Heap, 0).unwrap_err();
        assert_eq!(again.kind, AskErrorKind::BadInput);
    }

    #[test]
    fn an_unknown_vrf_is_named_with_those_that_exist() {
        let ask = Ask::Lookup { address: IpAddr::from([0u16, 0, 0, 0, 0, 0, 0, 1]), vrf: "red".to_owned() };
        let refused = answer(&mut router(), &ask, &mut Heap, 0).unwrap_err();
        assert!(refused.message.contains("\"red\"") && refused.message.contains("\"default\""), "{refused}");
    }
}
