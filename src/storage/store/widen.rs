//! Giving an item what it has no room for (see `item`): a deadline beside its last access, a CAS number. It is made
//! longer, where it is if its chunk has the bytes, else in a chunk of the next class.

use super::{Store, write::Old};
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        StoreError,
        item::{self, Room},
        location::Location,
    },
};

impl Store {
    /// Sets the deadline of a live item and says where the item is now. Everything else of it stays.
    ///
    /// # Errors
    /// `OutOfMemory` if it has to move and there is no room; it then stays as it is.
    pub(super) fn set_deadline(
        &mut self,
        hash: u64,
        location: Location,
        deadline: Deadline,
        now: Seconds,
    ) -> Result<Location, StoreError> {
        if deadline == Deadline::NEVER && !self.slab.header(location).has_access() {
            return Ok(location);
        }
        let location = self.widen(hash, location, Room::ACCESS, now)?;
        let header = self.slab.header(location);
        self.deadline_removed(location, header);
        let header = header.with_deadline(deadline);
        self.slab.set_header(location, header);
        self.deadline_added(location, header);
        Ok(location)
    }

    /// Makes room in a live item and says where the item is now. What is new in it is yet to be written: the CAS number;
    /// a deadline is none. Everything else stays.
    ///
    /// # Errors
    /// `OutOfMemory` if it has to move and there is no room; it then stays as it is.
    pub(super) fn widen(
        &mut self,
        hash: u64,
        location: Location,
        room: Room,
        now: Seconds,
    ) -> Result<Location, StoreError> {
        let header = self.slab.header(location);
        if header.has_room(room) {
            return Ok(location);
        }
        let (len, wide_len) = (header.item_len(), header.widened(room).item_len());
        let class = self.slab.classes.class_of(wide_len).ok_or(StoreError::OutOfMemory)?;
        if self.slab.classes.class_of(len) == Some(class) {
            item::widen(header, self.slab.chunk_mut(location), room);
            self.counters.item_resized(class, len as u64, wide_len as u64);
            return Ok(location);
        }
        let mut item = std::mem::take(&mut self.scratch);
        item.clear();
        item.extend_from_slice(&self.slab.chunk(location)[..len]);
        let old = Old::KeepOnFailure(location);
        let allocated = self.allocate_successor(hash, old, class, now);
        if let Ok(location) = allocated {
            let chunk = self.slab.chunk_mut(location);
            chunk[..len].copy_from_slice(&item);
            // In its new class it is not new.
            let widened = item::widen(header.out_of_small(), chunk, room);
            self.deadline_added(location, widened);
            self.counters.item_added(class, wide_len as u64);
            if header.is_compressed() {
                self.compressed_added(location, widened);
            }
        }
        self.scratch = item;
        let location = allocated?;
        self.link_successor(hash, old, location, now)?;
        Ok(location)
    }
}
