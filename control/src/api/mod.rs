//! The API: HTTP/1.1 and JSON on a Unix socket, one request a connection.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/show/{what}` | what `show --json` prints |
//! | `GET /v1/lookup?address=A&vrf=V` | what `lookup --json` prints |
//! | `GET /v1/fib?vrf=V&stats=B` | what `show fib --json` prints, with `--stats` if B is `true` |
//! | `POST /v1/change` | carries out a [`crate::command::Command`] |
//! | `POST /v1/batch` | carries out several |
//! | `GET /metrics` | OpenMetrics |
//! | `GET /v1/openapi.json` | the description of all this |
//!
//! An error is a status of 400 or above and `{"error": "..."}`, one line for the operator. The server never reaches into
//! the daemon: it sends [`Request`]s through a bounded channel and waits for the answers.

mod client;
mod listen;
mod metrics;
mod routes;
mod serve;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::ask::{Answer, Ask};

pub use client::ask;
pub use listen::Listener;
pub use serve::serve;

/// Octets of a request's body, at most: a route with the most next hops that there can be fits several times.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Octets of a batch's body, at most: as many routes as a batch has, of a usual size, fit several times.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// Octets of a request's line and header fields, at most.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Connections served at once; more wait in the socket's backlog.
pub const MAX_CONNECTIONS: usize = 64;
/// Requests on their way to the daemon, at most: what to give the channel for.
pub const MAX_WAITING_REQUESTS: usize = 64;
/// How long the daemon may take to answer.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long a connection may take from its first octet to its last, so that none is held for ever.
pub const CONNECTION_LIMIT: Duration = Duration::from_secs(60);
/// How long open connections may take for their last answer when the daemon ends.
pub const CLOSING_LIMIT: Duration = Duration::from_secs(1);
/// Mode of the socket file: the owner and the group may ask and change.
pub const SOCKET_MODE: u32 = 0o660;

/// A question on its way to the daemon, and where the answer goes; nobody may wait for it any more.
pub type Request = (Ask, oneshot::Sender<Answer>);

/// Why there is no server on the socket.
#[derive(Debug)]
pub enum ApiError {
    /// A daemon answers there already.
    InUse(PathBuf),
    /// There is something at this path that is no socket, and it is not ours to remove.
    NotASocket(PathBuf),
    /// The operating system refuses.
    Io {
        /// The socket.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why not.
        error: std::io::Error,
    },
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApiError::InUse(path) => write!(f, "{}: another mexfwd answers here already", path.display()),
            ApiError::NotASocket(path) => {
                write!(f, "{}: there is something else here already, which is not a socket", path.display())
            }
            ApiError::Io { path, what, error } => write!(f, "{}: {what}: {error}", path.display()),
        }
    }
}

impl std::error::Error for ApiError {}
