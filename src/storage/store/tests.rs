use super::*;
use crate::storage::StoreError;

pub(super) const NOW: Seconds = Seconds(100);
const HELD_BYTES: usize = 200_000;

pub(super) fn config(memory_limit_bytes: usize) -> StoreConfig {
    StoreConfig { huge_pages: false, ..StoreConfig::new(memory_limit_bytes) }
}

pub(super) fn store(memory_limit_bytes: usize) -> Store {
    Store::new(config(memory_limit_bytes), RandomState::with_seeds(1, 2, 3, 4)).unwrap()
}

pub(super) fn args(mode: SetMode, value: &[u8]) -> SetArgs<'_> {
    SetArgs::new(mode, Source::Inline(value))
}

pub(super) fn put(store: &mut Store, key: &[u8], value: &[u8]) -> Result<SetOutcome, StoreError> {
    let hash = store.hash(key);
    store.set(hash, key, args(SetMode::Set, value), NOW)
}

fn delete(store: &mut Store, key: &[u8], cas: Option<u64>) -> DeleteOutcome {
    store.delete(store.hash(key), key, DeleteArgs { cas, ..DeleteArgs::default() }, NOW).unwrap()
}

pub(super) fn large_of(store: &mut Store, key: &[u8]) -> LargeRef {
    let hash = store.hash(key);
    match store.get(hash, key, NOW).unwrap().value {
        ItemValue::Large(large) => large,
        ItemValue::Inline(_) | ItemValue::Compressed(_) => panic!("not LARGE"),
    }
}

pub(super) fn read_pinned(store: &mut Store, pin: u32) -> Vec<u8> {
    let mut value = Vec::new();
    while (value.len() as u64) < store.pinned_len(pin) {
        let piece = store.pinned_read(pin, value.len() as u64);
        assert!(!piece.is_empty());
        value.extend_from_slice(piece);
    }
    value
}

pub(super) fn read(store: &mut Store, key: &[u8]) -> Option<Vec<u8>> {
    let hash = store.hash(key);
    let large = match store.get(hash, key, NOW)?.value {
        ItemValue::Inline(value) => return Some(value.to_vec()),
        ItemValue::Compressed(_) => panic!("reading decompresses"),
        ItemValue::Large(large) => large,
    };
    let pin = store.pin(large).unwrap();
    let value = read_pinned(store, pin);
    store.unpin(pin);
    Some(value)
}

/// Bytes that differ from place to place and from key to key.
pub(super) fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251 + seed * 7) as u8).collect()
}

#[test]
fn what_is_set_is_read_at_every_size() {
    let mut store = store(16 << 20);
    for len in [0, 1, 32, 511, 16_383, 16_384, 16_385, 21_824, 57_344, 57_345, 65_536, 65_537, 131_072, 999_000] {
        let key = format!("key{len}");
        assert!(matches!(put(&mut store, key.as_bytes(), &pattern(len, len)), Ok(SetOutcome::Stored { .. })));
        assert!(read(&mut store, key.as_bytes()) == Some(pattern(len, len)), "{len} bytes");
        store.check_invariants();
    }
    assert_eq!(store.stats().evictions, 0);
}

#[test]
fn limits_that_cannot_be_met_are_refused_in_words() {
    let refused = |config| Store::new(config, RandomState::new()).err().unwrap().to_string();
    assert!(refused(config(1 << 20)).contains("at least"));
    assert!(refused(config(33 << 30)).contains("at most"));
    let huge_item = StoreConfig { item_size_max_bytes: 5 << 20, ..config(8 << 20) };
    assert!(refused(huge_item).contains("maximum item size"));
}

