//! From a key's hash to its item's location. Must not know what an item is: it never reads one, but asks its
//! caller whether a location holds the wanted key.
//!
//! In plain steps: the top bits of the hash pick an entry of the directory; the entry names a segment of 64
//! buckets; the lowest six bits pick the home bucket; a 16-bit tag from just below the directory's bits picks
//! the slots worth looking at. If an item's home is full it lives in its alternate bucket, `home ^ f(tag)`, and
//! the home counts it. When both are full and nothing can be displaced, the segment is split in two by the next
//! bit of the hash: about 5 µs for at most 640 items. There is no other growth, so no pause.
//!
//! ```text
//!   hash  63          48-b              6        0
//!         | directory ... |  free ...   | bucket |
//!         | b |  tag (16) |
//! ```
//!
//! The `b` base bits are common to no two initial segments; a segment's further splits are decided by bits that
//! are also tag bits, so a split moves tags and reads no key. The directory is made at its full size, 1/2048 of
//! the memory limit: it grows only with that, in steps, and at most [`TAG_BITS_CONSUMED_MAX`] of a tag's 16 bits can become
//! common to a segment. Beyond that a segment does not split; [`Full`] names its bucket and the owner evicts
//! there. Only hashes that collide on purpose get so far.
//!
//! The hash's bits in [`UNUSED_HASH_BITS`] decide nothing here: a router picks the shard from them.
//!
//! After Lu et al., "Dash: Scalable Hashing on Persistent Memory" (VLDB 2020), for one thread.

mod bucket;
mod segment;
mod supply;
mod walk;

pub(super) use self::walk::{Cursor, PIECE_ITEMS_MAX};

use self::{
    bucket::{Bucket, SLOTS},
    segment::{BUCKETS, Segment, alternate},
};
use super::{
    location::{ADDRESSABLE_BYTES, Location},
    reservation::{HUGE_PAGE_BYTES, Reservation},
};
use std::{io, ops::Range};

/// How many bits of a tag can become common to all tags of a segment, at most.
const TAG_BITS_CONSUMED_MAX: u32 = 7;

/// How many more may, once the memory limit has been raised: tags that tell fewer items apart cost some lookups a
/// look at a wrong item, and are worth it only then.
const GROWTH_BITS_MAX: u32 = 4;

/// The memory limit may be raised to this many times the first one before the index stops growing with it.
pub(super) const GROWTH_FACTOR_MAX: usize = 1 << GROWTH_BITS_MAX;

/// Bits of the directory of a store that has all the memory that can be addressed.
const DIRECTORY_BITS_MAX: u32 = base_bits(ADDRESSABLE_BYTES) + TAG_BITS_CONSUMED_MAX;

/// Bits of a hash that the table of a store of up to 32 GiB does not look at.
pub const UNUSED_HASH_BITS: Range<u32> = BUCKETS.ilog2()..33;

/// One initial segment (4 KiB) for this much memory: few enough to be cheap for big items; small ones split.
const LIMIT_BYTES_PER_INITIAL_SEGMENT: usize = 1 << 20;

/// At this memory limit and above the index takes memory in huge pages.
const HUGE_PAGES_LIMIT_BYTES_MIN: usize = 128 << 20;

const SMALL_EXTENT_BYTES: usize = 64 << 10;

/// Access is asked for at once to one part in this many of the memory limit. More is hardly needed: an item has some 10
/// bytes of index and at least 16 of its own.
const OPEN_DIVISOR: usize = 2;

/// Entries of a larger directory that are written in one step of making it.
const DIRECTORY_STEP_ENTRIES: usize = 16 << 10;

/// A directory that will take the place of the present one.
struct Growing {
    /// As much of it as has been made.
    directory: Vec<u32>,
    bits: u32,
}

/// An insertion found no slot: both buckets of the hash are full and their segment cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// See the module's documentation.
pub(super) struct HashTable {
    /// Segment numbers, by the top `directory_bits` of the hash.
    directory: Box<[u32]>,
    directory_bits: u32,
    /// What `directory_bits` may become: segments have addresses for that.
    directory_bits_max: u32,
    /// A larger directory that is being made.
    growing: Option<Growing>,
    base_bits: u32,
    buckets: Reservation<Bucket>,
    /// Number of leading hash bits common to a segment's items, by segment in use.
    depths: Vec<u8>,
    /// Initial segments that have not been needed yet; see `supply`. At least 1, which stands for none.
    unassigned: usize,
    /// Segments below this number that are not in use may hold something forgotten.
    dirty_segments: usize,
    /// Initial segments below this number have been touched, or populated ahead.
    populated_segments: usize,
    /// How many more segments than usual are to be ready for coming splits.
    lead_segments: usize,
    len: usize,
    /// Counts from 1 how often everything was forgotten.
    generation: u32,
}

