//! The store against a plain map, under random operations and a clock moved by hand. The map is memcached's
//! meaning written down as slowly and obviously as possible; it shares no code with the store.
//!
//! With ample memory both agree on everything. With little, the store may have forgotten an item at any time,
//! but what it still has is right. With little and evictions off it may refuse, but must not forget.

use ahash::RandomState;
use proptest::prelude::*;
use ringcached::{
    clock::{Deadline, Seconds},
    storage::{
        Arithmetic, ClassSet, DeleteOutcome, ItemValue, Reassigned, SetArgs, SetMode, SetOutcome, Source, Store,
        StoreConfig, StoreError, Walk,
    },
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

const KEYS: u8 = 24;
const ITEM_SIZE_MAX: usize = 1 << 20;
const UPLOAD: u64 = 77;

#[derive(Clone, Debug, PartialEq)]
struct Item {
    value: Vec<u8>,
    flags: u32,
    deadline: u32,
    cas: u64,
}

#[derive(Clone, Copy, Debug)]
enum Cas {
    None,
    Right,
    Wrong,
}

#[derive(Clone, Debug)]
enum Value {
    Number(u64),
    Bytes { seed: u8, len: usize },
}

#[derive(Clone, Debug)]
enum Op {
    Get,
    Peek,
    Touch { ttl: u32 },
    Set { mode: SetMode, value: Value, flags: u32, ttl: u32, cas: Cas, vivify: bool, upload: bool },
    Delete { cas: Cas },
    Arithmetic { delta: u64, increment: bool },
    RemoveAny,
    AbandonUpload { len: usize },
    Pin,
    Unpin,
    Flush,
    Maintain,
    Walk { budget: usize },
    Crawl { budget: usize },
    Limit { mib: usize },
    Reassign { from: Option<u32>, to: u32 },
    TakeRemovals,
    Advance { seconds: u32 },
}

fn len() -> impl Strategy<Value = usize> {
    prop_oneof![
        8 => 0usize..100,
        4 => 0usize..3000,
        2 => 16_380usize..16_390,
        2 => 0usize..70_000,
        1 => 0usize..200_000,
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => prop_oneof![0u64..200, Just(u64::MAX), any::<u64>()].prop_map(Value::Number),
        3 => (any::<u8>(), len()).prop_map(|(seed, len)| Value::Bytes { seed, len }),
    ]
}

fn mode() -> impl Strategy<Value = SetMode> {
    use SetMode::{Add, Append, Prepend, Replace, Set};
    prop_oneof![4 => Just(Set), 1 => Just(Add), 1 => Just(Replace), 2 => Just(Append), 2 => Just(Prepend)]
}

fn cas() -> impl Strategy<Value = Cas> {
    prop_oneof![4 => Just(Cas::None), 1 => Just(Cas::Right), 1 => Just(Cas::Wrong)]
}

fn ttl() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0u32), 2 => 1u32..20]
}

fn op() -> impl Strategy<Value = Op> {
    let flags = prop_oneof![Just(0u32), any::<u32>()];
    let set = (mode(), value(), flags, ttl(), cas(), any::<bool>(), any::<bool>()).prop_map(
        |(mode, value, flags, ttl, cas, vivify, upload)| Op::Set { mode, value, flags, ttl, cas, vivify, upload },
    );
    prop_oneof![
        6 => Just(Op::Get),
        2 => Just(Op::Peek),
        2 => ttl().prop_map(|ttl| Op::Touch { ttl }),
        16 => set,
        3 => cas().prop_map(|cas| Op::Delete { cas }),
        4 => (prop_oneof![0u64..300, any::<u64>()], any::<bool>())
            .prop_map(|(delta, increment)| Op::Arithmetic { delta, increment }),
        1 => Just(Op::RemoveAny),
        1 => len().prop_map(|len| Op::AbandonUpload { len }),
        2 => Just(Op::Pin),
        2 => Just(Op::Unpin),
        1 => prop_oneof![20 => Just(Op::Maintain), 1 => Just(Op::Flush)],
        2 => (1u32..5).prop_map(|seconds| Op::Advance { seconds }),
        8 => management(),
    ]
}

