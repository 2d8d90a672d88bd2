//! Packet buffers.

use std::fmt;
use std::ptr::NonNull;

use dpdk_sys as sys;
use packet_buf::PacketBuf;

use crate::port::PortId;

/// Octets before the packet in a fresh buffer, for headers to be put in front: fixed when libdpdk was built (128
/// in all builds known).
pub const HEADROOM_BYTES: usize = sys::DPDK_SHIM_HEADROOM_BYTES as usize;

/// A packet in a buffer of a [`Mempool`](crate::Mempool): owned, given back when dropped, and gone from the
/// program once transmitted. `Option<Mbuf>` is one pointer wide.
///
/// A packet may have several segments (see [`PortConfig::multi_segment`](crate::PortConfig)). [`bytes`](Self::bytes)
/// is the first, and where a function below speaks of "the segment", it means this one.
///
/// # Invariant
/// The pointer is of a packet buffer that came from an allocation or from a device's receive function, and
/// that nobody else has: its reference count is 1 and its data is not shared. (Nothing here makes a second
/// reference; that a driver hands over what it receives entirely, and takes over what it transmits entirely, is
/// ethdev's contract with drivers.) `data_off + data_len <= buf_len` in every segment, `nb_segs` of them are
/// linked, and their `data_len` adds up to `pkt_len`. The memory stays mapped as long as the buffer is in use:
/// `Threads::reclaim` frees only pools without buffers in use, and EAL is not cleaned up before that.
///
/// All memory of a buffer is initialised in the sense of Rust: it is mapped by the kernel, which zeroes it or
/// fills it from a file, is written by C and by devices only, and never comes from or goes to Rust's allocator.
/// So its octets have some value at all times, if not always a meaningful one.
#[repr(transparent)]
pub struct Mbuf(NonNull<sys::rte_mbuf>);

// SAFETY: a packet buffer is plain memory without ties to a thread, and its owner is the only one who has it; to
// give it back works from every thread (see `Mempool`).
unsafe impl Send for Mbuf {}
// SAFETY: with a shared reference memory is only read; all that write take `&mut self`.
unsafe impl Sync for Mbuf {}

const BUF_ADDR: usize = sys::DPDK_SHIM_MBUF_BUF_ADDR as usize;
const DATA_OFF: usize = sys::DPDK_SHIM_MBUF_DATA_OFF as usize;
const NB_SEGS: usize = sys::DPDK_SHIM_MBUF_NB_SEGS as usize;
const PORT: usize = sys::DPDK_SHIM_MBUF_PORT as usize;
const PKT_LEN: usize = sys::DPDK_SHIM_MBUF_PKT_LEN as usize;
const DATA_LEN: usize = sys::DPDK_SHIM_MBUF_DATA_LEN as usize;
const BUF_LEN: usize = sys::DPDK_SHIM_MBUF_BUF_LEN as usize;

