//! The meta commands. Expectations were taken from memcached 1.6.18, but for those that say how we differ.

use super::{answer, check};

/// Checks answers after `hit` (flags 9, value `hello`, CAS 1) is stored.
fn check_hit(cases: &[(&str, &str)]) {
    for (input, expected) in cases {
        let all = format!("set hit 9 0 5\r\nhello\r\n{input}");
        assert_eq!(answer(all.as_bytes()), format!("STORED\r\n{expected}"), "{input:?}");
    }
}

#[test]
fn noop_and_commands_not_served() {
    check(&[("mn\r\n", "MN\r\n"), ("mn foo\r\n", "MN\r\n"), ("mx\r\n", "ERROR\r\n"), ("mnn\r\n", "ERROR\r\n")]);
}

#[test]
fn get_returns_flags_in_the_order_of_the_request() {
    check_hit(&[
        ("mg hit\r\n", "HD\r\n"),
        ("mg hit v\r\n", "VA 5\r\nhello\r\n"),
        ("mg hit s v f c t k Oabc q h\r\n", "VA 5 s5 f9 c1 t-1 khit Oabc h0\r\nhello\r\n"),
        ("mg hit h\r\nmg hit h u\r\n", "HD h0\r\nHD h1\r\n"),
        ("mg hit O\r\n", "HD O\r\n"),
        ("mg hit T30 t\r\n", "HD t30\r\n"),
        ("mg hit t30 c5 vv\r\n", "VA 5 t-1 c1\r\nhello\r\n"),
        ("mg hit Pfoo Lbar v\r\n", "VA 5\r\nhello\r\n"),
        ("mg hit P L\r\n", "HD\r\n"),
        ("  mg   hit   v  \n", "VA 5\r\nhello\r\n"),
        ("mg viv N30 t v\r\nmg viv N30 t v\r\n", "VA 0 t30 W\r\n\r\nVA 0 t30 Z\r\n\r\n"),
    ]);
}

#[test]
fn get_misses() {
    check(&[
        ("mg miss\r\n", "EN\r\n"),
        ("mg miss k Oabc v c\r\n", "EN kmiss Oabc\r\n"),
        ("mg miss q k\r\nmn\r\n", "MN\r\n"),
    ]);
    check_hit(&[("mg hit q v\r\nmn\r\n", "VA 5\r\nhello\r\nMN\r\n")]);
}

