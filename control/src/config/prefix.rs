//! Prefixes: an address and a length, with no bit set beyond the length.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::report::quoted;

/// Why a text or a pair of address and length is not a prefix. Displays what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefixError {
    /// Not an address, a slash and a number.
    Syntax(String),
    /// An address alone.
    NoLength(IpAddr),
    /// More bits than the address has.
    Length {
        /// The length as written.
        length: String,
        /// The greatest that is possible: 32 or 128.
        max: u8,
    },
    /// Bits are set beyond the length.
    HostBits {
        /// The address as written.
        address: IpAddr,
        /// The prefix that covers it.
        prefix: Prefix,
    },
    /// IPv4 in the clothes of IPv6: `::ffff:192.0.2.0/120`.
    Mapped {
        /// The prefix as written.
        written: Prefix6,
        /// The prefix that is meant.
        meant: Prefix4,
    },
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => {
                write!(f, "{} is not ADDRESS/LENGTH; write it like 2001:db8::/32", quoted(text))
            }
            Self::NoLength(address) => {
                let length = if address.is_ipv6() { 128 } else { 32 };
                write!(f, "{address} has no prefix length; write {address}/{length} for this one address")
            }
            Self::Length { length, max } => {
                write!(f, "prefix length {} is out of range; it must be from 0 to {max}", quoted(length))
            }
            Self::HostBits { address, prefix } => {
                let length = prefix.length();
                write!(f, "{address}/{length} has bits set beyond its length; write {prefix}")
            }
            Self::Mapped { written, meant } => {
                write!(f, "{written} is IPv4-mapped (RFC 4291, 2.5.5.2); write {meant}")
            }
        }
    }
}

impl std::error::Error for PrefixError {}

/// An IPv6 prefix, /0 to /128. No bit is set beyond the length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix6 {
    address: u128,
    length: u8,
}

impl Prefix6 {
    /// Every address: `::/0`.
    pub const ALL: Self = Self { address: 0, length: 0 };

    /// The prefix of exactly this address and length.
    ///
    /// # Errors
    /// The length is over 128, or bits are set beyond it.
    pub fn new(address: Ipv6Addr, length: u8) -> Result<Self, PrefixError> {
        let prefix = Self::covering(address, length)
            .ok_or(PrefixError::Length { length: length.to_string(), max: 128 })?;
        if prefix.address != address.to_bits() {
            return Err(PrefixError::HostBits { address: address.into(), prefix: prefix.into() });
        }
        Ok(prefix)
    }

    /// The prefix of this length that holds the address; `None` when the length is over 128.
    pub fn covering(address: Ipv6Addr, length: u8) -> Option<Self> {
        (length <= 128).then(|| Self { address: address.to_bits() & mask6(length), length })
    }

    /// The address as a number, its first octet the most significant.
    pub const fn address(&self) -> u128 {
        self.address
    }

    /// The address as an address.
    pub const fn network(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.address)
    }

    /// Bits that count, 0 to 128.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Whether the address lies in this prefix.
    pub fn contains(&self, address: Ipv6Addr) -> bool {
        address.to_bits() & mask6(self.length) == self.address
    }

    /// Whether every address of `other` lies in this prefix.
    pub fn covers(&self, other: &Self) -> bool {
        self.length <= other.length && self.contains(other.network())
    }

    /// The IPv4 prefix that is meant by one inside `::ffff:0:0/96`.
    pub fn mapped(&self) -> Option<Prefix4> {
        let mapped = self.network().to_ipv4_mapped().filter(|_| self.length >= MAPPED_LENGTH)?;
        Prefix4::covering(mapped, self.length - MAPPED_LENGTH)
    }

    /// Whether the two share an address.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }
}

/// Bits in front of the IPv4 address in an IPv4-mapped one.
const MAPPED_LENGTH: u8 = 96;

fn mask6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// An IPv4 prefix, /0 to /32. No bit is set beyond the length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix4 {
    address: u32,
    length: u8,
}

impl Prefix4 {
    /// Every address: `0.0.0.0/0`.
    pub const ALL: Self = Self { address: 0, length: 0 };

    /// The prefix of exactly this address and length.
    ///
    /// # Errors
    /// The length is over 32, or bits are set beyond it.
    pub fn new(address: Ipv4Addr, length: u8) -> Result<Self, PrefixError> {
        let prefix = Self::covering(address, length)
            .ok_or(PrefixError::Length { length: length.to_string(), max: 32 })?;
        if prefix.address != address.to_bits() {
            return Err(PrefixError::HostBits { address: address.into(), prefix: prefix.into() });
        }
        Ok(prefix)
    }

