//! What can go wrong, with DPDK's own words where it has some.

use std::ffi::CStr;
use std::fmt;

use crate::log;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The process has, or had, an EAL: DPDK can be started only once in the life of a process.
    AlreadyInitialised,
    /// An option or an argument is not usable; the text says which, and what would be.
    InvalidOption(String),
    /// DPDK refused.
    Dpdk {
        /// The function that failed, such as `rte_eth_dev_configure`.
        call: &'static str,
        /// The error number, positive, as in `errno.h` (or `rte_errno.h` above 1000).
        code: i32,
        /// What the number means, and what DPDK logged as an error during the call.
        message: String,
    },
    /// The device or its driver has no such operation.
    Unsupported(&'static str),
    /// No port came out of attaching this device.
    NoSuchDevice(String),
    /// Another [`Port`](crate::Port) of this process holds the device.
    AlreadyAttached(String),
    /// The port is not configured.
    NotConfigured,
    /// The port is not started, and so has no queues.
    NotStarted,
    /// The port is started; stop it first.
    Started,
    /// The queue was taken before, and not yet dropped.
    QueueTaken(u16),
    /// There is no queue of this number in the port's configuration.
    NoSuchQueue(u16),
    /// Queues of the port are still in use by workers: it cannot be stopped beneath them.
    QueuesInUse,
    /// The calling thread already has an lcore id.
    ThreadRegistered,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyInitialised => f.write_str("EAL was started before in this process"),
            Self::InvalidOption(what) => f.write_str(what),
            Self::Dpdk { call, message, .. } => write!(f, "{call}: {message}"),
            Self::Unsupported(what) => write!(f, "the driver does not support: {what}"),
            Self::NoSuchDevice(device) => write!(f, "no Ethernet device \"{device}\""),
            Self::AlreadyAttached(device) => write!(f, "the device \"{device}\" is attached already"),
            Self::NotConfigured => f.write_str("the port is not configured"),
            Self::NotStarted => f.write_str("the port is not started"),
            Self::Started => f.write_str("the port is started"),
            Self::QueueTaken(queue) => write!(f, "queue {queue} is taken"),
            Self::NoSuchQueue(queue) => write!(f, "the port has no queue {queue}"),
            Self::QueuesInUse => f.write_str("queues of the port are in use"),
            Self::ThreadRegistered => f.write_str("the thread is registered already"),
        }
    }
}

impl std::error::Error for Error {}

/// Runs a call that returns 0 or a negative error number, and collects what DPDK logs meanwhile.
pub(crate) fn check(call: &'static str, run: impl FnOnce() -> i32) -> Result<(), Error> {
    let (rc, logged) = log::capture(run);
    if rc >= 0 { Ok(()) } else { Err(from_code(call, -rc, &logged)) }
}

/// An error from a positive error number and the lines that DPDK logged.
pub(crate) fn from_code(call: &'static str, code: i32, logged: &str) -> Error {
    let known = i32::try_from(dpdk_sys::DPDK_SHIM_ENOTSUP).ok();
    let unimplemented = i32::try_from(dpdk_sys::DPDK_SHIM_ENOSYS).ok();
    if Some(code) == known || Some(code) == unimplemented {
        return Error::Unsupported(call);
    }
    // SAFETY: rte_strerror takes any integer and returns a NUL-terminated string: a constant, or a buffer of
    // the calling thread that lives until its next call; it is copied here at once.
    let meaning = unsafe { CStr::from_ptr(dpdk_sys::rte_strerror(code)) }.to_string_lossy().into_owned();
    let message = if logged.is_empty() { meaning } else { format!("{meaning} ({logged})") };
    Error::Dpdk { call, code, message }
}

/// The error number of the last failed call in this thread.
pub(crate) fn errno() -> i32 {
    // SAFETY: reads a thread-local integer.
    unsafe { dpdk_sys::dpdk_shim_errno() }
}