/// What operators do meanwhile.
fn management() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => prop_oneof![1usize..50, 50usize..2_000].prop_map(|budget| Op::Walk { budget }),
        2 => (1usize..2_000).prop_map(|budget| Op::Crawl { budget }),
        1 => (8usize..24).prop_map(|mib| Op::Limit { mib }),
        1 => (prop::option::of(0u32..100), 0u32..100).prop_map(|(from, to)| Op::Reassign { from, to }),
        1 => Just(Op::TakeRemovals),
    ]
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Number(number) => number.to_string().into_bytes(),
        Value::Bytes { seed, len } => (0..*len).map(|at| (at / 7 + at * 13) as u8 ^ seed).collect(),
    }
}

/// The model's numbers: the first word, if it is one below 2^64. memcached lets C wrap negative ones around and
/// refuses the result only from 2^63 on.
fn number(value: &[u8]) -> Option<u64> {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let word = value.split(is_blank).find(|word| !word.is_empty())?;
    let number: i128 = std::str::from_utf8(word).ok()?.parse().ok()?;
    let (wrapped, modulus) = (number.unsigned_abs(), 1u128 << 64);
    match number {
        0.. => u64::try_from(number).ok(),
        _ if wrapped >= modulus => None,
        _ => u64::try_from(modulus - wrapped).ok().filter(|number| *number < 1 << 63),
    }
}

struct World {
    store: Store,
    model: BTreeMap<Vec<u8>, Item>,
    now: u32,
    last_cas: u64,
    pins: Vec<(u32, Vec<u8>)>,
    memory: Memory,
    walk: Walking,
    /// Removals by the store's own count when they were last taken.
    removals: u64,
}

/// A walk under way.
#[derive(Default)]
struct Walking {
    walk: Walk,
    /// Keys that were there at its start and have been since.
    staying: BTreeSet<Vec<u8>>,
    seen: HashSet<Vec<u8>>,
}

/// What the store is given, and so what it may do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Memory {
    Ample,
    /// It may forget.
    Little,
    /// It may refuse.
    LittleWithoutEvictions,
}

impl Memory {
    fn limit_bytes(self) -> usize {
        if self == Memory::Ample { 64 << 20 } else { 8 << 20 }
    }
}

impl World {
    fn new(memory: Memory) -> Self {
        let config = StoreConfig {
            memory_limit_bytes: memory.limit_bytes(),
            item_size_max_bytes: ITEM_SIZE_MAX,
            evictions: memory != Memory::LittleWithoutEvictions,
            huge_pages: false,
            first_cas: 1,
        };
        let mut store = Store::new(config, RandomState::with_seeds(11, 12, 13, 14)).unwrap();
        store.observe_removals(true);
        let (model, pins, walk) = (BTreeMap::new(), Vec::new(), Walking::default());
        World { store, model, now: 100, last_cas: 0, pins, memory, walk, removals: 0 }
    }

    fn now(&self) -> Seconds {
        Seconds(self.now)
    }

    fn pinned(&self, pin: u32) -> Vec<u8> {
        let mut value = Vec::new();
        while (value.len() as u64) < self.store.pinned_len(pin) {
            let piece = self.store.pinned_read(pin, value.len() as u64);
            assert!(!piece.is_empty());
            value.extend_from_slice(piece);
        }
        value
    }

