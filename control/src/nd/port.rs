//! A port's own addresses: which are valid, which is a packet's source, what is on the link.

use dataplane::wire::ethernet::Mac;
use dataplane::wire::ipv6;

/// Octets of the prefix of an address made from a MAC address (RFC 4291, 2.5.6), bits.
const LINK_LOCAL_LEN: u8 = 64;

/// What an own address is good for (RFC 4862, 5.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressState {
    /// The link is down: nothing is known, and nothing is sent.
    Down,
    /// Duplicates are being looked for; the address is neither used nor answered for.
    Tentative,
    /// In use.
    Valid,
    /// Somebody else on the link has it. It is not used until the link comes up again.
    Duplicate,
}

impl AddressState {
    /// The name in lower case, as commands print it.
    pub const fn name(self) -> &'static str {
        match self {
            AddressState::Down => "down",
            AddressState::Tentative => "tentative",
            AddressState::Valid => "valid",
            AddressState::Duplicate => "duplicate",
        }
    }
}

/// One of a port's own addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// The address.
    pub address: u128,
    /// Length of the prefix that is on the link, bits (0 to 128).
    pub prefix_len: u8,
    /// Whether it can be used.
    pub state: AddressState,
    /// Solicitations sent by duplicate address detection.
    pub(super) sent: u8,
    /// When duplicate address detection takes its next step, nanoseconds.
    pub(super) deadline: Option<u64>,
}

impl Address {
    pub(super) fn new(address: u128, prefix_len: u8) -> Address {
        Address { address, prefix_len, state: AddressState::Down, sent: 0, deadline: None }
    }

    fn covers(&self, other: u128) -> bool {
        let shift = 128 - u32::from(self.prefix_len.min(128));
        (self.address ^ other).checked_shr(shift).unwrap_or(0) == 0
    }
}

/// A port as neighbor discovery knows it.
#[derive(Debug)]
pub(super) struct Port {
    pub mac: Mac,
    pub up: bool,
    pub addresses: Vec<Address>,
}

impl Port {
    /// A port with `addresses` and the link-local address of its MAC address.
    pub fn new(mac: Mac, addresses: &[(u128, u8)]) -> Port {
        let mut port = Port { mac, up: false, addresses: Vec::new() };
        let link_local = (0xfe80 << 112 | u128::from(mac.interface_id()), LINK_LOCAL_LEN);
        for &(address, prefix_len) in addresses.iter().chain([&link_local]) {
            if port.addresses.iter().all(|own| own.address != address) {
                port.addresses.push(Address::new(address, prefix_len));
            }
        }
        port
    }

    /// The state of `address`, or `None` when it is not configured here.
    pub fn state_of(&self, address: u128) -> Option<AddressState> {
        self.addresses.iter().find(|own| own.address == address).map(|own| own.state)
    }

    /// True when `address` is this node's. One that turned out to be a duplicate is a neighbor's.
    pub fn is_own(&self, address: u128) -> bool {
        self.state_of(address).is_some_and(|state| state != AddressState::Duplicate)
    }

    /// True when a neighbor may have `address`: it is link-local or in one of the port's prefixes.
    pub fn is_on_link(&self, address: u128) -> bool {
        ipv6::is_link_local(address) || self.addresses.iter().any(|own| own.covers(address))
    }

    /// True when the port has an address to send from.
    pub fn has_source(&self) -> bool {
        self.valid().next().is_some()
    }

    fn valid(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter().filter(|own| own.state == AddressState::Valid)
    }

    /// The source of a solicitation for `target` (RFC 4861, 7.2.2): that of the packet that prompts it when
    /// it is this port's, else the address whose prefix covers the target best, else a link-local one.
    pub fn source_for(&self, target: u128, prompting: u128) -> Option<u128> {
        self.valid()
            .find(|own| own.address == prompting)
            .or_else(|| self.valid().filter(|own| own.covers(target)).max_by_key(|own| own.prefix_len))
            .or_else(|| self.valid().find(|own| ipv6::is_link_local(own.address)))
            .or_else(|| self.valid().next())
            .map(|own| own.address)
    }
}
