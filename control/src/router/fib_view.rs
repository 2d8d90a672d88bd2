//! What a router shows of its forwarding tables: entries as programmed, figures, and the way of one address.

use std::net::IpAddr;

use dataplane::fib::{FibStats, Prefix6};
use dataplane::id::{NextHopId, VrfId};
use serde_json::{Map, Value, json};

use super::Router;
use crate::family;
use crate::program::VrfTable;

/// Places behind the decimal point of a ratio for people.
const RATIO_SCALE: f64 = 1000.0;

impl<B> Router<B> {
    /// The tables of all VRFs, or of one, with every entry as programmed; `None`: there is no such VRF.
    pub fn show_fib(&self, vrf: Option<&str>) -> Option<Value> {
        self.show_tables(vrf, |table| {
            let entries = table.routes().map(|(prefix, id)| self.show_entry(prefix, id));
            json!({
                "routes": table.len(),
                "memory-bytes": table.memory_bytes(),
                "entries": entries.collect::<Vec<_>>(),
            })
        })
    }

    /// Figures about the tables of all VRFs, or of one; `None`: there is no such VRF.
    pub fn show_fib_stats(&self, vrf: Option<&str>) -> Option<Value> {
        self.show_tables(vrf, |table| {
            let mut value = show_stats(&table.six().stats());
            if let (Some(value), Some(four)) = (value.as_object_mut(), table.four()) {
                value.insert("ipv4".to_owned(), show_stats(&four.stats()));
            }
            value
        })
    }

    fn show_tables(&self, only: Option<&str>, show: impl Fn(&VrfTable) -> Value) -> Option<Value> {
        if let Some(name) = only {
            self.rib.find_vrf(name)?;
        }
        let vrfs = (0u16..).map(VrfId).zip(self.rib.vrfs());
        let tables = vrfs.filter(|(_, name)| only.is_none_or(|only| only == *name)).map(|(id, name)| {
            let mut value = match self.program.table(id) {
                Some(table) => show(table),
                None => json!({ "routes": 0, "memory-bytes": 0 }),
            };
            if let Some(value) = value.as_object_mut() {
                value.insert("vrf".to_owned(), json!(name));
                value.insert("next-hops".to_owned(), json!(self.program.next_hops().used()));
                value.insert("waiting".to_owned(), json!(self.program.waiting_of(id)));
            }
            value
        });
        Some(Value::Array(tables.collect()))
    }

    fn show_entry(&self, prefix: Prefix6, id: NextHopId) -> Value {
        let mut value = self.show_next_hop(self.program.next_hops().entry(id));
        if let Some(value) = value.as_object_mut() {
            value.insert("prefix".to_owned(), json!(family::text(prefix)));
            value.insert("next-hop-id".to_owned(), json!(id.0));
        }
        value
    }

    /// What a destination gets: the entry that decides, what would decide without it, the kind of its next hop, and for
    /// neighbors port and MAC address. `None`: there is no such VRF.
    pub fn lookup(&self, address: IpAddr, vrf: &str) -> Option<Value> {
        let id = self.rib.find_vrf(vrf)?;
        let (bits, table) = (family::bits(address), self.program.table(id));
        let entry = table.and_then(|table| table.longest_match(bits));
        let covering = entry.and_then(|(prefix, _)| table?.cover(prefix));
        let next_hop = entry.map_or(NextHopId::NO_ROUTE, |(_, id)| id);
        let route = self.rib.longest_match(id, bits).map(|(prefix, _)| family::text(prefix));
        let mut value = self.show_next_hop(self.program.next_hops().entry(next_hop));
        if let Some(value) = value.as_object_mut() {
            value.insert("address".to_owned(), json!(address.to_string()));
            value.insert("vrf".to_owned(), json!(vrf));
            value.insert("route".to_owned(), json!(route));
            value.insert("entry".to_owned(), json!(entry.map(|(prefix, _)| family::text(prefix))));
            value.insert(
                "covering".to_owned(),
                json!(covering.map(|(prefix, id)| self.show_entry(prefix, id))),
            );
            value.insert("next-hop-id".to_owned(), json!(next_hop.0));
            value.insert("steps".to_owned(), json!(table.map_or(0, |table| table.depth(bits))));
        }
        Some(value)
    }
}

/// Figures about one table.
fn show_stats(stats: &FibStats) -> Value {
    let histogram = |counts: &[usize]| -> Map<String, Value> {
        let filled = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(key, count)| (key.to_string(), json!(count))).collect()
    };
    json!({
        "routes": stats.routes,
        "memory-bytes": stats.memory_bytes(),
        "front-bytes": stats.front_bytes,
        "node-bytes": stats.node_bytes,
        "route-bytes": stats.route_bytes,
        "reserved-bytes": stats.reserved_bytes,
        "retired-nodes": stats.retired,
        "intervals": stats.intervals,
        "merged-intervals": stats.merged_intervals,
        "merge-ratio": merge_ratio(stats.intervals, stats.merged_intervals),
        "depths": histogram(&stats.depths),
        "lengths": histogram(&stats.lengths),
    })
}

/// Intervals before for one after neighbours with equal next hops were merged: 1.0 when none were.
fn merge_ratio(intervals: usize, merged: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    let ratio = intervals as f64 / merged.max(1) as f64;
    (ratio * RATIO_SCALE).round() / RATIO_SCALE
}
