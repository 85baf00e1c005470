//! `ma`: counting, creating, comparing, and its refusals.

use crate::support::{Case, case};

/// What memcached answers to any fault in the flags of `ma`.
const BAD_FLAG: &str = "CLIENT_ERROR invalid or duplicate flag\r\n";
const BAD_MODE: &str = "CLIENT_ERROR invalid mode for ma M token\r\n";
const NON_NUMERIC: &str = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";

fn stored(name: &'static str) -> Case {
    case(name).talk("set n 5 0 2\r\n10\r\n", "STORED\r\n")
}

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = counting();
    cases.extend(creating());
    cases.extend(comparing());
    cases.extend(refusals());
    cases
}

fn counting() -> Vec<Case> {
    vec![
        stored("ma counts up by one and tells it with v only")
            .talk("ma n\r\n", "HD\r\n")
            .talk("ma n v\r\n", "VA 2\r\n12\r\n")
            .talk("get n\r\n", "VALUE n 5 2\r\n12\r\nEND\r\n"),
        stored("D is the delta, M the direction in any of its names")
            .talk("ma n D5 v\r\n", "VA 2\r\n15\r\n")
            .talk("ma n MD D3 v\r\n", "VA 2\r\n12\r\n")
            .talk("ma n M- v\r\n", "VA 2\r\n11\r\n")
            .talk("ma n MI v\r\n", "VA 2\r\n12\r\n")
            .talk("ma n M+ D0 v\r\n", "VA 2\r\n12\r\n"),
        stored("decrement stops at 0, increment wraps at 2^64")
            .talk("ma n MD D500 v\r\n", "VA 1\r\n0\r\n")
            .talk("set n 0 0 20\r\n18446744073709551615\r\n", "STORED\r\n")
            .talk("ma n D2 v\r\n", "VA 1\r\n1\r\n")
            .talk("ma n D18446744073709551615 v\r\n", "VA 1\r\n0\r\n"),
        case("a number that becomes shorter keeps its length, with a space behind it")
            .talk("set n 0 0 3\r\n100\r\n", "STORED\r\n")
            .talk("ma n MD v\r\n", "VA 2\r\n99\r\n")
            .talk("get n\r\n", "VALUE n 0 3\r\n99 \r\nEND\r\n")
            .talk("ma n v\r\n", "VA 3\r\n100\r\n"),
        stored("t, c, k and O come back in order")
            .talk("ma n c\r\n", "HD c<cas:n>\r\n")
            .talk("mg n c\r\n", "HD c<cas:n>\r\n")
            .talk("ma n k Oq t v\r\n", "VA 2 kn Oq t-1\r\n12\r\n")
            .talk("ma n t Oq k\r\n", "HD t-1 Oq kn\r\n"),
        stored("T sets the exptime")
            .talk_any("ma n T50 v t\r\n", ["VA 2 t50\r\n11\r\n", "VA 2 t49\r\n11\r\n"])
            .talk_any("mg n t\r\n", ["HD t50\r\n", "HD t49\r\n", "HD t48\r\n"])
            .talk("ma n T0 t\r\n", "HD t-1\r\n"),
        stored("q hides HD, not a value").silent("ma n q\r\nma n q k Oz\r\n").talk("mg n v\r\n", "VA 2\r\n12\r\n"),
        case("q does not hide NF").talk("ma n q k O1\r\nmn\r\n", "NF kn O1\r\nMN\r\n"),
        stored("a key in base64")
            .talk("ma bg== b v k\r\n", "VA 2 kbg== b\r\n11\r\n")
            .talk("mg n v\r\n", "VA 2\r\n11\r\n"),
    ]
}

