//! What can go wrong in storage: once, when it is set up, and on every write.

use std::io;

/// Why a [`Store`](super::Store) could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The memory limit is below what one store needs for its directory and a few pages.
    #[error("a store needs at least {min_bytes} bytes of memory, {limit_bytes} were given")]
    LimitTooSmall {
        /// What was asked for.
        limit_bytes: usize,
        /// The least that works.
        min_bytes: usize,
    },
    /// The memory limit is above what 32-bit locations can address.
    #[error("one store addresses at most {max_bytes} bytes of memory, {limit_bytes} were given; use more shards")]
    LimitTooLarge {
        /// What was asked for.
        limit_bytes: usize,
        /// The most that works.
        max_bytes: usize,
    },
    /// The maximum item size is outside what a store of this size can hold.
    #[error("the maximum item size must lie between {min_bytes} and {max_bytes} bytes, {size_bytes} were given")]
    ItemSize {
        /// What was asked for.
        size_bytes: usize,
        /// The least that works.
        min_bytes: usize,
        /// The most that works at this memory limit.
        max_bytes: usize,
    },
    /// The kernel refused the address space.
    #[error("reserving {bytes} bytes of address space failed (see `ulimit -v`): {source}")]
    Reserve {
        /// Size of the refused reservation.
        bytes: usize,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Why a value could not be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The item would exceed the maximum item size.
    #[error("object too large for cache")]
    TooLarge,
    /// No memory could be freed for the item.
    #[error("out of memory storing object")]
    OutOfMemory,
    /// No upload of this name is under way, it is incomplete, or more was written than announced.
    #[error("no complete upload of this name")]
    NoUpload,
}
