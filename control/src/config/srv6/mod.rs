//! SRv6 in the configuration: `[srv6]`, locators, SIDs, policies and HMAC keys (RFC 8754, 8986, 9256, 9800).
//!
//! A [`Sid`] and a [`Policy`] are the same whether a file or a command describes them, and so are the rules for them:
//! each rule says which key is at fault ([`Fault`]), and the file puts the place to it.

mod behavior;
mod model;
mod policy;
mod raw;
mod sid;
mod validate;
mod validate_policy;

pub use behavior::{Behavior, Flavors, Needs};
pub use model::{HmacKey, HmacMode, Locator, LocatorFormat, Oam, OamTarget, Srv6, UpperLayers};
pub use policy::{CandidatePath, FlowLabel, HopLimit, Mode, Policy, SegmentList, TrafficClass};
pub use sid::{Sid, SidText, Via};

pub(super) use raw::{RawSrv6, hmac_mode};
pub(super) use validate::{Checked, check_port_policy, srv6};

use super::{quoted, suggest};

/// What is wrong with a SID or a policy, and the key that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, as the file names it.
    pub key: &'static str,
    /// The text, without the place.
    pub message: String,
}

impl Fault {
    fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self { key, message: message.into() }
    }
}

/// The text for a policy name that does not exist.
pub fn unknown_policy(policies: &[Policy], name: &str) -> String {
    let names = || policies.iter().map(|policy| policy.name.as_str());
    let all = || match names().collect::<Vec<_>>() {
        none if none.is_empty() => "there is no [[srv6.policy]]".to_owned(),
        names => format!("the policies are: {}", names.join(", ")),
    };
    format!("there is no policy {}; {}", quoted(name), suggest::hint(name, names(), all))
}