    /// The store's idea of an item, read by `get` or `peek`.
    fn read(&mut self, key: &[u8], bump: bool) -> Option<Item> {
        let (hash, now) = (self.store.hash(key), self.now());
        let view = if bump { self.store.get(hash, key, now)? } else { self.store.peek(hash, key, now)? };
        let (flags, deadline, cas) = (view.flags, view.deadline.raw(), view.cas);
        let large = match view.value {
            ItemValue::Inline(value) => return Some(Item { value: value.to_vec(), flags, deadline, cas }),
            ItemValue::Large(large) => large,
        };
        let pin = self.store.pin(large).unwrap();
        let value = self.pinned(pin);
        self.store.unpin(pin);
        Some(Item { value, flags, deadline, cas })
    }

    /// Expires in the model, and forgets there what the store was allowed to forget.
    fn synchronise(&mut self, key: &[u8]) {
        let now = self.now;
        self.model.retain(|_, item| item.deadline == 0 || item.deadline > now);
        let hash = self.store.hash(key);
        if self.memory == Memory::Little && self.store.peek(hash, key, Seconds(now)).is_none() {
            self.model.remove(key);
        }
        self.walk.staying.retain(|key| self.model.contains_key(key));
    }

    /// Goes on with a walk. Nothing is shown twice; what the model knows is shown right, and all that stayed is.
    fn walk(&mut self, budget: usize) {
        let (now, World { store, model, walk, memory, .. }) = (self.now(), self);
        if walk.walk == Walk::default() {
            walk.staying = model.keys().cloned().collect();
        }
        let more = store.walk(&mut walk.walk, budget, now, |item| {
            assert!(walk.seen.insert(item.key.to_vec()), "shown twice");
            assert!(!item.deadline.is_past(now), "shown though it has expired");
            let shown = (item.flags, item.cas, item.deadline.raw(), item.value_len);
            match model.get(item.key) {
                Some(item) => assert_eq!(shown, (item.flags, item.cas, item.deadline, item.value.len() as u64)),
                None => assert!(*memory != Memory::Ample, "shown though it is gone"),
            }
            assert_eq!(
                item.size_bytes,
                (59 + item.key.len() + if item.flags == 0 { 0 } else { 4 }) as u64 + item.value_len
            );
        });
        if !more {
            // With little memory the model does not know who was evicted.
            let missing = walk.staying.iter().find(|key| !walk.seen.contains(*key));
            assert!(*memory == Memory::Little || missing.is_none(), "{missing:?} stayed and was not shown");
            *walk = Walking::default();
        }
    }

    fn take_removals(&mut self) {
        let stats = self.store.stats();
        let removed = stats.evictions + stats.reclaimed + stats.crawler_reclaimed;
        let mut told = 0;
        let dropped = self.store.take_removals(|removal| {
            assert!(!removal.key.is_empty());
            told += 1;
        });
        assert_eq!(told + dropped, removed - self.removals, "removals told");
        self.removals = removed;
    }

    fn deadline(&self, ttl: u32) -> Deadline {
        if ttl == 0 { Deadline::NEVER } else { Deadline::from_raw(self.now + ttl) }
    }

    fn cas_argument(&self, key: &[u8], cas: Cas) -> Option<u64> {
        let current = self.model.get(key).map_or(1, |item| item.cas);
        match cas {
            Cas::None => None,
            Cas::Right => Some(current),
            Cas::Wrong => Some(current + 1),
        }
    }

    fn upload(&mut self, value: &[u8]) {
        self.store.upload_begin(UPLOAD, value.len() as u64).unwrap();
        for part in value.chunks(9_999) {
            let written = self.store.upload_write(UPLOAD, part, self.now());
            assert!(written.is_ok() || self.may_refuse(written));
        }
    }

    fn may_refuse<T>(&self, outcome: Result<T, StoreError>) -> bool {
        self.memory == Memory::LittleWithoutEvictions && outcome.err() == Some(StoreError::OutOfMemory)
    }

    fn fresh_cas(&mut self, cas: u64) -> u64 {
        assert!(cas > self.last_cas, "CAS numbers rise");
        self.last_cas = cas;
        cas
    }

    fn apply(&mut self, key: &[u8], op: &Op) {
        self.synchronise(key);
        self.apply_in_step(key, op);
        self.walk.staying.retain(|key| self.model.contains_key(key));
    }