#[test]
fn the_item_size_limit_is_where_memcached_has_it() {
    let mut store = store(16 << 20);
    // Measured with memcached 1.6.18 at -I 1m.
    assert!(put(&mut store, b"k", &vec![0; 1_048_516]).is_ok());
    assert_eq!(put(&mut store, b"k", &vec![0; 1_048_517]), Err(StoreError::TooLarge));
    assert!(put(&mut store, b"k", &vec![0; 1_000_000]).is_ok());
    assert_eq!(put(&mut store, b"k", &vec![0; 1 << 20]), Err(StoreError::TooLarge));
    assert_eq!(read(&mut store, b"k"), None, "a refused set leaves no stale value");
    assert!(put(&mut store, b"k", b"v").is_ok());
    let hash = store.hash(b"k");
    for mode in [SetMode::Replace, SetMode::Append, SetMode::Prepend, SetMode::Add] {
        assert_eq!(store.set(hash, b"k", args(mode, &vec![0; 1 << 20]), NOW), Err(StoreError::TooLarge));
        assert_eq!(read(&mut store, b"k").as_deref(), Some(&b"v"[..]), "{mode:?}");
    }
}

#[test]
fn a_common_item_takes_at_most_seventy_two_bytes_all_told() {
    // Sequentially until full; the figure for 1 GiB is measured by benches/store.rs.
    let mut store = store(64 << 20);
    let (mut number, mut most) = (0u64, 0);
    while store.stats().evictions == 0 {
        let key = format!("key:{number:012}");
        put(&mut store, key.as_bytes(), &[7; 32]).unwrap();
        number += 1;
        most = most.max(store.stats().items);
    }
    let bytes_per_item = (64 << 20) as f64 / most as f64;
    assert!(bytes_per_item <= 72.0, "{bytes_per_item}");
    store.check_invariants();
}

#[test]
fn keys_with_equal_hashes_evict_each_other() {
    let mut store = Store::with_rehash(config(4 << 20), RandomState::with_seeds(1, 2, 3, 4), |_, _| 42).unwrap();
    for number in 0..200u32 {
        let key = format!("k{number}");
        assert!(put(&mut store, key.as_bytes(), key.as_bytes()).is_ok());
        assert_eq!(read(&mut store, key.as_bytes()), Some(key.into_bytes()));
    }
    store.check_invariants();
    let stats = store.stats();
    assert_eq!((stats.items, stats.evictions), (20, 180));
}

#[test]
fn with_evictions_off_colliding_keys_are_refused_and_the_old_ones_stay() {
    let config = StoreConfig { evictions: false, ..config(4 << 20) };
    let mut store = Store::with_rehash(config, RandomState::with_seeds(1, 2, 3, 4), |_, _| 42).unwrap();
    let stored = (0..100u32).filter(|number| put(&mut store, &number.to_le_bytes(), b"v").is_ok()).count();
    assert_eq!((stored, store.stats().items), (20, 20));
    store.check_invariants();
}

#[test]
fn without_evictions_memory_ends_and_nothing_is_lost() {
    let mut store = Store::new(StoreConfig { evictions: false, ..config(4 << 20) }, RandomState::new()).unwrap();
    let value = [1; 1000];
    let mut stored = 0u32;
    while put(&mut store, &stored.to_le_bytes(), &value).is_ok() {
        stored += 1;
    }
    assert!(stored > 3000, "{stored}");
    assert_eq!(put(&mut store, b"new", &value), Err(StoreError::OutOfMemory));
    assert_eq!(put(&mut store, b"big", &[2; 300_000]), Err(StoreError::OutOfMemory));
    for number in 0..stored {
        assert!(read(&mut store, &number.to_le_bytes()).is_some());
    }
    store.check_invariants();
    // An overwrite that finds no room removes the old item, one that keeps its class finds it.
    assert!(put(&mut store, &0u32.to_le_bytes(), &[3; 1000]).is_ok());
    assert_eq!(put(&mut store, &1u32.to_le_bytes(), &[3; 3000]), Err(StoreError::OutOfMemory));
    assert_eq!(read(&mut store, &1u32.to_le_bytes()), None);
    let hash = store.hash(&2u32.to_le_bytes());
    let replaced = store.set(hash, &2u32.to_le_bytes(), args(SetMode::Replace, &[3; 3000]), NOW);
    assert_eq!(replaced, Err(StoreError::OutOfMemory));
    assert!(read(&mut store, &2u32.to_le_bytes()).is_some());
    store.check_invariants();
}

