//! Ethernet devices.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dpdk_sys as sys;

use crate::error::check;
use crate::handle::PortHandle;
use crate::port_config::{Configured, Plan, PortConfig, Shortfall};
use crate::queue::{RxQueue, TxQueue};
use crate::{Eal, Error, Mempool};

/// The number of a port in DPDK, small and dense. A number is used again after its port is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u16);

impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The owner of an Ethernet device: configures, starts and stops it, and gives out its queues. All that a
/// [`PortHandle`] can do, it can do too.
///
/// A port is stopped, closed and detached when its `Port`, all handles and all queues are gone, in whatever
/// thread drops the last.
#[derive(Debug)]
pub struct Port {
    handle: PortHandle,
}

#[derive(Debug)]
pub(crate) struct PortInner {
    id: PortId,
    pub(crate) device: String,
    eal: Eal,
    control: Mutex<Control>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Attached,
    Configured,
    Started,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Receive,
    Transmit,
}

#[derive(Debug)]
pub(crate) struct Control {
    state: State,
    queues: [u16; 2],
    /// The numbers of the queues that exist as `RxQueue` and `TxQueue`.
    taken: [BTreeSet<u16>; 2],
    /// Pools that the device may have buffers of, until it is closed.
    pools: Vec<Mempool>,
}

impl Port {
    /// Takes the device of these devargs, plugging it in if EAL does not have it yet: a virtual device such as
    /// "`net_af_packet0,iface=veth0`", whose interface is looked up in the network namespace of the calling
    /// thread, or a PCI address with domain such as "0000:3b:00.0". Of a device with several ports, it takes the
    /// first.
    ///
    /// # Errors
    /// [`Error::AlreadyAttached`]; [`Error::Dpdk`] with what the driver logged; [`Error::NoSuchDevice`] when no
    /// driver made an Ethernet port of it.
    pub fn attach(eal: &Eal, devargs: &str) -> Result<Self, Error> {
        let device = devargs.split(',').next().unwrap_or_default().trim().to_owned();
        let c_string = |text: &str| CString::new(text).map_err(|_| Error::NoSuchDevice(devargs.to_owned()));
        let (name, arguments) = (c_string(&device)?, c_string(devargs.trim())?);
        if device.is_empty() {
            return Err(Error::NoSuchDevice(devargs.to_owned()));
        }
        let mut ports = eal.ports();
        let id = if let Some(id) = find(&name) {
            id
        } else {
            check("rte_dev_probe", || {
                // SAFETY: EAL runs, the string is NUL-terminated and copied, and the lock that `ports` holds
                // keeps other threads from plugging at the same time.
                unsafe { sys::rte_dev_probe(arguments.as_ptr()) }
            })?;
            find(&name).ok_or_else(|| Error::NoSuchDevice(devargs.to_owned()))?
        };
        if !ports.insert(id.0) {
            return Err(Error::AlreadyAttached(device));
        }
        drop(ports);
        let control = Control {
            state: State::Attached,
            queues: [0, 0],
            taken: [BTreeSet::new(), BTreeSet::new()],
            pools: Vec::new(),
        };
        let inner = PortInner { id, device, eal: eal.clone(), control: Mutex::new(control) };
        Ok(Self { handle: PortHandle { inner: Arc::new(inner) } })
    }

    /// Sets the port up to receive into buffers of `pool`, as near to `config` as the device can. The pool stays
    /// alive until the port is closed. May be repeated while the port is stopped.
    ///
    /// # Errors
    /// [`Error::Started`]; [`Error::InvalidOption`] for no queues at all; [`Error::Dpdk`] when the device cannot be
    /// configured even so.
    pub fn configure(&mut self, config: &PortConfig, pool: &Mempool) -> Result<Configured, Error> {
        let inner = &*self.handle.inner;
        let mut control = inner.control();
        if control.state == State::Started {
            return Err(Error::Started);
        }
        control.state = State::Attached;
        let device = inner.device_info()?;
        let mut plan = Plan::new(config, &device, pool)?;
        if !control.pools.iter().any(|known| known.is(pool)) {
            control.pools.push(pool.clone());
        }
        inner.set_up(&plan, &device, pool)?;
        let mtu = inner.apply_mtu(config, &mut plan)?;
        let promiscuous = inner.apply_promiscuous(config.promiscuous, &mut plan.shortfalls);
        let all_multicast = inner.apply_all_multicast(config.all_multicast, &mut plan.shortfalls);
        control.queues = [plan.raw.rx_queues, plan.raw.tx_queues];
        control.state = State::Configured;
        Ok(Configured {
            rx_queues: plan.raw.rx_queues,
            tx_queues: plan.raw.tx_queues,
            rx_descriptors: plan.rx_descriptors,
            tx_descriptors: plan.tx_descriptors,
            mtu,
            rss: plan.raw.rss,
            promiscuous,
            all_multicast,
            multi_segment: plan.raw.multi_segment,
            shortfalls: plan.shortfalls,
        })
    }

