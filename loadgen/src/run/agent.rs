//! The measured load of one thread: what each connection sends, and what its replies count as.
//!
//! Closed loop: a connection sends a batch of `--pipeline` requests, and the next when all are answered. Open
//! loop: arrivals of the schedule go to connections in turn, skipping those whose pipeline is full; one that
//! finds no room waits, and its latency still counts from the moment it was meant for.

use std::collections::VecDeque;

use super::{Outcome, Plan};
use crate::{
    clock::{Nanos, SECOND},
    driver::{Agent, BusyMeter, Next},
    interval::IntervalRecorder,
    progress::Answered,
    protocol::{Protocol, Reply, Unparsable, meta, text},
    workload::{KeyPicker, KeyRenderer, Rng, Schedule},
};

/// Arrivals meant for the time before the end are still sent this long after it.
const OVERRUN: Nanos = SECOND / 2;

/// From when the end is noticed, replies are awaited for this long; those that do not come are reported.
const DRAIN: Nanos = 5 * SECOND;

/// A request that is sent and not answered.
struct Pending {
    is_get: bool,
    /// Whether it was sent after the warm-up.
    measured: bool,
    /// When it was meant to be sent.
    intended: Nanos,
}

#[derive(Default)]
struct Lane {
    /// Bounded by `--pipeline`.
    pending: VecDeque<Pending>,
    /// Arrivals assigned and not sent; with `pending` bounded by `--pipeline`.
    due: VecDeque<Nanos>,
    /// Bytes of a value and its CRLF that are still to come and of no interest.
    skip: usize,
    /// Values seen of the get that is being answered.
    values: u64,
}

/// One thread's load.
pub struct RunAgent<'a> {
    plan: &'a Plan,
    answered: &'a Answered,
    picker: KeyPicker,
    rng: Rng,
    keys: KeyRenderer,
    /// Renders a whole get of one key: one copy per request.
    get_lines: KeyRenderer,
    lanes: Vec<Lane>,
    schedule: Option<Schedule>,
    cursor: usize,
    measure_from: Nanos,
    end: Nanos,
    /// Measured requests still to send, with `--requests`.
    budget: u64,
    measuring: bool,
    stopped: bool,
    end_noticed: Option<Nanos>,
    outstanding: usize,
    reported: u64,
    done: u64,
    last_reply: Nanos,
    intervals: IntervalRecorder,
    /// Whether the server left no room for an arrival that is due: the lateness of those until now is its own.
    held_up: bool,
}

impl<'a> RunAgent<'a> {
    pub fn new(
        plan: &'a Plan,
        index: usize,
        connections: usize,
        intervals: IntervalRecorder,
        answered: &'a Answered,
    ) -> Self {
        let (measure_from, end) = (intervals.timeline().start(), intervals.timeline().end());
        let budget = plan.requests.map_or(u64::MAX, |total| super::share(total, plan.threads, index));
        let lane = index as u64 * 2;
        let schedule = plan.course.as_ref().map(|course| {
            let time = (measure_from.saturating_sub(plan.warmup), plan.warmup, plan.duration);
            // The threads' even arrivals interleave.
            let first = index as f64 / plan.threads as f64;
            Schedule::new(plan.arrivals, course, time, first, Rng::new(plan.seed, lane + 1))
        });
        RunAgent {
            plan,
            answered,
            picker: KeyPicker::new(plan.distribution, plan.keyspace.count()),
            rng: Rng::new(plan.seed, lane),
            get_lines: match plan.protocol {
                Protocol::Text => plan.keyspace.renderer().framed(text::GET.0, text::GET.1),
                Protocol::Meta => plan.keyspace.renderer().framed(meta::GET.0, meta::GET.1),
            },
            keys: plan.keyspace.renderer(),
            lanes: (0..connections).map(|_| Lane::default()).collect(),
            schedule,
            cursor: 0,
            measure_from,
            end,
            budget,
            measuring: false,
            stopped: false,
            end_noticed: None,
            outstanding: 0,
            reported: 0,
            done: 0,
            last_reply: 0,
            intervals,
            held_up: false,
        }
    }

