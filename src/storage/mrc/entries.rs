//! The entries of a simulated cache: a fixed number of them, found by name, and each in one of several queues.
//!
//! No pointers and no allocation: entries lie in one array, and 16-bit indices link them to buckets and queues.

use crate::clock::Deadline;

/// No entry.
const NONE: u16 = u16::MAX;

/// The most entries that indices can tell apart.
pub(super) const ENTRIES_MAX: usize = NONE as usize;

/// Names are spread over buckets by multiplication with this odd number.
const SPREAD: u32 = 0x9e37_79b9;

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the cache, new: S3-FIFO's small queue.
    Small,
    /// In the cache.
    Main,
    /// No longer in the cache, but still known.
    Ghost,
}

/// What is known of an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    name: u32,
    pub(super) bytes: u32,
    pub(super) deadline: Deadline,
    newer: u16,
    older: u16,
    /// The next one of the same bucket, or the next free one.
    next: u16,
    pub(super) place: Place,
    pub(super) frequency: u8,
}

const _: () = assert!(size_of::<Entry>() == 20);

/// What an entry takes, with its share of the buckets.
pub(super) const ENTRY_BYTES: usize = size_of::<Entry>() + size_of::<u16>();

/// Entries from the oldest to the newest, and the sum of their bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    newest: u16,
    oldest: u16,
    pub(super) len: u16,
    pub(super) bytes: u64,
}

impl Queue {
    pub(super) const EMPTY: Queue = Queue { newest: NONE, oldest: NONE, len: 0, bytes: 0 };

    pub(super) fn oldest(&self) -> Option<u16> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    pub(super) fn push(&mut self, entries: &mut Entries, at: u16) {
        let newest = self.newest;
        let entry = entries.get_mut(at);
        (entry.older, entry.newer) = (newest, NONE);
        self.bytes += u64::from(entry.bytes);
        self.len += 1;
        self.newest = at;
        match newest {
            NONE => self.oldest = at,
            newest => entries.get_mut(newest).newer = at,
        }
    }

    pub(super) fn unlink(&mut self, entries: &mut Entries, at: u16) {
        let Entry { newer, older, bytes, .. } = *entries.get(at);
        self.bytes -= u64::from(bytes);
        self.len -= 1;
        match newer {
            NONE => self.newest = older,
            newer => entries.get_mut(newer).older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => entries.get_mut(older).newer = newer,
        }
    }
}

/// See the module's documentation.
pub(super) struct Entries {
    /// Grows to its capacity, which is the bound, and never beyond.
    entries: Vec<Entry>,
    entries_max: usize,
    heads: Box<[u16]>,
    free: u16,
    used: usize,
}

impl Entries {
    pub(super) fn new(entries_max: usize) -> Self {
        let entries_max = entries_max.clamp(1, ENTRIES_MAX);
        Entries {
            entries: Vec::with_capacity(entries_max),
            entries_max,
            // At most one per entry, at least one for two.
            heads: vec![NONE; (entries_max / 2 + 1).next_power_of_two()].into_boxed_slice(),
            free: NONE,
            used: 0,
        }
    }

    /// What is taken, or will be when all entries are used.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.entries_max * size_of::<Entry>() + self.heads.len() * size_of::<u16>()
    }

    pub(super) fn entries_max(&self) -> usize {
        self.entries_max
    }

    pub(super) fn is_full(&self) -> bool {
        self.used == self.entries_max
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.heads.fill(NONE);
        (self.free, self.used) = (NONE, 0);
    }

    pub(super) fn get(&self, at: u16) -> &Entry {
        &self.entries[usize::from(at)]
    }

    pub(super) fn get_mut(&mut self, at: u16) -> &mut Entry {
        &mut self.entries[usize::from(at)]
    }

    fn bucket(&self, name: u32) -> usize {
        (name.wrapping_mul(SPREAD) >> 8) as usize & (self.heads.len() - 1)
    }

    pub(super) fn find(&self, name: u32) -> Option<u16> {
        let mut at = self.heads[self.bucket(name)];
        while at != NONE {
            let entry = self.get(at);
            if entry.name == name {
                return Some(at);
            }
            at = entry.next;
        }
        None
    }

    /// Adds an entry under a name that is not there, in no queue yet. `None` if all are used.
    pub(super) fn insert(&mut self, name: u32, bytes: u32, deadline: Deadline) -> Option<u16> {
        if self.is_full() {
            return None;
        }
        let bucket = self.bucket(name);
        let next = self.heads[bucket];
        let place = Place::Main;
        let entry = Entry { name, bytes, deadline, newer: NONE, older: NONE, next, place, frequency: 0 };
        let at = self.free;
        let at = if at == NONE {
            self.entries.push(entry);
            (self.entries.len() - 1) as u16
        } else {
            self.free = self.get(at).next;
            *self.get_mut(at) = entry;
            at
        };
        self.heads[bucket] = at;
        self.used += 1;
        Some(at)
    }

    /// Forgets an entry that is in no queue any more.
    pub(super) fn remove(&mut self, at: u16) {
        let Entry { name, next, .. } = *self.get(at);
        let bucket = self.bucket(name);
        if self.heads[bucket] == at {
            self.heads[bucket] = next;
        } else {
            let mut before = self.heads[bucket];
            while self.get(before).next != at {
                before = self.get(before).next;
            }
            self.get_mut(before).next = next;
        }
        self.get_mut(at).next = self.free;
        self.free = at;
        self.used -= 1;
    }

    /// The entries of a queue whose names are not below `limit`, collected for removal.
    pub(super) fn collect_from(&self, queue: &Queue, limit: u32, found: &mut Vec<u16>) {
        let mut at = queue.oldest;
        while at != NONE {
            let entry = self.get(at);
            if entry.name >= limit {
                found.push(at);
            }
            at = entry.newer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, VecDeque};

    #[test]
    fn entries_are_found_by_name_and_queues_keep_their_order() {
        let mut entries = Entries::new(50);
        let mut queue = Queue::EMPTY;
        let (mut model, mut order) = (HashMap::new(), VecDeque::new());
        let mut random = 7u32;
        for _ in 0..5000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let name = random >> 20 & 127;
            match entries.find(name) {
                Some(at) => {
                    assert_eq!(model.remove(&name), Some(entries.get(at).bytes));
                    order.retain(|&other| other != name);
                    queue.unlink(&mut entries, at);
                    entries.remove(at);
                }
                None => {
                    assert!(!model.contains_key(&name));
                    let Some(at) = entries.insert(name, random >> 8, Deadline::NEVER) else {
                        assert_eq!(model.len(), 50);
                        let oldest = queue.oldest().unwrap();
                        assert_eq!(entries.get(oldest).name, order.pop_front().unwrap());
                        model.remove(&entries.get(oldest).name);
                        queue.unlink(&mut entries, oldest);
                        entries.remove(oldest);
                        continue;
                    };
                    queue.push(&mut entries, at);
                    model.insert(name, random >> 8);
                    order.push_back(name);
                }
            }
            assert_eq!(usize::from(queue.len), model.len());
            assert_eq!(queue.bytes, model.values().map(|&bytes| u64::from(bytes)).sum::<u64>());
            assert!(model.keys().all(|&name| entries.find(name).is_some()));
        }
        let mut found = Vec::new();
        entries.collect_from(&queue, 64, &mut found);
        let names: Vec<u32> = found.iter().map(|&at| entries.get(at).name).collect();
        assert_eq!(names, order.iter().copied().filter(|&name| name >= 64).collect::<Vec<_>>());
    }
}
