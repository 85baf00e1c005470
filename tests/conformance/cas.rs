//! `cas`: stored, EXISTS, NOT_FOUND, and its refusals.

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    vec![
        case("cas with the current number stores")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:a>\r\n1\r\nEND\r\n")
            .talk("cas a 9 0 2 <cas:a>\r\n22\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 9 2 <cas:b>\r\n22\r\nEND\r\n")
            .differ("a", "b"),
        case("cas with an old number is EXISTS")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:a>\r\n1\r\nEND\r\n")
            .talk("cas a 0 0 1 <cas:a>\r\n2\r\n", "STORED\r\n")
            .talk("cas a 0 0 1 <cas:a>\r\n3\r\n", "EXISTS\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\n2\r\nEND\r\n"),
        case("cas of an absent key is NOT_FOUND")
            .talk("cas a 0 0 1 1\r\n1\r\n", "NOT_FOUND\r\n")
            .talk("get a\r\n", "END\r\n"),
        case("cas after delete and of an expired item is NOT_FOUND")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:a>\r\n1\r\nEND\r\n")
            .talk("touch a -1\r\n", "TOUCHED\r\n")
            .talk("cas a 0 0 1 <cas:a>\r\n2\r\n", "NOT_FOUND\r\n"),
        case("of two that read the same, one wins")
            .talk_on(0, "set a 0 0 1\r\n0\r\n", "STORED\r\n")
            .talk_on(0, "gets a\r\n", "VALUE a 0 1 <cas:a>\r\n0\r\nEND\r\n")
            .talk_on(1, "gets a\r\n", "VALUE a 0 1 <cas:a>\r\n0\r\nEND\r\n")
            .talk_on(1, "cas a 0 0 1 <cas:a>\r\n1\r\n", "STORED\r\n")
            .talk_on(0, "cas a 0 0 1 <cas:a>\r\n2\r\n", "EXISTS\r\n")
            .talk_on(0, "get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n"),
        case("the number 0 and 2^64-1 match nothing")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("cas a 0 0 1 18446744073709551615\r\n2\r\n", "EXISTS\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n"),
        case("cas noreply is silent, whatever comes of it")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:a>\r\n1\r\nEND\r\n")
            .silent("cas a 0 0 1 <cas:a> noreply\r\n2\r\ncas a 0 0 1 <cas:a> noreply\r\n3\r\ncas b 0 0 1 1 noreply\r\n4\r\n")
            .talk("get a b\r\n", "VALUE a 0 1\r\n2\r\nEND\r\n"),
        case("cas of a large value")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:a>\r\n1\r\nEND\r\n")
            .talk(format!("cas a 0 0 100000 <cas:a>\r\n{}\r\n", "x".repeat(100_000)), "STORED\r\n")
            .talk(format!("cas a 0 0 100000 <cas:a>\r\n{}\r\n", "y".repeat(100_000)), "EXISTS\r\n")
            .talk("get a\r\n", format!("VALUE a 0 100000\r\n{}\r\nEND\r\n", "x".repeat(100_000))),
        case("cas of a value too large leaves the old one")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk(
                format!("cas a 0 0 1048577 1\r\n{}\r\n", "x".repeat(1_048_577)),
                "SERVER_ERROR object too large for cache\r\n",
            )
            .talk("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n"),
        case("a write ends a number, whoever writes and however")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:set>\r\n1\r\nEND\r\n")
            .talk("touch a 100\r\n", "TOUCHED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:set>\r\n1\r\nEND\r\n")
            .talk("gats 0 a\r\n", "VALUE a 0 1 <cas:set>\r\n1\r\nEND\r\n")
            .talk("incr a 1\r\n", "2\r\n")
            .talk("cas a 0 0 1 <cas:set>\r\nx\r\n", "EXISTS\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:incr>\r\n2\r\nEND\r\n")
            .talk("append a 0 0 1\r\n3\r\n", "STORED\r\n")
            .talk("cas a 0 0 1 <cas:incr>\r\nx\r\n", "EXISTS\r\n")
            .talk("gets a\r\n", "VALUE a 0 2 <cas:append>\r\n23\r\nEND\r\n")
            .talk("set a 0 0 1\r\n4\r\n", "STORED\r\n")
            .talk("cas a 0 0 1 <cas:append>\r\nx\r\n", "EXISTS\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:again>\r\n4\r\nEND\r\n")
            .talk("delete a\r\n", "DELETED\r\n")
            .talk("set a 0 0 1\r\n4\r\n", "STORED\r\n")
            .talk("cas a 0 0 1 <cas:again>\r\nx\r\n", "EXISTS\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\n4\r\nEND\r\n"),
        case("mg C compares with a number that nobody has asked for")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("mg a v C0\r\n", "VA 1\r\n1\r\n")
            .talk("mg a c\r\n", "HD c<cas:a>\r\n")
            .talk("mg a v C<cas:a>\r\n", "HD\r\n")
            .since([1, 6, 45]),
        case("cas without its number is refused, and its value is swallowed")
            .talk("cas a 0 0 1\r\nx\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n")
            .silent("cas a 0 0 1 noreply\r\nx\r\n")
            .talk("get a\r\n", "END\r\n")
            .since([1, 6, 45]),
        case("cas with too few words for a value is malformed")
            .talk("cas\r\n", "CLIENT_ERROR bad command line format\r\n")
            .talk("cas a 0 0\r\n", "CLIENT_ERROR bad command line format\r\n")
            .since([1, 6, 45]),
        case("cas does not look at surplus words but for noreply as the last")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:a>\r\n1\r\nEND\r\n")
            .talk("cas a 0 0 1 <cas:a> x y z\r\n2\r\n", "STORED\r\n")
            .silent("cas a 0 0 1 <cas:a> x noreply\r\n3\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\n2\r\nEND\r\n")
            .since([1, 6, 45]),
        case("cas with a bad number: the value is swallowed")
            .talk("cas a 0 0 1 x\r\n1\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n")
            .talk("cas a 0 0 1 -1\r\n1\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n")
            .talk("cas a 0 0 1 18446744073709551616\r\n1\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n")
            .ours("memcached runs the value of a refused command line as commands"),
    ]
}
