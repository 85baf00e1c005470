//! `incr` and `decr`: wrapping, flooring, padding, and what is not a number.

use crate::support::{Case, case};

const NON_NUMERIC: &str = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
const BAD_LINE: &str = "CLIENT_ERROR bad command line format\r\n";
const BAD_DELTA: &str = "CLIENT_ERROR invalid numeric delta argument\r\n";

/// The table.
pub fn cases() -> Vec<Case> {
    vec![
        case("incr and decr answer the new number")
            .talk("set n 7 0 1\r\n5\r\n", "STORED\r\n")
            .talk("incr n 1\r\n", "6\r\n")
            .talk("incr n 0\r\n", "6\r\n")
            .talk("decr n 4\r\n", "2\r\n")
            .talk("get n\r\n", "VALUE n 7 1\r\n2\r\nEND\r\n"),
        case("a number that grows takes more bytes, flags stay")
            .talk("set n 7 0 2\r\n99\r\n", "STORED\r\n")
            .talk("incr n 1\r\n", "100\r\n")
            .talk("get n\r\n", "VALUE n 7 3\r\n100\r\nEND\r\n"),
        case("a number that shrinks is padded with spaces, and can be changed again")
            .talk("set n 0 0 3\r\n100\r\n", "STORED\r\n")
            .talk("decr n 91\r\n", "9\r\n")
            .talk("get n\r\n", "VALUE n 0 3\r\n9  \r\nEND\r\n")
            .talk("incr n 1\r\n", "10\r\n")
            .talk("get n\r\n", "VALUE n 0 3\r\n10 \r\nEND\r\n"),
        case("decr stops at zero")
            .talk("set n 0 0 2\r\n10\r\n", "STORED\r\n")
            .talk("decr n 11\r\n", "0\r\n")
            .talk("decr n 18446744073709551615\r\n", "0\r\n")
            .talk("get n\r\n", "VALUE n 0 2\r\n0 \r\nEND\r\n"),
        case("incr wraps at 2^64")
            .talk("set n 0 0 20\r\n18446744073709551615\r\n", "STORED\r\n")
            .talk("incr n 1\r\n", "0\r\n")
            .talk("get n\r\n", "VALUE n 0 20\r\n0                   \r\nEND\r\n")
            .talk("set n 0 0 2\r\n10\r\n", "STORED\r\n")
            .talk("incr n 18446744073709551615\r\n", "9\r\n")
            .talk("get n\r\n", "VALUE n 0 2\r\n9 \r\nEND\r\n"),
        case("from one digit to twenty and back")
            .talk("set n 0 0 1\r\n0\r\n", "STORED\r\n")
            .talk("incr n 18446744073709551615\r\n", "18446744073709551615\r\n")
            .talk("get n\r\n", "VALUE n 0 20\r\n18446744073709551615\r\nEND\r\n")
            .talk("decr n 18446744073709551614\r\n", "1\r\n"),
        case("leading zeros are digits").talk("set n 0 0 3\r\n007\r\n", "STORED\r\n").talk("incr n 1\r\n", "8\r\n"),
        case("an absent key is NOT_FOUND")
            .talk("incr n 1\r\n", "NOT_FOUND\r\n")
            .talk("decr n 1\r\n", "NOT_FOUND\r\n")
            .talk("set n 0 -1 1\r\n1\r\n", "STORED\r\n")
            .talk("incr n 1\r\n", "NOT_FOUND\r\n"),
        non_numeric(),
        case("a delta must be a number below 2^64")
            .talk("set n 0 0 1\r\n5\r\n", "STORED\r\n")
            .talk("incr n x\r\n", BAD_DELTA)
            .talk("incr n 1x\r\n", BAD_DELTA)
            .talk("incr n -1\r\n", BAD_DELTA)
            .talk("decr n 18446744073709551616\r\n", BAD_DELTA)
            .talk("get n\r\n", "VALUE n 0 1\r\n5\r\nEND\r\n"),
        case("too few words are a malformed line")
            .talk("incr\r\n", BAD_LINE)
            .talk("incr n\r\n", BAD_LINE)
            .talk("decr\r\n", BAD_LINE)
            .talk("decr n\r\n", BAD_LINE)
            .since([1, 6, 45]),
        case("surplus words are not looked at, but for noreply as the last")
            .talk("set n 0 0 1\r\n5\r\n", "STORED\r\n")
            .talk("incr n 2 x y\r\n", "7\r\n")
            .silent("incr n 2 x noreply\r\n")
            .talk("decr n 1 1 2 3 4 5 6 7 8\r\n", "8\r\n")
            .since([1, 6, 45]),
        case("noreply is silent, whatever comes of it")
            .silent("incr n 1 noreply\r\ndecr n 1 noreply\r\nset n 0 0 1 noreply\r\n5\r\nincr n 10 noreply\r\n")
            .silent("decr n 3 noreply\r\nset s 0 0 1 noreply\r\nx\r\nincr s 1 noreply\r\nincr n x noreply\r\n")
            .talk("get n\r\n", "VALUE n 0 2\r\n12\r\nEND\r\n"),
        case("counting from two connections loses nothing")
            .talk("set n 0 0 1\r\n0\r\n", "STORED\r\n")
            .send_on(1, "incr n 1\r\n".repeat(100))
            .send_on(2, "incr n 1 noreply\r\n".repeat(100))
            .talk_on(2, "mn\r\n", "MN\r\n")
            .expect_on(1, "<line>\r\n".repeat(100))
            .talk("incr n 0\r\n", "200\r\n"),
    ]
}

fn non_numeric() -> Case {
    let values = ["x", "12x", "x12", "-1", "1.5", "", "18446744073709551616", "184467440737095516150"];
    values.into_iter().fold(case("a value that is no number below 2^64 is refused and kept"), |case, value| {
        let len = value.len();
        case.talk(format!("set n 0 0 {len}\r\n{value}\r\n"), "STORED\r\n")
            .talk("incr n 1\r\n", NON_NUMERIC)
            .talk("decr n 1\r\n", NON_NUMERIC)
            .talk("get n\r\n", format!("VALUE n 0 {len}\r\n{value}\r\nEND\r\n"))
    })
}
