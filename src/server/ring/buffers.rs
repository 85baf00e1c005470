//! The provided-buffer ring: memory that the kernel picks from when bytes arrive, so that idle connections
//! own no buffer.
//!
//! ```text
//!   entries  [ addr len bid | addr len bid | ... ]   COUNT entries of 16 bytes, shared with the kernel
//!   memory   [ buffer 0 | buffer 1 | ... ]           COUNT buffers of SIZE bytes
//! ```
//!
//! A buffer is either the kernel's (between `give` and the completion that names it) or ours (as a
//! [`BufferId`], which cannot be copied). Only ours are ever read.
//!
//! As the kernel uses them in turn, all that are in service are memory. So only [`COUNT_MIN`] are at first; when a
//! receive finds none their number doubles, up to [`COUNT`], and it is halved when a quarter was enough for a while.
//! Those out of service are ours, and their memory is the system's.

#![allow(unsafe_code)] // Memory shared with the kernel.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, types};

/// The buffer group's number in the ring.
pub(super) const GROUP: u16 = 1;
/// Buffers per shard at most; a power of two. More receives than these in one turn are cut short and armed again.
pub(super) const COUNT: u16 = 1024;
/// Buffers in service at least; a power of two.
pub(super) const COUNT_MIN: u16 = 128;
/// Bytes per buffer.
pub(super) const SIZE: usize = 4096;
/// How many times in a row a quarter has to be enough before half of the buffers go out of service.
const TRIMS_BEFORE_HALVING: u8 = 8;

const ENTRIES_BYTES: usize = COUNT as usize * size_of::<types::BufRingEntry>();
const MEMORY_BYTES: usize = COUNT as usize * SIZE;

/// A provided buffer that holds received bytes. Not `Copy`: giving it back ends it.
#[derive(Debug)]
pub struct BufferId(u16);

/// The entries, the memory behind them, and how many were given so far.
pub(super) struct BufferRing {
    entries: NonNull<types::BufRingEntry>,
    memory: NonNull<u8>,
    tail: u16,
    /// Buffers below this number are in service, or are to be.
    wanted: u16,
    /// Those out of service.
    retired: Vec<u16>,
    /// A receive has found none.
    wants_more: bool,
    /// Buffers that are ours now, and the most that were since the last [`trim`](Self::trim).
    ours: u16,
    ours_max: u16,
    quiet_trims: u8,
}

impl BufferRing {
    /// Maps the memory, registers the ring and gives the kernel every buffer.
    pub(super) fn new(uring: &IoUring) -> io::Result<Self> {
        let entries = map(ENTRIES_BYTES)?.cast();
        let memory = map(MEMORY_BYTES)?;
        let mut ring = BufferRing {
            entries,
            memory,
            tail: 0,
            wanted: COUNT_MIN,
            retired: (COUNT_MIN..COUNT).rev().collect(),
            wants_more: false,
            ours: COUNT_MIN,
            ours_max: 0,
            quiet_trims: 0,
        };
        // SAFETY: the entries are page-aligned, COUNT long and stay mapped for the rest of the process
        // (nothing unmaps them), so longer than the io_uring.
        unsafe { uring.submitter().register_buf_ring_with_flags(entries.as_ptr() as u64, COUNT, GROUP, 0)? };
        for id in 0..COUNT_MIN {
            ring.give(BufferId(id));
        }
        ring.publish();
        Ok(ring)
    }

    /// Takes over a buffer that a completion names.
    pub(super) fn take(&mut self, id: u16) -> BufferId {
        assert!(id < COUNT, "the kernel names a buffer that was given");
        self.ours += 1;
        self.ours_max = self.ours_max.max(self.ours);
        BufferId(id)
    }

    /// The first `len` bytes of a buffer.
    pub(super) fn bytes(&self, id: &BufferId, len: usize) -> &[u8] {
        assert!(len <= SIZE);
        // SAFETY: in bounds by the assertion and `take`; the buffer is ours while `id` exists, so the kernel
        // does not write to it, and giving it back needs `&mut self`, which ends this borrow.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().add(id.0 as usize * SIZE), len) }
    }

    /// A whole buffer, to write to.
    pub(super) fn bytes_mut(&mut self, id: &BufferId) -> &mut [u8] {
        // SAFETY: in bounds by `take`; the buffer is ours while `id` exists, so the kernel does not touch it, and
        // `&mut self` keeps anybody else from reading it meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr().add(id.0 as usize * SIZE), SIZE) }
    }

