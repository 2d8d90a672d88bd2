//! Tables by address family: [`Fib6`] and [`Fib4`] to look up, [`Writer6`] and [`Writer4`] to change.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::fence;

use super::entry::Entry;
use super::kernel::Kernel;
use super::prefix::{Prefix4, Prefix6};
use super::simd::BLOCK;
use super::stats::FibStats;
use super::table::Table;
use super::writer::Writer;
use crate::id::NextHopId;

/// Why a change was refused; the table is what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FibError {
    /// The kernel gave no address space for a table.
    OutOfMemory(String),
    /// All lines of the table are in use. Some may be free after the next grace period.
    OutOfLines {
        /// Lines of a table.
        max: u32,
        /// Nodes and pages that wait for a grace period.
        retired: usize,
    },
    /// A leaf has no room for such an id.
    NextHopTooLarge {
        /// The id.
        next_hop: NextHopId,
        /// The largest one.
        max: NextHopId,
    },
}

impl fmt::Display for FibError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FibError::OutOfMemory(why) => write!(f, "no memory for a routing table: {why}"),
            FibError::OutOfLines { max, retired } => {
                write!(
                    f,
                    "the routing table is full: all of its {max} lines are in use ({retired} nodes wait to be free)"
                )
            }
            FibError::NextHopTooLarge { next_hop, max } => {
                write!(f, "next-hop id {} is above {}, the largest one", next_hop.0, max.0)
            }
        }
    }
}

impl std::error::Error for FibError {}

