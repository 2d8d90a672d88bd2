//! Neighbor discovery: the neighbors of all ports and this node's own addresses (RFC 4861, RFC 4862), and ARP for those that
//! are IPv4 ([`arp`]; an IPv4 address is its IPv4-mapped one, see [`crate::family`]).
//!
//! [`Machine`] has no sockets and no clock. Events go in with the time, in nanoseconds from any fixed
//! point; what is to be done comes out as [`Action`]s, in order. The same events, seed and times give the
//! same actions. `H` is whatever stands for a packet that waits for its neighbor to be resolved.
//!
//! Two things go beyond RFC 4861. A resolution that failed is remembered for [`NEGATIVE_LIFETIME_NS`], so
//! that packets to addresses that nobody has do not solicit each time. And a *watched* neighbor, a
//! configured next hop, is resolved before there is traffic: it is probed when it would become STALE,
//! solicited anew with a growing pause when it does not answer, and never evicted.

pub mod arp;
mod cache;
mod dad;
mod message;
mod port;
mod random;
mod transition;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use dataplane::wire::ethernet::Mac;
use dataplane::wire::{ipv4, ipv6};

use cache::Cache;
use port::Port;
pub use port::{Address, AddressState};
use random::Random;

const SECOND_NS: u64 = 1_000_000_000;

/// Multicast solicitations (in IPv4 broadcast requests) before a resolution fails: `MAX_MULTICAST_SOLICIT` (RFC 4861, 10).
pub const MAX_MULTICAST_SOLICIT: u8 = 3;
/// Unicast solicitations before a neighbor is unreachable: `MAX_UNICAST_SOLICIT`.
pub const MAX_UNICAST_SOLICIT: u8 = 3;
/// Between solicitations: `RETRANS_TIMER`, nanoseconds.
pub const RETRANS_TIMER_NS: u64 = SECOND_NS;
/// How long a confirmation holds, before randomisation by 0.5 to 1.5: `REACHABLE_TIME`, nanoseconds.
pub const REACHABLE_TIME_NS: u64 = 30 * SECOND_NS;
/// From traffic to a STALE neighbor to its first probe: `DELAY_FIRST_PROBE_TIME`, nanoseconds.
pub const DELAY_FIRST_PROBE_TIME_NS: u64 = 5 * SECOND_NS;
/// Greatest random pause before the first message of a link that came up:
/// `MAX_RTR_SOLICITATION_DELAY`, nanoseconds.
pub const MAX_START_DELAY_NS: u64 = SECOND_NS;
/// Solicitations of duplicate address detection: `DupAddrDetectTransmits` (RFC 4862, 5.1).
pub const DUP_ADDR_DETECT_TRANSMITS: u8 = 1;

/// Neighbors of one port. When it is reached, entries make room in this order: failed, INCOMPLETE, STALE,
/// the oldest first; when there is none of these, the new neighbor is refused.
pub const MAX_NEIGHBORS: usize = 4096;
/// Packets that wait for one neighbor; one more drops the oldest of them.
pub const HELD_PACKETS_PER_NEIGHBOR: usize = 16;
/// Packets that wait in all; one more drops the oldest of all.
pub const HELD_PACKETS_TOTAL: usize = 1024;
/// How long a failed resolution is remembered, and the first pause before a watched neighbor is tried
/// again, nanoseconds.
pub const NEGATIVE_LIFETIME_NS: u64 = SECOND_NS;
/// The pause before a watched neighbor is tried again doubles this many times.
pub const WATCH_BACKOFF_DOUBLINGS: u8 = 5;
/// How long a STALE neighbor is kept that nothing is sent to, nanoseconds.
pub const STALE_LIFETIME_NS: u64 = 600 * SECOND_NS;

/// State of a neighbor (RFC 4861, 7.3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// Being resolved.
    Incomplete,
    /// Known to have been reachable within the reachable time.
    Reachable,
    /// Not known to be reachable; checked when there is traffic.
    Stale,
    /// Traffic was sent; probes follow unless reachability is confirmed.
    Delay,
    /// Being probed by unicast.
    Probe,
    /// Did not answer to resolution, or its link is down.
    Failed,
    /// Configured: stays as it is.
    Static,
}

