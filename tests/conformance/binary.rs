//! The binary protocol: each opcode with its quiet and key forms, statuses and their words, and which replies carry a
//! CAS number.

use crate::support::{Case, case, packet, refusal, want};

const GET: u8 = 0x00;
const SET: u8 = 0x01;
const ADD: u8 = 0x02;
const REPLACE: u8 = 0x03;
const DELETE: u8 = 0x04;
const INCREMENT: u8 = 0x05;
const DECREMENT: u8 = 0x06;
const QUIT: u8 = 0x07;
const FLUSH: u8 = 0x08;
const GETQ: u8 = 0x09;
const NOOP: u8 = 0x0a;
const VERSION: u8 = 0x0b;
const GETK: u8 = 0x0c;
const GETKQ: u8 = 0x0d;
const APPEND: u8 = 0x0e;
const PREPEND: u8 = 0x0f;
const SETQ: u8 = 0x11;
const ADDQ: u8 = 0x12;
const REPLACEQ: u8 = 0x13;
const DELETEQ: u8 = 0x14;
const INCREMENTQ: u8 = 0x15;
const DECREMENTQ: u8 = 0x16;
const QUITQ: u8 = 0x17;
const FLUSHQ: u8 = 0x18;
const APPENDQ: u8 = 0x19;
const PREPENDQ: u8 = 0x1a;
const TOUCH: u8 = 0x1c;
const GAT: u8 = 0x1d;
const GATQ: u8 = 0x1e;
const GATK: u8 = 0x23;
const GATKQ: u8 = 0x24;

const NOT_FOUND: (u16, &str) = (0x01, "Not found");
const EXISTS: (u16, &str) = (0x02, "Data exists for key.");
const TOO_LARGE: (u16, &str) = (0x03, "Too large.");
const INVALID: (u16, &str) = (0x04, "Invalid arguments");
const NOT_STORED: (u16, &str) = (0x05, "Not stored.");
const NON_NUMERIC: (u16, &str) = (0x06, "Non-numeric server-side value for incr or decr");
const UNKNOWN: (u16, &str) = (0x81, "Unknown command");

/// An exptime in 1970: above 30 days it is a Unix time.
const PAST: u32 = 2_592_001;

/// An exptime of a counter that says: do not create it.
const DO_NOT_CREATE: u32 = u32::MAX;

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = storing();
    cases.extend(reading());
    cases.extend(counting());
    cases.extend(touching());
    cases.extend(removing());
    cases.extend(quiet());
    cases.extend(framing());
    cases.extend(lies());
    cases
}

fn refused(opcode: u8, (status, words): (u16, &str)) -> crate::support::Want {
    refusal(opcode, status, words)
}

fn with_a(name: &'static str) -> Case {
    case(name).packets([packet(SET).key("a").stored_with(5, 0).value("hi")], [want(SET).cas("set")])
}

