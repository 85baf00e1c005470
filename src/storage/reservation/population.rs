//! Faulting memory in on another thread than the one that uses it.
//!
//! Taking 2 MiB from the kernel takes some 90 µs, and milliseconds where the kernel has to get them from its host. A
//! [`Population`] names a range of a reservation; whoever holds it may have the kernel hand the range over while the
//! owner goes on. The kernel's `MADV_POPULATE_WRITE` leaves contents as they are, so that it does not matter whether the
//! owner uses the range meanwhile. What matters is that the addresses stay taken, so a population holds them, and that
//! the owner does not give the range back before it is told that the population is done: it would come back.
//!
//! `unsafe`: addresses are shared between threads, and unmapped by the last who has them.
#![allow(unsafe_code)]

use super::kernel;
use std::sync::Arc;
use std::{ops::Range, ptr::NonNull};

/// Addresses that were taken from the kernel, for as long as anybody may use them.
pub(super) struct Mapping {
    start: NonNull<libc::c_void>,
    bytes: usize,
}

// SAFETY: a range of addresses; who may read and write there is the reservation's business.
unsafe impl Send for Mapping {}
// SAFETY: as above; a shared mapping lets nobody do more than have the kernel populate what is accessible.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Takes inaccessible addresses.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn new(bytes: usize) -> std::io::Result<Arc<Self>> {
        Ok(Arc::new(Mapping { start: kernel::reserve(bytes)?, bytes }))
    }

    pub(super) fn start(&self) -> NonNull<libc::c_void> {
        self.start
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the addresses taken in `new`; the reservation and all populations are gone.
        unsafe { kernel::release(self.start, self.bytes) };
    }
}

/// A range to be faulted in. See the module's documentation.
pub(in crate::storage) struct Population {
    mapping: Arc<Mapping>,
    /// From the mapping's start.
    range: Range<usize>,
}

impl Population {
    /// # Safety
    /// The range, in bytes from the mapping's start, lies inside it, consists of whole pages, is accessible, and stays
    /// so for as long as the mapping is there.
    pub(super) unsafe fn new(mapping: Arc<Mapping>, range: Range<usize>) -> Self {
        debug_assert!(range.end <= mapping.bytes);
        Population { mapping, range }
    }

    /// Has the kernel hand the memory over. Blocks the thread for as long as that takes.
    pub(in crate::storage) fn run(&self) {
        // SAFETY: inside the mapping, by the contract of `new`.
        let start = unsafe { self.mapping.start.byte_add(self.range.start) };
        // SAFETY: accessible by the contract of `new`, and mapped for as long as we hold the mapping.
        unsafe { kernel::populate(start.as_ptr(), self.range.len()) };
    }
}
