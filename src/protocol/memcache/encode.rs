//! From replies to bytes: the classic commands.

use crate::command::{Hit, Reply, Value};
use crate::protocol::memcache::binary;
use crate::protocol::memcache::encode_meta;
use crate::protocol::memcache::errors;
use crate::protocol::memcache::form::{Form, FormTag};
use crate::short;

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

/// Most bytes of an answer beside key and value: `VALUE`, numbers of 10, 20 and 20 digits with their spaces, CRLF, END as a
/// word.
const FRAME_LEN_MAX: usize = VALUE.len() + 11 + 21 + 21 + CRLF.len() + WORD;
/// An answer that is surely no longer than this is written in one piece.
const SMALL_LEN: usize = 160;
/// Most small answers for which an output is made longer at once.
const SMALL_ANSWERS_MAX: usize = 8;
const VALUE_PADDED: [u8; WORD] = padded(VALUE);
/// The end of an answer, with or without `END`, as a word of which the beginning counts.
const CRLF_END_PADDED: [u8; WORD] = padded(CRLF_END);
/// The numbers of an item without client flags whose value is of one digit's, two or three digits' bytes. The digits are
/// added.
const PLAIN_1: [u8; WORD] = padded(b" 0 0\r\n");
const PLAIN_2: [u8; WORD] = padded(b" 0 00\r\n");
const PLAIN_3: [u8; WORD] = padded(b" 0 000\r\n");
const WORD: usize = size_of::<u64>();

const fn padded<const LEN: usize>(text: &[u8]) -> [u8; LEN] {
    let mut all = [0; LEN];
    let mut at = 0;
    while at < text.len() {
        all[at] = text[at];
        at += 1;
    }
    all
}

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

/// Answers to the plainest commands, appended to an output one behind the other: the same as [`encode`]'s. The output is
/// made longer for several at once and cut back at the end, which takes far less than growing it for each part of each.
pub struct Answers<'o> {
    out: &'o mut Vec<u8>,
    /// Where the next answer begins. What the output has behind that does not count.
    len: usize,
    /// How many small answers it is made longer for, the next time.
    ahead: usize,
}

impl<'o> Answers<'o> {
    /// Answers behind what is there.
    #[inline(always)]
    pub fn behind(out: &'o mut Vec<u8>) -> Self {
        let len = out.len();
        Answers { out, len, ahead: 1 }
    }

    /// Bytes of the output so far.
    #[inline(always)]
    pub fn output_bytes(&self) -> usize {
        self.len
    }

    /// To a `get` of one key, or of a key among several: an item of these client flags and this value. `END` follows the
    /// last key.
    #[inline(always)]
    pub fn value(&mut self, key: &[u8], flags: u32, value: &[u8], last: bool) {
        if key.len() + value.len() > SMALL_LEN - FRAME_LEN_MAX {
            return self.long_value(key, flags, value, last);
        }
        let len = write_small_hit(self.room(), key, value, flags, None, last);
        self.len += len;
    }

    /// To a `get` of a key that is absent.
    #[inline(always)]
    pub fn miss(&mut self, last: bool) {
        if last {
            self.line(errors::END);
        }
    }

    /// To a `set` whose value is stored.
    #[inline(always)]
    pub fn stored(&mut self) {
        self.line(errors::STORED);
    }

    #[inline(always)]
    fn line(&mut self, line: &'static [u8]) {
        self.room()[..line.len()].copy_from_slice(line);
        self.len += line.len();
    }

    #[inline(never)]
    fn long_value(&mut self, key: &[u8], flags: u32, value: &[u8], last: bool) {
        self.out.truncate(self.len);
        let hit = Hit { flags, ..Hit::of(0, Value::Inline(value)) };
        let encoded = large_hit(key, &hit, false, last, self.out);
        debug_assert!(encoded == Encoded::Done, "the value is at hand");
        self.len = self.out.len();
    }

