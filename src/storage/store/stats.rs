//! What the store counts, and how it reports it.

use super::Store;
use crate::storage::slab::ClassId;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClassCounters {
    pub(super) items: u64,
    pub(super) bytes: u64,
    pub(super) evictions: u64,
    pub(super) evicted_unfetched: u64,
    pub(super) reclaimed: u64,
    pub(super) out_of_memory: u64,
}

#[derive(Debug)]
pub(super) struct Counters {
    pub(super) items: u64,
    pub(super) bytes: u64,
    pub(super) total_items: u64,
    pub(super) evictions: u64,
    pub(super) evicted_unfetched: u64,
    pub(super) reclaimed: u64,
    pub(super) expired: u64,
    pub(super) expired_unfetched: u64,
    pub(super) pages_moved: u64,
    pub(super) classes: Vec<ClassCounters>,
}

impl Counters {
    pub(super) fn new(classes: usize) -> Self {
        Counters {
            items: 0,
            bytes: 0,
            total_items: 0,
            evictions: 0,
            evicted_unfetched: 0,
            reclaimed: 0,
            expired: 0,
            expired_unfetched: 0,
            pages_moved: 0,
            classes: vec![ClassCounters::default(); classes],
        }
    }

    /// Sets to zero what counts events; items and their bytes stay.
    fn reset(&mut self) {
        let classes = self.classes.iter().map(|class| ClassCounters {
            items: class.items,
            bytes: class.bytes,
            ..ClassCounters::default()
        });
        *self = Counters { items: self.items, bytes: self.bytes, classes: classes.collect(), ..Counters::new(0) };
    }

    #[inline(always)]
    pub(super) fn item_added(&mut self, class: ClassId, bytes: u64) {
        self.items += 1;
        self.bytes += bytes;
        let class = &mut self.classes[class.index()];
        class.items += 1;
        class.bytes += bytes;
    }

    #[inline(always)]
    pub(super) fn item_resized(&mut self, class: ClassId, old_bytes: u64, new_bytes: u64) {
        self.bytes = self.bytes - old_bytes + new_bytes;
        let class = &mut self.classes[class.index()];
        class.bytes = class.bytes - old_bytes + new_bytes;
    }

    #[inline(always)]
    pub(super) fn item_removed(&mut self, class: ClassId, bytes: u64) {
        self.items -= 1;
        self.bytes -= bytes;
        let class = &mut self.classes[class.index()];
        class.items -= 1;
        class.bytes -= bytes;
    }

    pub(super) fn all_items_removed(&mut self) {
        (self.items, self.bytes) = (0, 0);
        for class in &mut self.classes {
            (class.items, class.bytes) = (0, 0);
        }
    }
}

/// A store's figures. Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Items present, expired ones that nobody noticed included.
    pub items: u64,
    /// Header, key and value of these items.
    pub bytes: u64,
    /// Items ever stored; overwriting counts.
    pub total_items: u64,
    /// Memory taken: committed extents, index, metadata.
    pub memory_bytes: u64,
    /// The part of it that is the index.
    pub index_bytes: u64,
    /// The limit that `memory_bytes` respects.
    pub limit_bytes: u64,
    /// 64 KiB pages committed.
    pub pages: u64,
    /// Pages among them that nothing uses.
    pub free_pages: u64,
    /// Pages that hold LARGE values.
    pub large_pages: u64,
    /// Bytes announced by uploads under way.
    pub uploads_bytes: u64,
    /// Unexpired items removed to make room.
    pub evictions: u64,
    /// Those among them that were never read.
    pub evicted_unfetched: u64,
    /// Expired items removed when room was needed.
    pub reclaimed: u64,
    /// Expired items removed when they were asked for.
    pub expired: u64,
    /// Items that expired, and were removed either way, without having been read.
    pub expired_unfetched: u64,
    /// Pages taken from one pool for another.
    pub pages_moved: u64,
}

/// A slab class's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassStats {
    /// The class's number, from 1.
    pub class: u32,
    /// Bytes of a chunk.
    pub chunk_bytes: u64,
    /// Chunks of a page.
    pub chunks_per_page: u64,
    /// Pages of the class.
    pub total_pages: u64,
    /// Chunks in use, those of LARGE values included.
    pub used_chunks: u64,
    /// Chunks not in use.
    pub free_chunks: u64,
    /// Items; a LARGE one counts where its record is.
    pub items: u64,
    /// Header, key and value of these items.
    pub bytes: u64,
    /// Unexpired items removed to make room.
    pub evictions: u64,
    /// Those among them that were never read.
    pub evicted_unfetched: u64,
    /// Expired items removed when room was needed.
    pub reclaimed: u64,
    /// Allocations that failed.
    pub out_of_memory: u64,
}

impl Store {
    /// Sets to zero what counts events; what is there now stays.
    pub fn reset_stats(&mut self) {
        self.counters.reset();
    }

    /// The figures as of now.
    pub fn stats(&self) -> StoreStats {
        let counters = &self.counters;
        StoreStats {
            items: counters.items,
            bytes: counters.bytes,
            total_items: counters.total_items,
            memory_bytes: self.memory_bytes() as u64,
            index_bytes: self.table.memory_bytes() as u64,
            limit_bytes: self.config.memory_limit_bytes as u64,
            pages: (self.slab.pages().len() - self.slab.released_pages()) as u64,
            free_pages: self.slab.free_pages() as u64,
            large_pages: self.slab.large_pages() as u64,
            uploads_bytes: self.uploads_bytes,
            evictions: counters.evictions,
            evicted_unfetched: counters.evicted_unfetched,
            reclaimed: counters.reclaimed,
            expired: counters.expired,
            expired_unfetched: counters.expired_unfetched,
            pages_moved: counters.pages_moved,
        }
    }

    /// The figures of every class that has pages or ever lost an item, by rising chunk size.
    pub fn class_stats(&self) -> impl Iterator<Item = ClassStats> + '_ {
        let all = self.slab.class_ids().map(|class| {
            let (pool, counters) = (self.slab.pool(class), &self.counters.classes[class.index()]);
            let (total_pages, chunks_per_page) = (pool.pages.len() as u64, u64::from(pool.chunks_per_page));
            ClassStats {
                class: class.index() as u32 + 1,
                chunk_bytes: self.slab.classes.chunk_bytes(class) as u64,
                chunks_per_page,
                total_pages,
                used_chunks: pool.used_chunks as u64,
                free_chunks: total_pages * chunks_per_page - pool.used_chunks as u64,
                items: counters.items,
                bytes: counters.bytes,
                evictions: counters.evictions,
                evicted_unfetched: counters.evicted_unfetched,
                reclaimed: counters.reclaimed,
                out_of_memory: counters.out_of_memory,
            }
        });
        all.filter(|class| class.total_pages + class.evictions + class.reclaimed + class.out_of_memory > 0)
    }
}
