//! THE packet path: every node and its edges on one page.
//!
//! ```text
//!  receive ─ express lane ─ transmit: what is usual about every field; all other packets, as they came:
//!  ethernet-input ─ ip6-input ───────────┬─ lookup ─ (kind of result) ─┬─ rewrite ─ output ─ transmit
//!                │                mex-peer ┘                           ├─ mex ─ next-hop ─ mex-commit ─ rewrite
//!                                                                      ├─ mex-site ─ …
//!                                                                      ├─ srv6-endpoint ─ lookup; what was inside: ip6-input, ip4-input, output
//!                                                                      ├─ srv6-headend ─ lookup ─ srv6-rewrite ─ output
//!                                                                      ├─ local: echo, neighbor discovery
//!                                                                      └─ resolve: wait for a neighbor
//!                ├─ ip4-input ─ lookup4 ─┬─ rewrite4 ─ output, or fragment: control cuts the packet
//!                │                       └─ local4: echo
//!                └─ arp-input ─ control
//!  a drop on any edge ─ drop, or icmp-error ─ lookup ─ …
//! ```
//!
//! [`run`] takes the first node that has packets waiting, lets it work on all of them, and repeats until none is left. The
//! order of [`NodeId`] is the order of the path, so a burst moves forward together.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::buffer::PacketBuf;
use crate::burst::Burst;
use crate::drop::Drop;
use crate::limit::Limits;
use crate::node::lookup::LookupBatch;
use crate::node::output::TransmitQueue;
use crate::node::{
    arp_input, consume, control, discard, ethernet_input, fragment, icmp_error, ip4_input, ip6_input, local,
    local4, lookup, lookup4, mex, mex_commit, mex_peer, mex_quote, mex_site, next_hop, output, resolve,
    rewrite, rewrite4, srv6_endpoint, srv6_headend, srv6_rewrite,
};
use crate::table::Tables;
use crate::update::Rings;

macro_rules! graph {
    ($( $(#[$doc:meta])* $node:ident $name:literal $edges:expr; )*) => {
        /// The nodes, in the order of the path.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum NodeId {
            $( $(#[$doc])* $node, )*
        }

        impl NodeId {
            /// Every node.
            pub const ALL: &'static [NodeId] = &[$(NodeId::$node),*];

            /// The name in traces and documents.
            pub const fn name(self) -> &'static str {
                match self { $(NodeId::$node => $name),* }
            }

            /// Where packets go from here.
            pub const fn edges(self) -> &'static [Edge] {
                match self { $(NodeId::$node => $edges),* }
            }
        }
    };
}

graph! {
    /// Is it for this station, and what is it?
    EthernetInput "ethernet-input" ethernet_input::Next::EDGES;
    /// Is it sane?
    Ip6Input      "ip6-input"      ip6_input::Next::EDGES;
    /// Is it sane?
    Ip4Input      "ip4-input"      ip4_input::Next::EDGES;
    /// Does ARP concern this node?
    ArpInput      "arp-input"      arp_input::Next::EDGES;
    /// Toward a multi-homed site: with the AP header.
    MexPeer       "mex-peer"       mex_peer::Next::EDGES;
    /// Longest-prefix match of the burst.
    Lookup        "lookup"         lookup::Next::EDGES;
    /// A SID of this node.
    Srv6Endpoint  "srv6-endpoint"  srv6_endpoint::Next::EDGES;
    /// Into an SRv6 policy.
    Srv6Headend   "srv6-headend"   srv6_headend::Next::EDGES;
    /// A multi-homed site behind this node.
    MexSite       "mex-site"       mex_site::Next::EDGES;
    /// The same for IPv4, behind what may expose an IPv4 packet.
    Lookup4       "lookup4"        lookup4::Next::EDGES;
    /// No way out: do the alternative prefixes know one?
    Mex           "mex"            mex::Next::EDGES;
    /// What a next hop found without a lookup of its own is.
    NextHop       "next-hop"       next_hop::Next::EDGES;
    /// Makes the changes that MEX decided on.
    MexCommit     "mex-commit"     mex_commit::Next::EDGES;
    /// Errors toward hosts that know nothing of MEX.
    MexQuote      "mex-quote"      mex_quote::Next::EDGES;
    /// Hop limit, MTU, Ethernet header.
    Rewrite       "rewrite"        rewrite::Next::EDGES;
    /// The same for packets that SRv6 changes, and their changes.
    Srv6Rewrite   "srv6-rewrite"   srv6_rewrite::Next::EDGES;
    /// For this node.
    Local         "local"          local::Next::EDGES;
    /// Time to live, MTU, Ethernet header.
    Rewrite4      "rewrite4"       rewrite4::Next::EDGES;
    /// For this node.
    Local4        "local4"         local4::Next::EDGES;
    /// To the port's transmit queue.
    Output        "output"         output::Next::EDGES;
    /// To wait for a neighbor's MAC address.
    Resolve       "resolve"        resolve::Next::EDGES;
    /// To be cut.
    Fragment      "fragment"       fragment::Next::EDGES;
    /// For control: neighbor discovery and ARP.
    Control       "control"        control::Next::EDGES;
    /// Drops that the source hears of.
    IcmpError     "icmp-error"     icmp_error::Next::EDGES;
    /// Drops without a word.
    Drop          "drop"           discard::EDGES;
    /// The end of packets that served their purpose.
    Consume       "consume"        consume::EDGES;
}

/// How many nodes there are.
pub const NODES: usize = NodeId::ALL.len();

/// Where a packet goes: to a node, or to its end, for a reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// To this node.
    Node(NodeId),
    /// Dropped; with an `ICMPv6` error where the reason asks for one.
    Drop(Drop),
}

