//! Finding where keys end, and the reads of many keys, which are scanned key by key.

use crate::command::{Exptime, KEY_LEN_MAX};
use crate::protocol::memcache::step::{Get, Read};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
const WORD: usize = size_of::<u64>();

/// Index of the first byte at or behind `from` that is a space or a control character below it.
#[inline]
pub(super) fn find_separator(input: &[u8], from: usize) -> Option<usize> {
    let (words, _) = input.get(from..)?.as_chunks::<WORD>();
    let mut at = from;
    for word in words {
        let found = separators(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += WORD;
    }
    // Fewer than a word is left. Look at the last word once more, with what is already seen made to look like text.
    if at < input.len() && input.len() >= WORD {
        let start = input.len() - WORD;
        let seen_bits = (at - start) as u32 * 8;
        let found = separators(word_at(input, start)? | (u64::MAX >> (u64::BITS - seen_bits)));
        return (found != 0).then(|| start + (found.trailing_zeros() / 8) as usize);
    }
    (at..input.len()).find(|&i| input[i] <= b' ')
}

/// The high bit of every byte at or below the space. Bytes above the lowest hit may be flagged wrongly by the
/// subtraction's borrow; only the lowest is used.
#[inline]
fn separators(word: u64) -> u64 {
    word.wrapping_sub(ONES * (b' ' as u64 + 1)) & !word & HIGHS
}

#[inline]
fn word_at(input: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*input.get(at..)?.first_chunk::<WORD>()?))
}

/// A place in the input at which a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenEnd {
    /// A space here.
    Space(usize),
    /// The line ends here; the next begins at the second place.
    Line(usize, usize),
}

/// Where the token at `from` ends; `None` if the input ends first. Control characters belong to a token, and so does
/// a CR that no newline follows.
#[inline(always)]
fn token_end(input: &[u8], from: usize) -> Option<TokenEnd> {
    let mut at = from;
    loop {
        at = find_separator(input, at)?;
        match input[at] {
            b' ' => return Some(TokenEnd::Space(at)),
            b'\n' => return Some(TokenEnd::Line(at, at + 1)),
            b'\r' if *input.get(at + 1)? == b'\n' => return Some(TokenEnd::Line(at, at + 2)),
            _ => at += 1,
        }
    }
}

/// Inside a read of several keys: the rest of its line, known to be whole and its keys known to be of good length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    pub(super) touch: Option<Exptime>,
    pub(super) with_cas: bool,
}

impl Keys {
    /// The next key at or behind `at`, and whether it was the last; `None` if the input ends first.
    #[inline(always)]
    pub(super) fn next<'a>(
        self,
        input: &'a [u8],
        at: usize,
        hash: impl Fn(&[u8]) -> u64,
    ) -> Option<(Read<'a>, /* last */ bool)> {
        let (get, last) = self.next_key(input, at, hash)?;
        Some((get.read(self.touch, self.with_cas), last))
    }

    /// The same, without how the keys are read.
    #[inline(always)]
    pub(super) fn next_key<'a>(
        self,
        input: &'a [u8],
        at: usize,
        hash: impl Fn(&[u8]) -> u64,
    ) -> Option<(Get<'a>, /* last */ bool)> {
        let start = skip_spaces(input, at);
        let end = token_end(input, start)?;
        let (end, consumed, last) = match end {
            TokenEnd::Line(end, next_line) => (end, next_line, true),
            // Nearly always another key follows, behind one space.
            TokenEnd::Space(end) if input.get(end + 1).is_some_and(|&next| next > b' ') => (end, end + 1, false),
            TokenEnd::Space(end) => {
                let next = skip_spaces(input, end);
                match input.get(next..) {
                    Some([b'\n', ..]) => (end, next + 1, true),
                    Some([b'\r', b'\n', ..]) => (end, next + 2, true),
                    Some([] | [b'\r']) | None => return None,
                    Some(_) => (end, next, false),
                }
            }
        };
        let key = &input[start..end];
        Some((Get { hash: hash(key), key, last, consumed }, last))
    }
}

/// Whether a list of keys has any, and whether all are short enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyList {
    Empty,
    TooLong,
    Good,
}

/// Looks at all keys of a line that has neither CR nor newline at its end. Not key by key: where a stretch of the longest
/// key's length and one byte more has a space, no key in it before the last space is too long.
pub(super) fn check_keys(text: &[u8]) -> KeyList {
    let mut rest = text;
    while let Some(stretch) = rest.get(..=KEY_LEN_MAX) {
        let Some(space) = memchr::memrchr(b' ', stretch) else { return KeyList::TooLong };
        rest = &rest[space + 1..];
    }
    if text.iter().any(|&byte| byte != b' ') { KeyList::Good } else { KeyList::Empty }
}

#[inline]
fn skip_spaces(input: &[u8], mut at: usize) -> usize {
    while input.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{KeyList, TokenEnd, check_keys, find_separator, token_end};

    #[test]
    fn separators_are_found_as_by_a_naive_scan() {
        // Every byte value at every place of every short input, among text and among bytes above 127.
        for filler in [b'a', b'!', 0x7f, 0x80, 0xa0, 0xff] {
            for len in 0..20 {
                for at in 0..len {
                    for byte in 0..=255u8 {
                        let mut input = vec![filler; len];
                        input[at] = byte;
                        for from in 0..=len {
                            let naive = (from..len).find(|&i| input[i] <= b' ');
                            assert_eq!(find_separator(&input, from), naive, "{input:?} from {from}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_lone_carriage_return_belongs_to_the_token() {
        assert_eq!(token_end(b"a\rb\r\n", 0), Some(TokenEnd::Line(3, 5)));
        assert_eq!(token_end(b"a\r\r\n", 0), Some(TokenEnd::Line(2, 4)));
        assert_eq!(token_end(b"a\x01 b\n", 0), Some(TokenEnd::Space(2)));
        assert_eq!(token_end(b"a\n", 0), Some(TokenEnd::Line(1, 2)));
        assert_eq!(token_end(b"a\r", 0), None);
    }

    #[test]
    fn key_lists() {
        let (fits, over) = ([b'k'; 250], [b'k'; 251]);
        assert_eq!(check_keys(b""), KeyList::Empty);
        assert_eq!(check_keys(b"   "), KeyList::Empty);
        assert_eq!(check_keys(b" a  b "), KeyList::Good);
        assert_eq!(check_keys(&fits), KeyList::Good);
        assert_eq!(check_keys(&over), KeyList::TooLong);
        assert_eq!(check_keys(&[&b"a "[..], &over, b" b"].concat()), KeyList::TooLong);
        // Keys and spaces of many lengths, against cutting the line into tokens.
        let mut state = 1u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((u128::from(state) * u128::from(n)) >> 64) as usize
        };
        for _ in 0..5000 {
            let mut text = Vec::new();
            for _ in 0..below(6) {
                let len = [1, 30, 249, 250, 251, 252][below(6)];
                text.resize(text.len() + len, b'k');
                text.resize(text.len() + below(4), b' ');
            }
            let longest = text.split(|&byte| byte == b' ').map(<[u8]>::len).max().unwrap_or(0);
            let naive = match longest {
                0 => KeyList::Empty,
                1..=250 => KeyList::Good,
                _ => KeyList::TooLong,
            };
            assert_eq!(check_keys(&text), naive, "{:?}", String::from_utf8_lossy(&text));
        }
    }
}