fn storing() -> Vec<Case> {
    vec![
        with_a("SET stores and tells the CAS number that GET tells")
            .packets([packet(GET).key("a")], [want(GET).flags(5).value("hi").cas("set")])
            .talk("gets a\r\n", "VALUE a 5 2 <cas:set>\r\nhi\r\nEND\r\n"),
        case("ADD stores only what is absent").packets(
            [
                packet(ADD).key("a").stored_with(0, 0).value("1"),
                packet(ADD).key("a").stored_with(0, 0).value("2"),
                packet(GET).key("a"),
            ],
            [want(ADD).cas("a"), refused(ADD, EXISTS), want(GET).flags(0).value("1").cas("a")],
        ),
        case("REPLACE stores only what is present").packets(
            [
                packet(REPLACE).key("a").stored_with(0, 0).value("1"),
                packet(SET).key("a").stored_with(0, 0).value("2"),
                packet(REPLACE).key("a").stored_with(9, 0).value("3"),
                packet(GET).key("a"),
            ],
            [
                refused(REPLACE, NOT_FOUND),
                want(SET).some_cas(),
                want(REPLACE).cas("r"),
                want(GET).flags(9).value("3").cas("r"),
            ],
        ),
        with_a("APPEND and PREPEND add at the ends and keep the flags").packets(
            [packet(APPEND).key("a").value("!"), packet(PREPEND).key("a").value("<"), packet(GET).key("a")],
            [want(APPEND).some_cas(), want(PREPEND).cas("p"), want(GET).flags(5).value("<hi!").cas("p")],
        ),
        case("APPEND and PREPEND to what is absent").packets(
            [packet(APPEND).key("a").value("!"), packet(PREPEND).key("a").value("!")],
            [refused(APPEND, NOT_STORED), refused(PREPEND, NOT_STORED)],
        ),
        with_a("SET with the current CAS number stores, with another it does not")
            .packets([packet(SET).key("a").stored_with(0, 0).value("2").cas_of("set")], [want(SET).cas("second")])
            .differ("set", "second")
            .packets(
                [packet(SET).key("a").stored_with(0, 0).value("3").cas_of("set"), packet(GET).key("a")],
                [refused(SET, EXISTS), want(GET).flags(0).value("2").cas("second")],
            ),
        case("a CAS number for what is absent").packets(
            [
                packet(SET).key("a").stored_with(0, 0).value("1").cas(9),
                packet(ADD).key("a").stored_with(0, 0).value("1").cas(9),
                packet(REPLACE).key("a").stored_with(0, 0).value("1").cas(9),
            ],
            [refused(SET, NOT_FOUND), refused(ADD, NOT_FOUND), refused(REPLACE, NOT_FOUND)],
        ),
        case("values of 0 bytes, and of many").packets(
            [
                packet(SET).key("a").stored_with(0, 0),
                packet(GET).key("a"),
                packet(SET).key("b").stored_with(0, 0).value(vec![b'x'; 100_000]),
                packet(GET).key("b"),
            ],
            [
                want(SET).some_cas(),
                want(GET).flags(0).some_cas(),
                want(SET).some_cas(),
                want(GET).flags(0).value(vec![b'x'; 100_000]).some_cas(),
            ],
        ),
        with_a("a value too large is refused and swallowed, and the old item goes").packets(
            [packet(SET).key("a").stored_with(0, 0).value(vec![b'x'; 1 << 20]), packet(GET).key("a")],
            [refused(SET, TOO_LARGE), refused(GET, NOT_FOUND)],
        ),
        with_a(
            "a value too large with a CAS number that is not the item's: a SET takes the old item along all the same",
        )
        .packets(
            [packet(SETQ).key("a").stored_with(0, 0).value(vec![b'x'; (1 << 20) + 1]).cas(9), packet(GET).key("a")],
            [refused(SETQ, TOO_LARGE), refused(GET, NOT_FOUND)],
        )
        .packets(
            [
                packet(SET).key("a").stored_with(0, 0).value("hi"),
                packet(REPLACE).key("a").stored_with(0, 0).value(vec![b'x'; 1 << 20]),
                packet(GET).key("a"),
            ],
            [want(SET).cas("again"), refused(REPLACE, TOO_LARGE), want(GET).flags(0).value("hi").cas("again")],
        ),
        case("keys of any bytes, up to 250")
            .packets(
                [
                    packet(SET).key(b"\x00 \r\n\xff").stored_with(0, 0).value("1"),
                    packet(GETK).key(b"\x00 \r\n\xff"),
                    packet(SET).key([b'k'; 250]).stored_with(0, 0).value("2"),
                    packet(GET).key([b'k'; 250]),
                ],
                [
                    want(SET).some_cas(),
                    want(GETK).flags(0).key(b"\x00 \r\n\xff").value("1").some_cas(),
                    want(SET).some_cas(),
                    want(GET).flags(0).value("2").some_cas(),
                ],
            )
            .talk(format!("get {}\r\n", "k".repeat(250)), format!("VALUE {} 0 1\r\n2\r\nEND\r\n", "k".repeat(250))),
        case("exptimes are unsigned: 0xffffffff is in the year 2106").packets(
            [packet(SET).key("a").stored_with(0, u32::MAX).value("1"), packet(GET).key("a")],
            [want(SET).some_cas(), want(GET).flags(0).value("1").some_cas()],
        ),
        case("an exptime in the past, and one far ahead").packets(
            [
                packet(SET).key("a").stored_with(0, PAST).value("1"),
                packet(GET).key("a"),
                packet(SET).key("a").stored_with(0, 1000).value("1"),
                packet(GET).key("a"),
            ],
            [
                want(SET).some_cas(),
                refused(GET, NOT_FOUND),
                want(SET).some_cas(),
                want(GET).flags(0).value("1").some_cas(),
            ],
        ),
    ]
}

