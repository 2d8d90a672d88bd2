//! Ports as the packet path sees them.

use hashbrown::HashMap;

use super::mex::PeerRef;
use super::srv6::HmacRule;
use crate::fib::PrefixSet;
use crate::id::{PolicyId, VrfId};
use crate::wire::ethernet::Mac;

/// One port.
#[derive(Clone, Debug, Default)]
pub struct Port {
    /// Its station address: frames to another one are not for this node.
    pub mac: Mac,
    /// The table that packets from here are looked up in.
    pub vrf: VrfId,
    /// False: administratively down, nothing is received or sent.
    pub is_up: bool,
    /// Octets of an IP packet that it carries.
    pub mtu: u16,
    /// Its link-local address (RFC 4291, 2.5.6).
    pub link_local: u128,
    /// Its other addresses, in the order of the configuration.
    pub addresses: Box<[u128]>,
    /// Inside the SR domain: packets from here may go to SIDs of this node (RFC 8754, 5.1).
    pub is_sr_domain: bool,
    /// What packets from here need for their SRH to be believed.
    pub hmac: HmacRule,
    /// Every frame that it receives goes into this policy, whole.
    pub policy: Option<PolicyId>,
    /// Destinations that must not leave by this port.
    pub egress_deny: PrefixSet,
    /// By the high half of the destination: the multi-homed site toward which packets from here get the AP header.
    pub peers: HashMap<u64, PeerRef>,
}

impl Port {
    /// True when `address` is this port's own.
    pub fn owns(&self, address: u128) -> bool {
        address == self.link_local || self.addresses.contains(&address)
    }
}
