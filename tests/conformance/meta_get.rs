//! `mg`: its flags one by one and together, misses, quiet pipelines, refusals.

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = flags();
    cases.extend(misses_and_quiet());
    cases.extend(touching());
    cases.extend(refusals());
    cases
}

fn stored(name: &'static str) -> Case {
    case(name).talk("set a 7 0 2\r\nhi\r\n", "STORED\r\n")
}

fn flags() -> Vec<Case> {
    vec![
        stored("mg without flags tells only that the item is there")
            .talk("mg a\r\n", "HD\r\n")
            .talk("mg b\r\n", "EN\r\n"),
        stored("v brings the value").talk("mg a v\r\n", "VA 2\r\nhi\r\n"),
        stored("f, s, t, k each bring their field")
            .talk("mg a f\r\n", "HD f7\r\n")
            .talk("mg a s\r\n", "HD s2\r\n")
            .talk("mg a t\r\n", "HD t-1\r\n")
            .talk("mg a k\r\n", "HD ka\r\n"),
        stored("c brings the number that gets brings")
            .talk("gets a\r\n", "VALUE a 7 2 <cas:a>\r\nhi\r\nEND\r\n")
            .talk("mg a c\r\n", "HD c<cas:a>\r\n")
            .talk("mg a c v\r\n", "VA 2 c<cas:a>\r\nhi\r\n"),
        stored("O comes back as it was sent")
            .talk("mg a Oabc\r\n", "HD Oabc\r\n")
            .talk("mg a O\r\n", "HD O\r\n")
            .talk("mg a O!\"#123 v\r\n", "VA 2 O!\"#123\r\nhi\r\n"),
        stored("fields come in the order of their flags")
            .talk("mg a s v f t k Oabc\r\n", "VA 2 s2 f7 t-1 ka Oabc\r\nhi\r\n")
            .talk("mg a Oabc k t f v s\r\n", "VA 2 Oabc ka t-1 f7 s2\r\nhi\r\n"),
        stored("h tells whether the item was read before")
            .talk("mg a h\r\n", "HD h0\r\n")
            .talk("mg a h\r\n", "HD h1\r\n"),
        stored("l tells the seconds since the last access, u leaves it and h alone")
            .talk("mg a u\r\n", "HD\r\n")
            .talk("mg a h u\r\n", "HD h0\r\n")
            .talk("mg a h\r\n", "HD h0\r\n")
            .talk("get a\r\n", "VALUE a 7 2\r\nhi\r\nEND\r\n")
            .talk("mg a h\r\n", "HD h1\r\n"),
        stored("P and L are accepted and ignored").talk("mg a Pxyz Lq v\r\n", "VA 2\r\nhi\r\n"),
        stored("the value is not shown to one who names its CAS number")
            .talk("mg a c\r\n", "HD c<cas:a>\r\n")
            .talk("mg a v C<cas:a>\r\nmg a C<cas:a> v s\r\n", "HD\r\nHD s2\r\n")
            .talk("ms a 2\r\nho\r\n", "HD\r\n")
            .talk("mg a v C<cas:a>\r\n", "VA 2\r\nho\r\n")
            .since([1, 6, 45]),
        case("an empty value").talk("set a 0 0 0\r\n\r\n", "STORED\r\n").talk("mg a v s\r\n", "VA 0 s0\r\n\r\n"),
        case("a value with line ends in it")
            .talk("set a 0 0 6\r\nEN\r\nHD\r\n", "STORED\r\n")
            .talk("mg a v\r\n", "VA 6\r\nEN\r\nHD\r\n"),
        case("a large value")
            .talk(format!("set a 1 0 100000\r\n{}\r\n", "x".repeat(100_000)), "STORED\r\n")
            .talk("mg a s f v\r\n", format!("VA 100000 s100000 f1\r\n{}\r\n", "x".repeat(100_000)))
            .talk("mg a s f\r\n", "HD s100000 f1\r\n"),
        case("flags of 2^32-1")
            .talk("set a 4294967295 0 1\r\nx\r\n", "STORED\r\n")
            .talk("mg a f\r\n", "HD f4294967295\r\n"),
    ]
}

