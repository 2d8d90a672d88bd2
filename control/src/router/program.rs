//! Tells workers what has changed: what they must know first goes on the rings, in the order in which it refers to each
//! other; entries of routing tables are published when every worker knows what they refer to.

use std::sync::Arc;

use dataplane::id::{AdjacencyId, PortId};
use dataplane::table::{PeerRef, Port};
use dataplane::update::{Inject, Update};

use super::{Revival, Router, RouterPort};
use crate::config::Trigger;
use crate::family;
use crate::program::adjacencies::PortFacts;
use crate::program::leaf::{RoutedPort, Surroundings};
use crate::program::policy;
use crate::program::srv6::hmac_rule;

/// Updates that no worker may be behind by when tables are sent: bounds the memory that tables of next hops and adjacencies
/// take on their way.
const MAX_UPDATES_UNDER_WAY: u64 = 32;

/// A point in the order of changes; see [`Router::is_in_effect`].
#[derive(Debug, Default)]
pub struct Mark(
    /// The last update that belongs to what was changed before; `None` while more may follow from that.
    Option<u64>,
);

impl<B> Router<B> {
    /// Programs what has changed and puts it on the rings; what does not fit stays for [`Router::push`].
    pub fn commit(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.icmp {
            self.send(&Update::Icmp(self.icmp_limits()));
        }
        if dirty.mex || dirty.ports {
            let own = self.ports.iter().flat_map(|p| p.addresses.iter().map(|(address, _)| *address));
            self.send(&Update::Mex(Arc::new(policy::compile(&self.config.mex, &self.config.srv6, own))));
            self.program.policy_sent(self.sent);
            self.send(&Update::Ports(self.port_table()));
        }
        if dirty.ports || !self.switched.is_empty() {
            self.program.recheck_srv6();
        }
        if dirty.routes || dirty.ports {
            self.switched.clear();
            self.program.reprogram(&self.rib, self.surroundings());
        }
        if !self.switched.is_empty() {
            self.program.switch_next_hops(&self.rib, &std::mem::take(&mut self.switched));
        }
        self.dirty.adjacencies = dirty.adjacencies || dirty.routes || dirty.ports;
        self.push();
    }

    fn surroundings(&self) -> Surroundings {
        let port =
            |p: &RouterPort| RoutedPort { vrf: p.vrf, is_up: p.is_up(), addresses: p.addresses.clone() };
        let keeps_dead_routes = self.config.mex.effective_triggers().contains(Trigger::NextHopDown);
        Surroundings::new(self.ports.iter().map(port).collect(), &self.sites, keeps_dead_routes)
    }

    /// Sends what the entries of routing tables refer to. Order matters to the workers: adjacencies, the next hops that use
    /// them, SIDs and policies, then the tables that use those. True when anything was sent.
    ///
    /// Nothing is sent while as many updates as may be are under way: what changes until then goes out together.
    fn send_tables(&mut self) -> bool {
        self.program.update_srv6();
        self.are_tables_held = self.sent.saturating_sub(self.applied) >= MAX_UPDATES_UNDER_WAY;
        if self.are_tables_held {
            return false;
        }
        let before = self.sent;
        // Both, always: each forgets.
        if self.program.adjacencies.take_new() | std::mem::take(&mut self.dirty.adjacencies) {
            let ids = self.program.adjacencies.part_dead(|port| self.port_facts(port));
            let table = self.program.adjacencies.compile(|port| self.port_facts(port));
            self.send(&Update::Adjacencies(table));
            if !ids.is_empty() {
                // Behind the ports' table, too: that was sent before.
                self.revivals.push_back(Revival { sent_as: self.sent, ids });
            }
        }
        if let Some(next_hops) = self.program.take_next_hops(self.sent + 1) {
            self.send(&Update::NextHops(next_hops));
        }
        let workers = self.workers.len() as u64;
        if let Some(srv6) = self.program.take_srv6(self.sent + 1, workers) {
            self.begin_counts();
            self.send(&Update::Srv6(srv6));
        }
        while let Some(table) = self.program.take_table(self.sent + 1) {
            self.send(&table);
        }
        self.program.release_replaced();
        if self.program.adjacencies.is_loose() {
            let known: hashbrown::HashSet<_> =
                self.neighbors.neighbors(0).map(|n| (PortId(n.port), n.address)).collect();
            self.program.adjacencies.collect(|port, address| known.contains(&(port, address)));
        }
        self.sent != before
    }

