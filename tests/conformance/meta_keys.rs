//! Keys in base64 (`b`), `me`, and the fetch that sends the value only when it has changed (`C` of `mg`).

use crate::support::{Case, case};

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = encoded();
    cases.extend(debug());
    cases.extend(conditional());
    cases
}

const BAD_KEY: &str = "CLIENT_ERROR error decoding key\r\n";

fn encoded() -> Vec<Case> {
    vec![
        case("a key in base64 is the key of its bytes")
            .talk("ms YQ== 1 b\r\nx\r\n", "HD\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n")
            .talk("mg YQ== b v\r\n", "VA 1\r\nx\r\n")
            .talk("get YQ==\r\n", "END\r\n"),
        case("k comes back in base64, marked by b")
            .talk("ms AAECA/8= 1 b k\r\nx\r\n", "HD kAAECA/8= b\r\n")
            .talk("mg AAECA/8= b k v\r\n", "VA 1 kAAECA/8= b\r\nx\r\n")
            .talk("mg AAECA/8= b v\r\n", "VA 1\r\nx\r\n")
            .talk("md AAECA/8= b k\r\n", "HD kAAECA/8= b\r\n")
            .talk("mg AAECA/8= b k O7\r\n", "EN kAAECA/8= b O7\r\n")
            .talk("md AAECA/8= b k\r\n", "NF kAAECA/8= b\r\n"),
        case("what was stored in base64 is told so to all")
            .talk("ms YQ== 1 b\r\nx\r\n", "HD\r\n")
            .talk("mg a v k\r\n", "VA 1 kYQ== b\r\nx\r\n"),
        case("the longest key: 250 bytes, however it is written")
            .talk(format!("ms {} 1 b\r\nx\r\n", base64(&[0xfb; 180])), "HD\r\n")
            .talk(format!("mg {} b v\r\n", base64(&[0xfb; 180])), "VA 1\r\nx\r\n"),
        case("what is no base64 is refused")
            .talk("mg YQ= b\r\n", BAD_KEY)
            .talk("mg !!!! b\r\n", BAD_KEY)
            .talk_any("md !!!! b\r\n", ["CLIENT_ERROR invalid or duplicate flag\r\n", BAD_KEY])
            .talk("ma !!!! b\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n")
            .talk("ms !!!! 2 b\r\nhi\r\nmn\r\n", format!("{BAD_KEY}MN\r\n")),
    ]
}

fn debug() -> Vec<Case> {
    vec![
        case("me tells what is known of an item")
            .talk("set a 0 0 2\r\nhi\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 2 <cas:a>\r\nhi\r\nEND\r\n")
            .talk("me a\r\n", "ME a exp=-1 la=<cas:la> cas=<cas:a> fetch=yes cls=<cas:cls> size=<cas:size>\r\n"),
        case("me counts an item's size as memcached does")
            .talk("set a 0 0 2\r\nhi\r\n", "STORED\r\n")
            .talk("me a\r\n", "ME a exp=-1 la=<cas:la> cas=<cas:a> fetch=no cls=<cas:cls> size=62\r\n")
            .talk("set a 7 0 2\r\nhi\r\n", "STORED\r\n")
            .talk("me a\r\n", "ME a exp=-1 la=<cas:la2> cas=<cas:b> fetch=no cls=<cas:cls2> size=66\r\n"),
        case("me of an absent key is EN").talk("me a\r\n", "EN\r\n"),
        case("me of a key in base64")
            .talk("ms AAECA/8= 1 b\r\nx\r\n", "HD\r\n")
            .talk("me AAECA/8= b\r\n", "ME AAECA/8= exp=-1 la=<cas:la> cas=<cas:a> fetch=<line>\r\n"),
        case("me without a key").talk("me\r\n", "CLIENT_ERROR bad command line format\r\n"),
    ]
}

fn conditional() -> Vec<Case> {
    vec![
        case("C of mg sends no value when the number is the item's")
            .talk("ms a 2 c\r\nhi\r\n", "HD c<cas:a>\r\n")
            .talk("mg a v C1\r\n", "VA 2\r\nhi\r\n")
            .talk("mg a C<cas:a> v k O1\r\n", "HD ka O1\r\n")
            .talk("mg b C1 v\r\n", "EN\r\n")
            .since([1, 6, 45]),
        case("C of mg refuses what is no number")
            .talk("mg a Cx v\r\n", "CLIENT_ERROR bad token in command line format\r\n")
            .since([1, 6, 45]),
    ]
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert!(bytes.len().is_multiple_of(3), "no padding here");
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, &b| bits << 8 | usize::from(b));
        text.extend([18, 12, 6, 0].map(|shift| char::from(ALPHABET[bits >> shift & 63])));
    }
    text
}
