//! Exptime in all its forms, `touch`, and `gat` as a touch. The few cases that wait for real seconds poll for them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Case, case};

const BAD_LINE: &str = "CLIENT_ERROR bad command line format\r\n";
const BAD_EXPTIME: &str = "CLIENT_ERROR invalid exptime argument\r\n";

/// The table.
pub fn cases() -> Vec<Case> {
    let mut cases = forms();
    cases.extend(touching());
    cases.push(real_seconds());
    cases
}

fn forms() -> Vec<Case> {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (later, earlier) = (unix + 1000, unix - 1000);
    vec![
        case("a negative exptime is already past")
            .talk("set a 0 -1 1\r\nx\r\n", "STORED\r\n")
            .talk("set b 0 -100000 1\r\nx\r\n", "STORED\r\n")
            .talk("get a b\r\n", "END\r\n"),
        case("a negative exptime removes the item that was there")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("set a 0 -1 1\r\ny\r\n", "STORED\r\n")
            .talk("get a\r\n", "END\r\n"),
        case("30 days are relative, a second more is a unix time in 1970")
            .talk("set a 0 2592000 1\r\nx\r\n", "STORED\r\n")
            .talk("set b 0 2592001 1\r\nx\r\n", "STORED\r\n")
            .talk("get a b\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"),
        case("a unix time ahead is alive, one behind is past")
            .talk(format!("set a 0 {later} 1\r\nx\r\n"), "STORED\r\n")
            .talk(format!("set b 0 {earlier} 1\r\nx\r\n"), "STORED\r\n")
            .talk("get a b\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"),
        case("the last exptime of 31 bits is alive")
            .talk("set a 0 2147483647 1\r\nx\r\n", "STORED\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"),
        case("an exptime past 2038 is alive")
            .talk("set a 0 2147483648 1\r\nx\r\n", "STORED\r\n")
            .talk("set b 0 99999999999 1\r\nx\r\n", "STORED\r\n")
            .talk("get a b\r\n", "VALUE a 0 1\r\nx\r\nVALUE b 0 1\r\nx\r\nEND\r\n")
            .ours("memcached cuts exptime to 32 bits, so that it wraps into the past"),
        case("time left is told by mg, and never as -1 while some is left")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("mg a t\r\n", "HD t-1\r\n")
            .talk("set a 0 500 1\r\nx\r\n", "STORED\r\n")
            .talk_any("mg a t\r\n", ["HD t500\r\n", "HD t499\r\n", "HD t498\r\n"]),
        case("append and incr keep the exptime")
            .talk("set a 0 500 1\r\n1\r\n", "STORED\r\n")
            .talk("append a 0 0 1\r\n2\r\n", "STORED\r\n")
            .talk("incr a 1\r\n", "13\r\n")
            .talk_any("mg a t\r\n", ["HD t500\r\n", "HD t499\r\n", "HD t498\r\n"]),
    ]
}

