//! Pools of packet buffers.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use dpdk_sys as sys;

use crate::mbuf::{HEADROOM_BYTES, Mbuf};
use crate::{Eal, Error, error, log};

/// The size and place of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MempoolConfig {
    /// How many buffers; 2^n - 1 wastes the least memory.
    pub count: u32,
    /// Buffers that each registered thread may keep for itself (0: none, at most 512, at most two thirds of `count`).
    pub cache: u32,
    /// Octets of packet that a buffer takes, besides [`HEADROOM_BYTES`]. A frame of the MTU must fit:
    /// 2048 serves up to an MTU of 2030.
    pub data_room_bytes: u16,
    /// The NUMA node of the memory; any if `None`.
    pub socket: Option<u16>,
}

impl Default for MempoolConfig {
    fn default() -> Self {
        Self { count: 8191, cache: 256, data_room_bytes: 2048, socket: None }
    }
}

/// Buffers are laid out in units of this many octets.
const DATA_ROOM_ALIGN: u16 = 8;

/// The ring of a pool, for many producers and consumers; `RetiredPool` is proved for this kind.
///
/// The kinds that do not wait for a thread that was preempted halfway are no use: with `ring_mt_rts`, a getter that
/// is preempted holds back the room of all later ones, putting into the pool's exactly fitting ring then fails, and
/// the buffers are lost, as mempools take for granted that putting succeeds.
const POOL_OPERATIONS: &CStr = c"ring_mp_mc";

/// A pool of packet buffers. Clones are handles of the same pool. Its memory goes back to DPDK when the handles,
/// the ports that receive into it, and all of its buffers are gone, in any order.
#[derive(Clone, Debug)]
pub struct Mempool {
    inner: Arc<PoolInner>,
}

#[derive(Debug)]
struct PoolInner {
    pool: NonNull<sys::rte_mempool>,
    eal: Eal,
    data_room_bytes: u16,
}

// SAFETY: a pool of POOL_OPERATIONS may be used by any threads at once (its ring is for many producers and many
// consumers, its caches are per thread), and created, counted and freed from any thread; `PoolInner` shares it only.
unsafe impl Send for PoolInner {}
// SAFETY: as above.
unsafe impl Sync for PoolInner {}

impl Mempool {
    /// Makes a pool.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for sizes that no pool can have; [`Error::Dpdk`] when there is not enough memory.
    pub fn new(eal: &Eal, config: &MempoolConfig) -> Result<Self, Error> {
        static NEXT_NAME: AtomicU32 = AtomicU32::new(0);
        let room = check_sizes(config)?;
        let name = format!("packets-{}", NEXT_NAME.fetch_add(1, Ordering::Relaxed));
        let name = CString::new(name).map_err(|error| Error::InvalidOption(error.to_string()))?;
        let socket = config.socket.map_or(-1, i32::from);
        let (pool, logged) = log::capture(|| {
            // SAFETY: EAL runs; both names are NUL-terminated and copied by the callee. Sizes were checked, and
            // the function checks them again.
            unsafe {
                sys::rte_pktmbuf_pool_create_by_ops(
                    name.as_ptr(),
                    config.count,
                    config.cache,
                    0,
                    room,
                    socket,
                    POOL_OPERATIONS.as_ptr(),
                )
            }
        });
        let Some(pool) = NonNull::new(pool) else {
            return Err(error::from_code("rte_pktmbuf_pool_create", error::errno(), &logged));
        };
        let data_room_bytes = config.data_room_bytes;
        Ok(Self { inner: Arc::new(PoolInner { pool, eal: eal.clone(), data_room_bytes }) })
    }

    /// An empty packet with [`HEADROOM_BYTES`] before it; `None` when the pool is exhausted.
    #[inline]
    pub fn alloc(&self) -> Option<Mbuf> {
        // SAFETY: the pool is alive, since `self` is a handle of it.
        let raw = unsafe { sys::dpdk_shim_mbuf_alloc(self.inner.pool.as_ptr()) };
        // SAFETY: rte_pktmbuf_alloc returns null or a buffer that is nobody else's, reset to one empty segment.
        NonNull::new(raw).map(|raw| unsafe { Mbuf::from_raw(raw) })
    }

