//! Puts the threads' intervals together: the series over time, the figures of every stage, and the whole.

use std::{collections::VecDeque, sync::mpsc::RecvTimeoutError, time::Duration};

use serde::Serialize;

use crate::{
    bottleneck::Strain,
    clock::{Nanos, SECOND},
    driver::CoreTime,
    interval::{Inbox, Interval},
    recorder::{Percentiles, Recorder},
    timeline::Timeline,
};

/// Most rows of the series; what comes later counts in the totals only.
pub const SERIES_MAX: usize = 100_000;

/// Intervals that some thread has not ended. If one thread hangs behind further, the oldest is closed without it, and
/// what it brings counts in the next.
const OPEN_MAX: usize = 16;

/// One interval of the series.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SeriesRow {
    /// Seconds from the start of the measurement to the end of the interval.
    pub at_s: f64,
    /// Its length.
    pub seconds: f64,
    pub requests_per_s: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
    /// Error replies.
    pub errors: u64,
    #[serde(flatten)]
    pub strain: Strain,
}

/// One stage: the time of one rate, or all of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageRow {
    /// Requests per second that were asked for at its beginning; none in a closed loop.
    pub rate_from: Option<f64>,
    /// The same at its end.
    pub rate_to: Option<f64>,
    pub seconds: f64,
    pub requests: u64,
    pub requests_per_s: f64,
    pub errors: u64,
    pub latency: Percentiles,
    #[serde(flatten)]
    pub strain: Strain,
    /// Whether this stage shows the generator rather than the server.
    pub generator_was_bottleneck: bool,
}

/// An interval of all threads.
struct Open {
    number: u64,
    from: Nanos,
    to: Nanos,
    /// Time that every thread's work needed of a core.
    worked: Vec<CoreTime>,
    recorder: Recorder,
}

/// A stage that goes on.
struct Running {
    number: usize,
    from: Nanos,
    to: Nanos,
    worked: Vec<CoreTime>,
    recorder: Recorder,
}

/// An interval that all threads have ended.
pub struct Closed<'a> {
    /// Its row of the series.
    pub row: &'a SeriesRow,
    /// Its figures.
    pub recorder: &'a Recorder,
}

/// What the measurement came to.
pub struct Totals {
    pub recorder: Recorder,
    pub series: Vec<SeriesRow>,
    /// Intervals that the series had no room for.
    pub series_left_out: u64,
    pub stages: Vec<StageRow>,
    /// Over the whole time.
    pub strain: Strain,
    /// Nanoseconds from the start to the last answer.
    pub elapsed: Nanos,
}

impl Totals {
    /// Seconds from the start to the last answer.
    pub fn elapsed_s(&self) -> f64 {
        self.elapsed as f64 / SECOND as f64
    }

    /// So many requests of all this time, per second.
    pub fn per_s(&self, requests: u64) -> f64 {
        if self.elapsed > 0 { requests as f64 / self.elapsed_s() } else { 0.0 }
    }
}

/// The collector.
pub struct Collector<'a> {
    timeline: Timeline,
    inbox: Inbox,
    /// For every thread, the first interval that it has not ended.
    reached: Vec<u64>,
    open: VecDeque<Open>,
    stage: Option<Running>,
    totals: Totals,
    worked: Vec<CoreTime>,
    /// The rate of every stage at its beginning and end.
    rates: Vec<(f64, f64)>,
    closed: Box<dyn FnMut(Closed) + 'a>,
    /// Recorders of closed intervals, for the next ones; as many as were ever open.
    cleared: Vec<Recorder>,
}

