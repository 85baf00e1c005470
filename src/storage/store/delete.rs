//! Removing an item, or keeping it without its value or as stale: a reader is then told to fill it anew.

use super::{
    DeleteArgs, DeleteOutcome, Store,
    sampled::Access,
    write::{NewItem, Old},
};
use crate::{
    clock::{Deadline, Seconds},
    storage::{StoreError, item, location::Location},
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
        if args.cas.is_some_and(|cas| cas != item::cas(self.slab.chunk(location))) {
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
                let location = match args.deadline {
                    Some(deadline) => self.set_deadline(hash, location, deadline, now)?,
                    None => location,
                };
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
        let cas = item::cas(self.slab.chunk(location));
        let new = NewItem {
            hash,
            key,
            flags: 0,
            deadline: args.deadline.unwrap_or(Deadline::NEVER),
            new_cas: Some(args.new_cas.unwrap_or(cas)),
            marks: header.lasting_marks(),
        };
        self.store_inline(new, Old::KeepOnFailure(location), b"", now).map(|_| ())
    }

    fn mark_stale(&mut self, location: Location, new_cas: Option<u64>) {
        let cas = self.cas_for(new_cas);
        let header = self.slab.header(location).stale();
        let chunk = self.slab.chunk_mut(location);
        header.write(chunk);
        item::set_cas(chunk, cas);
    }
}
