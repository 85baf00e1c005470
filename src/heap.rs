//! The process's allocator, what it has given out, and what the kernel counts of the process.
//!
//! Knows nothing of the cache. Each thread counts what it takes and gives back in a place of its own, so counting is an
//! addition to memory that no other core writes. The sum over the threads is exact: what one thread takes and another
//! frees counts against each of the two.

#![allow(unsafe_code)] // An allocator is unsafe to be and to call; a process-wide setting has no safe form.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use mimalloc::MiMalloc;

/// mimalloc, counted.
pub struct Heap;

/// Threads that have a place of their own; what there are more share the last.
const PLACES: usize = 256;
const SHARED_PLACE: usize = PLACES - 1;
const UNASSIGNED: usize = usize::MAX;

/// What a thread holds in bytes; on a cache line that no other thread writes. Below 0, if it has freed what others took.
#[repr(align(64))]
struct Place(AtomicIsize);

static PLACES_HELD: [Place; PLACES] = [const { Place(AtomicIsize::new(0)) }; PLACES];
static PLACES_ASSIGNED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static OWN_PLACE: Cell<usize> = const { Cell::new(UNASSIGNED) };
}

fn own_place() -> usize {
    let place = OWN_PLACE.get();
    if place == UNASSIGNED { assign_place() } else { place }
}

#[cold]
fn assign_place() -> usize {
    let place = PLACES_ASSIGNED.fetch_add(1, Ordering::Relaxed).min(SHARED_PLACE);
    OWN_PLACE.set(place);
    place
}

#[inline]
fn count(bytes: isize) {
    let place = own_place();
    let held = &PLACES_HELD[place].0;
    if place == SHARED_PLACE {
        held.fetch_add(bytes, Ordering::Relaxed);
    } else {
        // Nobody else writes it, so the two need not be one.
        held.store(held.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
    }
}

/// What an allocation of this size takes: the allocator's sizes are an eighth of a power of two apart, those of large
/// ones a page.
const fn taken(size: usize) -> isize {
    const LARGE_BYTES: usize = 64 << 10;
    const LEAST_BYTES: usize = 16;
    let step = match size {
        0..128 => LEAST_BYTES,
        LARGE_BYTES.. => 4096,
        _ => 1 << (size.ilog2() - 3),
    };
    size.next_multiple_of(step) as isize
}

// SAFETY: each method is mimalloc's, with the same arguments and the same result; counting does not allocate.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(taken(layout.size()));
        // SAFETY: the caller keeps the contract of the method of the same name.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(taken(layout.size()));
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(taken(size) - taken(layout.size()));
        // SAFETY: as above.
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-taken(layout.size()));
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }
}

/// Bytes that all threads hold: what was asked for and not given back, touched or not. 0 where the process has another
/// allocator.
pub fn total_bytes() -> usize {
    let places = PLACES_ASSIGNED.load(Ordering::Relaxed).min(PLACES);
    let held: isize = PLACES_HELD[..places].iter().map(|place| place.0.load(Ordering::Relaxed)).sum();
    held.max(0) as usize
}

/// Bytes that the calling thread has taken, less what it has freed, whoever had taken that. Its changes tell when a look
/// at the total is worth it.
pub fn own_bytes() -> isize {
    PLACES_HELD[own_place()].0.load(Ordering::Relaxed)
}

/// Gives back to the kernel what the calling thread has freed, and what any thread freed a second ago or more. Some
/// microseconds, and a tenth of one for each page given back. Without it that waits for the thread's next allocations,
/// of which an idle one has none.
pub fn collect() {
    // SAFETY: it takes no pointers and moves nothing that is in use.
    unsafe { libmimalloc_sys::mi_collect(false) };
}

/// Memory of the process as the kernel counts it, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// All of it.
    pub total_bytes: usize,
    /// The part that is mapped from files (the program, its libraries) or shared with the kernel (rings).
    pub file_bytes: usize,
}

/// What the kernel counts now; `None` where there is no `/proc`.
pub fn resident() -> Option<Resident> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = statm.split(' ').skip(1).map(|word| word.parse::<usize>().ok());
    // SAFETY: no pointers are passed.
    let page_bytes = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    Some(Resident { total_bytes: pages.next()?? * page_bytes, file_bytes: pages.next()?? * page_bytes })
}

/// Keeps the kernel from using huge pages but where they are asked for, also where the system has them `always`: a heap
/// of one megabyte in huge pages is twelve. Linux 6.18 and newer; older ones go on as they do.
pub fn keep_huge_pages_to_those_asked_for() {
    const PR_SET_THP_DISABLE: libc::c_int = 41;
    const EXCEPT_ADVISED: libc::c_ulong = 1 << 1;
    // SAFETY: no pointers are passed; it changes what the kernel does with memory that is touched later.
    unsafe {
        libc::prctl(PR_SET_THP_DISABLE, 1 as libc::c_ulong, EXCEPT_ADVISED, 0 as libc::c_ulong, 0 as libc::c_ulong)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_and_freed_is_counted_and_the_sum_is_of_all_threads() {
        let before = own_bytes();
        let layout = Layout::from_size_align(5000, 8).expect("a layout");
        // SAFETY: allocated, resized and freed with the same layouts.
        let pointer = unsafe { Heap.alloc(layout) };
        assert_eq!(own_bytes() - before, 5120);
        assert!(total_bytes() >= 5120);
        // SAFETY: as above.
        let pointer = unsafe { Heap.realloc(pointer, layout, 100_000) };
        assert_eq!(own_bytes() - before, 102_400);
        let layout = Layout::from_size_align(100_000, 8).expect("a layout");
        let address = pointer.addr();
        let elsewhere = std::thread::spawn(move || {
            // SAFETY: nobody else uses it.
            unsafe { Heap.dealloc(std::ptr::with_exposed_provenance_mut(address), layout) };
            own_bytes()
        });
        let _ = pointer.expose_provenance();
        assert_eq!(elsewhere.join().expect("a thread"), -102_400);
        assert_eq!(own_bytes() - before, 102_400);
        let byte = Layout::from_size_align(1, 1).expect("a layout");
        // SAFETY: one byte is allocated, read, and freed with its layout.
        let value = unsafe {
            let zeroed = Heap.alloc_zeroed(byte);
            let value = *zeroed;
            Heap.dealloc(zeroed, byte);
            value
        };
        assert_eq!(value, 0);
    }

    #[test]
    fn sizes_are_rounded_as_the_allocator_does() {
        for (size, bytes) in [(0, 0), (1, 16), (100, 112), (128, 128), (129, 144), (1025, 1152), (70_000, 73_728)] {
            assert_eq!(taken(size), bytes, "{size}");
        }
    }

    #[test]
    fn the_kernel_counts_us() {
        let resident = resident().expect("Linux");
        assert!(resident.total_bytes > resident.file_bytes && resident.file_bytes > 0, "{resident:?}");
    }
}
