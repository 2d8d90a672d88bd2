//! Why a command did not do what it was asked, and the exit status that says whose fault it was.

use std::process::ExitCode;

use control::ask::{AskError, AskErrorKind};

/// Exit status when what was asked cannot be.
pub const BAD_INPUT: u8 = 2;
/// Exit status when it could have been, and failed.
pub const FAILED: u8 = 1;

/// What to say, and the exit status.
#[derive(Debug)]
pub struct Failure {
    lines: String,
    status: u8,
}

impl Failure {
    /// A mistake in what was asked.
    pub fn bad_input(message: impl std::fmt::Display) -> Failure {
        Failure { lines: format!("mexfwd: {message}"), status: BAD_INPUT }
    }

    /// A failure at run time.
    pub fn failed(message: impl std::fmt::Display) -> Failure {
        Failure { lines: format!("mexfwd: {message}"), status: FAILED }
    }

    /// Lines that name their file, or anything else that needs no name before it.
    pub fn with_lines(lines: impl Into<String>, status: u8) -> Failure {
        Failure { lines: lines.into(), status }
    }

    /// Says it on standard error.
    pub fn report(self) -> ExitCode {
        eprintln!("{}", self.lines);
        ExitCode::from(self.status)
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Failure {
        match error.kind {
            AskErrorKind::BadInput => Failure::bad_input(error),
            AskErrorKind::Failed => Failure::failed(error),
        }
    }
}
