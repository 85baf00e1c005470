//! Packets that are not carried out.

use super::{OPAQUE, lying, packet, response};
use crate::command::{Op, StoreMode};
use crate::protocol::memcache::binary::header::HEADER_LEN;
use crate::protocol::memcache::{Need, Parser, REQUEST_LEN_MAX, Refusal, Status, Step};

const PARSER: Parser = Parser::new(1 << 20);
const VALUE_OVER: u32 = (1 << 20) + 1;

fn next(input: &[u8]) -> Step<'_> {
    PARSER.next_binary(input, |key| key.len() as u64)
}

/// Refused by its head alone, with this status, and the connection is closed.
fn closes(head: &[u8], wanted: Status) {
    let head = &head[..HEADER_LEN];
    match next(head) {
        Step::RefusedPacket { refusal, consumed: HEADER_LEN, swallow: 0, close: true } => {
            assert_eq!(refusal, Refusal { opcode: head[1], opaque: OPAQUE, status: wanted }, "{head:?}");
        }
        other => panic!("{other:?} for {head:?}"),
    }
}

#[test]
fn a_body_too_short_for_its_parts_is_refused_for_every_opcode() {
    for opcode in 0..=255 {
        for (key_len, extras_len, body_len) in [(1, 0, 0), (0, 1, 0), (3, 8, 10), (65_535, 255, 65_535), (250, 8, 257)]
        {
            closes(&lying(opcode, 0, key_len, extras_len, body_len), Status::UnknownCommand);
        }
    }
}

#[test]
fn a_key_too_long_is_refused_for_every_opcode() {
    for opcode in 0..=255 {
        for key_len in [251, 256, 65_535] {
            closes(&lying(opcode, 0, key_len, 8, u32::from(key_len) + 8), Status::InvalidArguments);
        }
    }
}

#[test]
fn parts_that_a_command_does_not_take_are_refused() {
    // Opcode, then lengths of extras, key and value.
    type Shape = (u8, u16, u32);
    let cases: &[(&[u8], &[Shape])] = &[
        (&[0x00, 0x09, 0x0c, 0x0d, 0x04, 0x14], &[(0, 0, 0), (4, 1, 0), (0, 1, 1)]),
        (&[0x01, 0x02, 0x03, 0x11, 0x12, 0x13], &[(8, 0, 0), (8, 0, 1), (0, 1, 1), (4, 1, 1), (12, 1, 0)]),
        (&[0x05, 0x06, 0x15, 0x16], &[(20, 0, 0), (0, 1, 0), (8, 1, 0), (20, 1, 1)]),
        (&[0x0e, 0x0f, 0x19, 0x1a], &[(0, 0, 0), (0, 0, 1), (8, 1, 1)]),
        (&[0x1c, 0x1d, 0x1e, 0x23, 0x24], &[(4, 0, 0), (0, 1, 0), (8, 1, 0), (4, 1, 1)]),
        (&[0x07, 0x17, 0x0a, 0x0b, 0x20], &[(0, 1, 0), (4, 0, 0), (0, 0, 1)]),
        (&[0x08, 0x18], &[(0, 1, 0), (2, 0, 0), (8, 0, 0), (4, 0, 1), (0, 0, 4)]),
        (&[0x10], &[(4, 0, 0), (4, 5, 0), (0, 5, 1)]),
        (&[0x21, 0x22], &[(0, 0, 0), (1, 1, 0), (0, 0, 7)]),
    ];
    for (opcodes, shapes) in cases {
        for opcode in *opcodes {
            for (extras, key, value) in *shapes {
                let body_len = u32::from(*extras) + u32::from(*key) + value;
                closes(&lying(*opcode, 0, *key, *extras, body_len), Status::InvalidArguments);
            }
        }
    }
}

#[test]
fn what_is_not_known_is_skipped_to_its_end() {
    let known = |opcode| matches!(opcode, 0..=0x1a | 0x1c..=0x1e | 0x23 | 0x24);
    for opcode in (0..=255).filter(|opcode| !known(*opcode)) {
        // Authentication is not served; its opcodes are checked for their shape all the same.
        let (extras_len, key_len, body_len) = match opcode {
            0x20 => (0, 0, 0),
            0x21 | 0x22 => (0, 5, 20),
            _ => (9, 5, u32::MAX),
        };
        match next(&lying(opcode, 0, key_len, extras_len, body_len)) {
            Step::RefusedPacket { refusal, consumed: HEADER_LEN, swallow, close: false } => {
                assert_eq!(refusal, Refusal { opcode, opaque: OPAQUE, status: Status::UnknownCommand });
                assert_eq!(swallow, u64::from(body_len));
            }
            other => panic!("{other:?} for {opcode:#x}"),
        }
    }
}

