//! What is passed to the verbs and what they answer.

use crate::{
    clock::Deadline,
    storage::{Compression, EvictionPolicy},
};

/// How a store is set up.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Items, index and metadata together stay within this, save for one extent (2 MiB; 64 KiB if the limit is
    /// below 64 MiB). 2 MiB to 32 GiB.
    pub memory_limit_bytes: usize,
    /// Key, value and [`ITEM_OVERHEAD_BYTES`](super::ITEM_OVERHEAD_BYTES) of an item must fit in this; memcached's
    /// `-I`. 1 KiB to 1 GiB, and at most half the memory limit.
    pub item_size_max_bytes: usize,
    /// Whether unexpired items may be removed to make room; false is memcached's `-M`.
    pub evictions: bool,
    /// Who leaves first.
    pub eviction: EvictionPolicy,
    /// Whether to ask for transparent huge pages.
    pub huge_pages: bool,
    /// How values are compressed.
    pub compression: Compression,
    /// The shortest value in bytes that is.
    pub compress_min_bytes: usize,
    /// The first CAS number to hand out; at least 1.
    pub first_cas: u64,
    /// What is added to get the next one, at least 1: the number of stores that count side by side, so that no two
    /// hand out the same.
    pub cas_step: u64,
}

/// CAS numbers that a store may hand out per millisecond before they meet those of a later start.
const CAS_BITS_PER_MS: u32 = 22;

impl StoreConfig {
    /// A store that evicts, alone in its process, with items of up to 1 MiB: what a server starts without flags.
    pub const fn new(memory_limit_bytes: usize) -> Self {
        StoreConfig {
            memory_limit_bytes,
            item_size_max_bytes: 1 << 20,
            evictions: true,
            eviction: EvictionPolicy::Duel,
            huge_pages: true,
            compression: Compression::Off,
            compress_min_bytes: 1024,
            first_cas: 1,
            cas_step: 1,
        }
    }

    /// The first CAS number of one of several stores, in a process that was started at this unix time, such that the
    /// numbers of an earlier process do not come again: 4 million a millisecond were not handed out since its start.
    pub const fn first_cas_of(started_unix_ms: u64, store: usize) -> u64 {
        (started_unix_ms << CAS_BITS_PER_MS) + store as u64
    }
}

/// Which CAS number an item has after a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewCas {
    /// None until somebody observes it. At once the store's next, though, where it takes the place of an item that had
    /// a number, is LARGE, or where evictions are off: an observation could find no room then.
    #[default]
    Unseen,
    /// The store's next: the writer will see it.
    Next,
    /// This one.
    Given(u64),
}

/// A write.
#[derive(Clone, Copy, Debug)]
pub struct SetArgs<'a> {
    /// Condition and effect.
    pub mode: SetMode,
    /// Opaque client flags; append and prepend keep the item's own.
    pub flags: u32,
    /// When the item expires; append and prepend keep the item's own.
    pub deadline: Deadline,
    /// The value.
    pub value: Source<'a>,
    /// Store only if the item carries this CAS number. One that was never observed carries none.
    pub cas: Option<u64>,
    /// For append and prepend to a missing key: create the item with this deadline.
    pub autovivify: Option<Deadline>,
    /// The item's CAS number.
    pub new_cas: NewCas,
    /// Where `cas` is below the item's, store all the same: as stale, with the item's deadline. An item that was never
    /// observed counts as newer than every number handed out so far.
    pub invalidate: bool,
    /// Its key was sent in base64, which the item remembers.
    pub binary_key: bool,
}

impl<'a> SetArgs<'a> {
    /// A write without client flags, deadline or CAS number.
    pub const fn new(mode: SetMode, value: Source<'a>) -> Self {
        SetArgs {
            mode,
            flags: 0,
            deadline: Deadline::NEVER,
            value,
            cas: None,
            autovivify: None,
            new_cas: NewCas::Unseen,
            invalidate: false,
            binary_key: false,
        }
    }
}

/// The condition and effect of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetMode {
    /// In any case.
    Set,
    /// Only if the key is absent.
    Add,
    /// Only if the key is present.
    Replace,
    /// Behind the present value.
    Append,
    /// Before the present value.
    Prepend,
}

/// Where a value's bytes are.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// At hand; at most [`INLINE_VALUE_MAX`](crate::storage::INLINE_VALUE_MAX) bytes.
    Inline(&'a [u8]),
    /// Received under this name by [`Store::upload_write`](super::Store::upload_write). Used up by every outcome.
    Upload(u64),
}

/// The answer to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOutcome {
    /// The value is stored.
    Stored {
        /// The item's new CAS number; 0 if it has none, which only [`NewCas::Unseen`] brings about.
        cas: u64,
        /// Length of the value in bytes, what was there before an append or prepend included.
        value_len: u64,
    },
    /// The condition on the key's presence did not hold.
    NotStored,
    /// The item carries another CAS number.
    Exists,
    /// A CAS number was given and there is no item.
    NotFound,
}

/// A removal, or what is done to an item instead.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeleteArgs {
    /// Only if the item carries this CAS number.
    pub cas: Option<u64>,
    /// Keep the item, as stale and under another CAS number.
    pub invalidate: bool,
    /// Keep the item without value and client flags.
    pub clear_value: bool,
    /// The deadline of an item that is kept. Where absent its own, but none after `clear_value`.
    pub deadline: Option<Deadline>,
    /// The CAS number of an item that is kept: this one, or the store's next, or its own if only its value is cleared. An
    /// item that has none gets none but this.
    pub new_cas: Option<u64>,
}

/// The answer to a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The item is gone, or what was to be done to it is.
    Deleted,
    /// There was none.
    NotFound,
    /// It carries another CAS number.
    Exists,
}

/// An increment or decrement.
#[derive(Clone, Copy, Debug)]
pub struct ArithmeticArgs {
    /// Add, wrapping at 2^64; else subtract, stopping at 0.
    pub increment: bool,
    /// By how much.
    pub delta: u64,
    /// Only if the item carries this CAS number; 0 compares nothing.
    pub cas: Option<u64>,
    /// The item's CAS number afterwards.
    pub new_cas: NewCas,
    /// The item's deadline afterwards; its own where absent. Not for an item that is created.
    pub deadline: Option<Deadline>,
    /// If there is no item: create one with this number and deadline.
    pub initial: Option<(u64, Deadline)>,
    /// Its key was sent in base64, which an item that is created remembers.
    pub binary_key: bool,
}

impl ArithmeticArgs {
    /// To an item that exists, and nothing else of it changes.
    pub const fn by(increment: bool, delta: u64) -> Self {
        let new_cas = NewCas::Unseen;
        ArithmeticArgs { increment, delta, cas: None, new_cas, deadline: None, initial: None, binary_key: false }
    }
}

/// The answer to an increment or decrement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// Done.
    Number {
        /// The new number.
        value: u64,
        /// The item's new CAS number; 0 if it has none, which only [`NewCas::Unseen`] brings about. With
        /// [`NewCas::Next`] one that the item does not keep where it has none and there is no room for it.
        cas: u64,
        /// When it expires.
        deadline: Deadline,
        /// When it was to expire before.
        deadline_before: Deadline,
        /// Whether it was created.
        created: bool,
    },
    /// There is no item.
    NotFound,
    /// It carries another CAS number.
    Exists,
    /// The item's value is not a decimal number below 2^64.
    NonNumeric,
    /// No room for a longer number.
    OutOfMemory,
}
