//! A traffic generator and analyzer: a process of its own with two DPDK devices, one that leads to the device under test
//! and one that comes from it, by virtio or real NICs. Its thread sends frames at a paced rate and receives what comes
//! back; each frame carries its number and the time when it was sent.
//!
//! `generator` (the binary) serves trials: requests and replies are lines of JSON ([`Request`], [`Reply`]). Programs that
//! measure something start it with [`Client`]:
//!
//! ```no_run
//! use benches::generator::{Client, Command, Load, WorkloadRequest};
//!
//! # fn main() -> Result<(), String> {
//! let mut generator = Client::start(&Command {
//!     program: "target/release/generator".into(),
//!     to_dut: "net_virtio_user0,path=/run/dut-in,queue_size=1024".to_owned(),
//!     from_dut: "net_virtio_user1,path=/run/dut-out,queue_size=1024".to_owned(),
//!     ..Command::default()
//! })?;
//! generator.workload(WorkloadRequest {
//!     kind: "plain".to_owned(),
//!     frame_bytes: 64,
//!     flows: 256,
//!     destinations: None, // or a file with an address a line, for a table of your own
//!     unchanged: false,
//! })?;
//! let outcome = generator.run(&Load { interval_ms: 10.0, ..Load::steady(2e6, 1.0) })?;
//! println!("{} lost of {}", outcome.lost, outcome.offered);
//! # Ok(())
//! # }
//! ```

mod checksum;
mod client;
mod engine;
mod latency;
mod pace;
mod packet;
mod pcap;
mod ports;
mod probe;
mod sequence;
mod serve;
mod trial;
mod workload;

pub use client::{Client, Command, waited_ns};
pub use engine::Engine;
pub use pcap::pcap;
pub use ports::{Devices, Ports};
pub use serve::serve;
pub use trial::{
    Interval, Latency, Load, Outcome, Phase, PhaseOutcome, Reply, Request, WorkloadRequest, read_destinations,
};
pub use workload::{
    DECAPSULATING_SID, GROWTH_MAX, Kind, POLICY_SEGMENT, POLICY_SOURCE, Plan, ROUTES, SEGMENTS, Stations,
    Template, Wanted, Workload, destination_prefix, destinations, headers_len,
};
