//! Reads one TOML table key by key: types are checked, and what nobody asked for is an unknown key.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::{Located, Report, alternatives, quoted};
use super::suggest;

/// One table being read.
pub(super) struct Section<'t, 'r> {
    /// As messages name it: `[[port]]`, `a next hop`.
    title: &'static str,
    /// Where the table begins: its header, or its opening brace.
    pub at: usize,
    entries: &'t DeTable<'t>,
    known: Vec<&'static str>,
    report: &'r Report<'t>,
}

/// A list as written, without the items that have the wrong type.
pub(super) struct List<'t> {
    pub at: usize,
    pub items: Vec<Located<&'t str>>,
}

/// `a string`, `an integer`, ...
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a floating-point number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The value as a message shows it: itself where it is short, else its type.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Boolean(value) => value.to_string(),
        other => kind(other).to_owned(),
    }
}

impl<'t, 'r> Section<'t, 'r> {
    pub fn root(entries: &'t DeTable<'t>, report: &'r Report<'t>) -> Self {
        Self { title: "the file", at: 0, entries, known: Vec::new(), report }
    }

    fn nested(&self, title: &'static str, at: usize, entries: &'t DeTable<'t>) -> Section<'t, 'r> {
        Section { title, at, entries, known: Vec::new(), report: self.report }
    }

    /// The value of a key, and from now on the key is known.
    pub fn take(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.entries.get(key)
    }

    /// Where a key is written, if it is.
    pub fn key_at(&self, key: &str) -> Option<usize> {
        self.entries.get_key_value(key).map(|(key, _)| key.span().start)
    }

    /// Where the value of a key is written, if it is.
    pub fn value_at(&self, key: &str) -> Option<usize> {
        self.entries.get(key).map(|value| value.span().start)
    }

    /// Reports a problem of this section.
    pub fn problem(&self, at: usize, message: impl Into<String>) {
        self.report.problem(at, message);
    }

    fn wrong(&self, at: usize, key: &str, is: &str, expected: &str) {
        self.report.problem(at, format!("{key} is {is}; it must be {expected}"));
    }

    /// A string; `expected` says what the string must be.
    pub fn string(&mut self, key: &'static str, expected: &str) -> Option<Located<&'t str>> {
        let value = self.take(key)?;
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(at, key, kind(value.get_ref()), expected);
            return None;
        };
        Some(Located { value: text, at })
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let written = self.string(key, &alternatives(&words))?;
        choose(self.report, key, written, choices)
    }

