//! How the store reports what it counts.

use super::Store;
use crate::{
    clock::Seconds,
    storage::{item, slab::ClassId},
};

/// A store's figures. Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Items present, expired ones that nobody noticed included.
    pub items: u64,
    /// Header, key and value of these items.
    pub bytes: u64,
    /// LARGE items among them.
    pub large_items: u64,
    /// Items ever stored; overwriting counts.
    pub total_items: u64,
    /// Memory taken: committed extents, index, metadata.
    pub memory_bytes: u64,
    /// The part of it that is the index.
    pub index_bytes: u64,
    /// The limit that `memory_bytes` and what is outside respect together, or are on their way to after
    /// [`Store::set_memory_limit`].
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
    /// Expired items removed by crawls.
    pub crawler_reclaimed: u64,
    /// Expired items removed when they were asked for.
    pub expired: u64,
    /// Items that expired, and were removed in one of these ways, without having been read.
    pub expired_unfetched: u64,
    /// Memory in bytes that is held by items that have expired and are still there; exact to the second while crawls
    /// keep their pace, see `store/expired.rs`.
    pub expired_bytes: u64,
    /// Times that a write had to remove an item to find room.
    pub direct_reclaims: u64,
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
    /// Bytes of the used chunks that were asked for; chunks of LARGE values count whole.
    pub requested_bytes: u64,
    /// Items; a LARGE one counts where its record is.
    pub items: u64,
    /// Header, key and value of these items; of LARGE ones the value lies mostly in other pages.
    pub bytes: u64,
    /// Bytes of the used chunks that are held by items that have expired and are still there. Whole pages of LARGE
    /// values are in [`StoreStats::expired_bytes`] alone.
    pub expired_bytes: u64,
    /// Unexpired items removed to make room.
    pub evictions: u64,
    /// Those among them that would have expired at some time.
    pub evicted_nonzero: u64,
    /// Those among them that were never read.
    pub evicted_unfetched: u64,
    /// Seconds since the last access of the item that was evicted last; 0 if none was.
    pub evicted_idle_seconds: u32,
    /// The last access of the item that is likely to be evicted next, if one is in sight.
    pub candidate_accessed: Option<Seconds>,
    /// Items that expired and were removed, in whatever way, without having been read.
    pub expired_unfetched: u64,
    /// Expired items removed when room was needed.
    pub reclaimed: u64,
    /// Expired items removed by crawls.
    pub crawler_reclaimed: u64,
    /// Items that crawls looked at.
    pub crawler_items_checked: u64,
    /// Times that a write to this class had to remove an item to find room.
    pub direct_reclaims: u64,
    /// Allocations that failed.
    pub out_of_memory: u64,
    /// Stores that evict from this class by S3-FIFO; the others do by CLOCK.
    pub s3_fifo_stores: u64,
}

impl ClassStats {
    /// Adds another store's figures of the same class; of last accesses the earlier, of idle times the longer.
    pub fn merge(&mut self, other: &ClassStats) {
        debug_assert_eq!(self.class, other.class);
        self.evicted_idle_seconds = self.evicted_idle_seconds.max(other.evicted_idle_seconds);
        self.candidate_accessed = match (self.candidate_accessed, other.candidate_accessed) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (left, right) => left.or(right),
        };
        macro_rules! add {
            ($($field:ident)+) => { $( self.$field += other.$field; )+ };
        }
        add!(total_pages used_chunks free_chunks requested_bytes items bytes expired_bytes evictions evicted_nonzero
            evicted_unfetched expired_unfetched reclaimed crawler_reclaimed crawler_items_checked direct_reclaims
            out_of_memory s3_fifo_stores);
    }

    /// Whether the class holds anything, or did since the start or the last reset of the figures.
    fn has_anything(&self) -> bool {
        let events = [
            self.evictions,
            self.expired_unfetched,
            self.reclaimed,
            self.crawler_reclaimed,
            self.crawler_items_checked,
            self.direct_reclaims,
            self.out_of_memory,
        ];
        self.total_pages > 0 || events.iter().any(|&count| count > 0)
    }
}

