//! What the search for expired items costs: a pass over pages in which nothing has expired yet, and the removal of
//! everything, step by step as a shard does it between its turns. 16-byte keys, 32-byte values;
//! `SWEEP_BENCH_ITEMS` (default 200,000) sets how many. `SWEEP_BENCH_PART=look` or `free` runs one of the two.

use ahash::RandomState;
use ringcached::{
    clock::{Deadline, Seconds},
    storage::{SetArgs, SetMode, Source, Store, StoreConfig},
};
use std::time::{Duration, Instant};

const START: Seconds = Seconds(10);
/// All expire in the same second, which a pass at [`LOOK_AT`] sees coming.
const EXPIRY: u32 = 1_000;
const LOOK_AT: Seconds = Seconds(EXPIRY - 20);
const LOOKS: usize = 5;

fn filled(items: u64) -> Store {
    let config = StoreConfig::new((items as usize * 100).max(64 << 20));
    let mut store = Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).expect("a store");
    let value = [7; 32];
    let args = SetArgs { deadline: Deadline::from_raw(EXPIRY), ..SetArgs::new(SetMode::Set, Source::Inline(&value)) };
    for number in 0..items {
        let key = format!("key:{number:012}");
        store.set(store.hash(key.as_bytes()), key.as_bytes(), args, START).expect("room");
    }
    store
}

/// Everything that is to be done in a second: all steps together, and the longest.
fn second(store: &mut Store, now: Seconds) -> (Duration, Duration, u64) {
    let (mut all, mut longest, mut steps) = (Duration::ZERO, Duration::ZERO, 0);
    loop {
        let started = Instant::now();
        let more = store.maintain(now);
        let took = started.elapsed();
        (all, longest, steps) = (all + took, longest.max(took), steps + 1);
        if !more {
            return (all, longest, steps);
        }
    }
}

fn each(all: Duration, items: u64) -> f64 {
    all.as_nanos() as f64 / items as f64
}

fn main() {
    let items = std::env::var("SWEEP_BENCH_ITEMS").ok().and_then(|items| items.parse().ok()).unwrap_or(200_000);
    let part = std::env::var("SWEEP_BENCH_PART").unwrap_or_default();
    let mut store = filled(items);
    second(&mut store, START);
    if part != "free" {
        for look in 0..LOOKS {
            let now = Seconds(LOOK_AT.0 - 20 * (LOOKS - look) as u32);
            let (passed, ..) = second(&mut store, now);
            println!("nothing due: {:.3} ns per item", each(passed, items));
        }
        let (all, longest, steps) = second(&mut store, LOOK_AT);
        let per_item = each(all, items);
        println!("look: {per_item:.2} ns per item, {steps} steps, the longest {longest:.1?}");
    }
    if part != "look" {
        let (all, longest, steps) = second(&mut store, Seconds(EXPIRY));
        let freed = store.stats().crawler_reclaimed;
        assert_eq!((freed, store.stats().items, store.stats().expired_bytes), (items, 0, 0));
        println!("free: {:.1} ns per item, {steps} steps, the longest {longest:.1?}", each(all, items));
    }
}
