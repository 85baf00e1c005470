//! `ms`: modes, compare, quiet, fields that come back, refusals with their values swallowed.

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = plain();
    cases.extend(modes());
    cases.extend(compare());
    cases.extend(refusals());
    cases
}

fn plain() -> Vec<Case> {
    vec![
        case("ms stores, F sets the flags, T the exptime")
            .talk("ms a 2\r\nhi\r\n", "HD\r\n")
            .talk("mg a v f t\r\n", "VA 2 f0 t-1\r\nhi\r\n")
            .talk("ms a 3 F7 T500\r\nbye\r\n", "HD\r\n")
            .talk_any(
                "mg a v f t\r\n",
                ["VA 3 f7 t500\r\nbye\r\n", "VA 3 f7 t499\r\nbye\r\n", "VA 3 f7 t498\r\nbye\r\n"],
            )
            .talk("get a\r\n", "VALUE a 7 3\r\nbye\r\nEND\r\n"),
        case("flags of 0 and 2^32-1")
            .talk("ms a 1 F4294967295\r\nx\r\n", "HD\r\n")
            .talk("mg a f\r\n", "HD f4294967295\r\n")
            .talk("ms a 1 F0\r\nx\r\n", "HD\r\n")
            .talk("mg a f\r\n", "HD f0\r\n"),
        case("k, O and c come back in order")
            .talk("ms a 2 k O1\r\nhi\r\n", "HD ka O1\r\n")
            .talk("ms a 2 Oq c k\r\nhi\r\n", "HD Oq c<cas:a> ka\r\n")
            .talk("mg a c\r\n", "HD c<cas:a>\r\n"),
        case("s brings the size stored").talk("ms a 2 s\r\nhi\r\n", "HD s2\r\n").since([1, 6, 32]),
        case("s after an append brings the size of the whole")
            .talk("ms a 2\r\nhi\r\n", "HD\r\n")
            .talk("ms a 3 MA s\r\nyou\r\n", "HD s5\r\n")
            .since([1, 6, 32]),
        case("a value of length zero").talk("ms a 0\r\n\r\n", "HD\r\n").talk("mg a v\r\n", "VA 0\r\n\r\n"),
        case("a value with line ends in it")
            .talk("ms a 8\r\nms b 0\r\n\r\n", "HD\r\n")
            .talk("mg b\r\nmg a v\r\n", "EN\r\nVA 8\r\nms b 0\r\n\r\n"),
        case("an exptime in the past")
            .talk("ms a 2\r\nhi\r\n", "HD\r\n")
            .talk("ms a 2 T-1\r\nhi\r\n", "HD\r\n")
            .talk("mg a v\r\n", "EN\r\n"),
        case("q hides HD only")
            .silent("ms a 2 q\r\nhi\r\nms a 2 q k O1\r\nho\r\n")
            .talk("ms a 2 ME q k\r\nhi\r\nmn\r\n", "NS ka\r\nMN\r\n")
            .talk("mg a v\r\n", "VA 2\r\nho\r\n"),
        case("P and L are accepted and ignored").talk("ms a 2 P L9\r\nhi\r\n", "HD\r\n"),
        case("large values")
            .talk(format!("ms a 100000 c F3\r\n{}\r\n", "x".repeat(100_000)), "HD c<cas:a>\r\n")
            .talk("mg a c f s v\r\n", format!("VA 100000 c<cas:a> f3 s100000\r\n{}\r\n", "x".repeat(100_000)))
            .talk(format!("ms a 17000 MA q\r\n{}\r\nmn\r\n", "y".repeat(17_000)), "MN\r\n")
            .talk("mg a s\r\n", "HD s117000\r\n"),
    ]
}

fn modes() -> Vec<Case> {
    vec![
        case("ME stores only what is absent")
            .talk("ms a 1 ME\r\n1\r\n", "HD\r\n")
            .talk("ms a 1 ME k O1\r\n2\r\n", "NS ka O1\r\n")
            .talk("mg a v\r\n", "VA 1\r\n1\r\n"),
        case("MR stores only what is present")
            .talk("ms a 1 MR\r\n1\r\n", "NS\r\n")
            .talk("ms a 1 MS\r\n1\r\n", "HD\r\n")
            .talk("ms a 1 MR F4\r\n2\r\n", "HD\r\n")
            .talk("mg a v f\r\n", "VA 1 f4\r\n2\r\n"),
        case("MA and MP add at the ends and keep the flags")
            .talk("ms a 1 MA\r\n1\r\n", "NS\r\n")
            .talk("ms a 1 MP\r\n1\r\n", "NS\r\n")
            .talk("ms a 1 F9\r\nb\r\n", "HD\r\n")
            .talk("ms a 1 MA F1\r\nc\r\n", "HD\r\n")
            .talk("ms a 1 MP\r\na\r\n", "HD\r\n")
            .talk("mg a v f\r\n", "VA 3 f9\r\nabc\r\n"),
        case("MA with N creates what is absent")
            .talk("ms a 1 MA N0\r\n1\r\n", "HD\r\n")
            .talk("ms a 1 MA N0\r\n2\r\n", "HD\r\n")
            .talk("mg a v t\r\n", "VA 2 t-1\r\n12\r\n")
            .talk("ms b 1 MP N500\r\n1\r\n", "HD\r\n")
            .talk_any("mg b v t\r\n", ["VA 1 t500\r\n1\r\n", "VA 1 t499\r\n1\r\n", "VA 1 t498\r\n1\r\n"])
            .since([1, 6, 19]),
    ]
}

