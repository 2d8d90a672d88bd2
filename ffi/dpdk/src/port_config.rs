//! What is asked of a port, what its device can do, and what came of it.

use std::fmt;
use std::ops::RangeInclusive;

use dpdk_sys as sys;

use crate::{Error, Mempool};

/// Header and checksum of an Ethernet frame around its MTU, in octets.
const FRAME_OVERHEAD_BYTES: u32 = 14 + 4;

/// What is asked of a port. What its device cannot do is reported by [`Configured::shortfalls`], not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of ethdev's own
pub struct PortConfig {
    /// Receive queues, at least 1.
    pub rx_queues: u16,
    /// Transmit queues, at least 1.
    pub tx_queues: u16,
    /// Descriptors of each receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue.
    pub tx_descriptors: u16,
    /// Octets of the largest packet behind the Ethernet header; the device's own if `None`.
    pub mtu: Option<u16>,
    /// Spread flows over the receive queues by a hash of addresses and ports (it matters with several).
    pub rss: bool,
    /// Receive frames to all addresses.
    pub promiscuous: bool,
    /// Receive all multicast frames: neighbor discovery needs those to solicited-node addresses.
    pub all_multicast: bool,
    /// Receive frames larger than a buffer as packets of several segments, and be ready to transmit such.
    /// On some hardware that means slower receive and transmit functions.
    pub multi_segment: bool,
}

impl Default for PortConfig {
    /// One queue each way, 1024 descriptors, the device's MTU, RSS, all multicast frames.
    fn default() -> Self {
        Self {
            rx_queues: 1,
            tx_queues: 1,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
            mtu: None,
            rss: true,
            promiscuous: false,
            all_multicast: true,
            multi_segment: false,
        }
    }
}

/// What was configured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // as `PortConfig`
pub struct Configured {
    /// Receive queues.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// Descriptors of each receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue.
    pub tx_descriptors: u16,
    /// The MTU as DPDK has it. A virtual device that cannot set an MTU may carry larger packets nevertheless.
    pub mtu: u16,
    /// Whether flows are spread by RSS. Without it, drivers with several queues have ways of their own.
    pub rss: bool,
    /// Whether frames to all addresses are received.
    pub promiscuous: bool,
    /// Whether all multicast frames are received.
    pub all_multicast: bool,
    /// Whether packets of several segments are received.
    pub multi_segment: bool,
    /// What was asked and not got.
    pub shortfalls: Vec<Shortfall>,
}

/// Something asked of a port that its device did not grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shortfall {
    /// The device has another number of receive queues.
    RxQueues {
        /// What was asked.
        asked: u16,
        /// What it has.
        got: u16,
    },
    /// The device has another number of transmit queues.
    TxQueues {
        /// What was asked.
        asked: u16,
        /// What it has.
        got: u16,
    },
    /// The receive queues have another size.
    RxDescriptors {
        /// What was asked.
        asked: u16,
        /// What they have.
        got: u16,
    },
    /// The transmit queues have another size.
    TxDescriptors {
        /// What was asked.
        asked: u16,
        /// What they have.
        got: u16,
    },
    /// The MTU is not the one asked for, or the device could not be told about it.
    Mtu {
        /// What was asked.
        asked: u16,
        /// What DPDK has now.
        got: u16,
        /// Why.
        reason: String,
    },
    /// Several receive queues, and no RSS to spread flows over them.
    Rss,
    /// Frames to other addresses are not received.
    Promiscuous(Error),
    /// Not all multicast frames may be received.
    AllMulticast(Error),
    /// No packets of several segments.
    MultiSegment,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RxQueues { asked, got } => write!(f, "{got} receive queues instead of {asked}"),
            Self::TxQueues { asked, got } => write!(f, "{got} transmit queues instead of {asked}"),
            Self::RxDescriptors { asked, got } => write!(f, "{got} receive descriptors instead of {asked}"),
            Self::TxDescriptors { asked, got } => write!(f, "{got} transmit descriptors instead of {asked}"),
            Self::Mtu { asked, got, reason } => write!(f, "MTU {got}, asked {asked}: {reason}"),
            Self::Rss => f.write_str("no RSS: the driver does not spread flows over queues"),
            Self::Promiscuous(error) => write!(f, "not promiscuous: {error}"),
            Self::AllMulticast(error) => write!(f, "not all multicast frames: {error}"),
            Self::MultiSegment => f.write_str("no packets of several segments"),
        }
    }
}

