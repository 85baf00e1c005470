//! Another memory limit at run time: memcached's `cache_memlimit`.
//!
//! Up it goes at once, within the addresses that were reserved at the start. Down it goes page by page, in
//! [`Store::maintain`]: pages are emptied from the end of the address range towards its start, whoever has them, so that
//! whole extents become empty. The kernel would fill a half empty huge page up again.
//!
//! The limit is for all of a shard's memory. What there is outside of its store is told to the store
//! ([`Store::set_outside_bytes`]), which has the rest.

use super::{ITEM_SHARE_DIVISOR, LIMIT_BYTES_MIN, Store, emptying::Purpose};
use crate::{
    clock::Seconds,
    storage::{
        eviction::is_pinned,
        hash_table::GROWTH_FACTOR_MAX,
        location::{ADDRESSABLE_BYTES, PAGE_BYTES, PageId},
        slab::PageUse,
    },
};
use std::ops::RangeInclusive;

/// Addresses are reserved for at least this limit: inaccessible, they cost nothing.
const RESERVE_BYTES_MIN: usize = if cfg!(miri) { LIMIT_BYTES_MIN } else { 4 << 30 };

/// Pages looked at in one step of shrinking, of which at most one is emptied.
const PAGES_LOOKED_AT_MAX: usize = 512;

/// A round over all pages that gave back none is followed by a rest: they are pinned, or evictions are off.
const REST_SECONDS: u32 = 1;

/// Beyond index and metadata a store keeps at least so many pages.
const PAGES_MIN: usize = 16;

/// Items and index keep at least this share of the limit, whatever there is outside.
const OUTSIDE_SHARE_DIVISOR: usize = 2;

/// The limit as it was asked for, and what it covers outside of the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) asked_bytes: usize,
    pub(super) outside_bytes: usize,
}

/// A memory limit that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Index, metadata and an item of the maximum size would not fit.
    #[error("{bytes} bytes are too few: this store needs {min_bytes} (its index does not shrink before flush_all)")]
    TooSmall {
        /// What was asked for.
        bytes: usize,
        /// The least that works now.
        min_bytes: usize,
    },
    /// No addresses were reserved for so much.
    #[error("{bytes} bytes are too many: this store reserved addresses for {max_bytes} at its start")]
    TooLarge {
        /// What was asked for.
        bytes: usize,
        /// The most that works.
        max_bytes: usize,
    },
}

/// A lowered limit that has not been reached yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shrinking {
    /// The page behind the next one to look at.
    next: usize,
    /// Whether this round over the pages has given one back, or emptied one.
    has_released: bool,
    rest_until: Seconds,
}

/// For how much memory a store reserves addresses.
pub(super) fn reserve_bytes(limit_bytes: usize) -> usize {
    limit_bytes.saturating_mul(GROWTH_FACTOR_MAX).clamp(RESERVE_BYTES_MIN, ADDRESSABLE_BYTES - PAGE_BYTES)
}

impl Store {
    /// The limits in bytes that [`Store::set_memory_limit`] takes now.
    ///
    /// The upper end is 16 times the limit at the start, but at least 4 GiB and at most 32 GiB; less where the kernel
    /// refused the addresses. Above 16 times the first limit the index grows no further, and may evict small items
    /// before memory is full: it holds at least 600,000 items for each MiB of the first limit. The lower end is what
    /// index, metadata and one item of the maximum size take, and at least 2 MiB.
    pub fn memory_limit_bounds(&self) -> RangeInclusive<usize> {
        let fixed_bytes =
            self.memory_bytes() - self.slab.committed_bytes() - self.leaving_bytes() + PAGES_MIN * PAGE_BYTES;
        let item_bytes = self.config.item_size_max_bytes * ITEM_SHARE_DIVISOR;
        LIMIT_BYTES_MIN.max(item_bytes).max(fixed_bytes)..=self.limit_bytes_max
    }

