//! The daemon: DPDK ports, a worker thread a core, and the control loop that owns the [`Router`](crate::router::Router).
//!
//! [`start`] brings everything up in order: cores, EAL, packet memory, ports, link states, the router with its tables on
//! their way, workers. [`Daemon::serve`] is the control loop; it ends with a signal, and takes everything down in the
//! opposite order: nothing more is received, what is on its way leaves, workers end, ports stop.

mod clock;
mod daemon;
mod environment;
mod io;
mod link;
mod log;
mod packet;
mod ports;
mod show;
mod worker;

use std::fmt;

pub use daemon::{Asked, Daemon, start};

/// Why the daemon does not start, or ended.
#[derive(Debug)]
pub enum RunError {
    /// The configuration is good for `replay` only, or asks for more than tables hold.
    Config(String),
    /// A core that cannot be used.
    Cores(String),
    /// The configured memory is too small.
    Memory {
        /// What would do, MiB.
        needed_mb: u64,
    },
    /// DPDK does not start, or has no memory.
    Environment(dpdk::Error),
    /// A port cannot be had.
    Port {
        /// Its name.
        name: String,
        /// Its device.
        device: String,
        /// Why.
        error: dpdk::Error,
    },
    /// A worker that does not start, or ended by itself.
    Worker {
        /// Its core.
        core: usize,
        /// Why.
        why: String,
    },
    /// Signals cannot be caught.
    Signals(std::io::Error),
    /// Links cannot be watched.
    Links(std::io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Config(why) => f.write_str(why),
            RunError::Cores(why) => write!(f, "[dpdk] workers: {why}"),
            RunError::Memory { needed_mb } => {
                write!(f, "[dpdk] memory: too little for these ports and workers; {needed_mb}M is needed")
            }
            RunError::Environment(error) => write!(f, "DPDK: {error}"),
            RunError::Port { name, device, error } => write!(f, "port \"{name}\" ({device}): {error}"),
            RunError::Worker { core, why } => write!(f, "worker on core {core}: {why}"),
            RunError::Signals(error) => write!(f, "signals: {error}"),
            RunError::Links(error) => write!(f, "links cannot be watched: {error}"),
        }
    }
}

impl std::error::Error for RunError {}