impl Store {
    /// Sets to zero what counts events; what is there now stays.
    pub fn reset_stats(&mut self) {
        self.counters.reset();
        self.crawl.reset_counts();
        if let Some(compressor) = &mut self.compression {
            compressor.reset_stats();
        }
    }

    /// The figures as of now.
    pub fn stats(&self) -> StoreStats {
        let counters = &self.counters;
        StoreStats {
            items: counters.items,
            bytes: counters.bytes,
            large_items: counters.sum(|class| class.large_items),
            total_items: counters.total_items,
            memory_bytes: self.memory_bytes() as u64,
            index_bytes: self.table.memory_bytes() as u64,
            limit_bytes: self.limit.asked_bytes as u64,
            pages: (self.slab.pages().len() - self.slab.released_pages()) as u64,
            free_pages: self.slab.free_pages() as u64,
            large_pages: self.slab.large_pages() as u64,
            uploads_bytes: self.uploads_bytes,
            evictions: counters.sum(|class| class.events.evictions),
            evicted_unfetched: counters.sum(|class| class.events.evicted_unfetched),
            reclaimed: counters.sum(|class| class.events.reclaimed),
            crawler_reclaimed: counters.sum(|class| class.events.crawler_reclaimed),
            expired: counters.expired,
            expired_unfetched: counters.sum(|class| class.events.expired_unfetched),
            expired_bytes: self.expired.total(),
            direct_reclaims: counters.sum(|class| class.events.direct_reclaims),
            pages_moved: counters.pages_moved,
        }
    }

    /// The figures of every class that holds something or did, by rising chunk size.
    pub fn class_stats(&self) -> impl Iterator<Item = ClassStats> + '_ {
        let all = self.slab.class_ids().map(|class| {
            let (pool, counters) = (self.slab.pool(class), &self.counters.classes[class.index()]);
            let (total_pages, chunks_per_page) = (pool.total_pages() as u64, u64::from(pool.chunks_per_page));
            let (used_chunks, chunk_bytes) = (pool.used_chunks as u64, self.slab.classes.chunk_bytes(class) as u64);
            let large_chunks = used_chunks - (counters.items - counters.large_items);
            let events = &counters.events;
            ClassStats {
                class: class.number(),
                chunk_bytes,
                chunks_per_page,
                total_pages,
                used_chunks,
                free_chunks: total_pages * chunks_per_page - used_chunks,
                requested_bytes: counters.bytes - counters.large_bytes + large_chunks * chunk_bytes,
                items: counters.items,
                bytes: counters.bytes,
                expired_bytes: self.expired.held(class.index()),
                evictions: events.evictions,
                evicted_nonzero: events.evicted_nonzero,
                evicted_unfetched: events.evicted_unfetched,
                evicted_idle_seconds: events.evicted_idle_seconds,
                candidate_accessed: self.candidate_accessed(class),
                expired_unfetched: events.expired_unfetched,
                reclaimed: events.reclaimed,
                crawler_reclaimed: events.crawler_reclaimed,
                crawler_items_checked: events.crawler_items_checked,
                direct_reclaims: events.direct_reclaims,
                out_of_memory: events.out_of_memory,
                s3_fifo_stores: u64::from(self.eviction.uses_small(class)),
            }
        });
        all.filter(ClassStats::has_anything)
    }

    fn candidate_accessed(&self, class: ClassId) -> Option<Seconds> {
        let candidate = self.eviction.candidate(class, &self.slab)?;
        Some(item::access(self.slab.header(candidate), self.slab.chunk(candidate)))
    }

    /// Number of slab classes; their numbers are 1 to this.
    pub fn classes(&self) -> u32 {
        self.slab.classes.len() as u32
    }
}