fn compare() -> Vec<Case> {
    vec![
        case("C with the current number stores")
            .talk("ms a 1 c\r\n1\r\n", "HD c<cas:a>\r\n")
            .talk("ms a 1 C<cas:a> c\r\n2\r\n", "HD c<cas:b>\r\n")
            .differ("a", "b")
            .talk("mg a v\r\n", "VA 1\r\n2\r\n"),
        case("C with an old number is EX, of an absent key NF")
            .talk("ms a 1 c\r\n1\r\n", "HD c<cas:a>\r\n")
            .talk("ms a 1\r\n2\r\n", "HD\r\n")
            .talk("ms a 1 C<cas:a> k O1\r\n3\r\n", "EX ka O1\r\n")
            .talk("ms b 1 C<cas:a> k O2\r\n3\r\n", "NF kb O2\r\n")
            .talk("ms b 1 C<cas:a> q\r\n3\r\nms a 1 C1 q\r\n3\r\nmn\r\n", "NF\r\nEX\r\nMN\r\n")
            .talk("mg a v\r\n", "VA 1\r\n2\r\n"),
        case("numbers are shared with the classic commands")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("mg a c\r\n", "HD c<cas:a>\r\n")
            .talk("cas a 0 0 1 <cas:a>\r\n2\r\n", "STORED\r\n")
            .talk("ms a 1 C<cas:a>\r\n3\r\n", "EX\r\n"),
    ]
}

fn refusals() -> Vec<Case> {
    const BAD_LINE: &str = "CLIENT_ERROR bad command line format\r\n";
    const BAD_TOKEN: &str = "CLIENT_ERROR bad token in command line format\r\n";
    let longer = "k".repeat(251);
    let opaque = "o".repeat(33);
    let large = format!("flush_all\r\n{}", "x".repeat(1 << 20));
    let swallowed = |name, line: String, error: &str| {
        case(name)
            .talk("set keep 0 0 1\r\nk\r\n", "STORED\r\n")
            .talk(format!("{line}\r\nflush_all\r\nmn\r\n"), format!("{error}MN\r\n"))
            .talk("get keep a\r\n", "VALUE keep 0 1\r\nk\r\nEND\r\n")
    };
    vec![
        case("ms without a key is refused")
            .talk("ms\r\n", "CLIENT_ERROR bad command line format\r\n")
            .since([1, 6, 45]),
        case("ms without a length").talk("ms a\r\n", BAD_LINE).may_close(),
        case("a length that is no number").talk("ms a x\r\n", BAD_LINE).may_close(),
        case("a negative length").talk("ms a -1\r\n", BAD_LINE).may_close(),
        case("the obsolete S before the length").talk("ms a S2\r\n", BAD_LINE).may_close(),
        swallowed("a mode that does not exist", "ms a 9 MX".into(), "CLIENT_ERROR invalid mode for ms M token\r\n"),
        swallowed("an unknown flag", "ms a 9 !".into(), "CLIENT_ERROR invalid flag\r\n"),
        swallowed("a flag given twice", "ms a 9 T1 T2".into(), "CLIENT_ERROR duplicate flag\r\n"),
        swallowed("client flags that are no number", "ms a 9 Fx".into(), BAD_LINE),
        swallowed("negative client flags", "ms a 9 F-1".into(), BAD_LINE),
        swallowed("client flags of 2^32", "ms a 9 F4294967296".into(), BAD_LINE)
            .ours("memcached cuts larger flags to 32 bits"),
        swallowed("an exptime that is no number", "ms a 9 Tx".into(), BAD_TOKEN),
        swallowed("a number to compare that is none", "ms a 9 Cx".into(), BAD_TOKEN),
        swallowed("an opaque too long", format!("ms a 9 O{opaque}"), "CLIENT_ERROR opaque token too long\r\n"),
        swallowed("a quiet refusal is told", "ms a 9 q !".into(), "CLIENT_ERROR invalid flag\r\n"),
        swallowed("a key of 251 bytes", format!("ms {longer} 9"), BAD_LINE)
            .ours("memcached runs the value of a refused command line as commands"),
        case("a value too large is swallowed, the old item goes")
            .talk("set keep 0 0 1\r\nk\r\nset a 0 0 1\r\nk\r\n", "STORED\r\nSTORED\r\n")
            .talk(
                format!("ms a {} q\r\n{large}\r\nmn\r\n", large.len()),
                "SERVER_ERROR object too large for cache\r\nMN\r\n",
            )
            .talk("get keep a\r\n", "VALUE keep 0 1\r\nk\r\nEND\r\n"),
        case("a value longer than announced")
            .talk("set keep 0 0 1\r\nk\r\n", "STORED\r\n")
            .talk_any(
                "ms a 2\r\nhiho\r\nmn\r\n",
                [
                    "CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nMN\r\n",
                ],
            )
            .talk("get keep a\r\n", "VALUE keep 0 1\r\nk\r\nEND\r\n"),
        case("a quiet value longer than announced is told")
            .talk_any(
                "ms a 2 q\r\nhiho\r\nmn\r\n",
                [
                    "CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n",
                    "CLIENT_ERROR bad data chunk\r\nMN\r\n",
                ],
            )
            .talk("mg a v\r\n", "EN\r\n"),
    ]
}
