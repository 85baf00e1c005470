//! The hash table alone: one million entries, found one by one and in prefetched groups.

use ahash::RandomState;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ringcached::storage::{PREFETCH_GROUP, bench::Table};
use std::hint::black_box;

const ITEMS: u32 = 1 << 20;
const LIMIT_BYTES: usize = 256 << 20;

fn hash(number: u32) -> u64 {
    RandomState::with_seeds(1, 2, 3, 4).hash_one(number)
}

fn filled() -> Table {
    let mut table = Table::new(LIMIT_BYTES).expect("memory for the table");
    for number in 0..ITEMS {
        assert!(table.insert(hash(number), number));
    }
    table
}

/// Numbers below `ITEMS` in an order without a pattern.
fn scattered(counter: &mut u32) -> u32 {
    *counter = counter.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*counter >> 12) % ITEMS
}

fn lookups(criterion: &mut Criterion) {
    let table = filled();
    println!("{:.1} bytes per item", table.memory_bytes() as f64 / f64::from(ITEMS));
    let mut group = criterion.benchmark_group("hash_table");
    group.throughput(Throughput::Elements(1));
    let mut counter = 1;
    group.bench_function("hit", |bencher| {
        bencher.iter(|| {
            let number = scattered(&mut counter);
            black_box(table.find(hash(number), number))
        });
    });
    group.bench_function("miss", |bencher| {
        bencher.iter(|| black_box(table.find(hash(scattered(&mut counter) + ITEMS), 0)));
    });
    group.throughput(Throughput::Elements(PREFETCH_GROUP as u64));
    group.bench_function("hit, prefetched in groups", |bencher| {
        bencher.iter(|| {
            let numbers: [u32; PREFETCH_GROUP] = std::array::from_fn(|_| scattered(&mut counter));
            for &number in &numbers {
                table.prefetch(hash(number));
            }
            numbers.iter().filter(|&&number| table.find(hash(number), number)).count()
        });
    });
    group.finish();
}

fn insertions(criterion: &mut Criterion) {
    const BATCH: u32 = 100_000;
    let mut group = criterion.benchmark_group("hash_table");
    group.throughput(Throughput::Elements(u64::from(BATCH))).sample_size(20);
    group.bench_function("insert 100000, growing", |bencher| {
        bencher.iter_batched_ref(
            || Table::new(LIMIT_BYTES).expect("memory for the table"),
            |table| (0..BATCH).filter(|&number| table.insert(hash(number), number)).count(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, lookups, insertions);
criterion_main!(benches);