macro_rules! family {
    ($fib:ident, $writer:ident, $prefix:ident, $address:ty, $lookup:ident, $pages_only:literal, $bits:literal) => {
        /// A routing table, to look addresses up in. Clones are the same table: what its writer changes, all see.
        #[derive(Clone, Debug)]
        pub struct $fib {
            table: Arc<Table>,
        }

        impl $fib {
            /// A table that does not change.
            ///
            /// # Errors
            /// See [`FibError`].
            pub fn build(routes: impl IntoIterator<Item = ($prefix, NextHopId)>) -> Result<$fib, FibError> {
                $writer::build(routes).map(|writer| writer.fib())
            }

            /// What the longest prefix that covers `address` leads to; [`NextHopId::NO_ROUTE`] without one.
            pub fn lookup(&self, address: $address) -> NextHopId {
                let mut next_hop = [NextHopId::NO_ROUTE];
                self.lookup_batch_by(Kernel::Scalar, &[address], &mut next_hop);
                next_hop[0]
            }

            /// Looks up as many addresses as the shorter slice has.
            pub fn lookup_batch(&self, addresses: &[$address], next_hops: &mut [NextHopId]) {
                self.lookup_batch_by(self.table.kernel(), addresses, next_hops);
            }

            /// [`Self::lookup_batch`] in a certain way; one that the processor cannot do is replaced by plain code.
            pub fn lookup_batch_by(
                &self,
                kernel: Kernel,
                addresses: &[$address],
                next_hops: &mut [NextHopId],
            ) {
                for (addresses, next_hops) in addresses.chunks(BLOCK).zip(next_hops.chunks_mut(BLOCK)) {
                    loop {
                        let default = self.table.default();
                        kernel.$lookup(&self.table, default, addresses, next_hops);
                        // All words are read before this, as with a sequence lock.
                        fence(Acquire);
                        if self.table.default() == default {
                            break;
                        }
                        // The route to everywhere changed meanwhile: of one moment the words, of another what
                        // "default" means. Once more; it does not change that often.
                    }
                }
            }

            /// How often the table has been changed: what was looked up at one version holds as long as that is the version.
            pub fn version(&self) -> u64 {
                self.table.version()
            }

            /// How many hold this table, its writer included.
            pub fn handles(&self) -> usize {
                Arc::strong_count(&self.table)
            }

            /// Steps of a lookup after the front: a tree's three, pages and nodes.
            pub fn depth(&self, address: $address) -> usize {
                super::stats::depth(&self.table, $prefix::new(address, $bits).into())
            }
        }

        /// The one that changes a routing table.
        #[derive(Debug)]
        pub struct $writer {
            inner: Writer,
        }

        impl $writer {
            /// An empty table.
            ///
            /// # Errors
            /// [`FibError::OutOfMemory`].
            pub fn new() -> Result<$writer, FibError> {
                Ok($writer { inner: Writer::new($pages_only)? })
            }

            /// A table with these routes; of equal prefixes the last one counts. Fastest in ascending order.
            ///
            /// # Errors
            /// See [`FibError`].
            pub fn build(
                routes: impl IntoIterator<Item = ($prefix, NextHopId)>,
            ) -> Result<$writer, FibError> {
                let routes = routes.into_iter().map(|(prefix, next_hop)| (prefix.into(), next_hop));
                Ok($writer { inner: Writer::build(routes, $pages_only)? })
            }

            /// The table, for readers.
            pub fn fib(&self) -> $fib {
                $fib { table: Arc::clone(self.inner.table()) }
            }

            /// Puts a route in; returns what it replaced.
            ///
            /// # Errors
            /// See [`FibError`]; the table is what it was.
            pub fn insert(
                &mut self,
                prefix: $prefix,
                next_hop: NextHopId,
            ) -> Result<Option<NextHopId>, FibError> {
                self.inner.insert(prefix.into(), next_hop)
            }

            /// Takes a route out; returns what it was.
            ///
            /// # Errors
            /// See [`FibError`]; the table is what it was.
            pub fn remove(&mut self, prefix: $prefix) -> Result<Option<NextHopId>, FibError> {
                self.inner.remove(prefix.into())
            }

            /// The route of exactly this prefix.
            pub fn exact(&self, prefix: $prefix) -> Option<NextHopId> {
                self.inner.routes().exact(prefix.into()).map(id)
            }

            /// The route that decides about an address.
            pub fn longest_match(&self, address: $address) -> Option<($prefix, NextHopId)> {
                let host: Prefix6 = $prefix::new(address, $bits).into();
                let found = self.inner.routes().longest_match(host.address())?;
                Some((found.0.into(), id(found.1)))
            }

            /// The route that would decide about a prefix if it had none of its own.
            pub fn cover(&self, prefix: $prefix) -> Option<($prefix, NextHopId)> {
                self.inner.routes().cover(prefix.into()).map(|(cover, leaf)| (cover.into(), id(leaf)))
            }

            /// All routes, by address, then length.
            pub fn routes(&self) -> impl Iterator<Item = ($prefix, NextHopId)> {
                self.inner.routes().iter().map(|(prefix, leaf)| (prefix.into(), id(leaf)))
            }

            /// How many routes there are.
            pub fn len(&self) -> usize {
                self.inner.routes().len()
            }

            /// True without a route.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// What was replaced so far is free when grace period `period` has passed ([`super::grace`]). True when there is
            /// anything to wait for.
            pub fn seal(&mut self, period: u64) -> bool {
                self.inner.lines_mut().seal(period)
            }

            /// Frees what was replaced before grace period `passed` began.
            pub fn reclaim(&mut self, passed: u64) {
                self.inner.lines_mut().reclaim(passed);
            }

            /// Frees all that was replaced, when no [`Self::fib`] is left; false when one is.
            pub fn reclaim_unread(&mut self) -> bool {
                let is_unread = Arc::strong_count(self.inner.table()) == 1;
                if is_unread {
                    self.seal(0);
                    self.reclaim(u64::MAX);
                }
                is_unread
            }

            /// Octets of memory that the table has in use: the front's pages that were ever written, nodes and pages. Without
            /// the routes in order that the writer keeps beside it.
            pub fn memory_bytes(&self) -> usize {
                self.inner.memory_bytes()
            }

            /// Figures about the table. Visits all routes: not for every packet.
            pub fn stats(&self) -> FibStats {
                FibStats::of(&self.inner)
            }
        }
    };
}

fn id(leaf: Entry) -> NextHopId {
    leaf.next_hop(NextHopId::NO_ROUTE)
}

family!(Fib6, Writer6, Prefix6, u128, lookup6, false, 128);
family!(Fib4, Writer4, Prefix4, u32, lookup4, true, 32);
