//! Every reply to every command.

use super::{OPAQUE, response};
use crate::command::{Hit, Number, Reply, Value};
use crate::protocol::memcache::{Encoded, Form, FormTag, encode, encode_tail};

const NUMBER: Number = Number { value: 0x0102, cas: 77, ttl_seconds: None, created: false };

fn answer(opcode: u8, reply: &Reply<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let form = Form::text(FormTag::Binary { opcode, opaque: OPAQUE });
    assert_eq!(encode(form, b"key", reply, &mut out), Encoded::Done);
    out
}

/// The answer without value, of a status and words.
fn words(opcode: u8, status: u16, text: &str) -> Vec<u8> {
    response(opcode, status, 0, b"", b"", text.as_bytes())
}

fn hit(value: Value<'_>) -> Reply<'_> {
    Reply::Hit(Hit { flags: 0x0a0b_0c0d, ..Hit::of(9, value) })
}

#[test]
fn a_head_byte_by_byte() {
    let wanted: &[u8] =
        b"\x81\x0c\x00\x03\x04\x00\x00\x00\x00\x00\x00\x09\xde\xad\xbe\xef\x00\x00\x00\x00\x00\x00\x00\x09\
          \x0a\x0b\x0c\x0dkeyva";
    assert_eq!(answer(0x0c, &hit(Value::Inline(b"va"))), wanted);
}

#[test]
fn hits_of_quiet_reads_are_told_and_misses_are_not() {
    for (opcode, quiet, key) in [
        (0x00, false, ""),
        (0x09, true, ""),
        (0x0c, false, "key"),
        (0x0d, true, "key"),
        (0x1d, false, ""),
        (0x1e, true, ""),
        (0x23, false, "key"),
        (0x24, true, "key"),
    ] {
        let found = response(opcode, 0, 9, &[10, 11, 12, 13], key.as_bytes(), b"value");
        assert_eq!(answer(opcode, &hit(Value::Inline(b"value"))), found);
        let missed = match (quiet, key) {
            (true, _) => Vec::new(),
            (false, "") => words(opcode, 1, "Not found"),
            (false, key) => response(opcode, 1, 0, b"", key.as_bytes(), b""),
        };
        assert_eq!(answer(opcode, &Reply::Miss), missed);
        assert_eq!(answer(opcode, &Reply::OutOfMemory), words(opcode, 0x82, "Out of memory"));
    }
}

#[test]
fn a_pinned_value_follows_its_head_and_nothing_follows_it() {
    for (opcode, key) in [(0x00, ""), (0x0d, "key")] {
        let form = Form::text(FormTag::Binary { opcode, opaque: OPAQUE });
        let mut out = Vec::new();
        let reply = hit(Value::Pinned { len: 5, pin: 1 });
        assert_eq!(encode(form, b"key", &reply, &mut out), Encoded::ValueFollows);
        out.extend_from_slice(b"value");
        encode_tail(form, &mut out);
        assert_eq!(out, response(opcode, 0, 9, &[10, 11, 12, 13], key.as_bytes(), b"value"));
    }
}

#[test]
fn stores() {
    let stored = Reply::Stored { cas: 0x0102_0304_0506_0708, value_len: 1 };
    let not_stored = |opcode, plain| match plain {
        0x02 => words(opcode, 2, "Data exists for key."),
        0x03 => words(opcode, 1, "Not found"),
        _ => words(opcode, 5, "Not stored."),
    };
    for (plain, quiet) in [(0x01, 0x11), (0x02, 0x12), (0x03, 0x13), (0x0e, 0x19), (0x0f, 0x1a)] {
        assert_eq!(answer(plain, &stored), response(plain, 0, 0x0102_0304_0506_0708, b"", b"", b""));
        assert_eq!(answer(quiet, &stored), b"");
        for opcode in [plain, quiet] {
            let too_large = if plain > 0x03 { words(opcode, 5, "Not stored.") } else { words(opcode, 3, "Too large.") };
            assert_eq!(answer(opcode, &Reply::NotStored), not_stored(opcode, plain));
            assert_eq!(answer(opcode, &Reply::Exists), words(opcode, 2, "Data exists for key."));
            assert_eq!(answer(opcode, &Reply::NotFound), words(opcode, 1, "Not found"));
            assert_eq!(answer(opcode, &Reply::TooLarge), too_large);
            assert_eq!(answer(opcode, &Reply::OutOfMemory), words(opcode, 0x82, "Out of memory allocating item"));
        }
    }
}

#[test]
fn deletions_touches_and_counters() {
    assert_eq!(answer(0x04, &Reply::Deleted), words(0x04, 0, ""));
    assert_eq!(answer(0x14, &Reply::Deleted), b"");
    let touched = Reply::Touched { cas: 9, flags: 7 };
    assert_eq!(answer(0x1c, &touched), response(0x1c, 0, 9, &[0, 0, 0, 7], b"", b""));
    for (plain, quiet) in [(0x05, 0x15), (0x06, 0x16)] {
        assert_eq!(answer(plain, &Reply::Number(NUMBER)), response(plain, 0, 77, b"", b"", &[0, 0, 0, 0, 0, 0, 1, 2]));
        assert_eq!(answer(quiet, &Reply::Number(NUMBER)), b"");
        for opcode in [plain, quiet] {
            let non_numeric = words(opcode, 6, "Non-numeric server-side value for incr or decr");
            assert_eq!(answer(opcode, &Reply::NonNumeric), non_numeric);
            assert_eq!(answer(opcode, &Reply::NotStored), words(opcode, 5, "Not stored."));
            assert_eq!(answer(opcode, &Reply::OutOfMemory), words(opcode, 0x82, "Out of memory incrementing value"));
        }
    }
    for opcode in [0x04, 0x14, 0x1c, 0x05, 0x15, 0x06, 0x16] {
        assert_eq!(answer(opcode, &Reply::NotFound), words(opcode, 1, "Not found"));
        assert_eq!(answer(opcode, &Reply::Exists), words(opcode, 2, "Data exists for key."));
    }
}