#[test]
fn expired_memory_is_reclaimed_even_with_evictions_off() {
    let mut store = Store::new(StoreConfig { evictions: false, ..config(4 << 20) }, RandomState::new()).unwrap();
    let mut stored = 0u32;
    loop {
        let (hash, key) = (store.hash(&stored.to_le_bytes()), stored.to_le_bytes());
        let args = SetArgs { deadline: Deadline::from_raw(NOW.0 + 5), ..args(SetMode::Set, &[0; 500]) };
        if store.set(hash, &key, args, NOW).is_err() {
            break;
        }
        stored += 1;
    }
    let later = Seconds(NOW.0 + 5);
    for number in 0..stored {
        let (hash, key) = (store.hash(&number.to_be_bytes()), number.to_be_bytes());
        assert!(store.set(hash, &key, args(SetMode::Set, &[1; 500]), later).is_ok(), "{number} of {stored}");
    }
    let stats = store.stats();
    assert_eq!(stats.evictions, 0);
    assert!(stats.reclaimed + stats.expired > 0);
    assert_eq!(stats.expired_unfetched, stats.reclaimed + stats.expired);
    store.check_invariants();
}

#[test]
fn what_is_read_often_survives_what_is_not() {
    let mut store = store(8 << 20);
    let hot: Vec<_> = (0..500).map(|number| format!("hot{number}")).collect();
    for key in &hot {
        put(&mut store, key.as_bytes(), &[1; 100]).unwrap();
    }
    for number in 0..200_000u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 100]).unwrap();
        if number % 20 == 0 {
            read(&mut store, hot[(number / 20) as usize % hot.len()].as_bytes());
        }
    }
    let alive = hot.iter().filter(|key| read(&mut store, key.as_bytes()).is_some()).count();
    assert!(alive >= hot.len() * 95 / 100, "{alive} of {}", hot.len());
    assert!(store.stats().evictions > 100_000);
    store.check_invariants();
}

#[test]
fn no_class_starves_when_another_has_all_pages() {
    let mut store = store(4 << 20);
    for number in 0..100_000u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 50]).unwrap();
    }
    for len in [200, 1000, 5000, 16_384, 40_000, 200_000, 1_000_000] {
        put(&mut store, b"other", &pattern(1, len)).unwrap();
        assert!(read(&mut store, b"other") == Some(pattern(1, len)), "{len}");
        store.check_invariants();
    }
    // And back from LARGE values to small ones.
    for number in 0..100u32 {
        put(&mut store, &number.to_be_bytes(), &vec![0; 900_000]).unwrap();
    }
    store.check_invariants();
    for number in 0..50_000u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 300]).unwrap();
    }
    store.check_invariants();
}

#[test]
fn the_index_grows_at_the_items_cost_when_memory_is_full() {
    let mut store = store(16 << 20);
    for number in 0..2_000u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 10_000]).unwrap();
    }
    let index_bytes = store.stats().index_bytes;
    for number in 0..1_500_000u32 {
        // LARGE and small in turn move pages to the class of small items.
        if number % 500 == 0 {
            put(&mut store, &number.to_be_bytes(), &vec![0; 600_000]).unwrap();
        }
        put(&mut store, &number.to_le_bytes(), &[0; 4]).unwrap();
        let hash = store.hash(&number.to_le_bytes());
        assert!(store.peek(hash, &number.to_le_bytes(), NOW).is_some());
    }
    store.check_invariants();
    assert!(store.stats().index_bytes >= index_bytes);
    assert!(store.stats().memory_bytes <= (16 << 20) + (256 << 10));
}

