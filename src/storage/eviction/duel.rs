//! S3-FIFO or CLOCK? Both are simulated on a sample of the keys (see `contest`), and the one that would have missed less
//! is used.
//!
//! There is one contest over all keys, and one for each class that has a good part of them; what that says goes for the
//! class before what the one over all says.
//!
//! The sample begins with one key in so many; whenever it has more entries than it may keep, half of them are forgotten
//! and of the keys to come half as many are taken. So it costs the less the more items there are.

use super::contest::{Contest, ENTRIES_MAX, FINGERPRINT_BITS, Sizes};
use crate::storage::slab::{ClassId, Slab};

/// Entries of all contests: one for so much of the memory limit, within bounds. The two simulations of a contest take
/// some 22 bytes for each: less than 0.5 % of the limit, and than 1 MiB.
const LIMIT_BYTES_PER_ENTRY: usize = 5 << 10;
const SAMPLE_MIN: usize = 256;
const SAMPLE_MAX: usize = 32 << 10;

const _: () = assert!(SAMPLE_MAX < ENTRIES_MAX);

/// The sample begins with one key in two to the power of this, or with one in the number of times that the memory limit
/// is so large.
const FIRST_BITS_MIN: u32 = 3;
const LIMIT_BYTES_PER_ONE_IN: usize = 3 << 20;

/// A class has a contest of its own if one item in so many is its, it is not alone, and the sample has so many of them.
const CLASS_SHARE_DIVISOR: usize = 16;
const CLASS_SAMPLE_MIN: usize = 256;

/// Contests of classes, at most.
const CLASSES_MAX: usize = 8;

/// Sampled accesses after which the sizes of the simulations are looked at anew, and such times after which the classes
/// are.
const PERIOD: u32 = 256;
const CLASSES_PERIODS: u32 = 16;

/// What happened to a sampled key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Sampled {
    /// It was read, and there, in this class.
    Hit(ClassId),
    /// It was asked for, and not there.
    Miss,
    /// It was written, in this class.
    Write(ClassId),
    /// It was removed on request, or had expired.
    Removal(ClassId),
}

/// What a duel has to know of the store.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) slab: &'a Slab,
    /// Items of the store.
    pub(super) items: usize,
    /// Ghosts that it has room for.
    pub(super) ghosts: usize,
    /// Whether an item had to leave.
    pub(super) is_evicting: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Duel {
    first_bits: u32,
    /// How often half of the sample was forgotten.
    halvings: u32,
    sample_max: usize,
    overall: Contest,
    of_classes: Vec<(ClassId, Contest)>,
    accesses: u32,
    memory_bytes: usize,
}

impl Duel {
    /// For a store of this memory limit.
    pub(super) fn new(limit_bytes: usize) -> Self {
        Duel {
            first_bits: (limit_bytes / LIMIT_BYTES_PER_ONE_IN).max(1).ilog2().max(FIRST_BITS_MIN),
            halvings: 0,
            sample_max: (limit_bytes / LIMIT_BYTES_PER_ENTRY).clamp(SAMPLE_MIN, SAMPLE_MAX),
            overall: Contest::new(true),
            of_classes: Vec::new(),
            accesses: 0,
            memory_bytes: 0,
        }
    }

    /// Keys whose mixed hash is below this are in the sample.
    pub(super) fn ceiling(&self) -> u64 {
        1 << (u64::BITS - self.first_bits - self.halvings)
    }

    /// Whether a class is better off with S3-FIFO.
    pub(super) fn prefers_s3_fifo(&self, class: ClassId) -> bool {
        let own = self.of_classes.iter().find(|(of, contest)| *of == class && contest.is_ready());
        own.map_or(&self.overall, |(_, contest)| contest).prefers_s3_fifo()
    }