    /// A packet of these octets; `None` when the pool is exhausted or a buffer is too small for them.
    pub fn alloc_from(&self, octets: &[u8]) -> Option<Mbuf> {
        let mut mbuf = self.alloc()?;
        if !mbuf.extend(octets.len()) {
            return None;
        }
        mbuf.bytes_mut().copy_from_slice(octets);
        Some(mbuf)
    }

    /// Buffers that can be allocated now, those in the caches of threads included. Slow: for tests and `show`.
    pub fn available(&self) -> usize {
        // SAFETY: the pool is alive.
        unsafe { sys::rte_mempool_avail_count(self.inner.pool.as_ptr()) as usize }
    }

    /// Buffers that are in use: in packets, and in the rings of devices. Slow: for tests and `show`.
    pub fn in_use(&self) -> usize {
        // SAFETY: the pool is alive.
        unsafe { sys::rte_mempool_in_use_count(self.inner.pool.as_ptr()) as usize }
    }

    /// Octets of packet that a buffer takes, besides its headroom.
    pub fn data_room_bytes(&self) -> u16 {
        self.inner.data_room_bytes
    }

    /// The pool for calls to DPDK, valid as long as a handle of it is.
    pub(crate) fn as_ptr(&self) -> *mut sys::rte_mempool {
        self.inner.pool.as_ptr()
    }

    /// Whether both are handles of one pool.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

/// The size of a buffer with its headroom, if the configuration is possible.
fn check_sizes(config: &MempoolConfig) -> Result<u16, Error> {
    let invalid = |what: &str| Err(Error::InvalidOption(what.to_owned()));
    if config.count == 0 {
        return invalid("pool: at least one buffer is needed");
    }
    if config.cache > sys::DPDK_SHIM_MEMPOOL_CACHE_MAX {
        return invalid("pool: a thread's cache is at most 512 buffers");
    }
    if u64::from(config.cache) * 3 > u64::from(config.count) * 2 {
        return invalid("pool: a thread's cache is at most two thirds of the pool");
    }
    let room = usize::from(config.data_room_bytes.next_multiple_of(DATA_ROOM_ALIGN)) + HEADROOM_BYTES;
    match u16::try_from(room) {
        Ok(room) if config.data_room_bytes > 0 => Ok(room),
        _ => invalid("pool: the data room is from 1 octet to 64 KiB less the headroom"),
    }
}

impl Drop for PoolInner {
    fn drop(&mut self) {
        self.eal.retire(RetiredPool(self.pool));
    }
}

/// A pool of which no handle is left: nobody can allocate from it, so its count of buffers in use only falls.
#[derive(Debug)]
pub(crate) struct RetiredPool(NonNull<sys::rte_mempool>);

// SAFETY: as for `PoolInner`; a retired pool is only counted and freed, from any thread.
unsafe impl Send for RetiredPool {}

impl RetiredPool {
    /// Frees the pool if all its buffers are back; true when it was freed, and then it must not be used again.
    /// The caller (`Threads::reclaim`) holds the lock that keeps threads from being registered, and has made
    /// sure that no thread but the calling one has a cache.
    pub(crate) fn free_if_whole(&self) -> bool {
        // SAFETY: a retired pool is alive until the call below.
        if unsafe { sys::rte_mempool_in_use_count(self.0.as_ptr()) } != 0 {
            return false;
        }
        // Pairs with the release store of the ring's tail by the thread that returned the last buffer.
        fence(Ordering::Acquire);
        // SAFETY: there is no handle, hence no port (a port holds the pools that it receives into until it is
        // closed) and no allocation to come; all buffers are in the ring or in caches, hence no `Mbuf`. A thread
        // that is still returning from giving a buffer back does not touch the pool: without a cache, its last
        // access is the store of the ring's tail, which came before the count; and other threads with a cache do
        // not exist (caller). So nothing refers to the pool's memory.
        unsafe { sys::rte_mempool_free(self.0.as_ptr()) };
        true
    }
}