#[test]
fn a_pinned_value_outlives_its_item() {
    type Fate = fn(&mut Store);
    let overwrite: Fate = |store| assert!(put(store, b"held", b"short").is_ok());
    let overwrite_large: Fate = |store| assert!(put(store, b"held", &[9; 50_000]).is_ok());
    let delete: Fate = |store| {
        assert_eq!(self::delete(store, b"held", None), DeleteOutcome::Deleted);
    };
    let append: Fate = |store| {
        let hash = store.hash(b"held");
        store.set(hash, b"held", args(SetMode::Append, b"more"), NOW).unwrap();
    };
    let flush: Fate = Store::flush_all;
    let push_out: Fate = |store| {
        for number in 0..100_000u32 {
            put(store, &number.to_le_bytes(), &[0; 700]).unwrap();
        }
        for number in 0..200u32 {
            put(store, &number.to_be_bytes(), &pattern(3, 500_000)).unwrap();
        }
    };
    for (name, fate) in [
        ("overwrite", overwrite),
        ("overwrite LARGE", overwrite_large),
        ("delete", delete),
        ("append", append),
        ("flush", flush),
        ("push out", push_out),
    ] {
        let mut store = store(8 << 20);
        let value = pattern(1, HELD_BYTES);
        put(&mut store, b"other", &pattern(2, 90_000)).unwrap();
        put(&mut store, b"held", &value).unwrap();
        let large = large_of(&mut store, b"held");
        let (first, second) = (store.pin(large).unwrap(), store.pin(large).unwrap());
        let mut lent = Vec::new();
        while let Some(piece) = store.lend(first, lent.iter().map(|piece: &Lent| piece.len() as u64).sum()) {
            lent.push(piece);
        }
        fate(&mut store);
        store.check_invariants();
        for number in 0..2_000u32 {
            put(&mut store, &number.to_le_bytes(), &[0xee; 10_000]).unwrap();
        }
        assert!(read_pinned(&mut store, first) == value, "{name}");
        store.unpin(first);
        assert!(read_pinned(&mut store, second) == value, "{name}");
        store.check_invariants();
        // What was lent is still where a pin finds it.
        let mut offset = 0;
        for piece in &lent {
            let found = store.pinned_read(second, offset);
            assert_eq!((found.as_ptr(), found.len()), (piece.as_ptr(), piece.len()), "{name}");
            offset += piece.len() as u64;
        }
        assert_eq!(offset, HELD_BYTES as u64, "{name}");
        store.unpin(second);
        store.check_invariants();
        assert!(store.stats().large_pages > 0 && store.pins_held() == lent.len(), "{name}");
        lent.into_iter().for_each(|piece| store.take_back(piece));
        assert!(store.pinned_read(second, 0).is_empty() && store.pins_held() == 0);
        store.unpin(second);
        store.check_invariants();
        store.flush_all();
        store.check_invariants();
        let stats = store.stats();
        assert_eq!((stats.items, stats.bytes, stats.large_pages), (0, 0, 0), "{name}");
        assert_eq!(stats.free_pages, stats.pages, "{name}: memory is lost");
    }
}

#[test]
fn a_stale_reference_pins_nothing() {
    let mut store = store(8 << 20);
    put(&mut store, b"k", &pattern(1, 50_000)).unwrap();
    let large = large_of(&mut store, b"k");
    put(&mut store, b"k", &pattern(2, 50_000)).unwrap();
    assert_eq!(store.pin(large), None);
}

