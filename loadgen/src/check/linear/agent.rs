//! The load of one thread whose history is recorded: requests of all kinds for keys that all connections share.

use std::{collections::VecDeque, ops::Range};

use super::{
    Plan,
    history::{Action, Outcome, Record},
    report::Findings,
};
use crate::{
    check::{
        ending::Ending,
        reading::{Found, Reading, ask, take},
        threads::Share,
    },
    clock::Nanos,
    driver::{Agent, BusyMeter, Next},
    operation::Operation,
    progress::Answered,
    protocol::{Protocol, Reply, Store, Unparsable, Value, Verdict, store_verdict, verdict},
    workload::{KeyRenderer, Rng},
};

/// Most keys of one multiget.
const MULTIGET_MAX: u64 = 8;

/// Digits of the largest number, and the blanks that servers may leave behind a number that became shorter.
const VALUE_LEN_MAX: usize = 40;

/// Numbers that are stored lie this far apart, so that incr never makes one of another's.
const APART: u64 = 1_000_000;

/// A number as it was read with its cas number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub key: u32,
    pub number: u64,
    pub unique: u64,
}

#[derive(Debug)]
enum Pending {
    Read { reading: Reading<u32>, for_cas: bool, invoked: Nanos },
    Write { key: u32, action: Action, invoked: Nanos },
}

struct Lane {
    /// Number among all connections of the check.
    number: u32,
    rng: Rng,
    /// Bounded by `--pipeline`.
    pending: VecDeque<Pending>,
    /// A cas to send next. Bounded by `--pipeline`.
    cas: Vec<Seen>,
    stored: u64,
    left: u64,
}

/// One thread's check.
pub struct LinearAgent<'a> {
    plan: &'a Plan,
    answered: &'a Answered,
    renderer: KeyRenderer,
    lanes: Vec<Lane>,
    ending: Ending,
    outstanding: usize,
    reported: u64,
    /// Bounded by [`Plan::history_max`] and what is on the way then.
    history: Vec<Record>,
    seen: Vec<Seen>,
    findings: Findings,
}

impl<'a> LinearAgent<'a> {
    pub fn new(plan: &'a Plan, share: Share, answered: &'a Answered) -> Self {
        let lanes = (share.first..share.first + share.count).map(|number| Lane {
            number: number as u32,
            rng: Rng::new(plan.seed, number),
            pending: VecDeque::new(),
            cas: Vec::new(),
            stored: 0,
            left: plan.requests.unwrap_or(u64::MAX),
        });
        LinearAgent {
            plan,
            answered,
            renderer: plan.renderer.clone(),
            lanes: lanes.collect(),
            ending: Ending::new(share.begin, plan.requests.is_none().then_some(plan.duration)),
            outstanding: 0,
            reported: 0,
            history: Vec::new(),
            seen: Vec::new(),
            findings: Findings::default(),
        }
    }

    /// The history, the numbers that were read with a cas number, and what was wrong already.
    pub fn finish(mut self) -> (Vec<Record>, Vec<Seen>, Findings) {
        self.findings.unanswered = self.outstanding as u64;
        for lane in &mut self.lanes {
            for pending in lane.pending.drain(..) {
                if let Pending::Write { key, action, invoked } = pending {
                    let (outcome, responded) = (Outcome::Unknown, Nanos::MAX);
                    self.history.push(Record { invoked, responded, connection: lane.number, key, action, outcome });
                }
            }
        }
        (self.history, self.seen, self.findings)
    }

    /// Appends one request of the mix.
    fn request(&mut self, connection: usize, now: Nanos, out: &mut Vec<u8>) {
        let lane = &mut self.lanes[connection];
        let key = lane.rng.below(self.plan.keys);
        let action = match lane.rng.below(100) {
            0..40 => {
                let more = if lane.rng.below(4) == 0 { lane.rng.below(MULTIGET_MAX) } else { 0 };
                let others: Vec<u64> = (0..more).map(|_| lane.rng.below(self.plan.keys)).collect();
                let keys = [key].into_iter().chain(others).collect();
                return self.read(connection, keys, false, now, out);
            }
            40..52 => return self.read(connection, vec![key], true, now, out),
            52..70 => Action::Set(self.fresh(connection)),
            70..80 => Action::Add(self.fresh(connection)),
            80..90 => Action::Incr { makes: self.plan.protocol.makes_items() },
            _ => Action::Delete,
        };
        self.write(connection, key as u32, action, 0, now, out);
    }

