//! Looking through a page for what has expired: its chunk headers in order, then the index for what is to go.
//!
//! A look takes a few nanoseconds, since headers in order are what a processor loads by itself; a removal takes a
//! hundred, since the index is not. So the places in the index of a whole group are loaded before the first is
//! removed, and a page is left with expired items in it where there are more than the caller has time for.
//!
//! Each look counts what expires soon (see `expired`) and leaves the page's earliest deadline exact.

use super::{PREFETCH_GROUP, Store, expired::Expired, removals::Reason};
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        item::{self, Header},
        location::{Location, PAGE_BYTES, PageId},
        slab::ClassId,
    },
};

/// How far ahead of a look memory is loaded: the processor by itself stops at each 4 KiB.
const LOAD_AHEAD_BYTES: usize = 1024;

/// What came of looking through a page.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Swept {
    /// Of which class the page was, if it was looked through.
    pub(super) class: Option<ClassId>,
    /// Chunks looked at.
    pub(super) chunks: usize,
    /// Items among them.
    pub(super) items: usize,
    /// Items removed.
    pub(super) freed: usize,
    /// Whether expired items were left behind.
    pub(super) has_more: bool,
}

impl Store {
    /// Time goes on for what is counted of expired items.
    #[inline(always)]
    pub(super) fn pass_time(&mut self, now: Seconds) {
        if self.expired.advance(now) {
            self.slab.set_horizon(self.expired.horizon());
        }
    }

    /// Notes the deadline of an item that has been written.
    #[inline(always)]
    pub(super) fn deadline_added(&mut self, location: Location, header: Header) {
        let deadline = header.deadline();
        if deadline == Deadline::NEVER {
            return;
        }
        let is_counted = self.slab.cover_deadline(location, deadline);
        if header.is_large() {
            for tail in self.tails(location) {
                // Counted with the record.
                let _ = self.slab.cover_deadline(tail, deadline);
            }
        }
        if is_counted {
            self.count_expiring(location, header, Expired::add);
        }
    }

    /// Forgets the deadline of an item that is removed or written anew.
    #[inline(always)]
    pub(super) fn deadline_removed(&mut self, location: Location, header: Header) {
        let deadline = header.deadline();
        if deadline != Deadline::NEVER && self.slab.counts_deadline(location, deadline) {
            self.count_expiring(location, header, Expired::subtract);
        }
    }

    #[inline(never)]
    fn count_expiring(&mut self, location: Location, header: Header, change: fn(&mut Expired, usize, Deadline, u64)) {
        let deadline = header.deadline();
        let add = |store: &mut Store, chunk: Location| {
            let class = store.slab.class_at(chunk);
            let bytes = store.slab.classes.chunk_bytes(class) as u64;
            change(&mut store.expired, class.index(), deadline, bytes);
        };
        add(self, location);
        if header.is_large() {
            for tail in self.tails(location) {
                add(self, tail);
            }
            let (row, bytes) = (self.expired.large(), self.whole_pages(location) * PAGE_BYTES);
            change(&mut self.expired, row, deadline, bytes as u64);
        }
    }

    /// Pages that a LARGE item has for itself.
    pub(super) fn whole_pages(&self, location: Location) -> usize {
        let record = self.record(location);
        record.shape().pages + usize::from(record.list_page() != PageId::NONE)
    }

    /// Looks through a page of a class and removes up to `freed_max` of the items in it that have expired.
    pub(super) fn sweep_page(
        &mut self,
        page: PageId,
        class: ClassId,
        freed_max: usize,
        reason: Reason,
        now: Seconds,
    ) -> Swept {
        self.pass_time(now);
        let (counted_to, horizon) = (self.slab.page(page).counted_to(), self.expired.horizon());
        let mut past = std::mem::take(&mut self.gathered);
        past.clear();
        let (mut swept, mut earliest) = (Swept { class: Some(class), ..Swept::default() }, u32::MAX);
        let chunk_bytes = self.slab.classes.chunk_bytes(class) as u64;
        for chunk in self.slab.chunks_in(page) {
            swept.chunks += 1;
            self.slab.prefetch_behind(chunk, LOAD_AHEAD_BYTES);
            let header = self.slab.header(chunk);
            let is_item = header.is_live_item();
            swept.items += usize::from(is_item);
            let (item, deadline) = match () {
                () if is_item => (chunk, header.deadline()),
                () if header.is_tail() => match self.owner_of_tail(chunk) {
                    Some((owner, header)) => (owner, header.deadline()),
                    None => continue,
                },
                () => continue,
            };
            if deadline == Deadline::NEVER {
                continue;
            }
            if is_item && deadline.raw() > counted_to && deadline.raw() <= horizon {
                match header.is_large() {
                    false => self.expired.add(class.index(), deadline, chunk_bytes),
                    true => self.count_expiring(item, header, Expired::add),
                }
            }
            let may_go = deadline.is_past(now) && item != self.protected;
            if may_go && past.len() < freed_max {
                past.push(item);
            } else {
                earliest = earliest.min(deadline.raw());
                swept.has_more |= may_go;
            }
        }
        self.slab.looked_through(page, earliest, horizon);
        debug_assert_eq!(self.slab.page(page).class(), Some(class));
        swept.freed = self.remove_group(&past, reason, now);
        self.gathered = past;
        swept
    }

    /// The stored item that a tail piece is of, if it is in the hash table.
    fn owner_of_tail(&self, tail: Location) -> Option<(Location, Header)> {
        let owner = Location(item::tail_owner(self.slab.chunk(tail)));
        if owner == Location::NONE {
            return None;
        }
        let header = self.slab.header(owner);
        header.is_live_item().then_some((owner, header))
    }

    /// Removes items, of which a LARGE one may be named more than once. Returns how many there were.
    fn remove_group(&mut self, items: &[Location], reason: Reason, now: Seconds) -> usize {
        let mut removed = 0;
        for group in items.chunks(PREFETCH_GROUP) {
            let mut hashes = [0; PREFETCH_GROUP];
            for (hash, &location) in hashes.iter_mut().zip(group) {
                let chunk = self.slab.chunk(location);
                *hash = (self.rehash)(&self.hasher, item::key(Header::read(chunk), chunk));
                self.table.prefetch_home(*hash);
            }
            for (&hash, &location) in hashes.iter().zip(group) {
                removed += usize::from(self.remove_hashed(hash, location, reason, now));
            }
        }
        removed
    }

    /// Whether everything in a page has expired, so that it would be free if that were removed. Looks no further
    /// than to the first item that has not.
    pub(super) fn is_wholly_expired(&self, page: PageId, now: Seconds) -> bool {
        self.slab.page(page).is_movable()
            && self.slab.chunks_in(page).all(|chunk| {
                let header = self.slab.header(chunk);
                match () {
                    () if header.is_live_item() => header.deadline().is_past(now) && chunk != self.protected,
                    () if header.is_tail() => self
                        .owner_of_tail(chunk)
                        .is_some_and(|(owner, header)| header.deadline().is_past(now) && owner != self.protected),
                    () => header.is_vacant(),
                }
            })
    }
}
