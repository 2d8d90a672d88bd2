//! RFC 2544 over virtio or real NICs: rates without loss, latency, bursts and recovery, of mexfwd and of `dpdk-testpmd` in
//! the same seat. The generator is a process of its own ([`crate::generator`]), and so is the device under test.

mod config;
mod dut;
mod plots;
mod priority;
mod procedure;
mod report;
mod run;
mod search;
mod short;

pub use config::mtu;
pub use dut::{Dut, Seat, is_installed};
pub use plots::{latency_plot, loss_plot};
pub use priority::Priority;
pub use procedure::{Measured, Plan};
pub use report::{Report, Row, json, markdown};
pub use run::{Task, run};
pub use search::Found;
pub use short::short;
