//! The commands that nearly all traffic is made of, in their plainest form: one space between arguments, digits
//! without sign, CRLF, and everything there. Whatever looks otherwise is left to the general path, which is slower and
//! gives the same answer; a test holds the two against each other.

use crate::command::{CasCheck, Exptime, INLINE_VALUE_MAX, KEY_LEN_MAX, Payload, Request, StoreMode};
use crate::protocol::memcache::form::{Form, FormTag};
use crate::protocol::memcache::limits::LINE_LEN_MAX;
use crate::protocol::memcache::line::trim_start;
use crate::protocol::memcache::meta::{get_op, too_many_tokens};
use crate::protocol::memcache::meta_flags::MetaFlags;
use crate::protocol::memcache::scan::find_separator;
use crate::protocol::memcache::step::{Need, Read, Step, UploadHead};

/// `get ` and `set `, as the number their four bytes make; `mg ` by the lower three.
pub(super) const GET: u32 = u32::from_le_bytes(*b"get ");
pub(super) const SET: u32 = u32::from_le_bytes(*b"set ");
pub(super) const META_GET: u32 = u32::from_le_bytes(*b"mg \0");
pub(super) const META_VERB_MASK: u32 = 0x00ff_ffff;

const VERB_LEN: usize = 4;
const META_VERB_LEN: usize = 3;
/// Digits of a number that fits 32 bits whatever its digits are.
const DIGITS_MAX: usize = 9;
const NOREPLY: &[u8] = b" noreply";

// The longest line that `set` takes is far below the limit, which it therefore need not check.
const _: () = assert!(VERB_LEN + KEY_LEN_MAX + 3 * (1 + DIGITS_MAX) + NOREPLY.len() + 2 < LINE_LEN_MAX);

/// `get <key>\r\n`.
#[inline(always)]
pub(super) fn get<'a>(input: &'a [u8], hash: impl Fn(&[u8]) -> u64) -> Option<Read<'a>> {
    let end = find_separator(input, VERB_LEN)?;
    if input.get(end..end + 2)? != b"\r\n" {
        return None;
    }
    let key = key_between(input, VERB_LEN, end)?;
    let tag = FormTag::Get { with_cas: false, last: true };
    Some(Read { hash: hash(key), key, touch: None, tag, consumed: end + 2 })
}

/// `set <key> <flags> <exptime> <bytes> [noreply]\r\n` and its value, if that is at most `value_len_max` long.
#[inline]
pub(super) fn set<'a>(input: &'a [u8], value_len_max: u64, hash: impl Fn(&[u8]) -> u64) -> Option<Step<'a>> {
    let key_end = find_separator(input, VERB_LEN)?;
    let key = key_between(input, VERB_LEN, key_end)?;
    let (flags, at) = digits(input, key_end)?;
    let (exptime, at) = digits(input, at)?;
    let (len, mut at) = digits(input, at)?;
    let len = len as usize;
    if len > INLINE_VALUE_MAX || len as u64 > value_len_max {
        return None;
    }
    let noreply = input[at] == b' ';
    if noreply {
        at += NOREPLY.len();
        if input.get(at - NOREPLY.len()..at)? != NOREPLY {
            return None;
        }
    }
    let start = at + 2;
    if input.get(at..start)? != b"\r\n" {
        return None;
    }
    let total = start + len + 2;
    let Some(terminator) = input.get(total - 2..total) else {
        return Some(Step::Incomplete { need: Need::Bytes(total) });
    };
    if terminator != b"\r\n" {
        return None;
    }
    let head = UploadHead {
        hash: hash(key),
        key,
        mode: StoreMode::Set,
        flags,
        exptime: Exptime(i64::from(exptime)),
        cas: CasCheck::Any,
        autovivify: None,
        new_cas: None,
        with_cas: false,
        invalidate: false,
        binary_key: false,
        value_len: len as u64,
        form: Form::text(FormTag::Store { noreply }),
    };
    Some(Step::request(head.request(Payload::Inline(&input[start..start + len])), head.form, total))
}

/// `mg <key> <flags>*\r\n`, with the flags that plain reads have.
#[inline]
pub(super) fn meta_get<'a>(input: &'a [u8], hash: impl Fn(&[u8]) -> u64) -> Option<Step<'a>> {
    let key_end = find_separator(input, META_VERB_LEN)?;
    let key = key_between(input, META_VERB_LEN, key_end)?;
    let (end, meta) = match input[key_end] {
        b' ' => {
            let start = key_end + 1;
            let end = start + memchr::memchr(b'\n', &input[start..])? - 1;
            (end, trim_start(input.get(start..end)?))
        }
        _ => (key_end, &[][..]),
    };
    if input.get(end..end + 2)? != b"\r\n" || end >= LINE_LEN_MAX || too_many_tokens(2, meta) {
        return None;
    }
    // A flag that plain reads have not is left to the general path.
    let mut flags = MetaFlags::default();
    flags.plain.read(meta, |_, _| Err(&[])).ok()?;
    if flags.plain.opaque_too_long {
        return None;
    }
    let (op, tag) = get_op(&flags).ok()?;
    Some(Step::request(Request { hash: hash(key), key, op }, tag.with(meta), end + 2))
}

#[inline]
fn key_between(input: &[u8], start: usize, end: usize) -> Option<&[u8]> {
    let key = input.get(start..end)?;
    (!key.is_empty() && key.len() <= KEY_LEN_MAX).then_some(key)
}

/// The number behind the one space at `at`, and where it ends: at some byte of the input that is not a digit.
#[inline]
fn digits(input: &[u8], at: usize) -> Option<(u32, usize)> {
    if input[at] != b' ' {
        return None;
    }
    let start = at + 1;
    let mut number = 0u32;
    for (i, byte) in input.get(start..)?.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return (i > 0).then_some((number, start + i));
        }
        if i == DIGITS_MAX {
            return None;
        }
        number = number * 10 + u32::from(digit);
    }
    None
}
