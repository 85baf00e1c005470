//! The values that are being received, by name.
//!
//! Many small tables instead of a large one, since a table that is full moves everything to one of twice its size: here a
//! sixty-fourth of it, some 1,000 values of 65,536.

use super::Upload;
use ahash::RandomState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Values being received at a time, however short.
pub(in crate::storage) const UPLOADS_MAX: usize = 65_536;

/// Tables, a power of two.
const PARTS: usize = 64;

/// An odd number without a pattern in its bits: consecutive names go to different tables.
const NAME_MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// See the module's documentation.
pub(in crate::storage) struct Uploads {
    parts: Box<[HashMap<u64, Upload, RandomState>]>,
    len: usize,
}

impl Uploads {
    pub(in crate::storage) fn new(hasher: &RandomState) -> Self {
        Uploads { parts: (0..PARTS).map(|_| HashMap::with_hasher(hasher.clone())).collect(), len: 0 }
    }

    pub(in crate::storage) fn len(&self) -> usize {
        self.len
    }

    /// Adds one under a name that is not there. The caller keeps to [`UPLOADS_MAX`].
    pub(in crate::storage) fn insert(&mut self, name: u64, upload: Upload) -> &mut Upload {
        match self.parts[part(name)].entry(name) {
            Entry::Vacant(place) => {
                self.len += 1;
                place.insert(upload)
            }
            Entry::Occupied(mut place) => {
                place.insert(upload);
                place.into_mut()
            }
        }
    }

    /// The one of that name.
    pub(in crate::storage) fn get_mut(&mut self, name: u64) -> Option<&mut Upload> {
        self.parts[part(name)].get_mut(&name)
    }

    /// Takes one out.
    pub(in crate::storage) fn remove(&mut self, name: u64) -> Option<Upload> {
        let removed = self.parts[part(name)].remove(&name);
        self.len -= usize::from(removed.is_some());
        removed
    }

    #[cfg(any(test, debug_assertions))]
    pub(in crate::storage) fn values(&self) -> impl Iterator<Item = &Upload> {
        self.parts.iter().flat_map(HashMap::values)
    }
}

fn part(name: u64) -> usize {
    (name.wrapping_mul(NAME_MIX) >> (u64::BITS - PARTS.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are numbers of connections, and of shards above.
    #[test]
    fn no_table_moves_many_when_it_grows() {
        for shards in [1, 4, 60] {
            let mut uploads = Uploads::new(&RandomState::with_seeds(1, 2, 3, 4));
            let names = || (0..UPLOADS_MAX as u64).map(move |number| ((number % shards) << 32) | (number / shards));
            for name in names() {
                uploads.insert(name, Upload::new(20_000));
            }
            assert_eq!(uploads.len(), UPLOADS_MAX);
            let largest = uploads.parts.iter().map(HashMap::len).max().unwrap();
            assert!(largest <= 2 * UPLOADS_MAX / PARTS, "{largest} in one of {PARTS} tables, {shards} shards");
            for name in names() {
                assert!(uploads.remove(name).is_some() && uploads.remove(name).is_none());
            }
            assert_eq!((uploads.len(), uploads.values().count()), (0, 0));
        }
    }
}
