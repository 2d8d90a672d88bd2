//! PlanB's lookup scheme (NSDI 2026), in an implementation of this project's own.

use std::time::Instant;

use crate::fib::engine::{self, Built, Engine, Kind};
use crate::fib::table::{Family, Table};
use crate::fib::trace::{Change, Trace};

pub const KINDS: &[Kind] =
    &[Kind { name: "planb", family: Family::V6, is_ours: false, is_variant: false, build }];

struct PlanB(planb::PlanB);

fn build(table: &Table) -> Result<Built, String> {
    let routes: Vec<_> = table
        .routes()
        .iter()
        .map(|route| (route.prefix.address(), route.prefix.len(), route.next_hop))
        .collect();
    let begin = Instant::now();
    let table = planb::PlanB::build(routes.into_iter()).map_err(|error| error.to_string())?;
    let elapsed = begin.elapsed();
    Ok(Built { engine: Box::new(PlanB(table)), elapsed })
}

impl Engine for PlanB {
    fn pass(&self, trace: &Trace, count: usize, batch: usize) {
        engine::pass(&trace.host, count, batch, 0, |addresses, found| self.0.lookup_batch(addresses, found));
    }

    fn answers(&self, trace: &Trace, batch: usize) -> Vec<u32> {
        engine::answers(
            &trace.host,
            batch,
            0,
            |addresses, found| self.0.lookup_batch(addresses, found),
            |id| id,
        )
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    fn update(&mut self, _: &Change) -> Result<(), String> {
        Err("this table is built anew".to_owned())
    }

    fn has_updates(&self) -> bool {
        false
    }
}
