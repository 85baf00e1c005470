//! What a reservation asks of the kernel. Miri has no kernel: there, plain memory stands in, with the same meaning as
//! far as the contents go, so that the `unsafe` code around it can be checked. Not as far as access goes: what is not
//! committed is reachable there.
//!
//! `unsafe`: system calls, and the allocator in their place.
#![allow(unsafe_code)]

#[cfg(not(miri))]
pub(super) use self::linux::{commit, give_back, populate, release, reserve};
#[cfg(miri)]
pub(super) use self::plain::{commit, give_back, populate, release, reserve};

#[cfg(not(miri))]
mod linux {
    use std::{
        io,
        ptr::{self, NonNull},
    };

    /// Takes inaccessible addresses.
    ///
    /// # Errors
    /// What `mmap` says.
    pub(in super::super) fn reserve(bytes: usize) -> io::Result<NonNull<libc::c_void>> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no existing memory.
        let mapping = unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        keep_policy(mapping, bytes);
        NonNull::new(mapping).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
    }

    /// Gives a mapping the memory policy of this thread, if it has one (`set_mempolicy(2)`), so that it holds whichever
    /// thread touches the memory first. A kernel or sandbox that refuses leaves that thread's own.
    fn keep_policy(mapping: *mut libc::c_void, bytes: usize) {
        const NODES_MAX: usize = 1024;
        let (mut mode, mut nodes) = (libc::MPOL_DEFAULT, [0 as libc::c_ulong; NODES_MAX / 64]);
        let no_address = ptr::null_mut::<libc::c_void>();
        // SAFETY: the kernel writes a number, and as many bits as the mask is told to have.
        let known = unsafe {
            libc::syscall(libc::SYS_get_mempolicy, &raw mut mode, nodes.as_mut_ptr(), NODES_MAX, no_address, 0) == 0
        };
        if known && mode != libc::MPOL_DEFAULT {
            // SAFETY: the mapping is new and ours; a policy changes no contents, and the mask is only read.
            unsafe { libc::syscall(libc::SYS_mbind, mapping, bytes, mode, nodes.as_ptr(), NODES_MAX + 1, 0) };
        }
    }

    /// Makes a range accessible. It reads as zeroes.
    ///
    /// # Errors
    /// What `mprotect` says.
    ///
    /// # Safety
    /// The range lies inside what [`reserve`] gave, and consists of whole pages that were not accessible.
    pub(in super::super) unsafe fn commit(start: *mut libc::c_void, bytes: usize, huge_pages: bool) -> io::Result<()> {
        // SAFETY: the caller's.
        if unsafe { libc::mprotect(start, bytes, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let advice = if huge_pages { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
        // SAFETY: as above. The advice changes no contents; a kernel without huge pages refuses it, harmlessly.
        unsafe { libc::madvise(start, bytes, advice) };
        Ok(())
    }

    /// Faults a range in. A kernel that cannot (before 5.14) leaves it to the first touch.
    ///
    /// # Safety
    /// The range is committed.
    pub(in super::super) unsafe fn populate(start: *mut libc::c_void, bytes: usize) {
        // SAFETY: the caller's; populating keeps the contents.
        unsafe { libc::madvise(start, bytes, libc::MADV_POPULATE_WRITE) };
    }

    /// Gives memory back; it then reads as zeroes. False if that was refused and nothing has changed.
    ///
    /// # Safety
    /// The range is committed and nobody else refers to it.
    pub(in super::super) unsafe fn give_back(start: *mut libc::c_void, bytes: usize) -> bool {
        // Locked memory (memcached's `-k`) is given back on request only, by Linux 5.18 and newer.
        [libc::MADV_DONTNEED, libc::MADV_DONTNEED_LOCKED].into_iter().any(|advice| {
            // SAFETY: the caller's.
            unsafe { libc::madvise(start, bytes, advice) == 0 }
        })
    }

    /// Gives the addresses back.
    ///
    /// # Safety
    /// Exactly what [`reserve`] gave for this many bytes, and nobody refers to it.
    pub(in super::super) unsafe fn release(mapping: NonNull<libc::c_void>, bytes: usize) {
        // SAFETY: the caller's.
        unsafe { libc::munmap(mapping.as_ptr(), bytes) };
    }
}

/// The same with the allocator. Contracts are those of `linux`.
#[cfg(miri)]
mod plain {
    use std::{
        alloc::{Layout, alloc_zeroed, dealloc},
        io,
        ptr::NonNull,
    };

    const PAGE_BYTES: usize = 4096;

    fn layout(bytes: usize) -> io::Result<Layout> {
        Layout::from_size_align(bytes, PAGE_BYTES).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))
    }

    pub(in super::super) fn reserve(bytes: usize) -> io::Result<NonNull<libc::c_void>> {
        // SAFETY: a reservation is never empty.
        let memory = unsafe { alloc_zeroed(layout(bytes)?) };
        NonNull::new(memory.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
    }

    pub(in super::super) unsafe fn commit(start: *mut libc::c_void, bytes: usize, _huge_pages: bool) -> io::Result<()> {
        // SAFETY: the caller's. It may have been committed, and given up, before.
        unsafe { start.cast::<u8>().write_bytes(0, bytes) };
        Ok(())
    }

    pub(in super::super) unsafe fn populate(_start: *mut libc::c_void, _bytes: usize) {}

    pub(in super::super) unsafe fn give_back(_start: *mut libc::c_void, _bytes: usize) -> bool {
        false
    }

    pub(in super::super) unsafe fn release(mapping: NonNull<libc::c_void>, bytes: usize) {
        if let Ok(layout) = layout(bytes) {
            // SAFETY: the caller's: allocated with this layout.
            unsafe { dealloc(mapping.as_ptr().cast(), layout) };
        }
    }
}
