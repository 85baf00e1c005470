//! The binary protocol (memcached's `doc/protocol-binary.txt`), as a load needs it.
//!
//! ```text
//! byte   0      1       2..4     4        5     6..8            8..12   12..16  16..24
//!        magic  opcode  key len  extras   0     vbucket/status  body    opaque  cas
//! body = extras, key, value
//! ```

use super::reply::{Parsed, Reply, Unparsable, Value};

/// Bytes before the body.
const HEADER: usize = 24;

const MAGIC_REQUEST: u8 = 0x80;
const MAGIC_RESPONSE: u8 = 0x81;

/// Longest text of an error that is waited for.
const ERROR_LEN_MAX: usize = 2048;

mod opcode {
    pub const GET: u8 = 0x00;
    pub const SET: u8 = 0x01;
    pub const ADD: u8 = 0x02;
    pub const REPLACE: u8 = 0x03;
    pub const DELETE: u8 = 0x04;
    pub const INCR: u8 = 0x05;
    pub const DECR: u8 = 0x06;
    pub const NOOP: u8 = 0x0a;
    pub const GETKQ: u8 = 0x0d;
    pub const APPEND: u8 = 0x0e;
    pub const PREPEND: u8 = 0x0f;
    pub const TOUCH: u8 = 0x1c;
    pub const GAT: u8 = 0x1d;
}

mod status {
    pub const OK: u16 = 0;
    pub const NOT_FOUND: u16 = 1;
    pub const EXISTS: u16 = 2;
    pub const TOO_LARGE: u16 = 3;
    pub const NOT_STORED: u16 = 5;
    pub const NON_NUMERIC: u16 = 6;
    pub const OUT_OF_MEMORY: u16 = 0x82;
}

/// What an error of status 3 is told as.
pub const TOO_LARGE: &[u8] = b"Too large";

/// What an error of status 6 is told as.
pub const NON_NUMERIC: &[u8] = b"Non-numeric server-side value for incr or decr";

/// What an error of status 0x82 is told as.
pub const OUT_OF_MEMORY: &[u8] = b"Out of memory";

/// An exptime of incr and decr that says: if there is no item, fail.
const DO_NOT_CREATE: u32 = u32::MAX;

fn header(opcode: u8, key_len: usize, extras: usize, value_len: usize, cas: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[0] = MAGIC_REQUEST;
    header[1] = opcode;
    header[2..4].copy_from_slice(&(key_len as u16).to_be_bytes());
    header[4] = extras as u8;
    header[8..12].copy_from_slice(&((extras + key_len + value_len) as u32).to_be_bytes());
    header[16..24].copy_from_slice(&cas.to_be_bytes());
    header
}

fn packet(out: &mut Vec<u8>, opcode: u8, extras: &[u8], key: &[u8]) {
    out.extend_from_slice(&header(opcode, key.len(), extras.len(), 0, 0));
    out.extend_from_slice(extras);
    out.extend_from_slice(key);
}

/// Appends a read of one key; every hit tells its cas number.
pub fn get(out: &mut Vec<u8>, key: &[u8]) {
    packet(out, opcode::GET, &[], key);
}

/// Appends a read that answers with the key, or not at all; a [`noop`] closes the group.
#[inline]
pub fn get_quiet(out: &mut Vec<u8>, key: &[u8]) {
    packet(out, opcode::GETKQ, &[], key);
}

/// Appends a noop.
#[inline]
pub fn noop(out: &mut Vec<u8>) {
    packet(out, opcode::NOOP, &[], &[]);
}

/// Appends a read that changes the exptime.
pub fn gat(out: &mut Vec<u8>, key: &[u8], exptime: u64) {
    packet(out, opcode::GAT, &(exptime as u32).to_be_bytes(), key);
}

/// Appends a set, or with a number other than 0 a cas.
#[inline]
pub fn set(out: &mut Vec<u8>, key: &[u8], exptime: u64, value: &[u8], cas: u64) {
    store(out, opcode::SET, key, exptime, value, cas);
}

/// Appends an add.
pub fn add(out: &mut Vec<u8>, key: &[u8], exptime: u64, value: &[u8]) {
    store(out, opcode::ADD, key, exptime, value, 0);
}

/// Appends a replace.
pub fn replace(out: &mut Vec<u8>, key: &[u8], exptime: u64, value: &[u8]) {
    store(out, opcode::REPLACE, key, exptime, value, 0);
}

