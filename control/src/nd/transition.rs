//! The states of a neighbor and what leads from one to the other (RFC 4861, 7.3.2 and appendix C).

use dataplane::wire::ethernet::Mac;
use dataplane::wire::ipv6;

use super::cache::Key;
use super::{
    Action, DELAY_FIRST_PROBE_TIME_NS, MAX_MULTICAST_SOLICIT, MAX_NEIGHBORS, MAX_UNICAST_SOLICIT, Machine,
    NEGATIVE_LIFETIME_NS, REACHABLE_TIME_NS, RETRANS_TIMER_NS, STALE_LIFETIME_NS, State,
    WATCH_BACKOFF_DOUBLINGS, Why, arp,
};

impl<H> Machine<H> {
    /// Makes sure that there is an entry, evicting another one when the port has its fill.
    pub(super) fn make_entry(&mut self, key: Key, now: u64) -> Result<(), Why> {
        if self.cache.get(key).is_none() {
            if self.cache.population(key.0) >= MAX_NEIGHBORS {
                let spared = self.cache.evictable(key.0).ok_or(Why::TableFull)?;
                self.forget(spared, Why::TableFull);
            }
            self.cache.insert(key, now);
        }
        Ok(())
    }

    /// Removes an entry with all that it holds.
    pub(super) fn forget(&mut self, key: Key, why: Why) {
        let Some((entry, packets)) = self.cache.remove(key) else { return };
        let (port, address) = key;
        for packet in packets {
            self.actions.push_back(Action::Fail { port, address, packet, why });
        }
        if entry.mac.is_some() {
            self.actions.push_back(Action::Removed { port, address });
        }
    }

    /// Lets a packet wait; the one that has to go for it fails.
    pub(super) fn enqueue(&mut self, key: Key, packet: H) {
        if let Some(((port, address), packet)) = self.cache.hold(key, packet) {
            self.actions.push_back(Action::Fail { port, address, packet, why: Why::QueueFull });
        }
    }

    /// Gives out the packets that waited.
    pub(super) fn release(&mut self, (port, address): Key) {
        for packet in self.cache.take_held((port, address)) {
            self.actions.push_back(Action::Release { port, address, packet });
        }
    }

    /// Notes the neighbor's MAC address; true when it is another one than before.
    pub(super) fn learn(&mut self, key: Key, mac: Mac) -> bool {
        let Some(entry) = self.cache.get_mut(key) else { return false };
        if entry.mac == Some(mac) {
            return false;
        }
        entry.mac = Some(mac);
        entry.dead = false;
        entry.failures = 0;
        self.actions.push_back(Action::Resolved { port: key.0, address: key.1, mac });
        true
    }

    /// Starts resolution: INCOMPLETE.
    pub(super) fn resolve(&mut self, key: Key, prompting: u128, now: u64) {
        if let Some(entry) = self.cache.get_mut(key) {
            entry.mac = None;
            entry.prompting = prompting;
            self.solicit_as(key, State::Incomplete, now);
        }
    }

    /// Enters a state in which solicitations are sent, and sends the first.
    fn solicit_as(&mut self, key: Key, state: State, now: u64) {
        if let Some(entry) = self.cache.get_mut(key) {
            entry.state = state;
            entry.since = now;
            entry.sent = 0;
            self.solicit(key, now);
        }
    }

    /// Sends a solicitation, to the group in INCOMPLETE and to the neighbor in PROBE. As long as the port
    /// has no address that can be used, only the time passes.
    fn solicit(&mut self, key: Key, now: u64) {
        let Some(entry) = self.cache.get_mut(key) else { return };
        entry.sent = entry.sent.saturating_add(1);
        entry.deadline = Some(now.saturating_add(RETRANS_TIMER_NS));
        let (prompting, probe) = (entry.prompting, entry.mac);
        self.cache.settle(key);
        let Some(port) = self.ports.get(&key.0) else { return };
        if let Some(source) = port.source_for(key.1, prompting) {
            let frame = arp::solicitation(port.mac, source, key.1, probe);
            self.actions.push_back(Action::Transmit { port: key.0, frame });
        }
    }

