//! A shard's io_uring: multishot accept, provided buffers, one receive and one send in flight per connection.
//!
//! The ring owns every piece of memory that the kernel may still touch: the provided buffers, and each send's
//! bytes until its completion comes back. What it hands out is either owned by the caller or borrowed from
//! the ring, so no caller can free memory under an operation in flight. It knows nothing of protocols.
//!
//! Setup: `SINGLE_ISSUER | DEFER_TASKRUN | TASKRUN_FLAG | SUBMIT_ALL`. Completions are posted only inside
//! [`Ring::kick`] and [`Ring::wait`], which submit what was queued and run the kernel's deferred work in one system
//! call; waiting also sleeps until there is a completion. Newer kernels run a few dozen pieces of deferred work at a
//! time; [`Ring::has_deferred_work`] tells whether some is left.
//!
//! A send is queued without `MSG_DONTWAIT` and with `MSG_WAITALL`: where the socket takes all of it, which is
//! the rule, it completes within the submitting call; where it does not, the kernel goes on by itself as the
//! peer reads, and completes once all is sent or the connection fails. A reader that never reads therefore
//! costs one send's memory and no work.

#![allow(unsafe_code)] // Submission entries carry addresses; this module is what keeps them valid.

mod buffers;
mod direct;
mod eventfd;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use io_uring::{IoUring, cqueue, opcode, squeue, types};

pub use buffers::BufferId;
use buffers::BufferRing;
pub use eventfd::eventfd;

use super::table::Table;

/// Submission entries; a full queue submits early.
const SUBMISSION_ENTRIES: u32 = 2048;
/// Completion entries: every buffer, accept and send of a busy turn fits, the kernel keeps what does not.
const COMPLETION_ENTRIES: u32 = 8192;

/// The role of an operation, in the low bits of its user data.
const KIND_BITS: u32 = 3;
const KIND_RECEIVE: u64 = 0;
const KIND_SEND: u64 = 1;
const KIND_ACCEPT: u64 = 2;
const KIND_CANCEL_RECEIVE: u64 = 3;
const KIND_CANCEL_SEND: u64 = 4;
const KIND_CANCEL_ACCEPT: u64 = 5;
const KIND_EVENT: u64 = 6;
const KIND_TIMER: u64 = 7;

/// A time after which the ring wakes its owner once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A second: housekeeping.
    Tick,
    /// Half a millisecond: the next look at whether a stopping server has answered everything.
    DrainStep,
}

// The kernel reads them when an operation is submitted, which is later than when it is queued.
static TICK: types::Timespec = types::Timespec::new().sec(1);
static DRAIN_STEP: types::Timespec = types::Timespec::new().nsec(500_000);

/// What the kernel has finished.
pub enum Completion {
    /// A connection was accepted, or accepting failed.
    Accepted {
        /// Index of the listener as given to [`Ring::accept`].
        listener: u32,
        /// The connection, or why there is none.
        result: io::Result<OwnedFd>,
        /// Whether the accept is still armed.
        armed: bool,
    },
    /// Bytes arrived (`Ok(0)`: the peer closed its side), or receiving failed.
    Received {
        /// The connection as given to [`Ring::receive`].
        connection: u32,
        /// Bytes received.
        result: io::Result<usize>,
        /// The provided buffer they are in, to be given back by [`Ring::recycle`].
        buffer: Option<BufferId>,
    },
    /// A send is over.
    Sent {
        /// The connection as given to [`Ring::send`].
        connection: u32,
        /// Bytes sent.
        result: io::Result<usize>,
        /// The buffer that was sent, to be used again.
        bytes: Vec<u8>,
    },
    /// An operation that was to be cancelled was not found: it is over, or it was in passage within the kernel.
    CancelMissed {
        /// The connection as given to the cancelling method.
        connection: u32,
        /// Whether it was the send, not the receive.
        send: bool,
    },
    /// A time is over.
    Timer(Timer),
}

