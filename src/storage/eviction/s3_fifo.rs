//! S3-FIFO's small queue of one class (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023).
//!
//! 1. A new item enters the small queue, which has room for a tenth of the class's chunks; its header says so.
//! 2. At the other end an item that was read meanwhile goes on into the main queue, one that was not leaves the store
//!    and becomes a ghost. Other than in the paper an item takes its frequency along: new in the main queue it may lie
//!    right before the hand, and it has been read.
//! 3. A new item whose ghost is known goes to the main queue at once.
//! 4. If the small queue is not full, the next to leave comes from the main queue: that is CLOCK (see `clock`) over all
//!    chunks, which passes over those in the small queue.
//!
//! Only the small queue takes memory: a ring of locations. An item that is deleted, moved or overwritten elsewhere does
//! not look for itself there: its entry becomes stale, and whoever meets it sees that the chunk is not in use, not of
//! the class, or not marked. A chunk that was freed and taken again may have two entries; the first counts.

use super::{Terms, is_expired};
use crate::storage::{
    location::Location,
    slab::{ClassId, Slab},
};
use std::collections::VecDeque;

/// The small queue's share of a class's chunks is one in this many.
pub(in crate::storage) const SHARE_DIVISOR: usize = 10;

/// Reads in the small queue that let an item pass into the main one.
pub(in crate::storage) const READS_TO_STAY: u64 = 1;

/// Locations in a block of the ring: 128 bytes. Every class in use has one or two however few its items are, and with
/// larger ones a small store's classes would take up the bound on all blocks with them.
const BLOCK_LEN: usize = 32;

type Block = [u32; BLOCK_LEN];

/// Entries looked at in search of a victim.
const ENTRIES_MAX: usize = 512;

/// Entries looked at for the next candidate, for statistics.
const CANDIDATE_ENTRIES_MAX: usize = 64;

/// By how much a queue may exceed its share before it lets items go on untried: by one part in this many.
const SLACK_DIVISOR: usize = 4;

/// Entries taken out at a time where room is made without evicting.
const DRAIN_ENTRIES: usize = 2;

/// Blocks kept ready, at most, and which part of all that there may be. The memory of a new one may be the first of
/// 2 MiB that the kernel's host has to hand over.
const SPARE_BLOCKS_MAX: usize = 32;
const SPARE_BLOCKS_DIVISOR: usize = 16;

/// A ring with room for fewer blocks than this is made larger ahead of its need, if it has as many.
const RING_BLOCKS_LOW: usize = 64;

/// Blocks freed in a step, of those that were left at once.
const FREED_PER_STEP: usize = 1024;

/// How far ahead of the end of the queue chunks and buckets of the hash table are loaded.
const LOAD_AHEAD: usize = 8;
const LOOK_AHEAD: usize = 3;

/// Blocks of all rings of a store.
#[derive(Debug)]
pub(super) struct Blocks {
    taken: usize,
    max: usize,
    /// Some that are ready, so that neither a ring that turns nor one that grows needs the allocator.
    spare: VecDeque<Box<Block>>,
    /// Rings that were abandoned, each with a block at least: freeing all takes milliseconds where there were many.
    left: Vec<VecDeque<Box<Block>>>,
}