    fn apply_in_step(&mut self, key: &[u8], op: &Op) {
        let (hash, now) = (self.store.hash(key), self.now());
        match op {
            Op::Get | Op::Peek => {
                let read = self.read(key, matches!(op, Op::Get));
                assert!(read.as_ref() == self.model.get(key), "{op:?}");
            }
            Op::Touch { ttl } => {
                let deadline = self.deadline(*ttl);
                let touched = self.store.touch(hash, key, deadline, now).map(|item| item.deadline);
                assert_eq!(touched, self.model.get(key).map(|_| deadline));
                if let Some(item) = self.model.get_mut(key) {
                    item.deadline = deadline.raw();
                }
            }
            Op::Set { mode, value, flags, ttl, cas, vivify, upload } => {
                let value = bytes(value);
                // A long value passed in one slice takes memory, too, before conditions are looked at; the
                // model can only follow that with ample memory.
                let upload = *upload || (self.memory == Memory::Little && value.len() > 16 << 10);
                if upload {
                    self.upload(&value);
                    // Receiving takes memory, which may have pushed the item out.
                    self.synchronise(key);
                }
                let args = SetArgs {
                    mode: *mode,
                    flags: *flags,
                    deadline: self.deadline(*ttl),
                    value: if upload { Source::Upload(UPLOAD) } else { Source::Inline(&value) },
                    cas: self.cas_argument(key, *cas),
                    autovivify: vivify.then(|| self.deadline(*ttl)),
                };
                let outcome = self.store.set(hash, key, args, now);
                self.model_set(key, &args, &value, outcome);
            }
            Op::Delete { cas } => {
                let cas = self.cas_argument(key, *cas);
                let outcome = self.store.delete(hash, key, cas, now);
                let expected = match self.model.get(key) {
                    None => DeleteOutcome::NotFound,
                    Some(item) if cas.is_some_and(|cas| cas != item.cas) => DeleteOutcome::Exists,
                    Some(_) => DeleteOutcome::Deleted,
                };
                assert_eq!(outcome, expected);
                if outcome == DeleteOutcome::Deleted {
                    self.model.remove(key);
                }
            }
            Op::Arithmetic { delta, increment } => {
                let outcome = self.store.arithmetic(hash, key, *delta, *increment, now);
                self.model_arithmetic(key, *delta, *increment, outcome);
            }
            Op::RemoveAny => {
                self.store.remove_any(hash, key);
                self.model.remove(key);
            }
            Op::AbandonUpload { len } => {
                self.store.upload_begin(UPLOAD, *len as u64).unwrap();
                let written = self.store.upload_write(UPLOAD, &vec![0xaa; len / 2], now);
                assert!(written.is_ok() || self.may_refuse(written));
                self.store.upload_abort(UPLOAD);
            }
            Op::Pin => {
                let view = self.store.get(hash, key, now).map(|view| view.value);
                if let Some(ItemValue::Large(large)) = view
                    && self.pins.len() < 4
                {
                    let pin = self.store.pin(large).unwrap();
                    self.pins.push((pin, self.model[key].value.clone()));
                }
            }
            Op::Unpin => {
                if let Some((pin, value)) = self.pins.pop() {
                    assert!(self.pinned(pin) == value, "a pinned value has changed");
                    self.store.unpin(pin);
                }
            }
            Op::Flush => {
                self.store.flush_all();
                self.model.clear();
            }
            Op::Maintain => {
                self.store.maintain(now);
            }
            Op::Walk { budget } => self.walk(*budget),
            Op::Crawl { budget } => {
                self.store.crawl_begin(ClassSet::ALL, now);
                self.store.crawl_step(*budget, now);
            }
            Op::Limit { mib } => {
                if self.memory != Memory::Ample {
                    self.store.set_memory_limit(mib << 20).unwrap();
                }
            }
            Op::Reassign { from, to } => {
                if self.memory != Memory::Ample {
                    let reassigned = self.store.reassign(*from, *to, now);
                    let is_possible = self.memory == Memory::Little || *from == Some(0);
                    assert!(is_possible || reassigned != Reassigned::Moved);
                }
            }
            Op::TakeRemovals => self.take_removals(),
            Op::Advance { seconds } => self.now += seconds,
        }
    }

