//! DPDK's own lookup tables, to compare ours with; only with the feature `lpm`. Addresses, next hops and "no route"
//! are in DPDK's formats, so that a lookup converts nothing.
//!
//! | table | library | prefix length | next hop at most | no route |
//! |---|---|---|---|---|
//! | [`Fib6`] | `rte_fib6`, TRIE, 4 bytes | 0 to 128 | 2^31 - 1 | [`TableConfig::no_route`] |
//! | [`Fib4`] | `rte_fib`, DIR24_8, 4 bytes | 0 to 32 | 2^31 - 1 | [`TableConfig::no_route`] |
//! | [`Lpm6`] | `rte_lpm6` | 1 to 128 | 2^21 - 1 ([`LPM6_NEXT_HOP_MAX`]) | -1 |
//!
//! What a table occupies is the difference of [`heap_bytes`] before and after.

// All that calls into the libraries of the tables is `#[inline]`: so it is compiled in the crates that use it, and this
// one has no reference to those libraries. Otherwise every program of a workspace build, where cargo turns the feature
// on for all, would need them at run time (with linkers that count the references of code that is never called).

use std::ffi::CString;
use std::ptr::NonNull;

use crate::error::{check, errno, from_code};
use crate::{Eal, Error, log};

/// The largest next hop that [`Lpm6`] can hold.
pub const LPM6_NEXT_HOP_MAX: u32 = (1 << dpdk_sys::DPDK_SHIM_LPM6_NEXT_HOP_BITS) - 1;

/// Memory of any NUMA node.
const ANY_SOCKET: i32 = -1;

/// How a table looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// One address after the other.
    Scalar,
    /// Several addresses at once. Needs a processor with AVX-512, and EAL started with
    /// [`force_max_simd_bitwidth(512)`](crate::EalOptions::force_max_simd_bitwidth).
    Avx512,
}

/// How large a table is.
#[derive(Clone, Debug)]
pub struct TableConfig<'a> {
    /// No other table of the kind in the process has this name.
    pub name: &'a str,
    /// Room for so many routes.
    pub max_routes: u32,
    /// Room for so many second-level tables, of 256 entries each.
    pub num_tbl8: u32,
    /// What is found where there is no route, at most 2^31 - 1. [`Lpm6`] has its own, -1.
    pub no_route: u32,
}

impl TableConfig<'_> {
    /// Calls `create` with the configuration as the shim has it.
    #[inline]
    fn create<T>(
        &self,
        call: &'static str,
        create: impl FnOnce(*const dpdk_sys::dpdk_shim_table_config) -> *mut T,
    ) -> Result<NonNull<T>, Error> {
        if i32::try_from(self.max_routes).is_err() {
            return Err(Error::InvalidOption(format!("{} routes are too many", self.max_routes)));
        }
        let name = CString::new(self.name)
            .map_err(|error| Error::InvalidOption(format!("the name has a NUL byte: {error}")))?;
        let config = dpdk_sys::dpdk_shim_table_config {
            name: name.as_ptr(),
            socket_id: ANY_SOCKET,
            max_routes: self.max_routes,
            num_tbl8: self.num_tbl8,
            no_route: self.no_route,
        };
        let (table, logged) = log::capture(|| create(&raw const config));
        NonNull::new(table).ok_or_else(|| from_code(call, errno(), &logged))
    }
}

/// The error of a table that has no such lookup function.
#[inline]
fn selected(call: &'static str, lookup: Lookup, run: impl FnOnce() -> i32) -> Result<(), Error> {
    check(call, run).map_err(|error| match (error, lookup) {
        (Error::Dpdk { call, code, .. }, Lookup::Avx512) => Error::Dpdk {
            call,
            code,
            message:
                "no AVX-512 lookup: it takes a processor and a build of DPDK that have it, and a maximum \
                      SIMD width of 512 bits"
                    .to_owned(),
        },
        (error, _) => error,
    })
}

/// Panics unless there is room for a result of each address.
fn count(addresses: usize, results: usize) -> u32 {
    assert!(addresses <= results, "{addresses} addresses, room for {results} results");
    // DPDK counts in an `int`.
    assert!(i32::try_from(addresses).is_ok(), "{addresses} addresses");
    addresses as u32
}