#[test]
fn an_upload_is_invisible_until_it_is_set_and_leaves_nothing_when_abandoned() {
    let mut store = store(8 << 20);
    let value = pattern(5, 300_123);
    let hash = store.hash(b"k");
    put(&mut store, b"k", b"old").unwrap();
    for abandon in [true, false] {
        store.upload_begin(7, value.len() as u64).unwrap();
        for part in value.chunks(777) {
            store.upload_write(7, part, NOW).unwrap();
        }
        store.check_invariants();
        assert_eq!(read(&mut store, b"k").as_deref(), Some(&b"old"[..]));
        assert_eq!(store.stats().uploads_bytes, value.len() as u64);
        if abandon {
            store.upload_abort(7);
        } else {
            let upload = SetArgs { value: Source::Upload(7), flags: 9, ..args(SetMode::Set, b"") };
            assert!(store.set(hash, b"k", upload, NOW).is_ok());
            assert_eq!(store.set(hash, b"k", upload, NOW), Err(StoreError::NoUpload));
        }
        store.check_invariants();
        assert_eq!(store.stats().uploads_bytes, 0);
    }
    assert_eq!(store.get(hash, b"k", NOW).map(|item| item.flags), Some(9));
    assert!(read(&mut store, b"k") == Some(value));
}

/// Asking for the place of a new page's first bytes and then finding none of them took a page each time.
#[test]
fn an_upload_can_be_put_into_place_by_its_caller() {
    let mut store = store(8 << 20);
    let hash = store.hash(b"k");
    for (turn, len) in [20_000, 65_535, 65_536, 65_537, 131_072, 300_123].into_iter().enumerate() {
        let value = pattern(turn, len);
        store.upload_begin(7, len as u64).unwrap();
        let mut at = 0;
        while at < len {
            // By turns in both ways, of lengths that end anywhere in a page.
            let part = &value[at..][..(len - at).min(1 + at % 9_777)];
            if at.is_multiple_of(3) {
                store.upload_write(7, part, NOW).unwrap();
                at += part.len();
                continue;
            }
            assert!(!store.upload_room(7, NOW).unwrap().is_empty());
            let room = store.upload_room(7, NOW).unwrap();
            let put = room.len().min(part.len());
            room[..put].copy_from_slice(&part[..put]);
            store.upload_advance(7, put);
            at += put;
            store.check_invariants();
        }
        assert!(store.upload_room(7, NOW).unwrap().is_empty());
        store.upload_advance(7, 1);
        store.set(hash, b"k", SetArgs { value: Source::Upload(7), ..args(SetMode::Set, b"") }, NOW).unwrap();
        assert!(read(&mut store, b"k") == Some(value), "a value of {len} bytes");
        store.check_invariants();
    }
    assert_eq!(store.upload_room(7, NOW), Err(StoreError::NoUpload));
}

#[test]
fn an_upload_survives_a_flush_and_pressure() {
    let mut store = store(8 << 20);
    let value = pattern(5, 200_000);
    store.upload_begin(1, value.len() as u64).unwrap();
    store.upload_write(1, &value[..190_000], NOW).unwrap();
    store.flush_all();
    store.check_invariants();
    for number in 0..100_000u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 700]).unwrap();
    }
    for number in 0..50u32 {
        put(&mut store, &number.to_be_bytes(), &vec![0; 700_000]).unwrap();
    }
    store.upload_write(1, &value[190_000..], NOW).unwrap();
    let hash = store.hash(b"k");
    store.set(hash, b"k", SetArgs { value: Source::Upload(1), ..args(SetMode::Add, b"") }, NOW).unwrap();
    assert!(read(&mut store, b"k") == Some(value));
    store.check_invariants();
}

