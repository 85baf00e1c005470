//! The verbs of one shard's cache, with memcached's meanings.
//!
//! This file has the type and reading; `plain` reading what is plainest, `found` reading in two steps, `write` storing, `combine` append and prepend,
//! `arithmetic` incr and decr, `widen` deadlines and CAS numbers that an item had no room for, `compressed` values
//! that take less room, `delete`, `memory` allocation and eviction, `upkeep` what is done
//! between requests, `population` what others do for it, `moves` pages between classes and `emptying` them,
//! `uploads` and `pins` LARGE values, `commands` what is counted by class, `flush`, `check`.
//! Expiry: `expired` counts what holds memory, `sweep` looks through a page, `crawl` through all of them, `reclaim` where
//! memory is needed. For operators: `walk` lists, `limit` moves the memory limit and `reassign` pages, `ledger` says
//! where memory goes, `removals` tells who left, `counters`, `stats` and `sizes` count. `sampled` looks at some keys more
//! closely, `curve` for the miss-ratio curve.

mod args;
mod arithmetic;
#[cfg(any(test, debug_assertions))]
mod check;
mod combine;
mod commands;
mod compressed;
mod counters;
mod crawl;
mod curve;
mod delete;
mod emptying;
mod expired;
mod flush;
mod found;
mod ledger;
mod limit;
mod memory;
mod moves;
mod pins;
mod plain;
mod population;
mod reassign;
mod reclaim;
mod removals;
mod sampled;
mod sizes;
mod stats;
mod sweep;
mod upkeep;
mod uploads;
mod view;
mod walk;
mod widen;
mod write;

pub use self::{
    args::{
        Arithmetic, ArithmeticArgs, DeleteArgs, DeleteOutcome, NewCas, SetArgs, SetMode, SetOutcome, Source,
        StoreConfig,
    },
    commands::ClassCommands,
    crawl::{CRAWL_PACE_ITEMS_MAX, ClassSet, CrawlStart, CrawlStats},
    found::{Found, ItemDetails, Look},
    ledger::StoreMemory,
    limit::LimitError,
    pins::{Lent, PINS_MAX},
    plain::{Hints, PlainRead, PlainWrite},
    population::{POPULATIONS_MAX, Population},
    reassign::Reassigned,
    removals::{REMOVALS_BYTES_MAX, Reason, Removal},
    sizes::SizeHistogram,
    stats::{ClassStats, StoreStats},
    view::{ItemValue, ItemView, LargeRef},
    walk::{Walk, WalkedItem},
    write::ITEM_OVERHEAD_BYTES,
};

use self::{
    counters::Counters,
    crawl::Crawl,
    emptying::Emptying,
    expired::Expired,
    limit::{Limit, Shrinking},
    pins::Pins,
    population::Pace,
    reclaim::Reclaim,
    removals::Removals,
    sampled::Access,
};
use super::{
    compression::Compressor,
    error::{StorageError, StoreError},
    eviction::{Eviction, Mover},
    hash_table::{Candidate, HashTable},
    item::{self, Header},
    large::Uploads,
    location::{ADDRESSABLE_BYTES, Location, PAGE_BYTES},
    mrc::Curve,
    reservation::HUGE_PAGE_BYTES,
    slab::Slab,
};
use crate::clock::{Deadline, Seconds};
use crate::short;
use ahash::RandomState;

/// How many keys are prefetched together: enough to overlap their cache misses, few enough to still be in the
/// first-level cache when they are used.
pub const PREFETCH_GROUP: usize = 32;

/// The smallest memory limit.
const LIMIT_BYTES_MIN: usize = 2 << 20;

/// From this memory limit on, memory is taken in huge pages.
const HUGE_EXTENTS_LIMIT_BYTES_MIN: usize = 64 << 20;

/// Small ones are of a page, since a part of one that no longer fits within the limit is lost.
const SMALL_EXTENT_BYTES: usize = PAGE_BYTES;

/// The largest item may take this share of the memory limit.
const ITEM_SHARE_DIVISOR: usize = 2;

