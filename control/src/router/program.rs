//! Tells workers what has changed: compiles tables, and puts them on the rings in the order in which they refer to each
//! other.

use std::sync::Arc;

use dataplane::id::PortId;
use dataplane::table::{PeerRef, Port};
use dataplane::update::{Inject, Update};

use super::{Router, RouterPort};
use crate::config::Trigger;
use crate::program::adjacencies::PortFacts;
use crate::program::compile::{self, RoutedPort};
use crate::program::policy;

impl<B> Router<B> {
    /// Puts what has changed on the rings; what does not fit stays for [`Router::push`].
    pub fn commit(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.icmp {
            self.send(&Update::Icmp(self.icmp_limits()));
        }
        if dirty.mex || dirty.ports {
            let own = self.ports.iter().flat_map(|p| p.addresses.iter().map(|(address, _)| *address));
            self.send(&Update::Mex(Arc::new(policy::compile(&self.config.mex, own))));
            self.send(&Update::Ports(self.port_table()));
        }
        if dirty.routes || dirty.ports {
            self.commit_routes();
        } else if dirty.adjacencies {
            self.send(&Update::Adjacencies(self.adjacencies.compile(|port| self.port_facts(port))));
        }
        self.push();
    }

    /// Compiles all tables. Order matters to the workers: adjacencies, the next hops that use them, then the tables that
    /// use those.
    fn commit_routes(&mut self) {
        let ports: Vec<_> = self
            .ports
            .iter()
            .map(|p| RoutedPort { vrf: p.vrf, is_up: p.is_up(), addresses: p.addresses.clone() })
            .collect();
        let input = compile::Input {
            rib: &self.rib,
            ports: &ports,
            sites: &self.sites,
            keeps_dead_routes: self.config.mex.effective_triggers().contains(Trigger::NextHopDown),
        };
        let programmed = compile::compile(&input, &mut self.adjacencies, &mut self.next_hops);
        self.problems.extend(programmed.problems);
        self.adjacencies.write_liveness(|port| facts(self.ports.get(port.index()), &self.config, port));
        self.send(&Update::Adjacencies(self.adjacencies.compile(|port| self.port_facts(port))));
        self.send(&Update::NextHops(self.next_hops.compile()));
        for (vrf, fib) in (0u16..).zip(&programmed.fibs) {
            let before = self.fibs.get(usize::from(vrf)).and_then(Option::as_ref);
            let is_same = match (before, fib) {
                (Some(before), Some(fib)) => before.routes().eq(fib.routes()),
                (before, fib) => before.is_none() && fib.is_none(),
            };
            if !is_same {
                let table = fib.as_ref().map(dataplane::fib::Writer6::fib);
                let update = Update::Fib(dataplane::id::VrfId(vrf), table);
                for worker in &mut self.workers {
                    worker.updates.push_back(update.clone());
                }
            }
        }
        self.fibs = programmed.fibs;
        self.next_hops.collect();
        let used = self.next_hops.used_adjacencies();
        let waiting: hashbrown::HashSet<_> =
            self.neighbors.neighbors(0).map(|n| (PortId(n.port), n.address)).collect();
        let adjacencies = &self.adjacencies;
        let keep: hashbrown::HashSet<_> = adjacencies
            .ids()
            .filter(|(_, port, address)| waiting.contains(&(*port, *address)))
            .map(|(id, ..)| id)
            .collect();
        self.adjacencies.collect(|id| used.contains(&id) || keep.contains(&id));
    }

    /// The ports for the workers.
    fn port_table(&self) -> Arc<[Port]> {
        let table = (0u16..).map(PortId).zip(&self.ports).map(|(id, port)| {
            let configured = self.config.ports.get(id.index());
            let deny = configured.map(|c| c.egress_deny.as_slice()).unwrap_or_default();
            let egress_deny = deny
                .iter()
                .filter_map(|prefix| match prefix {
                    crate::config::Prefix::V6(prefix) => Some(crate::rib::prefix6(*prefix)),
                    crate::config::Prefix::V4(_) => None,
                })
                .collect();
            Port {
                mac: port.mac,
                vrf: port.vrf,
                is_up: port.is_up(),
                link_local: port.link_local(),
                addresses: port.addresses.iter().map(|(address, _)| *address).collect(),
                egress_deny,
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

    fn send(&mut self, update: &Update) {
        for worker in &mut self.workers {
            worker.updates.push_back(update.clone());
        }
    }

    /// Writes the liveness of every neighbor at once, before any table is compiled: a dead next hop is dead for all routes
    /// behind it in one step.
    pub(super) fn write_liveness(&self) {
        self.adjacencies.write_liveness(|port| self.port_facts(port));
    }

    /// Puts a packet on the ring of a worker, behind all updates.
    pub(super) fn inject(&mut self, worker: usize, inject: Inject<B>) {
        if let Some(link) = self.workers.get_mut(worker) {
            link.injects.push_back(inject);
        }
    }

    /// Moves what waits onto the rings, as far as there is room; true when all of it fitted. Packets follow the updates
    /// that they were made under.
    pub fn push(&mut self) -> bool {
        let mut is_done = true;
        for worker in &mut self.workers {
            while worker.rings.retired.pop().is_some() {}
            while let Some(update) = worker.updates.pop_front() {
                if let Err(update) = worker.rings.updates.push(update) {
                    worker.updates.push_front(update);
                    break;
                }
            }
            while worker.updates.is_empty()
                && let Some(inject) = worker.injects.pop_front()
            {
                if let Err(inject) = worker.rings.injects.push(inject) {
                    worker.injects.push_front(inject);
                    break;
                }
            }
            is_done &= worker.updates.is_empty() && worker.injects.is_empty();
        }
        is_done
    }

    /// True when every worker has applied all updates and packets.
    pub fn is_settled(&self) -> bool {
        self.workers.iter().all(|worker| {
            worker.updates.is_empty()
                && worker.injects.is_empty()
                && worker.rings.updates.is_empty()
                && worker.rings.injects.is_empty()
        })
    }
}

fn facts(port: Option<&RouterPort>, config: &crate::config::Config, id: PortId) -> Option<PortFacts> {
    let is_filtered = config.ports.get(id.index()).is_some_and(|p| !p.egress_deny.is_empty());
    let mex = &config.mex;
    port.map(|p| PortFacts {
        mac: p.mac,
        mtu: p.mtu,
        is_filtered,
        is_mex_inside: mex.edge_enabled() && mex.peers.iter().any(|peer| peer.inside == p.name),
        is_up: p.is_up(),
    })
}
