//! Who leaves when memory is short. Policy only: it names victims and donors and ages frequencies; unlinking and
//! freeing is `store/memory.rs`, emptying pages `store/emptying.rs`.
//!
//! - `policy` says what there is to choose from, and what each costs; which of two is used, who simulates both says.
//! - `clock` is 2-bit CLOCK over a class's chunks, `s3_fifo` the small queue that makes S3-FIFO of it.
//! - `ghosts` remembers who left.
//! - `mover` says which page goes from which pool to which, and when.

mod clock;
mod ghosts;
mod mover;
mod policy;
mod s3_fifo;

pub use self::policy::EvictionPolicy;
pub(super) use self::{
    ghosts::{ENTRIES_PER_ITEM_TENTHS as GHOSTS_PER_ITEM_TENTHS, LIMIT_DIVISOR as GHOSTS_LIMIT_DIVISOR},
    mover::{LARGE_SHARE_DIVISOR, Move, Mover, PoolId, PoolState},
    s3_fifo::{READS_TO_STAY, SHARE_DIVISOR as SMALL_SHARE_DIVISOR},
};

use self::{
    clock::Hand,
    ghosts::Ghosts,
    s3_fifo::{Blocks, SmallQueue},
};
use super::{
    item,
    large::Record,
    location::{Location, PageId},
    reservation::Population,
    slab::{ClassId, PageUse, Slab},
    store::StoreConfig,
};
use crate::clock::Seconds;
#[cfg(any(test, debug_assertions))]
use std::collections::{HashMap, HashSet};
use std::io;

/// What a search for a victim has to respect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) now: Seconds,
    /// Only expired items may leave.
    pub(super) expired_only: bool,
    /// An item that must stay, or `NONE`: the one whose successor is being allocated.
    pub(super) protected: Location,
}

/// Memory for the small queues of all classes, at most: one part in this many of the memory limit.
const SMALL_LIMIT_DIVISOR: usize = 128;

/// How often items of a class were evicted and became ghosts, and how often one was stored again while its ghost was
/// known. Not whole numbers, since they are aged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct GhostCounts {
    pub(super) hits: f32,
    pub(super) inserts: f32,
}

/// One class's queues.
#[derive(Debug, Default)]
struct Queues {
    hand: Hand,
    small: SmallQueue,
    /// Whether new items start in the small queue; else they are under the hand alone.
    uses_small: bool,
    /// Whether an item had to leave since the start or the last flush.
    is_evicting: bool,
    ghosts: GhostCounts,
}

/// See the module's documentation.
pub(super) struct Eviction {
    /// By class; the last is the LARGE values', of which only the ghosts are counted here.
    queues: Vec<Queues>,
    blocks: Blocks,
    ghosts: Ghosts,
    /// Whether the policy may change.
    duels: bool,
    is_evicting: bool,
    large_hand: u32,
}

impl Eviction {
    /// For a store of this memory limit, which may be raised to `limit_bytes_max`.
    ///
    /// # Errors
    /// What the kernel says to reserving addresses.
    pub(super) fn new(classes: usize, config: &StoreConfig, limit_bytes_max: usize) -> io::Result<Self> {
        let limit_bytes = config.memory_limit_bytes;
        // Where nobody is evicted, the small queues would only cost memory.
        let uses_small = config.evictions && config.eviction != EvictionPolicy::Clock;
        Ok(Eviction {
            queues: (0..classes)
                .map(|_| Queues { uses_small, ..Queues::default() })
                .chain([Queues::default()])
                .collect(),
            blocks: Blocks::new(limit_bytes / SMALL_LIMIT_DIVISOR),
            ghosts: Ghosts::new(limit_bytes, limit_bytes_max, config.huge_pages)?,
            duels: config.evictions && config.eviction == EvictionPolicy::Duel,
            is_evicting: false,
            large_hand: 0,
        })
    }

    /// All items are gone at once. Memory goes with [`give_back`](Self::give_back).
    pub(super) fn reset(&mut self) {
        for queues in &mut self.queues {
            queues.small.abandon(&mut self.blocks);
            *queues = Queues { uses_small: queues.uses_small, ..Queues::default() };
        }
        self.ghosts.clear();
        self.is_evicting = false;
        self.large_hand = 0;
    }

    /// Another memory limit.
    pub(super) fn set_limit(&mut self, limit_bytes: usize) {
        self.blocks.set_max(limit_bytes / SMALL_LIMIT_DIVISOR);
        self.ghosts.set_limit(limit_bytes);
    }

