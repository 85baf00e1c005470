//! Storing: conditions, then inline items. A value that cannot be stored leaves no stale one behind.

use super::{NewCas, SetArgs, SetMode, SetOutcome, Source, Store, sampled::Access};
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        INLINE_VALUE_MAX, KEY_LEN_MAX, StoreError,
        hash_table::Full,
        item::{self, Fields, Header, Marks},
        location::Location,
        slab::ClassId,
    },
};

/// What an item is deemed to take beside key and value when it is compared with the maximum item size: what
/// memcached 1.6 adds to them for its header (48), CAS number (8) and terminators (3).
pub const ITEM_OVERHEAD_BYTES: usize = 59;

/// An item's size in bytes as memcached counts it.
pub(super) fn counted_bytes(key_len: usize, value_len: u64, has_flags: bool) -> u64 {
    let flags_bytes = if has_flags { size_of::<u32>() } else { 0 };
    (ITEM_OVERHEAD_BYTES + key_len + flags_bytes) as u64 + value_len
}

/// What is to be stored, wherever the value is.
#[derive(Clone, Copy)]
pub(super) struct NewItem<'a> {
    pub(super) hash: u64,
    pub(super) key: &'a [u8],
    pub(super) flags: u32,
    pub(super) deadline: Deadline,
    pub(super) new_cas: NewCas,
    pub(super) marks: Marks,
}

impl<'a> NewItem<'a> {
    #[inline(always)]
    pub(super) fn of(hash: u64, key: &'a [u8], args: &SetArgs<'_>) -> Self {
        let marks = Marks::binary_key(args.binary_key);
        NewItem { hash, key, flags: args.flags, deadline: args.deadline, new_cas: args.new_cas, marks }
    }
}

/// What becomes of the item that a new one replaces.
#[derive(Clone, Copy)]
pub(super) enum Old {
    Absent,
    /// Goes before memory is looked for: a plain `set` removes it in any case.
    DropFirst(Location),
    /// Stays if the new one cannot be stored.
    KeepOnFailure(Location),
}

impl Old {
    pub(super) fn location(self) -> Option<Location> {
        match self {
            Old::Absent => None,
            Old::DropFirst(location) | Old::KeepOnFailure(location) => Some(location),
        }
    }
}

impl Store {
    /// Stores a value if the conditions hold.
    ///
    /// # Errors
    /// `TooLarge` and `OutOfMemory`; a plain `set` (no CAS number) then removes the old item, any other write
    /// leaves it. `NoUpload` if the named upload is unknown or incomplete.
    pub fn set(&mut self, hash: u64, key: &[u8], args: SetArgs<'_>, now: Seconds) -> Result<SetOutcome, StoreError> {
        match args.value {
            Source::Inline(value) => {
                self.check_size(hash, key, &args, value.len() as u64)?;
                if value.len() > INLINE_VALUE_MAX {
                    return self.set_long_inline(hash, key, args, value, now);
                }
                let new = NewItem::of(hash, key, &args);
                match self.admit(&new, &args, now) {
                    Admission::Refused(outcome) => {
                        self.count_set(&new, value.len());
                        Ok(outcome)
                    }
                    Admission::Store(old, deadline, marks) => {
                        let new = NewItem { deadline, marks, ..new };
                        let (cas, class) = self.store_inline(new, old, value, now)?;
                        self.commands[class.index()].cmd_set += 1;
                        Ok(SetOutcome::Stored { cas, value_len: value.len() as u64 })
                    }
                    Admission::Combine(old) => {
                        self.count_set(&new, value.len());
                        self.combine_inline(&new, old, args.mode, value, now)
                    }
                }
            }
            Source::Upload(id) => self.set_upload(hash, key, args, id, now),
        }
    }

    /// Counts a write of an inline value that is not stored as it is, as memcached does: in the class it would have.
    #[cold]
    fn count_set(&mut self, new: &NewItem<'_>, value_len: usize) {
        let has_cas = new.new_cas != NewCas::Unseen || !self.config.evictions;
        let header = Header::item(new.deadline, Seconds(0), new.key.len(), value_len, new.flags != 0).with_cas(has_cas);
        let class = self.class_of_len(header.item_len());
        self.commands[class.index()].cmd_set += 1;
    }

    /// Refuses what exceeds the maximum item size; a plain `set` removes the old item.
    pub(super) fn check_size(
        &mut self,
        hash: u64,
        key: &[u8],
        args: &SetArgs<'_>,
        value_len: u64,
    ) -> Result<(), StoreError> {
        if self.fits(key.len(), value_len) {
            return Ok(());
        }
        if args.mode == SetMode::Set && args.cas.is_none() {
            self.remove_any(hash, key);
        }
        Err(StoreError::TooLarge)
    }

