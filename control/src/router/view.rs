//! What a router shows: counters and the way of an address, as JSON that is the same in `show --json` and in `replay`.

use std::net::Ipv6Addr;

use dataplane::counters::Counters;
use dataplane::drop::Drop;
use dataplane::id::{PortId, VrfId};
use dataplane::table::NextHop;
use serde_json::{Map, Value, json};

use super::Router;
use crate::family;
use crate::rib::Action;

impl<B> Router<B> {
    /// The sum of one counter over all workers and control.
    fn total(&self, counter: impl Fn(&Counters) -> u64) -> u64 {
        self.counters().map(counter).sum()
    }

    /// Packets that wait for a neighbor.
    pub fn waiting(&self) -> u64 {
        self.total(|c| c.held.value()).saturating_sub(self.total(|c| c.resumed.value()))
    }

    /// Gives up on every packet that still waits: at the end of a replay nothing can come any more.
    pub fn give_up_waiting(&mut self) {
        // Their octets went with them into the neighbor machine.
        self.counters.drop_packets(Drop::NeighborUnresolved, self.waiting(), 0);
    }

    /// Packets and octets by port.
    pub fn show_port_counters(&self) -> Value {
        let ports = (0u16..).map(PortId).zip(&self.ports).map(|(id, port)| {
            let sum = |counter: fn(&dataplane::counters::PortCounters) -> u64| {
                self.total(|c| c.port(id).map_or(0, counter))
            };
            let value = json!({
                "rx": sum(|p| p.rx_packets.value()),
                "tx": sum(|p| p.tx_packets.value()),
                "rx-octets": sum(|p| p.rx_octets.value()),
                "tx-octets": sum(|p| p.tx_octets.value()),
            });
            (port.name.clone(), value)
        });
        Value::Object(ports.collect())
    }

    /// Packets dropped, by reason; reasons without a packet are left out.
    pub fn show_drops(&self) -> Value {
        let drops = Drop::ALL.iter().map(|reason| (reason.name(), self.total(|c| c.drops(*reason))));
        Value::Object(drops.filter(|(_, n)| *n > 0).map(|(name, n)| (name.to_owned(), json!(n))).collect())
    }

    /// Octets of the frames dropped, by reason.
    fn show_drop_octets(&self) -> Value {
        let drops = Drop::ALL.iter().map(|reason| (reason.name(), self.total(|c| c.drop_octets(*reason))));
        Value::Object(drops.filter(|(_, n)| *n > 0).map(|(name, n)| (name.to_owned(), json!(n))).collect())
    }

    /// What MEX did.
    pub fn show_mex(&self) -> Value {
        let mut sums = Map::new();
        for counters in self.counters() {
            for (name, value) in counters.mex.values() {
                let sum = sums.get(name).and_then(Value::as_u64).unwrap_or(0) + value;
                sums.insert(name.to_owned(), json!(sum));
            }
        }
        Value::Object(sums)
    }

    /// Everything counted. received + made = sent + dropped + consumed + waiting, always.
    pub fn show_counters(&self) -> Value {
        let icmp = |of: fn(&Counters) -> &[dataplane::counters::Counter; 5]| -> Map<String, Value> {
            ["unreachable", "too-big", "time-exceeded", "parameter-problem"]
                .into_iter()
                .zip(1..)
                .map(|(name, kind)| (name.to_owned(), json!(self.total(|c| of(c)[kind].value()))))
                .collect()
        };
        json!({
            "ports": self.show_port_counters(),
            "drops": self.show_drops(),
            "drop-octets": self.show_drop_octets(),
            "mex": self.show_mex(),
            "sids": self.show_sid_counters(),
            "policies": self.show_policy_counters(),
            "icmp-errors": icmp(|c| &c.icmp_errors),
            "icmp-limited": icmp(|c| &c.icmp_limited),
            "received": self.total(Counters::received),
            "made": self.total(|c| c.made.value()),
            "sent": self.total(Counters::sent),
            "dropped": self.total(Counters::dropped),
            "consumed": self.total(|c| c.consumed.value()),
            "waiting": self.waiting(),
        })
    }

    /// The ports: configuration, state, counters.
    pub fn show_ports(&self) -> Value {
        let counters = self.show_port_counters();
        let ports = (0u16..).zip(&self.ports).zip(&self.config.ports).map(|((id, port), configured)| {
            let states = self.neighbors.addresses(id).iter().map(|own| {
                json!({ "address": family::address(own.address).to_string(), "state": own.state.name() })
            });
            let mut value = json!({
                "name": port.name,
                "device": configured.device,
                "mac": port.mac.to_string(),
                "mtu": port.mtu,
                "vrf": configured.vrf,
                "admin": if port.is_admin_up { "up" } else { "down" },
                "link": if port.has_link { "up" } else { "down" },
                "address": configured.addresses.iter().map(|(a, len)| format!("{a}/{len}")).collect::<Vec<_>>(),
                "address-state": states.collect::<Vec<_>>(),
                "link-local": Ipv6Addr::from_bits(port.link_local()).to_string(),
            });
            if let (Some(value), Some(Value::Object(more))) = (value.as_object_mut(), counters.get(&port.name)) {
                value.extend(more.clone());
            }
            value
        });
        Value::Array(ports.collect())
    }

