//! Finding memory: free chunks, then free pages, then more extents, then what has expired, then eviction. The limit
//! covers extents, index and metadata; where the index had to grow past it, items make room page by page.

use super::{Store, removals::Reason, write::Old};
use crate::{
    clock::Seconds,
    storage::{
        StoreError,
        eviction::{LARGE_SHARE_DIVISOR, PoolId, Terms},
        item::{self, Header},
        location::{Location, PAGE_BYTES, PageId},
        slab::ClassId,
    },
};

/// Rounds of freeing something and trying again before an allocation fails.
const ATTEMPTS_MAX: usize = 64;

impl Store {
    /// Everything that counts against the limit.
    #[inline(always)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.slab.committed_bytes()
            + self.slab.metadata_bytes()
            + self.table.memory_bytes()
            + self.policy_bytes()
            + self.compression_memory_bytes()
    }

    pub(super) fn may_commit_extent(&self) -> bool {
        self.memory_bytes() + self.slab.extent_bytes() <= self.config.memory_limit_bytes
    }

    /// Whether an insertion into the hash table may take memory from the kernel: not beyond the limit, save that
    /// where items can be evicted it may exceed it by one extent, which they then pay back.
    #[inline(always)]
    pub(super) fn may_grow_index(&self) -> bool {
        let slack = if self.config.evictions { 0 } else { self.table.extent_bytes() };
        self.memory_bytes() + slack <= self.config.memory_limit_bytes
    }

    /// If the index has grown past the limit, takes a step towards giving a page back to the kernel. True if more is
    /// owed.
    pub(super) fn pay_back_index_memory(&mut self, now: Seconds) -> bool {
        if self.shrinking.is_some() || self.memory_bytes() <= self.config.memory_limit_bytes {
            return self.shrink(now);
        }
        let paid = self.table.release_extent()
            || self.slab.release_page()
            || (self.reclaim_page(None, now) && self.slab.release_page())
            || (self.config.evictions && self.step_to_pay_back(now));
        paid && self.memory_bytes() > self.config.memory_limit_bytes
    }

    pub(super) fn terms(&self, now: Seconds) -> Terms {
        Terms { now, expired_only: !self.config.evictions, protected: self.protected }
    }

    /// A chunk for an item that takes the place of `old`.
    #[inline(always)]
    pub(super) fn allocate_successor(
        &mut self,
        hash: u64,
        old: Old,
        class: ClassId,
        now: Seconds,
    ) -> Result<Location, StoreError> {
        match old {
            Old::Absent => {}
            Old::DropFirst(location) => self.unlink(hash, location),
            Old::KeepOnFailure(location) => {
                self.protect(location);
                let allocated = self.allocate(class, now);
                self.unprotect(location);
                return allocated;
            }
        }
        self.allocate(class, now)
    }

    /// A chunk of a class, by eviction if need be.
    #[inline(always)]
    pub(super) fn allocate(&mut self, class: ClassId, now: Seconds) -> Result<Location, StoreError> {
        match self.slab.allocate(class) {
            Some(location) => Ok(location),
            None => self.allocate_slowly(class, now),
        }
    }

    fn allocate_slowly(&mut self, class: ClassId, now: Seconds) -> Result<Location, StoreError> {
        self.pay_back_index_memory(now);
        self.step_of_moves(PoolId::Class(class), now);
        let terms = self.terms(now);
        for _ in 0..ATTEMPTS_MAX {
            if let Some(location) = self.slab.allocate(class) {
                return Ok(location);
            }
            let mut freed = self.make_free_page() && self.slab.assign_page(class);
            if !freed {
                self.counters.events(class).direct_reclaims += 1;
                let may_take = self.config.evictions && (self.mover.is_on || self.slab.pool(class).pages.is_empty());
                freed = self.reclaim_for(class, now)
                    || self.evict_in_class(class, terms)
                    || (may_take && self.take_a_page(&[PoolId::Class(class)], terms));
            }
            if !freed {
                break;
            }
        }
        self.counters.events(class).out_of_memory += 1;
        Err(StoreError::OutOfMemory)
    }

    /// A page for a LARGE value that is being received.
    pub(super) fn allocate_page(&mut self, now: Seconds) -> Result<PageId, StoreError> {
        self.pay_back_index_memory(now);
        self.step_of_moves(PoolId::Large, now);
        let terms = self.terms(now);
        for _ in 0..ATTEMPTS_MAX {
            if self.make_free_page()
                && let Some(page) = self.slab.take_page()
            {
                return Ok(page);
            }
            let may_take = self.config.evictions && (self.mover.is_on || self.slab.large_pages() == 0);
            let has_share = self.slab.large_pages() * LARGE_SHARE_DIVISOR >= self.slab.pages().len();
            let takes = may_take && (!has_share || self.large_credit > 0);
            let freed = if self.reclaim_page(None, now) {
                true
            } else if takes && self.take_a_page(&[PoolId::Large], terms) {
                self.large_credit -= usize::from(has_share);
                true
            } else {
                self.evict_large(terms) || (may_take && self.take_a_page(&[PoolId::Large], terms))
            };
            if !freed {
                break;
            }
        }
        Err(StoreError::OutOfMemory)
    }

    /// Whether a page can be had without evicting.
    pub(super) fn has_room_for_a_page(&self) -> bool {
        let may_restore =
            self.slab.released_pages() > 0 && self.memory_bytes() + PAGE_BYTES <= self.config.memory_limit_bytes;
        self.slab.free_pages() > 0 || self.slab.coming_bytes() > 0 || may_restore || self.may_commit_extent()
    }

    /// Sees to it that there is a free page, without evicting.
    fn make_free_page(&mut self) -> bool {
        if self.slab.free_pages() > 0 || self.slab.take_coming() {
            return true;
        }
        if self.slab.released_pages() > 0 {
            return self.memory_bytes() + PAGE_BYTES <= self.config.memory_limit_bytes
                && self.slab.restore_page().is_some();
        }
        self.may_commit_extent() && self.slab.commit_extent()
    }

    pub(super) fn evict_in_class(&mut self, class: ClassId, terms: Terms) -> bool {
        let Some(item) = self.eviction.victim(class, &mut self.slab, terms) else {
            return false;
        };
        // Where the index has a victim is random memory: have it loaded by the time the hand gets there.
        if let Some(upcoming) = self.eviction.upcoming(class, &self.slab) {
            let chunk = self.slab.chunk(upcoming);
            self.table.prefetch_home((self.rehash)(&self.hasher, item::key(Header::read(chunk), chunk)));
        }
        self.evict(item, terms.now)
    }

    pub(super) fn evict_large(&mut self, terms: Terms) -> bool {
        let Some(item) = self.eviction.large_victim(&mut self.slab, terms) else {
            return false;
        };
        self.evict(item, terms.now)
    }

    /// Removes an item to make room. False if it is not in the hash table.
    pub(super) fn evict(&mut self, location: Location, now: Seconds) -> bool {
        let is_expired = self.slab.header(location).deadline().is_past(now);
        self.remove(location, if is_expired { Reason::Reclaimed } else { Reason::Evicted }, now)
    }

    /// Removes an item that nobody asked to remove. False if it is not in the hash table.
    pub(super) fn remove(&mut self, location: Location, reason: Reason, now: Seconds) -> bool {
        let chunk = self.slab.chunk(location);
        let header = Header::read(chunk);
        if !header.is_live_item() {
            return false;
        }
        self.remove_hashed((self.rehash)(&self.hasher, item::key(header, chunk)), location, reason, now)
    }

    /// The same for an item whose hash is known.
    pub(super) fn remove_hashed(&mut self, hash: u64, location: Location, reason: Reason, now: Seconds) -> bool {
        let chunk = self.slab.chunk(location);
        let header = Header::read(chunk);
        if !header.is_live_item() {
            return false;
        }
        let (class, accessed) = (self.slab.class_at(location), item::access(header, chunk));
        let is_driven_out = self.slab.page(location.page()).is_leaving();
        if self.removals.is_on {
            self.note_removal(location, reason);
        }
        if !self.try_unlink(hash, location) {
            debug_assert!(false, "an item's key does not hash to where it is");
            return false;
        }
        if reason == Reason::Evicted {
            let pool = if header.is_large() { self.eviction.large_pool() } else { class };
            if is_driven_out || header.is_large() {
                self.eviction.note_driven_out(pool, hash, self.table.len());
            } else {
                self.eviction.note_evicted(pool, header, hash, self.table.len());
            }
        }
        self.counters.removed(class, header, reason, now.0.saturating_sub(accessed.0));
        true
    }

    /// Takes an item out of the hash table and frees its memory, at once or when it is unpinned.
    #[inline(always)]
    pub(super) fn unlink(&mut self, hash: u64, location: Location) {
        let unlinked = self.try_unlink(hash, location);
        debug_assert!(unlinked, "an item is not where it was found");
    }

    #[inline(always)]
    fn try_unlink(&mut self, hash: u64, location: Location) -> bool {
        let unlinked = self.table.remove(hash, location);
        if unlinked {
            self.drop_item(location);
        }
        unlinked
    }

    /// Frees an item that is no longer in the hash table, at once or when it is unpinned.
    #[inline(always)]
    pub(super) fn drop_item(&mut self, location: Location) {
        let header = self.slab.header(location);
        self.deadline_removed(location, header);
        let (class, bytes) = (self.slab.class_at(location), self.item_bytes(location, header));
        if header.is_compressed() {
            self.compressed_removed(location, header);
        }
        if header.is_large() {
            self.counters.large_item_removed(class, bytes);
            self.drop_large(location, header);
        } else {
            self.counters.item_removed(class, bytes);
            self.slab.free(location);
        }
    }
}
