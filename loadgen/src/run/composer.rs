//! What one thread asks for next, as bytes.
//!
//! Options alone give gets and sets of one key space, on a path of their own that costs one copy per get. A
//! workload file gives the rest.

use std::collections::VecDeque;

use super::{
    lane::{Asked, FollowUp},
    routed::Routed,
    step::Step,
};
use crate::{
    clock::Nanos,
    operation::Operation,
    protocol::{Protocol, Store},
    routing::Routing,
    workload::{
        Distribution, KeyPicker, KeyRenderer, Keyspace, LineRenderer, Mix, Popularity, Rng, Space, StoreRenderer,
        ValueSource, Workload,
    },
};

/// By how much incr and decr change a number.
const DELTA: u64 = 1;

/// What the run asks for, shared by all threads.
#[derive(Debug)]
pub enum Work {
    /// Gets and sets of one key space.
    Plain(PlainWork),
    /// The same, each key sent to the shard that owns it.
    Routed(PlainWork, Routing),
    /// What a workload file says.
    Mixed(MixedWork),
}

/// Gets and sets of one key space.
#[derive(Debug)]
pub struct PlainWork {
    pub keyspace: Keyspace,
    pub values: ValueSource,
    pub distribution: Distribution,
    pub mix: Mix,
    /// Keys of one get, at least 1.
    pub multiget: u16,
}

/// The key spaces of a workload file, with the sources of their values.
#[derive(Debug)]
pub struct MixedWork {
    workload: Workload,
    values: Vec<ValueSource>,
}

impl MixedWork {
    /// A workload with values that follow from `seed`.
    pub fn new(workload: Workload, seed: u64) -> Self {
        let values = workload.spaces.iter().map(|space| space.values(seed)).collect();
        MixedWork { workload, values }
    }

    /// The key spaces, each with the source of its values.
    pub fn spaces(&self) -> impl Iterator<Item = (&Space, &ValueSource)> {
        self.workload.spaces.iter().zip(&self.values)
    }
}

/// Refuses in words a key space whose operations cannot be asked for in `protocol`.
pub fn suits(protocol: Protocol, space: &Space) -> Result<(), String> {
    for operation in Operation::ALL.into_iter().filter(|operation| space.mix.has(*operation)) {
        if let Some(reason) = protocol.lacks(operation) {
            return Err(format!("{} cannot be asked for: {reason}", operation.name()));
        }
    }
    if protocol.zero_exptime_deletes() && space.mix.has(Operation::Touch) && space.ttl.min() == 0 {
        return Err("touch needs a `ttl` above 0 in this protocol, where an exptime of 0 deletes".into());
    }
    Ok(())
}

/// What was appended.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub step: Step,
    /// Keys that it reads.
    pub keys: u16,
    /// Whether the keys were noted for the answer's sake.
    pub tracked: bool,
}

