//! Routes as programs write them, read without TOML's tree.
//!
//! A full table is some 280,000 `[[route]]` sections. As a tree of tables they take four kilooctets each; read where they stand
//! they take a hundred octets. So a section that is written plainly is taken out of the text before TOML's parser sees the rest.
//! Plain is a section whose lines are each a key and a value on one line, with strings without escapes. Whatever is not, is left
//! to the parser, with its messages: no section that is taken out has a problem that TOML knows of.

use super::limits;
use super::raw::{RawAction, RawNextHop, RawRoute, Text};
use super::report::Located;

/// The header of a section.
const HEADER: &str = "[[route]]";
/// The key whose sections these are.
const KEY: &str = "route";

/// Plain routes, and the text without them: with spaces in their place, so that what is left stands where it stood.
#[derive(Default)]
pub(super) struct Plain<'t> {
    pub routes: Vec<RawRoute<'t>>,
    /// `None`: the text as it was.
    pub rest: Option<String>,
}

/// Takes the plain routes out of a text.
pub(super) fn take(text: &str) -> Plain<'_> {
    // A string of several lines could hold anything that looks like a section.
    if text.contains("\"\"\"") || text.contains("'''") {
        return Plain::default();
    }
    let (mut routes, mut taken) = (Vec::new(), Vec::new());
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        let line = line_at(text, at);
        let is_header = depth == 0 && content(line) == Some(HEADER);
        if is_header && let Some((route, end)) = section(text, at, at + line.len()) {
            routes.push(route);
            taken.push(at..end);
            at = end;
            continue;
        }
        if depth == 0 && !is_header && names_route(line) {
            // The key is used in another way, too: what may stand beside what is for the parser to say.
            return Plain::default();
        }
        depth = depth_behind(line, depth);
        at += line.len();
    }
    if routes.is_empty() {
        return Plain::default();
    }
    let mut rest = text.as_bytes().to_vec();
    for range in taken {
        if let Some(octets) = rest.get_mut(range) {
            octets.fill(b' ');
        }
    }
    // Whole lines became spaces: what was UTF-8 still is.
    match String::from_utf8(rest) {
        Ok(rest) => Plain { routes, rest: Some(rest) },
        Err(_) => Plain::default(),
    }
}

/// The line at an offset, with its end.
fn line_at(text: &str, at: usize) -> &str {
    let line = text.get(at..).unwrap_or_default();
    line.find('\n').map_or(line, |end| &line[..=end])
}

/// A line without its end, the space around it and a comment behind it that is not inside a string; `None` for characters that
/// TOML does not have.
fn content(line: &str) -> Option<&str> {
    let line = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.bytes().any(|octet| octet.is_ascii_control() && octet != b'\t') {
        return None;
    }
    let mut quote = None;
    let end = line.bytes().position(|octet| match (quote, octet) {
        (None, b'#') => true,
        (None, b'"' | b'\'') => {
            quote = Some(octet);
            false
        }
        (Some(open), octet) if open == octet => {
            quote = None;
            false
        }
        _ => false,
    });
    Some(line[..end.unwrap_or(line.len())].trim_matches([' ', '\t']))
}

/// True when a line begins with the key of routes: alone, quoted, or in a header.
fn names_route(line: &str) -> bool {
    let name = line.trim_start_matches([' ', '\t', '[', '"', '\'']);
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.strip_prefix(KEY).is_some_and(|rest| !rest.starts_with(is_of_name))
}

/// How many lists and tables are open behind a line.
fn depth_behind(line: &str, before: usize) -> usize {
    let mut depth = before;
    let (mut quote, mut is_escaped) = (None, false);
    for octet in line.bytes() {
        match quote {
            _ if std::mem::take(&mut is_escaped) => {}
            Some(b'"') if octet == b'\\' => is_escaped = true,
            Some(open) if octet == open => quote = None,
            Some(_) => {}
            None => match octet {
                b'#' => break,
                b'"' | b'\'' => quote = Some(octet),
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            },
        }
    }
    depth
}

