//! A port's own addresses: which are valid, which is a packet's source, what is on the link.

use dataplane::wire::ethernet::Mac;
use dataplane::wire::{ipv4, ipv6};

use crate::family::is_ipv4;

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
    /// Announcements sent since it is valid.
    pub(super) announced: u8,
    /// When it was last defended against somebody else, nanoseconds.
    pub(super) defended: Option<u64>,
    /// When duplicate address detection or the announcements take their next step, nanoseconds.
    pub(super) deadline: Option<u64>,
}

impl Address {
    pub(super) fn new(address: u128, prefix_len: u8) -> Address {
        Address {
            address,
            prefix_len,
            state: AddressState::Down,
            sent: 0,
            announced: 0,
            defended: None,
            deadline: None,
        }
    }

    fn covers(&self, other: u128) -> bool {
        let shift = 128 - u32::from(self.prefix_len.min(128));
        is_ipv4(self.address) == is_ipv4(other) && (self.address ^ other).checked_shr(shift).unwrap_or(0) == 0
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

    /// True when `address` is that of an IPv4 subnet of the port itself or its broadcast address; a /31 has none (RFC 3021).
    pub fn is_broadcast(&self, address: u128) -> bool {
        let is_end = |own: &Address| {
            let hosts = u128::MAX.checked_shr(u32::from(own.prefix_len)).unwrap_or(0);
            own.prefix_len < 127 && own.covers(address) && [0, hosts].contains(&(address & hosts))
        };
        ipv4::unmapped(address).is_some() && self.addresses.iter().any(is_end)
    }

    /// True when the port has an address to send to `target` from.
    pub fn has_source(&self, target: u128) -> bool {
        self.valid(target).next().is_some()
    }

    /// The addresses of the target's family that are in use.
    fn valid(&self, target: u128) -> impl Iterator<Item = &Address> {
        let is_fit = move |own: &&Address| is_ipv4(own.address) == is_ipv4(target);
        self.addresses.iter().filter(|own| own.state == AddressState::Valid).filter(is_fit)
    }

    /// The source of a solicitation for `target` (RFC 4861, 7.2.2): that of the packet that prompts it when
    /// it is this port's, else the address whose prefix covers the target best, else a link-local one.
    pub fn source_for(&self, target: u128, prompting: u128) -> Option<u128> {
        let valid = || self.valid(target);
        valid()
            .find(|own| own.address == prompting)
            .or_else(|| valid().filter(|own| own.covers(target)).max_by_key(|own| own.prefix_len))
            .or_else(|| valid().find(|own| ipv6::is_link_local(own.address)))
            .or_else(|| valid().next())
            .map(|own| own.address)
    }
}
