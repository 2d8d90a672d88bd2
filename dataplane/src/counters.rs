//! Counters: one block a worker, written by that worker alone, read by anyone at any time.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

use crate::drop::Drop;
use crate::id::{
    AdjacencyId, MAX_ADJACENCIES, MAX_POLICIES, MAX_PORTS, MAX_SEGMENT_LISTS, MAX_SIDS, PolicyId, PortId,
    SegmentListId, SidId,
};

/// A count that one thread writes and others read. Not a read-modify-write: a plain add, because there is one
/// writer.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`; only the owner of the block calls this.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// The count so far.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one port received and sent, packets and octets of whole frames.
#[derive(Default, Debug)]
pub struct PortCounters {
    /// Frames received.
    pub rx_packets: Counter,
    /// Octets received.
    pub rx_octets: Counter,
    /// Frames handed to the device.
    pub tx_packets: Counter,
    /// Octets handed to the device.
    pub tx_octets: Counter,
}

/// Packets and their octets.
#[derive(Default, Debug)]
pub struct Volume {
    /// Packets.
    pub packets: Counter,
    /// Octets.
    pub octets: Counter,
}

impl Volume {
    /// Counts one packet of so many octets; only the owner of the block calls this.
    pub fn add(&self, octets: usize) {
        self.packets.add(1);
        self.octets.add(octets as u64);
    }
}

fn volumes(count: usize) -> Box<[Volume]> {
    (0..count).map(|_| Volume::default()).collect()
}

/// What MEX did.
#[derive(Default, Debug)]
pub struct MexCounters {
    /// Packets that a trigger brought here.
    pub examined: Counter,
    /// Packets sent on with an alternative prefix.
    pub exchanged: Counter,
    /// Packets that carried the header but none that helps (Pleft 0 included).
    pub exhausted: Counter,
    /// Packets without the header.
    pub absent: Counter,
    /// Packets with a header that the algorithm refuses.
    pub malformed: Counter,
    /// Alternatives skipped: same as the destination, unusable, or refused by policy.
    pub refused: Counter,
    /// Packets beyond the policer's rate.
    pub policed: Counter,
    /// Packets that got the header here, at the correspondent's edge.
    pub inserted: Counter,
    /// Packets that should have got the header but for the link's MTU, malformed headers or missing headroom.
    pub not_inserted: Counter,
    /// Packets restored and stripped here, at the site's edge.
    pub restored: Counter,
    /// Packets that the site's edge refused.
    pub verify_failed: Counter,
    /// ICMPv6 errors whose quote was translated for a host that knows nothing of MEX.
    pub quotes_restored: Counter,
}