fn touching() -> Vec<Case> {
    vec![
        case("touch changes the exptime and nothing else")
            .talk("set a 3 0 1\r\nx\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 3 1 <cas:a>\r\nx\r\nEND\r\n")
            .talk("touch a 500\r\n", "TOUCHED\r\n")
            .talk_any("mg a t\r\n", ["HD t500\r\n", "HD t499\r\n", "HD t498\r\n"])
            .talk("gets a\r\n", "VALUE a 3 1 <cas:a>\r\nx\r\nEND\r\n")
            .talk("touch a 0\r\n", "TOUCHED\r\n")
            .talk("mg a t\r\n", "HD t-1\r\n"),
        case("touch into the past removes")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("touch a -1\r\n", "TOUCHED\r\n")
            .talk("get a\r\n", "END\r\n")
            .talk("touch a 0\r\n", "NOT_FOUND\r\n"),
        case("touch of an absent key").talk("touch a 10\r\n", "NOT_FOUND\r\n"),
        case("touch refuses a bad exptime")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("touch a x\r\n", BAD_EXPTIME)
            .talk("touch a 1x\r\n", BAD_EXPTIME)
            .talk("mg a t\r\n", "HD t-1\r\n"),
        case("too few words are a malformed line")
            .talk("touch\r\n", BAD_LINE)
            .talk("touch a\r\n", BAD_LINE)
            .talk("touch noreply\r\n", BAD_LINE)
            .since([1, 6, 45]),
        case("touch does not look at surplus words but for noreply as the last")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("touch a 500 x y\r\n", "TOUCHED\r\n")
            .talk_any("mg a t\r\n", ["HD t500\r\n", "HD t499\r\n", "HD t498\r\n"])
            .silent("touch a 0 x noreply\r\n")
            .talk("mg a t\r\n", "HD t-1\r\n")
            .since([1, 6, 45]),
        case("touch noreply is silent, found or not")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .silent("touch a 500 noreply\r\ntouch b 500 noreply\r\ntouch a x noreply\r\n")
            .talk_any("mg a t\r\n", ["HD t500\r\n", "HD t499\r\n", "HD t498\r\n"]),
        case("gat touches every key it finds")
            .talk("set a 0 0 1\r\nx\r\nset b 0 0 1\r\ny\r\n", "STORED\r\nSTORED\r\n")
            .talk("gat 500 a c b\r\n", "VALUE a 0 1\r\nx\r\nVALUE b 0 1\r\ny\r\nEND\r\n")
            .talk_any("mg a t\r\n", ["HD t500\r\n", "HD t499\r\n", "HD t498\r\n"])
            .talk_any("mg b t\r\n", ["HD t500\r\n", "HD t499\r\n", "HD t498\r\n"])
            .talk("gats 0 a\r\n", "VALUE a 0 1 <cas:a>\r\nx\r\nEND\r\n")
            .talk("mg a t\r\n", "HD t-1\r\n"),
        case("gat into the past answers once more")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("gat -1 a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n")
            .talk("get a\r\n", "END\r\n"),
        case("gat of a large value")
            .talk(format!("set a 0 0 100000\r\n{}\r\n", "x".repeat(100_000)), "STORED\r\n")
            .talk("gat 500 a\r\n", format!("VALUE a 0 100000\r\n{}\r\nEND\r\n", "x".repeat(100_000)))
            .talk_any("mg a t\r\n", ["HD t500\r\n", "HD t499\r\n", "HD t498\r\n"]),
    ]
}

/// All waits in one case, so that they pass together.
fn real_seconds() -> Case {
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()) + 3;
    case("items go when their time has come, by every way of giving it")
        .talk("set rel 0 2 1\r\nx\r\n", "STORED\r\n")
        .talk(format!("set abs 0 {soon} 1\r\nx\r\n"), "STORED\r\n")
        .talk("set touched 0 0 1\r\nx\r\n", "STORED\r\n")
        .talk("touch touched 2\r\n", "TOUCHED\r\n")
        .talk("set got 0 0 1\r\nx\r\n", "STORED\r\n")
        .talk("gat 2 got\r\n", "VALUE got 0 1\r\nx\r\nEND\r\n")
        .talk("ms meta 1 T2\r\nx\r\n", "HD\r\n")
        .talk("set kept 0 2 1\r\nx\r\n", "STORED\r\n")
        .talk("touch kept 0\r\n", "TOUCHED\r\n")
        .talk("set number 0 2 1\r\n1\r\n", "STORED\r\n")
        .talk("incr number 1\r\n", "2\r\n")
        .talk(format!("set large 0 2 100000\r\n{}\r\n", "x".repeat(100_000)), "STORED\r\n")
        .talk("get rel\r\n", "VALUE rel 0 1\r\nx\r\nEND\r\n")
        .until("get rel abs touched got meta number large kept\r\n", "VALUE kept 0 1\r\nx\r\nEND\r\n", 10)
        .talk("add rel 0 0 1\r\ny\r\n", "STORED\r\n")
        .talk("incr number 1\r\n", "NOT_FOUND\r\n")
        .talk("touch large 0\r\n", "NOT_FOUND\r\n")
        .whole_only()
}
