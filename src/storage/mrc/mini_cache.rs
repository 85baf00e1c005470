//! One cache of another size, in miniature: it sees the sampled keys only, its capacity is the whole one's in the same
//! proportion, and it keeps no values. It evicts as the store does.
//!
//! After Waldspurger et al., "Cache Modeling and Optimization using Miniature Simulations" (ATC 2017). Its memory is
//! fixed: where it runs out of entries it samples fewer keys, as the fixed-size variant of SHARDS does (FAST 2015).
//!
//! Memory is divided between slab classes by the store, and an item competes with those of its class. The simulation
//! has *bands* of item sizes instead, each with its queues, and lets the band evict that exceeds most the share
//! of the memory that it has in the store.

use super::entries::{Entries, Place, Queue};
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        eviction::{GHOSTS_LIMIT_DIVISOR, GHOSTS_PER_ITEM_TENTHS, READS_TO_STAY, SMALL_SHARE_DIVISOR},
        item::FREQUENCY_MAX,
    },
};

/// The shares of bands of sizes: below 128 bytes, below 256 ..., from 32 KiB on.
pub(in crate::storage) const BANDS: usize = 10;

const FIRST_BAND_BITS: u32 = 6;

/// Bytes of the memory limit for each ghost that there is room for.
const CAPACITY_BYTES_PER_GHOST: u64 = (GHOSTS_LIMIT_DIVISOR * size_of::<u16>()) as u64;

/// Where entries run out, ghosts go first as long as they are more than this share of them.
const GHOST_SHARE_DIVISOR: usize = 3;

/// The sample is made larger again when fewer than one entry in this many is used by items.
const SPARSE_DIVISOR: usize = 4;

/// Which policy is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// 2-bit CLOCK.
    Clock,
    /// S3-FIFO, with CLOCK as its main queue.
    S3Fifo,
}

/// What an item takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) struct Cost {
    /// Memory, its share of the index included.
    pub(in crate::storage) bytes: u32,
    /// Until when.
    pub(in crate::storage) deadline: Deadline,
}

/// By what a band's bytes are to be multiplied to be compared with those of others: the less memory the band has in the
/// store, the more.
pub(super) type Shares = [f32; BANDS];

/// The band of items that take so many bytes.
pub(in crate::storage) fn band_of(bytes: u32) -> usize {
    let bits = bytes.max(1).ilog2().max(FIRST_BAND_BITS);
    ((bits - FIRST_BAND_BITS) as usize).min(BANDS - 1)
}

/// Reads that missed, estimated for all keys from those in the sample.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Misses {
    /// Those of the store.
    pub(super) store: f64,
    /// Those among them that missed here too.
    pub(super) both: f64,
    /// Those that missed here only.
    pub(super) own: f64,
}

/// See the module's documentation.
pub(super) struct MiniCache {
    rule: Rule,
    /// The capacity of the cache that this one stands for, and the same in proportion to the sample.
    full_bytes: u64,
    capacity_bytes: u64,
    /// Keys whose mixed hash is below it are in the sample.
    ceiling: u64,
    ceiling_max: u64,
    /// By how much a mixed hash is shifted to make a name, so that the largest sample uses all bits of it.
    shift: u32,
    /// Accesses for which a sampled one stands.
    weight: f64,
    misses: Misses,
    entries: Entries,
    small: [Queue; BANDS],
    main: [Queue; BANDS],
    ghosts: Queue,
    items: usize,
    used_bytes: u64,
    /// The same by band.
    band_bytes: [u64; BANDS],
    /// Whether something had to leave.
    is_evicting: bool,
}

impl MiniCache {
    /// Begins with the sample below `ceiling_max`.
    pub(super) fn new(rule: Rule, full_bytes: u64, ceiling_max: u64, entries_max: usize) -> Self {
        let mut cache = MiniCache {
            rule,
            full_bytes,
            capacity_bytes: 0,
            ceiling: 0,
            ceiling_max,
            shift: 32u32.saturating_sub(ceiling_max.leading_zeros()),
            weight: 0.0,
            misses: Misses::default(),
            entries: Entries::new(entries_max),
            small: [Queue::EMPTY; BANDS],
            main: [Queue::EMPTY; BANDS],
            ghosts: Queue::EMPTY,
            items: 0,
            used_bytes: 0,
            band_bytes: [0; BANDS],
            is_evicting: false,
        };
        cache.set_ceiling(ceiling_max);
        cache
    }

