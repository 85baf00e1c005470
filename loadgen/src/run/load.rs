//! Stores every key once, in order, before the run.

use super::Plan;
use crate::{
    clock::{Nanos, SECOND},
    driver::{Agent, BusyMeter, Next},
    protocol::{Protocol, Reply, Unparsable, meta, text},
    workload::KeyRenderer,
};

/// Sets in flight on a connection.
const BATCH: usize = 64;

/// A batch ends early when it has this many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// Writes this thread's share of the keys.
pub struct LoadAgent<'a> {
    plan: &'a Plan,
    keys: KeyRenderer,
    next: u64,
    pending: Vec<usize>,
    outstanding: usize,
    /// Sets that the server refused.
    pub errors: u64,
}

impl<'a> LoadAgent<'a> {
    pub fn new(plan: &'a Plan, index: usize, connections: usize) -> Self {
        let keys = plan.keyspace.renderer();
        LoadAgent { plan, keys, next: index as u64, pending: vec![0; connections], outstanding: 0, errors: 0 }
    }
}

impl Agent for LoadAgent<'_> {
    fn plan(&mut self, now: Nanos, _wake: &mut Vec<usize>, _meter: &mut BusyMeter) -> Next {
        let done = self.next >= self.plan.keyspace.count() && self.outstanding == 0;
        if done { Next::Finish } else { Next::WaitUntil(now + SECOND) }
    }

    fn requests(&mut self, connection: usize, _now: Nanos, out: &mut Vec<u8>) {
        if self.pending[connection] > 0 {
            return;
        }
        while self.pending[connection] < BATCH && out.len() < BATCH_BYTES && self.next < self.plan.keyspace.count() {
            let (key, value) = (self.keys.render(self.next), self.plan.values.value(self.next));
            match self.plan.protocol {
                Protocol::Text => text::store(out, b"set", key, 0, value, None),
                Protocol::Meta => meta::set(out, key, value),
            }
            self.next += self.plan.threads as u64;
            self.pending[connection] += 1;
            self.outstanding += 1;
        }
    }

    fn replies(&mut self, connection: usize, _now: Nanos, input: &[u8]) -> Result<usize, Unparsable> {
        let mut used = 0;
        while let Some((reply, taken)) = match self.plan.protocol {
            Protocol::Text => text::parse(&input[used..])?,
            Protocol::Meta => meta::parse(&input[used..])?,
        } {
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