/// One thread's source of requests.
#[derive(Debug)]
pub struct Composer<'a> {
    protocol: Protocol,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    Plain(Plain<'a>),
    Routed(Routed<'a>),
    Mixed(Mixed<'a>),
}

impl<'a> Composer<'a> {
    /// A source for one of `threads` threads; time is counted from `start`.
    pub fn new(protocol: Protocol, work: &'a Work, threads: usize, start: Nanos) -> Self {
        let source = match work {
            Work::Plain(work) => Source::Plain(Plain::new(protocol, work)),
            Work::Routed(work, routing) => Source::Routed(Routed::new(Plain::new(protocol, work), routing)),
            Work::Mixed(work) => Source::Mixed(Mixed {
                workload: &work.workload,
                spaces: work
                    .spaces()
                    .map(|(space, values)| SpaceState {
                        space,
                        values,
                        popularity: Popularity::new(space, start),
                        keys: space.renderer(),
                    })
                    .collect(),
                sent: 0,
                threads: threads as u64,
                counter: Vec::new(),
            }),
        };
        Composer { protocol, source }
    }

    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether the requests are those of a workload file, whose steps are worth counting one by one.
    #[inline]
    pub fn is_mixed(&self) -> bool {
        matches!(self.source, Source::Mixed(_))
    }

    /// Appends the next request of a connection; keys that its answer may ask more about are added to `asked`.
    #[inline]
    pub fn request(
        &mut self,
        connection: usize,
        now: Nanos,
        rng: &mut Rng,
        asked: &mut VecDeque<Asked>,
        out: &mut Vec<u8>,
    ) -> Written {
        match &mut self.source {
            Source::Plain(plain) => plain.request(self.protocol, rng, out),
            Source::Routed(routed) => routed.request(self.protocol, connection, rng, out),
            Source::Mixed(mixed) => mixed.request(self.protocol, now, rng, asked, out),
        }
    }

    /// Appends so many requests at once, as as many calls of [`request`](Self::request) would, if it is known that they
    /// are all gets of one key, or all sets.
    #[inline]
    pub fn alike(&mut self, count: usize, rng: &mut Rng, out: &mut Vec<u8>) -> Option<Written> {
        let Source::Plain(plain) = &mut self.source else { return None };
        match plain.work.mix.all_get()? {
            true if plain.work.multiget == 1 => Some(plain.gets(count, rng, out)),
            true => None,
            false => Some(plain.sets(self.protocol, count, rng, out)),
        }
    }

    /// Appends what an answer asked for.
    pub fn follow_up(&mut self, follow_up: FollowUp, rng: &mut Rng, out: &mut Vec<u8>) -> Written {
        let (step, asked, store) = match follow_up {
            FollowUp::Fill(asked) => (Step::Fill, asked, Store::Set),
            FollowUp::Cas(asked, unique) => (Step::Cas, asked, Store::Cas(unique)),
        };
        if let Source::Mixed(mixed) = &mut self.source {
            mixed.store(self.protocol, store, asked, rng, out);
        }
        Written { step, keys: 0, tracked: false }
    }

    /// The name of a key that was asked for.
    pub fn key(&mut self, asked: Asked) -> &[u8] {
        match &mut self.source {
            Source::Plain(plain) | Source::Routed(Routed { plain, .. }) => plain.keys.render(asked.key),
            Source::Mixed(mixed) => mixed.spaces[asked.space as usize].key(asked.key),
        }
    }

    /// Whether a miss of this key is followed by a set.
    pub fn fills(&self, asked: Asked) -> bool {
        match &self.source {
            Source::Plain(_) | Source::Routed(_) => false,
            Source::Mixed(mixed) => mixed.spaces[asked.space as usize].space.miss_then_set,
        }
    }
}

/// Gets and sets of one key space.
#[derive(Debug)]
pub struct Plain<'a> {
    pub work: &'a PlainWork,
    pub picker: KeyPicker,
    pub keys: KeyRenderer,
    /// Renders whole gets of one key.
    pub gets: LineRenderer,
    /// Renders what a multiget has for a key.
    pub group_keys: LineRenderer,
    /// Renders whole sets, if all values are of one length, and short.
    sets: Option<StoreRenderer>,
}

impl<'a> Plain<'a> {
    fn new(protocol: Protocol, work: &'a PlainWork) -> Self {
        let mut keys = work.keyspace.renderer();
        Plain {
            work,
            picker: KeyPicker::new(work.distribution, work.keyspace.count()),
            gets: LineRenderer::new(&mut keys, |out, key| protocol.get(out, key)),
            group_keys: LineRenderer::new(&mut keys, |out, key| protocol.group_key(out, key)),
            sets: work.values.one_len().and_then(|len| {
                StoreRenderer::new(&mut keys, len, |out, key, value| protocol.store(out, Store::Set, key, 0, value))
            }),
            keys,
        }
    }
}

impl Plain<'_> {
    #[inline]
    fn request(&mut self, protocol: Protocol, rng: &mut Rng, out: &mut Vec<u8>) -> Written {
        if self.work.mix.is_get(rng) {
            let keys = self.work.multiget;
            if keys == 1 {
                return self.gets(1, rng, out);
            }
            protocol.group_begin(out, keys as usize);
            self.group_keys.append(usize::from(keys), || self.picker.pick(rng), out);
            protocol.group_end(out);
            return Written { step: Step::Multiget, keys, tracked: false };
        }
        self.sets(protocol, 1, rng, out)
    }

    #[inline]
    fn gets(&mut self, count: usize, rng: &mut Rng, out: &mut Vec<u8>) -> Written {
        self.gets.append(count, || self.picker.pick(rng), out);
        Written { step: Step::Get, keys: 1, tracked: false }
    }

    #[inline]
    fn sets(&mut self, protocol: Protocol, count: usize, rng: &mut Rng, out: &mut Vec<u8>) -> Written {
        let (values, picker) = (&self.work.values, &self.picker);
        match &self.sets {
            Some(sets) => sets.append(count, || picker.pick(rng), |key| values.value(key), out),
            None => (0..count).for_each(|_| {
                let key = picker.pick(rng);
                protocol.store(out, Store::Set, self.keys.render(key), 0, values.value(key));
            }),
        }
        Written { step: Step::Set, keys: 0, tracked: false }
    }
}

