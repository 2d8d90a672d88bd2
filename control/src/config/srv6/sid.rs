//! One SID: its prefix, its behavior with flavors, what the behavior needs, and the rules for that.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Behavior, Fault, Flavors, HmacMode, Needs, Policy, unknown_policy};
use crate::config::address::{is_link_local, unicast_problem};
use crate::config::limits::{CSID_LENGTHS, MAX_NEXT_CSID_SID_LENGTH, MIN_SID_LENGTH};
use crate::config::prefix::{Prefix, Prefix6, PrefixError};
use crate::config::{DEFAULT_VRF, NextHopError, PortConfig, quoted, resolve_next_hop, unknown_port};

/// A SID as it was written: an address, or a prefix whose other bits are the argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SidText {
    prefix: Prefix6,
    text: String,
}

impl SidText {
    /// Locator and function, without the argument.
    pub const fn prefix(&self) -> Prefix6 {
        self.prefix
    }
}

impl FromStr for SidText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = match text.parse() {
            Err(PrefixError::NoLength(IpAddr::V6(address))) => Prefix6::new(address, 128).map(Prefix::V6),
            other => other,
        };
        let prefix = match parsed {
            Ok(Prefix::V6(prefix)) => prefix,
            Ok(Prefix::V4(_)) | Err(PrefixError::NoLength(_)) => {
                return Err(format!("{} is IPv4; a SID is an IPv6 address", quoted(text)));
            }
            Err(PrefixError::Syntax(_)) => {
                let example = "write an address like fc00:0:1:100::, or a prefix like fc00:0:1::/48";
                return Err(format!("{} is not a SID; {example}", quoted(text)));
            }
            Err(error @ PrefixError::HostBits { .. }) => {
                return Err(format!("{error}: the argument of a SID is 0 here"));
            }
            Err(error) => return Err(error.to_string()),
        };
        match sid_problem(prefix) {
            Some(why) => Err(format!("{text} {why}")),
            None => Ok(Self { prefix, text: text.to_owned() }),
        }
    }
}

/// Address space that holds no SID, and what it is.
const NO_SIDS: [(u128, u8, &str); 5] = [
    (0xff << 120, 8, "multicast"),
    (0xfe80 << 112, 10, "link-local"),
    (0xffff << 32, 96, "IPv4-mapped"),
    (0, 128, "unspecified"),
    (1, 128, "loopback"),
];

/// Why no SID can have this prefix, as the rest of "SID ..."; `None` if one can.
fn sid_problem(prefix: Prefix6) -> Option<String> {
    let overlaps = |(block, length, _): &&(u128, u8, &str)| {
        Prefix6::covering(Ipv6Addr::from_bits(*block), *length).is_some_and(|block| block.overlaps(&prefix))
    };
    match NO_SIDS.iter().find(overlaps) {
        Some((_, _, what)) if prefix.length() == 128 => {
            Some(format!("is {what}; a SID is a unicast address"))
        }
        Some((_, _, what)) => Some(format!("holds {what} addresses; a SID is a unicast address")),
        None if prefix.length() < MIN_SID_LENGTH => {
            Some(format!("is shorter than /{MIN_SID_LENGTH}; write the whole locator and function"))
        }
        None => None,
    }
}

impl fmt::Display for SidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for SidText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for SidText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The next hop of End.X, End.DX6 and End.DX4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Via {
    /// The neighbor to send to; `None`: the destination itself is on the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The port to send by; `None`: the one whose subnet holds the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}

/// `[[srv6.sid]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sid {
    /// Where it is in the address space.
    pub sid: SidText,
    /// What it does.
    pub behavior: Behavior,
    /// How it does it.
    #[serde(default)]
    pub flavors: Flavors,
    /// Next hop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
    /// Port of End.DX2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Policy of End.B6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The HMAC TLV of packets to it.
    #[serde(default)]
    pub hmac: HmacMode,
    /// Bits of the block of a NEXT-CSID SID, when not [`Sid::DEFAULT_BLOCK_BITS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_length: Option<u8>,
    /// Bits of an identifier of a REPLACE-CSID SID, when not [`Sid::DEFAULT_CSID_BITS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csid_length: Option<u8>,
}

impl Sid {
    /// Bits of the block (LBL) when nothing is said: F3216.
    pub const DEFAULT_BLOCK_BITS: u8 = 32;
    /// Bits of an identifier (LNFL) when nothing is said.
    pub const DEFAULT_CSID_BITS: u8 = 32;

    /// A SID that needs nothing but a policy: what a `binding-sid` makes.
    pub fn binding(policy: &Policy) -> Option<Self> {
        Some(Self {
            sid: policy.binding_sid.clone()?,
            behavior: Behavior::of_binding_sid(policy.mode)?,
            flavors: Flavors::default(),
            via: None,
            vrf: None,
            port: None,
            policy: Some(policy.name.clone()),
            hmac: HmacMode::Ignore,
            block_length: None,
            csid_length: None,
        })
    }

