//! The meta commands. Expectations were taken from memcached 1.6.18 or, where that is older than what it is
//! asked for, from the sources of 1.6.45.

use super::{answer, check};

/// Checks answers after `hit` (flags 9, value `hello`, CAS 1) is stored.
fn check_hit(cases: &[(&str, &str)]) {
    for (input, expected) in cases {
        let all = format!("set hit 9 0 5\r\nhello\r\n{input}");
        assert_eq!(answer(all.as_bytes()), format!("STORED\r\n{expected}"), "{input:?}");
    }
}

#[test]
fn noop_and_what_is_no_command() {
    check(&[("mn\r\n", "MN\r\n"), ("mn foo\r\n", "MN\r\n"), ("mx\r\n", "ERROR\r\n"), ("mnn\r\n", "ERROR\r\n")]);
}

#[test]
fn get_returns_flags_in_the_order_of_the_request() {
    check_hit(&[
        ("mg hit\r\n", "HD\r\n"),
        ("mg hit v\r\n", "VA 5\r\nhello\r\n"),
        ("mg hit s v f c t k Oabc q h l\r\n", "VA 5 s5 f9 c1 t-1 khit Oabc h0 l7\r\nhello\r\n"),
        ("mg hit h\r\nmg hit h u\r\n", "HD h0\r\nHD h1\r\n"),
        ("mg hit u\r\nmg hit h\r\n", "HD\r\nHD h0\r\n"),
        ("mg hit O\r\n", "HD O\r\n"),
        ("mg hit T30 t\r\n", "HD t30\r\n"),
        ("mg hit t30 c5 vv\r\n", "VA 5 t-1 c1\r\nhello\r\n"),
        ("mg hit Pfoo Lbar v\r\n", "VA 5\r\nhello\r\n"),
        ("mg hit P L\r\n", "HD\r\n"),
        ("  mg   hit   v  \n", "VA 5\r\nhello\r\n"),
        // Known flags of other commands change nothing.
        ("mg hit I x D5 J7 F9 MZ E5 c\r\nmg hit M v\r\n", "HD c1\r\nVA 5\r\nhello\r\n"),
    ]);
}

#[test]
fn get_misses() {
    check(&[
        ("mg miss\r\n", "EN\r\n"),
        ("mg miss k Oabc v c\r\n", "EN kmiss Oabc\r\n"),
        ("mg miss q k\r\nmn\r\n", "MN\r\n"),
        ("mg miss T30 R30 t\r\n", "EN\r\n"),
    ]);
    check_hit(&[("mg hit q v\r\nmn\r\n", "VA 5\r\nhello\r\nMN\r\n")]);
}

#[test]
fn get_can_create_win_and_win_anew() {
    check_hit(&[
        ("mg viv N30 t v\r\nmg viv N30 t v\r\n", "VA 0 t30 W\r\n\r\nVA 0 t30 Z\r\n\r\n"),
        ("mg viv N30 E99 c\r\nmg viv E5 c\r\n", "HD c99 W\r\nHD c99 Z\r\n"),
        // The later of the two exptimes counts.
        ("mg viv N30 T60 t\r\n", "HD t60 W\r\n"),
        ("mg viv T60 N30 t\r\n", "HD t30 W\r\n"),
        ("mg viv N0 q k\r\n", "HD kviv W\r\n"),
        ("mg hit N30 t\r\n", "HD t-1\r\n"),
        // A time asked for before it is set is the one before.
        ("mg hit t T30\r\nmg hit t\r\nmg viv t N30\r\n", "HD t-1\r\nHD t30\r\nHD t-1 W\r\n"),
        ("mg hit T20\r\nmg hit R30 T60\r\nmg hit R90 T100\r\n", "HD\r\nHD W\r\nHD Z\r\n"),
        ("mg hit T20\r\nmg hit T60 R30\r\n", "HD\r\nHD\r\n"),
        (
            "mg hit R30\r\nmg hit T20\r\nmg hit R20\r\nmg hit R30\r\nmg hit R30\r\n",
            "HD\r\nHD\r\nHD\r\nHD W\r\nHD Z\r\n",
        ),
        ("md hit I\r\nmg hit v\r\nmg hit\r\n", "HD\r\nVA 5 X W\r\nhello\r\nHD Z X\r\n"),
    ]);
}

