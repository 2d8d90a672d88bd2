//! Which lines of a table are in use: blocks of 1, 2, 4, … lines.
//!
//! What readers may still see is not given out again before a grace period has passed ([`Lines::retire`],
//! [`Lines::seal`], [`Lines::reclaim`]).

use std::collections::VecDeque;

use super::FibError;

/// Orders of blocks: 2^0 to 2^13 lines.
const ORDERS: usize = 14;

/// Lines that belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Block {
    line: u32,
    order: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Lines {
    first: u32,
    max: u32,
    /// All lines from here on were never used.
    fresh: u32,
    /// By order.
    free: [Vec<u32>; ORDERS],
    /// Taken since the last [`Lines::keep`]: given back when the change does not succeed.
    taken: Vec<Block>,
    /// Given back, and the grace period after which they are free.
    retired: VecDeque<(Block, u64)>,
    /// How many of them, from the first on, have a grace period that has begun.
    sealed: usize,
    used: u32,
}

impl Lines {
    /// The lines from `first` up to `max`, all free.
    pub fn new(first: u32, max: u32) -> Lines {
        Lines {
            first,
            max,
            fresh: first,
            free: Default::default(),
            taken: Vec::new(),
            retired: VecDeque::new(),
            sealed: 0,
            used: 0,
        }
    }

    /// 2^`order` lines in a row; the first of them.
    ///
    /// # Errors
    /// There are not enough in a row that are not in use.
    pub fn take(&mut self, order: u32) -> Result<u32, FibError> {
        let lines = 1 << order;
        let line = match self.free.get_mut(order as usize).and_then(Vec::pop) {
            Some(line) => line,
            None if self.max - self.fresh >= lines => {
                self.fresh += lines;
                self.fresh - lines
            }
            None => return Err(FibError::OutOfLines { max: self.max, retired: self.retired.len() }),
        };
        self.taken.push(Block { line, order });
        self.used += lines;
        Ok(line)
    }

    /// The change succeeded: what was taken for it is in use.
    pub fn keep(&mut self) {
        self.taken.clear();
    }

    /// The change failed: what was taken for it is free, no reader has seen it.
    pub fn give_back(&mut self) {
        while let Some(block) = self.taken.pop() {
            self.free(block);
        }
    }

    fn free(&mut self, block: Block) {
        self.used -= 1 << block.order;
        if let Some(free) = self.free.get_mut(block.order as usize) {
            free.push(block.line);
        }
    }

    /// No word leads to this block any more, but readers may still be in it.
    pub fn retire(&mut self, line: u32, order: u32) {
        self.retired.push_back((Block { line, order }, u64::MAX));
    }

    /// What was retired so far is free when grace period `period` has passed. True when there is anything to wait for.
    pub fn seal(&mut self, period: u64) -> bool {
        for (_, until) in self.retired.range_mut(self.sealed..) {
            *until = period;
        }
        self.sealed = self.retired.len();
        self.sealed > 0
    }

    /// Frees what was retired before grace period `passed` began.
    pub fn reclaim(&mut self, passed: u64) {
        while self.sealed > 0
            && let Some((block, until)) = self.retired.front().copied()
            && until <= passed
        {
            self.retired.pop_front();
            self.sealed -= 1;
            self.free(block);
        }
        if self.used == 0 {
            // Nothing is left: begin again at the first line, so that an emptied table is small again.
            self.fresh = self.first;
            self.free.iter_mut().for_each(Vec::clear);
        }
    }

    /// Lines in use, those that wait for a grace period included.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// Blocks that wait for a grace period.
    pub fn retired(&self) -> usize {
        self.retired.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_retired_is_not_given_out_before_its_grace_period() {
        let mut lines = Lines::new(2, 20);
        let page = lines.take(4).unwrap();
        let nodes = [lines.take(0).unwrap(), lines.take(0).unwrap()];
        assert_eq!((page, nodes), (2, [18, 19]));
        assert!(matches!(lines.take(0), Err(FibError::OutOfLines { max: 20, retired: 0 })));
        lines.keep();
        lines.retire(18, 0);
        assert!(lines.seal(1));
        lines.retire(2, 4);
        assert!(lines.take(0).is_err());
        lines.reclaim(1);
        assert_eq!(lines.take(0).unwrap(), 18);
        lines.reclaim(u64::MAX);
        assert!(lines.take(4).is_err(), "no period was named for the page");
        lines.seal(10);
        lines.reclaim(9);
        assert!(lines.take(4).is_err());
        lines.reclaim(10);
        assert_eq!(lines.take(4).unwrap(), 2);
        assert_eq!(lines.used(), 18);
    }

    #[test]
    fn a_change_that_fails_leaves_nothing_behind() {
        let mut lines = Lines::new(0, 20);
        lines.take(0).unwrap();
        lines.keep();
        lines.take(4).unwrap();
        lines.take(0).unwrap();
        lines.give_back();
        assert_eq!(lines.used(), 1);
        lines.take(4).unwrap();
        lines.take(0).unwrap();
        assert_eq!(lines.used(), 18);
    }
}
