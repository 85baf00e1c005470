//! The miss-ratio curve: what would more memory buy, and what would less cost? And the duel: would another policy miss
//! less?
//!
//! 1. A sample of the keys is taken by their hashes: all accesses to a sampled key are seen.
//! 2. Caches of a quarter to four times the store's memory are simulated in miniature over this sample (see
//!    `mini_cache`), under the store's own policy. The smaller a cache, the larger its sample: each is simulated with
//!    about as many items.
//! 3. Where the store may choose between two policies, both are simulated; how the two caches of its own size fare
//!    decides (see `contest`).
//! 4. What would have missed at a size is what missed there but not in the store, and of the store's own misses, which
//!    are counted exactly, the part that missed there too.
//!
//! Not distances in an LRU stack, which one pass would give for all sizes (Waldspurger et al., "Efficient MRC
//! Construction with SHARDS", FAST 2015): the store does not evict by LRU, and `tests/miss_ratio_curve.rs` shows where
//! they would be wrong by several percent. So miniature simulations (the same, ATC 2017).
//!
//! It knows no items and no slab: it is told hashes, and what items take.

mod contest;
mod entries;
mod mini_cache;

pub(super) use self::mini_cache::{BANDS, Cost, band_of};

use self::{
    contest::{Contest, Outcome},
    entries::{ENTRIES_MAX, ENTRY_BYTES},
    mini_cache::{MiniCache, Misses, Rule, Shares},
};
use super::eviction::EvictionPolicy;
use crate::clock::Seconds;
use std::cmp::Ordering;

/// The sizes of the simulated caches, in percent of the memory limit.
pub const CURVE_PERCENTS: [u32; 9] = [25, 35, 50, 70, 100, 140, 200, 280, 400];

/// What was counted so long ago counts half.
pub const CURVE_HALF_LIFE_SECONDS: u32 = 3600;

/// The size among them that is the store's own.
const OWN: usize = 4;

const _: () = assert!(CURVE_PERCENTS[OWN] == 100);

/// Memory for the curve of a store, at most: so much, and one part in so many of the memory limit. The same under every
/// policy, so that the choice between two costs no memory.
const BYTES_MAX: usize = 1 << 20;
const LIMIT_DIVISOR: usize = 64;

/// Caches, where there are most.
const CACHES_MAX: usize = 2 * CURVE_PERCENTS.len();

/// The smallest cache begins with a sample of one key in so many; larger ones, in proportion, with fewer.
const SMALLEST_SAMPLES_ONE_IN: u64 = 16;

/// Where policies duel the two caches of the store's own size decide, and have so many eighths of the memory: each more
/// than one of the others, which share the rest.
const OWN_EIGHTHS: usize = 5;

/// Their sample begins with so many times the keys of the smallest cache's, and above this memory limit with fewer in
/// proportion.
const OWN_SAMPLE_FACTOR: f64 = 2.0;
const OWN_SAMPLE_FULL_BYTES: f64 = (24 << 20) as f64;

/// However much of the store's memory is unused, caches are simulated with at least one part in so many of theirs.
const USED_DIVISOR_MAX: u64 = 2;

/// Sampled accesses after which the store's division of memory is looked at again.
const ACCESSES_PER_DIVISION: u32 = 256;

/// The expected hit ratios of a store, or of several together, at other sizes of their memory. Numbers of reads are
/// weighed by their age: see [`CURVE_HALF_LIFE_SECONDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MissRatioCurve {
    /// When counting began.
    pub since: Seconds,
    /// The memory limit in bytes.
    pub limit_bytes: u64,
    /// Reads.
    pub reads: f64,
    /// Reads that missed.
    pub misses: f64,
    /// Items in the simulated cache of the store's own size, on which the expectation for that size rests.
    pub sampled_items: u64,
    /// Reads that would have missed, by size as in [`CURVE_PERCENTS`]; at the store's own size, those that did.
    pub expected_misses: [f64; CURVE_PERCENTS.len()],
}