fn creating() -> Vec<Case> {
    vec![
        case("an absent key is NF, with k and O").talk("ma n\r\n", "NF\r\n").talk("ma n v t k O1\r\n", "NF kn O1\r\n"),
        case("N creates 0, J another value; both without counting")
            .talk("ma n N0 v t\r\n", "VA 1 t-1\r\n0\r\n")
            .talk("ma n N0 v\r\n", "VA 1\r\n1\r\n")
            .talk_any("ma m N100 J13 v t\r\n", ["VA 2 t100\r\n13\r\n", "VA 2 t99\r\n13\r\n"])
            .talk_any("ma m N500 J13 v t\r\n", ["VA 2 t100\r\n14\r\n", "VA 2 t99\r\n14\r\n", "VA 2 t98\r\n14\r\n"]),
        case("J without N does not create").talk("ma n J5\r\n", "NF\r\n"),
        case("J up to 2^64-1")
            .talk("ma n N0 J18446744073709551615 v\r\n", "VA 20\r\n18446744073709551615\r\n")
            .talk("get n\r\n", "VALUE n 0 20\r\n18446744073709551615\r\nEND\r\n"),
    ]
}

fn comparing() -> Vec<Case> {
    vec![
        stored("C with the current number counts, with another it is EX")
            .talk("mg n c\r\n", "HD c<cas:n>\r\n")
            .talk("ma n C<cas:n> c\r\n", "HD c<cas:m>\r\n")
            .differ("n", "m")
            .talk("ma n C<cas:n> k O3\r\n", "EX kn O3\r\n")
            .talk("ma n C<cas:n> q\r\nmn\r\n", "EX\r\nMN\r\n")
            .talk("mg n v\r\n", "VA 2\r\n11\r\n"),
        stored("E gives the number")
            .talk("ma n E1234567890123 c v\r\n", "VA 2 c1234567890123\r\n11\r\n")
            .talk("ma n C1234567890123 E5 v\r\n", "VA 2\r\n12\r\n")
            .talk("mg n c\r\n", "HD c5\r\n")
            .since([1, 6, 21]),
    ]
}

fn refusals() -> Vec<Case> {
    vec![
        case("ma without a key").talk_any("ma\r\n", ["ERROR\r\n", "CLIENT_ERROR bad command line format\r\n"]),
        case("what is no number is refused")
            .talk("set n 0 0 3\r\nabc\r\n", "STORED\r\n")
            .talk("ma n\r\n", NON_NUMERIC)
            .talk("ma n q k\r\n", NON_NUMERIC)
            .talk("set n 0 0 30\r\n123456789012345678901234567890\r\n", "STORED\r\n")
            .talk("ma n\r\n", NON_NUMERIC),
        stored("faults in the flags are refused and count nothing")
            .talk("ma n v v\r\n", BAD_FLAG)
            .talk("ma n !\r\n", BAD_FLAG)
            .talk("ma n n\r\n", BAD_FLAG)
            .talk("ma n Dx\r\n", BAD_FLAG)
            .talk("ma n D-1\r\n", BAD_FLAG)
            .talk("ma n D18446744073709551616\r\n", BAD_FLAG)
            .talk("ma n Jx N0\r\n", BAD_FLAG)
            .talk("ma n Nx\r\n", BAD_FLAG)
            .talk("ma n Tx\r\n", BAD_FLAG)
            .talk("ma n Cx\r\n", BAD_FLAG)
            .talk("ma n Ex\r\n", BAD_FLAG)
            // 1.6.18 asks for exactly one letter.
            .talk_any("ma n M\r\n", [BAD_FLAG, BAD_MODE])
            .talk_any("ma n Mincr\r\n", [BAD_FLAG, BAD_MODE])
            .talk("ma n MX\r\n", BAD_MODE)
            .talk("ma n b v\r\n", BAD_FLAG)
            .talk("mg n v\r\n", "VA 2\r\n10\r\n"),
        case("a key too long")
            .talk_any(format!("ma {}\r\n", "k".repeat(251)), ["CLIENT_ERROR bad command line format\r\n", BAD_FLAG]),
        case("an opaque too long")
            .talk(format!("ma n O{}\r\n", "o".repeat(33)), "CLIENT_ERROR opaque token too long\r\n"),
    ]
}
