//! Replays a trace over several connections so that the requests of one key keep their order.
//!
//! A key always uses the same connection. A connection sends a batch and waits for all its replies; what they ask for
//! (the set after a miss, the cas after its gets) opens the next batch. A batch ends before a key that it already
//! reads, so that the second get of a key comes after the fill that the first one caused: the hit ratio is
//! that of the trace played one request at a time.

use std::collections::VecDeque;

use ahash::RandomState;

use super::{report::ReplayCounts, step::Step};
use crate::{
    cli::ReplayArgs,
    clock::{Nanos, SECOND},
    driver::{Agent, BusyMeter, CoreTime, Next},
    error::Error,
    interval::IntervalRecorder,
    operation::Operation,
    progress::Answered,
    protocol::{Protocol, Refusal, Reply, Store, Unparsable, Verdict},
    trace::{Operation as TraceOperation, Paced, Request, TraceReader},
    units::SizeRange,
    workload::ValueSource,
};

/// Requests read ahead for one connection while another one waits for its own.
const QUEUE_MAX: usize = 4096;

/// A batch ends early when it has this many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// By how much incr and decr change a number; traces do not tell.
const DELTA: u64 = 1;

struct Pending {
    step: Step,
    request: Request,
    sent: Nanos,
}

#[derive(Default)]
struct Lane {
    /// Bounded by `QUEUE_MAX`.
    queue: VecDeque<(Nanos, Request)>,
    /// Bounded by the batch that caused them.
    follow_ups: VecDeque<(Step, Request)>,
    pending: VecDeque<Pending>,
    /// Hashes of the keys that the batch reads.
    reads: Vec<u64>,
    skip: usize,
    found: Option<u64>,
}

/// Where requests come from.
enum Source {
    /// At once.
    Flat(TraceReader),
    /// When they are due.
    Paced(Paced),
}

/// The replay.
pub struct ReplayAgent<'a> {
    source: Source,
    /// When the trace begins.
    begin: Nanos,
    /// When the request is, or was, due that a connection last waited for.
    due: Nanos,
    protocol: Protocol,
    fills: bool,
    answered: &'a Answered,
    hasher: RandomState,
    values: ValueSource,
    value_size_max: usize,
    pipeline: usize,
    left: u64,
    lanes: Vec<Lane>,
    /// A request that was read and whose connection's queue is full.
    stash: Option<(Nanos, Request)>,
    ended: bool,
    fault: Option<Error>,
    outstanding: usize,
    /// How long the latest request waited, beyond the moment it was due, until a connection had room for it.
    behind_max: Nanos,
    reported: u64,
    counts: ReplayCounts,
    /// Gets, hits, writes stored and errors are counted here.
    intervals: IntervalRecorder,
    last_reply: Nanos,
}

impl<'a> ReplayAgent<'a> {
    /// A replay that begins with the first interval.
    pub fn new(args: &ReplayArgs, reader: TraceReader, intervals: IntervalRecorder, answered: &'a Answered) -> Self {
        let value_size_max = args.value_size_max.0;
        ReplayAgent {
            source: match args.speed {
                None => Source::Flat(reader),
                Some(speed) => Source::Paced(Paced::new(reader, speed)),
            },
            begin: intervals.timeline().start(),
            due: 0,
            protocol: args.protocol,
            fills: !args.no_fill,
            answered,
            // Fixed: a key belongs to the same connection in every replay.
            hasher: RandomState::with_seeds(1, 2, 3, 4),
            values: ValueSource::new(SizeRange { min: 0, max: value_size_max }, args.common.seed.unwrap_or(1)),
            value_size_max,
            pipeline: args.pipeline as usize,
            left: args.limit.unwrap_or(u64::MAX),
            lanes: (0..args.connections).map(|_| Lane::default()).collect(),
            stash: None,
            ended: false,
            fault: None,
            outstanding: 0,
            behind_max: 0,
            reported: 0,
            counts: ReplayCounts::default(),
            intervals,
            last_reply: 0,
        }
    }

    /// What the intervals do not tell, or what was wrong with the trace; `worked` is what the meter shows.
    pub fn finish(mut self, worked: CoreTime) -> Result<ReplayCounts, Error> {
        self.intervals.finish(self.last_reply.max(self.begin), worked);
        self.counts.behind_us_max = self.behind_max / 1000;
        self.fault.map_or(Ok(self.counts), Err)
    }

    /// Reads on until this connection has a request; false if there is none for now.
    fn supply(&mut self, connection: usize, now: Nanos) -> bool {
        while self.lanes[connection].queue.is_empty() {
            let request = match self.stash.take() {
                Some(request) => request,
                None => match self.read(now) {
                    Some(request) => request,
                    None => return false,
                },
            };
            let lane = (self.hasher.hash_one(&request.1.key) % self.lanes.len() as u64) as usize;
            if self.lanes[lane].queue.len() >= QUEUE_MAX {
                self.stash = Some(request);
                return false;
            }
            self.lanes[lane].queue.push_back(request);
        }
        true
    }

