//! The keys: a name, and the key's number in decimal, zero-padded to one common length.

use std::ops::Range;

/// Longest key in bytes that memcached accepts.
pub const KEY_LEN_MAX: usize = 250;

/// Keys numbered `0..count`, all `key_size` bytes long.
#[derive(Clone, Copy, Debug)]
pub struct Keyspace {
    count: u64,
    key_size: usize,
    digits: usize,
}

impl Keyspace {
    /// A key space; refused in words if the numbers do not fit into `key_size` bytes.
    pub fn new(count: u64, key_size: usize) -> Result<Self, String> {
        if count == 0 {
            return Err("at least one key is needed".into());
        }
        let digits = (count - 1).checked_ilog10().map_or(1, |log| log as usize + 1);
        if key_size > KEY_LEN_MAX {
            return Err(format!("a key has at most {KEY_LEN_MAX} bytes"));
        }
        if key_size < digits {
            return Err(format!("{count} keys need at least {digits} bytes each"));
        }
        Ok(Keyspace { count, key_size, digits })
    }

    /// Bytes of a key.
    pub fn key_size(&self) -> usize {
        self.key_size
    }

    /// Digits of a key's number.
    pub fn digits(&self) -> usize {
        self.digits
    }

    /// How many keys there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// A renderer for these keys, named `key` if there is room.
    pub fn renderer(&self) -> KeyRenderer {
        self.named(b"key")
    }

    /// A renderer whose keys begin with `name` if there is room for it.
    pub fn named(&self, name: &[u8]) -> KeyRenderer {
        let mut bytes = vec![b'0'; self.key_size];
        if self.key_size >= self.digits + name.len() {
            bytes[..name.len()].copy_from_slice(name);
        }
        KeyRenderer { digits_from: self.key_size - self.digits, digits_to: self.key_size, bytes }
    }
}

/// Writes keys, one at a time, into a buffer of its own: all but the digits stand there already.
#[derive(Clone, Debug)]
pub struct KeyRenderer {
    bytes: Vec<u8>,
    digits_from: usize,
    digits_to: usize,
}

/// Appends keys, each in a line of its own: all but the digits is a copy.
#[derive(Clone, Debug)]
pub struct LineRenderer {
    /// The same line, [`LINES`] times.
    lines: Vec<u8>,
    line_len: usize,
    /// Where the digits go; zeroes before them are taken for some, up to a length that is written at once.
    digits: Range<usize>,
}

/// Lines that are copied at once.
const LINES: usize = 64;

impl LineRenderer {
    /// Appends the lines of so many keys with the numbers that `next` gives, which must be below the key space's count.
    #[inline]
    pub fn append(&self, count: usize, mut next: impl FnMut() -> u64, out: &mut Vec<u8>) {
        let from = out.len();
        let mut left = count;
        while left > 0 {
            let some = left.min(LINES);
            out.extend_from_slice(&self.lines[..some * self.line_len]);
            left -= some;
        }
        // Where they are to be: what was just written in small pieces is slow to read in a large one.
        for line in out[from..].chunks_exact_mut(self.line_len) {
            write_digits(&mut line[self.digits.clone()], next());
        }
    }
}

impl KeyRenderer {
    /// A renderer of what `write` appends for a key, which must be the same for all but the key.
    pub fn lines(&mut self, write: impl Fn(&mut Vec<u8>, &[u8])) -> LineRenderer {
        let (mut line, mut other) = (Vec::new(), Vec::new());
        write(&mut line, self.render(0));
        // As many ones as there are digits: the two lines differ in all digits, and in nothing else.
        let ones = (self.digits_from..self.digits_to).fold(0, |number, _| number * 10 + 1);
        write(&mut other, self.render(ones));
        let mut differ = line.iter().zip(&other).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at);
        let from = differ.next().unwrap_or(line.len());
        let mut digits = from..differ.next_back().map_or(from, |last| last) + 1;
        let zeroes = line[..digits.start].iter().rev().take_while(|byte| **byte == b'0').count();
        let missing = digits.len().next_multiple_of(DIGITS_AT_ONCE) - digits.len();
        if missing <= zeroes {
            digits.start -= missing;
        }
        LineRenderer { line_len: line.len(), lines: line.repeat(LINES), digits }
    }

    /// The key with this number, `len` bytes long: at least its digits and the name, at most the key space's size.
    #[inline]
    pub fn render_sized(&mut self, number: u64, len: usize) -> &[u8] {
        if len != self.digits_to {
            let digits = self.digits_to - self.digits_from;
            let len = len.clamp(digits, self.bytes.len());
            // What the digits leave is padding again.
            self.bytes[self.digits_from..self.digits_to].fill(b'0');
            (self.digits_from, self.digits_to) = (len - digits, len);
        }
        self.render(number);
        &self.bytes[..self.digits_to]
    }

    /// The key with this number, which must be below the key space's count.
    #[inline]
    pub fn render(&mut self, number: u64) -> &[u8] {
        write_digits(&mut self.bytes[self.digits_from..self.digits_to], number);
        &self.bytes
    }
}

