//! The ring itself: its two queues, and the memory that operations in flight use.

#![allow(unsafe_code)] // Submission entries carry addresses; the ring is what keeps them valid.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use super::buffers::{BufferId, BufferRing};
use super::outgoing::Outgoing;
use super::user_data::{KIND_EVENT, user_data};
use crate::server::table::Table;

/// Submission entries; a full queue submits early.
const SUBMISSION_ENTRIES: u32 = 2048;
/// Completion entries: every buffer, accept and send of a busy turn fits, the kernel keeps what does not.
const COMPLETION_ENTRIES: u32 = 8192;

/// One shard's ring. Lives and dies on the thread that made it.
pub struct Ring {
    pub(super) uring: IoUring,
    pub(super) buffers: BufferRing,
    /// What each connection's send in flight sends, by connection.
    pub(super) sending: Table<Outgoing>,
    pub(super) sends_in_flight: usize,
    /// Bytes of their buffers.
    pub(super) sending_bytes: usize,
    /// What others signal to wake the owner, and where its counter is read to.
    event: OwnedFd,
    event_count: Box<[u8; size_of::<u64>()]>,
    /// Whether the event is being read.
    pub(super) awaits_event: bool,
}

impl Ring {
    /// Makes the ring and its provided buffers. Whoever signals `event` ends a [`wait`](Self::wait).
    ///
    /// # Errors
    /// What `io_uring_setup` or `io_uring_register` answer: `EPERM` where io_uring is forbidden, `ENOMEM`
    /// where the locked-memory limit is too small, `EINVAL` on kernels before 6.1.
    pub fn new(event: BorrowedFd<'_>) -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_cqsize(COMPLETION_ENTRIES)
            .setup_submit_all()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .build(SUBMISSION_ENTRIES)?;
        let buffers = BufferRing::new(&uring)?;
        Ok(Ring {
            uring,
            buffers,
            sending: Table::default(),
            sends_in_flight: 0,
            sending_bytes: 0,
            event: event.try_clone_to_owned()?,
            event_count: Box::default(),
            awaits_event: false,
        })
    }

    /// Has the kernel poll the queues that connections' packets come from, for so many microseconds, before a
    /// [`wait`](Self::wait) sleeps. Loopback has none.
    ///
    /// # Errors
    /// `EINVAL` on kernels before 6.9 and those without `CONFIG_NET_RX_BUSY_POLL`.
    pub fn busy_poll(&self, microseconds: u32) -> io::Result<()> {
        self.uring.submitter().register_napi(&mut types::Napi::new().set_busy_poll_timeout(microseconds))
    }

    /// Submits what is queued and posts what has completed, without waiting.
    pub fn kick(&mut self) -> io::Result<()> {
        self.enter(0)
    }

    /// Submits what is queued and sleeps until something has completed or the event was signalled, if nothing has yet.
    /// May return without either.
    pub fn wait(&mut self) -> io::Result<()> {
        if !self.awaits_event {
            self.awaits_event = true;
            let (len, fd) = (self.event_count.len() as u32, types::Fd(self.event.as_raw_fd()));
            let entry = opcode::Read::new(fd, self.event_count.as_mut_ptr(), len).build();
            self.push(entry.user_data(user_data(KIND_EVENT, 0)));
        }
        self.enter(1)
    }

    fn enter(&mut self, completions: u32) -> io::Result<()> {
        let queued = self.uring.submission().len() as u32;
        const GETEVENTS: u32 = 1;
        // SAFETY: no argument structure is passed, and each queued entry was made valid by its method.
        match unsafe { self.uring.submitter().enter::<libc::sigset_t>(queued, completions, GETEVENTS, None) } {
            Ok(_) => Ok(()),
            // Nothing is lost: the entries stay queued and the next kick submits them.
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY)) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Whether there is work for another [`kick`](Self::kick): of the kernel's, or entries that it was too short of
    /// memory to take.
    pub fn has_deferred_work(&mut self) -> bool {
        let submission = self.uring.submission();
        submission.taskrun() || !submission.is_empty()
    }

    /// The bytes of a received buffer.
    pub fn buffer(&self, id: &BufferId, len: usize) -> &[u8] {
        self.buffers.bytes(id, len)
    }

    /// Gives a buffer back; the kernel sees it after [`publish_buffers`](Self::publish_buffers).
    pub fn recycle(&mut self, id: BufferId) {
        self.buffers.give(id);
    }

    /// Makes the recycled buffers known to the kernel, and more of them if there were too few.
    pub fn publish_buffers(&mut self) {
        self.buffers.publish();
    }

    /// Gives back memory that was not needed lately. To be called about once a second.
    pub fn trim(&mut self) {
        self.buffers.trim();
        self.sending.trim();
    }

    /// Memory that receives use: provided buffers in service, in bytes.
    pub fn receive_bytes(&self) -> usize {
        self.buffers.memory_bytes()
    }