#[test]
fn get_shows_no_value_to_one_who_names_its_cas_number() {
    check_hit(&[
        ("mg hit v C1\r\n", "HD\r\n"),
        ("mg hit C1 s v c k Oa q\r\nmn\r\n", "HD s5 c1 khit Oa\r\nMN\r\n"),
        ("mg hit v C2\r\n", "VA 5\r\nhello\r\n"),
        ("mg hit v C0\r\n", "VA 5\r\nhello\r\n"),
        ("mg hit C2\r\n", "HD\r\n"),
        ("mg miss v C2\r\n", "EN\r\n"),
        ("mg hit v C\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg hit v C1 C1\r\n", "CLIENT_ERROR duplicate flag\r\n"),
    ]);
}

#[test]
fn malformed_gets() {
    let long = "k".repeat(251);
    check_hit(&[
        ("mg\r\n", "CLIENT_ERROR bad command line format\r\n"),
        ("mg hit v v\r\n", "CLIENT_ERROR duplicate flag\r\n"),
        ("mg hit v z\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("mg hit S\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("mg hit \x7f\r\n", "CLIENT_ERROR duplicate flag\r\n"),
        ("mg hit T\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg hit q Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg hit N\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg hit Rx\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg hit E-1\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg hit Dx\r\n", "CLIENT_ERROR invalid numeric delta value\r\n"),
        ("mg hit Jx\r\n", "CLIENT_ERROR invalid numeric initial value\r\n"),
        ("mg hit Fx\r\n", "CLIENT_ERROR bad command line format\r\n"),
        // Twenty tokens, and one more.
        ("mg hit s f c t k h u q O P L T0 N0 F0 C0 MS x I\r\n", "HD s5 f9 c1 t-1 khit h0 O\r\n"),
        ("mg hit s f c t k h u q O P L T0 N0 F0 C0 MS x I l\r\n", "CLIENT_ERROR options flags are too long\r\n"),
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
        ("ms hit 2 C9 q\r\nhi\r\n", "EX\r\n"),
        ("ms hit 2 C0\r\nhi\r\n", "EX\r\n"),
        ("ms hit 2 C1 c\r\nhi\r\n", "HD c2\r\n"),
        ("ms nokey 2 C1 k Oa\r\nhi\r\n", "NF knokey Oa\r\n"),
        ("ms hit 2 v f t h l u R5 D5 J5 x\r\nhi\r\nmn\r\n", "HD\r\nMN\r\n"),
        ("ms hit 2 E77 c\r\nhi\r\nmg hit c\r\n", "HD c77\r\nHD c77\r\n"),
        ("ms hit 2 E0 c\r\nhi\r\n", "HD c2\r\n"),
        // Newer than 1.6.18: the size comes back.
        ("ms a 2 s\r\nhi\r\n", "HD s2\r\n"),
        // What was not stored has no CAS number, and the size that was sent.
        ("ms hit 2 C9 c s k\r\nhi\r\n", "EX c0 s2 khit\r\n"),
        ("ms nokey 2 C9 s c\r\nhi\r\n", "NF s2 c0\r\n"),
        ("ms hit 3 ME c Oa s\r\nabc\r\n", "NS c0 Oa s3\r\n"),
    ]);
}

#[test]
fn modes_of_a_store() {
    let bad = "CLIENT_ERROR invalid mode for ms M token\r\nMN\r\n";
    check_hit(&[
        ("ms hit 2 ME Oa k\r\nhi\r\n", "NS Oa khit\r\n"),
        ("ms hit 2 ME C9\r\nhi\r\n", "NS\r\n"),
        ("ms a 2 ME\r\nhi\r\n", "HD\r\n"),
        ("ms hit 2 MS\r\nhi\r\nmg hit v\r\n", "HD\r\nVA 2\r\nhi\r\n"),
        ("ms hit 2 MSet\r\nhi\r\nmg hit v\r\n", "HD\r\nVA 2\r\nhi\r\n"),
        ("ms hit 2 MA s\r\nhi\r\nms hit 2 MP s\r\nhi\r\nmg hit v\r\n", "HD s7\r\nHD s9\r\nVA 9\r\nhihellohi\r\n"),
        ("ms hit 2 MA C9\r\nhi\r\nms hit 2 MA C0\r\nhi\r\nmg hit s\r\n", "EX\r\nHD\r\nHD s7\r\n"),
        ("ms nokey 2 MA\r\nhi\r\n", "NS\r\n"),
        ("ms nokey 2 MA C9 k\r\nhi\r\n", "NS knokey\r\n"),
        ("ms nokey 2 MR q\r\nhi\r\n", "NS\r\n"),
        ("ms hit 2 MR\r\nhi\r\n", "HD\r\n"),
        ("ms nokey 2 MR C1\r\nhi\r\n", "NF\r\n"),
        // Newer than 1.6.18: append and prepend create on request.
        ("ms nokey 2 MA N30\r\nhi\r\nmg nokey v t\r\n", "HD\r\nVA 2 t30\r\nhi\r\n"),
        ("ms nokey 2 MP T60 N30\r\nhi\r\nmg nokey v t\r\n", "HD\r\nVA 2 t30\r\nhi\r\n"),
        ("ms nokey 2 N30 T60\r\nhi\r\nmg nokey t\r\n", "HD\r\nHD t60\r\n"),
        ("ms a 2 M\r\nhi\r\nmn\r\n", bad),
        ("ms a 2 MZ\r\nhi\r\nmn\r\n", bad),
        ("ms a 2 Me\r\nhi\r\nmn\r\n", bad),
        ("ms a 2 Mset\r\nhi\r\nmn\r\n", bad),
    ]);
}

#[test]
fn a_store_with_an_old_cas_number_can_make_the_item_stale() {
    check_hit(&[
        ("ms hit 1 E7\r\na\r\nms hit 2 C5 I c\r\nhi\r\nmg hit v\r\n", "HD\r\nHD c3\r\nVA 2 X W\r\nhi\r\n"),
        ("ms hit 1 E7\r\na\r\nms hit 2 C5 I MR E9\r\nhi\r\nmg hit c\r\n", "HD\r\nHD\r\nHD c9 X W\r\n"),
        (
            "ms hit 1 E7\r\na\r\nmd hit I E8\r\nmg hit\r\nms hit 2 C5 I\r\nhi\r\nmg hit\r\n",
            "HD\r\nHD\r\nHD X W\r\nHD\r\nHD Z X\r\n",
        ),
        ("ms hit 2 C1 I\r\nhi\r\nmg hit v\r\n", "HD\r\nVA 2\r\nhi\r\n"),
        ("ms hit 2 C9 I\r\nhi\r\n", "EX\r\n"),
        ("ms hit 2 C0 I\r\nhi\r\n", "EX\r\n"),
        // Without effect without C, and with other modes.
        ("ms hit 2 I\r\nhi\r\nmg hit\r\n", "HD\r\nHD\r\n"),
        ("ms hit 2 E7\r\nhi\r\nms hit 2 MA I C5\r\nhi\r\n", "HD\r\nEX\r\n"),
        ("ms nokey 2 I C9\r\nhi\r\n", "NF\r\n"),
    ]);
}

#[test]
fn malformed_stores_swallow_their_payload() {
    let long = "k".repeat(251);
    let format = "CLIENT_ERROR bad command line format\r\nMN\r\n";
    let token = "CLIENT_ERROR bad token in command line format\r\nMN\r\n";
    check(&[
        ("ms\r\nmn\r\n", format),
        ("ms a\r\nmn\r\n", format),
        ("ms a abc\r\nmn\r\n", format),
        ("ms a S2\r\nmn\r\n", format),
        ("ms a -1\r\nmn\r\n", format),
        ("ms a 2 z\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid flag\r\nMN\r\n"),
        ("ms a 2 q z\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid flag\r\nMN\r\n"),
        ("ms a 2 S\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid flag\r\nMN\r\n"),
        ("ms a 2 q q\r\nhi\r\nmn\r\n", "CLIENT_ERROR duplicate flag\r\nMN\r\n"),
        ("ms a 2 Tx\r\nhi\r\nmn\r\n", token),
        ("ms a 2 C\r\nhi\r\nmn\r\n", token),
        ("ms a 2 E\r\nhi\r\nmn\r\n", token),
        ("ms a 2 F-1\r\nhi\r\nmn\r\n", format),
        ("ms a 2 c C0 E1 F0 k O q s T0 v f t h l u x D1\r\nhi\r\nmn\r\n", "NF c0 ka O s2\r\nMN\r\n"),
        (
            "ms a 2 c C0 E1 F0 k O q s T0 v f t h l u x D1 J1\r\nhi\r\nmn\r\n",
            "CLIENT_ERROR options flags are too long\r\nMN\r\n",
        ),
        (&format!("ms a 2 O{}\r\nhi\r\nmn\r\n", &long[..32]), "CLIENT_ERROR opaque token too long\r\nMN\r\n"),
        (&format!("ms {long} 2\r\nhi\r\nmn\r\n"), format),
        // Here memcached cuts the flags to 32 bits.
        ("ms a 2 F4294967296\r\nhi\r\nmn\r\n", format),
    ]);
}

#[test]
fn a_value_too_large_takes_the_old_one_with_it_in_every_mode() {
    let large = "x".repeat(2 << 20);
    for flags in ["", " ME", " MA", " C9", " q"] {
        let input = format!("set hit 0 0 1\r\na\r\nms hit {}{flags}\r\n{large}\r\nmg hit\r\n", large.len());
        assert_eq!(answer(input.as_bytes()), "STORED\r\nSERVER_ERROR object too large for cache\r\nEN\r\n", "{flags}");
    }
}

#[test]
fn a_value_without_terminator_is_reported_even_in_quiet_mode() {
    let expected = "CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\nMN\r\n";
    check(&[("ms a 2\r\nhihi\r\nmn\r\n", expected), ("ms a 2 q\r\nhihi\r\nmn\r\n", expected)]);
}

#[test]
fn deletions() {
    let long = "k".repeat(251);
    let flags = "k O1 q C1 E1 v f t h l u s c D1 J1 MA F1 N1";
    check_hit(&[
        ("md miss k Oa\r\n", "NF kmiss Oa\r\n"),
        ("md hit k Oa\r\nmg hit\r\n", "HD khit Oa\r\nEN\r\n"),
        ("md hit q\r\nmn\r\n", "MN\r\n"),
        ("md miss q k Oa\r\nmn\r\n", "NF kmiss Oa\r\nMN\r\n"),
        ("md hit C9 k q\r\nmn\r\n", "EX khit\r\nMN\r\n"),
        ("md hit C0\r\n", "EX\r\n"),
        ("md hit C1\r\n", "HD\r\n"),
        ("md hit v T5 M\r\n", "HD\r\n"),
        ("md hit x\r\nmg hit v f c\r\n", "HD\r\nVA 0 f0 c1\r\n\r\n"),
        ("md hit I\r\nmg hit c t\r\n", "HD\r\nHD c2 t-1 X W\r\n"),
        ("md hit I T30 E55\r\nmg hit c t\r\nmg hit\r\n", "HD\r\nHD c55 t30 X W\r\nHD Z X\r\n"),
        ("md hit I q\r\nmg hit v s\r\n", "VA 5 s5 X W\r\nhello\r\n"),
        ("md hit x I\r\nmg hit s\r\n", "HD\r\nHD s0 X W\r\n"),
        ("md hit I C9\r\n", "EX\r\n"),
        // Each fault by its name, unlike in 1.6.18.
        ("md\r\n", "CLIENT_ERROR bad command line format\r\n"),
        ("md hit z\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("md hit q q\r\n", "CLIENT_ERROR duplicate flag\r\n"),
        ("md hit Cx\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("md hit E\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        (&format!("md {long}\r\n"), "CLIENT_ERROR bad command line format\r\n"),
        (&format!("md hit O{}\r\n", &long[..32]), "CLIENT_ERROR opaque token too long\r\n"),
        (&format!("md hit {flags}\r\nmn\r\n"), "MN\r\n"),
        (&format!("md hit {flags} x\r\nmn\r\n"), "CLIENT_ERROR options flags are too long\r\nMN\r\n"),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        ("ma n\r\n", "NF\r\n"),
        ("ma n q k Oa\r\n", "NF kn Oa\r\n"),
        ("ma n N0 J5 c t k Oq v\r\nma n q\r\nmn\r\nma n v\r\n", "VA 1 c1 t-1 kn Oq\r\n5\r\nMN\r\nVA 1\r\n7\r\n"),
        ("ma n N30 t\r\nma n N60 t v\r\n", "HD t30\r\nVA 1 t30\r\n1\r\n"),
        ("ma n N30 T60 t\r\n", "HD t60\r\n"),
        ("ma n t N30\r\nma n t T60\r\nma n t\r\n", "HD t-1\r\nHD t30\r\nHD t60\r\n"),
        ("ma n N0 q\r\nma n q v\r\nmn\r\n", "MN\r\n"),
        ("ma n N0 E99 c\r\nma n E77 c\r\nma n c\r\n", "HD c99\r\nHD c77\r\nHD c3\r\n"),
        ("ma n N0 E5\r\nma n C9 k q\r\nma n C5 v\r\n", "HD\r\nEX kn\r\nVA 1\r\n1\r\n"),
        ("ma n N0 E5\r\nma n C0 v\r\n", "HD\r\nVA 1\r\n1\r\n"),
        ("ma n N0\r\nma n T30 t\r\nmg n t\r\n", "HD\r\nHD t30\r\nHD t30\r\n"),
        ("ma n N0 J20\r\nma n MD D5 v\r\nma n M- D50 v\r\n", "HD\r\nVA 2\r\n15\r\nVA 1\r\n0\r\n"),
        (
            "ma n N0\r\nma n MI v\r\nma n M+ v\r\nma n D18446744073709551615 v\r\n",
            "HD\r\nVA 1\r\n1\r\nVA 1\r\n2\r\nVA 1\r\n1\r\n",
        ),
        ("ma n N0 f s h l u x I F5 R5\r\n", "HD\r\n"),
    ]);
    let non_numeric = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
    check_hit(&[("ma hit\r\n", non_numeric), ("ma hit q k\r\n", non_numeric)]);
}

#[test]
fn malformed_arithmetic() {
    let long = "k".repeat(251);
    let flag = "CLIENT_ERROR invalid or duplicate flag\r\n";
    let mode = "CLIENT_ERROR invalid mode for ma M token\r\n";
    for flags in ["z", "q q", "Cx", "Ex", "D", "D-1", "D18446744073709551616", "J", "Jx", "Nx", "T", "b", "S1"] {
        assert_eq!(answer(format!("ma n {flags}\r\n").as_bytes()), flag, "{flags}");
    }
    for flags in ["M", "Mx", "Mi", "Md", "Mincr", "MS", "M= N0"] {
        assert_eq!(answer(format!("ma n {flags}\r\n").as_bytes()), mode, "{flags}");
    }
    check(&[
        ("ma\r\n", "CLIENT_ERROR bad command line format\r\n"),
        (&format!("ma {long}\r\n"), flag),
        (
            "ma n q v c t k Oa N0 J1 D1 MI C0 E1 T1 f s h l u\r\nma n q v c t k Oa N0 J1 D1 MI C0 E1 T1 f s h l u x\r\n",
            flag,
        ),
        (&format!("ma n O{}\r\n", &long[..32]), "CLIENT_ERROR opaque token too long\r\n"),
    ]);
}

#[test]
fn debugging() {
    let long = "k".repeat(251);
    let format = "CLIENT_ERROR bad command line format\r\n";
    check_hit(&[
        ("me miss\r\n", "EN\r\n"),
        ("me hit\r\n", "ME hit exp=-1 la=0 cas=1 fetch=no cls=1 size=8\r\n"),
        ("mg hit T9\r\nme hit k Oa q v v\r\n", "HD\r\nME hit exp=9 la=0 cas=1 fetch=yes cls=1 size=8\r\n"),
        ("me aGl0 b\r\n", "ME hit exp=-1 la=0 cas=1 fetch=no cls=1 size=8\r\n"),
        ("me aGl0\r\n", "EN\r\n"),
        ("ms aGk= 1 b\r\nx\r\nme hi\r\n", "HD\r\nME aGk= exp=-1 la=0 cas=2 fetch=no cls=1 size=3\r\n"),
        ("me\r\n", format),
        ("me hit b\r\n", format),
        (&format!("me {long}\r\n"), format),
    ]);
}

#[test]
fn keys_in_base64() {
    let decoding = "CLIENT_ERROR error decoding key\r\n";
    check_hit(&[
        // By the item on a hit of mg, by the request elsewhere.
        ("mg aGl0 b v k\r\n", "VA 5 khit\r\nhello\r\n"),
        ("mg bWlzcw== k b Oa\r\n", "EN kbWlzcw== b Oa\r\n"),
        ("ms YQ== 2 b k c\r\nhi\r\nmg a k v\r\n", "HD kYQ== b c2\r\nVA 2 kYQ== b\r\nhi\r\n"),
        ("ms YQ== 2 k b C9\r\nhi\r\n", "NF kYQ== b\r\n"),
        ("ms aGl0 2 b k ME\r\nhi\r\n", "NS kaGl0 b\r\n"),
        ("md aGl0 b k Oa\r\nmd aGl0 k b\r\n", "HD kaGl0 b Oa\r\nNF kaGl0 b\r\n"),
        ("ma bg== b k N0 v\r\nma n k\r\n", "VA 1 kbg== b\r\n0\r\nHD kn\r\n"),
        ("ma bg== b k\r\n", "NF kbg== b\r\n"),
        // What memcached forgets: that the key was sent in base64. A key with a line end would end the line.
        ("mg Cg0= b k N0\r\nmg Cg0= b k\r\n", "HD kCg0= b W\r\nHD kCg0= b Z\r\n"),
        ("ms YQ= 2 b\r\nhi\r\nmn\r\n", &format!("{decoding}MN\r\n")),
        ("mg hit! b\r\nmd $ b\r\nmg ==== b\r\n", &decoding.repeat(3)),
        ("mg YQ b T\r\nmg YQ T b\r\n", &format!("CLIENT_ERROR bad token in command line format\r\n{decoding}")),
    ]);
}

#[test]
fn the_longest_key_in_base64() {
    // The limit of 250 is the token's, as in memcached; whole groups of four letters make it 248.
    let (fits, over) = ("QUFB".repeat(62), format!("{}QUE=", "QUFB".repeat(62)));
    check(&[
        (&format!("mg {fits} b k\r\n"), &format!("EN k{fits} b\r\n")),
        (&format!("mg {over} b k\r\n"), "CLIENT_ERROR bad command line format\r\n"),
        (&format!("ms {fits} 1 b q\r\nx\r\nmg {} v\r\n", "A".repeat(186)), "VA 1\r\nx\r\n"),
    ]);
}

#[test]
fn large_values_under_keys_in_base64() {
    let value = "v".repeat(100_000);
    let large = "x".repeat(2 << 20);
    let all = format!(
        "ms YQ== 100000 b k\r\n{value}\r\nmg a s k\r\nms YQ== 100000 b\r\n{value}XXms YQ== {} b k\r\n{large}\r\nmg a\r\n",
        large.len()
    );
    let expected = "HD kYQ== b\r\nHD s100000 kYQ== b\r\nCLIENT_ERROR bad data chunk\r\nSERVER_ERROR object too large for cache\r\nEN\r\n";
    assert_eq!(answer(all.as_bytes()), expected);
}
