//! What is wrong with a configuration or a script, and where.

use std::cell::RefCell;
use std::fmt;

/// Characters of a value that a message quotes; the rest is cut.
const MAX_QUOTED_CHARS: usize = 80;

/// One thing that makes an input unusable: what is wrong, and what would be right.
///
/// Displays as one line, `FILE:LINE:COLUMN: what is wrong; what would be right`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1; 0 when the problem is with the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 when the problem is with the file as a whole.
    pub column: usize,
    /// The text, without the place.
    pub message: String,
}

impl Problem {
    /// A problem with a whole file: it cannot be read, it is too large.
    pub fn with_file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.message)
        } else {
            write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
        }
    }
}

impl std::error::Error for Problem {}

/// One thing that is probably not what the user meant, but can be run.
///
/// Displays as one line, `FILE:LINE:COLUMN: warning: what happens instead`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The text, without the place.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: warning: {}", self.file, self.line, self.column, self.message)
    }
}

/// A value and the octet offset in the text where it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located<T> {
    pub value: T,
    pub at: usize,
}

/// Collects problems and warnings by offset while a text is read; turns them into lines at the end.
///
/// It takes `&self`, so that readers of nested sections can all hold it.
pub(crate) struct Report<'t> {
    file: &'t str,
    text: &'t str,
    line_starts: Vec<usize>,
    problems: RefCell<Vec<(usize, String)>>,
    warnings: RefCell<Vec<(usize, String)>>,
}

impl<'t> Report<'t> {
    pub fn new(file: &'t str, text: &'t str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { file, text, line_starts, problems: RefCell::default(), warnings: RefCell::default() }
    }

    pub fn problem(&self, at: usize, message: impl Into<String>) {
        self.problems.borrow_mut().push((at, message.into()));
    }

    pub fn warning(&self, at: usize, message: impl Into<String>) {
        self.warnings.borrow_mut().push((at, message.into()));
    }

    /// Line and column of an offset, both from 1; the column counts characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts[line - 1];
        let before = &self.text.as_bytes()[start..at];
        // Octets that continue a character (0b10xx_xxxx) are not a column of their own.
        let column = before.iter().filter(|octet| **octet & 0xc0 != 0x80).count() + 1;
        (line, column)
    }

    /// The line of an offset, to point at the first of two that collide.
    pub fn line(&self, at: usize) -> usize {
        self.position(at).0
    }

    /// One problem at an offset, outside the collection.
    pub fn problem_at(&self, at: usize, message: impl Into<String>) -> Problem {
        let (line, column) = self.position(at);
        Problem { file: self.file.to_owned(), line, column, message: message.into() }
    }

    /// All problems, in the order of the text.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = self.problems.borrow().clone();
        found.sort_by_key(|(at, _)| *at);
        found.dedup();
        found.into_iter().map(|(at, message)| self.problem_at(at, message)).collect()
    }

    /// All warnings, in the order of the text.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut found = self.warnings.borrow().clone();
        found.sort_by_key(|(at, _)| *at);
        found.dedup();
        let place = |(at, message)| {
            let (line, column) = self.position(at);
            Warning { file: self.file.to_owned(), line, column, message }
        };
        found.into_iter().map(place).collect()
    }
}

/// A value as a message quotes it: in double quotes, on one line, not longer than a screen is wide.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}

/// `"a"`, `"a" or "b"`, `"a", "b" or "c"`.
pub(crate) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("\"{one}\""),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|word| format!("\"{word}\"")).collect();
            format!("{} or \"{last}\"", most.join(", "))
        }
    }
}