fn reading() -> Vec<Case> {
    vec![
        with_a("the four forms of GET on a hit").packets(
            [packet(GET).key("a"), packet(GETQ).key("a"), packet(GETK).key("a"), packet(GETKQ).key("a")],
            [
                want(GET).flags(5).value("hi").cas("set"),
                want(GETQ).flags(5).value("hi").cas("set"),
                want(GETK).flags(5).key("a").value("hi").cas("set"),
                want(GETKQ).flags(5).key("a").value("hi").cas("set"),
            ],
        ),
        case("the four forms of GET on a miss: the K form tells its key, the quiet ones nothing").packets(
            [
                packet(GET).key("a").opaque(1),
                packet(GETQ).key("a").opaque(2),
                packet(GETK).key("a").opaque(3),
                packet(GETKQ).key("a").opaque(4),
            ],
            [refused(GET, NOT_FOUND).opaque(1), refusal(GETK, 1, "").key("a").opaque(3)],
        ),
        with_a("quiet gets, closed by NOOP").packets(
            [
                packet(GETKQ).key("no").opaque(1),
                packet(GETKQ).key("a").opaque(2),
                packet(GETKQ).key("nor").opaque(3),
                packet(NOOP).opaque(0xdead_beef),
            ],
            [want(GETKQ).flags(5).key("a").value("hi").opaque(2).cas("set"), want(NOOP).opaque(0xdead_beef)],
        ),
    ]
}

fn counting() -> Vec<Case> {
    let count = |opcode, delta| packet(opcode).key("n").counted_with(delta, 0, DO_NOT_CREATE);
    vec![
        case("INCREMENT and DECREMENT create with the initial value, then count").packets(
            [
                packet(INCREMENT).key("n").counted_with(5, 100, 0),
                packet(INCREMENT).key("n").counted_with(5, 100, 0),
                packet(DECREMENT).key("n").counted_with(1, 100, 0),
                packet(DECREMENT).key("m").counted_with(1, 7, 0),
            ],
            [
                want(INCREMENT).number(100).some_cas(),
                want(INCREMENT).number(105).some_cas(),
                want(DECREMENT).number(104).cas("last"),
                want(DECREMENT).number(7).some_cas(),
            ],
        ),
        case("an exptime of 0xffffffff does not create").packets(
            [count(INCREMENT, 1), count(DECREMENT, 1)],
            [refused(INCREMENT, NOT_FOUND), refused(DECREMENT, NOT_FOUND)],
        ),
        case("INCREMENT wraps at 2^64, DECREMENT stops at 0")
            .talk("set n 0 0 20\r\n18446744073709551615\r\n", "STORED\r\n")
            .packets(
                [count(INCREMENT, 2), count(DECREMENT, 5)],
                [want(INCREMENT).number(1).some_cas(), want(DECREMENT).number(0).some_cas()],
            ),
        with_a("a value that is no number").packets(
            [packet(INCREMENT).key("a").counted_with(1, 0, 0), packet(DECREMENTQ).key("a").counted_with(1, 0, 0)],
            [refused(INCREMENT, NON_NUMERIC), refused(DECREMENTQ, NON_NUMERIC)],
        ),
        case("a CAS number is compared")
            .packets([packet(INCREMENT).key("n").counted_with(1, 1, 0)], [want(INCREMENT).number(1).cas("one")])
            .packets(
                [
                    packet(INCREMENT).key("n").counted_with(1, 1, 0).cas_of("one"),
                    packet(INCREMENT).key("n").counted_with(1, 1, 0).cas_of("one"),
                ],
                [want(INCREMENT).number(2).some_cas(), refused(INCREMENT, EXISTS)],
            ),
        case("a counter is text to the other protocols")
            .packets([packet(INCREMENT).key("n").counted_with(1, 41, 0)], [want(INCREMENT).number(41).some_cas()])
            .talk("incr n 1\r\n", "42\r\n")
            .packets([count(INCREMENT, 1)], [want(INCREMENT).number(43).some_cas()]),
    ]
}