/// Writes a number into all of `digits`, the last of it if they are too few.
#[inline(always)] // Once a key.
fn write_digits(digits: &mut [u8], mut number: u64) {
    if let Ok(eight) = <&mut [u8; DIGITS_AT_ONCE]>::try_from(&mut *digits) {
        *eight = eight_digits((number % 100_000_000) as u32);
        return;
    }
    let mut chunks = digits.rchunks_exact_mut(DIGITS_AT_ONCE);
    for eight in &mut chunks {
        eight.copy_from_slice(&eight_digits((number % 100_000_000) as u32));
        number /= 100_000_000;
    }
    for digit in chunks.into_remainder().iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// What [`eight_digits`] gives.
const DIGITS_AT_ONCE: usize = 8;

/// The digits of a number below 10^8. Neither half waits for the other's divisions.
#[inline]
fn eight_digits(number: u32) -> [u8; DIGITS_AT_ONCE] {
    let (high, low) = (number / 10_000, number % 10_000);
    let pair = |below_100: u32| PAIRS[below_100 as usize % PAIRS.len()];
    let ([a, b], [c, d], [e, f], [g, h]) = (pair(high / 100), pair(high % 100), pair(low / 100), pair(low % 100));
    [a, b, c, d, e, f, g, h]
}

/// The digits of the numbers below 100; a power of two of them, so that an index needs no test.
const PAIRS: [[u8; 2]; 128] = {
    let mut pairs = [[b'0'; 2]; 128];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::scramble;

    #[test]
    fn keys_are_padded_to_one_length() {
        let mut keys = Keyspace::new(1_000_000, 24).unwrap().renderer();
        assert_eq!(keys.render(42), b"key000000000000000000042");
        assert_eq!(keys.render(999_999), b"key000000000000000999999");
        assert_eq!(keys.render(0), b"key000000000000000000000");
        let mut odd = Keyspace::new(101, 3).unwrap().renderer();
        assert_eq!(odd.render(100), b"100");
        assert_eq!(odd.render(7), b"007");
        assert_eq!(Keyspace::new(1, 1).unwrap().renderer().render(0), b"0");
    }

    #[test]
    fn lines_hold_the_same_keys() {
        for (count, key_size) in [(1_000_000, 24), (1_000_000, 6), (1_000_000, 9), (1, 250), (u64::MAX, 20), (101, 70)]
        {
            let mut keys = Keyspace::new(count, key_size).unwrap().renderer();
            let lines = keys.lines(|out, key| out.extend_from_slice(&[b"get 0", key, b"\r\n"].concat()));
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
    fn digits_are_those_of_the_number() {
        for number in (0..100_000_000).step_by(9_973).chain([99_999_999, 10_000, 9_999, 99, 100]) {
            assert_eq!(eight_digits(number), *format!("{number:08}").as_bytes());
        }
    }

    #[test]
    fn keys_of_many_lengths_are_all_different() {
        let mut keys = Keyspace::new(1000, 30).unwrap().named(b"user:");
        assert_eq!(keys.render_sized(7, 30), b"user:0000000000000000000000007");
        assert_eq!(keys.render_sized(999, 8), b"user:999");
        assert_eq!(keys.render_sized(999, 10), b"user:00999");
        assert_eq!(keys.render_sized(7, 30), b"user:0000000000000000000000007");
        let mut seen = std::collections::HashSet::new();
        for number in 0..1000 {
            let len = 8 + (scramble(number) % 23) as usize;
            let key = keys.render_sized(number, len).to_vec();
            assert_eq!(key.len(), len);
            assert!(seen.insert(key));
        }
    }

    #[test]
    fn a_keyspace_that_cannot_be_is_refused() {
        assert!(Keyspace::new(0, 10).is_err());
        assert!(Keyspace::new(1001, 3).is_err());
        assert!(Keyspace::new(1000, 3).is_ok());
        assert!(Keyspace::new(10, 251).is_err());
        assert!(Keyspace::new(u64::MAX, 20).is_ok());
    }
}
