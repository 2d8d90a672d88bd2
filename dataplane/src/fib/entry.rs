//! One word of a table: a result, or where to go on.
//!
//! ```text
//!  31    28 27 26 25                                  0
//! +--------+-----+-------------------------------------+
//! |   0    | 00  |                leaf                 |  0: no prefix but the default; else next-hop id + 1
//! |   at   | 01  |                line                 |  page: 256 words in 16 lines, by one octet of the address
//! |   at   | 10  |                line                 |  node: 7 keys of 32 bits, 8 words
//! |   at   | 11  |                line                 |  long node: 5 keys of 64 bits, 6 words
//! +--------+-----+-------------------------------------+
//! ```
//! `at` says which bits of the address decide: the octet at which they begin, counted from the address's last octet. So a
//! page at 15 goes by the first octet, a node at 0 by the last four, a long node at 8 by the high half.

use crate::id::NextHopId;

/// Words of a line: 64 octets, what a processor fetches at once.
pub const LINE_WORDS: usize = 16;
/// Words of a page.
pub const PAGE_WORDS: usize = 256;
/// Lines of a page, as a power of two.
pub const PAGE_ORDER: u32 = (PAGE_WORDS / LINE_WORDS).ilog2();
/// Keys of a node.
pub const NODE_KEYS: usize = 7;
/// Keys of a long node.
pub const LONG_KEYS: usize = 5;
/// Where the words of a node begin in its line, after its keys.
pub const NODE_WORDS_AT: usize = NODE_KEYS;
/// Where the words of a long node begin in its line, after its keys.
pub const LONG_WORDS_AT: usize = LONG_KEYS * 2;
/// The largest next-hop id that a leaf holds.
pub const MAX_NEXT_HOP_ID: NextHopId = NextHopId(MAX_LINES - 2);
/// Lines that a word can point to.
pub const MAX_LINES: u32 = 1 << KIND_SHIFT;

pub(super) const KIND_SHIFT: u32 = 26;
pub(super) const KIND_MASK: u32 = 3 << KIND_SHIFT;
pub(super) const AT_SHIFT: u32 = 28;

/// What a word says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The end of a lookup.
    Leaf,
    /// Go on by an octet.
    Page,
    /// Go on by 32 bits.
    Node,
    /// Go on by 64 bits.
    Long,
}

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Entry(pub u32);

impl Entry {
    /// No prefix but the default.
    pub const DEFAULT: Entry = Entry(0);

    /// The leaf of a next hop; `None` above [`MAX_NEXT_HOP_ID`].
    pub const fn leaf(next_hop: NextHopId) -> Option<Entry> {
        if next_hop.0 > MAX_NEXT_HOP_ID.0 { None } else { Some(Entry(next_hop.0 + 1)) }
    }

    /// A node in `line` that goes by the bits that begin `at` octets from the end.
    pub const fn node(kind: Kind, at: u32, line: u32) -> Entry {
        let kind = match kind {
            Kind::Leaf => 0,
            Kind::Page => 1,
            Kind::Node => 2,
            Kind::Long => 3,
        };
        Entry(at << AT_SHIFT | kind << KIND_SHIFT | line & (MAX_LINES - 1))
    }

    /// What it says.
    pub const fn kind(self) -> Kind {
        match self.0 >> KIND_SHIFT & 3 {
            0 => Kind::Leaf,
            1 => Kind::Page,
            2 => Kind::Node,
            _ => Kind::Long,
        }
    }

    /// True at the end of a lookup.
    pub const fn is_leaf(self) -> bool {
        self.0 < MAX_LINES
    }

    /// Where the bits begin that a node goes by, in octets from the address's end.
    pub const fn at(self) -> u32 {
        self.0 >> AT_SHIFT
    }

    /// The line of a node; the first line of a page.
    pub const fn line(self) -> u32 {
        self.0 & (MAX_LINES - 1)
    }

    /// The next hop of a leaf, where `default` is that of the route to everywhere.
    pub const fn next_hop(self, default: NextHopId) -> NextHopId {
        if self.0 == 0 { default } else { NextHopId((self.0 & (MAX_LINES - 1)).wrapping_sub(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_what_was_put_in() {
        for kind in [Kind::Page, Kind::Node, Kind::Long] {
            for at in [0, 13] {
                let entry = Entry::node(kind, at, MAX_LINES - 1);
                assert_eq!((entry.kind(), entry.at(), entry.line()), (kind, at, MAX_LINES - 1));
                assert!(!entry.is_leaf());
            }
        }
        let default = NextHopId(9);
        assert_eq!(Entry::DEFAULT.next_hop(default), default);
        for id in [0, 1, MAX_NEXT_HOP_ID.0] {
            let leaf = Entry::leaf(NextHopId(id)).unwrap();
            assert!(leaf.is_leaf() && leaf != Entry::DEFAULT);
            assert_eq!(leaf.next_hop(default), NextHopId(id));
        }
        assert_eq!(Entry::leaf(NextHopId(MAX_NEXT_HOP_ID.0 + 1)), None);
    }
}
