//! Values that tell where they belong, so that any reader can judge them alone.
//!
//! A value is empty or a row of records; set writes one, every append adds one. All numbers are little-endian:
//!
//! ```text
//! 0        8          12            16         24
//! | key u64 | version u32 | payload u32 | checksum u64 | payload ... |
//! ```
//!
//! The payload follows from key and version, so it is compared as a whole; the checksum covers the other fields.

use crate::workload::{Rng, scramble};

/// Bytes of a record before its payload.
pub const HEADER: usize = 24;

/// Different payloads start at one of this many offsets into a common block.
const OFFSETS: u64 = 4096;

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongValue {
    /// It ends within a record.
    Truncated,
    /// A checksum does not match its record.
    Checksum,
    /// A payload is not the one that was written.
    Payload,
    /// It was written under another key, with this number.
    ForeignKey(u64),
    /// A record is older than the one before it.
    Disordered,
}

/// Writes and verifies values.
#[derive(Debug)]
pub struct ValueCodec {
    block: Vec<u8>,
}

impl ValueCodec {
    /// A codec for records of at most `size_max` bytes. Both sides of a check use the same seed.
    pub fn new(size_max: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed, u64::MAX);
        let words = (size_max + OFFSETS as usize) / 8 + 1;
        // Any byte occurs, CR and LF among them: lengths alone must delimit a value.
        let block = (0..words).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
        ValueCodec { block }
    }

    /// Appends a record of `size` bytes, which is at least [`HEADER`].
    pub fn write(&self, out: &mut Vec<u8>, key: u64, version: u32, size: usize) {
        let len = size.saturating_sub(HEADER);
        out.extend_from_slice(&key.to_le_bytes());
        out.extend_from_slice(&version.to_le_bytes());
        out.extend_from_slice(&(len as u32).to_le_bytes());
        out.extend_from_slice(&checksum(key, version, len as u32).to_le_bytes());
        out.extend_from_slice(self.payload(key, version, len));
    }

    /// The version of the last record; `None` for an empty value.
    pub fn verify(&self, value: &[u8], key: u64) -> Result<Option<u32>, WrongValue> {
        let mut rest = value;
        let mut last = None;
        while !rest.is_empty() {
            let Some((header, body)) = rest.split_at_checked(HEADER) else { return Err(WrongValue::Truncated) };
            let number = |from: usize, len: usize| {
                header[from..from + len].iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte))
            };
            let (written, version, len) = (number(0, 8), number(8, 4) as u32, number(12, 4) as u32);
            if number(16, 8) != checksum(written, version, len) {
                return Err(WrongValue::Checksum);
            }
            if written != key {
                return Err(WrongValue::ForeignKey(written));
            }
            let Some((payload, after)) = body.split_at_checked(len as usize) else {
                return Err(WrongValue::Truncated);
            };
            if payload != self.payload(key, version, payload.len()) {
                return Err(WrongValue::Payload);
            }
            if last.is_some_and(|last| last >= version) {
                return Err(WrongValue::Disordered);
            }
            last = Some(version);
            rest = after;
        }
        Ok(last)
    }

    fn payload(&self, key: u64, version: u32, len: usize) -> &[u8] {
        let start = (scramble(key ^ u64::from(version) << 32) % OFFSETS) as usize;
        let end = (start + len).min(self.block.len());
        &self.block[start..end]
    }
}

fn checksum(key: u64, version: u32, len: u32) -> u64 {
    scramble(scramble(key) ^ (u64::from(version) << 32 | u64::from(len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(codec: &ValueCodec, records: &[(u64, u32, usize)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (key, version, size) in records {
            codec.write(&mut out, *key, *version, *size);
        }
        out
    }

    #[test]
    fn what_was_written_is_accepted() {
        let codec = ValueCodec::new(100_000, 7);
        assert_eq!(codec.verify(b"", 5), Ok(None));
        for size in [HEADER, HEADER + 1, 1000, 100_000] {
            let bytes = value(&codec, &[(5, 9, size)]);
            assert_eq!(bytes.len(), size);
            assert_eq!(codec.verify(&bytes, 5), Ok(Some(9)));
        }
        assert_eq!(codec.verify(&value(&codec, &[(5, 1, 50), (5, 2, 24), (5, 7, 90)]), 5), Ok(Some(7)));
    }

    #[test]
    fn every_kind_of_damage_is_found() {
        let codec = ValueCodec::new(1000, 7);
        let good = value(&codec, &[(5, 1, 60), (5, 2, 60)]);
        for cut in 1..good.len() {
            if cut != 60 {
                assert!(codec.verify(&good[..cut], 5).is_err(), "{cut}");
            }
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(codec.verify(&bad, 5).is_err(), "{at}");
        }
        assert_eq!(codec.verify(&good, 6), Err(WrongValue::ForeignKey(5)));
        assert_eq!(codec.verify(&value(&codec, &[(5, 2, 60), (5, 1, 60)]), 5), Err(WrongValue::Disordered));
        assert_eq!(codec.verify(&value(&codec, &[(5, 2, 60), (5, 2, 60)]), 5), Err(WrongValue::Disordered));
    }
}
