//! A core for each thread, where there are two.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two cores that this thread may run on: the last two, which as a rule are interrupted least.
pub(crate) fn two() -> Option<(usize, usize)> {
    let allowed = sched_getaffinity(None).ok()?;
    let mut cores = (0..CpuSet::MAX_CPU).rev().filter(|core| allowed.is_set(*core));
    Some((cores.next()?, cores.next()?))
}

/// Keeps this thread on one core; returns where it could run before. Without a core it stays where it is; and where the
/// kernel does not allow it, what is measured is only less steady.
pub(crate) fn go_to(core: Option<usize>) -> Option<CpuSet> {
    let (core, before) = (core?, sched_getaffinity(None).ok()?);
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).ok()?;
    Some(before)
}

/// Lets this thread run where it could before.
pub(crate) fn go_back(before: Option<CpuSet>) {
    if let Some(before) = before {
        let _ = sched_setaffinity(None, &before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_to_one_core_and_back() {
        let before = sched_getaffinity(None).unwrap();
        let core = (0..CpuSet::MAX_CPU).find(|core| before.is_set(*core)).unwrap();
        let home = go_to(Some(core));
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        go_back(home);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
        assert!(go_to(None).is_none());
    }
}