    /// The results, after the driver has finished; `worked` is what the meter shows.
    pub fn finish(self, worked: Nanos, load_errors: u64) -> Outcome {
        let due: usize = self.lanes.iter().map(|lane| lane.due.len()).sum();
        let unscheduled = self.schedule.as_ref().filter(|_| self.plan.requests.is_none());
        self.intervals.finish(self.last_reply.max(self.measure_from), worked);
        Outcome {
            unanswered: self.outstanding as u64,
            unsent: due as u64 + unscheduled.map_or(0, |schedule| schedule.count_before(self.end)),
            load_errors,
        }
    }

    /// Hands arrivals that are due to connections with room; gives the moment of the next one.
    fn assign(&mut self, now: Nanos, wake: &mut Vec<usize>) -> Nanos {
        let Some(schedule) = &mut self.schedule else { return Nanos::MAX };
        let punctual = self.measuring && !self.held_up;
        while schedule.next_at() <= now {
            if schedule.next_at() >= self.end {
                return Nanos::MAX;
            }
            let room = (0..self.lanes.len()).map(|step| (self.cursor + step) % self.lanes.len()).find(|&id| {
                let lane = &self.lanes[id];
                lane.pending.len() + lane.due.len() < self.plan.pipeline
            });
            // Only a reply makes room, and a reply ends the wait.
            let Some(id) = room else {
                self.held_up = true;
                return Nanos::MAX;
            };
            if punctual {
                self.intervals.recorder.record_lag(now - schedule.next_at());
            }
            if self.lanes[id].due.is_empty() {
                wake.push(id);
            }
            self.lanes[id].due.push_back(schedule.next_at());
            schedule.advance();
            self.cursor = (id + 1) % self.lanes.len();
        }
        self.held_up = false;
        schedule.next_at()
    }

    /// Appends one request; false if the run's budget is used up.
    #[inline]
    fn request(&mut self, connection: usize, intended: Nanos, out: &mut Vec<u8>) -> bool {
        if self.measuring {
            if self.budget == 0 {
                return false;
            }
            self.budget -= 1;
        }
        let is_get = self.plan.mix.is_get(&mut self.rng);
        match (self.plan.protocol, is_get) {
            (_, true) if self.plan.multiget == 1 => {
                out.extend_from_slice(self.get_lines.render(self.picker.pick(&mut self.rng)));
            }
            (Protocol::Text, true) => {
                text::begin(out, b"get");
                for _ in 0..self.plan.multiget {
                    text::key(out, self.keys.render(self.picker.pick(&mut self.rng)));
                }
                text::end(out);
            }
            (Protocol::Text, false) => {
                let key = self.picker.pick(&mut self.rng);
                text::store(out, b"set", self.keys.render(key), 0, self.plan.values.value(key), None);
            }
            (Protocol::Meta, true) => {
                for _ in 0..self.plan.multiget {
                    meta::get_quiet(out, self.keys.render(self.picker.pick(&mut self.rng)));
                }
                meta::noop(out);
            }
            (Protocol::Meta, false) => {
                let key = self.picker.pick(&mut self.rng);
                meta::set(out, self.keys.render(key), self.plan.values.value(key));
            }
        }
        self.lanes[connection].pending.push_back(Pending { is_get, measured: self.measuring, intended });
        self.outstanding += 1;
        true
    }

    /// Counts the request at the head of the connection's queue as answered.
    #[inline]
    fn answer(&mut self, connection: usize, now: Nanos, end: End) -> Result<(), Unparsable> {
        let lane = &mut self.lanes[connection];
        let values = std::mem::take(&mut lane.values);
        let Some(pending) = lane.pending.pop_front() else {
            return Err(Unparsable::new("a reply that nothing asked for", b""));
        };
        let fits = match end {
            End::Read => pending.is_get && values <= self.plan.multiget as u64,
            End::Stored => !pending.is_get && values == 0,
            End::Error => true,
        };
        if !fits {
            return Err(Unparsable::new("a reply to a request of another kind", b""));
        }
        self.outstanding -= 1;
        self.done += 1;
        if !pending.measured {
            return Ok(());
        }
        let counts = &mut self.intervals.recorder.counts;
        match end {
            End::Read => {
                let keys = self.plan.multiget as u64;
                counts.gets += keys;
                counts.hits += values;
                counts.misses += keys - values;
            }
            End::Stored => counts.stored += 1,
            End::Error => counts.errors += 1,
        }
        self.last_reply = now;
        self.intervals.recorder.record(now.saturating_sub(pending.intended));
        Ok(())
    }
}

