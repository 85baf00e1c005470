//! What one thread measures, handed over interval by interval, so that the figures of a run are seen while it runs.
//!
//! The thread never waits for the collector: if that has not fetched the last intervals, the present one goes on.
//! Recorders come back cleared; a thread allocates a few and no more.

use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};

use crate::{
    clock::Nanos,
    driver::{BusyMeter, CoreTime},
    recorder::Recorder,
    timeline::Timeline,
};

/// Intervals of one thread that wait for the collector.
const HANDED_OVER_MAX: usize = 4;

/// What one thread measured in one interval.
#[derive(Debug)]
pub struct Interval {
    /// The thread, from 0.
    pub thread: usize,
    /// The number of the interval, as [`Timeline`] counts.
    pub number: u64,
    /// When the thread began with it.
    pub from: Nanos,
    /// When it ended it.
    pub to: Nanos,
    /// What its work took of a core.
    pub worked: CoreTime,
    /// The figures.
    pub recorder: Recorder,
}

/// The thread's side.
#[derive(Debug)]
pub struct IntervalRecorder {
    /// The present interval's figures.
    pub recorder: Recorder,
    thread: usize,
    timeline: Timeline,
    number: u64,
    from: Nanos,
    due: Nanos,
    /// Whether the first interval has begun.
    begun: bool,
    outbox: SyncSender<Interval>,
    spare: Receiver<Recorder>,
}

/// The collector's side of every thread.
#[derive(Debug)]
pub struct Inbox {
    /// The intervals of all threads.
    pub intervals: Receiver<Interval>,
    /// Where each thread fetches cleared recorders.
    pub spares: Vec<SyncSender<Recorder>>,
}

/// Connects `threads` recorders with one collector.
pub fn connect(threads: usize, timeline: Timeline) -> (Vec<IntervalRecorder>, Inbox) {
    let (outbox, intervals) = mpsc::sync_channel(HANDED_OVER_MAX * threads);
    let mut spares = Vec::with_capacity(threads);
    let recorders = (0..threads)
        .map(|thread| {
            let (give, spare) = mpsc::sync_channel(HANDED_OVER_MAX);
            spares.push(give);
            let (outbox, recorder) = (outbox.clone(), Recorder::default());
            let (from, due) = (timeline.start(), timeline.interval_end(0));
            IntervalRecorder { recorder, thread, timeline, number: 0, from, due, begun: false, outbox, spare }
        })
        .collect();
    (recorders, Inbox { intervals, spares })
}

impl IntervalRecorder {
    /// When the present interval ends.
    #[inline]
    pub fn due(&self) -> Nanos {
        self.due
    }

    /// The time that is measured.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Begins the first interval, or ends one that is over; says whether the measured time has begun. `meter` measures
    /// each interval by itself.
    #[inline]
    pub fn turn(&mut self, now: Nanos, meter: &mut BusyMeter) -> bool {
        if !self.begun && now >= self.timeline.start() {
            self.begun = true;
            meter.start();
        } else if self.begun && now >= self.due && self.cut(now, meter.worked()) {
            meter.start();
        }
        self.begun
    }

    /// Ends the present interval, in which the thread's work took `worked`; false if the collector is behind: then it
    /// goes on until the next one would end.
    pub fn cut(&mut self, now: Nanos, worked: CoreTime) -> bool {
        let next = self.timeline.interval_at(now).max(self.number + 1);
        let recorder = std::mem::replace(&mut self.recorder, self.spare.try_recv().unwrap_or_default());
        let sent = self.outbox.try_send(self.interval(recorder, now, worked));
        self.number = next;
        self.due = self.timeline.interval_end(next);
        match sent {
            Ok(()) => {
                self.from = now;
                true
            }
            Err(TrySendError::Full(kept) | TrySendError::Disconnected(kept)) => {
                self.recorder = kept.recorder;
                false
            }
        }
    }

    /// Hands over the last interval.
    pub fn finish(mut self, now: Nanos, worked: CoreTime) {
        let recorder = std::mem::take(&mut self.recorder);
        // Without a collector nobody wants it.
        let _ = self.outbox.send(self.interval(recorder, now, worked));
    }

    fn interval(&self, mut recorder: Recorder, now: Nanos, worked: CoreTime) -> Interval {
        recorder.settle();
        Interval { thread: self.thread, number: self.number, from: self.from, to: now, worked, recorder }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_goes_on_while_the_collector_is_behind() {
        let line = Timeline::new(0, 1, 1000, 10);
        let (mut recorders, inbox) = connect(1, line);
        let mut thread = recorders.remove(0);
        for number in 0..10 {
            assert_eq!(thread.due(), 10 * (number + 1));
            thread.recorder.record(5);
            let now = thread.due();
            assert_eq!(thread.cut(now, CoreTime::default()), number < HANDED_OVER_MAX as u64, "{number}");
        }
        let seen: Vec<Interval> = inbox.intervals.try_iter().collect();
        assert_eq!(
            seen.iter().map(|i| (i.number, i.from, i.to)).collect::<Vec<_>>(),
            [(0, 0, 10), (1, 10, 20), (2, 20, 30), (3, 30, 40)]
        );
        // A late look skips intervals; what they held is in the next one that is handed over.
        assert!(thread.cut(155, CoreTime::default()));
        thread.finish(160, CoreTime::default());
        let seen: Vec<Interval> = inbox.intervals.try_iter().collect();
        let shown: Vec<_> = seen.iter().map(|i| (i.number, i.from, i.to, i.recorder.counts.requests)).collect();
        assert_eq!(shown, [(10, 40, 155, 6), (15, 155, 160, 0)]);
    }

    #[test]
    fn recorders_that_come_back_are_used_again() {
        let (mut recorders, inbox) = connect(1, Timeline::new(0, 1, 1000, 10));
        let mut spare = Recorder::default();
        spare.counts.gets = 77;
        inbox.spares[0].send(spare).unwrap();
        recorders[0].cut(10, CoreTime::default());
        assert_eq!(recorders[0].recorder.counts.gets, 77);
    }
}
