//! The classic commands. Expectations were taken from memcached 1.6.18, but for lines with too few or too many words,
//! where 1.6.45 is followed, and for those that say how we differ.

use super::check;

#[test]
fn storage_commands() {
    check(&[
        ("set a 5 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 5 1\r\nx\r\nEND\r\n"),
        ("set a 0 0 0\r\n\r\nget a\r\n", "STORED\r\nVALUE a 0 0\r\n\r\nEND\r\n"),
        ("add a 0 0 1\r\nx\r\nadd a 0 0 1\r\ny\r\n", "STORED\r\nNOT_STORED\r\n"),
        ("replace a 0 0 1\r\nx\r\n", "NOT_STORED\r\n"),
        ("append a 0 0 1\r\nx\r\nprepend a 0 0 1\r\nx\r\n", "NOT_STORED\r\nNOT_STORED\r\n"),
        (
            "set a 3 0 1\r\nb\r\nappend a 0 0 1\r\nc\r\nprepend a 0 0 1\r\na\r\nget a\r\n",
            "STORED\r\nSTORED\r\nSTORED\r\nVALUE a 3 3\r\nabc\r\nEND\r\n",
        ),
        ("set a 0 0 4\r\n\r\n\0\n\r\nget a\r\n", "STORED\r\nVALUE a 0 4\r\n\r\n\0\n\r\nEND\r\n"),
    ]);
}

#[test]
fn cas_compares() {
    check(&[
        ("cas a 0 0 1 5\r\nx\r\n", "NOT_FOUND\r\n"),
        ("set a 0 0 1\r\nx\r\ncas a 0 0 1 9\r\ny\r\ngets a\r\n", "STORED\r\nEXISTS\r\nVALUE a 0 1 1\r\nx\r\nEND\r\n"),
        ("set a 0 0 1\r\nx\r\ncas a 0 0 1 1\r\ny\r\nget a\r\n", "STORED\r\nSTORED\r\nVALUE a 0 1\r\ny\r\nEND\r\n"),
        ("cas a 0 0 1\r\nx\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n"),
        ("cas a 0 0\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n"),
        ("cas a 0 0 1 5 6 7\r\nx\r\n", "NOT_FOUND\r\n"),
        ("cas a 0 0 1 z\r\nx\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n"),
        ("cas a 0 0 1 -5\r\nx\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n"),
        ("cas a 0 0 1 5 noreply\r\nx\r\nmn\r\n", "MN\r\n"),
    ]);
}

#[test]
fn reads_of_one_and_many_keys() {
    let stored = "set a 1 0 1\r\nx\r\nset b 2 0 2\r\nyy\r\n";
    let answer = |line: &str, expected: &str| {
        check(&[(&format!("{stored}{line}mn\r\n"), &format!("STORED\r\nSTORED\r\n{expected}MN\r\n"))]);
    };
    answer("get a\r\n", "VALUE a 1 1\r\nx\r\nEND\r\n");
    answer("get miss\r\n", "END\r\n");
    answer("get a b\r\n", "VALUE a 1 1\r\nx\r\nVALUE b 2 2\r\nyy\r\nEND\r\n");
    answer("get  miss   a  \r\n", "VALUE a 1 1\r\nx\r\nEND\r\n");
    answer("gets b miss a a\n", "VALUE b 2 2 2\r\nyy\r\nVALUE a 1 1 1\r\nx\r\nVALUE a 1 1 1\r\nx\r\nEND\r\n");
    answer("gat 10 a b\r\n", "VALUE a 1 1\r\nx\r\nVALUE b 2 2\r\nyy\r\nEND\r\n");
    answer("gats 0 b\r\n", "VALUE b 2 2 2\r\nyy\r\nEND\r\n");
    answer("gat -1  a\r\n", "VALUE a 1 1\r\nx\r\nEND\r\n");
    answer("get get\r\n", "END\r\n");
    answer("get a noreply\r\n", "VALUE a 1 1\r\nx\r\nEND\r\n");
}