/// One shard's ring. Lives and dies on the thread that made it.
pub struct Ring {
    uring: IoUring,
    buffers: BufferRing,
    /// The bytes of each connection's send in flight, by connection.
    sending: Table<Vec<u8>>,
    sends_in_flight: usize,
    /// Bytes of their buffers.
    sending_bytes: usize,
    /// What others signal to wake the owner, and where its counter is read to.
    event: OwnedFd,
    event_count: Box<[u8; size_of::<u64>()]>,
    /// Whether the event is being read.
    awaits_event: bool,
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

    /// Arms a multishot accept on `listener`, which must stay open while it is armed.
    pub fn accept(&mut self, index: u32, listener: BorrowedFd<'_>) {
        let entry = opcode::AcceptMulti::new(types::Fd(listener.as_raw_fd())).flags(libc::SOCK_CLOEXEC).build();
        self.push(entry.user_data(user_data(KIND_ACCEPT, index)));
    }

    /// Asks for the next bytes of `connection` on `socket`. One completion comes of it, and the next bytes must be
    /// asked for again. Not a multishot receive: under load, Linux 6.18 was seen to keep one from a peer's end of
    /// stream for ever, and it cost as much.
    pub fn receive(&mut self, connection: u32, socket: BorrowedFd<'_>) {
        let entry = opcode::Recv::new(types::Fd(socket.as_raw_fd()), std::ptr::null_mut(), buffers::SIZE as u32)
            .buf_group(buffers::GROUP)
            .build()
            .flags(squeue::Flags::BUFFER_SELECT);
        self.push(entry.user_data(user_data(KIND_RECEIVE, connection)));
    }

    /// Takes what has arrived on `socket` without waiting: first into `room`, then, if one is given, into a
    /// buffer whose bytes are no longer needed. Returns how many bytes went to either. There must be no receive in flight. The
    /// end of the stream and errors are left for the next receive to tell.
    pub fn receive_now(&mut self, socket: BorrowedFd<'_>, room: &mut [u8], id: Option<&BufferId>) -> (usize, usize) {
        let room_len = room.len();
        let rest = id.map_or(&mut [][..], |id| self.buffers.bytes_mut(id));
        let received = direct::receive(socket, room, rest).unwrap_or(0);
        (received.min(room_len), received.saturating_sub(room_len))
    }

    /// Whether a receive of so many bytes has filled its buffer, so that more may have arrived.
    pub fn is_full(len: usize) -> bool {
        len == buffers::SIZE
    }

    /// Ends the receive in flight of `connection`; its completion says so. The kernel may fail to find it while it
    /// passes it from one queue to another: then [`Completion::CancelMissed`] comes instead, and the caller is to
    /// try again.
    pub fn cancel_receive(&mut self, connection: u32) {
        let entry = opcode::AsyncCancel::new(user_data(KIND_RECEIVE, connection)).build();
        self.push(entry.user_data(user_data(KIND_CANCEL_RECEIVE, connection)));
    }

    /// Ends the send in flight of `connection`; its completion says how far it got. May miss, as
    /// [`cancel_receive`](Self::cancel_receive).
    pub fn cancel_send(&mut self, connection: u32) {
        let entry = opcode::AsyncCancel::new(user_data(KIND_SEND, connection)).build();
        self.push(entry.user_data(user_data(KIND_CANCEL_SEND, connection)));
    }

    /// Ends the armed accept of listener `index`.
    pub fn cancel_accept(&mut self, index: u32) {
        let entry = opcode::AsyncCancel::new(user_data(KIND_ACCEPT, index)).build();
        self.push(entry.user_data(user_data(KIND_CANCEL_ACCEPT, index)));
    }

