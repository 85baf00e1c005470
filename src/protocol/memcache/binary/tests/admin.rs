//! Answers to commands to the whole server, in both forms.

use super::{OPAQUE, response};
use crate::command::{StatLines, StatsAnswer};
use crate::protocol::memcache::{AdminForm, AdminReply};

fn packets(opcode: u8, reply: AdminReply<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    reply.encode(AdminForm::Binary { opcode, opaque: OPAQUE }, &mut out);
    out
}

fn text(reply: AdminReply<'_>) -> String {
    let mut out = Vec::new();
    reply.encode(AdminForm::Text, &mut out);
    String::from_utf8(out).expect("text")
}

fn pair(name: &str, value: &str) -> Vec<u8> {
    response(0x10, 0, 0, b"", name.as_bytes(), value.as_bytes())
}

#[test]
fn what_says_no_more_than_that_it_is_done() {
    let done = |opcode| response(opcode, 0, 0, b"", b"", b"");
    assert_eq!(packets(0x0a, AdminReply::Noop), done(0x0a));
    assert_eq!(packets(0x08, AdminReply::Done), done(0x08));
    assert_eq!(packets(0x18, AdminReply::Done), b"");
    assert_eq!(packets(0x07, AdminReply::Closing), done(0x07));
    assert_eq!(packets(0x17, AdminReply::Closing), b"");
    let reset = StatsAnswer::Done("RESET");
    assert_eq!(packets(0x10, AdminReply::Stats(&reset)), done(0x10));
    let lines = [AdminReply::Noop, AdminReply::Done, AdminReply::Closing, AdminReply::Stats(&reset)].map(text);
    assert_eq!(lines, ["MN\r\n", "OK\r\n", "", "RESET\r\n"]);
}

#[test]
fn a_version_is_bare_in_a_packet() {
    assert_eq!(packets(0x0b, AdminReply::Version(b"1.6.45")), response(0x0b, 0, 0, b"", b"", b"1.6.45"));
    assert_eq!(text(AdminReply::Version(b"1.6.45")), "VERSION 1.6.45\r\n");
}

#[test]
fn each_statistic_is_a_packet_and_an_empty_one_ends_them() {
    let mut lines = StatLines::default();
    lines.push("pid", 12);
    lines.push("a:b:c", "x");
    let wanted = [pair("pid", "12"), pair("a:b:c", "x"), pair("", "")].concat();
    for answer in [StatsAnswer::Lines(lines.clone()), StatsAnswer::Unended(lines)] {
        assert_eq!(packets(0x10, AdminReply::Stats(&answer)), wanted);
    }
    for answer in [StatsAnswer::Lines(StatLines::default()), StatsAnswer::Done("OK")] {
        assert_eq!(packets(0x10, AdminReply::Stats(&answer)), pair("", ""));
    }
}

#[test]
fn the_dump_of_details_is_one_value() {
    let answer = StatsAnswer::Detail(b"PREFIX a get 1 hit 0 set 0 del 0\r\n".to_vec());
    let wanted = [pair("detailed", "PREFIX a get 1 hit 0 set 0 del 0\r\nEND\r\n"), pair("", "")].concat();
    assert_eq!(packets(0x10, AdminReply::Stats(&answer)), wanted);
}

#[test]
fn refusals() {
    for answer in [StatsAnswer::Unknown, StatsAnswer::Refused("no"), StatsAnswer::Items(Vec::new())] {
        assert_eq!(packets(0x10, AdminReply::Stats(&answer)), response(0x10, 1, 0, b"", b"", b"Not found"));
    }
    for opcode in [0x08, 0x18] {
        let refused = response(opcode, 0x20, 0, b"", b"", b"Auth failure.");
        assert_eq!(packets(opcode, AdminReply::FlushNotAllowed), refused);
    }
    assert_eq!(text(AdminReply::Stats(&StatsAnswer::Unknown)), "ERROR\r\n");
    assert_eq!(text(AdminReply::FlushNotAllowed), "CLIENT_ERROR flush_all not allowed\r\n");
}