#[test]
fn uploads_are_bounded_and_bad_ones_are_refused() {
    let mut store = store(8 << 20);
    let hash = store.hash(b"k");
    assert_eq!(store.upload_begin(1, 1 << 20), Err(StoreError::TooLarge));
    assert_eq!(store.upload_begin(1, u64::MAX), Err(StoreError::TooLarge));
    store.upload_begin(1, 1_000_000).unwrap();
    store.upload_begin(2, 1_000_000).unwrap();
    assert_eq!(store.upload_begin(3, 1_000_000), Err(StoreError::OutOfMemory));
    assert_eq!(store.upload_write(3, b"x", NOW), Err(StoreError::NoUpload));
    put(&mut store, b"k", b"old").unwrap();
    let incomplete = SetArgs { value: Source::Upload(2), ..args(SetMode::Set, b"") };
    assert_eq!(store.set(hash, b"k", incomplete, NOW), Err(StoreError::NoUpload));
    store.upload_begin(2, 10).unwrap();
    assert_eq!(store.upload_write(2, b"more than ten bytes", NOW), Err(StoreError::NoUpload));
    store.upload_write(2, b"just ten..", NOW).unwrap();
    store.set(hash, b"k", incomplete, NOW).unwrap();
    assert_eq!(read(&mut store, b"k").as_deref(), Some(&b"just ten.."[..]));
    store.upload_abort(1);
    store.upload_abort(99);
    store.check_invariants();
}

#[test]
fn append_and_prepend_cross_every_boundary() {
    let mut store = store(16 << 20);
    let hash = store.hash(b"k");
    let mut expected = b"middle".to_vec();
    let first = SetArgs { flags: 5, deadline: Deadline::from_raw(1000), ..args(SetMode::Set, b"middle") };
    store.set(hash, b"k", first, NOW).unwrap();
    for (step, len) in [3, 60, 5_000, 11_000, 16_000, 30_000, 100_000, 7, 400_000].into_iter().enumerate() {
        let addition = pattern(step, len);
        let mode = if step % 2 == 0 { SetMode::Append } else { SetMode::Prepend };
        store.set(hash, b"k", SetArgs { flags: 77, ..args(mode, &addition) }, NOW).unwrap();
        if step % 2 == 0 {
            expected.extend_from_slice(&addition);
        } else {
            expected.splice(0..0, addition);
        }
        assert!(read(&mut store, b"k").as_ref() == Some(&expected), "step {step}");
        let item = store.get(hash, b"k", NOW).unwrap();
        assert_eq!((item.flags, item.deadline.raw()), (5, 1000));
        store.check_invariants();
    }
    assert_eq!(store.set(hash, b"k", args(SetMode::Append, &[0; 600_000]), NOW), Ok(SetOutcome::NotStored));
    assert!(read(&mut store, b"k") == Some(expected));
}

#[test]
fn arithmetic_keeps_the_length_like_memcached() {
    let mut store = store(8 << 20);
    let hash = store.hash(b"n");
    put(&mut store, b"n", b"100").unwrap();
    let seen = ArithmeticArgs { new_cas: NewCas::Next, ..ArithmeticArgs::by(false, 1) };
    let Arithmetic::Number { value: 99, cas, .. } = store.arithmetic(hash, b"n", seen, NOW) else { panic!() };
    assert_eq!(read(&mut store, b"n").as_deref(), Some(&b"99 "[..]));
    assert_eq!(store.get(hash, b"n", NOW).map(|item| item.cas), Some(Some(cas)));
    assert!(matches!(
        store.arithmetic(hash, b"n", ArithmeticArgs::by(true, 901), NOW),
        Arithmetic::Number { value: 1000, .. }
    ));
    assert_eq!(read(&mut store, b"n").as_deref(), Some(&b"1000"[..]));
    assert!(matches!(
        store.arithmetic(hash, b"n", ArithmeticArgs::by(false, 5000), NOW),
        Arithmetic::Number { value: 0, .. }
    ));
    assert_eq!(read(&mut store, b"n").as_deref(), Some(&b"0   "[..]));
    assert!(matches!(
        store.arithmetic(hash, b"n", ArithmeticArgs::by(true, u64::MAX), NOW),
        Arithmetic::Number { value: u64::MAX, .. }
    ));
    assert!(matches!(
        store.arithmetic(hash, b"n", ArithmeticArgs::by(true, 2), NOW),
        Arithmetic::Number { value: 1, .. }
    ));
    put(&mut store, b"n", b"1x").unwrap();
    assert_eq!(store.arithmetic(hash, b"n", ArithmeticArgs::by(true, 1), NOW), Arithmetic::NonNumeric);
    assert_eq!(store.arithmetic(store.hash(b"m"), b"m", ArithmeticArgs::by(true, 1), NOW), Arithmetic::NotFound);
    let mut large = vec![b' '; 100_000];
    large[3] = b'9';
    put(&mut store, b"n", &large).unwrap();
    assert!(matches!(
        store.arithmetic(hash, b"n", ArithmeticArgs::by(true, 1), NOW),
        Arithmetic::Number { value: 10, .. }
    ));
    let value = read(&mut store, b"n").unwrap();
    assert!(value.len() == 100_000 && value.starts_with(b"10 ") && value[2..].iter().all(|&byte| byte == b' '));
    store.check_invariants();
}

