//! Removing an item, or keeping it without its value or as stale: a reader is then told to fill it anew.

use super::{
    DeleteArgs, DeleteOutcome, NewCas, Store,
    sampled::Access,
    write::{NewItem, Old},
};
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        StoreError,
        item::{self, Room},
        location::Location,
    },
};

impl Store {
    /// Removes an item, or does to it what the arguments say.
    ///
    /// # Errors
    /// `OutOfMemory` if an item that is kept needs room and there is none; it then stays as it is. Removal needs none.
    pub fn delete(
        &mut self,
        hash: u64,
        key: &[u8],
        args: DeleteArgs,
        now: Seconds,
    ) -> Result<DeleteOutcome, StoreError> {
        let Some((location, header)) = self.find_live(hash, key, now) else { return Ok(DeleteOutcome::NotFound) };
        if args.cas.is_some_and(|cas| self.item_cas(location, header) != Some(cas)) {
            return Ok(DeleteOutcome::Exists);
        }
        let class = self.class_of_item(location, header);
        match (args.clear_value, args.invalidate) {
            (false, false) => {
                self.sample(hash, Access::Removal(location), now);
                self.unlink(hash, location);
            }
            (true, false) => self.clear_value(hash, key, location, args, now)?,
            (false, true) => {
                let location = self.widen(hash, location, room_for(&args), now)?;
                if let Some(deadline) = args.deadline {
                    self.set_deadline(hash, location, deadline, now)?;
                }
                self.mark_stale(location, args.new_cas);
            }
            (true, true) => {
                self.clear_value(hash, key, location, args, now)?;
                if let Some(location) = self.find(hash, key) {
                    self.mark_stale(location, args.new_cas);
                }
            }
        }
        if !args.invalidate {
            self.commands[class.index()].delete_hits += 1;
        }
        Ok(DeleteOutcome::Deleted)
    }

    /// Removes an item if there is one: for a write that was refused before it came here.
    pub fn remove_any(&mut self, hash: u64, key: &[u8]) {
        if let Some(location) = self.find(hash, key) {
            self.unlink(hash, location);
        }
    }

    fn clear_value(
        &mut self,
        hash: u64,
        key: &[u8],
        location: Location,
        args: DeleteArgs,
        now: Seconds,
    ) -> Result<(), StoreError> {
        let header = self.slab.header(location);
        let new_cas = args.new_cas.or(self.item_cas(location, header));
        let new = NewItem {
            hash,
            key,
            flags: 0,
            deadline: args.deadline.unwrap_or(Deadline::NEVER),
            new_cas: new_cas.map_or(NewCas::Unseen, NewCas::Given),
            marks: header.lasting_marks(),
        };
        self.store_inline(new, Old::KeepOnFailure(location), b"", now).map(|_| ())
    }

    /// An item without a CAS number needs no other: none that was handed out is its.
    fn mark_stale(&mut self, location: Location, new_cas: Option<u64>) {
        let header = self.slab.header(location).stale();
        self.slab.set_header(location, header);
        if header.has_cas() {
            let cas = self.cas_for(new_cas.map_or(NewCas::Next, NewCas::Given));
            item::set_cas(header, self.slab.chunk_mut(location), cas);
        }
    }
}

/// What an item needs room for that is kept with its value.
fn room_for(args: &DeleteArgs) -> Room {
    let cas = if args.new_cas.is_some() { Room::CAS } else { Room::NONE };
    let is_to_expire = args.deadline.is_some_and(|deadline| deadline != Deadline::NEVER);
    cas.and(if is_to_expire { Room::ACCESS } else { Room::NONE })
}
