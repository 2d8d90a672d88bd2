//! Devices become ports: attached, configured, started, their queues shared out to the workers.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use dataplane::id::PortId;
use dataplane::wire::ethernet::Mac;
use dpdk::{Configured, Eal, Mempool, Port, Shortfall};

use super::RunError;
use super::environment::QUEUE_DESCRIPTORS;
use super::io::{DpdkIo, Outlet, RELAY_RING_LEN};
use crate::config::{Config, PortConfig};

/// How drivers that need to be told call their number of queues.
const QUEUE_ARGUMENTS: [(&str, &str); 4] = [
    ("net_af_packet", "qpairs"),
    ("net_af_xdp", "queue_count"),
    ("net_vhost", "queues"),
    (VIRTIO_USER, "queues"),
];

/// The driver that is a server for vhost clients with `server=1`.
const VIRTIO_USER: &str = "net_virtio_user";

/// Drivers that take their MAC address as an argument, and no other way.
const MAC_ARGUMENT: [&str; 2] = [VIRTIO_USER, "net_memif"];

/// Bits of a MAC address's first octet (IEEE 802, 8.2).
const LOCALLY_ADMINISTERED: u8 = 2;
const GROUP: u8 = 1;

/// The driver whose interface is the kernel's end of a wire, where other drivers take the interface for themselves.
const TAP: &str = "net_tap";

/// A started device.
#[derive(Debug)]
pub struct Device {
    /// Its name in the configuration.
    pub name: String,
    /// Its station address.
    pub mac: Mac,
    /// Its driver.
    pub driver: String,
    /// The kernel's interface behind it, if there is one.
    pub interface_index: Option<u32>,
    /// Its interface is the kernel's end of a wire whose other end is this port.
    pub is_kernels_peer: bool,
    /// The device itself.
    pub port: Port,
    configured: Configured,
}

impl Device {
    /// Stops and closes the device.
    pub fn end(mut self, config: &PortConfig) {
        if let Err(error) = self.port.stop() {
            tracing::warn!("port \"{}\": {error}", self.name);
        }
        let device = config.device.as_deref().unwrap_or_default();
        let argument = |name: &str| device.split(',').find_map(|argument| argument.strip_prefix(name));
        if self.driver == VIRTIO_USER && argument("server=") == Some("1") {
            // Closing it after its peer has left once makes DPDK 22.11 panic: it closes a descriptor that its interrupt
            // thread still watches. The process ends now anyhow; only the socket would stay, and keep the next start
            // from making its own.
            std::mem::forget(self.port);
            if let Some(path) = argument("path=")
                && let Err(error) = std::fs::remove_file(path)
            {
                tracing::warn!("{path}: {error}");
            }
        }
    }
}

/// Brings every port of the configuration up, in its order.
///
/// # Errors
/// The first device that cannot be had.
pub fn start_all(eal: &Eal, pool: &Mempool, config: &Config) -> Result<Vec<Device>, RunError> {
    let workers = config.dpdk.workers.len();
    config.ports.iter().map(|port| start(eal, pool, port, workers)).collect()
}

fn start(eal: &Eal, pool: &Mempool, config: &PortConfig, workers: usize) -> Result<Device, RunError> {
    let device = config.device.clone().unwrap_or_default();
    let refused = |error| RunError::Port { name: config.name.clone(), device: device.clone(), error };
    let mut port = Port::attach(eal, &devargs(&device, config.queues, config.mac)).map_err(refused)?;
    let asked = dpdk::PortConfig {
        rx_queues: config.queues,
        tx_queues: u16::try_from(workers).unwrap_or(u16::MAX),
        rx_descriptors: QUEUE_DESCRIPTORS,
        tx_descriptors: QUEUE_DESCRIPTORS,
        mtu: Some(config.mtu),
        ..dpdk::PortConfig::default()
    };
    let configured = port.configure(&asked, pool).map_err(refused)?;
    let info = port.info().map_err(refused)?;
    let is_kernels_peer = info.driver == TAP && !device.contains(",remote=");
    let mac = if is_kernels_peer { mac_beside(&port, config) } else { set_mac(&port, config) };
    let mac = mac.map_err(refused)?;
    port.start().map_err(refused)?;
    note_shortfalls(&port, config, &configured, workers);
    Ok(Device {
        name: config.name.clone(),
        mac: Mac(mac),
        driver: info.driver,
        interface_index: info.interface_index,
        is_kernels_peer,
        port,
        configured,
    })
}

