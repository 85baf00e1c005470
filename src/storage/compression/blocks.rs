//! The form of a compressed LARGE value: its prefix, the length of each block as it is stored, and the blocks.
//!
//! A block that does not get smaller is stored as it is, which its length says in bit 31.

use super::{
    BLOCK_BYTES, Corrupt,
    prefix::{PREFIX_BYTES, Prefix},
};
use std::ops::Range;

const LEN_BYTES: usize = size_of::<u32>();
const IS_RAW: u32 = 1 << 31;

/// Blocks of a value of this length.
pub(super) const fn count(raw_len: usize) -> usize {
    raw_len.div_ceil(BLOCK_BYTES)
}

/// Bytes in front of the first block.
pub(super) const fn head_bytes(raw_len: usize) -> usize {
    PREFIX_BYTES + LEN_BYTES * count(raw_len)
}

/// Starts a value: its prefix, and room for the lengths.
pub(super) fn begin(prefix: Prefix, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&prefix.to_bytes());
    out.resize(head_bytes(prefix.raw_len), 0);
}

/// Notes the length of a block that was added behind those before it.
pub(super) fn note(out: &mut [u8], index: usize, len: usize, is_raw: bool) {
    let word = len as u32 | if is_raw { IS_RAW } else { 0 };
    out[PREFIX_BYTES + LEN_BYTES * index..][..LEN_BYTES].copy_from_slice(&word.to_le_bytes());
}

/// Where a block is and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Its bytes of the stored value.
    pub(super) stored: Range<usize>,
    /// How many bytes of the value it holds.
    pub(super) raw_len: usize,
    /// Whether they are stored as they are.
    pub(super) is_raw: bool,
}

/// The block of this index, by the first [`head_bytes`] of the stored value.
pub(super) fn find(head: &[u8], raw_len: usize, index: usize) -> Result<Block, Corrupt> {
    if index >= count(raw_len) {
        return Err(Corrupt);
    }
    let mut start = head_bytes(raw_len);
    for number in 0..=index {
        let word = head.get(PREFIX_BYTES + LEN_BYTES * number..).and_then(|b| b.first_chunk()).ok_or(Corrupt)?;
        let word = u32::from_le_bytes(*word);
        let len = (word & !IS_RAW) as usize;
        if len > BLOCK_BYTES {
            return Err(Corrupt);
        }
        if number == index {
            let raw_len = (raw_len - index * BLOCK_BYTES).min(BLOCK_BYTES);
            let is_raw = word & IS_RAW != 0;
            let fits = !is_raw || len == raw_len;
            return if fits { Ok(Block { stored: start..start + len, raw_len, is_raw }) } else { Err(Corrupt) };
        }
        start += len;
    }
    Err(Corrupt)
}