    /// Starts the device. Its queues can be taken from now on.
    ///
    /// # Errors
    /// [`Error::NotConfigured`], [`Error::Started`], or what the driver says.
    pub fn start(&mut self) -> Result<(), Error> {
        let inner = &*self.handle.inner;
        let mut control = inner.control();
        match control.state {
            State::Attached => return Err(Error::NotConfigured),
            State::Started => return Err(Error::Started),
            State::Configured => {}
        }
        // SAFETY: the port exists and is configured with all its queues; nobody polls it, as queues exist only
        // while it is started.
        check("rte_eth_dev_start", || unsafe { sys::rte_eth_dev_start(inner.id.0) })?;
        control.state = State::Started;
        Ok(())
    }

    /// Stops the device. All queues must have been dropped: a driver's rings must not go away beneath a worker.
    /// To take a port out of service while workers poll it, use [`PortHandle::set_link`].
    ///
    /// # Errors
    /// [`Error::NotStarted`], [`Error::QueuesInUse`], or what the driver says.
    pub fn stop(&mut self) -> Result<(), Error> {
        let inner = &*self.handle.inner;
        let mut control = inner.control();
        if control.state != State::Started {
            return Err(Error::NotStarted);
        }
        if control.taken.iter().any(|taken| !taken.is_empty()) {
            return Err(Error::QueuesInUse);
        }
        // SAFETY: the port exists and is started, and no queue of it exists.
        check("rte_eth_dev_stop", || unsafe { sys::rte_eth_dev_stop(inner.id.0) })?;
        control.state = State::Configured;
        Ok(())
    }

    /// Takes receive queue `queue` of the started port; when dropped it can be taken again.
    ///
    /// # Errors
    /// [`Error::NotStarted`], [`Error::NoSuchQueue`], [`Error::QueueTaken`].
    pub fn take_rx_queue(&mut self, queue: u16) -> Result<RxQueue, Error> {
        self.handle.inner.take(Direction::Receive, queue)?;
        Ok(RxQueue::new(Arc::clone(&self.handle.inner), queue))
    }

    /// Takes transmit queue `queue` of the started port; when dropped it can be taken again.
    ///
    /// # Errors
    /// As [`take_rx_queue`](Self::take_rx_queue).
    pub fn take_tx_queue(&mut self, queue: u16) -> Result<TxQueue, Error> {
        self.handle.inner.take(Direction::Transmit, queue)?;
        Ok(TxQueue::new(Arc::clone(&self.handle.inner), queue))
    }

    /// Control of the port for other threads.
    pub fn handle(&self) -> PortHandle {
        self.handle.clone()
    }
}

impl Deref for Port {
    type Target = PortHandle;

    fn deref(&self) -> &PortHandle {
        &self.handle
    }
}

/// What follows is called with the port's lock held: ethdev's control functions want one caller at a time.
impl PortInner {
    pub(crate) fn id(&self) -> PortId {
        self.id
    }

