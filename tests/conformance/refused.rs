//! Storage commands that are refused: which line says so, and that the stream stays in step.
//!
//! memcached 1.6.18 refuses a bad command line without looking at its length and runs the value as commands. We
//! swallow the value wherever the length is readable, so those cases are ours alone.
//!
//! What is left of a value that is longer or shorter than announced is run as a command, here one of less than four bytes:
//! to 1.6.18 an unknown one, `ERROR`, and malformed from 1.6.45 on.

use crate::support::{Case, case};

/// Why a swallowed value is not asked of memcached.
const SWALLOWS: &str = "memcached runs the value of a refused command line as commands";
/// Why an overflowing number is not asked of memcached.
const WRAPS: &str = "memcached cuts larger numbers to 32 bits";

const BAD_LINE: &str = "CLIENT_ERROR bad command line format\r\n";

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = lines();
    cases.extend(values());
    cases.extend(keys());
    cases.extend(noreply());
    cases
}

fn lines() -> Vec<Case> {
    vec![
        case("too few words are a malformed line")
            .talk("set\r\n", BAD_LINE)
            .talk("set a\r\n", BAD_LINE)
            .talk("set a 0 0\r\n", BAD_LINE)
            .talk("set a 0 noreply\r\n", BAD_LINE)
            .talk("add a 0 0\r\n", BAD_LINE)
            .talk("replace a\r\n", BAD_LINE)
            .talk("append a\r\n", BAD_LINE)
            .talk("prepend\r\n", BAD_LINE)
            .since([1, 6, 45]),
        case("flags that are no number").talk("set a x 0 1\r\nmn\r\n", BAD_LINE).ours(SWALLOWS).may_close(),
        case("bad flags: the value is swallowed")
            .talk("set a x 0 1\r\ny\r\nmn\r\n", format!("{BAD_LINE}MN\r\n"))
            .talk("set a -1 0 1\r\ny\r\nmn\r\n", format!("{BAD_LINE}MN\r\n"))
            .talk("get a\r\n", "END\r\n")
            .ours(SWALLOWS),
        case("flags of 2^32 are refused")
            .talk("set a 4294967296 0 1\r\ny\r\nmn\r\n", format!("{BAD_LINE}MN\r\n"))
            .ours(WRAPS),
        case("bad exptime: the value is swallowed")
            .talk("set a 0 x 1\r\ny\r\nmn\r\n", format!("{BAD_LINE}MN\r\n"))
            .talk("get a\r\n", "END\r\n")
            .ours(SWALLOWS),
        case("a length that is no number").talk("set a 0 0 x\r\n", BAD_LINE).may_close(),
        case("a negative length").talk("set a 0 0 -1\r\n", BAD_LINE).may_close(),
        case("a length of 2^31-1").talk_any("set a 0 0 2147483647\r\n", [BAD_LINE, TOO_LARGE]).may_close(),
        case("a length of 2^32+1").talk_any("set a 0 0 4294967297\r\n", [BAD_LINE, TOO_LARGE]).ours(WRAPS).may_close(),
        case("a length of 2^64").talk_any("set a 0 0 18446744073709551616\r\n", [BAD_LINE, TOO_LARGE]).may_close(),
    ]
}

const TOO_LARGE: &str = "SERVER_ERROR object too large for cache\r\n";

