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
        Arithmetic, ArithmeticArgs, ClassSet, DeleteArgs, DeleteOutcome, ItemValue, NewCas, Reassigned, SetArgs,
        SetMode, SetOutcome, Source, Store, StoreConfig, StoreError, Walk,
    },
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

mod ops;
mod world;

use ops::*;
use world::*;

const KEYS: u8 = 24;
const ITEM_SIZE_MAX: usize = 1 << 20;
const UPLOAD: u64 = 77;
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
            let deadline = world.deadline(u32::from(other[0]) % 4 * 10);
            let args = SetArgs { deadline, ..SetArgs::new(SetMode::Set, Source::Inline(&filler[..len])) };
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
    let args = |value| SetArgs::new(SetMode::Set, Source::Inline(value));
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
