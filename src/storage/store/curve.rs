//! What the miss-ratio curve is told: reads and misses, what sampled items take, how memory is divided. And what it
//! says to eviction: which policy is better.

use super::{Store, sampled::Access};
use crate::{
    clock::Seconds,
    storage::{
        location::{Location, PAGE_BYTES},
        mrc::{BANDS, Cost, MissRatioCurve, band_of},
        slab::ClassId,
    },
};

/// An item's share of the index: ten slots to 64 bytes, of which some are free.
const INDEX_BYTES_PER_ITEM: usize = 9;

impl Store {
    /// Counts a read for the curve: it must know the number of all of them.
    #[inline(always)]
    pub(super) fn count_read(&mut self) {
        self.reads += 1;
    }

    /// Counts one of them as a miss, and shows it to the samplers.
    #[inline(always)]
    pub(super) fn count_miss(&mut self, hash: u64, now: Seconds) {
        self.read_misses += 1;
        self.sample(hash, Access::Miss, now);
    }

    /// Shows an access to a key whose mixed hash is below the curve's ceiling.
    pub(super) fn note_for_curve(&mut self, mixed: u64, access: Access, now: Seconds) {
        if self.curve.wants_division() {
            self.divide_curve(now);
        }
        match access {
            Access::Hit(location) => self.curve.read(mixed, Some(self.cost(location)), now),
            Access::Miss => self.curve.read(mixed, None, now),
            Access::Write(location) => self.curve.write(mixed, self.cost(location), now),
            Access::Removal(_) => self.curve.remove(mixed),
        }
        if self.curve.take_changed() {
            self.renew_preferences();
        }
    }

    /// The memory that an item takes, unused room in its page and its share of the index included.
    fn cost(&self, location: Location) -> Cost {
        let header = self.slab.header(location);
        let mut bytes = self.cost_of_chunk(self.class_of_item(location, header)) + INDEX_BYTES_PER_ITEM;
        if header.is_large() {
            bytes += self.record(location).shape().pages * PAGE_BYTES;
            bytes += self.tails(location).map(|tail| self.cost_of_chunk(self.slab.class_at(tail))).sum::<usize>();
        }
        Cost { bytes: u32::try_from(bytes).unwrap_or(u32::MAX), deadline: header.deadline() }
    }

    /// A chunk and its share of the page's rest.
    fn cost_of_chunk(&self, class: ClassId) -> usize {
        PAGE_BYTES / usize::from(self.slab.pool(class).chunks_per_page)
    }

    /// Tells the curve how memory is divided, and lets what it has counted age.
    #[cold]
    fn divide_curve(&mut self, now: Seconds) {
        let (mut bytes, mut unused_bytes, mut used_bytes) = ([0; BANDS], 0, 0);
        for class in self.slab.class_ids() {
            let (pool, chunk_bytes) = (self.slab.pool(class), self.slab.classes.chunk_bytes(class));
            bytes[band_of((chunk_bytes + INDEX_BYTES_PER_ITEM) as u32)] += (pool.total_pages() * PAGE_BYTES) as u64;
            let free_chunks = pool.total_pages() * usize::from(pool.chunks_per_page) - pool.used_chunks;
            used_bytes += (pool.used_chunks * (self.cost_of_chunk(class) + INDEX_BYTES_PER_ITEM)) as u64;
            // More of it than a page has become free lately, and will be used again.
            unused_bytes += (free_chunks * chunk_bytes).min(PAGE_BYTES) as u64;
        }
        bytes[BANDS - 1] += (self.slab.large_pages() * PAGE_BYTES) as u64;
        used_bytes += (self.slab.large_pages() * PAGE_BYTES) as u64;
        let used_bytes = Some(used_bytes).filter(|_| self.eviction.is_evicting());
        self.curve.divide(bytes, unused_bytes + self.limit.outside_bytes as u64, used_bytes);
        self.age_curve(now);
        self.renew_sample_ceiling();
    }

    /// Lets each class use the policy that is better for it.
    #[cold]
    fn renew_preferences(&mut self) {
        for class in self.slab.class_ids() {
            let band = band_of((self.cost_of_chunk(class) + INDEX_BYTES_PER_ITEM) as u32);
            if let Some(s3_fifo) = self.curve.prefers_s3_fifo(band) {
                self.eviction.prefer(class, s3_fifo);
            }
        }
    }

    fn age_curve(&mut self, now: Seconds) {
        if let Some(factor) = self.curve.age(now) {
            self.reads = (self.reads as f64 * factor) as u64;
            self.read_misses = (self.read_misses as f64 * factor) as u64;
        }
    }

    /// What hit ratio is to be expected at other memory limits, as of now.
    pub fn miss_ratio_curve(&mut self, now: Seconds) -> MissRatioCurve {
        self.age_curve(now);
        self.curve.report(self.limit.asked_bytes, self.reads, self.read_misses)
    }

    /// Counts for the curve anew. What the simulated caches hold stays, so that they need not be filled again.
    pub fn reset_miss_ratio_curve(&mut self, now: Seconds) {
        (self.reads, self.read_misses) = (0, 0);
        self.curve.reset(now);
    }
}
