//! `version`, `verbosity`, `quit`, and commands that do not exist.

use crate::support::{Case, case};

const BAD_LINE: &str = "CLIENT_ERROR bad command line format\r\n";

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
        case("verbosity without a level is malformed").talk("verbosity\r\n", BAD_LINE).since([1, 6, 45]),
        case("verbosity and cache_memlimit do not look at surplus words but for noreply as the last")
            .talk("verbosity 0 x y\r\n", "OK\r\n")
            .silent("verbosity 0 x noreply\r\n")
            .talk("cache_memlimit 128 x y\r\n", "OK\r\n")
            .silent("cache_memlimit 128 x noreply\r\n")
            .since([1, 6, 45]),
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
        case("cache_memlimit takes mebibytes")
            .talk("cache_memlimit 128\r\n", "OK\r\n")
            .talk("cache_memlimit 128 foo\r\n", "OK\r\n")
            .silent("cache_memlimit 128 noreply\r\n")
            .talk("cache_memlimit 7\r\n", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n")
            .talk("cache_memlimit 1000000001\r\n", "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n")
            .talk("cache_memlimit\r\ncache_memlimit x\r\n", "ERROR\r\nERROR\r\n"),
        case("slabs reassign and automove check their arguments")
            .talk(
                "slabs\r\nslabs foo\r\nslabs reassign\r\nslabs reassign 1\r\nslabs automove\r\n",
                "ERROR\r\n".repeat(5),
            )
            .talk("slabs reassign x 2\r\n", "CLIENT_ERROR bad command line format\r\n")
            .talk("slabs reassign 1 1\r\n", "SAME src and dst class are identical\r\n")
            .talk("slabs reassign 1 9999\r\n", "BADCLASS invalid src or dst class id\r\n")
            .talk("slabs automove 0\r\nslabs automove 2\r\nslabs automove 1\r\n", "OK\r\nOK\r\nOK\r\n")
            .silent("slabs automove 1 noreply\r\n")
            .talk("slabs automove 3\r\n", "ERROR\r\n")
            .talk("slabs automove x\r\n", "CLIENT_ERROR bad command line format\r\n"),
        case("lru checks its arguments, and knows when there is nothing to do")
            .talk("lru\r\nlru foo\r\nlru tune\r\nlru mode\r\nlru mode foo\r\nlru temp_ttl\r\n", "ERROR\r\n".repeat(6))
            .talk("lru temp_ttl x\r\nlru tune x 20 1 1\r\n", "ERROR\r\nERROR\r\n")
            .talk("lru tune 50 50 1 1\r\n", "ERROR hot and warm pcts must not exceed 80\r\n")
            .talk("lru tune 10 20 0 1\r\n", "ERROR hot/warm age factors must be greater than 0\r\n")
            .talk("lru temp_ttl -1\r\n", "OK\r\n"),
        case("lru_crawler takes its settings")
            .talk("lru_crawler sleep 100\r\nlru_crawler tocrawl 0\r\n", "OK\r\nOK\r\n")
            .talk("lru_crawler sleep x\r\n", "CLIENT_ERROR bad command line format\r\n")
            .talk("lru_crawler sleep 1000001\r\n", "CLIENT_ERROR sleep must be one second or less\r\n")
            .talk("lru_crawler crawl x\r\n", "BADCLASS invalid class id\r\n")
            .talk("lru_crawler\r\nlru_crawler foo\r\nlru_crawler enable x\r\n", "ERROR\r\n".repeat(3))
            .talk("lru_crawler metadump\r\n", "ERROR\r\n")
            .talk("lru_crawler metadump x\r\n", "BADCLASS invalid class id\r\n"),
        case("lru_crawler is switched at once")
            .talk("lru_crawler disable\r\n", "OK\r\n")
            .talk("lru_crawler crawl 1\r\n", "CLIENT_ERROR lru crawler disabled\r\n")
            .talk("lru_crawler metadump all\r\n", "CLIENT_ERROR lru crawler disabled\r\n")
            .talk("lru_crawler enable\r\n", "OK\r\n")
            .talk("lru_crawler enable\r\n", "ERROR failed to start lru crawler thread\r\n")
            .ours("memcached's thread stops a moment later, and tells of an unknown error until then"),
        case("dumps begin with OK, mgdump is commands")
            .talk("lru_crawler metadump all\r\n", "OK\r\nEND\r\n")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("lru_crawler mgdump hash\r\n", "OK\r\nmg a\r\nEN\r\n")
            .talk("ms Zm9v 1 b\r\nx\r\ndelete a\r\n", "HD\r\nDELETED\r\n")
            .talk("lru_crawler mgdump all\r\n", "OK\r\nmg Zm9v b\r\nEN\r\n")
            .since([1, 6, 45]),
        case("shutdown is refused unless it is allowed")
            .talk("shutdown\r\nshutdown foo\r\n", "SERVER_ERROR: shutdown not enabled\r\n".repeat(2))
            .since([1, 6, 45]),
        case("refresh_certs without TLS is refused").talk("refresh_certs\r\n", "Error TLS not enabled\r\n"),
        case("commands are lower case").talk("GET a\r\n", "ERROR\r\n").talk("Version\r\n", "ERROR\r\n"),
        case("a line of less than four bytes is malformed, from there on unknown")
            .talk("\r\n", BAD_LINE)
            .talk("\n", BAD_LINE)
            .talk(" \r\n", BAD_LINE)
            .talk("a\r\n", BAD_LINE)
            .talk("ab\n", BAD_LINE)
            .talk("\r\n\r\nmn\r\n", format!("{BAD_LINE}{BAD_LINE}MN\r\n"))
            .since([1, 6, 45]),
        case("lines of nothing but spaces, and commands of one letter")
            .talk("  \r\n", "ERROR\r\n")
            .talk("ab\r\n", "ERROR\r\n")
            .talk("a b\r\n", "ERROR\r\n"),
        case("other commands do not disturb: an unknown one between two")
            .talk("set a 0 0 1\r\nx\r\nbogus\r\nget a\r\n", "STORED\r\nERROR\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
    ]
}
