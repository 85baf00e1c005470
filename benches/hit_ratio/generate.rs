//! The generated traces: each is a habit of real loads in pure form, the same with every run.

use crate::trace::{Action, Event, Trace};
use ringload::workload::{Distribution, KeyPicker, Rng, scramble};

/// Requests of a second of a trace's time.
const REQUESTS_PER_SECOND: usize = 5_000;

/// Where in the keys' space the traces put what is asked for but once or rarely.
const RARE_KEYS: u64 = 1 << 30;

/// Makes the events of a trace.
struct Generator {
    rng: Rng,
    events: Vec<Event>,
    requests: usize,
    sizes: fn(u64) -> u32,
    ttl: fn(u64) -> u32,
}

/// All generated traces. `requests` is the length of each; the number of keys grows with it.
pub fn traces(requests: usize) -> Vec<Trace> {
    let keys = requests as u64 / 5;
    let generator = |seed| Generator {
        rng: Rng::new(seed, 0),
        events: Vec::with_capacity(requests),
        requests,
        sizes: cachelib_like,
        ttl: |_| 0,
    };
    vec![
        zipf(generator(1), "zipf 0.7", keys, 0.7),
        zipf(generator(2), "zipf 0.9", keys, 0.9),
        zipf(generator(3), "zipf 1.1", keys * 2, 1.1),
        zipf(Generator { ttl: mixed_ttl, ..generator(4) }, "zipf 0.9, TTLs", keys, 0.9),
        scans(generator(5), keys),
        looping(generator(6), keys),
        shifting(generator(7), keys),
        one_hit_wonders(generator(8), keys),
        mixed_sizes(generator(9), keys),
        changing_sizes(generator(10), keys),
        writes(generator(11), keys),
    ]
}

/// Popularity by Zipf's law, and nothing else.
fn zipf(mut to: Generator, name: &str, keys: u64, exponent: f64) -> Trace {
    let popular = KeyPicker::new(Distribution::Zipf(exponent), keys);
    while to.wants_more() {
        let key = popular.pick(&mut to.rng);
        to.get(key);
    }
    to.finish(name)
}

/// A stable load, and now and then somebody reads as many keys as a third of it, once each.
fn scans(mut to: Generator, keys: u64) -> Trace {
    let popular = KeyPicker::new(Distribution::Zipf(0.9), keys);
    let (every, len) = (to.requests as u64 / 8, keys / 3);
    while to.wants_more() {
        let at = to.events.len() as u64;
        let key = match at % every {
            // Between the popular ones.
            step if step < 2 * len && step % 2 == 0 => RARE_KEYS + at,
            _ => popular.pick(&mut to.rng),
        };
        to.get(key);
    }
    to.finish("zipf 0.9 and scans")
}

/// Reads the same keys in the same order again and again, among a few popular ones.
fn looping(mut to: Generator, keys: u64) -> Trace {
    let popular = KeyPicker::new(Distribution::Zipf(0.9), keys / 4);
    let mut next = 0;
    while to.wants_more() {
        if to.rng.below(10) < 3 {
            let key = popular.pick(&mut to.rng);
            to.get(key);
        } else {
            next = (next + 1) % keys;
            to.get(RARE_KEYS + next);
        }
    }
    to.finish("loop and zipf 0.9")
}

/// Each popular key is at some time replaced by a new one: what was asked for often is soon asked for no more.
fn shifting(mut to: Generator, window: u64) -> Trace {
    let popular = KeyPicker::new(Distribution::Zipf(0.9), window);
    let lifetime = to.requests as u64 / 3;
    while to.wants_more() {
        let rank = popular.pick(&mut to.rng);
        // The keys of different ranks are replaced at different times.
        let generation = (to.events.len() as u64 + scramble(rank) % lifetime) / lifetime;
        to.get(generation * window + rank);
    }
    to.finish("shifting working set")
}

/// Four of ten requests are for keys that never come again.
fn one_hit_wonders(mut to: Generator, keys: u64) -> Trace {
    let popular = KeyPicker::new(Distribution::Zipf(0.9), keys);
    while to.wants_more() {
        let key = match to.rng.below(10) {
            0..4 => RARE_KEYS + to.events.len() as u64,
            _ => popular.pick(&mut to.rng),
        };
        to.get(key);
    }
    to.finish("one-hit wonders")
}

