//! Stores every key of every key space once, in order, before the run.

use super::{Plan, composer::Work};
use crate::{
    clock::{Nanos, SECOND},
    driver::{Agent, BusyMeter, Next},
    protocol::{Reply, Store, Unparsable},
    workload::{KeyRenderer, Rng, Space, ValueSource},
};

/// Sets in flight on a connection.
const BATCH: usize = 64;

/// A batch ends early when it has this many bytes.
const BATCH_BYTES: usize = 256 << 10;

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
            Work::Plain(work) => vec![Shelf {
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
        let mut agent = LoadAgent {
            plan,
            shelves,
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
    fn plan(&mut self, now: Nanos, _wake: &mut Vec<usize>, _meter: &mut BusyMeter) -> Next {
        let done = self.is_stored() && self.outstanding == 0;
        if done { Next::Finish } else { Next::WaitUntil(now + SECOND) }
    }

    fn requests(&mut self, connection: usize, _now: Nanos, out: &mut Vec<u8>) {
        if self.pending[connection] > 0 {
            return;
        }
        while self.pending[connection] < BATCH && out.len() < BATCH_BYTES && !self.is_stored() {
            self.store(out);
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
