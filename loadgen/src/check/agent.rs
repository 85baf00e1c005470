//! The checked load of one thread: what its connections ask, and the judgement of every reply.

use std::collections::VecDeque;

use super::{
    Plan,
    known::{Act, Answer, Known},
    report::Findings,
    value::HEADER,
};
use crate::{
    clock::{Nanos, SECOND},
    driver::{Agent, BusyMeter, Next},
    progress::Answered,
    protocol::{Reply, Unparsable, text, value_span},
    workload::{KeyRenderer, Rng},
};

/// Most keys of one multiget.
const MULTIGET_MAX: u64 = 16;

/// Most bytes that are sent to a connection in one batch, so that large values do not pile up.
const BATCH_BYTES: usize = 1 << 20;

/// After the end, replies are awaited for this long.
const DRAIN: Nanos = 5 * SECOND;

/// An exptime far enough away not to matter.
const FAR: u64 = 86_400;

/// A key of a read and the oldest version that it may return.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    key: u64,
    oldest: u32,
}

#[derive(Debug)]
enum Pending {
    /// get or gets. Keys before `at` are decided.
    Read {
        wanted: Vec<Wanted>,
        at: usize,
        for_cas: bool,
    },
    Write {
        key: u64,
        act: Act,
    },
}

struct Lane {
    /// Number among all connections of the check.
    number: u64,
    rng: Rng,
    /// Bounded by `--pipeline`.
    pending: VecDeque<Pending>,
    /// A cas to send next: key, number, and what its writer knew then. Bounded by `--pipeline`.
    cas: Vec<(u64, u64, Known)>,
    /// For the keys that this connection writes, in order.
    known: Vec<Known>,
    /// For the same keys: the most that the value can be long once all that is sent is done.
    len_planned: Vec<usize>,
    /// For all keys: the newest version that this connection was shown.
    seen: Vec<u32>,
    left: u64,
}

/// One thread's check.
pub struct CheckAgent<'a> {
    plan: &'a Plan,
    answered: &'a Answered,
    renderer: KeyRenderer,
    lanes: Vec<Lane>,
    value: Vec<u8>,
    end: Nanos,
    stopped: bool,
    end_noticed: Option<Nanos>,
    outstanding: usize,
    reported: u64,
    findings: Findings,
}

impl<'a> CheckAgent<'a> {
    pub fn new(plan: &'a Plan, first: u64, count: u64, now: Nanos, answered: &'a Answered) -> Self {
        let lanes = (first..first + count).map(|number| {
            let own = (plan.keys.saturating_sub(number)).div_ceil(plan.connections) as usize;
            Lane {
                number,
                rng: Rng::new(plan.seed, number),
                pending: VecDeque::new(),
                cas: Vec::new(),
                known: vec![Known::Absent; own],
                len_planned: vec![0; own],
                seen: vec![0; plan.keys as usize],
                left: plan.requests.unwrap_or(u64::MAX),
            }
        });
        CheckAgent {
            plan,
            answered,
            renderer: plan.renderer.clone(),
            lanes: lanes.collect(),
            value: Vec::new(),
            end: if plan.requests.is_some() { Nanos::MAX } else { now.saturating_add(plan.duration) },
            stopped: false,
            end_noticed: None,
            outstanding: 0,
            reported: 0,
            findings: Findings::default(),
        }
    }

    /// The findings, and how many requests have no answer.
    pub fn finish(self) -> (Findings, u64) {
        (self.findings, self.outstanding as u64)
    }

    /// Appends one request of the mix.
    fn request(&mut self, connection: usize, out: &mut Vec<u8>) {
        let lane = &mut self.lanes[connection];
        let dice = lane.rng.below(100);
        let own = lane.known.len() as u64;
        if dice < 50 || own == 0 {
            let keys = if lane.rng.below(4) == 0 { 2 + lane.rng.below(MULTIGET_MAX - 1) } else { 1 };
            let wanted = (0..keys).map(|_| lane.rng.below(self.plan.keys)).collect::<Vec<_>>();
            return self.read(connection, &wanted, false, out);
        }
        let slot = lane.rng.below(own);
        let key = lane.number + slot * self.plan.connections;
        let planned = lane.len_planned[slot as usize];
        let len = random_len(&mut lane.rng, self.plan.value_size);
        let version = || self.plan.history.begin(key);
        match dice {
            50..72 => self.write(connection, key, Act::Set { version: version(), len }, None, out),
            72..77 => self.write(connection, key, Act::Add { version: version(), len }, None, out),
            77..84 => {
                let len = len.clamp(HEADER, 4096.max(HEADER));
                if planned + len <= self.plan.value_size {
                    self.write(connection, key, Act::Append { version: version(), len }, None, out);
                } else {
                    self.write(connection, key, Act::Set { version: version(), len }, None, out);
                }
            }
            84..90 => self.write(connection, key, Act::Delete { version: version() }, None, out),
            90..96 => self.read(connection, &[key], true, out),
            _ => self.write(connection, key, Act::Touch, None, out),
        }
    }

