//! Bindings to the libdpdk that is installed (22.11 to 25.11), found by pkg-config and generated when this
//! crate is built: the few functions that the `dpdk` crate uses, and a C shim (`shim/`) for inline functions,
//! thread-local variables and structures whose layout changes between releases.
//!
//! Linking is dynamic. Drivers are plugins that EAL loads at start from the directory that libdpdk was built with.
//!
//! Nothing here is safe to call by itself: use the `dpdk` crate.
#![allow(unsafe_code)]

#[allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    clippy::all,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks
)]
mod bindings {
    /// A packet buffer, only ever behind a pointer; its fields lie at the `DPDK_SHIM_MBUF_` offsets.
    #[repr(C)]
    pub struct rte_mbuf {
        _opaque: [u8; 0],
        _not_auto: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
    }

    /// A pool of packet buffers, only ever behind a pointer.
    #[repr(C)]
    pub struct rte_mempool {
        _opaque: [u8; 0],
        _not_auto: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
    }

    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

pub use bindings::*;