fn values() -> Vec<Case> {
    let large = "x".repeat(1 << 20);
    let evil = format!("flush_all\r\nset evil 0 0 1\r\nx\r\n{large}");
    vec![
        case("a value longer than announced: refused, in step after the announced length")
            .talk("set keep 0 0 1\r\nk\r\n", "STORED\r\n")
            .talk_any(
                "set a 0 0 1\r\nxy\r\nmn\r\n",
                [
                    "CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nMN\r\n",
                ],
            )
            .talk("get keep a\r\n", "VALUE keep 0 1\r\nk\r\nEND\r\n"),
        case("a much longer value leaves one line of rest")
            .talk_any(
                "set a 0 0 1\r\nxyzzy\r\nmn\r\n",
                ["CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n", "CLIENT_ERROR bad data chunk\r\nMN\r\n"],
            )
            .talk("get a\r\n", "END\r\n"),
        case("a shorter value takes the next bytes for its own")
            .talk_any(
                "set a 0 0 8\r\nx\r\nmn\r\nmnmn\r\nmn\r\n",
                [
                    "CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nMN\r\n",
                ],
            )
            .talk("get a\r\n", "END\r\n"),
        case("a value ended by a bare newline is refused")
            .talk_any(
                "set a 0 0 1\r\nx\nmn\r\nmn\r\n",
                [
                    "CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nMN\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nMN\r\n",
                ],
            )
            .talk("get a\r\n", "END\r\n")
            .may_close(),
        case("a value of one byte too many for an item: refused and swallowed")
            .talk("set keep 0 0 1\r\nk\r\n", "STORED\r\n")
            .talk(format!("set a 0 0 {}\r\n{evil}\r\nmn\r\n", evil.len()), format!("{TOO_LARGE}MN\r\n"))
            .talk("get keep evil a\r\n", "VALUE keep 0 1\r\nk\r\nEND\r\n"),
        case("a refused set removes the old item")
            .talk("set a 0 0 1\r\nk\r\n", "STORED\r\n")
            .talk(format!("set a 0 0 {}\r\n{evil}\r\n", evil.len()), TOO_LARGE)
            .talk("get a\r\n", "END\r\n"),
    ]
}

fn keys() -> Vec<Case> {
    let (longest, longer) = ("k".repeat(250), "k".repeat(251));
    vec![
        case("a key of 250 bytes")
            .talk(format!("set {longest} 0 0 1\r\nx\r\n"), "STORED\r\n")
            .talk(format!("get {longest}\r\n"), format!("VALUE {longest} 0 1\r\nx\r\nEND\r\n"))
            .talk(format!("delete {longest}\r\n"), "DELETED\r\n"),
        case("a key of 251 bytes: the value is swallowed")
            .talk(format!("set {longer} 0 0 1\r\nx\r\nmn\r\n"), format!("{BAD_LINE}MN\r\n"))
            .talk(format!("add {longer} 0 0 9\r\nflush_all\r\nmn\r\n"), format!("{BAD_LINE}MN\r\n"))
            .talk(format!("append {longer} 0 0 1\r\nx\r\nmn\r\n"), format!("{BAD_LINE}MN\r\n"))
            .talk(format!("cas {longer} 0 0 1 1\r\nx\r\nmn\r\n"), format!("{BAD_LINE}MN\r\n"))
            .ours(SWALLOWS),
        case("a key of 251 bytes is refused by every command")
            .talk(format!("get {longer}\r\n"), BAD_LINE)
            .talk(format!("gets {longer}\r\n"), BAD_LINE)
            .talk(format!("gat 0 {longer}\r\n"), BAD_LINE)
            .talk(format!("delete {longer}\r\n"), BAD_LINE)
            .talk(format!("incr {longer} 1\r\n"), BAD_LINE)
            .talk(format!("decr {longer} 1\r\n"), BAD_LINE)
            .talk(format!("touch {longer} 0\r\n"), BAD_LINE)
            .talk(format!("mg {longer} v\r\n"), BAD_LINE)
            .talk(format!("md {longer}\r\n"), BAD_LINE),
    ]
}

fn noreply() -> Vec<Case> {
    let longer = "k".repeat(251);
    vec![
        case("noreply hides the refusal of a bad key; the value is swallowed")
            .silent(format!("set {longer} 0 0 1 noreply\r\nx\r\n"))
            .ours(SWALLOWS),
        case("noreply hides a bad length").send("set a 0 0 x noreply\r\n").may_close(),
        case("noreply hides a bad data chunk")
            .talk_any(
                "set a 0 0 1 noreply\r\nxyz\r\nmn\r\n",
                ["CLIENT_ERROR bad command line format\r\nMN\r\n", "ERROR\r\nMN\r\n", "MN\r\n"],
            )
            .talk("get a\r\n", "END\r\n"),
        case("noreply hides a value too large")
            .silent(format!("set a 0 0 1048577 noreply\r\n{}\r\n", "x".repeat(1_048_577)))
            .talk("get a\r\n", "END\r\n"),
    ]
}
