//! Reading in two steps, for a caller that must act on what it found before it borrows the value: a LARGE one is
//! pinned in between.

use super::{
    ItemView, LargeRef, NewCas, Store,
    sampled::Access,
    write::{NewItem, Old, counted_bytes},
};
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        INLINE_VALUE_MAX, KEY_LEN_MAX, StoreError,
        item::{self, Header, Marks, Room},
        location::Location,
    },
};

/// A live item that was found. Means what it says until the store is changed, pinning and marking excepted.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub(super) location: Location,
    /// As it was before it was marked as read, but with the deadline it has now.
    pub(super) header: Header,
    /// When it was accessed before.
    accessed: Seconds,
    /// The deadline before it was touched, if it was.
    touched_from: Option<Deadline>,
}

impl Found {
    /// An item that is being read.
    #[inline(always)]
    pub(super) const fn read_at(location: Location, header: Header, accessed: Seconds) -> Self {
        Found { location, header, accessed, touched_from: None }
    }

    /// The deadline that the item had before it was touched.
    pub const fn deadline_before(&self) -> Deadline {
        match self.touched_from {
            Some(deadline) => deadline,
            None => self.header.deadline(),
        }
    }
}

/// What a look for a key shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// There is no item.
    Absent,
    /// There is one that has expired.
    Expired,
    /// There is one.
    Present(ItemDetails),
}

/// What a store says of an item, beside its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemDetails {
    /// When it expires.
    pub deadline: Deadline,
    /// Its slab class, from 1.
    pub class: u16,
    /// Length of the value in bytes.
    pub value_len: u64,
    /// Key, value, client flags and [`ITEM_OVERHEAD_BYTES`](super::ITEM_OVERHEAD_BYTES): what memcached says that an
    /// item takes.
    pub size_bytes: u64,
}

impl Store {
    /// Finds an item and marks it as read.
    #[inline(always)]
    pub fn find_to_read(&mut self, hash: u64, key: &[u8], now: Seconds) -> Option<Found> {
        self.count_read();
        let Some((location, header)) = self.find_live(hash, key, now) else {
            self.count_miss(hash, now);
            return None;
        };
        self.sample(hash, Access::Hit(location), now);
        let found = self.found(location, header);
        self.bump(found, now);
        Some(found)
    }

    /// Finds an item and leaves its eviction state and fetched mark alone.
    #[inline]
    pub fn find_to_peek(&mut self, hash: u64, key: &[u8], now: Seconds) -> Option<Found> {
        let (location, header) = self.find_live(hash, key, now)?;
        Some(self.found(location, header))
    }

    /// Finds an item and sets its deadline; its CAS number stays. [`Store::bump`] marks it as read.
    ///
    /// # Errors
    /// `OutOfMemory` if it never expired so far, is to be moved to make room for a deadline, and there is none. It
    /// then stays as it is.
    pub fn find_to_touch(
        &mut self,
        hash: u64,
        key: &[u8],
        deadline: Deadline,
        now: Seconds,
    ) -> Result<Option<Found>, StoreError> {
        self.count_read();
        let Some((location, header)) = self.find_live(hash, key, now) else {
            self.count_miss(hash, now);
            return Ok(None);
        };
        let found = self.found(location, header);
        let location = self.set_deadline(hash, location, deadline, now)?;
        self.sample(hash, Access::Hit(location), now);
        let touched_from = Some(found.header.deadline());
        Ok(Some(Found { location, header: self.slab.header(location), touched_from, ..found }))
    }

    /// Creates an empty item, won by its reader, in place of one that is there.
    ///
    /// # Errors
    /// `OutOfMemory`; `TooLarge` if the maximum item size is below that of an empty one.
    pub fn vivify(
        &mut self,
        hash: u64,
        key: &[u8],
        deadline: Deadline,
        new_cas: NewCas,
        binary_key: bool,
        now: Seconds,
    ) -> Result<Found, StoreError> {
        let marks = Marks::binary_key(binary_key).and(Marks::WON);
        let new = NewItem { hash, key, flags: 0, deadline, new_cas, marks };
        if !self.fits(key.len(), 0) {
            return Err(StoreError::TooLarge);
        }
        let old = self.find_live(hash, key, now).map_or(Old::Absent, |(location, _)| Old::DropFirst(location));
        self.store_inline(new, old, b"", now)?;
        let location = self.find(hash, key).ok_or(StoreError::OutOfMemory)?;
        let found = self.found(location, self.slab.header(location));
        Ok(Found { touched_from: Some(Deadline::NEVER), ..found })
    }

