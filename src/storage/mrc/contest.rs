//! Which of two policies would miss less? Told by how their simulated caches, of the store's own size, fare with the
//! same reads. Knows no caches.
//!
//! A read that only one of them has the item for is a point for it. Once the policy that is not in use is ahead by more
//! points than chance explains, policies change. It is the CUSUM test of Page, "Continuous inspection schemes"
//! (Biometrika 1954): what spoke for the policy in use before counts for nothing, so that a change of the workload is
//! seen soon, and each miss of both speaks a little for what is in use, so that equals do not alternate. What holds over
//! all need not hold for items of each size: a band of sizes with many sampled items goes by its own score.

use super::mini_cache::BANDS;

/// The lead that a policy needs in order to come into use: so many points, and one more for so many items.
const LEAD_MIN: f32 = 24.0;
const ITEMS_PER_LEAD: u32 = 48;

/// What a miss of both speaks for the policy in use, in points.
const MISS_POINTS: f32 = 0.004;

/// A band's own contest goes before the one over all if it has so many of the sampled items.
const BAND_ITEMS_MIN: u32 = 384;

/// A band of fewer has no vote over all: its queues are too short to fare as the store's.
const BAND_VOTE_MIN: u32 = 64;

/// Points for and against a change.
#[derive(Clone, Copy, Debug)]
struct Score {
    prefers_s3_fifo: bool,
    /// By how much the policy that is not preferred is ahead.
    points: f32,
}

impl Score {
    const START: Score = Score { prefers_s3_fifo: true, points: 0.0 };

    /// How a read fared, among so many items. True if the preference has changed.
    fn count(&mut self, outcome: Outcome, items: u32) -> bool {
        let Outcome { s3_fifo, clock } = outcome;
        let (used, other) = if self.prefers_s3_fifo { (s3_fifo, clock) } else { (clock, s3_fifo) };
        let points = match (used, other) {
            (true, true) => 0.0,
            (false, false) => -MISS_POINTS,
            (true, false) => -1.0,
            (false, true) => 1.0,
        };
        self.points = (self.points + points).max(0.0);
        let changes = self.points > LEAD_MIN + (items / ITEMS_PER_LEAD) as f32;
        if changes {
            *self = Score { prefers_s3_fifo: !self.prefers_s3_fifo, points: 0.0 };
        }
        changes
    }
}

/// Whether a read hit under each policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) s3_fifo: bool,
    pub(super) clock: bool,
}

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contest {
    overall: Score,
    bands: [Score; BANDS],
    /// The sampled items.
    items: [u32; BANDS],
    /// Which bands go by their own score.
    has_own: [bool; BANDS],
}

impl Contest {
    /// Nothing is known yet.
    pub(super) const fn new() -> Self {
        Contest { overall: Score::START, bands: [Score::START; BANDS], items: [0; BANDS], has_own: [false; BANDS] }
    }

    /// Whether items of a band are better off with S3-FIFO.
    pub(super) fn prefers_s3_fifo(&self, band: usize) -> bool {
        if self.has_own[band] { self.bands[band].prefers_s3_fifo } else { self.overall.prefers_s3_fifo }
    }

    /// A read of a sampled key, of this band if that is known. True if a preference has changed.
    pub(super) fn count(&mut self, band: Option<usize>, outcome: Outcome) -> bool {
        let votes = band.is_none_or(|band| self.items[band] >= BAND_VOTE_MIN);
        let mut changed = votes && self.overall.count(outcome, self.items.iter().sum());
        if changed {
            // Bands for which the same has begun to show follow at once.
            let s3_fifo = self.overall.prefers_s3_fifo;
            let following = |band: &&mut Score| band.prefers_s3_fifo != s3_fifo && band.points > 0.0;
            self.bands.iter_mut().filter(following).for_each(|band| *band = self.overall);
        }
        if let Some(band) = band {
            changed |= self.bands[band].count(outcome, self.items[band]);
        }
        changed
    }

    /// Looks anew which bands have items enough for a contest of their own. One that begins prefers what all do.
    pub(super) fn divide(&mut self, items: [u32; BANDS]) {
        self.items = items;
        for (band, &items) in items.iter().enumerate() {
            let has_own = items >= BAND_ITEMS_MIN;
            if has_own && !self.has_own[band] {
                self.bands[band] = Score { points: 0.0, ..self.overall };
            }
            self.has_own[band] = has_own;
        }
    }

    /// All items are gone. What was preferred goes on to be.
    pub(super) fn clear(&mut self) {
        self.overall.points = 0.0;
        self.bands = [self.overall; BANDS];
        (self.items, self.has_own) = ([0; BANDS], [false; BANDS]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S3_FIFO: Outcome = Outcome { s3_fifo: true, clock: false };
    const CLOCK: Outcome = Outcome { s3_fifo: false, clock: true };
    const BOTH: Outcome = Outcome { s3_fifo: true, clock: true };
    const NONE: Outcome = Outcome { s3_fifo: false, clock: false };

    /// Of 500 items each in the first two bands, and a few in the third.
    fn contest() -> Contest {
        let mut contest = Contest::new();
        contest.divide([500, 500, 10, 0, 0, 0, 0, 0, 0, 0]);
        contest
    }

    fn count(contest: &mut Contest, band: usize, outcome: Outcome, times: u32) {
        (0..times).for_each(|_| _ = contest.count(Some(band), outcome));
    }

    #[test]
    fn the_preference_follows_there_and_back_and_not_before_the_lead_is_clear() {
        let mut contest = contest();
        let lead = LEAD_MIN as u32 + 1010 / ITEMS_PER_LEAD;
        for band in [0, 1] {
            count(&mut contest, band, CLOCK, lead / 2);
        }
        assert!(contest.prefers_s3_fifo(2));
        count(&mut contest, 0, CLOCK, 2);
        assert!((0..BANDS).all(|band| !contest.prefers_s3_fifo(band)));
        count(&mut contest, 1, S3_FIFO, lead + 1);
        assert!(contest.prefers_s3_fifo(1) && contest.prefers_s3_fifo(2));
        // Nothing has spoken against CLOCK there.
        assert!(!contest.prefers_s3_fifo(0));
    }

    #[test]
    fn what_both_hold_or_miss_changes_nothing() {
        let mut contest = contest();
        for outcome in [BOTH, NONE] {
            count(&mut contest, 0, outcome, 100_000);
        }
        // Points for what is not in use, which misses of both outweigh.
        for _ in 0..1000 {
            count(&mut contest, 0, CLOCK, 1);
            count(&mut contest, 0, NONE, (1.0 / MISS_POINTS) as u32 + 1);
        }
        assert!(contest.prefers_s3_fifo(0));
    }

    #[test]
    fn a_band_goes_its_own_way_if_it_has_items_enough() {
        let mut contest = contest();
        for _ in 0..100 {
            count(&mut contest, 0, CLOCK, 1);
            count(&mut contest, 1, S3_FIFO, 1);
            // Too few for a vote.
            count(&mut contest, 2, CLOCK, 1);
        }
        let prefers = [0, 1, 2].map(|band| contest.prefers_s3_fifo(band));
        assert_eq!(prefers, [false, true, true]);
        contest.divide([10, 500, 10, 0, 0, 0, 0, 0, 0, 0]);
        assert!(contest.prefers_s3_fifo(0), "too few now: what is better for all");
        contest.clear();
        assert!((0..BANDS).all(|band| contest.prefers_s3_fifo(band)));
    }
}
