//! How many items there are of which size: memcached's `stats sizes`, from a walk.

use super::WalkedItem;

/// Sizes are told apart by this many bytes.
const STEP_BYTES: u64 = 32;

/// From here on, by this many: 1 MiB.
const COARSE_STEP_BYTES: u64 = 1 << 20;

/// Buckets of the fine sort; their bound in memory is 256 KiB.
const FINE_BUCKETS: u64 = COARSE_STEP_BYTES / STEP_BYTES;

/// Buckets at most: items end at 1 GiB and some bytes.
const BUCKETS_MAX: u64 = FINE_BUCKETS + (1 << 10) + 1;

/// Counts items by size, in steps of 32 bytes up to 1 MiB and of 1 MiB above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SizeHistogram {
    /// By bucket; ends with the last that is not 0.
    counts: Vec<u64>,
}

impl SizeHistogram {
    /// Counts an item.
    pub fn add(&mut self, item: &WalkedItem<'_>) {
        self.add_size(item.size_bytes);
    }

    fn add_size(&mut self, size_bytes: u64) {
        let bucket = match size_bytes.div_ceil(STEP_BYTES) {
            fine @ ..=FINE_BUCKETS => fine,
            _ => FINE_BUCKETS - 1 + size_bytes.div_ceil(COARSE_STEP_BYTES),
        };
        // Within bounds, so the cast keeps the value.
        let bucket = bucket.min(BUCKETS_MAX - 1) as usize;
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &SizeHistogram) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// The sizes that occur, rising: the largest size in bytes that a bucket takes, and its items.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let upper = |bucket: u64| match bucket {
            ..=FINE_BUCKETS => bucket * STEP_BYTES,
            _ => (bucket - FINE_BUCKETS + 1) * COARSE_STEP_BYTES,
        };
        let counted = (0u64..).zip(&self.counts).filter(|(_, count)| **count > 0);
        counted.map(move |(bucket, &count)| (upper(bucket), count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_counted_below_its_upper_bound_and_above_the_next_lower() {
        for size in [1, 31, 32, 33, 61, 68, 1 << 20, (1 << 20) + 1, 2 << 20, (2 << 20) + 1, (1 << 30) + 313] {
            let mut sizes = SizeHistogram::default();
            sizes.add_size(size);
            let counted: Vec<_> = sizes.iter().collect();
            let step = if size <= 1 << 20 { 32 } else { 1 << 20 };
            assert_eq!(counted, [(size.div_ceil(step) * step, 1)], "{size}");
        }
    }

    #[test]
    fn sizes_beyond_any_item_stay_within_the_bound() {
        let mut sizes = SizeHistogram::default();
        sizes.add_size(u64::MAX);
        assert_eq!(sizes.counts.len() as u64, BUCKETS_MAX);
    }

    #[test]
    fn merging_adds() {
        let (mut left, mut right) = (SizeHistogram::default(), SizeHistogram::default());
        [64, 65, 5 << 20].into_iter().for_each(|size| left.add_size(size));
        [10, 64].into_iter().for_each(|size| right.add_size(size));
        let mut both = right.clone();
        both.merge(&left);
        left.merge(&right);
        assert_eq!(left, both);
        assert_eq!(left.iter().collect::<Vec<_>>(), [(32, 1), (64, 2), (96, 1), (5 << 20, 1)]);
    }
}