    /// The prefix of this length that holds the address; `None` when the length is over 32.
    pub fn covering(address: Ipv4Addr, length: u8) -> Option<Self> {
        (length <= 32).then(|| Self { address: address.to_bits() & mask4(length), length })
    }

    /// The address as a number, its first octet the most significant.
    pub const fn address(&self) -> u32 {
        self.address
    }

    /// The address as an address.
    pub const fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address)
    }

    /// Bits that count, 0 to 32.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Whether the address lies in this prefix.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask4(self.length) == self.address
    }
}

fn mask4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

/// A prefix of either family. Parses from and displays as `ADDRESS/LENGTH`; in JSON the same string.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Prefix {
    /// IPv6.
    V6(Prefix6),
    /// IPv4.
    V4(Prefix4),
}

impl Prefix {
    /// The prefix of this length that holds the address; `None` when the family has fewer bits.
    pub fn covering(address: IpAddr, length: u8) -> Option<Self> {
        match address {
            IpAddr::V6(address) => Prefix6::covering(address, length).map(Self::V6),
            IpAddr::V4(address) => Prefix4::covering(address, length).map(Self::V4),
        }
    }

    /// The address as an address.
    pub fn network(&self) -> IpAddr {
        match self {
            Self::V6(prefix) => prefix.network().into(),
            Self::V4(prefix) => prefix.network().into(),
        }
    }

    /// Bits that count.
    pub const fn length(&self) -> u8 {
        match self {
            Self::V6(prefix) => prefix.length,
            Self::V4(prefix) => prefix.length,
        }
    }

    /// Whether it is an IPv6 prefix.
    pub const fn is_ipv6(&self) -> bool {
        matches!(self, Self::V6(_))
    }

    /// Whether the address is of this family and lies in this prefix.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V6(prefix), IpAddr::V6(address)) => prefix.contains(address),
            (Self::V4(prefix), IpAddr::V4(address)) => prefix.contains(address),
            _ => false,
        }
    }
}

impl From<Prefix6> for Prefix {
    fn from(prefix: Prefix6) -> Self {
        Self::V6(prefix)
    }
}

impl From<Prefix4> for Prefix {
    fn from(prefix: Prefix4) -> Self {
        Self::V4(prefix)
    }
}

/// Address and length as written, the length within the family's range.
fn split(text: &str) -> Result<(IpAddr, u8), PrefixError> {
    let syntax = || PrefixError::Syntax(text.to_owned());
    let Some((address, length)) = text.split_once('/') else {
        return Err(text.parse().map_or_else(|_| syntax(), PrefixError::NoLength));
    };
    let address: IpAddr = address.parse().map_err(|_| syntax())?;
    // `u8::from_str` takes a sign, which is no part of a prefix.
    if length.is_empty() || !length.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(syntax());
    }
    let max = if address.is_ipv6() { 128 } else { 32 };
    match length.parse() {
        Ok(bits) if bits <= max => Ok((address, bits)),
        _ => Err(PrefixError::Length { length: length.to_owned(), max }),
    }
}

/// An interface's own address with the length of its subnet, `2001:db8:a::1/64`.
///
/// # Errors
/// The text is anything else; the length is missing or out of range.
pub fn parse_interface_address(text: &str) -> Result<(IpAddr, u8), PrefixError> {
    split(text)
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        match split(text)? {
            (IpAddr::V6(address), length) => {
                let prefix = Prefix6::new(address, length)?;
                match prefix.mapped() {
                    Some(meant) => Err(PrefixError::Mapped { written: prefix, meant }),
                    None => Ok(Self::V6(prefix)),
                }
            }
            (IpAddr::V4(address), length) => Prefix4::new(address, length).map(Self::V4),
        }
    }
}

impl fmt::Display for Prefix6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network(), self.length)
    }
}

impl fmt::Display for Prefix4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network(), self.length)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V6(prefix) => prefix.fmt(f),
            Self::V4(prefix) => prefix.fmt(f),
        }
    }
}

// A dump of a configuration is read by people: the text says more than the numbers.
impl fmt::Debug for Prefix6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Prefix4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Prefix6 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