#[test]
fn malformed_reads() {
    let long = "k".repeat(251);
    let bad = "CLIENT_ERROR bad command line format\r\n";
    check(&[
        ("get\r\n", bad),
        ("get \r\n", bad),
        ("gat\r\n", bad),
        ("gat 10\r\n", bad),
        ("gat 10 \r\n", bad),
        ("gat abc k\r\n", "CLIENT_ERROR invalid exptime argument\r\n"),
        ("gat abc\r\n", bad),
        (&format!("get {long}\r\nmn\r\n"), &format!("{bad}MN\r\n")),
        (&format!("set a 0 0 1\r\nx\r\nget a {long} a\r\nmn\r\n"), &format!("STORED\r\n{bad}MN\r\n")),
        (&format!("gat 0 {long}\r\n"), bad),
        (&format!("get {}\r\n", &long[1..]), "END\r\n"),
    ]);
}

#[test]
fn control_characters_are_key_bytes_and_only_the_space_separates() {
    check(&[
        ("set a\tb 0 0 1\r\nx\r\nget a\tb\r\n", "STORED\r\nVALUE a\tb 0 1\r\nx\r\nEND\r\n"),
        ("set a\x01\x7f 0 0 1\r\nx\r\nget a\x01\x7f\r\n", "STORED\r\nVALUE a\x01\x7f 0 1\r\nx\r\nEND\r\n"),
        ("set a\r 0 0 1\r\nx\r\nget a\r\r\n", "STORED\r\nVALUE a\r 0 1\r\nx\r\nEND\r\n"),
        ("get a\tb\r\n", "END\r\n"),
        // memcached would cut the line at the NUL.
        ("set a\0b 0 0 1\r\nx\r\nget a\0b\r\n", "STORED\r\nVALUE a\0b 0 1\r\nx\r\nEND\r\n"),
    ]);
}

#[test]
fn line_ends() {
    let bad = "CLIENT_ERROR bad command line format\r\n";
    check(&[
        ("\r\n", bad),
        ("\n", bad),
        ("a\r\nab\r\n", &format!("{bad}ERROR\r\n")),
        ("\r\nversion\r\n", &format!("{bad}VERSION 1.6.18\r\n")),
        ("  version\r\n", "VERSION 1.6.18\r\n"),
        ("version x\r\n", "VERSION 1.6.18\r\n"),
        ("set a 0 0 3\nabc\r\nget a\n", "STORED\r\nVALUE a 0 3\r\nabc\r\nEND\r\n"),
        ("set a 0 0 3\r\nabc\nmn\r\nmn\r\n", &format!("CLIENT_ERROR bad data chunk\r\n{bad}MN\r\n")),
    ]);
}

#[test]
fn numbers_of_a_store() {
    let bad = "CLIENT_ERROR bad command line format\r\nMN\r\n";
    check(&[
        ("set a 4294967295 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 4294967295 1\r\nx\r\nEND\r\n"),
        ("set a +7 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 7 1\r\nx\r\nEND\r\n"),
        ("set a 5\t 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 5 1\r\nx\r\nEND\r\n"),
        ("set a \t5 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 5 1\r\nx\r\nEND\r\n"),
        ("set a 0 -2147483648 1\r\nx\r\nmn\r\n", "STORED\r\nMN\r\n"),
        ("set a 0 2147483648 1\r\nx\r\nmn\r\n", "STORED\r\nMN\r\n"),
        ("set a 0 0 1 foo\r\nx\r\nmn\r\n", "STORED\r\nMN\r\n"),
        ("set a 0 0\r\nmn\r\n", bad),
        ("set a 0 0 1 2 3\r\nx\r\nmn\r\n", "STORED\r\nMN\r\n"),
        ("set a 0 0 1 2 3 noreply\r\nx\r\nmn\r\n", "MN\r\n"),
        ("set a 0 0 -1\r\nmn\r\n", bad),
        ("set a 0 0 abc\r\nmn\r\n", bad),
        ("set a 0 0 12abc\r\nmn\r\n", bad),
        // memcached cuts flags to 32 bits.
        ("set a 4294967296 0 1\r\nx\r\nmn\r\n", bad),
    ]);
}