impl Blocks {
    /// At most so many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Blocks { taken: 0, max: bytes_max / size_of::<Block>(), spare: VecDeque::new(), left: Vec::new() }
    }

    /// Another bound. Rings that are over it keep what they have until they turn.
    pub(super) fn set_max(&mut self, bytes_max: usize) {
        self.max = bytes_max / size_of::<Block>();
    }

    /// Memory of all blocks.
    pub(super) fn memory_bytes(&self) -> usize {
        self.taken * (size_of::<Block>() + size_of::<Box<Block>>())
    }

    fn take(&mut self) -> Option<Box<Block>> {
        if let Some(block) = self.spare.pop_back() {
            return Some(block);
        }
        if self.taken < self.max {
            self.taken += 1;
            return Some(Box::new([0; BLOCK_LEN]));
        }
        self.take_left()
    }

    fn spare_max(&self) -> usize {
        (self.max / SPARE_BLOCKS_DIVISOR).clamp(1, SPARE_BLOCKS_MAX)
    }

    /// Gets blocks ready, if any are in use. False if there is nothing to do.
    pub(super) fn prepare(&mut self) -> bool {
        let missing = self.spare_max().saturating_sub(self.spare.len()).min(self.max.saturating_sub(self.taken));
        if self.taken == 0 || missing == 0 {
            return false;
        }
        self.taken += missing;
        self.spare.extend((0..missing).map(|_| Box::new([0; BLOCK_LEN])));
        true
    }

    /// A block of those that were left.
    #[cold]
    fn take_left(&mut self) -> Option<Box<Block>> {
        while let Some(blocks) = self.left.last_mut() {
            if let Some(block) = blocks.pop_front() {
                return Some(block);
            }
            self.left.pop();
        }
        None
    }

    /// Frees some of the blocks that were left. False if there were none.
    pub(super) fn free_left(&mut self) -> bool {
        let freed = std::iter::from_fn(|| self.take_left()).take(FREED_PER_STEP).count();
        self.taken -= freed;
        freed > 0
    }

    /// Memory of the blocks that were left.
    pub(super) fn left_bytes(&self) -> usize {
        let blocks = self.left.iter().map(VecDeque::len).sum::<usize>();
        blocks * (size_of::<Block>() + size_of::<Box<Block>>())
    }

    fn give_back(&mut self, block: Box<Block>) {
        if self.spare.len() < self.spare_max() && self.taken <= self.max {
            self.spare.push_back(block);
        } else {
            self.taken -= 1;
        }
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct SmallQueue {
    blocks: VecDeque<Box<Block>>,
    /// Entries of the first block that have been taken out.
    start: usize,
    len: usize,
}

impl SmallQueue {
    /// Entries, stale ones included.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// False, and nothing is added, if no block is to be had.
    #[inline(always)]
    fn push(&mut self, location: Location, blocks: &mut Blocks) -> bool {
        let end = self.start + self.len;
        if end == self.blocks.len() * BLOCK_LEN {
            let Some(block) = blocks.take() else { return false };
            self.blocks.push_back(block);
        }
        self.blocks[end / BLOCK_LEN][end % BLOCK_LEN] = location.0;
        self.len += 1;
        true
    }

    /// Makes room for blocks to come, if there is little.
    pub(super) fn prepare(&mut self) {
        let len = self.blocks.len();
        if len >= RING_BLOCKS_LOW && self.blocks.capacity() - len < RING_BLOCKS_LOW {
            self.blocks.reserve(len);
        }
    }

    fn pop(&mut self, blocks: &mut Blocks) -> Option<Location> {
        let location = self.get(0)?;
        self.start += 1;
        self.len -= 1;
        if self.len == 0 {
            self.clear(blocks);
        } else if self.start == BLOCK_LEN {
            self.start = 0;
            self.blocks.pop_front().into_iter().for_each(|block| blocks.give_back(block));
        }
        Some(location)
    }

    #[inline(always)]
    fn get(&self, index: usize) -> Option<Location> {
        if index >= self.len {
            return None;
        }
        let at = self.start + index;
        Some(Location(self.blocks[at / BLOCK_LEN][at % BLOCK_LEN]))
    }

    /// Lets a new item in, if there is room; if not, it goes to the main queue. `is_evicting` says that the class has
    /// come to its end. As long as it grows nobody has to leave, and to let the oldest go on into the main queue would
    /// cost every new item a look at a header that is long out of the caches.
    #[inline(always)]
    pub(super) fn admit(
        &mut self,
        location: Location,
        class: ClassId,
        slab: &mut Slab,
        blocks: &mut Blocks,
        is_evicting: bool,
    ) -> bool {
        let room = room(class, slab);
        if self.len > room {
            if !is_evicting {
                return false;
            }
            // Entries of items that were removed on request take room until they are met.
            if self.len > room + room / SLACK_DIVISOR + 1 {
                self.drain(class, slab, blocks);
            }
        }
        room > 0 && self.push(location, blocks)
    }

    /// Takes the oldest entries out; their items go on in the main queue.
    #[cold]
    pub(super) fn drain(&mut self, class: ClassId, slab: &mut Slab, blocks: &mut Blocks) {
        for _ in 0..DRAIN_ENTRIES {
            let Some(item) = self.pop(blocks) else { return };
            if is_current(item, class, slab) {
                slab.set_header(item, slab.header(item).out_of_small());
            }
        }
    }

    /// The next item to leave while there are more than `keep` entries.
    pub(super) fn victim(
        &mut self,
        class: ClassId,
        slab: &mut Slab,
        blocks: &mut Blocks,
        keep: usize,
        terms: Terms,
    ) -> Option<Location> {
        for _ in 0..ENTRIES_MAX {
            if self.len <= keep {
                return None;
            }
            let item = self.pop(blocks)?;
            if !is_current(item, class, slab) {
                continue;
            }
            let header = slab.header(item);
            // A chunk of a page that leaves the class is of no use to it; who empties the page sees to the item.
            let is_leaving = slab.page(item.page()).is_leaving();
            let stays = is_leaving || item == terms.protected || header.frequency() >= READS_TO_STAY;
            if is_expired(header, terms) && item != terms.protected && !is_leaving || !stays {
                return Some(item);
            }
            slab.set_header(item, header.out_of_small());
        }
        None
    }

    /// The item that is likely to be the next to leave, if one is near the end of the queue.
    pub(super) fn candidate(&self, class: ClassId, slab: &Slab) -> Option<Location> {
        let near = (0..CANDIDATE_ENTRIES_MAX).map_while(|index| self.get(index));
        near.filter(|&item| is_current(item, class, slab)).find(|&item| slab.header(item).frequency() < READS_TO_STAY)
    }

    /// An item that will be evicted soon, if nobody reads it before. Starts loading those behind it.
    pub(super) fn upcoming(&self, class: ClassId, slab: &Slab) -> Option<Location> {
        if let Some(behind) = self.get(LOAD_AHEAD) {
            slab.prefetch(behind);
        }
        let item = self.get(LOOK_AHEAD)?;
        (is_current(item, class, slab) && slab.header(item).frequency() < READS_TO_STAY).then_some(item)
    }

    /// Forgets all, in no time that grows with it.
    pub(super) fn abandon(&mut self, blocks: &mut Blocks) {
        (self.start, self.len) = (0, 0);
        if !self.blocks.is_empty() {
            blocks.left.push(std::mem::take(&mut self.blocks));
        }
    }

    /// Forgets the few entries of the last block.
    fn clear(&mut self, blocks: &mut Blocks) {
        (self.start, self.len) = (0, 0);
        self.blocks.drain(..).for_each(|block| blocks.give_back(block));
    }

    /// Every entry.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn entries(&self) -> impl Iterator<Item = Location> + '_ {
        (0..self.len).map_while(|index| self.get(index))
    }

    /// Blocks held.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn block_count(&self) -> usize {
        self.blocks.len()
    }
}

