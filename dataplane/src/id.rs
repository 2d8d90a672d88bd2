//! Types for meaning: what a small number names, and how many of each there can be.

/// Ports of one node.
pub const MAX_PORTS: usize = 64;
/// Routing tables (VRFs) of one node.
pub const MAX_VRFS: usize = 256;
/// Neighbors that can be next hops at one time, over all ports.
pub const MAX_ADJACENCIES: usize = 16_384;
/// SIDs of one node.
pub const MAX_SIDS: usize = 16_384;
/// SRv6 policies of one node.
pub const MAX_POLICIES: usize = 4096;
/// Segment lists of all policies together.
pub const MAX_SEGMENT_LISTS: usize = 16_384;
/// Next hops of one route.
pub const MAX_GROUP_MEMBERS: usize = 64;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number as an index into the table that it names.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// A port, in the order of the configuration. Below [`MAX_PORTS`].
    PortId(u16)
}
id! {
    /// A routing table; 0 is `default`. Below [`MAX_VRFS`].
    VrfId(u16)
}
id! {
    /// An entry of [`crate::table::NextHops`]: what a route leads to. 0 is "no route".
    NextHopId(u32)
}
id! {
    /// An entry of the adjacency table: a neighbor on a port. Below [`MAX_ADJACENCIES`].
    AdjacencyId(u32)
}

id! {
    /// A local SID: an entry of [`crate::table::Srv6::sids`]. Below [`MAX_SIDS`].
    SidId(u16)
}
id! {
    /// An SRv6 policy: an entry of [`crate::table::Srv6::policies`]. Below [`MAX_POLICIES`].
    PolicyId(u16)
}
id! {
    /// A segment list of a policy: an entry of [`crate::table::Srv6::lists`]. Below [`MAX_SEGMENT_LISTS`].
    SegmentListId(u16)
}

impl NextHopId {
    /// What a lookup gives when no prefix covers the address.
    pub const NO_ROUTE: NextHopId = NextHopId(0);
}