/// The section whose header is at `at` and whose lines begin at `from`, if it is plain; and where it ends.
fn section(text: &str, at: usize, from: usize) -> Option<(RawRoute<'_>, usize)> {
    let (mut prefix, mut vrf, mut action): (Text<'_>, Text<'_>, _) = (None, None, None);
    let mut end = from;
    while end < text.len() {
        let line = line_at(text, end);
        let content = content(line)?;
        if content.starts_with('[') {
            break;
        }
        if !content.is_empty() {
            // Into the text, not into the content: places are those of the text.
            let start = end + (line.len() - line.trim_start_matches([' ', '\t']).len());
            let mut words = Words { text: &text[..start + content.len()], at: start };
            let key = words.key()?;
            words.symbol(b'=')?;
            let is_new = match key {
                "prefix" => prefix.replace(words.string()?).is_none(),
                "vrf" => vrf.replace(words.string()?).is_none(),
                "via" => action.replace(RawAction::Via(words.next_hops()?)).is_none(),
                "action" => action.replace(RawAction::Word(words.string()?)).is_none(),
                "policy" => action.replace(RawAction::Policy(words.string()?)).is_none(),
                _ => false,
            };
            if !is_new || !words.is_at_end() {
                return None;
            }
        }
        end += line.len();
    }
    let (prefix, action) = (Some(prefix?), Some(action?));
    Some((RawRoute { at, prefix, vrf: Ok(vrf), action }, end))
}

/// Reads what is plain from one line, from left to right; `None`: it is not.
struct Words<'t> {
    /// Up to the end of the line's content.
    text: &'t str,
    at: usize,
}

impl<'t> Words<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty()
    }

    /// The next one, if it is this.
    fn symbol(&mut self, symbol: u8) -> Option<()> {
        self.skip_space();
        (self.rest().as_bytes().first() == Some(&symbol)).then(|| self.at += 1)
    }

    /// A bare key.
    fn key(&mut self) -> Option<&'t str> {
        self.skip_space();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        self.at += end;
        (end > 0).then(|| &rest[..end])
    }

    /// A string of either kind, without escapes.
    fn string(&mut self) -> Option<Located<&'t str>> {
        self.skip_space();
        let (at, rest) = (self.at, self.rest());
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let inside = &rest[1..];
        let value = &inside[..inside.find(quote)?];
        self.at += value.len() + 2;
        (quote == '\'' || !value.contains('\\')).then_some(Located { value, at })
    }

    /// A decimal number of few digits.
    fn number(&mut self) -> Option<u64> {
        self.skip_space();
        let rest = self.rest();
        let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
        self.at += digits.len();
        let is_plain = (1..=3).contains(&digits.len()) && !digits.starts_with('0');
        digits.parse().ok().filter(|_| is_plain)
    }

    /// A list of next hops.
    fn next_hops(&mut self) -> Option<Vec<RawNextHop<'t>>> {
        self.symbol(b'[')?;
        let mut hops = Vec::with_capacity(1);
        loop {
            if self.symbol(b']').is_some() {
                return (!hops.is_empty() && hops.len() <= limits::MAX_GROUP_MEMBERS).then_some(hops);
            }
            hops.push(self.next_hop()?);
            if self.symbol(b',').is_none() {
                self.symbol(b']')?;
                return (hops.len() <= limits::MAX_GROUP_MEMBERS).then_some(hops);
            }
        }
    }

    fn next_hop(&mut self) -> Option<RawNextHop<'t>> {
        self.skip_space();
        let at = self.at;
        self.symbol(b'{')?;
        let mut hop = RawNextHop { at, address: None, port: None, weight: None, unreadable: false };
        loop {
            let key = self.key()?;
            self.symbol(b'=')?;
            let is_new = match key {
                "address" => hop.address.replace(self.string()?).is_none(),
                "port" => hop.port.replace(self.string()?).is_none(),
                "weight" => hop.weight.replace(self.number()?).is_none(),
                _ => false,
            };
            if !is_new || hop.weight.is_some_and(|weight| !limits::WEIGHT.contains(&weight)) {
                return None;
            }
            if self.symbol(b',').is_none() {
                self.symbol(b'}')?;
                return Some(hop);
            }
        }
    }
}