/// What a device says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The driver's name, such as "`net_af_packet`".
    pub driver: String,
    /// The NUMA node, if there is one.
    pub socket: Option<u16>,
    /// The index of the kernel's interface behind the device, if there is one and the driver tells.
    pub interface_index: Option<u32>,
    /// The smallest MTU.
    pub min_mtu: u16,
    /// The largest MTU, if the driver tells.
    pub max_mtu: Option<u16>,
    /// The largest frame that can be received, in octets.
    pub max_rx_frame_bytes: u32,
    /// The most receive queues.
    pub max_rx_queues: u16,
    /// The most transmit queues.
    pub max_tx_queues: u16,
    /// Possible sizes of a receive queue.
    pub rx_descriptors: RangeInclusive<u16>,
    /// Possible sizes of a transmit queue.
    pub tx_descriptors: RangeInclusive<u16>,
    /// Can spread IP flows over queues.
    pub rss: bool,
    /// Can receive a frame into several buffers.
    pub rx_scatter: bool,
    /// Can transmit a packet of several segments.
    pub tx_multi_segment: bool,
}

impl DeviceInfo {
    pub(crate) fn from_raw(raw: &sys::dpdk_shim_device_info) -> Self {
        // `c_char` is signed on some platforms, and is an octet on all.
        let driver =
            raw.driver_name.iter().map(|&octet| octet.to_ne_bytes()[0]).take_while(|&octet| octet != 0);
        Self {
            driver: String::from_utf8_lossy(&driver.collect::<Vec<u8>>()).into_owned(),
            socket: u16::try_from(raw.socket_id).ok(),
            interface_index: (raw.if_index != 0).then_some(raw.if_index),
            min_mtu: raw.min_mtu,
            max_mtu: (raw.max_mtu != u16::MAX).then_some(raw.max_mtu),
            max_rx_frame_bytes: raw.max_rx_frame_bytes,
            max_rx_queues: raw.max_rx_queues,
            max_tx_queues: raw.max_tx_queues,
            rx_descriptors: raw.rx_descriptors_min..=raw.rx_descriptors_max,
            tx_descriptors: raw.tx_descriptors_min..=raw.tx_descriptors_max,
            rss: raw.rss,
            rx_scatter: raw.rx_scatter,
            tx_multi_segment: raw.tx_multi_segment,
        }
    }
}

/// The asked configuration, brought within what the device and the pool can do.
pub(crate) struct Plan {
    pub(crate) raw: sys::dpdk_shim_port_config,
    pub(crate) rx_descriptors: u16,
    pub(crate) tx_descriptors: u16,
    /// The MTU to set, if one was asked for; and why it is another, if it is.
    pub(crate) mtu: Option<u16>,
    pub(crate) mtu_limit: &'static str,
    pub(crate) shortfalls: Vec<Shortfall>,
}