    pub(super) fn ceiling(&self) -> u64 {
        self.ceiling
    }

    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.entries.memory_bytes()
    }

    /// Items in the cache.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// The same by band.
    pub(super) fn items_by_band(&self) -> [u32; BANDS] {
        std::array::from_fn(|band| u32::from(self.small[band].len) + u32::from(self.main[band].len))
    }

    pub(super) fn misses(&self) -> Misses {
        self.misses
    }

    /// Makes what was counted weigh less, by a factor.
    pub(super) fn age(&mut self, factor: f64) {
        let Misses { store, both, own } = self.misses;
        self.misses = Misses { store: store * factor, both: both * factor, own: own * factor };
    }

    /// Forgets all items.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        (self.small, self.main, self.ghosts) = ([Queue::EMPTY; BANDS], [Queue::EMPTY; BANDS], Queue::EMPTY);
        (self.items, self.used_bytes, self.band_bytes, self.is_evicting) = (0, 0, [0; BANDS], false);
    }

    /// Stands for a cache of another capacity from now on.
    pub(super) fn set_full_bytes(&mut self, full_bytes: u64) {
        self.full_bytes = full_bytes;
        self.set_ceiling(self.ceiling);
    }

    fn set_ceiling(&mut self, ceiling: u64) {
        self.ceiling = ceiling;
        let share = (ceiling as f64 / 2f64.powi(64)).max(f64::MIN_POSITIVE);
        self.weight = 1.0 / share;
        self.capacity_bytes = (self.full_bytes as f64 * share) as u64;
    }

    /// The band of an item that is in the cache, by its key.
    pub(super) fn band_at(&self, mixed: u64) -> Option<usize> {
        self.find_item(mixed).map(|at| band_of(self.entries.get(at).bytes))
    }

    /// A read of a sampled key. `cost` is that of the store's item, if it has one. True if it was there.
    pub(super) fn read(&mut self, mixed: u64, cost: Option<Cost>, shares: &Shares, now: Seconds) -> bool {
        let misses = self.misses_of(mixed, cost, now);
        match (cost, misses) {
            (None, true) => self.misses.both += self.weight,
            (Some(cost), true) => {
                self.misses.own += self.weight;
                // Whoever asks would have filled it in.
                self.insert(mixed, cost, shares, now);
            }
            (_, false) => {}
        }
        if cost.is_none() {
            self.misses.store += self.weight;
        }
        !misses
    }

    fn misses_of(&mut self, mixed: u64, cost: Option<Cost>, now: Seconds) -> bool {
        let Some(at) = self.find_item(mixed) else { return true };
        let entry = self.entries.get_mut(at);
        if entry.deadline.is_past(now) {
            self.forget(at);
            return true;
        }
        entry.frequency = (entry.frequency + 1).min(FREQUENCY_MAX as u8);
        if let Some(cost) = cost {
            entry.deadline = cost.deadline;
        }
        false
    }

    /// A write of a sampled key.
    pub(super) fn write(&mut self, mixed: u64, cost: Cost, shares: &Shares, now: Seconds) {
        let Some(at) = self.find_item(mixed) else { return self.insert(mixed, cost, shares, now) };
        if self.entries.get(at).bytes != cost.bytes {
            let place = self.entries.get(at).place;
            self.unlink(at);
            self.entries.get_mut(at).bytes = cost.bytes;
            self.push(at, place);
            self.make_room(0, shares, now);
        }
        // It may have had to leave.
        if let Some(at) = self.find_item(mixed) {
            self.entries.get_mut(at).deadline = cost.deadline;
        }
    }

    /// A removal of a sampled key.
    pub(super) fn remove(&mut self, mixed: u64) {
        if let Some(at) = self.find_item(mixed) {
            self.forget(at);
        }
    }

    fn find_item(&self, mixed: u64) -> Option<u16> {
        self.entries.find(self.name(mixed)).filter(|&at| self.entries.get(at).place != Place::Ghost)
    }

    fn name(&self, mixed: u64) -> u32 {
        (mixed >> self.shift) as u32
    }

    fn insert(&mut self, mixed: u64, Cost { bytes, deadline }: Cost, shares: &Shares, now: Seconds) {
        let name = self.name(mixed);
        let ghost = self.entries.find(name);
        if let Some(ghost) = ghost {
            self.forget(ghost);
        }
        self.make_room(u64::from(bytes), shares, now);
        if self.used_bytes + u64::from(bytes) > self.capacity_bytes {
            return;
        }
        while self.entries.is_full() {
            match self.ghosts.oldest() {
                Some(oldest) if usize::from(self.ghosts.len) * GHOST_SHARE_DIVISOR > self.entries.entries_max() => {
                    self.forget(oldest);
                }
                _ => self.sample_fewer(),
            }
        }
        // Room was made by taking fewer keys into the sample: this one may be none of them any more.
        if mixed < self.ceiling
            && let Some(at) = self.entries.insert(name, bytes, deadline)
        {
            let starts_small = self.rule == Rule::S3Fifo && ghost.is_none() && self.small_has_room(band_of(bytes));
            self.push(at, if starts_small { Place::Small } else { Place::Main });
        }
    }

    /// As long as nobody has to leave, what is too much for the small queue goes to the main one untried.
    fn small_has_room(&self, band: usize) -> bool {
        let (small, main) = (self.small[band].bytes, self.main[band].bytes);
        band < BANDS - 1 && (self.is_evicting || small * SMALL_SHARE_DIVISOR as u64 <= small + main)
    }

    fn make_room(&mut self, bytes: u64, shares: &Shares, now: Seconds) {
        while self.used_bytes > 0 && self.used_bytes + bytes > self.capacity_bytes {
            self.is_evicting = true;
            let (mut band, mut most) = (0, -1.0);
            for (candidate, (&bytes, &share)) in self.band_bytes.iter().zip(shares).enumerate() {
                let excess = bytes as f32 * share;
                if excess > most {
                    (band, most) = (candidate, excess);
                }
            }
            while !self.evict_from(band, now) {}
        }
    }

    /// One step of eviction. True if an item has left, or the band has none; else one has lost one of its lives.
    fn evict_from(&mut self, band: usize, now: Seconds) -> bool {
        let (small, main) = (&self.small[band], &self.main[band]);
        let is_small_over = small.bytes * SMALL_SHARE_DIVISOR as u64 > small.bytes + main.bytes;
        let first = if is_small_over { small.oldest() } else { main.oldest() };
        let Some(at) = first.or(small.oldest()).or(main.oldest()) else { return true };
        let entry = *self.entries.get(at);
        match (entry.place, entry.frequency) {
            _ if entry.deadline.is_past(now) => self.forget(at),
            (Place::Small, frequency) if u64::from(frequency) >= READS_TO_STAY => {
                self.pass_on(at, frequency);
                return false;
            }
            (Place::Small, _) => {
                self.unlink(at);
                self.push(at, Place::Ghost);
                self.bound_ghosts();
            }
            (_, 0) => self.forget(at),
            (_, frequency) => {
                self.pass_on(at, frequency - 1);
                return false;
            }
        }
        true
    }

    /// To the main queue's end.
    fn pass_on(&mut self, at: u16, frequency: u8) {
        self.unlink(at);
        self.entries.get_mut(at).frequency = frequency;
        self.push(at, Place::Main);
    }

    fn bound_ghosts(&mut self) {
        let by_items = self.items * GHOSTS_PER_ITEM_TENTHS / 10;
        let by_memory = (self.capacity_bytes / CAPACITY_BYTES_PER_GHOST) as usize;
        if usize::from(self.ghosts.len) > by_items.min(by_memory)
            && let Some(oldest) = self.ghosts.oldest()
        {
            self.forget(oldest);
        }
    }

    fn push(&mut self, at: u16, place: Place) {
        self.entries.get_mut(at).place = place;
        let bytes = self.entries.get(at).bytes;
        let queue = match place {
            Place::Small => &mut self.small[band_of(bytes)],
            Place::Main => &mut self.main[band_of(bytes)],
            Place::Ghost => return self.ghosts.push(&mut self.entries, at),
        };
        queue.push(&mut self.entries, at);
        self.items += 1;
        self.used_bytes += u64::from(bytes);
        self.band_bytes[band_of(bytes)] += u64::from(bytes);
    }

    fn unlink(&mut self, at: u16) {
        let entry = *self.entries.get(at);
        let queue = match entry.place {
            Place::Small => &mut self.small[band_of(entry.bytes)],
            Place::Main => &mut self.main[band_of(entry.bytes)],
            Place::Ghost => return self.ghosts.unlink(&mut self.entries, at),
        };
        queue.unlink(&mut self.entries, at);
        self.items -= 1;
        self.used_bytes -= u64::from(entry.bytes);
        self.band_bytes[band_of(entry.bytes)] -= u64::from(entry.bytes);
    }

    fn forget(&mut self, at: u16) {
        self.unlink(at);
        self.entries.remove(at);
    }

    /// Takes a quarter of the keys out of the sample.
    fn sample_fewer(&mut self) {
        self.sample_below(self.ceiling / 4 * 3);
    }

    /// Takes those keys out of the sample whose mixed hash is not below this ceiling, which is a lower one.
    pub(super) fn sample_below(&mut self, ceiling: u64) {
        self.set_ceiling(ceiling);
        let limit = self.name(self.ceiling);
        let mut leaving = Vec::new();
        for queue in self.small.iter().chain(&self.main).chain([&self.ghosts]) {
            self.entries.collect_from(queue, limit, &mut leaving);
        }
        leaving.into_iter().for_each(|at| self.forget(at));
    }

    /// Takes more keys into the sample, if there are entries for them: items have become larger.
    pub(super) fn sample_more(&mut self) {
        if self.is_evicting && self.items * SPARSE_DIVISOR < self.entries.entries_max() {
            self.set_ceiling(self.ceiling.saturating_mul(2).min(self.ceiling_max));
        }
    }
}