impl MissRatioCurve {
    /// Adds another store's.
    pub fn merge(&mut self, other: &MissRatioCurve) {
        self.since = self.since.max(other.since);
        self.limit_bytes += other.limit_bytes;
        self.reads += other.reads;
        self.misses += other.misses;
        self.sampled_items += other.sampled_items;
        for (sum, misses) in self.expected_misses.iter_mut().zip(other.expected_misses) {
            *sum += misses;
        }
    }

    /// The hit ratio that was measured, 0 to 1; `None` without reads.
    pub fn hit_ratio(&self) -> Option<f64> {
        (self.reads > 0.0).then(|| 1.0 - self.misses / self.reads)
    }

    /// The expected hit ratio for each size of [`CURVE_PERCENTS`], 0 to 1; `None` without reads.
    pub fn expected_hit_ratios(&self) -> Option<[f64; CURVE_PERCENTS.len()]> {
        (self.reads > 0.0).then(|| self.expected_misses.map(|misses| (1.0 - misses / self.reads).clamp(0.0, 1.0)))
    }
}

/// The simulated caches of a store. See the module's documentation.
pub(super) struct Curve {
    /// For each policy that the store may use, one cache for each size.
    caches: Vec<[MiniCache; CURVE_PERCENTS.len()]>,
    /// Theirs, or ones that they had lately and that were higher: in one place, since most are only looked at.
    ceilings: Vec<[u64; CURVE_PERCENTS.len()]>,
    /// Keys whose mixed hash is below it are in the sample of the smallest cache, and only they are in any.
    ceiling: u64,
    shares: Shares,
    /// Where two policies duel.
    contest: Option<Contest>,
    preferences_changed: bool,
    limit_bytes: u64,
    /// What items take, once some had to leave.
    used_bytes: Option<u64>,
    unused_bytes: u64,
    accesses: u32,
    since: Seconds,
    aged_at: Seconds,
    /// What the caches may take; the same from the start, and asked for every turn.
    memory_bytes: usize,
}

impl Curve {
    /// For a store of this memory limit. `ceiling` is that of a sample of one key in [`Self::SAMPLES_ONE_IN`].
    pub(super) fn new(policy: EvictionPolicy, limit_bytes: usize, ceiling: u64) -> Self {
        let rules: &[Rule] = match policy {
            EvictionPolicy::Duel => &[Rule::Clock, Rule::S3Fifo],
            EvictionPolicy::Clock => &[Rule::Clock],
            EvictionPolicy::S3Fifo => &[Rule::S3Fifo],
        };
        let bytes_max = BYTES_MAX.min(limit_bytes / LIMIT_DIVISOR);
        let duels = policy == EvictionPolicy::Duel;
        let caches = rules.len() * CURVE_PERCENTS.len();
        let cache = |rule: Rule, size: usize| {
            let (percent, is_of_duel) = (CURVE_PERCENTS[size], duels && size == OWN);
            let cache_bytes = match () {
                () if is_of_duel => bytes_max * OWN_EIGHTHS / 8 / rules.len(),
                () if duels => bytes_max * (8 - OWN_EIGHTHS) / 8 / (caches - rules.len()),
                () => bytes_max / caches,
            };
            let share = if is_of_duel {
                OWN_SAMPLE_FACTOR / (limit_bytes as f64 / OWN_SAMPLE_FULL_BYTES).max(1.0)
            } else {
                f64::from(CURVE_PERCENTS[0]) / f64::from(percent)
            };
            let entries_max = (cache_bytes / ENTRY_BYTES).min(ENTRIES_MAX);
            MiniCache::new(rule, full_bytes(limit_bytes as u64, percent), (ceiling as f64 * share) as u64, entries_max)
        };
        let caches: Vec<[MiniCache; _]> =
            rules.iter().map(|&rule| std::array::from_fn(|size| cache(rule, size))).collect();
        let (since, aged_at) = (Seconds(0), Seconds(0));
        let limit_bytes = limit_bytes as u64;
        let memory_bytes = bytes_max + CACHES_MAX * size_of::<MiniCache>();
        let mut curve = Curve {
            caches,
            ceilings: Vec::with_capacity(rules.len()),
            ceiling,
            memory_bytes,
            shares: [1.0; BANDS],
            contest: duels.then(Contest::new),
            preferences_changed: false,
            limit_bytes,
            used_bytes: None,
            unused_bytes: 0,
            accesses: 0,
            since,
            aged_at,
        };
        curve.look_at_ceilings();
        curve
    }