impl State {
    /// The name in lower case, as commands print it.
    pub const fn name(self) -> &'static str {
        match self {
            State::Incomplete => "incomplete",
            State::Reachable => "reachable",
            State::Stale => "stale",
            State::Delay => "delay",
            State::Probe => "probe",
            State::Failed => "failed",
            State::Static => "static",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a packet is given back unsent, or a neighbor is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Why {
    /// The neighbor does not answer: `ICMPv6` unreachable 1/3 is due (RFC 4861, 7.2.2).
    Unreachable,
    /// Newer packets took its place ([`HELD_PACKETS_PER_NEIGHBOR`], [`HELD_PACKETS_TOTAL`]).
    QueueFull,
    /// The port has [`MAX_NEIGHBORS`], and this one was evicted or not taken in.
    TableFull,
    /// The port's link is down.
    LinkDown,
    /// The neighbor or its port was removed.
    Removed,
    /// There is no such port.
    NoPort,
    /// No neighbor can have this address: it is `::`, `::1`, multicast, broadcast, or this node's own.
    BadAddress,
}

/// What is to be done. Between a `Resolved` and the next one of a neighbor there is at most one
/// `Unreachable` or `Removed`, and both say that the MAC address is no longer to be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action<H> {
    /// Send this Ethernet frame as it is.
    Transmit {
        /// The port to send it from.
        port: u16,
        /// From the destination MAC address on, without frame check sequence.
        frame: Vec<u8>,
    },
    /// The neighbor has this MAC address from now on.
    Resolved {
        /// The neighbor's port.
        port: u16,
        /// The neighbor.
        address: u128,
        /// Its new MAC address.
        mac: Mac,
    },
    /// The neighbor does not answer. Also told of one that was never resolved.
    Unreachable {
        /// The neighbor's port.
        port: u16,
        /// The neighbor.
        address: u128,
    },
    /// A resolved neighbor is no longer in the cache.
    Removed {
        /// The neighbor's port.
        port: u16,
        /// The neighbor.
        address: u128,
    },
    /// The neighbor is resolved: send the packet.
    Release {
        /// The neighbor's port.
        port: u16,
        /// The neighbor.
        address: u128,
        /// What was held.
        packet: H,
    },
    /// The packet is not going to be sent.
    Fail {
        /// The port that was asked for.
        port: u16,
        /// The neighbor that was asked for.
        address: u128,
        /// What was held.
        packet: H,
        /// The reason.
        why: Why,
    },
    /// Another node on the link has this own address: it is not used (RFC 4862, 5.4.5).
    Duplicate {
        /// The own port.
        port: u16,
        /// The own address.
        address: u128,
    },
    /// Another node on the link uses this own address, which is kept in use (RFC 5227, 2.4).
    Conflict {
        /// The own port.
        port: u16,
        /// The own address.
        address: u128,
    },
    /// This own address can be used from now on.
    AddressReady {
        /// The own port.
        port: u16,
        /// The own address.
        address: u128,
    },
}

/// What is chosen at construction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Seed of the timers' randomisation; replay uses a fixed one.
    pub seed: u64,
    /// Solicitations of duplicate address detection; with 0, addresses are valid as soon as the link is up.
    pub dup_addr_detect_transmits: u8,
}

/// A neighbor as `show neighbors` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighborInfo {
    /// The neighbor's port.
    pub port: u16,
    /// The neighbor.
    pub address: u128,
    /// Its MAC address, when known.
    pub mac: Option<Mac>,
    /// Its state.
    pub state: State,
    /// It said that it is a router.
    pub router: bool,
    /// Since the state was entered or last confirmed, nanoseconds.
    pub age_ns: u64,
    /// Packets that wait for it.
    pub held: usize,
}

/// Neighbor discovery of all ports. Every `now` is in nanoseconds and should not go backwards.
#[derive(Debug)]
pub struct Machine<H> {
    settings: Settings,
    ports: BTreeMap<u16, Port>,
    cache: Cache<H>,
    random: Random,
    actions: VecDeque<Action<H>>,
}

impl<H> Machine<H> {
    /// A machine without ports.
    pub fn new(settings: Settings) -> Self {
        let random = Random::new(settings.seed);
        Machine { settings, ports: BTreeMap::new(), cache: Cache::new(), random, actions: VecDeque::new() }
    }

    /// The oldest action that was not yet taken. Take all after each event.
    pub fn next_action(&mut self) -> Option<Action<H>> {
        self.actions.pop_front()
    }

    /// When [`Self::tick`] has something to do, if ever.
    pub fn next_deadline(&self) -> Option<u64> {
        self.cache.next_deadline()
    }

    fn own_mut(&mut self, port: u16, address: u128) -> Option<&mut Address> {
        self.ports.get_mut(&port)?.addresses.iter_mut().find(|own| own.address == address)
    }

    /// All neighbors, by port and address.
    pub fn neighbors(&self, now: u64) -> impl Iterator<Item = NeighborInfo> {
        self.cache.iter().map(move |(&(port, address), entry)| NeighborInfo {
            port,
            address,
            mac: entry.mac,
            state: entry.state,
            router: entry.router,
            age_ns: now.saturating_sub(entry.since),
            held: entry.held(),
        })
    }

    /// Packets that wait, of all neighbors; at most [`HELD_PACKETS_TOTAL`].
    pub fn held(&self) -> usize {
        self.cache.held()
    }

    /// The own addresses of a port, the link-local one of its MAC address included.
    pub fn addresses(&self, port: u16) -> &[Address] {
        self.ports.get(&port).map_or(&[], |port| &port.addresses)
    }

