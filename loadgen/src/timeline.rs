//! The measured time, cut into stages (one per rate of an open loop) and these into intervals.
//!
//! Intervals are numbered from 0 through all stages; a stage begins with an interval of its own, so that the figures
//! of a stage are those of its intervals.

use std::time::Duration;

use crate::{
    clock::{Nanos, SECOND, nanos},
    collector::SERIES_MAX,
    error::Error,
};

/// Shortest `--interval`.
const INTERVAL_MIN: Nanos = SECOND / 100;

/// Where stages and intervals begin and end.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    start: Nanos,
    /// Length of every stage; `Nanos::MAX` where the end is a number of requests.
    stage: Nanos,
    stages: u64,
    /// Length of every interval but the last of a stage, which may be shorter.
    interval: Nanos,
}

impl Timeline {
    /// `stages` (at least one) of `stage` nanoseconds each from `start` on.
    pub fn new(start: Nanos, stages: usize, stage: Nanos, interval: Nanos) -> Self {
        Timeline { start, stage: stage.max(1), stages: stages.max(1) as u64, interval: interval.max(1) }
    }

    /// The beginning of the first stage.
    pub fn start(&self) -> Nanos {
        self.start
    }

    /// The end of the last stage.
    pub fn end(&self) -> Nanos {
        self.start.saturating_add(self.stage.saturating_mul(self.stages))
    }

    /// The interval that a moment belongs to; what comes before the first or after the last belongs to that.
    pub fn interval_at(&self, now: Nanos) -> u64 {
        let since = now.saturating_sub(self.start);
        let stage = (since / self.stage).min(self.stages - 1);
        let within = (since - stage * self.stage) / self.interval;
        stage * self.per_stage() + within.min(self.per_stage() - 1)
    }

    /// When an interval ends; the last one does not.
    pub fn interval_end(&self, interval: u64) -> Nanos {
        let (stage, within) = (self.stage_of(interval) as u64, interval % self.per_stage());
        if stage + 1 >= self.stages && within + 1 == self.per_stage() {
            return Nanos::MAX;
        }
        let offset = (within + 1).saturating_mul(self.interval).min(self.stage);
        self.start.saturating_add(stage.saturating_mul(self.stage)).saturating_add(offset)
    }

    /// The stage of an interval.
    pub fn stage_of(&self, interval: u64) -> usize {
        (interval / self.per_stage()).min(self.stages - 1) as usize
    }

    fn per_stage(&self) -> u64 {
        self.stage.div_ceil(self.interval)
    }
}

/// The length of the intervals of a measurement that takes `whole`, or `Nanos::MAX` where its end is not known, as it is
/// asked for by `--interval`; refused in words if the series would not hold them.
pub fn interval(asked: Option<Duration>, whole: Nanos) -> Result<Nanos, Error> {
    let interval = match asked.map(nanos) {
        None => default_interval(whole),
        Some(interval) if interval < INTERVAL_MIN => {
            return Err(Error::Usage("--interval is at least 10 ms".into()));
        }
        Some(interval) => interval,
    };
    if whole != Nanos::MAX && whole / interval > SERIES_MAX as u64 {
        return Err(Error::Usage(format!("--interval cuts the run into more than {SERIES_MAX} parts")));
    }
    Ok(interval)
}

/// A hundredth of the whole, between 100 ms and 1 s, and longer where the series would become too long to plot.
fn default_interval(whole: Nanos) -> Nanos {
    /// Rows that a plot shows well.
    const ROWS: u64 = 1200;
    if whole == Nanos::MAX {
        return SECOND;
    }
    (whole / 100).clamp(SECOND / 10, SECOND).max(whole / ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_fit_the_whole_or_are_refused() {
        let ms = Duration::from_millis;
        assert_eq!(interval(None, 10 * SECOND).ok(), Some(SECOND / 10));
        assert_eq!(interval(None, 3600 * SECOND).ok(), Some(3 * SECOND));
        assert_eq!(interval(None, Nanos::MAX).ok(), Some(SECOND));
        assert_eq!(interval(Some(ms(10)), Nanos::MAX).ok(), Some(SECOND / 100));
        assert!(interval(Some(ms(9)), Nanos::MAX).is_err());
        assert!(interval(Some(ms(10)), 1001 * SECOND).is_err());
    }

    #[test]
    fn every_moment_lies_in_the_interval_that_ends_after_it() {
        let line = Timeline::new(1000, 3, 250, 100);
        let ends: Vec<Nanos> = (0..9).map(|interval| line.interval_end(interval)).collect();
        assert_eq!(ends, [1100, 1200, 1250, 1350, 1450, 1500, 1600, 1700, Nanos::MAX]);
        assert_eq!(line.end(), 1750);
        for now in 900..1900 {
            let interval = line.interval_at(now);
            assert!(now < line.interval_end(interval), "{now}");
            assert!(interval == 0 || now >= line.interval_end(interval - 1), "{now}");
            assert_eq!(line.stage_of(interval) as u64, (now.max(1000) - 1000).min(749) / 250, "{now}");
        }
    }

    #[test]
    fn a_run_without_an_end_has_intervals_too() {
        let line = Timeline::new(5, 1, Nanos::MAX, 100);
        assert_eq!((line.interval_at(4), line.interval_at(1005), line.end()), (0, 10, Nanos::MAX));
        assert_eq!(line.interval_end(10), 1105);
    }
}
