//! Counts by key prefix (`stats detail`): what stands before the first delimiter in a key. Keys without one are not
//! counted, as in memcached.

use std::collections::HashMap;

/// Prefixes that are told apart. What has others is counted as a whole.
pub const PREFIXES_MAX: usize = 4096;

/// The counts of one prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrefixCounts {
    /// Reads.
    pub get: u64,
    /// Those among them that found an item.
    pub hit: u64,
    /// Writes, refused ones included.
    pub set: u64,
    /// Removals, of missing items included.
    pub del: u64,
}

impl PrefixCounts {
    /// Adds another shard's counts.
    pub fn merge(&mut self, other: &PrefixCounts) {
        self.get += other.get;
        self.hit += other.hit;
        self.set += other.set;
        self.del += other.del;
    }
}

/// What a shard has counted by prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    /// By prefix; at most [`PREFIXES_MAX`].
    pub counts: HashMap<Box<[u8]>, PrefixCounts>,
    /// Operations on keys of prefixes beyond the bound, which were not counted.
    pub uncounted: u64,
}

impl Prefixes {
    /// Adds another shard's counts. The sum may have more prefixes than the bound.
    pub fn merge(&mut self, other: &Prefixes) {
        for (prefix, counts) in &other.counts {
            self.counts.entry(prefix.clone()).or_default().merge(counts);
        }
        self.uncounted += other.uncounted;
    }
}

/// Counts while it is on; keeps its counts when it is turned off.
#[derive(Debug, Default)]
pub(super) struct PrefixCounter {
    delimiter: Option<u8>,
    prefixes: Prefixes,
}

impl PrefixCounter {
    pub(super) fn is_on(&self) -> bool {
        self.delimiter.is_some()
    }

    /// Counts by this delimiter from now on, or no longer.
    pub(super) fn turn(&mut self, delimiter: Option<u8>) {
        self.delimiter = delimiter;
    }

    pub(super) fn prefixes(&self) -> &Prefixes {
        &self.prefixes
    }

    pub(super) fn reset(&mut self) {
        self.prefixes = Prefixes::default();
    }

    pub(super) fn count(&mut self, key: &[u8], add: PrefixCounts) {
        let Some(delimiter) = self.delimiter else { return };
        let Some(len) = key.iter().position(|&byte| byte == delimiter) else { return };
        let (prefix, counts) = (&key[..len], &mut self.prefixes.counts);
        if let Some(known) = counts.get_mut(prefix) {
            known.merge(&add);
        } else if counts.len() < PREFIXES_MAX {
            counts.insert(prefix.into(), add);
        } else {
            self.prefixes.uncounted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: PrefixCounts = PrefixCounts { get: 1, hit: 0, set: 0, del: 0 };

    #[test]
    fn a_prefix_ends_at_the_first_delimiter() {
        let mut counter = PrefixCounter::default();
        counter.count(b"off:1", GET);
        counter.turn(Some(b':'));
        for key in [&b"a:1"[..], b"a:2:3", b":x", b"none"] {
            counter.count(key, GET);
        }
        counter.turn(None);
        counter.count(b"a:4", GET);
        let counts = &counter.prefixes().counts;
        assert_eq!((counts.len(), counts[&b"a"[..]].get, counts[&b""[..]].get), (2, 2, 1));
        counter.reset();
        assert_eq!(*counter.prefixes(), Prefixes::default());
    }

    #[test]
    fn prefixes_beyond_the_bound_are_counted_as_a_whole() {
        let mut counter = PrefixCounter::default();
        counter.turn(Some(b'/'));
        for number in 0..PREFIXES_MAX + 3 {
            counter.count(format!("{number}/k").as_bytes(), GET);
        }
        counter.count(b"0/k", GET);
        let prefixes = counter.prefixes();
        assert_eq!((prefixes.counts.len(), prefixes.uncounted), (PREFIXES_MAX, 3));
        assert_eq!(prefixes.counts[&b"0"[..]].get, 2);
    }
}
