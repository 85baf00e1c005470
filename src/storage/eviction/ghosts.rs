//! Who has left lately: one table of 16-bit fingerprints per shard.
//!
//! An item that is stored again soon after it was evicted was evicted too early. S3-FIFO keeps it from the small queue,
//! and how often it happens tells what more memory would be worth to a class.
//!
//! ```text
//!   | newest | ... | oldest | 0 ... |    a bucket: 32 fingerprints in a cache line, 0 for none
//!
//!   15        3 2     0
//!   key's hash  class                    a fingerprint
//! ```
//!
//! A bucket is a queue: what comes in pushes out its oldest. A key is known whichever class it comes back to, since values
//! that are written anew may have another size; the class's bits tell whether it is the one that it left. Another key's
//! fingerprint is taken for it in one look of about 250, and for one of the same class in one of about 2,000.
//!
//! Memory comes with the evictions and goes with the items, an extent at a time, by linear hashing (Litwin, VLDB 1980)
//! that forgets instead of splitting: the fingerprints whose bucket is now another one are not moved, which the 16 bits
//! would not allow, but left to be pushed out. So no step takes longer than the kernel needs to hand out an extent, and
//! large extents are taken between requests. When all is forgotten the memory goes an extent at a time as well; until
//! it has gone, nothing is remembered.

use crate::storage::{
    reservation::{HUGE_PAGE_BYTES, Population, Reservation},
    slab::ClassId,
};
use std::io;

/// Fingerprints of a bucket.
const SLOTS: usize = 32;

/// The low bits of a fingerprint are its class's.
const CLASS_BITS: u32 = 3;
const CLASS_MASK: u16 = (1 << CLASS_BITS) - 1;

/// What is known of an item that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ghost {
    /// Whether it was of the class that it comes back to.
    pub(super) is_of_class: bool,
}

/// See the module's documentation.
type Bucket = [u16; SLOTS];

/// Memory for ghosts, at most: one part in this many of the memory limit.
pub(in crate::storage) const LIMIT_DIVISOR: usize = 64;

/// The wanted number of fingerprints, in tenths of the number of items. As in the paper, as many as there are items
/// outside of the small queues.
pub(in crate::storage) const ENTRIES_PER_ITEM_TENTHS: usize = 9;

/// The table grows by an extent when this part of an extent's slots has been written since it did last, and is looked at
/// as often for whether it should shrink.
const STEP_DIVISOR: usize = 4;

/// Memory taken at the first eviction, at most, but for a larger extent.
const FIRST_BYTES_MAX: usize = 64 << 10;

/// So many more insertions wait for [`Ghosts::prepare`] to take a huge extent, before one of them does it itself.
const OVERDUE_INSERTS: usize = 16 << 10;

/// The table shrinks when it is larger than wanted by more than one part in this many.
const SHRINK_SLACK_DIVISOR: usize = 4;

/// Extents by memory limit.
const EXTENT_BYTES_SMALL: usize = 4 << 10;
const EXTENT_BYTES_MIDDLE: usize = 64 << 10;
const MIDDLE_LIMIT_BYTES_MIN: usize = 64 << 20;
const HUGE_LIMIT_BYTES_MIN: usize = 512 << 20;

/// An odd number without a pattern in its bits.
const HASH_MIX: u64 = 0xbf58_476d_1ce4_e5b9;

/// See the module's documentation.
pub(super) struct Ghosts {
    buckets: Reservation<Bucket>,
    bytes_max: usize,
    inserts_since_step: usize,
    /// All was forgotten, and the memory is on its way back.
    is_leaving: bool,
}

impl Ghosts {
    /// None yet, with addresses for a memory limit of `limit_bytes_max`.
    ///
    /// # Errors
    /// What the kernel says to reserving addresses.
    pub(super) fn new(limit_bytes: usize, limit_bytes_max: usize, huge_pages: bool) -> io::Result<Self> {
        let extent_bytes = match limit_bytes {
            HUGE_LIMIT_BYTES_MIN.. => HUGE_PAGE_BYTES,
            MIDDLE_LIMIT_BYTES_MIN.. => EXTENT_BYTES_MIDDLE,
            _ => EXTENT_BYTES_SMALL,
        };
        let huge_pages = huge_pages && extent_bytes == HUGE_PAGE_BYTES;
        let reserve = |limit_bytes: usize| Reservation::new(limit_bytes / LIMIT_DIVISOR, extent_bytes, huge_pages);
        let buckets = reserve(limit_bytes_max).or_else(|_| reserve(limit_bytes))?;
        let mut ghosts = Ghosts { buckets, bytes_max: 0, inserts_since_step: 0, is_leaving: false };
        ghosts.set_limit(limit_bytes);
        Ok(ghosts)
    }