#[test]
fn a_value_too_large_is_skipped_and_takes_the_old_one_with_it_where_it_would_have_replaced_it() {
    for value_len in [VALUE_OVER, i32::MAX as u32, u32::MAX - 11] {
        for (opcode, wanted) in [
            (0x01, StoreMode::Set),
            (0x11, StoreMode::Set),
            (0x02, StoreMode::Add),
            (0x12, StoreMode::Add),
            (0x03, StoreMode::Replace),
            (0x13, StoreMode::Replace),
        ] {
            // memcached looks at the CAS number only once the value is there.
            for cas in [0, 5] {
                let bytes = [&lying(opcode, cas, 3, 8, value_len + 11)[..], &[0; 8], b"key"].concat();
                assert!(matches!(next(&bytes[..bytes.len() - 1]), Step::Incomplete { .. }));
                match next(&bytes) {
                    Step::Request { request, consumed, swallow, .. } => {
                        assert!(matches!(request.op, Op::RefusedStore(mode) if mode == wanted));
                        assert_eq!((request.key, consumed, swallow), (&b"key"[..], bytes.len(), u64::from(value_len)));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        for opcode in [0x0e, 0x0f, 0x19, 0x1a] {
            let bytes = [&lying(opcode, 0, 3, 0, value_len + 3)[..], b"key"].concat();
            match next(&bytes) {
                Step::RefusedPacket { refusal, consumed, swallow, close: false } => {
                    assert_eq!(refusal.status, Status::TooLarge);
                    assert_eq!((consumed, swallow), (bytes.len(), u64::from(value_len)));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn anything_but_a_request_closes_without_a_word() {
    for magic in (0..=255u8).filter(|magic| *magic != 0x80) {
        let mut bytes = packet(0x0a, 0, b"", b"", b"");
        bytes[0] = magic;
        for len in [1, 10, bytes.len()] {
            assert!(matches!(next(&bytes[..len]), Step::Refused { reply: b"", consumed: 1, swallow: 0, close: true }));
        }
    }
}

/// No head makes a connection wait for more than its bound.
#[test]
fn what_is_waited_for_is_bounded() {
    let mut most = 0;
    for opcode in 0..=255 {
        for key_len in [0, 1, 250, 251, 65_535] {
            for extras_len in [0, 4, 8, 20, 255] {
                for value_len in [0, 1, 16_384, 16_385, 1 << 20, VALUE_OVER] {
                    let body_len = u32::from(key_len) + u32::from(extras_len) + value_len;
                    let mut bytes = lying(opcode, 0, key_len, extras_len, body_len);
                    while let Step::Incomplete { need: Need::Bytes(total) } = next(&bytes) {
                        assert!(total > bytes.len() && total <= REQUEST_LEN_MAX);
                        most = most.max(total);
                        bytes.resize(total, 0);
                    }
                }
            }
        }
    }
    assert_eq!(most, HEADER_LEN + 8 + 250 + 16_384);
}

#[test]
fn a_refusal_in_words() {
    let words = [
        (Status::KeyNotFound, 0x01, "Not found"),
        (Status::KeyExists, 0x02, "Data exists for key."),
        (Status::TooLarge, 0x03, "Too large."),
        (Status::InvalidArguments, 0x04, "Invalid arguments"),
        (Status::NotStored, 0x05, "Not stored."),
        (Status::NonNumeric, 0x06, "Non-numeric server-side value for incr or decr"),
        (Status::AuthError, 0x20, "Auth failure."),
        (Status::UnknownCommand, 0x81, "Unknown command"),
        (Status::OutOfMemory, 0x82, "Out of memory"),
    ];
    for (status, code, text) in words {
        let mut out = b"before".to_vec();
        Refusal { opcode: 0x31, opaque: OPAQUE, status }.encode(&mut out);
        assert_eq!(out[6..], response(0x31, code, 0, b"", b"", text.as_bytes()));
    }
}
