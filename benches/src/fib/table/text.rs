//! Tables as text: `PREFIX NEXT_HOP_ID` a line; empty lines and lines that begin with `#` are nothing.

use std::io::BufRead;
use std::net::Ipv6Addr;

use dataplane::fib::Prefix6;

use super::{MAX_ROUTES, Route};

/// Octets of a line, at most.
const MAX_LINE_BYTES: usize = 4096;

/// What is wrong in which line (from 1).
#[derive(Debug, PartialEq, Eq)]
pub struct LineError {
    pub line: usize,
    pub what: String,
}

/// All routes, in the order of the lines.
///
/// # Errors
/// The first bad line.
pub fn routes(reader: &mut dyn BufRead) -> Result<Vec<Route>, LineError> {
    let mut routes = Vec::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        let error = |what: String| LineError { line, what };
        bytes.clear();
        let mut limited = std::io::Read::take(&mut *reader, MAX_LINE_BYTES as u64);
        if limited.read_until(b'\n', &mut bytes).map_err(|e| error(e.to_string()))? == 0 {
            break;
        }
        if bytes.len() == MAX_LINE_BYTES {
            return Err(error(format!("a line of {MAX_LINE_BYTES} octets or more")));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| error("not text".to_owned()))?.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if routes.len() == MAX_ROUTES {
            return Err(error(format!("more than {MAX_ROUTES} routes")));
        }
        routes.push(route(text).map_err(error)?);
    }
    Ok(routes)
}

fn route(text: &str) -> Result<Route, String> {
    let mut words = text.split_ascii_whitespace();
    let (Some(prefix), Some(next_hop), None) = (words.next(), words.next(), words.next()) else {
        return Err("want `PREFIX NEXT_HOP_ID`".to_owned());
    };
    let next_hop = match next_hop.parse() {
        Ok(0) => return Err("next-hop id 0 is \"no route\"".to_owned()),
        Ok(id) => id,
        Err(_) => return Err(format!("next-hop id {next_hop:?}: want 1 to {}", u32::MAX)),
    };
    Ok(Route { prefix: parsed(prefix)?, next_hop })
}

fn parsed(text: &str) -> Result<Prefix6, String> {
    let (address, len) = text.split_once('/').ok_or_else(|| format!("prefix {text:?} has no length"))?;
    let address: Ipv6Addr = address.parse().map_err(|_| format!("{address:?} is no IPv6 address"))?;
    // `parse` would take a sign and leading zeros.
    let len = (1..=3).contains(&len.len()).then(|| len.parse::<u8>().ok()).flatten();
    let len =
        len.filter(|len| *len <= 128).ok_or_else(|| format!("prefix {text:?}: want a length of 0 to 128"))?;
    let prefix = Prefix6::new(address.into(), len);
    if prefix.address() != u128::from(address) {
        return Err(format!("prefix {text:?} has bits set behind its length"));
    }
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let LineError { line, what } = routes(&mut text.as_bytes()).unwrap_err();
        format!("{line}: {what}")
    }

    #[test]
    fn lengths_from_0_to_128() {
        let text = "::/0 1\r\n::1/128 4294967295\n#\n  # indented\n8000::/1 2";
        let found = routes(&mut text.as_bytes()).unwrap();
        assert_eq!(
            found,
            [
                Route { prefix: Prefix6::new(0, 0), next_hop: 1 },
                Route { prefix: Prefix6::new(1, 128), next_hop: u32::MAX },
                Route { prefix: Prefix6::new(1 << 127, 1), next_hop: 2 },
            ]
        );
    }

    #[test]
    fn bad_lines() {
        assert_eq!(error("::/0"), "1: want `PREFIX NEXT_HOP_ID`");
        assert_eq!(error("\n\n::/0 1 2"), "3: want `PREFIX NEXT_HOP_ID`");
        assert_eq!(error("::/0 0"), "1: next-hop id 0 is \"no route\"");
        assert_eq!(error("::/0 4294967296"), "1: next-hop id \"4294967296\": want 1 to 4294967295");
        assert_eq!(error(":: 1"), "1: prefix \"::\" has no length");
        assert_eq!(error("::/129 1"), "1: prefix \"::/129\": want a length of 0 to 128");
        assert_eq!(error("::/ 1"), "1: prefix \"::/\": want a length of 0 to 128");
        assert_eq!(error("10.0.0.0/8 1"), "1: \"10.0.0.0\" is no IPv6 address");
        assert_eq!(error("2001:db8::1/32 1"), "1: prefix \"2001:db8::1/32\" has bits set behind its length");
        assert_eq!(error(&"x".repeat(MAX_LINE_BYTES)), "1: a line of 4096 octets or more");
        let not_text = routes(&mut &b"::/0 1\n\xff\xfe\n"[..]).unwrap_err();
        assert_eq!(not_text, LineError { line: 2, what: "not text".to_owned() });
    }
}
