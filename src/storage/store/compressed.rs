//! Compressed values on their way in and out: where items meet `compression/`.
//!
//! An inline item is compressed as it is written. A LARGE value is compressed block by block when all of it has come,
//! and remains LARGE, however short its compressed form: whoever reads it does so by the same pins, one block at a time.

use super::{
    Found, ItemValue, ItemView, Store,
    write::{NewItem, Old},
};
use crate::{
    clock::Seconds,
    storage::{
        CompressionStats, StoreError, TrainingSamples,
        compression::{BLOCK_BYTES, Corrupt, Prefix},
        item::{self, Header, Marks},
        large::Upload,
        location::Location,
        slab::ClassId,
    },
};
use std::ops::Range;

impl Store {
    /// Stores an inline item, its value compressed if that makes it smaller.
    #[cold]
    pub(super) fn store_compressing(
        &mut self,
        new: NewItem<'_>,
        old: Old,
        value: &[u8],
        now: Seconds,
    ) -> Result<(u64, ClassId), StoreError> {
        let Some(compressor) = &mut self.compression else {
            return self.store_as_is::<false>(new, old, value, now);
        };
        let mut compressed = compressor.take_spare();
        let stored = if compressor.compress(value, &mut compressed) {
            let new = NewItem { marks: new.marks.and(Marks::COMPRESSED), ..new };
            self.store_as_is::<true>(new, old, &compressed, now)
        } else {
            self.store_as_is::<true>(new, old, value, now)
        };
        self.give_spare(compressed);
        stored
    }

    fn give_spare(&mut self, spare: Vec<u8>) {
        if let Some(compressor) = &mut self.compression {
            compressor.give_spare(spare);
        }
    }

    /// Compresses a received value if that makes it smaller. Answers with the upload to store and its mark; the other one,
    /// if there are two, is used up.
    pub(super) fn compress_upload(&mut self, mut upload: Upload, old: Old, now: Seconds) -> (Upload, Marks) {
        let Some(mut compressor) = self.compression.take() else { return (upload, Marks::NONE) };
        let mut compressed = compressor.take_spare();
        let len = upload.len() as usize;
        let mut is_smaller = compressor.begin_large(len, &mut compressed);
        if is_smaller {
            let mut gathered = Vec::new();
            for (index, start) in (0..len).step_by(BLOCK_BYTES).enumerate() {
                let end = len.min(start + BLOCK_BYTES);
                let piece = self.uploaded_piece(&upload, start as u64);
                // A block in a page of its own lies in one piece.
                if piece.len() == end - start {
                    compressor.add_block(index, piece, &mut compressed);
                    continue;
                }
                gathered.clear();
                while gathered.len() < end - start {
                    let piece = self.uploaded_piece(&upload, (start + gathered.len()) as u64);
                    gathered.extend_from_slice(&piece[..piece.len().min(end - start - gathered.len())]);
                }
                compressor.add_block(index, &gathered, &mut compressed);
            }
            is_smaller = compressor.end_large(len, &compressed);
        }
        self.compression = Some(compressor);
        let mut marks = Marks::NONE;
        if is_smaller && let Some(filled) = self.filled_upload(&compressed, old, now) {
            self.discard(&mut upload);
            (upload, marks) = (filled, Marks::COMPRESSED);
        }
        self.give_spare(compressed);
        (upload, marks)
    }

    /// A complete upload of these bytes, if there is room for it.
    fn filled_upload(&mut self, bytes: &[u8], old: Old, now: Seconds) -> Option<Upload> {
        let mut upload = Upload::new(bytes.len() as u64);
        // Looking for room evicts; what is to be replaced has to survive that.
        if let Some(old) = old.location() {
            self.protect(old);
        }
        let filled = self.fill(&mut upload, bytes, now);
        if let Some(old) = old.location() {
            self.unprotect(old);
        }
        // A failed fill has given the memory back.
        filled.ok().map(|()| upload)
    }