    /// Another memory limit. If there are too many ghosts for it, they are forgotten.
    pub(super) fn set_limit(&mut self, limit_bytes: usize) {
        let bytes_max = (limit_bytes / LIMIT_DIVISOR).min(self.buckets.capacity_bytes());
        self.bytes_max = bytes_max / self.buckets.extent_bytes() * self.buckets.extent_bytes();
        self.buckets.open(self.bytes_max);
        if self.buckets.committed_bytes() > self.bytes_max {
            self.clear();
        }
    }

    /// Forgets all. The memory goes with [`give_back`](Self::give_back).
    pub(super) fn clear(&mut self) {
        self.is_leaving = !self.buckets.is_empty();
        self.inserts_since_step = 0;
    }

    /// Gives an extent back to the kernel, if all was forgotten. False if there is none that can go.
    pub(super) fn give_back(&mut self) -> bool {
        if !self.is_leaving {
            return false;
        }
        let released = self.buckets.release_last_extent();
        self.is_leaving = !self.buckets.is_empty();
        released
    }

    /// What [`give_back`](Self::give_back) has still to give back.
    pub(super) fn leaving_bytes(&self) -> usize {
        if self.is_leaving { self.buckets.committed_bytes() } else { 0 }
    }

    /// Memory taken, what is being populated elsewhere included.
    pub(super) fn memory_bytes(&self) -> usize {
        self.buckets.committed_bytes() + self.buckets.coming_bytes()
    }

    /// How many are to be remembered in a store of so many items.
    pub(super) fn capacity(&self, items: usize) -> usize {
        (items * ENTRIES_PER_ITEM_TENTHS / 10).min(self.bytes_max / size_of::<u16>())
    }

    /// Starts loading the bucket of a key. A hint.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        self.buckets.prefetch(self.place(hash).0);
    }

    /// What is known of an item that is stored in this class, if it was evicted lately. It is forgotten then: it is there
    /// again.
    #[inline(always)]
    pub(super) fn take(&mut self, class: ClassId, hash: u64) -> Option<Ghost> {
        if self.is_leaving || self.buckets.is_empty() {
            return None;
        }
        let (bucket, fingerprint) = self.place(hash);
        let taken = take(&mut self.buckets[bucket], fingerprint)?;
        Some(Ghost { is_of_class: taken & CLASS_MASK == class_bits(class) })
    }

    /// An item was evicted; the store has so many.
    #[inline(always)]
    pub(super) fn insert(&mut self, class: ClassId, hash: u64, items: usize) {
        self.inserts_since_step += 1;
        if self.is_due() || self.is_leaving || self.buckets.is_empty() {
            self.step_in_time(items);
            if self.is_leaving || self.buckets.is_empty() {
                return;
            }
        }
        let (bucket, fingerprint) = self.place(hash);
        insert(&mut self.buckets[bucket], fingerprint | class_bits(class));
    }

    /// Whether the table may have to grow or shrink.
    #[inline(always)]
    fn is_due(&self) -> bool {
        self.inserts_since_step * STEP_DIVISOR * size_of::<u16>() >= self.buckets.extent_bytes()
    }

    /// An insertion finds that a step is due.
    #[cold]
    fn step_in_time(&mut self, items: usize) {
        if self.is_leaving {
            self.give_back();
            return;
        }
        let extent_bytes = self.buckets.extent_bytes();
        let first_due = if self.buckets.is_empty() { 1 } else { extent_bytes / (STEP_DIVISOR * size_of::<u16>()) };
        let patience = if extent_bytes == HUGE_PAGE_BYTES { OVERDUE_INSERTS } else { 0 };
        if self.inserts_since_step >= first_due + patience {
            self.step(items);
        }
    }

    /// Has the huge extent that is due populated elsewhere. `None` if none is, or one is ordered already.
    pub(super) fn order_extent(&mut self, items: usize) -> Option<Population> {
        let is_first = self.buckets.is_empty() && self.inserts_since_step > 0;
        let is_huge = self.buckets.extent_bytes() == HUGE_PAGE_BYTES;
        if !is_huge || self.is_leaving || !(is_first || self.is_due()) || !self.is_to_grow(items) {
            return None;
        }
        self.buckets.order_extent()
    }

    /// What was ordered is populated; it goes back to the kernel unless it is `wanted`.
    pub(super) fn end_order(&mut self, wanted: bool) {
        let committed_bytes = self.buckets.committed_bytes();
        let fits = committed_bytes + self.buckets.extent_bytes() <= self.bytes_max;
        self.buckets.end_extent_order(wanted && fits && !self.is_leaving);
        if self.buckets.committed_bytes() > committed_bytes {
            self.inserts_since_step = 0;
        }
    }

    /// Whether the step that is due takes a huge extent, which [`order_extent`](Self::order_extent) can have populated
    /// elsewhere.
    pub(super) fn is_to_order(&self, items: usize) -> bool {
        self.buckets.extent_bytes() == HUGE_PAGE_BYTES && self.is_to_grow(items)
    }

    fn is_to_grow(&self, items: usize) -> bool {
        let taken_bytes = self.buckets.committed_bytes();
        taken_bytes < self.capacity(items) * size_of::<u16>()
            && taken_bytes + self.buckets.extent_bytes() <= self.bytes_max
    }

    /// Takes the step that is due, off the path of requests. True if it did something.
    pub(super) fn prepare(&mut self, items: usize) -> bool {
        let is_first = self.buckets.is_empty() && self.inserts_since_step > 0;
        if self.is_leaving || !(is_first || self.is_due()) {
            return false;
        }
        let taken_bytes = self.buckets.committed_bytes();
        self.step(items);
        if self.buckets.committed_bytes() > taken_bytes {
            self.buckets.populate_last_extent();
        }
        self.buckets.committed_bytes() != taken_bytes
    }

    /// Grows or shrinks by an extent, if that brings the table nearer to its size.
    fn step(&mut self, items: usize) {
        self.inserts_since_step = 0;
        let wanted_bytes = self.capacity(items) * size_of::<u16>();
        let (taken_bytes, extent_bytes) = (self.buckets.committed_bytes(), self.buckets.extent_bytes());
        if self.is_to_grow(items) {
            // At first as much as costs no time, since what the table grows by later is forgotten in the rest.
            let first_bytes = wanted_bytes.min(FIRST_BYTES_MAX);
            // Refused, the table stays as it is: it only knows less.
            while self.buckets.commit_extent().is_ok() && taken_bytes == 0 && self.memory_bytes() < first_bytes {}
        } else if taken_bytes > wanted_bytes + wanted_bytes / SHRINK_SLACK_DIVISOR + extent_bytes {
            self.buckets.release_last_extent();
        }
    }

    /// A key's bucket, which exists unless there is none, and its fingerprint without the class.
    #[inline(always)]
    fn place(&self, hash: u64) -> (usize, u16) {
        let mixed = hash.wrapping_mul(HASH_MIX);
        let buckets = self.buckets.len();
        let mask = buckets.next_power_of_two() - 1;
        let bucket = (mixed >> 16) as usize & mask;
        // A bucket that does not exist yet: its entries are in the one that will split.
        let bucket = if bucket < buckets { bucket } else { bucket & mask >> 1 };
        (bucket, ((mixed >> 48) as u16 & !CLASS_MASK).max(1 << CLASS_BITS))
    }
}

