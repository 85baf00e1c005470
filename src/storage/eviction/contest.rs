//! One contest between S3-FIFO and CLOCK, on fingerprints.
//!
//! 1. Until memory is full both simulations hold the sampled part of what the store holds.
//! 2. Then each evicts for itself. A read that only one of them has the item for is a point for it.
//! 3. Once the policy that is not in use is ahead by more points than chance explains, policies change. It is the CUSUM
//!    test of Page, "Continuous inspection schemes" (Biometrika 1954): what spoke for the policy in use before counts
//!    for nothing, so that a change of the workload is seen soon, and each miss of both speaks a little for what is in
//!    use, so that equals do not alternate.

use super::simulation::Simulation;
pub(super) use super::simulation::{ENTRIES_MAX, FINGERPRINT_BITS};

/// The lead that a policy needs in order to come into use: so many points, and one more for so many entries.
const LEAD_MIN: f32 = 64.0;
const ENTRIES_PER_LEAD: usize = 48;

/// What a miss of both speaks for the policy in use, in points.
const MISS_POINTS: f32 = 0.004;

/// How large the simulations are to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) entries: usize,
    pub(super) ghosts: usize,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Contest {
    s3_fifo: Simulation,
    clock: Simulation,
    prefers_s3_fifo: bool,
    /// By how much the policy that is not in use is ahead.
    points: f32,
    /// Whether both were full at a time.
    is_ready: bool,
}

impl Contest {
    /// Nothing is known yet.
    pub(super) fn new(prefers_s3_fifo: bool) -> Self {
        let (s3_fifo, clock) = (Simulation::new(true), Simulation::new(false));
        Contest { s3_fifo, clock, prefers_s3_fifo, points: 0.0, is_ready: false }
    }

    pub(super) fn prefers_s3_fifo(&self) -> bool {
        self.prefers_s3_fifo
    }

    /// Whether it is filled, so that what it prefers means something.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Entries of the larger one.
    pub(super) fn len(&self) -> usize {
        self.s3_fifo.len().max(self.clock.len())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.s3_fifo.memory_bytes() + self.clock.memory_bytes()
    }

    /// Whether one of them has a key.
    pub(super) fn knows(&self, fingerprint: u32) -> bool {
        self.s3_fifo.contains(fingerprint) || self.clock.contains(fingerprint)
    }

    /// A key was read and found. True if the preference has changed.
    pub(super) fn hit(&mut self, fingerprint: u32) -> bool {
        let changed = self.miss(fingerprint);
        // Whoever misses fills. Nobody will here, where only simulations have missed.
        self.write(fingerprint);
        changed
    }

    /// A key was read and not found. True if the preference has changed.
    pub(super) fn miss(&mut self, fingerprint: u32) -> bool {
        let (s3_fifo, clock) = (self.s3_fifo.read(fingerprint), self.clock.read(fingerprint));
        let (used, other) = if self.prefers_s3_fifo { (s3_fifo, clock) } else { (clock, s3_fifo) };
        let points = match (used, other) {
            (true, true) => 0.0,
            (false, false) => -MISS_POINTS,
            (true, false) => -1.0,
            (false, true) => 1.0,
        };
        self.points = (self.points + points).max(0.0);
        let changes = self.points > LEAD_MIN + (self.len() / ENTRIES_PER_LEAD) as f32;
        if changes {
            (self.prefers_s3_fifo, self.points) = (!self.prefers_s3_fifo, 0.0);
        }
        changes
    }

    /// A key was written.
    pub(super) fn write(&mut self, fingerprint: u32) {
        self.s3_fifo.write(fingerprint);
        self.clock.write(fingerprint);
    }

    /// A key was removed.
    pub(super) fn remove(&mut self, fingerprint: u32) {
        self.s3_fifo.remove(fingerprint);
        self.clock.remove(fingerprint);
    }

    /// Keeps the fingerprints below `end` alone.
    pub(super) fn keep_below(&mut self, end: u32) {
        self.s3_fifo.retain(|fingerprint| fingerprint < end);
        self.clock.retain(|fingerprint| fingerprint < end);
    }

    /// Another share of the cache. Before the first one none leaves.
    pub(super) fn resize(&mut self, sizes: Sizes) {
        let entries = sizes.entries.max(1);
        self.s3_fifo.set_capacity(entries, sizes.ghosts);
        self.clock.set_capacity(entries, sizes.ghosts);
        self.is_ready |= self.s3_fifo.len().min(self.clock.len()) >= entries;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: u32 = 1000;

    fn contest() -> Contest {
        let mut contest = Contest::new(true);
        contest.resize(Sizes { entries: ENTRIES as usize, ghosts: ENTRIES as usize * 9 / 10 });
        contest
    }

    /// Reads as a client that fills what it misses.
    fn read(contest: &mut Contest, key: u32) {
        contest.miss(fingerprint(key));
        contest.write(fingerprint(key));
    }

    fn fingerprint(key: u32) -> u32 {
        (key.wrapping_mul(0x9e37_79b1) ^ key >> 5) >> (u32::BITS - FINGERPRINT_BITS)
    }

    /// Each key is read again once, after a quarter of the cache was replaced: too late for a small queue.
    fn read_late(contest: &mut Contest, keys: std::ops::Range<u32>) {
        for key in keys {
            read(contest, key);
            read(contest, key.wrapping_sub(ENTRIES / 4));
        }
    }

    /// As many keys as nearly fit, and between them others that are asked for only once.
    fn read_between_strangers(contest: &mut Contest, strangers: std::ops::Range<u32>) {
        for key in strangers {
            read(contest, key);
            read(contest, key.wrapping_mul(0x85eb_ca6b) % (ENTRIES * 8 / 10));
        }
    }

    #[test]
    fn the_preference_follows_the_workload_there_and_back() {
        let mut contest = contest();
        read_between_strangers(&mut contest, 1 << 19..(1 << 19) + 20 * ENTRIES);
        assert!(contest.prefers_s3_fifo());
        read_late(&mut contest, 1 << 20..(1 << 20) + 10 * ENTRIES);
        assert!(!contest.prefers_s3_fifo());
        read_between_strangers(&mut contest, 1 << 21..(1 << 21) + 20 * ENTRIES);
        assert!(contest.prefers_s3_fifo());
    }

    #[test]
    fn what_both_hold_changes_nothing() {
        let mut contest = contest();
        for _ in 0..100 {
            (0..ENTRIES / 2).for_each(|key| read(&mut contest, key));
        }
        assert_eq!((contest.prefers_s3_fifo(), contest.points), (true, 0.0));
    }
}
