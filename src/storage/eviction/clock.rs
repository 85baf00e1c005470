//! 2-bit CLOCK over the chunks of one class: a policy of its own, and S3-FIFO's main queue. A hand goes round the
//! chunks; an item that was read since is passed over and its frequency lowered by one, the first with frequency 0
//! leaves. A LARGE item is judged at its record and at each of its tail pieces, so it ages faster than a small one: it
//! also takes more.

use super::{Terms, is_expired, is_pinned, judge};
use crate::storage::{
    item,
    location::Location,
    slab::{ClassId, Slab},
};

/// Chunks looked at in search of a victim. If all of them have been read lately, the least read of them leaves:
/// a bound on the time of one eviction, met only when everything is hot.
const SCAN_CHUNKS_MAX: usize = 512;

/// Chunks looked at for the next candidate, for statistics.
const CANDIDATE_CHUNKS_MAX: usize = 64;

/// How far ahead of the hand the hash table's bucket of a likely victim is loaded.
const LOOK_AHEAD_CHUNKS: u16 = 3;

/// How far ahead of the hand the chunks themselves are loaded.
const LOAD_AHEAD_CHUNKS: u16 = 8;

/// A position in a class's pages.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::storage) struct Hand {
    pub(super) page: u32,
    unit: u16,
}

impl Hand {
    /// The next item to leave, `None` if none of the chunks looked at may. One in the small queue does not if
    /// `spares_small`, unless it has expired.
    pub(super) fn victim(
        &mut self,
        class: ClassId,
        slab: &mut Slab,
        terms: Terms,
        spares_small: bool,
    ) -> Option<Location> {
        let mut least_read: Option<(u64, Location)> = None;
        for _ in 0..SCAN_CHUNKS_MAX {
            let item = self.advance(class, slab)?;
            if item == Location::NONE {
                continue;
            }
            let header = slab.header(item);
            if spares_small && header.is_in_small() && !is_expired(header, terms) {
                continue;
            }
            let frequency = header.frequency();
            if let Some(victim) = judge(slab, item, terms) {
                return Some(victim);
            }
            if least_read.is_none_or(|(least, _)| frequency < least)
                && item != terms.protected
                && slab.header(item).is_live_item()
                && !is_pinned(slab, item)
            {
                least_read = Some((frequency, item));
            }
        }
        let (_, item) = least_read.filter(|_| !terms.expired_only)?;
        Some(item)
    }

    /// The first item from the hand on that has not been read since the hand was there, if it is near.
    pub(super) fn candidate(&self, class: ClassId, slab: &Slab) -> Option<Location> {
        let mut hand = *self;
        for _ in 0..CANDIDATE_CHUNKS_MAX {
            let item = hand.advance(class, slab)?;
            if item != Location::NONE && slab.header(item).is_live_item() && slab.header(item).frequency() == 0 {
                return Some(item);
            }
        }
        None
    }

    /// An item that will be evicted soon, if nobody reads it before.
    #[inline(always)]
    pub(super) fn upcoming(&self, class: ClassId, slab: &Slab) -> Option<Location> {
        let pool = slab.pool(class);
        let page = *pool.pages.get(self.page as usize)?;
        let unit = self.unit.saturating_add(LOOK_AHEAD_CHUNKS * pool.chunk_units);
        if unit >= slab.fresh_unit(page) {
            return None;
        }
        slab.prefetch(page.location(self.unit.saturating_add(LOAD_AHEAD_CHUNKS * pool.chunk_units)));
        let location = page.location(unit);
        let header = slab.header(location);
        (header.is_live_item() && header.frequency() == 0).then_some(location)
    }

    /// The item of the chunk under the hand, which moves on by one chunk: for a tail piece the item it belongs
    /// to, for a chunk that is not an item's `Location::NONE`. `None` if the class has no pages.
    fn advance(&mut self, class: ClassId, slab: &Slab) -> Option<Location> {
        let pool = slab.pool(class);
        if self.page as usize >= pool.pages.len() {
            *self = Hand::default();
        }
        let page = *pool.pages.get(self.page as usize)?;
        if self.unit >= slab.fresh_unit(page) {
            *self = Hand { page: self.page + 1, unit: 0 };
            return Some(Location::NONE);
        }
        let location = page.location(self.unit);
        self.unit += pool.chunk_units;
        let header = slab.header(location);
        Some(match () {
            () if header.is_live_item() => location,
            () if header.is_tail() => Location(item::tail_owner(slab.chunk(location))),
            () => Location::NONE,
        })
    }
}
