//! Decimal numbers as memcached reads them (the C library's `strtol` family): white space in front, a sign, digits,
//! then the end of the token or white space.

/// Why a token is not the number wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    /// It is not a number.
    Malformed,
    /// It is a number, but its magnitude is too large for the type.
    TooLarge,
    /// It is a number below zero where none may be.
    Negative,
}

/// An unsigned number of 64 bits.
pub(super) fn unsigned(token: &[u8]) -> Result<u64, NumberError> {
    match parse(token)? {
        (true, magnitude) if magnitude != 0 => Err(NumberError::Negative),
        (_, magnitude) => Ok(magnitude),
    }
}

/// An unsigned number of 32 bits.
pub(super) fn unsigned_32(token: &[u8]) -> Result<u32, NumberError> {
    u32::try_from(unsigned(token)?).map_err(|_| NumberError::TooLarge)
}

/// A signed number of 32 bits.
pub(super) fn signed_32(token: &[u8]) -> Result<i32, NumberError> {
    i32::try_from(signed(token)?).map_err(|_| NumberError::TooLarge)
}

/// A signed number of 64 bits.
pub(super) fn signed(token: &[u8]) -> Result<i64, NumberError> {
    let (negative, magnitude) = parse(token)?;
    let magnitude = i128::from(magnitude);
    i64::try_from(if negative { -magnitude } else { magnitude }).map_err(|_| NumberError::TooLarge)
}

fn parse(token: &[u8]) -> Result<(bool, u64), NumberError> {
    let start = token.iter().position(|&b| !is_space(b)).ok_or(NumberError::Malformed)?;
    let (negative, digits) = match token[start] {
        b'-' => (true, &token[start + 1..]),
        b'+' => (false, &token[start + 1..]),
        _ => (false, &token[start..]),
    };
    let count = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    if count == 0 || digits.get(count).is_some_and(|&b| !is_space(b)) {
        return Err(NumberError::Malformed);
    }
    let magnitude = digits[..count]
        .iter()
        .try_fold(0u64, |n, &digit| n.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .ok_or(NumberError::TooLarge)?;
    Ok((negative, magnitude))
}

/// White space to the C library, but for the space and the newline, which never reach a token.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x0b | 0x0c | b'\r')
}

#[cfg(test)]
mod tests {
    use super::NumberError::{Malformed, Negative, TooLarge};
    use super::{signed, unsigned, unsigned_32};

    #[test]
    fn plain_numbers() {
        assert_eq!(unsigned(b"0"), Ok(0));
        assert_eq!(unsigned(b"+7"), Ok(7));
        assert_eq!(unsigned(b"-0"), Ok(0));
        assert_eq!(unsigned(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(unsigned_32(b"4294967295"), Ok(u32::MAX));
        assert_eq!(signed(b"-9223372036854775808"), Ok(i64::MIN));
    }

    #[test]
    fn white_space_around_a_number_is_accepted_as_in_memcached() {
        assert_eq!(unsigned(b"\t5"), Ok(5));
        assert_eq!(unsigned(b"5\tx"), Ok(5));
        assert_eq!(signed(b"5\r"), Ok(5));
    }

    #[test]
    fn out_of_range() {
        assert_eq!(unsigned(b"18446744073709551616"), Err(TooLarge));
        assert_eq!(unsigned(b"-1"), Err(Negative));
        assert_eq!(unsigned_32(b"4294967296"), Err(TooLarge));
        assert_eq!(signed(b"9223372036854775808"), Err(TooLarge));
    }

    #[test]
    fn not_numbers() {
        for token in [&b""[..], b"-", b"+", b"\t", b"12abc", b"abc", b"0x10", b"1-", b"--1", b"1.5", b"5\0", b"\xff"] {
            assert_eq!(unsigned(token), Err(Malformed), "{token:?}");
            assert_eq!(signed(token), Err(Malformed), "{token:?}");
        }
    }
}