impl<'a> Collector<'a> {
    /// `closed` is shown every interval, in order.
    pub fn new(
        timeline: Timeline,
        inbox: Inbox,
        rates: Vec<(f64, f64)>,
        closed: impl FnMut(Closed) + 'a,
    ) -> Collector<'a> {
        let threads = inbox.spares.len();
        Collector {
            timeline,
            inbox,
            reached: vec![0; threads],
            open: VecDeque::new(),
            stage: None,
            totals: Totals {
                recorder: Recorder::default(),
                series: Vec::new(),
                series_left_out: 0,
                stages: Vec::new(),
                strain: Strain::default(),
                elapsed: 0,
            },
            worked: vec![CoreTime::default(); threads],
            rates,
            closed: Box::new(closed),
            cleared: Vec::new(),
        }
    }

    /// Takes what the threads hand over, waiting for the first of it for at most `patience`; false when all threads
    /// have ended.
    pub fn collect(&mut self, patience: Duration) -> bool {
        let mut next = self.inbox.intervals.recv_timeout(patience);
        loop {
            match next {
                Ok(interval) => self.take(interval),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            next = self.inbox.intervals.recv_timeout(Duration::ZERO);
        }
    }

    /// The result; what is still open is closed.
    pub fn finish(mut self) -> Totals {
        while let Some(open) = self.open.pop_front() {
            self.close(open);
        }
        self.end_stage();
        let elapsed = self.totals.elapsed;
        self.totals.strain = strain(&self.worked, elapsed, &self.totals.recorder);
        self.totals
    }

    fn take(&mut self, mut interval: Interval) {
        let threads = self.reached.len();
        let oldest = self.open.front().map(|open| open.number).unwrap_or(0);
        let number = interval.number.max(oldest);
        let at = match self.open.binary_search_by_key(&number, |open| open.number) {
            Ok(at) => at,
            Err(at) => {
                // The first of the threads leaves its recorder here: with one thread nothing is merged.
                let recorder = std::mem::replace(&mut interval.recorder, self.cleared.pop().unwrap_or_default());
                let (from, to) = (interval.from, interval.to);
                self.open.insert(at, Open { number, from, to, worked: vec![CoreTime::default(); threads], recorder });
                at
            }
        };
        let open = &mut self.open[at];
        open.from = open.from.min(interval.from);
        open.to = open.to.max(interval.to);
        open.worked[interval.thread] += interval.worked;
        open.recorder.merge(&mut interval.recorder);
        self.reached[interval.thread] = interval.number + 1;
        interval.recorder.clear();
        // A thread that has ended wants none.
        let _ = self.inbox.spares[interval.thread].try_send(interval.recorder);

        let reached = self.reached.iter().copied().min().unwrap_or(0);
        while self.open.front().is_some_and(|open| open.number < reached) || self.open.len() > OPEN_MAX {
            let Some(open) = self.open.pop_front() else { break };
            self.close(open);
        }
    }

    fn close(&mut self, mut open: Open) {
        let length = open.to.saturating_sub(open.from).max(1);
        if length == 1 && open.recorder.counts.requests == 0 {
            return;
        }
        let (seconds, counts) = (length as f64 / SECOND as f64, &open.recorder.counts);
        let latency = open.recorder.outline();
        let row = SeriesRow {
            at_s: open.to.saturating_sub(self.timeline.start()) as f64 / SECOND as f64,
            seconds,
            requests_per_s: counts.requests as f64 / seconds,
            p50_us: latency[0],
            p99_us: latency[1],
            max_us: latency[2],
            errors: counts.errors,
            strain: strain(&open.worked, length, &open.recorder),
        };
        (self.closed)(Closed { row: &row, recorder: &open.recorder });
        if self.totals.series.len() < SERIES_MAX {
            self.totals.series.push(row);
        } else {
            self.totals.series_left_out += 1;
        }
        let number = self.timeline.stage_of(open.number);
        if self.stage.as_ref().is_some_and(|stage| stage.number != number) {
            self.end_stage();
        }
        let stage = self.stage.get_or_insert_with(|| Running {
            number,
            from: open.from,
            to: open.to,
            worked: vec![CoreTime::default(); open.worked.len()],
            recorder: Recorder::default(),
        });
        stage.to = stage.to.max(open.to);
        stage.recorder.merge(&mut open.recorder);
        for (thread, worked) in open.worked.iter().enumerate() {
            stage.worked[thread] += *worked;
            self.worked[thread] += *worked;
        }
        self.totals.elapsed = self.totals.elapsed.max(open.to.saturating_sub(self.timeline.start()));
        open.recorder.clear();
        self.cleared.push(open.recorder);
    }

    fn end_stage(&mut self) {
        let Some(mut stage) = self.stage.take() else { return };
        self.totals.recorder.merge(&mut stage.recorder);
        let length = stage.to.saturating_sub(stage.from).max(1);
        let (seconds, counts) = (length as f64 / SECOND as f64, &stage.recorder.counts);
        let rate = self.rates.get(stage.number);
        let latency = stage.recorder.percentiles();
        let strain = strain(&stage.worked, length, &stage.recorder);
        self.totals.stages.push(StageRow {
            rate_from: rate.map(|rate| rate.0),
            rate_to: rate.map(|rate| rate.1),
            seconds,
            requests: counts.requests,
            requests_per_s: counts.requests as f64 / seconds,
            errors: counts.errors,
            latency,
            generator_was_bottleneck: strain.is_bottleneck(latency.p99_us),
            strain,
        });
    }
}

