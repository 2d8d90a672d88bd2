//! Answers to changes: given when the change is in effect on all workers. The loop that owns the router goes on meanwhile.

use std::time::Duration;

use dataplane::fib::Prefix6;
use dataplane::id::VrfId;
use hashbrown::HashMap;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::ask::{Answer, Ask, AskError};
use crate::command::{Command, RouteSpec};
use crate::family;
use crate::program::Unprogrammed;
use crate::program::srv6::SID_VRF;
use crate::rib::Rib;
use crate::router::{Mark, Router};

/// How long a change may take to come into effect; then its answer is given with a warning. Workers that poll need a burst or
/// two.
pub const EFFECT_LIMIT: Duration = Duration::from_secs(5);

/// Changes that are made, and not answered yet. There are as many as there are callers that wait.
#[derive(Debug, Default)]
pub struct Unanswered(Vec<Change>);

/// One of them.
#[derive(Debug)]
struct Change {
    reply: oneshot::Sender<Answer>,
    /// What is answered when nothing goes wrong.
    answer: Value,
    is_batch: bool,
    /// The entries that were changed, and the last command that changed each.
    entries: HashMap<(VrfId, Prefix6), usize>,
    mark: Mark,
    deadline_ns: u64,
}

impl Unanswered {
    /// Sends an answer, now or when what was changed is in effect; see [`Unanswered::turn`].
    pub fn add<B>(
        &mut self,
        ask: &Ask,
        answer: Answer,
        reply: oneshot::Sender<Answer>,
        router: &Router<B>,
        now_ns: u64,
    ) {
        let (commands, is_batch) = match ask {
            Ask::Change(command) => (std::slice::from_ref(command), false),
            Ask::Batch { commands, .. } => (commands.as_slice(), true),
            Ask::Show(_) | Ask::Fib { .. } | Ask::Lookup { .. } => (&[][..], false),
        };
        let made = answer.as_ref().map_or(0, |answer| made(answer, commands.len()));
        match answer {
            Ok(answer) if made > 0 => {
                let commands = commands.iter().enumerate().take(made);
                let entry = |(index, command)| Some((entry(command, router.rib())?, index));
                self.0.push(Change {
                    reply,
                    answer,
                    is_batch,
                    entries: commands.filter_map(entry).collect(),
                    mark: Mark::default(),
                    deadline_ns: now_ns.saturating_add(EFFECT_LIMIT.as_nanos() as u64),
                });
            }
            // Who does not wait for the answer does not get it.
            answer => drop(reply.send(answer)),
        }
    }

    /// Answers what is in effect, has failed, or takes too long. For each turn of the loop, behind [`Router::push`] and before
    /// [`Router::take_problems`].
    pub fn turn<B>(&mut self, router: &Router<B>, now_ns: u64) {
        self.turn_with(router.program().unprogrammed(), |mark| router.is_in_effect(mark), now_ns);
    }

    fn turn_with(
        &mut self,
        failures: &[Unprogrammed],
        is_in_effect: impl Fn(&mut Mark) -> bool,
        now_ns: u64,
    ) {
        for mut change in std::mem::take(&mut self.0) {
            change.note(failures);
            if change.reply.is_closed() {
                continue;
            }
            if is_in_effect(&mut change.mark) {
                change.finish();
            } else if now_ns >= change.deadline_ns {
                let limit = EFFECT_LIMIT.as_secs();
                change
                    .set("warning", format!("made, but not in effect on all workers after {limit} s").into());
                change.finish();
            } else {
                self.0.push(change);
            }
        }
    }
}

impl Change {
    /// Notes those of these failures that are about an entry of this change.
    fn note(&mut self, failures: &[Unprogrammed]) {
        for failure in failures {
            let Some(index) = self.entries.remove(&(failure.vrf, failure.prefix)) else { continue };
            let failure = json!({
                "index": index, "error": failure.to_string(), "busy": false, "refused": false
            });
            if let Some(failures) = self.answer["failures"].as_array_mut() {
                let at = failures.partition_point(|other| other["index"].as_u64() <= Some(index as u64));
                failures.insert(at, failure);
            } else {
                self.set("failures", json!([failure]));
            }
        }
    }

    fn set(&mut self, key: &str, value: Value) {
        if let Some(answer) = self.answer.as_object_mut() {
            answer.insert(key.to_owned(), value);
        }
    }

    /// A batch lists its failures; a single change is answered with its own.
    fn finish(self) {
        let failure = self.answer["failures"][0]["error"].as_str();
        let answer = match failure {
            Some(failure) if !self.is_batch => Err(AskError::failed(failure)),
            _ => Ok(self.answer),
        };
        let _ = self.reply.send(answer);
    }
}

/// How many of these commands were tried, as the answer says.
fn made(answer: &Value, commands: usize) -> usize {
    answer["done"].as_u64().map_or(commands, |done| done as usize)
}

/// The entry that a command changes.
fn entry(command: &Command, rib: &Rib) -> Option<(VrfId, Prefix6)> {
    match command {
        Command::RouteAdd(RouteSpec { prefix, vrf, .. })
        | Command::RouteReplace(RouteSpec { prefix, vrf, .. })
        | Command::RouteDel { prefix, vrf, .. } => Some((rib.find_vrf(vrf)?, family::prefix(*prefix))),
        Command::SidAdd(sid) | Command::SidReplace(sid) => {
            Some((SID_VRF, family::prefix(sid.sid.prefix().into())))
        }
        Command::SidDel { sid } => Some((SID_VRF, family::prefix(sid.prefix().into()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
