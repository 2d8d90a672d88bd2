//! The processor's time stamp counter.

/// The time stamp counter, in cycles of [`tsc_hz`]. Cheap enough to be read per burst.
#[inline]
pub fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: RDTSC is part of every x86-64 processor, touches no memory, and Linux leaves it enabled in user mode.
    let now = unsafe { core::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: reads a counter register; no arguments, no memory, no state of DPDK.
    let now = unsafe { dpdk_sys::dpdk_shim_tsc() };
    now
}

/// Ticks of [`tsc`] in a second, as EAL measured it; 0 before [`Eal::init`](crate::Eal::init) returned.
pub fn tsc_hz() -> u64 {
    // SAFETY: reads one integer, which EAL writes once, while it starts: a word-sized aligned load on every
    // platform of DPDK. `Eal::init` returning makes the value visible to threads that hold an `Eal`.
    unsafe { dpdk_sys::dpdk_shim_tsc_hz() }
}
