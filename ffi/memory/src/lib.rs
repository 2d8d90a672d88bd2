//! Large tables of words: address space that costs memory only where it is written.
//!
//! A forwarding table needs one flat array with room for the largest case, most of which is never touched. [`Words`]
//! reserves such an array: every word reads as zero, the kernel provides a page when one of its words is first written,
//! and huge pages where they are asked for. Words are atomic, so that one thread may write while others read.

#![allow(unsafe_code)]

use std::io;
use std::ops::{Deref, Range};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

/// Octets of a huge page, on the processors that this runs on.
pub const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A fixed number of atomic 32-bit words, zero at first. The first one lies at the start of a huge page.
#[derive(Debug)]
pub struct Words {
    /// What was mapped, [`HUGE_PAGE_BYTES`] longer than asked for.
    mapping: NonNull<libc::c_void>,
    mapping_bytes: usize,
    first: NonNull<AtomicU32>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone, and all that it gives out are shared references to atomic words,
// which any thread may use.
unsafe impl Send for Words {}
// SAFETY: as for Send: `&Words` gives out only `&[AtomicU32]`, and advice to the kernel that changes no word in use.
unsafe impl Sync for Words {}

impl Words {
    /// Reserves `len` words.
    ///
    /// # Errors
    /// The kernel's: no address space, or a limit of the process (`RLIMIT_AS`, strict overcommit).
    pub fn reserve(len: usize) -> io::Result<Words> {
        let too_much = || io::Error::from_raw_os_error(libc::ENOMEM);
        let bytes = len.checked_mul(size_of::<AtomicU32>()).ok_or_else(too_much)?;
        let mapping_bytes = bytes.checked_add(HUGE_PAGE_BYTES).ok_or_else(too_much)?;
        // SAFETY: a new private mapping without a file; no address is asked for, so no other mapping is replaced.
        let mapping = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapping_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if mapping == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let Some(mapping) = NonNull::new(mapping) else { return Err(too_much()) };
        let offset = mapping.as_ptr().align_offset(HUGE_PAGE_BYTES).min(HUGE_PAGE_BYTES);
        // SAFETY: the offset is at most HUGE_PAGE_BYTES, which the mapping has in addition to the words.
        let first = unsafe { mapping.byte_add(offset) }.cast::<AtomicU32>();
        Ok(Words { mapping, mapping_bytes, first, len })
    }

    /// Asks for huge pages from word `from` on (rounded down to one). A wish: without huge pages nothing changes but speed.
    pub fn prefer_huge_pages(&self, from: usize) {
        let bytes = self.len * size_of::<AtomicU32>();
        let start = (from * size_of::<AtomicU32>()).min(bytes) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
        // SAFETY: start is at most the size of the words, so the range lies in the mapping (its end is rounded up by the
        // kernel to a page, and there is more than one page of the mapping behind the words or in the alignment before).
        let _ = unsafe {
            libc::madvise(self.first.as_ptr().byte_add(start).cast(), bytes - start, libc::MADV_HUGEPAGE)
        };
    }

    /// Gives the memory of a range of words back, as far as it fills whole pages. For others it is as if zero had been stored
    /// in these words.
    pub fn discard(&self, words: Range<usize>) {
        const PAGE_BYTES: usize = 4096;
        let end = words.end.min(self.len) * size_of::<AtomicU32>() / PAGE_BYTES * PAGE_BYTES;
        let start = (words.start * size_of::<AtomicU32>()).next_multiple_of(PAGE_BYTES);
        if start < end {
            // SAFETY: the range lies in the words (end is at most their size), starts at a page (`first` does), and holds
            // atomic integers, which the kernel makes zero: a change like any other thread's.
            let _ = unsafe {
                libc::madvise(self.first.as_ptr().byte_add(start).cast(), end - start, libc::MADV_DONTNEED)
            };
        }
    }
}

impl Deref for Words {
    type Target = [AtomicU32];

    fn deref(&self) -> &[AtomicU32] {
        // SAFETY: `first` is aligned to a huge page and has `len` words behind it in the mapping, which lives as long as
        // `self`. Fresh pages are zero, a valid AtomicU32, and words are only ever changed through atomics.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // SAFETY: exactly what mmap returned, unmapped once; references into it cannot outlive `self`.
        let _ = unsafe { libc::munmap(self.mapping.as_ptr(), self.mapping_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn words_are_zero_keep_what_is_stored_and_are_zero_again_when_discarded() {
        let len = 3 * HUGE_PAGE_BYTES / 4 + 5;
        let words = Words::reserve(len).unwrap();
        words.prefer_huge_pages(HUGE_PAGE_BYTES / 4);
        assert_eq!(words.len(), len);
        assert_eq!(words.as_ptr().align_offset(HUGE_PAGE_BYTES), 0);
        for index in [0, 1, len / 2, len - 1] {
            assert_eq!(words[index].load(Relaxed), 0);
            words[index].store(index as u32 + 1, Relaxed);
        }
        assert_eq!(words[len / 2].load(Relaxed) as usize, len / 2 + 1);
        words.discard(1..len);
        assert_eq!(words[1].load(Relaxed), 2, "its page holds word 0 too, which stays");
        assert_eq!(words[len / 2].load(Relaxed), 0);
    }

    #[test]
    fn what_cannot_be_reserved_is_an_error() {
        assert!(Words::reserve(usize::MAX / 2).is_err());
        assert!(Words::reserve(1 << 50).is_err());
    }
}
