//! Gets and sets whose keys go to the shard that owns them: connection `n` is one to the shard of number `n` modulo the
//! shards.
//!
//! A key is drawn as ever. If it belongs to another shard, it is kept for a connection of that one, which takes what is
//! kept before it draws; so nothing is drawn twice as long as the shards are asked equally often. What one is left
//! behind with, because its keys are the more popular ones, is dropped at a bound: a closed loop asks all shards
//! equally often, and keeps the keys' popularity among those of their shard.

use std::collections::VecDeque;

use super::{
    composer::{Plain, Written},
    step::Step,
};
use crate::{
    protocol::{Protocol, Store},
    routing::Routing,
    workload::Rng,
};

/// Keys kept for one shard.
const KEPT_MAX: usize = 4096;

/// One thread's source of requests.
#[derive(Debug)]
pub struct Routed<'a> {
    pub plain: Plain<'a>,
    routing: &'a Routing,
    /// For every shard: keys of single requests.
    kept: Vec<VecDeque<u64>>,
    /// For every shard: parts of multigets, one after the other.
    parts: Vec<Parts>,
}

#[derive(Clone, Debug, Default)]
struct Parts {
    keys: VecDeque<u64>,
    lens: VecDeque<u16>,
}

impl<'a> Routed<'a> {
    pub fn new(plain: Plain<'a>, routing: &'a Routing) -> Self {
        let shards = routing.shards();
        Routed { plain, routing, kept: vec![VecDeque::new(); shards], parts: vec![Parts::default(); shards] }
    }

    /// Appends the next request of a connection.
    pub fn request(&mut self, protocol: Protocol, connection: usize, rng: &mut Rng, out: &mut Vec<u8>) -> Written {
        let shard = connection % self.routing.shards();
        let multiget = self.plain.work.multiget;
        if !self.plain.work.mix.is_get(rng) {
            let key = self.key(shard, rng);
            let value = self.plain.work.values.value(key);
            protocol.store(out, Store::Set, self.plain.keys.render(key), 0, value);
            return Written { step: Step::Set, keys: 0, tracked: false };
        }
        if multiget == 1 {
            let key = self.key(shard, rng);
            self.plain.gets.append(1, || key, out);
            return Written { step: Step::Get, keys: 1, tracked: false };
        }
        let keys = self.part(shard, multiget, rng);
        protocol.group_begin(out, usize::from(keys));
        let mut part = self.parts[shard].keys.drain(..usize::from(keys));
        self.plain.group_keys.append(usize::from(keys), || part.next().unwrap_or(0), out);
        drop(part);
        protocol.group_end(out);
        Written { step: Step::Multiget, keys, tracked: false }
    }

    fn owner(&mut self, key: u64) -> usize {
        self.routing.owner(self.plain.keys.render(key))
    }

    /// The next key of this shard.
    fn key(&mut self, shard: usize, rng: &mut Rng) -> u64 {
        if let Some(key) = self.kept[shard].pop_front() {
            return key;
        }
        loop {
            let key = self.plain.picker.pick(rng);
            let owner = self.owner(key);
            if owner == shard {
                return key;
            }
            if self.kept[owner].len() < KEPT_MAX {
                self.kept[owner].push_back(key);
            }
        }
    }

    /// How many keys at the head of this shard's are its part of the next multiget: at least one.
    fn part(&mut self, shard: usize, multiget: u16, rng: &mut Rng) -> u16 {
        loop {
            if let Some(len) = self.parts[shard].lens.pop_front() {
                return len;
            }
            let mut split: Vec<(usize, u64)> = (0..multiget)
                .map(|_| {
                    let key = self.plain.picker.pick(rng);
                    (self.owner(key), key)
                })
                .collect();
            // Stable: within a part, keys keep their order.
            split.sort_by_key(|(owner, _)| *owner);
            for part in split.chunk_by(|a, b| a.0 == b.0) {
                let parts = &mut self.parts[part[0].0];
                if parts.keys.len() < KEPT_MAX {
                    parts.keys.extend(part.iter().map(|(_, key)| *key));
                    parts.lens.push_back(part.len() as u16);
                }
            }
        }
    }
}