    /// The next request with the moment that its latency counts from; `None` if there is none, or none yet.
    fn read(&mut self, now: Nanos) -> Option<(Nanos, Request)> {
        loop {
            let (due, request) = self.read_any(now)?;
            if Step::of(request.operation).suits(self.protocol) {
                return Some((due, request));
            }
            self.counts.left_out += 1;
        }
    }

    /// The same, whether or not it can be asked for.
    fn read_any(&mut self, now: Nanos) -> Option<(Nanos, Request)> {
        if self.ended || self.left == 0 {
            self.ended = true;
            return None;
        }
        let next = match &mut self.source {
            Source::Flat(reader) => reader.next_request().map(|next| next.map(|request| (0, request))),
            Source::Paced(paced) => match paced.next_due() {
                Ok(Some(due)) if self.begin.saturating_add(due) > now => {
                    self.due = self.begin.saturating_add(due);
                    return None;
                }
                Ok(_) => Ok(paced.take().map(|(due, request)| (self.begin.saturating_add(due), request))),
                Err(error) => Err(error),
            },
        };
        match next {
            Ok(Some((due, mut request))) => {
                self.left -= 1;
                self.counts.requests += 1;
                self.counts.keys_replaced += u64::from(request.key_replaced);
                if request.value_size > self.value_size_max {
                    request.value_size = self.value_size_max;
                    self.counts.values_cut += 1;
                }
                if due > 0 {
                    self.behind_max = self.behind_max.max(now - due);
                    // A connection waited for it: the server held nothing up.
                    if due == self.due {
                        self.intervals.recorder.record_lag(now - due);
                    }
                }
                Some((due, request))
            }
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                self.fault = Some(error);
                None
            }
        }
    }

    fn send(&mut self, connection: usize, step: Step, request: Request, now: Nanos, out: &mut Vec<u8>) {
        let key = request.key.as_slice();
        let hash = self.hasher.hash_one(&request.key);
        let (protocol, value) = (self.protocol, self.values.sized(hash, request.value_size));
        match step {
            Step::Read if request.operation == TraceOperation::Get => protocol.get(out, key),
            Step::Read | Step::ReadForCas => protocol.gets(out, key),
            Step::Fill => protocol.store(out, Store::Set, key, request.ttl, value),
            Step::Store(store) => protocol.store(out, store, key, request.ttl, value),
            Step::Change(Operation::Incr) => protocol.arithmetic(out, true, key, DELTA),
            Step::Change(Operation::Decr) => protocol.arithmetic(out, false, key, DELTA),
            Step::Change(_) => protocol.delete(out, key),
        }
        let lane = &mut self.lanes[connection];
        if step.reads() {
            lane.reads.push(hash);
        }
        lane.pending.push_back(Pending { step, request, sent: now });
        self.outstanding += 1;
    }

    /// Takes the request at the head of the connection's queue as answered.
    fn settle(&mut self, connection: usize, now: Nanos) -> Option<Pending> {
        let pending = self.lanes[connection].pending.pop_front()?;
        self.outstanding -= 1;
        self.last_reply = now;
        self.intervals.recorder.record(now.saturating_sub(pending.sent));
        Some(pending)
    }

    /// Books a read whose answer is complete; false if none is due.
    fn end_read(&mut self, connection: usize, now: Nanos) -> bool {
        let Some(Pending { step, request, .. }) = self.settle(connection, now) else { return false };
        let (lane, counts) = (&mut self.lanes[connection], &mut self.intervals.recorder.counts);
        match (step, lane.found.take()) {
            (Step::Read, found) => {
                counts.gets += 1;
                if found.is_some() {
                    counts.hits += 1;
                } else {
                    counts.misses += 1;
                    if self.fills {
                        lane.follow_ups.push_back((Step::Fill, request));
                    }
                }
            }
            (Step::ReadForCas, Some(unique)) => {
                lane.follow_ups.push_back((Step::Store(Store::Cas(unique)), request));
            }
            (Step::ReadForCas, None) => self.counts.not_found += 1,
            _ => return false,
        }
        true
    }

    /// Books a reply that is no value; false if it is none to this request.
    fn answer(&mut self, connection: usize, now: Nanos, reply: Reply<'_>) -> bool {
        let lane = &mut self.lanes[connection];
        let Some(step) = lane.pending.front().map(|pending| pending.step) else { return false };
        if step.reads() && matches!(reply, Reply::End | Reply::Miss) {
            return self.end_read(connection, now);
        }
        let found = lane.found.take();
        self.settle(connection, now);
        let counts = &mut self.counts;
        if let Reply::Refused(line) = reply {
            match self.protocol.refusal(line) {
                Refusal::TooLarge if !step.reads() => counts.too_large += 1,
                Refusal::OutOfMemory if !step.reads() => counts.out_of_memory += 1,
                Refusal::NonNumeric => counts.non_numeric += 1,
                _ => self.intervals.recorder.counts.errors += 1,
            }
            return true;
        }
        if found.is_some() {
            return false;
        }
        let stored = &mut self.intervals.recorder.counts.stored;
        match (step, step.verdict(self.protocol, &reply)) {
            (Step::Fill, Some(Verdict::Done)) => {
                *stored += 1;
                counts.fills += 1;
            }
            (Step::Change(Operation::Delete), Some(Verdict::Done)) => counts.deleted += 1,
            (Step::Change(_), Some(Verdict::Done)) => counts.numbers += 1,
            (_, Some(Verdict::Done)) => *stored += 1,
            (_, Some(Verdict::NotStored)) => counts.not_stored += 1,
            (_, Some(Verdict::NotFound)) => counts.not_found += 1,
            (_, None) => return false,
        }
        true
    }
}

