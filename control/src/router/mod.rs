//! The control side of one node, without sockets and clocks: packets from workers, commands and time in; tables and
//! packets for workers out. `run` and `replay` drive the same [`Router`].

mod change;
mod fib_view;
mod fragment;
mod neighbors;
mod program;
mod routes;
mod srv6;
mod srv6_change;
mod srv6_view;
mod view;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use dataplane::counters::Counters;
use dataplane::id::{AdjacencyId, PortId, VrfId};
use dataplane::limit::{IcmpLimits, TokenBucket};
use dataplane::table::Liveness;
use dataplane::update::{Inject, Rings, Update};
use dataplane::wire::ethernet::Mac;

use crate::config::Config;
use crate::nd;
use crate::program::leaf::RoutedSite;
use crate::program::{Links, Program};
use crate::rib::Rib;

pub use change::ChangeError;
pub use program::Mark;

/// Makes packet buffers: from a mempool for `run`, on the heap for `replay`.
pub trait Buffers<B> {
    /// A buffer that holds `frame`; `None` when there is none to be had.
    fn make(&mut self, frame: &[u8]) -> Option<B>;

    /// What is made from now on is in answer to `cause`.
    fn follow(&mut self, cause: &B) {
        let _ = cause;
    }

    /// A packet that waited goes on, in answer to the same cause.
    fn resume(&mut self, held: &mut B) {
        let _ = held;
    }
}

/// One port, as control knows it.
#[derive(Clone, Debug)]
pub struct RouterPort {
    /// Its name.
    pub name: String,
    /// Its station address.
    pub mac: Mac,
    /// Octets of an IP packet.
    pub mtu: u16,
    /// Its VRF.
    pub vrf: VrfId,
    /// Addresses and prefix lengths, as configured, of both families ([`crate::family`]).
    pub addresses: Vec<(u128, u8)>,
    /// As `port set` says.
    pub is_admin_up: bool,
    /// As the device says.
    pub has_link: bool,
}

impl RouterPort {
    /// Forwards: administratively up, with a link.
    pub fn is_up(&self) -> bool {
        self.is_admin_up && self.has_link
    }

    /// fe80:: and the interface identifier of the MAC address.
    pub fn link_local(&self) -> u128 {
        0xfe80 << 112 | u128::from(self.mac.interface_id())
    }
}

/// A packet that waits, and the worker that it came from.
#[derive(Debug)]
struct Held<B> {
    buffer: B,
    meta: dataplane::burst::Meta,
    worker: usize,
}

/// Adjacencies that live from when every worker has applied an update: sooner, it would drop what it sends to them, because
/// its tables still say that their port is down, or do not have their MAC addresses.
#[derive(Debug)]
struct Revival {
    /// The number of the update.
    sent_as: u64,
    ids: Vec<AdjacencyId>,
}

/// The rings to one worker, and what did not fit yet.
#[derive(Debug)]
struct WorkerLink<B> {
    rings: Arc<Rings<B>>,
    updates: VecDeque<Update>,
    injects: VecDeque<Inject<B>>,
    /// Updates that it has applied: each gives one replaced table back.
    applied: u64,
}

/// How this router lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode {
    /// Check own addresses for duplicates before they are used (RFC 4862, 5.4).
    pub detects_duplicates: bool,
    /// Resolve the next hops of routes before a packet asks for it, and keep them resolved.
    pub watches_next_hops: bool,
    /// Seed of the timers' randomisation.
    pub seed: u64,
}

impl Mode {
    /// For `replay`: nothing happens that no packet caused, and always the same.
    pub const REPLAY: Mode = Mode { detects_duplicates: false, watches_next_hops: false, seed: 0 };

    /// For `run`.
    pub const fn run(seed: u64) -> Mode {
        Mode { detects_duplicates: true, watches_next_hops: true, seed }
    }
}

