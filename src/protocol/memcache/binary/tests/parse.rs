//! Good packets of every opcode.

use super::{OPAQUE, packet};
use crate::command::{ArithmeticMode, CasCheck, Exptime, Initial, Op, Payload, Request, Store, StoreMode, Touch};
use crate::protocol::memcache::{Admin, AdminForm, FormTag, Need, Parser, Step};

const PARSER: Parser = Parser::new(1 << 20);

fn next(input: &[u8]) -> Step<'_> {
    PARSER.next_binary(input, |key| key.len() as u64)
}

/// The request of a packet, which must be taken whole, must say how to answer it, and must wait for its last byte.
fn request(packet: &[u8]) -> Request<'_> {
    for len in 0..packet.len() {
        match next(&packet[..len]) {
            Step::Incomplete { need: Need::Bytes(total) } => assert!(total > len && total <= packet.len()),
            other => panic!("{other:?} after {len} bytes"),
        }
    }
    match next(packet) {
        Step::Request { request, form, consumed, swallow: 0 } => {
            assert_eq!(form.tag, FormTag::Binary { opcode: packet[1], opaque: OPAQUE });
            assert_eq!((form.meta, consumed), (&b""[..], packet.len()));
            assert_eq!(request.hash, request.key.len() as u64);
            request
        }
        other => panic!("{other:?}"),
    }
}

