//! mexfwd's own tables: as the dataplane uses them, and by each of the ways to look up.

use std::time::Instant;

use dataplane::fib::{Fib4, Fib6, FibError, Kernel, Prefix4, Prefix6, Writer4, Writer6};
use dataplane::id::NextHopId;

use crate::fib::engine::{self, Built, Engine, Kind};
use crate::fib::table::{Family, Table};
use crate::fib::trace::{Change, Trace};

/// The first of each family is what the dataplane uses.
pub const KINDS: &[Kind] = &[
    ours6("mexfwd", |table| build6(table, None)),
    variant(ours6("mexfwd-scalar", |table| build6(table, Some(Kernel::Scalar)))),
    variant(ours6("mexfwd-avx2", |table| build6(table, Some(Kernel::Avx2)))),
    variant(ours6("mexfwd-avx512", |table| build6(table, Some(Kernel::Avx512)))),
    ours4("mexfwd4", |table| build4(table, None)),
    variant(ours4("mexfwd4-scalar", |table| build4(table, Some(Kernel::Scalar)))),
    variant(ours4("mexfwd4-avx2", |table| build4(table, Some(Kernel::Avx2)))),
    variant(ours4("mexfwd4-avx512", |table| build4(table, Some(Kernel::Avx512)))),
];

/// Changes between two grace periods: as many as control hands over at a time.
const CHANGES_OF_A_PERIOD: u64 = 64;

const fn ours6(name: &'static str, build: fn(&Table) -> Result<Built, String>) -> Kind {
    Kind { name, family: Family::V6, is_ours: true, is_variant: false, build }
}

const fn ours4(name: &'static str, build: fn(&Table) -> Result<Built, String>) -> Kind {
    Kind { name, family: Family::V4, is_ours: true, is_variant: false, build }
}

const fn variant(kind: Kind) -> Kind {
    Kind { is_variant: true, ..kind }
}

/// An error when this processor cannot do it: then it would be plain code under another name.
fn available(kernel: Option<Kernel>) -> Result<(), String> {
    match kernel {
        Some(kernel) if !kernel.is_available() => Err(format!("this processor has no {kernel}")),
        _ => Ok(()),
    }
}

/// Counts changes, and says when a grace period is over: nobody looks up while the bench changes a table.
#[derive(Default)]
struct Period {
    changes: u64,
}

impl Period {
    /// After a change: the period that ends with it, if one does.
    fn ended(&mut self) -> Option<u64> {
        self.changes += 1;
        self.changes.is_multiple_of(CHANGES_OF_A_PERIOD).then_some(self.changes / CHANGES_OF_A_PERIOD)
    }
}

macro_rules! family {
    ($engine:ident, $build:ident, $fib:ident, $writer:ident, $address:ty, $addresses:ident, $prefix:expr) => {
        struct $engine {
            fib: $fib,
            writer: $writer,
            kernel: Option<Kernel>,
            period: Period,
        }

        fn $build(table: &Table, kernel: Option<Kernel>) -> Result<Built, String> {
            available(kernel)?;
            let routes: Vec<_> = table
                .routes()
                .iter()
                .map(|route| ($prefix(route.prefix), NextHopId(route.next_hop)))
                .collect();
            let begin = Instant::now();
            let writer = $writer::build(routes).map_err(|error| error.to_string())?;
            let elapsed = begin.elapsed();
            let engine = $engine { fib: writer.fib(), writer, kernel, period: Period::default() };
            Ok(Built { engine: Box::new(engine), elapsed })
        }

        impl Engine for $engine {
            fn pass(&self, trace: &Trace, count: usize, batch: usize) {
                let none = NextHopId::NO_ROUTE;
                match self.kernel {
                    None => engine::pass(&trace.$addresses, count, batch, none, |addresses, found| {
                        self.fib.lookup_batch(addresses, found);
                    }),
                    Some(kernel) => {
                        engine::pass(&trace.$addresses, count, batch, none, |addresses, found| {
                            self.fib.lookup_batch_by(kernel, addresses, found);
                        })
                    }
                }
            }

            fn answers(&self, trace: &Trace, batch: usize) -> Vec<u32> {
                let lookup = |addresses: &[$address], found: &mut [NextHopId]| match self.kernel {
                    None => self.fib.lookup_batch(addresses, found),
                    Some(kernel) => self.fib.lookup_batch_by(kernel, addresses, found),
                };
                engine::answers(&trace.$addresses, batch, NextHopId::NO_ROUTE, lookup, |id| id.0)
            }

            fn memory_bytes(&self) -> usize {
                self.writer.memory_bytes()
            }

            fn update(&mut self, change: &Change) -> Result<(), String> {
                let replaced: Result<_, FibError> = match change {
                    Change::Announce(route) => {
                        self.writer.insert($prefix(route.prefix), NextHopId(route.next_hop))
                    }
                    Change::Withdraw(route) => self.writer.remove($prefix(route.prefix)),
                };
                replaced.map_err(|error| error.to_string())?;
                if let Some(period) = self.period.ended()
                    && self.writer.seal(period)
                {
                    self.writer.reclaim(period + 1);
                }
                Ok(())
            }

            fn has_updates(&self) -> bool {
                true
            }
        }
    };
}

family!(Mexfwd6, build6, Fib6, Writer6, u128, host, Prefix6::from);
family!(Mexfwd4, build4, Fib4, Writer4, u32, v4, Prefix4::from);
