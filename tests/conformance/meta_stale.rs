//! Stale items, the one who wins the right to fill them, and recaching before the end; explicit CAS numbers.

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = stale();
    cases.extend(recache());
    cases.extend(explicit());
    cases.extend(emptied());
    cases
}

fn stale() -> Vec<Case> {
    vec![
        case("md I marks an item stale: the first reader wins, the others are told that somebody has won")
            .talk("ms a 2 T100 F5 c\r\nhi\r\n", "HD c<cas:old>\r\n")
            .talk("md a I\r\n", "HD\r\n")
            .talk("mg a v f c\r\n", "VA 2 f5 c<cas:new> X W\r\nhi\r\n")
            .differ("old", "new")
            .talk("mg a v\r\n", "VA 2 Z X\r\nhi\r\n")
            .talk("mg a s k O1\r\n", "HD s2 ka O1 Z X\r\n")
            .talk("ms a 2\r\nho\r\n", "HD\r\n")
            .talk("mg a v\r\n", "VA 2\r\nho\r\n"),
        case("get serves a stale item as any other")
            .talk("ms a 2\r\nhi\r\n", "HD\r\n")
            .talk("md a I\r\n", "HD\r\n")
            .talk("get a\r\n", "VALUE a 0 2\r\nhi\r\nEND\r\n")
            .talk("mg a\r\n", "HD X W\r\n"),
        case("md I with T shortens what is left")
            .talk("ms a 2\r\nhi\r\n", "HD\r\n")
            .talk("md a I T30\r\n", "HD\r\n")
            .talk("mg a\r\n", "HD X W\r\n")
            .talk("get a\r\n", "VALUE a 0 2\r\nhi\r\nEND\r\n")
            .talk("ms b 2\r\nhi\r\n", "HD\r\n")
            .talk("md b I T-1\r\n", "HD\r\n")
            .talk("mg b\r\n", "EN\r\n"),
        case("T of md without I is without effect: it removes")
            .talk("ms a 2\r\nhi\r\n", "HD\r\n")
            .talk("md a T30\r\n", "HD\r\n")
            .talk("mg a\r\n", "EN\r\n"),
        case("md I compares a CAS number")
            .talk("ms a 2 c\r\nhi\r\n", "HD c<cas:a>\r\n")
            .talk("md a I C1\r\n", "EX\r\n")
            .talk("mg a\r\n", "HD\r\n")
            .talk("md a I C<cas:a>\r\n", "HD\r\n")
            .talk("mg a\r\n", "HD X W\r\n"),
        case("md I of an absent key is NF").talk("md a I k\r\n", "NF ka\r\n"),
        case("ms I stores with an older number, and as stale")
            .talk("ms a 2 c\r\nhi\r\n", "HD c<cas:a>\r\n")
            .talk("ms a 2 I C1\r\nxx\r\n", "HD\r\n")
            .talk("mg a v\r\n", "VA 2 X W\r\nxx\r\n")
            .talk("ms a 2 I C18446744073709551615\r\nyy\r\n", "EX\r\n")
            .talk("mg a v\r\n", "VA 2 Z X\r\nxx\r\n"),
        case("ms I with the current number stores as fresh")
            .talk("ms a 2 c\r\nhi\r\n", "HD c<cas:a>\r\n")
            .talk("ms a 2 I C<cas:a>\r\nxx\r\n", "HD\r\n")
            .talk("mg a v\r\n", "VA 2\r\nxx\r\n"),
        case("ms I of an absent key is NF").talk("ms a 2 I C1\r\nxx\r\n", "NF\r\n"),
        case("ms I without a number stores").talk("ms a 2 I\r\nxx\r\n", "HD\r\n").talk("mg a v\r\n", "VA 2\r\nxx\r\n"),
    ]
}

fn recache() -> Vec<Case> {
    vec![
        case("R of an item that never ends is without effect")
            .talk("ms a 2\r\nhi\r\n", "HD\r\n")
            .talk("mg a R30 t\r\n", "HD t-1\r\n"),
        case("R wins once when less is left")
            .talk("ms a 2 T100\r\nhi\r\n", "HD\r\n")
            .talk("mg a R30 v\r\n", "VA 2\r\nhi\r\n")
            .talk("mg a R200 v\r\n", "VA 2 W\r\nhi\r\n")
            .talk("mg a R200 v\r\n", "VA 2 Z\r\nhi\r\n")
            .talk("mg a v\r\n", "VA 2 Z\r\nhi\r\n")
            .talk("ms a 2 T100\r\nho\r\n", "HD\r\n")
            .talk("mg a R200\r\n", "HD W\r\n"),
        case("R refuses what is no number").talk("mg a Rx\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        case("N wins on a miss, a compared store fills it")
            .talk("mg a N30 v c\r\n", "VA 0 c<cas:a> W\r\n\r\n")
            .talk("mg a N30 v c\r\n", "VA 0 c<cas:a> Z\r\n\r\n")
            .talk("ms a 2 C<cas:a>\r\nhi\r\n", "HD\r\n")
            .talk("mg a N30 v\r\n", "VA 2\r\nhi\r\n"),
    ]
}

fn explicit() -> Vec<Case> {
    vec![
        case("E of ms gives the number")
            .talk("ms a 1 E1234567890123 c\r\n1\r\n", "HD c1234567890123\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 1234567890123\r\n1\r\nEND\r\n")
            .talk("ms a 1 C1234567890123 E7 c\r\n2\r\n", "HD c7\r\n")
            .talk("ms a 1 C1234567890123 E9\r\n3\r\n", "EX\r\n")
            .talk("mg a c v\r\n", "VA 1 c7\r\n2\r\n")
            .since([1, 6, 21]),
        case("E of md I gives the number")
            .talk("ms a 1\r\n1\r\n", "HD\r\n")
            .talk("md a I E1234567890123\r\n", "HD\r\n")
            .talk("mg a c\r\n", "HD c1234567890123 X W\r\n")
            .since([1, 6, 21]),
        case("E of mg N gives the number")
            .talk("mg a N30 c E1234567890123\r\n", "HD c1234567890123 W\r\n")
            .since([1, 6, 21]),
    ]
}

fn emptied() -> Vec<Case> {
    vec![
        case("x of md drops value and client flags and keeps the item")
            .talk("ms a 2 F7 T100\r\nhi\r\n", "HD\r\n")
            .talk("md a x\r\n", "HD\r\n")
            .talk("mg a v f\r\n", "VA 0 f0\r\n\r\n")
            .since([1, 6, 22]),
        case("x with I is an empty stale item")
            .talk("ms a 2 F7\r\nhi\r\n", "HD\r\n")
            .talk("md a x I\r\n", "HD\r\n")
            .talk("mg a v f\r\n", "VA 0 f0 X W\r\n\r\n")
            .since([1, 6, 22]),
    ]
}
