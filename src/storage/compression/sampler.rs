//! Collects values to train a dictionary from: the first one as soon as there are enough, a new one when values get
//! less small than they did by the present one.

use super::training::TrainingSamples;

/// Of how many values one is taken, so that the samples are not all of one moment.
const STRIDE: u32 = 4;

/// Values that samples are taken of.
const SAMPLES_MAX: usize = 16 << 10;

/// Values after which the ratio is looked at.
const WINDOW: u64 = 4096;

/// A new dictionary is trained when values take a tenth more than in the first window of the present one.
const RATIO_LOSS_DIVISOR: u64 = 10;

/// Values between two trainings, at least.
const SPACING_MIN: u64 = 64 << 10;

/// Between trainings that bring nothing the spacing doubles up to this.
const SPACING_MAX: u64 = 64 << 20;

/// What the sampler is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Looks at the ratio.
    Watching,
    /// Takes samples.
    Collecting,
    /// Has as many as it wants; they wait to be taken away.
    Full,
    /// They were, and no dictionary has come yet.
    UnderWay,
}

/// See the module's documentation.
pub(super) struct Sampler {
    state: State,
    samples: TrainingSamples,
    samples_bytes_max: usize,
    until_next: u32,
    /// Values since a training was begun, and how many there must be until the next.
    since_training: u64,
    spacing: u64,
    /// Of the window that is going on.
    values: u64,
    raw_bytes: u64,
    stored_bytes: u64,
    /// Stored bytes per 1000 raw ones in the first window of the present dictionary.
    baseline: Option<u64>,
    /// Those of the last window, and of the last one of the dictionary before.
    last: Option<u64>,
    before: Option<u64>,
}

impl Sampler {
    pub(super) fn new(samples_bytes_max: usize) -> Self {
        Sampler {
            state: State::Collecting,
            samples: TrainingSamples::default(),
            samples_bytes_max,
            until_next: STRIDE,
            since_training: 0,
            spacing: SPACING_MIN,
            values: 0,
            raw_bytes: 0,
            stored_bytes: 0,
            baseline: None,
            last: None,
            before: None,
        }
    }

    /// A value that a dictionary might be good for, and what it takes as it is stored. Says whether it was taken as a
    /// sample.
    #[inline]
    pub(super) fn see(&mut self, raw: &[u8], stored_len: usize, has_room: bool) -> bool {
        self.since_training += 1;
        match self.state {
            State::Watching => self.watch(raw.len(), stored_len, has_room),
            State::Collecting => return self.collect(raw),
            State::Full | State::UnderWay => {}
        }
        false
    }

    fn collect(&mut self, raw: &[u8]) -> bool {
        self.until_next -= 1;
        if self.until_next > 0 {
            return false;
        }
        self.until_next = STRIDE;
        if self.samples.bytes.capacity() == 0 {
            self.samples.bytes.reserve_exact(self.samples_bytes_max);
        }
        let is_full = self.samples.lens.len() == SAMPLES_MAX;
        if is_full || self.samples.bytes.len() + raw.len() > self.samples_bytes_max {
            self.state = State::Full;
            return false;
        }
        self.samples.bytes.extend_from_slice(raw);
        self.samples.lens.push(raw.len());
        true
    }

    fn watch(&mut self, raw_len: usize, stored_len: usize, has_room: bool) {
        self.values += 1;
        self.raw_bytes += raw_len as u64;
        self.stored_bytes += stored_len as u64;
        if self.values < WINDOW {
            return;
        }
        let ratio = self.stored_bytes * 1000 / self.raw_bytes.max(1);
        self.last = Some(ratio);
        (self.values, self.raw_bytes, self.stored_bytes) = (0, 0, 0);
        let Some(baseline) = self.baseline else {
            self.baseline = Some(ratio);
            if self.before.is_some_and(|before| ratio >= before) {
                self.spacing = (self.spacing * 2).min(SPACING_MAX);
            }
            return;
        };
        if ratio <= baseline {
            self.spacing = SPACING_MIN;
        }
        let has_fallen = ratio > baseline + baseline / RATIO_LOSS_DIVISOR;
        if has_fallen && has_room && self.since_training >= self.spacing {
            self.state = State::Collecting;
        }
    }

    /// Whether samples wait to be taken.
    pub(super) fn is_full(&self) -> bool {
        self.state == State::Full
    }

    /// The samples, once they are complete. [`finish`](Self::finish) is to follow.
    pub(super) fn take(&mut self) -> Option<TrainingSamples> {
        if !self.is_full() {
            return None;
        }
        self.state = State::UnderWay;
        self.since_training = 0;
        Some(std::mem::take(&mut self.samples))
    }

    /// The training is over; whether a new dictionary is in use now. If not, it is tried again much later.
    pub(super) fn finish(&mut self, has_new: bool, has_any: bool) {
        if !has_new {
            self.spacing = (self.spacing * 2).min(SPACING_MAX);
        }
        if has_new {
            self.before = self.last.take();
            self.baseline = None;
        }
        (self.values, self.raw_bytes, self.stored_bytes) = (0, 0, 0);
        self.state = State::Watching;
        if !has_any {
            // Nothing to fall behind: everything counts as a loss.
            self.baseline = Some(0);
        }
    }

    /// Memory of the samples.
    pub(super) fn memory_bytes(&self) -> usize {
        self.samples.bytes.capacity() + self.samples.lens.capacity() * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows values that are stored at this share of their length until samples are full; says after how many.
    fn feed(sampler: &mut Sampler, stored_per_mille: usize, values_max: u64) -> Option<u64> {
        let value = [b'x'; 1000];
        (0..values_max).find(|_| {
            sampler.see(&value, stored_per_mille, true);
            sampler.is_full()
        })
    }

    fn trained(sampler: &mut Sampler) {
        assert!(sampler.take().is_some_and(|samples| samples.count() > 0));
        sampler.finish(true, true);
    }

    #[test]
    fn samples_are_bounded_and_of_the_whole_stream() {
        let mut sampler = Sampler::new(100_000);
        assert!(sampler.take().is_none());
        assert_eq!(feed(&mut sampler, 1000, 1000), Some(100 * u64::from(STRIDE) + 3));
        assert!(sampler.memory_bytes() < 110_000);
        let samples = sampler.take().unwrap();
        assert_eq!((samples.count(), samples.bytes.len()), (100, 100_000));
        assert_eq!(sampler.memory_bytes(), 0);
        assert_eq!(feed(&mut sampler, 1000, 10_000), None, "one training at a time");
    }

    #[test]
    fn a_new_dictionary_is_wanted_when_values_get_less_small() {
        let mut sampler = Sampler::new(100_000);
        feed(&mut sampler, 1000, 1000);
        trained(&mut sampler);
        assert_eq!(feed(&mut sampler, 300, 300_000), None);
        assert_eq!(feed(&mut sampler, 325, 300_000), None, "a little worse is not worth it");
        assert!(feed(&mut sampler, 400, 300_000).is_some());
        trained(&mut sampler);
        assert!(feed(&mut sampler, 400, 10_000).is_none(), "not so soon again");
    }

    #[test]
    fn trainings_in_vain_come_at_longer_and_longer_intervals() {
        let mut sampler = Sampler::new(100_000);
        let mut trainings = 0;
        for _ in 0..4_000_000 / 1000 {
            if feed(&mut sampler, 1000, 1000).is_some() {
                trainings += 1;
                sampler.take();
                sampler.finish(false, false);
            }
        }
        assert!((3..8).contains(&trainings), "{trainings}");
    }
}
