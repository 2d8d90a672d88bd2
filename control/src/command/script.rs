//! Scripts: commands and the input packet that each one is run before.

use super::grammar::OBJECTS;
use super::{Command, grammar};
use crate::config::{Problem, Report, quoted};

/// Reads a script: lines `N COMMAND`, the command to run before the N-th input packet, counted from 1.
///
/// Empty lines, and what follows a word that begins with `#`, mean nothing. The result is in the order
/// of N; commands with the same N keep the order of the file.
///
/// # Errors
/// Every problem found, with line and column; a word too few is placed after the line's last one.
pub fn parse_script(file_name: &str, text: &str) -> Result<Vec<(u64, Command)>, Vec<Problem>> {
    let report = Report::new(file_name, text);
    let mut commands = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let words = words(line, start);
        start += line.len();
        if let Some(command) = entry(&report, &words) {
            commands.push(command);
        }
    }
    let problems = report.problems();
    if !problems.is_empty() {
        return Err(problems);
    }
    commands.sort_by_key(|(before, _)| *before);
    Ok(commands)
}

/// The words of a line up to a comment, each with its offset in the text.
fn words(line: &str, start: usize) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() || word.starts_with('#') {
            return found;
        }
        found.push((start + line.len() - rest.len(), word));
        rest = after;
    }
}

fn entry(report: &Report<'_>, words: &[(usize, &str)]) -> Option<(u64, Command)> {
    let [(at, number), command @ ..] = words else { return None };
    let digits = number.bytes().all(|octet| octet.is_ascii_digit());
    let before = number.parse().ok().filter(|number: &u64| digits && *number > 0);
    if before.is_none() {
        let line = "a line is the number of an input packet, from 1, and a command";
        report.problem(*at, format!("{} is not a packet number; {line}", quoted(number)));
    }
    if OBJECTS.contains(number) {
        // The number was forgotten: what follows is not a command.
        return None;
    }
    let plain: Vec<&str> = command.iter().map(|(_, word)| *word).collect();
    match grammar::parse(&plain) {
        Ok(command) => before.map(|before| (before, command)),
        Err(fault) => {
            let end = words.last().map_or(0, |(at, word)| at + word.len());
            let at = command.get(fault.word).map_or(end, |(at, _)| *at);
            report.problem(at, fault.message);
            None
        }
    }
}
