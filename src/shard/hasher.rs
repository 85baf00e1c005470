//! The hash that places a key: on its shard, and within it.

use std::hash::BuildHasher;

use ahash::RandomState;

/// Hashes keys under seeds drawn when the process starts, the same on every shard, so that clients cannot
/// choose keys that collide.
#[derive(Clone, Debug)]
pub struct KeyHasher {
    state: RandomState,
    seeds: [u64; 4],
}

impl Default for KeyHasher {
    /// With seeds that the system's random numbers give.
    fn default() -> Self {
        let random = std::hash::RandomState::new();
        KeyHasher::new([0u64, 1, 2, 3].map(|n| random.hash_one(n)))
    }
}

impl KeyHasher {
    /// With these seeds.
    pub fn new(seeds: [u64; 4]) -> Self {
        let [a, b, c, d] = seeds;
        KeyHasher { state: RandomState::with_seeds(a, b, c, d), seeds }
    }

    /// The seeds.
    pub fn seeds(&self) -> [u64; 4] {
        self.seeds
    }

    /// The key's hash.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.state.hash_one(key)
    }

    /// The seeds, for the store, which rehashes keys that it finds in items.
    pub(super) fn state(&self) -> RandomState {
        self.state.clone()
    }
}
