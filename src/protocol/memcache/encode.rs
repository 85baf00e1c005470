//! From replies to bytes: the classic commands.

use crate::command::{Hit, Reply, Value};
use crate::protocol::memcache::binary;
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

/// Most bytes of an answer beside key and value: the word, numbers of 10, 20 and 20 digits with their spaces, CRLF, END.
const FRAME_LEN_MAX: usize = VALUE.len() + 11 + 21 + 21 + CRLF.len() + CRLF_END.len();
/// An answer that is surely no longer than this is written in one piece.
const SMALL_LEN: usize = 160;

/// Appends the answer to `out`. `key` is the request's.
#[inline]
pub fn encode(form: Form<'_>, key: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) -> Encoded {
    match (form.tag, reply) {
        (FormTag::Get { with_cas, last }, Reply::Hit(hit)) => hit_answer(key, hit, with_cas, last, out),
        (FormTag::Get { last, .. }, Reply::Miss) => {
            if last {
                out.extend_from_slice(errors::END);
            }
            Encoded::Done
        }
        (
            FormTag::MetaGet { .. }
            | FormTag::MetaStore { .. }
            | FormTag::MetaDelete { .. }
            | FormTag::MetaArithmetic { .. }
            | FormTag::MetaDebug,
            _,
        ) => encode_meta::encode(form, key, reply, out),
        (FormTag::Binary { opcode, opaque }, reply) => binary::encode(opcode, opaque, key, reply, out),
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
        FormTag::Binary { .. } => b"",
        _ => CRLF,
    });
}

/// `VALUE <key> <flags> <bytes>[ <cas>]`, the value, and `END` behind the last key.
#[inline]
fn hit_answer(key: &[u8], hit: &Hit<'_>, with_cas: bool, last: bool, out: &mut Vec<u8>) -> Encoded {
    match hit.value {
        Value::Inline(value) if key.len() + value.len() <= SMALL_LEN - FRAME_LEN_MAX => {
            small_hit(key, value, hit, with_cas, last, out);
            Encoded::Done
        }
        _ => large_hit(key, hit, with_cas, last, out),
    }
}

/// Growing the output by a constant length and cutting it back takes half the time of growing it for each part.
#[inline]
fn small_hit(key: &[u8], value: &[u8], hit: &Hit<'_>, with_cas: bool, last: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; SMALL_LEN]);
    let Some(room) = out.last_chunk_mut::<SMALL_LEN>() else { return };
    let mut answer = Cursor { room, len: 0 };
    answer.bytes(VALUE);
    answer.bytes(key);
    answer.numbers(hit, with_cas);
    answer.bytes(value);
    answer.bytes(if last { CRLF_END } else { CRLF });
    let end = start + answer.len;
    out.truncate(end);
}

#[inline(never)]
fn large_hit(key: &[u8], hit: &Hit<'_>, with_cas: bool, last: bool, out: &mut Vec<u8>) -> Encoded {
    let mut room = [0; FRAME_LEN_MAX];
    let mut line_end = Cursor { room: &mut room, len: 0 };
    line_end.numbers(hit, with_cas);
    let line_end = &line_end.room[..line_end.len];
    let value = match hit.value {
        Value::Inline(value) => value,
        Value::Pinned { .. } => &[],
    };
    out.reserve(FRAME_LEN_MAX + key.len() + value.len());
    for part in [VALUE, key, line_end, value] {
        out.extend_from_slice(part);
    }
    if let Value::Pinned { .. } = hit.value {
        return Encoded::ValueFollows;
    }
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
            out.extend_from_slice(itoa::Buffer::new().format(number.value).as_bytes());
            CRLF
        }
        (FormTag::Arithmetic { .. }, Reply::OutOfMemory) => errors::OUT_OF_MEMORY_ARITHMETIC,
        (FormTag::Arithmetic { .. }, Reply::NonNumeric) => errors::NON_NUMERIC,
        (FormTag::Delete { .. }, Reply::Deleted) => errors::DELETED,
        (FormTag::Touch { .. }, Reply::Touched { .. }) => errors::TOUCHED,
        (_, Reply::NotFound) => errors::NOT_FOUND,
        (_, Reply::Exists) => errors::EXISTS,
        (_, Reply::TooLarge) => errors::TOO_LARGE,
        (_, Reply::OutOfMemory) => errors::OUT_OF_MEMORY,
        _ => errors::UNEXPECTED_REPLY,
    };
    out.extend_from_slice(line);
}

/// Writes one thing behind the other into room that is known to suffice.
struct Cursor<'o, const ROOM: usize> {
    room: &'o mut [u8; ROOM],
    len: usize,
}

impl<const ROOM: usize> Cursor<'_, ROOM> {
    /// What stands behind the key on the line of a value.
    #[inline]
    fn numbers(&mut self, hit: &Hit<'_>, with_cas: bool) {
        self.number(u64::from(hit.flags));
        self.number(hit.value.len());
        if with_cas {
            self.number(hit.cas);
        }
        self.bytes(CRLF);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.room[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// A space and the number.
    #[inline]
    fn number(&mut self, number: u64) {
        // Most numbers here are flags of 0 and short lengths.
        if number < 10 {
            self.bytes(&[b' ', b'0' + number as u8]);
        } else if number < 100 {
            self.bytes(&[b' ', b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
        } else {
            self.bytes(b" ");
            self.bytes(itoa::Buffer::new().format(number).as_bytes());
        }
    }
}
