use super::tests::{NOW, args, pattern, put, store};
use super::*;
use std::collections::HashMap;

fn hints(store: &Store, keys: &[Vec<u8>]) -> Hints {
    let mut hints = Hints::default();
    store.prefetch_items(keys.iter().map(|key| Some(store.hash(key))), &mut hints);
    hints
}

fn read_plain(store: &mut Store, key: &[u8], hints: &Hints, at: usize) -> Option<Option<Vec<u8>>> {
    match store.read_plain(store.hash(key), key, hints, at, NOW) {
        PlainRead::Hit { value, .. } => Some(Some(value.to_vec())),
        PlainRead::Miss => Some(None),
        PlainRead::NotPlain => None,
    }
}

/// Between a hint and its use an item may be written over, moved, deleted or evicted, and all of it be flushed.
#[test]
fn plain_reads_and_writes_find_what_the_general_ones_do_whatever_happens_in_between() {
    let mut store = store(2 << 20);
    let mut model: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    let mut state = 7u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let (mut hits, mut written) = (0, 0);
    for round in 0..2000 {
        let keys: Vec<Vec<u8>> =
            (0..PREFETCH_GROUP).map(|_| format!("key number {}", below(600)).into_bytes()).collect();
        let hints = hints(&store, &keys);
        for _ in 0..below(8) {
            let key = &keys[below(keys.len())];
            match below(50) {
                0 => {
                    store.flush_all();
                    model.clear();
                }
                1..10 => {
                    store.delete(store.hash(key), key, DeleteArgs::default(), NOW).unwrap();
                    model.remove(key);
                }
                _ => {
                    let len = [40, 44, 200, 2000, 30_000][below(5)];
                    let value = pattern(round, len);
                    put(&mut store, key, &value).unwrap();
                    model.insert(key.clone(), value);
                }
            }
        }
        for (at, key) in keys.iter().enumerate() {
            let hash = store.hash(key);
            if below(4) == 0 {
                let value = pattern(round + at, 30 + below(20));
                let write = PlainWrite { flags: 0, deadline: Deadline::NEVER, value: &value };
                if store.write_plain(hash, key, write, &hints, at, NOW) {
                    written += 1;
                } else {
                    store.set(hash, key, args(SetMode::Set, &value), NOW).unwrap();
                }
                model.insert(key.clone(), value);
            }
            let there = super::tests::read(&mut store, key);
            match read_plain(&mut store, key, &hints, at) {
                Some(found) => assert!(found == there, "round {round}"),
                None => assert!(there.is_some_and(|value| value.len() > 16_384), "round {round}"),
            }
            if let Some(value) = super::tests::read(&mut store, key) {
                assert!(model.get(key) == Some(&value), "round {round}");
                hits += 1;
            }
        }
        if round % 100 == 0 {
            store.check_invariants();
        }
    }
    store.check_invariants();
    assert!(hits > 10_000 && written > 500, "{hits} hits, {written} written over");
}

/// A client's value that looks like an item, and lies where a hint says that the item is.
#[test]
fn a_forged_item_is_not_read() {
    let mut store = store(4 << 20);
    let key = b"key of a victim".to_vec();
    put(&mut store, &key, &[1; 100]).unwrap();
    let hints = hints(&store, std::slice::from_ref(&key));
    let location = store.find(store.hash(&key), &key).unwrap();
    assert_eq!(location.unit_in_page(), 0, "at the beginning of a page, where a LARGE value's bytes are, too");
    let header = store.slab.header(location);
    let item = store.slab.chunk(location)[..header.item_len()].to_vec();
    store.delete(store.hash(&key), &key, DeleteArgs::default(), NOW).unwrap();
    let forged: Vec<u8> = item.iter().copied().chain(std::iter::repeat(0)).take(PAGE_BYTES).collect();
    let mut number = 0;
    while !store.slab.header(location).is_live_item() {
        put(&mut store, format!("large {number}").as_bytes(), &forged).unwrap();
        number += 1;
        assert!(number < 50, "the page is used again");
    }
    assert_eq!(read_plain(&mut store, &key, &hints, 0), Some(None));
    let write = PlainWrite { flags: 0, deadline: Deadline::NEVER, value: &[2; 100] };
    assert!(!store.write_plain(store.hash(&key), &key, write, &hints, 0, NOW));
    store.check_invariants();
}

#[test]
fn what_is_not_plain_is_left_alone() {
    let mut store = store(4 << 20);
    let keys = ["large item", "expired item", "item with a number", "absent item"].map(|key| key.as_bytes().to_vec());
    put(&mut store, &keys[0], &[1; 20_000]).unwrap();
    let expiring = SetArgs { deadline: Deadline::from_raw(NOW.0), ..args(SetMode::Set, b"old") };
    store.set(store.hash(&keys[1]), &keys[1], expiring, Seconds(NOW.0 - 10)).unwrap();
    put(&mut store, &keys[2], b"value").unwrap();
    let hash = store.hash(&keys[2]);
    let found = store.find_to_read(hash, &keys[2], NOW).unwrap();
    store.observe_cas(hash, found, NOW);
    let hints = hints(&store, &keys);
    let read: Vec<_> = keys.iter().enumerate().map(|(at, key)| read_plain(&mut store, key, &hints, at)).collect();
    assert_eq!(read, [None, None, Some(Some(b"value".to_vec())), Some(None)]);
    for (at, key) in keys.iter().enumerate() {
        let write = PlainWrite { flags: 0, deadline: Deadline::NEVER, value: b"new" };
        assert!(!store.write_plain(store.hash(key), key, write, &hints, at, NOW), "{at}");
    }
    store.check_invariants();
}
