//! A workload: key spaces, each with its share of the requests, its sizes and its operations.
//!
//! Options of the command line give one key space; a workload file gives several.

use std::io::Write;

use crate::{
    operation::Operation,
    units::SizeRange,
    workload::{
        Amount, Distribution, KeyRenderer, Keyspace, ValueSource, amount,
        rng::{Rng, scramble},
    },
};

/// Numbers that counters are stored with lie below this, so that they have room to grow and to shrink.
const COUNTER_BELOW: u64 = 1_000_000;

/// Bytes of a stored counter at most.
pub const COUNTER_LEN_MAX: usize = 6;

/// Sets the bits that choose a key's length apart from those that choose its value's.
const KEY_SIZE_SALT: u64 = 0x6b65_7973;

/// Moves the popularity to other keys, again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HotShift {
    /// After how much of what.
    pub every: Every,
    /// By how many keys.
    pub keys: u64,
}

/// What a [`HotShift`] counts, from the start of the load (with its warm-up).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Every {
    /// Time, in nanoseconds, at least 1.
    Time(u64),
    /// Requests of all threads, at least 1.
    Requests(u64),
}

/// Which operation is next: each up to the bound of 64 random bits that stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationMix(Vec<(u64, Operation)>);

impl OperationMix {
    /// A mix by weights; refused in words if they cannot be.
    pub fn new(weights: &[(Operation, f64)]) -> Result<Self, String> {
        let bounds = amount::bounds(weights.iter().map(|(_, weight)| *weight))?;
        let used = bounds.into_iter().zip(weights).filter(|(_, (_, weight))| *weight > 0.0);
        Ok(OperationMix(used.map(|(bound, (operation, _))| (bound, *operation)).collect()))
    }

    /// The next operation.
    #[inline]
    pub fn pick(&self, rng: &mut Rng) -> Operation {
        let bits = rng.next_u64();
        self.0.iter().find(|(bound, _)| bits <= *bound).map_or(Operation::Get, |(_, operation)| *operation)
    }

    /// Whether the mix has this operation.
    pub fn has(&self, operation: Operation) -> bool {
        self.0.iter().any(|(_, of)| *of == operation)
    }
}

/// Keys of one kind.
#[derive(Clone, Debug)]
pub struct Space {
    /// What its keys begin with, if there is room.
    pub prefix: Vec<u8>,
    /// How many keys there are, and the bytes of the longest.
    pub keyspace: Keyspace,
    /// Bytes of a key.
    pub key_size: Amount,
    /// The keys' popularity.
    pub distribution: Distribution,
    /// Moves the popularity.
    pub shift: Option<HotShift>,
    /// Bytes of a value.
    pub value_size: Amount,
    /// Whether the values are numbers, for incr and decr; then `value_size` says nothing.
    pub counters: bool,
    /// Seconds that a stored item lives; 0: without end.
    pub ttl: Amount,
    /// Keys of a multiget, at least 1.
    pub multiget: Amount,
    /// Whether a read that misses is followed by a set.
    pub miss_then_set: bool,
    /// What is asked.
    pub mix: OperationMix,
}

impl Space {
    /// A renderer for its keys.
    pub fn renderer(&self) -> KeyRenderer {
        self.keyspace.named(&self.prefix)
    }

    /// Bytes of the key with this number.
    #[inline]
    pub fn key_len(&self, key: u64) -> usize {
        match &self.key_size {
            Amount::Constant(size) => *size as usize,
            varying => varying.at(scramble(key ^ KEY_SIZE_SALT)) as usize,
        }
    }

    /// The source of its values.
    pub fn values(&self, seed: u64) -> ValueSource {
        let (min, max) = if self.counters {
            (0, COUNTER_LEN_MAX)
        } else {
            (self.value_size.min() as usize, self.value_size.max() as usize)
        };
        ValueSource::new(SizeRange { min, max }, seed)
    }

    /// The value of the key with this number, a slice of `source` or of `counter`.
    #[inline]
    pub fn value<'a>(&self, key: u64, source: &'a ValueSource, counter: &'a mut Vec<u8>) -> &'a [u8] {
        let hash = source.hash(key);
        if self.counters {
            counter.clear();
            // A vector takes all that is written.
            let _ = write!(counter, "{}", hash % COUNTER_BELOW);
            return counter;
        }
        source.sized(hash, self.value_size.at(hash) as usize)
    }
}

/// The load: what is asked for, and how often which.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The key spaces, at least one.
    pub spaces: Vec<Space>,
    /// Beside each space: it is taken for 64 random bits up to this.
    pub bounds: Vec<u64>,
}

impl Workload {
    /// A workload of spaces with weights; refused in words if these cannot be.
    pub fn new(weighted: Vec<(f64, Space)>) -> Result<Self, String> {
        let bounds = amount::bounds(weighted.iter().map(|(weight, _)| *weight))?;
        Ok(Workload { spaces: weighted.into_iter().map(|(_, space)| space).collect(), bounds })
    }

    /// The number of the space that the next request goes to.
    #[inline]
    pub fn pick(&self, rng: &mut Rng) -> usize {
        if self.bounds.len() == 1 {
            return 0;
        }
        let bits = rng.next_u64();
        self.bounds.iter().position(|bound| bits <= *bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_keep_their_shares() {
        let mix = OperationMix::new(&[
            (Operation::Get, 7.0),
            (Operation::Set, 2.0),
            (Operation::Incr, 0.0),
            (Operation::Touch, 1.0),
        ])
        .unwrap();
        let mut rng = Rng::new(1, 0);
        let mut seen = [0i32; Operation::ALL.len()];
        for _ in 0..100_000 {
            seen[mix.pick(&mut rng) as usize] += 1;
        }
        for (operation, share) in [(Operation::Get, 70_000), (Operation::Set, 20_000), (Operation::Touch, 10_000)] {
            assert!((seen[operation as usize] - share).abs() < 1000, "{operation:?} {seen:?}");
        }
        assert_eq!(seen.iter().sum::<i32>(), 100_000);
        assert!(mix.has(Operation::Touch) && !mix.has(Operation::Incr) && !mix.has(Operation::Delete));
        assert!(OperationMix::new(&[]).is_err() && OperationMix::new(&[(Operation::Get, 0.0)]).is_err());
    }
}
