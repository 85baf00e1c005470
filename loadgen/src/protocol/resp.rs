//! RESP2, the protocol of Redis, Valkey and Dragonfly (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).
//!
//! Only what a cache is asked: `GET`, `MGET`, `SET`, `APPEND`, `INCRBY`, `DECRBY`, `DEL`, `EXPIRE` and `GETEX`. There is
//! no cas number and no prepend.

use super::{
    number,
    reply::{Parsed, Reply, Unparsable, Value, line},
};

/// Appends `$len` and the bytes.
#[inline]
fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    number::push(out, bytes.len() as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn bulk_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = Vec::with_capacity(20);
    number::push(&mut digits, number);
    bulk(out, &digits);
}

/// Appends a read of one key.
pub fn get(out: &mut Vec<u8>, key: &[u8]) {
    out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n");
    bulk(out, key);
}

/// Appends the head of a read of `count` keys; each follows by [`group_key`].
pub fn group_begin(out: &mut Vec<u8>, count: usize) {
    out.push(b'*');
    number::push(out, count as u64 + 1);
    out.extend_from_slice(b"\r\n$4\r\nMGET\r\n");
}

/// Appends one key of the group.
#[inline]
pub fn group_key(out: &mut Vec<u8>, key: &[u8]) {
    bulk(out, key);
}

/// Appends a read that changes the exptime; 0 is none.
pub fn gat(out: &mut Vec<u8>, key: &[u8], exptime: u64) {
    out.extend_from_slice(if exptime == 0 { b"*3\r\n$5\r\nGETEX\r\n" } else { b"*4\r\n$5\r\nGETEX\r\n" });
    bulk(out, key);
    if exptime == 0 {
        out.extend_from_slice(b"$7\r\nPERSIST\r\n");
    } else {
        out.extend_from_slice(b"$2\r\nEX\r\n");
        bulk_number(out, exptime);
    }
}

/// Of a set: only where there is no item.
pub const ONLY_NEW: Option<&[u8; 2]> = Some(b"NX");

/// Of a set: only where there is an item.
pub const ONLY_PRESENT: Option<&[u8; 2]> = Some(b"XX");

/// Appends a set, with a condition if there is one; where it does not hold the answer is null.
#[inline]
pub fn set(out: &mut Vec<u8>, key: &[u8], exptime: u64, value: &[u8], only: Option<&[u8; 2]>) {
    let words = 3 + u8::from(only.is_some()) + if exptime > 0 { 2 } else { 0 };
    out.extend_from_slice(&[b'*', b'0' + words]);
    out.extend_from_slice(b"\r\n$3\r\nSET\r\n");
    bulk(out, key);
    bulk(out, value);
    if let Some(only) = only {
        bulk(out, only);
    }
    if exptime > 0 {
        out.extend_from_slice(b"$2\r\nEX\r\n");
        bulk_number(out, exptime);
    }
}

/// Appends `APPEND`. Unlike memcached's command it makes an item where there is none.
pub fn append(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.extend_from_slice(b"*3\r\n$6\r\nAPPEND\r\n");
    bulk(out, key);
    bulk(out, value);
}

/// Appends `INCRBY` or `DECRBY`. Unlike memcached's commands they make an item where there is none.
pub fn arithmetic(out: &mut Vec<u8>, up: bool, key: &[u8], delta: u64) {
    out.extend_from_slice(if up { b"*3\r\n$6\r\nINCRBY\r\n" } else { b"*3\r\n$6\r\nDECRBY\r\n" });
    bulk(out, key);
    bulk_number(out, delta);
}

/// Appends `DEL`.
pub fn delete(out: &mut Vec<u8>, key: &[u8]) {
    out.extend_from_slice(b"*2\r\n$3\r\nDEL\r\n");
    bulk(out, key);
}

/// Appends `EXPIRE`; an exptime of 0 would delete.
pub fn touch(out: &mut Vec<u8>, key: &[u8], exptime: u64) {
    out.extend_from_slice(b"*3\r\n$6\r\nEXPIRE\r\n");
    bulk(out, key);
    bulk_number(out, exptime);
}

