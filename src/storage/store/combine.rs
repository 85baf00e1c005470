//! Append and prepend. A result that fits one chunk is put together in a scratch buffer and stored like any other,
//! in place if the class is the same; a longer one is copied into new pages piece by piece.

use super::{
    SetMode, SetOutcome, Store,
    write::{NewItem, Old},
};
use crate::{
    clock::Seconds,
    storage::{INLINE_VALUE_MAX, StoreError, item, large::Upload, location::Location},
};

/// Bytes copied at a time.
const SCRATCH_BYTES_MAX: usize = INLINE_VALUE_MAX;

/// One of the two halves of a combined value.
#[derive(Clone, Copy)]
enum Half<'a> {
    Stored(Location),
    Given(&'a [u8]),
    Uploaded(&'a Upload),
}

impl Store {
    /// Appends or prepends bytes to an item.
    pub(super) fn combine_inline(
        &mut self,
        new: &NewItem<'_>,
        old: Location,
        mode: SetMode,
        value: &[u8],
        now: Seconds,
    ) -> Result<SetOutcome, StoreError> {
        self.combine(new, old, mode, Half::Given(value), now)
    }

    /// Appends or prepends an uploaded value, which is used up, to an item.
    pub(super) fn combine_upload(
        &mut self,
        new: &NewItem<'_>,
        old: Location,
        mode: SetMode,
        mut upload: Upload,
        now: Seconds,
    ) -> Result<SetOutcome, StoreError> {
        let combined = self.combine(new, old, mode, Half::Uploaded(&upload), now);
        self.discard(&mut upload);
        combined
    }

    fn combine(
        &mut self,
        new: &NewItem<'_>,
        old: Location,
        mode: SetMode,
        addition: Half<'_>,
        now: Seconds,
    ) -> Result<SetOutcome, StoreError> {
        let header = self.slab.header(old);
        let flags = item::flags(header, self.slab.chunk(old));
        let marks = new.marks.and(header.lasting_marks());
        let new = NewItem { flags, deadline: header.deadline(), marks, ..*new };
        let Ok(raw) = self.decompressed(old, header) else { return Ok(SetOutcome::NotStored) };
        let stored = raw.as_deref().map_or(Half::Stored(old), Half::Given);
        let halves = match mode {
            SetMode::Prepend => [addition, stored],
            _ => [stored, addition],
        };
        let len = halves.iter().map(|&half| self.half_len(half)).sum();
        if !self.fits(new.key.len(), len) {
            // Not `TooLarge`: the addition alone would have fitted, and memcached answers so.
            return Ok(SetOutcome::NotStored);
        }
        if len <= INLINE_VALUE_MAX as u64 {
            let mut value = std::mem::take(&mut self.scratch);
            value.clear();
            for half in halves {
                self.copy_from(half, 0, SCRATCH_BYTES_MAX, &mut value);
            }
            let stored = self.store_inline(new, Old::KeepOnFailure(old), &value, now);
            self.scratch = value;
            return stored.map(|(cas, _)| SetOutcome::Stored { cas, value_len: len });
        }
        self.protect(old);
        let copied = self.copy_halves(halves, len, now);
        self.unprotect(old);
        let cas = self.publish(new, Old::KeepOnFailure(old), copied?, now)?;
        Ok(SetOutcome::Stored { cas, value_len: len })
    }

    /// Copies the halves into a new upload.
    fn copy_halves(&mut self, halves: [Half<'_>; 2], len: u64, now: Seconds) -> Result<Upload, StoreError> {
        let mut upload = Upload::new(len);
        let mut part = std::mem::take(&mut self.scratch);
        let mut copied = Ok(());
        for half in halves {
            let (mut offset, half_len) = (0, self.half_len(half));
            while copied.is_ok() && offset < half_len {
                part.clear();
                self.copy_from(half, offset, SCRATCH_BYTES_MAX, &mut part);
                offset += part.len() as u64;
                copied = self.fill(&mut upload, &part, now);
            }
        }
        self.scratch = part;
        // A failed fill has given the memory back.
        copied.map(|()| upload)
    }

    fn half_len(&self, half: Half<'_>) -> u64 {
        match half {
            Half::Stored(location) => self.value_len(location, self.slab.header(location)),
            Half::Given(bytes) => bytes.len() as u64,
            Half::Uploaded(upload) => upload.len(),
        }
    }

    /// Adds up to `len_max` bytes of a half from `offset` on to `part`.
    fn copy_from(&self, half: Half<'_>, offset: u64, len_max: usize, part: &mut Vec<u8>) {
        let end = part.len() + (self.half_len(half) - offset).min(len_max as u64) as usize;
        let mut offset = offset;
        while part.len() < end {
            let piece = match half {
                Half::Stored(location) => self.value_piece(location, offset),
                Half::Given(bytes) => &bytes[offset as usize..],
                Half::Uploaded(upload) => self.uploaded_piece(upload, offset),
            };
            let len = piece.len().min(end - part.len());
            part.extend_from_slice(&piece[..len]);
            offset += len as u64;
        }
    }

    /// The bytes of an item's value, as it is stored, from `offset` to the end of their piece.
    pub(super) fn value_piece(&self, location: Location, offset: u64) -> &[u8] {
        let chunk = self.slab.chunk(location);
        let header = item::Header::read(chunk);
        if header.is_large() {
            self.large_piece(location, offset)
        } else {
            &item::value(header, chunk)[offset as usize..]
        }
    }
}
