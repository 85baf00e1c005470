//! A slice at a fixed address that grows in place: address space reserved once, memory committed extent by
//! extent.
//!
//! ```text
//!   base                    len                                            capacity
//!   | extent | extent | ... | inaccessible address space, costs nothing .......|
//! ```
//!
//! Only the committed part is reachable, as an ordinary slice, so that users need no `unsafe`. New memory reads
//! as zeroes. Growing never moves or copies what is there.
//!
//! Access is asked of the kernel for as much as will probably be committed ([`Reservation::open`]), once: changing it
//! while another thread populates would wait for that. A range may be [ordered](Reservation::order) to be populated by
//! another thread, one at a time; until [`Reservation::end_order`] it cannot be given back.
//!
//! `unsafe`: the memory comes from `mmap` (see `kernel`), which the type system cannot see.
#![allow(unsafe_code)]

mod kernel;
mod population;

pub(super) use self::population::Population;

use self::population::Mapping;
use std::{
    io,
    marker::PhantomData,
    ops::{Deref, DerefMut, Range},
    ptr::NonNull,
    slice,
    sync::Arc,
};

/// Size of an x86-64 huge page; reservations are aligned to it.
pub(super) const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Types for which any bytes, all zeroes included, are a valid value.
///
/// # Safety
/// The implementor has no invalid bit patterns, and its alignment divides [`HUGE_PAGE_BYTES`].
pub(super) unsafe trait Plain: Copy {}

// SAFETY: every bit pattern is a u8.
unsafe impl Plain for u8 {}

// SAFETY: every bit pattern is an array of u16; its alignment is 2.
unsafe impl Plain for [u16; 32] {}

/// See the module's documentation.
pub(super) struct Reservation<T: Plain> {
    base: NonNull<T>,
    mapping: Arc<Mapping>,
    extent_bytes: usize,
    /// What may be accessed; at least what is committed.
    open_bytes: usize,
    committed_bytes: usize,
    capacity_bytes: usize,
    /// What another thread is populating, in bytes from the start.
    order: Option<Range<usize>>,
    huge_pages: bool,
    owns: PhantomData<T>,
}

// SAFETY: the mapping is private to this value and `T` is plain data; sending moves exclusive ownership.
unsafe impl<T: Plain + Send> Send for Reservation<T> {}

impl<T: Plain> Reservation<T> {
    /// Reserves address space for `capacity_bytes`, rounded up to whole extents. Commits nothing.
    ///
    /// # Errors
    /// What `mmap` says, usually a limit on address space.
    pub(super) fn new(capacity_bytes: usize, extent_bytes: usize, huge_pages: bool) -> io::Result<Self> {
        debug_assert!(extent_bytes.is_multiple_of(4096) && extent_bytes.is_multiple_of(size_of::<T>()));
        let capacity_bytes = capacity_bytes.next_multiple_of(extent_bytes);
        let mapping = Mapping::new(capacity_bytes + HUGE_PAGE_BYTES)?;
        let start = mapping.start();
        let lead_bytes = start.addr().get().next_multiple_of(HUGE_PAGE_BYTES) - start.addr().get();
        // SAFETY: the mapping is one huge page longer than the capacity, so the aligned start lies inside it.
        let base = unsafe { start.byte_add(lead_bytes) }.cast::<T>();
        Ok(Reservation {
            base,
            mapping,
            extent_bytes,
            open_bytes: 0,
            committed_bytes: 0,
            capacity_bytes,
            order: None,
            huge_pages,
            owns: PhantomData,
        })
    }

    pub(super) fn committed_bytes(&self) -> usize {
        self.committed_bytes
    }

    pub(super) fn capacity_bytes(&self) -> usize {
        self.capacity_bytes
    }

    pub(super) fn extent_bytes(&self) -> usize {
        self.extent_bytes
    }

