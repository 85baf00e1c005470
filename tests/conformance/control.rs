//! Administration: `stats` in its smaller forms, `cache_memlimit`, `slabs`, `lru`, `lru_crawler`, dumps, `watch`. What
//! the larger forms tell is in `tests/stats.rs` and `tests/exporters.rs`.

use crate::support::{Case, case};

const BAD_LINE: &str = "CLIENT_ERROR bad command line format\r\n";
const BAD_CLASS: &str = "BADCLASS invalid class id\r\n";

/// Why a policy is refused.
const CLOCK: &str = "eviction is CLOCK, which has no segments and no tunables";

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = statistics();
    cases.extend(memory());
    cases.extend(crawler());
    cases.extend(dumps());
    cases.extend(watchers());
    cases
}

fn statistics() -> Vec<Case> {
    vec![
        case("stats reset").talk("stats reset\r\n", "RESET\r\n"),
        case("stats detail counts by prefix while it is on")
            .talk("stats detail on\r\n", "OK\r\n")
            .talk("set p:a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("get p:a p:b\r\n", "VALUE p:a 0 1\r\nx\r\nEND\r\n")
            .talk("delete p:a\r\n", "DELETED\r\n")
            .talk("stats detail dump\r\n", "PREFIX p get 2 hit 1 set 1 del 1\r\nEND\r\n")
            .talk("stats reset\r\n", "RESET\r\n")
            .talk("stats detail dump\r\n", "END\r\n")
            .talk("stats detail off\r\n", "OK\r\n")
            .talk("get p:a\r\n", "END\r\n")
            .talk("stats detail dump\r\n", "END\r\n"),
        case("stats detail wants one of three words")
            .talk("stats detail\r\n", "CLIENT_ERROR usage: stats detail on|off|dump\r\n")
            .talk("stats detail x\r\n", "CLIENT_ERROR usage: stats detail on|off|dump\r\n"),
        case("stats sizes is off until it is turned on")
            .talk("stats sizes\r\n", "STAT sizes_status disabled\r\nEND\r\n"),
        case("stats cachedump refuses what is no class")
            .talk("stats cachedump\r\n", "CLIENT_ERROR bad command line\r\n")
            .talk("stats cachedump x 1\r\n", BAD_LINE),
        case("a form that does not exist").talk("stats bogus\r\n", "ERROR\r\n"),
    ]
}

fn memory() -> Vec<Case> {
    vec![
        case("cache_memlimit up and down, and what it refuses")
            .talk("cache_memlimit 160\r\n", "OK\r\n")
            .silent("cache_memlimit 128 noreply\r\n")
            .talk("cache_memlimit 1\r\n", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n")
            .talk("cache_memlimit x\r\n", "ERROR\r\n")
            .talk("set a 0 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
        case("slabs reassign refuses in words")
            .talk("slabs reassign 1 1\r\n", "SAME src and dst class are identical\r\n")
            .talk("slabs reassign 1 250\r\n", "BADCLASS invalid src or dst class id\r\n")
            .talk("slabs reassign x y\r\n", BAD_LINE)
            .talk("slabs\r\n", "ERROR\r\n"),
        case("slabs automove")
            .talk("slabs automove 0\r\n", "OK\r\n")
            .talk("slabs automove 1\r\n", "OK\r\n")
            .talk("slabs automove 2\r\n", "OK\r\n")
            .talk("slabs automove 3\r\n", "ERROR\r\n")
            .talk("slabs automove x\r\n", BAD_LINE)
            .talk("slabs automove 1\r\n", "OK\r\n"),
        case("lru refuses what is malformed")
            .talk("lru\r\n", "ERROR\r\n")
            .talk("lru x\r\n", "ERROR\r\n")
            .talk("lru mode x\r\n", "ERROR\r\n")
            .talk("lru temp_ttl x\r\n", "ERROR\r\n")
            .talk("lru tune x y 0.1 2.0\r\n", "ERROR\r\n")
            .talk("lru temp_ttl -1\r\n", "OK\r\n"),
        case("lru takes what the policy is and refuses what it is not, in words")
            .talk("lru mode flat\r\n", "OK\r\n")
            .talk("lru mode segmented\r\n", "CLIENT_ERROR <line>\r\n")
            .talk("lru tune 10 20 0.1 2.0\r\n", "CLIENT_ERROR <line>\r\n")
            .talk("lru temp_ttl 50\r\n", "CLIENT_ERROR <line>\r\n")
            .ours(CLOCK),
    ]
}

fn crawler() -> Vec<Case> {
    vec![
        case("lru_crawler is off and on")
            .talk("lru_crawler disable\r\n", "OK\r\n")
            // memcached's ends at its leisure, and cannot begin before.
            .until("lru_crawler enable\r\n", "OK\r\n", 10)
            .talk("lru_crawler enable\r\n", "ERROR failed to start lru crawler thread\r\n"),
        case("lru_crawler's settings")
            .talk("lru_crawler sleep 100\r\n", "OK\r\n")
            .talk("lru_crawler sleep 10000001\r\n", "CLIENT_ERROR sleep must be one second or less\r\n")
            .talk("lru_crawler sleep x\r\n", BAD_LINE)
            .talk("lru_crawler tocrawl 100\r\n", "OK\r\n")
            .talk("lru_crawler tocrawl 0\r\n", "OK\r\n")
            .talk("lru_crawler tocrawl x\r\n", BAD_LINE),
        case("lru_crawler crawl")
            .until("lru_crawler crawl all\r\n", "OK\r\n", 10)
            .until("lru_crawler crawl 1\r\n", "OK\r\n", 10)
            .talk("lru_crawler crawl 300\r\n", BAD_CLASS)
            .talk("lru_crawler crawl x\r\n", BAD_CLASS),
        case("lru_crawler's other words").talk("lru_crawler\r\n", "ERROR\r\n").talk("lru_crawler x\r\n", "ERROR\r\n"),
    ]
}

fn dumps() -> Vec<Case> {
    vec![
        case("metadump tells an item in one line, its key escaped")
            .talk("ms YSBi 2 b F7\r\nhi\r\n", "HD\r\n")
            .talk("mg YSBi b c\r\n", "HD c<cas:a>\r\n")
            .talk(
                "lru_crawler metadump all\r\n",
                "OK\r\nkey=a%20b exp=-1 la=<cas:la> cas=<cas:a> fetch=yes cls=<cas:cls> size=<cas:size> flags=7\nEND\r\n",
            )
            .since([1, 6, 45]),
        case("mgdump tells keys as commands")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("lru_crawler mgdump all\r\n", "OK\r\nmg a\r\nEN\r\n")
            .since([1, 6, 45]),
        case("a dump of an empty cache, between other commands")
            .talk("lru_crawler metadump all\r\nget a\r\n", "OK\r\nEND\r\nEND\r\n")
            .talk("lru_crawler mgdump hash\r\nmn\r\n", "OK\r\nEN\r\nMN\r\n")
            .ours("memcached refuses a dump behind which more has been sent"),
        case("metadump of no class")
            .talk("lru_crawler metadump\r\n", "ERROR\r\n")
            .talk("lru_crawler metadump 300\r\n", BAD_CLASS),
        case("an expired item is not dumped")
            .talk("set a 0 -1 1\r\nx\r\n", "STORED\r\n")
            .talk("lru_crawler metadump all\r\n", "OK\r\nEND\r\n")
            .since([1, 6, 45]),
    ]
}

fn watchers() -> Vec<Case> {
    // What is told to a watcher is in `tests/watch.rs`: lines of ours come in another order than memcached's.
    vec![
        case("watch is confirmed, for one stream or several")
            .talk_on(1, "watch\r\n", "OK\r\n")
            .talk_on(2, "watch fetchers mutations\r\n", "OK\r\n")
            .talk_on(3, "watch evictions connevents\r\n", "OK\r\n")
            .whole_only()
            .may_close(),
        case("watch refuses what it does not know").talk("watch x\r\n", "ERROR\r\n").may_close(),
    ]
}