/// The reply at the head of `input`; of an array and of a value the line alone.
#[inline]
pub fn parse(input: &[u8]) -> Parsed<'_> {
    match input {
        [b'+', b'O', b'K', b'\r', b'\n', ..] => return Ok(Some((Reply::Stored, 5))),
        [b'$', rest @ ..] => {
            if let Some((len, digits)) = number::take(rest)
                && rest[digits..].starts_with(b"\r\n")
                && let Ok(len) = u32::try_from(len)
            {
                let value = Value { key: b"", len: len as usize, cas: None };
                return Ok(Some((Reply::Value(value), digits + 3)));
            }
        }
        _ => {}
    }
    other(input)
}

fn other(input: &[u8]) -> Parsed<'_> {
    let Some((text, used)) = line(input)? else { return Ok(None) };
    let reply = match text.split_first() {
        Some((b'$', b"-1")) => Reply::Miss,
        Some((b':', digits)) => {
            let (negative, digits) = digits.strip_prefix(b"-").map_or((false, digits), |digits| (true, digits));
            let number = number::whole(digits).and_then(|number| i64::try_from(number).ok());
            let Some(number) = number else { return Err(Unparsable::new("not an integer", text)) };
            Reply::Integer(if negative { -number } else { number })
        }
        Some((b'*', digits)) => {
            let count = number::whole(digits).and_then(|count| u32::try_from(count).ok());
            let Some(count) = count else { return Err(Unparsable::new("an array without a length", text)) };
            Reply::Array(count as usize)
        }
        Some((b'-', _)) => Reply::Refused(text),
        _ => return Err(Unparsable::new("not a RESP reply", text)),
    };
    Ok(Some((reply, used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_literal() {
        let mut out = Vec::new();
        let said = |out: &mut Vec<u8>| String::from_utf8(std::mem::take(out)).unwrap().replace("\r\n", " ");
        get(&mut out, b"abc");
        assert_eq!(said(&mut out), "*2 $3 GET $3 abc ");
        group_begin(&mut out, 2);
        group_key(&mut out, b"a");
        group_key(&mut out, b"b");
        assert_eq!(said(&mut out), "*3 $4 MGET $1 a $1 b ");
        set(&mut out, b"k", 0, b"xy", None);
        assert_eq!(said(&mut out), "*3 $3 SET $1 k $2 xy ");
        set(&mut out, b"k", 60, b"", ONLY_NEW);
        assert_eq!(said(&mut out), "*6 $3 SET $1 k $0  $2 NX $2 EX $2 60 ");
        set(&mut out, b"k", 0, b"x", ONLY_PRESENT);
        append(&mut out, b"k", b"y");
        assert_eq!(said(&mut out), "*4 $3 SET $1 k $1 x $2 XX *3 $6 APPEND $1 k $1 y ");
        gat(&mut out, b"k", 0);
        gat(&mut out, b"k", 5);
        assert_eq!(said(&mut out), "*3 $5 GETEX $1 k $7 PERSIST *4 $5 GETEX $1 k $2 EX $1 5 ");
        arithmetic(&mut out, true, b"n", 1);
        arithmetic(&mut out, false, b"n", 12);
        assert_eq!(said(&mut out), "*3 $6 INCRBY $1 n $1 1 *3 $6 DECRBY $1 n $2 12 ");
        delete(&mut out, b"n");
        touch(&mut out, b"n", 9);
        assert_eq!(said(&mut out), "*2 $3 DEL $1 n *3 $6 EXPIRE $1 n $1 9 ");
    }

    #[test]
    fn replies_wait_for_their_whole_line() {
        for (input, reply) in [
            (b"+OK\r\n".as_slice(), Reply::Stored),
            (b"$12\r\n", Reply::Value(Value { key: b"", len: 12, cas: None })),
            (b"$-1\r\n", Reply::Miss),
            (b":1\r\n", Reply::Integer(1)),
            (b":-7\r\n", Reply::Integer(-7)),
            (b"*3\r\n", Reply::Array(3)),
            (b"-OOM command not allowed\r\n", Reply::Refused(b"-OOM command not allowed")),
        ] {
            for cut in 0..input.len() {
                assert_eq!(parse(&input[..cut]), Ok(None), "{}", input[..cut].escape_ascii());
            }
            assert_eq!(parse(input), Ok(Some((reply, input.len()))));
        }
        let bad =
            [b"+PONG\r\n".as_slice(), b"$x\r\n", b"$-2\r\n", b":x\r\n", b"*-1\r\n", b"STORED\r\n", b"\r\n", b"$1\n"];
        for bad in bad {
            assert!(parse(bad).is_err(), "{}", bad.escape_ascii());
        }
        assert!(parse(b"$99999999999\r\n").is_err());
    }
}