    /// The sample begins with one key in so many.
    pub(super) const SAMPLES_ONE_IN: u64 = SMALLEST_SAMPLES_ONE_IN;

    /// Keys whose mixed hash is not below it are in no sample.
    pub(super) fn ceiling(&self) -> u64 {
        self.ceiling
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// To be asked before each sampled access: whether it is time for [`divide`](Self::divide).
    pub(super) fn wants_division(&mut self) -> bool {
        self.accesses = self.accesses.wrapping_add(1);
        self.accesses % ACCESSES_PER_DIVISION == 1
    }

    /// How the store divides its memory: bytes by band. `unused_bytes` lie in pages that are not full: about a page for
    /// each class in use, whatever the memory. `used_bytes` is what items cost, once some had to leave: then the caches
    /// that duel have just as much.
    pub(super) fn divide(&mut self, bytes: [u64; BANDS], unused_bytes: u64, used_bytes: Option<u64>) {
        self.shares = bytes.map(|bytes| 1.0 / bytes.max(1) as f32);
        (self.unused_bytes, self.used_bytes) = (unused_bytes, used_bytes);
        self.set_capacities();
        if let (Some(contest), [a, b]) = (&mut self.contest, &self.caches[..]) {
            let (a, b) = (a[OWN].items_by_band(), b[OWN].items_by_band());
            contest.divide(std::array::from_fn(|band| a[band].max(b[band])));
            self.preferences_changed = true;
        }
        self.look_at_ceilings();
    }

    pub(super) fn read(&mut self, mixed: u64, cost: Option<Cost>, now: Seconds) {
        let shares = self.shares;
        let mut own = [None; 2];
        self.sampling(mixed).for_each(|(which, cache)| {
            let hit = cache.read(mixed, cost, &shares, now);
            if which % CURVE_PERCENTS.len() == OWN {
                own[which / CURVE_PERCENTS.len()] = Some(hit);
            }
        });
        if let (Some(contest), [Some(clock), Some(s3_fifo)]) = (&mut self.contest, own) {
            let known = cost.map(|cost| band_of(cost.bytes));
            let band = known.or_else(|| self.caches.iter().find_map(|caches| caches[OWN].band_at(mixed)));
            self.preferences_changed |= contest.count(band, Outcome { s3_fifo, clock });
            self.level_samples();
        }
    }

    pub(super) fn write(&mut self, mixed: u64, cost: Cost, now: Seconds) {
        let shares = self.shares;
        self.sampling(mixed).for_each(|(_, cache)| cache.write(mixed, cost, &shares, now));
        self.level_samples();
    }

    pub(super) fn remove(&mut self, mixed: u64) {
        self.sampling(mixed).for_each(|(_, cache)| cache.remove(mixed));
    }

    /// The two caches that duel see the same keys.
    fn level_samples(&mut self) {
        if let [clock, s3_fifo] = &mut self.caches[..] {
            let (clock, s3_fifo) = (&mut clock[OWN], &mut s3_fifo[OWN]);
            match clock.ceiling().cmp(&s3_fifo.ceiling()) {
                Ordering::Equal => {}
                Ordering::Greater => clock.sample_below(s3_fifo.ceiling()),
                Ordering::Less => s3_fifo.sample_below(clock.ceiling()),
            }
        }
    }

    /// Whether preferences may have changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.preferences_changed)
    }

    /// Whether items of a band are better off with S3-FIFO than with CLOCK; `None` where policies do not duel.
    pub(super) fn prefers_s3_fifo(&self, band: usize) -> Option<bool> {
        self.contest.as_ref().map(|contest| contest.prefers_s3_fifo(band))
    }

