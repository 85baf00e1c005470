//! One store's compression: decides, compresses, decompresses and counts.

use super::{
    BLOCK_BYTES, Compression, CompressionStats, Corrupt, SAMPLES_BYTES_MAX, TrainingSamples,
    blocks::{self, Block},
    codec::Codec,
    dictionaries::Dictionaries,
    gate::Gate,
    prefix::{Coding, PREFIX_BYTES, Prefix},
    sampler::Sampler,
};
use crate::storage::INLINE_VALUE_MAX;

/// The longest value in bytes that is compressed: this is done within one turn, and a longer one would keep others waiting for
/// more than about a millisecond.
pub const COMPRESSED_LEN_MAX: usize = 256 << 10;

/// A compressed value has to save at least this share, or it is stored as it came.
const SAVING_DIVISOR: usize = 8;

/// A longer value finds in itself what a dictionary would bring: with one, 16 KiB took a tenth more bytes and three times
/// the work.
const DICTIONARY_LEN_MAX: usize = 4 << 10;

/// Samples take at most this share of a store's memory.
const SAMPLES_SHARE_DIVISOR: usize = 64;

/// Buffers up to this are kept for the next use.
const BUFFER_KEPT_BYTES: usize = BLOCK_BYTES;

/// Room for any inline value, compressed, at its worst.
const SPARE_BYTES: usize = INLINE_VALUE_MAX + INLINE_VALUE_MAX / 8;

/// Gates are by the number of bits of a value's length.
const GATES: usize = COMPRESSED_LEN_MAX.ilog2() as usize + 1;

const _: () = assert!(COMPRESSED_LEN_MAX <= Prefix::RAW_LEN_MAX);

/// See the module's documentation.
pub(in crate::storage) struct Compressor {
    algorithm: Compression,
    len_min: usize,
    codec: Codec,
    gates: [Gate; GATES],
    dictionaries: Dictionaries,
    sampler: Sampler,
    stats: CompressionStats,
    /// The last value that was decompressed whole, and the last block of a LARGE one.
    value: Vec<u8>,
    block: Vec<u8>,
    /// For whoever puts a compressed value together: empty, but with room.
    spare: Vec<u8>,
    /// As of the last change; it is asked for more often than it changes.
    memory_bytes: usize,
}

impl Compressor {
    /// For values of `len_min` bytes and more, in a store of this much memory. `None` if nothing is to be compressed.
    pub(in crate::storage) fn new(algorithm: Compression, len_min: usize, memory_limit_bytes: usize) -> Option<Self> {
        if algorithm == Compression::Off {
            return None;
        }
        let samples_bytes_max = (memory_limit_bytes / SAMPLES_SHARE_DIVISOR).min(SAMPLES_BYTES_MAX);
        let mut compressor = Compressor {
            algorithm,
            len_min,
            codec: Codec::default(),
            gates: [Gate::default(); GATES],
            dictionaries: Dictionaries::default(),
            sampler: Sampler::new(samples_bytes_max),
            stats: CompressionStats::default(),
            value: Vec::with_capacity(INLINE_VALUE_MAX),
            block: Vec::with_capacity(BLOCK_BYTES),
            spare: Vec::with_capacity(SPARE_BYTES),
            memory_bytes: 0,
        };
        compressor.make_contexts();
        compressor.recount_memory();
        Some(compressor)
    }

    /// Has the contexts make all of their tables, so that their memory counts from the start.
    fn make_contexts(&mut self) {
        let (mut packed, mut raw) = (Vec::new(), Vec::new());
        let coding = self.block_coding();
        for len in [INLINE_VALUE_MAX, BLOCK_BYTES] {
            packed.clear();
            raw.clear();
            if self.codec.encode(coding, &vec![0; len], &mut packed, len) {
                // Zeroes, which were compressed just now.
                let _ = self.codec.decode(coding, None, &packed, len, &mut raw);
            }
        }
    }

    /// The coding of what needs no dictionary.
    fn block_coding(&self) -> Coding {
        if self.algorithm == Compression::Lz4 { Coding::Lz4 } else { Coding::Zstd }
    }

    /// Whether a value of this length is worth a try; counts those that are not because of what came before them.
    #[inline]
    fn is_worth_a_try(&mut self, raw_len: usize) -> bool {
        if !self.gates[gate_of(raw_len)].lets_pass() {
            self.stats.skipped += 1;
            return false;
        }
        self.stats.attempts += 1;
        true
    }

    fn note(&mut self, raw_len: usize, got_smaller: bool) {
        self.stats.incompressible += u64::from(!got_smaller);
        self.gates[gate_of(raw_len)].note(got_smaller);
    }

