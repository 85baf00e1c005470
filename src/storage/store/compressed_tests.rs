//! What the model test of the store cannot see: that values are in fact stored compressed, what that saves, and what
//! becomes of a value whose memory was written over.

use super::{
    tests::{NOW, args, config, large_of, pattern, put, read, read_pinned},
    *,
};
use crate::storage::{Compression, train};

const ALGORITHMS: [Compression; 3] = [Compression::Lz4, Compression::Zstd, Compression::ZstdDictionary];

fn compressing(compression: Compression) -> Store {
    let config = StoreConfig { compression, compress_min_bytes: 1, ..config(16 << 20) };
    Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).unwrap()
}

/// Text that gets smaller, and differs from key to key.
fn text(seed: usize, len: usize) -> Vec<u8> {
    let words = (seed..).map(|number| format!("{{\"user\":{number},\"name\":\"somebody\"}},"));
    words.flat_map(String::into_bytes).take(len).collect()
}

fn trained(store: &mut Store) -> Vec<u8> {
    for number in 0usize.. {
        put(store, format!("sample{}", number % 500).as_bytes(), &text(number * 13, 400)).unwrap();
        if let Some(samples) = store.take_training_samples() {
            return train(&samples).unwrap();
        }
    }
    unreachable!("there is no end to the numbers")
}

fn header_of(store: &Store, key: &[u8]) -> (Location, Header) {
    let location = store.find(store.hash(key), key).unwrap();
    (location, store.slab.header(location))
}

#[test]
fn values_are_stored_smaller_and_read_as_they_were() {
    for compression in ALGORITHMS {
        let mut store = compressing(compression);
        let lens = [1, 100, 1000, 16_384, 16_385, 57_344, 65_536, 65_537, 200_000, 262_144, 262_145, 999_000];
        for len in lens {
            let key = format!("key{len}");
            assert!(matches!(
                put(&mut store, key.as_bytes(), &text(len, len)),
                Ok(SetOutcome::Stored { value_len, .. }) if value_len == len as u64
            ));
            assert!(read(&mut store, key.as_bytes()) == Some(text(len, len)), "{compression:?}: {len} bytes");
            let (_, header) = header_of(&store, key.as_bytes());
            assert_eq!(header.is_compressed(), (1000..=262_144).contains(&len) || len == 100 && header.is_compressed());
            let details = store.look(store.hash(key.as_bytes()), key.as_bytes(), NOW);
            assert!(matches!(details, Look::Present(details) if details.value_len == len as u64));
            store.check_invariants();
        }
        let stats = store.compression_stats();
        assert!(stats.items >= 7 && stats.stored_bytes * 3 < stats.raw_bytes, "{stats:?}");
        assert!(store.stats().bytes < 1_500_000, "{:?}", store.stats());
        store.flush_all();
        store.check_invariants();
        assert_eq!(store.compression_stats().items, 0);
    }
}

#[test]
fn a_store_holds_more_items_when_they_are_compressed() {
    let held = |compression| {
        let mut store = compressing(compression);
        for number in 0usize..40_000 {
            put(&mut store, format!("key{number}").as_bytes(), &text(number, 2000)).unwrap();
        }
        store.check_invariants();
        assert!(store.stats().memory_bytes <= (16 << 20) + (256 << 10));
        store.stats().items
    };
    let plain = held(Compression::Off);
    for compression in ALGORITHMS {
        assert!(held(compression) > 3 * plain, "{compression:?}: {} items, {plain} without", held(compression));
    }
}

#[test]
fn what_does_not_get_smaller_is_stored_as_it_came() {
    let mut store = compressing(Compression::Zstd);
    let noise: Vec<u8> =
        (0u64..3000).flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()).collect();
    let mut random = 1u64;
    let mut noise: Vec<u8> = noise
        .iter()
        .map(|byte| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            byte ^ (random >> 56) as u8
        })
        .collect();
    put(&mut store, b"short", &noise[..2000]).unwrap();
    put(&mut store, b"LARGE", &noise).unwrap();
    assert!(!header_of(&store, b"short").1.is_compressed() && !header_of(&store, b"LARGE").1.is_compressed());
    assert_eq!(read(&mut store, b"LARGE"), Some(noise.clone()));
    // One block of four is noise: the others pay for it.
    noise.resize(65_536, 0);
    let mixed = [noise.clone(), text(1, 3 * 65_536)].concat();
    put(&mut store, b"mixed", &mixed).unwrap();
    assert!(header_of(&store, b"mixed").1.is_compressed());
    assert!(read(&mut store, b"mixed") == Some(mixed));
    let stats = store.compression_stats();
    assert_eq!((stats.attempts, stats.incompressible, stats.items), (3, 2, 1));
    store.reset_stats();
    assert_eq!((store.compression_stats().attempts, store.compression_stats().items), (0, 1));
}