/// One shard's items. See the module's documentation.
pub struct Store {
    table: HashTable,
    slab: Slab,
    eviction: Eviction,
    hasher: RandomState,
    /// The hash of a key found in an item; always `hasher`'s, except in tests of colliding hashes.
    rehash: fn(&RandomState, &[u8]) -> u64,
    config: StoreConfig,
    next_cas: u64,
    /// The item whose successor is being allocated; eviction passes it over.
    protected: Location,
    counters: Counters,
    /// By class.
    commands: Vec<ClassCommands>,
    crawl: Crawl,
    expired: Expired,
    reclaim: Reclaim,
    removals: Removals,
    mover: Mover,
    /// Pages that LARGE values may take beyond their share.
    large_credit: usize,
    /// Reads that found a LARGE item, and writes of one.
    large_uses: (u64, u64),
    /// The page that is being emptied.
    emptying: Option<Emptying>,
    /// Keys whose mixed hash is below this are in some sampler's sample; see `sampled`.
    sample_ceiling: u64,
    /// Reads, and those that missed, for the curve: aged as it is.
    reads: u64,
    read_misses: u64,
    curve: Curve,
    shrinking: Option<Shrinking>,
    /// Where somebody else populates memory: how fast it is used.
    pace: Option<Pace>,
    /// Free pages that are to be ready beyond the usual ones.
    lead_pages: usize,
    /// What `config.memory_limit_bytes` follows from.
    limit: Limit,
    /// The highest memory limit that addresses were reserved for.
    limit_bytes_max: usize,
    uploads: Uploads,
    uploads_bytes: u64,
    pins: Pins,
    /// `None` where values are stored as they come.
    compression: Option<Box<Compressor>>,
    /// Which block of which LARGE item was decompressed last, while it is pinned.
    block_at_hand: Option<(Location, usize)>,
    /// Values on their way from one form to another. At most `combine::SCRATCH_BYTES_MAX`.
    scratch: Vec<u8>,
    /// Where the items are that a walk reads next, or a sweep removes. At most `crawl::FREED_PER_STEP_MAX`.
    gathered: Vec<Location>,
}

impl Store {
    /// An empty store. `hasher` must be the one that makes the hashes passed to the verbs: `hash_one(key)` of
    /// the key as `&[u8]`; see [`Store::hash`].
    ///
    /// # Errors
    /// Limits that cannot be met, or the kernel refusing address space.
    pub fn new(config: StoreConfig, hasher: RandomState) -> Result<Self, StorageError> {
        Self::with_rehash(config, hasher, |hasher, key| hasher.hash_one(key))
    }

    fn with_rehash(
        config: StoreConfig,
        hasher: RandomState,
        rehash: fn(&RandomState, &[u8]) -> u64,
    ) -> Result<Self, StorageError> {
        let limit_bytes = config.memory_limit_bytes;
        if limit_bytes < LIMIT_BYTES_MIN {
            return Err(StorageError::LimitTooSmall { limit_bytes, min_bytes: LIMIT_BYTES_MIN });
        }
        if limit_bytes > ADDRESSABLE_BYTES {
            return Err(StorageError::LimitTooLarge { limit_bytes, max_bytes: ADDRESSABLE_BYTES });
        }
        let (min_bytes, size_bytes) = (1024, config.item_size_max_bytes);
        let max_bytes = (limit_bytes / ITEM_SHARE_DIVISOR).min(super::VALUE_LEN_MAX as usize);
        if !(min_bytes..=max_bytes).contains(&size_bytes) {
            return Err(StorageError::ItemSize { size_bytes, min_bytes, max_bytes });
        }
        let big = limit_bytes >= HUGE_EXTENTS_LIMIT_BYTES_MIN;
        let extent_bytes = if big { HUGE_PAGE_BYTES } else { SMALL_EXTENT_BYTES };
        // The last unit of the address range must stay unused: it is `Location::NONE`.
        let capacity_bytes = limit_bytes.next_multiple_of(extent_bytes).min(ADDRESSABLE_BYTES - PAGE_BYTES);
        let refused = |source| StorageError::Reserve { bytes: capacity_bytes, source };
        let huge_pages = big && config.huge_pages;
        // Room to raise the limit later, if the kernel grants it: it costs nothing but addresses.
        let roomy_bytes = capacity_bytes.max(limit::reserve_bytes(limit_bytes)) / extent_bytes * extent_bytes;
        let slab = Slab::new(limit_bytes, roomy_bytes, extent_bytes, huge_pages)
            .or_else(|_| Slab::new(limit_bytes, capacity_bytes / extent_bytes * extent_bytes, extent_bytes, huge_pages))
            .map_err(refused)?;
        let limit_bytes_max = limit_bytes.max(slab.capacity_bytes());
        let classes = slab.classes.len();
        let compression = Compressor::new(config.compression, config.compress_min_bytes, limit_bytes).map(Box::new);
        let curve = Curve::new(config.eviction, limit_bytes, sampled::ceiling_of_one_in(Curve::SAMPLES_ONE_IN));
        let mut store = Store {
            table: HashTable::new(limit_bytes, config.huge_pages).map_err(refused)?,
            eviction: Eviction::new(classes, &config, limit_bytes_max).map_err(refused)?,
            slab,
            uploads: Uploads::new(&hasher),
            hasher,
            rehash,
            next_cas: config.first_cas.max(1),
            protected: Location::NONE,
            counters: Counters::new(classes),
            commands: vec![ClassCommands::default(); classes],
            crawl: Crawl::new(),
            expired: Expired::new(classes),
            reclaim: Reclaim::new(classes),
            removals: Removals::default(),
            mover: Mover::new(classes),
            large_credit: 0,
            large_uses: (0, 0),
            emptying: None,
            sample_ceiling: curve.ceiling(),
            reads: 0,
            read_misses: 0,
            curve,
            shrinking: None,
            pace: None,
            lead_pages: 0,
            limit: Limit { asked_bytes: limit_bytes, outside_bytes: 0 },
            limit_bytes_max,
            uploads_bytes: 0,
            pins: Pins::default(),
            config,
            compression,
            block_at_hand: None,
            scratch: Vec::new(),
            gathered: Vec::new(),
        };
        store.renew_sample_ceiling();
        Ok(store)
    }

