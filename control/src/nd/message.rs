//! Messages that were received (RFC 4861, 7.2.3 to 7.2.5).

use dataplane::wire::ethernet::Mac;
use dataplane::wire::ipv6;
use dataplane::wire::ndp::{self, Advertisement, FRAME_LEN_MAX, Flags, Invalid, Message};

use super::port::AddressState;
use super::{Action, Machine, State};

impl<H> Machine<H> {
    /// Takes in a packet, from its IPv6 header on, that came in a frame from `source_mac`.
    ///
    /// # Errors
    /// The packet is no valid Neighbor Discovery message, and nothing was done.
    pub fn receive(&mut self, port: u16, packet: &[u8], source_mac: Mac, now: u64) -> Result<(), Invalid> {
        let message = ndp::parse(packet)?;
        // What this port itself sent may come back from the link; it says nothing about a neighbor.
        if !self.ports.get(&port).is_some_and(|known| known.up && known.mac != source_mac) {
            return Ok(());
        }
        match message {
            Message::NeighborSolicitation { source, target, source_mac: option, .. } => {
                self.solicitation(port, (source, source_mac), target, option, now);
            }
            Message::NeighborAdvertisement { source, target, flags, target_mac, .. } => {
                self.advertisement(port, source, target, flags, target_mac, now);
            }
            Message::RouterSolicitation { source, source_mac: option } => {
                self.learn_source(port, source, option, Some(false), now);
            }
            Message::RouterAdvertisement { source, source_mac: option } => {
                self.learn_source(port, source, option, Some(true), now);
            }
            Message::Redirect { .. } => {}
        }
        Ok(())
    }

    /// RFC 4861, 7.2.3; for a tentative target RFC 4862, 5.4.3.
    fn solicitation(
        &mut self,
        port: u16,
        (source, source_mac): (u128, Mac),
        target: u128,
        option: Option<Mac>,
        now: u64,
    ) {
        let Some(known) = self.ports.get(&port) else { return };
        match known.state_of(target) {
            Some(AddressState::Tentative) if source == ipv6::UNSPECIFIED => self.duplicate(port, target),
            Some(AddressState::Valid) if !known.is_own(source) => {
                self.learn_source(port, source, option, None, now);
                // To the address that it gave; without one, an answer to the sender of the frame is as
                // good as resolving the sender first.
                let cached = self.cache.get((port, source)).and_then(|entry| entry.mac);
                self.answer(port, source, option.or(cached).unwrap_or(source_mac), target);
            }
            _ => {}
        }
    }

    /// RFC 4861, 7.2.4: by unicast, or to all nodes when the solicitor has no address yet.
    fn answer(&mut self, port: u16, solicitor: u128, solicitor_mac: Mac, target: u128) {
        let Some(known) = self.ports.get(&port) else { return };
        let solicited = solicitor != ipv6::UNSPECIFIED;
        let to_all = (Mac::for_multicast(ipv6::ALL_NODES), ipv6::ALL_NODES);
        let (to_mac, destination) = if solicited { (solicitor_mac, solicitor) } else { to_all };
        let flags = Flags { router: true, solicited, override_cached: true };
        let mut frame = [0; FRAME_LEN_MAX];
        let answer = Advertisement { mac: known.mac, to_mac, source: target, destination, target, flags };
        let frame = answer.emit(&mut frame).to_vec();
        self.actions.push_back(Action::Transmit { port, frame });
    }

    /// What the sender of a message says of itself: its address, its MAC address, and, by the kind of the
    /// message, whether it is a router (RFC 4861, 6.2.6, 7.2.3 and appendix C).
    ///
    /// A new neighbor is only taken in when its address is on the link. Otherwise a node could put any
    /// address into the cache and draw its traffic (CVE-2008-2476).
    pub(super) fn learn_source(
        &mut self,
        port: u16,
        source: u128,
        mac: Option<Mac>,
        router: Option<bool>,
        now: u64,
    ) {
        let key = (port, source);
        let Some(known) = self.ports.get(&port) else { return };
        if self.check(port, source).is_err() {
            return;
        }
        if let Some(mac) = mac {
            let known_or_near = self.cache.get(key).is_some() || known.is_on_link(source);
            if !known_or_near || self.make_entry(key, now).is_err() {
                return;
            }
            if self.cache.get(key).is_some_and(|entry| entry.state != State::Static) && self.learn(key, mac) {
                self.enter(key, State::Stale, now);
                self.release(key);
            }
        }
        if let (Some(router), Some(entry)) = (router, self.cache.get_mut(key)) {
            entry.router = router;
        }
    }

    /// RFC 4861, 7.2.5.
    pub(super) fn advertisement(
        &mut self,
        port: u16,
        source: u128,
        target: u128,
        flags: Flags,
        mac: Option<Mac>,
        now: u64,
    ) {
        let Some(known) = self.ports.get(&port) else { return };
        if known.state_of(target) == Some(AddressState::Tentative) {
            return self.duplicate(port, target);
        }
        if known.is_own(target) || known.is_own(source) {
            return;
        }
        let key = (port, target);
        let Some(entry) = self.cache.get_mut(key) else { return };
        let differs = mac.is_some() && mac != entry.mac;
        match entry.state {
            State::Static => {}
            // A failed resolution that nobody watches is for the RFC no entry at all.
            State::Failed if !entry.watched => {}
            // The MAC address is wanted; without one only IsRouter is of use.
            State::Incomplete | State::Failed => {
                entry.router = flags.router;
                let Some(mac) = mac else { return };
                self.learn(key, mac);
                let state = if flags.solicited { State::Reachable } else { State::Stale };
                self.enter(key, state, now);
                self.release(key);
            }
            // Another MAC address that may not replace the cached one only casts doubt on it.
            State::Reachable if differs && !flags.override_cached => self.enter(key, State::Stale, now),
            _ if differs && !flags.override_cached => {}
            State::Reachable | State::Stale | State::Delay | State::Probe => {
                entry.router = flags.router;
                let changed = mac.is_some_and(|mac| self.learn(key, mac));
                if flags.solicited {
                    self.enter(key, State::Reachable, now);
                } else if changed {
                    self.enter(key, State::Stale, now);
                }
            }
        }
    }
}
