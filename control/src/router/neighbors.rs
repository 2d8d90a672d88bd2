//! Neighbor discovery's part: packets from workers and time go in, its actions are carried out.

use dataplane::buffer::{PacketBuf, packet};
use dataplane::drop::Drop;
use dataplane::id::PortId;
use dataplane::update::{Inject, Punt, Resume, Why};
use dataplane::wire::{ethernet, ipv4, ipv6};

use super::{Buffers, Held, Router, USAGE_INTERVAL_NS};
use crate::family;
use crate::nd::{self, Action};
use crate::program::adjacencies::Neighbor;

/// The source of a packet of either family.
fn source(packet: &[u8]) -> u128 {
    match packet.first().map(|octet| octet >> 4) {
        Some(4) => ipv4::Header::of(packet).map_or(ipv6::UNSPECIFIED, |header| ipv4::mapped(header.source())),
        _ => ipv6::Header::of(packet).map_or(ipv6::UNSPECIFIED, |header| header.source()),
    }
}

impl<B: PacketBuf> Router<B> {
    /// Takes at most `limit` packets from each worker's ring and deals with them. Returns how many there were.
    pub fn take_punts(&mut self, limit: usize, buffers: &mut impl Buffers<B>, now_ns: u64) -> usize {
        let mut taken = 0;
        for worker in 0..self.workers.len() {
            for _ in 0..limit {
                let Some(punt) = self.workers.get(worker).and_then(|w| w.rings.punts.pop()) else { break };
                buffers.follow(&punt.buffer);
                self.take_punt(worker, punt, buffers, now_ns);
                self.carry_out(buffers);
                taken += 1;
            }
        }
        if taken > 0 {
            self.commit();
        }
        taken
    }

    fn take_punt(&mut self, worker: usize, punt: Punt<B>, buffers: &mut impl Buffers<B>, now_ns: u64) {
        let Punt { buffer, meta, why } = punt;
        match why {
            Why::NeighborDiscovery => {
                let Some(header) = ethernet::Header::of(buffer.bytes()) else { return };
                // What is not valid is ignored (RFC 4861, 7.1); it is counted as consumed already.
                let _ = self.neighbors.receive(meta.port.0, packet(&buffer), header.source(), now_ns);
            }
            Why::Arp => {
                let Some(header) = ethernet::Header::of(buffer.bytes()) else { return };
                // As above.
                let _ = self.neighbors.receive_arp(meta.port.0, packet(&buffer), header.source(), now_ns);
            }
            Why::Fragment { room } => self.cut(worker, buffer, meta, room as usize, buffers, now_ns),
            Why::Resolve { port, address } => {
                let source = source(packet(&buffer));
                self.neighbors.hold(port.0, address, Held { buffer, meta, worker }, source, now_ns);
            }
        }
    }

    /// Does what is due: neighbor discovery's timers, and which neighbors are in use.
    pub fn tick(&mut self, buffers: &mut impl Buffers<B>, now_ns: u64) {
        if now_ns.saturating_sub(self.usage_checked_ns) >= USAGE_INTERVAL_NS {
            self.usage_checked_ns = now_ns;
            self.check_usage(now_ns);
            self.program.adjacencies.recheck();
        }
        self.neighbors.tick(now_ns);
        self.act(buffers);
    }

