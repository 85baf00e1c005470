//! When an item has a CAS number, and what it takes to give it one.

use super::{
    tests::{NOW, args, config, put, store},
    *,
};

fn view<'a>(store: &'a mut Store, key: &[u8]) -> ItemView<'a> {
    store.peek(store.hash(key), key, NOW).unwrap()
}

/// As `gets` does it.
fn observe(store: &mut Store, key: &[u8]) -> u64 {
    let hash = store.hash(key);
    let found = store.find_to_peek(hash, key, NOW).unwrap();
    let (found, cas) = store.observe_cas(hash, found, NOW);
    assert!(store.found_view(found).cas.is_none_or(|kept| kept == cas));
    cas
}

fn set_with(store: &mut Store, key: &[u8], args: SetArgs<'_>) -> Result<SetOutcome, StoreError> {
    store.set(store.hash(key), key, args, NOW)
}

fn class_of(store: &Store, key: &[u8]) -> u16 {
    match store.look(store.hash(key), key, NOW) {
        Look::Present(details) => details.class,
        look => panic!("{look:?}"),
    }
}

#[test]
fn an_item_has_no_number_before_it_is_observed_and_keeps_it_then() {
    let mut store = store(8 << 20);
    assert_eq!(put(&mut store, b"k", b"v"), Ok(SetOutcome::Stored { cas: 0, value_len: 1 }));
    assert_eq!(view(&mut store, b"k").cas, None);
    let cas = observe(&mut store, b"k");
    assert_eq!((cas, view(&mut store, b"k").cas), (1, Some(1)));
    assert_eq!(observe(&mut store, b"k"), cas);
    let equal = SetArgs { cas: Some(cas), ..args(SetMode::Set, b"w") };
    assert_eq!(set_with(&mut store, b"k", equal), Ok(SetOutcome::Stored { cas: 2, value_len: 1 }));
    assert_eq!(set_with(&mut store, b"k", equal), Ok(SetOutcome::Exists));
    store.check_invariants();
}

#[test]
fn a_key_whose_number_was_seen_keeps_room_for_one() {
    let mut store = store(8 << 20);
    put(&mut store, b"key:000000000000", &[7; 32]).unwrap();
    let class = class_of(&store, b"key:000000000000");
    observe(&mut store, b"key:000000000000");
    assert_eq!(class_of(&store, b"key:000000000000"), class + 1);
    for _ in 0..3 {
        let Ok(SetOutcome::Stored { cas, .. }) = put(&mut store, b"key:000000000000", &[8; 32]) else { panic!() };
        assert!(cas > 1);
        assert_eq!(class_of(&store, b"key:000000000000"), class + 1);
    }
    let hash = store.hash(b"key:000000000000");
    store.delete(hash, b"key:000000000000", DeleteArgs::default(), NOW).unwrap();
    put(&mut store, b"key:000000000000", &[7; 32]).unwrap();
    assert_eq!(class_of(&store, b"key:000000000000"), class);
    store.check_invariants();
}

#[test]
fn widening_keeps_everything_else_of_an_item() {
    let mut store = store(8 << 20);
    let (at, early) = (Deadline::from_raw(5_000), Seconds(40));
    for (len, flags, deadline) in
        (0..20).flat_map(|len| [(len, 0, Deadline::NEVER), (len, 9, Deadline::NEVER), (len, 0, at), (len, 9, at)])
    {
        for touched_first in [None, Some(true), Some(false)] {
            let (key, value) = (format!("{len}:{flags}:{}:{touched_first:?}", deadline.raw()), vec![b'v'; len]);
            let (key, hash) = (key.as_bytes(), store.hash(key.as_bytes()));
            let new = SetArgs { flags, deadline, binary_key: true, ..args(SetMode::Set, &value) };
            store.set(hash, key, new, early).unwrap();
            for _ in 0..2 {
                store.get(hash, key, early).unwrap();
            }
            let found = store.find_to_peek(hash, key, early).unwrap();
            store.mark_won(found);
            let mut deadline = deadline;
            if touched_first == Some(true) {
                deadline = Deadline::from_raw(7_000);
                store.find_to_touch(hash, key, deadline, early).unwrap().unwrap();
            }
            let cas = observe(&mut store, key);
            if touched_first == Some(false) {
                deadline = Deadline::from_raw(7_000);
                store.find_to_touch(hash, key, deadline, early).unwrap().unwrap();
            }
            let item = view(&mut store, key);
            assert_eq!((item.cas, item.flags, item.deadline, item.accessed), (Some(cas), flags, deadline, early));
            assert!(item.was_fetched && item.is_won && item.binary_key && !item.is_stale);
            assert!(matches!(item.value, ItemValue::Inline(bytes) if bytes == value));
            let location = store.find(hash, key).unwrap();
            assert_eq!(store.slab.header(location).frequency(), 2);
        }
    }
    store.check_invariants();
}

