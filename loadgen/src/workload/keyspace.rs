//! The keys: a name, and the key's number in decimal, zero-padded to one common length.

use super::digits::write_digits;

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

impl KeyRenderer {
    /// Two numbers whose keys differ in every digit, and in nothing else.
    pub(super) fn opposites(&self) -> [u64; 2] {
        [0, (self.digits_from..self.digits_to).fold(0, |number, _| number * 10 + 1)]
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