    #[inline(always)]
    pub(super) fn fits(&self, key_len: usize, value_len: u64) -> bool {
        let item_bytes = (key_len + ITEM_OVERHEAD_BYTES) as u64 + value_len;
        (1..=KEY_LEN_MAX).contains(&key_len) && item_bytes <= self.config.item_size_max_bytes as u64
    }

    /// Whether the conditions of a write hold, and what becomes of the old item then.
    #[inline(always)]
    pub(super) fn admit(&mut self, new: &NewItem<'_>, args: &SetArgs<'_>, now: Seconds) -> Admission {
        use SetMode::{Add, Append, Prepend, Replace, Set};
        let Some((location, header)) = self.find_live(new.hash, new.key, now) else {
            return match (args.mode, args.cas, args.autovivify) {
                (Append | Prepend, _, Some(deadline)) => Admission::Store(Old::Absent, deadline, new.marks),
                (Append | Prepend, _, None) => Admission::Refused(SetOutcome::NotStored),
                (Set | Replace, Some(_), _) => Admission::Refused(SetOutcome::NotFound),
                (Replace, None, _) => Admission::Refused(SetOutcome::NotStored),
                (Add, ..) | (Set, None, _) => Admission::Store(Old::Absent, args.deadline, new.marks),
            };
        };
        match (args.mode, args.cas) {
            (Set, None) => Admission::Store(Old::DropFirst(location), args.deadline, new.marks),
            (Replace, None) => Admission::Store(Old::KeepOnFailure(location), args.deadline, new.marks),
            (Set | Replace, Some(cas)) => self.admit_cas(location, cas, new, args),
            (Add, _) => {
                // As in memcached, an add that fails counts as a use of the item, not as a fetch.
                let chunk = self.slab.chunk_mut(location);
                item::note_access(header.with_frequency(header.frequency() + 1), chunk, now).write(chunk);
                self.sample(new.hash, Access::Write(location), now);
                Admission::Refused(SetOutcome::NotStored)
            }
            // 0 compares nothing here.
            (Append | Prepend, Some(cas)) if cas != 0 && self.item_cas(location, header) != Some(cas) => {
                Admission::Refused(SetOutcome::Exists)
            }
            (Append | Prepend, _) => Admission::Combine(location),
        }
    }

    /// The CAS number of an item, if it has one.
    #[inline(always)]
    pub(super) fn item_cas(&self, location: Location, header: Header) -> Option<u64> {
        item::cas(header, self.slab.chunk(location))
    }

    /// Compares the CAS numbers. A lower one than the item's may store what is stale from the start.
    fn admit_cas(&mut self, location: Location, cas: u64, new: &NewItem<'_>, args: &SetArgs<'_>) -> Admission {
        let header = self.slab.header(location);
        let present = self.item_cas(location, header);
        let class = self.class_of_item(location, header);
        let counts = &mut self.commands[class.index()];
        let old = Old::KeepOnFailure(location);
        // No item is compared with 0, not even one that was given that number.
        if cas != 0 && present == Some(cas) {
            counts.cas_hits += 1;
            return Admission::Store(old, args.deadline, new.marks);
        }
        if args.invalidate && cas != 0 && cas < present.unwrap_or(self.next_cas) {
            counts.cas_hits += 1;
            return Admission::Store(old, header.deadline(), new.marks.and_stale_after(header));
        }
        counts.cas_badval += 1;
        Admission::Refused(SetOutcome::Exists)
    }

    /// Stores an item of at most `INLINE_VALUE_MAX` value bytes. Answers with its CAS number, 0 for none, and class.
    #[inline(always)]
    pub(super) fn store_inline(
        &mut self,
        new: NewItem<'_>,
        old: Old,
        value: &[u8],
        now: Seconds,
    ) -> Result<(u64, ClassId), StoreError> {
        if self.compression.is_some() {
            return self.store_compressing(new, old, value, now);
        }
        self.store_as_is::<false>(new, old, value, now)
    }