    /// The ports for the workers.
    fn port_table(&self) -> Arc<[Port]> {
        let table = (0u16..).map(PortId).zip(&self.ports).map(|(id, port)| {
            let configured = self.config.ports.get(id.index());
            let deny = configured.map(|c| c.egress_deny.as_slice()).unwrap_or_default();
            let is_sr_domain = configured.is_some_and(|c| c.sr_domain);
            // What is kept out at the edge does not leave by it either (RFC 9602, 5).
            let edge = self.config.srv6.edge_filter.iter().filter(|_| !is_sr_domain).map(|p| (*p).into());
            let egress_deny = deny.iter().copied().chain(edge).map(family::prefix).collect();
            Port {
                mac: port.mac,
                vrf: port.vrf,
                is_up: port.is_up(),
                link_local: port.link_local(),
                addresses: port.addresses.iter().map(|(address, _)| *address).collect(),
                egress_deny,
                mtu: port.mtu,
                is_sr_domain,
                hmac: configured.map(|c| hmac_rule(c.hmac)).unwrap_or_default(),
                policy: configured.and_then(|c| self.program.srv6().policy_id(c.policy.as_deref()?)),
                peers: self.peers_of(&port.name),
            }
        });
        table.collect()
    }

    /// The prefixes toward which packets from this port get the AP header.
    fn peers_of(&self, name: &str) -> hashbrown::HashMap<u64, PeerRef> {
        let mut peers = hashbrown::HashMap::new();
        if !self.config.mex.edge_enabled() {
            return peers;
        }
        for (index, peer) in (0u16..).zip(&self.config.mex.peers).filter(|(_, peer)| peer.inside == name) {
            for (own, prefix) in (0u8..).zip(policy::high_halves(&peer.prefixes)) {
                peers.insert(prefix, PeerRef { peer: index, own });
            }
        }
        peers
    }

    fn port_facts(&self, port: PortId) -> Option<PortFacts> {
        facts(self.ports.get(port.index()), &self.config, port)
    }

    /// Sends an update to every worker: number [`Router::sent`] from then on.
    fn send(&mut self, update: &Update) {
        self.sent += 1;
        for worker in &mut self.workers {
            worker.updates.push_back(update.clone());
        }
    }

    /// All neighbors on a port are dead, before any table is compiled: every route behind them changes over in one step.
    pub(super) fn kill_port(&mut self, port: PortId) {
        self.program.adjacencies.kill_port(port);
        let adjacencies = &self.program.adjacencies;
        let is_on = |id: &AdjacencyId| adjacencies.key(*id).is_some_and(|(on, _)| on == port);
        self.revivals.iter_mut().for_each(|revival| revival.ids.retain(|id| !is_on(id)));
    }

    /// A neighbor is dead, likewise.
    pub(super) fn kill_neighbor(&mut self, port: PortId, address: u128) {
        self.program.adjacencies.kill_neighbor(port, address);
        let dead = self.program.adjacencies.find(port, address);
        self.revivals.iter_mut().for_each(|revival| revival.ids.retain(|id| Some(*id) != dead));
    }

    /// Lets adjacencies live that the workers are ready for.
    fn revive(&mut self) {
        while self.revivals.front().is_some_and(|revival| revival.sent_as <= self.applied)
            && let Some(revival) = self.revivals.pop_front()
        {
            self.program.adjacencies.revive(&revival.ids, |port| self.port_facts(port));
        }
    }