    /// Sets another memory limit. A higher one counts at once. To a lower one [`Store::maintain`] gets step by step,
    /// by eviction; what evictions that are off, or pins, keep it from giving back stays until it can be.
    ///
    /// # Errors
    /// A limit outside [`Store::memory_limit_bounds`]; nothing changes.
    pub fn set_memory_limit(&mut self, bytes: usize) -> Result<(), LimitError> {
        let bounds = self.memory_limit_bounds();
        if bytes > *bounds.end() {
            return Err(LimitError::TooLarge { bytes, max_bytes: *bounds.end() });
        }
        if bytes < *bounds.start() {
            return Err(LimitError::TooSmall { bytes, min_bytes: *bounds.start() });
        }
        self.limit.asked_bytes = bytes;
        self.slab.open(bytes);
        self.table.make_room_for(bytes);
        self.eviction.set_limit(bytes);
        self.curve.set_limit(bytes);
        self.apply_limit();
        Ok(())
    }

    /// Says how much memory that the limit covers there is outside of the store: connections, buffers, the process
    /// itself. The store has what is left of the limit, but at least half of it, and never less than the lower end of
    /// [`Store::memory_limit_bounds`]: beyond that, the whole exceeds the limit. It gets smaller as after
    /// [`Store::set_memory_limit`].
    pub fn set_outside_bytes(&mut self, bytes: usize) {
        self.limit.outside_bytes = bytes;
        self.apply_limit();
    }

    fn apply_limit(&mut self) {
        let Limit { asked_bytes, outside_bytes } = self.limit;
        let least_bytes = (asked_bytes / OUTSIDE_SHARE_DIVISOR).max(*self.memory_limit_bounds().start());
        let bytes = asked_bytes.saturating_sub(outside_bytes).max(least_bytes.min(asked_bytes));
        self.config.memory_limit_bytes = bytes;
        self.shrinking = (self.memory_bytes() > bytes).then(|| self.shrinking.unwrap_or(self.shrinking_anew()));
    }

    fn shrinking_anew(&self) -> Shrinking {
        Shrinking { next: self.slab.pages().len(), has_released: false, rest_until: Seconds(0) }
    }

    /// Whether memory is still above a lowered limit.
    pub fn is_shrinking(&self) -> bool {
        self.shrinking.is_some() && self.memory_bytes() > self.config.memory_limit_bytes
    }

    /// Takes a step towards a lowered limit: empties some of a page, or gives one back. True if more is owed and there
    /// are pages to look at.
    pub(super) fn shrink(&mut self, now: Seconds) -> bool {
        let Some(mut shrinking) = self.shrinking.take() else { return false };
        if self.go_on_emptying(now) {
            self.shrinking = Some(shrinking);
            return true;
        }
        let mut gave_back = false;
        for _ in 0..PAGES_LOOKED_AT_MAX {
            if gave_back || now < shrinking.rest_until {
                break;
            }
            if shrinking.next == 0 {
                let rest_until = if shrinking.has_released { now } else { Seconds(now.0 + REST_SECONDS) };
                shrinking = Shrinking { rest_until, ..self.shrinking_anew() };
                continue;
            }
            shrinking.next -= 1;
            gave_back = self.give_back(PageId(shrinking.next as u32), now);
            shrinking.has_released |= gave_back;
        }
        if self.memory_bytes() <= self.config.memory_limit_bytes {
            return false;
        }
        self.shrinking = Some(shrinking);
        now >= shrinking.rest_until
    }

    /// Begins to empty a page, if that may be, or gives its memory back to the kernel. False if neither could be.
    fn give_back(&mut self, page: PageId, now: Seconds) -> bool {
        let usage = self.slab.page(page).usage;
        if self.config.evictions {
            match usage {
                PageUse::Class(class) => {
                    return self.begin_to_empty(page, class, Purpose::Kernel);
                }
                PageUse::Large(record) if !is_pinned(&self.slab, record) => {
                    self.evict(record, now);
                }
                _ => {}
            }
        }
        self.slab.release(page)
    }
}