impl HashTable {
    /// A table for a store of this memory limit.
    ///
    /// # Errors
    /// What the kernel says to reserving or committing memory.
    pub(super) fn new(memory_limit_bytes: usize, huge_pages: bool) -> io::Result<Self> {
        let base_bits = base_bits(memory_limit_bytes);
        let directory_bits = base_bits + TAG_BITS_CONSUMED_MAX;
        debug_assert!(48 - base_bits >= UNUSED_HASH_BITS.end, "memory limit");
        let big = memory_limit_bytes >= HUGE_PAGES_LIMIT_BYTES_MIN;
        let extent_bytes = if big { HUGE_PAGE_BYTES } else { SMALL_EXTENT_BYTES };
        let reserve = |bits| Reservation::new(size_of::<Segment>() << bits, extent_bytes, huge_pages && big);
        let roomy_bits = (directory_bits + GROWTH_BITS_MAX).min(DIRECTORY_BITS_MAX).max(directory_bits);
        let (directory_bits_max, buckets) = match reserve(roomy_bits) {
            Ok(buckets) => (roomy_bits, buckets),
            // Addresses may be scarce; growing beyond the limit at the start is not worth failing for.
            Err(_) => (directory_bits, reserve(directory_bits)?),
        };
        let mut table = HashTable {
            directory: vec![0; 1 << directory_bits].into_boxed_slice(),
            directory_bits,
            directory_bits_max,
            growing: None,
            base_bits,
            buckets,
            // At its full size, so that it is never copied.
            depths: Vec::with_capacity(1 << directory_bits_max),
            unassigned: 1,
            dirty_segments: 0,
            populated_segments: 0,
            lead_segments: 0,
            len: 0,
            generation: 1,
        };
        table.open(memory_limit_bytes);
        while table.buckets.committed_bytes() < size_of::<Segment>() << base_bits {
            table.buckets.commit_extent()?;
        }
        table.forget_segments();
        Ok(table)
    }

    /// Begins to make the directory large enough for another memory limit, as far as addresses have been reserved. It
    /// never becomes smaller.
    pub(super) fn make_room_for(&mut self, memory_limit_bytes: usize) {
        self.open(memory_limit_bytes);
        let wanted = (base_bits(memory_limit_bytes) + TAG_BITS_CONSUMED_MAX).min(self.directory_bits_max);
        let planned = self.growing.as_ref().map_or(self.directory_bits, |growing| growing.bits);
        if wanted > planned {
            self.growing = Some(Growing { directory: Vec::with_capacity(1 << wanted), bits: wanted });
        }
    }

    /// A step of making the directory larger, some 20 µs, if that was begun. True if more waits.
    #[inline]
    pub(super) fn grow_directory(&mut self) -> bool {
        self.growing.is_some() && self.grow_directory_some()
    }

    #[cold]
    fn grow_directory_some(&mut self) -> bool {
        let Some(growing) = &mut self.growing else { return false };
        let copies_bits = growing.bits - self.directory_bits;
        let copied = growing.directory.len() >> copies_bits;
        let end = self.directory.len().min(copied + (DIRECTORY_STEP_ENTRIES >> copies_bits).max(1));
        for &entry in &self.directory[copied..end] {
            growing.directory.extend(std::iter::repeat_n(entry, 1 << copies_bits));
        }
        if end < self.directory.len() {
            return true;
        }
        self.directory_bits = growing.bits;
        self.directory = std::mem::take(&mut growing.directory).into_boxed_slice();
        self.growing = None;
        false
    }

    /// Number of items.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Asks for access to as much memory as a store of this limit may need at its smallest items.
    fn open(&mut self, memory_limit_bytes: usize) {
        self.buckets.open(memory_limit_bytes / OPEN_DIVISOR);
    }

    /// Committed memory, directory included; and what is being populated elsewhere.
    pub(super) fn memory_bytes(&self) -> usize {
        let growing = self.growing.as_ref().map_or(0, |growing| growing.directory.len());
        let buckets_bytes = self.buckets.committed_bytes() + self.buckets.coming_bytes();
        buckets_bytes + (self.directory.len() + growing) * size_of::<u32>() + self.depths.len()
    }

