//! Changing a deadline. An item that never expires has no room for one beside its last access (see `item`): it is
//! made four bytes longer, where it is if its chunk has them, else in a chunk of the next class.

use super::{Store, write::Old};
use crate::{
    clock::{Deadline, Seconds},
    storage::{StoreError, item, location::Location},
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
        let header = self.slab.header(location);
        if header.has_access() {
            self.slab.set_header(location, header.with_deadline(deadline));
            self.slab.note_deadline(location, deadline.raw());
            return Ok(location);
        }
        if deadline == Deadline::NEVER {
            return Ok(location);
        }
        let (len, wide_len) = (header.item_len(), header.widened(deadline).item_len());
        let class = self.slab.classes.class_of(wide_len).ok_or(StoreError::OutOfMemory)?;
        if self.slab.classes.class_of(len) == Some(class) {
            item::widen(header, self.slab.chunk_mut(location), deadline);
            self.slab.note_deadline(location, deadline.raw());
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
            item::widen(header.out_of_small(), chunk, deadline);
            self.slab.note_deadline(location, deadline.raw());
            self.counters.item_added(class, wide_len as u64);
        }
        self.scratch = item;
        let location = allocated?;
        self.link_successor(hash, old, location, now)?;
        Ok(location)
    }
}