fn store(request: Request<'_>) -> Store<'_> {
    match request.op {
        Op::Store(store) => store,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads() {
    for opcode in [0x00, 0x09, 0x0c, 0x0d] {
        let packet = packet(opcode, 0, b"", b"some\r\nkey ", b"");
        let request = request(&packet);
        assert!(matches!(request.op, Op::Gets), "{opcode:#x}");
        assert_eq!(request.key, b"some\r\nkey ");
    }
    for opcode in [0x1d, 0x1e, 0x23, 0x24] {
        let packet = packet(opcode, 0, &0xffff_fff0_u32.to_be_bytes(), &[b'k'; 250], b"");
        let request = request(&packet);
        // An exptime has no sign here.
        assert!(
            matches!(request.op, Op::GetAndTouch(Touch { exptime: Exptime(0xffff_fff0), with_cas: true })),
            "{opcode:#x}"
        );
        assert_eq!(request.key.len(), 250);
    }
    let touch = packet(0x1c, 0, &60u32.to_be_bytes(), b"k", b"");
    assert!(matches!(request(&touch).op, Op::Touch(Touch { exptime: Exptime(60), with_cas: true })));
}

#[test]
fn stores() {
    let extras = [0x01, 0x02, 0x03, 0x04, 0, 0, 0, 99];
    let modes = [(0x01, StoreMode::Set), (0x02, StoreMode::Add), (0x03, StoreMode::Replace)];
    for (opcode, mode) in modes.into_iter().flat_map(|(opcode, mode)| [(opcode, mode), (opcode + 0x10, mode)]) {
        for value in [&b"\x80\0\r\nvalue"[..], b""] {
            let bytes = packet(opcode, 0, &extras, b"k", value);
            let store = store(request(&bytes));
            assert_eq!((store.mode, store.flags, store.exptime), (mode, 0x0102_0304, Exptime(99)));
            assert_eq!((store.cas, store.with_cas), (CasCheck::Any, opcode < 0x10));
            assert!(matches!(store.value, Payload::Inline(bytes) if bytes == value));
        }
        // With a CAS number all three are memcached's `cas`.
        let bytes = packet(opcode, 77, &extras, b"k", b"v");
        let store = store(request(&bytes));
        assert_eq!((store.mode, store.cas), (StoreMode::Set, CasCheck::Equals(77)));
    }
    for (opcode, mode) in [(0x0e, StoreMode::Append), (0x0f, StoreMode::Prepend)] {
        for opcode in [opcode, opcode + 0x0b] {
            let bytes = packet(opcode, 5, b"", b"k", b"more");
            let store = store(request(&bytes));
            assert_eq!((store.mode, store.cas, store.flags), (mode, CasCheck::Equals(5), 0));
            assert!(store.autovivify.is_none());
        }
    }
}

#[test]
fn deletions() {
    for opcode in [0x04, 0x14] {
        for (cas, check) in [(0, CasCheck::Any), (u64::MAX, CasCheck::Equals(u64::MAX))] {
            let bytes = packet(opcode, cas, b"", b"k", b"");
            assert!(matches!(request(&bytes).op, Op::Delete(delete) if delete.cas == check && !delete.invalidate));
        }
    }
}

#[test]
fn counters() {
    let extras = |exptime: u32| [&7u64.to_be_bytes()[..], &u64::MAX.to_be_bytes(), &exptime.to_be_bytes()].concat();
    for (opcode, mode) in [(0x05, ArithmeticMode::Increment), (0x06, ArithmeticMode::Decrement)] {
        for opcode in [opcode, opcode + 0x10] {
            for (exptime, initial) in [
                (30, Some(Initial { value: u64::MAX, exptime: Exptime(30) })),
                (0, Some(Initial { value: u64::MAX, exptime: Exptime(0) })),
                (u32::MAX, None),
            ] {
                let bytes = packet(opcode, 3, &extras(exptime), b"k", b"");
                let Op::Arithmetic(arithmetic) = request(&bytes).op else { panic!("{opcode:#x}") };
                assert_eq!((arithmetic.mode, arithmetic.delta), (mode, 7));
                assert_eq!((arithmetic.initial, arithmetic.cas), (initial, CasCheck::Equals(3)));
                assert_eq!((arithmetic.touch, arithmetic.new_cas), (None, None));
                assert_eq!(arithmetic.with_cas, opcode < 0x10, "a quiet one answers nothing");
            }
        }
    }
}

#[test]
fn commands_to_the_whole_server() {
    let flush = |delay, noreply| Admin::FlushAll { delay: Exptime(delay), noreply };
    let cases = [
        (packet(0x07, 0, b"", b"", b""), Admin::Quit),
        (packet(0x17, 0, b"", b"", b""), Admin::Quit),
        (packet(0x08, 0, b"", b"", b""), flush(0, false)),
        (packet(0x08, 0, &[0, 0, 1, 0], b"", b""), flush(256, false)),
        (packet(0x18, 0, b"", b"", b""), flush(0, true)),
        (packet(0x0a, 0, b"", b"", b""), Admin::MetaNoop),
        (packet(0x0b, 0, b"", b"", b""), Admin::Version),
        (packet(0x10, 0, b"", b"", b""), Admin::Stats { args: b"" }),
        (packet(0x10, 0, b"", b"detail dump", b""), Admin::Stats { args: b"detail dump" }),
    ];
    for (bytes, wanted) in cases {
        for len in 0..bytes.len() {
            assert!(matches!(next(&bytes[..len]), Step::Incomplete { .. }));
        }
        // What follows is left alone.
        match next(&[&bytes[..], b"\x80"].concat()) {
            Step::Admin { admin, form, consumed } => {
                assert_eq!((admin, consumed), (wanted, bytes.len()));
                assert_eq!(form, AdminForm::Binary { opcode: bytes[1], opaque: OPAQUE });
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_large_value_is_announced_by_its_head() {
    let value = vec![b'v'; 16_385];
    for (opcode, extras, mode) in [(0x11, &[0; 8][..], StoreMode::Set), (0x0e, b"", StoreMode::Append)] {
        let bytes = packet(opcode, 0, extras, b"key", &value);
        let head_len = bytes.len() - value.len();
        assert!(matches!(next(&bytes[..head_len - 1]), Step::Incomplete { need: Need::Bytes(n) } if n == head_len));
        match next(&bytes[..head_len]) {
            Step::Upload { head, consumed } => {
                assert_eq!((head.key, head.hash, head.mode, head.value_len), (&b"key"[..], 3, mode, 16_385));
                assert_eq!(consumed, head_len);
                assert!(!head.form.tag.has_terminator());
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The fast path and the general one give the same step for whatever is a good read.
#[test]
fn a_read_in_one_piece_is_what_the_general_path_makes_of_it() {
    for opcode in [0x00, 0x09, 0x0c, 0x0d] {
        let bytes = packet(opcode, 9, b"", b"key", b"");
        let fast = PARSER.next_binary_read(&bytes, |_| 1).map(|read| format!("{:?}", read.step()));
        assert_eq!(fast, Some(format!("{:?}", PARSER.next_binary_other(&bytes, |_| 1))));
    }
}
