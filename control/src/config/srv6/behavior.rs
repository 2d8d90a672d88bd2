//! Behaviors and flavors by their names.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Mode;

/// Endpoint behaviors, named as in RFC 8986 (and the two insertions of its drafts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the RFC's own")]
pub enum Behavior {
    #[serde(rename = "End")]
    End,
    #[serde(rename = "End.X")]
    EndX,
    #[serde(rename = "End.T")]
    EndT,
    #[serde(rename = "End.DX6")]
    EndDx6,
    #[serde(rename = "End.DX4")]
    EndDx4,
    #[serde(rename = "End.DX2")]
    EndDx2,
    #[serde(rename = "End.DT6")]
    EndDt6,
    #[serde(rename = "End.DT4")]
    EndDt4,
    #[serde(rename = "End.DT46")]
    EndDt46,
    #[serde(rename = "End.B6.Encaps")]
    EndB6Encaps,
    #[serde(rename = "End.B6.Encaps.Red")]
    EndB6EncapsRed,
    #[serde(rename = "End.B6.Insert")]
    EndB6Insert,
    #[serde(rename = "End.B6.Insert.Red")]
    EndB6InsertRed,
}

/// What a behavior must be told besides its flavors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// `via`: a next hop.
    Via,
    /// `vrf`: a table.
    Vrf,
    /// `port`: the port that frames leave by.
    Port,
    /// `policy`: a policy of this mode.
    Policy(Mode),
}

impl Behavior {
    /// Every name, and whether it means the NEXT-CSID flavor too.
    pub const NAMES: [(&'static str, (Self, bool)); 18] = [
        ("End", (Self::End, false)),
        ("End.X", (Self::EndX, false)),
        ("End.T", (Self::EndT, false)),
        ("End.DX6", (Self::EndDx6, false)),
        ("End.DX4", (Self::EndDx4, false)),
        ("End.DX2", (Self::EndDx2, false)),
        ("End.DT6", (Self::EndDt6, false)),
        ("End.DT4", (Self::EndDt4, false)),
        ("End.DT46", (Self::EndDt46, false)),
        ("End.B6.Encaps", (Self::EndB6Encaps, false)),
        ("End.B6.Encaps.Red", (Self::EndB6EncapsRed, false)),
        ("End.B6.Insert", (Self::EndB6Insert, false)),
        ("End.B6.Insert.Red", (Self::EndB6InsertRed, false)),
        ("uN", (Self::End, true)),
        ("uA", (Self::EndX, true)),
        ("uDT6", (Self::EndDt6, true)),
        ("uDT4", (Self::EndDt4, true)),
        ("uDT46", (Self::EndDt46, true)),
    ];

    /// The RFC's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, (behavior, _))| *behavior == self).map_or("", |(name, _)| name)
    }

    /// What it must be told.
    pub const fn needs(self) -> Needs {
        match self {
            Self::End => Needs::Nothing,
            Self::EndX | Self::EndDx6 | Self::EndDx4 => Needs::Via,
            Self::EndT | Self::EndDt6 | Self::EndDt4 | Self::EndDt46 => Needs::Vrf,
            Self::EndDx2 => Needs::Port,
            Self::EndB6Encaps => Needs::Policy(Mode::Encap),
            Self::EndB6EncapsRed => Needs::Policy(Mode::EncapRed),
            Self::EndB6Insert => Needs::Policy(Mode::Insert),
            Self::EndB6InsertRed => Needs::Policy(Mode::InsertRed),
        }
    }

    /// The behavior that a binding SID of a policy of this mode has; `None`: it can have none.
    pub const fn of_binding_sid(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Encap => Some(Self::EndB6Encaps),
            Mode::EncapRed => Some(Self::EndB6EncapsRed),
            Mode::Insert => Some(Self::EndB6Insert),
            Mode::InsertRed => Some(Self::EndB6InsertRed),
            Mode::L2Encap | Mode::L2EncapRed => None,
        }
    }

    /// PSP, USP and USD are for the behaviors that pass a packet on (RFC 8986, 4.16).
    pub(super) const fn takes_penultimate(self) -> bool {
        matches!(self, Self::End | Self::EndX | Self::EndT)
    }
}

impl fmt::Display for Behavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Flavors of a SID (RFC 8986, 4.16; RFC 9800, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each flavor is there or not, whatever the others are")]
pub struct Flavors {
    /// Penultimate segment pop.
    pub psp: bool,
    /// Ultimate segment pop.
    pub usp: bool,
    /// Ultimate segment decapsulation.
    pub usd: bool,
    /// NEXT-CSID.
    pub next_csid: bool,
    /// REPLACE-CSID.
    pub replace_csid: bool,
}

impl Flavors {
    /// The words of the configuration.
    pub const NAMES: [&'static str; 5] = ["PSP", "USP", "USD", "NEXT-CSID", "REPLACE-CSID"];

    /// The flavor of this word; `None`: there is none.
    pub fn flag(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "PSP" => Some(&mut self.psp),
            "USP" => Some(&mut self.usp),
            "USD" => Some(&mut self.usd),
            "NEXT-CSID" => Some(&mut self.next_csid),
            "REPLACE-CSID" => Some(&mut self.replace_csid),
            _ => None,
        }
    }

    /// The words of those that are set.
    pub fn names(self) -> Vec<&'static str> {
        let mut flavors = self;
        Self::NAMES.into_iter().filter(|name| flavors.flag(name).is_some_and(|flag| *flag)).collect()
    }
}

impl Serialize for Flavors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.names().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Flavors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut flavors = Self::default();
        for name in Vec::<String>::deserialize(deserializer)? {
            let unknown = || de::Error::unknown_variant(&name, &Self::NAMES);
            *flavors.flag(&name).ok_or_else(unknown)? = true;
        }
        Ok(flavors)
    }
}