#[test]
fn the_payload_of_a_refused_store_is_not_run_as_commands() {
    // memcached runs it. Ours must not: a value may hold `flush_all`.
    let long = "k".repeat(251);
    let line = "CLIENT_ERROR bad command line format\r\n";
    let payload = "flush_all\r\n";
    for (head, reply) in [
        (format!("set {long} 0 0 9\r\n"), line),
        (format!("set {long} 0 0 9 noreply\r\n"), ""),
        ("set k -1 0 9\r\n".to_owned(), line),
        ("set k 18446744073709551616 0 9\r\n".to_owned(), line),
        ("set k 5x 0 9\r\n".to_owned(), line),
        ("set k 0 x 9\r\n".to_owned(), line),
        ("set k x 0 9 noreply\r\n".to_owned(), ""),
        ("cas k 0 0 9 x\r\n".to_owned(), line),
        (format!("append {long} 0 0 9\r\n"), line),
    ] {
        check(&[(
            &format!("set canary 0 0 1\r\nc\r\n{head}{payload}get canary\r\n"),
            &format!("STORED\r\n{reply}VALUE canary 0 1\r\nc\r\nEND\r\n"),
        )]);
    }
}

#[test]
fn a_length_that_no_payload_can_have_closes_the_connection() {
    for len in ["2147483646", "2147483648", "4294967296", "18446744073709551616", "99999999999999999999999999"] {
        check(&[
            (&format!("set a 0 0 {len}\r\nmn\r\n"), "CLIENT_ERROR bad command line format\r\n<closed>"),
            (&format!("set a 0 0 {len} noreply\r\nmn\r\n"), "<closed>"),
            (&format!("ms a {len}\r\nmn\r\n"), "CLIENT_ERROR bad command line format\r\n<closed>"),
        ]);
    }
}

#[test]
fn a_value_without_terminator_is_taken_with_two_bytes() {
    check(&[
        ("set a 0 0 3\r\nabcdefgh\r\nmn\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n"),
        (
            "set a 0 0 5\r\nabc\r\nmn\r\nmn\r\n",
            "CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\nMN\r\n",
        ),
        ("set a 0 0 3 noreply\r\nabcdefgh\r\nmn\r\n", "ERROR\r\nMN\r\n"),
        ("set a 0 0 3\r\nabcXXget a\r\n", "CLIENT_ERROR bad data chunk\r\nEND\r\n"),
    ]);
}

#[test]
fn noreply_is_silent_whatever_happens() {
    check(&[
        ("set a 0 0 1 noreply\r\n5\r\nget a\r\n", "VALUE a 0 1\r\n5\r\nEND\r\n"),
        ("add a 0 0 1 noreply\r\n5\r\nadd a 0 0 1 noreply\r\n6\r\nget a\r\n", "VALUE a 0 1\r\n5\r\nEND\r\n"),
        ("delete a noreply\r\nincr a 1 noreply\r\ntouch a 1 noreply\r\nmn\r\n", "MN\r\n"),
        ("flush_all noreply\r\nflush_all 0 noreply\r\nverbosity 0 noreply\r\nmn\r\n", "MN\r\n"),
        ("incr a x noreply\r\ntouch a x noreply\r\nflush_all x noreply\r\nmn\r\n", "MN\r\n"),
        ("touch a noreply\r\nverbosity noreply\r\nmn\r\n", "MN\r\n"),
        ("delete a 0 noreply\r\ndelete a 1 noreply\r\nmn\r\n", "MN\r\n"),
        (&format!("delete {} noreply\r\nmn\r\n", "k".repeat(251)), "MN\r\n"),
    ]);
}

#[test]
fn deletions() {
    let usage = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";
    check(&[
        ("delete a\r\n", "NOT_FOUND\r\n"),
        ("set a 0 0 1\r\nx\r\ndelete a\r\nget a\r\n", "STORED\r\nDELETED\r\nEND\r\n"),
        ("delete a 0\r\n", "NOT_FOUND\r\n"),
        ("delete\r\n", "CLIENT_ERROR bad command line format\r\n"),
        ("delete a b c d\r\n", usage),
        ("delete a 0 0 noreply\r\nmn\r\n", "MN\r\n"),
        ("delete a 1\r\n", usage),
        ("delete a 0 foo\r\n", usage),
        (&format!("delete {}\r\n", "k".repeat(251)), "CLIENT_ERROR bad command line format\r\n"),
    ]);
}