    /// Enters a state in which the MAC address is known and nothing is solicited.
    pub(super) fn enter(&mut self, key: Key, state: State, now: u64) {
        let lasts_ns = match state {
            State::Reachable => Some(REACHABLE_TIME_NS / 2 + self.random.below(REACHABLE_TIME_NS)),
            State::Delay => Some(DELAY_FIRST_PROBE_TIME_NS),
            State::Stale => Some(STALE_LIFETIME_NS),
            _ => None,
        };
        let Some(entry) = self.cache.get_mut(key) else { return };
        if entry.watched && state == State::Stale {
            return self.solicit_as(key, State::Probe, now);
        }
        entry.state = state;
        entry.since = now;
        entry.deadline = lasts_ns.map(|ns| now.saturating_add(ns));
        self.cache.settle(key);
    }

    /// A state's time is over, unless it was left or prolonged since `at` was looked up.
    pub(super) fn neighbor_timeout(&mut self, key: Key, at: u64, now: u64) {
        let Some(entry) = self.cache.get(key).filter(|entry| entry.deadline == Some(at)) else { return };
        match entry.state {
            State::Incomplete if entry.sent < MAX_MULTICAST_SOLICIT => self.solicit(key, now),
            State::Incomplete => self.fail(key, now),
            State::Reachable => self.enter(key, State::Stale, now),
            State::Stale => self.forget(key, Why::Removed),
            State::Static => {}
            State::Delay => self.solicit_as(key, State::Probe, now),
            State::Probe if entry.sent < MAX_UNICAST_SOLICIT => self.solicit(key, now),
            State::Probe => self.lose(key, now),
            State::Failed if entry.watched => self.resolve(key, ipv6::UNSPECIFIED, now),
            State::Failed => self.forget(key, Why::Unreachable),
        }
    }

    /// Tells once that the neighbor does not answer.
    fn tell_unreachable(&mut self, key: Key) {
        let Some(entry) = self.cache.get_mut(key) else { return };
        entry.mac = None;
        if !std::mem::replace(&mut entry.dead, true) {
            self.actions.push_back(Action::Unreachable { port: key.0, address: key.1 });
        }
    }

    /// Fails all that waits.
    pub(super) fn fail_held(&mut self, (port, address): Key, why: Why) {
        for packet in self.cache.take_held((port, address)) {
            self.actions.push_back(Action::Fail { port, address, packet, why });
        }
    }

    /// Resolution failed.
    fn fail(&mut self, key: Key, now: u64) {
        self.tell_unreachable(key);
        self.fail_held(key, Why::Unreachable);
        let Some(entry) = self.cache.get_mut(key) else { return };
        let doublings = if entry.watched { entry.failures.min(WATCH_BACKOFF_DOUBLINGS) } else { 0 };
        entry.state = State::Failed;
        entry.since = now;
        entry.failures = entry.failures.saturating_add(1);
        entry.deadline = Some(now.saturating_add(NEGATIVE_LIFETIME_NS << doublings));
        self.cache.settle(key);
    }

    /// Probes were not answered. The entry goes, so that the next packet resolves the address anew: the
    /// neighbor may only have got another MAC address. For a watched neighbor that begins at once.
    fn lose(&mut self, key: Key, now: u64) {
        self.tell_unreachable(key);
        if self.cache.get(key).is_some_and(|entry| entry.watched) {
            self.resolve(key, ipv6::UNSPECIFIED, now);
        } else {
            self.forget(key, Why::Unreachable);
        }
    }

    /// The link went down: of a watched neighbor only the wish remains, static ones stay.
    pub(super) fn link_lost(&mut self, key: Key, now: u64) {
        let Some(entry) = self.cache.get(key) else { return };
        match entry.state {
            State::Static => {}
            _ if entry.watched => {
                self.tell_unreachable(key);
                self.fail_held(key, Why::LinkDown);
                if let Some(entry) = self.cache.get_mut(key) {
                    entry.state = State::Failed;
                    entry.since = now;
                    entry.failures = 0;
                    entry.deadline = None;
                }
                self.cache.settle(key);
            }
            _ => self.forget(key, Why::LinkDown),
        }
    }

    /// Resolves the watched neighbors that are not, and starts again with those that could not be
    /// solicited for want of an own address.
    pub(super) fn resolve_pending(&mut self, port: u16, now: u64) {
        for address in self.cache.addresses(port) {
            let key = (port, address);
            let Some(entry) = self.cache.get(key) else { continue };
            let pending = entry.state == State::Incomplete || (entry.watched && entry.state == State::Failed);
            let prompting = entry.prompting;
            if pending {
                self.resolve(key, prompting, now);
            }
        }
    }
}
