//! The load of one thread whose history is recorded: requests of all kinds for keys that all connections share.

use std::collections::VecDeque;

use super::{
    Plan,
    history::{Action, Outcome, Record},
    report::Findings,
};
use crate::{
    clock::{Nanos, SECOND},
    driver::{Agent, BusyMeter, Next},
    progress::Answered,
    protocol::{Reply, Unparsable, text, value_span},
    workload::{KeyRenderer, Rng},
};

/// Most keys of one multiget.
const MULTIGET_MAX: u64 = 8;

/// Digits of the largest number, and the blanks that servers may leave behind a number that became shorter.
const VALUE_LEN_MAX: usize = 40;

/// After the end, replies are awaited for this long.
const DRAIN: Nanos = 5 * SECOND;

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
    /// get or gets. Keys before `at` are decided.
    Read {
        keys: Vec<u32>,
        at: usize,
        for_cas: bool,
        invoked: Nanos,
    },
    Write {
        key: u32,
        action: Action,
        invoked: Nanos,
    },
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
    end: Nanos,
    stopped: bool,
    outstanding: usize,
    reported: u64,
    /// Bounded by [`Plan::history_max`] and what is on the way then.
    history: Vec<Record>,
    seen: Vec<Seen>,
    findings: Findings,
}

impl<'a> LinearAgent<'a> {
    pub fn new(plan: &'a Plan, first: u64, count: u64, now: Nanos, answered: &'a Answered) -> Self {
        let lanes = (first..first + count).map(|number| Lane {
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
            end: if plan.requests.is_some() { Nanos::MAX } else { now.saturating_add(plan.duration) },
            stopped: false,
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
        let key = lane.rng.below(self.plan.keys) as u32;
        let action = match lane.rng.below(100) {
            0..40 => {
                let more = if lane.rng.below(4) == 0 { lane.rng.below(MULTIGET_MAX) } else { 0 };
                let others: Vec<u32> = (0..more).map(|_| lane.rng.below(self.plan.keys) as u32).collect();
                let keys = [key].into_iter().chain(others).collect();
                return self.read(connection, keys, false, now, out);
            }
            40..52 => return self.read(connection, vec![key], true, now, out),
            52..70 => Action::Set(self.fresh(connection)),
            70..80 => Action::Add(self.fresh(connection)),
            80..90 => Action::Incr,
            _ => Action::Delete,
        };
        self.write(connection, key, action, 0, now, out);
    }

    /// A number that nobody stores twice.
    fn fresh(&mut self, connection: usize) -> u64 {
        let lane = &mut self.lanes[connection];
        lane.stored += 1;
        (lane.stored * self.plan.connections + u64::from(lane.number)) * APART
    }

    fn read(&mut self, connection: usize, keys: Vec<u32>, for_cas: bool, invoked: Nanos, out: &mut Vec<u8>) {
        text::begin(out, if for_cas { b"gets" } else { b"get" });
        keys.iter().for_each(|key| text::key(out, self.renderer.render(u64::from(*key))));
        text::end(out);
        self.push(connection, Pending::Read { keys, at: 0, for_cas, invoked });
    }

    fn write(&mut self, connection: usize, key: u32, action: Action, unique: u64, invoked: Nanos, out: &mut Vec<u8>) {
        let name = self.renderer.render(u64::from(key));
        let mut store = |verb: &[u8], number: u64, cas| {
            text::store(out, verb, name, 0, number.to_string().as_bytes(), cas);
        };
        match action {
            Action::Set(number) => store(b"set", number, None),
            Action::Add(number) => store(b"add", number, None),
            Action::Cas { new, .. } => store(b"cas", new, Some(unique)),
            Action::Incr => text::with_number(out, b"incr", name, 1),
            Action::Delete | Action::Get => text::one_key(out, b"delete", name),
        }
        self.push(connection, Pending::Write { key, action, invoked });
    }

    fn push(&mut self, connection: usize, pending: Pending) {
        self.lanes[connection].pending.push_back(pending);
        self.outstanding += 1;
    }

    /// Takes a value of the read at the head of the queue. False: it belongs to none of the keys still wanted.
    fn value(&mut self, connection: usize, now: Nanos, name: &[u8], value: &[u8], cas: Option<u64>) -> bool {
        let lane = &mut self.lanes[connection];
        let Some(Pending::Read { keys, at, for_cas, invoked }) = lane.pending.front_mut() else { return false };
        // The values come in the order of the keys; those passed over are misses.
        let found = keys[*at..].iter().position(|key| self.renderer.render(u64::from(*key)) == name);
        let Some(step) = found else { return false };
        let (invoked, connection) = (*invoked, lane.number);
        let read = |key, outcome| Record { invoked, responded: now, connection, key, action: Action::Get, outcome };
        self.history.extend(keys[*at..*at + step].iter().map(|key| read(*key, Outcome::Absent)));
        let key = keys[*at + step];
        *at += step + 1;
        let number = std::str::from_utf8(value).ok().and_then(|text| text.trim_end_matches(' ').parse().ok());
        let Some(number) = number else {
            self.findings.wrong_values += 1;
            self.findings.describe(|| format!("key {key}: `{}` is no number", value.escape_ascii()));
            return true;
        };
        self.history.push(read(key, Outcome::Number(number)));
        if let (true, Some(unique)) = (*for_cas, cas) {
            let seen = Seen { key, number, unique };
            self.seen.push(seen);
            lane.cas.push(seen);
        }
        true
    }

    /// Takes the final line of an answer. False: it is none to this request.
    fn answer(&mut self, connection: usize, now: Nanos, reply: Reply<'_>) -> bool {
        let lane = &mut self.lanes[connection];
        let Some(pending) = lane.pending.pop_front() else { return false };
        self.outstanding -= 1;
        self.findings.requests += 1;
        if let Reply::Refused(line) = reply {
            self.findings.errors += 1;
            self.findings.describe(|| format!("error line `{}`", line.escape_ascii()));
        }
        let connection = lane.number;
        let (key, action, invoked) = match pending {
            Pending::Read { keys, at, invoked, .. } => {
                if reply == Reply::End {
                    self.history.extend(keys[at..].iter().map(|&key| Record {
                        invoked,
                        responded: now,
                        connection,
                        key,
                        action: Action::Get,
                        outcome: Outcome::Absent,
                    }));
                }
                return matches!(reply, Reply::End | Reply::Refused(_));
            }
            Pending::Write { key, action, invoked } => (key, action, invoked),
        };
        let outcome = match (action, reply) {
            (_, Reply::Refused(_)) => Outcome::Unknown,
            (Action::Set(_) | Action::Add(_) | Action::Cas { .. }, Reply::Stored) => Outcome::Done,
            (Action::Add(_), Reply::NotStored) | (Action::Cas { .. }, Reply::Exists) => Outcome::Present,
            (Action::Delete, Reply::Deleted) => Outcome::Done,
            (Action::Incr, Reply::Number(number)) => Outcome::Number(number),
            (Action::Cas { .. } | Action::Incr | Action::Delete, Reply::NotFound) => Outcome::Absent,
            _ => return false,
        };
        let responded = if outcome == Outcome::Unknown { Nanos::MAX } else { now };
        self.history.push(Record { invoked, responded, connection, key, action, outcome });
        true
    }
}

impl Agent for LinearAgent<'_> {
    fn plan(&mut self, now: Nanos, _wake: &mut Vec<usize>, _meter: &mut BusyMeter) -> Next {
        self.answered.add(self.findings.requests - self.reported);
        self.reported = self.findings.requests;
        let full = self.history.len() >= self.plan.history_max;
        self.findings.history_full |= full;
        self.stopped = now >= self.end || full || self.lanes.iter().all(|lane| lane.left == 0);
        // Where the history is full the end comes now.
        self.end = if full { self.end.min(now) } else { self.end };
        if self.stopped && (self.outstanding == 0 || now >= self.end.saturating_add(DRAIN)) {
            return Next::Finish;
        }
        Next::WaitUntil(now + SECOND / 10)
    }

    fn requests(&mut self, connection: usize, now: Nanos, out: &mut Vec<u8>) {
        if self.stopped || !self.lanes[connection].pending.is_empty() {
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
        let mut used = 0;
        while let Some((reply, taken)) = text::parse(&input[used..])? {
            let rest = &input[used..];
            if let Reply::Value(head) = reply {
                if head.len > VALUE_LEN_MAX {
                    return Err(Unparsable::new("a value longer than any written", rest));
                }
                let Some((value, span)) = value_span(&rest[taken..], head.len)? else { break };
                if !self.value(connection, now, head.key, value, head.cas) {
                    return Err(Unparsable::new("a value of a key that was not asked for, or out of order", rest));
                }
                used += taken + span;
            } else {
                if !self.answer(connection, now, reply) {
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
