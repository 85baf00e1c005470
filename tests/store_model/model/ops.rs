//! What is done to the store, in terms of what is there when it comes.

use ringcached::storage::{NewCas, SetMode};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Cas {
    None,
    Right,
    Higher,
    Lower,
    Zero,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(u64),
    Bytes {
        seed: u8,
        len: usize,
    },
    /// What gets smaller when it is compressed.
    Text {
        seed: u8,
        len: usize,
    },
    /// A number and blanks, which gets smaller, too, and can be counted up.
    Padded {
        number: u64,
        len: usize,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
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
pub(crate) struct Meta {
    pub(crate) new_cas: NewCas,
    pub(crate) invalidate: bool,
    pub(crate) binary_key: bool,
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Number(number) => number.to_string().into_bytes(),
        Value::Text { seed, len } => {
            let words = (u32::from(*seed)..).map(|word| format!("word {word} of {seed}, "));
            words.flat_map(String::into_bytes).take(*len).collect()
        }
        Value::Padded { number, len } => {
            let mut text = number.to_string().into_bytes();
            text.resize(text.len().max(*len), b' ');
            text
        }
        Value::Bytes { seed, len } => (0..*len).map(|at| (at / 7 + at * 13) as u8 ^ seed).collect(),
    }
}

/// The model's numbers: the first word, if it is one below 2^64. memcached lets C wrap negative ones around and
/// refuses the result only from 2^63 on.
pub(crate) fn number(value: &[u8]) -> Option<u64> {
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
