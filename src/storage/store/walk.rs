//! Listing a store piece by piece while it is in use: for dumps, histograms, and copies of what is there.

use super::{Store, counters::Counters, write::counted_bytes};
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        hash_table::{Cursor, PIECE_ITEMS_MAX},
        item::{self, Header},
        location::Location,
        slab::Slab,
    },
};

/// Items whose chunks are loaded together before they are read.
const WALK_GROUP: usize = 32;

/// Where a walk stands; the default is the start. A few bytes, to be kept by whoever lists the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk(Cursor);

/// An item as a walk shows it.
#[derive(Clone, Copy, Debug)]
pub struct WalkedItem<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Opaque client flags.
    pub flags: u32,
    /// The CAS number; `None` if nobody was told one so far.
    pub cas: Option<u64>,
    /// When it expires.
    pub deadline: Deadline,
    /// Whether it has been read.
    pub was_fetched: bool,
    /// When it was last accessed, noted once a minute.
    pub accessed: Seconds,
    /// Whether its key was sent in base64 when it was stored.
    pub binary_key: bool,
    /// The number of its slab class, from 1; of a LARGE one the class of its record.
    pub class: u32,
    /// Bytes of the value.
    pub value_len: u64,
    /// Its size in bytes as memcached counts it: key, value, client flags if not 0, and
    /// [`ITEM_OVERHEAD_BYTES`](super::ITEM_OVERHEAD_BYTES).
    pub size_bytes: u64,
}

impl Store {
    /// Shows the next items, as they are now, in no order, and moves the walk behind them. Returns whether there
    /// is more.
    ///
    /// Whatever is in the store from the start of a walk to its end is shown exactly once, if it was written anew
    /// meanwhile, too. What came or went in between is shown once or not at all. Expired items are not shown.
    /// After a [`flush_all`](Store::flush_all) the walk is over.
    ///
    /// `budget` counts items and buckets of the hash table, so that an empty store takes bounded time as well;
    /// up to 329 items more may be shown, as a rule some ten.
    pub fn walk(
        &mut self,
        walk: &mut Walk,
        budget: usize,
        now: Seconds,
        mut visit: impl FnMut(WalkedItem<'_>),
    ) -> bool {
        let mut budget = budget.max(1);
        loop {
            let more = self.gather(&mut walk.0, &mut budget, |_, _, _| true);
            for &location in &self.gathered {
                let header = self.slab.header(location);
                if !header.deadline().is_past(now) {
                    visit(self.walked(location, header));
                }
            }
            if !more || budget == 0 {
                return more;
            }
        }
    }

    /// Collects the next items' locations, of those that are wanted, and starts loading them. False if the walk has
    /// ended.
    #[inline]
    pub(super) fn gather(
        &mut self,
        cursor: &mut Cursor,
        budget: &mut usize,
        mut is_wanted: impl FnMut(&Slab, &mut Counters, Location) -> bool,
    ) -> bool {
        let Store { table, slab, counters, gathered, .. } = self;
        gathered.clear();
        gathered.reserve(WALK_GROUP + PIECE_ITEMS_MAX);
        while *budget > 0 && gathered.len() < WALK_GROUP {
            let mut passed = 1;
            let more = table.walk_piece(cursor, |location| {
                passed += 1;
                if is_wanted(slab, counters, location) {
                    slab.prefetch(location);
                    gathered.push(location);
                }
            });
            if !more {
                return false;
            }
            *budget = budget.saturating_sub(passed);
        }
        true
    }

    #[inline(always)]
    pub(super) fn walked(&self, location: Location, header: Header) -> WalkedItem<'_> {
        let chunk = self.slab.chunk(location);
        let (key, flags) = (item::key(header, chunk), item::flags(header, chunk));
        let value_len = self.value_len(location, header);
        WalkedItem {
            key,
            flags,
            cas: item::cas(header, chunk),
            deadline: header.deadline(),
            was_fetched: header.is_fetched(),
            accessed: item::access(header, chunk),
            binary_key: header.has_binary_key(),
            class: self.class_of_item(location, header).number(),
            value_len,
            size_bytes: counted_bytes(key.len(), value_len, header.has_flags()),
        }
    }
}
