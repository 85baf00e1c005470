//! One shard's items. Runtime-free and single-owner: every verb takes `&mut self`, the time and the key's hash.
//!
//! Storage must not know the protocols, commands, sockets, the runtime or the clock's source; of this crate it
//! uses [`Seconds`](crate::clock::Seconds) and [`Deadline`](crate::clock::Deadline) only.
//!
//! - `hash_table/` leads from a hash to a location; it never reads an item.
//! - `slab/` keeps memory: extents, 64 KiB pages, chunks of a class.
//! - `item` is the layout of bytes in a chunk, `large/` that of values which need several.
//! - `compression/` makes values smaller, bytes in and bytes out.
//! - `eviction/` names who leaves.
//! - `mrc/` simulates other sizes of the cache on a sample of the keys.
//! - `store/` is the verbs, in memcached's meaning, and the only place that holds all of these together.

mod compression;
mod error;
mod eviction;
mod hash_table;
mod item;
mod large;
mod location;
mod mrc;
mod reservation;
mod slab;
mod store;

pub use self::{
    compression::{
        COMPRESSED_LEN_MAX, Compression, CompressionStats, DICTIONARY_BYTES_MAX, SAMPLES_BYTES_MAX, TrainingSamples,
        train,
    },
    error::{StorageError, StoreError},
    eviction::EvictionPolicy,
    hash_table::UNUSED_HASH_BITS,
    item::{INLINE_VALUE_MAX, KEY_LEN_MAX},
    large::VALUE_LEN_MAX,
    mrc::{CURVE_HALF_LIFE_SECONDS, CURVE_PERCENTS, MissRatioCurve},
    store::{
        Arithmetic, ArithmeticArgs, CRAWL_PACE_ITEMS_MAX, ClassCommands, ClassSet, ClassStats, CrawlStart, CrawlStats,
        DeleteArgs, DeleteOutcome, Found, Hints, ITEM_OVERHEAD_BYTES, ItemDetails, ItemValue, ItemView, LargeRef, Lent,
        LimitError, Look, NewCas, PINS_MAX, POPULATIONS_MAX, PREFETCH_GROUP, PlainRead, PlainWrite, Population,
        REMOVALS_BYTES_MAX, Reason, Reassigned, Removal, SetArgs, SetMode, SetOutcome, SizeHistogram, Source, Store,
        StoreConfig, StoreMemory, StoreStats, Walk, WalkedItem,
    },
};

/// For the benchmark of the hash table alone; not part of the interface.
#[doc(hidden)]
pub mod bench {
    use super::{hash_table::HashTable, location::Location};

    /// The hash table, with plain numbers as locations.
    pub struct Table(HashTable);

    impl Table {
        /// A table for a store of this memory limit.
        pub fn new(memory_limit_bytes: usize) -> std::io::Result<Self> {
            HashTable::new(memory_limit_bytes, true).map(Table)
        }

        /// Adds a number; false if there is no slot.
        pub fn insert(&mut self, hash: u64, number: u32) -> bool {
            self.0.insert(hash, Location(number), true).is_ok()
        }

        /// Finds a number.
        #[inline]
        pub fn find(&self, hash: u64, number: u32) -> bool {
            self.0.find(hash, |location| location.0 == number).is_some()
        }

        /// Starts loading.
        #[inline]
        pub fn prefetch(&self, hash: u64) {
            self.0.prefetch_home(hash);
        }

        /// Memory taken.
        pub fn memory_bytes(&self) -> usize {
            self.0.memory_bytes()
        }
    }
}
