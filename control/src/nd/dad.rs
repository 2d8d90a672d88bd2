//! Ports, links, and duplicate address detection of own addresses (RFC 4862, 5.4; RFC 5227 for IPv4).

use dataplane::wire::ethernet::Mac;
use dataplane::wire::ipv6;

use super::cache::Timer;
use super::port::{Address, AddressState, Port};
use super::{Action, MAX_START_DELAY_NS, Machine, RETRANS_TIMER_NS, Why, arp};

impl<H> Machine<H> {
    /// Adds a port whose link is down, with its addresses and their on-link prefix lengths, bits. The
    /// link-local address of its MAC address comes along.
    ///
    /// A port that is there gets these addresses in place of its own: those that it keeps stay as they
    /// are, new ones are checked for duplicates, and its neighbors remain. With another MAC address the
    /// link is taken down and up.
    pub fn add_port(&mut self, port: u16, mac: Mac, addresses: &[(u128, u8)], now: u64) {
        let mut new = Port::new(mac, addresses);
        let was_up = self.ports.get(&port).is_some_and(|old| old.up);
        if self.ports.get(&port).is_some_and(|old| old.mac != mac) {
            self.link_down(port, now);
        }
        if let Some(old) = self.ports.remove(&port) {
            new.up = old.up;
            for old in old.addresses {
                match new.addresses.iter_mut().find(|own| own.address == old.address) {
                    Some(kept) => *kept = Address { prefix_len: kept.prefix_len, ..old },
                    None => self.cache.arm(Timer::Address(port, old.address), old.deadline, None),
                }
            }
        }
        for own in &new.addresses {
            if new.is_own(own.address) {
                self.forget((port, own.address), Why::BadAddress);
            }
        }
        let is_up = new.up;
        self.ports.insert(port, new);
        if is_up {
            self.start_addresses(port, now);
        } else if was_up {
            self.link_up(port, now);
        }
    }

    /// Removes a port, its addresses and its neighbors.
    pub fn remove_port(&mut self, port: u16) {
        for address in self.cache.addresses(port) {
            self.forget((port, address), Why::Removed);
        }
        if let Some(old) = self.ports.remove(&port) {
            for own in old.addresses {
                self.cache.arm(Timer::Address(port, own.address), own.deadline, None);
            }
        }
    }

    /// The link can carry packets: own addresses are checked for duplicates, watched neighbors resolved.
    pub fn link_up(&mut self, port: u16, now: u64) {
        let Some(known) = self.ports.get_mut(&port).filter(|known| !known.up) else { return };
        known.up = true;
        self.start_addresses(port, now);
        self.resolve_pending(port, now);
    }

    /// The link cannot carry packets: learned neighbors go, what they hold fails.
    pub fn link_down(&mut self, port: u16, now: u64) {
        let Some(known) = self.ports.get_mut(&port).filter(|known| known.up) else { return };
        known.up = false;
        for own in &mut known.addresses {
            self.cache.arm(Timer::Address(port, own.address), own.deadline.take(), None);
            own.state = AddressState::Down;
        }
        for address in self.cache.addresses(port) {
            self.link_lost((port, address), now);
        }
    }

    /// Begins duplicate address detection for the addresses that have not been through it, after a random
    /// pause, so that nodes that start together do not ask together.
    fn start_addresses(&mut self, port: u16, now: u64) {
        let Some(known) = self.ports.get_mut(&port) else { return };
        let detect = self.settings.dup_addr_detect_transmits > 0;
        let first = now.saturating_add(self.random.below(MAX_START_DELAY_NS));
        for own in known.addresses.iter_mut().filter(|own| own.state == AddressState::Down) {
            if detect {
                own.state = AddressState::Tentative;
                (own.sent, own.announced) = (0, 0);
                own.deadline = Some(first);
                self.cache.arm(Timer::Address(port, own.address), None, own.deadline);
            } else {
                own.state = AddressState::Valid;
                self.actions.push_back(Action::AddressReady { port, address: own.address });
            }
        }
    }

    /// The next step of duplicate address detection, unless the address left it since `at` was looked up.
    pub(super) fn address_timeout(&mut self, port: u16, address: u128, at: u64, now: u64) {
        let transmits = self.settings.dup_addr_detect_transmits;
        let Some(known) = self.ports.get_mut(&port) else { return };
        let mac = known.mac;
        let Some(own) = known.addresses.iter_mut().find(|own| own.address == address) else { return };
        if own.deadline != Some(at) {
            return;
        }
        let is_valid = own.state == AddressState::Valid;
        let asks = !is_valid && own.sent < transmits;
        own.deadline = asks.then_some(now.saturating_add(RETRANS_TIMER_NS));
        self.cache.arm(Timer::Address(port, address), Some(at), own.deadline);
        if asks {
            own.sent += 1;
            let frame = arp::solicitation(mac, ipv6::UNSPECIFIED, address, None);
            self.actions.push_back(Action::Transmit { port, frame });
        } else if is_valid {
            self.announce(port, address, now);
        } else {
            self.address_ready(port, address, now);
        }
    }

    /// Nobody claimed an address. With the first one of its family on the port, resolutions that waited for it begin.
    fn address_ready(&mut self, port: u16, address: u128, now: u64) {
        let Some(known) = self.ports.get_mut(&port) else { return };
        let first = !known.has_source(address);
        if let Some(own) = known.addresses.iter_mut().find(|own| own.address == address) {
            own.state = AddressState::Valid;
            self.actions.push_back(Action::AddressReady { port, address });
        }
        self.announce(port, address, now);
        if first {
            self.resolve_pending(port, now);
        }
    }

    /// Somebody else has, or wants at the same time, a tentative address (RFC 4862, 5.4.3 and 5.4.4).
    pub(super) fn duplicate(&mut self, port: u16, address: u128) {
        let Some(known) = self.ports.get_mut(&port) else { return };
        let Some(own) = known.addresses.iter_mut().find(|own| own.address == address) else { return };
        own.state = AddressState::Duplicate;
        self.cache.arm(Timer::Address(port, address), own.deadline.take(), None);
        self.actions.push_back(Action::Duplicate { port, address });
    }
}
