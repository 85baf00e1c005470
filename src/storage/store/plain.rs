//! Reading what nearly all reads are of: a live item whose value is in its chunk as it came; and writing over one. In one
//! piece, without what other commands need to know of an item; whatever is not so plain is left to the general path
//! (`found`, `write`).
//!
//! A group of reads looks every key up twice: to load the items ahead, and then to read them. The first look leaves
//! *hints*, so that the second need not go to the index: a hint is where the item probably is, and the item says itself
//! whether it is there. A chunk with a live item is reachable through the index, and an item's key is in it; so what is
//! found at a hint is right as long as the hint's place is still the beginning of a chunk, which the slab's count of
//! pages that were put to another use tells.

use super::{Candidate, Found, PREFETCH_GROUP, Store, sampled::Access};
use crate::{
    clock::{Deadline, Seconds},
    short,
    storage::{
        INLINE_VALUE_MAX,
        item::{self, Fields, Header},
        location::Location,
    },
};

/// What a plain read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainRead<'a> {
    /// An item of these client flags and this value.
    Hit {
        /// Opaque client flags.
        flags: u32,
        /// The value.
        value: &'a [u8],
    },
    /// Nothing.
    Miss,
    /// Nothing was done: the item is LARGE, compressed or expired. [`Store::find_to_read`] is to be asked.
    NotPlain,
}

/// What is stored in any case.
#[derive(Clone, Copy, Debug)]
pub struct PlainWrite<'a> {
    /// Opaque client flags.
    pub flags: u32,
    /// When the item expires.
    pub deadline: Deadline,
    /// The value: at most [`INLINE_VALUE_MAX`] bytes.
    pub value: &'a [u8],
}

/// Where the items of a group of keys probably are.
#[derive(Clone, Debug)]
pub struct Hints {
    locations: [Location; PREFETCH_GROUP],
    /// The slab's count when they were made.
    uses: u32,
}

impl Default for Hints {
    fn default() -> Self {
        Hints { locations: [Location::NONE; PREFETCH_GROUP], uses: 0 }
    }
}

impl Store {
    /// Starts loading the items that these hashes probably lead to; their buckets should have been prefetched. `None`
    /// takes a place and leads nowhere. At most [`PREFETCH_GROUP`]; more are not looked at.
    #[inline]
    pub fn prefetch_items(&self, hashes: impl Iterator<Item = Option<u64>>, hints: &mut Hints) {
        let (mut waiting, mut waiting_len) = ([(0, 0); PREFETCH_GROUP], 0);
        hints.uses = self.slab.page_uses();
        for ((at, hash), hint) in hashes.enumerate().zip(&mut hints.locations) {
            *hint = Location::NONE;
            let Some(hash) = hash else { continue };
            match self.table.candidate_at_home(hash) {
                Candidate::At(location) => {
                    self.slab.prefetch(location);
                    *hint = location;
                }
                Candidate::Absent => {}
                Candidate::PerhapsAlternate => {
                    waiting[waiting_len] = (at, hash);
                    waiting_len += 1;
                }
            }
        }
        for &(at, hash) in &waiting[..waiting_len] {
            if let Some(location) = self.table.candidate_at_alternate(hash) {
                self.slab.prefetch(location);
                hints.locations[at] = location;
            }
        }
    }

    /// Reads an item, marks it as read and counts that, hit or miss. `at` is the key's place among the hashes that the
    /// hints were made of.
    #[inline(always)]
    pub fn read_plain(&mut self, hash: u64, key: &[u8], hints: &Hints, at: usize, now: Seconds) -> PlainRead<'_> {
        let Some((location, header)) = self.find_hinted(hash, key, hints, at) else {
            self.count_read();
            self.count_miss(hash, now);
            return PlainRead::Miss;
        };
        if !header.is_plain() || header.deadline().is_past(now) {
            return PlainRead::NotPlain;
        }
        self.count_read();
        self.sample(hash, Access::Hit(location), now);
        let class = self.class_of_len(header.item_len());
        self.commands[class.index()].get_hits += 1;
        let accessed = item::access(header, self.slab.chunk(location));
        if header.is_bumped_by_a_read(accessed, now) {
            self.note_read(Found::read_at(location, header, accessed), now);
        }
        let chunk = self.slab.chunk(location);
        PlainRead::Hit { flags: item::flags(header, chunk), value: item::value(header, chunk) }
    }

    /// Stores a value in any case, as [`Store::set`] does, if it can be written over the item of that key where this is,
    /// and nothing else is to be done. False if not: then nothing was.
    #[inline(always)]
    pub fn write_plain(
        &mut self,
        hash: u64,
        key: &[u8],
        write: PlainWrite<'_>,
        hints: &Hints,
        at: usize,
        now: Seconds,
    ) -> bool {
        let PlainWrite { flags, deadline, value } = write;
        let Some((location, old)) = self.hinted(key, hints, at) else { return false };
        debug_assert!(value.len() <= INLINE_VALUE_MAX);
        let is_special = !old.is_plain() || old.has_cas() || old.deadline().is_past(now);
        if is_special
            || !self.config.evictions
            || self.compression.is_some()
            || !self.fits(key.len(), value.len() as u64)
        {
            return false;
        }
        let header = Header::item(deadline, now, key.len(), value.len(), flags != 0).with_standing_of(old);
        let (old_len, len) = (old.item_len(), header.item_len());
        let class = self.class_of_len(old_len);
        if old_len != len {
            if self.slab.classes.class_of(len) != Some(class) {
                return false;
            }
            self.counters.item_resized(class, old_len as u64, len as u64);
        }
        self.deadline_removed(location, old);
        item::write(self.slab.chunk_mut(location), header, Fields { cas: 0, access: now, flags }, key, value);
        self.deadline_added(location, header);
        self.counters.total_items += 1;
        self.commands[class.index()].cmd_set += 1;
        self.sample(hash, Access::Write(location), now);
        true
    }

    #[inline(always)]
    fn find_hinted(&self, hash: u64, key: &[u8], hints: &Hints, at: usize) -> Option<(Location, Header)> {
        self.hinted(key, hints, at).or_else(|| self.find_unhinted(hash, key))
    }

    /// The item of this key if it is where the hint says.
    #[inline(always)]
    fn hinted(&self, key: &[u8], hints: &Hints, at: usize) -> Option<(Location, Header)> {
        let hint = hints.locations.get(at).copied().unwrap_or(Location::NONE);
        if hint == Location::NONE || hints.uses != self.slab.page_uses() {
            return None;
        }
        let chunk = self.slab.chunk(hint);
        let header = Header::read(chunk);
        let is_it = header.is_live_item() && short::equal(item::key(header, chunk), key);
        is_it.then_some((hint, header))
    }

    #[inline(never)]
    fn find_unhinted(&self, hash: u64, key: &[u8]) -> Option<(Location, Header)> {
        let location = self.find(hash, key)?;
        Some((location, self.slab.header(location)))
    }
}
