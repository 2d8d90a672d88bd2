//! `mexfwd batch`: changes from a file, one a line, many in one request.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use control::api;
use control::ask::{Ask, MAX_BATCH};
use control::command::Command;
use serde_json::Value;

use super::Socket;
use super::change::warn;
use super::failure::{BAD_INPUT, FAILED, Failure};

/// How long to wait when the daemon's workers are behind.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// How often the workers may be behind in a row: then they are stuck.
const MAX_BUSY: usize = 1000;
/// Octets of a line, at most.
const MAX_LINE_BYTES: u64 = 64 * 1024;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    socket: Socket,
    /// Changes, one a line, as in `mexfwd route ...` without the first word; `-` is standard input
    file: PathBuf,
    /// Go on behind a line that fails
    #[arg(long)]
    force: bool,
}

/// The changes that go out in the next request, each with its line.
struct Batch<'a> {
    arguments: &'a Arguments,
    name: String,
    waiting: Vec<(usize, Command)>,
    done: usize,
    failed: usize,
    status: u8,
    shows_progress: bool,
}

/// Sends the changes; says nothing when all are done.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let is_stdin = arguments.file.as_os_str() == "-";
    let name = if is_stdin { "standard input".to_owned() } else { arguments.file.display().to_string() };
    let unreadable = |error: io::Error| Failure::bad_input(format!("{name}: {error}"));
    let mut input: Box<dyn BufRead> = if is_stdin {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(&arguments.file).map_err(unreadable)?))
    };
    let shows_progress = io::stderr().is_terminal();
    let mut batch = Batch {
        arguments,
        name: name.clone(),
        waiting: Vec::with_capacity(MAX_BATCH),
        done: 0,
        failed: 0,
        status: BAD_INPUT,
        shows_progress,
    };
    let ended = batch.take_all(&mut input, unreadable);
    if shows_progress && batch.done > 0 {
        eprintln!();
    }
    ended?;
    match batch.failed {
        0 => Ok(()),
        failed => {
            let tried = batch.done;
            Err(Failure::with_lines(
                format!("mexfwd: {name}: {failed} of {tried} changes failed"),
                batch.status,
            ))
        }
    }
}

impl Batch<'_> {
    fn take_all(
        &mut self,
        input: &mut dyn BufRead,
        unreadable: impl Fn(io::Error) -> Failure,
    ) -> Result<(), Failure> {
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            if read_line(input, &mut line).map_err(&unreadable)? == 0 {
                break;
            }
            let words: Vec<&str> =
                line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
            if words.is_empty() {
                continue;
            }
            match Command::parse(&words) {
                Ok(command) => self.waiting.push((number, command)),
                Err(error) => {
                    // What stands before it is done first, as one line after the other would be.
                    self.send()?;
                    self.done += 1;
                    self.fail(number, &error, BAD_INPUT)?;
                }
            }
            if self.waiting.len() >= MAX_BATCH {
                self.send()?;
            }
        }
        self.send()
    }

    /// A line failed: the end, unless the rest goes on in any case.
    fn fail(&mut self, line: usize, error: &str, status: u8) -> Result<(), Failure> {
        let text = format!("{}:{line}: {error}", self.name);
        if !self.arguments.force {
            return Err(Failure::with_lines(text, status));
        }
        eprintln!("{text}");
        self.failed += 1;
        // One that could have been done and was not weighs more.
        self.status = self.status.min(status);
        Ok(())
    }

    fn send(&mut self) -> Result<(), Failure> {
        let mut busy = 0;
        while !self.waiting.is_empty() {
            let commands = self.waiting.iter().map(|(_, command)| command.clone()).collect();
            let ask = Ask::Batch { commands, force: self.arguments.force };
            let answer = api::ask(&self.arguments.socket.path, &ask)?;
            warn(&answer);
            let number = |value: &Value, key| value.get(key).and_then(Value::as_u64).unwrap_or(0) as usize;
            let is = |value: &Value, key| value.get(key).and_then(Value::as_bool).unwrap_or(false);
            let lines: Vec<usize> = self.waiting.iter().map(|(line, _)| *line).collect();
            let mut is_busy = false;
            let mut tried = number(&answer, "done").min(lines.len());
            let mut stopped = None;
            for failure in answer.get("failures").and_then(Value::as_array).into_iter().flatten() {
                let line = lines.get(number(failure, "index")).copied().unwrap_or(0);
                let error = failure.get("error").and_then(Value::as_str).unwrap_or("?");
                if is(failure, "busy") {
                    is_busy = true;
                    if busy >= MAX_BUSY {
                        return Err(Failure::with_lines(format!("{}:{line}: {error}", self.name), FAILED));
                    }
                } else {
                    let status = if is(failure, "refused") { BAD_INPUT } else { FAILED };
                    stopped = self.fail(line, error, status).err().or(stopped);
                }
            }
            if let Some(failure) = stopped {
                return Err(failure);
            }
            if !is_busy && tried == 0 {
                // An answer that makes no sense must not be asked for again and again.
                return Err(Failure::failed("the daemon did not take the changes"));
            }
            tried = tried.min(self.waiting.len());
            self.waiting.drain(..tried);
            self.done += tried;
            self.progress();
            busy = if is_busy && tried == 0 { busy + 1 } else { 0 };
            if is_busy {
                std::thread::sleep(BUSY_PAUSE);
            }
        }
        Ok(())
    }

    fn progress(&self) {
        if self.shows_progress {
            // Who has closed standard error does not want to know.
            let _ = write!(io::stderr().lock(), "\r{} changes", self.done);
        }
    }
}

/// Reads a line of at most [`MAX_LINE_BYTES`].
fn read_line(input: &mut dyn BufRead, line: &mut String) -> io::Result<usize> {
    let read = io::Read::take(&mut *input, MAX_LINE_BYTES).read_line(line)?;
    if read as u64 == MAX_LINE_BYTES && !line.ends_with('\n') {
        return Err(io::Error::other(format!("a line has more than {MAX_LINE_BYTES} octets")));
    }
    Ok(read)
}