/// What is allocated on DPDK's heaps, in bytes.
#[inline]
pub fn heap_bytes(_eal: &Eal) -> u64 {
    // SAFETY: EAL runs, as there is an `Eal`; the shim reads the heaps' counts under their locks.
    unsafe { dpdk_sys::dpdk_shim_heap_bytes() }
}

macro_rules! table {
    (
        $(#[$doc:meta])*
        $name:ident($raw:ty, $prefix:ty => $pass:expr, $address:ty, $result:ty),
        $create:ident $create_call:literal, $free:ident,
        $add:ident $add_call:literal, $delete:ident $delete_call:literal, $lookup:ident
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            table: NonNull<$raw>,
            _eal: Eal,
        }

        // SAFETY: the table is ours alone (its name is not looked up by anybody else in this crate), it is plain
        // memory without ties to a thread, and DPDK guards the process-wide list of tables itself.
        unsafe impl Send for $name {}
        // SAFETY: what takes `&self` is looking up alone, which only reads the table.
        unsafe impl Sync for $name {}

        impl $name {
            #[inline]
            fn allocate(eal: &Eal, config: &TableConfig) -> Result<Self, Error> {
                let table = config.create($create_call, |config| {
                    // SAFETY: EAL runs, and the configuration and its NUL-terminated name live during the call.
                    unsafe { dpdk_sys::$create(config) }
                })?;
                Ok(Self { table, _eal: eal.clone() })
            }

            #[inline]
            fn put(&mut self, prefix: $prefix, len: u8, next_hop: u32) -> Result<(), Error> {
                check($add_call, || {
                    // SAFETY: the table is alive and borrowed exclusively; DPDK checks length and next hop, and
                    // reads the prefix during the call only.
                    unsafe { dpdk_sys::$add(self.table.as_ptr(), $pass(&prefix), len, next_hop.into()) }
                })
            }

            /// Removes the route of a prefix.
            ///
            /// # Errors
            /// [`Error::Dpdk`] when there is none.
            #[inline]
            pub fn delete(&mut self, prefix: $prefix, len: u8) -> Result<(), Error> {
                check($delete_call, || {
                    // SAFETY: as for adding.
                    unsafe { dpdk_sys::$delete(self.table.as_ptr(), $pass(&prefix), len) }
                })
            }

            /// The next hops of addresses.
            ///
            /// # Panics
            /// When there are more addresses than results.
            #[inline]
            pub fn lookup_bulk(&self, addresses: &[$address], next_hops: &mut [$result]) {
                let count = count(addresses.len(), next_hops.len());
                // SAFETY: the table is alive, nobody changes it while it is borrowed, and both arrays have `count`
                // elements. The call fails for null pointers alone.
                unsafe {
                    dpdk_sys::$lookup(self.table.as_ptr(), addresses.as_ptr(), next_hops.as_mut_ptr(), count)
                };
            }
        }

        impl Drop for $name {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: made by the matching call, and freed nowhere else; EAL still runs.
                unsafe { dpdk_sys::$free(self.table.as_ptr()) }
            }
        }
    };
}

table! {
    /// IPv6: `rte_fib6`, the TRIE with next hops of 4 bytes. Addresses are octets in network order.
    Fib6(dpdk_sys::rte_fib6, [u8; 16] => <[u8]>::as_ptr, [u8; 16], u64),
    dpdk_shim_fib6_create "rte_fib6_create", dpdk_shim_fib6_free,
    dpdk_shim_fib6_add "rte_fib6_add", dpdk_shim_fib6_delete "rte_fib6_delete", dpdk_shim_fib6_lookup
}

table! {
    /// IPv4: `rte_fib`, DIR24_8 with next hops of 4 bytes. Addresses are numbers in host order.
    Fib4(dpdk_sys::rte_fib, u32 => u32::clone, u32, u64),
    dpdk_shim_fib_create "rte_fib_create", dpdk_shim_fib_free,
    dpdk_shim_fib_add "rte_fib_add", dpdk_shim_fib_delete "rte_fib_delete", dpdk_shim_fib_lookup
}

