//! ARP (RFC 826) and address conflict detection (RFC 5227): what Neighbor Solicitations and Advertisements are to IPv6,
//! for the IPv4 addresses of the same machine. The states of a neighbor are those of RFC 4861 in both families.
//!
//! A reply to an own address confirms a neighbor as a solicited advertisement does; any other message changes what is known
//! and confirms nothing. RFC 5227's probes are as many as RFC 4862's: a router's link that comes back is not to wait for three.

use dataplane::wire::arp::{self, Operation, Repr};
use dataplane::wire::ethernet::Mac;
use dataplane::wire::ipv4;
use dataplane::wire::ndp::{FRAME_LEN_MAX, Flags, Solicitation};

use super::cache::Timer;
use super::port::AddressState;
use super::{Action, Machine, SECOND_NS};

/// Announcements of an address that is used from now on: `ANNOUNCE_NUM` (RFC 5227, 1.1).
pub const ANNOUNCE_NUM: u8 = 2;
/// Between announcements: `ANNOUNCE_INTERVAL`, nanoseconds.
pub const ANNOUNCE_INTERVAL_NS: u64 = 2 * SECOND_NS;
/// Between defenses of an address that somebody else claims: `DEFEND_INTERVAL`, nanoseconds.
pub const DEFEND_INTERVAL_NS: u64 = 10 * SECOND_NS;

/// The frame that asks for `target`: to all, or to the station `probe`. `source` unspecified: duplicate address detection.
pub(super) fn solicitation(mac: Mac, source: u128, target: u128, probe: Option<Mac>) -> Vec<u8> {
    if let Some(target) = ipv4::unmapped(target) {
        let request = Repr::request(mac, ipv4::unmapped(source).unwrap_or(0), target);
        return request.frame(probe.unwrap_or(Mac::BROADCAST)).to_vec();
    }
    let mut frame = [0; FRAME_LEN_MAX];
    Solicitation { mac, source, target, probe }.emit(&mut frame).to_vec()
}

impl<H> Machine<H> {
    /// Takes in an ARP message, what is behind the Ethernet header, that came in a frame from `source_mac`.
    ///
    /// # Errors
    /// The message is not valid, and nothing was done.
    pub fn receive_arp(
        &mut self,
        port: u16,
        message: &[u8],
        source_mac: Mac,
        now: u64,
    ) -> Result<(), arp::Invalid> {
        let message = arp::parse(message)?;
        // What this port itself sent may come back from the link; it says nothing about a neighbor.
        let is_echo = |mac| mac == source_mac || mac == message.source_mac;
        let Some(known) = self.ports.get(&port).filter(|known| known.up && !is_echo(known.mac)) else {
            return Ok(());
        };
        let (source, target) = (ipv4::mapped(message.source), ipv4::mapped(message.target));
        let is_probe = message.source == 0;
        match (known.state_of(source), known.state_of(target)) {
            (Some(AddressState::Tentative), _) => self.duplicate(port, source),
            (Some(AddressState::Valid), _) => self.defend(port, source, now),
            (_, Some(AddressState::Tentative)) if is_probe => self.duplicate(port, target),
            (_, Some(AddressState::Valid)) if message.operation == Operation::Request => {
                self.learn_source(port, source, Some(message.source_mac), None, now);
                self.answer_arp(port, &message);
            }
            (_, of_target) => {
                let is_reply = message.operation == Operation::Reply;
                let solicited = is_reply && of_target == Some(AddressState::Valid);
                let flags = Flags { router: false, solicited, override_cached: true };
                self.advertisement(port, source, source, flags, Some(message.source_mac), now);
            }
        }
        Ok(())
    }

    /// By unicast, to a probe as well (RFC 5227, 2.1.1).
    fn answer_arp(&mut self, port: u16, request: &Repr) {
        let Some(known) = self.ports.get(&port) else { return };
        let frame = request.reply(known.mac).frame(request.source_mac).to_vec();
        self.actions.push_back(Action::Transmit { port, frame });
    }

    /// Somebody else uses an address that is in use here: it is kept, and claimed again (RFC 5227, 2.4 (c)).
    fn defend(&mut self, port: u16, address: u128, now: u64) {
        let Some(own) = self.own_mut(port, address) else { return };
        if own.defended.is_some_and(|at| now.saturating_sub(at) < DEFEND_INTERVAL_NS) {
            return;
        }
        own.defended = Some(now);
        self.send_announcement(port, address);
        self.actions.push_back(Action::Conflict { port, address });
    }

    /// Tells the link of an address that is used from now on, and again after a while; nothing where no duplicates are looked
    /// for.
    pub(super) fn announce(&mut self, port: u16, address: u128, now: u64) {
        if ipv4::unmapped(address).is_none() || self.settings.dup_addr_detect_transmits == 0 {
            return;
        }
        self.send_announcement(port, address);
        let Some(own) = self.own_mut(port, address) else { return };
        own.announced += 1;
        let old = own.deadline;
        own.deadline = (own.announced < ANNOUNCE_NUM).then_some(now.saturating_add(ANNOUNCE_INTERVAL_NS));
        let new = own.deadline;
        self.cache.arm(Timer::Address(port, address), old, new);
    }

    /// A request for an own address by itself: all who know it take its MAC address from it (RFC 5227, 2.3).
    fn send_announcement(&mut self, port: u16, address: u128) {
        let (Some(known), Some(address)) = (self.ports.get(&port), ipv4::unmapped(address)) else { return };
        let frame = Repr::request(known.mac, address, address).frame(Mac::BROADCAST).to_vec();
        self.actions.push_back(Action::Transmit { port, frame });
    }
}