impl Plan {
    pub(crate) fn new(
        asked: &PortConfig,
        device: &sys::dpdk_shim_device_info,
        pool: &Mempool,
    ) -> Result<Self, Error> {
        if asked.rx_queues == 0 || asked.tx_queues == 0 {
            return Err(Error::InvalidOption("a port has at least one queue each way".to_owned()));
        }
        let mut shortfalls = Vec::new();
        let rx_queues = asked.rx_queues.min(device.max_rx_queues);
        if rx_queues != asked.rx_queues {
            shortfalls.push(Shortfall::RxQueues { asked: asked.rx_queues, got: rx_queues });
        }
        let tx_queues = asked.tx_queues.min(device.max_tx_queues);
        if tx_queues != asked.tx_queues {
            shortfalls.push(Shortfall::TxQueues { asked: asked.tx_queues, got: tx_queues });
        }
        let limits = (device.rx_descriptors_min, device.rx_descriptors_max, device.rx_descriptors_align);
        let rx_descriptors = descriptors(asked.rx_descriptors, limits);
        if rx_descriptors != asked.rx_descriptors {
            shortfalls.push(Shortfall::RxDescriptors { asked: asked.rx_descriptors, got: rx_descriptors });
        }
        let limits = (device.tx_descriptors_min, device.tx_descriptors_max, device.tx_descriptors_align);
        let tx_descriptors = descriptors(asked.tx_descriptors, limits);
        if tx_descriptors != asked.tx_descriptors {
            shortfalls.push(Shortfall::TxDescriptors { asked: asked.tx_descriptors, got: tx_descriptors });
        }
        let spread = asked.rss && rx_queues > 1;
        if spread && !device.rss {
            shortfalls.push(Shortfall::Rss);
        }
        let multi_segment = asked.multi_segment && device.rx_scatter && device.tx_multi_segment;
        if asked.multi_segment && !multi_segment {
            shortfalls.push(Shortfall::MultiSegment);
        }
        let (mtu, mtu_limit) = match asked.mtu {
            Some(mtu) => {
                let (mtu, limit) = possible_mtu(mtu, device, pool, multi_segment);
                (Some(mtu), limit)
            }
            None => (None, ""),
        };
        let raw = sys::dpdk_shim_port_config {
            rx_queues,
            tx_queues,
            mtu: mtu.unwrap_or(0).into(),
            rss: spread && device.rss,
            multi_segment,
        };
        Ok(Self { raw, rx_descriptors, tx_descriptors, mtu, mtu_limit, shortfalls })
    }
}

/// The nearest possible number of descriptors. `limits`: minimum, maximum, alignment.
fn descriptors(asked: u16, (min, max, align): (u16, u16, u16)) -> u16 {
    let align = align.max(1);
    let aligned = asked.max(1).checked_next_multiple_of(align).unwrap_or(u16::MAX - u16::MAX % align);
    aligned.min(max).max(min)
}

/// The nearest possible MTU, and what limits it.
fn possible_mtu(
    asked: u16,
    device: &sys::dpdk_shim_device_info,
    pool: &Mempool,
    multi_segment: bool,
) -> (u16, &'static str) {
    // As ethdev reckons: a device that tells its largest MTU and its largest frame tells its overhead.
    let overhead = match device.max_rx_frame_bytes.checked_sub(device.max_mtu.into()) {
        Some(overhead) if device.max_mtu != u16::MAX && overhead > 0 => overhead,
        _ => FRAME_OVERHEAD_BYTES,
    };
    let frame = device.max_rx_frame_bytes.saturating_sub(overhead);
    let buffer = u32::from(pool.data_room_bytes()).saturating_sub(FRAME_OVERHEAD_BYTES);
    let mut mtu = (u32::from(asked), "");
    for (limit, name) in [
        (device.max_mtu.into(), "the device's largest MTU"),
        (frame, "the largest frame that the device receives"),
        (if multi_segment { u32::MAX } else { buffer }, "the data room of the pool's buffers"),
    ] {
        if mtu.0 > limit {
            mtu = (limit, name);
        }
    }
    if mtu.0 < device.min_mtu.into() {
        mtu = (device.min_mtu.into(), "the device's smallest MTU");
    }
    (u16::try_from(mtu.0).unwrap_or(asked), mtu.1)
}

#[cfg(test)]
mod tests {
    use super::descriptors;

    #[test]
    fn descriptors_are_brought_within_the_limits() {
        assert_eq!(descriptors(1024, (0, u16::MAX, 1)), 1024);
        assert_eq!(descriptors(1000, (64, 4096, 32)), 1024);
        assert_eq!(descriptors(10, (64, 4096, 32)), 64);
        assert_eq!(descriptors(u16::MAX, (64, 4096, 32)), 4096);
        assert_eq!(descriptors(0, (0, 0, 0)), 0);
        assert_eq!(descriptors(u16::MAX, (0, u16::MAX, 32)), 65504);
    }
}