fn touching() -> Vec<Case> {
    vec![
        with_a("TOUCH and the forms of GAT on a hit")
            .packets(
                [
                    packet(TOUCH).key("a").touched_with(1000),
                    packet(GAT).key("a").touched_with(1000),
                    packet(GATQ).key("a").touched_with(1000),
                    packet(GATK).key("a").touched_with(1000),
                    packet(GATKQ).key("a").touched_with(1000),
                ],
                [
                    want(TOUCH).flags(5).cas("set"),
                    want(GAT).flags(5).value("hi").cas("set"),
                    want(GATQ).flags(5).value("hi").cas("set"),
                    want(GATK).flags(5).key("a").value("hi").cas("set"),
                    want(GATKQ).flags(5).key("a").value("hi").cas("set"),
                ],
            )
            .talk_any("mg a t\r\n", ["HD t1000\r\n", "HD t999\r\n", "HD t998\r\n"]),
        case("TOUCH and the forms of GAT on a miss").packets(
            [
                packet(TOUCH).key("a").touched_with(0),
                packet(GAT).key("a").touched_with(0),
                packet(GATQ).key("a").touched_with(0),
                packet(GATK).key("a").touched_with(0),
                packet(GATKQ).key("a").touched_with(0),
            ],
            [refused(TOUCH, NOT_FOUND), refused(GAT, NOT_FOUND), refusal(GATK, 1, "").key("a")],
        ),
        with_a("an exptime in the past ends the item").packets(
            [packet(TOUCH).key("a").touched_with(PAST), packet(GET).key("a")],
            [want(TOUCH).flags(5).cas("set"), refused(GET, NOT_FOUND)],
        ),
    ]
}

fn removing() -> Vec<Case> {
    vec![
        with_a("DELETE removes once").packets(
            [packet(DELETE).key("a"), packet(DELETE).key("a"), packet(GET).key("a")],
            [want(DELETE), refused(DELETE, NOT_FOUND), refused(GET, NOT_FOUND)],
        ),
        with_a("DELETE compares a CAS number").packets(
            [packet(DELETE).key("a").cas(9), packet(DELETE).key("a").cas_of("set")],
            [refused(DELETE, EXISTS), want(DELETE)],
        ),
        with_a("FLUSH, with and without a delay of 0")
            .packets([packet(FLUSH), packet(GET).key("a")], [want(FLUSH), refused(GET, NOT_FOUND)])
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .packets([packet(FLUSH).extras([0; 4]), packet(GET).key("a")], [want(FLUSH), refused(GET, NOT_FOUND)]),
        with_a("a delayed FLUSH does not come at once").packets(
            [packet(FLUSH).extras(1000u32.to_be_bytes()), packet(GET).key("a")],
            [want(FLUSH), want(GET).flags(5).value("hi").cas("set")],
        ),
    ]
}

fn quiet() -> Vec<Case> {
    vec![
        case("the quiet forms are silent about success").packets(
            [
                packet(SETQ).key("a").stored_with(0, 0).value("1"),
                packet(ADDQ).key("b").stored_with(0, 0).value("2"),
                packet(REPLACEQ).key("a").stored_with(0, 0).value("3"),
                packet(APPENDQ).key("a").value("!"),
                packet(PREPENDQ).key("a").value("<"),
                packet(INCREMENTQ).key("n").counted_with(1, 5, 0),
                packet(DECREMENTQ).key("n").counted_with(1, 5, 0),
                packet(DELETEQ).key("b"),
                packet(GET).key("a"),
                packet(GET).key("b"),
                packet(GET).key("n"),
                packet(FLUSHQ),
                packet(GET).key("a"),
            ],
            [
                want(GET).flags(0).value("<3!").some_cas(),
                refused(GET, NOT_FOUND),
                want(GET).flags(0).value("4").some_cas(),
                refused(GET, NOT_FOUND),
            ],
        ),
        with_a("the quiet forms tell failures").packets(
            [
                packet(SETQ).key("a").stored_with(0, 0).value("1").cas(9).opaque(1),
                packet(ADDQ).key("a").stored_with(0, 0).value("1").opaque(2),
                packet(REPLACEQ).key("b").stored_with(0, 0).value("1").opaque(3),
                packet(APPENDQ).key("b").value("1").opaque(4),
                packet(PREPENDQ).key("b").value("1").opaque(5),
                packet(DELETEQ).key("b").opaque(6),
                packet(INCREMENTQ).key("b").counted_with(1, 1, DO_NOT_CREATE).opaque(7),
            ],
            [
                refused(SETQ, EXISTS).opaque(1),
                refused(ADDQ, EXISTS).opaque(2),
                refused(REPLACEQ, NOT_FOUND).opaque(3),
                refused(APPENDQ, NOT_STORED).opaque(4),
                refused(PREPENDQ, NOT_STORED).opaque(5),
                refused(DELETEQ, NOT_FOUND).opaque(6),
                refused(INCREMENTQ, NOT_FOUND).opaque(7),
            ],
        ),
        case("a long quiet pipeline stays in order").packets(
            std::array::from_fn::<_, 300, _>(|n| match n % 3 {
                0 => packet(SETQ).key(format!("k{n}")).stored_with(0, 0).value(n.to_string()),
                1 => packet(GET).key(format!("k{}", n - 1)).opaque(n as u32),
                _ => packet(GETQ).key("none"),
            }),
            std::array::from_fn::<_, 100, _>(|n| {
                let n = 3 * n;
                want(GET).flags(0).value(n.to_string()).opaque(n as u32 + 1).some_cas()
            }),
        ),
    ]
}