    /// Asks the kernel at once for access to as many bytes from the start as will probably be committed, rounded up to
    /// whole extents. Takes no memory. A kernel that refuses (it may count what is accessible, `vm.overcommit_memory=2`)
    /// is asked again for each extent.
    pub(super) fn open(&mut self, bytes: usize) {
        let _ = self.open_up_to(bytes.next_multiple_of(self.extent_bytes).min(self.capacity_bytes));
    }

    fn open_up_to(&mut self, end_bytes: usize) -> io::Result<()> {
        if end_bytes <= self.open_bytes {
            return Ok(());
        }
        if end_bytes > self.capacity_bytes {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        }
        let start = self.address(self.open_bytes);
        // SAFETY: the range lies inside our mapping (checked above), and nobody could access it.
        unsafe { kernel::commit(start, end_bytes - self.open_bytes, self.huge_pages) }?;
        self.open_bytes = end_bytes;
        Ok(())
    }

    /// Takes one more extent into use. Memory is taken from the kernel when it is first touched.
    ///
    /// # Errors
    /// `OutOfMemory` at the end of the reservation, else what `mprotect` says.
    pub(super) fn commit_extent(&mut self) -> io::Result<()> {
        self.open_up_to(self.committed_bytes + self.extent_bytes)?;
        self.committed_bytes += self.extent_bytes;
        Ok(())
    }

    /// The next extent to commit, to be populated elsewhere. `None` if something is ordered already, or the kernel
    /// or the reservation's end refuse.
    pub(super) fn order_extent(&mut self) -> Option<Population> {
        self.order(self.committed_bytes / size_of::<T>(), self.extent_bytes / size_of::<T>())
    }

    /// Has `len` elements from `start` populated elsewhere. The range must consist of whole 4 KiB pages and need not be
    /// committed. `None` as for [`order_extent`](Self::order_extent).
    pub(super) fn order(&mut self, start: usize, len: usize) -> Option<Population> {
        let range = start * size_of::<T>()..(start + len) * size_of::<T>();
        assert!((range.start | range.end).is_multiple_of(4096));
        if self.order.is_some() || self.open_up_to(range.end).is_err() {
            return None;
        }
        self.order = Some(range.clone());
        let lead_bytes = self.base.addr().get() - self.mapping.start().addr().get();
        let in_mapping = lead_bytes + range.start..lead_bytes + range.end;
        // SAFETY: open, hence accessible, and inside our mapping; access is never taken away.
        Some(unsafe { Population::new(self.mapping.clone(), in_mapping) })
    }

    /// Whether something is being populated elsewhere.
    pub(super) fn has_order(&self) -> bool {
        self.order.is_some()
    }

    /// Whether some of `len` elements from `start` is being populated elsewhere.
    pub(super) fn is_ordered(&self, start: usize, len: usize) -> bool {
        let (start, end) = (start * size_of::<T>(), (start + len) * size_of::<T>());
        self.order.as_ref().is_some_and(|order| order.start < end && start < order.end)
    }

    /// Memory being populated elsewhere that is not committed yet.
    pub(super) fn coming_bytes(&self) -> usize {
        self.order.as_ref().map_or(0, |order| order.end.saturating_sub(order.start.max(self.committed_bytes)))
    }

    /// What was ordered has been populated, or never will be. Returns which elements.
    pub(super) fn end_order(&mut self) -> Option<Range<usize>> {
        let order = self.order.take()?;
        Some(order.start / size_of::<T>()..order.end / size_of::<T>())
    }

    /// What was ordered as the next extent has been populated: commits it if it `is_wanted` and gives it back if not.
    /// Does nothing if it has been committed meanwhile.
    pub(super) fn end_extent_order(&mut self, is_wanted: bool) {
        if self.coming_bytes() == 0 {
            self.order = None;
            return;
        }
        self.order = None;
        let committed = self.commit_extent().is_ok();
        debug_assert!(committed, "access was asked for when it was ordered");
        if committed && !is_wanted {
            self.release_last_extent();
        }
    }

    /// Faults in the last committed extent now. A kernel that cannot (before 5.14) leaves it to the first touch.
    pub(super) fn populate_last_extent(&mut self) {
        if let Some(offset) = self.committed_bytes.checked_sub(self.extent_bytes) {
            self.populate(offset / size_of::<T>(), self.extent_bytes / size_of::<T>());
        }
    }

