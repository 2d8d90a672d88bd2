//! Rules for single addresses: which can be a host's, how a MAC address is written.

use std::net::IpAddr;

use super::report::quoted;

/// Why a host or router cannot have this address, as the rest of "ADDRESS ..."; `None` if it can.
pub fn unicast_problem(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if address.is_multicast() => Some("is a multicast address"),
        _ if address.is_unspecified() => Some("is the unspecified address"),
        _ if address.is_loopback() => Some("is a loopback address"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some("is an IPv4-mapped address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("is the broadcast address"),
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some("is an address of \"this network\" (0.0.0.0/8)"),
        _ => None,
    }
}

/// Whether the address is of use on one link only (`fe80::/10`, 169.254.0.0/16).
pub fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V6(address) => address.is_unicast_link_local(),
        IpAddr::V4(address) => address.is_link_local(),
    }
}

/// A host's or router's address.
///
/// # Errors
/// Not an address, or one that no host can have; the text says what would be right.
pub fn parse_unicast(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| not_an_address(text))?;
    match unicast_problem(address) {
        Some(why) => Err(format!("{address} {why}; a unicast address is needed")),
        None => Ok(address),
    }
}

/// A destination to look up.
///
/// # Errors
/// Not an address, or IPv4 in the clothes of IPv6; the text says what would be right.
pub fn parse_destination(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| not_an_address(text))?;
    match address {
        IpAddr::V6(v6) if let Some(meant) = v6.to_ipv4_mapped() => {
            Err(format!("{v6} is IPv4-mapped (RFC 4291, 2.5.5.2); write {meant}"))
        }
        _ => Ok(address),
    }
}

fn not_an_address(text: &str) -> String {
    match (text.split_once('/'), text.split_once('%')) {
        (Some((address, _)), _) if address.parse::<IpAddr>().is_ok() => {
            format!("{} has a prefix length; write {address}", quoted(text))
        }
        (_, Some((address, _))) if address.parse::<IpAddr>().is_ok() => {
            format!("{} has a zone; write {address} and name the port", quoted(text))
        }
        _ => format!("{} is not an IP address; write it like 2001:db8::1", quoted(text)),
    }
}

/// Six octets in hexadecimal, separated by colons (or all by hyphens).
///
/// # Errors
/// Anything else, a group (multicast or broadcast) address, and all zeros.
pub fn parse_mac(text: &str) -> Result<[u8; 6], String> {
    let wrong = || format!("{} is not a MAC address; write it like 02:00:00:00:00:0a", quoted(text));
    let separator = if text.contains('-') { '-' } else { ':' };
    let mut mac = [0; 6];
    let mut parts = text.split(separator);
    for octet in &mut mac {
        let part = parts.next().ok_or_else(wrong)?;
        if !(1..=2).contains(&part.len()) || !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        *octet = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
    }
    if parts.next().is_some() {
        return Err(wrong());
    }
    match mac_problem(mac) {
        Some(why) => Err(format!("{} {why}", quoted(text))),
        None => Ok(mac),
    }
}

/// Why no station can have this MAC address, and what would be right; `None` if one can.
pub fn mac_problem(mac: [u8; 6]) -> Option<&'static str> {
    if mac[0] & 1 != 0 {
        Some("is a multicast MAC address; the first octet must be even")
    } else if mac == [0; 6] {
        Some("is no station's MAC address; use one that is not all zeros")
    } else {
        None
    }
}

/// `02:00:00:00:00:0a`.
pub fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}