    /// Bytes of the heap that it holds, room to grow into included.
    pub(super) fn heap_bytes(&self) -> usize {
        let growing = self.growing.as_ref().map_or(0, |growing| growing.directory.capacity());
        (self.directory.len() + growing) * size_of::<u32>() + self.depths.capacity()
    }

    /// By how much memory grows when it grows.
    pub(super) fn extent_bytes(&self) -> usize {
        self.buckets.extent_bytes()
    }

    #[inline(always)]
    fn tag(&self, hash: u64) -> u16 {
        (hash >> (48 - self.base_bits)) as u16
    }

    /// The number of the hash's segment's first bucket.
    #[inline(always)]
    fn segment_start(&self, hash: u64) -> usize {
        self.directory[(hash >> (64 - self.directory_bits)) as usize] as usize * BUCKETS
    }

    #[inline(always)]
    fn home(hash: u64) -> usize {
        hash as usize & (BUCKETS - 1)
    }

    fn segment_mut(&mut self, start: usize) -> &mut Segment {
        // A slice of BUCKETS converts to an array of BUCKETS.
        self.buckets[start..].first_chunk_mut().expect("segments are committed whole")
    }

    /// Starts loading the home bucket.
    #[inline(always)]
    pub(super) fn prefetch_home(&self, hash: u64) {
        self.buckets.prefetch(self.segment_start(hash) + Self::home(hash));
    }

    /// The first location that the home bucket (loaded by now, one hopes) suggests. If it suggests none but the
    /// item may be in its alternate bucket, starts loading that.
    #[inline(always)]
    pub(super) fn candidate_at_home(&self, hash: u64) -> Candidate {
        let (start, home, tag) = (self.segment_start(hash), Self::home(hash), self.tag(hash));
        let bucket = &self.buckets[start + home];
        if let Some(slot) = bucket.matches(tag).next() {
            return Candidate::At(Location(bucket.location(slot)));
        }
        if bucket.overflow() == 0 {
            return Candidate::Absent;
        }
        self.buckets.prefetch(start + alternate(home, tag));
        Candidate::PerhapsAlternate
    }

    /// The first location that the alternate bucket suggests.
    #[inline(always)]
    pub(super) fn candidate_at_alternate(&self, hash: u64) -> Option<Location> {
        let tag = self.tag(hash);
        let bucket = &self.buckets[self.segment_start(hash) + alternate(Self::home(hash), tag)];
        bucket.matches(tag).next().map(|slot| Location(bucket.location(slot)))
    }

