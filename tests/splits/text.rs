//! Random streams of text and meta commands.

use proptest::prelude::*;
use proptest::sample::select;

/// Keys, among them odd, empty and over-long ones.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[a-z]{1,30}".prop_map(String::into_bytes),
        1 => select(vec![&b"k\tk"[..], b"k\r", b"\x00", b"noreply", b""]).prop_map(<[u8]>::to_vec),
        1 => select(vec![&b"YQ=="[..], b"Cg0=", b"AAECA/8=", b"YQ=", b"===="]).prop_map(<[u8]>::to_vec),
        1 => (248usize..254).prop_map(|len| vec![b'k'; len]),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0u32..100).prop_map(|number| number.to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => select(vec!["-1", "4294967296", "2147483646", "18446744073709551616", "12abc", "", "+5", "x"])
            .prop_map(str::to_owned),
    ]
}

fn line_end() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![8 => Just(&b"\r\n"[..]), 1 => Just(&b"\n"[..]), 1 => Just(&b" \r\n"[..])]
}

/// A value as long as it is said to be, or nearly, around all bounds.
fn value() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let len = prop_oneof![
        12 => 0usize..60,
        1 => 16_380usize..16_390,
        1 => 19_995usize..20_010,
    ];
    (len, -2i64..3, 0..8u8, any::<u8>()).prop_map(|(len, off, precise, fill)| {
        let real = if precise > 0 { len } else { len.saturating_add_signed(off as isize) };
        (len, vec![fill; real])
    })
}

fn store() -> impl Strategy<Value = Vec<u8>> {
    let verb = select(vec!["set", "set", "set", "add", "replace", "append", "prepend", "cas", " set "]);
    let option = select(vec!["", "", " noreply", " 7", " 7 noreply", " x"]);
    (verb, key(), number(), number(), value(), option, line_end()).prop_map(
        |(verb, key, flags, exptime, (len, value), option, end)| {
            let arguments = format!(" {flags} {exptime} {len}{option}");
            [verb.as_bytes(), b" ", &key, arguments.as_bytes(), end, &value, b"\r\n"].concat()
        },
    )
}

fn meta_store() -> impl Strategy<Value = Vec<u8>> {
    (key(), value(), flags(), line_end()).prop_map(|(key, (len, value), flags, end)| {
        [b"ms ", &key[..], format!(" {len} {flags}").as_bytes(), end, &value, b"\r\n"].concat()
    })
}

fn flags() -> impl Strategy<Value = String> {
    let flag = select(vec![
        "v", "q", "k", "Oabc", "c", "f", "s", "t", "h", "l", "u", "b", "b", "x", "I", "T30", "C5", "E9", "F7", "ME",
        "MA", "MD", "M", "N1", "R30", "J7", "D3", "P", "Lx", "z", "Tx", "Dx",
    ]);
    prop::collection::vec(flag, 0..7).prop_map(|flags| flags.join(" "))
}

fn read() -> impl Strategy<Value = Vec<u8>> {
    let verb = select(vec!["get", "get", "gets", "gat 5", "gats -1", "gat x", "  get"]);
    let keys = prop_oneof![6 => 1usize..4, 2 => 0usize..40, 1 => 100usize..200];
    (verb, keys.prop_flat_map(|count| prop::collection::vec(key(), count)), line_end()).prop_map(|(verb, keys, end)| {
        let mut line = verb.as_bytes().to_vec();
        for key in keys {
            line.push(b' ');
            line.extend_from_slice(&key);
        }
        [&line, end].concat()
    })
}

fn other() -> impl Strategy<Value = Vec<u8>> {
    let verb = select(vec![
        "incr",
        "decr",
        "touch",
        "delete",
        "mg",
        "md",
        "flush_all",
        "verbosity",
        "stats",
        "mn",
        "version",
        "nonsense",
        "ma",
        "me",
    ]);
    (verb, key(), number(), flags(), line_end()).prop_map(|(verb, key, number, flags, end)| {
        let tail = if verb.starts_with('m') { flags } else { number };
        [verb.as_bytes(), b" ", &key, b" ", tail.as_bytes(), end].concat()
    })
}

fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let byte = select(b"get set ms mg 0 1 9 a \r\n\r\n\n\n\0\x80\xff".to_vec());
    prop_oneof![
        12 => prop::collection::vec(byte, 0..60),
        1 => (2040usize..2060).prop_map(|len| vec![b'x'; len]),
    ]
}

pub(super) fn stream() -> impl Strategy<Value = Vec<u8>> {
    let command = prop_oneof![4 => store(), 2 => meta_store(), 4 => read(), 3 => other(), 1 => garbage()];
    prop::collection::vec(command, 0..20).prop_map(|commands| commands.concat())
}

/// What the steps of enough streams must have among them.
pub(super) const KINDS: &[&str] = &[
    "Request {",
    "EncodedKey {",
    "Admin {",
    "Upload {",
    "Refused {",
    "RefusedStore",
    "MetaGet",
    "MetaDebug",
    "Arithmetic",
    "last: false",
    "close: true",
    "binary_key: true",
    "invalidate: true",
    "clear_value: true",
];
