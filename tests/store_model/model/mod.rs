//! The map, the operations, and both side by side. Shared by the model test and the fuzz target.

use ahash::RandomState;
use ringcached::{
    clock::{Deadline, Seconds},
    storage::{
        Arithmetic, ArithmeticArgs, ClassSet, Compression, DeleteArgs, DeleteOutcome, EvictionPolicy, ItemValue,
        NewCas, Reassigned, SetArgs, SetMode, SetOutcome, Source, Store, StoreConfig, StoreError, Walk, train,
    },
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

pub(crate) mod decode;
pub(crate) mod ops;
pub(crate) mod world;

pub(crate) const KEYS: u8 = 24;
pub(crate) const ITEM_SIZE_MAX: usize = 1 << 20;
const UPLOAD: u64 = 77;

/// Operations between two comparisons of everything with everything.
pub(crate) const OPS_PER_CHECK: usize = 64;

/// Keys of different lengths.
pub(crate) fn key(number: u8) -> Vec<u8> {
    format!("key:{number}:{}", "x".repeat(usize::from(number) * 10 % 240)).into_bytes()
}
