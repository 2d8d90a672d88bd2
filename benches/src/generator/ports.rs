//! The generator's devices: one that leads to the device under test, one that comes from it.

use std::time::{Duration, Instant};

use dpdk::{Eal, EalOptions, LogLevel, Mempool, MempoolConfig, Port, PortConfig, RxQueue, TxQueue};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Descriptors of a queue: what virtio's rings have when they are told `queue_size=1024`.
const DESCRIPTORS: u16 = 1024;
/// Buffers of a pool: the queues of a port twice, and what the thread keeps.
const BUFFERS: u32 = 8191;
const BUFFER_CACHE: u32 = 512;
/// Ethernet header and frame check sequence.
const FRAME_OVERHEAD_BYTES: u16 = 18;
const DATA_ROOM_MIN_BYTES: u16 = 2048;
/// Nothing is shared by files, so that several generators may have the same one.
const FILE_PREFIX: &str = "generator";
const LINK_POLL: Duration = Duration::from_millis(10);
/// Drivers whose transmit ring is the receive ring of the device under test, as there is no wire between: a frame that
/// finds it full is lost there. Other devices have a wire of their own, whose frames wait.
const WITHOUT_WIRE: [&str; 3] = ["net_virtio_user", "net_vhost", "net_memif"];

/// How to open the devices.
#[derive(Clone, Debug)]
pub struct Devices {
    /// DPDK's name and arguments of the device that leads to the device under test, or its PCI address.
    pub to_dut: String,
    /// Of the one that comes from it.
    pub from_dut: String,
    /// The processor for the thread that sends and receives; the first one that may be used if `None`.
    pub core: Option<usize>,
    /// Memory of DPDK, MiB.
    pub memory_mb: u32,
    /// Hugepages, or ordinary ones.
    pub has_hugepages: bool,
    /// The largest packet, octets behind the Ethernet header.
    pub mtu: u16,
    /// How long links may take to come up.
    pub link_timeout: Duration,
}

/// Queues and buffers, ready to send and receive.
#[derive(Debug)]
pub struct Ports {
    pub(super) transmit: TxQueue,
    pub(super) receive: RxQueue,
    pub(super) pool: Mempool,
    pub(super) is_without_wire: bool,
    /// Kept, so that they end after their queues.
    _devices: [Port; 2],
    eal: Eal,
}

impl Ports {
    /// Starts DPDK and the devices, binds the calling thread to its core, and waits for both links.
    ///
    /// # Errors
    /// What cannot be had.
    pub fn open(devices: &Devices) -> Result<Ports, String> {
        go_to(devices.core)?;
        let text = |error: dpdk::Error| error.to_string();
        let eal = Eal::init(&options(devices)).map_err(text)?;
        let room = (devices.mtu.saturating_add(FRAME_OVERHEAD_BYTES)).max(DATA_ROOM_MIN_BYTES);
        let config = MempoolConfig {
            count: BUFFERS,
            cache: BUFFER_CACHE,
            data_room_bytes: room,
            ..MempoolConfig::default()
        };
        let pool = Mempool::new(&eal, &config).map_err(text)?;
        let mut to_dut = open(&eal, &pool, &devices.to_dut, devices.mtu)?;
        let mut from_dut = open(&eal, &pool, &devices.from_dut, devices.mtu)?;
        let driver = to_dut.info().map_err(text)?.driver;
        for port in [&to_dut, &from_dut] {
            wait_for_link(port, devices.link_timeout)?;
        }
        Ok(Ports {
            transmit: to_dut.take_tx_queue(0).map_err(text)?,
            receive: from_dut.take_rx_queue(0).map_err(text)?,
            pool,
            is_without_wire: WITHOUT_WIRE.iter().any(|name| driver.starts_with(name)),
            _devices: [to_dut, from_dut],
            eal,
        })
    }

    /// DPDK's environment: the thread that runs trials registers itself with it.
    pub fn eal(&self) -> &Eal {
        &self.eal
    }
}

/// True for a PCI address with its domain, such as "0000:3b:00.0".
fn is_pci(device: &str) -> bool {
    let name = device.split(',').next().unwrap_or_default();
    name.contains(':') && name.contains('.') && !name.starts_with("net_")
}

fn options(devices: &Devices) -> EalOptions {
    let pci: Vec<&str> =
        [devices.to_dut.as_str(), &devices.from_dut].into_iter().filter(|device| is_pci(device)).collect();
    let options = EalOptions::new()
        .in_memory(true)
        .no_huge(!devices.has_hugepages)
        // The device under test maps this memory: few regions of it.
        .single_file_segments(devices.has_hugepages)
        .memory_mb(devices.memory_mb)
        .no_pci(pci.is_empty())
        .iova_va(pci.is_empty() || !devices.has_hugepages)
        .file_prefix(FILE_PREFIX)
        .log_level(LogLevel::Error)
        .force_max_simd_bitwidth(512);
    pci.into_iter().fold(options, EalOptions::allow)
}

fn open(eal: &Eal, pool: &Mempool, device: &str, mtu: u16) -> Result<Port, String> {
    let text = |error: dpdk::Error| format!("{device}: {error}");
    let mut port = Port::attach(eal, device).map_err(text)?;
    let config = PortConfig {
        rx_descriptors: DESCRIPTORS,
        tx_descriptors: DESCRIPTORS,
        mtu: is_pci(device).then_some(mtu),
        promiscuous: true,
        ..PortConfig::default()
    };
    port.configure(&config, pool).map_err(text)?;
    port.start().map_err(text)?;
    Ok(port)
}

fn wait_for_link(port: &Port, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    while !port.link().map_err(|error| error.to_string())?.up {
        if Instant::now() > deadline {
            return Err(format!("{}: no link after {} s", port.device(), limit.as_secs_f64()));
        }
        std::thread::sleep(LINK_POLL);
    }
    Ok(())
}

/// Binds the calling thread, and those that it makes, to one processor.
fn go_to(core: Option<usize>) -> Result<(), String> {
    let allowed = sched_getaffinity(None).map_err(|error| error.to_string())?;
    let core = core
        .or_else(|| (0..CpuSet::MAX_CPU).find(|core| allowed.is_set(*core)))
        .filter(|core| allowed.is_set(*core))
        .ok_or("this process may not run on that core")?;
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).map_err(|error| format!("core {core}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::is_pci;

    #[test]
    fn pci_addresses_are_told_from_virtual_devices() {
        assert!(is_pci("0000:3b:00.0") && is_pci("0000:3b:00.1,arg=1"));
        assert!(!is_pci("net_virtio_user0,path=/a:b.c") && !is_pci("net_null0"));
    }
}