    /// Puts a packet on the ring of a worker, behind all updates.
    pub(super) fn inject(&mut self, worker: usize, inject: Inject<B>) {
        if let Some(link) = self.workers.get_mut(worker) {
            link.injects.push_back(inject);
        }
    }

    /// Publishes changes that the workers are ready for, and moves what waits onto the rings, as far as there is room; true
    /// when all of it fitted. Packets follow the updates that they were made under.
    pub fn push(&mut self) -> bool {
        for worker in &mut self.workers {
            while worker.rings.retired.pop().is_some() {
                worker.applied += 1;
            }
        }
        // Without a worker there is none to wait for.
        self.applied = self.workers.iter().map(|worker| worker.applied).min().unwrap_or(u64::MAX);
        self.revive();
        // What is published may ask for new next hops for what it covers.
        loop {
            let has_sent = self.send_tables();
            self.program.advance(&self.rib, self.applied);
            if !has_sent && !self.program.is_srv6_stale() {
                break;
            }
        }
        self.turn_grace_period();
        self.fill_rings()
    }

    /// Memory that changes have replaced is used again when no worker reads it any more.
    fn turn_grace_period(&mut self) {
        if self.program.is_changed() {
            self.period += 1;
            self.program.seal(self.period);
            for worker in &self.workers {
                worker.rings.grace.begin(self.period);
            }
        }
        let passed = self.workers.iter().map(|worker| worker.rings.grace.passed()).min();
        self.program.reclaim(passed.unwrap_or(self.period));
    }

    fn fill_rings(&mut self) -> bool {
        let mut is_done = true;
        for worker in &mut self.workers {
            while let Some(update) = worker.updates.pop_front() {
                if let Err(update) = worker.rings.updates.push(update) {
                    worker.updates.push_front(update);
                    break;
                }
            }
            while worker.updates.is_empty()
                && !self.are_tables_held
                && let Some(inject) = worker.injects.pop_front()
            {
                if let Err(inject) = worker.rings.injects.push(inject) {
                    worker.injects.push_front(inject);
                    break;
                }
            }
            is_done &= worker.updates.is_empty() && worker.injects.is_empty();
        }
        is_done && !self.are_tables_held
    }

    /// True when every worker forwards by all that was changed before `mark` was made. Ask behind [`Router::push`], with the
    /// same mark again and again: changes that come later are not waited for once all before them is on its way.
    pub fn is_in_effect(&self, mark: &mut Mark) -> bool {
        if mark.0.is_none() && !self.are_tables_held && self.program.waiting() == 0 {
            mark.0 = Some(self.sent);
        }
        mark.0.is_some_and(|last| last <= self.applied)
    }

    /// True when every worker has applied all updates and packets, and no change waits for that.
    pub fn is_settled(&self) -> bool {
        let is_published = self.program.waiting() == 0;
        let are_applied = self.workers.iter().all(|worker| {
            worker.updates.is_empty()
                && worker.injects.is_empty()
                && worker.rings.updates.is_empty()
                && worker.rings.injects.is_empty()
        });
        is_published && are_applied && !self.are_tables_held && self.revivals.is_empty()
    }
}

fn facts(port: Option<&RouterPort>, config: &crate::config::Config, id: PortId) -> Option<PortFacts> {
    let has_edge_filter = !config.srv6.edge_filter.is_empty();
    let is_filtered =
        |p: &crate::config::PortConfig| !p.egress_deny.is_empty() || has_edge_filter && !p.sr_domain;
    let is_filtered = config.ports.get(id.index()).is_some_and(is_filtered);
    let mex = &config.mex;
    port.map(|p| PortFacts {
        mac: p.mac,
        mtu: p.mtu,
        is_filtered,
        is_mex_inside: mex.edge_enabled() && mex.peers.iter().any(|peer| peer.inside == p.name),
        is_up: p.is_up(),
    })
}
