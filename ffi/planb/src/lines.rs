//! Arrays that start at a cache line, and in huge pages if the system has some.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;

use crate::Error;

/// The size of a huge page of x86-64. Arrays are aligned to it, so that no huge page is shared with others.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A type that may be all zeros.
pub(crate) trait Word: Copy {}
impl Word for u32 {}
impl Word for u64 {}

/// An array of words of fixed length.
#[derive(Debug)]
pub(crate) struct Lines<T: Word> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: the memory is owned by this value alone, and words can be sent and shared.
unsafe impl<T: Word + Send> Send for Lines<T> {}
// SAFETY: as above; a shared `Lines` only hands out shared slices.
unsafe impl<T: Word + Sync> Sync for Lines<T> {}

impl<T: Word> Lines<T> {
    /// An array of zeros; not empty.
    pub(crate) fn zeroed(len: usize) -> Result<Self, Error> {
        let layout = Self::layout(len).ok_or(Error::NoMemory)?;
        // SAFETY: the layout's size is not 0: `layout` rounds at least one byte up to a huge page.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(Error::NoMemory)?;
        // SAFETY: the range is what was just allocated. The advice changes which pages back it, not what they
        // hold, and a system that does not take it loses speed alone, so the result does not matter.
        unsafe { libc::madvise(start.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE) };
        Ok(Self { start: start.cast(), len })
    }

    /// What is in use, in bytes; the rest of the last huge page is not.
    pub(crate) fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }

    fn layout(len: usize) -> Option<Layout> {
        let bytes = len.checked_mul(size_of::<T>())?.max(1).checked_next_multiple_of(HUGE_PAGE_BYTES)?;
        Layout::from_size_align(bytes, HUGE_PAGE_BYTES).ok()
    }
}

impl<T: Word> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `start` is aligned for `T` (to a huge page) and valid for `len` words, all zeroed when they
        // were allocated, which is a value of `T`; only `deref_mut` changes them, and it borrows exclusively.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Word> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Word> Drop for Lines<T> {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.len) {
            // SAFETY: allocated in `zeroed` with the layout of the same length, and not freed before.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}