/// Three kinds of items, about 100 bytes, 1 KB and 2 to 15 KB, each with a popularity of its own.
fn mixed_sizes(mut to: Generator, keys: u64) -> Trace {
    to.sizes = |key| match key / RARE_KEYS {
        0 => 60 + (scramble(key) % 80) as u32,
        1 => 700 + (scramble(key) % 600) as u32,
        _ => 2_000 + (scramble(key) % 13_000) as u32,
    };
    let kinds = [
        KeyPicker::new(Distribution::Zipf(0.8), keys),
        KeyPicker::new(Distribution::Zipf(1.0), keys / 4),
        KeyPicker::new(Distribution::Zipf(0.9), keys / 40),
    ];
    while to.wants_more() {
        let kind = match to.rng.below(10) {
            0..6 => 0,
            6..9 => 1,
            _ => 2,
        };
        let key = kind * RARE_KEYS + kinds[kind as usize].pick(&mut to.rng);
        to.get(key);
    }
    to.finish("mixed sizes")
}

/// Items of about 100 bytes, then of about 1,000, then both.
fn changing_sizes(mut to: Generator, keys: u64) -> Trace {
    to.sizes = |key| match key / RARE_KEYS {
        0 => 90 + (scramble(key) % 20) as u32,
        _ => 900 + (scramble(key) % 200) as u32,
    };
    let small = KeyPicker::new(Distribution::Zipf(0.9), keys);
    let big = KeyPicker::new(Distribution::Zipf(0.9), keys / 4);
    while to.wants_more() {
        let third = to.events.len() * 3 / to.requests;
        let is_big = match third {
            0 => false,
            1 => true,
            _ => to.rng.below(2) == 0,
        };
        let key = if is_big { RARE_KEYS + big.pick(&mut to.rng) } else { small.pick(&mut to.rng) };
        to.get(key);
    }
    to.finish("changing sizes")
}

/// A fifth writes, each of another size, and one in forty deletes.
fn writes(mut to: Generator, keys: u64) -> Trace {
    let popular = KeyPicker::new(Distribution::Zipf(0.9), keys);
    while to.wants_more() {
        let key = popular.pick(&mut to.rng);
        let value_len = (to.sizes)(key ^ (to.rng.below(4) << 40));
        match to.rng.below(40) {
            0 => to.push(key, value_len, Action::Delete),
            1..9 => to.push(key, value_len, Action::Set),
            _ => to.push(key, value_len, Action::Get),
        }
    }
    to.finish("writes and deletes")
}

impl Generator {
    fn wants_more(&self) -> bool {
        self.events.len() < self.requests
    }

    fn get(&mut self, key: u64) {
        self.push(key, (self.sizes)(key), Action::Get);
    }

    /// The key's number is shortened to 32 bits only at the end.
    fn push(&mut self, key: u64, value_len: u32, action: Action) {
        let second = (self.events.len() / REQUESTS_PER_SECOND) as u32;
        let key_len = 16 + (scramble(key ^ 1) % 25) as u8;
        self.events.push(Event { second, key: key as u32, value_len, ttl: (self.ttl)(key), key_len, action });
    }

    /// Numbers the keys without gaps.
    fn finish(mut self, name: &str) -> Trace {
        let mut numbers = std::collections::HashMap::new();
        for event in &mut self.events {
            let next = numbers.len() as u32;
            event.key = *numbers.entry(event.key).or_insert(next);
        }
        Trace::new(name, self.events)
    }
}

/// A value's size as CacheLib's authors describe those of key-value caches (B. Berg et al., "The CacheLib Caching
/// Engine", OSDI 2020): most of some hundred bytes, few of many thousand. Log-normal, median 200, mean 400.
fn cachelib_like(key: u64) -> u32 {
    const MEDIAN: f64 = 200.0;
    const SIGMA: f64 = 1.18;
    let uniform = |seed| (scramble(key ^ seed) >> 11) as f64 / (1u64 << 53) as f64;
    let (radius, angle) = ((-2.0 * (1.0 - uniform(2)).ln()).sqrt(), std::f64::consts::TAU * uniform(3));
    (MEDIAN * (SIGMA * radius * angle.cos()).exp()).clamp(8.0, 14_000.0) as u32
}

/// A quarter of the keys each: no expiry, 10 seconds, one minute, five minutes.
fn mixed_ttl(key: u64) -> u32 {
    [0, 10, 60, 300][(scramble(key ^ 4) % 4) as usize]
}