#[test]
fn a_compressed_item_is_changed_like_any_other() {
    for compression in ALGORITHMS {
        let mut store = compressing(compression);
        let hash = store.hash(b"k");
        for len in [3000, 16_380, 40_000, 200_000] {
            put(&mut store, b"k", &text(1, len)).unwrap();
            assert!(header_of(&store, b"k").1.is_compressed());
            let outcome = store.set(hash, b"k", args(SetMode::Append, b" and the end"), NOW).unwrap();
            assert!(matches!(outcome, SetOutcome::Stored { value_len, .. } if value_len == len as u64 + 12));
            store.set(hash, b"k", args(SetMode::Prepend, &text(7, 500)), NOW).unwrap();
            let expected = [text(7, 500), text(1, len), b" and the end".to_vec()].concat();
            assert!(read(&mut store, b"k") == Some(expected), "{compression:?}: {len} bytes");
            assert!(header_of(&store, b"k").1.is_compressed());
            store.check_invariants();
        }
        for len in [300, 20_000] {
            let mut number = b"41".to_vec();
            number.resize(len, b' ');
            put(&mut store, b"k", &number).unwrap();
            assert!(header_of(&store, b"k").1.is_compressed());
            store.touch(hash, b"k", Deadline::from_raw(500), NOW).unwrap();
            let changed = store.arithmetic(hash, b"k", ArithmeticArgs::by(true, 1), NOW);
            assert!(matches!(changed, Arithmetic::Number { value: 42, .. }), "{changed:?}");
            number[1] = b'2';
            assert!(read(&mut store, b"k") == Some(number));
            store.check_invariants();
        }
    }
}

#[test]
fn a_pinned_value_is_read_in_blocks_whatever_becomes_of_its_item() {
    let mut store = compressing(Compression::Lz4);
    put(&mut store, b"a", &text(1, 200_000)).unwrap();
    let large = large_of(&mut store, b"a");
    assert_eq!(large.value_len(), 200_000);
    let a = store.pin(large).unwrap();
    put(&mut store, b"b", &text(2, 200_000)).unwrap();
    let large = large_of(&mut store, b"b");
    let b = store.pin(large).unwrap();
    // In turn, so that neither finds its block as it left it.
    for offset in [0, 70_000, 65_535, 65_536, 199_999] {
        for (pin, seed) in [(a, 1), (b, 2)] {
            let piece = store.pinned_read(pin, offset).to_vec();
            let end = offset as usize + piece.len();
            assert!(!piece.is_empty() && piece == text(seed, 200_000)[offset as usize..end]);
        }
    }
    assert_eq!(store.pinned_read(a, 200_000), b"");
    store.flush_all();
    put(&mut store, b"a", &text(3, 200_000)).unwrap();
    assert!(read_pinned(&mut store, a) == text(1, 200_000) && read_pinned(&mut store, b) == text(2, 200_000));
    store.unpin(a);
    store.unpin(b);
    assert!(read(&mut store, b"a") == Some(text(3, 200_000)));
    store.check_invariants();
}

#[test]
fn dictionaries_come_and_go_with_their_items() {
    let mut store = compressing(Compression::ZstdDictionary);
    let dictionary = trained(&mut store);
    assert_eq!(store.take_training_samples(), None, "one at a time");
    store.end_training(Some(&dictionary));
    put(&mut store, b"first", &text(5, 200)).unwrap();
    store.end_training(Some(&dictionary));
    put(&mut store, b"second", &text(6, 200)).unwrap();
    store.check_invariants();
    let stats = store.compression_stats();
    assert_eq!((stats.dictionary_version, stats.dictionaries, stats.trainings), (2, 2, 1));
    let slots = [&b"first"[..], b"second"].map(|key| {
        let (location, header) = header_of(&store, key);
        store.dictionary_slot(location, header)
    });
    assert_eq!(slots, [Some(0), Some(1)]);
    // A deadline moves the item; it still needs its dictionary.
    let hash = store.hash(b"first");
    store.touch(hash, b"first", Deadline::from_raw(1000), NOW).unwrap();
    store.check_invariants();
    assert_eq!(read(&mut store, b"first"), Some(text(5, 200)));
    store.remove_any(hash, b"first");
    assert_eq!(store.compression_stats().dictionaries, 1);
    assert_eq!(read(&mut store, b"second"), Some(text(6, 200)));
    store.check_invariants();
}

#[test]
fn a_damaged_value_is_a_miss() {
    for compression in ALGORITHMS {
        let mut store = compressing(compression);
        put(&mut store, b"k", &text(1, 3000)).unwrap();
        let (location, header) = header_of(&store, b"k");
        let value = header.value_offset()..header.item_len();
        // All but the prefix, so that it is still known how long it was.
        store.slab.chunk_mut(location)[value][4..].fill(0xff);
        assert_eq!(read(&mut store, b"k"), None, "{compression:?}");
        assert_eq!((store.compression_stats().failures, store.stats().items), (1, 0));
        store.check_invariants();
        put(&mut store, b"k", &text(1, 3000)).unwrap();
        let (location, header) = header_of(&store, b"k");
        store.slab.chunk_mut(location)[header.value_offset() + 4..header.item_len()].fill(0xff);
        let hash = store.hash(b"k");
        let appended = store.set(hash, b"k", args(SetMode::Append, b"x"), NOW);
        assert_eq!(appended, Ok(SetOutcome::NotStored));
        assert_eq!(store.compression_stats().failures, 2);
    }
}

#[test]
fn a_damaged_large_value_ends_early() {
    let mut store = compressing(Compression::Zstd);
    put(&mut store, b"k", &pattern(1, 200_000)).unwrap();
    let (location, header) = header_of(&store, b"k");
    assert!(header.is_compressed());
    let tail = store.record(location).tail(0);
    store.slab.chunk_mut(tail)[item::TAIL_HEADER_BYTES + 4 + 16..][..50].fill(0xff);
    let large = large_of(&mut store, b"k");
    let pin = store.pin(large).unwrap();
    assert_eq!(store.pinned_read(pin, 0), b"");
    assert_eq!(store.compression_stats().failures, 1);
    assert!(!store.pinned_read(pin, 3 * 65_536).is_empty(), "the last block is whole");
    store.unpin(pin);
    store.check_invariants();
}