    fn model_set(&mut self, key: &[u8], args: &SetArgs<'_>, value: &[u8], outcome: Result<SetOutcome, StoreError>) {
        use SetMode::{Add, Append, Prepend, Replace, Set};
        if self.may_refuse(outcome) {
            if args.mode == Set && args.cas.is_none() {
                self.model.remove(key);
            }
            return;
        }
        let item_fits = |len: usize| key.len() + len + 59 <= ITEM_SIZE_MAX;
        let (flags, deadline) = (args.flags, args.deadline.raw());
        let new = match (args.mode, self.model.get(key)) {
            (Set | Replace, None) if args.cas.is_some() => Err(SetOutcome::NotFound),
            (Replace, None) | (Add, Some(_)) => Err(SetOutcome::NotStored),
            (Append | Prepend, None) => match args.autovivify {
                Some(deadline) => Ok(Item { value: value.to_vec(), flags, deadline: deadline.raw(), cas: 0 }),
                None => Err(SetOutcome::NotStored),
            },
            (_, Some(old)) if args.cas.is_some_and(|cas| cas != old.cas) => Err(SetOutcome::Exists),
            (Append, Some(old)) => Ok(Item { value: [&old.value, value].concat(), ..old.clone() }),
            (Prepend, Some(old)) => Ok(Item { value: [value, &old.value].concat(), ..old.clone() }),
            (Set | Add | Replace, _) => Ok(Item { value: value.to_vec(), flags, deadline, cas: 0 }),
        };
        let new = new.and_then(|new| if item_fits(new.value.len()) { Ok(new) } else { Err(SetOutcome::NotStored) });
        match (new, outcome) {
            (Ok(new), Ok(SetOutcome::Stored { cas, .. })) => {
                let cas = self.fresh_cas(cas);
                self.model.insert(key.to_vec(), Item { cas, ..new });
                let read = self.read(key, false);
                assert!(read.as_ref() == self.model.get(key), "what was stored is not what is read");
            }
            (Err(expected), Ok(outcome)) => assert_eq!(outcome, expected),
            (new, outcome) => panic!("{outcome:?}, where storing was right: {}", new.is_ok()),
        }
    }

    fn model_arithmetic(&mut self, key: &[u8], delta: u64, increment: bool, outcome: Arithmetic) {
        let item = self.model.get(key).cloned();
        let Some(item) = item else { return assert_eq!(outcome, Arithmetic::NotFound) };
        let Some(old) = number(&item.value) else { return assert_eq!(outcome, Arithmetic::NonNumeric) };
        let expected = if increment { old.wrapping_add(delta) } else { old.saturating_sub(delta) };
        if self.memory == Memory::LittleWithoutEvictions && outcome == Arithmetic::OutOfMemory {
            return;
        }
        let Arithmetic::Number { value, cas } = outcome else { panic!("{outcome:?}") };
        assert_eq!(value, expected);
        let cas = self.fresh_cas(cas);
        let mut text = expected.to_string().into_bytes();
        text.resize(text.len().max(item.value.len()), b' ');
        let item = Item { value: text, cas, ..item };
        self.model.insert(key.to_vec(), item);
        let read = self.read(key, false);
        assert_eq!(read.as_ref(), self.model.get(key));
    }