    fn sampling(&mut self, mixed: u64) -> impl Iterator<Item = (usize, &mut MiniCache)> {
        let all = self.caches.iter_mut().flatten().zip(self.ceilings.iter().flatten()).enumerate();
        let perhaps = all.filter(move |&(_, (_, &ceiling))| mixed < ceiling);
        perhaps.map(|(which, (cache, _))| (which, cache)).filter(move |(_, cache)| mixed < cache.ceiling())
    }

    fn look_at_ceilings(&mut self) {
        self.ceilings.clear();
        self.ceilings.extend(self.caches.iter().map(|caches| caches.each_ref().map(MiniCache::ceiling)));
        self.ceiling = self.ceilings.iter().flatten().copied().max().unwrap_or(0);
    }

    /// The store has another memory limit.
    pub(super) fn set_limit(&mut self, limit_bytes: usize) {
        self.limit_bytes = limit_bytes as u64;
        self.set_capacities();
    }

    fn set_capacities(&mut self) {
        let own_bytes = self.used_bytes.filter(|_| self.contest.is_some());
        for caches in &mut self.caches {
            for (cache, percent) in caches.iter_mut().zip(CURVE_PERCENTS) {
                let all = full_bytes(self.limit_bytes, percent);
                let used = all.saturating_sub(self.unused_bytes).max(all / USED_DIVISOR_MAX);
                cache.set_full_bytes(own_bytes.filter(|_| percent == CURVE_PERCENTS[OWN]).unwrap_or(used));
            }
        }
    }

    /// Everything was removed at once.
    pub(super) fn clear(&mut self) {
        self.caches.iter_mut().flatten().for_each(MiniCache::clear);
        self.contest.iter_mut().for_each(Contest::clear);
        self.used_bytes = None;
    }

    /// By what all counts are to be multiplied now: 1, or less when a half-life is over.
    pub(super) fn age(&mut self, now: Seconds) -> Option<f64> {
        let passed = now.0.saturating_sub(self.aged_at.0) / CURVE_HALF_LIFE_SECONDS;
        if passed == 0 {
            return None;
        }
        self.aged_at = Seconds(self.aged_at.0 + passed * CURVE_HALF_LIFE_SECONDS);
        let factor = 0.5f64.powi(passed.min(64) as i32);
        for cache in self.caches.iter_mut().flatten() {
            cache.age(factor);
            cache.sample_more();
        }
        self.look_at_ceilings();
        Some(factor)
    }

    /// Counts anew from now on. What is in the simulated caches stays.
    pub(super) fn reset(&mut self, now: Seconds) {
        (self.since, self.aged_at) = (now, now);
        self.caches.iter_mut().flatten().for_each(|cache| cache.age(0.0));
    }

    /// What is expected, where the store has had so many reads and misses.
    pub(super) fn report(&self, limit_bytes: usize, reads: u64, misses: u64) -> MissRatioCurve {
        let mut curve = MissRatioCurve {
            since: self.since,
            limit_bytes: limit_bytes as u64,
            reads: reads as f64,
            misses: misses as f64,
            ..MissRatioCurve::default()
        };
        for (size, expected) in curve.expected_misses.iter_mut().enumerate() {
            let of_policies = self.caches.iter().map(|caches| expected_misses(caches[size].misses(), misses as f64));
            // Of two policies the store chooses the one that misses less.
            *expected = of_policies.fold(f64::INFINITY, f64::min).min(reads as f64);
        }
        // What is measured need not be expected.
        curve.expected_misses[OWN] = curve.misses;
        curve.sampled_items = self.caches.iter().map(|caches| caches[OWN].items() as u64).max().unwrap_or(0);
        curve
    }
}

fn full_bytes(limit_bytes: u64, percent: u32) -> u64 {
    limit_bytes * u64::from(percent) / 100
}

/// Of the store's misses, the part that the sample's missed here too; and those that missed here only.
fn expected_misses(sampled: Misses, misses: f64) -> f64 {
    let part = if sampled.store > 0.0 { sampled.both / sampled.store } else { 1.0 };
    misses * part + sampled.own
}

#[cfg(test)]
mod tests;
