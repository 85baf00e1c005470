//! Compression of values: bytes in, bytes out. Knows no item, chunk, hash table or thread, and reads no time.
//!
//! ```text
//!   prefix (4)                  | lz4 block, or zstd frame without magic number, size and dictionary id
//!   prefix (4) | block lengths  | block | block ...                                      a LARGE value
//!
//!   prefix   31      21 20           0
//!            coding     raw length
//! ```
//!
//! A value of up to [`BLOCK_BYTES`] is compressed in one go. A LARGE one is cut into blocks, so that a reader gets it
//! in pieces and nobody needs room for all of it.
//!
//! - `prefix` is the layout above, `codec` the algorithms, their contexts used again and again.
//! - `gate` gives up for a while on values of a size that mostly do not get smaller.
//! - `dictionaries` keeps each version while items use it; `sampler` collects values to train the next from, and
//!   `training` does that, wherever its caller has time. Neither starts a thread.
//! - `blocks` is the form of LARGE values.
//! - `compressor` puts these together, `stats` says what came of it.

mod blocks;
mod codec;
mod compressor;
mod dictionaries;
mod gate;
mod prefix;
mod sampler;
mod stats;
mod training;

pub use self::{
    compressor::COMPRESSED_LEN_MAX,
    stats::CompressionStats,
    training::{DICTIONARY_BYTES_MAX, SAMPLES_BYTES_MAX, TrainingSamples, train},
};

pub(super) use self::{compressor::Compressor, prefix::Prefix};

#[cfg(any(test, debug_assertions))]
pub(super) use self::prefix::Coding;

use super::INLINE_VALUE_MAX;

/// Bytes of a LARGE value that are compressed together: a page, so that one that was received into pages needs no copy.
pub(super) const BLOCK_BYTES: usize = super::location::PAGE_BYTES;

const _: () = assert!(INLINE_VALUE_MAX <= BLOCK_BYTES);

/// How values are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: nothing is allocated for it, and a request costs one predicted branch.
    #[default]
    Off,
    /// By LZ4: the least work, pays from about 1 KiB.
    Lz4,
    /// By Zstandard, each value on its own: smaller than LZ4 at several times the work.
    Zstd,
    /// By Zstandard with a dictionary trained from the values that come in: pays for small values of a common form,
    /// such as records of one table, from about 128 bytes.
    ZstdDictionary,
}

/// A stored value that does not decompress: its memory was written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt;
