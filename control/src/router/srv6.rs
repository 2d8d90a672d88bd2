//! SIDs and policies of a router: from the configuration to what is programmed, and what was counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dataplane::buffer::PacketBuf;
use dataplane::counters::{Counters, Volume};
use dataplane::fib::Prefix6;
use dataplane::id::{PolicyId, PortId, SegmentListId, SidId};
use dataplane::update::Sample;

use super::Router;
use super::change::ChangeError;
use crate::config::srv6::Sid;
use crate::family;
use crate::program::srv6::{SID_VRF, WantedSid};

/// Packets and octets.
pub(super) type Count = (u64, u64);

/// What was counted under a number before it named what it names now.
#[derive(Debug, Default)]
pub(super) struct Before {
    sids: HashMap<SidId, Count>,
    policies: HashMap<PolicyId, Count>,
    lists: HashMap<SegmentListId, Count>,
}

impl<B: PacketBuf> Router<B> {
    /// Programs the SIDs and policies of the configuration as it is now; entries at once if `remakes`.
    ///
    /// # Errors
    /// There is no room; nothing has changed then.
    pub(super) fn load_srv6(&mut self, remakes: bool) -> Result<(), ChangeError> {
        let srv6 = self.config.srv6.clone();
        let binding = srv6.policies.iter().filter_map(Sid::binding);
        let mut wanted = BTreeMap::new();
        for sid in srv6.sids.iter().cloned().chain(binding) {
            let (prefix, sid) = self.wanted_sid(sid)?;
            wanted.insert(prefix, sid);
        }
        let set = self.program.set_srv6(&self.rib, &srv6, wanted, remakes);
        set.map_err(|error| ChangeError::Failed(error.to_string()))?;
        self.dirty.mex = true;
        Ok(())
    }

    fn wanted_sid(&mut self, sid: Sid) -> Result<(Prefix6, WantedSid), ChangeError> {
        let prefix = family::prefix(sid.sid.prefix().into());
        let vrf = match &sid.vrf {
            Some(name) => self.rib.vrf(name).map_err(ChangeError::Refused)?,
            None => SID_VRF,
        };
        let via_port = sid.via_port(&self.config.ports).map_err(|e| ChangeError::Refused(e.to_string()))?;
        let via = via_port.and_then(|port| {
            let address = sid.via.as_ref()?.address?;
            Some((self.port_id(&port.name)?, family::bits(address)))
        });
        let port = sid.port.as_deref().and_then(|name| self.port_id(name));
        Ok((prefix, WantedSid { sid, vrf, via, port: port.unwrap_or(PortId(u16::MAX)) }))
    }
}

impl<B> Router<B> {
    /// Hands over the copies that workers made of packets with the O-flag.
    pub fn take_samples(&mut self, mut take: impl FnMut(&Sample)) {
        for worker in &self.workers {
            while let Some(sample) = worker.rings.samples.pop() {
                take(&sample);
            }
        }
    }

    /// The neighbors that routes and SIDs lead to, in order.
    pub(super) fn wanted_next_hops(&self) -> Vec<(PortId, u128)> {
        let all: BTreeSet<_> = self.rib.next_hops().chain(self.program.srv6().next_hops()).collect();
        all.into_iter().collect()
    }

    /// True when a route or SID leads to this neighbor.
    pub(super) fn is_next_hop(&self, port: PortId, address: u128) -> bool {
        self.rib.is_next_hop(port, address) || self.program.srv6().is_next_hop(port, address)
    }

    fn sum<'a>(&'a self, volume: impl Fn(&'a Counters) -> Option<&'a Volume>) -> Count {
        let volumes = self.counters().filter_map(volume);
        volumes.fold((0, 0), |(packets, octets), volume| {
            (packets + volume.packets.value(), octets + volume.octets.value())
        })
    }

    /// What a number names from now on begins at 0.
    pub(super) fn begin_counts(&mut self) {
        let fresh = self.program.take_fresh();
        for id in fresh.sids {
            let count = self.sum(|counters| counters.sid(id));
            self.counted_before.sids.insert(id, count);
        }
        for id in fresh.policies {
            let count = self.sum(|counters| counters.policy(id));
            self.counted_before.policies.insert(id, count);
        }
        for id in fresh.lists {
            let count = self.sum(|counters| counters.list(id));
            self.counted_before.lists.insert(id, count);
        }
    }

    /// Packets and octets that arrived at a SID.
    pub(super) fn sid_count(&self, id: SidId) -> Count {
        since(self.sum(|counters| counters.sid(id)), self.counted_before.sids.get(&id))
    }

    /// Packets and octets that went into a policy.
    pub(super) fn policy_count(&self, id: PolicyId) -> Count {
        since(self.sum(|counters| counters.policy(id)), self.counted_before.policies.get(&id))
    }

    /// Packets and octets that went into a segment list.
    pub(super) fn list_count(&self, id: SegmentListId) -> Count {
        since(self.sum(|counters| counters.list(id)), self.counted_before.lists.get(&id))
    }
}

fn since(now: Count, before: Option<&Count>) -> Count {
    let (packets, octets) = before.copied().unwrap_or_default();
    (now.0.saturating_sub(packets), now.1.saturating_sub(octets))
}
