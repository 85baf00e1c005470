//! S3-FIFO or CLOCK? Both are simulated on a sample of the keys (see `simulation`), and the one that would have missed
//! less is used.
//!
//! 1. A contest begins with one key in so many; whenever it has more entries than it may keep it forgets half of them,
//!    and of the keys to come it takes half as many. So it costs the less the more items there are.
//! 2. Until the store is full both simulations hold the sampled part of what the store holds.
//! 3. Then each evicts for itself. A read that only one of them has the item for is a point for it.
//! 4. Once the points of the policy that is not in use are ahead of the other's by more than chance explains, policies
//!    change. It is the CUSUM test of Page, "Continuous inspection schemes" (Biometrika 1954): what spoke for the policy
//!    in use before counts for nothing, so that a change of the workload is seen soon, and each miss speaks a little for
//!    what is in use, so that equals do not alternate.
//!
//! There is one contest over all keys, and one for each of the classes that have most of them: one for a class takes
//! part once it is well filled, and what it says goes for its class before what that over all keys says.

use super::simulation::{ENTRIES_MAX, FINGERPRINT_BITS, Simulation};

/// Entries of a simulation: one for so many bytes of the memory limit, within bounds.
const LIMIT_BYTES_PER_ENTRY: usize = 10 << 10;
const SAMPLE_MIN: usize = 256;
const SAMPLE_MAX: usize = 8192;

const _: () = assert!(SAMPLE_MAX < ENTRIES_MAX);

/// A contest begins with one key in eight, or with one for so many bytes of the memory limit: of two to the power of
/// this it is told apart.
const FIRST_BITS_MIN: u32 = 3;
const LIMIT_BYTES_PER_ONE_IN: usize = 4 << 20;

/// What is added to the lead that a policy needs: one for so many entries.
const ENTRIES_PER_LEAD: usize = 16;
const LEAD_MIN: f32 = 64.0;

/// What a miss of both speaks for the policy in use, in points.
const MISS_POINTS: f32 = 0.004;

/// Accesses after which the sizes are looked at anew.
const PERIOD: u32 = 256;

/// What happened to a sampled key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Sampled {
    /// It was read, and there.
    Hit,
    /// It was asked for, and not there.
    Miss,
    /// It was written.
    Write,
    /// It was removed on request, or had expired.
    Removal,
}

/// How large a contest is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Items that the contest is about.
    pub(super) items: usize,
    /// Fingerprints that there is room for beside them.
    pub(super) ghosts: usize,
    /// Whether items had to leave.
    pub(super) is_evicting: bool,
}

/// One contest.
#[derive(Debug)]
pub(super) struct Contest {
    s3_fifo: Simulation,
    clock: Simulation,
    /// It began with one key in two to the power of this.
    first_bits: u32,
    /// By how many halvings it has come down since.
    halvings: u32,
    sample_max: usize,
    prefers_s3_fifo: bool,
    /// By how much the policy that is not in use is ahead.
    points: f32,
    accesses: u32,
}

impl Contest {
    /// For a store of this memory limit.
    pub(super) fn new(limit_bytes: usize) -> Self {
        Contest {
            s3_fifo: Simulation::new(true),
            clock: Simulation::new(false),
            first_bits: (limit_bytes / LIMIT_BYTES_PER_ONE_IN).max(1).ilog2().max(FIRST_BITS_MIN),
            halvings: 0,
            sample_max: (limit_bytes / LIMIT_BYTES_PER_ENTRY).clamp(SAMPLE_MIN, SAMPLE_MAX),
            prefers_s3_fifo: true,
            points: 0.0,
            accesses: 0,
        }
    }

    /// Keys whose mixed hash is below this are in the sample.
    pub(super) fn ceiling(&self) -> u64 {
        1 << (u64::BITS - self.first_bits - self.halvings)
    }

    pub(super) fn prefers_s3_fifo(&self) -> bool {
        self.prefers_s3_fifo
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.s3_fifo.memory_bytes() + self.clock.memory_bytes()
    }

    /// Everything was removed at once. What it prefers it goes on to prefer.
    pub(super) fn clear(&mut self) {
        self.s3_fifo.clear();
        self.clock.clear();
        (self.halvings, self.points, self.accesses) = (0, 0.0, 0);
    }

    /// An access to a key of the sample. True if the ceiling or the preference has changed.
    pub(super) fn note(&mut self, mixed: u64, access: Sampled, sizes: impl FnOnce() -> Sizes) -> bool {
        let fingerprint = self.fingerprint(mixed);
        let was = (self.halvings, self.prefers_s3_fifo);
        match access {
            Sampled::Hit | Sampled::Miss => {
                let (s3_fifo, clock) = (self.s3_fifo.read(fingerprint), self.clock.read(fingerprint));
                self.judge(s3_fifo, clock);
                // Whoever misses fills, but for what is there: that only the simulations missed.
                if access == Sampled::Hit {
                    self.write(fingerprint);
                }
            }
            Sampled::Write => self.write(fingerprint),
            Sampled::Removal => {
                self.s3_fifo.remove(fingerprint);
                self.clock.remove(fingerprint);
            }
        }
        self.accesses += 1;
        if self.accesses % PERIOD == 0 {
            self.resize(sizes());
        }
        was != (self.halvings, self.prefers_s3_fifo)
    }

    /// The sample's ceiling is that of its top bits; those below it make the fingerprint, so that it tells which half
    /// of the sample a key is in.
    fn fingerprint(&self, mixed: u64) -> u32 {
        (mixed << self.first_bits >> (u64::BITS - FINGERPRINT_BITS)) as u32
    }

    fn write(&mut self, fingerprint: u32) {
        self.s3_fifo.write(fingerprint);
        self.clock.write(fingerprint);
        while self.s3_fifo.len().max(self.clock.len()) > self.sample_max {
            self.halvings += 1;
            let end = 1 << (FINGERPRINT_BITS - self.halvings);
            self.s3_fifo.retain(|fingerprint| fingerprint < end);
            self.clock.retain(|fingerprint| fingerprint < end);
        }
    }

    fn judge(&mut self, s3_fifo: bool, clock: bool) {
        let (used, other) = if self.prefers_s3_fifo { (s3_fifo, clock) } else { (clock, s3_fifo) };
        self.points += match (used, other) {
            (true, true) => 0.0,
            (false, false) => -MISS_POINTS,
            (true, false) => -1.0,
            (false, true) => 1.0,
        };
        self.points = self.points.max(0.0);
        let lead = LEAD_MIN + (self.s3_fifo.len() / ENTRIES_PER_LEAD) as f32;
        if self.points > lead {
            self.prefers_s3_fifo = !self.prefers_s3_fifo;
            self.points = 0.0;
        }
    }

    fn resize(&mut self, sizes: Sizes) {
        if sizes.is_evicting {
            let share = |number: usize| number >> (self.first_bits + self.halvings);
            let (capacity, ghosts) = (share(sizes.items).max(1), share(sizes.ghosts));
            self.s3_fifo.set_capacity(capacity, ghosts);
            self.clock.set_capacity(capacity, ghosts);
        }
    }
}