    /// Memory of the buffers being sent, in bytes.
    pub fn sending_bytes(&self) -> usize {
        self.sending_bytes
    }

    /// Memory of sends in flight, in bytes, and of the table of them.
    pub fn send_bytes(&self) -> usize {
        self.sending_bytes + self.sending.memory_bytes()
    }

    /// Memory of the queues shared with the kernel, in bytes.
    pub fn queue_bytes(&self) -> usize {
        let params = self.uring.params();
        params.sq_entries() as usize * (size_of::<squeue::Entry>() + size_of::<u32>())
            + params.cq_entries() as usize * size_of::<cqueue::Entry>()
    }

    /// Sends that have not completed.
    pub fn sends_in_flight(&self) -> usize {
        self.sends_in_flight
    }

    /// Queues an operation. What its addresses point to must be the ring's until it has completed, its descriptor open.
    pub(super) fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: the calling method, one of this module's, holds to the above.
        while unsafe { self.uring.submission().push(&entry) }.is_err() {
            // Full: make room. A failure here leaves the queue full and is met again by the next kick.
            let _ = self.kick();
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Closing the ring cancels its operations some time later. Until then the kernel may read a send's
        // bytes, so those are given up rather than freed; the buffer ring does the same for its memory.
        for outgoing in self.sending.take_all() {
            std::mem::forget(outgoing);
        }
        std::mem::forget(std::mem::take(&mut self.event_count));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::super::testing::ring;
    use super::super::{Completion, Outgoing, Timer};

    /// Work beyond what one kick does was slept on, if what it had done posted no completion: readers that each
    /// took a part of a long send were not sent more until something else happened.
    #[test]
    fn work_that_a_kick_leaves_over_is_seen() {
        const READERS: u32 = 100;
        let (mut ring, _event) = ring();
        let (here, mut there): (Vec<_>, Vec<_>) = (0..READERS).map(|_| UnixStream::pair().expect("pair")).unzip();
        for (n, socket) in (0..).zip(&here) {
            ring.send(n, socket.as_fd(), Outgoing::Bytes(vec![1; 8 << 20]));
        }
        ring.kick().expect("enter");
        let mut got = vec![0; 1 << 20];
        for round in 0..4 {
            for reader in &mut there {
                reader.set_nonblocking(true).expect("nonblocking");
                while reader.read(&mut got).is_ok_and(|n| n > 0) {}
            }
            ring.kick().expect("enter");
            while ring.has_deferred_work() {
                ring.kick().expect("enter");
            }
            assert!(!ring.has_completions(), "round {round}: no send can be over");
            for (n, reader) in there.iter_mut().enumerate() {
                assert!(reader.read(&mut got).is_ok_and(|n| n > 0), "round {round}: reader {n} was sent nothing more");
            }
        }
    }

    /// The same while sleeping: the kernel goes on by itself.
    #[test]
    fn a_wait_does_all_the_work_there_is() {
        const READERS: u32 = 100;
        let (mut ring, _event) = ring();
        let (here, mut there): (Vec<_>, Vec<_>) = (0..READERS).map(|_| UnixStream::pair().expect("pair")).unzip();
        for (n, socket) in (0..).zip(&here) {
            ring.send(n, socket.as_fd(), Outgoing::Bytes(vec![1; 2 << 20]));
        }
        ring.kick().expect("enter");
        let readers = std::thread::spawn(move || {
            let mut got = vec![0; 2 << 20];
            there.iter_mut().for_each(|reader| reader.read_exact(&mut got).expect("all of it"));
        });
        let (mut sent, mut out) = (0, Vec::new());
        while sent < READERS {
            ring.wait().expect("enter");
            ring.reap(64, &mut out);
            sent += out.drain(..).filter(|c| matches!(c, Completion::Sent { result: Ok(_), .. })).count() as u32;
        }
        readers.join().expect("readers");
    }

    #[test]
    fn a_wait_is_ended_by_the_event_again_and_again() {
        let (mut ring, event) = ring();
        let (done, told) = std::sync::mpsc::channel();
        let mut event = std::fs::File::from(event);
        let ringer = std::thread::spawn(move || {
            for _ in 0..100 {
                event.write_all(&1u64.to_ne_bytes()).expect("an event");
                told.recv().expect("the sleeper");
            }
        });
        for _ in 0..100 {
            ring.wait().expect("enter");
            // What ended it says nothing, but is taken, or the next wait would not wait.
            ring.reap(64, &mut Vec::new());
            done.send(()).expect("the ringer");
        }
        ringer.join().expect("the ringer");
    }

    #[test]
    fn a_wait_is_ended_by_a_timer() {
        let (mut ring, _event) = ring();
        ring.wake_after(Timer::DrainStep);
        ring.wait().expect("enter");
        let mut out = Vec::new();
        ring.reap(64, &mut out);
        assert!(matches!(out[..], [Completion::Timer(Timer::DrainStep)]));
    }
}
