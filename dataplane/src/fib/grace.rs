//! Grace periods: when nobody can be reading any more what was there before.
//!
//! Control begins a period after it has published a change; each worker says between two bursts, when it holds nothing
//! that it has read from a table, which period it has seen begin (its quiescent state). What was unpublished before the
//! period began is free once every worker has passed it.
//!
//! # Memory ordering
//!
//! `begin` stores with release, `pass` loads with acquire: a worker that has seen the period begin sees, in all bursts
//! after it, every word that control published before. `pass` stores with release, `passed` loads with acquire: all
//! that the worker read before happens before control writes to that memory again. Neither needs a fence. The loom test
//! of this crate runs this code through all interleavings.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// One worker's grace periods, shared with control.
#[derive(Debug, Default)]
pub struct Grace {
    begun: AtomicU64,
    passed: AtomicU64,
}

impl Grace {
    /// Control: period `period` begins. Periods are numbered upwards from 1.
    pub fn begin(&self, period: u64) {
        self.begun.store(period, Ordering::Release);
    }

    /// Worker, between two bursts: nothing is held that was read before.
    pub fn pass(&self) {
        let begun = self.begun.load(Ordering::Acquire);
        // Only this worker writes it: nothing to store means no shared line to dirty.
        if self.passed.load(Ordering::Relaxed) != begun {
            self.passed.store(begun, Ordering::Release);
        }
    }

    /// Control: the last period that the worker has passed.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Acquire)
    }
}
