//! The hash that places a key: on its shard, and within it.

use ahash::RandomState;

/// Hashes keys under seeds drawn when the process starts, the same on every shard, so that clients cannot
/// choose keys that collide.
#[derive(Clone, Debug)]
pub struct KeyHasher(RandomState);

impl Default for KeyHasher {
    fn default() -> Self {
        KeyHasher(RandomState::new())
    }
}

impl KeyHasher {
    /// The key's hash.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.0.hash_one(key)
    }

    /// The seeds, for the store, which rehashes keys that it finds in items.
    pub(super) fn state(&self) -> RandomState {
        self.0.clone()
    }
}
