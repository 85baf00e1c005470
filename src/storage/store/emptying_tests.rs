//! Emptying pages step by step while the store is in use.

use super::{
    emptying::{Hot, Purpose, STEP_CHUNKS_MAX},
    tests::{NOW, args, config, pattern, put, store},
    *,
};
use crate::storage::slab::ClassId;

fn class_of(store: &Store, item_bytes: usize) -> ClassId {
    store.slab.classes.class_of(item_bytes).unwrap()
}

fn class_of_key(store: &Store, key: &[u8]) -> ClassId {
    store.slab.class_at(store.find(store.hash(key), key).unwrap())
}

fn is_present(store: &mut Store, key: &[u8]) -> bool {
    let hash = store.hash(key);
    store.peek(hash, key, NOW).is_some()
}

fn value_of(store: &mut Store, key: &[u8]) -> Vec<u8> {
    let hash = store.hash(key);
    match store.get(hash, key, NOW).unwrap().value {
        ItemValue::Inline(value) => value.to_vec(),
        ItemValue::Compressed(_) => unreachable!("nothing is compressed"),
        ItemValue::Large(large) => {
            let pin = store.pin(large).unwrap();
            let mut value = Vec::new();
            while (value.len() as u64) < store.pinned_len(pin) {
                value.extend_from_slice(store.pinned_read(pin, value.len() as u64));
            }
            store.unpin(pin);
            value
        }
    }
}

/// Fills a store of 8 MiB with small items of one class, and returns how many were put.
fn filled(store: &mut Store) -> u32 {
    let mut number = 0u32;
    while store.stats().evictions < 100 {
        put(store, &number.to_le_bytes(), &pattern(number as usize, 100)).unwrap();
        number += 1;
    }
    // A page may be on its way to the kernel, since the index has grown.
    while store.maintain(NOW) {}
    number
}

#[test]
fn hot_items_stay_and_cold_ones_leave_when_their_page_does() {
    let mut store = store(8 << 20);
    let count = filled(&mut store);
    let class = class_of_key(&store, &(count - 1).to_le_bytes());
    // Every tenth is read, spread over all pages.
    for number in (0..count).step_by(10) {
        let key = number.to_le_bytes();
        store.get(store.hash(&key), &key, NOW);
    }
    let hot: Vec<u32> = (0..count).step_by(10).filter(|number| is_present(&mut store, &number.to_le_bytes())).collect();
    let (pages, before) = (store.slab.pool(class).total_pages(), store.stats());
    let mut steps = 0;
    assert!(store.begin_to_empty_page_of(class, Purpose::Free));
    assert!(!store.begin_to_empty_page_of(class, Purpose::Free), "one at a time");
    while store.go_on_emptying(NOW) {
        steps += 1;
        store.check_invariants();
        assert_eq!(store.slab.pool(class).total_pages(), pages);
    }
    store.check_invariants();
    let after = store.stats();
    let per_page = u64::from(store.slab.pool(class).chunks_per_page);
    assert_eq!((store.slab.pool(class).total_pages(), after.free_pages), (pages - 1, before.free_pages + 1));
    assert_eq!((after.pages_moved - before.pages_moved, after.evictions - before.evictions), (1, per_page));
    assert!(steps >= per_page / STEP_CHUNKS_MAX as u64 - 1, "{steps} steps");
    for number in hot {
        assert_eq!(value_of(&mut store, &number.to_le_bytes()), pattern(number as usize, 100), "{number} was hot");
    }
}

#[test]
fn a_page_is_emptied_while_its_items_are_in_use() {
    let mut store = store(8 << 20);
    let count = filled(&mut store);
    let class = class_of_key(&store, &(count - 1).to_le_bytes());
    for round in 0..10u32 {
        assert!(store.begin_to_empty_page_of(class, Purpose::Class(class_of(&store, 2000))));
        let mut number = round * 977;
        while store.go_on_emptying(NOW) {
            for _ in 0..20 {
                number = (number + 7919) % count;
                let key = number.to_le_bytes();
                match number % 4 {
                    0 => store.remove_any(store.hash(&key), &key),
                    1 => assert!(put(&mut store, &key, &pattern(number as usize, 100)).is_ok()),
                    2 => assert!(put(&mut store, &key, &pattern(number as usize, 101 + number as usize % 64)).is_ok()),
                    _ => _ = store.get(store.hash(&key), &key, NOW),
                }
            }
            if number % 8 == 0 {
                store.check_invariants();
            }
        }
    }
    assert!(store.stats().pages_moved >= 10);
    for number in 0..count {
        let key = number.to_le_bytes();
        if is_present(&mut store, &key) {
            let value = value_of(&mut store, &key);
            assert!(value == pattern(number as usize, value.len()));
        }
    }
    // A flush in the middle of it leaves nothing behind.
    assert!(store.begin_to_empty_page_of(class, Purpose::Free) && store.go_on_emptying(NOW));
    store.flush_all();
    store.check_invariants();
    while store.go_on_emptying(NOW) {}
    store.check_invariants();
    assert_eq!(store.stats().free_pages, store.stats().pages);
}

