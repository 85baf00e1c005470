//! `delete` in its forms.

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    vec![
        case("delete removes once")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("delete a\r\n", "DELETED\r\n")
            .talk("get a\r\n", "END\r\n")
            .talk("delete a\r\n", "NOT_FOUND\r\n"),
        case("delete of an expired item is NOT_FOUND")
            .talk("set a 0 -1 1\r\nx\r\n", "STORED\r\n")
            .talk("delete a\r\n", "NOT_FOUND\r\n"),
        case("delete with the obsolete time 0")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("delete a 0\r\n", "DELETED\r\n")
            .talk("get a\r\n", "END\r\n"),
        case("delete with another time is refused")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("delete a 10\r\n", "CLIENT_ERROR bad command line format<line>\r\n")
            .talk("delete a b c\r\n", "CLIENT_ERROR bad command line format<line>\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"),
        case("delete with more words than it could have is refused the same way")
            .talk("delete a 0 0 0\r\n", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n")
            .silent("delete a 0 0 noreply\r\n")
            .since([1, 6, 45]),
        case("delete without a key is malformed")
            .talk("delete\r\n", "CLIENT_ERROR bad command line format\r\n")
            .since([1, 6, 45]),
        case("delete noreply is silent, found or not")
            .talk("set a 0 0 1\r\nx\r\nset b 0 0 1\r\nx\r\n", "STORED\r\nSTORED\r\n")
            .silent("delete a noreply\r\ndelete a noreply\r\ndelete b 0 noreply\r\n")
            .talk("get a b\r\n", "END\r\n"),
        case("delete of a large value")
            .talk(format!("set a 0 0 200000\r\n{}\r\n", "x".repeat(200_000)), "STORED\r\n")
            .talk("delete a\r\n", "DELETED\r\n")
            .talk("get a\r\n", "END\r\n"),
        case("a deleted key can be stored again")
            .talk("set a 1 0 1\r\nx\r\ndelete a\r\nset a 2 0 1\r\ny\r\n", "STORED\r\nDELETED\r\nSTORED\r\n")
            .talk("get a\r\n", "VALUE a 2 1\r\ny\r\nEND\r\n"),
    ]
}