impl Agent for ReplayAgent<'_> {
    fn plan(&mut self, now: Nanos, wake: &mut Vec<usize>, meter: &mut BusyMeter) -> Next {
        if !self.intervals.turn(now, meter) {
            wake.clear();
            return Next::WaitUntil(self.begin);
        }
        let sent = self.counts.requests;
        self.answered.add(sent - self.reported);
        self.reported = sent;
        let idle = |lane: &Lane| lane.pending.is_empty();
        // A connection that found nothing to send may find something once another one's queue is shorter.
        wake.extend(self.lanes.iter().enumerate().filter(|(_, lane)| idle(lane)).map(|(id, _)| id));
        let empty = |lane: &Lane| idle(lane) && lane.queue.is_empty() && lane.follow_ups.is_empty();
        if self.fault.is_some() || (self.ended && self.stash.is_none() && self.lanes.iter().all(empty)) {
            return Next::Finish;
        }
        // The end of an interval needs no precision: only a request that is due is worth polling for.
        let look = self.intervals.due().saturating_add(SECOND / 1000);
        // Connections that wait read on when the next request is due; one that is busy does when it is answered.
        if self.due > now {
            return Next::WaitUntil(self.due.min(look));
        }
        // With nothing on the way no event can come, but the trace may have ended meanwhile.
        Next::WaitUntil(if self.outstanding == 0 { now } else { look })
    }

    fn requests(&mut self, connection: usize, now: Nanos, out: &mut Vec<u8>) {
        if !self.lanes[connection].pending.is_empty() {
            return;
        }
        self.lanes[connection].reads.clear();
        while let Some((step, request)) = self.lanes[connection].follow_ups.pop_front() {
            self.send(connection, step, request, now, out);
        }
        let end = out.len() + BATCH_BYTES;
        while self.lanes[connection].pending.len() < self.pipeline && out.len() < end {
            if !self.supply(connection, now) {
                break;
            }
            let lane = &mut self.lanes[connection];
            let Some(head) = lane.queue.front() else { break };
            if lane.reads.contains(&self.hasher.hash_one(&head.1.key)) {
                break;
            }
            let step = Step::of(head.1.operation);
            if let Some((due, request)) = lane.queue.pop_front() {
                let from = if due > 0 { due } else { now };
                self.send(connection, step, request, from, out);
            }
        }
    }

    fn replies(&mut self, connection: usize, now: Nanos, input: &[u8]) -> Result<usize, Unparsable> {
        let mut used = 0;
        loop {
            let lane = &mut self.lanes[connection];
            let skipped = lane.skip.min(input.len() - used);
            lane.skip -= skipped;
            used += skipped;
            let protocol = self.protocol;
            let Some((reply, taken)) = protocol.parse(&input[used..])? else { return Ok(used) };
            if let Reply::Value(value) = reply {
                // Where a value is the whole answer it does not name its key.
                let whole = protocol.value_answers();
                let fits = |pending: &Pending| pending.step.reads() && (whole || pending.request.key == value.key);
                if !lane.pending.front().is_some_and(fits) || lane.found.is_some() {
                    return Err(Unparsable::new("a value that was not asked for", &input[used..]));
                }
                lane.skip = value.len + protocol.value_tail();
                lane.found = Some(value.cas.unwrap_or(0));
                if whole && !self.end_read(connection, now) {
                    return Err(Unparsable::new("a reply to a request of another kind", &input[used..]));
                }
            } else if !self.answer(connection, now, reply) {
                return Err(Unparsable::new("a reply to a request of another kind", &input[used..]));
            }
            used += taken;
        }
    }

    fn outstanding(&self) -> usize {
        self.outstanding
    }
}

#[cfg(test)]
mod tests;