/// All that the nodes of one worker work with.
#[derive(Debug)]
pub struct Engine<B> {
    /// What control has programmed.
    pub tables: Tables,
    /// Token buckets.
    pub limits: Limits,
    /// To and from control.
    pub rings: Arc<Rings<B>>,
    /// By port: what the burst has to transmit.
    pub transmit: Box<[TransmitQueue<B>]>,
    /// Room for lookups.
    pub batch: LookupBatch<u128>,
    /// The same for IPv4.
    pub batch4: LookupBatch<u32>,
    /// Room for packets that seek alternatives.
    pub seekers: mex::Seekers,
}

/// Takes every packet of the burst to its end: on a transmit queue, at control, or dropped.
pub fn run<B: PacketBuf>(engine: &mut Engine<B>, burst: &mut Burst<B>) {
    let Engine { tables, limits, rings, transmit, batch, batch4, seekers } = engine;
    let counters = &rings.counters;
    while let Some(node) = burst.next_node() {
        match node {
            NodeId::EthernetInput => ethernet_input::process(tables, burst),
            NodeId::Ip6Input => ip6_input::process(tables, burst),
            NodeId::Ip4Input => ip4_input::process(tables, burst),
            NodeId::ArpInput => arp_input::process(tables, burst),
            NodeId::Lookup4 => lookup4::process(tables, batch4, burst),
            NodeId::Rewrite4 => rewrite4::process(tables, counters, burst),
            NodeId::Local4 => local4::process(tables, counters, burst),
            NodeId::Fragment => fragment::process(rings, burst),
            NodeId::MexPeer => mex_peer::process(tables, counters, burst),
            NodeId::Lookup => lookup::process(tables, batch, burst),
            NodeId::Srv6Endpoint => srv6_endpoint::process(tables, rings, &mut limits.samples, burst),
            NodeId::Srv6Headend => srv6_headend::process(tables, counters, burst),
            NodeId::Srv6Rewrite => srv6_rewrite::process(tables, counters, burst),
            NodeId::MexSite => mex_site::process(tables, counters, burst),
            NodeId::Mex => mex::process(tables, counters, &mut limits.mex, batch, seekers, burst),
            NodeId::NextHop => next_hop::process(tables, burst),
            NodeId::MexCommit => mex_commit::process(tables, counters, burst),
            NodeId::MexQuote => mex_quote::process(tables, counters, burst),
            NodeId::Rewrite => rewrite::process(tables, counters, burst),
            NodeId::Local => local::process(tables, counters, burst),
            NodeId::Output => output::process(tables, transmit, burst),
            NodeId::Resolve => resolve::process(tables, rings, burst),
            NodeId::Control => control::process(rings, burst),
            NodeId::IcmpError => icmp_error::process(tables, counters, limits, burst),
            NodeId::Drop => discard::process(counters, burst),
            NodeId::Consume => consume::process(counters, burst),
        }
    }
    burst.restart();
}

/// Draws the graph as a Mermaid flow chart: nodes, edges between them, and each node's named drops.
pub fn draw() -> String {
    let mut out = String::from("flowchart LR\n    receive([receive]) --> express{{express lane}}\n");
    out.push_str("    express -- usual --> transmit\n    express -- all others --> ethernet-input\n");
    for node in NodeId::ALL {
        let mut drops = Vec::new();
        let mut nodes = Vec::new();
        for edge in node.edges() {
            match edge {
                Edge::Node(to) if !nodes.contains(to) => nodes.push(*to),
                Edge::Node(_) => {}
                Edge::Drop(reason) => drops.push(*reason),
            }
        }
        for to in nodes {
            let _ = writeln!(out, "    {} --> {}", node.name(), to.name());
        }
        for (with_reply, end) in [(true, NodeId::IcmpError), (false, NodeId::Drop)] {
            let names: Vec<_> =
                drops.iter().filter(|d| d.reply().is_some() == with_reply).map(|d| d.name()).collect();
            if !names.is_empty() {
                let _ = writeln!(out, "    {} -. \"{}\" .-> {}", node.name(), names.join("<br>"), end.name());
            }
        }
    }
    out.push_str("    output --> transmit([transmit])\n    resolve --> held([control: packets wait])\n");
    out.push_str("    control --> nd([control: neighbor discovery, ARP])\n    nd --> output\n");
    out.push_str("    held -- resolved --> rewrite\n    held -- resolved --> rewrite4\n");
    out.push_str("    held -- no answer --> icmp-error\n");
    out.push_str("    fragment --> cut([control: packets are cut])\n    cut -- fragments --> rewrite4\n");
    out
}
