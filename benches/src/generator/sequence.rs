//! Which of the frames came back: loss, duplicates, order.

/// Frames whose arrival is remembered, so that a second one is known for a duplicate. A power of two.
const WINDOW: u64 = 1 << 20;
const WORD_BITS: u64 = 64;
const WORDS: usize = (WINDOW / WORD_BITS) as usize;
/// The most frames of a trial: with more, a number of 32 bits could be of either half.
pub const MAX_FRAMES: u64 = 1 << 31;

/// What became of the frames of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Different frames that came back.
    pub unique: u64,
    /// Frames that came back again.
    pub duplicate: u64,
    /// Frames that came after a later one of their flow (RFC 4737, 3.3: below the next expected number).
    pub reordered: u64,
    /// Frames so late that nobody knows if they are duplicates: they count as neither.
    pub too_late: u64,
    /// Frames of an earlier trial.
    pub stale: u64,
}

/// Numbers of one trial as they arrive. Frames belong to flows in turn: number modulo flows.
#[derive(Debug)]
pub struct Sequence {
    first: u32,
    flows: u64,
    seen: Vec<u64>,
    /// One past the highest number so far, counted from the first.
    end: u64,
    /// For each flow one past its highest number.
    ends: Vec<u64>,
    arrived: Arrived,
}

impl Sequence {
    /// A trial whose first frame has the number `first`.
    pub fn new(first: u32, flows: usize) -> Sequence {
        let flows = flows.max(1);
        Sequence {
            first,
            flows: flows as u64,
            seen: vec![0; WORDS],
            end: 0,
            ends: vec![0; flows],
            arrived: Arrived::default(),
        }
    }

    /// A frame arrived; `sent` so far. Returns how many frames are missing right before it, if it is the latest.
    #[inline]
    pub fn arrive(&mut self, number: u32, sent: u64) -> u64 {
        let index = u64::from(number.wrapping_sub(self.first));
        if index >= sent {
            self.arrived.stale += 1;
            return 0;
        }
        let missing = index.saturating_sub(self.end);
        if index >= self.end {
            self.advance(index + 1);
        } else if self.end - index > WINDOW - WORD_BITS {
            self.arrived.too_late += 1;
            return 0;
        }
        let (word, bit) = place(index);
        if self.seen[word] & bit != 0 {
            self.arrived.duplicate += 1;
            return 0;
        }
        self.seen[word] |= bit;
        self.arrived.unique += 1;
        let flow = &mut self.ends[(index % self.flows) as usize];
        if index < *flow {
            self.arrived.reordered += 1;
        } else {
            *flow = index + 1;
        }
        missing
    }

    /// Moves the window, and forgets what falls out of it.
    fn advance(&mut self, end: u64) {
        let (from, to) = (self.end.div_ceil(WORD_BITS), end.div_ceil(WORD_BITS));
        for word in from..to.min(from + WORDS as u64) {
            self.seen[(word % WORDS as u64) as usize] = 0;
        }
        self.end = end;
    }

    /// One past the highest frame that arrived, counted from the first.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// What arrived so far.
    pub fn arrived(&self) -> Arrived {
        self.arrived
    }
}

fn place(index: u64) -> (usize, u64) {
    ((index / WORD_BITS % WORDS as u64) as usize, 1 << (index % WORD_BITS))
}

#[cfg(test)]
#[expect(clippy::cast_sign_loss, reason = "never negative")]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn loss_is_what_is_missing_before_a_frame() {
        let mut sequence = Sequence::new(u32::MAX - 1, 4);
        assert_eq!(sequence.arrive(u32::MAX - 1, 10), 0);
        assert_eq!(sequence.arrive(u32::MAX, 10), 0, "numbers wrap");
        assert_eq!(sequence.arrive(3, 10), 3);
        assert_eq!(sequence.arrived(), Arrived { unique: 3, ..Arrived::default() });
    }

    #[test]
    fn order_is_that_of_a_flow() {
        let mut sequence = Sequence::new(0, 2);
        for number in [0, 3, 1, 2, 4] {
            sequence.arrive(number, 5);
        }
        // 1 came after 3, of the same flow; 2 came after 3, of another.
        assert_eq!(sequence.arrived(), Arrived { unique: 5, reordered: 1, ..Arrived::default() });
    }

    #[test]
    fn duplicates_strangers_and_stragglers_are_told_apart() {
        let mut sequence = Sequence::new(100, 1);
        let sent = 2 * WINDOW;
        sequence.arrive(100, sent);
        sequence.arrive(100, sent);
        sequence.arrive(99, sent);
        sequence.arrive(100 + WINDOW as u32 + 7, sent);
        sequence.arrive(101, sent);
        let want = Arrived { unique: 2, duplicate: 1, reordered: 0, too_late: 1, stale: 1 };
        assert_eq!(sequence.arrived(), want);
    }

    proptest! {
        /// Against a set of all numbers ever seen.
        #[test]
        fn the_window_agrees_with_a_set(jumps in prop::collection::vec(-200i64..70_000, 1..300), first: u32) {
            let mut sequence = Sequence::new(first, 3);
            let (mut seen, mut at) = (HashSet::new(), 0i64);
            let mut want = Arrived::default();
            for jump in jumps {
                at = (at + jump).max(0);
                sequence.arrive(first.wrapping_add(at as u32), MAX_FRAMES);
                if seen.insert(at) { want.unique += 1 } else { want.duplicate += 1 }
            }
            let found = sequence.arrived();
            prop_assert_eq!((found.unique, found.duplicate), (want.unique, want.duplicate));
        }
    }
}