/// What is to be told to the workers.
#[expect(clippy::struct_excessive_bools, reason = "one flag a table, each independent of the others")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Dirty {
    routes: bool,
    adjacencies: bool,
    ports: bool,
    mex: bool,
    icmp: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Router<B> {
    config: Config,
    mode: Mode,
    ports: Vec<RouterPort>,
    rib: Rib,
    sites: Vec<RoutedSite>,
    program: Program,
    liveness: Arc<Liveness>,
    links: Arc<Links>,
    revivals: VecDeque<Revival>,
    neighbors: nd::Machine<Held<B>>,
    workers: Vec<WorkerLink<B>>,
    /// Drops and packets of control itself.
    counters: Counters,
    dirty: Dirty,
    /// Next hops that have failed or come back since the last commit.
    switched: BTreeSet<(PortId, u128)>,
    /// Packets that are cut.
    fragment_limit: TokenBucket,
    problems: Vec<String>,
    /// When adjacency counters were last compared.
    usage_checked_ns: u64,
    usage: Vec<u64>,
    /// Updates sent to every worker so far.
    sent: u64,
    /// Updates that every worker has applied.
    applied: u64,
    /// Too many updates are under way to send tables now.
    are_tables_held: bool,
    /// Grace periods begun so far.
    period: u64,
    /// What counters of SRv6 showed when their numbers were given out.
    counted_before: srv6::Before,
}

/// How often traffic counters are compared to see which neighbors are in use, ns.
const USAGE_INTERVAL_NS: u64 = 1_000_000_000;

impl<B: dataplane::buffer::PacketBuf> Router<B> {
    /// A router as configured, its workers' tables on their way through `rings`. `macs` are the ports' station addresses,
    /// in the order of the configuration.
    ///
    /// # Errors
    /// What validation of the configuration could not know: limits of tables.
    pub fn new(
        config: Config,
        macs: &[Mac],
        liveness: Arc<Liveness>,
        rings: Vec<Arc<Rings<B>>>,
        mode: Mode,
        buffers: &mut impl Buffers<B>,
        now_ns: u64,
    ) -> Result<Router<B>, String> {
        let settings =
            nd::Settings { seed: mode.seed, dup_addr_detect_transmits: u8::from(mode.detects_duplicates) };
        let workers = rings
            .into_iter()
            .map(|rings| WorkerLink { rings, updates: VecDeque::new(), injects: VecDeque::new(), applied: 0 })
            .collect();
        let links = Arc::new(Links::new(Arc::clone(&liveness)));
        let mut router = Router {
            config,
            mode,
            ports: Vec::new(),
            rib: Rib::new(),
            sites: Vec::new(),
            program: Program::new(Arc::clone(&links)),
            liveness,
            links,
            revivals: VecDeque::new(),
            neighbors: nd::Machine::new(settings),
            workers,
            counters: Counters::default(),
            dirty: Dirty { routes: true, adjacencies: true, ports: true, mex: true, icmp: true },
            switched: BTreeSet::new(),
            fragment_limit: TokenBucket::new(fragment::PACKETS_A_SECOND, fragment::PACKETS_AT_ONCE),
            problems: Vec::new(),
            usage_checked_ns: now_ns,
            usage: Vec::new(),
            sent: 0,
            applied: 0,
            are_tables_held: false,
            period: 0,
            counted_before: srv6::Before::default(),
        };
        router.set_up(macs, buffers, now_ns)?;
        Ok(router)
    }
}

impl<B> Router<B> {
    /// The number of a port.
    pub fn port_id(&self, name: &str) -> Option<PortId> {
        self.ports.iter().position(|port| port.name == name).map(|index| PortId(index as u16))
    }

    /// The ports, in the order of the configuration.
    pub fn ports(&self) -> &[RouterPort] {
        &self.ports
    }

    /// Which neighbors are on which port, for who watches links; see [`Links`].
    pub fn links(&self) -> &Arc<Links> {
        &self.links
    }

    /// The configuration, with the changes since.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The routes.
    pub fn rib(&self) -> &Rib {
        &self.rib
    }

    /// What could not be programmed; taken by the caller, who tells the operator.
    pub fn take_problems(&mut self) -> Vec<String> {
        let mut problems = std::mem::take(&mut self.problems);
        problems.extend(self.program.take_problems());
        problems
    }

    /// What is programmed.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Counters of each worker, then control's own.
    pub fn counters(&self) -> impl Iterator<Item = &Counters> {
        self.workers.iter().map(|worker| &worker.rings.counters).chain([&self.counters])
    }

    /// Packets sent to a neighbor, by all workers.
    fn sent_to(&self, adjacency: AdjacencyId) -> u64 {
        self.workers.iter().map(|worker| worker.rings.counters.adjacency(adjacency)).sum()
    }

    /// `ICMPv6` error limits of one worker: the node's, shared out.
    fn icmp_limits(&self) -> IcmpLimits {
        let workers = self.workers.len().max(1) as u64;
        let (rate, burst) = (u64::from(self.config.icmp.rate), u64::from(self.config.icmp.burst));
        IcmpLimits { rate: rate.div_ceil(workers), burst: burst.div_ceil(workers) }
    }
}
