//! The packet engine: a graph of nodes that takes bursts of packets from ports to ports.
//!
//! No sockets, no clock, no DPDK type, and no allocation after start. The engine meets memory through
//! [`buffer::PacketBuf`], time as a number that the caller passes in, and control through the rings of
//! [`update`]. [`graph`] is the packet's path on one page.

mod arrivals;
pub mod buffer;
pub mod burst;
pub mod counters;
pub mod drop;
mod express;
pub mod fib;
pub mod flow;
pub mod graph;
pub mod id;
pub mod limit;
pub mod node;
pub mod table;
pub mod update;
pub mod wire;
pub mod worker;
