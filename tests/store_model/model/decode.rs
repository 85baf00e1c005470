//! Bytes as operations, for a fuzzer: any bytes are some sequence of them, and changing one changes little.

use super::{
    KEYS, OPS_PER_CHECK, key,
    ops::{Cas, Meta, Op, Value},
    world::{Memory, World},
};
use ringcached::storage::{EvictionPolicy, NewCas, SetMode};

/// Applies what the bytes say: the first is the memory and the policy, then come operations. Panics if the store is
/// wrong.
pub(crate) fn run(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let memory = bytes.pick([Memory::Ample, Memory::Little, Memory::LittleWithoutEvictions]);
    let policy = bytes.pick([EvictionPolicy::Duel, EvictionPolicy::S3Fifo, EvictionPolicy::Clock]);
    let mut world = World::new(memory, policy);
    let mut step = 0;
    while !bytes.0.is_empty() {
        let (number, op) = (bytes.byte() % KEYS, operation(&mut bytes));
        if memory != Memory::Ample {
            world.crowd(step);
        }
        world.apply(&key(number), &op);
        step += 1;
        if step % OPS_PER_CHECK == 0 {
            world.check();
        }
    }
    world.finish();
}

/// What is left of them. Behind the end are zeroes.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    fn below(&mut self, bound: u32) -> u32 {
        (u32::from(self.byte()) << 8 | u32::from(self.byte())) % bound
    }

    fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte()))
    }

    fn bit(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[usize::from(self.byte()) % N]
    }

    fn perhaps<T>(&mut self, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.bit() { Some(some(self)) } else { None }
    }

    /// Often none, and soon over.
    fn ttl(&mut self) -> u32 {
        u32::from(self.byte()).saturating_sub(200)
    }

    fn len(&mut self) -> usize {
        match self.byte() {
            0..100 => usize::from(self.byte()),
            100..180 => self.below(3_000) as usize,
            180..220 => 16_380 + self.below(10) as usize,
            220..250 => self.below(65_536) as usize,
            250.. => 3 * self.below(65_536) as usize,
        }
    }

    fn value(&mut self) -> Value {
        match self.byte() % 4 {
            0 => Value::Number(self.number()),
            _ => Value::Bytes { seed: self.byte(), len: self.len() },
        }
    }

    fn number(&mut self) -> u64 {
        if self.bit() { self.word() } else { u64::from(self.byte()) }
    }

    fn cas(&mut self) -> Cas {
        self.pick([Cas::None, Cas::None, Cas::None, Cas::Right, Cas::Higher, Cas::Lower, Cas::Zero])
    }

    /// A number that a store does not reach by itself.
    fn far_cas(&mut self) -> u64 {
        1 << 62 | self.word() >> 2
    }

    fn new_cas(&mut self) -> NewCas {
        match self.byte() % 3 {
            0 => NewCas::Unseen,
            1 => NewCas::Next,
            _ => NewCas::Given(self.far_cas()),
        }
    }

    fn meta(&mut self) -> Meta {
        Meta { new_cas: self.new_cas(), invalidate: self.bit(), binary_key: self.bit() }
    }
}

fn operation(bytes: &mut Bytes<'_>) -> Op {
    use SetMode::{Add, Append, Prepend, Replace, Set};
    match bytes.byte() % 40 {
        0..5 => Op::Get,
        5 => Op::Peek,
        6 => Op::Observe,
        7 | 8 => Op::Touch { ttl: bytes.ttl() },
        9 => Op::Vivify { ttl: bytes.ttl(), new_cas: bytes.new_cas(), binary_key: bytes.bit() },
        10 => Op::Win,
        11..22 => Op::Set {
            mode: bytes.pick([Set, Set, Set, Add, Replace, Append, Prepend]),
            value: bytes.value(),
            flags: bytes.perhaps(|bytes| bytes.word() as u32).unwrap_or(0),
            ttl: bytes.ttl(),
            cas: bytes.cas(),
            vivify: bytes.bit(),
            upload: bytes.bit(),
            meta: bytes.meta(),
        },
        22..25 => Op::Delete {
            cas: bytes.cas(),
            invalidate: bytes.bit(),
            clear_value: bytes.bit(),
            ttl: bytes.perhaps(Bytes::ttl),
            new_cas: bytes.perhaps(Bytes::far_cas),
        },
        25..28 => Op::Arithmetic {
            delta: bytes.number(),
            increment: bytes.bit(),
            cas: bytes.cas(),
            ttl: bytes.perhaps(Bytes::ttl),
            initial: bytes.perhaps(|bytes| (bytes.number(), bytes.ttl())),
            meta: bytes.meta(),
        },
        28 => Op::RemoveAny,
        29 => Op::AbandonUpload { len: bytes.len() },
        30 => Op::Pin,
        31 => Op::Unpin,
        32 if bytes.byte() == 0 => Op::Flush,
        32 | 33 => Op::Maintain,
        34 => Op::Walk { budget: 1 + bytes.below(2_000) as usize },
        35 => Op::Crawl { budget: 1 + bytes.below(2_000) as usize },
        36 => Op::Limit { mib: 8 + bytes.below(16) as usize },
        37 => Op::Reassign { from: bytes.perhaps(|bytes| bytes.below(100)), to: bytes.below(100) },
        38 => Op::TakeRemovals,
        _ => Op::Advance { seconds: bytes.pick([1, 2, 4, 60]) },
    }
}