    fn show_action(&self, action: &Action) -> Value {
        let name = |port: PortId| self.ports.get(port.index()).map_or("?", |p| p.name.as_str());
        match action {
            Action::Mex => json!({ "action": "mex" }),
            Action::Blackhole => json!({ "action": "blackhole" }),
            Action::Unreachable => json!({ "action": "unreachable" }),
            Action::Policy(name) => json!({ "policy": &**name }),
            Action::Via(vias) => {
                let vias = vias.iter().map(|via| {
                    let is_up = self.ports.get(via.port.index()).is_some_and(super::RouterPort::is_up)
                        && !via
                            .address
                            .is_some_and(|a| self.program.adjacencies.neighbor(via.port, a).has_failed);
                    json!({
                        "address": via.address.map(|a| family::address(a).to_string()),
                        "port": name(via.port),
                        "weight": via.weight,
                        "state": if is_up { "up" } else { "down" },
                    })
                });
                json!({ "via": vias.collect::<Vec<_>>() })
            }
        }
    }

    /// The static routes.
    pub fn show_routes(&self) -> Value {
        let vrf_name = |vrf: VrfId| self.rib.vrfs().get(vrf.index()).map_or("?", String::as_str);
        let routes = self.rib.routes().map(|(vrf, prefix, action)| {
            let mut value = self.show_action(action);
            if let Some(value) = value.as_object_mut() {
                value.insert("prefix".to_owned(), json!(family::text(prefix)));
                value.insert("vrf".to_owned(), json!(vrf_name(vrf)));
            }
            value
        });
        Value::Array(routes.collect())
    }

    /// The neighbors.
    pub fn show_neighbors(&self, now_ns: u64) -> Value {
        let neighbors = self.neighbors.neighbors(now_ns).map(|n| {
            let port = PortId(n.port);
            let sent = self.program.adjacencies.find(port, n.address).map_or(0, |id| self.sent_to(id));
            json!({
                "address": family::address(n.address).to_string(),
                "port": self.ports.get(port.index()).map(|p| p.name.as_str()),
                "mac": n.mac.map(|mac| mac.to_string()),
                "state": n.state.name(),
                "router": n.router,
                "age-ms": n.age_ns / 1_000_000,
                "held": n.held,
                "tx": sent,
            })
        });
        Value::Array(neighbors.collect())
    }

    pub(super) fn show_adjacency(&self, id: dataplane::id::AdjacencyId) -> Value {
        let Some((port, address)) = self.program.adjacencies.key(id) else { return Value::Null };
        let found = self.ports.get(port.index());
        json!({
            "next-hop": family::address(address).to_string(),
            "port": found.map(|p| p.name.as_str()),
            "mac": self.program.adjacencies.neighbor(port, address).mac.map(|mac| mac.to_string()),
            "source-mac": found.map(|p| p.mac.to_string()),
            "mtu": found.map(|p| p.mtu),
            "state": if self.liveness.is_up(id) { "up" } else { "down" },
        })
    }

    pub(super) fn show_next_hop(&self, next_hop: NextHop) -> Value {
        match next_hop {
            NextHop::NoRoute => json!({ "result": "no-route" }),
            NextHop::Unreachable => json!({ "result": "unreachable" }),
            NextHop::Blackhole => json!({ "result": "blackhole" }),
            NextHop::Mex => json!({ "result": "mex" }),
            NextHop::Local => json!({ "result": "local" }),
            NextHop::Sid(sid) => self.show_to_sid(sid),
            NextHop::Policy(policy) => self.show_to_policy(policy),
            NextHop::OnLink(port) => json!({
                "result": "on-link",
                "port": self.ports.get(port.index()).map(|p| p.name.as_str()),
            }),
            NextHop::Adjacency(id) => json!({ "result": "forward", "via": [self.show_adjacency(id)] }),
            NextHop::Group(group) => {
                let members = self.program.next_hops().members(group).iter().map(|(id, weight)| {
                    let mut member = self.show_adjacency(*id);
                    if let Some(member) = member.as_object_mut() {
                        member.insert("weight".to_owned(), json!(weight));
                    }
                    member
                });
                json!({ "result": "forward", "via": members.collect::<Vec<_>>() })
            }
            NextHop::Site { site, via } => {
                let inner = self.program.next_hops().entry(via);
                let mut value =
                    if matches!(inner, NextHop::Site { .. }) { json!({}) } else { self.show_next_hop(inner) };
                if let Some(value) = value.as_object_mut() {
                    value.insert("mex-site".to_owned(), json!(site));
                }
                value
            }
        }
    }
}