table! {
    /// IPv6: `rte_lpm6`. Addresses are octets in network order; a result of -1 is no route.
    Lpm6(dpdk_sys::rte_lpm6, [u8; 16] => <[u8]>::as_ptr, [u8; 16], i32),
    dpdk_shim_lpm6_create "rte_lpm6_create", dpdk_shim_lpm6_free,
    dpdk_shim_lpm6_add "rte_lpm6_add", dpdk_shim_lpm6_delete "rte_lpm6_delete", dpdk_shim_lpm6_lookup
}

impl Fib6 {
    /// An empty table.
    ///
    /// # Errors
    /// [`Error::Dpdk`] when the heap has no room, when the name is in use, and when there is no such lookup.
    #[inline]
    pub fn create(eal: &Eal, config: &TableConfig, lookup: Lookup) -> Result<Self, Error> {
        let mut table = Self::allocate(eal, config)?;
        table.select_lookup(lookup)?;
        Ok(table)
    }

    /// Changes how the table looks up.
    ///
    /// # Errors
    /// [`Error::Dpdk`] when there is no such lookup here.
    #[inline]
    pub fn select_lookup(&mut self, lookup: Lookup) -> Result<(), Error> {
        selected("rte_fib6_select_lookup", lookup, || {
            // SAFETY: the table is alive and borrowed exclusively.
            unsafe { dpdk_sys::dpdk_shim_fib6_select(self.table.as_ptr(), lookup == Lookup::Avx512) }
        })
    }

    /// Adds or replaces a route; bits beyond the length are ignored.
    ///
    /// # Errors
    /// [`Error::Dpdk`] when the table is full, or the length or the next hop out of range.
    #[inline]
    pub fn add(&mut self, prefix: [u8; 16], len: u8, next_hop: u32) -> Result<(), Error> {
        self.put(prefix, len, next_hop)
    }
}

impl Fib4 {
    /// An empty table.
    ///
    /// # Errors
    /// As [`Fib6::create`].
    #[inline]
    pub fn create(eal: &Eal, config: &TableConfig, lookup: Lookup) -> Result<Self, Error> {
        let mut table = Self::allocate(eal, config)?;
        table.select_lookup(lookup)?;
        Ok(table)
    }

    /// Changes how the table looks up.
    ///
    /// # Errors
    /// As [`Fib6::select_lookup`].
    #[inline]
    pub fn select_lookup(&mut self, lookup: Lookup) -> Result<(), Error> {
        selected("rte_fib_select_lookup", lookup, || {
            // SAFETY: the table is alive and borrowed exclusively.
            unsafe { dpdk_sys::dpdk_shim_fib_select(self.table.as_ptr(), lookup == Lookup::Avx512) }
        })
    }

    /// Adds or replaces a route; bits beyond the length are ignored.
    ///
    /// # Errors
    /// As [`Fib6::add`].
    #[inline]
    pub fn add(&mut self, prefix: u32, len: u8, next_hop: u32) -> Result<(), Error> {
        self.put(prefix, len, next_hop)
    }
}

impl Lpm6 {
    /// An empty table. [`TableConfig::no_route`] is not used.
    ///
    /// # Errors
    /// [`Error::Dpdk`] when the heap has no room, and when the name is in use.
    #[inline]
    pub fn create(eal: &Eal, config: &TableConfig) -> Result<Self, Error> {
        Self::allocate(eal, config)
    }

    /// Adds or replaces a route; bits beyond the length are ignored.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a next hop above [`LPM6_NEXT_HOP_MAX`]; [`Error::Dpdk`] when the table is full,
    /// or the length is not from 1 to 128.
    #[inline]
    pub fn add(&mut self, prefix: [u8; 16], len: u8, next_hop: u32) -> Result<(), Error> {
        if next_hop > LPM6_NEXT_HOP_MAX {
            let message = format!("next hop {next_hop} is above {LPM6_NEXT_HOP_MAX}");
            return Err(Error::InvalidOption(message));
        }
        self.put(prefix, len, next_hop)
    }
}
