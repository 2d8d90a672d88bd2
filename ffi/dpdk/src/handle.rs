//! Control of a port while workers poll its queues.

use std::sync::Arc;

use dpdk_sys as sys;

use crate::Error;
use crate::error::check;
use crate::port::{PortId, PortInner};
use crate::port_config::DeviceInfo;

/// The state of a link, without waiting for it to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// Frames can pass, as far as the driver knows. See the crate's documentation for which drivers notice a
    /// lost carrier.
    pub up: bool,
    /// Speed in Mb/s, if known.
    pub speed_mbps: Option<u32>,
    /// Both directions at once.
    pub full_duplex: bool,
    /// The speed was negotiated.
    pub autonegotiated: bool,
}

/// Counters of a port since it was started or reset. What a driver does not count is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets transmitted.
    pub tx_packets: u64,
    /// Octets received.
    pub rx_bytes: u64,
    /// Octets transmitted.
    pub tx_bytes: u64,
    /// Packets that the device dropped because its receive queues were full.
    pub rx_missed: u64,
    /// Packets received with errors.
    pub rx_errors: u64,
    /// Times that a receive queue found its pool exhausted.
    pub rx_no_mbuf: u64,
    /// Packets that could not be transmitted.
    pub tx_errors: u64,
}

/// Control of a port while workers poll its queues: link, counters, addresses, MTU. Every function takes the
/// port's lock, which the queues never do. Some drivers refuse some changes while the port is started; then the
/// error says so.
#[derive(Clone, Debug)]
pub struct PortHandle {
    pub(crate) inner: Arc<PortInner>,
}

impl PortHandle {
    /// The port's number.
    pub fn id(&self) -> PortId {
        self.inner.id()
    }

    /// The device's name: the devargs up to the first comma.
    pub fn device(&self) -> &str {
        &self.inner.device
    }

    /// What the device says about itself.
    ///
    /// # Errors
    /// What the driver says.
    pub fn info(&self) -> Result<DeviceInfo, Error> {
        let _control = self.inner.control();
        Ok(DeviceInfo::from_raw(&self.inner.device_info()?))
    }

    /// The link's state, at once.
    ///
    /// # Errors
    /// What the driver says.
    pub fn link(&self) -> Result<LinkStatus, Error> {
        let _control = self.inner.control();
        let mut raw = sys::dpdk_shim_link::default();
        // SAFETY: the port exists; `raw` is there to be written.
        check("rte_eth_link_get_nowait", || unsafe { sys::dpdk_shim_link(self.inner.id().0, &raw mut raw) })?;
        let known = raw.speed_mbps != 0 && raw.speed_mbps != u32::MAX;
        Ok(LinkStatus {
            up: raw.up,
            speed_mbps: known.then_some(raw.speed_mbps),
            full_duplex: raw.full_duplex,
            autonegotiated: raw.autonegotiated,
        })
    }

    /// Sets the link up or down; workers may go on polling.
    ///
    /// # Errors
    /// [`Error::Unsupported`] by many virtual devices; what the driver says.
    pub fn set_link(&self, up: bool) -> Result<(), Error> {
        let _control = self.inner.control();
        let id = self.inner.id().0;
        if up {
            // SAFETY: the port exists.
            check("rte_eth_dev_set_link_up", || unsafe { sys::rte_eth_dev_set_link_up(id) })
        } else {
            // SAFETY: the port exists.
            check("rte_eth_dev_set_link_down", || unsafe { sys::rte_eth_dev_set_link_down(id) })
        }
    }

    /// The counters.
    ///
    /// # Errors
    /// What the driver says.
    pub fn statistics(&self) -> Result<Statistics, Error> {
        let _control = self.inner.control();
        let mut raw = sys::dpdk_shim_statistics::default();
        // SAFETY: the port exists; `raw` is there to be written.
        check("rte_eth_stats_get", || unsafe { sys::dpdk_shim_statistics(self.inner.id().0, &raw mut raw) })?;
        Ok(Statistics {
            rx_packets: raw.rx_packets,
            tx_packets: raw.tx_packets,
            rx_bytes: raw.rx_bytes,
            tx_bytes: raw.tx_bytes,
            rx_missed: raw.rx_missed,
            rx_errors: raw.rx_errors,
            rx_no_mbuf: raw.rx_no_mbuf,
            tx_errors: raw.tx_errors,
        })
    }

    /// Sets the counters to 0.
    ///
    /// # Errors
    /// What the driver says.
    pub fn reset_statistics(&self) -> Result<(), Error> {
        let _control = self.inner.control();
        // SAFETY: the port exists.
        check("rte_eth_stats_reset", || unsafe { sys::rte_eth_stats_reset(self.inner.id().0) })
    }

    /// The MAC address.
    ///
    /// # Errors
    /// What the driver says.
    pub fn mac(&self) -> Result<[u8; 6], Error> {
        let _control = self.inner.control();
        let mut mac = [0; 6];
        // SAFETY: the port exists; the callee writes six octets.
        check("rte_eth_macaddr_get", || unsafe { sys::dpdk_shim_mac(self.inner.id().0, mac.as_mut_ptr()) })?;
        Ok(mac)
    }

    /// Sets the MAC address.
    ///
    /// # Errors
    /// [`Error::Unsupported`]; what the driver says, for a multicast address for example.
    pub fn set_mac(&self, mac: [u8; 6]) -> Result<(), Error> {
        let _control = self.inner.control();
        check("rte_eth_dev_default_mac_addr_set", || {
            // SAFETY: the port exists; the callee reads six octets.
            unsafe { sys::dpdk_shim_set_mac(self.inner.id().0, mac.as_ptr()) }
        })
    }

    /// The MTU in octets, as DPDK has it.
    ///
    /// # Errors
    /// What the driver says.
    pub fn mtu(&self) -> Result<u16, Error> {
        let _control = self.inner.control();
        self.inner.mtu()
    }

    /// Sets the MTU in octets.
    ///
    /// # Errors
    /// [`Error::Unsupported`]; what the driver says: some must be stopped first.
    pub fn set_mtu(&self, mtu: u16) -> Result<(), Error> {
        let _control = self.inner.control();
        self.inner.set_mtu(mtu)
    }

    /// Whether frames to all addresses are received.
    pub fn is_promiscuous(&self) -> bool {
        let _control = self.inner.control();
        self.inner.is_promiscuous()
    }

    /// Receives frames to all addresses, or no longer.
    ///
    /// # Errors
    /// [`Error::Unsupported`]; what the driver says.
    pub fn set_promiscuous(&self, on: bool) -> Result<(), Error> {
        let _control = self.inner.control();
        self.inner.set_promiscuous(on)
    }

    /// Receives all multicast frames, or no longer.
    ///
    /// # Errors
    /// [`Error::Unsupported`]; what the driver says.
    pub fn set_all_multicast(&self, on: bool) -> Result<(), Error> {
        let _control = self.inner.control();
        self.inner.set_all_multicast(on)
    }
}
