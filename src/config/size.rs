//! The grammar of sizes: digits with an optional suffix `k`, `m`, `g` or `t` (powers of 1024, either case).

use super::ConfigError;

/// What a number without a suffix counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    MiB,
}

/// Reads `text`, the value of `option`, into bytes.
pub(super) fn parse(option: &'static str, text: &str, bare: Unit) -> Result<u64, ConfigError> {
    let refuse = |reason| ConfigError::Size { option, text: text.to_owned(), reason };
    let trimmed = text.trim();
    let (digits, shift) = match trimmed.as_bytes().last().map(u8::to_ascii_lowercase) {
        Some(b'k') => (&trimmed[..trimmed.len() - 1], 10),
        Some(b'm') => (&trimmed[..trimmed.len() - 1], 20),
        Some(b'g') => (&trimmed[..trimmed.len() - 1], 30),
        Some(b't') => (&trimmed[..trimmed.len() - 1], 40),
        _ if bare == Unit::MiB => (trimmed, 20),
        _ => (trimmed, 0),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse("write digits with an optional suffix k, m, g or t, such as 512m or 4g"));
    }
    let number: Option<u64> = digits.parse().ok();
    number.and_then(|n| n.checked_mul(1 << shift)).ok_or_else(|| refuse("that is more than 64 bits can count"))
}

/// `bytes` in the shortest form that [`parse`] reads back, always with a suffix where one divides it.
pub(super) fn format(bytes: u64) -> String {
    for (suffix, shift) in [('g', 30), ('m', 20), ('k', 10)] {
        if bytes != 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{suffix}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// `bytes` for a reader: MiB or GiB with one decimal.
pub(super) fn human(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;
    match bytes {
        b if b >= GIB && b.is_multiple_of(GIB) => format!("{} GiB", b / GIB),
        b if b >= 4 * GIB => format!("{:.1} GiB", b as f64 / GIB as f64),
        b if b >= MIB && b.is_multiple_of(MIB) => format!("{} MiB", b / MIB),
        b if b >= MIB => format!("{:.1} MiB", b as f64 / MIB as f64),
        b if b >= 1024 && b.is_multiple_of(1024) => format!("{} KiB", b / 1024),
        b => format!("{b} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_counts_the_units_of_its_flag() {
        assert_eq!(parse("-m", "64", Unit::MiB).unwrap(), 64 << 20);
        assert_eq!(parse("-I", "2048", Unit::Bytes).unwrap(), 2048);
    }

    #[test]
    fn suffixes_win_over_the_unit() {
        for unit in [Unit::MiB, Unit::Bytes] {
            assert_eq!(parse("-m", "512m", unit).unwrap(), 512 << 20);
            assert_eq!(parse("-m", "4G", unit).unwrap(), 4 << 30);
            assert_eq!(parse("-m", "100K", unit).unwrap(), 100 << 10);
            assert_eq!(parse("-m", " 1t ", unit).unwrap(), 1 << 40);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "m", "-1", "+1", "1.5g", "1mb", "0x10", "1 m", "18446744073709551616", "99999999999t", "1é"] {
            assert!(parse("-m", bad, Unit::Bytes).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn format_reads_back() {
        for bytes in [0, 1, 1000, 1024, 1 << 20, 3 << 29, 5 << 30, u64::MAX] {
            assert_eq!(parse("-m", &format(bytes), Unit::Bytes).unwrap(), bytes);
        }
    }
}