fn misses_and_quiet() -> Vec<Case> {
    vec![
        case("a miss brings back O and k and nothing else")
            .talk("mg a v\r\n", "EN\r\n")
            .talk("mg a v k O1 f s t c\r\n", "EN ka O1\r\n"),
        stored("q hides a miss, not a hit")
            .silent("mg b v q\r\nmg b v k O9 q\r\n")
            .talk("mg a v q\r\nmn\r\n", "VA 2\r\nhi\r\nMN\r\n")
            .talk("mg a q k\r\nmn\r\n", "HD ka\r\nMN\r\n"),
        quiet_pipeline(),
        case("q does not hide an error")
            .talk("mg a q q\r\n", "CLIENT_ERROR duplicate flag\r\n")
            .talk("mg a q !\r\n", "CLIENT_ERROR invalid flag\r\n"),
    ]
}

/// The way a client reads many keys: quiet gets with an opaque each, closed by `mn`.
fn quiet_pipeline() -> Case {
    let set: String = (0..300).map(|i| format!("ms key:{i} 3 F{i} q\r\nxyz\r\n")).collect();
    let get: String = (0..300).map(|i| format!("mg key:{i} O{i} f v q\r\nmg no:{i} O{i} v q\r\n")).collect();
    let found: String = (0..300).map(|i| format!("VA 3 O{i} f{i}\r\nxyz\r\n")).collect();
    case("a quiet pipeline answers its hits in order, closed by mn")
        .silent(set)
        .talk(format!("{get}mn\r\n"), format!("{found}MN\r\n"))
}

fn touching() -> Vec<Case> {
    vec![
        stored("T sets the exptime")
            .talk_any("mg a T30 t\r\n", ["HD t30\r\n", "HD t29\r\n"])
            .talk_any("mg a t v\r\n", ["VA 2 t30\r\nhi\r\n", "VA 2 t29\r\nhi\r\n", "VA 2 t28\r\nhi\r\n"])
            .talk("mg a T0\r\n", "HD\r\n")
            .talk("mg a t\r\n", "HD t-1\r\n"),
        stored("T of a negative exptime answers once more")
            .talk("mg a T-1 v\r\n", "VA 2\r\nhi\r\n")
            .talk("mg a v\r\n", "EN\r\n"),
        case("T of an absent key is a miss").talk("mg a T30 v\r\n", "EN\r\n").talk("mg a T30 k\r\n", "EN ka\r\n"),
        case("N creates on a miss and wins; a value stored is found as usual")
            .talk_any("mg a N30 v t\r\n", ["VA 0 t30 W\r\n\r\n", "VA 0 t29 W\r\n\r\n"])
            .talk("ms a 2\r\nhi\r\n", "HD\r\n")
            .talk("mg a N30 v\r\n", "VA 2\r\nhi\r\n"),
        case("N tells all but the first that somebody has won")
            .talk("mg a N30 v\r\n", "VA 0 W\r\n\r\n")
            .talk("mg a N30 v\r\n", "VA 0 Z\r\n\r\n")
            .talk("mg a N30\r\n", "HD Z\r\n")
            .talk("ms a 2\r\nhi\r\n", "HD\r\n")
            .talk("mg a N30 v\r\n", "VA 2\r\nhi\r\n"),
    ]
}

fn refusals() -> Vec<Case> {
    let (longest, longer) = ("o".repeat(31), "o".repeat(33));
    vec![
        case("mg without a key is refused")
            .talk("mg\r\n", "CLIENT_ERROR bad command line format\r\n")
            .since([1, 6, 45]),
        stored("a flag given twice is refused")
            .talk("mg a v v\r\n", "CLIENT_ERROR duplicate flag\r\n")
            .talk("mg a O1 O2\r\n", "CLIENT_ERROR duplicate flag\r\n"),
        stored("an unknown flag is refused")
            .talk("mg a !\r\n", "CLIENT_ERROR invalid flag\r\n")
            .talk("mg a v 9\r\n", "CLIENT_ERROR invalid flag\r\n"),
        stored("T and N refuse what is no number")
            .talk("mg a Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n")
            .talk("mg a N1x\r\n", "CLIENT_ERROR bad token in command line format\r\n")
            .talk("mg a t\r\n", "HD t-1\r\n"),
        stored("an opaque may have 31 bytes behind its O, not 33")
            .talk(format!("mg a O{longest}\r\n"), format!("HD O{longest}\r\n"))
            .talk(format!("mg b O{longest}\r\n"), format!("EN O{longest}\r\n"))
            .talk(format!("mg a O{longer}\r\n"), "CLIENT_ERROR opaque token too long\r\n")
            .talk(format!("mg b O{longer}\r\n"), "CLIENT_ERROR opaque token too long\r\n"),
        stored("an opaque of 32 bytes behind its O is too long: the limit of 32 counts the O")
            .talk(format!("mg a O{}\r\n", "o".repeat(32)), "CLIENT_ERROR opaque token too long\r\n"),
    ]
}
