//! The values: slices of one block of random printable bytes.
//!
//! A key's size within the range depends on the key and the seed only, so that a data set has the same
//! total size whatever the order of the writes.

use crate::{
    units::SizeRange,
    workload::rng::{Rng, scramble},
};

/// Values start at one of this many offsets into the block, so that not all are alike.
const OFFSETS: usize = 64;

/// Gives every key its value.
#[derive(Clone, Debug)]
pub struct ValueSource {
    block: Vec<u8>,
    range: SizeRange,
    seed: u64,
}

impl ValueSource {
    /// Values of sizes within `range`.
    pub fn new(range: SizeRange, seed: u64) -> Self {
        const PRINTABLE: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        let mut rng = Rng::new(seed, u64::MAX);
        let block = (0..range.max + OFFSETS).map(|_| PRINTABLE[rng.below(64) as usize]).collect();
        ValueSource { block, range, seed }
    }

    /// The length of all values, if they are all of one.
    pub fn one_len(&self) -> Option<usize> {
        (self.range.min == self.range.max).then_some(self.range.max)
    }

    /// The value of key number `key`.
    #[inline]
    pub fn value(&self, key: u64) -> &[u8] {
        let hash = self.hash(key);
        let span = (self.range.max - self.range.min) as u64 + 1;
        let size = self.range.min + ((u128::from(hash) * u128::from(span)) >> 64) as usize;
        self.sized(hash, size)
    }

    /// 64 bits that belong to the key and the seed.
    #[inline]
    pub fn hash(&self, key: u64) -> u64 {
        scramble(key ^ self.seed)
    }

    /// `size` bytes, at most the range's largest size; which ones depends on `hash`.
    #[inline]
    pub fn sized(&self, hash: u64, size: usize) -> &[u8] {
        let offset = hash as usize % OFFSETS;
        &self.block[offset..offset + size.min(self.range.max)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stay_in_range_and_belong_to_the_key() {
        let source = ValueSource::new(SizeRange { min: 5, max: 9 }, 1);
        let mut seen = [0; 10];
        for key in 0..1000 {
            seen[source.value(key).len()] += 1;
            assert_eq!(source.value(key), source.value(key));
        }
        assert_eq!(seen[..5], [0; 5]);
        assert!(seen[5..].iter().all(|&n| n > 100), "{seen:?}");
        assert_eq!(ValueSource::new(SizeRange { min: 0, max: 0 }, 1).value(3), b"");
    }
}
