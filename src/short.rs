//! Copying and comparing keys and small values without a call: most are of some dozens of bytes, for which calling
//! `memcpy` or `memcmp` takes longer than the work. The bytes are taken from both ends, in pieces that may overlap:
//!
//! ```text
//!   24 bytes   |.... first 16 ....|
//!                      |.... last 16 ....|
//! ```
//!
//! It knows bytes and nothing else.

/// Copies all of `from` to `to`.
///
/// # Panics
/// If they are not of one length.
#[inline(always)]
pub fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        16..=32 => copy_ends::<16>(to, from),
        8..=15 => copy_ends::<8>(to, from),
        33..=64 => copy_ends::<32>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// For slices of `N` to 2`N` bytes.
#[inline(always)]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    assert!(to.len() == from.len(), "a copy is as long as its source");
    if let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
        to[..N].copy_from_slice(first);
        let at = to.len() - N;
        to[at..].copy_from_slice(last);
    }
}

/// Whether both are the same bytes.
#[inline(always)]
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && match one.len() {
            16..=32 => ends_equal_16(one, other),
            8..=15 => ends_equal_8(one, other),
            _ => one == other,
        }
}

/// For slices of one length, of 16 to 32 bytes.
#[inline(always)]
fn ends_equal_16(one: &[u8], other: &[u8]) -> bool {
    let differ = |one: Option<&[u8; 16]>, other: Option<&[u8; 16]>| match (one, other) {
        (Some(one), Some(other)) => u128::from_ne_bytes(*one) ^ u128::from_ne_bytes(*other),
        _ => u128::MAX,
    };
    differ(one.first_chunk(), other.first_chunk()) | differ(one.last_chunk(), other.last_chunk()) == 0
}

/// For slices of one length, of 8 to 15 bytes.
#[inline(always)]
fn ends_equal_8(one: &[u8], other: &[u8]) -> bool {
    let differ = |one: Option<&[u8; 8]>, other: Option<&[u8; 8]>| match (one, other) {
        (Some(one), Some(other)) => u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*other),
        _ => u64::MAX,
    };
    differ(one.first_chunk(), other.first_chunk()) | differ(one.last_chunk(), other.last_chunk()) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_comparisons_are_those_of_slices_at_every_length() {
        for len in 0..200 {
            let from: Vec<u8> = (0..len).map(|i| (i * 7 + len) as u8).collect();
            let mut to = vec![0xff; len];
            copy(&mut to, &from);
            assert_eq!(to, from);
            assert!(equal(&to, &from));
            for at in 0..len {
                to[at] ^= 1;
                assert!(!equal(&to, &from), "{len} bytes, of which number {at} differs");
                to[at] ^= 1;
            }
            assert!(len == 0 || !equal(&to[1..], &from) && !equal(&to, &from[..len - 1]));
        }
    }

    #[test]
    #[should_panic(expected = "as long as its source")]
    fn a_copy_of_another_length_is_refused() {
        copy(&mut [0; 20], &[0; 21]);
    }
}
