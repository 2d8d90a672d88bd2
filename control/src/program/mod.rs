//! As programmed: from routes, neighbors and ports to the tables that workers read.

pub mod adjacencies;
pub mod compile;
pub mod next_hops;
pub mod policy;

pub use adjacencies::AdjacencyTable;
pub use compile::{Input, Programmed, compile};
pub use next_hops::NextHopTable;