    /// Queues `bytes` to be sent. At most one send per connection may be in flight.
    ///
    /// # Panics
    /// If `connection` has a send in flight.
    pub fn send(&mut self, connection: u32, socket: BorrowedFd<'_>, bytes: Vec<u8>) {
        let flags = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
        let len = u32::try_from(bytes.len()).expect("an output buffer is far below 4 GiB");
        let entry = opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), len).flags(flags).build();
        self.sending_bytes += bytes.capacity();
        assert!(self.sending.insert(connection, bytes).is_none(), "one send per connection");
        self.sends_in_flight += 1;
        self.push(entry.user_data(user_data(KIND_SEND, connection)));
    }

    /// Wakes the owner once, that long after the next [`kick`](Self::kick) or [`wait`](Self::wait).
    pub fn wake_after(&mut self, timer: Timer) {
        let (time, index) = match timer {
            Timer::Tick => (&TICK, 0),
            Timer::DrainStep => (&DRAIN_STEP, 1),
        };
        self.push(opcode::Timeout::new(time).build().user_data(user_data(KIND_TIMER, index)));
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

    /// Takes at most `max` posted completions, in the order in which they were posted.
    pub fn reap(&mut self, max: usize, out: &mut Vec<Completion>) {
        let Ring { uring, sending, sends_in_flight, sending_bytes, buffers, awaits_event, .. } = self;
        for entry in uring.completion().take(max) {
            let (kind, index) = split(entry.user_data());
            let armed = cqueue::more(entry.flags());
            let code = entry.result();
            let result = if code < 0 { Err(io::Error::from_raw_os_error(-code)) } else { Ok(code as usize) };
            match kind {
                KIND_RECEIVE => {
                    let buffer = cqueue::buffer_select(entry.flags()).map(|id| buffers.take(id));
                    if code == -libc::ENOBUFS {
                        buffers.want_more();
                    }
                    out.push(Completion::Received { connection: index, result, buffer });
                }
                KIND_SEND => {
                    let bytes = sending.remove(index).expect("a send completes once");
                    *sends_in_flight -= 1;
                    *sending_bytes -= bytes.capacity();
                    out.push(Completion::Sent { connection: index, result, bytes });
                }
                KIND_ACCEPT => {
                    // SAFETY: the kernel has just made this descriptor for us, and nobody else has it.
                    let result = result.map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) });
                    out.push(Completion::Accepted { listener: index, result, armed });
                }
                KIND_CANCEL_RECEIVE | KIND_CANCEL_SEND if result.is_err() => {
                    out.push(Completion::CancelMissed { connection: index, send: kind == KIND_CANCEL_SEND });
                }
                KIND_EVENT => *awaits_event = false,
                KIND_TIMER => out.push(Completion::Timer(if index == 0 { Timer::Tick } else { Timer::DrainStep })),
                // A cancellation that was carried out says nothing that the cancelled operation does not.
                _ => {}
            }
        }
    }

    /// Whether completions are posted that [`reap`](Self::reap) has not taken.
    pub fn has_completions(&mut self) -> bool {
        !self.uring.completion().is_empty()
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

    fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: the entry's addresses point into memory that this ring keeps until the completion, and its
        // descriptor is open; both by the calling method.
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
        for bytes in self.sending.take_all() {
            std::mem::forget(bytes);
        }
        std::mem::forget(std::mem::take(&mut self.event_count));
    }
}

const fn user_data(kind: u64, index: u32) -> u64 {
    (index as u64) << KIND_BITS | kind
}