    /// One of a few words, or an integer within a range.
    pub fn word_or_integer<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
        range: RangeInclusive<u64>,
        meaning: impl Fn(u64) -> T,
    ) -> Option<T> {
        let value = self.take(key)?;
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let (min, max) = (range.start(), range.end());
        let expected = format!("an integer from {min} to {max}, or {}", alternatives(&words));
        let word = value.get_ref().as_str();
        if let Some((_, value)) = choices.iter().find(|(name, _)| Some(*name) == word) {
            return Some(*value);
        }
        self.ranged(key, value, &range, &expected).map(|number| meaning(number.value))
    }

    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong(value.span().start, key, &shown(value.get_ref()), "true or false");
        }
        found
    }

    /// An integer within a range that starts at 0 or above.
    pub fn integer(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<Located<u64>> {
        let value = self.take(key)?;
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        self.ranged(key, value, &range, &expected)
    }

    fn ranged(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<u64>,
        expected: &str,
    ) -> Option<Located<u64>> {
        let at = value.span().start;
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong(at, key, &shown(value.get_ref()), expected);
            return None;
        };
        // What does not fit in 128 bits is certainly out of range.
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let in_range =
            number.and_then(|number| u64::try_from(number).ok()).filter(|number| range.contains(number));
        if in_range.is_none() {
            let is = number.map_or_else(|| "out of range".to_owned(), |number| number.to_string());
            self.wrong(at, key, &is, expected);
        }
        in_range.map(|value| Located { value, at })
    }

    fn array(&mut self, key: &'static str, expected: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        let value = self.take(key)?;
        if value.get_ref().as_array().is_some() {
            return Some(value);
        }
        self.wrong(value.span().start, key, kind(value.get_ref()), expected);
        None
    }

    /// A list of strings; `expected` describes the list.
    pub fn strings(&mut self, key: &'static str, expected: &str) -> Option<List<'t>> {
        let array = self.array(key, expected)?;
        let mut items = Vec::new();
        for item in array.get_ref().as_array()? {
            let at = item.span().start;
            match item.get_ref().as_str() {
                Some(value) => items.push(Located { value, at }),
                None => self.wrong(at, &format!("an item of {key}"), kind(item.get_ref()), "a string"),
            }
        }
        Some(List { at: array.span().start, items })
    }

    /// A list of integers within a range; where the list is, and the good ones.
    pub fn integers(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        expected: &str,
    ) -> Option<(usize, Vec<Located<u64>>)> {
        let array = self.array(key, expected)?;
        let one = format!("an integer from {} to {}", range.start(), range.end());
        let item_of = format!("an item of {key}");
        let items = array.get_ref().as_array()?.iter();
        let good = items.filter_map(|item| self.ranged(&item_of, item, &range, &one)).collect();
        Some((array.span().start, good))
    }

    /// A `[section]`.
    pub fn table(&mut self, key: &'static str, title: &'static str) -> Option<Section<'t, 'r>> {
        let value = self.take(key)?;
        let at = value.span().start;
        match value.get_ref() {
            DeValue::Table(entries) => Some(self.nested(title, at, entries)),
            DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
                self.report.problem(at, format!("there is only one {title}; write {title}, not [{title}]"));
                None
            }
            other => {
                self.wrong(at, key, kind(other), &format!("the section {title}"));
                None
            }
        }
    }

    /// A table that is a value, `key = { ... }`; `Err`: it is something else.
    pub fn inline(
        &mut self,
        key: &'static str,
        title: &'static str,
        expected: &str,
    ) -> Result<Option<Section<'t, 'r>>, ()> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let at = value.span().start;
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong(at, key, kind(value.get_ref()), expected);
            return Err(());
        };
        Ok(Some(self.nested(title, at, entries)))
    }

    /// The `[[sections]]` of one name, or a list of inline tables; where each starts is its own `at`.
    pub fn tables(
        &mut self,
        key: &'static str,
        title: &'static str,
        max: usize,
        expected: &str,
    ) -> Option<Vec<Section<'t, 'r>>> {
        let value = self.take(key)?;
        let at = value.span().start;
        let Some(items) = value.get_ref().as_array() else {
            let is = kind(value.get_ref());
            self.wrong(at, key, is, expected);
            return None;
        };
        if let Some(beyond) = items.get(max) {
            let excess = format!("more than {max} of {title}; at most {max} are possible");
            self.report.problem(beyond.span().start, excess);
        }
        let mut sections = Vec::new();
        for item in items.iter().take(max) {
            let at = item.span().start;
            if let Some(entries) = item.get_ref().as_table() {
                sections.push(self.nested(title, at, entries));
            } else {
                self.wrong(at, &format!("an item of {key}"), kind(item.get_ref()), "a table");
            }
        }
        Some(sections)
    }

    /// Whether an unknown key was probably meant to be this one. Of use once all keys are known.
    pub fn is_misspelt(&self, key: &str) -> bool {
        let written = self.entries.keys().map(|key| -> &str { key.get_ref() });
        let mut unknown = written.filter(|name| !self.known.contains(name));
        unknown.any(|name| suggest::nearest(name, self.known.iter().copied()) == Some(key))
    }

    /// Reports a key that must be there and is not; `example` is what to write. All keys must be known.
    pub fn require(&self, key: &str, example: &str) {
        if !self.entries.contains_key(key) && !self.is_misspelt(key) {
            self.report.problem(self.at, format!("{} has no {key}; add {example}", self.title));
        }
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        for (key, _) in self.entries {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let all = || format!("the keys are: {}", self.known.join(", "));
            let hint = suggest::hint(name, self.known.iter().copied(), all);
            let unknown = format!("unknown key {} in {}; {hint}", quoted(name), self.title);
            self.report.problem(key.span().start, unknown);
        }
    }
}

/// The meaning of a word, or a problem that lists the words.
pub(super) fn choose<T: Copy>(
    report: &Report<'_>,
    key: &str,
    written: Located<&str>,
    choices: &[(&str, T)],
) -> Option<T> {
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == written.value) {
        return Some(*value);
    }
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let hint = suggest::hint(written.value, words.iter().copied(), || {
        format!("it must be {}", alternatives(&words))
    });
    report.problem(written.at, format!("{key} is {}; {hint}", quoted(written.value)));
    None
}