impl MexCounters {
    /// Names and values, in a fixed order.
    pub fn values(&self) -> [(&'static str, u64); 12] {
        [
            ("examined", self.examined.value()),
            ("exchanged", self.exchanged.value()),
            ("exhausted", self.exhausted.value()),
            ("absent", self.absent.value()),
            ("malformed", self.malformed.value()),
            ("refused", self.refused.value()),
            ("policed", self.policed.value()),
            ("inserted", self.inserted.value()),
            ("not-inserted", self.not_inserted.value()),
            ("restored", self.restored.value()),
            ("verify-failed", self.verify_failed.value()),
            ("quotes-restored", self.quotes_restored.value()),
        ]
    }
}

/// All counts of one worker (or of control, which drops packets that waited in vain).
///
/// At rest: received + made = sent + dropped + consumed. While packets wait for a neighbor, they are in
/// `held` - `resumed`.
#[derive(Debug)]
pub struct Counters {
    /// By port.
    pub ports: Box<[CachePadded<PortCounters>]>,
    drops: CachePadded<[Volume; Drop::COUNT]>,
    /// What MEX did.
    pub mex: CachePadded<MexCounters>,
    /// Packets made here: errors, replies, neighbor discovery.
    pub made: Counter,
    /// Packets that ended here as intended: echo requests, neighbor discovery.
    pub consumed: Counter,
    /// Packets that left by the express lane: of those received, they did not go through the graph.
    pub express: Counter,
    /// Packets given to control to wait for a neighbor.
    pub held: Counter,
    /// Packets that came back from waiting.
    pub resumed: Counter,
    /// `ICMPv6` errors made, by type 1 to 4 (index 0 unused).
    pub icmp_errors: [Counter; 5],
    /// `ICMPv6` errors that the rate limit kept back, by type 1 to 4 (index 0 unused).
    pub icmp_limited: [Counter; 5],
    adjacencies: Box<[Counter]>,
    sids: Box<[Volume]>,
    policies: Box<[Volume]>,
    lists: Box<[Volume]>,
}

impl Default for Counters {
    fn default() -> Self {
        Counters {
            ports: (0..MAX_PORTS).map(|_| CachePadded::default()).collect(),
            drops: CachePadded::new(std::array::from_fn(|_| Volume::default())),
            mex: CachePadded::default(),
            made: Counter::default(),
            consumed: Counter::default(),
            express: Counter::default(),
            held: Counter::default(),
            resumed: Counter::default(),
            icmp_errors: Default::default(),
            icmp_limited: Default::default(),
            adjacencies: (0..MAX_ADJACENCIES).map(|_| Counter::default()).collect(),
            sids: volumes(MAX_SIDS),
            policies: volumes(MAX_POLICIES),
            lists: volumes(MAX_SEGMENT_LISTS),
        }
    }
}

impl Counters {
    /// Counts one drop, of a frame of so many octets.
    pub fn drop_packet(&self, reason: Drop, octets: usize) {
        self.drops[reason as usize].add(octets);
    }

    /// Counts drops together.
    pub fn drop_packets(&self, reason: Drop, packets: u64, octets: u64) {
        self.drops[reason as usize].packets.add(packets);
        self.drops[reason as usize].octets.add(octets);
    }

    /// Packets dropped for `reason`.
    pub fn drops(&self, reason: Drop) -> u64 {
        self.drops[reason as usize].packets.value()
    }

    /// Octets of the frames dropped for `reason`.
    pub fn drop_octets(&self, reason: Drop) -> u64 {
        self.drops[reason as usize].octets.value()
    }

    /// Packets dropped for any reason.
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(|volume| volume.packets.value()).sum()
    }

    /// Counts packets sent through an adjacency: what neighbor discovery sees as "in use".
    #[inline]
    pub fn use_adjacency(&self, adjacency: AdjacencyId, packets: u64) {
        if let Some(counter) = self.adjacencies.get(adjacency.index()) {
            counter.add(packets);
        }
    }

    /// Packets sent through an adjacency.
    pub fn adjacency(&self, adjacency: AdjacencyId) -> u64 {
        self.adjacencies.get(adjacency.index()).map_or(0, Counter::value)
    }

    /// What arrived at a SID, as received; ids above the limit have none.
    pub fn sid(&self, sid: SidId) -> Option<&Volume> {
        self.sids.get(sid.index())
    }

    /// What went into a policy, as steered, before its header is pushed.
    pub fn policy(&self, policy: PolicyId) -> Option<&Volume> {
        self.policies.get(policy.index())
    }

    /// What went into a segment list, likewise.
    pub fn list(&self, list: SegmentListId) -> Option<&Volume> {
        self.lists.get(list.index())
    }

    /// The counters of a port, when there is such a port.
    pub fn port(&self, port: PortId) -> Option<&PortCounters> {
        self.ports.get(port.index()).map(|padded| &**padded)
    }

    /// Frames received on all ports.
    pub fn received(&self) -> u64 {
        self.ports.iter().map(|p| p.rx_packets.value()).sum()
    }

    /// Frames sent on all ports.
    pub fn sent(&self) -> u64 {
        self.ports.iter().map(|p| p.tx_packets.value()).sum()
    }
}