    /// Whether values of this length are to be compressed at all.
    #[inline]
    pub(in crate::storage) fn takes(&self, raw_len: usize) -> bool {
        (self.len_min..=COMPRESSED_LEN_MAX).contains(&raw_len)
    }

    /// Compresses a value of at most [`INLINE_VALUE_MAX`] bytes into `out`. False if it is to be stored as it is.
    pub(in crate::storage) fn compress(&mut self, raw: &[u8], out: &mut Vec<u8>) -> bool {
        debug_assert!(raw.len() <= INLINE_VALUE_MAX);
        out.clear();
        let got_smaller = self.takes(raw.len()) && self.is_worth_a_try(raw.len()) && self.try_value(raw, out);
        let is_for_dictionary = self.algorithm == Compression::ZstdDictionary && raw.len() <= DICTIONARY_LEN_MAX;
        if is_for_dictionary && self.takes(raw.len()) {
            let stored_len = if got_smaller { out.len() } else { raw.len() };
            if self.sampler.see(raw, stored_len, self.dictionaries.has_room()) {
                self.recount_memory();
            }
        }
        got_smaller
    }

    fn try_value(&mut self, raw: &[u8], out: &mut Vec<u8>) -> bool {
        let coding = match self.dictionaries.current() {
            Some(dictionary) if raw.len() <= DICTIONARY_LEN_MAX => dictionary,
            _ => self.block_coding(),
        };
        out.extend_from_slice(&Prefix { raw_len: raw.len(), coding }.to_bytes());
        let got_smaller = match stored_len_max(raw.len()).checked_sub(PREFIX_BYTES) {
            Some(len_max) => self.codec.encode(coding, raw, out, len_max),
            None => false,
        };
        self.note(raw.len(), got_smaller);
        got_smaller
    }

    /// Begins to compress a LARGE value into `out`; its blocks are to follow, of [`BLOCK_BYTES`] each but the last. False
    /// if it is to be stored as it is.
    pub(in crate::storage) fn begin_large(&mut self, raw_len: usize, out: &mut Vec<u8>) -> bool {
        if !self.takes(raw_len) || !self.is_worth_a_try(raw_len) {
            return false;
        }
        blocks::begin(Prefix { raw_len, coding: self.block_coding() }, out);
        true
    }

    /// Adds the next block of a LARGE value.
    pub(in crate::storage) fn add_block(&mut self, index: usize, raw: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let got_smaller = self.codec.encode(self.block_coding(), raw, out, stored_len_max(raw.len()));
        if !got_smaller {
            out.extend_from_slice(raw);
        }
        let len = out.len() - start;
        blocks::note(out, index, len, !got_smaller);
    }

    /// Ends a LARGE value. False if it is to be stored as it is.
    pub(in crate::storage) fn end_large(&mut self, raw_len: usize, out: &[u8]) -> bool {
        let got_smaller = out.len() <= stored_len_max(raw_len);
        self.note(raw_len, got_smaller);
        self.recount_memory();
        got_smaller
    }

    /// A stored value of at most [`INLINE_VALUE_MAX`] bytes, as it was. Valid until the next is asked for.
    pub(in crate::storage) fn decompress(&mut self, stored: &[u8]) -> Result<&[u8], Corrupt> {
        self.value.clear();
        let prefix = Prefix::read(stored)?;
        if prefix.raw_len > INLINE_VALUE_MAX {
            return Err(Corrupt);
        }
        let Compressor { codec, dictionaries, value, .. } = self;
        let dictionary = dictionaries.decoder(prefix.coding);
        codec.decode(prefix.coding, dictionary, &stored[PREFIX_BYTES..], prefix.raw_len, value)?;
        Ok(&self.value)
    }

    /// One block of a LARGE value, as it was. `head` are the first bytes of the stored value, as many as are in one
    /// piece, and `gather` adds this range of it to a buffer.
    pub(in crate::storage) fn decompress_block(
        &mut self,
        head: &[u8],
        index: usize,
        gather: impl FnOnce(std::ops::Range<usize>, &mut Vec<u8>),
    ) -> Result<&[u8], Corrupt> {
        self.block.clear();
        let prefix = Prefix::read(head)?;
        let Block { stored, raw_len, is_raw } = blocks::find(head, prefix.raw_len, index)?;
        if is_raw {
            gather(stored, &mut self.block);
        } else {
            let mut packed = self.take_spare();
            gather(stored, &mut packed);
            let decoded = self.codec.decode(prefix.coding, None, &packed, raw_len, &mut self.block);
            self.give_spare(packed);
            decoded?;
        }
        if self.block.len() == raw_len { Ok(&self.block) } else { Err(Corrupt) }
    }

    /// The block that was decompressed last.
    pub(in crate::storage) fn last_block(&self) -> &[u8] {
        &self.block
    }

