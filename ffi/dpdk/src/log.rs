//! Where DPDK's log lines go: to the program's sink, and into the error of the call that logged them.

use std::cell::RefCell;
use std::ffi::c_char;
use std::sync::OnceLock;

use crate::Error;

/// How grave a log line is; DPDK's and syslog's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum LogLevel {
    /// The system is unusable.
    Emergency = 1,
    /// Action must be taken immediately.
    Alert = 2,
    /// Critical conditions.
    Critical = 3,
    /// Errors.
    Error = 4,
    /// Warnings.
    Warning = 5,
    /// Normal but significant.
    Notice = 6,
    /// Informational.
    Info = 7,
    /// Everything.
    Debug = 8,
}

impl LogLevel {
    fn from_dpdk(level: u32) -> Self {
        match level {
            0 | 1 => Self::Emergency,
            2 => Self::Alert,
            3 => Self::Critical,
            4 => Self::Error,
            5 => Self::Warning,
            6 => Self::Notice,
            7 => Self::Info,
            _ => Self::Debug,
        }
    }
}

/// A program's function for log lines; each comes without its newline.
pub(crate) type Sink = fn(LogLevel, &str);

/// At most so much of what DPDK logs goes into an error's message.
const CAPTURE_MAX_BYTES: usize = 1024;

static SINK: OnceLock<Sink> = OnceLock::new();

thread_local! {
    /// The error lines of the call that this thread is in, if it is in one.
    static CAPTURED: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn to_standard_error(_level: LogLevel, line: &str) {
    eprintln!("{line}");
}

/// Redirects DPDK's log; once, before EAL starts.
pub(crate) fn install(sink: Option<Sink>) -> Result<(), Error> {
    let _ = SINK.set(sink.unwrap_or(to_standard_error));
    // SAFETY: `receive` is a function with the very signature that the shim declares, valid for ever. No thread
    // of DPDK runs yet that could be logging: `Eal::init` calls this once, before it starts EAL.
    let rc = unsafe { dpdk_sys::dpdk_shim_log_to(Some(receive)) };
    if rc == 0 { Ok(()) } else { Err(Error::InvalidOption("the log stream cannot be opened".to_owned())) }
}

/// Runs `call`, and returns what it returned with the error lines that it logged, joined by "; ".
pub(crate) fn capture<T>(call: impl FnOnce() -> T) -> (T, String) {
    CAPTURED.with_borrow_mut(|captured| *captured = Some(String::new()));
    let result = call();
    let logged = CAPTURED.with_borrow_mut(Option::take).unwrap_or_default();
    (result, logged)
}

extern "C" fn receive(level: u32, text: *const c_char, bytes: usize) {
    // SAFETY: stdio hands the write function of a stream a buffer of `bytes` bytes that it does not touch
    // before that function returns; `text` does not outlive this call.
    let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), bytes) };
    // A panic must not unwind into C. There is nobody to tell: the log itself failed.
    let _ = std::panic::catch_unwind(|| deliver(LogLevel::from_dpdk(level), &String::from_utf8_lossy(text)));
}

fn deliver(level: LogLevel, text: &str) {
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if level <= LogLevel::Error {
            remember(line);
        }
        if let Some(sink) = SINK.get() {
            sink(level, line);
        }
    }
}

fn remember(line: &str) {
    // A thread that is ending, or one that logs from within this very function, is not worth an error.
    let _ = CAPTURED.try_with(|captured| {
        let Ok(mut captured) = captured.try_borrow_mut() else { return };
        let Some(text) = captured.as_mut() else { return };
        if text.len() + line.len() > CAPTURE_MAX_BYTES {
            return;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(line);
    });
}