    /// Room for the next answer.
    #[inline(always)]
    fn room(&mut self) -> &mut [u8; SMALL_LEN] {
        if self.out.len() - self.len < SMALL_LEN {
            self.lengthen();
        }
        self.out[self.len..].first_chunk_mut().expect("it was made longer")
    }

    #[inline(never)]
    fn lengthen(&mut self) {
        self.out.resize(self.len + self.ahead * SMALL_LEN, 0);
        self.ahead = (2 * self.ahead).min(SMALL_ANSWERS_MAX);
    }
}

impl Drop for Answers<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.out.truncate(self.len);
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
            small_hit(key, value, hit.flags, with_cas.then_some(hit.cas), last, out);
            Encoded::Done
        }
        _ => large_hit(key, hit, with_cas, last, out),
    }
}

#[inline]
fn small_hit(key: &[u8], value: &[u8], flags: u32, cas: Option<u64>, last: bool, out: &mut Vec<u8>) {
    let mut answers = Answers::behind(out);
    let len = write_small_hit(answers.room(), key, value, flags, cas, last);
    answers.len += len;
}

#[inline(always)]
fn write_small_hit(
    room: &mut [u8; SMALL_LEN],
    key: &[u8],
    value: &[u8],
    flags: u32,
    cas: Option<u64>,
    last: bool,
) -> usize {
    let mut answer = Cursor { room, len: 0 };
    answer.padded(VALUE_PADDED, VALUE.len());
    answer.bytes(key);
    answer.numbers(flags, value.len() as u64, cas);
    answer.bytes(value);
    answer.padded(CRLF_END_PADDED, if last { CRLF_END.len() } else { CRLF.len() });
    answer.len
}

#[inline(never)]
fn large_hit(key: &[u8], hit: &Hit<'_>, with_cas: bool, last: bool, out: &mut Vec<u8>) -> Encoded {
    let mut room = [0; FRAME_LEN_MAX];
    let mut line_end = Cursor { room: &mut room, len: 0 };
    line_end.numbers(hit.flags, hit.value.len(), with_cas.then_some(hit.cas));
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
    #[inline(always)]
    fn numbers(&mut self, flags: u32, value_len: u64, cas: Option<u64>) {
        if flags != 0 || cas.is_some() || value_len >= 1000 {
            return self.all_numbers(flags, value_len, cas);
        }
        let digit = |number: u64, at: u32| number << (at * u8::BITS);
        let (words, len) = match value_len {
            0..10 => (u64::from_le_bytes(PLAIN_1) + digit(value_len, 3), 6),
            10..100 => (u64::from_le_bytes(PLAIN_2) + digit(value_len / 10, 3) + digit(value_len % 10, 4), 7),
            _ => {
                let (hundreds, rest) = (value_len / 100, value_len % 100);
                let tens = digit(rest / 10, 4) + digit(rest % 10, 5);
                (u64::from_le_bytes(PLAIN_3) + digit(hundreds, 3) + tens, 8)
            }
        };
        self.padded(words.to_le_bytes(), len);
    }

    #[inline(never)]
    fn all_numbers(&mut self, flags: u32, value_len: u64, cas: Option<u64>) {
        self.number(u64::from(flags));
        self.number(value_len);
        if let Some(cas) = cas {
            self.number(cas);
        }
        self.bytes(CRLF);
    }

    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        short::copy(&mut self.room[self.len..self.len + bytes.len()], bytes);
        self.len += bytes.len();
    }

    /// The first `len` bytes of a word. There is room for all of it.
    #[inline(always)]
    fn padded(&mut self, word: [u8; WORD], len: usize) {
        self.room[self.len..self.len + WORD].copy_from_slice(&word);
        self.len += len;
    }

    /// A space and the number.
    fn number(&mut self, number: u64) {
        self.bytes(b" ");
        self.bytes(itoa::Buffer::new().format(number).as_bytes());
    }
}
