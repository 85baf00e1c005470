//! What leaves the store without having been asked to, for those who want to know: `watch evictions`, a replica.

use super::{Store, WalkedItem};
use crate::clock::{Deadline, Seconds};

/// Removals kept until they are taken, in bytes of keys and records. What comes beyond that is counted, not kept.
pub const REMOVALS_BYTES_MAX: usize = 64 << 10;

/// Why an item left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Room was needed; it had not expired.
    Evicted,
    /// Room was needed, and it had expired.
    Reclaimed,
    /// It had expired, and a crawl found it.
    Crawled,
}

/// An item that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Why.
    pub reason: Reason,
    /// When it would have expired, or did.
    pub deadline: Deadline,
    /// Whether it had ever been read.
    pub was_fetched: bool,
    /// The number of its slab class, from 1.
    pub class: u32,
    /// Its size in bytes as memcached counts it; see [`WalkedItem::size_bytes`].
    pub size_bytes: u64,
    /// Bytes of its value.
    pub value_len: u64,
    /// When it was last accessed, noted once a minute.
    pub accessed: Seconds,
}

/// A [`Removal`] whose key is in a common buffer.
#[derive(Clone, Copy, Debug)]
struct Record {
    key_len: usize,
    reason: Reason,
    deadline: Deadline,
    was_fetched: bool,
    class: u32,
    size_bytes: u64,
    value_len: u64,
    accessed: Seconds,
}

/// The removals that wait to be taken.
#[derive(Debug, Default)]
pub(super) struct Removals {
    pub(super) is_on: bool,
    records: Vec<Record>,
    /// The records' keys, one behind the other.
    keys: Vec<u8>,
    dropped: u64,
}

impl Removals {
    fn note(&mut self, item: &WalkedItem<'_>, reason: Reason) {
        let &WalkedItem { key, deadline, was_fetched, class, size_bytes, value_len, accessed, .. } = item;
        let kept_bytes = self.keys.len() + self.records.len() * size_of::<Record>();
        if kept_bytes + key.len() + size_of::<Record>() > REMOVALS_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        self.keys.extend_from_slice(key);
        self.records.push(Record {
            key_len: key.len(),
            reason,
            deadline,
            was_fetched,
            class,
            size_bytes,
            value_len,
            accessed,
        });
    }
}

impl Store {
    /// Switches on or off that removals are kept to be taken. Off forgets those that wait.
    pub fn observe_removals(&mut self, on: bool) {
        self.removals = Removals { is_on: on, ..Removals::default() };
    }

    /// Shows the removals since the last call, oldest first, and forgets them. Returns how many more there were
    /// for which [`REMOVALS_BYTES_MAX`] had no room.
    pub fn take_removals(&mut self, mut visit: impl FnMut(Removal<'_>)) -> u64 {
        let Removals { records, keys, dropped, .. } = &mut self.removals;
        let mut rest = keys.as_slice();
        for &Record { key_len, reason, deadline, was_fetched, class, size_bytes, value_len, accessed } in records.iter()
        {
            let (key, behind) = rest.split_at(key_len);
            rest = behind;
            visit(Removal { key, reason, deadline, was_fetched, class, size_bytes, value_len, accessed });
        }
        records.clear();
        keys.clear();
        std::mem::take(dropped)
    }

    /// Keeps the removal of an item that is still there.
    #[cold]
    pub(super) fn note_removal(&mut self, location: crate::storage::location::Location, reason: Reason) {
        let mut removals = std::mem::take(&mut self.removals);
        removals.note(&self.walked(location, self.slab.header(location)), reason);
        self.removals = removals;
    }
}
