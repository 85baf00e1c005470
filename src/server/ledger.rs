//! What a shard has outside of its store, and telling the store, whose limit covers both.
//!
//! ```text
//!   limit = store (pages, index, ...)  +  outside: connections, buffers, mesh, rings, heap, base
//! ```
//!
//! Parts that are known are counted where they are. Of the rest of the heap only the sum over all threads is known, and of
//! the program what the kernel counts; each shard has an equal share of these. A turn looks at one number, whether the
//! thread's own heap has changed much; all is added up when it has, and once a second.

use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use super::limits::OUTSIDE_STEP_BYTES;
use super::worker::Worker;
use crate::heap;
use crate::router::OutsideMemory;

/// What all workers know together of the process's memory, in bytes.
#[derive(Debug, Default)]
pub struct ProcessMemory {
    /// Heap that is in a known part of some shard.
    known_heap: AtomicIsize,
    /// What was there before the first shard, heap apart.
    start: AtomicUsize,
    /// Of files and rings, as last counted.
    file: AtomicUsize,
}

/// What a shard's thread takes beside what is counted: the used part of its stack, the allocator's own pages.
const THREAD_BYTES: usize = 512 << 10;

impl ProcessMemory {
    /// Counts what there is before the first shard.
    pub fn begin(&self) {
        if let Some(resident) = heap::resident() {
            let private = resident.total_bytes.saturating_sub(resident.file_bytes);
            self.start.store(private.saturating_sub(heap::total_bytes()), Ordering::Relaxed);
            self.file.store(resident.file_bytes, Ordering::Relaxed);
        }
    }

    /// Counts the program's pages again: more of them are used as time goes by.
    fn refresh(&self) {
        if let Some(resident) = heap::resident() {
            self.file.store(resident.file_bytes, Ordering::Relaxed);
        }
    }

    /// The share of one of so many shards in program and threads; the kernel counts rings as the program's.
    fn base_bytes(&self, shards: usize, ring_bytes: usize) -> usize {
        let process = self.start.load(Ordering::Relaxed) + self.file.load(Ordering::Relaxed);
        (process / shards).saturating_sub(ring_bytes) + THREAD_BYTES
    }
}

/// A worker's part of the ledger.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) outside: OutsideMemory,
    /// Heap in known parts, as `ProcessMemory` was told.
    known_heap: isize,
    /// What the store was told.
    told_bytes: usize,
    /// The thread's heap and its receive buffers when they were last looked at.
    seen_bytes: isize,
    /// The heap of all threads when it was last looked at, and the most that it was since memory was last collected.
    /// Not the own thread's: others may have freed what it had taken.
    heap_bytes: usize,
    peak_bytes: usize,
    /// Ticks at which freed memory is still to be collected.
    collects_due: u8,
}

/// When so much of the heap has been freed, it is given back to the kernel.
const COLLECT_STEP_BYTES: usize = 1 << 20;
/// How many ticks that may take: the allocator keeps what is freed for a second first.
const COLLECT_TICKS: u8 = 3;

impl Worker {
    /// At the end of a turn: adds up what is outside, if it has changed much.
    #[inline]
    pub(super) fn account(&mut self) {
        let seen_bytes = heap::own_bytes() + self.ring.receive_bytes() as isize;
        if seen_bytes.abs_diff(self.dispatch.ledger.seen_bytes) >= OUTSIDE_STEP_BYTES {
            self.add_up(false);
        }
    }

    /// Once a second: adds up what is outside.
    pub(super) fn account_at_tick(&mut self) {
        if self.dispatch.router.own() == 0 {
            self.shared.memory.refresh();
        }
        self.add_up(true);
        let ledger = &mut self.dispatch.ledger;
        if ledger.heap_bytes + COLLECT_STEP_BYTES <= ledger.peak_bytes {
            ledger.peak_bytes = ledger.heap_bytes;
            ledger.collects_due = COLLECT_TICKS;
        }
        if ledger.collects_due > 0 {
            ledger.collects_due -= 1;
            heap::collect();
        }
    }

    #[cold]
    fn add_up(&mut self, at_tick: bool) {
        let Worker { ring, dispatch, shared, .. } = self;
        let router = &mut dispatch.router;
        let shards = router.shards();
        let mut outside = OutsideMemory {
            connections_bytes: dispatch.connections.memory_bytes(),
            receive_bytes: ring.receive_bytes(),
            reply_bytes: dispatch.pool.memory_bytes() + ring.send_bytes(),
            mesh_bytes: router.mesh_bytes(),
            watchers_bytes: dispatch.watch.memory_bytes(),
            ring_bytes: ring.queue_bytes(),
            ..OutsideMemory::default()
        };
        let known_heap = outside.connections_bytes
            + outside.reply_bytes
            + outside.mesh_bytes
            + outside.watchers_bytes
            + router.shard_mut().store_heap_bytes();
        let ledger = &mut dispatch.ledger;
        let change = known_heap as isize - ledger.known_heap;
        ledger.known_heap = known_heap as isize;
        let all_known = shared.memory.known_heap.fetch_add(change, Ordering::Relaxed) + change;
        ledger.heap_bytes = heap::total_bytes();
        ledger.peak_bytes = ledger.peak_bytes.max(ledger.heap_bytes);
        outside.heap_bytes = ledger.heap_bytes.saturating_sub(all_known.max(0) as usize) / shards;
        outside.base_bytes = shared.memory.base_bytes(shards, outside.ring_bytes);
        ledger.outside = outside;
        ledger.seen_bytes = heap::own_bytes() + outside.receive_bytes as isize;
        let sum_bytes = outside.sum_bytes();
        // More counts at once, less when it has lasted: pages that come and go would cost more than they bring.
        let is_more = sum_bytes >= ledger.told_bytes + OUTSIDE_STEP_BYTES;
        let is_less = at_tick && sum_bytes + OUTSIDE_STEP_BYTES <= ledger.told_bytes;
        if is_more || is_less {
            ledger.told_bytes = sum_bytes;
            router.shard_mut().set_outside_bytes(sum_bytes);
        }
    }
}
