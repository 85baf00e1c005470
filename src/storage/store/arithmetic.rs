//! incr and decr, to the letter of memcached: what counts as a number is what its `strtoull` accepts, and a
//! shorter result is padded with spaces to the length that was there.

use super::{
    Arithmetic, ArithmeticArgs, NewCas, Store,
    sampled::Access,
    write::{NewItem, Old},
};
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        StoreError,
        item::{self, Marks, Room},
        location::Location,
    },
};

/// The longest decimal number below 2^64.
const DIGITS_MAX: usize = 20;

/// A number that starts later in its value than this is not looked for in a LARGE value.
const LARGE_NUMBER_BYTES_MAX: usize = 64;

impl Store {
    /// Adds to (wrapping at 2^64), or takes from (stopping at 0), the decimal number that is an item's value.
    /// Client flags stay, the CAS number changes.
    pub fn arithmetic(&mut self, hash: u64, key: &[u8], args: ArithmeticArgs, now: Seconds) -> Arithmetic {
        let Some((location, header)) = self.find_live(hash, key, now) else {
            return self.store_initial(hash, key, args, now);
        };
        let Ok(raw) = self.decompressed(location, header) else { return self.store_initial(hash, key, args, now) };
        let piece = raw.as_deref().unwrap_or_else(|| self.value_piece(location, 0));
        if piece.is_empty() {
            return Arithmetic::NonNumeric;
        }
        if args.cas.is_some_and(|cas| cas != 0 && self.item_cas(location, header) != Some(cas)) {
            return Arithmetic::Exists;
        }
        let len = if header.is_large() { piece.len().min(LARGE_NUMBER_BYTES_MAX) } else { piece.len() };
        let Some(number) = parse(&piece[..len]) else { return Arithmetic::NonNumeric };
        let value = if args.increment { number.wrapping_add(args.delta) } else { number.saturating_sub(args.delta) };
        let class = self.class_of_item(location, header);
        let counts = &mut self.commands[class.index()];
        *(if args.increment { &mut counts.incr_hits } else { &mut counts.decr_hits }) += 1;
        let location = match &raw {
            Some(raw) if !header.is_large() => self.store_decompressed(hash, location, raw, now),
            _ => Ok(location),
        };
        let Ok(location) = location else { return Arithmetic::OutOfMemory };
        let deadline = args.deadline.unwrap_or(header.deadline());
        let Ok(location) = self.set_deadline(hash, location, deadline, now) else { return Arithmetic::OutOfMemory };
        let mut buffer = [b' '; DIGITS_MAX];
        let digits = format(value, &mut buffer);
        let written = match header.is_large() {
            true => self.overwrite_large_number(hash, key, location, digits, args.new_cas, now),
            false => self.overwrite_number(hash, key, location, digits, args.new_cas, now),
        };
        let Some(cas) = written else { return Arithmetic::OutOfMemory };
        Arithmetic::Number { value, cas, deadline, deadline_before: header.deadline(), created: false }
    }

    fn store_initial(&mut self, hash: u64, key: &[u8], args: ArithmeticArgs, now: Seconds) -> Arithmetic {
        let Some((value, deadline)) = args.initial else { return Arithmetic::NotFound };
        let mut buffer = [b' '; DIGITS_MAX];
        let digits = format(value, &mut buffer);
        if !self.fits(key.len(), digits.len() as u64) {
            return Arithmetic::OutOfMemory;
        }
        let (new_cas, marks) = (args.new_cas, Marks::binary_key(args.binary_key));
        let new = NewItem { hash, key, flags: 0, deadline, new_cas, marks };
        let Ok((cas, _)) = self.store_inline(new, Old::Absent, digits, now) else { return Arithmetic::OutOfMemory };
        Arithmetic::Number { value, cas, deadline, deadline_before: Deadline::NEVER, created: true }
    }

    fn overwrite_number(
        &mut self,
        hash: u64,
        key: &[u8],
        location: Location,
        digits: &[u8],
        new_cas: NewCas,
        now: Seconds,
    ) -> Option<u64> {
        let header = self.slab.header(location);
        if digits.len() > header.value_len() {
            let new = self.successor_of(hash, key, location, new_cas);
            let stored = self.store_inline(new, Old::KeepOnFailure(location), digits, now);
            return stored.ok().map(|(cas, _)| cas);
        }
        let location = match (new_cas, self.widen_for(new_cas, hash, location, now)) {
            (_, Ok(location)) => location,
            (NewCas::Given(_), Err(_)) => return None,
            (NewCas::Unseen | NewCas::Next, Err(_)) => location,
        };
        let header = self.slab.header(location);
        let cas = if header.has_cas() || new_cas != NewCas::Unseen { self.cas_for(new_cas) } else { 0 };
        let chunk = self.slab.chunk_mut(location);
        if header.has_cas() {
            item::set_cas(header, chunk, cas);
        }
        let value = &mut chunk[header.value_offset()..header.item_len()];
        let (number, padding) = value.split_at_mut(digits.len());
        number.copy_from_slice(digits);
        padding.fill(b' ');
        // A use of the item, not a fetch; it stays stale or won if it is.
        item::note_access(header.with_frequency(header.frequency() + 1), chunk, now).write(chunk);
        self.sample(hash, Access::Write(location), now);
        Some(cas)
    }