    /// The hash that the verbs expect for a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        (self.rehash)(&self.hasher, key)
    }

    /// Starts loading a key's bucket. A hint, to be given as soon as the hash is known.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_home(hash);
    }

    /// Reads an item, marks it as read and counts that.
    #[inline]
    pub fn get(&mut self, hash: u64, key: &[u8], now: Seconds) -> Option<ItemView<'_>> {
        let found = self.find_to_read(hash, key, now)?;
        self.count_get_hit(found);
        self.read(found)
    }

    /// Reads an item and leaves its eviction state and fetched mark alone.
    #[inline]
    pub fn peek(&mut self, hash: u64, key: &[u8], now: Seconds) -> Option<ItemView<'_>> {
        let found = self.find_to_peek(hash, key, now)?;
        self.read(found)
    }

    /// Sets an item's deadline, marks it as read and reads it. Its CAS number stays.
    ///
    /// # Errors
    /// As [`Store::find_to_touch`].
    pub fn touch(
        &mut self,
        hash: u64,
        key: &[u8],
        deadline: Deadline,
        now: Seconds,
    ) -> Result<Option<ItemView<'_>>, StoreError> {
        let Some(found) = self.find_to_touch(hash, key, deadline, now)? else { return Ok(None) };
        self.bump(found, now);
        // The view has the new deadline and the old fetched mark.
        Ok(self.read(found))
    }

    #[inline(always)]
    fn find(&self, hash: u64, key: &[u8]) -> Option<Location> {
        let slab = &self.slab;
        self.table.find(hash, |location| {
            let chunk = slab.chunk(location);
            let header = Header::read(chunk);
            header.key_len() == key.len() && short::equal(item::key(header, chunk), key)
        })
    }

    /// Finds an item that is not expired, and removes an expired one.
    #[inline(always)]
    fn find_live(&mut self, hash: u64, key: &[u8], now: Seconds) -> Option<(Location, Header)> {
        let location = self.find(hash, key)?;
        let header = self.slab.header(location);
        if header.deadline().is_past(now) {
            self.expire(hash, location, header, now);
            return None;
        }
        Some((location, header))
    }

    #[cold]
    fn expire(&mut self, hash: u64, location: Location, header: Header, now: Seconds) {
        self.counters.expired_on_access(self.slab.class_at(location), header);
        self.sample(hash, Access::Removal(location), now);
        self.unlink(hash, location);
    }

    /// The CAS number of what is written: the one that is given, or the next, which that does not move.
    #[inline(always)]
    fn cas_for(&mut self, new_cas: NewCas) -> u64 {
        if let NewCas::Given(cas) = new_cas {
            return cas;
        }
        let cas = self.next_cas;
        self.next_cas = cas.wrapping_add(self.config.cas_step);
        cas
    }
}

#[cfg(test)]
mod cas_tests;
#[cfg(test)]
mod compressed_tests;
#[cfg(test)]
mod emptying_tests;
#[cfg(test)]
mod eviction_tests;
#[cfg(test)]
mod expiry_tests;
#[cfg(test)]
mod manage_tests;
#[cfg(test)]
mod plain_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk_tests;