#[test]
fn arithmetic() {
    let invalid = "CLIENT_ERROR invalid numeric delta argument\r\n";
    check(&[
        ("set n 0 0 2\r\n41\r\nincr n 1\r\ndecr n 50\r\n", "STORED\r\n42\r\n0\r\n"),
        (
            "set n 0 0 1\r\nx\r\nincr n 1\r\n",
            "STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n",
        ),
        ("incr n 1\r\n", "NOT_FOUND\r\n"),
        ("incr n 1 foo\r\n", "NOT_FOUND\r\n"),
        ("incr n 18446744073709551615\r\n", "NOT_FOUND\r\n"),
        ("incr n 18446744073709551616\r\n", invalid),
        ("incr n -1\r\n", invalid),
        ("incr n 1a\r\n", invalid),
        ("incr n\r\n", "CLIENT_ERROR bad command line format\r\n"),
        ("incr n 1 2 3\r\n", "NOT_FOUND\r\n"),
        ("incr n 1 2 noreply\r\nmn\r\n", "MN\r\n"),
        (&format!("decr {} 1\r\n", "k".repeat(251)), "CLIENT_ERROR bad command line format\r\n"),
    ]);
}

#[test]
fn touches() {
    check(&[
        ("set a 0 0 1\r\nx\r\ntouch a 10\r\n", "STORED\r\nTOUCHED\r\n"),
        ("touch a 1\r\n", "NOT_FOUND\r\n"),
        ("touch a\r\n", "CLIENT_ERROR bad command line format\r\n"),
        ("touch a 1 2 3\r\n", "NOT_FOUND\r\n"),
        ("touch a x\r\n", "CLIENT_ERROR invalid exptime argument\r\n"),
        (&format!("touch {} 1\r\n", "k".repeat(251)), "CLIENT_ERROR bad command line format\r\n"),
    ]);
}

#[test]
fn commands_to_the_whole_server() {
    let exptime = "CLIENT_ERROR invalid exptime argument\r\n";
    let format = "CLIENT_ERROR bad command line format\r\n";
    check(&[
        ("flush_all\r\nflush_all 0\r\nflush_all -5\r\nflush_all 0 5\r\n", "OK\r\nOK\r\nOK\r\nOK\r\n"),
        ("flush_all abc\r\n", exptime),
        ("flush_all 0 5 6\r\n", "OK\r\n"),
        ("verbosity 0\r\nverbosity 0 foo\r\n", "OK\r\nOK\r\n"),
        ("verbosity\r\n", format),
        ("verbosity a b c\r\n", format),
        ("verbosity 1 b c\r\n", "OK\r\n"),
        ("verbosity a\r\n", format),
        ("verbosity -1\r\n", format),
        ("stats\r\nstats  reset \r\nstats foo\r\n", "END\r\nRESET\r\nERROR\r\n"),
        (
            "shutdown\r\nshutdown now\r\n",
            "SERVER_ERROR: shutdown not enabled\r\nSERVER_ERROR: shutdown not enabled\r\n",
        ),
        ("quit\r\nversion\r\n", "<closed>"),
        ("quit foo\r\n", "<closed>"),
        ("foo\r\nGET a\r\ngett a\r\ngetsx a\r\n", "ERROR\r\nERROR\r\nERROR\r\nERROR\r\n"),
    ]);
}

