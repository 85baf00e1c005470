//! Random operations.

use super::model::ops::*;
use proptest::prelude::*;
use ringcached::storage::{Compression, EvictionPolicy, NewCas, SetMode};

pub(super) fn policy() -> impl Strategy<Value = EvictionPolicy> {
    use EvictionPolicy::{Clock, Duel, S3Fifo};
    prop_oneof![Just(Duel), Just(S3Fifo), Just(Clock)]
}

/// Ways to compress.
pub(super) fn compression() -> impl Strategy<Value = Compression> {
    prop_oneof![Just(Compression::Lz4), Just(Compression::Zstd), Just(Compression::ZstdDictionary)]
}

pub(super) fn len() -> impl Strategy<Value = usize> {
    prop_oneof![
        8 => 0usize..100,
        4 => 0usize..3000,
        2 => 16_380usize..16_390,
        2 => 0usize..70_000,
        1 => 0usize..200_000,
    ]
}

pub(super) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => prop_oneof![0u64..200, Just(u64::MAX), any::<u64>()].prop_map(Value::Number),
        3 => (any::<u8>(), len()).prop_map(|(seed, len)| Value::Bytes { seed, len }),
        2 => (any::<u8>(), len()).prop_map(|(seed, len)| Value::Text { seed, len }),
        1 => (0u64..200, len()).prop_map(|(number, len)| Value::Padded { number, len }),
    ]
}

pub(super) fn mode() -> impl Strategy<Value = SetMode> {
    use SetMode::{Add, Append, Prepend, Replace, Set};
    prop_oneof![4 => Just(Set), 1 => Just(Add), 1 => Just(Replace), 2 => Just(Append), 2 => Just(Prepend)]
}

pub(super) fn cas() -> impl Strategy<Value = Cas> {
    use Cas::{Higher, Lower, Right, Zero};
    prop_oneof![8 => Just(Cas::None), 2 => Just(Right), 1 => Just(Higher), 2 => Just(Lower), 1 => Just(Zero)]
}

/// Numbers that a store does not reach by itself.
pub(super) fn given_cas() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![3 => Just(None), 1 => (1u64 << 62..1 << 63).prop_map(Some)]
}

pub(super) fn new_cas() -> impl Strategy<Value = NewCas> {
    (given_cas(), any::<bool>()).prop_map(|(given, is_seen)| match given {
        Some(cas) => NewCas::Given(cas),
        None if is_seen => NewCas::Next,
        None => NewCas::Unseen,
    })
}

pub(super) fn meta() -> impl Strategy<Value = Meta> {
    (new_cas(), any::<bool>(), any::<bool>()).prop_map(|(new_cas, invalidate, binary_key)| Meta {
        new_cas,
        invalidate,
        binary_key,
    })
}

pub(super) fn ttl() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0u32), 2 => 1u32..20]
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let flags = prop_oneof![Just(0u32), any::<u32>()];
    let set = (mode(), value(), flags, ttl(), cas(), any::<bool>(), any::<bool>(), meta()).prop_map(
        |(mode, value, flags, ttl, cas, vivify, upload, meta)| Op::Set {
            mode,
            value,
            flags,
            ttl,
            cas,
            vivify,
            upload,
            meta,
        },
    );
    let delete = (cas(), any::<bool>(), any::<bool>(), prop::option::of(ttl()), given_cas()).prop_map(
        |(cas, invalidate, clear_value, ttl, new_cas)| Op::Delete { cas, invalidate, clear_value, ttl, new_cas },
    );
    let delta = prop_oneof![0u64..300, any::<u64>()];
    let initial = prop::option::of((any::<u64>(), ttl()));
    let arithmetic = (delta, any::<bool>(), cas(), prop::option::of(ttl()), initial, meta()).prop_map(
        |(delta, increment, cas, ttl, initial, meta)| Op::Arithmetic { delta, increment, cas, ttl, initial, meta },
    );
    let vivify = (ttl(), new_cas(), any::<bool>()).prop_map(|(ttl, new_cas, binary_key)| Op::Vivify {
        ttl,
        new_cas,
        binary_key,
    });
    prop_oneof![
        6 => Just(Op::Get),
        2 => Just(Op::Peek),
        4 => Just(Op::Observe),
        2 => ttl().prop_map(|ttl| Op::Touch { ttl }),
        16 => set,
        4 => delete,
        5 => arithmetic,
        2 => vivify,
        2 => Just(Op::Win),
        1 => Just(Op::RemoveAny),
        1 => len().prop_map(|len| Op::AbandonUpload { len }),
        2 => Just(Op::Pin),
        2 => Just(Op::Unpin),
        1 => prop_oneof![20 => Just(Op::Maintain), 1 => Just(Op::Flush)],
        2 => prop_oneof![4 => 1u32..5, 1 => 50u32..70].prop_map(|seconds| Op::Advance { seconds }),
        8 => management(),
    ]
}

/// What operators do meanwhile.
pub(super) fn management() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => prop_oneof![1usize..50, 50usize..2_000].prop_map(|budget| Op::Walk { budget }),
        2 => (1usize..2_000).prop_map(|budget| Op::Crawl { budget }),
        1 => (8usize..24).prop_map(|mib| Op::Limit { mib }),
        1 => (prop::option::of(0u32..100), 0u32..100).prop_map(|(from, to)| Op::Reassign { from, to }),
        1 => Just(Op::TakeRemovals),
    ]
}