#[test]
fn large_items_move_with_their_records_and_tails() {
    let mut store = Store::new(
        StoreConfig { item_size_max_bytes: 15 << 20, ..config(64 << 20) },
        RandomState::with_seeds(1, 2, 3, 4),
    )
    .unwrap();
    // Records of one class, tails of one class, and one value whose page numbers need a list page.
    let lens = |number: u32| 200_000 + number as usize % 7;
    for number in 0..60u32 {
        put(&mut store, &number.to_le_bytes(), &pattern(number as usize, lens(number))).unwrap();
    }
    let value = pattern(9, 20_000_000 / 2 + 4 * (3 << 20));
    assert!(put(&mut store, b"with a list", &value[..14 << 20]).is_ok());
    let record = class_of_key(&store, &7u32.to_le_bytes());
    let list = class_of_key(&store, b"with a list");
    let tail = {
        let location = store.find(store.hash(&7u32.to_le_bytes()), &7u32.to_le_bytes()).unwrap();
        store.slab.class_at(store.tails(location).next().unwrap())
    };
    for class in [record, tail, list] {
        for _ in 0..3 {
            // A page has room elsewhere in its class only if there is another one.
            store.slab.commit_extent();
            assert!(store.slab.assign_page(class));
            let full = store.slab.pool(class).pages[0];
            assert!(store.begin_to_empty(full, class, Purpose::Free));
            while store.go_on_emptying(NOW) {
                store.check_invariants();
            }
            store.check_invariants();
        }
    }
    assert_eq!((store.stats().evictions, store.stats().large_items), (0, 61));
    for number in 0..60u32 {
        assert!(value_of(&mut store, &number.to_le_bytes()) == pattern(number as usize, lens(number)));
    }
    assert!(value_of(&mut store, b"with a list") == value[..14 << 20]);
    store.flush_all();
    store.check_invariants();
}

#[test]
fn a_page_with_something_pinned_goes_back_to_its_class() {
    let mut store = store(16 << 20);
    for number in 0..40u32 {
        put(&mut store, &number.to_le_bytes(), &pattern(number as usize, 100_000)).unwrap();
    }
    let key = 7u32.to_le_bytes();
    let class = class_of_key(&store, &key);
    let large = store.get(store.hash(&key), &key, NOW).unwrap().value.large().unwrap();
    let page = store.slab.pool(class).pages[0];
    // Pinned after it was begun.
    assert!(store.begin_to_empty(page, class, Purpose::Free));
    let pin = store.pin(large).unwrap();
    assert!(!store.finish_emptying(Purpose::Free, Hot::Move, NOW));
    store.check_invariants();
    assert_eq!(store.slab.pool(class).leaving_pages, 0);
    assert!(store.pinned_read(pin, 0).starts_with(&pattern(7, 1000)));
    // Pinned before.
    assert!(!store.begin_to_empty(page, class, Purpose::Free));
    store.remove_any(store.hash(&key), &key);
    assert!(!store.begin_to_empty(page, class, Purpose::Free), "the value is detached, not gone");
    store.unpin(pin);
    store.check_invariants();
}

#[test]
fn what_is_being_replaced_stays_where_it_is() {
    let mut store = store(8 << 20);
    let count = filled(&mut store);
    let class = class_of_key(&store, &(count - 1).to_le_bytes());
    assert!(store.begin_to_empty_page_of(class, Purpose::Free));
    // Every replacement looks for memory, and so goes on emptying the page that the old item may be in.
    let mut replaced = 0;
    for number in 0..count {
        let (key, value) = (number.to_le_bytes(), pattern(number as usize, 120));
        let hash = store.hash(&key);
        store.emptying.is_none().then(|| store.begin_to_empty_page_of(class, Purpose::Free));
        if let SetOutcome::Stored { .. } = store.set(hash, &key, args(SetMode::Replace, &value), NOW).unwrap() {
            replaced += 1;
            assert!(value_of(&mut store, &key) == value);
        }
        if number % 1024 == 0 {
            store.check_invariants();
        }
    }
    assert!(replaced > 1000, "{replaced}");
}
