//! Numbers in decimal, as keys have them.

/// What [`eight_digits`] gives.
pub const DIGITS_AT_ONCE: usize = 8;

/// Writes a number into all of `digits`, the last of it if they are too few.
#[inline(always)] // Once a key.
pub fn write_digits(digits: &mut [u8], mut number: u64) {
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

    #[test]
    fn digits_are_those_of_the_number() {
        for number in (0..100_000_000).step_by(9_973).chain([99_999_999, 10_000, 9_999, 99, 100]) {
            assert_eq!(eight_digits(number), *format!("{number:08}").as_bytes());
        }
    }
}
