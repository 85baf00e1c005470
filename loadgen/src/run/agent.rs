//! The measured load of one thread: what each connection sends, and what its replies count as.
//!
//! Closed loop: a connection sends a batch of `--pipeline` requests, and the next when all are answered. Open
//! loop: arrivals of the schedule go to connections in turn, skipping those whose pipeline is full; one that
//! finds no room waits, and its latency still counts from the moment it was meant for.

use super::{
    Outcome, Plan,
    composer::{Composer, Written},
    lane::{End, Expected, Lane, Pending},
    step::Tally,
};
use crate::{
    clock::{Nanos, SECOND},
    driver::{Agent, BusyMeter, CoreTime, Next},
    interval::IntervalRecorder,
    progress::Answered,
    protocol::{Protocol, Reply, Unparsable, ValueForm, Verdict},
    workload::{Rng, Schedule},
};

/// Arrivals meant for the time before the end are still sent this long after it.
const OVERRUN: Nanos = SECOND / 2;

/// From when the end is noticed, replies are awaited for this long; those that do not come are reported.
const DRAIN: Nanos = 5 * SECOND;

/// One thread's load.
pub struct RunAgent<'a> {
    plan: &'a Plan,
    answered: &'a Answered,
    composer: Composer<'a>,
    rng: Rng,
    lanes: Vec<Lane>,
    schedule: Option<Schedule>,
    cursor: usize,
    /// When the warm-up begins.
    begin: Nanos,
    /// Whether connections were told to wait for that.
    early: bool,
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
    tally: Tally,
    intervals: IntervalRecorder,
    /// Whether the server left no room for an arrival that is due: the lateness of those until now is its own.
    held_up: bool,
    /// What the last hit of a get looked like, and the last value of a multiget; in other protocols than text, and at
    /// first, nothing does.
    hit_form: ValueForm,
    value_form: ValueForm,
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
        let begin = measure_from.saturating_sub(plan.warmup);
        let budget = plan.requests.map_or(u64::MAX, |total| super::share(total, plan.threads, index));
        let lane = index as u64 * 2;
        let schedule = plan.course.as_ref().map(|course| {
            let time = (begin, plan.warmup, plan.duration);
            // The threads' even arrivals interleave.
            let first = index as f64 / plan.threads as f64;
            Schedule::new(plan.arrivals, course, time, first, Rng::new(plan.seed, lane + 1))
        });
        RunAgent {
            plan,
            answered,
            composer: Composer::new(plan.protocol, &plan.work, plan.threads, begin),
            rng: Rng::new(plan.seed, lane),
            lanes: (0..connections).map(|_| Lane::default()).collect(),
            schedule,
            cursor: 0,
            begin,
            early: false,
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
            tally: Tally::default(),
            intervals,
            held_up: false,
            hit_form: ValueForm::default(),
            value_form: ValueForm::default(),
        }
    }

    /// The results, after the driver has finished; `worked` is what the meter shows.
    pub fn finish(self, worked: CoreTime, load_errors: u64) -> Outcome {
        let due: usize = self.lanes.iter().map(|lane| lane.due.len()).sum();
        let unscheduled = self.schedule.as_ref().filter(|_| self.plan.requests.is_none());
        self.intervals.finish(self.last_reply.max(self.measure_from), worked);
        Outcome {
            tally: self.tally,
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
            let mut turns = (0..self.lanes.len()).map(|step| (self.cursor + step) % self.lanes.len());
            let room = turns.find(|&id| self.lanes[id].load() < self.plan.pipeline);
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

    /// How many of so many requests may be sent; takes them from the run's budget.
    #[inline]
    fn allow(&mut self, count: usize) -> usize {
        if !self.measuring {
            return count;
        }
        let allowed = self.budget.min(count as u64);
        self.budget -= allowed;
        allowed as usize
    }

    /// Appends one request.
    #[inline]
    fn request(&mut self, connection: usize, now: Nanos, intended: Nanos, out: &mut Vec<u8>) {
        let written = self.composer.request(connection, now, &mut self.rng, &mut self.lanes[connection].asked, out);
        self.sent(connection, written, intended, 1);
    }

    /// Appends requests until the pipeline is full.
    #[inline]
    fn fill(&mut self, connection: usize, now: Nanos, out: &mut Vec<u8>) {
        let count = self.allow(self.plan.pipeline - self.lanes[connection].unanswered());
        match self.composer.alike(count, &mut self.rng, out) {
            Some(written) => self.sent(connection, written, now, count),
            None => (0..count).for_each(|_| self.request(connection, now, now, out)),
        }
    }

    /// Appends what answers asked for, as far as the pipeline has room.
    fn follow_ups(&mut self, connection: usize, now: Nanos, out: &mut Vec<u8>) {
        while self.lanes[connection].unanswered() < self.plan.pipeline
            && let Some(follow_up) = self.lanes[connection].follow_ups.pop_front()
        {
            if self.allow(1) == 0 {
                return;
            }
            let written = self.composer.follow_up(follow_up, &mut self.rng, out);
            self.sent(connection, written, now, 1);
        }
    }

    /// Notes so many requests as sent that are all the same.
    #[inline]
    fn sent(&mut self, connection: usize, written: Written, intended: Nanos, count: usize) {
        if count > 0 {
            let Written { step, keys, tracked } = written;
            let pending = Pending { intended, keys, step, tracked, measured: self.measuring };
            self.lanes[connection].sent(pending, count);
            self.outstanding += count;
        }
    }

    /// Counts the request at the head of the connection's queue as answered.
    #[inline]
    fn answer(&mut self, connection: usize, now: Nanos, end: End) -> Result<(), Unparsable> {
        let settled = self.lanes[connection].settle(end, |asked| self.composer.fills(asked));
        let (pending, values) = settled.map_err(|reason| Unparsable::new(reason, b""))?;
        self.outstanding -= 1;
        self.done += 1;
        if !pending.measured {
            return Ok(());
        }
        let counts = &mut self.intervals.recorder.counts;
        let (mut done, mut not_done) = (0, 0);
        match end {
            End::Read => {
                let keys = u64::from(pending.keys);
                (done, not_done) = (values, keys - values);
                counts.gets += keys;
                counts.hits += done;
                counts.misses += not_done;
            }
            End::Write(Verdict::Done) => {
                done = 1;
                counts.stored += u64::from(pending.step.stores());
            }
            End::Write(_) => not_done = 1,
            End::Error => counts.errors += 1,
        }
        if self.composer.is_mixed() {
            let tally = self.tally.of(pending.step);
            tally.requests += 1;
            tally.done += done;
            tally.not_done += not_done;
            tally.errors += u64::from(end == End::Error);
        }
        self.last_reply = now;
        self.intervals.recorder.record(now.saturating_sub(pending.intended));
        Ok(())
    }

    /// Counts so many plain gets as hits, or plain sets as stored: the next of the connection, and of one kind.
    #[inline]
    fn answer_alike(&mut self, connection: usize, now: Nanos, count: usize) {
        let Some(pending) = self.lanes[connection].settle_alike(count) else { return };
        self.outstanding -= count;
        self.done += count as u64;
        if !pending.measured {
            return;
        }
        let count = count as u64;
        let counts = &mut self.intervals.recorder.counts;
        if pending.step.reads() {
            counts.gets += count;
            counts.hits += count;
        } else {
            counts.stored += count;
        }
        if self.composer.is_mixed() {
            let tally = self.tally.of(pending.step);
            tally.requests += count;
            tally.done += count;
        }
        self.last_reply = now;
        self.intervals.recorder.record_n(now.saturating_sub(pending.intended), count);
    }
}

impl Agent for RunAgent<'_> {
    fn plan(&mut self, now: Nanos, wake: &mut Vec<usize>, meter: &mut BusyMeter) -> Next {
        if now < self.begin {
            // Without a warm-up nothing is sent that does not count.
            self.early = true;
            wake.clear();
            return Next::WaitUntil(self.begin);
        }
        if std::mem::take(&mut self.early) {
            wake.extend(0..self.lanes.len());
        }
        self.measuring = self.intervals.turn(now, meter);
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
        let from = out.len();
        if self.schedule.is_none() {
            if now < self.end && self.lanes[connection].unanswered() == 0 {
                self.follow_ups(connection, now, out);
                self.fill(connection, now, out);
            }
        } else {
            self.follow_ups(connection, now, out);
            while let Some(intended) = self.lanes[connection].due.pop_front() {
                if self.allow(1) == 0 {
                    break;
                }
                self.request(connection, now, intended, out);
            }
        }
        if self.measuring {
            self.intervals.recorder.counts.bytes_sent += (out.len() - from) as u64;
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
            if let Some((expected, max)) = lane.expected() {
                let (count, taken) = match expected {
                    Expected::Hits => self.hit_form.take(rest, max),
                    Expected::Values => self.value_form.take(rest, max),
                    Expected::Stored => self.plan.protocol.take_stored(rest, max),
                };
                if count > 0 {
                    used += taken;
                    match expected {
                        Expected::Values => lane.values += count as u64,
                        Expected::Hits | Expected::Stored => self.answer_alike(connection, now, count),
                    }
                    continue;
                }
            }
            let Some((reply, taken)) = self.plan.protocol.parse(rest)? else { break };
            if let Reply::Value(value) = &reply
                && self.plan.protocol == Protocol::Text
            {
                match lane.expected() {
                    Some((Expected::Hits, _)) => self.hit_form = ValueForm::of(rest, value, taken, true),
                    Some((Expected::Values, _)) => self.value_form = ValueForm::of(rest, value, taken, false),
                    _ => {}
                }
            }
            used += taken;
            let end = lane.take(&mut self.composer, reply).map_err(|reason| Unparsable::new(reason, rest))?;
            if let Some(end) = end {
                self.answer(connection, now, end)?;
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
mod mixed_tests;
#[cfg(test)]
mod tests;