/// The device's arguments, with what the driver must be told and the operator has said elsewhere.
fn devargs(device: &str, queues: u16, mac: Option<[u8; 6]>) -> String {
    let driver = device.split(',').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    let mut devargs = device.to_owned();
    let mut add = |argument: &str, value: String| {
        if !device.contains(&format!(",{argument}=")) {
            devargs = format!("{devargs},{argument}={value}");
        }
    };
    if let Some((_, argument)) = QUEUE_ARGUMENTS.iter().find(|(name, _)| *name == driver)
        && queues > 1
    {
        add(argument, queues.to_string());
    }
    if let Some(mac) = mac
        && MAC_ARGUMENT.contains(&driver)
    {
        add("mac", Mac(mac).to_string());
    }
    devargs
}

/// Gives the device the configured address. A device that cannot have it receives everything: the graph sorts out what
/// is for others.
fn set_mac(port: &Port, config: &PortConfig) -> Result<[u8; 6], dpdk::Error> {
    let own = port.mac()?;
    let Some(mac) = config.mac else {
        return if Mac(own).is_multicast() || own == [0; 6] {
            Err(dpdk::Error::InvalidOption(
                "the device has no MAC address of its own: configure one".to_owned(),
            ))
        } else {
            Ok(own)
        };
    };
    if own == mac {
        return Ok(mac);
    }
    if let Err(error) = port.set_mac(mac) {
        let name = &config.name;
        tracing::info!("port \"{name}\": the device keeps its MAC address {}: {error}", Mac(own));
        receive_everything(port, name);
    }
    Ok(mac)
}

/// The address of this end of a wire to the kernel: as configured, else next to that of the kernel's end.
fn mac_beside(port: &Port, config: &PortConfig) -> Result<[u8; 6], dpdk::Error> {
    let theirs = port.mac()?;
    match config.mac {
        Some(mac) if mac == theirs => {
            Err(dpdk::Error::InvalidOption(format!("{} is the MAC address of the kernel's end", Mac(mac))))
        }
        Some(mac) => Ok(mac),
        None => {
            let [first, middle @ .., last] = theirs;
            let [a, b, c, d] = middle;
            Ok([(first | LOCALLY_ADMINISTERED) & !GROUP, a, b, c, d, last ^ 1])
        }
    }
}

fn receive_everything(port: &Port, name: &str) {
    if let Err(error) = port.set_promiscuous(true) {
        // Virtual devices without filters end here: they receive everything anyhow.
        tracing::debug!("port \"{name}\": not promiscuous: {error}");
    }
}

fn note_shortfalls(port: &Port, config: &PortConfig, configured: &Configured, workers: usize) {
    let name = &config.name;
    for shortfall in &configured.shortfalls {
        match shortfall {
            Shortfall::AllMulticast(_) => receive_everything(port, name),
            Shortfall::TxQueues { .. } => tracing::info!(
                "port \"{name}\": {workers} workers share {} transmit queue(s)",
                configured.tx_queues
            ),
            // Drivers without RSS have ways of their own, if they have several queues.
            Shortfall::Rss => tracing::info!("port \"{name}\": {shortfall}"),
            Shortfall::RxDescriptors { .. } | Shortfall::TxDescriptors { .. } => {
                tracing::debug!("port \"{name}\": {shortfall}");
            }
            // Drivers without an MTU carry any frame; those that refuse to set one say what they have.
            Shortfall::Mtu { asked, got, .. } if got >= asked => {
                tracing::debug!("port \"{name}\": {shortfall}");
            }
            shortfall => tracing::warn!("port \"{name}\": {shortfall}"),
        }
    }
}

/// The worker that polls the `number`-th receive queue, counted over all ports: to and fro, 0, 1, 2, 2, 1, 0, 0, 1, and so
/// on. Ports that receive much commonly stand one after the other, or are every second one, a customer's beside an
/// uplink: both ways each worker gets as many of them as any other. In turn, two workers would share the second kind
/// so that one has all the packets. Ports with a queue for each worker do not all have their first one, which takes
/// what cannot be hashed, on the same worker.
fn poller(number: usize, workers: usize) -> usize {
    let workers = workers.max(1);
    let step = number % (2 * workers);
    step.min(2 * workers - 1 - step)
}

