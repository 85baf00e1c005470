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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn takes_what_is_there_into_two_places_and_does_not_wait() {
        let (here, mut there) = UnixStream::pair().expect("pair");
        let (mut first, mut second) = ([0; 4], [0; 8]);
        let nothing = receive(here.as_fd(), &mut first, &mut second).expect_err("nothing has come");
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        there.write_all(b"123").expect("write");
        assert_eq!(receive(here.as_fd(), &mut first, &mut second).expect("some"), 3);
        assert_eq!((&first, &second), (b"123\0", &[0; 8]));
        there.write_all(b"abcdefg").expect("write");
        assert_eq!(receive(here.as_fd(), &mut first, &mut second).expect("more"), 7);
        assert_eq!((&first, &second), (b"abcd", b"efg\0\0\0\0\0"));
        there.write_all(b"x").expect("write");
        assert_eq!(receive(here.as_fd(), &mut first, &mut []).expect("one place"), 1);
        drop(there);
        assert_eq!(receive(here.as_fd(), &mut first, &mut second).expect("the end"), 0);
    }
}
