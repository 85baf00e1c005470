//! Stores every key of every key space once, in order, before the run.

use std::collections::VecDeque;

use super::{Plan, composer::Work};
use crate::{
    clock::{Nanos, SECOND},
    driver::{Agent, BusyMeter, Next},
    protocol::{Reply, Store, Unparsable},
    routing::Routing,
    workload::{KeyRenderer, Rng, Space, ValueSource},
};

/// Sets in flight on a connection.
const BATCH: usize = 64;

/// A batch ends early when it has this many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// Keys that wait for the connections of one shard.
const PASSED_MAX: usize = 4096;

/// A key space whose keys are stored.
struct Shelf<'a> {
    keys: KeyRenderer,
    count: u64,
    values: &'a ValueSource,
    /// What a workload file says of the space.
    space: Option<&'a Space>,
}

/// Writes this thread's share of the keys.
pub struct LoadAgent<'a> {
    plan: &'a Plan,
    shelves: Vec<Shelf<'a>>,
    /// Where each key goes to the shard that owns it: keys that were passed over, for every shard.
    /// Bounded by [`PASSED_MAX`].
    passed: Option<(&'a Routing, Vec<VecDeque<u64>>)>,
    /// The shelf that is being stored, and its next key of this thread.
    shelf: usize,
    next: u64,
    index: u64,
    rng: Rng,
    counter: Vec<u8>,
    pending: Vec<usize>,
    outstanding: usize,
    /// Sets that the server refused.
    pub errors: u64,
}

impl<'a> LoadAgent<'a> {
    pub fn new(plan: &'a Plan, index: usize, connections: usize) -> Self {
        let shelves = match &plan.work {
            Work::Plain(work) | Work::Routed(work, _) => vec![Shelf {
                keys: work.keyspace.renderer(),
                count: work.keyspace.count(),
                values: &work.values,
                space: None,
            }],
            Work::Mixed(work) => work
                .spaces()
                .map(|(space, values)| Shelf {
                    keys: space.renderer(),
                    count: space.keyspace.count(),
                    values,
                    space: Some(space),
                })
                .collect(),
        };
        let passed = match &plan.work {
            Work::Routed(_, routing) => Some((routing, vec![VecDeque::new(); routing.shards()])),
            Work::Plain(_) | Work::Mixed(_) => None,
        };
        let mut agent = LoadAgent {
            plan,
            shelves,
            passed,
            shelf: 0,
            next: index as u64,
            index: index as u64,
            // Exptimes alone are drawn here; any stream that is not a thread's own will do.
            rng: Rng::new(plan.seed, u64::MAX - 1 - index as u64),
            counter: Vec::new(),
            pending: vec![0; connections],
            outstanding: 0,
            errors: 0,
        };
        agent.seek();
        agent
    }

    /// Goes to the next shelf that has a key of this thread.
    fn seek(&mut self) {
        while self.shelves.get(self.shelf).is_some_and(|shelf| self.next >= shelf.count) {
            self.shelf += 1;
            self.next = self.index;
        }
    }

    fn is_stored(&self) -> bool {
        self.shelf >= self.shelves.len()
    }

    /// Appends the next set of a connection; false if there is none for now.
    fn store_next(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
        let Some((routing, passed)) = &mut self.passed else {
            let stored = self.is_stored();
            if !stored {
                self.store(out);
            }
            return !stored;
        };
        let Some(shelf) = self.shelves.first_mut() else { return false };
        let shard = connection % routing.shards();
        let key = loop {
            if let Some(key) = passed[shard].pop_front() {
                break key;
            }
            if self.next >= shelf.count {
                self.shelf = 1;
                return false;
            }
            let owner = routing.owner(shelf.keys.render(self.next));
            if passed[owner].len() >= PASSED_MAX {
                return false;
            }
            passed[owner].push_back(self.next);
            self.next += self.plan.threads as u64;
        };
        self.plan.protocol.store(out, Store::Set, shelf.keys.render(key), 0, shelf.values.value(key));
        true
    }

    /// Whether keys wait for the connections of their owners.
    fn has_passed_over(&self) -> bool {
        self.passed.as_ref().is_some_and(|(_, passed)| passed.iter().any(|keys| !keys.is_empty()))
    }

    /// Appends the next set.
    fn store(&mut self, out: &mut Vec<u8>) {
        let Some(shelf) = self.shelves.get_mut(self.shelf) else { return };
        let (key, exptime, value) = match shelf.space {
            None => (shelf.keys.render(self.next), 0, shelf.values.value(self.next)),
            Some(space) => (
                shelf.keys.render_sized(self.next, space.key_len(self.next)),
                space.ttl.at(self.rng.next_u64()),
                space.value(self.next, shelf.values, &mut self.counter),
            ),
        };
        self.plan.protocol.store(out, Store::Set, key, exptime, value);
        self.next += self.plan.threads as u64;
        self.seek();
    }
}

impl Agent for LoadAgent<'_> {
    fn plan(&mut self, now: Nanos, wake: &mut Vec<usize>, _meter: &mut BusyMeter) -> Next {
        if self.passed.is_some() {
            // One that found nothing to store may have been passed keys since.
            wake.extend((0..self.pending.len()).filter(|connection| self.pending[*connection] == 0));
        }
        let done = self.is_stored() && self.outstanding == 0 && !self.has_passed_over();
        if done { Next::Finish } else { Next::WaitUntil(now + SECOND) }
    }

    fn requests(&mut self, connection: usize, _now: Nanos, out: &mut Vec<u8>) {
        if self.pending[connection] > 0 {
            return;
        }
        let end = out.len() + BATCH_BYTES;
        while self.pending[connection] < BATCH && out.len() < end && self.store_next(connection, out) {
            self.pending[connection] += 1;
            self.outstanding += 1;
        }
    }

    fn replies(&mut self, connection: usize, _now: Nanos, input: &[u8]) -> Result<usize, Unparsable> {
        let mut used = 0;
        while let Some((reply, taken)) = self.plan.protocol.parse(&input[used..])? {
            match reply {
                Reply::Stored => {}
                Reply::Refused(_) => self.errors += 1,
                _ => return Err(Unparsable::new("not a reply to a set", &input[used..])),
            }
            if self.pending[connection] == 0 {
                return Err(Unparsable::new("a reply that nothing asked for", &input[used..]));
            }
            self.pending[connection] -= 1;
            self.outstanding -= 1;
            used += taken;
        }
        Ok(used)
    }

    fn outstanding(&self) -> usize {
        self.outstanding
    }
}