    /// The value that was decompressed last.
    pub(in crate::storage) fn last_value(&self) -> &[u8] {
        &self.value
    }

    /// An empty buffer to put a value together in; to be given back.
    pub(in crate::storage) fn take_spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Takes such a buffer back, and keeps it unless it has grown large.
    pub(in crate::storage) fn give_spare(&mut self, mut spare: Vec<u8>) {
        spare.clear();
        if spare.capacity() > BUFFER_KEPT_BYTES {
            spare = Vec::with_capacity(SPARE_BYTES);
        }
        self.spare = spare;
    }

    /// Counts an item whose value was stored compressed in so many bytes.
    pub(in crate::storage) fn item_added(&mut self, prefix: Prefix, stored_len: u64) {
        self.stats.items += 1;
        self.stats.raw_bytes += prefix.raw_len as u64;
        self.stats.stored_bytes += stored_len;
        self.dictionaries.item_added(prefix.coding);
    }

    /// Counts that it is gone.
    pub(in crate::storage) fn item_removed(&mut self, prefix: Prefix, stored_len: u64) {
        debug_assert!(self.stats.items > 0);
        self.stats.items -= 1;
        self.stats.raw_bytes -= prefix.raw_len as u64;
        self.stats.stored_bytes -= stored_len;
        if self.dictionaries.item_removed(prefix.coding) {
            self.recount_memory();
        }
    }

    /// Counts that no item is left.
    pub(in crate::storage) fn all_items_removed(&mut self) {
        (self.stats.items, self.stats.raw_bytes, self.stats.stored_bytes) = (0, 0, 0);
        self.dictionaries.all_items_removed();
        self.recount_memory();
    }

    /// Counts a value that did not decompress.
    pub(in crate::storage) fn count_failure(&mut self) {
        self.stats.failures += 1;
    }

    /// Samples to train a dictionary from, when there are enough and one is wanted.
    /// [`end_training`](Self::end_training) is to follow.
    pub(in crate::storage) fn take_samples(&mut self) -> Option<TrainingSamples> {
        let samples = self.sampler.take()?;
        self.stats.trainings += 1;
        self.recount_memory();
        Some(samples)
    }

    /// What came of a training: values are compressed by this dictionary from now on. None changes nothing.
    pub(in crate::storage) fn end_training(&mut self, dictionary: Option<&[u8]>) {
        let is_new = match dictionary {
            Some(dictionary) if self.dictionaries.has_room() && self.codec.load_dictionary(dictionary) => {
                self.dictionaries.install(dictionary)
            }
            _ => false,
        };
        if is_new {
            self.gates = [Gate::default(); GATES];
        }
        self.sampler.finish(is_new, self.dictionaries.current().is_some());
        self.recount_memory();
    }

    /// The figures as of now.
    pub(in crate::storage) fn stats(&self) -> CompressionStats {
        CompressionStats {
            dictionary_version: u64::from(self.dictionaries.current_number()),
            dictionaries: self.dictionaries.kept() as u64,
            memory_bytes: self.memory_bytes() as u64,
            ..self.stats
        }
    }

    /// Sets to zero what counts events.
    pub(in crate::storage) fn reset_stats(&mut self) {
        let CompressionStats { items, raw_bytes, stored_bytes, .. } = self.stats;
        self.stats = CompressionStats { items, raw_bytes, stored_bytes, ..CompressionStats::default() };
    }

    /// Memory of all of it, but for what a LARGE value takes while it is compressed.
    #[inline]
    pub(in crate::storage) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// To be called after whatever makes or drops a context, a dictionary, samples or a buffer.
    fn recount_memory(&mut self) {
        let parts = [
            size_of::<Self>(),
            self.value.capacity() + self.block.capacity() + SPARE_BYTES,
            self.codec.memory_bytes(),
            self.dictionaries.memory_bytes(),
            self.sampler.memory_bytes(),
        ];
        self.memory_bytes = parts.iter().sum();
    }

    /// Items by dictionary, for comparing them with what is there.
    #[cfg(any(test, debug_assertions))]
    pub(in crate::storage) fn items_by_dictionary(&self) -> [u64; super::dictionaries::VERSIONS_MAX] {
        std::array::from_fn(|slot| self.dictionaries.items(slot).unwrap_or(0))
    }
}

/// The most bytes that a compressed value may take.
const fn stored_len_max(raw_len: usize) -> usize {
    raw_len - raw_len.div_ceil(SAVING_DIVISOR)
}

fn gate_of(raw_len: usize) -> usize {
    (raw_len.max(1).ilog2() as usize).min(GATES - 1)
}

#[cfg(test)]
#[path = "compressor_tests.rs"]
mod tests;