    /// Faults `len` elements from `start` in, as far as the kernel can. The range must consist of whole 4 KiB pages.
    pub(super) fn populate(&mut self, start: usize, len: usize) {
        let (start_bytes, len_bytes) = (start * size_of::<T>(), len * size_of::<T>());
        assert!(start_bytes + len_bytes <= self.committed_bytes && (start_bytes | len_bytes).is_multiple_of(4096));
        // SAFETY: the range is committed (asserted) and ours; populating keeps its contents.
        unsafe { kernel::populate(self.address(start_bytes), len_bytes) };
    }

    /// Gives the memory behind `len` elements from `start` back to the kernel; they read as zeroes from now on.
    /// The range must consist of whole 4 KiB pages, none of them ordered.
    pub(super) fn discard(&mut self, start: usize, len: usize) {
        let (start_bytes, len_bytes) = (start * size_of::<T>(), len * size_of::<T>());
        debug_assert!(!self.is_ordered(start, len), "it would come back");
        assert!(start_bytes + len_bytes <= self.committed_bytes && (start_bytes | len_bytes).is_multiple_of(4096));
        if len_bytes == 0 {
            return;
        }
        let start_address = self.address(start_bytes);
        // SAFETY: the range is committed (asserted) and exclusively borrowed; zeroes are valid values of `T`.
        let is_given_back = unsafe { kernel::give_back(start_address, len_bytes) };
        if !is_given_back {
            // The contract on the contents still holds.
            // SAFETY: as above.
            unsafe { self.base.add(start).write_bytes(0, len) };
        }
    }

    /// Gives the extent that was committed last back. False, and nothing is done, if none is, or while it or the next
    /// one is being populated elsewhere.
    pub(super) fn release_last_extent(&mut self) -> bool {
        let Some(kept_bytes) = self.committed_bytes.checked_sub(self.extent_bytes) else { return false };
        if self.order.as_ref().is_some_and(|order| order.end > kept_bytes) {
            return false;
        }
        self.discard(kept_bytes / size_of::<T>(), self.extent_bytes / size_of::<T>());
        self.committed_bytes = kept_bytes;
        true
    }

    /// Starts loading the cache line of element `index`. Only a hint: any index is allowed.
    #[inline(always)]
    pub(super) fn prefetch(&self, index: usize) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let address = self.base.as_ptr().wrapping_add(index).cast::<i8>();
            // SAFETY: a prefetch never faults, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = index;
    }

    fn address(&self, offset_bytes: usize) -> *mut libc::c_void {
        debug_assert!(offset_bytes <= self.capacity_bytes);
        // SAFETY: offsets passed here are at most the capacity, so the result stays inside the mapping.
        unsafe { self.base.as_ptr().byte_add(offset_bytes) }.cast()
    }
}

impl<T: Plain> Deref for Reservation<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the committed bytes are readable, aligned, initialised (zeroes at first), and borrowed with `self`.
        unsafe { slice::from_raw_parts(self.base.as_ptr(), self.committed_bytes / size_of::<T>()) }
    }
}