    /// Puts a buffer at the tail of the ring, or out of service.
    pub(super) fn give(&mut self, id: BufferId) {
        self.ours -= 1;
        if id.0 >= self.wanted {
            self.retire(id);
            return;
        }
        let slot = (self.tail & (COUNT - 1)) as usize;
        // SAFETY: the slot is in bounds, and empty: there are as many slots as buffers. The kernel does not
        // read past the published tail. Only the three fields are written, as entry 0 overlaps the tail.
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(slot);
            entry.set_addr(self.memory.as_ptr().add(id.0 as usize * SIZE) as u64);
            entry.set_len(SIZE as u32);
            entry.set_bid(id.0);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    #[cold]
    fn retire(&mut self, id: BufferId) {
        // SAFETY: the range is one whole buffer of the mapping. It is ours, and nobody borrows it: giving takes the
        // id and `&mut self`. Its contents are no longer wanted, and it reads as zeroes when it is used again.
        unsafe { libc::madvise(self.memory.as_ptr().add(id.0 as usize * SIZE).cast(), SIZE, libc::MADV_DONTNEED) };
        self.retired.push(id.0);
    }

    /// A receive has found no buffer: there will be more from the next [`publish`](Self::publish) on.
    pub(super) fn want_more(&mut self) {
        self.wants_more = true;
    }

    #[cold]
    fn grow(&mut self) {
        self.wants_more = false;
        self.quiet_trims = 0;
        self.wanted = (self.wanted * 2).min(COUNT);
        let wanted = self.wanted;
        let (back, still) = std::mem::take(&mut self.retired).into_iter().partition(|id| *id < wanted);
        self.retired = still;
        let back: Vec<u16> = back;
        for id in back {
            self.ours += 1;
            self.give(BufferId(id));
        }
    }

    /// Takes buffers out of service if few were needed lately. To be called about once a second.
    pub(super) fn trim(&mut self) {
        let few = self.ours_max <= self.wanted / 4 && self.wanted > COUNT_MIN;
        self.ours_max = self.ours;
        self.quiet_trims = if few { self.quiet_trims + 1 } else { 0 };
        if self.quiet_trims == TRIMS_BEFORE_HALVING {
            self.quiet_trims = 0;
            // They retire as they come back from the kernel.
            self.wanted /= 2;
        }
    }

    /// Memory of the entries and of the buffers in service, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        ENTRIES_BYTES + (COUNT as usize - self.retired.len()) * SIZE
    }

    /// Shows the kernel the buffers given since the last time.
    pub(super) fn publish(&mut self) {
        if self.wants_more {
            self.grow();
        }
        // SAFETY: the tail lies within the mapped entries and is shared with the kernel as an atomic u16.
        let tail = unsafe { &*types::BufRingEntry::tail(self.entries.as_ptr()).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }
}

/// Anonymous memory that is never unmapped: receives may be in flight until the ring's file is gone, which
/// is after its owner was dropped. There is one such ring per shard in a process's life.
fn map(len: usize) -> io::Result<NonNull<u8>> {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new anonymous mapping, at a place of the kernel's choice.
    let address = unsafe { libc::mmap(ptr::null_mut(), len, prot, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping is new and ours. Of a huge page only few buffers might be in service.
    unsafe { libc::madvise(address, len, libc::MADV_NOHUGEPAGE) };
    Ok(NonNull::new(address.cast()).expect("a mapping is not at address zero"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::super::testing::{ring, wait};
    use super::super::{Completion, Ring};
    use super::{BufferId, COUNT, COUNT_MIN, SIZE};

    #[test]
    fn buffers_survive_more_receives_than_there_are() {
        let (mut ring, _event) = ring();
        let (here, mut there) = UnixStream::pair().expect("pair");
        for round in 0..3 * COUNT_MIN as usize {
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
        assert_eq!(held.len(), COUNT_MIN as usize);
        let before_bytes = ring.receive_bytes();
        // There are more from now on, though none came back.
        ring.publish_buffers();
        assert_eq!(ring.receive_bytes(), before_bytes + COUNT_MIN as usize * SIZE);
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
        while held.len() < COUNT as usize {
            echo(&mut ring, Some(&mut held));
        }
        let most_bytes = ring.receive_bytes();
        assert!(most_bytes >= COUNT as usize * SIZE);
        held.drain(..).for_each(|id| ring.recycle(id));
        ring.publish_buffers();
        for _ in 0..100 {
            (0..COUNT).for_each(|_| echo(&mut ring, None));
            ring.trim();
        }
        assert_eq!(ring.receive_bytes(), least_bytes);
        while held.len() < COUNT as usize {
            echo(&mut ring, Some(&mut held));
        }
        assert_eq!(ring.receive_bytes(), most_bytes);
    }
}