/// Shares the queues out: receive queues over the workers, to and fro; transmit queues one to each as far as there are.
///
/// # Errors
/// What DPDK says.
pub fn share_out(devices: &mut [Device], workers: usize) -> Result<Vec<DpdkIo>, RunError> {
    let mut ios: Vec<DpdkIo> = (0..workers).map(|_| DpdkIo::new()).collect();
    let mut next = 0;
    for (index, device) in devices.iter_mut().enumerate() {
        let id = PortId(index as u16);
        let name = device.name.clone();
        let refused = |error| RunError::Port { name: name.clone(), device: name.clone(), error };
        for queue in 0..device.configured.rx_queues {
            let queue = device.port.take_rx_queue(queue).map_err(refused)?;
            if let Some(io) = ios.get_mut(poller(next, workers)) {
                io.add_inlet(id, queue);
            }
            next += 1;
        }
        let owners = usize::from(device.configured.tx_queues).min(workers);
        let rings: Vec<_> = (0..owners).map(|_| Arc::new(ArrayQueue::new(RELAY_RING_LEN))).collect();
        for (worker, io) in ios.iter_mut().enumerate() {
            if worker < owners {
                io.add_outlet(Outlet::Own(device.port.take_tx_queue(worker as u16).map_err(refused)?));
            } else if let Some(ring) = rings.get(worker % owners.max(1)) {
                io.add_outlet(Outlet::Relayed(Arc::clone(ring)));
            }
        }
        if owners < workers {
            for (io, ring) in ios.iter_mut().zip(rings) {
                io.add_relay(id, ring);
            }
        }
    }
    Ok(ios)
}

#[cfg(test)]
mod tests {
    use super::{devargs, poller};

    /// How many of these queues each worker polls.
    fn polled(queues: impl Iterator<Item = usize>, workers: usize) -> Vec<usize> {
        let mut counts = vec![0; workers];
        queues.for_each(|queue| counts[poller(queue, workers)] += 1);
        counts
    }

    #[test]
    fn workers_get_as_many_queues_of_either_side() {
        for workers in 1..=64 {
            let even = vec![1; workers];
            for round in 0..3 {
                let first = round * 2 * workers;
                // Ports of one side before those of the other.
                assert_eq!(polled(first..first + workers, workers), even, "{workers}");
                assert_eq!(polled(first + workers..first + 2 * workers, workers), even, "{workers}");
                // They alternate.
                for side in 0..2 {
                    let queues = (first + side..first + 2 * workers).step_by(2);
                    assert_eq!(polled(queues, workers), even, "{workers}, every second one from {side}");
                }
            }
        }
    }

    #[test]
    fn queues_that_are_the_first_of_their_ports_are_not_all_on_one_worker() {
        let first = |port: usize| poller(port * 4, 4);
        assert_eq!([first(0), first(1), first(2), first(3)], [0, 3, 0, 3]);
    }

    #[test]
    fn drivers_are_told_once() {
        for (device, queues, told) in [
            ("net_af_packet0,iface=a", 1, "net_af_packet0,iface=a"),
            ("net_af_packet0,iface=a", 4, "net_af_packet0,iface=a,qpairs=4"),
            ("net_af_packet0,iface=a,qpairs=2", 4, "net_af_packet0,iface=a,qpairs=2"),
            ("net_vhost12,iface=/s", 2, "net_vhost12,iface=/s,queues=2"),
            ("net_virtio_user0,path=/s", 2, "net_virtio_user0,path=/s,queues=2,mac=02:00:00:00:00:0a"),
            ("net_memif0,mac=02:00:00:00:00:01", 1, "net_memif0,mac=02:00:00:00:00:01"),
            ("net_null0", 2, "net_null0"),
            ("0000:3b:00.0", 8, "0000:3b:00.0"),
        ] {
            assert_eq!(devargs(device, queues, Some([2, 0, 0, 0, 0, 10])), told);
        }
        assert_eq!(devargs("net_memif0", 1, None), "net_memif0");
    }
}