    /// A packet wants to go to this neighbor: `Release` follows at once when its MAC address is known, and
    /// after resolution otherwise, unless `Fail` does. `source` is the packet's.
    pub fn hold(&mut self, port: u16, address: u128, packet: H, source: u128, now: u64) {
        let key = (port, address);
        if let Err(why) = self.admit(key, now) {
            return self.actions.push_back(Action::Fail { port, address, packet, why });
        }
        self.used(port, address, now);
        match self.cache.get(key).map(|entry| entry.state) {
            Some(State::Failed) => {
                self.enqueue(key, packet);
                self.resolve(key, source, now);
            }
            Some(State::Incomplete) => self.enqueue(key, packet),
            _ => self.actions.push_back(Action::Release { port, address, packet }),
        }
    }

    /// Whether a packet to this neighbor can be sent or wait, with an entry for it if so.
    fn admit(&mut self, key: cache::Key, now: u64) -> Result<(), Why> {
        self.check(key.0, key.1)?;
        if !self.ports.get(&key.0).is_some_and(|port| port.up) {
            return Err(Why::LinkDown);
        }
        match self.cache.get(key) {
            Some(entry) if entry.state != State::Failed => Ok(()),
            Some(entry) if now.saturating_sub(entry.since) < NEGATIVE_LIFETIME_NS => Err(Why::Unreachable),
            Some(_) => Ok(()),
            None => self.make_entry(key, now),
        }
    }

    /// Traffic was sent to this neighbor.
    pub fn used(&mut self, port: u16, address: u128, now: u64) {
        let key = (port, address);
        if self.cache.get(key).is_some_and(|entry| entry.state == State::Stale) {
            self.enter(key, State::Delay, now);
        }
    }

    /// An upper layer knows that what is sent to this neighbor arrives (RFC 4861, 7.3.1).
    pub fn confirm(&mut self, port: u16, address: u128, now: u64) {
        let key = (port, address);
        if self.cache.get(key).is_some_and(|entry| entry.mac.is_some() && entry.state != State::Static) {
            self.enter(key, State::Reachable, now);
        }
    }

    /// Sets a neighbor's MAC address for good; what is received does not change it.
    ///
    /// # Errors
    /// `NoPort`, `BadAddress`, or `TableFull`.
    pub fn add_static(&mut self, port: u16, address: u128, mac: Mac, now: u64) -> Result<(), Why> {
        self.check(port, address)?;
        let key = (port, address);
        self.make_entry(key, now)?;
        self.learn(key, mac);
        self.enter(key, State::Static, now);
        self.release(key);
        Ok(())
    }

    /// Removes a neighbor, static or learned; a watched one is resolved anew. True when there was one.
    pub fn del(&mut self, port: u16, address: u128, now: u64) -> bool {
        let key = (port, address);
        let Some(watched) = self.cache.get(key).map(|entry| entry.watched) else { return false };
        self.forget(key, Why::Removed);
        // It was there, so that its port is, its address is fit, and there is room.
        !watched || self.watch(port, address, now).is_ok()
    }

    /// Resolves a configured next hop now, and keeps it resolved until [`Self::unwatch`].
    ///
    /// # Errors
    /// `NoPort`, `BadAddress`, or `TableFull`.
    pub fn watch(&mut self, port: u16, address: u128, now: u64) -> Result<(), Why> {
        self.check(port, address)?;
        let key = (port, address);
        self.make_entry(key, now)?;
        let Some(entry) = self.cache.get_mut(key) else { return Ok(()) };
        let (state, was_watched) = (entry.state, std::mem::replace(&mut entry.watched, true));
        self.cache.settle(key);
        let up = self.ports.get(&port).is_some_and(|port| port.up);
        match state {
            _ if was_watched => {}
            // A link that is down has no STALE neighbors; entering STALE again probes what is watched.
            State::Stale => self.enter(key, State::Stale, now),
            State::Failed if up => self.resolve(key, ipv6::UNSPECIFIED, now),
            _ => {}
        }
        Ok(())
    }

    /// Treats a neighbor again as any other.
    pub fn unwatch(&mut self, port: u16, address: u128) {
        let key = (port, address);
        let Some(entry) = self.cache.get_mut(key) else { return };
        entry.watched = false;
        if entry.state == State::Failed {
            self.forget(key, Why::Removed);
        }
        self.cache.settle(key);
    }

    /// Does what is due at `now`.
    pub fn tick(&mut self, now: u64) {
        for (at, timer) in self.cache.due(now) {
            match timer {
                cache::Timer::Address(port, address) => self.address_timeout(port, address, at, now),
                cache::Timer::Neighbor(port, address) => self.neighbor_timeout((port, address), at, now),
            }
        }
    }

    /// Whether a neighbor may have this address.
    fn check(&self, port: u16, address: u128) -> Result<(), Why> {
        let port = self.ports.get(&port).ok_or(Why::NoPort)?;
        let nobodys = match ipv4::unmapped(address) {
            Some(address4) => !ipv4::is_unicast(address4) || port.is_broadcast(address),
            None => matches!(address, ipv6::UNSPECIFIED | ipv6::LOOPBACK) || ipv6::is_multicast(address),
        };
        if nobodys || port.is_own(address) { Err(Why::BadAddress) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
