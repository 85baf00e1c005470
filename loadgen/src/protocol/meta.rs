//! The meta protocol: `mg`, `ms`, `ma`, `md` and `mn` as a load needs them (memcached's `doc/protocol.txt`, "Meta
//! Commands").

use super::{
    number,
    reply::{Parsed, Reply, Unparsable, Value, line, refused},
};

/// Appends a read that answers `VA` or `EN`.
pub fn get(out: &mut Vec<u8>, key: &[u8]) {
    one_key(out, b"mg ", key);
    out.extend_from_slice(b" v\r\n");
}

/// Appends a read that answers `VA` with the key, or nothing; a [`noop`] closes the group.
#[inline]
pub fn get_quiet(out: &mut Vec<u8>, key: &[u8]) {
    out.extend_from_slice(b"mg ");
    out.extend_from_slice(key);
    out.extend_from_slice(b" k q v\r\n");
}

/// Appends `mn`.
#[inline]
pub fn noop(out: &mut Vec<u8>) {
    out.extend_from_slice(b"mn\r\n");
}

/// Appends a read of one key that tells the cas number.
pub fn gets(out: &mut Vec<u8>, key: &[u8]) {
    one_key(out, b"mg ", key);
    out.extend_from_slice(b" v c\r\n");
}

/// Appends a read that changes the exptime.
pub fn gat(out: &mut Vec<u8>, key: &[u8], exptime: u64) {
    one_key(out, b"mg ", key);
    out.extend_from_slice(b" v T");
    number::push(out, exptime);
    out.extend_from_slice(b"\r\n");
}

/// Appends a set that answers `HD`.
#[inline]
pub fn set(out: &mut Vec<u8>, key: &[u8], exptime: u64, value: &[u8]) {
    store(out, key, exptime, value, |_| {});
}

/// Appends a set that answers `NS` where there is an item.
pub fn add(out: &mut Vec<u8>, key: &[u8], exptime: u64, value: &[u8]) {
    store(out, key, exptime, value, |out| out.extend_from_slice(b" ME"));
}

/// Appends a set that answers `NS` where there is no item.
pub fn replace(out: &mut Vec<u8>, key: &[u8], exptime: u64, value: &[u8]) {
    store(out, key, exptime, value, |out| out.extend_from_slice(b" MR"));
}

/// Appends an append, or a prepend with `before`: they keep the item's exptime and answer `NS` where there is none.
pub fn extend(out: &mut Vec<u8>, before: bool, key: &[u8], value: &[u8]) {
    store(out, key, 0, value, |out| out.extend_from_slice(if before { b" MP" } else { b" MA" }));
}

/// Appends a set that answers `EX` where the number is another one, `NF` where there is no item.
pub fn cas(out: &mut Vec<u8>, key: &[u8], exptime: u64, value: &[u8], cas: u64) {
    store(out, key, exptime, value, |out| {
        out.extend_from_slice(b" C");
        number::push(out, cas);
    });
}

