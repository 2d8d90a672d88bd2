//! Ports as the packet path sees them.

use hashbrown::HashMap;

use super::mex::PeerRef;
use crate::fib::PrefixSet;
use crate::id::VrfId;
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
    /// Its link-local address (RFC 4291, 2.5.6).
    pub link_local: u128,
    /// Its other addresses, in the order of the configuration.
    pub addresses: Box<[u128]>,
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