#[test]
fn settings_of_the_whole_server() {
    let format = "CLIENT_ERROR bad command line format\r\n";
    check(&[
        ("cache_memlimit 8\r\ncache_memlimit 1000000000\r\ncache_memlimit 100 noreply\r\n", "OK\r\nOK\r\n"),
        ("cache_memlimit 100 foo\r\n", "OK\r\n"),
        ("cache_memlimit\r\ncache_memlimit x\r\ncache_memlimit 4294967296\r\n", "ERROR\r\nERROR\r\nERROR\r\n"),
        ("cache_memlimit 7\r\n", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n"),
        ("cache_memlimit 1000000001\r\n", "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n"),
        ("slabs reassign 1 2\r\nslabs reassign -1 2\r\n", "OK\r\nOK\r\n"),
        ("slabs reassign x 2\r\nslabs reassign 1 4294967296\r\n", &format.repeat(2)),
        (
            "slabs\r\nslabs foo\r\nslabs reassign 1\r\nslabs reassign 1 2 3\r\nslabs automove\r\n",
            &"ERROR\r\n".repeat(5),
        ),
        (
            "slabs automove 0\r\nslabs automove 1\r\nslabs automove 2\r\nslabs automove 1 noreply\r\n",
            &"OK\r\n".repeat(3),
        ),
        ("slabs automove 3\r\n", "ERROR\r\n"),
        ("slabs automove x\r\n", format),
        ("refresh_certs\r\n", "Error TLS not enabled\r\n"),
        ("extstore\r\nextstore item_size 5\r\ndebugtime p\r\nmem x\r\n", &"ERROR\r\n".repeat(4)),
    ]);
}

#[test]
fn lru_segments_are_refused_and_their_absence_granted() {
    let no_segments = "CLIENT_ERROR eviction is S3-FIFO or CLOCK and has no lru segments\r\n";
    check(&[
        ("lru\r\nlru foo\r\nlru tune\r\nlru mode\r\nlru mode foo\r\nlru temp_ttl\r\n", &"ERROR\r\n".repeat(6)),
        ("lru mode flat\r\nlru temp_ttl -1\r\n", "OK\r\nOK\r\n"),
        ("lru mode segmented\r\nlru tune 10 20 0.1 2.0\r\n", &no_segments.repeat(2)),
        ("lru temp_ttl 60\r\n", "CLIENT_ERROR eviction is S3-FIFO or CLOCK and has no temporary lru\r\n"),
        ("lru temp_ttl x\r\nlru tune x 20 1 1\r\n", "ERROR\r\nERROR\r\n"),
        ("lru tune 50 50 1 1\r\n", "ERROR hot and warm pcts must not exceed 80\r\n"),
        ("lru tune 10 20 0 1\r\n", "ERROR hot/warm age factors must be greater than 0\r\n"),
    ]);
}

#[test]
fn the_crawler_and_dumps() {
    let format = "CLIENT_ERROR bad command line format\r\n";
    check(&[
        (
            "lru_crawler enable\r\nlru_crawler disable\r\nlru_crawler crawl all\r\nlru_crawler crawl 1,2\r\n",
            &"OK\r\n".repeat(4),
        ),
        ("lru_crawler sleep 5\r\nlru_crawler sleep 1000000\r\nlru_crawler tocrawl 0\r\n", &"OK\r\n".repeat(3)),
        ("lru_crawler sleep x\r\nlru_crawler tocrawl x\r\nlru_crawler tocrawl 4294967296\r\n", &format.repeat(3)),
        ("lru_crawler sleep 1000001\r\n", "CLIENT_ERROR sleep must be one second or less\r\n"),
        ("lru_crawler\r\nlru_crawler foo\r\nlru_crawler enable x\r\nlru_crawler metadump\r\n", &"ERROR\r\n".repeat(4)),
        ("lru_crawler metadump all\r\nmn\r\nlru_crawler mgdump hash\r\n", "OK\r\nEND\r\nMN\r\nOK\r\nEND\r\n"),
    ]);
}

#[test]
fn what_can_be_watched() {
    let none = "CLIENT_ERROR this server has no such events to watch\r\n";
    check(&[
        ("watch\r\nwatch fetchers mutations evictions connevents deletions\r\n", "OK\r\nOK\r\n"),
        ("watch foo\r\nwatch fetchers foo\r\nwatch proxyreqs foo\r\n", "ERROR\r\nERROR\r\nERROR\r\n"),
        ("watch rawcmds\r\nwatch fetchers proxyreqs\r\nwatch sysevents\r\n", &none.repeat(3)),
    ]);
}
