//! Sends or receives on several sockets by one system call.
//!
//! An io_uring (Linux 5.6) of which nothing outlives a call: no operation waits, so all have ended when the call that
//! submits them returns. Where io_uring is missing or forbidden there is no [`Batch`].

// Submission entries carry addresses. Nothing else here is unsafe, and nothing else in this package.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use io_uring::{IoUring, Probe, opcode, squeue, types};

/// Operations of one call, at most.
pub const BATCH_MAX: usize = 32;

/// Has an operation end with `EAGAIN` where it would wait. It also keeps the kernel from doing it elsewhere.
const NO_WAIT: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// How each operation of a call ended: bytes, at least 0, or an error's number, negated. In their order.
pub type Outcomes = [i32; BATCH_MAX];

/// The io_uring of one thread.
pub struct Batch {
    /// `None` once it has failed.
    uring: Option<IoUring>,
    entries: Vec<squeue::Entry>,
    outcomes: Outcomes,
}

impl Batch {
    /// A ring with room for [`BATCH_MAX`] operations; `None` where the kernel has or gives none.
    pub fn new() -> Option<Self> {
        let uring = IoUring::new(BATCH_MAX as u32).ok()?;
        let mut probe = Probe::new();
        uring.submitter().register_probe(&mut probe).ok()?;
        let knows_both = probe.is_supported(opcode::Send::CODE) && probe.is_supported(opcode::Recv::CODE);
        knows_both.then(|| Batch {
            uring: Some(uring),
            entries: Vec::with_capacity(BATCH_MAX),
            outcomes: [0; BATCH_MAX],
        })
    }

    /// Offers each socket its bytes, at most [`BATCH_MAX`] of them; a socket takes what it has room for.
    pub fn send<'a>(&mut self, sends: impl Iterator<Item = (BorrowedFd<'a>, &'a [u8])>) -> io::Result<&Outcomes> {
        self.entries.clear();
        self.entries.extend(sends.map(|(socket, bytes)| {
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), len).flags(NO_WAIT).build()
        }));
        // SAFETY: sockets and bytes are borrowed for 'a, which does not end before this method does.
        unsafe { self.perform() }
    }

    /// Takes what has arrived at each socket, at most [`BATCH_MAX`] of them, as far as its room goes; 0 bytes are the end
    /// of a stream.
    pub fn receive<'a>(
        &mut self,
        receives: impl Iterator<Item = (BorrowedFd<'a>, &'a mut [u8])>,
    ) -> io::Result<&Outcomes> {
        self.entries.clear();
        self.entries.extend(receives.map(|(socket, room)| {
            let len = u32::try_from(room.len()).unwrap_or(u32::MAX);
            opcode::Recv::new(types::Fd(socket.as_raw_fd()), room.as_mut_ptr(), len).flags(NO_WAIT).build()
        }));
        // SAFETY: sockets and room are borrowed for 'a, the room by nobody else; 'a does not end before this method does.
        unsafe { self.perform() }
    }

    /// Submits the entries and waits until all have ended.
    ///
    /// # Safety
    /// What they point to must be valid, and what they write to nobody else's, until this returns.
    unsafe fn perform(&mut self) -> io::Result<&Outcomes> {
        let count = self.entries.len();
        assert!(count <= BATCH_MAX, "more operations than a batch has room for");
        let Some(uring) = &mut self.uring else { return Err(io::ErrorKind::BrokenPipe.into()) };
        for (place, entry) in (0..).zip(self.entries.drain(..)) {
            // SAFETY: the caller's promise holds until the entry has ended, as the loop below does not leave before. The
            // queue has room: it takes a whole batch, and each batch is submitted as a whole.
            unsafe { uring.submission().push(&entry.user_data(place)) }.expect("an empty queue");
        }
        let mut ended = 0;
        while ended < count {
            match uring.submit_and_wait(count - ended) {
                // Interrupted, or the kernel is short of memory: what is not submitted stays queued.
                Err(error) if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY)) => {
                    // What the kernel has seen has ended, as nothing waits; it must not see the rest later.
                    self.uring = None;
                    return Err(error);
                }
                _ => {}
            }
            for completion in uring.completion() {
                self.outcomes[completion.user_data() as usize] = completion.result();
                ended += 1;
            }
        }
        Ok(&self.outcomes)
    }
}

/// An outcome as the standard library would tell it.
#[inline]
pub fn outcome(code: i32) -> io::Result<usize> {
    usize::try_from(code).map_err(|_| io::Error::from_raw_os_error(-code))
}