    /// Makes room for a CAS number if one is to be seen, or kept, or told.
    fn widen_for(
        &mut self,
        new_cas: NewCas,
        hash: u64,
        location: Location,
        now: Seconds,
    ) -> Result<Location, StoreError> {
        let room = if new_cas == NewCas::Unseen { Room::NONE } else { Room::CAS };
        self.widen(hash, location, room, now)
    }

    /// What stays of an item whose value is written anew elsewhere. As in memcached, being stale or won does not.
    fn successor_of<'a>(&self, hash: u64, key: &'a [u8], location: Location, new_cas: NewCas) -> NewItem<'a> {
        let chunk = self.slab.chunk(location);
        let header = item::Header::read(chunk);
        let (flags, deadline) = (item::flags(header, chunk), header.deadline());
        NewItem { hash, key, flags, deadline, new_cas, marks: header.lasting_marks() }
    }

    /// A LARGE value that starts with a number: the number, and spaces for all the rest. Readers may hold the
    /// old value, so it is written anew.
    #[cold]
    fn overwrite_large_number(
        &mut self,
        hash: u64,
        key: &[u8],
        location: Location,
        digits: &[u8],
        new_cas: NewCas,
        now: Seconds,
    ) -> Option<u64> {
        let len = self.value_len(location, self.slab.header(location));
        let new = self.successor_of(hash, key, location, new_cas);
        self.protect(location);
        let filled = self.padded_upload(digits, len, now);
        self.unprotect(location);
        self.publish(new, Old::KeepOnFailure(location), filled?, now).ok()
    }

    fn padded_upload(&mut self, digits: &[u8], len: u64, now: Seconds) -> Option<crate::storage::large::Upload> {
        const SPACES: [u8; 4096] = [b' '; 4096];
        let mut upload = crate::storage::large::Upload::new(len);
        self.fill(&mut upload, digits, now).ok()?;
        while !upload.is_complete() {
            let part = SPACES.len().min((len - upload.written) as usize);
            self.fill(&mut upload, &SPACES[..part], now).ok()?;
        }
        Some(upload)
    }
}

/// What C's `strtoull` makes of the value, if white space or its end follows the digits: blanks and a sign may
/// lead. A negative number is accepted only if its two's complement is below 2^63, which memcached does.
fn parse(value: &[u8]) -> Option<u64> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = value.iter().position(|byte| !is_blank(byte))?;
    let (is_negative, rest) = match value[start] {
        b'-' => (true, &value[start + 1..]),
        b'+' => (false, &value[start + 1..]),
        _ => (false, &value[start..]),
    };
    let digits_len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits_len == 0 || rest.get(digits_len).is_some_and(|byte| !is_blank(byte)) {
        return None;
    }
    let magnitude = rest[..digits_len]
        .iter()
        .try_fold(0u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    if !is_negative {
        return Some(magnitude);
    }
    Some(magnitude.wrapping_neg()).filter(|number| number.cast_signed() >= 0)
}

/// Decimal digits of a number, at the end of the buffer.
fn format(mut number: u64, buffer: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut start = DIGITS_MAX;
    loop {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_strtoull_takes() {
        let max = u64::MAX.to_string();
        for (value, number) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("9  ", Some(9)),
            ("\t 12", Some(12)),
            ("+5", Some(5)),
            ("5 apples", Some(5)),
            (max.as_str(), Some(u64::MAX)),
            ("18446744073709551616", None),
            ("99999999999999999999999", None),
            ("00000000000000000000000000001", Some(1)),
            ("-1", None),
            ("-0", Some(0)),
            ("-18446744073709551615", Some(1)),
            ("", None),
            ("   ", None),
            ("x1", None),
            ("1x", None),
            ("- 1", None),
            ("1.5", None),
        ] {
            assert_eq!(parse(value.as_bytes()), number, "{value:?}");
        }
    }

    #[test]
    fn formatting_agrees_with_the_standard_library() {
        for number in [0, 9, 10, 12_345, u64::MAX] {
            assert_eq!(format(number, &mut [0; DIGITS_MAX]), number.to_string().as_bytes());
        }
    }
}