    #[inline(always)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.queues.len() * size_of::<Queues>() + self.blocks.memory_bytes() + self.ghosts.memory_bytes()
    }

    /// A step of giving memory back that was left when all was forgotten, some 100 µs at most. True if it did something.
    pub(super) fn give_back(&mut self) -> bool {
        self.ghosts.give_back() || self.blocks.free_left()
    }

    /// What [`give_back`](Self::give_back) has still to give back.
    pub(super) fn leaving_bytes(&self) -> usize {
        self.ghosts.leaving_bytes() + self.blocks.left_bytes()
    }

    /// Makes the ghosts' table larger or smaller, if it is time to, in a store of so many items: off the path of requests,
    /// since the kernel may need long to hand memory over. True if it did something.
    pub(super) fn prepare_ghosts(&mut self, items: usize) -> bool {
        self.ghosts.prepare(items)
    }

    /// Whether the ghosts' next step takes what [`order_ghosts`](Self::order_ghosts) can have populated elsewhere.
    pub(super) fn ghosts_are_to_order(&self, items: usize) -> bool {
        self.ghosts.is_to_order(items)
    }

    /// Has memory for the ghosts populated elsewhere, if it is time to, in a store of so many items.
    pub(super) fn order_ghosts(&mut self, items: usize) -> Option<Population> {
        self.ghosts.order_extent(items)
    }

    /// What was ordered for the ghosts is populated; it goes back to the kernel unless it is `wanted`.
    pub(super) fn end_ghosts_order(&mut self, wanted: bool) {
        self.ghosts.end_order(wanted);
    }

    /// Gets memory for the small queues ready.
    pub(super) fn prepare_small(&mut self) {
        if self.blocks.prepare() {
            self.queues.iter_mut().for_each(|queues| queues.small.prepare());
        }
    }

    /// The part of it that is of the process's heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.memory_bytes() - self.ghosts.memory_bytes()
    }

    /// Index of the page under a class's hand: its items have waited longest for their next look.
    pub(super) fn hand_page(&self, class: ClassId) -> u32 {
        self.queues[class.index()].hand.page
    }

    /// What stands for the LARGE values where a class is asked for.
    pub(super) fn large_pool(&self) -> ClassId {
        // Fewer than 255 classes, so the cast keeps the value.
        ClassId((self.queues.len() - 1) as u8)
    }

    /// How often items of the class left and came back.
    pub(super) fn ghost_counts(&self, class: ClassId) -> GhostCounts {
        self.queues[class.index()].ghosts
    }

    /// Makes what was counted so far weigh less, by a factor.
    pub(super) fn age_ghost_counts(&mut self, factor: f32) {
        for Queues { ghosts, .. } in &mut self.queues {
            *ghosts = GhostCounts { hits: ghosts.hits * factor, inserts: ghosts.inserts * factor };
        }
    }

    /// Forgets what was counted of the class, so that only what comes from now on tells what a page is worth to it.
    pub(super) fn forget_ghost_counts(&mut self, class: ClassId) {
        self.queues[class.index()].ghosts = GhostCounts::default();
    }

    /// Whether the class has a small queue now: S3-FIFO; else CLOCK.
    pub(super) fn uses_small(&self, class: ClassId) -> bool {
        self.queues[class.index()].uses_small
    }

    /// Starts loading what [`admit`](Self::admit) will look at. A hint.
    #[inline(always)]
    pub(super) fn prefetch_ghost(&self, hash: u64) {
        self.ghosts.prefetch(hash);
    }

    /// A new item is to be written to a chunk of a class: whether it starts in the small queue. It then must be marked.
    #[inline(always)]
    pub(super) fn admit(&mut self, class: ClassId, hash: u64, location: Location, slab: &mut Slab) -> bool {
        let queues = &mut self.queues[class.index()];
        if let Some(ghost) = self.ghosts.take(class, hash) {
            queues.ghosts.hits += f32::from(u8::from(ghost.is_of_class));
            return false;
        }
        queues.uses_small && queues.small.admit(location, class, slab, &mut self.blocks, queues.is_evicting)
    }

    /// An item of a class that is not in the small queue is stored, or stored again: it may have been a ghost.
    pub(super) fn admit_to_main(&mut self, class: ClassId, hash: u64) {
        if self.ghosts.take(class, hash).is_some_and(|ghost| ghost.is_of_class) {
            self.queues[class.index()].ghosts.hits += 1.0;
        }
    }

    /// An unexpired item was removed from a store of so many to make room. It becomes a ghost, unless it was in S3-FIFO's
    /// main queue: it has had its time.
    #[inline(always)]
    pub(super) fn note_evicted(&mut self, class: ClassId, header: item::Header, hash: u64, items: usize) {
        if header.is_in_small() || !self.queues[class.index()].uses_small {
            self.note_driven_out(class, hash, items);
        }
    }

    /// An unexpired item was removed because its page was needed, whichever queue it was in: it becomes a ghost.
    #[inline(always)]
    pub(super) fn note_driven_out(&mut self, class: ClassId, hash: u64, items: usize) {
        self.queues[class.index()].ghosts.inserts += 1.0;
        self.ghosts.insert(class, hash, items);
    }

    /// Whether an item had to leave since the start or the last flush.
    pub(super) fn is_evicting(&self) -> bool {
        self.is_evicting
    }

    /// Lets a class use S3-FIFO or else CLOCK from now on, if the policy may change at all.
    pub(super) fn prefer(&mut self, class: ClassId, s3_fifo: bool) {
        if self.duels {
            self.queues[class.index()].uses_small = s3_fifo;
        }
    }

    /// The next item of a class to leave.
    pub(super) fn victim(&mut self, class: ClassId, slab: &mut Slab, terms: Terms) -> Option<Location> {
        let queues = &mut self.queues[class.index()];
        let Queues { hand, small, uses_small, .. } = queues;
        queues.is_evicting = true;
        self.is_evicting = true;
        if !*uses_small {
            if small.len() > 0 {
                small.drain(class, slab, &mut self.blocks);
            }
            return hand.victim(class, slab, terms, false);
        }
        let keep = s3_fifo::room(class, slab);
        small
            .victim(class, slab, &mut self.blocks, keep, terms)
            .or_else(|| hand.victim(class, slab, terms, true))
            // The hand is among chunks of the small queue.
            .or_else(|| small.victim(class, slab, &mut self.blocks, 0, terms))
            // And all that were next in the small queue have been read.
            .or_else(|| hand.victim(class, slab, terms, false))
    }

    /// An item of a class that will leave soon, if nobody reads it before.
    #[inline(always)]
    pub(super) fn upcoming(&self, class: ClassId, slab: &Slab) -> Option<Location> {
        let queues = &self.queues[class.index()];
        // Whence the last one came the next will, most often.
        if queues.uses_small && queues.small.len() >= s3_fifo::room(class, slab) {
            return queues.small.upcoming(class, slab);
        }
        queues.hand.upcoming(class, slab)
    }

    /// The item of a class that is likely to leave next, if one is near.
    pub(super) fn candidate(&self, class: ClassId, slab: &Slab) -> Option<Location> {
        let queues = &self.queues[class.index()];
        let in_small = || queues.small.candidate(class, slab);
        if queues.uses_small && queues.small.len() >= s3_fifo::room(class, slab) {
            return in_small().or_else(|| queues.hand.candidate(class, slab));
        }
        queues.hand.candidate(class, slab).or_else(in_small)
    }

    /// The next LARGE item with whole pages to leave. The hand goes round the pages and judges an item at its
    /// first page.
    pub(super) fn large_victim(&mut self, slab: &mut Slab, terms: Terms) -> Option<Location> {
        let total = slab.pages().len() as u32;
        // Each frequency is lowered to 0 after FREQUENCY_MAX rounds.
        for _ in 0..total as u64 * (item::FREQUENCY_MAX + 1) {
            let page = PageId(self.large_hand % total);
            self.large_hand = page.0 + 1;
            let PageUse::Large(record) = slab.page(page).usage else { continue };
            if first_page(slab, record) == page
                && let Some(victim) = judge(slab, record, terms)
            {
                return Some(victim);
            }
        }
        None
    }
}

