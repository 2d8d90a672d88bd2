//! `mexfwd route|neighbor|port|mex`: changes to the running daemon, in the words of iproute2.

use control::api;
use control::ask::Ask;
use control::command::Command;
use serde_json::Value;

use super::Socket;
use super::failure::Failure;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) socket: Socket,
    /// What to change, as in iproute2
    pub(super) words: Vec<String>,
}

/// Sends the change; says nothing when it is in effect.
pub fn run(object: &str, arguments: &Arguments) -> Result<(), Failure> {
    let words: Vec<&str> =
        std::iter::once(object).chain(arguments.words.iter().map(String::as_str)).collect();
    let command = Command::parse(&words).map_err(Failure::bad_input)?;
    let answer = api::ask(&arguments.socket.path, &Ask::Change(command))?;
    warn(&answer);
    Ok(())
}

/// Says what the answer to a change warns of.
pub(super) fn warn(answer: &Value) {
    if let Some(warning) = answer.get("warning").and_then(Value::as_str) {
        eprintln!("mexfwd: warning: {warning}");
    }
}
