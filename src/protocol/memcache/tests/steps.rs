//! What the caller sees of a step, and the fast path against the general one.

use crate::command::{Hit, Reply, Value};
use crate::protocol::memcache::{Encoded, Form, FormTag, KeyRoom, Need, Parser, Resume, Step, encode, encode_tail};

const PARSER: Parser = Parser::new(1 << 20);

fn next<'a>(input: &'a [u8], resume: &mut Resume) -> Step<'a> {
    PARSER.next(input, resume, |key| key.len() as u64)
}

#[test]
fn a_read_of_many_keys_can_be_left_and_taken_up_again_at_each_key() {
    let input = b"gets aa  b ccc \r\nmn\r\n";
    let mut resume = Resume::Command;
    let mut at = 0;
    for (wanted, is_last) in [(&b"aa"[..], false), (b"b", false), (b"ccc", true)] {
        match next(&input[at..], &mut resume) {
            Step::Request { request, form, consumed, swallow: 0 } => {
                assert_eq!((request.key, request.hash), (wanted, wanted.len() as u64));
                assert_eq!(form, Form::text(FormTag::Get { with_cas: true, last: is_last }));
                at += consumed;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(matches!(resume, Resume::Keys(_)), !is_last);
    }
    assert_eq!(&input[at..], b"mn\r\n");
}

#[test]
fn a_lost_line_end_inside_a_read_of_many_keys_is_no_panic() {
    let mut resume = Resume::Command;
    assert!(matches!(next(b"get a b\r\n", &mut resume), Step::Request { .. }));
    for rest in [&b""[..], b"b", b"b ", b"b \r", b"b\r", b"  "] {
        assert!(matches!(next(rest, &mut resume), Step::Incomplete { need: Need::Newline }), "{rest:?}");
    }
}

#[test]
fn what_is_missing_is_told() {
    for (input, need) in [
        (&b""[..], Need::Newline),
        (b"get a", Need::Newline),
        (b"get a b\r", Need::Newline),
        (b"set a 0 0 5", Need::Newline),
        (b"set a 0 0 5\r\n", Need::Bytes(20)),
        (b"set a 0 0 5 noreply\r\nabcde\r", Need::Bytes(28)),
        (b"ms a 2 q\r\nhi", Need::Bytes(14)),
    ] {
        match next(input, &mut Resume::Command) {
            Step::Incomplete { need: told } => assert_eq!(told, need, "{input:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn bytes_without_newline_are_not_looked_at_twice() {
    let mut resume = Resume::Command;
    assert!(matches!(next(b"get aaa", &mut resume), Step::Incomplete { .. }));
    assert_eq!(resume, Resume::Line { scanned: 7 });
    assert!(matches!(next(b"get aaab\r\n", &mut resume), Step::Request { consumed: 10, .. }));
    assert_eq!(resume, Resume::Command);
}

/// The hash is the decoded key's, so that both spellings of a key have one owner; the token itself is left as it is.
#[test]
fn a_key_in_base64_is_hashed_as_what_it_spells() {
    for (input, swallowed) in [
        (&b"mg YWJj b\r\n"[..], 0),
        (b"md YWJj b\r\n", 0),
        (b"ma YWJj b N0\r\n", 0),
        (b"me YWJj b\r\n", 0),
        (b"ms YWJj 2 b\r\nhi\r\n", 0),
        (b"ms YWJj 2000000 b\r\n", 2_000_002),
    ] {
        match next(input, &mut Resume::Command) {
            Step::EncodedKey { request, consumed, swallow, .. } => {
                assert_eq!((request.hash, request.key), (3, &b"YWJj"[..]));
                assert_eq!((consumed, swallow), (input.len(), swallowed));
                assert_eq!(KeyRoom::new().decode(request.key), b"abc");
            }
            other => panic!("{other:?}"),
        }
    }
    match next(b"ms YWJj 20000 b\r\n", &mut Resume::Command) {
        Step::Upload { head, .. } => assert_eq!((head.hash, head.key, head.binary_key), (3, &b"YWJj"[..], true)),
        other => panic!("{other:?}"),
    }
}

/// Every plain form, whole and broken in every way that one changed, added or missing byte can break it, is judged
/// the same by the fast path and by the general one.
#[test]
fn the_fast_path_agrees_with_the_general_one() {
    let long = [&b"get "[..], &[b'k'; 251], b"\r\n"].concat();
    let commands: [&[u8]; 19] = [
        b"mg some-key v\r\nmn",
        b"mg k\r\n",
        b"mg k v k q Oabc T30\r\n",
        b"mg  k   v \n",
        b"mg k s v f c t k h u q O P L T0 N0 F0 C0 MS\r\n",
        b"mg k l R30 E5 N1 T2 v C7\r\n",
        b"mg YQ== b k\r\n",
        b"mg k D1 J2 I x M\r\n",
        b"mg k s v f c t k h u q O P L T0 N0 F0 C0 MS x I l\r\n",
        b"get some-key\r\nmn",
        b"get k\n",
        b"get a b\r\n",
        b"set key 12 345 5\r\nhello\r\nmn",
        b"set key 0 0 0\r\n\r\n",
        b"set key 999999999 999999999 2 noreply\r\nhi\r\n",
        b"set key 4294967295 1 2\r\nhi\r\n",
        b"set k 0 0 16385\r\n",
        b"set k 0 0 999999999\r\n",
        &long,
    ];
    for command in commands {
        for at in 0..command.len() {
            for byte in [b' ', b'\r', b'\n', b'0', b'9', b'a', b'-', 0, 0x80] {
                let replaced = [&command[..at], &[byte], &command[at + 1..]].concat();
                let added = [&command[..at], &[byte], &command[at..]].concat();
                agree(&replaced);
                agree(&added);
            }
            agree(&[&command[..at], &command[at + 1..]].concat());
            agree(&command[..at]);
        }
        agree(command);
    }
}

fn agree(input: &[u8]) {
    let (mut fast, mut general) = (Resume::Command, Resume::Command);
    let hash = |key: &[u8]| key.len() as u64;
    let one = PARSER.next(input, &mut fast, hash);
    let other = PARSER.any_command(input, 0, &mut general, &hash);
    assert_eq!(format!("{one:?} {fast:?}"), format!("{other:?} {general:?}"), "{}", input.escape_ascii());
}

#[test]
fn the_head_and_tail_of_a_pinned_value() {
    let hit = Hit { flags: 1, ..Hit::of(2, Value::Pinned { len: 70_000, pin: 3 }) };
    let get = |with_cas, last| Form::text(FormTag::Get { with_cas, last });
    let meta = FormTag::MetaGet { quiet: false, value: true, conditional: false }.with(b"v s k");
    for (form, head, tail) in [
        (get(false, false), "VALUE key 1 70000\r\n", "\r\n"),
        (get(true, true), "VALUE key 1 70000 2\r\n", "\r\nEND\r\n"),
        (meta, "VA 70000 s70000 kkey\r\n", "\r\n"),
    ] {
        let mut out = Vec::new();
        assert_eq!(encode(form, b"key", &Reply::Hit(hit), &mut out), Encoded::ValueFollows);
        assert_eq!(out, head.as_bytes());
        out.clear();
        encode_tail(form, &mut out);
        assert_eq!(out, tail.as_bytes());
    }
    let mut out = Vec::new();
    let header_only = FormTag::MetaGet { quiet: false, value: false, conditional: false }.with(b"s");
    assert_eq!(encode(header_only, b"key", &Reply::Hit(hit), &mut out), Encoded::Done);
    assert_eq!(out, b"HD s70000\r\n");
}

/// Small answers are put together otherwise than large ones; both must look the same.
#[test]
fn answers_of_every_size() {
    for key_len in [1, 24, 100, 250] {
        for value_len in (0..200).chain([999, 16_384]) {
            for (with_cas, last) in [(false, false), (true, true)] {
                let (key, value) = ("k".repeat(key_len), "v".repeat(value_len));
                let hit = Hit { flags: 77, ..Hit::of(u64::MAX, Value::Inline(value.as_bytes())) };
                let mut out = b"before".to_vec();
                let form = Form::text(FormTag::Get { with_cas, last });
                assert_eq!(encode(form, key.as_bytes(), &Reply::Hit(hit), &mut out), Encoded::Done);
                let cas = if with_cas { format!(" {}", u64::MAX) } else { String::new() };
                let end = if last { "END\r\n" } else { "" };
                let expected = format!("beforeVALUE {key} 77 {value_len}{cas}\r\n{value}\r\n{end}");
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }
}

#[test]
fn the_widest_numbers_fit() {
    let hit = Hit {
        flags: u32::MAX,
        ttl_seconds: Some(u32::MAX),
        fetched: true,
        ..Hit::of(u64::MAX, Value::Pinned { len: u64::MAX, pin: 0 })
    };
    let mut out = Vec::new();
    let form = Form::text(FormTag::Get { with_cas: true, last: true });
    assert_eq!(encode(form, b"k", &Reply::Hit(hit), &mut out), Encoded::ValueFollows);
    assert_eq!(out, b"VALUE k 4294967295 18446744073709551615 18446744073709551615\r\n");
}

#[test]
fn failures_of_the_store_are_told() {
    let text = |tag, reply: &Reply<'_>| {
        let mut out = Vec::new();
        assert_eq!(encode(Form::text(tag), b"k", reply, &mut out), Encoded::Done);
        String::from_utf8(out).unwrap()
    };
    let oom = "SERVER_ERROR out of memory storing object\r\n";
    assert_eq!(text(FormTag::Store { noreply: false }, &Reply::OutOfMemory), oom);
    assert_eq!(text(FormTag::Store { noreply: true }, &Reply::OutOfMemory), "");
    assert_eq!(text(FormTag::MetaStore { quiet: true, value_len: 1 }, &Reply::OutOfMemory), oom);
    assert_eq!(text(FormTag::Arithmetic { noreply: false }, &Reply::OutOfMemory), "SERVER_ERROR out of memory\r\n");
    assert_eq!(text(FormTag::MetaGet { quiet: false, value: true, conditional: false }, &Reply::OutOfMemory), "EN\r\n");
    assert_eq!(text(FormTag::Touch { noreply: false }, &Reply::Miss), "SERVER_ERROR unexpected reply\r\n");
}
