//! A sample of the keys is looked at more closely than all can be. One multiplication and one comparison per access,
//! for all samplers together, decide whether any of them wants to know of it.
//!
//! The sample is spatial, as in Waldspurger et al., "Efficient MRC Construction with SHARDS" (FAST 2015): a key is
//! either in it or not, so that all accesses to a sampled key are seen and distances between them can be measured.
//! A key is in the sample of a sampler if its mixed hash is below that sampler's ceiling. So samples are nested: the
//! sampler of the highest ceiling sees all that any other sees.

use super::Store;
use crate::{clock::Seconds, storage::location::Location};

/// Odd, without a pattern in its bits: 2^64 divided by the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// What happened to a sampled key. Locations mean what they say until the store is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// A read or touch found this item, which is not yet marked as read. A touch has set its deadline.
    Hit(Location),
    /// A read or touch found nothing.
    Miss,
    /// This item was written, or used by a write that its presence forbade.
    Write(Location),
    /// The item is to be removed: deleted, or an access found it expired. Evictions are not told, nor what becomes of
    /// an item whose successor could not be stored.
    Removal(Location),
}

/// The hash by which it is decided whether a key is in a sample: its high bits, which decide, hang on all bits of the
/// key's hash. So shards, which each have the keys of some value of its middle bits, have equal shares in the sample.
#[inline(always)]
pub(super) const fn mix(hash: u64) -> u64 {
    hash.wrapping_mul(MIX)
}

/// The ceiling of a sample of one key in so many; of none for 0.
pub(super) const fn ceiling_of_one_in(keys: u64) -> u64 {
    match keys {
        0 => 0,
        1 => u64::MAX,
        _ => (1 << 63) / keys * 2,
    }
}

impl Store {
    /// To be called with every access to a key.
    #[inline(always)]
    pub(super) fn sample(&mut self, hash: u64, access: Access, now: Seconds) {
        if mix(hash) < self.sample_ceiling {
            self.note_sampled(hash, access, now);
        }
    }

    /// Passes an access on to those samplers below whose ceilings it is.
    #[cold]
    #[inline(never)]
    fn note_sampled(&mut self, hash: u64, access: Access, now: Seconds) {
        let mixed = mix(hash);
        if mixed < self.curve.ceiling() {
            self.note_for_curve(mixed, access, now);
        }
    }

    /// To be called when a sampler's ceiling has changed: the highest is the store's.
    pub(super) fn renew_sample_ceiling(&mut self) {
        self.sample_ceiling = self.curve.ceiling();
    }

    /// Everything was removed at once.
    pub(super) fn forget_samples(&mut self) {
        self.curve.clear();
        self.renew_sample_ceiling();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of sampled keys must not depend on the bits by which keys are given to shards.
    #[test]
    fn every_shard_has_its_share_of_the_sample() {
        const SHARDS: u64 = 4;
        const KEYS: u64 = 1 << 18;
        let ceiling = ceiling_of_one_in(32);
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let mut sampled = [0u64; SHARDS as usize];
        for key in 0..KEYS {
            let hash = hasher.hash_one(key);
            let shard = ((hash >> 11 & ((1 << 22) - 1)) * SHARDS) >> 22;
            sampled[shard as usize] += u64::from(mix(hash) < ceiling);
        }
        // Of 2048 expected, six standard deviations.
        assert!(sampled.iter().all(|count| count.abs_diff(KEYS / SHARDS / 32) < 270), "{sampled:?}");
    }

    #[test]
    fn ceilings_are_shares_of_all_hashes() {
        assert_eq!(ceiling_of_one_in(0), 0);
        assert_eq!(ceiling_of_one_in(1), u64::MAX);
        assert_eq!(ceiling_of_one_in(2), 1 << 63);
        assert_eq!(ceiling_of_one_in(32), 1 << 59);
    }
}
