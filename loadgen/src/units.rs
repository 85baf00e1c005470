//! Quantities as people type them: byte sizes and ranges of sizes.

use std::str::FromStr;

/// A size in bytes, typed as `512`, `64k`, `1m` or `1g` (powers of 1024).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub usize);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, shift) = match text.as_bytes().last() {
            Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
            Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
            Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
            _ => (text, 0),
        };
        let number: usize = digits.parse().map_err(|_| format!("`{text}` is not a size such as 512, 64k or 1m"))?;
        number.checked_mul(1 << shift).map(Bytes).ok_or_else(|| format!("`{text}` is too large"))
    }
}

/// A constant size (`32`) or an inclusive range of sizes (`16-1k`), in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeRange {
    /// Smallest.
    pub min: usize,
    /// Largest.
    pub max: usize,
}

impl FromStr for SizeRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        let (min, max) = (min.parse::<Bytes>()?.0, max.parse::<Bytes>()?.0);
        if min > max {
            return Err(format!("`{text}`: the first size is the larger one"));
        }
        Ok(SizeRange { min, max })
    }
}

impl std::fmt::Display for SizeRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.min == self.max { write!(f, "{}", self.min) } else { write!(f, "{}-{}", self.min, self.max) }
    }
}

/// A share of all keys, typed as `1/100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    of: u64,
    all: u64,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(of, all)| Some((of.parse().ok()?, all.parse().ok()?)));
        match numbers {
            Some((of, all)) if 0 < of && of <= all => Ok(Share { of, all }),
            _ => Err(format!("`{text}` is not a share such as 1/100")),
        }
    }
}

impl Share {
    /// Whether something with this hash belongs to the share.
    pub fn takes(self, hash: u64) -> bool {
        u128::from(hash) * u128::from(self.all) < (u128::from(self.of) << 64)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.of, self.all)
    }
}

/// A number of bytes as a person reads it.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_take_their_part_of_the_hashes() {
        let share = |text: &str| text.parse::<Share>();
        let all = share("1/1").unwrap();
        assert!(all.takes(0) && all.takes(u64::MAX));
        let half = share("1/2").unwrap();
        assert!(half.takes(u64::MAX / 2) && !half.takes(u64::MAX / 2 + 1));
        assert_eq!(share("3/1000").unwrap().to_string(), "3/1000");
        for bad in ["0/5", "2/1", "1", "x/2", "1/0", "-1/2", "1/2/3"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_take_suffixes() {
        assert_eq!("512".parse(), Ok(Bytes(512)));
        assert_eq!("64k".parse(), Ok(Bytes(65536)));
        assert_eq!("1G".parse(), Ok(Bytes(1 << 30)));
        for bad in ["", "k", "-1", "1.5k", "99999999999999999999", "99999999999999999g", "é"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_are_inclusive_and_ordered() {
        assert_eq!("32".parse(), Ok(SizeRange { min: 32, max: 32 }));
        assert_eq!("0-1k".parse(), Ok(SizeRange { min: 0, max: 1024 }));
        assert!("9-3".parse::<SizeRange>().is_err());
    }
}