    /// Reads a compressed inline item.
    #[cold]
    pub(super) fn read_compressed(&mut self, found: Found) -> Option<ItemView<'_>> {
        let chunk = self.slab.chunk(found.location);
        let header = Header::read(chunk);
        let compressor = self.compression.as_mut()?;
        if compressor.decompress(item::value(header, chunk)).is_err() {
            self.remove_damaged(found.location);
            return None;
        }
        let view = self.found_view(found);
        let value = self.compression.as_ref()?.last_value();
        Some(ItemView { value: ItemValue::Inline(value), ..view })
    }

    /// The value of an item if it is compressed, as it was before. Takes memory for all of it, a LARGE one included: for
    /// the seldom case that it is changed where it is.
    pub(super) fn decompressed(&mut self, location: Location, header: Header) -> Result<Option<Vec<u8>>, Corrupt> {
        if !header.is_compressed() {
            return Ok(None);
        }
        let raw = if header.is_large() {
            self.decompressed_large(location, header)
        } else {
            let compressor = self.compression.as_mut().ok_or(Corrupt)?;
            compressor.decompress(item::value(header, self.slab.chunk(location))).map(<[u8]>::to_vec)
        };
        if raw.is_err() {
            self.remove_damaged(location);
        }
        raw.map(Some)
    }

    fn decompressed_large(&mut self, location: Location, header: Header) -> Result<Vec<u8>, Corrupt> {
        let len = self.raw_len(location, header) as usize;
        let mut raw = Vec::with_capacity(len);
        // It need not be pinned: what is at hand may be of an item that was here before.
        self.block_at_hand = None;
        while raw.len() < len {
            let piece = self.decompressed_piece(location, raw.len() as u64);
            if piece.is_empty() {
                return Err(Corrupt);
            }
            raw.extend_from_slice(piece);
        }
        Ok(raw)
    }

    /// The bytes of a compressed LARGE value from `offset` to the end of their block; empty at the end of the value, and
    /// where it turns out to be damaged.
    pub(super) fn decompressed_piece(&mut self, record: Location, offset: u64) -> &[u8] {
        let (index, start) = ((offset / BLOCK_BYTES as u64) as usize, (offset % BLOCK_BYTES as u64) as usize);
        if offset >= self.raw_len(record, self.slab.header(record)) {
            return &[];
        }
        if self.block_at_hand != Some((record, index)) {
            self.block_at_hand = None;
            let Some(mut compressor) = self.compression.take() else { return &[] };
            let head = self.large_piece(record, 0);
            let gather = |range: Range<usize>, to: &mut Vec<u8>| self.gather_large(record, range, to);
            let is_whole = compressor.decompress_block(head, index, gather).is_ok();
            if !is_whole {
                compressor.count_failure();
            }
            self.compression = Some(compressor);
            if !is_whole {
                return &[];
            }
            self.block_at_hand = Some((record, index));
        }
        self.compression.as_ref().and_then(|compressor| compressor.last_block().get(start..)).unwrap_or(&[])
    }

    /// Adds a range of a LARGE value, as it is stored, to a buffer; less of it where the value ends before.
    fn gather_large(&self, record: Location, range: Range<usize>, to: &mut Vec<u8>) {
        let mut offset = range.start;
        while offset < range.end {
            let piece = self.large_piece(record, offset as u64);
            let len = piece.len().min(range.end - offset);
            if len == 0 {
                break;
            }
            to.extend_from_slice(&piece[..len]);
            offset += len;
        }
    }

    /// Stores a compressed inline item as it was, to be changed where it is. Everything else of it stays.
    pub(super) fn store_decompressed(
        &mut self,
        hash: u64,
        location: Location,
        raw: &[u8],
        now: Seconds,
    ) -> Result<Location, StoreError> {
        let header = self.slab.header(location);
        // In its new class it is not new.
        let plain = header.decompressed(raw.len()).out_of_small();
        let class = self.slab.classes.class_of(plain.item_len()).ok_or(StoreError::OutOfMemory)?;
        let old = Old::KeepOnFailure(location);
        let head = self.slab.chunk(location)[..header.value_offset()].to_vec();
        let new = self.allocate_successor(hash, old, class, now)?;
        let chunk = self.slab.chunk_mut(new);
        chunk[..head.len()].copy_from_slice(&head);
        plain.write(chunk);
        chunk[plain.value_offset()..plain.item_len()].copy_from_slice(raw);
        self.deadline_added(new, plain);
        self.counters.item_added(class, plain.item_len() as u64);
        self.link_successor(hash, old, new, now)?;
        Ok(new)
    }

    #[cold]
    fn remove_damaged(&mut self, location: Location) {
        if let Some(compressor) = &mut self.compression {
            compressor.count_failure();
        }
        let chunk = self.slab.chunk(location);
        let hash = (self.rehash)(&self.hasher, item::key(Header::read(chunk), chunk));
        self.unlink(hash, location);
    }

    /// What precedes an item's compressed value, and how long that is.
    fn prefix(&self, location: Location, header: Header) -> (Result<Prefix, Corrupt>, u64) {
        if header.is_large() {
            (Prefix::read(self.large_piece(location, 0)), self.record(location).shape().len)
        } else {
            (Prefix::read(item::value(header, self.slab.chunk(location))), header.value_len() as u64)
        }
    }

    /// Which dictionary a compressed item needs.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn dictionary_slot(&self, location: Location, header: Header) -> Option<u8> {
        use crate::storage::compression::Coding;

        match self.prefix(location, header).0.map(|prefix| prefix.coding) {
            Ok(Coding::Dictionary(slot)) => Some(slot),
            Ok(Coding::Lz4 | Coding::Zstd) | Err(Corrupt) => None,
        }
    }

    /// Length of a compressed item's value as its clients know it.
    #[cold]
    pub(super) fn raw_len(&self, location: Location, header: Header) -> u64 {
        self.prefix(location, header).0.map_or(0, |prefix| prefix.raw_len as u64)
    }

    /// Counts a compressed item that was written.
    #[cold]
    pub(super) fn compressed_added(&mut self, location: Location, header: Header) {
        if let (Ok(prefix), stored_len) = self.prefix(location, header)
            && let Some(compressor) = &mut self.compression
        {
            compressor.item_added(prefix, stored_len);
        }
    }

    /// Counts that a compressed item, which is still to be read, goes.
    #[cold]
    pub(super) fn compressed_removed(&mut self, location: Location, header: Header) {
        if let (Ok(prefix), stored_len) = self.prefix(location, header)
            && let Some(compressor) = &mut self.compression
        {
            compressor.item_removed(prefix, stored_len);
        }
    }

    /// Counts that no item is left.
    pub(super) fn all_compressed_removed(&mut self) {
        if let Some(compressor) = &mut self.compression {
            compressor.all_items_removed();
        }
    }

    pub(super) fn compression_memory_bytes(&self) -> usize {
        self.compression.as_ref().map_or(0, |compressor| compressor.memory_bytes())
    }

    /// What compression did and does; all zeroes where it is off.
    pub fn compression_stats(&self) -> CompressionStats {
        self.compression.as_ref().map_or_else(CompressionStats::default, |compressor| compressor.stats())
    }

    /// Values to [`train`](crate::storage::train) a dictionary from, when one is wanted and there are enough of them. It is
    /// a second or so of work, for another thread. [`Store::end_training`] is to follow.
    pub fn take_training_samples(&mut self) -> Option<TrainingSamples> {
        self.compression.as_mut()?.take_samples()
    }

    /// What came of a training: values that come are compressed by this dictionary. `None` leaves all as it is.
    pub fn end_training(&mut self, dictionary: Option<&[u8]>) {
        if let Some(compressor) = &mut self.compression {
            compressor.end_training(dictionary);
        }
    }
}