impl Blocks {
    /// Panics if these are not the blocks of all rings.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn check(&self, held: usize) {
        let left = self.left.iter().map(VecDeque::len).sum::<usize>();
        assert_eq!(held + left + self.spare.len(), self.taken, "blocks of the small queues");
    }
}

/// The small queue's share of a class, in entries.
#[inline(always)]
pub(super) fn room(class: ClassId, slab: &Slab) -> usize {
    let pool = slab.pool(class);
    pool.pages.len() * pool.chunks_per_page as usize / SHARE_DIVISOR
}

/// Whether an entry names an item of the small queue: the chunk may have been freed, or taken by another class, since.
#[inline(always)]
fn is_current(item: Location, class: ClassId, slab: &Slab) -> bool {
    slab.is_chunk_of(item, class) && {
        let header = slab.header(item);
        header.is_live_item() && header.is_in_small()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS_BYTES: usize = size_of::<Block>() + size_of::<Box<Block>>();

    #[test]
    fn blocks_are_ready_before_a_ring_needs_them_and_leave_in_steps() {
        let (mut blocks, mut ring) = (Blocks::new(1 << 20), SmallQueue::default());
        assert!(!blocks.prepare(), "no class has a ring");
        assert!(ring.push(Location(1), &mut blocks));
        assert!(blocks.prepare() && !blocks.prepare());
        assert_eq!(blocks.memory_bytes(), (1 + SPARE_BLOCKS_MAX) * BLOCKS_BYTES);
        (0..3000 * BLOCK_LEN as u32).for_each(|number| assert!(ring.push(Location(number), &mut blocks)));
        ring.prepare();
        assert!(ring.blocks.capacity() - ring.blocks.len() >= RING_BLOCKS_LOW);
        let held = ring.block_count();
        let bytes = blocks.memory_bytes();
        ring.abandon(&mut blocks);
        assert_eq!((ring.len(), ring.block_count(), blocks.memory_bytes()), (0, 0, bytes));
        assert_eq!(blocks.left_bytes(), held * BLOCKS_BYTES);
        blocks.check(0);
        // What was left serves again before a ring has to do without.
        let fitting = blocks.max * BLOCK_LEN;
        (0..fitting as u32).for_each(|number| assert!(ring.push(Location(number), &mut blocks)));
        assert!(!ring.push(Location(0), &mut blocks));
        assert_eq!(blocks.left_bytes(), 0);
        ring.abandon(&mut blocks);
        let mut steps = 0;
        while blocks.free_left() {
            steps += 1;
            blocks.check(0);
        }
        assert_eq!((steps, blocks.memory_bytes()), (blocks.max.div_ceil(FREED_PER_STEP), 0));
    }
}