/// Appends an append, or a prepend with `before`: they keep the item's exptime.
pub fn extend(out: &mut Vec<u8>, before: bool, key: &[u8], value: &[u8]) {
    let opcode = if before { opcode::PREPEND } else { opcode::APPEND };
    out.extend_from_slice(&header(opcode, key.len(), 0, value.len(), 0));
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

#[inline]
fn store(out: &mut Vec<u8>, opcode: u8, key: &[u8], exptime: u64, value: &[u8], cas: u64) {
    out.extend_from_slice(&header(opcode, key.len(), 8, value.len(), cas));
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(exptime as u32).to_be_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

/// Appends incr or decr.
pub fn arithmetic(out: &mut Vec<u8>, up: bool, key: &[u8], delta: u64) {
    let mut extras = [0; 20];
    extras[..8].copy_from_slice(&delta.to_be_bytes());
    extras[16..].copy_from_slice(&DO_NOT_CREATE.to_be_bytes());
    packet(out, if up { opcode::INCR } else { opcode::DECR }, &extras, key);
}

/// Appends a delete.
pub fn delete(out: &mut Vec<u8>, key: &[u8]) {
    packet(out, opcode::DELETE, &[], key);
}

/// Appends a touch.
pub fn touch(out: &mut Vec<u8>, key: &[u8], exptime: u64) {
    packet(out, opcode::TOUCH, &(exptime as u32).to_be_bytes(), key);
}

/// The reply at the head of `input`: of a value the bytes before it, of all others the whole packet.
#[inline]
pub fn parse(input: &[u8]) -> Parsed<'_> {
    let Some(head) = input.first_chunk::<HEADER>() else {
        return match input.first() {
            Some(magic) if *magic != MAGIC_RESPONSE => Err(Unparsable::new("not a binary reply", input)),
            _ => Ok(None),
        };
    };
    if head[0] != MAGIC_RESPONSE {
        return Err(Unparsable::new("not a binary reply", input));
    }
    let key_len = u16::from_be_bytes([head[2], head[3]]) as usize;
    let extras = head[4] as usize;
    let status = u16::from_be_bytes([head[6], head[7]]);
    let body = u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize;
    let cas = u64::from_be_bytes([head[16], head[17], head[18], head[19], head[20], head[21], head[22], head[23]]);
    if key_len + extras > body {
        return Err(Unparsable::new("a body shorter than its parts", input));
    }
    let reads = matches!(head[1], opcode::GET | opcode::GETKQ | opcode::GAT);
    if status == status::OK && reads {
        let value_at = HEADER + extras + key_len;
        let Some(key) = input.get(HEADER + extras..value_at) else { return Ok(None) };
        let value = Value { key, len: body - extras - key_len, cas: Some(cas) };
        return Ok(Some((Reply::Value(value), value_at)));
    }
    if body > ERROR_LEN_MAX {
        return Err(Unparsable::new("a body where none is due", input));
    }
    let Some(text) = input.get(HEADER + extras + key_len..HEADER + body) else { return Ok(None) };
    let reply = match (status, head[1]) {
        (status::OK, opcode::SET | opcode::ADD | opcode::REPLACE | opcode::APPEND | opcode::PREPEND) => Reply::Stored,
        (status::OK, opcode::DELETE) => Reply::Deleted,
        (status::OK, opcode::TOUCH) => Reply::Touched,
        (status::OK, opcode::NOOP) => Reply::Noop,
        (status::OK, opcode::INCR | opcode::DECR) => match text.try_into() {
            Ok(number) => Reply::Number(u64::from_be_bytes(number)),
            Err(_) => return Err(Unparsable::new("a number that is not of 8 bytes", input)),
        },
        (status::OK, _) => return Err(Unparsable::new("a reply to another opcode", input)),
        (status::NOT_FOUND, _) if reads => Reply::Miss,
        (status::NOT_FOUND, opcode::REPLACE) => Reply::NotStored,
        (status::NOT_FOUND, _) => Reply::NotFound,
        (status::EXISTS, opcode::ADD) | (status::NOT_STORED, _) => Reply::NotStored,
        (status::EXISTS, _) => Reply::Exists,
        // Servers word these as they like.
        (status::TOO_LARGE, _) => Reply::Refused(TOO_LARGE),
        (status::NON_NUMERIC, _) => Reply::Refused(NON_NUMERIC),
        (status::OUT_OF_MEMORY, _) => Reply::Refused(OUT_OF_MEMORY),
        _ => Reply::Refused(text),
    };
    Ok(Some((reply, HEADER + body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_literal() {
        let mut out = Vec::new();
        get(&mut out, b"ab");
        assert_eq!(out, b"\x80\x00\0\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0ab");
        out.clear();
        set(&mut out, b"k", 7, b"xyz", 9);
        assert_eq!(out, b"\x80\x01\0\x01\x08\0\0\0\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x07kxyz");
        out.clear();
        arithmetic(&mut out, false, b"n", 5);
        let extras = b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0\xff\xff\xff\xffn";
        assert_eq!(out[..12], *b"\x80\x06\0\x01\x14\0\0\0\0\0\0\x15");
        assert_eq!(out[HEADER..], *extras);
        out.clear();
        replace(&mut out, b"k", 7, b"xyz");
        assert_eq!(out, b"\x80\x03\0\x01\x08\0\0\0\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07kxyz");
        for (before, opcode) in [(false, 0x0e), (true, 0x0f)] {
            out.clear();
            extend(&mut out, before, b"k", b"xyz");
            assert_eq!(out[..12], [0x80, opcode, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4]);
            assert_eq!(out[HEADER..], *b"kxyz");
        }
        out.clear();
        touch(&mut out, b"n", 300);
        assert_eq!(out[HEADER..], *b"\0\0\x01\x2cn");
        out.clear();
        noop(&mut out);
        assert_eq!(out.len(), HEADER);
    }

    fn response(opcode: u8, status: u16, extras: &[u8], key: &[u8], value: &[u8], cas: u64) -> Vec<u8> {
        let mut packet = header(opcode, key.len(), extras.len(), value.len(), cas).to_vec();
        packet[0] = MAGIC_RESPONSE;
        packet[6..8].copy_from_slice(&status.to_be_bytes());
        [packet.as_slice(), extras, key, value].concat()
    }

    #[test]
    fn replies_wait_for_all_that_they_need() {
        let value = |key, len, cas| Reply::Value(Value { key, len, cas: Some(cas) });
        for (input, reply, used) in [
            (response(opcode::GET, 0, b"\0\0\0\0", b"", b"", 17), value(b"".as_slice(), 0, 17), 28),
            (response(opcode::GETKQ, 0, b"\0\0\0\0", b"abc", b"", 1), value(b"abc", 0, 1), 31),
            (response(opcode::GET, 1, b"", b"", b"Not found", 0), Reply::Miss, 33),
            (response(opcode::GAT, 1, b"", b"", b"", 0), Reply::Miss, 24),
            (response(opcode::SET, 0, b"", b"", b"", 4), Reply::Stored, 24),
            (response(opcode::SET, 2, b"", b"", b"Data exists", 0), Reply::Exists, 35),
            (response(opcode::ADD, 2, b"", b"", b"Data exists", 0), Reply::NotStored, 35),
            (response(opcode::REPLACE, 1, b"", b"", b"", 0), Reply::NotStored, 24),
            (response(opcode::APPEND, 5, b"", b"", b"", 0), Reply::NotStored, 24),
            (response(opcode::PREPEND, 0, b"", b"", b"", 6), Reply::Stored, 24),
            (response(opcode::SET, 3, b"", b"", b"", 0), Reply::Refused(b"Too large"), 24),
            (response(opcode::INCR, 6, b"", b"", b"?", 0), Reply::Refused(NON_NUMERIC), 25),
            (response(opcode::DELETE, 1, b"", b"", b"", 0), Reply::NotFound, 24),
            (response(opcode::DELETE, 0, b"", b"", b"", 0), Reply::Deleted, 24),
            (response(opcode::TOUCH, 0, b"\0\0\0\0", b"", b"", 0), Reply::Touched, 28),
            (response(opcode::INCR, 0, b"", b"", b"\0\0\0\0\0\0\x01\0", 0), Reply::Number(256), 32),
            (response(opcode::NOOP, 0, b"", b"", b"", 0), Reply::Noop, 24),
            (response(opcode::SET, 0x82, b"", b"", b"Out of memory", 0), Reply::Refused(b"Out of memory"), 37),
        ] {
            for cut in 0..input.len() {
                assert_eq!(parse(&input[..cut]), Ok(None), "{}", input[..cut].escape_ascii());
            }
            assert_eq!(parse(&input), Ok(Some((reply, used))), "{}", input.escape_ascii());
        }
        let long = response(opcode::GET, 0, b"\0\0\0\0", b"", &[b'x'; 5000], 3);
        assert_eq!(parse(&long[..28]), Ok(Some((value(b"", 5000, 3), 28))));
    }

    #[test]
    fn nonsense_is_refused() {
        let wrong_parts = {
            let mut packet = response(opcode::GET, 0, b"\0\0\0\0", b"", b"", 0);
            packet[11] = 3;
            packet
        };
        for bad in [
            b"VALUE k 0 1\r\n".to_vec(),
            b"\x80".to_vec(),
            wrong_parts,
            response(opcode::INCR, 0, b"", b"", b"1", 0),
            response(0x10, 0, b"", b"", b"", 0),
            response(opcode::SET, 0, b"", b"", &[b'x'; 5000], 0),
        ] {
            assert!(parse(&bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
