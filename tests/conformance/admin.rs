//! `version`, `verbosity`, `quit`, and commands that do not exist.

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    vec![
        case("version is numeric first")
            .talk("version\r\n", "VERSION 1.6.<line>\r\n")
            .talk("version\nversion\r\n", "VERSION 1.6.<line>\r\nVERSION 1.6.<line>\r\n"),
        case("verbosity takes a level")
            .talk("verbosity 0\r\n", "OK\r\n")
            .talk("verbosity 1\r\n", "OK\r\n")
            .talk("verbosity 0\r\n", "OK\r\n")
            .silent("verbosity 0 noreply\r\n"),
        case("verbosity without a level is ERROR").talk("verbosity\r\n", "ERROR\r\n"),
        case("verbosity refuses what is no number").talk("verbosity x\r\n", "CLIENT_ERROR bad command line format\r\n"),
        case("quit closes without a word").send("quit\r\n").closed(),
        case("quit answers what came before, not what comes after")
            .talk("set a 0 0 1\r\nx\r\nget a\r\nquit\r\nget a\r\n", "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n")
            .closed()
            // The server may be gone before the last byte of a dribbled line is written.
            .whole_only(),
        case("mn answers MN").talk("mn\r\n", "MN\r\n").talk("mn\nmn\r\n", "MN\r\nMN\r\n"),
        case("a command that does not exist is ERROR")
            .talk("bogus\r\n", "ERROR\r\n")
            .talk("bogus a b c\r\n", "ERROR\r\n")
            .talk("getx a\r\n", "ERROR\r\n")
            .talk("ge a\r\n", "ERROR\r\n")
            .talk("se a 0 0 1\r\n", "ERROR\r\n")
            .talk("mz a\r\n", "ERROR\r\n")
            .talk("config get cluster\r\n", "ERROR\r\n"),
        case("commands are lower case").talk("GET a\r\n", "ERROR\r\n").talk("Version\r\n", "ERROR\r\n"),
        case("an empty line is ERROR")
            .talk("\r\n", "ERROR\r\n")
            .talk("\n", "ERROR\r\n")
            .talk(" \r\n", "ERROR\r\n")
            .talk("\r\n\r\nmn\r\n", "ERROR\r\nERROR\r\nMN\r\n"),
        case("other commands do not disturb: an unknown one between two")
            .talk("set a 0 0 1\r\nx\r\nbogus\r\nget a\r\n", "STORED\r\nERROR\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
    ]
}
