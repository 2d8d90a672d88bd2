//! Numbers that are given out, given back, and rest in between.

use std::collections::VecDeque;

/// Numbers that rest before the oldest of them is used again: a packet that waits for a neighbor may come back with an old
/// one, and should not meet something else under it.
const RESTING_IDS: usize = 256;

/// The numbers below a limit.
#[derive(Debug)]
pub struct Ids {
    next: u16,
    limit: usize,
    /// Given back, oldest first.
    free: VecDeque<u16>,
}

impl Ids {
    /// All numbers below `limit` are free.
    pub fn new(limit: usize) -> Ids {
        Ids { next: 0, limit, free: VecDeque::new() }
    }

    /// A free number: a fresh one unless many have been given back; `None`: all are in use.
    pub fn take(&mut self) -> Option<u16> {
        let has_fresh = usize::from(self.next) < self.limit;
        if has_fresh && self.free.len() <= RESTING_IDS {
            self.next += 1;
            Some(self.next - 1)
        } else {
            self.free.pop_front()
        }
    }

    /// Nothing uses the number any more.
    pub fn give_back(&mut self, id: u16) {
        self.free.push_back(id);
    }

    /// Numbers that were ever in use are below this one.
    pub fn bound(&self) -> usize {
        usize::from(self.next)
    }

    /// Numbers that can be taken.
    pub fn available(&self) -> usize {
        self.limit.saturating_sub(usize::from(self.next)) + self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_rests_before_it_is_used_again() {
        let mut ids = Ids::new(1000);
        assert_eq!((ids.take(), ids.take()), (Some(0), Some(1)));
        ids.give_back(0);
        assert_eq!((ids.take(), ids.bound(), ids.available()), (Some(2), 3, 998));
        for id in 0..=RESTING_IDS as u16 {
            ids.give_back(id + 1);
        }
        assert_eq!(ids.take(), Some(0), "the one that has rested longest");
    }

    #[test]
    fn the_last_number_is_the_last() {
        let mut ids = Ids::new(2);
        assert_eq!((ids.take(), ids.take(), ids.take()), (Some(0), Some(1), None));
        ids.give_back(1);
        assert_eq!((ids.take(), ids.take()), (Some(1), None));
    }
}