#[derive(Debug)]
struct Mixed<'a> {
    workload: &'a Workload,
    spaces: Vec<SpaceState<'a>>,
    /// Requests of this thread.
    sent: u64,
    threads: u64,
    counter: Vec<u8>,
}

#[derive(Debug)]
struct SpaceState<'a> {
    space: &'a Space,
    values: &'a ValueSource,
    popularity: Popularity,
    keys: KeyRenderer,
}

impl SpaceState<'_> {
    #[inline]
    fn key(&mut self, key: u64) -> &[u8] {
        self.keys.render_sized(key, self.space.key_len(key))
    }
}

impl Mixed<'_> {
    /// Out of line, so that plain gets and sets stay short.
    #[inline(never)]
    fn request(
        &mut self,
        protocol: Protocol,
        now: Nanos,
        rng: &mut Rng,
        asked: &mut VecDeque<Asked>,
        out: &mut Vec<u8>,
    ) -> Written {
        // What all threads have sent is about this.
        let requests = self.sent * self.threads;
        self.sent += 1;
        let id = self.workload.pick(rng);
        let state = &mut self.spaces[id];
        let space = state.space;
        let operation = space.mix.pick(rng);
        let tracked = space.miss_then_set;
        let asks = |key| Asked { space: id as u16, key };
        if operation == Operation::Multiget {
            let keys = space.multiget.at(rng.next_u64()) as u16;
            protocol.group_begin(out, keys as usize);
            for _ in 0..keys {
                let key = state.popularity.pick(rng, now, requests);
                protocol.group_key(out, state.key(key));
                if tracked {
                    asked.push_back(asks(key));
                }
            }
            protocol.group_end(out);
            return Written { step: Step::Multiget, keys, tracked };
        }
        let key = state.popularity.pick(rng, now, requests);
        let step = match operation {
            Operation::Get | Operation::Multiget => {
                protocol.get(out, state.key(key));
                Step::Get
            }
            Operation::Gat => {
                let exptime = space.ttl.at(rng.next_u64());
                protocol.gat(out, state.key(key), exptime);
                Step::Gat
            }
            Operation::Cas => {
                protocol.gets(out, state.key(key));
                Step::Gets
            }
            Operation::Set | Operation::Add => {
                let (step, store) = match operation {
                    Operation::Add => (Step::Add, Store::Add),
                    _ => (Step::Set, Store::Set),
                };
                self.store(protocol, store, asks(key), rng, out);
                return Written { step, keys: 0, tracked: false };
            }
            Operation::Incr | Operation::Decr => {
                let up = operation == Operation::Incr;
                protocol.arithmetic(out, up, state.key(key), DELTA);
                return Written { step: if up { Step::Incr } else { Step::Decr }, keys: 0, tracked: false };
            }
            Operation::Delete => {
                protocol.delete(out, state.key(key));
                return Written { step: Step::Delete, keys: 0, tracked: false };
            }
            Operation::Touch => {
                let exptime = space.ttl.at(rng.next_u64());
                protocol.touch(out, state.key(key), exptime);
                return Written { step: Step::Touch, keys: 0, tracked: false };
            }
        };
        let tracked = tracked || step == Step::Gets;
        if tracked {
            asked.push_back(asks(key));
        }
        Written { step, keys: 1, tracked }
    }

    fn store(&mut self, protocol: Protocol, store: Store, asked: Asked, rng: &mut Rng, out: &mut Vec<u8>) {
        let state = &mut self.spaces[asked.space as usize];
        let exptime = state.space.ttl.at(rng.next_u64());
        let value = state.space.value(asked.key, state.values, &mut self.counter);
        let name = state.keys.render_sized(asked.key, state.space.key_len(asked.key));
        protocol.store(out, store, name, exptime, value);
    }
}
