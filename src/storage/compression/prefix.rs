//! The word in front of a compressed value: how long it was and how to get it back.

use super::Corrupt;

/// Bytes of the prefix.
pub(in crate::storage) const PREFIX_BYTES: usize = 4;

const LEN_BITS: u32 = 21;
const LEN_MASK: u32 = (1 << LEN_BITS) - 1;

const LZ4: u32 = 0;
const ZSTD: u32 = 1;
const FIRST_SLOT: u32 = 2;

/// How a value was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Coding {
    /// An LZ4 block.
    Lz4,
    /// A Zstandard frame.
    Zstd,
    /// A Zstandard frame that needs the dictionary in this slot.
    Dictionary(u8),
}

/// See the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) struct Prefix {
    /// Bytes of the value as it came.
    pub(in crate::storage) raw_len: usize,
    /// How it is stored.
    pub(in crate::storage) coding: Coding,
}

impl Prefix {
    /// The longest value that a prefix can name.
    pub(super) const RAW_LEN_MAX: usize = LEN_MASK as usize;

    /// The prefix at the start of a stored value.
    #[inline]
    pub(in crate::storage) fn read(stored: &[u8]) -> Result<Self, Corrupt> {
        let word: [u8; PREFIX_BYTES] = stored.get(..PREFIX_BYTES).and_then(|b| b.try_into().ok()).ok_or(Corrupt)?;
        let word = u32::from_le_bytes(word);
        let coding = match word >> LEN_BITS {
            LZ4 => Coding::Lz4,
            ZSTD => Coding::Zstd,
            slot => Coding::Dictionary(u8::try_from(slot - FIRST_SLOT).map_err(|_| Corrupt)?),
        };
        Ok(Prefix { raw_len: (word & LEN_MASK) as usize, coding })
    }

    /// Its bytes.
    pub(super) fn to_bytes(self) -> [u8; PREFIX_BYTES] {
        debug_assert!(self.raw_len <= Self::RAW_LEN_MAX);
        let coding = match self.coding {
            Coding::Lz4 => LZ4,
            Coding::Zstd => ZSTD,
            Coding::Dictionary(slot) => FIRST_SLOT + u32::from(slot),
        };
        (coding << LEN_BITS | self.raw_len as u32 & LEN_MASK).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_reads_back() {
        for coding in [Coding::Lz4, Coding::Zstd, Coding::Dictionary(0), Coding::Dictionary(u8::MAX)] {
            for raw_len in [0, 1, 300, 16 << 10, Prefix::RAW_LEN_MAX] {
                let prefix = Prefix { raw_len, coding };
                assert_eq!(Prefix::read(&prefix.to_bytes()), Ok(prefix));
            }
        }
        assert_eq!(Prefix::read(&[1, 2, 3]), Err(Corrupt));
        assert_eq!(Prefix::read(&[0xff; 4]), Err(Corrupt));
    }
}
