//! Random streams of packets of the binary protocol.

use proptest::prelude::*;
use proptest::sample::select;

/// Opcodes, known and not.
fn opcode() -> impl Strategy<Value = u8> {
    prop_oneof![12 => 0u8..0x25, 1 => any::<u8>()]
}

/// The length of the extras that an opcode takes.
fn extras_len(opcode: u8) -> usize {
    match opcode {
        0x01..=0x03 | 0x11..=0x13 => 8,
        0x05 | 0x06 | 0x15 | 0x16 => 20,
        0x1c..=0x1e | 0x23 | 0x24 => 4,
        _ => 0,
    }
}

/// Whether an opcode takes a key, and a value.
fn parts(opcode: u8) -> (bool, bool) {
    match opcode {
        0x01..=0x03 | 0x0e | 0x0f | 0x11..=0x13 | 0x19 | 0x1a => (true, true),
        0x07 | 0x08 | 0x0a | 0x0b | 0x17 | 0x18 | 0x20 => (false, false),
        _ => (true, false),
    }
}

/// A value's length, around all bounds.
fn value_len() -> impl Strategy<Value = usize> {
    prop_oneof![12 => 0usize..60, 1 => 16_380usize..16_390, 1 => 19_995usize..20_010]
}

/// How a packet departs from what its opcode asks for.
#[derive(Clone, Copy, Debug)]
enum Lie {
    None,
    Key,
    Extras,
    Value,
    BodyLen(i8),
    Magic(u8),
}

fn lie() -> impl Strategy<Value = Lie> {
    prop_oneof![
        30 => Just(Lie::None),
        1 => select(vec![Lie::Key, Lie::Extras, Lie::Value]),
        1 => any::<i8>().prop_map(Lie::BodyLen),
        1 => any::<u8>().prop_map(Lie::Magic),
    ]
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let key_len = prop_oneof![20 => 1usize..40, 1 => 248usize..252];
    (opcode(), key_len, value_len(), any::<[u8; 20]>(), any::<u32>(), 0u64..3, lie()).prop_map(
        |(opcode, key_len, value_len, extras, opaque, cas, lie)| {
            let (has_key, has_value) = parts(opcode);
            let key = vec![b'k'; if has_key ^ matches!(lie, Lie::Key) { key_len } else { 0 }];
            let value = vec![b'v'; if has_value ^ matches!(lie, Lie::Value) { value_len } else { 0 }];
            let extras_len = extras_len(opcode);
            let extras = &extras[..if matches!(lie, Lie::Extras) { (extras_len + 4) % 21 } else { extras_len }];
            let mut body_len = (extras.len() + key.len() + value.len()) as u32;
            let mut magic = 0x80;
            match lie {
                Lie::BodyLen(by) => body_len = body_len.saturating_add_signed(i32::from(by)),
                Lie::Magic(other) => magic = other,
                Lie::None | Lie::Key | Lie::Extras | Lie::Value => {}
            }
            let mut bytes = vec![magic, opcode];
            bytes.extend((key.len() as u16).to_be_bytes());
            bytes.extend([extras.len() as u8, 0, 0, 0]);
            bytes.extend(body_len.to_be_bytes());
            bytes.extend(opaque.to_be_bytes());
            bytes.extend(cas.to_be_bytes());
            [&bytes, extras, &key, &value].concat()
        },
    )
}

pub(super) fn stream() -> impl Strategy<Value = Vec<u8>> {
    let garbage = prop::collection::vec(any::<u8>(), 0..60);
    let piece = prop_oneof![30 => packet(), 1 => garbage];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// What the steps of enough streams must have among them.
pub(super) const KINDS: &[&str] = &[
    "op: Gets }",
    "GetAndTouch",
    "Touch(",
    "Store(",
    "Append",
    "Delete(",
    "Arithmetic(",
    "Upload {",
    "RefusedStore",
    "Stats {",
    "FlushAll {",
    "UnknownCommand",
    "InvalidArguments",
    "TooLarge",
    "Refused { reply: []",
    "close: true",
];