    pub(crate) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, direction: Direction, queue: u16) -> Result<(), Error> {
        let mut control = self.control();
        if control.state != State::Started {
            return Err(Error::NotStarted);
        }
        if queue >= control.queues[direction as usize] {
            return Err(Error::NoSuchQueue(queue));
        }
        if !control.taken[direction as usize].insert(queue) {
            return Err(Error::QueueTaken(queue));
        }
        Ok(())
    }

    pub(crate) fn give_back(&self, direction: Direction, queue: u16) {
        self.control().taken[direction as usize].remove(&queue);
    }

    pub(crate) fn device_info(&self) -> Result<sys::dpdk_shim_device_info, Error> {
        let mut raw = sys::dpdk_shim_device_info::default();
        // SAFETY: the port exists as long as `self`; `raw` is there to be written.
        check("rte_eth_dev_info_get", || unsafe { sys::dpdk_shim_device_info(self.id.0, &raw mut raw) })?;
        Ok(raw)
    }

    fn set_up(&self, plan: &Plan, device: &sys::dpdk_shim_device_info, pool: &Mempool) -> Result<(), Error> {
        let id = self.id.0;
        // The cast keeps -1, which is DPDK's word for any node.
        let socket = device.socket_id.cast_unsigned();
        // SAFETY: the port exists and is stopped; the configuration lives through the call.
        check("rte_eth_dev_configure", || unsafe { sys::dpdk_shim_configure(id, &raw const plan.raw) })?;
        for queue in 0..plan.raw.rx_queues {
            check("rte_eth_rx_queue_setup", || {
                // SAFETY: the port is stopped and has been configured with this queue; `Control::pools` keeps
                // the pool alive until the port is closed.
                unsafe {
                    sys::dpdk_shim_rx_queue_setup(id, queue, plan.rx_descriptors, socket, pool.as_ptr())
                }
            })?;
        }
        for queue in 0..plan.raw.tx_queues {
            check("rte_eth_tx_queue_setup", || {
                // SAFETY: as above, without a pool.
                unsafe { sys::dpdk_shim_tx_queue_setup(id, queue, plan.tx_descriptors, socket) }
            })?;
        }
        Ok(())
    }

    fn apply_mtu(&self, config: &PortConfig, plan: &mut Plan) -> Result<u16, Error> {
        let (Some(asked), Some(mtu)) = (config.mtu, plan.mtu) else { return self.mtu() };
        let refused = self.set_mtu(mtu).err();
        let got = self.mtu()?;
        if let Some(error) = refused {
            plan.shortfalls.push(Shortfall::Mtu { asked, got, reason: error.to_string() });
        } else if got != asked {
            plan.shortfalls.push(Shortfall::Mtu { asked, got, reason: plan.mtu_limit.to_owned() });
        }
        Ok(got)
    }

    /// What cannot be switched off is no shortfall: the result says that it is on.
    fn apply_promiscuous(&self, on: bool, shortfalls: &mut Vec<Shortfall>) -> bool {
        if on != self.is_promiscuous()
            && let Err(error) = self.set_promiscuous(on)
            && on
        {
            shortfalls.push(Shortfall::Promiscuous(error));
        }
        self.is_promiscuous()
    }

    fn apply_all_multicast(&self, on: bool, shortfalls: &mut Vec<Shortfall>) -> bool {
        // SAFETY: the port exists; reads its state.
        let is_on = || unsafe { sys::rte_eth_allmulticast_get(self.id.0) == 1 };
        if on != is_on()
            && let Err(error) = self.set_all_multicast(on)
            && on
        {
            shortfalls.push(Shortfall::AllMulticast(error));
        }
        is_on()
    }

    pub(crate) fn mtu(&self) -> Result<u16, Error> {
        let mut mtu = 0;
        // SAFETY: the port exists; `mtu` is there to be written.
        check("rte_eth_dev_get_mtu", || unsafe { sys::rte_eth_dev_get_mtu(self.id.0, &raw mut mtu) })?;
        Ok(mtu)
    }

    pub(crate) fn set_mtu(&self, mtu: u16) -> Result<(), Error> {
        // SAFETY: the port exists; a driver that cannot do this while polled refuses (ethdev's contract).
        check("rte_eth_dev_set_mtu", || unsafe { sys::rte_eth_dev_set_mtu(self.id.0, mtu) })
    }

    pub(crate) fn is_promiscuous(&self) -> bool {
        // SAFETY: the port exists; reads its state.
        unsafe { sys::rte_eth_promiscuous_get(self.id.0) == 1 }
    }

    pub(crate) fn set_promiscuous(&self, on: bool) -> Result<(), Error> {
        let id = self.id.0;
        if on {
            // SAFETY: the port exists.
            check("rte_eth_promiscuous_enable", || unsafe { sys::rte_eth_promiscuous_enable(id) })
        } else {
            // SAFETY: the port exists.
            check("rte_eth_promiscuous_disable", || unsafe { sys::rte_eth_promiscuous_disable(id) })
        }
    }

    pub(crate) fn set_all_multicast(&self, on: bool) -> Result<(), Error> {
        let id = self.id.0;
        if on {
            // SAFETY: the port exists.
            check("rte_eth_allmulticast_enable", || unsafe { sys::rte_eth_allmulticast_enable(id) })
        } else {
            // SAFETY: the port exists.
            check("rte_eth_allmulticast_disable", || unsafe { sys::rte_eth_allmulticast_disable(id) })
        }
    }
}

impl Drop for PortInner {
    fn drop(&mut self) {
        let control = self.control.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut ports = self.eal.ports();
        if control.state == State::Started {
            // SAFETY: the port exists; no queue of it does, since each holds a reference of `self`.
            unsafe { sys::rte_eth_dev_stop(self.id.0) };
        }
        // SAFETY: the port exists and is stopped (the driver refuses otherwise), no queue and no handle of it is
        // left, and the lock that `ports` holds keeps other threads from plugging at the same time.
        if unsafe { sys::dpdk_shim_close(self.id.0) } == 0 {
            ports.remove(&self.id.0);
        } else {
            // The device may still write into buffers: then its pools, and the port's number, are lost for good.
            std::mem::forget(std::mem::take(&mut control.pools));
        }
    }
}

/// The port of this name, or the first one of the bus device of this name. The caller holds the lock of `Eal::ports`.
fn find(name: &CString) -> Option<PortId> {
    let mut id = 0;
    // SAFETY: EAL runs (the caller has the lock of an `Eal`); the name is NUL-terminated; `id` is there to be written.
    (unsafe { sys::dpdk_shim_find_port(name.as_ptr(), &raw mut id) } == 0).then_some(PortId(id))
}