/// How an answer ended.
#[derive(Clone, Copy)]
enum End {
    Read,
    Stored,
    Error,
}

impl Agent for RunAgent<'_> {
    fn plan(&mut self, now: Nanos, wake: &mut Vec<usize>, meter: &mut BusyMeter) -> Next {
        if !self.measuring && now >= self.measure_from {
            self.measuring = true;
            meter.start(now);
        } else if self.measuring && now >= self.intervals.due() && self.intervals.cut(now, meter.worked()) {
            meter.start(now);
        }
        self.answered.add(self.done - self.reported);
        self.reported = self.done;
        let late = self.schedule.as_ref().is_some_and(|schedule| schedule.next_at() < self.end);
        let end = if late { self.end.saturating_add(OVERRUN) } else { self.end };
        self.stopped = now >= end || self.budget == 0;
        if self.stopped {
            // Not from the end itself: this process may have been stopped since.
            let noticed = *self.end_noticed.get_or_insert(now);
            let waited_enough = self.end != Nanos::MAX && now >= noticed.saturating_add(DRAIN);
            let done = self.outstanding == 0 || waited_enough;
            return if done { Next::Finish } else { Next::WaitUntil(now + SECOND) };
        }
        let next_arrival = self.assign(now, wake);
        let next_phase = if self.measuring { self.end.min(self.intervals.due()) } else { self.measure_from };
        // Phases need no precision: only arrivals are worth polling for.
        Next::WaitUntil(next_arrival.min(next_phase.saturating_add(SECOND / 1000)))
    }

    #[inline]
    fn requests(&mut self, connection: usize, now: Nanos, out: &mut Vec<u8>) {
        if self.stopped {
            return;
        }
        if self.schedule.is_none() {
            if now < self.end && self.lanes[connection].pending.is_empty() {
                for _ in 0..self.plan.pipeline {
                    if !self.request(connection, now, out) {
                        break;
                    }
                }
            }
        } else {
            while let Some(intended) = self.lanes[connection].due.pop_front() {
                if !self.request(connection, intended, out) {
                    break;
                }
            }
        }
        if self.measuring {
            self.intervals.recorder.counts.bytes_sent += out.len() as u64;
        }
    }

    #[inline]
    fn replies(&mut self, connection: usize, now: Nanos, input: &[u8]) -> Result<usize, Unparsable> {
        let mut used = 0;
        loop {
            let lane = &mut self.lanes[connection];
            let skipped = lane.skip.min(input.len() - used);
            lane.skip -= skipped;
            used += skipped;
            let rest = &input[used..];
            if rest.is_empty() {
                break;
            }
            let parsed = match self.plan.protocol {
                Protocol::Text => text::parse(rest)?,
                Protocol::Meta => meta::parse(rest)?,
            };
            let Some((reply, taken)) = parsed else { break };
            used += taken;
            match reply {
                Reply::Value(value) => {
                    lane.skip = value.len + 2;
                    lane.values += 1;
                    if self.plan.protocol == Protocol::Meta && self.plan.multiget == 1 {
                        self.answer(connection, now, End::Read)?;
                    }
                }
                Reply::End | Reply::Noop => self.answer(connection, now, End::Read)?,
                Reply::Miss if self.plan.multiget == 1 => self.answer(connection, now, End::Read)?,
                Reply::Stored => self.answer(connection, now, End::Stored)?,
                Reply::Refused(_) => self.answer(connection, now, End::Error)?,
                _ => return Err(Unparsable::new("a reply of another command", rest)),
            }
        }
        if self.measuring {
            self.intervals.recorder.counts.bytes_received += used as u64;
        }
        Ok(used)
    }

    fn outstanding(&self) -> usize {
        self.outstanding
    }
}

#[cfg(test)]
mod tests;
