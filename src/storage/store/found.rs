//! Reading in two steps, for a caller that must act on what it found before it borrows the value: a LARGE one is
//! pinned in between.

use super::{ItemView, LargeRef, Store};
use crate::{
    clock::{Deadline, Seconds},
    storage::{item::Header, location::Location},
};

/// A live item that was found. Means what it says until the store is changed, pinning excepted.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    location: Location,
    /// As it was before it was marked as read.
    header: Header,
}

impl Store {
    /// Finds an item and marks it as read.
    #[inline]
    pub fn find_to_read(&mut self, hash: u64, key: &[u8], now: Seconds) -> Option<Found> {
        let (location, header) = self.find_live(hash, key, now)?;
        let bumped = header.read_once_more();
        if bumped != header {
            self.slab.set_header(location, bumped);
        }
        Some(Found { location, header })
    }

    /// Finds an item and leaves its eviction state and fetched mark alone.
    #[inline]
    pub fn find_to_peek(&mut self, hash: u64, key: &[u8], now: Seconds) -> Option<Found> {
        let (location, header) = self.find_live(hash, key, now)?;
        Some(Found { location, header })
    }

    /// Finds an item, sets its deadline and marks it as read. Its CAS number stays.
    pub fn find_to_touch(&mut self, hash: u64, key: &[u8], deadline: Deadline, now: Seconds) -> Option<Found> {
        let (location, header) = self.find_live(hash, key, now)?;
        self.slab.set_header(location, header.read_once_more().with_deadline(deadline));
        self.slab.note_deadline(location, deadline.raw());
        Some(Found { location, header: header.with_deadline(deadline) })
    }

    /// Marks an item as won by the reader that was told to fill it, until it is written.
    pub fn mark_won(&mut self, found: Found) {
        self.slab.set_header(found.location, self.slab.header(found.location).won());
    }

    /// The value of a found item if it is LARGE.
    #[inline]
    pub fn found_large(&self, found: Found) -> Option<LargeRef> {
        if found.header.is_large() { self.view(found.location, found.header).value.large() } else { None }
    }

    /// A found item.
    #[inline]
    pub fn found_view(&self, found: Found) -> ItemView<'_> {
        self.view(found.location, found.header)
    }
}