    fn read(&mut self, connection: usize, keys: &[u64], for_cas: bool, out: &mut Vec<u8>) {
        text::begin(out, if for_cas { b"gets" } else { b"get" });
        let wanted = keys.iter().map(|&key| {
            text::key(out, self.renderer.render(key));
            Wanted { key, oldest: self.plan.history.oldest(key) }
        });
        let wanted = wanted.collect();
        text::end(out);
        self.push(connection, Pending::Read { wanted, at: 0, for_cas });
    }

    fn write(&mut self, connection: usize, key: u64, act: Act, cas: Option<u64>, out: &mut Vec<u8>) {
        let name = self.renderer.render(key);
        let planned = &mut self.lanes[connection].len_planned[(key / self.plan.connections) as usize];
        let (verb, version, len): (&[u8], _, _) = match act {
            Act::Set { version, len } => (b"set", version, len),
            Act::Add { version, len } => (b"add", version, len),
            Act::Append { version, len } => (b"append", version, len),
            Act::Cas { version, len, .. } => (b"cas", version, len),
            Act::Delete { .. } => {
                text::one_key(out, b"delete", name);
                return self.push(connection, Pending::Write { key, act });
            }
            Act::Touch => {
                text::with_number(out, b"touch", name, FAR);
                return self.push(connection, Pending::Write { key, act });
            }
        };
        // A set surely replaces; whether the others do is not known yet.
        *planned = match act {
            Act::Set { .. } => len,
            Act::Append { .. } => *planned + len,
            _ => len.max(*planned),
        };
        self.value.clear();
        if len > 0 {
            self.plan.codec.write(&mut self.value, key, version, len);
        }
        text::store(out, verb, name, 0, &self.value, cas);
        self.push(connection, Pending::Write { key, act });
    }

    fn push(&mut self, connection: usize, pending: Pending) {
        self.lanes[connection].pending.push_back(pending);
        self.outstanding += 1;
    }

    /// Judges a value of the read at the head of the queue. False: it belongs to none of the keys still wanted.
    fn value(&mut self, connection: usize, name: &[u8], value: &[u8], cas: Option<u64>) -> bool {
        let lane = &mut self.lanes[connection];
        let Some(Pending::Read { wanted, at, for_cas }) = lane.pending.front_mut() else { return false };
        // The values come in the order of the keys; those passed over are misses.
        let Some(step) = wanted[*at..].iter().position(|wanted| self.renderer.render(wanted.key) == name) else {
            return false;
        };
        let missed = *at..*at + step;
        let Wanted { key, oldest } = wanted[missed.end];
        *at = missed.end + 1;
        for wanted in &wanted[missed] {
            miss(self.plan, lane.number, &mut lane.known, wanted.key);
            self.findings.misses += 1;
        }
        self.findings.values += 1;
        self.findings.value_bytes += value.len() as u64;
        let version = match self.plan.codec.verify(value, key) {
            Ok(version) => version,
            Err(wrong) => {
                self.findings.wrong_values += 1;
                self.findings.describe(|| format!("key {key}: value of {} bytes: {wrong:?}", value.len()));
                return true;
            }
        };
        let seen = &mut lane.seen[key as usize];
        if let Some(version) = version {
            let newest = self.plan.history.newest(key);
            if version < oldest || version < *seen || version > newest {
                self.findings.wrong_versions += 1;
                self.findings.describe(|| {
                    format!("key {key}: version {version}, expected {oldest} to {newest}, already shown {seen}")
                });
            }
            *seen = version.max(*seen);
        }
        if key % self.plan.connections == lane.number {
            let known = &mut lane.known[(key / self.plan.connections) as usize];
            if !known.allows(version, value.len()) {
                self.findings.wrong_versions += 1;
                let len = value.len();
                self.findings.describe(|| {
                    format!("key {key}: its writer knows {known:?} and was shown version {version:?} of {len} bytes")
                });
                *known = Known::Unknown;
            }
            if let (true, Some(unique)) = (*for_cas, cas) {
                lane.cas.push((key, unique, *known));
            }
        }
        true
    }

