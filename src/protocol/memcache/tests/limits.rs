//! Long lines and large values.

use super::answer;
use super::model::Connection;
use crate::command::INLINE_VALUE_MAX;
use crate::protocol::memcache::{LINE_LEN_MAX, MULTIGET_LINE_LEN_MAX, Parser, REQUEST_LEN_MAX, Resume, Step};

const TOO_LONG: &str = "CLIENT_ERROR line too long\r\n<closed>";

#[test]
fn a_command_line_of_more_than_2048_bytes_closes_the_connection_with_or_without_its_newline() {
    let line = |len: usize| "x".repeat(len);
    assert_eq!(answer(line(LINE_LEN_MAX).as_bytes()), "");
    assert_eq!(answer((line(LINE_LEN_MAX) + "\r\nmn\r\n").as_bytes()), TOO_LONG);
    assert_eq!(answer((line(LINE_LEN_MAX - 1) + "\r\nmn\r\n").as_bytes()), "ERROR\r\nMN\r\n");
    assert_eq!(answer((line(LINE_LEN_MAX) + "\nmn\r\n").as_bytes()), "ERROR\r\nMN\r\n");
    assert_eq!(answer(line(LINE_LEN_MAX + 1).as_bytes()), TOO_LONG);
    assert_eq!(answer(format!("mg {}", line(LINE_LEN_MAX)).as_bytes()), TOO_LONG);
    assert_eq!(answer(" ".repeat(LINE_LEN_MAX + 1).as_bytes()), TOO_LONG);
}

#[test]
fn a_meta_get_of_a_line_too_long_is_refused() {
    let line = |len: usize, end: &str| {
        let head = "mg k P";
        format!("{head}{}{end}mn\r\n", "p".repeat(len - head.len()))
    };
    assert_eq!(answer(line(LINE_LEN_MAX - 1, "\r\n").as_bytes()), "EN\r\nMN\r\n");
    assert_eq!(answer(line(LINE_LEN_MAX, "\r\n").as_bytes()), TOO_LONG);
    assert_eq!(answer(line(LINE_LEN_MAX, "\n").as_bytes()), "EN\r\nMN\r\n");
    assert_eq!(answer(line(LINE_LEN_MAX + 1, "\n").as_bytes()), TOO_LONG);
}

#[test]
fn a_set_with_a_line_too_long_is_refused_in_its_plain_form_too() {
    let line = format!("set a 0 0 1{}\r\nx\r\n", " ".repeat(LINE_LEN_MAX));
    assert_eq!(answer(line.as_bytes()), TOO_LONG);
}

#[test]
fn a_read_of_many_keys_may_go_on_to_a_mebibyte() {
    for verb in ["get", "gets", "gat 0", "gats 0", "   get"] {
        let line = format!("{verb}{}\r\nmn\r\n", " a-key-of-some-length".repeat(20_000));
        assert_eq!(answer(line.as_bytes()), "END\r\nMN\r\n");
    }
    let line = format!("get{}", " a".repeat(MULTIGET_LINE_LEN_MAX / 2));
    assert_eq!(answer(line.as_bytes()), TOO_LONG);
    assert_eq!(answer(&line.as_bytes()[..MULTIGET_LINE_LEN_MAX]), "");
}

#[test]
fn ten_megabytes_without_newline_close_the_connection_early() {
    let mut connection = Connection::new();
    for chunk in vec![b'x'; 10 << 20].chunks(4096) {
        connection.receive(chunk);
    }
    assert_eq!(connection.output(), TOO_LONG);
}

#[test]
fn a_value_over_the_maximum_is_swallowed_and_takes_the_old_item_with_it() {
    let payload = "flush_all\r\n".repeat(100_000);
    let len = payload.len();
    for (head, reply) in [
        (format!("set k 0 0 {len}\r\n"), "SERVER_ERROR object too large for cache\r\n"),
        (format!("set k 0 0 {len} noreply\r\n"), ""),
        (format!("ms k {len} q k\r\n"), "SERVER_ERROR object too large for cache\r\n"),
    ] {
        let all = format!("set k 0 0 1\r\nx\r\nset c 0 0 1\r\nx\r\n{head}{payload}\r\nget k c\r\n");
        assert_eq!(answer(all.as_bytes()), format!("STORED\r\nSTORED\r\n{reply}VALUE c 0 1\r\nx\r\nEND\r\n"));
    }
}

#[test]
fn large_values_are_uploads_and_small_ones_are_not() {
    let parser = Parser::new(1 << 20);
    let head = |len: usize| format!("set k 1 2 {len}\r\n");
    let text = head(INLINE_VALUE_MAX + 1);
    match parser.next(text.as_bytes(), &mut Resume::Command, |_| 7) {
        Step::Upload { head, consumed } => {
            assert_eq!((head.value_len, head.flags, head.hash), (INLINE_VALUE_MAX as u64 + 1, 1, 7));
            assert_eq!((head.key, consumed), (&b"k"[..], text.len()));
        }
        other => panic!("{other:?}"),
    }
    let text = head(INLINE_VALUE_MAX) + &"v".repeat(INLINE_VALUE_MAX) + "\r\n";
    assert!(text.len() <= REQUEST_LEN_MAX);
    match parser.next(text.as_bytes(), &mut Resume::Command, |_| 7) {
        Step::Request { consumed, swallow: 0, .. } => assert_eq!(consumed, text.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn uploads_are_stored() {
    let value = "v".repeat(100_000);
    let all =
        format!("set k 0 0 100000\r\n{value}\r\nms q 100000 c\r\n{value}\r\nset b 0 0 100000\r\n{value}XXmg k s\r\n");
    assert_eq!(answer(all.as_bytes()), "STORED\r\nHD c2\r\nCLIENT_ERROR bad data chunk\r\nHD s100000\r\n");
}
