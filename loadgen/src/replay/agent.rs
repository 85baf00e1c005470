//! Replays a trace over several connections so that the requests of one key keep their order.
//!
//! A key always uses the same connection. A connection sends a batch and waits for all its replies; what they ask for
//! (the set after a miss, the cas after its gets) opens the next batch. A batch ends before a key that it already
//! reads, so that the second get of a key comes after the fill that the first one caused: the hit ratio is
//! that of the trace played one request at a time.

use std::collections::VecDeque;

use ahash::RandomState;

use super::report::ReplayCounts;
use crate::{
    cli::ReplayArgs,
    clock::{Nanos, SECOND},
    driver::{Agent, BusyMeter, Next},
    error::Error,
    progress::Answered,
    protocol::{Reply, Unparsable, text},
    recorder::{Percentiles, Recorder},
    trace::{Operation, Paced, Request, TraceReader},
    units::SizeRange,
    workload::ValueSource,
};

/// Requests read ahead for one connection while another one waits for its own.
const QUEUE_MAX: usize = 4096;

/// A batch ends early when it has this many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// What a request on the wire is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A get; a miss is followed by `Fill`.
    Read,
    /// The gets that a cas needs; a hit is followed by `Cas`.
    ReadForCas,
    /// A set after a miss.
    Fill,
    /// The cas itself, with its number.
    Cas(u64),
    /// Any other request of the trace.
    Plain,
}

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
    /// When the next request is due, if that is not yet.
    due: Nanos,
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
    recorder: Recorder,
    metered: bool,
}

impl<'a> ReplayAgent<'a> {
    /// A replay that begins at `begin`.
    pub fn new(args: &ReplayArgs, reader: TraceReader, begin: Nanos, answered: &'a Answered) -> Self {
        let value_size_max = args.value_size_max.0;
        ReplayAgent {
            source: match args.speed {
                None => Source::Flat(reader),
                Some(speed) => Source::Paced(Paced::new(reader, speed)),
            },
            begin,
            due: 0,
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
            recorder: Recorder::default(),
            metered: false,
        }
    }

    /// The results, or what was wrong with the trace.
    pub fn finish(mut self) -> Result<(ReplayCounts, Percentiles), Error> {
        self.counts.behind_us_max = self.behind_max / 1000;
        self.recorder.settle();
        self.fault.map_or(Ok((self.counts, self.recorder.percentiles())), Err)
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
                self.behind_max = self.behind_max.max(if due > 0 { now - due } else { 0 });
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
        let value = self.values.sized(hash, request.value_size);
        let mut store = |verb: &[u8], cas| text::store(out, verb, key, request.ttl, value, cas);
        match step {
            Step::Fill => store(b"set", None),
            Step::Cas(unique) => store(b"cas", Some(unique)),
            Step::Read | Step::ReadForCas | Step::Plain => match request.operation {
                Operation::Get => text::one_key(out, b"get", key),
                Operation::Gets | Operation::Cas => text::one_key(out, b"gets", key),
                Operation::Set => store(b"set", None),
                Operation::Add => store(b"add", None),
                Operation::Replace => store(b"replace", None),
                Operation::Append => store(b"append", None),
                Operation::Prepend => store(b"prepend", None),
                Operation::Delete => text::one_key(out, b"delete", key),
                Operation::Incr => text::with_number(out, b"incr", key, 1),
                Operation::Decr => text::with_number(out, b"decr", key, 1),
            },
        }
        let lane = &mut self.lanes[connection];
        if matches!(step, Step::Read | Step::ReadForCas) {
            lane.reads.push(hash);
        }
        lane.pending.push_back(Pending { step, request, sent: now });
        self.outstanding += 1;
    }

    /// Books the final line of an answer; false if it is none to this request.
    fn answer(&mut self, connection: usize, now: Nanos, reply: Reply<'_>) -> bool {
        let lane = &mut self.lanes[connection];
        let found = lane.found.take();
        let Some(Pending { step, request, sent }) = lane.pending.pop_front() else { return false };
        self.outstanding -= 1;
        self.recorder.record(now.saturating_sub(sent));
        let counts = &mut self.counts;
        match (step, reply) {
            (_, Reply::Refused(line)) => match line {
                b"SERVER_ERROR object too large for cache" => counts.too_large += 1,
                b"SERVER_ERROR out of memory storing object" => counts.out_of_memory += 1,
                b"CLIENT_ERROR cannot increment or decrement non-numeric value" => counts.non_numeric += 1,
                _ => counts.errors += 1,
            },
            (Step::Read, Reply::End) => {
                counts.gets += 1;
                if found.is_some() {
                    counts.hits += 1;
                } else if self.fills {
                    lane.follow_ups.push_back((Step::Fill, request));
                }
            }
            (Step::ReadForCas, Reply::End) => match found {
                Some(unique) => lane.follow_ups.push_back((Step::Cas(unique), request)),
                None => counts.not_found += 1,
            },
            (Step::Fill, Reply::Stored) => {
                counts.stored += 1;
                counts.fills += 1;
            }
            (Step::Plain | Step::Cas(_), Reply::Stored) => counts.stored += 1,
            (Step::Plain, Reply::NotStored) | (Step::Cas(_), Reply::Exists) => counts.not_stored += 1,
            (Step::Plain | Step::Cas(_), Reply::NotFound) => counts.not_found += 1,
            (Step::Plain, Reply::Deleted) => counts.deleted += 1,
            (Step::Plain, Reply::Number(_)) => counts.numbers += 1,
            _ => return false,
        }
        true
    }
}

impl Agent for ReplayAgent<'_> {
    fn plan(&mut self, now: Nanos, wake: &mut Vec<usize>, meter: &mut BusyMeter) -> Next {
        if !self.metered {
            self.metered = true;
            meter.start(now);
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
        // Connections that wait read on when the next request is due; one that is busy does when it is answered.
        if self.due > now {
            return Next::WaitUntil(self.due);
        }
        // With nothing on the way no event can come, but the trace may have ended meanwhile.
        Next::WaitUntil(if self.outstanding == 0 { now } else { now + SECOND })
    }

    fn requests(&mut self, connection: usize, now: Nanos, out: &mut Vec<u8>) {
        if !self.lanes[connection].pending.is_empty() {
            return;
        }
        self.lanes[connection].reads.clear();
        while let Some((step, request)) = self.lanes[connection].follow_ups.pop_front() {
            self.send(connection, step, request, now, out);
        }
        while self.lanes[connection].pending.len() < self.pipeline && out.len() < BATCH_BYTES {
            if !self.supply(connection, now) {
                break;
            }
            let lane = &mut self.lanes[connection];
            let Some(head) = lane.queue.front() else { break };
            if lane.reads.contains(&self.hasher.hash_one(&head.1.key)) {
                break;
            }
            let step = match head.1.operation {
                Operation::Get | Operation::Gets => Step::Read,
                Operation::Cas => Step::ReadForCas,
                _ => Step::Plain,
            };
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
            let Some((reply, taken)) = text::parse(&input[used..])? else { return Ok(used) };
            if let Reply::Value(value) = reply {
                let expected = lane.pending.front().map(|pending| pending.request.key.as_slice());
                if expected != Some(value.key) || lane.found.is_some() {
                    return Err(Unparsable::new("a value of another key", &input[used..]));
                }
                lane.skip = value.len + 2;
                lane.found = Some(value.cas.unwrap_or(0));
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