    /// Memory taken, as of the last access that was noted.
    #[inline(always)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    fn count_memory(&mut self) {
        let of_classes = self.of_classes.iter().map(|(_, contest)| contest.memory_bytes()).sum::<usize>();
        self.memory_bytes = self.overall.memory_bytes() + of_classes;
    }

    /// Everything was removed at once. What was preferred over all goes on to be.
    pub(super) fn clear(&mut self) {
        self.overall = Contest::new(self.overall.prefers_s3_fifo());
        self.of_classes = Vec::new();
        (self.halvings, self.accesses, self.memory_bytes) = (0, 0, 0);
    }

    /// An access to a key of the sample. True if the ceiling or a preference may have changed.
    pub(super) fn note(&mut self, mixed: u64, access: Sampled, around: Surroundings<'_>) -> bool {
        let fingerprint = self.fingerprint(mixed);
        let mut changed = false;
        match access {
            Sampled::Hit(class) => {
                changed |= self.overall.hit(fingerprint);
                changed |= self.of_class(class).is_some_and(|contest| contest.hit(fingerprint));
            }
            Sampled::Miss => {
                changed |= self.overall.miss(fingerprint);
                // Of which class the key would have been nobody knows but the simulation that has it.
                for (_, contest) in &mut self.of_classes {
                    changed |= contest.knows(fingerprint) && contest.miss(fingerprint);
                }
            }
            Sampled::Write(class) => {
                self.overall.write(fingerprint);
                if let Some(contest) = self.of_class(class) {
                    contest.write(fingerprint);
                }
            }
            Sampled::Removal(class) => {
                self.overall.remove(fingerprint);
                if let Some(contest) = self.of_class(class) {
                    contest.remove(fingerprint);
                }
            }
        }
        while self.entries() > self.sample_max {
            self.halve();
            changed = true;
        }
        self.accesses += 1;
        if self.accesses.is_multiple_of(PERIOD) {
            if self.accesses.is_multiple_of(PERIOD * CLASSES_PERIODS) {
                self.choose_classes(around);
            }
            self.resize(around);
            changed = true;
        }
        self.count_memory();
        changed
    }

    /// A key is in the sample for the top bits of its hash; those below make the fingerprint, so that it tells which
    /// half of the sample the key is in.
    fn fingerprint(&self, mixed: u64) -> u32 {
        (mixed << self.first_bits >> (u64::BITS - FINGERPRINT_BITS)) as u32
    }

    fn of_class(&mut self, class: ClassId) -> Option<&mut Contest> {
        self.of_classes.iter_mut().find(|(of, _)| *of == class).map(|(_, contest)| contest)
    }

    /// Entries of all contests.
    fn entries(&self) -> usize {
        self.overall.len() + self.of_classes.iter().map(|(_, contest)| contest.len()).sum::<usize>()
    }

    fn halve(&mut self) {
        self.halvings += 1;
        let end = 1 << (FINGERPRINT_BITS - self.halvings);
        self.overall.keep_below(end);
        self.of_classes.iter_mut().for_each(|(_, contest)| contest.keep_below(end));
    }

    /// Ends the contests of classes that have become small, and begins one for the largest that has none.
    fn choose_classes(&mut self, around: Surroundings<'_>) {
        let share = |class| {
            let items = around.slab.pool(class).used_chunks;
            let is_large = items * CLASS_SHARE_DIVISOR >= around.items && items >> self.bits() >= CLASS_SAMPLE_MIN;
            (is_large && items * CLASS_SHARE_DIVISOR < around.items * (CLASS_SHARE_DIVISOR - 1)).then_some(items)
        };
        let has_one = |class| self.of_classes.iter().any(|(of, _)| *of == class);
        let largest = around
            .slab
            .class_ids()
            .filter(|&class| !has_one(class) && share(class).is_some())
            .max_by_key(|&class| share(class));
        let ended: Vec<ClassId> = self.of_classes.iter().map(|(of, _)| *of).filter(|&of| share(of).is_none()).collect();
        self.of_classes.retain(|(of, _)| !ended.contains(of));
        if let Some(class) = largest.filter(|_| around.is_evicting && self.of_classes.len() < CLASSES_MAX) {
            self.of_classes.push((class, Contest::new(self.overall.prefers_s3_fifo())));
        }
    }

    fn bits(&self) -> u32 {
        self.first_bits + self.halvings
    }

    fn resize(&mut self, around: Surroundings<'_>) {
        if !around.is_evicting {
            return;
        }
        let Surroundings { slab, items, ghosts, .. } = around;
        let bits = self.bits();
        self.overall.resize(Sizes { entries: items >> bits, ghosts: ghosts >> bits });
        for (class, contest) in &mut self.of_classes {
            let items_of_class = slab.pool(*class).used_chunks;
            let ghosts = (ghosts as u64 * items_of_class as u64 / items.max(1) as u64) as usize;
            contest.resize(Sizes { entries: items_of_class >> bits, ghosts: ghosts >> bits });
        }
    }
}
