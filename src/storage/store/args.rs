//! What is passed to the verbs and what they answer.

use crate::clock::Deadline;

/// How a store is set up.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Items, index and metadata together stay within this, save for one extent (2 MiB; 256 KiB if the limit is
    /// below 64 MiB). 2 MiB to 32 GiB.
    pub memory_limit_bytes: usize,
    /// Key, value and [`ITEM_OVERHEAD_BYTES`](super::ITEM_OVERHEAD_BYTES) of an item must fit in this; memcached's
    /// `-I`. 1 KiB to 1 GiB, and at most half the memory limit.
    pub item_size_max_bytes: usize,
    /// Whether unexpired items may be removed to make room; false is memcached's `-M`.
    pub evictions: bool,
    /// Whether to ask for transparent huge pages.
    pub huge_pages: bool,
    /// The first CAS number to hand out; at least 1.
    pub first_cas: u64,
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
    /// Store only if the item carries this CAS number.
    pub cas: Option<u64>,
    /// For append and prepend to a missing key: create the item with this deadline.
    pub autovivify: Option<Deadline>,
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
    /// The value is stored under this CAS number.
    Stored {
        /// The item's new CAS number.
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

/// The answer to a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The item is gone.
    Deleted,
    /// There was none.
    NotFound,
    /// It carries another CAS number.
    Exists,
}

/// The answer to an increment or decrement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// Done.
    Number {
        /// The new number.
        value: u64,
        /// The item's new CAS number.
        cas: u64,
    },
    /// There is no item.
    NotFound,
    /// The item's value is not a decimal number below 2^64.
    NonNumeric,
    /// No room for a longer number.
    OutOfMemory,
}