    /// Stores an item with this value, compressed or not. Whether there may be compressed items is known beforehand.
    #[inline(always)]
    pub(super) fn store_as_is<const COMPRESSION: bool>(
        &mut self,
        new: NewItem<'_>,
        old: Old,
        value: &[u8],
        now: Seconds,
    ) -> Result<(u64, ClassId), StoreError> {
        let old_header = old.location().map(|location| self.slab.header(location));
        let had_cas = old_header.is_some_and(|header| header.has_cas() && !header.is_large());
        // A key whose number was seen once keeps room for one, so that it does not go back and forth between classes.
        let has_cas = new.new_cas != NewCas::Unseen || had_cas || !self.config.evictions;
        let header = Header::item(new.deadline, now, new.key.len(), value.len(), new.flags != 0)
            .with_marks(new.marks)
            .with_cas(has_cas);
        let class = self.slab.classes.class_of(header.item_len()).ok_or(StoreError::TooLarge)?;
        let mut replaced = None;
        if let (Some(location), Some(old_header)) = (old.location(), old_header) {
            // An inline item always lies in the class of its length: no need to look at the page's metadata.
            if !old_header.is_large() && self.slab.classes.class_of(old_header.item_len()) == Some(class) {
                if COMPRESSION && old_header.is_compressed() {
                    self.compressed_removed(location, old_header);
                }
                self.counters.item_resized(class, old_header.item_len() as u64, header.item_len() as u64);
                self.deadline_removed(location, old_header);
                let cas =
                    self.write_inline::<COMPRESSION>(location, header.with_standing_of(old_header), new, value, now);
                self.sample(new.hash, Access::Write(location), now);
                return Ok((cas, class));
            }
            replaced = Some(old_header);
        }
        self.eviction.prefetch_ghost(new.hash);
        let location = self.allocate_successor(new.hash, old, class, now)?;
        let header = match replaced {
            Some(old) if !old.is_in_small() => header.with_standing_of(old),
            _ => {
                let enters_small = self.eviction.admit(class, new.hash, location, &mut self.slab);
                header.with_frequency(replaced.map_or(0, Header::frequency)).entering_small(enters_small)
            }
        };
        let cas = self.write_inline::<COMPRESSION>(location, header, new, value, now);
        self.counters.item_added(class, header.item_len() as u64);
        self.link_successor(new.hash, old, location, now)?;
        self.sample(new.hash, Access::Write(location), now);
        Ok((cas, class))
    }

    #[inline(always)]
    fn write_inline<const COMPRESSION: bool>(
        &mut self,
        location: Location,
        header: Header,
        new: NewItem<'_>,
        value: &[u8],
        now: Seconds,
    ) -> u64 {
        let cas = if header.has_cas() { self.cas_for(new.new_cas) } else { 0 };
        let fields = Fields { cas, access: now, flags: new.flags };
        item::write(self.slab.chunk_mut(location), header, fields, new.key, value);
        self.deadline_added(location, header);
        self.counters.total_items += 1;
        if COMPRESSION && header.is_compressed() {
            self.compressed_added(location, header);
        }
        cas
    }

    /// A written item takes the old one's place in the hash table, or a new one. It must be counted already.
    pub(super) fn link_successor(
        &mut self,
        hash: u64,
        old: Old,
        location: Location,
        now: Seconds,
    ) -> Result<(), StoreError> {
        if let Old::KeepOnFailure(old) = old {
            let replaced = self.table.replace(hash, old, location);
            debug_assert!(replaced);
            self.drop_item(old);
            return Ok(());
        }
        match self.table.insert(hash, location, false) {
            Ok(()) => Ok(()),
            Err(Full) => self.link_slowly(hash, location, now),
        }
    }

    /// The index must grow. If it may not, or growing does not help, somebody must leave the bucket.
    #[cold]
    fn link_slowly(&mut self, hash: u64, location: Location, now: Seconds) -> Result<(), StoreError> {
        if self.may_grow_index() && self.table.insert(hash, location, true).is_ok() {
            return Ok(());
        }
        if self.config.evictions {
            let neighbours = self.table.neighbours(hash);
            let coldest = neighbours.into_iter().min_by_key(|&neighbour| {
                let header = self.slab.header(neighbour);
                (!header.deadline().is_past(now), header.frequency())
            });
            if let Some(neighbour) = coldest
                && self.evict(neighbour, now)
                && self.table.insert(hash, location, false).is_ok()
            {
                return Ok(());
            }
        }
        self.drop_item(location);
        Err(StoreError::OutOfMemory)
    }
}

/// What [`Store::admit`] decides.
pub(super) enum Admission {
    Refused(SetOutcome),
    /// Store, with this deadline and these marks.
    Store(Old, Deadline, Marks),
    /// Append to or prepend to this item.
    Combine(Location),
}
