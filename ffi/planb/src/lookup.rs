//! Going down the tree, by the machine's own means.

#[cfg(target_arch = "x86_64")]
use crate::avx512;
use crate::{KEYS, PlanB, WAYS};

/// Whether this machine has what [`avx512`] is compiled for.
#[cfg(target_arch = "x86_64")]
pub(crate) fn avx512_usable() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("bmi2")
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn avx512_usable() -> bool {
    false
}

pub(crate) fn lookup_batch(table: &PlanB, addresses: &[u128], next_hops: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if table.avx512 {
        // SAFETY: `build` sets `avx512` to what `avx512_usable` says, so the machine has the features.
        unsafe { avx512::lookup_batch(table, addresses, next_hops) };
        return;
    }
    lookup_batch_scalar(table, addresses, next_hops);
}

pub(crate) fn lookup_batch_scalar(table: &PlanB, addresses: &[u128], next_hops: &mut [u32]) {
    for (address, next_hop) in addresses.iter().zip(next_hops) {
        let key = (address >> 64) as u64;
        let mut node = 0;
        for start in &table.level_starts[..table.depth] {
            let keys = &table.nodes[start + node * KEYS..][..KEYS];
            node = node * WAYS + keys.iter().filter(|&&bound| key > bound).count();
        }
        *next_hop = table.next_hops[node];
    }
}