    /// What is wrong with it whatever else there is.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = self.flavor_faults();
        faults.extend(self.length_faults());
        faults.extend(self.key_faults());
        faults
    }

    fn flavor_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let behavior = self.behavior;
        let fault = |message| Fault::new("flavors", message);
        for name in self.flavors.names() {
            if matches!(name, "PSP" | "USP" | "USD") && !behavior.takes_penultimate() {
                let rule = "it is for End, End.X and End.T (RFC 8986, 4.16)";
                faults.push(fault(format!("{name} is not possible with {behavior}; {rule}")));
            }
        }
        if self.flavors.next_csid && self.flavors.replace_csid {
            faults.push(fault("NEXT-CSID and REPLACE-CSID exclude each other; remove one".to_owned()));
        }
        faults
    }

    fn length_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let (sid, length) = (&self.sid, self.sid.prefix().length());
        for (key, given, flavor, has) in [
            ("block-length", self.block_length, "NEXT-CSID", self.flavors.next_csid),
            ("csid-length", self.csid_length, "REPLACE-CSID", self.flavors.replace_csid),
        ] {
            if given.is_some() && !has {
                faults.push(Fault::new(key, format!("{key} has no meaning without {flavor}; remove it")));
            }
        }
        let block = self.block_length.unwrap_or(Self::DEFAULT_BLOCK_BITS);
        if self.flavors.next_csid && !(block < length && length <= MAX_NEXT_CSID_SID_LENGTH) {
            let rule = format!("longer than its block (/{block}) and at most /{MAX_NEXT_CSID_SID_LENGTH}");
            faults.push(Fault::new("sid", format!("{sid} is a /{length}; with NEXT-CSID it must be {rule}")));
        }
        let csid = self.csid_length.unwrap_or(Self::DEFAULT_CSID_BITS);
        if !CSID_LENGTHS.contains(&csid) {
            faults.push(Fault::new("csid-length", format!("csid-length is {csid}; it must be 16 or 32")));
        } else if self.flavors.replace_csid && !(csid < length && length <= 128 - index_bits(csid)) {
            let rule = format!(
                "longer than an identifier ({csid} bits) and leave {} bits to the index",
                index_bits(csid)
            );
            faults.push(Fault::new(
                "sid",
                format!("{sid} is a /{length}; with REPLACE-CSID it must be {rule}"),
            ));
        }
        faults
    }

    fn key_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let behavior = self.behavior;
        let needs = match behavior.needs() {
            Needs::Nothing => None,
            Needs::Via => Some("via"),
            Needs::Vrf => Some("vrf"),
            Needs::Port => Some("port"),
            Needs::Policy(_) => Some("policy"),
        };
        let given = [
            ("via", self.via.is_some(), "the next hop that it sends to"),
            ("vrf", self.vrf.is_some(), "the table that it looks up in"),
            ("port", self.port.is_some(), "the port that frames leave by"),
            ("policy", self.policy.is_some(), "the policy that it applies"),
        ];
        for (key, is_given, what) in given {
            if is_given && needs != Some(key) {
                let message = format!("{key} has no meaning for {behavior}; remove it");
                faults.push(Fault::new(key, message));
            } else if !is_given && needs == Some(key) {
                faults.push(Fault::new("behavior", format!("{behavior} needs {key}, {what}; add it")));
            }
        }
        if let (Needs::Via, Some(via)) = (behavior.needs(), &self.via) {
            faults.extend(self.via_fault(via).map(|message| Fault::new("via", message)));
        }
        faults
    }

    fn via_fault(&self, via: &Via) -> Option<String> {
        let Some(address) = via.address else {
            let what = "a next hop of a SID needs an address";
            return Some(format!("{what}; add the neighbor's"));
        };
        if let Some(why) = unicast_problem(address) {
            return Some(format!("{address} {why}; a unicast address is needed"));
        }
        if address.is_ipv4() && self.behavior != Behavior::EndDx4 {
            return Some(format!("{address} is an IPv4 address; {} needs an IPv6 next hop", self.behavior));
        }
        (via.port.is_none() && is_link_local(address)).then(|| NextHopError::LinkLocal(address).to_string())
    }

    /// The port of its next hop, which may be in any VRF when it is named.
    ///
    /// # Errors
    /// The port does not exist, or none has a subnet with the address.
    pub fn via_port<'p>(&self, ports: &'p [PortConfig]) -> Result<Option<&'p PortConfig>, NextHopError> {
        let Some(via) = &self.via else { return Ok(None) };
        let named = via.port.as_deref();
        let vrf = ports.iter().find(|port| Some(port.name.as_str()) == named);
        let vrf = vrf.map_or(DEFAULT_VRF, |port| port.vrf.as_str());
        resolve_next_hop(ports, vrf, via.address, named).map(Some)
    }

    /// What is wrong with its references; of use when [`Sid::faults`] finds nothing.
    pub fn reference_faults(&self, ports: &[PortConfig], policies: &[Policy]) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Err(error) = self.via_port(ports) {
            faults.push(Fault::new("via", error.to_string()));
        }
        if let Some(name) = self.port.as_ref().filter(|name| !ports.iter().any(|port| port.name == **name)) {
            faults.push(Fault::new("port", unknown_port(ports, name)));
        }
        if let (Some(name), Needs::Policy(mode)) = (&self.policy, self.behavior.needs()) {
            match policies.iter().find(|policy| policy.name == *name) {
                None => {
                    faults.push(Fault::new("policy", unknown_policy(policies, name)));
                }
                Some(policy) if policy.mode != mode => {
                    let is = format!("policy {} has mode {}", quoted(name), policy.mode);
                    faults.push(Fault::new("policy", format!("{is}; {} needs {mode}", self.behavior)));
                }
                Some(_) => {}
            }
        }
        faults
    }
}

/// Bits of the index of a REPLACE-CSID SID: enough for the identifiers of one container (RFC 9800, 4.2).
const fn index_bits(csid_bits: u8) -> u8 {
    if csid_bits == 16 { 3 } else { 2 }
}