/// The busiest thread's share of its core, the CPU time of all, and their lateness.
fn strain(worked: &[CoreTime], length: Nanos, recorder: &Recorder) -> Strain {
    let busiest = worked.iter().map(|thread| thread.needed).max().unwrap_or(0);
    let used: Nanos = worked.iter().map(|thread| thread.used).sum();
    Strain {
        generator_busy: (busiest as f64 / length.max(1) as f64).clamp(0.0, 1.0),
        generator_cpu_us: used as f64 / 1000.0 / recorder.counts.requests.max(1) as f64,
        send_lag_p99_us: recorder.lag_p99_us(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::connect;

    const TICK: Nanos = SECOND / 10;

    /// What a run of two threads and two stages of 0.2 s came to.
    #[test]
    fn rows_stages_and_totals_agree() {
        let line = Timeline::new(SECOND, 2, 2 * TICK, TICK);
        let (threads, inbox) = connect(2, line);
        let mut shown = Vec::new();
        let mut collector =
            Collector::new(line, inbox, vec![(10.0, 10.0), (20.0, 40.0)], |closed| shown.push(closed.row.clone()));
        for (index, mut thread) in threads.into_iter().enumerate() {
            for number in 0..4u64 {
                for _ in 0..=number {
                    thread.recorder.record(1_000_000 * (number + 1));
                }
                thread.recorder.counts.errors += index as u64;
                let now = SECOND + (number + 1) * TICK;
                if number < 3 {
                    let needed = TICK / 2 * (index as u64 + 1);
                    assert!(thread.cut(now, CoreTime { used: needed / 2, needed }));
                } else {
                    thread.finish(now + TICK / 2, CoreTime { used: TICK / 4, needed: TICK / 2 });
                    break;
                }
            }
            assert_eq!(collector.collect(Duration::ZERO), index == 0);
        }
        let totals = collector.finish();
        assert_eq!(shown, totals.series);
        let rates: Vec<f64> = shown.iter().map(|row| row.requests_per_s.round()).collect();
        assert_eq!(rates, [20.0, 40.0, 60.0, 53.0]);
        assert!((shown[0].at_s - 0.1).abs() < 1e-9 && (shown[3].at_s - 0.45).abs() < 1e-9);
        assert!((shown[0].strain.generator_busy - 1.0).abs() < 1e-9);
        // Two requests of both threads took a quarter and half an interval of 100 ms.
        assert!((shown[0].strain.generator_cpu_us - 37_500.0).abs() < 1e-6);
        assert!((totals.strain.generator_cpu_us - 2.75 * 100_000.0 / 20.0).abs() < 1e-6);
        let stages: Vec<_> = totals.stages.iter().map(|s| (s.rate_from, s.rate_to, s.requests, s.errors)).collect();
        assert_eq!(stages, [(Some(10.0), Some(10.0), 6, 2), (Some(20.0), Some(40.0), 14, 2)]);
        assert!((totals.stages[0].latency.max_us - 2000.0).abs() < 3.0);
        assert!((totals.stages[1].seconds - 0.25).abs() < 1e-9);
        assert_eq!((totals.recorder.counts.requests, totals.recorder.counts.errors), (20, 4));
        assert_eq!(totals.elapsed, 4 * TICK + TICK / 2);
    }

    #[test]
    fn a_thread_that_hangs_behind_holds_up_nothing_and_loses_nothing() {
        let line = Timeline::new(0, 1, 1000 * TICK, TICK);
        let (mut threads, inbox) = connect(2, line);
        let mut rows = 0;
        let mut collector = Collector::new(line, inbox, Vec::new(), |_| rows += 1);
        let mut slow = threads.remove(0);
        let mut quick = threads.remove(0);
        for number in 1..=40 {
            quick.recorder.record(1000);
            assert!(quick.cut(number * TICK, CoreTime::default()));
            assert!(collector.collect(Duration::ZERO));
        }
        assert!(collector.open.len() <= OPEN_MAX);
        slow.recorder.record(1000);
        assert!(slow.cut(TICK, CoreTime::default()));
        collector.collect(Duration::ZERO);
        drop((slow, quick));
        let totals = collector.finish();
        assert_eq!((totals.recorder.counts.requests, totals.series.len(), rows), (41, 40, 40));
    }

    /// A replay may take longer than the series has rows for.
    #[test]
    fn what_the_series_has_no_room_for_counts_in_the_totals() {
        let line = Timeline::new(0, 1, Nanos::MAX, TICK);
        let (mut threads, inbox) = connect(1, line);
        let mut shown = 0;
        let mut collector = Collector::new(line, inbox, Vec::new(), |_| shown += 1);
        collector.totals.series = vec![SeriesRow::default(); SERIES_MAX - 1];
        let mut thread = threads.remove(0);
        for number in 1..=4 {
            thread.recorder.record(1000);
            assert!(thread.cut(number * TICK, CoreTime::default()));
            assert!(collector.collect(Duration::ZERO));
        }
        drop(thread);
        let totals = collector.finish();
        assert_eq!((totals.series.len(), totals.series_left_out, totals.recorder.counts.requests), (SERIES_MAX, 3, 4));
        assert_eq!(shown, 4);
    }
}
