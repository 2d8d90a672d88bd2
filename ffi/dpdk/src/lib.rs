//! Safe Rust over DPDK: the environment ([`Eal`]), pools of packet buffers ([`Mempool`]), packet buffers
//! ([`Mbuf`]), and Ethernet devices ([`Port`]) with queues that belong to one thread by type ([`RxQueue`],
//! [`TxQueue`]). Nothing that safe code does with these types is undefined behaviour, and nothing on the way of
//! a packet allocates, locks or makes a system call of its own.
//!
//! Who owns whom: queues, handles and pools keep the environment alive; a queue keeps its port alive and started;
//! a port keeps the pools that it fills alive; a pool's memory goes back only when the last packet buffer has.
//! So things may be dropped in any order.
//!
//! ```no_run
//! use dpdk::{Eal, EalOptions, Mempool, MempoolConfig, MbufBurst, Port, PortConfig};
//!
//! # fn main() -> Result<(), dpdk::Error> {
//! let eal = Eal::init(&EalOptions::new().in_memory(true).no_huge(true).memory_mb(256))?;
//! let pool = Mempool::new(&eal, &MempoolConfig { count: 8191, ..MempoolConfig::default() })?;
//!
//! let mut port = Port::attach(&eal, "net_af_packet0,iface=veth0")?;
//! let got = port.configure(&PortConfig { mtu: Some(1500), ..PortConfig::default() }, &pool)?;
//! for shortfall in &got.shortfalls {
//!     eprintln!("{shortfall}");
//! }
//! port.start()?;
//! let (mut receive, mut transmit) = (port.take_rx_queue(0)?, port.take_tx_queue(0)?);
//!
//! let worker_eal = eal.clone();
//! let worker = std::thread::spawn(move || {
//!     let _lcore = worker_eal.register_thread(); // this thread's own cache in every pool
//!     let mut burst = MbufBurst::new();
//!     for _ in 0..1_000_000 {
//!         receive.receive(&mut burst);
//!         transmit.transmit(burst.as_mut_slice());
//!         burst.clear(); // what the device did not take
//!     }
//! });
//! println!("{:?} {:?}", port.link(), port.statistics()); // while the worker polls
//! worker.join().ok();
//! # Ok(())
//! # }
//! ```
//!
//! # What the virtual devices can do
//! As seen with DPDK 22.11; all of them work with hugepages and without.
//!
//! | device | link state | MTU | MAC | promiscuous | queues | `interface_index` |
//! |---|---|---|---|---|---|---|
//! | `net_af_packet` | always up | up to 1500, sets the interface's | sets | sets | `qpairs=N`, the kernel hashes flows | yes |
//! | `net_af_xdp` | always up | up to 3542, sets the interface's | no | sets | `queue_count=N` of the interface's | yes |
//! | `net_tap` | the interface's own | up to 1500, sets the interface's | sets | sets | up to 16 | yes |
//! | `net_pcap` | always up | no | no | always | one for each file or interface named | with `iface=` |
//! | `net_ring` | as set | no | no | on record only | up to 16 | no |
//! | `net_null` | always up | on record only | on record only | always | any | no |
//! | `net_vhost`, `net_memif` | the peer's presence | no | no | always | `queues=N`; any | no |
//! | `net_virtio_user` | the peer's presence | up to 9698 | no | with several queues | `queues=N` | no |
//!
//! - The drivers of kernel interfaces do not notice a lost carrier, an interface that is set down, or one that is
//!   deleted: who wants to know watches the kernel's interface [`DeviceInfo::interface_index`] for it. Packets for
//!   such an interface are accepted by [`TxQueue::transmit`], and dropped; `net_af_packet` counts them in
//!   [`Statistics::tx_errors`].
//! - `net_pcap` with `infinite_rx=1` needs enough buffers for the whole capture, besides those for receiving.
//! - `net_ring` keeps its ring, and the packets in it, when its port is gone; a port of the same name finds them.
//! - `net_af_xdp` loses the buffers that the kernel had for receiving when its port is closed. Their pool's memory is
//!   then never freed; attach such a port once.
//! - Packets that the kernel sends over veth may have their checksums unfinished and be larger than the MTU, for
//!   the receiver's hardware to finish and cut: switch that off with `ethtool -K PEER tx off gso off tso off`.
#![allow(unsafe_code)]

mod burst;
mod eal;
mod error;
mod handle;
mod log;
#[cfg(feature = "lpm")]
pub mod lpm;
mod mbuf;
mod mempool;
mod options;
mod port;
mod port_config;
mod queue;
mod time;

pub use burst::{BURST_CAPACITY, MbufBurst};
pub use eal::{Eal, ThreadRegistration};
pub use error::Error;
pub use handle::{LinkStatus, PortHandle, Statistics};
pub use log::LogLevel;
pub use mbuf::{HEADROOM_BYTES, Mbuf};
pub use mempool::{Mempool, MempoolConfig};
pub use options::{EalOptions, free_hugepages_mb};
pub use port::{Port, PortId};
pub use port_config::{Configured, DeviceInfo, PortConfig, Shortfall};
pub use queue::{RxQueue, TxQueue};
pub use time::{tsc, tsc_hz};
