//! From words to a command.

use std::net::IpAddr;
use std::str::FromStr;

use super::{ActionSpec, Command, NeighborSpec, NextHopSpec, RouteSpec, srv6};
use crate::config::address::{parse_mac, parse_unicast};
use crate::config::limits::{MEX_MAX_PREFIXES, MTU, WEIGHT};
use crate::config::prefix::{Prefix4, PrefixError};
use crate::config::{DEFAULT_VRF, Prefix, Prefix6, alternatives, quoted, suggest};

/// What is wrong, and with which word (the number of words: something is missing at the end).
#[derive(Debug)]
pub(super) struct Fault {
    pub word: usize,
    pub message: String,
}

pub(super) type Parsed<T> = Result<T, Fault>;

/// The words of a command, read from left to right.
pub(super) struct Words<'w> {
    words: &'w [&'w str],
    next: usize,
}

impl<'w> Words<'w> {
    pub(super) fn fault<T>(&self, word: usize, message: impl Into<String>) -> Parsed<T> {
        Err(Fault { word: word.min(self.words.len()), message: message.into() })
    }

    /// The fault of the word that was just read.
    pub(super) fn wrong<T>(&self, message: impl Into<String>) -> Parsed<T> {
        self.fault(self.next.saturating_sub(1), message)
    }

