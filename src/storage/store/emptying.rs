//! Emptying a page, so that its memory can serve another class or go back to the kernel.
//!
//! In plain steps: the page takes no new items from now on. A few of its chunks a step, on the way of writes that need
//! memory and in [`Store::maintain`], its items leave: those that were read lately move to other chunks of their class,
//! where colder ones are evicted for them, the others are evicted. When the last has left, the page is free. One page
//! is emptied at a time. Its items are found, read, overwritten and removed as ever meanwhile.
//!
//! A LARGE item whose record or tail piece is in the page moves if it can, hot or not: evicting it would cost far more
//! than a chunk. What readers hold, or what is being received, cannot move; a page that such chunks remain in goes back
//! to its class.

use super::Store;
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        eviction::{Terms, is_pinned},
        item::{self, Header},
        large::TAIL_PIECES_MAX,
        location::{Location, PageId},
        slab::{ClassId, PageUse},
    },
};

/// Chunks looked at in one step.
pub(super) const STEP_CHUNKS_MAX: usize = 64;

/// Pages of a LARGE item that cost as much as a chunk when its record is moved.
const LARGE_PAGES_PER_CHUNK: usize = 16;

/// Chunks whose buckets are loaded ahead of their turn.
const LOOK_AHEAD_CHUNKS: u16 = 8;

/// What a page is emptied for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For whoever asks first.
    Free,
    /// For a class.
    Class(ClassId),
    /// To be given back.
    Kernel,
}

/// What becomes of items that were read lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hot {
    /// They move.
    Move,
    /// They are evicted like the others, which takes less time.
    Evict,
}

/// A page that is being emptied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Emptying {
    page: PageId,
    class: ClassId,
    /// The chunk to look at next.
    unit: u16,
    purpose: Purpose,
}

impl Store {
    /// Begins to empty a page of a class. False if another is being emptied, or this one holds something pinned.
    pub(super) fn begin_to_empty(&mut self, page: PageId, class: ClassId, purpose: Purpose) -> bool {
        if self.emptying.is_some() || !self.slab.page(page).is_movable() {
            return false;
        }
        self.slab.begin_to_leave(page, class);
        self.emptying = Some(Emptying { page, class, unit: 0, purpose });
        true
    }

    /// The next step of emptying a page, if one is being emptied. True if more waits.
    #[inline]
    pub(super) fn go_on_emptying(&mut self, now: Seconds) -> bool {
        self.emptying.is_some() && self.empty_some(Hot::Move, now)
    }

    /// Empties at once what is being emptied, now for this purpose. True if that made it free.
    pub(super) fn finish_emptying(&mut self, purpose: Purpose, hot: Hot, now: Seconds) -> bool {
        let Some(emptying) = &mut self.emptying else { return false };
        emptying.purpose = purpose;
        let (page, class) = (emptying.page, PageUse::Class(emptying.class));
        while self.empty_some(hot, now) {}
        self.slab.page(page).usage != class
    }

    /// Whether a page is still being emptied; it may have become free by other means.
    fn is_leaving(&self, emptying: &Emptying) -> bool {
        let page = self.slab.page(emptying.page);
        page.usage == PageUse::Class(emptying.class) && page.is_leaving()
    }

    #[cold]
    fn empty_some(&mut self, hot: Hot, now: Seconds) -> bool {
        let Some(mut emptying) = self.emptying.take() else { return false };
        let (terms, step) = (self.terms(now), self.slab.pool(emptying.class).chunk_units);
        let mut budget = STEP_CHUNKS_MAX;
        while budget > 0 && self.is_leaving(&emptying) {
            if emptying.unit >= self.slab.fresh_unit(emptying.page) {
                // What is left cannot move.
                self.slab.stay(emptying.page, emptying.class);
                return false;
            }
            let chunk = emptying.page.location(emptying.unit);
            self.load_ahead(&emptying, step);
            emptying.unit += step;
            budget = budget.saturating_sub(self.vacate(chunk, emptying.class, hot, terms));
        }
        if self.is_leaving(&emptying) {
            self.emptying = Some(emptying);
            return true;
        }
        self.has_emptied(&emptying);
        false
    }

