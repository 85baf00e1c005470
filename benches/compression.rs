//! What compression costs and saves: a store of 64 MiB filled with JSON-like values of one length, without and with each
//! way to compress. Prints the table of docs/COMPRESSION.md.
//!
//! Bytes per item are all of the store's memory, index and dictionary included, over the items it holds. Times are of the
//! store alone, the best of some rounds: a read takes the whole value, so that a LARGE one is decompressed to its end.
//! `COMPRESSION_BENCH_ROUNDS` sets how many rounds (default 20).

use ahash::RandomState;
use ringcached::{
    clock::Seconds,
    storage::{Compression, ItemValue, SetArgs, SetMode, Source, Store, StoreConfig, train},
};
use std::{hint::black_box, time::Instant};

const NOW: Seconds = Seconds(10);
const LIMIT_BYTES: usize = 64 << 20;
const LENS: [usize; 9] = [128, 256, 512, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10];
const WAYS: [(&str, Compression); 4] = [
    ("off", Compression::Off),
    ("lz4", Compression::Lz4),
    ("zstd", Compression::Zstd),
    ("zstd:dict", Compression::ZstdDictionary),
];
/// Values that a round writes and reads.
const ROUND_BYTES: usize = 2 << 20;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * u128::from(bound)) >> 64) as u64
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 24] = [
            "alpha", "bridge", "carbon", "delta", "ember", "forest", "garden", "harbor", "island", "jungle", "kernel",
            "lantern", "meadow", "nickel", "orchid", "pepper", "quartz", "river", "saddle", "timber", "umber",
            "velvet", "willow", "zephyr",
        ];
        WORDS[self.below(WORDS.len() as u64) as usize]
    }
}

/// A document: records of a session store, one behind the other, cut to the length.
fn document(number: u64, len: usize) -> Vec<u8> {
    let mut random = Random(number);
    let mut text = String::with_capacity(len + 256);
    text.push('[');
    while text.len() < len {
        let (id, token) = (random.below(10_000_000), random.below(u64::MAX));
        let (first, last, city) = (random.word(), random.word(), random.word());
        let (at, score) = (1_700_000_000 + random.below(40_000_000), random.below(1000));
        let active = random.below(2) == 0;
        text += &format!(
            r#"{{"id":{id},"name":"{first} {last}","email":"{first}.{last}{score}@example.com","city":"{city}","token":"{token:016x}","updated_at":{at},"active":{active}}},"#
        );
    }
    text.truncate(len);
    text.into_bytes()
}

struct Row {
    bytes_per_item: f64,
    set_ns: f64,
    get_ns: f64,
}

fn measure(compression: Compression, len: usize, rounds: usize) -> Row {
    let config = StoreConfig { compression, compress_min_bytes: 64, ..StoreConfig::new(LIMIT_BYTES) };
    let mut store = Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).expect("a store");
    let documents: Vec<Vec<u8>> = (0..(16 << 20) / len as u64).map(|number| document(number, len)).collect();
    let mut written = 0u64;
    let set = |store: &mut Store, number: u64| {
        let key = format!("session:{number:012}");
        let value = Source::Inline(&documents[(number % documents.len() as u64) as usize]);
        let hash = store.hash(key.as_bytes());
        store.set(hash, key.as_bytes(), SetArgs::new(SetMode::Set, value), NOW).expect("room");
    };
    // Until memory is full, and the dictionary was in use for all of it.
    let mut is_trained = compression != Compression::ZstdDictionary;
    while store.stats().evictions == 0 || !is_trained {
        set(&mut store, written);
        written += 1;
        if let Some(samples) = store.take_training_samples() {
            let dictionary = train(&samples);
            store.end_training(dictionary.as_deref());
            store.flush_all();
            store.reset_stats();
        }
        is_trained |= store.compression_stats().dictionary_version > 0;
        // Values that are too long for a dictionary are no samples either.
        is_trained |= len > 4 << 10;
    }
    let stats = store.stats();
    let bytes_per_item = stats.memory_bytes as f64 / stats.items as f64;
    let batch = (ROUND_BYTES / len) as u64;
    let (mut set_ns, mut get_ns) = (f64::MAX, f64::MAX);
    let mut read = Vec::new();
    for _ in 0..rounds {
        let from = Instant::now();
        (written..written + batch).for_each(|number| set(&mut store, number));
        set_ns = set_ns.min(from.elapsed().as_nanos() as f64 / batch as f64);
        let (from, mut hits) = (Instant::now(), 0u64);
        for number in written..written + batch {
            let key = format!("session:{number:012}");
            let hash = store.hash(key.as_bytes());
            read.clear();
            let large = match store.get(hash, key.as_bytes(), NOW).map(|item| item.value) {
                Some(ItemValue::Inline(value)) => {
                    read.extend_from_slice(value);
                    None
                }
                Some(ItemValue::Large(large)) => Some(large),
                // Evicted meanwhile, as values of its compressed length are more than there were.
                _ => continue,
            };
            hits += 1;
            if let Some(pin) = large.and_then(|large| store.pin(large)) {
                while (read.len() as u64) < store.pinned_len(pin) {
                    let offset = read.len() as u64;
                    read.extend_from_slice(store.pinned_read(pin, offset));
                }
                store.unpin(pin);
            }
            assert_eq!(black_box(&read).len(), len);
        }
        get_ns = get_ns.min(from.elapsed().as_nanos() as f64 / hits.max(1) as f64);
        written += batch;
    }
    Row { bytes_per_item, set_ns, get_ns }
}

fn main() {
    // `cargo test` and `--test` only ask whether it runs.
    let is_test = std::env::args().any(|argument| argument == "--test");
    let asked = std::env::var("COMPRESSION_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let rounds = asked.unwrap_or(if is_test { 1 } else { 20 });
    let lens = if is_test { &LENS[1..2] } else { &LENS[..] };
    println!("| value | way | bytes per item | µs per set | µs per get |");
    println!("|---:|---|---:|---:|---:|");
    for &len in lens {
        for (name, compression) in WAYS {
            let Row { bytes_per_item, set_ns, get_ns } = measure(compression, len, rounds);
            let (set, get) = (set_ns / 1000.0, get_ns / 1000.0);
            println!("| {len} | `{name}` | {bytes_per_item:.0} | {set:.2} | {get:.2} |");
        }
    }
}
