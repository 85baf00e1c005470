//! Keys in base64 (meta flag `b`), read as memcached reads them: bytes outside of the alphabet are skipped, what counts
//! is whole groups of four, and the first group with padding is the last one looked at.

use crate::command::KEY_LEN_MAX;

/// Longest key that base64 of at most [`KEY_LEN_MAX`] bytes, the limit of a token, can spell.
pub const DECODED_KEY_LEN_MAX: usize = KEY_LEN_MAX / GROUP_LEN * GROUP_BYTES;

/// Letters of a group, and the bytes they spell.
const GROUP_LEN: usize = 4;
const GROUP_BYTES: usize = 3;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PADDING: u8 = b'=';

/// Room for a decoded key, which cannot borrow from the line.
pub struct KeyRoom([u8; DECODED_KEY_LEN_MAX]);

impl KeyRoom {
    /// Empty room.
    pub const fn new() -> KeyRoom {
        KeyRoom([0; DECODED_KEY_LEN_MAX])
    }

    /// The key that a token spells; empty if it spells none, which the parser does not let pass.
    pub fn decode(&mut self, token: &[u8]) -> &[u8] {
        let len = decode(token, &mut self.0).unwrap_or(0);
        &self.0[..len]
    }
}

impl Default for KeyRoom {
    fn default() -> Self {
        KeyRoom::new()
    }
}

/// Whether a token of at most [`KEY_LEN_MAX`] bytes spells a key.
pub(super) fn is_key(token: &[u8]) -> bool {
    !KeyRoom::new().decode(token).is_empty()
}

fn decode(token: &[u8], room: &mut [u8; DECODED_KEY_LEN_MAX]) -> Option<usize> {
    let letters = token.iter().filter(|letter| value(**letter).is_some()).count();
    if letters == 0 || letters % GROUP_LEN != 0 || letters > KEY_LEN_MAX {
        return None;
    }
    let mut len = 0;
    let (mut group, mut count, mut padding) = (0u32, 0, 0);
    for &letter in token {
        let Some(bits) = value(letter) else { continue };
        group = group << 6 | bits;
        count += 1;
        padding += usize::from(letter == PADDING);
        if count == GROUP_LEN {
            room[len..len + GROUP_BYTES].copy_from_slice(&group.to_be_bytes()[1..]);
            len += GROUP_BYTES;
            if padding > 0 {
                return (padding < GROUP_BYTES).then(|| len - padding);
            }
            (group, count) = (0, 0);
        }
    }
    Some(len)
}

/// The six bits of a letter. Padding stands for zeros.
fn value(letter: u8) -> Option<u32> {
    let bits = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        PADDING => 0,
        _ => return None,
    };
    Some(u32::from(bits))
}

/// Appends a key in base64, padded.
pub(super) fn encode(key: &[u8], out: &mut Vec<u8>) {
    for bytes in key.chunks(GROUP_BYTES) {
        let mut group = [0; 4];
        group[1..=bytes.len()].copy_from_slice(bytes);
        let group = u32::from_be_bytes(group);
        for letter in 0..GROUP_LEN {
            let bits = (group >> (18 - 6 * letter)) as usize & 63;
            out.push(if letter > bytes.len() { PADDING } else { ALPHABET[bits] });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyRoom, encode, is_key};

    fn decoded(token: &str) -> Vec<u8> {
        KeyRoom::new().decode(token.as_bytes()).to_vec()
    }

    #[test]
    fn every_length_and_byte_comes_back() {
        for len in 1..=187usize {
            for fill in [0u8, 1, 0x7f, 0x80, 0xff] {
                let key: Vec<u8> = (0..len).map(|i| fill.wrapping_add((i * 7) as u8)).collect();
                let mut token = Vec::new();
                encode(&key, &mut token);
                assert_eq!(token.len(), len.div_ceil(3) * 4);
                if token.len() <= 250 {
                    assert_eq!(KeyRoom::new().decode(&token), key, "{len}");
                }
            }
        }
    }

    #[test]
    fn known_answers() {
        for (token, key) in
            [("Zm9v", "foo"), ("YQ==", "a"), ("YWI=", "ab"), ("c3AgYWNl", "sp ace"), ("++//", "\u{fb}\u{ef}\u{ff}")]
        {
            let bytes: Vec<u8> = key.chars().map(|c| c as u8).collect();
            assert_eq!(decoded(token), bytes);
            let mut encoded = Vec::new();
            encode(&bytes, &mut encoded);
            assert_eq!(encoded, token.as_bytes());
        }
    }

    /// Each as memcached 1.6.18 takes it.
    #[test]
    fn sloppy_base64_is_read_as_memcached_reads_it() {
        assert_eq!(decoded("YR=="), b"a");
        assert_eq!(decoded("YQ$=="), b"a");
        assert_eq!(decoded("Zm9v$"), b"foo");
        assert_eq!(decoded("YQ==YQ=="), b"a");
        assert_eq!(decoded("Y=Q="), b"`");
        assert_eq!(decoded("YQ=a"), b"a\0");
        for token in ["", "Y", "YQ", "YQ=", "Zm9vYQ", "$$$", "====", "Y===", "YQ===YQ", "a-_/"] {
            assert!(!is_key(token.as_bytes()), "{token}");
        }
    }

    #[test]
    fn a_token_beyond_the_limit_is_refused_without_panic() {
        assert!(!is_key(&[b'A'; 252]));
        assert!(!is_key(&[b'A'; 4096]));
        assert!(is_key(&[b'A'; 248]));
    }
}