const fn split(user_data: u64) -> (u64, u32) {
    (user_data & ((1 << KIND_BITS) - 1), (user_data >> KIND_BITS) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::time::{Duration, Instant};

    fn ring() -> (Ring, OwnedFd) {
        let event = eventfd().expect("eventfd");
        (Ring::new(event.as_fd()).expect("io_uring"), event)
    }

    /// Kicks until `n` completions are there.
    fn wait(ring: &mut Ring, n: usize) -> Vec<Completion> {
        let mut out = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(10);
        while out.len() < n {
            assert!(Instant::now() < deadline, "completions did not come");
            ring.kick().expect("enter");
            ring.reap(64, &mut out);
        }
        out
    }

    #[test]
    fn echoes_through_provided_buffers() {
        let (mut ring, _event) = ring();
        let (here, mut there) = UnixStream::pair().expect("pair");
        ring.receive(7, here.as_fd());
        there.write_all(b"hello").expect("write");
        let Completion::Received { connection: 7, result: Ok(5), buffer: Some(id) } = wait(&mut ring, 1).remove(0)
        else {
            panic!("not a receive");
        };
        let echo = ring.buffer(&id, 5).to_vec();
        ring.recycle(id);
        ring.publish_buffers();
        ring.send(7, here.as_fd(), echo);
        assert_eq!(ring.sends_in_flight(), 1);
        let Completion::Sent { connection: 7, result: Ok(5), .. } = wait(&mut ring, 1).remove(0) else {
            panic!("not a send");
        };
        assert_eq!(ring.sends_in_flight(), 0);
        let mut got = [0; 5];
        there.read_exact(&mut got).expect("read");
        assert_eq!(&got, b"hello");
    }

    #[test]
    fn buffers_survive_more_receives_than_there_are() {
        let (mut ring, _event) = ring();
        let (here, mut there) = UnixStream::pair().expect("pair");
        for round in 0..3 * buffers::COUNT_MIN as usize {
            ring.receive(1, here.as_fd());
            there.write_all(&[round as u8]).expect("write");
            for c in wait(&mut ring, 1) {
                let Completion::Received { result: Ok(1), buffer: Some(id), .. } = c else {
                    panic!("receive of round {round}");
                };
                assert_eq!(ring.buffer(&id, 1), [round as u8]);
                ring.recycle(id);
            }
            ring.publish_buffers();
        }
    }

    #[test]
    fn without_buffers_a_receive_is_refused_and_can_be_asked_for_again() {
        let (mut ring, _event) = ring();
        let (here, mut there) = UnixStream::pair().expect("pair");
        there.set_nonblocking(true).expect("nonblocking");
        let mut held = Vec::new();
        let mut refused = false;
        while !refused {
            ring.receive(1, here.as_fd());
            let _ = there.write(&[1]);
            for c in wait(&mut ring, 1) {
                match c {
                    Completion::Received { result: Ok(_), buffer: Some(id), .. } => held.push(id),
                    Completion::Received { result: Err(e), buffer: None, .. } => {
                        assert_eq!(e.raw_os_error(), Some(libc::ENOBUFS));
                        refused = true;
                    }
                    _ => panic!("unexpected completion"),
                }
            }
        }
        assert_eq!(held.len(), buffers::COUNT_MIN as usize);
        let before_bytes = ring.receive_bytes();
        // There are more from now on, though none came back.
        ring.publish_buffers();
        assert_eq!(ring.receive_bytes(), before_bytes + buffers::COUNT_MIN as usize * buffers::SIZE);
        ring.receive(1, here.as_fd());
        let c = wait(&mut ring, 1).remove(0);
        assert!(matches!(c, Completion::Received { result: Ok(1), .. }));
        held.into_iter().for_each(|id| ring.recycle(id));
        ring.publish_buffers();
    }

    /// A burst's buffers stayed with the shard for good, and all of them were there from the start.
    #[test]
    fn buffers_grow_to_their_bound_and_shrink_when_few_are_needed() {
        let (mut ring, _event) = ring();
        let (here, mut there) = UnixStream::pair().expect("pair");
        there.set_nonblocking(true).expect("nonblocking");
        let mut held = Vec::new();
        let mut echo = |ring: &mut Ring, held: Option<&mut Vec<BufferId>>| {
            ring.receive(1, here.as_fd());
            let _ = there.write(&[7]);
            let Completion::Received { buffer, .. } = wait(ring, 1).remove(0) else { panic!("no receive") };
            match (buffer, held) {
                (Some(id), Some(held)) => held.push(id),
                (Some(id), None) => {
                    assert_eq!(ring.buffer(&id, 1), [7]);
                    ring.recycle(id);
                }
                (None, _) => {}
            }
            ring.publish_buffers();
        };
        let least_bytes = ring.receive_bytes();
        while held.len() < buffers::COUNT as usize {
            echo(&mut ring, Some(&mut held));
        }
        let most_bytes = ring.receive_bytes();
        assert!(most_bytes >= buffers::COUNT as usize * buffers::SIZE);
        held.drain(..).for_each(|id| ring.recycle(id));
        ring.publish_buffers();
        for _ in 0..100 {
            (0..buffers::COUNT).for_each(|_| echo(&mut ring, None));
            ring.trim();
        }
        assert_eq!(ring.receive_bytes(), least_bytes);
        while held.len() < buffers::COUNT as usize {
            echo(&mut ring, Some(&mut held));
        }
        assert_eq!(ring.receive_bytes(), most_bytes);
    }

    #[test]
    fn a_slow_reader_gets_all_of_a_long_send_in_one_completion() {
        let (mut ring, _event) = ring();
        let (here, mut there) = UnixStream::pair().expect("pair");
        let long: Vec<u8> = (0..4_000_000u32).map(|i| i as u8).collect();
        ring.send(3, here.as_fd(), long.clone());
        ring.kick().expect("enter");
        let reader = std::thread::spawn(move || {
            let mut got = vec![0; 4_000_000];
            there.read_exact(&mut got).expect("read");
            got
        });
        let c = wait(&mut ring, 1).remove(0);
        assert!(matches!(c, Completion::Sent { connection: 3, result: Ok(4_000_000), .. }));
        assert_eq!(reader.join().expect("reader"), long);
    }

    /// Work beyond what one kick does was slept on, if what it had done posted no completion: readers that each
    /// took a part of a long send were not sent more until something else happened.
    #[test]
    fn work_that_a_kick_leaves_over_is_seen() {
        const READERS: u32 = 100;
        let (mut ring, _event) = ring();
        let (here, mut there): (Vec<_>, Vec<_>) = (0..READERS).map(|_| UnixStream::pair().expect("pair")).unzip();
        for (n, socket) in (0..).zip(&here) {
            ring.send(n, socket.as_fd(), vec![1; 8 << 20]);
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
            ring.send(n, socket.as_fd(), vec![1; 2 << 20]);
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

    #[test]
    fn a_cancelled_receive_says_so() {
        let (mut ring, _event) = ring();
        let (here, _there) = UnixStream::pair().expect("pair");
        ring.receive(9, here.as_fd());
        ring.kick().expect("enter");
        ring.cancel_receive(9);
        let c = wait(&mut ring, 1).remove(0);
        let Completion::Received { connection: 9, result: Err(e), .. } = c else { panic!("not ended") };
        assert_eq!(e.raw_os_error(), Some(libc::ECANCELED));
    }

    /// A cancellation that came while the kernel had the receive between two queues was taken for done: the
    /// connection waited for the receive's end for ever, and its client for the connection's.
    #[test]
    fn a_cancellation_that_finds_nothing_says_so() {
        let (mut ring, _event) = ring();
        ring.cancel_receive(5);
        assert!(matches!(wait(&mut ring, 1).remove(0), Completion::CancelMissed { connection: 5, send: false }));
        ring.cancel_send(6);
        assert!(matches!(wait(&mut ring, 1).remove(0), Completion::CancelMissed { connection: 6, send: true }));
    }

    #[test]
    fn accepts_many_from_one_arming() {
        let (mut ring, _event) = ring();
        let dir = std::env::temp_dir().join(format!("ringcached-ring-{}", std::process::id()));
        let listener = UnixListener::bind(&dir).expect("bind");
        ring.accept(4, listener.as_fd());
        let clients: Vec<_> = (0..3).map(|_| UnixStream::connect(&dir).expect("connect")).collect();
        for c in wait(&mut ring, clients.len()) {
            assert!(matches!(c, Completion::Accepted { listener: 4, result: Ok(_), armed: true }));
        }
        std::fs::remove_file(&dir).expect("remove");
    }
}
