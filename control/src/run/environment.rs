//! DPDK's environment for a configuration: memory, vector width, logs, and how many packet buffers there are.

use std::fs;

use dataplane::burst::SLOTS;
use dataplane::update::{INJECT_RING_LEN, PUNT_RING_LEN};
use dpdk::{Eal, EalOptions, LogLevel, Mempool, MempoolConfig};

use super::io::RELAY_RING_LEN;
use super::{RunError, log};
use crate::config::{Config, Hugepages};

/// Descriptors of each receive and each transmit queue.
pub const QUEUE_DESCRIPTORS: u16 = 1024;

/// Packet buffers that each thread keeps for itself.
const POOL_CACHE: u32 = 512;
/// Packets that may wait for neighbors, over all ports, before the pool runs low.
const HELD_PACKETS: usize = 1024;
/// Octets that one packet buffer takes besides its data: the pool's and DPDK's headers, the headroom, alignment.
const BUFFER_OVERHEAD_BYTES: u64 = 64 + 128 + 128 + 64;
/// Data room of a buffer unless a port's MTU asks for more, octets.
const DATA_ROOM_BYTES: u16 = 2048;
/// What a frame has besides a packet of the MTU: Ethernet header and checksum, octets.
const FRAME_OVERHEAD_BYTES: u16 = 18;
/// Buffers take at most this part of the memory: the rest is for devices.
const POOL_SHARE: (u64, u64) = (3, 4);
/// Hugepages for everything besides packet buffers: descriptor rings and what drivers keep, MiB.
const DEVICES_MB: u64 = 32;
/// The least that a frame takes in a capture file: its record header, and an Ethernet header, octets.
const CAPTURED_MIN_BYTES: u64 = 16 + 14;
const MIB: u64 = 1 << 20;

/// Under this name `dpdk-telemetry -f mexfwd` finds the daemon; a second one of this machine gets a number behind it.
const FILE_PREFIX: &str = "mexfwd";

/// Starts DPDK as the configuration wants it, and makes the pool that all ports receive into.
///
/// # Errors
/// The configured memory is too small, or what EAL says.
pub fn start(config: &Config) -> Result<(Eal, Mempool), RunError> {
    let data_room_bytes = data_room_bytes(config);
    let huge_mb = huge_mb(config, data_room_bytes)?;
    let is_huge = takes_hugepages(config, huge_mb);
    let count = buffers(config, buffer_bytes(data_room_bytes, is_huge))?;
    // Ordinary pages become memory when they are written to, but there will never be more of them.
    let memory_mb = if is_huge { huge_mb } else { memory_mb(config) };
    let eal = Eal::init(&options(config, is_huge, memory_mb)).map_err(RunError::Environment)?;
    let pool = MempoolConfig { count, cache: POOL_CACHE, data_room_bytes, socket: None };
    let pool = Mempool::new(&eal, &pool).map_err(RunError::Environment)?;
    Ok((eal, pool))
}

fn memory_mb(config: &Config) -> u64 {
    config.dpdk.memory_bytes.div_ceil(MIB)
}

/// Hugepages to take at start, MiB: for the packet buffers and what devices commonly need, not more than is configured. Devices
/// that need more get it while they start.
fn huge_mb(config: &Config, data_room_bytes: u16) -> Result<u64, RunError> {
    let bytes = buffer_bytes(data_room_bytes, true);
    let pool_bytes = u64::from(buffers(config, bytes)?) * bytes;
    Ok((pool_bytes.div_ceil(MIB) + DEVICES_MB).min(memory_mb(config)))
}

fn takes_hugepages(config: &Config, wanted_mb: u64) -> bool {
    if config.dpdk.hugepages == Hugepages::Off {
        return false;
    }
    let free_mb = dpdk::free_hugepages_mb();
    if free_mb < wanted_mb {
        tracing::info!("ordinary memory: {free_mb} MiB of hugepages are free, {wanted_mb} MiB are needed");
    }
    free_mb >= wanted_mb
}

fn options(config: &Config, is_huge: bool, memory_mb: u64) -> EalOptions {
    let devices: Vec<&str> = config.ports.iter().filter_map(|port| port.device.as_deref()).collect();
    let pci: Vec<&str> = devices.into_iter().filter(|device| is_pci(device)).collect();
    let mut options = EalOptions::new()
        .in_memory(true)
        .no_huge(!is_huge)
        // Other processes' devices map this memory by its files: few of them.
        .single_file_segments(is_huge)
        .memory_mb(u32::try_from(memory_mb).unwrap_or(u32::MAX))
        .no_pci(pci.is_empty())
        .iova_va(!is_huge || pci.is_empty())
        .telemetry(true)
        .file_prefix(FILE_PREFIX)
        .log_level(LogLevel::Warning)
        .log_to(log::log);
    if has_avx512() {
        options = options.force_max_simd_bitwidth(512);
    }
    for device in pci {
        options = options.allow(device);
    }
    options
}

/// True for a PCI address, with its domain or without, such as "0000:3b:00.0".
pub fn is_pci(device: &str) -> bool {
    let address = device.split(',').next().unwrap_or_default();
    let Some((slot, function)) = address.rsplit_once('.') else { return false };
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    let fields = slot.split(':').filter(|field| is_hex(field)).count();
    is_hex(function) && (2..=3).contains(&fields) && slot.matches(':').count() + 1 == fields
}

fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    let has = std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    let has = false;
    has
}

/// Room for a frame of the largest MTU.
fn data_room_bytes(config: &Config) -> u16 {
    let mtu = config.ports.iter().map(|port| port.mtu).max().unwrap_or_default();
    mtu.saturating_add(FRAME_OVERHEAD_BYTES).max(DATA_ROOM_BYTES)
}

