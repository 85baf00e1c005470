//! The lines that a client of the meta commands sends, in the order in which it puts its flags: dalli's, from 3.2 on,
//! which speaks nothing else. Its gem is not in Debian; what it waits for is written here.

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    vec![
        case("sets and gets")
            .talk("version\r\n", "VERSION <line>\r\n")
            .talk("ms a 1 c F5 T0 MS\r\nx\r\n", "HD c<cas:a>\r\n")
            .talk("mg a v f\r\n", "VA 1 f5\r\nx\r\n")
            .talk("mg miss v f\r\n", "EN\r\n")
            .talk("ms a 1 c F0 T0 ME\r\ny\r\n", "NS <line>\r\n")
            .talk("ms miss 1 c F0 T0 MR\r\ny\r\n", "NS <line>\r\n")
            .talk("ms a 1 MA\r\nz\r\nms a 1 MP\r\nw\r\n", "HD\r\nHD\r\n")
            .talk("mg a v f\r\n", "VA 3 f5\r\nwxz\r\n"),
        case("compare and set")
            .talk("ms a 1 c F0 T0 MS\r\nx\r\n", "HD c<cas:a>\r\n")
            .talk("mg a v f c\r\n", "VA 1 f0 c<cas:a>\r\nx\r\n")
            .talk("ms a 1 c F0 C<cas:a> T0 MS\r\ny\r\n", "HD c<cas:b>\r\n")
            .differ("a", "b")
            .talk("ms a 1 c F0 C<cas:a> T0 MS\r\nz\r\n", "EX <line>\r\n")
            .talk("md a C<cas:a>\r\n", "EX\r\n")
            .talk("md a C<cas:b>\r\nmd a\r\n", "HD\r\nNF\r\n")
            .talk("ms a 1 c F0 C<cas:b> T0 MS\r\nz\r\n", "NF <line>\r\n"),
        case("many at once, quiet, and a no-op behind them")
            .talk("ms a 1 c F0 T0 MS q\r\n1\r\nms b 2 c F1 T0 MS q\r\n22\r\nmn\r\n", "MN\r\n")
            .talk(
                "mg a v f k q s\r\nmg miss v f k q s\r\nmg b v f k q s\r\nmn\r\n",
                "VA 1 f0 ka s1\r\n1\r\nVA 2 f1 kb s2\r\n22\r\nMN\r\n",
            )
            .talk("md a q\r\nmd miss q\r\nmn\r\n", "NF\r\nMN\r\n")
            .talk("mg a v f\r\n", "EN\r\n"),
        case("counters")
            .talk("ma n v D1 MI\r\n", "NF\r\n")
            .talk("ma n v D1 J5 N0 MI\r\n", "VA 1\r\n5\r\n")
            .talk("ma n v D10 J5 N0 MI\r\n", "VA 2\r\n15\r\n")
            .talk("ma n v D20 MD\r\n", "VA 1\r\n0\r\n")
            .talk("ma n v D1 J0 N0 q MI\r\nmn\r\n", "MN\r\n")
            .talk("ms t 1 c F0 T0 MS\r\nx\r\n", "HD c<cas:t>\r\n")
            .talk("ma t v D1 MI\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"),
        case("expiry")
            .talk("ms a 1 c F0 T100 MS\r\nx\r\n", "HD c<cas:a>\r\n")
            .talk("mg a v f T300\r\n", "VA 1 f0\r\nx\r\n")
            .talk("mg a T0\r\nmg miss T300\r\n", "HD\r\nEN\r\n")
            .talk("mg a v f t\r\n", "VA 1 f0 t-1\r\nx\r\n")
            .talk("ms a 1 c F0 T1 MS\r\nx\r\n", "HD c<cas:b>\r\n")
            .until("mg a v f\r\n", "EN\r\n", 10),
        case("keys that need base64")
            .talk("ms YSBi 1 c b F0 T0 MS\r\nx\r\n", "HD c<line>\r\n")
            .talk("mg YSBi v f b\r\n", "VA 1 f0<line>\r\nx\r\n")
            .talk("mg YSBi v f b k q s\r\nmn\r\n", "VA 1 f0<line>\r\nx\r\nMN\r\n")
            .talk("md YSBi b\r\n", "HD<line>\r\n"),
        case("flush and statistics")
            .talk("ms a 1 c F0 T0 MS\r\nx\r\nflush_all\r\nmg a v f\r\n", "HD c<line>\r\nOK\r\nEN\r\n")
            .talk("flush_all 0\r\nflush_all noreply\r\nstats reset\r\n", "OK\r\nRESET\r\n"),
    ]
}