    /// When [`Router::tick`] has something to do because of time alone, ns.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        self.neighbors.next_deadline()
    }

    /// Tells neighbor discovery which neighbors had traffic (RFC 4861, 7.3.3: STALE goes to DELAY).
    fn check_usage(&mut self, now_ns: u64) {
        let ids: Vec<_> = self.program.adjacencies.ids().collect();
        for (id, port, address) in ids {
            let sent = self.sent_to(id);
            if self.usage.len() <= id.index() {
                self.usage.resize(id.index() + 1, 0);
            }
            if std::mem::replace(&mut self.usage[id.index()], sent) != sent {
                self.neighbors.used(port.0, address, now_ns);
            }
        }
    }

    /// Carries out neighbor discovery's actions, then commits: packets are released behind the tables that they need.
    pub(super) fn act(&mut self, buffers: &mut impl Buffers<B>) {
        self.carry_out(buffers);
        self.commit();
    }

    fn carry_out(&mut self, buffers: &mut impl Buffers<B>) {
        while let Some(action) = self.neighbors.next_action() {
            match action {
                Action::Transmit { port, frame } => self.transmit(port, &frame, buffers),
                Action::Resolved { port, address, mac } => {
                    self.learn(PortId(port), address, Neighbor { mac: Some(mac), has_failed: false });
                }
                Action::Unreachable { port, address } => {
                    // Only next hops that are watched are declared dead: nobody else would notice their return.
                    let has_failed = self.mode.watches_next_hops && self.is_next_hop(PortId(port), address);
                    self.learn(PortId(port), address, Neighbor { mac: None, has_failed });
                }
                Action::Removed { port, address } => self.learn(PortId(port), address, Neighbor::default()),
                Action::Release { port, address, mut packet } => {
                    buffers.resume(&mut packet.buffer);
                    self.release(PortId(port), address, packet);
                }
                Action::Fail { packet, why, .. } => {
                    let reason = match why {
                        nd::Why::QueueFull | nd::Why::TableFull => Drop::NeighborQueueFull,
                        nd::Why::LinkDown => Drop::PortDown,
                        nd::Why::Unreachable | nd::Why::Removed | nd::Why::NoPort | nd::Why::BadAddress => {
                            Drop::NeighborUnresolved
                        }
                    };
                    let Held { mut buffer, meta, worker } = packet;
                    buffers.resume(&mut buffer);
                    self.inject(worker, Inject { buffer, meta, resume: Resume::Fail(reason) });
                }
                Action::Duplicate { port, address } => {
                    let name = self.ports.get(usize::from(port)).map_or("?", |p| p.name.as_str());
                    let address = family::address(address);
                    self.problems.push(format!(
                        "port \"{name}\": another node on the link has the address {address}; it is not used"
                    ));
                }
                Action::Conflict { port, address } => {
                    let name = self.ports.get(usize::from(port)).map_or("?", |p| p.name.as_str());
                    let address = family::address(address);
                    self.problems.push(format!(
                        "port \"{name}\": another node on the link uses the address {address}, too; it stays in use"
                    ));
                }
                Action::AddressReady { .. } => {}
            }
        }
    }

    fn transmit(&mut self, port: u16, frame: &[u8], buffers: &mut impl Buffers<B>) {
        if let Some(buffer) = buffers.make(frame) {
            let port = PortId(port);
            let meta = dataplane::burst::Meta::received(port, 0);
            self.inject(0, Inject { buffer, meta, resume: Resume::Transmit(port) });
        }
    }

    /// Notes what is known about a neighbor, and marks what follows from it for the next commit.
    fn learn(&mut self, port: PortId, address: u128, neighbor: Neighbor) {
        let before = self.program.adjacencies.neighbor(port, address);
        if before == neighbor {
            return;
        }
        // On-link neighbors have entries of their own while they are resolved.
        self.program.set_neighbor(&self.rib, port, address, neighbor);
        self.dirty.adjacencies = true;
        if before.has_failed != neighbor.has_failed {
            if neighbor.has_failed {
                self.kill_neighbor(port, address);
            }
            self.switched.insert((port, address));
        }
    }

    fn release(&mut self, port: PortId, address: u128, held: Held<B>) {
        let Held { buffer, meta, worker } = held;
        let resume = match self.program.adjacencies.id(port, address) {
            Some(id) => {
                self.dirty.adjacencies = true;
                Resume::Forward(id)
            }
            None => Resume::Fail(Drop::NeighborQueueFull),
        };
        self.inject(worker, Inject { buffer, meta, resume });
    }

    /// Watches the next hops of all routes, and no others: keeps them resolved, if that is this router's way. `before`: those
    /// that were watched.
    pub(super) fn watch_next_hops(&mut self, before: &[(PortId, u128)], now_ns: u64) {
        for (port, address) in before {
            self.unwatch_if_unused(*port, *address);
        }
        for (port, address) in
            self.wanted_next_hops().into_iter().filter(|key| before.binary_search(key).is_err())
        {
            self.watch(port, address, now_ns);
        }
    }

    /// Watches a neighbor that is a next hop now.
    pub(super) fn watch(&mut self, port: PortId, address: u128, now_ns: u64) {
        if self.mode.watches_next_hops
            && let Err(why) = self.neighbors.watch(port.0, address, now_ns)
        {
            let address = family::address(address);
            self.problems.push(format!("next hop {address}: not watched: {why:?}"));
        }
    }

    /// Lets go of a neighbor that is no next hop any more.
    pub(super) fn unwatch_if_unused(&mut self, port: PortId, address: u128) {
        if self.mode.watches_next_hops && !self.is_next_hop(port, address) {
            self.neighbors.unwatch(port.0, address);
            let neighbor = self.program.adjacencies.neighbor(port, address);
            self.learn(port, address, Neighbor { has_failed: false, ..neighbor });
        }
    }
}