    /// Judges the final line of an answer. False: it is none to this request.
    fn answer(&mut self, connection: usize, reply: Reply<'_>) -> bool {
        let lane = &mut self.lanes[connection];
        let Some(pending) = lane.pending.pop_front() else { return false };
        self.outstanding -= 1;
        self.findings.requests += 1;
        if let Reply::Refused(line) = reply {
            let of_memory =
                line.starts_with(b"SERVER_ERROR out of memory") || line == b"SERVER_ERROR object too large for cache";
            if of_memory {
                self.findings.refused += 1;
            } else {
                self.findings.errors += 1;
                self.findings.describe(|| format!("error line `{}`", line.escape_ascii()));
            }
        }
        let (key, act) = match pending {
            Pending::Read { wanted, at, .. } => {
                if reply == Reply::End {
                    for wanted in &wanted[at..] {
                        miss(self.plan, lane.number, &mut lane.known, wanted.key);
                        self.findings.misses += 1;
                    }
                }
                return matches!(reply, Reply::End | Reply::Refused(_));
            }
            Pending::Write { key, act } => (key, act),
        };
        let answer = match (act, reply) {
            (Act::Delete { .. }, Reply::Deleted) | (Act::Touch, Reply::Touched) => Answer::Done,
            (Act::Delete { .. } | Act::Touch, Reply::Stored) => return false,
            (_, Reply::Stored) => Answer::Done,
            (_, Reply::NotStored) => Answer::NotStored,
            (_, Reply::Exists) => Answer::Exists,
            (_, Reply::NotFound) => Answer::NotFound,
            (_, Reply::Refused(_)) => Answer::Refused,
            _ => return false,
        };
        let known = &mut lane.known[(key / self.plan.connections) as usize];
        match known.after(act, answer) {
            Some(after) => *known = after,
            None => {
                self.findings.wrong_answers += 1;
                self.findings
                    .describe(|| format!("key {key}: {act:?} was answered {answer:?}, its writer knows {known:?}"));
                *known = Known::Unknown;
            }
        }
        match (act, answer) {
            (Act::Delete { version }, Answer::Done | Answer::NotFound) => self.plan.history.acknowledge(key, version),
            (
                Act::Set { version, .. }
                | Act::Add { version, .. }
                | Act::Append { version, .. }
                | Act::Cas { version, .. },
                Answer::Done,
            ) => {
                self.findings.stored += 1;
                self.plan.history.acknowledge(key, version);
            }
            _ => {}
        }
        true
    }
}

/// Notes that a key was not found, if this connection writes it: nothing can bring it back.
fn miss(plan: &Plan, number: u64, known: &mut [Known], key: u64) {
    if key % plan.connections == number {
        known[(key / plan.connections) as usize] = Known::Absent;
    }
}

/// Mostly small, a few up to the largest: 0 or at least [`HEADER`] bytes.
fn random_len(rng: &mut Rng, size_max: usize) -> usize {
    let max = size_max as u64;
    let header = HEADER as u64;
    let upto = |rng: &mut Rng, limit: u64| header + rng.below(limit.min(max) - header + 1);
    let len = match rng.below(100) {
        0..2 => 0,
        2..80 => upto(rng, (header + 200).min(max)),
        80..95 => upto(rng, 4096.max(header)),
        95..99 => upto(rng, (32 << 10).max(header)),
        _ => upto(rng, max),
    };
    len as usize
}

impl Agent for CheckAgent<'_> {
    fn plan(&mut self, now: Nanos, _wake: &mut Vec<usize>, _meter: &mut BusyMeter) -> Next {
        self.answered.add(self.findings.requests - self.reported);
        self.reported = self.findings.requests;
        self.stopped = now >= self.end || self.lanes.iter().all(|lane| lane.left == 0);
        // Not from the end itself: this process may have been stopped since.
        let noticed = if now >= self.end { *self.end_noticed.get_or_insert(now) } else { Nanos::MAX };
        if self.stopped && (self.outstanding == 0 || now >= noticed.saturating_add(DRAIN)) {
            return Next::Finish;
        }
        Next::WaitUntil(now + SECOND / 10)
    }

    fn requests(&mut self, connection: usize, _now: Nanos, out: &mut Vec<u8>) {
        if self.stopped || !self.lanes[connection].pending.is_empty() {
            return;
        }
        for (key, unique, seen) in std::mem::take(&mut self.lanes[connection].cas) {
            let version = self.plan.history.begin(key);
            let len = random_len(&mut self.lanes[connection].rng, self.plan.value_size);
            self.write(connection, key, Act::Cas { version, len, seen }, Some(unique), out);
        }
        while self.lanes[connection].pending.len() < self.plan.pipeline && out.len() < BATCH_BYTES {
            if self.lanes[connection].left == 0 {
                return;
            }
            self.lanes[connection].left -= 1;
            self.request(connection, out);
        }
    }

    fn replies(&mut self, connection: usize, _now: Nanos, input: &[u8]) -> Result<usize, Unparsable> {
        let mut used = 0;
        while let Some((reply, taken)) = text::parse(&input[used..])? {
            let rest = &input[used..];
            if let Reply::Value(head) = reply {
                if head.len > self.plan.value_size {
                    return Err(Unparsable::new("a value longer than any written", rest));
                }
                let Some((value, span)) = value_span(&rest[taken..], head.len)? else { break };
                if !self.value(connection, head.key, value, head.cas) {
                    self.findings.out_of_order += 1;
                    self.findings.describe(|| format!("a value of `{}` out of order", head.key.escape_ascii()));
                }
                used += taken + span;
            } else {
                if !self.answer(connection, reply) {
                    return Err(Unparsable::new("a reply to a request of another kind", rest));
                }
                used += taken;
            }
        }
        Ok(used)
    }

    fn outstanding(&self) -> usize {
        self.outstanding
    }
}