    fn finish(mut self) {
        self.check();
        for key in (0..KEYS).map(key) {
            self.synchronise(&key);
            assert!(self.read(&key, false).as_ref() == self.model.get(&key));
        }
        for (pin, value) in std::mem::take(&mut self.pins) {
            assert!(self.pinned(pin) == value);
            self.store.unpin(pin);
        }
        self.store.flush_all();
        self.check();
        let stats = self.store.stats();
        assert_eq!((stats.items, stats.bytes, stats.large_pages, stats.uploads_bytes), (0, 0, 0, 0));
        assert_eq!(stats.free_pages, stats.pages, "memory is lost");
    }

    fn check(&self) {
        #[cfg(debug_assertions)]
        self.store.check_invariants();
        // One extent over the limit is allowed, and more on the way to a lower one.
        let stats = self.store.stats();
        assert!(stats.memory_bytes <= stats.limit_bytes + (2 << 20) || self.store.is_shrinking());
    }
}

/// Keys of different lengths.
fn key(number: u8) -> Vec<u8> {
    format!("key:{number}:{}", "x".repeat(usize::from(number) * 10 % 240)).into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_ample_memory_the_store_is_a_map(ops in prop::collection::vec((0..KEYS, op()), 1..400)) {
        let mut world = World::new(Memory::Ample);
        for (step, (number, op)) in ops.iter().enumerate() {
            world.apply(&key(*number), op);
            if step % 64 == 0 {
                world.check();
            }
        }
        prop_assert_eq!(world.store.stats().evictions, 0);
        world.finish();
    }

    #[test]
    fn with_little_memory_what_is_present_is_right(ops in prop::collection::vec((0..KEYS, op()), 1..400)) {
        crowd(Memory::Little, &ops);
    }

    #[test]
    fn with_evictions_off_nothing_is_forgotten(ops in prop::collection::vec((0..KEYS, op()), 1..400)) {
        crowd(Memory::LittleWithoutEvictions, &ops);
    }
}

/// Applies the operations while other keys of many sizes keep memory full.
fn crowd(memory: Memory, ops: &[(u8, Op)]) {
    let mut world = World::new(memory);
    let filler = vec![0x55; 3_000];
    for (step, (number, op)) in ops.iter().enumerate() {
        for other in 0..30u32 {
            let other = (step as u32 * 30 + other).to_le_bytes();
            let (hash, now) = (world.store.hash(&other), world.now());
            let len = usize::from(other[0]) * 11 + step % 50;
            let args = SetArgs {
                mode: SetMode::Set,
                flags: 0,
                deadline: world.deadline(u32::from(other[0]) % 4 * 10),
                value: Source::Inline(&filler[..len]),
                cas: None,
                autovivify: None,
            };
            let stored = world.store.set(hash, &other, args, now);
            assert!(stored.is_ok() || world.may_refuse(stored));
        }
        world.apply(&key(*number), op);
        if step % 64 == 0 {
            world.check();
        }
    }
    world.finish();
}

#[test]
fn canaries_that_are_read_survive_a_flood() {
    const CANARIES: u32 = 1000;
    let mut world = World::new(Memory::Little);
    let now = world.now();
    let args = |value| SetArgs {
        mode: SetMode::Set,
        flags: 0,
        deadline: Deadline::NEVER,
        value: Source::Inline(value),
        cas: None,
        autovivify: None,
    };
    let canary = |number: u32| format!("canary{number}").into_bytes();
    for number in 0..CANARIES {
        let hash = world.store.hash(&canary(number));
        world.store.set(hash, &canary(number), args(&[1; 200]), now).unwrap();
    }
    for flood in 0..300_000u32 {
        let hash = world.store.hash(&flood.to_le_bytes());
        world.store.set(hash, &flood.to_le_bytes(), args(&[2; 200]), now).unwrap();
        if flood % 8 == 0 {
            let key = canary(flood / 8 % CANARIES);
            world.store.get(world.store.hash(&key), &key, now);
        }
    }
    let alive = (0..CANARIES).filter(|&number| world.read(&canary(number), false).is_some()).count();
    assert!(alive >= CANARIES as usize * 9 / 10, "{alive} of {CANARIES} canaries");
}