#[test]
fn conditions_answer_like_memcached() {
    let mut store = store(8 << 20);
    let hash = store.hash(b"k");
    let with_cas = |mode, cas| SetArgs { cas: Some(cas), ..args(mode, b"v") };
    assert_eq!(store.set(hash, b"k", args(SetMode::Replace, b"v"), NOW), Ok(SetOutcome::NotStored));
    assert_eq!(store.set(hash, b"k", args(SetMode::Append, b"v"), NOW), Ok(SetOutcome::NotStored));
    assert_eq!(store.set(hash, b"k", with_cas(SetMode::Set, 1), NOW), Ok(SetOutcome::NotFound));
    // As memcached 1.6.18 answers `ms k 1 C1 M<mode>` for an absent key.
    assert_eq!(store.set(hash, b"k", with_cas(SetMode::Replace, 1), NOW), Ok(SetOutcome::NotFound));
    assert_eq!(store.set(hash, b"k", with_cas(SetMode::Prepend, 1), NOW), Ok(SetOutcome::NotStored));
    assert!(matches!(store.set(hash, b"k", with_cas(SetMode::Add, 1), NOW), Ok(SetOutcome::Stored { .. })));
    assert_eq!(delete(&mut store, b"k", None), DeleteOutcome::Deleted);
    let autovivify = Some(Deadline::from_raw(500));
    let vivify = SetArgs { autovivify, new_cas: NewCas::Next, ..args(SetMode::Append, b"v") };
    let Ok(SetOutcome::Stored { cas, .. }) = store.set(hash, b"k", vivify, NOW) else { panic!() };
    assert_eq!(store.peek(hash, b"k", NOW).unwrap().deadline.raw(), 500);
    assert_eq!(store.set(hash, b"k", args(SetMode::Add, b"v"), NOW), Ok(SetOutcome::NotStored));
    assert_eq!(store.set(hash, b"k", with_cas(SetMode::Set, cas + 1), NOW), Ok(SetOutcome::Exists));
    assert_eq!(store.set(hash, b"k", with_cas(SetMode::Append, cas + 1), NOW), Ok(SetOutcome::Exists));
    assert_eq!(delete(&mut store, b"k", Some(cas + 1)), DeleteOutcome::Exists);
    assert!(!store.peek(hash, b"k", NOW).unwrap().was_fetched);
    assert!(!store.get(hash, b"k", NOW).unwrap().was_fetched);
    assert!(store.get(hash, b"k", NOW).unwrap().was_fetched);
    let touched = store.touch(hash, b"k", Deadline::from_raw(200), NOW).unwrap().unwrap();
    assert_eq!((touched.cas, touched.deadline.raw()), (Some(cas), 200));
    assert!(matches!(store.set(hash, b"k", with_cas(SetMode::Set, cas), NOW), Ok(SetOutcome::Stored { .. })));
    assert!(store.touch(hash, b"k", Deadline::from_raw(200), NOW).unwrap().is_some());
    assert!(store.get(hash, b"k", Seconds(199)).is_some());
    assert!(store.get(hash, b"k", Seconds(200)).is_none());
    assert_eq!(delete(&mut store, b"k", None), DeleteOutcome::NotFound);
    assert_eq!(store.stats().items, 0);
}