impl Mbuf {
    /// Takes over a buffer.
    ///
    /// # Safety
    /// The type's invariant must hold for `raw`, and the caller must give up the buffer.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: NonNull<sys::rte_mbuf>) -> Self {
        Self(raw)
    }

    /// The packet's octets in the segment.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `data_len` octets from `data` lie within the buffer and are initialised (invariant); while the
        // slice borrows `self`, nothing writes them.
        unsafe { std::slice::from_raw_parts(self.data(), self.segment_len()) }
    }

    /// The packet's octets in the segment, to be changed.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as `bytes`; and `&mut self` with a reference count of 1 makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.data(), self.segment_len()) }
    }

    /// The packet's length in octets, over all segments.
    #[inline]
    pub fn len(&self) -> usize {
        self.read::<u32, PKT_LEN>() as usize
    }

    /// True for a packet without octets.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True when [`bytes`](Self::bytes) is the whole packet.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.read::<u16, NB_SEGS>() == 1
    }

    /// Octets free before the packet: the most that [`prepend`](Self::prepend) grants.
    #[inline]
    pub fn headroom(&self) -> usize {
        usize::from(self.read::<u16, DATA_OFF>())
    }

    /// Octets free behind the packet: the most that [`extend`](Self::extend) grants; 0 with several segments.
    #[inline]
    pub fn tailroom(&self) -> usize {
        if !self.is_contiguous() {
            return 0;
        }
        usize::from(self.read::<u16, BUF_LEN>()) - self.headroom() - self.segment_len()
    }

    /// The port that received the packet; `None` for one that was allocated.
    #[inline]
    pub fn port(&self) -> Option<PortId> {
        let port = self.read::<u16, PORT>();
        (u32::from(port) != sys::DPDK_SHIM_MBUF_PORT_INVALID).then_some(PortId(port))
    }

    /// Grows the packet by `bytes` at its front, whose octets are whatever the headroom held. False, and nothing
    /// changed, if the headroom is too small.
    #[inline]
    pub fn prepend(&mut self, bytes: usize) -> bool {
        let (headroom, segment) = (self.headroom(), self.segment_len());
        if bytes > headroom {
            return false;
        }
        // Neither sum overflows: the new segment lies within the buffer, whose length is a u16.
        self.write::<u16, DATA_OFF>((headroom - bytes) as u16);
        self.write::<u16, DATA_LEN>((segment + bytes) as u16);
        self.write::<u32, PKT_LEN>((self.len() + bytes) as u32);
        true
    }

    /// Cuts `bytes` off the packet's front; they become headroom. False, and nothing changed, if the segment is
    /// shorter.
    #[inline]
    pub fn trim_front(&mut self, bytes: usize) -> bool {
        let (headroom, segment) = (self.headroom(), self.segment_len());
        if bytes > segment {
            return false;
        }
        self.write::<u16, DATA_OFF>((headroom + bytes) as u16);
        self.write::<u16, DATA_LEN>((segment - bytes) as u16);
        self.write::<u32, PKT_LEN>((self.len() - bytes) as u32);
        true
    }

    /// Shortens the packet to `bytes`; nothing happens if it is not longer. Segments that become empty are freed.
    #[inline]
    pub fn truncate(&mut self, bytes: usize) {
        if bytes >= self.len() {
            return;
        }
        if self.is_contiguous() {
            self.write::<u16, DATA_LEN>(bytes as u16);
            self.write::<u32, PKT_LEN>(bytes as u32);
            return;
        }
        // SAFETY: the chain is well-formed and ours alone (invariant). `bytes` is less than `pkt_len`, the sum
        // of the segments' lengths, so that the walk ends before the chain does; it keeps the invariant.
        unsafe { sys::dpdk_shim_mbuf_truncate(self.0.as_ptr(), bytes as u32) };
    }

    /// Grows the packet by `bytes` at its end, whose octets are whatever the buffer held. False, and nothing
    /// changed, if [`tailroom`](Self::tailroom) is smaller.
    #[inline]
    pub fn extend(&mut self, bytes: usize) -> bool {
        if bytes > self.tailroom() || !self.is_contiguous() {
            return false;
        }
        let segment = self.segment_len() + bytes;
        self.write::<u16, DATA_LEN>(segment as u16);
        self.write::<u32, PKT_LEN>(segment as u32);
        true
    }

    /// Gathers the packet into its first segment. False, and nothing changed, if that is too small.
    pub fn linearize(&mut self) -> bool {
        // SAFETY: the chain is well-formed and ours alone (invariant); the function keeps it so.
        self.is_contiguous() || unsafe { sys::dpdk_shim_mbuf_linearize(self.0.as_ptr()) } == 0
    }

    #[inline]
    fn segment_len(&self) -> usize {
        usize::from(self.read::<u16, DATA_LEN>())
    }

    #[inline]
    fn data(&self) -> *mut u8 {
        let start = self.read::<*mut u8, BUF_ADDR>();
        // SAFETY: `data_off` is within the buffer that `buf_addr` points to (invariant).
        unsafe { start.add(self.headroom()) }
    }

    /// Reads the header's field of type `T` at `OFFSET`: one of the constants above, with its type in C.
    #[inline]
    fn read<T: Copy, const OFFSET: usize>(&self) -> T {
        // SAFETY: the header is alive, initialised and aligned (invariant); the offset is the C compiler's own
        // for a field of this type, hence within the header and aligned; nobody writes it while we borrow.
        unsafe { self.0.as_ptr().cast::<u8>().add(OFFSET).cast::<T>().read() }
    }

    /// Writes the header's field of type `T` at `OFFSET`, as `read` reads it.
    #[inline]
    fn write<T: Copy, const OFFSET: usize>(&mut self, value: T) {
        // SAFETY: as `read`, and `&mut self` makes the access exclusive.
        unsafe { self.0.as_ptr().cast::<u8>().add(OFFSET).cast::<T>().write(value) }
    }
}

/// For packets in one segment: of a longer one, only the first segment is seen.
impl PacketBuf for Mbuf {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.bytes()
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes_mut()
    }

    #[inline]
    fn prepend(&mut self, octets: usize) -> bool {
        self.prepend(octets)
    }

    #[inline]
    fn headroom(&self) -> usize {
        self.headroom()
    }

    #[inline]
    fn extend(&mut self, octets: usize) -> bool {
        self.extend(octets)
    }

    #[inline]
    fn trim_front(&mut self, octets: usize) -> bool {
        self.trim_front(octets)
    }

    #[inline]
    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the buffer is ours alone (invariant), and not used after this. Its pool is alive.
        unsafe { sys::dpdk_shim_mbuf_free(self.0.as_ptr()) };
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbuf")
            .field("len", &self.len())
            .field("headroom", &self.headroom())
            .field("tailroom", &self.tailroom())
            .field("port", &self.port())
            .finish_non_exhaustive()
    }
}
