//! LARGE values on their way in: received straight into pages, invisible and unevictable until they are stored.

use super::{
    SetArgs, SetMode, SetOutcome, Source, Store,
    sampled::Access,
    write::{Admission, NewItem, Old},
};
use crate::{
    clock::Seconds,
    storage::{
        INLINE_VALUE_MAX, StoreError, VALUE_LEN_MAX,
        item::{self, Fields, Header, TAIL_HEADER_BYTES},
        large::{DIRECT_PAGES_MAX, Piece, Shape, UPLOADS_MAX, Upload, record_len, write_numbers},
        location::{Location, PageId},
    },
};

/// Values being received may announce this share of the memory limit together, or one maximum item.
const UPLOADS_SHARE_DIVISOR: u64 = 4;

impl Store {
    /// Announces a value of `len` bytes under a name of the caller's choice. An upload of the same name is
    /// abandoned. Memory is taken as the bytes arrive.
    ///
    /// # Errors
    /// `TooLarge` if no item could hold it (the caller may want to [`remove_any`](Store::remove_any) the old
    /// one), `OutOfMemory` if too much has been announced already.
    pub fn upload_begin(&mut self, id: u64, len: u64) -> Result<(), StoreError> {
        self.upload_abort(id);
        if len > VALUE_LEN_MAX || !self.fits(1, len) {
            return Err(StoreError::TooLarge);
        }
        let limit = self.config.memory_limit_bytes as u64 / UPLOADS_SHARE_DIVISOR;
        if self.uploads.len() == UPLOADS_MAX
            || self.uploads_bytes + len > limit.max(self.config.item_size_max_bytes as u64)
        {
            return Err(StoreError::OutOfMemory);
        }
        self.uploads_bytes += len;
        self.uploads.insert(id, Upload::new(len));
        Ok(())
    }

    /// Adds the next bytes of a value.
    ///
    /// # Errors
    /// `OutOfMemory` if no memory could be freed: the value's memory is given back, the rest of it may still be
    /// passed and is dropped, and storing it will fail likewise. `NoUpload` if there is no such upload or more
    /// arrives than was announced.
    pub fn upload_write(&mut self, id: u64, bytes: &[u8], now: Seconds) -> Result<(), StoreError> {
        let Some(mut upload) = self.uploads.remove(id) else { return Err(StoreError::NoUpload) };
        let written = self.fill(&mut upload, bytes, now);
        self.uploads.insert(id, upload);
        written
    }

    /// Where the next bytes of a value belong, for a caller that can put them there itself and then says how many by
    /// [`upload_advance`](Self::upload_advance): up to the end of a page or chunk, which is allocated if it is the next.
    /// Empty when all are there.
    ///
    /// # Errors
    /// As [`upload_write`](Self::upload_write), and `OutOfMemory` again once memory has run out.
    pub fn upload_room(&mut self, id: u64, now: Seconds) -> Result<&mut [u8], StoreError> {
        let Some(mut upload) = self.uploads.remove(id) else { return Err(StoreError::NoUpload) };
        let place = upload.shape.at(upload.written);
        let made = match &place {
            _ if upload.has_failed => Err(StoreError::OutOfMemory),
            None => Ok(()),
            Some((piece, range)) => self.make_piece(&mut upload, *piece, range.end, now),
        };
        if made.is_err() {
            upload.has_failed = true;
            self.discard(&mut upload);
        }
        let upload = self.uploads.insert(id, upload);
        made?;
        match place {
            Some((Piece::Page(index), range)) => Ok(&mut self.slab.page_bytes_mut(upload.pages[index])[range]),
            Some((Piece::Tail(index), range)) => {
                Ok(&mut self.slab.chunk_mut(upload.tails[index])[TAIL_HEADER_BYTES..][range])
            }
            None => Ok(&mut []),
        }
    }

    /// So many bytes were put where [`upload_room`](Self::upload_room) said. More than there was room for, and an unknown
    /// name, are ignored.
    pub fn upload_advance(&mut self, id: u64, len: usize) {
        if let Some(upload) = self.uploads.get_mut(id)
            && upload.shape.at(upload.written).is_some_and(|(_, range)| len <= range.len())
        {
            upload.written += len as u64;
        }
    }

    /// Forgets a value that will not be completed. An unknown name is ignored.
    pub fn upload_abort(&mut self, id: u64) {
        if let Some(mut upload) = self.take_upload(id) {
            self.discard(&mut upload);
        }
    }

    fn take_upload(&mut self, id: u64) -> Option<Upload> {
        let upload = self.uploads.remove(id)?;
        self.uploads_bytes -= upload.len();
        Some(upload)
    }