#[test]
fn bad_keys_are_refused_not_stored() {
    let mut store = store(8 << 20);
    for key in [&b""[..], &[b'k'; 251]] {
        assert_eq!(put(&mut store, key, b"v"), Err(StoreError::TooLarge));
        assert_eq!(read(&mut store, key), None);
    }
}

#[test]
fn maintenance_gets_memory_ready_within_the_limit() {
    let mut store = store(4 << 20);
    let mut rounds = 0;
    while store.maintain(NOW) {
        rounds += 1;
        assert!(rounds < 100);
    }
    assert!(store.stats().free_pages >= 4);
    for number in 0..50_000u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 100]).unwrap();
        store.maintain(NOW);
        store.prefetch_bucket(store.hash(&number.to_le_bytes()));
        let hashes = [Some(store.hash(&number.to_le_bytes())); PREFETCH_GROUP * 2 + 1];
        store.prefetch_items(hashes.into_iter(), &mut Hints::default());
    }
    store.check_invariants();
    assert!(store.stats().memory_bytes <= 4 << 20);
}

#[test]
fn a_value_with_more_pages_than_its_record_lists_uses_a_list_page() {
    let config = StoreConfig { item_size_max_bytes: 32 << 20, ..config(64 << 20) };
    let mut store = Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).unwrap();
    // 256 pages fit the record, 257 do not.
    for len in [256 << 16, (256 << 16) + 60_000, 30_000_000] {
        let value = pattern(len, len);
        for (mode, expected) in [(SetMode::Set, Ok(())), (SetMode::Replace, Ok(())), (SetMode::Add, Err(()))] {
            store.upload_begin(1, len as u64).unwrap();
            for part in value.chunks(100_000) {
                store.upload_write(1, part, NOW).unwrap();
            }
            let hash = store.hash(b"k");
            let outcome = store.set(hash, b"k", SetArgs { value: Source::Upload(1), ..args(mode, b"") }, NOW);
            let stored = matches!(outcome, Ok(SetOutcome::Stored { .. }));
            // Two of the largest do not fit beside each other.
            assert!(stored == expected.is_ok() || len == 30_000_000, "{outcome:?}");
            store.check_invariants();
        }
        if let Some(read) = read(&mut store, b"k") {
            assert!(read == value);
        } else {
            assert_eq!(len, 30_000_000);
        }
    }
    store.flush_all();
    store.check_invariants();
    assert_eq!(store.stats().free_pages, store.stats().pages);
}

#[test]
fn crowded_hashes_never_give_a_wrong_value() {
    // Sixteen hashes in all, and hashes that differ in the directory's bits only.
    for rehash in [
        (|_, key| u64::from(key[0] & 15).wrapping_mul(0x0123_4567_89ab_cdef)) as fn(&RandomState, &[u8]) -> u64,
        |_, key| u64::from(key[0]) << 56,
    ] {
        let mut store = Store::with_rehash(config(4 << 20), RandomState::with_seeds(1, 2, 3, 4), rehash).unwrap();
        for number in 0..20_000u32 {
            let key = number.wrapping_mul(0x9e37_79b1).to_le_bytes();
            put(&mut store, &key, &pattern(key[1].into(), key[2].into())).unwrap();
            let other = number.wrapping_sub(number % 97).wrapping_mul(0x9e37_79b1).to_le_bytes();
            if let Some(value) = read(&mut store, &other) {
                assert_eq!(value, pattern(other[1].into(), other[2].into()));
            }
        }
        store.check_invariants();
        assert!(store.stats().items >= 16);
    }
}