    fn has_emptied(&mut self, emptying: &Emptying) {
        self.counters.pages_moved += u64::from(emptying.purpose != Purpose::Kernel);
        match emptying.purpose {
            Purpose::Free => {}
            // What was freed last is assigned first.
            Purpose::Class(class) => _ = self.slab.assign_page(class),
            Purpose::Kernel => _ = self.slab.release(emptying.page),
        }
    }

    /// Where the index has an item is random memory: has it loaded by the time the item's turn comes.
    fn load_ahead(&self, emptying: &Emptying, step: u16) {
        let unit = emptying.unit.saturating_add(LOOK_AHEAD_CHUNKS * step);
        if unit < self.slab.fresh_unit(emptying.page) {
            let chunk = self.slab.chunk(emptying.page.location(unit));
            let header = Header::read(chunk);
            if header.is_live_item() {
                self.table.prefetch_home((self.rehash)(&self.hasher, item::key(header, chunk)));
            }
        }
    }

    /// Frees one chunk, if it is used and may be. Returns how many chunks' work that was.
    fn vacate(&mut self, chunk: Location, class: ClassId, hot: Hot, terms: Terms) -> usize {
        let header = self.slab.header(chunk);
        let item = match () {
            () if header.is_live_item() => chunk,
            () if header.is_tail() => Location(item::tail_owner(self.slab.chunk(chunk))),
            () => return 1,
        };
        if item == Location::NONE || item == terms.protected {
            return 1;
        }
        let owner = self.slab.header(item);
        if !owner.is_live_item() || is_pinned(&self.slab, item) {
            return 1;
        }
        let is_hot = owner.is_large() || owner.frequency() > 0;
        if hot == Hot::Move
            && is_hot
            && !owner.deadline().is_past(terms.now)
            && let Some(work) = self.relocate(chunk, item, class, terms)
        {
            return work;
        }
        self.evict(item, terms.now);
        1
    }

    /// Moves what is in a chunk to another one of its class, for which a colder item may be evicted. `None` if there is
    /// no other chunk.
    fn relocate(&mut self, from: Location, item: Location, class: ClassId, terms: Terms) -> Option<usize> {
        let before = self.slab.header(from);
        let to = match self.slab.allocate(class) {
            Some(to) => to,
            None if self.evict_in_class(class, terms) => self.slab.allocate(class)?,
            None => return None,
        };
        if self.slab.header(from) != before {
            // The one evicted was this one: another of its pieces was under the hand.
            self.slab.free(to);
            return Some(1);
        }
        let mut work = 1;
        if before.is_tail() {
            self.slab.copy_chunk(from, to, class);
            self.tail_has_moved(item, from, to);
        } else {
            self.deadline_removed(from, before);
            self.slab.copy_chunk(from, to, class);
            let hash = (self.rehash)(&self.hasher, item::key(before, self.slab.chunk(to)));
            let replaced = self.table.replace(hash, from, to);
            debug_assert!(replaced, "a live item is not in the hash table");
            // It was read, so it has passed the small queue; its entry there is of the old chunk.
            self.slab.set_header(to, before.out_of_small());
        }
        if before.is_live_item() && before.is_large() {
            work += self.record_has_moved(to);
        }
        if before.is_live_item() {
            self.deadline_added(to, before);
        }
        self.slab.free(from);
        Some(work)
    }

    fn tail_has_moved(&mut self, item: Location, from: Location, to: Location) {
        let index = (0..TAIL_PIECES_MAX).find(|&index| self.record(item).tail(index) == from);
        debug_assert!(index.is_some(), "a tail piece that its record does not name");
        if let Some(index) = index {
            self.record_mut(item).set_tail(index, to);
        }
        let deadline = self.slab.header(item).deadline();
        if deadline != Deadline::NEVER {
            // Counted with the record.
            let _ = self.slab.cover_deadline(to, deadline);
        }
    }

    /// Tells the pages and tail pieces of a LARGE item where its record is now.
    fn record_has_moved(&mut self, to: Location) -> usize {
        for tail in self.tails(to) {
            item::set_tail_owner(self.slab.chunk_mut(tail), to.0);
        }
        let pages = self.record(to).shape().pages;
        for index in 0..pages {
            self.slab.set_record(self.large_page(to, index), to);
        }
        let list = self.record(to).list_page();
        if list != PageId::NONE {
            self.slab.set_record(list, to);
        }
        pages / LARGE_PAGES_PER_CHUNK
    }
}