impl<T: Plain> DerefMut for Reservation<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and writable; the exclusive borrow of `self` makes the slice unique.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr(), self.committed_bytes / size_of::<T>()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT_BYTES: usize = 64 << 10;

    #[test]
    fn grows_in_place_up_to_its_capacity() {
        let mut r = Reservation::<u8>::new(3 * EXTENT_BYTES, EXTENT_BYTES, false).unwrap();
        assert!(r.is_empty());
        r.commit_extent().unwrap();
        r[7] = 42;
        let address = r.as_ptr();
        r.commit_extent().unwrap();
        r.commit_extent().unwrap();
        assert_eq!((r.as_ptr(), r[7], r.len()), (address, 42, 3 * EXTENT_BYTES));
        assert!(r.iter().skip(8).all(|&b| b == 0));
        assert!(r.commit_extent().is_err());
        assert!(address.addr().is_multiple_of(HUGE_PAGE_BYTES));
    }

    /// Pages of the range that are in memory.
    #[cfg(not(miri))]
    fn resident(r: &Reservation<u8>) -> usize {
        let mut pages = vec![0u8; r.len() / 4096];
        // SAFETY: the slice is mapped, and `pages` has a byte for each of its pages.
        let failed = unsafe { libc::mincore(r.as_ptr().cast_mut().cast(), r.len(), pages.as_mut_ptr()) } != 0;
        assert!(!failed);
        pages.iter().filter(|&&page| page & 1 != 0).count()
    }

    #[cfg(not(miri))]
    #[test]
    fn locked_memory_is_given_back_too() {
        let mut r = Reservation::<u8>::new(EXTENT_BYTES, EXTENT_BYTES, false).unwrap();
        r.commit_extent().unwrap();
        // SAFETY: the slice is mapped. Locking may be refused by a limit; the rest is then the ordinary case.
        unsafe { libc::mlock(r.as_ptr().cast(), r.len()) };
        r.fill(9);
        assert_eq!(resident(&r), 16);
        r.discard(4096, 3 * 4096);
        assert_eq!((resident(&r), r[4095]), (13, 9));
        assert_eq!((r[4096], r[16384]), (0, 9));
    }

    #[test]
    fn what_is_populated_elsewhere_may_be_used_meanwhile_but_not_given_back() {
        let mut r = Reservation::<u8>::new(4 * EXTENT_BYTES, EXTENT_BYTES, false).unwrap();
        r.open(2 * EXTENT_BYTES);
        assert_eq!((r.len(), r.coming_bytes()), (0, 0));
        let order = r.order_extent().unwrap();
        assert!(r.order_extent().is_none(), "one at a time");
        assert_eq!((r.len(), r.coming_bytes()), (0, EXTENT_BYTES));
        // It is needed before it is done.
        r.commit_extent().unwrap();
        assert_eq!(r.coming_bytes(), 0);
        assert!(r.is_ordered(EXTENT_BYTES - 1, 1) && !r.is_ordered(EXTENT_BYTES, 1));
        r.fill(9);
        std::thread::scope(|scope| scope.spawn(|| order.run()).join()).unwrap();
        assert!(!r.release_last_extent());
        r.end_extent_order(false);
        assert!(r.iter().all(|&b| b == 9) && r.len() == EXTENT_BYTES);
        assert!(r.release_last_extent() && !r.release_last_extent());
        // Not needed any more when it is done; and beyond what was opened at first.
        for is_wanted in [false, true, true, true] {
            r.order_extent().unwrap().run();
            r.end_extent_order(is_wanted);
        }
        assert_eq!((r.len(), r.coming_bytes()), (3 * EXTENT_BYTES, 0));
        assert!(r.iter().all(|&b| b == 0));
        r.commit_extent().unwrap();
        assert!(r.order_extent().is_none(), "the end");
    }

    /// A server ends while a thread populates its memory.
    #[test]
    fn a_population_outlives_its_reservation() {
        let mut r = Reservation::<u8>::new(2 * EXTENT_BYTES, EXTENT_BYTES, false).unwrap();
        let order = r.order_extent().unwrap();
        drop(r);
        order.run();
    }

    #[test]
    fn discarded_memory_reads_as_zeroes() {
        let mut r = Reservation::<u8>::new(2 * EXTENT_BYTES, EXTENT_BYTES, false).unwrap();
        r.commit_extent().unwrap();
        r.commit_extent().unwrap();
        r.populate_last_extent();
        r.fill(9);
        r.discard(4096, 8192);
        assert_eq!((r[4095], r[4096], r[12287], r[12288]), (9, 0, 0, 9));
        r.discard(0, EXTENT_BYTES);
        assert!(r.release_last_extent());
        assert_eq!(r.len(), EXTENT_BYTES);
        r.commit_extent().unwrap();
        r.populate(4096, 4096);
        assert!(r.iter().all(|&b| b == 0));
    }
}