#[test]
fn malformed_gets() {
    let long = "k".repeat(251);
    check_hit(&[
        ("mg\r\n", "ERROR\r\n"),
        ("mg hit v v\r\n", "CLIENT_ERROR duplicate flag\r\n"),
        ("mg hit v z\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("mg hit S\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("mg hit \x7f\r\n", "CLIENT_ERROR duplicate flag\r\n"),
        ("mg hit T\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg hit q Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg hit M\r\n", "CLIENT_ERROR incorrect length for M token\r\n"),
        ("mg hit Fx\r\n", "CLIENT_ERROR bad command line format\r\n"),
        ("mg hit s v f c t k h u q O P L T0 N0 F0 C0 MS x\r\n", "CLIENT_ERROR options flags are too long\r\n"),
        (&format!("mg {long}\r\n"), "CLIENT_ERROR bad command line format\r\n"),
        (&format!("mg hit O{}\r\n", &long[..32]), "CLIENT_ERROR opaque token too long\r\n"),
        (&format!("mg hit O{}\r\n", &long[..31]), &format!("HD O{}\r\n", &long[..31])),
    ]);
}

#[test]
fn stores() {
    check_hit(&[
        ("ms a 2\r\nhi\r\nmg a v\r\n", "HD\r\nVA 2\r\nhi\r\n"),
        ("ms a 2 q\r\nhi\r\nmn\r\n", "MN\r\n"),
        ("ms a 2 k c Oxy\r\nhi\r\n", "HD ka c2 Oxy\r\n"),
        ("ms a 2 F7 T30\r\nhi\r\nmg a f t\r\n", "HD\r\nHD f7 t30\r\n"),
        ("ms hit 2 C9 k Oa\r\nhi\r\n", "EX khit Oa\r\n"),
        ("ms hit 2 C1 c\r\nhi\r\n", "HD c2\r\n"),
        ("ms nokey 2 C1 k Oa\r\nhi\r\n", "NF knokey Oa\r\n"),
        ("ms hit 2 ME Oa k\r\nhi\r\n", "NS Oa khit\r\n"),
        ("ms hit 2 MA\r\nhi\r\nms hit 2 MP\r\nhi\r\nmg hit v\r\n", "HD\r\nHD\r\nVA 9\r\nhihellohi\r\n"),
        ("ms nokey 2 MA\r\nhi\r\n", "NS\r\n"),
        ("ms nokey 2 MA C9 k\r\nhi\r\n", "NS knokey\r\n"),
        ("ms nokey 2 MR q\r\nhi\r\n", "NS\r\n"),
        ("ms hit 2 v f t h\r\nhi\r\nmn\r\n", "HD\r\nMN\r\n"),
        // Newer than 1.6.18: the size comes back, modes have lower-case names, append creates on request.
        ("ms a 2 s\r\nhi\r\n", "HD s2\r\n"),
        ("ms hit 2 Me\r\nhi\r\nms hit 2 Ma\r\nhi\r\n", "NS\r\nHD\r\n"),
        ("ms nokey 2 MA N30\r\nhi\r\nmg nokey v t\r\n", "HD\r\nVA 2 t30\r\nhi\r\n"),
    ]);
}

#[test]
fn malformed_stores_swallow_their_payload() {
    let long = "k".repeat(251);
    let format = "CLIENT_ERROR bad command line format\r\nMN\r\n";
    check(&[
        ("ms\r\n", "ERROR\r\n"),
        ("ms a\r\nmn\r\n", format),
        ("ms a abc\r\nmn\r\n", format),
        ("ms a S2\r\nmn\r\n", format),
        ("ms a -1\r\nmn\r\n", format),
        ("ms a 2 z\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid flag\r\nMN\r\n"),
        ("ms a 2 q z\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid flag\r\nMN\r\n"),
        ("ms a 2 S\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid flag\r\nMN\r\n"),
        ("ms a 2 q q\r\nhi\r\nmn\r\n", "CLIENT_ERROR duplicate flag\r\nMN\r\n"),
        ("ms a 2 Tx\r\nhi\r\nmn\r\n", "CLIENT_ERROR bad token in command line format\r\nMN\r\n"),
        ("ms a 2 F-1\r\nhi\r\nmn\r\n", format),
        ("ms a 2 Mset\r\nhi\r\nmn\r\n", "CLIENT_ERROR incorrect length for M token\r\nMN\r\n"),
        ("ms a 2 MZ\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid mode for ms M token\r\nMN\r\n"),
        (&format!("ms a 2 O{}\r\nhi\r\nmn\r\n", &long[..32]), "CLIENT_ERROR opaque token too long\r\nMN\r\n"),
        // Here memcached runs the payload.
        (&format!("ms {long} 2\r\nhi\r\nmn\r\n"), format),
        // Here memcached cuts the flags to 32 bits.
        ("ms a 2 F4294967296\r\nhi\r\nmn\r\n", format),
    ]);
}

#[test]
fn a_value_without_terminator_is_reported_even_in_quiet_mode() {
    let expected = "CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n";
    check(&[("ms a 2\r\nhihi\r\nmn\r\n", expected), ("ms a 2 q\r\nhihi\r\nmn\r\n", expected)]);
}

#[test]
fn deletions() {
    let flag = "CLIENT_ERROR invalid or duplicate flag\r\n";
    let long = "k".repeat(251);
    check_hit(&[
        ("md\r\n", "ERROR\r\n"),
        ("md miss k Oa\r\n", "NF kmiss Oa\r\n"),
        ("md hit k Oa\r\nmg hit\r\n", "HD khit Oa\r\nEN\r\n"),
        ("md hit q\r\nmn\r\n", "MN\r\n"),
        ("md hit C9 k q\r\nmn\r\n", "EX khit\r\nMN\r\n"),
        ("md hit C1\r\n", "HD\r\n"),
        ("md hit v\r\n", "HD\r\n"),
        ("md hit z\r\nmd hit q q\r\nmd hit Cx\r\nmd hit x\r\nmd hit M\r\n", &flag.repeat(5)),
        (&format!("md {long}\r\n"), "CLIENT_ERROR bad command line format\r\n"),
        (&format!("md hit O{}\r\n", &long[..32]), "CLIENT_ERROR opaque token too long\r\n"),
        // Newer than 1.6.18: quiet mode hides an absence too.
        ("md miss q k Oa\r\nmn\r\n", "NF kmiss Oa\r\nMN\r\n"),
    ]);
}
