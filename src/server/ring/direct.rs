//! A receive that does not go through the ring: bytes that are already there, straight to where they belong.
//!
//! The call returns before its borrows end, so the kernel keeps no address. It never waits.

#![allow(unsafe_code)] // Receiving into two places at once is not in the standard library, without waiting.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Receives what has arrived on `socket`, first into `first`, then into `second`. Returns how many bytes in all; 0 at the
/// end of the stream.
pub(super) fn receive(socket: BorrowedFd<'_>, first: &mut [u8], second: &mut [u8]) -> io::Result<usize> {
    let mut places =
        [first, second].map(|place| libc::iovec { iov_base: place.as_mut_ptr().cast(), iov_len: place.len() });
    // SAFETY: all zeroes is a message header without address, control data and places.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = places.as_mut_ptr();
    header.msg_iovlen = places.len();
    // SAFETY: the header names two places, both borrowed mutably for longer than the call.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut header, libc::MSG_DONTWAIT) };
    usize::try_from(received).map_err(|_| io::Error::last_os_error())
}
