//! The event that wakes a sleeping shard: its ring signals it, and so do other shards.

#![allow(unsafe_code)] // The system call is not in the standard library.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// Makes an event descriptor, closed on exec.
pub fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
