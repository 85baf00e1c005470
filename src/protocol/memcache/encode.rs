//! From replies to bytes: the classic commands.

use crate::command::{Hit, Reply, Value};
use crate::protocol::memcache::encode_meta;
use crate::protocol::memcache::errors;
use crate::protocol::memcache::form::{Form, FormTag};

/// Whether an answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Encoded {
    /// It is.
    Done,
    /// The bytes of a pinned value come next, then [`encode_tail`].
    ValueFollows,
}

const VALUE: &[u8] = b"VALUE ";
const CRLF: &[u8] = b"\r\n";
const CRLF_END: &[u8] = b"\r\nEND\r\n";

/// Appends the answer to `out`. `key` is the request's.
#[inline]
pub fn encode(form: Form<'_>, key: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) -> Encoded {
    match (form.tag, reply) {
        (FormTag::Get { with_cas, last }, Reply::Hit(hit)) => hit_line(key, hit, with_cas, last, out),
        (FormTag::Get { last, .. }, Reply::Miss) => {
            if last {
                out.extend_from_slice(errors::END);
            }
            Encoded::Done
        }
        (FormTag::MetaGet { .. } | FormTag::MetaStore { .. } | FormTag::MetaDelete { .. }, _) => {
            encode_meta::encode(form, key, reply, out)
        }
        (FormTag::Store { noreply }, reply) => {
            if !noreply {
                out.extend_from_slice(store_line(reply));
            }
            Encoded::Done
        }
        (tag, reply) => {
            other_line(tag, reply, out);
            Encoded::Done
        }
    }
}

/// Appends what stands behind a pinned value's bytes.
pub fn encode_tail(form: Form<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(match form.tag {
        FormTag::Get { last: true, .. } => CRLF_END,
        _ => CRLF,
    });
}

/// `VALUE <key> <flags> <bytes>[ <cas>]`, the value, and `END` behind the last key.
#[inline]
fn hit_line(key: &[u8], hit: &Hit<'_>, with_cas: bool, last: bool, out: &mut Vec<u8>) -> Encoded {
    let mut middle = Scratch::new();
    middle.number(b' ', u64::from(hit.flags));
    middle.number(b' ', hit.value.len());
    if with_cas {
        middle.number(b' ', hit.cas);
    }
    let Value::Inline(value) = hit.value else {
        out.extend_from_slice(VALUE);
        out.extend_from_slice(key);
        middle.end_line(out);
        return Encoded::ValueFollows;
    };
    out.reserve(VALUE.len() + key.len() + Scratch::CAPACITY + value.len() + CRLF_END.len());
    out.extend_from_slice(VALUE);
    out.extend_from_slice(key);
    middle.end_line(out);
    out.extend_from_slice(value);
    out.extend_from_slice(if last { CRLF_END } else { CRLF });
    Encoded::Done
}

fn store_line(reply: &Reply<'_>) -> &'static [u8] {
    match reply {
        Reply::Stored { .. } => errors::STORED,
        Reply::NotStored => errors::NOT_STORED,
        Reply::Exists => errors::EXISTS,
        Reply::NotFound => errors::NOT_FOUND,
        Reply::TooLarge => errors::TOO_LARGE,
        Reply::OutOfMemory => errors::OUT_OF_MEMORY,
        _ => errors::UNEXPECTED_REPLY,
    }
}

/// Deletions, touches, arithmetic, and reads that failed.
#[cold]
#[inline(never)]
fn other_line(tag: FormTag, reply: &Reply<'_>, out: &mut Vec<u8>) {
    let noreply = match tag {
        FormTag::Delete { noreply } | FormTag::Touch { noreply } | FormTag::Arithmetic { noreply } => noreply,
        _ => false,
    };
    if noreply {
        return;
    }
    let line = match (tag, reply) {
        (FormTag::Arithmetic { .. }, Reply::Number(number)) => {
            out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
            CRLF
        }
        (FormTag::Arithmetic { .. }, Reply::OutOfMemory) => errors::OUT_OF_MEMORY_ARITHMETIC,
        (FormTag::Arithmetic { .. }, Reply::NonNumeric) => errors::NON_NUMERIC,
        (FormTag::Delete { .. }, Reply::Deleted) => errors::DELETED,
        (FormTag::Touch { .. }, Reply::Touched) => errors::TOUCHED,
        (_, Reply::NotFound) => errors::NOT_FOUND,
        (_, Reply::Exists) => errors::EXISTS,
        (_, Reply::TooLarge) => errors::TOO_LARGE,
        (_, Reply::OutOfMemory) => errors::OUT_OF_MEMORY,
        _ => errors::UNEXPECTED_REPLY,
    };
    out.extend_from_slice(line);
}

/// A few numbers put together before they go out in one copy.
struct Scratch {
    bytes: [u8; Scratch::CAPACITY],
    len: usize,
}

impl Scratch {
    /// Room for three separators, numbers of 10, 20 and 20 digits, and CRLF.
    const CAPACITY: usize = 64;

    #[inline]
    fn new() -> Scratch {
        Scratch { bytes: [0; Scratch::CAPACITY], len: 0 }
    }

    #[inline]
    fn number(&mut self, separator: u8, number: u64) {
        self.bytes[self.len] = separator;
        self.len += 1;
        if number < 10 {
            self.bytes[self.len] = b'0' + number as u8;
            self.len += 1;
        } else {
            let mut buffer = itoa::Buffer::new();
            let digits = buffer.format(number).as_bytes();
            self.bytes[self.len..self.len + digits.len()].copy_from_slice(digits);
            self.len += digits.len();
        }
    }

    /// Appends the line's end and then all to `out`.
    #[inline]
    fn end_line(mut self, out: &mut Vec<u8>) {
        self.bytes[self.len..self.len + CRLF.len()].copy_from_slice(CRLF);
        out.extend_from_slice(&self.bytes[..self.len + CRLF.len()]);
    }
}
