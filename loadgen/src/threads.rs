//! The threads of a measured load: all prepare, begin at the same moment, and hand what they measure to one collector.

use std::{sync::mpsc, thread};

use crate::{
    clock::{Clock, Nanos, SECOND},
    collector::{Closed, Collector, Totals},
    error::Error,
    interval::{self, IntervalRecorder},
    progress::{Answered, Live},
    timeline::Timeline,
};

/// Threads that are ready begin this long after they are told, so that all have heard it.
const HEAD_START: Nanos = SECOND / 1000;

/// What is measured, and how its time is cut.
pub struct Span<'a> {
    /// What the progress line calls it.
    pub what: &'a str,
    /// How many requests end it, where that is known before.
    pub requests: Option<u64>,
    pub warmup: Nanos,
    /// Of every stage; `Nanos::MAX` where no time ends it.
    pub duration: Nanos,
    /// Length of an interval.
    pub interval: Nanos,
    /// The rate of every stage at its beginning and end; without rates there is one stage.
    pub rates: Vec<(f64, f64)>,
}

/// Runs one thread for each of `workers`, which prepares and gives what then drives the load; gives the whole, and what
/// every thread brings back. `closed` is shown every interval.
pub fn measure<P, D, T>(
    clock: Clock,
    span: Span,
    answered: &Answered,
    workers: Vec<P>,
    mut closed: impl FnMut(&Closed),
) -> Result<(Totals, Vec<T>), Error>
where
    P: FnOnce() -> Result<D, Error> + Send,
    D: FnOnce(IntervalRecorder) -> Result<T, Error>,
    T: Send,
{
    let live = Live::new(span.what, span.requests.unwrap_or(0));
    let (ready, prepared) = mpsc::channel();
    thread::scope(|scope| {
        let (mut starts, mut threads) = (Vec::new(), Vec::new());
        for prepare in workers {
            let (start, started) = mpsc::channel::<IntervalRecorder>();
            let ready = ready.clone();
            starts.push(start);
            threads.push(scope.spawn(move || {
                let prepared = prepare();
                let _ = ready.send(prepared.is_ok());
                drop(ready);
                let drive = prepared?;
                // Nobody starts this thread if another one failed.
                let Ok(intervals) = started.recv() else { return Ok(None) };
                drive(intervals).map(Some)
            }));
        }
        drop(ready);
        let mut waiting = threads.len();
        while waiting > 0 {
            match prepared.recv_timeout(live.patience()) {
                Ok(true) => waiting -= 1,
                Err(mpsc::RecvTimeoutError::Timeout) => live.show(0, None),
                Ok(false) | Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        let mut totals = None;
        if waiting == 0 {
            let start = clock.now().saturating_add(HEAD_START).saturating_add(span.warmup);
            let timeline = Timeline::new(start, span.rates.len(), span.duration, span.interval);
            let (recorders, inbox) = interval::connect(threads.len(), timeline);
            for (start, recorder) in starts.iter().zip(recorders) {
                // A thread that ended tells why when it is joined.
                let _ = start.send(recorder);
            }
            let mut collector = Collector::new(timeline, inbox, span.rates, |interval| {
                live.show(answered.get(), Some(interval.row));
                closed(&interval);
            });
            while collector.collect(live.patience()) {
                live.show(answered.get(), None);
            }
            totals = Some(collector.finish());
        }
        drop(starts);
        live.finish();

        let ended: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap_or(Err(Error::Thread))).collect();
        let outcomes = ended.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok((totals.ok_or(Error::Thread)?, outcomes))
    })
}