#[inline]
fn store(out: &mut Vec<u8>, key: &[u8], exptime: u64, value: &[u8], flags: impl FnOnce(&mut Vec<u8>)) {
    one_key(out, b"ms ", key);
    out.push(b' ');
    number::push(out, value.len() as u64);
    if exptime > 0 {
        out.extend_from_slice(b" T");
        number::push(out, exptime);
    }
    flags(out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends incr or decr; both answer `HD`.
pub fn arithmetic(out: &mut Vec<u8>, up: bool, key: &[u8], delta: u64) {
    one_key(out, b"ma ", key);
    out.extend_from_slice(if up { b" D" } else { b" MD D" });
    number::push(out, delta);
    out.extend_from_slice(b"\r\n");
}

/// Appends an incr that answers with the number, as a value.
pub fn incr_told(out: &mut Vec<u8>, key: &[u8], delta: u64) {
    one_key(out, b"ma ", key);
    out.extend_from_slice(b" v D");
    number::push(out, delta);
    out.extend_from_slice(b"\r\n");
}

/// Appends a delete.
pub fn delete(out: &mut Vec<u8>, key: &[u8]) {
    one_key(out, b"md ", key);
    out.extend_from_slice(b"\r\n");
}

/// Appends a touch: a read without the value.
pub fn touch(out: &mut Vec<u8>, key: &[u8], exptime: u64) {
    one_key(out, b"mg ", key);
    out.extend_from_slice(b" T");
    number::push(out, exptime);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn one_key(out: &mut Vec<u8>, verb: &[u8; 3], key: &[u8]) {
    out.extend_from_slice(verb);
    out.extend_from_slice(key);
}

/// The reply at the head of `input`.
#[inline]
pub fn parse(input: &[u8]) -> Parsed<'_> {
    if let Some(rest) = input.strip_prefix(b"VA ")
        && let Some((len, digits)) = number::take(rest)
        && rest[digits..].starts_with(b"\r\n")
        && let Ok(len) = u32::try_from(len)
    {
        let value = Value { key: b"", len: len as usize, cas: None };
        return Ok(Some((Reply::Value(value), 3 + digits + 2)));
    }
    if input.starts_with(b"HD\r\n") {
        return Ok(Some((Reply::Stored, 4)));
    }
    if input.starts_with(b"EN\r\n") {
        return Ok(Some((Reply::Miss, 4)));
    }
    other(input)
}

fn other(input: &[u8]) -> Parsed<'_> {
    let Some((text, used)) = line(input)? else { return Ok(None) };
    let mut tokens = text.split(|b| *b == b' ');
    let reply = match tokens.next() {
        Some(b"VA") => {
            let len = tokens.next().and_then(number::whole).and_then(|len| u32::try_from(len).ok());
            let Some(len) = len else { return Err(Unparsable::new("a value without a length", text)) };
            let mut value = Value { key: b"", len: len as usize, cas: None };
            for flag in tokens {
                match flag.split_first() {
                    Some((b'k', key)) => value.key = key,
                    Some((b'c', cas)) => value.cas = number::whole(cas),
                    _ => {}
                }
            }
            Reply::Value(value)
        }
        Some(b"HD") => Reply::Stored,
        Some(b"EN") => Reply::Miss,
        Some(b"NS") => Reply::NotStored,
        Some(b"EX") => Reply::Exists,
        Some(b"NF") => Reply::NotFound,
        Some(b"MN") => Reply::Noop,
        _ => match refused(text) {
            Some(reply) => reply,
            None => return Err(Unparsable::new("not a meta reply", text)),
        },
    };
    Ok(Some((reply, used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_literal() {
        let mut out = Vec::new();
        get_quiet(&mut out, b"b");
        noop(&mut out);
        set(&mut out, b"c", 0, b"xy");
        assert_eq!(out, b"mg b k q v\r\nmn\r\nms c 2\r\nxy\r\n".as_slice());
        out.clear();
        gets(&mut out, b"a");
        gat(&mut out, b"a", 9);
        touch(&mut out, b"a", 0);
        assert_eq!(out, b"mg a v c\r\nmg a v T9\r\nmg a T0\r\n".as_slice());
        out.clear();
        set(&mut out, b"a", 60, b"");
        add(&mut out, b"a", 0, b"x");
        cas(&mut out, b"a", 5, b"y", 77);
        assert_eq!(out, b"ms a 0 T60\r\n\r\nms a 1 ME\r\nx\r\nms a 1 T5 C77\r\ny\r\n".as_slice());
        out.clear();
        replace(&mut out, b"a", 9, b"z");
        extend(&mut out, false, b"a", b"x");
        extend(&mut out, true, b"a", b"x");
        incr_told(&mut out, b"n", 1);
        assert_eq!(out, b"ms a 1 T9 MR\r\nz\r\nms a 1 MA\r\nx\r\nms a 1 MP\r\nx\r\nma n v D1\r\n".as_slice());
        out.clear();
        arithmetic(&mut out, true, b"n", 3);
        arithmetic(&mut out, false, b"n", 3);
        delete(&mut out, b"n");
        assert_eq!(out, b"ma n D3\r\nma n MD D3\r\nmd n\r\n".as_slice());
    }

    #[test]
    fn replies_wait_for_their_whole_line() {
        let value = |key, len, cas| Reply::Value(Value { key, len, cas });
        for (input, reply) in [
            (b"VA 32\r\n".as_slice(), value(b"".as_slice(), 32, None)),
            (b"VA 2 kabc c17\r\n", value(b"abc", 2, Some(17))),
            (b"HD\r\n", Reply::Stored),
            (b"HD c4\r\n", Reply::Stored),
            (b"EN\r\n", Reply::Miss),
            (b"NS\r\n", Reply::NotStored),
            (b"MN\r\n", Reply::Noop),
            (b"SERVER_ERROR x\r\n", Reply::Refused(b"SERVER_ERROR x")),
        ] {
            for cut in 0..input.len() {
                assert_eq!(parse(&input[..cut]), Ok(None), "{}", input[..cut].escape_ascii());
            }
            assert_eq!(parse(input), Ok(Some((reply, input.len()))));
        }
        for bad in [b"VA\r\n".as_slice(), b"VA x\r\n", b"VALUE k 0 1\r\n", b"OK\r\n", b"VA 99999999999\r\n"] {
            assert!(parse(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