    pub(super) fn peek(&self) -> Option<&'w str> {
        self.words.get(self.next).copied()
    }

    /// The next word; `what` it must be, for the message when there is none.
    pub(super) fn take(&mut self, what: &str) -> Parsed<&'w str> {
        let Some(word) = self.peek() else {
            let after = self.words.join(" ");
            let after = if after.is_empty() {
                "the command is empty".to_owned()
            } else {
                format!("{} ends too early", quoted(&after))
            };
            return self.fault(self.words.len(), format!("{after}; {what} must follow"));
        };
        self.next += 1;
        Ok(word)
    }

    /// The next word, which must be one of a few.
    pub(super) fn one_of<T: Copy>(&mut self, choices: &[(&str, T)]) -> Parsed<T> {
        let known: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let word = self.take(&alternatives(&known))?;
        match choices.iter().find(|(choice, _)| *choice == word) {
            Some((_, value)) => Ok(*value),
            None => self.unknown(word, &known),
        }
    }

    /// The fault of a word that is not one of those known.
    pub(super) fn unknown<T>(&self, word: &str, known: &[&str]) -> Parsed<T> {
        let all = || format!("{} is possible here", alternatives(known));
        let hint = suggest::hint(word, known.iter().copied(), all);
        self.wrong(format!("unknown word {}; {hint}", quoted(word)))
    }

    pub(super) fn keyword(&mut self, keyword: &str) -> Parsed<()> {
        self.one_of(&[(keyword, ())])
    }

    pub(super) fn integer<T: FromStr>(
        &mut self,
        what: &str,
        range: &std::ops::RangeInclusive<u64>,
    ) -> Parsed<T> {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        let word = self.take(&expected)?;
        let is_number = word.bytes().all(|octet| octet.is_ascii_digit());
        let in_range = word.parse::<u64>().ok().filter(|number| is_number && range.contains(number));
        match in_range.and_then(|_| word.parse().ok()) {
            Some(number) => Ok(number),
            None => self.wrong(format!("{what} is {}; it must be {expected}", quoted(word))),
        }
    }

    pub(super) fn address(&mut self) -> Parsed<IpAddr> {
        let word = self.take("an address")?;
        parse_unicast(word).or_else(|message| self.wrong(message))
    }

    /// The address of a next hop, of either family, which may be named before it as in iproute2.
    pub(super) fn next_hop_address(&mut self) -> Parsed<IpAddr> {
        let family = self.peek().filter(|word| ["inet", "inet6"].contains(word));
        self.next += usize::from(family.is_some());
        let address = self.address()?;
        match family {
            Some("inet") if address.is_ipv6() => {
                self.wrong(format!("{address} is an IPv6 address; inet is IPv4"))
            }
            Some("inet6") if address.is_ipv4() => {
                self.wrong(format!("{address} is an IPv4 address; inet6 is IPv6"))
            }
            _ => Ok(address),
        }
    }

    pub(super) fn name(&mut self, what: &str) -> Parsed<String> {
        match self.take(&format!("the name of a {what}"))? {
            "" => self.wrong(format!("the {what} name is empty; a name is needed")),
            name => Ok(name.to_owned()),
        }
    }

    /// A prefix; `default`, or an address that stands for itself, as in iproute2.
    pub(super) fn prefix(&mut self) -> Parsed<Prefix> {
        let word = self.take("a prefix")?;
        if word == DEFAULT {
            return Ok(Prefix6::ALL.into());
        }
        match word.parse() {
            Ok(prefix) => Ok(prefix),
            Err(PrefixError::NoLength(address)) => {
                let host = match address {
                    IpAddr::V6(address) => Prefix6::new(address, 128).map(Prefix::from),
                    IpAddr::V4(address) => Prefix4::new(address, 32).map(Prefix::from),
                };
                host.or_else(|error| self.wrong(error.to_string()))
            }
            Err(error) => self.wrong(error.to_string()),
        }
    }

    /// Takes the next word if it is this one.
    pub(super) fn skip(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        self.next += usize::from(is_next);
        is_next
    }

    /// The fault of a word that is not there.
    pub(super) fn missing<T>(&self, message: &str) -> Parsed<T> {
        self.fault(self.words.len(), message)
    }

    pub(super) fn end(&self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(word) => {
                self.fault(self.next, format!("{} is too much; the command ends before it", quoted(word)))
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Verb {
    Add,
    Replace,
    Del,
}

pub(super) const VERBS: [(&str, Verb); 4] =
    [("add", Verb::Add), ("replace", Verb::Replace), ("del", Verb::Del), ("delete", Verb::Del)];

/// All destinations of a family.
const DEFAULT: &str = "default";

/// What a command can be about.
pub(super) const OBJECTS: [&str; 6] = ["route", "neighbor", "sid", "policy", "port", "mex"];

/// Reads a whole command.
pub(super) fn parse(words: &[&str]) -> Parsed<Command> {
    let mut words = Words { words, next: 0 };
    let command = match words.take(&alternatives(&OBJECTS))? {
        "route" => route(&mut words)?,
        "neighbor" | "neigh" => neighbor(&mut words)?,
        "port" => port(&mut words)?,
        "mex" => mex(&mut words)?,
        "sid" => srv6::sid(&mut words)?,
        "policy" => srv6::policy(&mut words)?,
        other => return words.unknown(other, &OBJECTS),
    };
    words.end()?;
    // What no single word is to blame for is put at the end.
    command.check().or_else(|message| words.fault(words.words.len(), message))?;
    Ok(command)
}

/// A special route by its word.
fn special(word: &str) -> Option<ActionSpec> {
    match word {
        "blackhole" => Some(ActionSpec::Blackhole),
        "unreachable" => Some(ActionSpec::Unreachable),
        "mex" => Some(ActionSpec::Mex),
        _ => None,
    }
}

fn route(words: &mut Words<'_>) -> Parsed<Command> {
    let verb = words.one_of(&VERBS)?;
    let mut rest = RouteWords::default();
    if let Some(action) = words.peek().and_then(special) {
        words.next += 1;
        rest.special = Some(action);
    }
    let is_default = words.peek() == Some(DEFAULT);
    let mut prefix = words.prefix()?;
    while let Some(word) = words.peek() {
        words.next += 1;
        rest.take(words, word)?;
    }
    let vrf = rest.vrf.take().unwrap_or_else(|| DEFAULT_VRF.to_owned());
    let action = rest.action(words)?;
    if is_default && action.as_ref().is_some_and(is_ipv4) {
        prefix = Prefix4::ALL.into();
    }
    match (verb, action) {
        (Verb::Del, action) => Ok(Command::RouteDel { prefix, vrf, action }),
        (_, None) => {
            let what = "via ADDRESS dev PORT, dev PORT, policy NAME, blackhole, unreachable or mex";
            words.fault(words.words.len(), format!("the route leads nowhere; add {what}"))
        }
        (Verb::Add, Some(action)) => Ok(Command::RouteAdd(RouteSpec { prefix, vrf, action })),
        (Verb::Replace, Some(action)) => Ok(Command::RouteReplace(RouteSpec { prefix, vrf, action })),
    }
}

/// True when a route leads to IPv4 neighbors.
fn is_ipv4(action: &ActionSpec) -> bool {
    let ActionSpec::Via(hops) = action else { return false };
    hops.iter().any(|hop| hop.address.is_some_and(|address| address.is_ipv4()))
}

/// What follows the prefix of a route, in any order.
#[derive(Default)]
struct RouteWords {
    special: Option<ActionSpec>,
    vrf: Option<String>,
    /// The next hop that `via`, `dev` and `weight` speak of: the route's only one, or the last `nexthop`.
    current: HopWords,
    hops: Vec<NextHopSpec>,
    has_nexthop: bool,
}

#[derive(Default)]
struct HopWords {
    address: Option<IpAddr>,
    port: Option<String>,
    weight: Option<u8>,
}

impl HopWords {
    fn is_empty(&self) -> bool {
        self.address.is_none() && self.port.is_none() && self.weight.is_none()
    }

    fn finish(self, words: &Words<'_>, before: usize) -> Parsed<NextHopSpec> {
        if self.address.is_none() && self.port.is_none() {
            return words
                .fault(before, "a next hop needs an address, a port or both; add via ADDRESS dev PORT");
        }
        let Self { address, port, weight } = self;
        Ok(NextHopSpec { address, port, weight: weight.unwrap_or(1) })
    }
}

impl RouteWords {
    fn take(&mut self, words: &mut Words<'_>, word: &str) -> Parsed<()> {
        let taken = match word {
            "via" => self.current.address.is_some(),
            "dev" => self.current.port.is_some(),
            "weight" => self.current.weight.is_some(),
            "vrf" => self.vrf.is_some(),
            _ => false,
        };
        if taken {
            let hint =
                if word == "vrf" { "remove one" } else { "begin each of several next hops with nexthop" };
            return words.wrong(format!("\"{word}\" is given twice; {hint}"));
        }
        match word {
            "via" => self.current.address = Some(words.next_hop_address()?),
            "dev" => self.current.port = Some(words.name("port")?),
            "weight" => self.current.weight = Some(words.integer("weight", &WEIGHT)?),
            "vrf" => self.vrf = Some(words.name("VRF")?),
            "nexthop" => self.begin_next_hop(words)?,
            "policy" if self.special.is_none() => {
                self.special = Some(ActionSpec::Policy(words.name("policy")?));
            }
            "policy" => return words.wrong("\"policy\" is one action too many; a route has one"),
            _ => match special(word) {
                Some(_) if self.special.is_some() => {
                    return words.wrong(format!("\"{word}\" is one action too many; a route has one"));
                }
                Some(action) => self.special = Some(action),
                None => {
                    let known = [
                        "via",
                        "dev",
                        "weight",
                        "vrf",
                        "nexthop",
                        "policy",
                        "blackhole",
                        "unreachable",
                        "mex",
                    ];
                    return words.unknown(word, &known);
                }
            },
        }
        Ok(())
    }

    fn begin_next_hop(&mut self, words: &Words<'_>) -> Parsed<()> {
        let last = std::mem::take(&mut self.current);
        if self.has_nexthop {
            self.hops.push(last.finish(words, words.next - 1)?);
        } else if !last.is_empty() {
            return words
                .wrong("\"nexthop\" follows a next hop that has none; begin each of several with nexthop");
        }
        self.has_nexthop = true;
        Ok(())
    }

    /// What the route does; `None` when nothing was said.
    fn action(mut self, words: &Words<'_>) -> Parsed<Option<ActionSpec>> {
        let end = words.words.len();
        if self.has_nexthop || !self.current.is_empty() {
            self.hops.push(self.current.finish(words, end)?);
        }
        match (self.special, self.hops.is_empty()) {
            (Some(_), false) => words.fault(end, "the route has a next hop and another action; remove one"),
            (Some(special), true) => Ok(Some(special)),
            (None, false) => Ok(Some(ActionSpec::Via(self.hops))),
            (None, true) => Ok(None),
        }
    }
}

fn neighbor(words: &mut Words<'_>) -> Parsed<Command> {
    let verb = words.one_of(&VERBS)?;
    let address = words.address()?;
    let (mut mac, mut port) = (None, None);
    while let Some(word) = words.peek() {
        words.next += 1;
        match word {
            "lladdr" if mac.is_none() => {
                let text = words.take("a MAC address")?;
                mac = Some(parse_mac(text).or_else(|message| words.wrong(message))?);
            }
            "dev" if port.is_none() => port = Some(words.name("port")?),
            "lladdr" | "dev" => return words.wrong(format!("\"{word}\" is given twice; remove one")),
            _ => return words.unknown(word, &["lladdr", "dev"]),
        }
    }
    let missing = |what| words.fault(words.words.len(), format!("the neighbor has no {what}"));
    let Some(port) = port else { return missing("port; add dev PORT") };
    match (verb, mac) {
        // The MAC address is no part of what a neighbor is known by.
        (Verb::Del, _) => Ok(Command::NeighborDel { address, port }),
        (_, None) => missing("MAC address; add lladdr MAC"),
        (Verb::Add, Some(mac)) => Ok(Command::NeighborAdd(NeighborSpec { address, port, mac })),
        (Verb::Replace, Some(mac)) => Ok(Command::NeighborReplace(NeighborSpec { address, port, mac })),
    }
}

fn port(words: &mut Words<'_>) -> Parsed<Command> {
    words.keyword("set")?;
    let port = words.name("port")?;
    match words.one_of(&[("up", Some(true)), ("down", Some(false)), ("mtu", None)])? {
        Some(up) => Ok(Command::PortSet { port, up }),
        None => Ok(Command::PortMtu { port, mtu: words.integer("mtu", &MTU)? }),
    }
}

fn mex(words: &mut Words<'_>) -> Parsed<Command> {
    words.keyword("set")?;
    if words.one_of(&[("enabled", true), ("max-prefixes", false)])? {
        Ok(Command::MexEnabled { enabled: words.one_of(&[("on", true), ("off", false)])? })
    } else {
        Ok(Command::MexMaxPrefixes { max_prefixes: words.integer("max-prefixes", &MEX_MAX_PREFIXES)? })
    }
}
