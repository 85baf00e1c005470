//! Decimal numbers in and out of byte buffers.

/// Appends `number` in decimal.
#[inline]
pub fn push(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Reads a number from the head of `bytes`; gives it and the number of its digits (at least 1).
#[inline]
pub fn take(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0u64;
    let mut len = 0;
    // 19 digits cannot overflow; nearly all numbers are shorter.
    while len < 19
        && let Some(digit) = bytes.get(len).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10)
    {
        number = number * 10 + u64::from(digit);
        len += 1;
    }
    while let Some(digit) = bytes.get(len).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
        len += 1;
    }
    (len > 0).then_some((number, len))
}

/// Reads `bytes` as one number, wholly.
pub fn whole(bytes: &[u8]) -> Option<u64> {
    take(bytes).filter(|(_, len)| *len == bytes.len()).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_round_trip() {
        for number in [0, 9, 10, 12345, u64::MAX] {
            let mut out = Vec::new();
            push(&mut out, number);
            assert_eq!(whole(&out), Some(number));
        }
        assert_eq!(take(b"12 3"), Some((12, 2)));
        assert_eq!(take(b"x"), None);
        assert_eq!(whole(b"12 "), None);
        assert_eq!(whole(b"18446744073709551616"), None);
    }
}
