//! What `[srv6]` says as a whole.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Policy, Sid};
use crate::config::prefix::Prefix6;

/// `[srv6]` and the sections below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv6 {
    /// Upper layers that a SID serves (RFC 8986, 4.1.1).
    pub upper_layers: UpperLayers,
    /// Prefixes that do not pass ports outside the SR domain (RFC 8754, 5.1; RFC 9602).
    pub edge_filter: Vec<Prefix6>,
    /// O-flag copies (RFC 9259); `None`: the O-flag is ignored.
    pub oam: Option<Oam>,
    /// HMAC keys; ids are unique.
    pub hmac_keys: Vec<HmacKey>,
    /// Locators, in the order of the file.
    pub locators: Vec<Locator>,
    /// SIDs, in the order of the file; prefixes are unique, binding SIDs included.
    pub sids: Vec<Sid>,
    /// Policies, in the order of the file; names are unique.
    pub policies: Vec<Policy>,
}

/// SIDs that no packet from outside has as its destination (RFC 9602).
pub const DEFAULT_EDGE_FILTER: (u128, u8) = (0x5f00 << 112, 16);

impl Default for Srv6 {
    fn default() -> Self {
        let (block, length) = DEFAULT_EDGE_FILTER;
        Self {
            upper_layers: UpperLayers::default(),
            edge_filter: Prefix6::covering(Ipv6Addr::from_bits(block), length).into_iter().collect(),
            oam: None,
            hmac_keys: Vec::new(),
            locators: Vec::new(),
            sids: Vec::new(),
            policies: Vec::new(),
        }
    }
}

impl Srv6 {
    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// Whether the prefix is a SID or binding SID.
    pub fn has_sid(&self, prefix: Prefix6) -> bool {
        let binding = self.policies.iter().filter_map(|policy| policy.binding_sid.as_ref());
        self.sids.iter().map(|sid| &sid.sid).chain(binding).any(|sid| sid.prefix() == prefix)
    }

    /// Where SIDs are: locators, the edge filter, SIDs and binding SIDs.
    pub fn space(&self) -> impl Iterator<Item = Prefix6> {
        let locators = self.locators.iter().map(|locator| locator.prefix);
        let binding = self.policies.iter().filter_map(|policy| policy.binding_sid.as_ref());
        let sids = self.sids.iter().map(|sid| &sid.sid).chain(binding).map(super::SidText::prefix);
        locators.chain(self.edge_filter.iter().copied()).chain(sids)
    }

    /// Whether a locator holds the prefix: with the uSID format also by its block.
    pub fn is_in_locator(&self, prefix: &Prefix6) -> bool {
        self.locators.iter().any(|locator| locator.holds(prefix))
    }
}

/// `upper-layer`: which of them a SID serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpperLayers {
    /// `ICMPv6`.
    pub icmpv6: bool,
    /// UDP.
    pub udp: bool,
    /// TCP.
    pub tcp: bool,
}

impl Default for UpperLayers {
    fn default() -> Self {
        Self { icmpv6: true, udp: false, tcp: false }
    }
}

/// `[[srv6.locator]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    /// Unique name.
    pub name: String,
    /// Its SIDs.
    pub prefix: Prefix6,
    /// How SIDs are laid out in it.
    pub format: LocatorFormat,
}

/// Bits of the block in the F3216 format (RFC 9800, 4.1).
const F3216_BLOCK_BITS: u8 = 32;

impl Locator {
    fn holds(&self, prefix: &Prefix6) -> bool {
        if self.format == LocatorFormat::Full {
            return self.prefix.covers(prefix);
        }
        // A local function follows the block directly.
        let block = Prefix6::covering(self.prefix.network(), F3216_BLOCK_BITS.min(self.prefix.length()));
        block.is_some_and(|block| block.covers(prefix))
    }
}

/// `format` of a locator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocatorFormat {
    /// Locator, function, argument.
    Full,
    /// Block of 32 bits, identifiers of 16 bits.
    UsidF3216,
}

/// `[[srv6.hmac-key]]`.
#[derive(Clone, PartialEq, Eq)]
pub struct HmacKey {
    /// HMAC key id, not 0 (RFC 8754, 2.1.2).
    pub id: u32,
    /// The shared secret.
    pub secret: String,
}

impl fmt::Debug for HmacKey {
    // A dump of a configuration is read by people who need not know the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a port or SID does about the HMAC TLV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HmacMode {
    /// It is not looked at.
    #[default]
    Ignore,
    /// One that is there must be right.
    Verify,
    /// There must be one, and it must be right.
    Require,
}

impl HmacMode {
    /// The words of the configuration.
    pub const NAMES: [(&'static str, Self); 3] =
        [("ignore", Self::Ignore), ("verify", Self::Verify), ("require", Self::Require)];

    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| name)
    }
}

/// `[srv6.oam]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oam {
    /// Copies a second.
    pub rate: u32,
    /// Copies at once.
    pub burst: u32,
    /// Where they go.
    pub target: OamTarget,
}

/// Where O-flag copies go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OamTarget {
    /// To a pcap file.
    Capture(String),
    /// To a UDP sink, a datagram a copy.
    Sink(SocketAddr),
}