/// What a fingerprint has of its class.
#[inline(always)]
fn class_bits(class: ClassId) -> u16 {
    u16::from(class.0) & CLASS_MASK
}

/// Takes a key's newest fingerprint out, whatever its class.
#[inline(always)]
fn take(bucket: &mut Bucket, fingerprint: u16) -> Option<u16> {
    let mut matching = 0u32;
    for (slot, &stored) in bucket.iter().enumerate() {
        matching |= u32::from(stored & !CLASS_MASK == fingerprint) << slot;
    }
    if matching == 0 {
        return None;
    }
    let slot = matching.trailing_zeros() as usize;
    let taken = bucket[slot];
    bucket.copy_within(slot + 1.., slot);
    bucket[SLOTS - 1] = 0;
    Some(taken)
}

/// Adds a fingerprint; the oldest goes if the bucket is full.
#[inline(always)]
fn insert(bucket: &mut Bucket, fingerprint: u16) {
    bucket.copy_within(..SLOTS - 1, 1);
    bucket[0] = fingerprint;
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: ClassId = ClassId(3);

    /// Hashes as good as ahash's.
    fn hash(number: u64) -> u64 {
        ahash::RandomState::with_seeds(1, 2, 3, 4).hash_one(number)
    }

    fn is_known(ghosts: &mut Ghosts, key: u64) -> bool {
        ghosts.take(CLASS, hash(key)).is_some()
    }

    #[test]
    fn what_left_is_known_once_in_every_class_and_its_own_is_told() {
        let mut ghosts = Ghosts::new(8 << 20, 8 << 20, false).unwrap();
        assert!(!is_known(&mut ghosts, 1));
        assert_eq!(ghosts.memory_bytes(), 0, "no memory before the first eviction");
        for (class, is_of_class) in [(CLASS, true), (ClassId(4), false)] {
            ghosts.insert(CLASS, hash(1), 1000);
            assert_eq!(ghosts.take(class, hash(1)), Some(Ghost { is_of_class }));
            assert_eq!(ghosts.take(class, hash(1)), None);
        }
        assert!(ghosts.memory_bytes() > 0);
    }

    #[test]
    fn the_oldest_go_first_and_few_others_are_mistaken_for_ghosts() {
        const ITEMS: u64 = 40_000;
        let mut ghosts = Ghosts::new(8 << 20, 8 << 20, false).unwrap();
        (0..2 * ITEMS).for_each(|key| ghosts.insert(CLASS, hash(key), ITEMS as usize));
        let slots = (ghosts.memory_bytes() / size_of::<u16>()) as u64;
        assert!((ITEMS * 9 / 10 - 2048..=ITEMS * 9 / 10 + 2048).contains(&slots), "{slots}");
        let strangers = (0..ITEMS).filter(|key| is_known(&mut ghosts, key + (1 << 40))).count();
        assert!(strangers < 200, "{strangers}");
        let young = (2 * ITEMS - slots / 2..2 * ITEMS).filter(|&key| is_known(&mut ghosts, key)).count() as u64;
        assert!(young * 100 > slots / 2 * 97, "{young} of {}", slots / 2);
        let old = (0..2 * ITEMS - 2 * slots).filter(|&key| is_known(&mut ghosts, key)).count();
        assert!(old < 300, "{old}");
    }

    #[test]
    fn it_is_bounded_and_follows_the_number_of_items_down() {
        let mut ghosts = Ghosts::new(8 << 20, 64 << 20, false).unwrap();
        let fill = |ghosts: &mut Ghosts, items: usize| {
            (0..2_000_000).for_each(|key| ghosts.insert(CLASS, hash(key), items));
        };
        fill(&mut ghosts, 10_000_000);
        assert_eq!(ghosts.memory_bytes(), (8 << 20) / LIMIT_DIVISOR);
        fill(&mut ghosts, 10_000);
        assert!(ghosts.memory_bytes() <= 18_000 * 5 / 4 + 2 * EXTENT_BYTES_SMALL, "{}", ghosts.memory_bytes());
        ghosts.set_limit(64 << 20);
        fill(&mut ghosts, 10_000_000);
        assert_eq!(ghosts.memory_bytes(), 1 << 20);
        ghosts.set_limit(8 << 20);
        while ghosts.give_back() {}
        assert_eq!(ghosts.memory_bytes(), 0);
    }

    #[test]
    fn all_is_forgotten_at_once_and_the_memory_goes_step_by_step() {
        let mut ghosts = Ghosts::new(8 << 20, 8 << 20, false).unwrap();
        let fill = |ghosts: &mut Ghosts| (0..100_000).for_each(|key| ghosts.insert(CLASS, hash(key), 20_000));
        fill(&mut ghosts);
        let full_bytes = ghosts.memory_bytes();
        ghosts.clear();
        assert_eq!((ghosts.memory_bytes(), ghosts.leaving_bytes()), (full_bytes, full_bytes));
        assert!((0..100_000).all(|key| !is_known(&mut ghosts, key)));
        assert!(ghosts.give_back());
        assert_eq!(ghosts.memory_bytes(), full_bytes - EXTENT_BYTES_SMALL);
        // Insertions that nobody made way for do it themselves.
        fill(&mut ghosts);
        assert_eq!((ghosts.memory_bytes(), ghosts.leaving_bytes()), (full_bytes, 0));
        assert!(is_known(&mut ghosts, 99_999));
        ghosts.clear();
        while ghosts.give_back() {}
        assert_eq!(ghosts.memory_bytes(), 0);
    }

    #[test]
    fn huge_extents_wait_for_who_prepares_them_but_not_for_ever() {
        const ITEMS: usize = 4_000_000;
        let mut ghosts = Ghosts::new(512 << 20, 512 << 20, false).unwrap();
        let fill = |ghosts: &mut Ghosts, count: usize| {
            (0..count as u64).for_each(|key| ghosts.insert(CLASS, hash(key), ITEMS));
        };
        assert!(!ghosts.prepare(ITEMS), "nobody has left");
        fill(&mut ghosts, 1);
        assert_eq!(ghosts.memory_bytes(), 0);
        assert!(ghosts.prepare(ITEMS));
        assert_eq!(ghosts.memory_bytes(), HUGE_PAGE_BYTES);
        assert!(!ghosts.prepare(ITEMS));
        let interval = HUGE_PAGE_BYTES / STEP_DIVISOR / size_of::<u16>();
        fill(&mut ghosts, interval + OVERDUE_INSERTS - 1);
        assert_eq!(ghosts.memory_bytes(), HUGE_PAGE_BYTES);
        fill(&mut ghosts, 1);
        assert_eq!(ghosts.memory_bytes(), 2 * HUGE_PAGE_BYTES);
        fill(&mut ghosts, interval);
        assert!(ghosts.prepare(ITEMS));
        assert_eq!(ghosts.memory_bytes(), 3 * HUGE_PAGE_BYTES);
    }
}