#[test]
fn no_number_matches_an_item_that_was_never_observed() {
    let mut store = store(8 << 20);
    put(&mut store, b"other", b"v").unwrap();
    let told = observe(&mut store, b"other");
    put(&mut store, b"k", b"1").unwrap();
    let hash = store.hash(b"k");
    for cas in [0, told, told + 1, u64::MAX] {
        let equal = SetArgs { cas: Some(cas), ..args(SetMode::Set, b"x") };
        assert_eq!(set_with(&mut store, b"k", equal), Ok(SetOutcome::Exists), "{cas}");
        let delete = DeleteArgs { cas: Some(cas), ..DeleteArgs::default() };
        assert_eq!(store.delete(hash, b"k", delete, NOW), Ok(DeleteOutcome::Exists), "{cas}");
        // 0 compares nothing here, as in memcached.
        let append = SetArgs { mode: SetMode::Append, value: Source::Inline(b""), ..equal };
        assert_eq!(set_with(&mut store, b"k", append) == Ok(SetOutcome::Exists), cas != 0);
        let arithmetic = ArithmeticArgs { cas: Some(cas), ..ArithmeticArgs::by(true, 1) };
        assert_eq!(store.arithmetic(hash, b"k", arithmetic, NOW) == Arithmetic::Exists, cas != 0);
    }
    // It counts as newer than whatever was told, and as older than what was not.
    for (cas, is_older) in [(told + 1, false), (told, true)] {
        let invalidate = SetArgs { cas: Some(cas), invalidate: true, ..args(SetMode::Set, b"x") };
        assert_eq!(set_with(&mut store, b"k", invalidate) == Ok(SetOutcome::Exists), !is_older, "{cas}");
    }
    assert!(view(&mut store, b"k").is_stale);
}

#[test]
fn a_number_never_comes_back() {
    let mut store = store(8 << 20);
    let hash = store.hash(b"k");
    let mut told = Vec::new();
    put(&mut store, b"k", b"10").unwrap();
    for round in 0..60u64 {
        told.push(observe(&mut store, b"k"));
        let (deadline, value) = (Deadline::from_raw(900), round.to_string());
        match round % 10 {
            0 => drop(put(&mut store, b"k", value.as_bytes())),
            1 => drop(store.arithmetic(hash, b"k", ArithmeticArgs::by(true, 1), NOW)),
            2 => drop(set_with(&mut store, b"k", args(SetMode::Append, value.as_bytes()))),
            3 => drop(set_with(&mut store, b"k", args(SetMode::Prepend, b" "))),
            4 => drop(set_with(&mut store, b"k", args(SetMode::Replace, &[b'1'; 20_000]))),
            5 => drop(store.delete(hash, b"k", DeleteArgs { invalidate: true, ..DeleteArgs::default() }, NOW)),
            6 => {
                store.remove_any(hash, b"k");
                store.vivify(hash, b"k", deadline, NewCas::Unseen, false, NOW).unwrap();
            }
            7 => {
                let both = DeleteArgs { invalidate: true, clear_value: true, ..DeleteArgs::default() };
                store.delete(hash, b"k", both, NOW).unwrap();
            }
            8 => {
                store.flush_all();
                put(&mut store, b"k", b"1").unwrap();
            }
            _ => drop(store.arithmetic(hash, b"k", ArithmeticArgs::by(true, u64::MAX / 2), NOW)),
        }
        for &cas in &told {
            let equal = SetArgs { cas: Some(cas), ..args(SetMode::Set, b"x") };
            assert_eq!(set_with(&mut store, b"k", equal), Ok(SetOutcome::Exists), "{cas} in round {round}");
        }
    }
    let mut distinct = told.clone();
    distinct.dedup();
    assert_eq!(distinct, told);
    store.check_invariants();
}

