//! The nodes, one file each: the contract and the RFC first, then the edges, then the step.
//!
//! A node has an `enum Next`, its edges: each leads to a node or is a drop with a name. `process` takes the burst of
//! packets that wait at the node and sorts them onto the edges; most nodes do so by a `step` on one packet at a time.

/// Defines a node's `enum Next` together with where each edge leads.
macro_rules! edges {
    ($( $(#[$doc:meta])* $name:ident => $kind:ident $target:ident, )*) => {
        /// The edges of this node.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Next {
            $( $(#[$doc])* $name, )*
        }

        impl Next {
            /// Where each edge leads, for the drawing of the graph.
            pub const EDGES: &'static [$crate::graph::Edge] = &[$( edge!($kind $target) ),*];
        }

        impl From<Next> for $crate::graph::Edge {
            fn from(next: Next) -> Self {
                // A load from a table, not a jump: the edge of a packet is data.
                Next::EDGES[next as usize]
            }
        }
    };
}

macro_rules! edge {
    (node $target:ident) => {
        $crate::graph::Edge::Node($crate::graph::NodeId::$target)
    };
    (drop $target:ident) => {
        $crate::graph::Edge::Drop($crate::drop::Drop::$target)
    };
}

pub mod arp_input;
pub mod consume;
pub mod control;
pub mod discard;
pub mod ethernet_input;
pub mod fragment;
pub mod icmp_error;
pub mod ip4_input;
pub mod ip6_input;
pub mod local;
pub mod local4;
pub mod lookup;
pub mod lookup4;
pub mod mex;
pub mod mex_commit;
pub mod mex_peer;
pub mod mex_quote;
pub mod mex_site;
pub mod next_hop;
pub mod output;
pub mod resolve;
pub mod rewrite;
pub mod rewrite4;
pub mod srv6;
pub mod srv6_endpoint;
pub mod srv6_headend;
pub mod srv6_rewrite;