fn framing() -> Vec<Case> {
    vec![
        case("NOOP and VERSION").packets([packet(NOOP), packet(VERSION)], [want(NOOP), want(VERSION).any_value()]),
        case("QUIT answers and closes").packets([packet(QUIT).opaque(3)], [want(QUIT).opaque(3)]).packets_closed(),
        case("QUITQ closes").packets([packet(QUITQ)], []).packets_closed(),
        case("opcodes that do not exist").packets(
            [packet(0x1b), packet(0x1f), packet(0x25), packet(0x30), packet(0xff).opaque(8)],
            [
                refused(0x1b, UNKNOWN),
                refused(0x1f, UNKNOWN),
                refused(0x25, UNKNOWN),
                refused(0x30, UNKNOWN),
                refused(0xff, UNKNOWN).opaque(8),
            ],
        ),
        case("an opcode that does not exist, with a body that is swallowed")
            .packets(
                [packet(0x1b).key("key").extras([1; 4]).value("value"), packet(NOOP).opaque(1)],
                [refused(0x1b, UNKNOWN), want(NOOP).opaque(1)],
            )
            .ours("memcached 1.6.18 swallows extras and key once more and waits for what never comes"),
        case("SASL is unknown where it is not on").packets(
            [
                packet(0x20),
                packet(0x21).key("PLAIN").value("\0user\0password"),
                packet(0x22).key("PLAIN").value("\0user\0password"),
                packet(NOOP),
            ],
            [refused(0x20, UNKNOWN), refused(0x21, UNKNOWN), refused(0x22, UNKNOWN), want(NOOP)],
        ),
    ]
}

fn lies() -> Vec<Case> {
    // Whole only: the server may refuse by the header alone and be gone before the last byte is written.
    let refuses = |name, send: crate::support::Packet, opcode: u8, why: (u16, &str)| {
        case(name).packets([send], [refused(opcode, why)]).packets_closed().whole_only()
    };
    vec![
        refuses("GET without a key", packet(GET), GET, INVALID),
        refuses("GET with extras", packet(GET).key("a").extras([0; 4]), GET, INVALID),
        refuses("GET with a value", packet(GET).key("a").value("v"), GET, INVALID),
        refuses("SET without extras", packet(SET).key("a").value("v"), SET, INVALID),
        refuses("SET without a key", packet(SET).stored_with(0, 0).value("v"), SET, INVALID),
        refuses("INCREMENT with 8 bytes of extras", packet(INCREMENT).key("a").extras([0; 8]), INCREMENT, INVALID),
        refuses("DELETE with a value", packet(DELETE).key("a").value("v"), DELETE, INVALID),
        refuses("APPEND with extras", packet(APPEND).key("a").extras([0; 4]).value("v"), APPEND, INVALID),
        refuses("TOUCH without an exptime", packet(TOUCH).key("a"), TOUCH, INVALID),
        refuses("FLUSH with 8 bytes of extras", packet(FLUSH).extras([0; 8]), FLUSH, INVALID),
        refuses("NOOP with a body", packet(NOOP).value("x"), NOOP, INVALID),
        refuses("STAT with extras", packet(0x10).extras([0; 4]), 0x10, INVALID),
        refuses("a key of 251 bytes", packet(GET).key([b'k'; 251]), GET, INVALID),
        refuses("a key longer than the body", packet(GET).key("key").body_len(2), GET, UNKNOWN),
        refuses(
            "extras longer than the body",
            packet(SET).key("a").extras_len(200).value([0; 200]).body_len(200),
            SET,
            UNKNOWN,
        ),
    ]
}