#[test]
fn a_number_that_is_given_is_kept() {
    let mut store = store(8 << 20);
    let given = NewCas::Given(1 << 40);
    let hash = store.hash(b"n");
    for (name, write) in [
        (
            "set",
            (|store, hash, new_cas| {
                let _ = store.set(hash, b"n", SetArgs { new_cas, ..args(SetMode::Set, b"1") }, NOW);
            }) as fn(&mut Store, u64, NewCas),
        ),
        ("incr", |store, hash, new_cas| {
            store.arithmetic(hash, b"n", ArithmeticArgs { new_cas, ..ArithmeticArgs::by(true, 1) }, NOW);
        }),
        ("incr with a deadline", |store, hash, new_cas| {
            let deadline = Some(Deadline::from_raw(900));
            store.arithmetic(hash, b"n", ArithmeticArgs { new_cas, deadline, ..ArithmeticArgs::by(true, 1) }, NOW);
        }),
        ("longer incr", |store, hash, new_cas| {
            store.arithmetic(hash, b"n", ArithmeticArgs { new_cas, ..ArithmeticArgs::by(true, 1 << 40) }, NOW);
        }),
        ("append", |store, hash, new_cas| {
            let _ = store.set(hash, b"n", SetArgs { new_cas, ..args(SetMode::Append, b"1") }, NOW);
        }),
        ("invalidate", |store, hash, new_cas| {
            let NewCas::Given(cas) = new_cas else { unreachable!() };
            let deadline = Some(Deadline::from_raw(900));
            let args = DeleteArgs { invalidate: true, new_cas: Some(cas), deadline, ..DeleteArgs::default() };
            store.delete(hash, b"n", args, NOW).unwrap();
        }),
        ("clear", |store, hash, new_cas| {
            let NewCas::Given(cas) = new_cas else { unreachable!() };
            let args = DeleteArgs { clear_value: true, new_cas: Some(cas), ..DeleteArgs::default() };
            store.delete(hash, b"n", args, NOW).unwrap();
        }),
        ("create", |store, hash, new_cas| {
            store.remove_any(hash, b"n");
            store.vivify(hash, b"n", Deadline::NEVER, new_cas, false, NOW).unwrap();
        }),
    ] {
        store.remove_any(hash, b"n");
        put(&mut store, b"n", b"1").unwrap();
        assert_eq!(view(&mut store, b"n").cas, None);
        write(&mut store, hash, given);
        assert_eq!(view(&mut store, b"n").cas, Some(1 << 40), "{name}");
        assert_eq!(observe(&mut store, b"n"), 1 << 40, "{name}");
    }
    assert_eq!(store.next_cas, 1, "what is given does not move the store's own");
    store.check_invariants();
}

#[test]
fn with_evictions_off_every_item_has_its_number_from_the_start() {
    let config = StoreConfig { evictions: false, ..config(4 << 20) };
    let mut store = Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).unwrap();
    let mut number = 0u64;
    while put(&mut store, &number.to_le_bytes(), &[b'v'; 100]).is_ok() {
        number += 1;
    }
    for number in 0..number {
        let key = number.to_le_bytes();
        let cas = view(&mut store, &key).cas.unwrap();
        assert_eq!(observe(&mut store, &key), cas);
    }
    assert_eq!(store.stats().items, number);
}

/// The only page of its class holds the item, and readers hold all the rest: it cannot move to where there is room for
/// its number.
#[test]
fn a_number_without_room_is_told_and_never_matches() {
    const KEY: &[u8] = b"key:000000000000";
    // Large enough to have a class for every 8 bytes: there is no slack behind the item.
    let mut store = store(32 << 20);
    let hash = store.hash(KEY);
    let mut held = 0u32;
    while put(&mut store, &held.to_le_bytes(), &[0; 60_000]).is_ok() {
        let found = store.find_to_peek(store.hash(&held.to_le_bytes()), &held.to_le_bytes(), NOW).unwrap();
        let large = store.found_large(found).unwrap();
        store.pin(large).unwrap();
        held += 1;
        // In use all the while, so that it stays.
        if store.get(hash, KEY, NOW).is_none() {
            put(&mut store, KEY, format!("{:<32}", 7).as_bytes()).unwrap();
        }
    }
    while put(&mut store, &held.to_le_bytes(), &[0; 300]).is_ok() && store.stats().evictions == 0 {
        held += 1;
        store.get(hash, KEY, NOW);
    }
    assert_eq!(view(&mut store, KEY).cas, None);
    let first = observe(&mut store, KEY);
    let second = observe(&mut store, KEY);
    assert!(second > first, "there was room");
    assert_eq!(view(&mut store, KEY).cas, None);
    for cas in [first, second] {
        let equal = SetArgs { cas: Some(cas), ..args(SetMode::Set, b"x") };
        assert_eq!(set_with(&mut store, KEY, equal), Ok(SetOutcome::Exists));
    }
    let given = DeleteArgs { invalidate: true, new_cas: Some(7), ..DeleteArgs::default() };
    assert_eq!(store.delete(hash, KEY, given, NOW), Err(StoreError::OutOfMemory));
    assert!(!view(&mut store, KEY).is_stale);
    let arithmetic = |new_cas| ArithmeticArgs { new_cas, ..ArithmeticArgs::by(false, 1) };
    assert_eq!(store.arithmetic(hash, KEY, arithmetic(NewCas::Given(7)), NOW), Arithmetic::OutOfMemory);
    let counted = store.arithmetic(hash, KEY, arithmetic(NewCas::Next), NOW);
    assert!(matches!(counted, Arithmetic::Number { value: 6, cas, .. } if cas > second), "{counted:?}");
    assert_eq!(view(&mut store, KEY).cas, None);
    store.check_invariants();
}