    /// Appends bytes to an upload.
    pub(super) fn fill(&mut self, upload: &mut Upload, mut bytes: &[u8], now: Seconds) -> Result<(), StoreError> {
        if bytes.len() as u64 > upload.len() - upload.written {
            return Err(StoreError::NoUpload);
        }
        if upload.has_failed {
            upload.written += bytes.len() as u64;
            return Err(StoreError::OutOfMemory);
        }
        while let (false, Some((piece, range))) = (bytes.is_empty(), upload.shape.at(upload.written)) {
            if let Err(error) = self.make_piece(upload, piece, range.end, now) {
                upload.written += bytes.len() as u64;
                upload.has_failed = true;
                self.discard(upload);
                return Err(error);
            }
            let room = match piece {
                Piece::Page(index) => self.slab.page_bytes_mut(upload.pages[index]),
                Piece::Tail(index) => &mut self.slab.chunk_mut(upload.tails[index])[TAIL_HEADER_BYTES..],
            };
            let (now_fitting, rest) = bytes.split_at(bytes.len().min(range.len()));
            room[range.start..range.start + now_fitting.len()].copy_from_slice(now_fitting);
            upload.written += now_fitting.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Allocates a piece of an upload, which holds so many bytes of the value, unless it is there.
    fn make_piece(
        &mut self,
        upload: &mut Upload,
        piece: Piece,
        piece_len: usize,
        now: Seconds,
    ) -> Result<(), StoreError> {
        match piece {
            Piece::Page(index) => {
                if index == upload.pages.len() {
                    upload.pages.push(self.allocate_page(now)?);
                }
            }
            Piece::Tail(index) => {
                if upload.tails[index] == Location::NONE {
                    let class =
                        self.slab.classes.class_of(TAIL_HEADER_BYTES + piece_len).ok_or(StoreError::TooLarge)?;
                    let location = self.allocate(class, now)?;
                    self.slab.pin_page(location);
                    Header::TAIL.write(self.slab.chunk_mut(location));
                    item::set_tail_owner(self.slab.chunk_mut(location), Location::NONE.0);
                    upload.tails[index] = location;
                }
            }
        }
        Ok(())
    }

    /// Gives back an upload's memory.
    pub(super) fn discard(&mut self, upload: &mut Upload) {
        for page in upload.pages.drain(..) {
            self.slab.free_page(page);
        }
        for tail in &mut upload.tails {
            if *tail != Location::NONE {
                self.slab.unpin_page(*tail);
                self.slab.free(*tail);
                *tail = Location::NONE;
            }
        }
    }

    /// The bytes of an upload from `offset` to the end of their piece.
    pub(super) fn uploaded_piece(&self, upload: &Upload, offset: u64) -> &[u8] {
        match upload.shape.at(offset) {
            None => &[],
            Some((Piece::Page(index), range)) => &self.slab.page_bytes(upload.pages[index])[range],
            Some((Piece::Tail(index), range)) => &self.slab.chunk(upload.tails[index])[TAIL_HEADER_BYTES..][range],
        }
    }

    /// Stores an uploaded value if the conditions hold.
    pub(super) fn set_upload(
        &mut self,
        hash: u64,
        key: &[u8],
        args: SetArgs<'_>,
        id: u64,
        now: Seconds,
    ) -> Result<SetOutcome, StoreError> {
        let Some(upload) = self.take_upload(id) else { return Err(StoreError::NoUpload) };
        self.set_received(hash, key, args, upload, now)
    }

    /// Stores a value that was passed in one slice but is too long for one chunk.
    #[cold]
    pub(super) fn set_long_inline(
        &mut self,
        hash: u64,
        key: &[u8],
        args: SetArgs<'_>,
        value: &[u8],
        now: Seconds,
    ) -> Result<SetOutcome, StoreError> {
        let mut upload = Upload::new(value.len() as u64);
        // A failure is remembered in the upload and answered below.
        let _ = self.fill(&mut upload, value, now);
        self.set_received(hash, key, args, upload, now)
    }

    fn set_received(
        &mut self,
        hash: u64,
        key: &[u8],
        args: SetArgs<'_>,
        mut upload: Upload,
        now: Seconds,
    ) -> Result<SetOutcome, StoreError> {
        let is_plain_set = args.mode == SetMode::Set && args.cas.is_none();
        if let Err(error) = self.check_size(hash, key, &args, upload.len()) {
            self.discard(&mut upload);
            return Err(error);
        }
        if upload.has_failed || !upload.is_complete() {
            let error = if upload.has_failed { StoreError::OutOfMemory } else { StoreError::NoUpload };
            self.discard(&mut upload);
            if is_plain_set {
                self.remove_any(hash, key);
            }
            return Err(error);
        }
        if upload.len() <= INLINE_VALUE_MAX as u64 {
            return self.set_short_upload(hash, key, args, upload, now);
        }
        let new = NewItem::of(hash, key, &args);
        let admission = self.admit(&new, &args, now);
        self.count_large_set(&new, upload.shape);
        match admission {
            Admission::Refused(outcome) => {
                self.discard(&mut upload);
                Ok(outcome)
            }
            Admission::Store(old, deadline, marks) => {
                let value_len = upload.len();
                let cas = self.publish(NewItem { deadline, marks, ..new }, old, upload, now)?;
                Ok(SetOutcome::Stored { cas, value_len })
            }
            Admission::Combine(old) => self.combine_upload(&new, old, args.mode, upload, now),
        }
    }

    /// Counts a write of a LARGE value: in the class of its record.
    fn count_large_set(&mut self, new: &NewItem<'_>, shape: Shape) {
        let header = Header::large_item(new.deadline, new.key.len(), new.flags != 0);
        let class = self.class_of_len(header.record_offset() + record_len(shape));
        self.commands[class.index()].cmd_set += 1;
    }

    /// An upload need not have been LARGE.
    fn set_short_upload(
        &mut self,
        hash: u64,
        key: &[u8],
        args: SetArgs<'_>,
        mut upload: Upload,
        now: Seconds,
    ) -> Result<SetOutcome, StoreError> {
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        while (value.len() as u64) < upload.len() {
            value.extend_from_slice(self.uploaded_piece(&upload, value.len() as u64));
        }
        self.discard(&mut upload);
        let outcome = self.set(hash, key, SetArgs { value: Source::Inline(&value), ..args }, now);
        if self.scratch.capacity() == 0 {
            self.scratch = value;
        }
        outcome
    }

    /// Stores a LARGE item, compressed if that is on and makes it smaller. The upload is used up either way.
    pub(super) fn publish(
        &mut self,
        new: NewItem<'_>,
        old: Old,
        upload: Upload,
        now: Seconds,
    ) -> Result<u64, StoreError> {
        if self.compression.is_none() {
            return self.store_large(new, old, upload, now);
        }
        let (upload, marks) = self.compress_upload(upload, old, now);
        self.store_large(NewItem { marks: new.marks.and(marks), ..new }, old, upload, now)
    }

    /// Stores a LARGE item: writes its record and hands its pieces over. The upload is used up either way.
    pub(super) fn store_large(
        &mut self,
        new: NewItem<'_>,
        old: Old,
        mut upload: Upload,
        now: Seconds,
    ) -> Result<u64, StoreError> {
        let header = Header::large_item(new.deadline, new.key.len(), new.flags != 0).with_marks(new.marks);
        let allocated = self.allocate_record(&new, header, old, &upload, now);
        let (location, list_page) = match allocated {
            Ok(allocated) => allocated,
            Err(error) => {
                self.discard(&mut upload);
                return Err(error);
            }
        };
        let cas = self.cas_for(new.new_cas);
        let fields = Fields { cas, access: now, flags: new.flags };
        item::write(self.slab.chunk_mut(location), header, fields, new.key, &[]);
        self.record_mut(location).write(upload.shape, &upload.tails, list_page);
        if list_page == PageId::NONE {
            self.record_mut(location).write_pages(&upload.pages);
        } else {
            write_numbers(self.slab.page_bytes_mut(list_page), &upload.pages);
            self.slab.publish_page(list_page, location);
        }
        for &page in &upload.pages {
            self.slab.publish_page(page, location);
        }
        for &tail in &upload.tails[..upload.shape.tails] {
            item::set_tail_owner(self.slab.chunk_mut(tail), location.0);
            self.slab.unpin_page(tail);
        }
        self.eviction.admit_to_main(self.eviction.large_pool(), new.hash);
        self.deadline_added(location, header);
        self.counters.total_items += 1;
        self.large_uses.1 += 1;
        self.counters.large_item_added(self.slab.class_at(location), self.item_bytes(location, header));
        if header.is_compressed() {
            self.compressed_added(location, header);
        }
        self.link_successor(new.hash, old, location, now)?;
        self.sample(new.hash, Access::Write(location), now);
        Ok(cas)
    }

    /// Memory for a LARGE item's record, and a list page if its page numbers do not fit.
    fn allocate_record(
        &mut self,
        new: &NewItem<'_>,
        header: Header,
        old: Old,
        upload: &Upload,
        now: Seconds,
    ) -> Result<(Location, PageId), StoreError> {
        let bytes = header.record_offset() + record_len(upload.shape);
        let class = self.slab.classes.class_of(bytes).ok_or(StoreError::TooLarge)?;
        let location = self.allocate_successor(new.hash, old, class, now)?;
        if upload.shape.pages <= DIRECT_PAGES_MAX {
            return Ok((location, PageId::NONE));
        }
        // Looking for a page evicts; the new record's page and the old item must survive that.
        self.slab.pin_page(location);
        let kept = if let Old::KeepOnFailure(old) = old { Some(old) } else { None };
        if let Some(old) = kept {
            self.protect(old);
        }
        let page = self.allocate_page(now);
        if let Some(old) = kept {
            self.unprotect(old);
        }
        self.slab.unpin_page(location);
        match page {
            Ok(page) => Ok((location, page)),
            Err(error) => {
                self.slab.free(location);
                Err(error)
            }
        }
    }
}