/// What one packet buffer takes. A buffer does not cross the border of an ordinary page, unless it is longer than one.
fn buffer_bytes(data_room_bytes: u16, is_huge: bool) -> u64 {
    let bytes = u64::from(data_room_bytes) + BUFFER_OVERHEAD_BYTES;
    let page_bytes = rustix::param::page_size() as u64;
    match page_bytes / bytes {
        _ if is_huge => bytes,
        0 => bytes.next_multiple_of(page_bytes),
        in_page => page_bytes / in_page,
    }
}

/// How many packet buffers: as many as can be in use at once, if the memory has room for them.
fn buffers(config: &Config, buffer_bytes: u64) -> Result<u32, RunError> {
    let workers = config.dpdk.workers.len();
    let received: usize = config.ports.iter().map(|port| usize::from(port.queues)).sum();
    let in_devices = (received + config.ports.len() * workers) * usize::from(QUEUE_DESCRIPTORS);
    let cached = (workers + 1) * (POOL_CACHE as usize * 3 / 2);
    let in_graph = workers * (SLOTS + PUNT_RING_LEN + INJECT_RING_LEN);
    let relayed = if workers > 1 { config.ports.len() * RELAY_RING_LEN } else { 0 };
    let captured = config.ports.iter().filter_map(|port| port.device.as_deref()).map(captured).sum::<u64>();

    // Below this, devices would never get all their buffers, or workers none.
    let least = (in_devices + cached + workers * SLOTS) as u64;
    let wanted = least + (in_graph + relayed + HELD_PACKETS) as u64 + captured;
    // One less than a power of two is what a ring of buffers holds.
    let wanted = (wanted + 1).next_power_of_two() - 1;
    let possible = config.dpdk.memory_bytes / POOL_SHARE.1 * POOL_SHARE.0 / buffer_bytes;
    if possible < least {
        let needed_mb = (least * buffer_bytes * POOL_SHARE.1).div_ceil(POOL_SHARE.0).div_ceil(MIB);
        return Err(RunError::Memory { needed_mb });
    }
    Ok(u32::try_from(wanted.min(possible)).unwrap_or(u32::MAX))
}

/// Buffers that a device keeps for a capture file that it plays again and again, at most.
fn captured(device: &str) -> u64 {
    let arguments = || device.split(',').skip(1);
    if !arguments().any(|argument| argument == "infinite_rx=1") {
        return 0;
    }
    let files = arguments().filter_map(|argument| argument.strip_prefix("rx_pcap="));
    files.filter_map(|file| fs::metadata(file).ok()).map(|file| file.len() / CAPTURED_MIN_BYTES).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        crate::config::parse("a.toml", text).unwrap().0
    }

    #[test]
    fn pci_addresses_are_told_from_virtual_devices() {
        for device in ["0000:3b:00.0", "3b:00.1", "0000:3b:00.0,representor=0"] {
            assert!(is_pci(device), "{device}");
        }
        for device in
            ["net_null0", "net_pcap0,rx_pcap=3b:00.0", "net_af_packet0,iface=eth0.1", "", "a.b", ":.0"]
        {
            assert!(!is_pci(device), "{device}");
        }
    }

    #[test]
    fn buffers_fill_the_queues_and_fit_the_memory() {
        let port = "[[port]]\nname = \"a\"\ndevice = \"net_null0\"\n";
        let small = config(&format!("[dpdk]\nmemory = \"64M\"\nworkers = [0]\n{port}"));
        let count = buffers(&small, 4096).unwrap();
        assert_eq!(count, 8191, "two queues, two caches, the rings: the next power of two, less one");
        let tiny = config(&format!("[dpdk]\nmemory = \"16M\"\nworkers = [0]\n{port}"));
        let Err(RunError::Memory { needed_mb }) = buffers(&tiny, 4096) else {
            panic!("16 MiB is too little")
        };
        let enough = config(&format!("[dpdk]\nmemory = \"{needed_mb}M\"\nworkers = [0]\n{port}"));
        assert!(buffers(&enough, 4096).is_ok(), "{needed_mb} MiB");
    }

    #[test]
    fn hugepages_are_taken_for_what_there_is_and_not_for_all_that_may_be() {
        let port = "[[port]]\nname = \"a\"\ndevice = \"net_null0\"\n";
        let taken = |memory| {
            let config = config(&format!("[dpdk]\nmemory = \"{memory}M\"\nworkers = [0]\n{port}"));
            huge_mb(&config, data_room_bytes(&config)).unwrap()
        };
        // 8191 buffers of 2432 octets are 19 MiB.
        assert_eq!((taken(512), taken(4096), taken(48)), (51, 51, 48));
    }

    #[test]
    fn a_buffer_takes_whole_pages_where_it_must() {
        let page = rustix::param::page_size() as u64;
        assert_eq!(buffer_bytes(2048, true), 2432);
        for room in [1000, 2048, 9018, 65000] {
            let taken = buffer_bytes(room, false);
            assert!(taken >= u64::from(room) + 320, "{room}: {taken}");
            assert!(taken.is_multiple_of(page) || (page / taken) * taken <= page, "{room}: {taken}");
        }
    }

    #[test]
    fn the_largest_mtu_fits_into_a_buffer() {
        assert_eq!(data_room_bytes(&config("[[port]]\nname = \"a\"\n")), 2048);
        assert_eq!(data_room_bytes(&config("[[port]]\nname = \"a\"\nmtu = 9000\n")), 9018);
    }
}