/// The page at which the hand judges a LARGE item.
fn first_page(slab: &Slab, record: Location) -> PageId {
    let chunk = slab.chunk(record);
    let record = Record(&chunk[item::Header::read(chunk).record_offset()..]);
    match record.list_page() {
        PageId::NONE => record.page(0, None),
        list => list,
    }
}

/// Whether an item leaves; if not, it loses one of its lives.
fn judge(slab: &mut Slab, item: Location, terms: Terms) -> Option<Location> {
    let header = slab.header(item);
    if !header.is_live_item() || item == terms.protected || is_pinned(slab, item) {
        return None;
    }
    if is_expired(header, terms) {
        return Some(item);
    }
    if terms.expired_only {
        return None;
    }
    match header.frequency() {
        0 => Some(item),
        frequency => {
            slab.set_header(item, header.with_frequency(frequency - 1));
            None
        }
    }
}

#[inline(always)]
fn is_expired(header: item::Header, terms: Terms) -> bool {
    header.deadline().is_past(terms.now)
}

/// Whether readers hold a LARGE item: evicting it would free nothing.
pub(super) fn is_pinned(slab: &Slab, item: Location) -> bool {
    let chunk = slab.chunk(item);
    let header = item::Header::read(chunk);
    header.is_large() && Record(&chunk[header.record_offset()..]).pins() > 0
}

impl Eviction {
    /// Panics if a small queue disagrees with the marks of items. `marked` are the items so marked, by class.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn check_invariants(&self, marked: &HashMap<ClassId, HashSet<Location>>) {
        let mut held = 0;
        for (class, queues) in self.queues.iter().enumerate() {
            let entries: HashSet<Location> = queues.small.entries().collect();
            held += queues.small.block_count();
            for item in marked.get(&ClassId(class as u8)).into_iter().flatten() {
                assert!(entries.contains(item), "{item:?} is marked and not in the small queue");
            }
        }
        self.blocks.check(held);
    }

    /// Lets all classes use S3-FIFO or CLOCK, until the duel says otherwise.
    #[cfg(test)]
    pub(super) fn force(&mut self, uses_small: bool) {
        self.queues.iter_mut().for_each(|queues| queues.uses_small = uses_small);
    }

    /// Entries of a class's small queue.
    #[cfg(test)]
    pub(super) fn small_len(&self, class: ClassId) -> usize {
        self.queues[class.index()].small.len()
    }

    /// Memory that ghosts take.
    #[cfg(test)]
    pub(super) fn ghosts_memory_bytes(&self) -> usize {
        self.ghosts.memory_bytes()
    }
}
