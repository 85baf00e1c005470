//! `set`, `add`, `replace`, `append`, `prepend`: the ways in which they succeed or find their condition unmet.

use crate::support::{Case, case, patterned};

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = plain();
    cases.extend(flags());
    cases.extend(conditions());
    cases.extend(noreply());
    cases.extend(sizes());
    cases
}

fn plain() -> Vec<Case> {
    vec![
        case("set stores, get returns")
            .talk("set a 0 0 5\r\nhello\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 0 5\r\nhello\r\nEND\r\n"),
        case("set replaces value and flags")
            .talk("set a 1 0 5\r\nhello\r\n", "STORED\r\n")
            .talk("set a 2 0 3\r\nbye\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 2 3\r\nbye\r\nEND\r\n"),
        case("a value of length zero")
            .talk("set z 3 0 0\r\n\r\n", "STORED\r\n")
            .talk("get z\r\n", "VALUE z 3 0\r\n\r\nEND\r\n"),
        case("a value may hold any bytes")
            .talk(b"set bin 0 0 12\r\n\0\r\n\xff\r\nEND\r\n\x80\r\n", "STORED\r\n")
            .talk("get bin\r\n", b"VALUE bin 0 12\r\n\0\r\n\xff\r\nEND\r\n\x80\r\nEND\r\n"),
        case("a value that reads like commands is not run")
            .talk("set a 0 0 25\r\nset b 0 0 1\r\nx\r\nflush_all\r\n", "STORED\r\n")
            .talk("get b a\r\n", "VALUE a 0 25\r\nset b 0 0 1\r\nx\r\nflush_all\r\nEND\r\n"),
        case("what one connection sets, another gets")
            .talk_on(0, "set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk_on(1, "get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n")
            .talk_on(2, "set a 0 0 1\r\n2\r\n", "STORED\r\n")
            .talk_on(0, "get a\r\n", "VALUE a 0 1\r\n2\r\nEND\r\n"),
        case("spaces between and after words do not count")
            .talk("set  a  4  0  1  \r\nx\r\n", "STORED\r\n")
            .talk("get  a \r\n", "VALUE a 4 1\r\nx\r\nEND\r\n"),
        case("a fifth word that is not noreply is ignored").talk("set a 0 0 1 please\r\nx\r\n", "STORED\r\n"),
        surplus_words(),
    ]
}

/// Before 1.6.45, a word too many was `ERROR`, and the value was run as commands.
fn surplus_words() -> Case {
    case("surplus words are not looked at, but for noreply as the last")
        .talk("set a 0 0 5 x y\r\nquit!\r\n", "STORED\r\n")
        .talk("get a\r\n", "VALUE a 0 5\r\nquit!\r\nEND\r\n")
        .talk("add b 1 0 1 1 2 3 4 5 6 7 8\r\nb\r\n", "STORED\r\n")
        .talk("replace b 2 0 1 x y\r\nc\r\n", "STORED\r\n")
        .talk("append b 0 0 1 x y\r\nd\r\n", "STORED\r\n")
        .talk("prepend b 0 0 1 x y\r\na\r\n", "STORED\r\n")
        .talk("get b\r\n", "VALUE b 2 3\r\nacd\r\nEND\r\n")
        .talk("set c 0 0 1 noreply x\r\nc\r\n", "STORED\r\n")
        .silent("set c 0 0 1 x noreply\r\nd\r\nset d 0 0 1 1 2 3 4 5 6 7 8 noreply\r\ne\r\n")
        .talk("get c d\r\n", "VALUE c 0 1\r\nd\r\nVALUE d 0 1\r\ne\r\nEND\r\n")
        .since([1, 6, 45])
}

fn flags() -> Vec<Case> {
    vec![
        case("flags of 0 and of 2^32-1 come back")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("set b 4294967295 0 1\r\nx\r\n", "STORED\r\n")
            .talk("get a b\r\n", "VALUE a 0 1\r\nx\r\nVALUE b 4294967295 1\r\nx\r\nEND\r\n"),
        case("append and prepend keep the item's flags")
            .talk("set a 5 0 1\r\nb\r\n", "STORED\r\n")
            .talk("append a 9 0 1\r\nc\r\n", "STORED\r\n")
            .talk("prepend a 1 0 1\r\na\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 5 3\r\nabc\r\nEND\r\n"),
        case("replace and add bring their own flags")
            .talk("add a 5 0 1\r\nx\r\n", "STORED\r\n")
            .talk("replace a 6 0 1\r\ny\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 6 1\r\ny\r\nEND\r\n"),
    ]
}

fn conditions() -> Vec<Case> {
    vec![
        case("add stores only what is absent")
            .talk("add a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("add a 0 0 1\r\n2\r\n", "NOT_STORED\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n"),
        case("replace stores only what is present")
            .talk("replace a 0 0 1\r\n1\r\n", "NOT_STORED\r\n")
            .talk("get a\r\n", "END\r\n")
            .talk("set a 0 0 1\r\n2\r\n", "STORED\r\n")
            .talk("replace a 0 0 2\r\n33\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 0 2\r\n33\r\nEND\r\n"),
        case("append and prepend need a present item")
            .talk("append a 0 0 1\r\nx\r\n", "NOT_STORED\r\n")
            .talk("prepend a 0 0 1\r\nx\r\n", "NOT_STORED\r\n")
            .talk("get a\r\n", "END\r\n"),
        case("append and prepend of nothing leave the value")
            .talk("set a 0 0 3\r\nabc\r\n", "STORED\r\n")
            .talk("append a 0 0 0\r\n\r\n", "STORED\r\n")
            .talk("prepend a 0 0 0\r\n\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 0 3\r\nabc\r\nEND\r\n"),
        case("append to an empty value")
            .talk("set a 0 0 0\r\n\r\n", "STORED\r\n")
            .talk("append a 0 0 2\r\nxy\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 0 2\r\nxy\r\nEND\r\n"),
        case("add after delete stores")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("delete a\r\n", "DELETED\r\n")
            .talk("add a 0 0 1\r\n2\r\n", "STORED\r\n"),
        case("add over an expired item stores, replace does not")
            .talk("set a 0 -1 1\r\n1\r\n", "STORED\r\n")
            .talk("set b 0 -1 1\r\n1\r\n", "STORED\r\n")
            .talk("replace a 0 0 1\r\n2\r\n", "NOT_STORED\r\n")
            .talk("append a 0 0 1\r\n2\r\n", "NOT_STORED\r\n")
            .talk("add b 0 0 1\r\n2\r\n", "STORED\r\n")
            .talk("get a b\r\n", "VALUE b 0 1\r\n2\r\nEND\r\n"),
    ]
}

fn noreply() -> Vec<Case> {
    vec![
        case("set noreply is silent and stores")
            .silent("set a 1 0 1 noreply\r\nx\r\n")
            .talk("get a\r\n", "VALUE a 1 1\r\nx\r\nEND\r\n"),
        case("add noreply is silent, stored or not")
            .silent("add a 0 0 1 noreply\r\n1\r\nadd a 0 0 1 noreply\r\n2\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n"),
        case("replace noreply is silent, stored or not")
            .silent("replace a 0 0 1 noreply\r\n1\r\nset b 0 0 1 noreply\r\n1\r\nreplace b 0 0 1 noreply\r\n2\r\n")
            .talk("get a b\r\n", "VALUE b 0 1\r\n2\r\nEND\r\n"),
        case("append and prepend noreply are silent, stored or not")
            .silent("append a 0 0 1 noreply\r\n1\r\nprepend a 0 0 1 noreply\r\n1\r\nset b 0 0 1 noreply\r\n1\r\n")
            .silent("append b 0 0 1 noreply\r\n2\r\nprepend b 0 0 1 noreply\r\n0\r\n")
            .talk("get a b\r\n", "VALUE b 0 3\r\n012\r\nEND\r\n"),
        case("noreply belongs to its command only")
            .talk("set a 0 0 1 noreply\r\nx\r\nset a 0 0 1\r\ny\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\ny\r\nEND\r\n"),
    ]
}

/// Lengths around the borders between value representations, round trip and overwritten by one another.
fn sizes() -> Vec<Case> {
    let sizes = [1, 31, 32, 500, 512, 4096, 16383, 16384, 16385, 65535, 65536, 65537, 200_000, 1_000_000];
    let mut round_trip = case("values of every size come back");
    let mut overwritten = case("values of every size replace one another");
    for (tag, size) in sizes.into_iter().enumerate() {
        let value = patterned(tag as u64, size);
        round_trip = round_trip.talk(set(&format!("s{size}"), &value), "STORED\r\n");
        overwritten = overwritten.talk(set("one", &value), "STORED\r\n").talk("get one\r\n", found("one", &value));
    }
    for (tag, size) in sizes.into_iter().enumerate().rev() {
        let value = patterned(tag as u64, size);
        let key = format!("s{size}");
        round_trip = round_trip.talk(format!("get {key}\r\n"), found(&key, &value));
        overwritten = overwritten.talk(set("one", &value), "STORED\r\n").talk("get one\r\n", found("one", &value));
    }
    let (half, tail) = (patterned(100, 16_000), patterned(101, 100_000));
    let grown = [&half[..], &tail[..]].concat();
    let both = [&tail[..], &half[..], &tail[..]].concat();
    let append = [b"append a 0 0 100000\r\n", &tail[..], b"\r\n"].concat();
    let prepend = [b"prepend a 0 0 100000\r\n", &tail[..], b"\r\n"].concat();
    let across = case("append and prepend carry a value from small to large")
        .talk(set("a", &half), "STORED\r\n")
        .talk(append, "STORED\r\n")
        .talk("get a\r\n", found("a", &grown))
        .talk(prepend, "STORED\r\n")
        .talk("get a\r\n", found("a", &both));
    vec![round_trip, overwritten, across]
}

fn set(key: &str, value: &[u8]) -> Vec<u8> {
    [format!("set {key} 7 0 {}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

fn found(key: &str, value: &[u8]) -> Vec<u8> {
    [format!("VALUE {key} 7 {}\r\n", value.len()).as_bytes(), value, b"\r\nEND\r\n"].concat()
}