    /// A number that nobody stores twice.
    fn fresh(&mut self, connection: usize) -> u64 {
        let lane = &mut self.lanes[connection];
        lane.stored += 1;
        (lane.stored * self.plan.connections + u64::from(lane.number)) * APART
    }

    fn read(&mut self, connection: usize, keys: Vec<u64>, for_cas: bool, invoked: Nanos, out: &mut Vec<u8>) {
        ask(self.plan.protocol, out, &keys, for_cas, &mut self.renderer);
        let reading = Reading::new(keys.into_iter().map(|key| key as u32).collect());
        self.push(connection, Pending::Read { reading, for_cas, invoked });
    }

    fn write(&mut self, connection: usize, key: u32, action: Action, unique: u64, invoked: Nanos, out: &mut Vec<u8>) {
        let (protocol, name) = (self.plan.protocol, self.renderer.render(u64::from(key)));
        let mut store = |store, number: u64| protocol.store(out, store, name, 0, number.to_string().as_bytes());
        match action {
            Action::Set(number) => store(Store::Set, number),
            Action::Add(number) => store(Store::Add, number),
            Action::Cas { new, .. } => store(Store::Cas(unique), new),
            Action::Incr { .. } => protocol.incr_told(out, name, 1),
            Action::Delete | Action::Get => protocol.delete(out, name),
        }
        self.push(connection, Pending::Write { key, action, invoked });
    }

    fn push(&mut self, connection: usize, pending: Pending) {
        self.lanes[connection].pending.push_back(pending);
        self.outstanding += 1;
    }

