//! The checked load of one thread: what its connections ask, and the judgement of every reply.

use std::{collections::VecDeque, ops::Range};

use super::{
    Plan,
    ending::Ending,
    known::{Act, Answer, Known},
    reading::{Found, Reading, ask, take},
    report::Findings,
    threads::Share,
    value::HEADER,
};
use crate::{
    clock::Nanos,
    driver::{Agent, BusyMeter, Next},
    operation::Operation,
    progress::Answered,
    protocol::{Refusal, Reply, Store, Unparsable, Value, Verdict, store_verdict, verdict},
    workload::{KeyRenderer, Rng},
};

/// Most keys of one multiget.
const MULTIGET_MAX: u64 = 16;

/// Most bytes that are sent to a connection in one batch, so that large values do not pile up.
const BATCH_BYTES: usize = 1 << 20;

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
    Read { reading: Reading<Wanted>, for_cas: bool },
    Write { key: u64, act: Act },
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
    ending: Ending,
    outstanding: usize,
    reported: u64,
    findings: Findings,
}

impl<'a> CheckAgent<'a> {
    pub fn new(plan: &'a Plan, share: Share, answered: &'a Answered) -> Self {
        let lanes = (share.first..share.first + share.count).map(|number| {
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
            ending: Ending::new(share.begin, plan.requests.is_none().then_some(plan.duration)),
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
            50..72 => self.write(connection, key, Act::Set { version: version(), len }, 0, out),
            72..77 => self.write(connection, key, Act::Add { version: version(), len }, 0, out),
            77..84 => {
                let len = len.clamp(HEADER, 4096.max(HEADER));
                // The writer cannot tell whether an item was there if append makes one.
                if !self.plan.protocol.makes_items() && planned + len <= self.plan.value_size {
                    self.write(connection, key, Act::Append { version: version(), len }, 0, out);
                } else {
                    self.write(connection, key, Act::Set { version: version(), len }, 0, out);
                }
            }
            84..90 => self.write(connection, key, Act::Delete { version: version() }, 0, out),
            90..96 => self.read(connection, &[key], true, out),
            _ => self.write(connection, key, Act::Touch, 0, out),
        }
    }

    fn read(&mut self, connection: usize, keys: &[u64], for_cas: bool, out: &mut Vec<u8>) {
        // Noted before they are asked for.
        let wanted = keys.iter().map(|&key| Wanted { key, oldest: self.plan.history.oldest(key) });
        let reading = Reading::new(wanted.collect());
        ask(self.plan.protocol, out, keys, for_cas, &mut self.renderer);
        self.push(connection, Pending::Read { reading, for_cas });
    }

    fn write(&mut self, connection: usize, key: u64, act: Act, unique: u64, out: &mut Vec<u8>) {
        let name = self.renderer.render(key);
        let planned = &mut self.lanes[connection].len_planned[(key / self.plan.connections) as usize];
        let protocol = self.plan.protocol;
        let (store, version, len) = match act {
            Act::Set { version, len } => (Store::Set, version, len),
            Act::Add { version, len } => (Store::Add, version, len),
            Act::Append { version, len } => (Store::Append, version, len),
            Act::Cas { version, len, .. } => (Store::Cas(unique), version, len),
            Act::Delete { .. } => {
                protocol.delete(out, name);
                return self.push(connection, Pending::Write { key, act });
            }
            Act::Touch => {
                protocol.touch(out, name, FAR);
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
        protocol.store(out, store, name, 0, &self.value);
        self.push(connection, Pending::Write { key, act });
    }

    fn push(&mut self, connection: usize, pending: Pending) {
        self.lanes[connection].pending.push_back(pending);
        self.outstanding += 1;
    }

    /// Judges a reply; or says why it cannot be one to the request at the head of the queue.
    fn reply(&mut self, connection: usize, reply: Reply<'_>, value: &[u8]) -> Result<(), &'static str> {
        if let Reply::Refused(line) = reply {
            if matches!(self.plan.protocol.refusal(line), Refusal::TooLarge | Refusal::OutOfMemory) {
                self.findings.refused += 1;
            } else {
                self.findings.errors += 1;
                self.findings.faults.describe(|| format!("error line `{}`", line.escape_ascii()));
            }
        }
        match (self.lanes[connection].pending.front_mut(), &reply) {
            (None, _) => Err("a reply that nothing asked for"),
            (Some(Pending::Write { .. }), _) => self.answer(connection, reply),
            (Some(Pending::Read { .. }), Reply::Value(head)) => self.value(connection, head, value),
            (Some(Pending::Read { reading, .. }), _) => {
                if let Some(missed) = reading.other(self.plan.protocol, &reply)? {
                    self.missed(connection, missed);
                    self.settle(connection);
                }
                Ok(())
            }
        }
    }

    /// Takes the request at the head of the queue as answered.
    fn settle(&mut self, connection: usize) -> Option<Pending> {
        self.outstanding -= 1;
        self.findings.requests += 1;
        self.lanes[connection].pending.pop_front()
    }

    /// Books keys of the read at the head of the queue that were not found. If this connection writes one, nothing can
    /// bring it back.
    fn missed(&mut self, connection: usize, missed: Range<usize>) {
        let lane = &mut self.lanes[connection];
        let Some(Pending::Read { reading, .. }) = lane.pending.front() else { return };
        for wanted in &reading.keys()[missed] {
            if wanted.key % self.plan.connections == lane.number {
                lane.known[(wanted.key / self.plan.connections) as usize] = Known::Absent;
            }
            self.findings.misses += 1;
        }
    }

    /// Judges a value of the read at the head of the queue.
    fn value(&mut self, connection: usize, head: &Value<'_>, value: &[u8]) -> Result<(), &'static str> {
        let lane = &mut self.lanes[connection];
        let Some(Pending::Read { reading, for_cas }) = lane.pending.front_mut() else { return Ok(()) };
        let renderer = &mut self.renderer;
        let found = reading.value(self.plan.protocol, |wanted| renderer.render(wanted.key) == head.key)?;
        let Some(Found { missed, at, ends }) = found else {
            self.findings.out_of_order += 1;
            self.findings.faults.describe(|| format!("a value of `{}` out of order", head.key.escape_ascii()));
            return Ok(());
        };
        let (wanted, for_cas) = (reading.keys()[at], *for_cas);
        self.missed(connection, missed);
        self.judge(connection, wanted, value, head.cas.filter(|_| for_cas));
        if ends {
            self.settle(connection);
        }
        Ok(())
    }

    /// Judges the value of a key; with its cas number, a cas follows.
    fn judge(&mut self, connection: usize, wanted: Wanted, value: &[u8], cas: Option<u64>) {
        let Wanted { key, oldest } = wanted;
        let lane = &mut self.lanes[connection];
        self.findings.values += 1;
        self.findings.value_bytes += value.len() as u64;
        let version = match self.plan.codec.verify(value, key) {
            Ok(version) => version,
            Err(wrong) => {
                self.findings.wrong_values += 1;
                self.findings.faults.describe(|| format!("key {key}: value of {} bytes: {wrong:?}", value.len()));
                return;
            }
        };
        let seen = &mut lane.seen[key as usize];
        if let Some(version) = version {
            let newest = self.plan.history.newest(key);
            if version < oldest || version < *seen || version > newest {
                self.findings.wrong_versions += 1;
                self.findings.faults.describe(|| {
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
                self.findings.faults.describe(|| {
                    format!("key {key}: its writer knows {known:?} and was shown version {version:?} of {len} bytes")
                });
                *known = Known::Unknown;
            }
            if let Some(unique) = cas {
                lane.cas.push((key, unique, *known));
            }
        }
    }

    /// Judges the answer to the write at the head of the queue.
    fn answer(&mut self, connection: usize, reply: Reply<'_>) -> Result<(), &'static str> {
        let Some(Pending::Write { key, act }) = self.settle(connection) else { return Ok(()) };
        let protocol = self.plan.protocol;
        let verdict = match act {
            _ if matches!(reply, Reply::Refused(_)) => None,
            Act::Set { .. } => Some(store_verdict(protocol, Store::Set, &reply)),
            Act::Add { .. } => Some(store_verdict(protocol, Store::Add, &reply)),
            Act::Append { .. } => Some(store_verdict(protocol, Store::Append, &reply)),
            Act::Cas { .. } => Some(store_verdict(protocol, Store::Cas(0), &reply)),
            Act::Delete { .. } => Some(verdict(protocol, Operation::Delete, &reply)),
            Act::Touch => Some(verdict(protocol, Operation::Touch, &reply)),
        };
        let answer = match verdict.map(|verdict| verdict.ok_or("a reply to a request of another kind")).transpose()? {
            None => Answer::Refused,
            Some(Verdict::Done) => Answer::Done,
            Some(Verdict::NotFound) => Answer::NotFound,
            Some(Verdict::NotStored) if matches!(act, Act::Cas { .. }) => Answer::Exists,
            Some(Verdict::NotStored) => Answer::NotStored,
        };
        let lane = &mut self.lanes[connection];
        let known = &mut lane.known[(key / self.plan.connections) as usize];
        match known.after(act, answer) {
            Some(after) => *known = after,
            None => {
                self.findings.wrong_answers += 1;
                self.findings
                    .faults
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
        Ok(())
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
        let exhausted = self.lanes.iter().all(|lane| lane.left == 0);
        self.ending.next(now, exhausted, self.outstanding)
    }

    fn requests(&mut self, connection: usize, _now: Nanos, out: &mut Vec<u8>) {
        if self.ending.is_stopped() || !self.lanes[connection].pending.is_empty() {
            return;
        }
        for (key, unique, seen) in std::mem::take(&mut self.lanes[connection].cas) {
            let version = self.plan.history.begin(key);
            let len = random_len(&mut self.lanes[connection].rng, self.plan.value_size);
            self.write(connection, key, Act::Cas { version, len, seen }, unique, out);
        }
        let end = out.len() + BATCH_BYTES;
        while self.lanes[connection].pending.len() < self.plan.pipeline && out.len() < end {
            if self.lanes[connection].left == 0 {
                return;
            }
            self.lanes[connection].left -= 1;
            self.request(connection, out);
        }
    }

    fn replies(&mut self, connection: usize, _now: Nanos, input: &[u8]) -> Result<usize, Unparsable> {
        let plan = self.plan;
        take(plan.protocol, input, plan.value_size, |reply, value| self.reply(connection, reply, value))
    }

    fn outstanding(&self) -> usize {
        self.outstanding
    }
}
