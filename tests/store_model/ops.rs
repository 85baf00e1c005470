//! What is done to the store: random operations, in terms of what is there when they come.

use proptest::prelude::*;
use ringcached::storage::{NewCas, SetMode};

#[derive(Clone, Copy, Debug)]
pub(super) enum Cas {
    None,
    Right,
    Higher,
    Lower,
    Zero,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(u64),
    Bytes { seed: u8, len: usize },
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Get,
    Peek,
    /// A read that is told the CAS number.
    Observe,
    Touch {
        ttl: u32,
    },
    /// A meta read that creates what it does not find.
    Vivify {
        ttl: u32,
        new_cas: NewCas,
        binary_key: bool,
    },
    Win,
    Set {
        mode: SetMode,
        value: Value,
        flags: u32,
        ttl: u32,
        cas: Cas,
        vivify: bool,
        upload: bool,
        meta: Meta,
    },
    Delete {
        cas: Cas,
        invalidate: bool,
        clear_value: bool,
        ttl: Option<u32>,
        new_cas: Option<u64>,
    },
    Arithmetic {
        delta: u64,
        increment: bool,
        cas: Cas,
        ttl: Option<u32>,
        initial: Option<(u64, u32)>,
        meta: Meta,
    },
    RemoveAny,
    AbandonUpload {
        len: usize,
    },
    Pin,
    Unpin,
    Flush,
    Maintain,
    Walk {
        budget: usize,
    },
    Crawl {
        budget: usize,
    },
    Limit {
        mib: usize,
    },
    Reassign {
        from: Option<u32>,
        to: u32,
    },
    TakeRemovals,
    Advance {
        seconds: u32,
    },
}

/// What only meta asks of a write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    pub(super) new_cas: NewCas,
    pub(super) invalidate: bool,
    pub(super) binary_key: bool,
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

pub(super) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Number(number) => number.to_string().into_bytes(),
        Value::Bytes { seed, len } => (0..*len).map(|at| (at / 7 + at * 13) as u8 ^ seed).collect(),
    }
}

/// The model's numbers: the first word, if it is one below 2^64. memcached lets C wrap negative ones around and
/// refuses the result only from 2^63 on.
pub(super) fn number(value: &[u8]) -> Option<u64> {
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