    /// Takes a reply; or says why it cannot be one to the request at the head of the queue.
    fn reply(&mut self, connection: usize, now: Nanos, reply: Reply<'_>, value: &[u8]) -> Result<(), &'static str> {
        if let Reply::Refused(line) = reply {
            self.findings.errors += 1;
            self.findings.faults.describe(|| format!("error line `{}`", line.escape_ascii()));
        }
        match (self.lanes[connection].pending.front_mut(), &reply) {
            (None, _) => Err("a reply that nothing asked for"),
            (Some(Pending::Write { .. }), _) => self.answer(connection, now, reply, value),
            (Some(Pending::Read { .. }), Reply::Value(head)) => self.value(connection, now, head, value),
            (Some(Pending::Read { reading, .. }), _) => {
                if let Some(missed) = reading.other(self.plan.protocol, &reply)? {
                    self.missed(connection, now, missed);
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

    /// Records that keys of the read at the head of the queue were not found.
    fn missed(&mut self, connection: usize, now: Nanos, missed: Range<usize>) {
        let lane = &self.lanes[connection];
        let Some(Pending::Read { reading, invoked, .. }) = lane.pending.front() else { return };
        self.history.extend(reading.keys()[missed].iter().map(|&key| Record {
            invoked: *invoked,
            responded: now,
            connection: lane.number,
            key,
            action: Action::Get,
            outcome: Outcome::Absent,
        }));
    }

    /// Takes a value of the read at the head of the queue.
    fn value(&mut self, connection: usize, now: Nanos, head: &Value<'_>, value: &[u8]) -> Result<(), &'static str> {
        let lane = &mut self.lanes[connection];
        let Some(Pending::Read { reading, for_cas, invoked }) = lane.pending.front_mut() else { return Ok(()) };
        let renderer = &mut self.renderer;
        let found = reading.value(self.plan.protocol, |key| renderer.render(u64::from(*key)) == head.key)?;
        let Some(Found { missed, at, ends }) = found else {
            return Err("a value of a key that was not asked for, or out of order");
        };
        let (key, for_cas, invoked, number) = (reading.keys()[at], *for_cas, *invoked, lane.number);
        self.missed(connection, now, missed);
        if let Some(read) = self.number(key, value) {
            let (action, outcome) = (Action::Get, Outcome::Number(read));
            self.history.push(Record { invoked, responded: now, connection: number, key, action, outcome });
            if let Some(unique) = head.cas.filter(|_| for_cas) {
                let seen = Seen { key, number: read, unique };
                self.seen.push(seen);
                self.lanes[connection].cas.push(seen);
            }
        }
        if ends {
            self.settle(connection);
        }
        Ok(())
    }

    /// The number that a value is; `None` if it is none, which is a fault.
    fn number(&mut self, key: u32, value: &[u8]) -> Option<u64> {
        let number = std::str::from_utf8(value).ok().and_then(|text| text.trim_end_matches(' ').parse().ok());
        if number.is_none() {
            self.findings.wrong_values += 1;
            self.findings.faults.describe(|| format!("key {key}: `{}` is no number", value.escape_ascii()));
        }
        number
    }

    /// Takes the answer to the write at the head of the queue.
    fn answer(&mut self, connection: usize, now: Nanos, reply: Reply<'_>, value: &[u8]) -> Result<(), &'static str> {
        let Some(Pending::Write { key, action, invoked }) = self.settle(connection) else { return Ok(()) };
        let protocol = self.plan.protocol;
        let verdict = match action {
            Action::Set(_) => store_verdict(protocol, Store::Set, &reply),
            Action::Add(_) => store_verdict(protocol, Store::Add, &reply),
            Action::Cas { .. } => store_verdict(protocol, Store::Cas(0), &reply),
            Action::Incr { .. } => verdict(protocol, Operation::Incr, &reply),
            Action::Delete | Action::Get => verdict(protocol, Operation::Delete, &reply),
        };
        let outcome = match (action, reply, verdict) {
            (_, Reply::Refused(_), _) => Outcome::Unknown,
            (Action::Incr { .. }, Reply::Value(_), _) if protocol == Protocol::Meta => {
                self.number(key, value).map_or(Outcome::Unknown, Outcome::Number)
            }
            (Action::Incr { .. }, Reply::Number(number), Some(Verdict::Done)) => Outcome::Number(number),
            (Action::Incr { .. }, Reply::Integer(number), Some(Verdict::Done)) => {
                Outcome::Number(u64::try_from(number).map_err(|_| "a number below 0")?)
            }
            (Action::Incr { .. }, _, Some(Verdict::Done)) | (_, _, None) => {
                return Err("a reply to a request of another kind");
            }
            (_, _, Some(Verdict::Done)) => Outcome::Done,
            (_, _, Some(Verdict::NotFound)) => Outcome::Absent,
            (_, _, Some(Verdict::NotStored)) => Outcome::Present,
        };
        let responded = if outcome == Outcome::Unknown { Nanos::MAX } else { now };
        let connection = self.lanes[connection].number;
        self.history.push(Record { invoked, responded, connection, key, action, outcome });
        Ok(())
    }
}

impl Agent for LinearAgent<'_> {
    fn plan(&mut self, now: Nanos, _wake: &mut Vec<usize>, _meter: &mut BusyMeter) -> Next {
        self.answered.add(self.findings.requests - self.reported);
        self.reported = self.findings.requests;
        let full = self.history.len() >= self.plan.history_max;
        self.findings.history_full |= full;
        if full {
            self.ending.end(now);
        }
        let exhausted = self.lanes.iter().all(|lane| lane.left == 0);
        self.ending.next(now, exhausted, self.outstanding)
    }

    fn requests(&mut self, connection: usize, now: Nanos, out: &mut Vec<u8>) {
        if self.ending.is_stopped() || !self.lanes[connection].pending.is_empty() {
            return;
        }
        for Seen { key, number, unique } in std::mem::take(&mut self.lanes[connection].cas) {
            let new = self.fresh(connection);
            self.write(connection, key, Action::Cas { old: number, new }, unique, now, out);
        }
        while self.lanes[connection].pending.len() < self.plan.pipeline && self.lanes[connection].left > 0 {
            self.lanes[connection].left -= 1;
            self.request(connection, now, out);
        }
    }

    fn replies(&mut self, connection: usize, now: Nanos, input: &[u8]) -> Result<usize, Unparsable> {
        let protocol = self.plan.protocol;
        take(protocol, input, VALUE_LEN_MAX, |reply, value| self.reply(connection, now, reply, value))
    }

    fn outstanding(&self) -> usize {
        self.outstanding
    }
}
