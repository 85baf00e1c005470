//! `flush_all`: at once and delayed. Every other case relies on the first one here.

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    let keys: String = (0..200).map(|i| format!(" k{i}")).collect();
    let set: String = (0..200).map(|i| format!("set k{i} 0 0 1\r\nx\r\n")).collect();
    vec![
        case("flush_all empties every shard, and what is set in the same second stays")
            .talk(&set, "STORED\r\n".repeat(200))
            .talk("flush_all\r\n", "OK\r\n")
            .talk(format!("get{keys}\r\n"), "END\r\n")
            .talk("set k1 0 0 1\r\ny\r\n", "STORED\r\n")
            .talk("get k1 k2\r\n", "VALUE k1 0 1\r\ny\r\nEND\r\n"),
        case("a pipeline around flush_all is in order").talk(
            format!("{set}flush_all\r\nset k7 0 0 1\r\nz\r\nget{keys}\r\n"),
            format!("{}OK\r\nSTORED\r\nVALUE k7 0 1\r\nz\r\nEND\r\n", "STORED\r\n".repeat(200)),
        ),
        case("flushed items count as absent to every command")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:a>\r\n1\r\nEND\r\n")
            .talk("flush_all\r\n", "OK\r\n")
            .talk("replace a 0 0 1\r\n2\r\n", "NOT_STORED\r\n")
            .talk("append a 0 0 1\r\n2\r\n", "NOT_STORED\r\n")
            .talk("incr a 1\r\n", "NOT_FOUND\r\n")
            .talk("touch a 0\r\n", "NOT_FOUND\r\n")
            .talk("delete a\r\n", "NOT_FOUND\r\n")
            .talk("cas a 0 0 1 <cas:a>\r\n2\r\n", "NOT_FOUND\r\n")
            .talk("add a 0 0 1\r\n2\r\n", "STORED\r\n"),
        case("flush_all is seen by other connections")
            .talk_on(0, "set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk_on(1, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n")
            .talk_on(0, "flush_all\r\n", "OK\r\n")
            .talk_on(1, "get a\r\n", "END\r\n"),
        case("flush_all 0 is at once")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("flush_all 0\r\n", "OK\r\n")
            .talk("get a\r\n", "END\r\n"),
        case("flush_all noreply is silent")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .silent("flush_all noreply\r\n")
            .talk("get a\r\n", "END\r\n")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .silent("flush_all 0 noreply\r\n")
            .talk("get a\r\n", "END\r\n"),
        case("flush_all refuses a bad delay and flushes nothing")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("flush_all x\r\n", "CLIENT_ERROR invalid exptime argument\r\n")
            .silent("flush_all x noreply\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"),
        case("flush_all does not look at surplus words but for noreply as the last")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("flush_all 0 1 2\r\n", "OK\r\n")
            .talk("get a\r\n", "END\r\n")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("flush_all x 1 2\r\n", "CLIENT_ERROR invalid exptime argument\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n")
            .silent("flush_all 0 1 noreply\r\n")
            .talk("get a\r\n", "END\r\n")
            .since([1, 6, 45]),
        case("a delayed flush comes with its second, and takes what was set before")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("flush_all 2\r\n", "OK\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n")
            .until("get a\r\n", "END\r\n", 10)
            .talk("mn\r\n", "MN\r\n")
            .until("add b 0 0 1\r\ny\r\nget b\r\n", "NOT_STORED\r\nVALUE b 0 1\r\ny\r\nEND\r\n", 10)
            .whole_only(),
        case("a flush at once replaces a delayed one")
            .talk("flush_all 1000\r\n", "OK\r\n")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("flush_all\r\n", "OK\r\n")
            .talk("get a\r\n", "END\r\n")
            .talk("set a 0 0 1\r\ny\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\ny\r\nEND\r\n"),
    ]
}