    #[inline(always)]
    fn found(&self, location: Location, header: Header) -> Found {
        let accessed = item::access(header, self.slab.chunk(location));
        Found::read_at(location, header, accessed)
    }

    /// Marks a found item as read.
    #[inline]
    pub fn bump(&mut self, found: Found, now: Seconds) {
        if found.header.is_bumped_by_a_read(found.accessed, now) {
            self.note_read(found, now);
        }
    }

    #[inline(never)]
    pub(super) fn note_read(&mut self, found: Found, now: Seconds) {
        let chunk = self.slab.chunk_mut(found.location);
        item::bump(Header::read(chunk), chunk, found.accessed, now);
    }

    /// The CAS number of a found item, which gets the store's next if it has none, and the item as it is found from now
    /// on: it may have to move to make room for the number. Where there is no room, the number is one that no item
    /// carries, so that a comparison with it fails.
    #[inline(never)]
    pub fn observe_cas(&mut self, hash: u64, found: Found, now: Seconds) -> (Found, u64) {
        match self.item_cas(found.location, found.header) {
            Some(cas) => (found, cas),
            None => self.give_cas(hash, found, now),
        }
    }

    #[cold]
    fn give_cas(&mut self, hash: u64, found: Found, now: Seconds) -> (Found, u64) {
        let cas = self.cas_for(NewCas::Next);
        let Ok(location) = self.widen(hash, found.location, Room::CAS, now) else { return (found, cas) };
        item::set_cas(self.slab.header(location), self.slab.chunk_mut(location), cas);
        (Found { location, header: found.header.widened(Room::CAS), ..found }, cas)
    }

    /// Marks an item as won by the reader that was told to fill it, until it is written.
    pub fn mark_won(&mut self, found: Found) {
        self.slab.set_header(found.location, self.slab.header(found.location).won());
    }

    /// The value of a found item if it is LARGE.
    #[inline]
    pub fn found_large(&self, found: Found) -> Option<LargeRef> {
        if found.header.is_large() { self.found_view(found).value.large() } else { None }
    }

    /// A found item with its value at hand: decompressed if need be, and then valid until the next one is read. `None` if
    /// that fails, which says that memory was written over; the item is then removed.
    #[inline]
    pub fn read(&mut self, found: Found) -> Option<ItemView<'_>> {
        if !found.header.is_plain() && !found.header.is_large() {
            return self.read_compressed(found);
        }
        Some(self.found_view(found))
    }

    /// A found item. A compressed value is left as it is; see [`Store::read`].
    #[inline]
    pub fn found_view(&self, found: Found) -> ItemView<'_> {
        self.view(found.location, found.header, found.accessed)
    }

    /// What else there is to know of a found item.
    pub fn found_details(&self, found: Found) -> ItemDetails {
        self.details(found.location, found.header)
    }

    /// Looks for a key and leaves everything as it is, an expired item included.
    pub fn look(&self, hash: u64, key: &[u8], now: Seconds) -> Look {
        let Some(location) = self.find(hash, key) else { return Look::Absent };
        match self.slab.header(location) {
            header if header.deadline().is_past(now) => Look::Expired,
            header => Look::Present(self.details(location, header)),
        }
    }

    /// The slab class, from 1, that an item with an inline value of this length would have; 0 for a longer value.
    pub fn class_for(&self, key_len: usize, value_len: usize, flags: u32, deadline: Deadline) -> u16 {
        if key_len > KEY_LEN_MAX || value_len > INLINE_VALUE_MAX {
            return 0;
        }
        let header =
            Header::item(deadline, Seconds(0), key_len, value_len, flags != 0).with_cas(!self.config.evictions);
        self.class_of_len(header.item_len()).index() as u16 + 1
    }

    fn details(&self, location: Location, header: Header) -> ItemDetails {
        let value_len = self.value_len(location, header);
        ItemDetails {
            deadline: header.deadline(),
            class: self.class_of_item(location, header).index() as u16 + 1,
            value_len,
            size_bytes: counted_bytes(header.key_len(), value_len, header.has_flags()),
        }
    }
}