    /// The location for which `is_wanted` says yes, among those whose tag fits.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, mut is_wanted: impl FnMut(Location) -> bool) -> Option<Location> {
        let (start, home, tag) = (self.segment_start(hash), Self::home(hash), self.tag(hash));
        let bucket = &self.buckets[start + home];
        for slot in bucket.matches(tag) {
            let location = Location(bucket.location(slot));
            if is_wanted(location) {
                return Some(location);
            }
        }
        if bucket.overflow() == 0 {
            return None;
        }
        let bucket = &self.buckets[start + alternate(home, tag)];
        let found = bucket.matches(tag).find(|&slot| is_wanted(Location(bucket.location(slot))));
        found.map(|slot| Location(bucket.location(slot)))
    }

    /// Adds a location under a hash. The key must be absent. `may_commit` allows taking more memory.
    ///
    /// # Errors
    /// [`Full`] if there is no slot and no split may make one.
    pub(super) fn insert(&mut self, hash: u64, location: Location, may_commit: bool) -> Result<(), Full> {
        let (home, tag) = (Self::home(hash), self.tag(hash));
        if self.segment_start(hash) == 0 && self.unassigned > 1 {
            self.assign_initial_segment(hash);
        }
        // Each failed round deepens the segment by one bit, of which there are TAG_BITS_CONSUMED_MAX.
        loop {
            let start = self.segment_start(hash);
            if segment::place(self.segment_mut(start), home, tag, location.0) {
                self.len += 1;
                return Ok(());
            }
            self.split(hash, may_commit)?;
        }
    }

    /// The locations in both buckets of a hash: whom to evict after [`Full`].
    pub(super) fn neighbours(&self, hash: u64) -> Vec<Location> {
        let (start, home) = (self.segment_start(hash), Self::home(hash));
        let mut locations = Vec::with_capacity(2 * SLOTS);
        for bucket in [home, alternate(home, self.tag(hash))] {
            let bucket = &self.buckets[start + bucket];
            locations.extend(bucket.occupied().map(|slot| Location(bucket.location(slot))));
        }
        locations
    }

    /// Removes a location. False if it is not stored under this hash.
    pub(super) fn remove(&mut self, hash: u64, location: Location) -> bool {
        let Some((bucket, slot)) = self.slot(hash, location) else { return false };
        if self.buckets[bucket].is_alternate(slot) {
            let home = self.segment_start(hash) + Self::home(hash);
            self.buckets[home].overflow_sub();
        }
        self.buckets[bucket].clear(slot);
        self.len -= 1;
        true
    }

    /// Exchanges a location for another. False if it is not stored under this hash.
    pub(super) fn replace(&mut self, hash: u64, old: Location, new: Location) -> bool {
        let Some((bucket, slot)) = self.slot(hash, old) else { return false };
        self.buckets[bucket].set_location(slot, new.0);
        true
    }

    fn slot(&self, hash: u64, location: Location) -> Option<(usize, usize)> {
        let (start, home, tag) = (self.segment_start(hash), Self::home(hash), self.tag(hash));
        let in_bucket = |number: usize| {
            let bucket = &self.buckets[number];
            bucket.matches(tag).find(|&slot| bucket.location(slot) == location.0).map(|slot| (number, slot))
        };
        in_bucket(start + home).or_else(|| in_bucket(start + alternate(home, tag)))
    }

    #[cold]
    fn split(&mut self, hash: u64, may_commit: bool) -> Result<(), Full> {
        let low_start = self.segment_start(hash);
        let depth = u32::from(self.depths[low_start / BUCKETS]);
        if depth == self.directory_bits {
            if self.growing.is_none() {
                return Err(Full);
            }
            // What is needed now cannot wait for the steps.
            while self.grow_directory() {}
        }
        if !self.has_room_to_split(may_commit) {
            return Err(Full);
        }
        self.depths[low_start / BUCKETS] += 1;
        let high_number = self.take_segment(depth + 1);

        // A new segment's number is above every older one's.
        let (lower, upper) = self.buckets.split_at_mut(high_number * BUCKETS);
        let segments = (lower[low_start..].first_chunk_mut(), upper.first_chunk_mut());
        let (Some(low), Some(high)) = segments else { return Err(Full) };
        segment::split(low, high, 15 - (depth - self.base_bits));

        let entries = 1 << (self.directory_bits - depth);
        let first = (hash >> (64 - self.directory_bits)) as usize & !(entries - 1);
        self.point(first + entries / 2..first + entries, high_number);
        Ok(())
    }

    /// Lets entries of the directory, and of one that is being made, name a segment.
    fn point(&mut self, entries: Range<usize>, number: usize) {
        self.directory[entries.clone()].fill(number as u32);
        if let Some(growing) = &mut self.growing {
            let copies_bits = growing.bits - self.directory_bits;
            let made = growing.directory.len();
            let (start, end) = (entries.start << copies_bits, entries.end << copies_bits);
            growing.directory[start.min(made)..end.min(made)].fill(number as u32);
        }
    }

    /// Every stored location, in no order.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn locations(&self) -> impl Iterator<Item = Location> + '_ {
        let used = &self.buckets[..self.depths.len() * BUCKETS];
        used.iter().flat_map(|bucket| bucket.occupied().map(|slot| Location(bucket.location(slot))))
    }

    /// Panics if the counts disagree with the slots.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn check_invariants(&self) {
        assert_eq!(self.locations().count(), self.len, "item count");
        self.check_supply();
        for start in (0..self.depths.len()).map(|number| number * BUCKETS) {
            let mut overflow = [0; BUCKETS];
            for (number, bucket) in self.buckets[start..start + BUCKETS].iter().enumerate() {
                for slot in bucket.occupied().filter(|&slot| bucket.is_alternate(slot)) {
                    overflow[alternate(number, bucket.tag(slot))] += 1;
                }
            }
            for (bucket, &count) in self.buckets[start..start + BUCKETS].iter().zip(&overflow) {
                assert_eq!(bucket.overflow(), count, "overflow count");
            }
        }
    }
}

/// Bits of the hash that tell the initial segments of a store of this memory limit apart.
const fn base_bits(memory_limit_bytes: usize) -> u32 {
    let segments = memory_limit_bytes / LIMIT_BYTES_PER_INITIAL_SEGMENT;
    if segments < 2 { 1 } else { segments.ilog2() }
}

/// What a home bucket says about a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// The item, if present, is probably here.
    At(Location),
    /// The item is not present.
    Absent,
    /// Only the alternate bucket can tell.
    PerhapsAlternate,
}

#[cfg(test)]
mod tests;
