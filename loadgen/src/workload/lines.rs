//! Requests that differ in their keys only, many at a time: copies of one block of them, into which the keys' digits are
//! written where they are to be. (What was just written in small pieces is slow to read in a large one.)

use std::ops::Range;

use super::{
    digits::{DIGITS_AT_ONCE, write_digits},
    keyspace::KeyRenderer,
};

/// Lines of a block, unless they are long.
const LINES: usize = 64;

/// Bytes of a block at most, unless one line is longer.
const BLOCK_MAX: usize = 16 << 10;

/// Appends what a protocol has for a key, for one key after the other.
#[derive(Clone, Debug)]
pub struct LineRenderer {
    /// The same line, again and again.
    block: Vec<u8>,
    line_len: usize,
    /// Where the digits go; zeroes before them are taken for some, up to a length that is written at once.
    digits: Range<usize>,
}

impl LineRenderer {
    /// A renderer of what `write` appends for one of `keys`, which must be the same for all but the key.
    pub fn new(keys: &mut KeyRenderer, write: impl Fn(&mut Vec<u8>, &[u8])) -> Self {
        let [line, other] = keys.opposites().map(|number| {
            let mut line = Vec::new();
            write(&mut line, keys.render(number));
            line
        });
        let mut digits = differing(&line, &other);
        let zeroes = line[..digits.start].iter().rev().take_while(|byte| **byte == b'0').count();
        let missing = digits.len().next_multiple_of(DIGITS_AT_ONCE) - digits.len();
        if missing <= zeroes {
            digits.start -= missing;
        }
        let lines = (BLOCK_MAX / line.len()).clamp(1, LINES);
        LineRenderer { block: line.repeat(lines), line_len: line.len(), digits }
    }

    /// Appends the lines of so many keys, whose numbers `next` gives; they must be below the key space's count.
    #[inline]
    pub fn append(&self, count: usize, mut next: impl FnMut() -> u64, out: &mut Vec<u8>) {
        self.append_and(count, |_| next(), out);
    }

    /// The same; `finish` is shown each line, may write to it, and gives the key's number.
    #[inline]
    fn append_and(&self, count: usize, mut finish: impl FnMut(&mut [u8]) -> u64, out: &mut Vec<u8>) {
        let from = out.len();
        let mut left = count * self.line_len;
        while left > 0 {
            let some = left.min(self.block.len());
            out.extend_from_slice(&self.block[..some]);
            left -= some;
        }
        for line in out[from..].chunks_exact_mut(self.line_len) {
            let number = finish(line);
            write_digits(&mut line[self.digits.clone()], number);
        }
    }
}

/// The same for a request with a value, of one length for all keys.
#[derive(Clone, Debug)]
pub struct StoreRenderer {
    lines: LineRenderer,
    /// Where the value goes.
    value: Range<usize>,
}

impl StoreRenderer {
    /// A renderer of what `write` appends for one of `keys` with a value of `value_len` bytes; the rest must be the same for
    /// all of them. `None` if copying the value twice would cost more than it saves.
    pub fn new(
        keys: &mut KeyRenderer,
        value_len: usize,
        write: impl Fn(&mut Vec<u8>, &[u8], &[u8]),
    ) -> Option<StoreRenderer> {
        /// Bytes of a value.
        const VALUE_MAX: usize = 256;
        if value_len > VALUE_MAX {
            return None;
        }
        let [line, other] = [0, u8::MAX].map(|byte| {
            let mut line = Vec::new();
            write(&mut line, keys.render(0), &vec![byte; value_len]);
            line
        });
        let lines = LineRenderer::new(keys, |out, key| write(out, key, &vec![0; value_len]));
        Some(StoreRenderer { lines, value: differing(&line, &other) })
    }

    /// Appends the requests of so many keys, whose numbers `next` gives, with the values that `value` gives them.
    #[inline]
    pub fn append<'a>(
        &self,
        count: usize,
        mut next: impl FnMut() -> u64,
        value: impl Fn(u64) -> &'a [u8],
        out: &mut Vec<u8>,
    ) {
        let finish = |line: &mut [u8]| {
            let number = next();
            line[self.value.clone()].copy_from_slice(value(number));
            number
        };
        self.lines.append_and(count, finish, out);
    }
}

/// From the first to the last byte in which the two differ.
fn differing(a: &[u8], b: &[u8]) -> Range<usize> {
    let differ = |at: &usize| a[*at] != b[*at];
    let all = 0..a.len().min(b.len());
    all.clone().find(differ).map_or(0..0, |first| first..all.rev().find(differ).map_or(first, |last| last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Keyspace;

    #[test]
    fn lines_hold_the_same_keys() {
        for (count, key_size) in [(1_000_000, 24), (1_000_000, 6), (1_000_000, 9), (1, 250), (u64::MAX, 20), (101, 70)]
        {
            let mut keys = Keyspace::new(count, key_size).unwrap().renderer();
            let lines =
                LineRenderer::new(&mut keys, |out, key| out.extend_from_slice(&[b"get 0", key, b"\r\n"].concat()));
            let mut out = b"other".to_vec();
            for number in [0, 7, 42, 100, count / 3, count - 1] {
                let number = number % count;
                out.truncate(5);
                lines.append(1, || number, &mut out);
                assert_eq!(out, [b"otherget 0", keys.render(number), b"\r\n"].concat(), "{number} of {count}");
            }
        }
    }

    #[test]
    fn many_lines_are_as_many_of_one() {
        let mut keys = Keyspace::new(10_000, 24).unwrap().renderer();
        let write = |out: &mut Vec<u8>, key: &[u8]| out.extend_from_slice(&[b"get ", key, b"\r\n"].concat());
        let lines = LineRenderer::new(&mut keys, write);
        for count in [0, 1, LINES - 1, LINES, 3 * LINES + 1] {
            let (mut out, mut expected) = (Vec::new(), Vec::new());
            let mut number = 0;
            lines.append(
                count,
                || {
                    number += 7;
                    number
                },
                &mut out,
            );
            (1..=count as u64).for_each(|n| write(&mut expected, keys.render(n * 7)));
            assert!(out == expected, "{count} lines: {}", out.escape_ascii());
        }
    }

    #[test]
    fn values_are_written_where_they_are_to_be() {
        let mut keys = Keyspace::new(1000, 9).unwrap().renderer();
        let write = |out: &mut Vec<u8>, key: &[u8], value: &[u8]| {
            out.extend_from_slice(&[b"0", key, b"0", value, b"\r\n"].concat());
        };
        let values = ["", "0", "\0\u{7f}", "00000000000000000"].map(str::as_bytes);
        for value in values {
            let stores = StoreRenderer::new(&mut keys, value.len(), write).unwrap();
            let (mut out, mut expected) = (b"x".to_vec(), b"x".to_vec());
            let mut number = 100;
            stores.append(
                3,
                || {
                    number += 1;
                    number
                },
                |_| value,
                &mut out,
            );
            (101..104).for_each(|n| write(&mut expected, keys.render(n), value));
            assert_eq!(out, expected, "{value:?}");
        }
        assert!(StoreRenderer::new(&mut keys, 257, write).is_none());
    }
}
