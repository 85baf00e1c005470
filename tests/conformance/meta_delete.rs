//! `md` and `mn`.

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    vec![
        case("md removes once")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("md a\r\n", "HD\r\n")
            .talk("md a\r\n", "NF\r\n")
            .talk("get a\r\n", "END\r\n"),
        case("k and O come back in order, found or not")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("md a k Oz\r\n", "HD ka Oz\r\n")
            .talk("md a Oz k\r\n", "NF Oz ka\r\n"),
        case("q hides HD; versions differ about NF")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .silent("md a q\r\n")
            .talk("get a\r\n", "END\r\n")
            .talk_any("md a q k O1\r\nmn\r\n", ["NF ka O1\r\nMN\r\n", "MN\r\n"]),
        case("C with the current number removes")
            .talk("ms a 1 c\r\nx\r\n", "HD c<cas:a>\r\n")
            .talk("md a C<cas:a>\r\n", "HD\r\n")
            .talk("mg a\r\n", "EN\r\n"),
        case("C with an old number is EX and keeps the item")
            .talk("ms a 1 c\r\nx\r\n", "HD c<cas:a>\r\n")
            .talk("ms a 1\r\ny\r\n", "HD\r\n")
            .talk("md a C<cas:a> k O2\r\n", "EX ka O2\r\n")
            .talk("md a C<cas:a> q\r\nmn\r\n", "EX\r\nMN\r\n")
            .talk("mg a v\r\n", "VA 1\r\ny\r\n"),
        case("P and L are accepted and ignored")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("md a P L9\r\n", "HD\r\n"),
        case("md without a key is refused")
            .talk("md\r\n", "CLIENT_ERROR bad command line format\r\n")
            .since([1, 6, 45]),
        case("faults in the flags are refused and keep the item")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("md a !\r\n", "CLIENT_ERROR invalid flag\r\n")
            .talk("md a k k\r\n", "CLIENT_ERROR duplicate flag\r\n")
            .talk("md a Cx\r\n", "CLIENT_ERROR bad token in command line format\r\n")
            .talk("md a q !\r\n", "CLIENT_ERROR invalid flag\r\n")
            .talk(format!("md a O{}\r\n", "o".repeat(33)), "CLIENT_ERROR opaque token too long\r\n")
            .talk("mg a v\r\n", "VA 1\r\nx\r\n")
            .since([1, 6, 45]),
        case("mn ignores what follows it").talk("mn x\r\n", "MN\r\n").talk("mn \r\n", "MN\r\n"),
        case("md of a large value")
            .talk(format!("ms a 200000\r\n{}\r\n", "x".repeat(200_000)), "HD\r\n")
            .talk("md a\r\n", "HD\r\n")
            .talk("mg a\r\n", "EN\r\n"),
    ]
}
