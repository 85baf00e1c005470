//! The store's verbs with 16-byte keys and 32-byte values. `STORE_BENCH_ITEMS` (default one million) sets how
//! many; figures worth comparing need several million, so that the caches miss.

use ahash::RandomState;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringcached::{
    clock::Seconds,
    storage::{Hints, ItemValue, PREFETCH_GROUP, PlainRead, SetArgs, SetMode, Source, Store, StoreConfig, Walk},
};
use std::{hint::black_box, time::Instant};

const NOW: Seconds = Seconds(10);
const VALUE: [u8; 32] = [7; 32];

fn items() -> u64 {
    std::env::var("STORE_BENCH_ITEMS").ok().and_then(|items| items.parse().ok()).unwrap_or(1_000_000)
}

fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn store(memory_limit_bytes: usize) -> Store {
    Store::new(StoreConfig::new(memory_limit_bytes), RandomState::with_seeds(1, 2, 3, 4)).expect("a store")
}

fn set(store: &mut Store, key: &[u8]) {
    set_hashed(store, store.hash(key), key);
}

fn get(store: &mut Store, key: &[u8]) -> usize {
    get_hashed(store, store.hash(key), key)
}

fn set_hashed(store: &mut Store, hash: u64, key: &[u8]) {
    let args = SetArgs::new(SetMode::Set, Source::Inline(&VALUE));
    store.set(hash, key, args, NOW).expect("room");
}

fn get_hashed(store: &mut Store, hash: u64, key: &[u8]) -> usize {
    match store.get(hash, key, NOW).map(|item| item.value) {
        Some(ItemValue::Inline(value)) => usize::from(value[0]),
        _ => 0,
    }
}

/// What the kernel says this process has; 0 if it does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
}

struct Scatter {
    state: u64,
    below: u64,
}

impl Scatter {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.state) * u128::from(self.below)) >> 64) as u64
    }
}

/// The hashes of a group of keys, prefetched as a turn of the server does it.
fn prefetched(store: &Store, keys: &[[u8; 16]; PREFETCH_GROUP], hints: &mut Hints) -> [u64; PREFETCH_GROUP] {
    let mut hashes = [0; PREFETCH_GROUP];
    for (hash, key) in hashes.iter_mut().zip(keys) {
        *hash = store.hash(key);
        store.prefetch_bucket(*hash);
    }
    store.prefetch_items(hashes.into_iter().map(Some), hints);
    hashes
}

fn present_items(criterion: &mut Criterion) {
    let items = items();
    let mut store = store((items as usize * 100).max(64 << 20));
    for number in 0..items {
        let key = key(number);
        set(&mut store, &key);
    }
    let (started, mut walk, mut shown) = (Instant::now(), Walk::default(), 0u64);
    while store.walk(&mut walk, 256, NOW, |item| shown += u64::from(!black_box(item).key.is_empty())) {}
    println!("walk: {shown} items, {:.1} ns each", started.elapsed().as_nanos() as f64 / shown as f64);
    let mut scatter = Scatter { state: 1, below: items };
    let mut group = criterion.benchmark_group("store");
    group.bench_function("walk, a step of 256", |bencher| {
        let mut walk = Walk::default();
        bencher.iter(|| {
            if !store.walk(&mut walk, 256, NOW, |item| _ = black_box(item)) {
                walk = Walk::default();
            }
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("get", |bencher| {
        bencher.iter(|| {
            let key = key(scatter.next());
            get(&mut store, &key)
        });
    });
    group.bench_function("set, overwriting", |bencher| {
        bencher.iter(|| {
            let key = key(scatter.next());
            set(&mut store, &key);
        });
    });
    group.bench_function("get, missing", |bencher| {
        bencher.iter(|| {
            let key = key(scatter.next() + items);
            get(&mut store, &key)
        });
    });
    group.throughput(Throughput::Elements(PREFETCH_GROUP as u64));
    group.bench_function("get, prefetched in groups", |bencher| {
        bencher.iter(|| {
            let keys: [[u8; 16]; PREFETCH_GROUP] = std::array::from_fn(|_| key(scatter.next()));
            let mut hints = Hints::default();
            let hashes = prefetched(&store, &keys, &mut hints);
            let mut read = |at: usize| match store.read_plain(hashes[at], &keys[at], &hints, at, NOW) {
                PlainRead::Hit { value, .. } => usize::from(value[0]),
                _ => 0,
            };
            (0..PREFETCH_GROUP).map(&mut read).sum::<usize>()
        });
    });
    group.bench_function("set, overwriting, prefetched in groups", |bencher| {
        bencher.iter(|| {
            let keys: [[u8; 16]; PREFETCH_GROUP] = std::array::from_fn(|_| key(scatter.next()));
            let hashes = prefetched(&store, &keys, &mut Hints::default());
            for at in 0..PREFETCH_GROUP {
                set_hashed(&mut store, hashes[at], &keys[at]);
            }
        });
    });
    group.bench_function("keys and hashes of a group alone", |bencher| {
        bencher.iter(|| {
            let keys: [[u8; 16]; PREFETCH_GROUP] = std::array::from_fn(|_| key(scatter.next()));
            keys.iter().map(|key| black_box(store.hash(key))).fold(0, u64::wrapping_add)
        });
    });
    group.finish();
}

fn full_store(criterion: &mut Criterion) {
    let items = items();
    // Room for about half the items that pass through.
    let mut store = store((items as usize * 40).max(16 << 20));
    let mut number = 0;
    let mut next_key = || {
        number += 1;
        key(number)
    };
    while store.stats().evictions == 0 {
        set(&mut store, &next_key());
    }
    let stats = store.stats();
    let per_item = stats.memory_bytes as f64 / stats.items as f64;
    println!("full: {} items, {per_item:.1} bytes each all told", stats.items);
    println!("resident: {:.1} bytes per item", resident_bytes() as f64 / stats.items as f64);
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(1));
    group.bench_function("set, evicting", |bencher| bencher.iter(|| set(&mut store, &next_key())));
    group.throughput(Throughput::Elements(PREFETCH_GROUP as u64));
    group.bench_function("set, evicting, prefetched in groups", |bencher| {
        bencher.iter(|| {
            let keys: [[u8; 16]; PREFETCH_GROUP] = std::array::from_fn(|_| next_key());
            let hashes = prefetched(&store, &keys, &mut Hints::default());
            for at in 0..PREFETCH_GROUP {
                set_hashed(&mut store, hashes[at], &keys[at]);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, present_items, full_store);
criterion_main!(benches);
