//! Which code does the lookups: chosen once, at start, by what the processor has.

use std::fmt;

use super::table::{DefaultRoute, Table};
use super::{scalar, simd};
use crate::id::NextHopId;

/// A way to look addresses up. All give the same results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kernel {
    /// Plain code.
    Scalar,
    /// 256-bit vectors (AVX2, BMI2).
    Avx2,
    /// 512-bit vectors (AVX-512 F, BW, VL).
    Avx512,
}

impl Kernel {
    /// All there are, the fastest last.
    pub const ALL: [Kernel; 3] = [Kernel::Scalar, Kernel::Avx2, Kernel::Avx512];

    /// True when this processor can.
    pub fn is_available(self) -> bool {
        match self {
            Kernel::Scalar => true,
            Kernel::Avx2 => simd::has_avx2(),
            Kernel::Avx512 => simd::has_avx512(),
        }
    }

    /// The fastest one that this processor can.
    pub fn detect() -> Kernel {
        Kernel::ALL.into_iter().rev().find(|kernel| kernel.is_available()).unwrap_or(Kernel::Scalar)
    }

    /// Looks up as many addresses as the shorter slice has, at most [`super::BLOCK`]; `default` is what the table has now.
    pub(super) fn lookup6(
        self,
        table: &Table,
        default: DefaultRoute,
        addresses: &[u128],
        next_hops: &mut [NextHopId],
    ) {
        match self {
            Kernel::Scalar => {
                for (address, next_hop) in addresses.iter().zip(next_hops) {
                    *next_hop = scalar::lookup6(table, default, *address);
                }
            }
            Kernel::Avx2 => simd::lookup6_avx2(table, default, addresses, next_hops),
            Kernel::Avx512 => simd::lookup6_avx512(table, default, addresses, next_hops),
        }
    }

    /// The same for IPv4 addresses in a table of leaves and pages only.
    pub(super) fn lookup4(
        self,
        table: &Table,
        default: DefaultRoute,
        addresses: &[u32],
        next_hops: &mut [NextHopId],
    ) {
        match self {
            Kernel::Scalar => {
                for (address, next_hop) in addresses.iter().zip(next_hops) {
                    *next_hop = scalar::lookup4(table, default, *address);
                }
            }
            Kernel::Avx2 => simd::lookup4_avx2(table, default, addresses, next_hops),
            Kernel::Avx512 => simd::lookup4_avx512(table, default, addresses, next_hops),
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kernel::Scalar => "scalar",
            Kernel::Avx2 => "avx2",
            Kernel::Avx512 => "avx512",
        })
    }
}
