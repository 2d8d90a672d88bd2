//! Standard output, which may be a pipe that its reader has closed.

use std::io::{self, Write};

use serde_json::Value;

use super::failure::Failure;

/// Prints a text; a closed pipe is no failure: the reader has seen enough.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON, indented, on lines of its own.
pub fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}
