//! The commands that nearly all traffic is made of, in their plainest form: one space between arguments, digits
//! without sign, CRLF, and everything there. Whatever looks otherwise is left to the general path, which is slower and
//! gives the same answer; a test holds the two against each other.

use crate::command::{INLINE_VALUE_MAX, KEY_LEN_MAX, Request};
use crate::protocol::memcache::limits::LINE_LEN_MAX;
use crate::protocol::memcache::line::trim_start;
use crate::protocol::memcache::meta::{get_op, too_many_tokens};
use crate::protocol::memcache::meta_flags::MetaFlags;
use crate::protocol::memcache::scan::find_separator;
use crate::protocol::memcache::step::{Get, Read, Set, Step};

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
const CRLF: &[u8] = b"\r\n";

// The longest line that `set` takes is far below the limit, which it therefore need not check.
const _: () = assert!(VERB_LEN + KEY_LEN_MAX + 3 * (1 + DIGITS_MAX) + NOREPLY.len() + 2 < LINE_LEN_MAX);

/// `get <key>\r\n`.
#[inline(always)]
pub(super) fn get<'a>(input: &'a [u8], hash: impl Fn(&[u8]) -> u64) -> Option<Read<'a>> {
    Some(plain_get(input, hash)?.read(None, false))
}

/// The same, as a [`Get`].
#[inline(always)]
pub(super) fn plain_get<'a>(input: &'a [u8], hash: impl Fn(&[u8]) -> u64) -> Option<Get<'a>> {
    let end = find_separator(input, VERB_LEN)?;
    if input.get(end..end + 2)? != b"\r\n" {
        return None;
    }
    let key = key_between(input, VERB_LEN, end)?;
    Some(Get { hash: hash(key), key, last: true, consumed: end + 2 })
}

/// `set <key> <flags> <exptime> <bytes> [noreply]\r\n` and its value, if that is at most `value_len_max` long and here.
#[inline(always)]
pub(super) fn set<'a>(input: &'a [u8], value_len_max: u64, hash: impl Fn(&[u8]) -> u64) -> Option<Set<'a>> {
    let key_end = find_separator(input, VERB_LEN)?;
    let key = key_between(input, VERB_LEN, key_end)?;
    let (flags, at) = digits(input, key_end)?;
    let (exptime, at) = digits(input, at)?;
    let (value_len, mut at) = digits(input, at)?;
    let value_len = value_len as usize;
    if value_len > INLINE_VALUE_MAX || value_len as u64 > value_len_max {
        return None;
    }
    let noreply = input[at] == b' ';
    if noreply {
        at += NOREPLY.len();
        if input.get(at - NOREPLY.len()..at)? != NOREPLY {
            return None;
        }
    }
    let start = at + CRLF.len();
    let consumed = start + value_len + CRLF.len();
    let command = input.get(..consumed)?;
    let value = &command[start..start + value_len];
    if &command[at..start] != CRLF || &command[start + value_len..] != CRLF {
        return None;
    }
    Some(Set { hash: hash(key), key, flags, exptime, value, noreply, consumed })
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
#[inline(always)]
fn digits(input: &[u8], at: usize) -> Option<(u32, usize)> {
    let [b' ', first, second, third] = *input.get(at..)?.first_chunk()? else { return None };
    let digit = |byte: u8| byte.wrapping_sub(b'0');
    if digit(first) > 9 {
        return None;
    }
    // Most client flags and exptimes are of one digit, and most lengths of two or three.
    if digit(second) > 9 {
        return Some((u32::from(digit(first)), at + 2));
    }
    if digit(third) > 9 {
        return Some((u32::from(digit(first)) * 10 + u32::from(digit(second)), at + 3));
    }
    long_digits(input, at + 1)
}

#[inline(never)]
fn long_digits(input: &[u8], start: usize) -> Option<(u32, usize)> {
    let mut number = 0u32;
    for (i, byte) in input.get(start..)?.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Some((number, start + i));
        }
        if i == DIGITS_MAX {
            return None;
        }
        number = number * 10 + u32::from(digit);
    }
    None
}
