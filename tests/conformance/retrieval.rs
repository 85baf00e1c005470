//! `get`, `gets`, `gat`, `gats`: order, duplicates, misses, many keys.

use crate::support::{Case, case};

const BAD_LINE: &str = "CLIENT_ERROR bad command line format\r\n";

/// Keys of the large multi-key reads: enough to reach every shard many times over.
const MANY: usize = 400;

/// The table.
pub fn cases() -> Vec<Case> {
    vec![
        case("a miss is END alone").talk("get a\r\n", "END\r\n").talk("gets a\r\n", "END\r\n"),
        case("hits come in request order, misses leave no trace")
            .talk("set a 1 0 1\r\nA\r\nset b 2 0 1\r\nB\r\nset c 3 0 1\r\nC\r\n", "STORED\r\nSTORED\r\nSTORED\r\n")
            .talk("get c nope a no b\r\n", "VALUE c 3 1\r\nC\r\nVALUE a 1 1\r\nA\r\nVALUE b 2 1\r\nB\r\nEND\r\n"),
        case("a key asked twice is answered twice")
            .talk("set a 0 0 1\r\nA\r\n", "STORED\r\n")
            .talk("get a a x a\r\n", "VALUE a 0 1\r\nA\r\nVALUE a 0 1\r\nA\r\nVALUE a 0 1\r\nA\r\nEND\r\n"),
        case("gets adds the item's number")
            .talk("set a 5 0 1\r\nA\r\nset b 6 0 1\r\nB\r\n", "STORED\r\nSTORED\r\n")
            .talk("gets b a\r\n", "VALUE b 6 1 <cas:b>\r\nB\r\nVALUE a 5 1 <cas:a>\r\nA\r\nEND\r\n")
            .talk("gets a\r\n", "VALUE a 5 1 <cas:a>\r\nA\r\nEND\r\n"),
        case("reading does not change the number, writing does")
            .talk("set a 0 0 1\r\nA\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:before>\r\nA\r\nEND\r\n")
            .talk("get a\r\n", "VALUE a 0 1\r\nA\r\nEND\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:before>\r\nA\r\nEND\r\n")
            .talk("set a 0 0 1\r\nA\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:after>\r\nA\r\nEND\r\n")
            .differ("before", "after"),
        case("append, prepend and incr change the number")
            .talk("set a 0 0 1\r\n1\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 1 <cas:set>\r\n1\r\nEND\r\n")
            .talk("append a 0 0 1\r\n2\r\n", "STORED\r\n")
            .talk("gets a\r\n", "VALUE a 0 2 <cas:append>\r\n12\r\nEND\r\n")
            .talk("incr a 1\r\n", "13\r\n")
            .talk("gets a\r\n", "VALUE a 0 2 <cas:incr>\r\n13\r\nEND\r\n")
            .differ("set", "append")
            .differ("append", "incr"),
        case("no key at all is a malformed line")
            .talk("get\r\n", BAD_LINE)
            .talk("gets\r\n", BAD_LINE)
            .talk("get \r\n", BAD_LINE)
            .talk("gat\r\n", BAD_LINE)
            .talk("gats\r\n", BAD_LINE)
            .talk("gat 0\r\n", BAD_LINE)
            .talk("gats 0 \r\n", BAD_LINE)
            .talk("gat x\r\n", BAD_LINE)
            .since([1, 6, 45]),
        case("noreply is a key like any other to get")
            .talk("set noreply 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("get noreply\r\n", "VALUE noreply 0 1\r\nx\r\nEND\r\n"),
        case("gat reads many keys in order")
            .talk("set a 1 0 1\r\nA\r\nset b 2 0 1\r\nB\r\n", "STORED\r\nSTORED\r\n")
            .talk("gat 0 b x a b\r\n", "VALUE b 2 1\r\nB\r\nVALUE a 1 1\r\nA\r\nVALUE b 2 1\r\nB\r\nEND\r\n"),
        case("gats reads many keys with their numbers")
            .talk("set a 1 0 1\r\nA\r\nset b 2 0 1\r\nB\r\n", "STORED\r\nSTORED\r\n")
            .talk("gats 100 b x a\r\n", "VALUE b 2 1 <cas:b>\r\nB\r\nVALUE a 1 1 <cas:a>\r\nA\r\nEND\r\n")
            .talk("gets a b\r\n", "VALUE a 1 1 <cas:a>\r\nA\r\nVALUE b 2 1 <cas:b>\r\nB\r\nEND\r\n"),
        case("gat refuses a bad exptime")
            .talk("gat x a\r\n", "CLIENT_ERROR invalid exptime argument\r\n")
            .talk("gats 1x a b\r\n", "CLIENT_ERROR invalid exptime argument\r\n"),
        case("gat misses are END alone").talk("gat 10 a b c\r\n", "END\r\n").talk("gats 10 a\r\n", "END\r\n"),
        case("keys may hold any bytes but spaces and line ends")
            .talk(b"set \xff\xc3\xa9!\"#$% 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk(b"get \xff\xc3\xa9!\"#$%\r\n", b"VALUE \xff\xc3\xa9!\"#$% 0 1\r\nx\r\nEND\r\n"),
        many_keys(),
        many_keys_with_numbers(),
        many_keys_touched(),
        large_values_in_order(),
        many_gets_of_many_keys(),
    ]
}

fn stored_many() -> (String, String) {
    let set: String = (0..MANY).map(|i| format!("set key:{i} {i} 0 {}\r\n{i}\r\n", i.to_string().len())).collect();
    (set, "STORED\r\n".repeat(MANY))
}

fn value(i: usize) -> String {
    format!("VALUE key:{i} {i} {}\r\n{i}\r\n", i.to_string().len())
}

fn many_keys() -> Case {
    let (set, stored) = stored_many();
    // Every third key is a miss, and the order is neither that of storing nor sorted.
    let order: Vec<usize> = (0..MANY).map(|i| i * 167 % MANY).collect();
    let keys: String = order.iter().map(|i| format!(" key:{i} miss:{i} key:{i}")).collect();
    let values: String = order.iter().map(|&i| value(i).repeat(2)).collect();
    case("a get of many keys keeps their order")
        .talk(set, stored)
        .talk(format!("get{keys}\r\n"), format!("{values}END\r\n"))
}

fn many_keys_with_numbers() -> Case {
    let (set, stored) = stored_many();
    let (keys, values) = many_numbered();
    case("a gets of many keys keeps their order and numbers")
        .talk(set, stored)
        .talk(format!("gets{keys}\r\n"), format!("{values}END\r\n"))
}

fn many_keys_touched() -> Case {
    let (set, stored) = stored_many();
    let (keys, values) = many_numbered();
    case("a gats of many keys keeps their order and numbers")
        .talk(set, stored)
        .talk(format!("gets{keys}\r\n"), format!("{values}END\r\n"))
        .talk(format!("gats 0{keys}\r\n"), format!("{values}END\r\n"))
        .ours("memcached closes the connection when it has 2048 bytes of a gat line without its end")
}

fn many_numbered() -> (String, String) {
    let keys = (0..MANY).rev().map(|i| format!(" key:{i}")).collect();
    let value = |i: usize| format!("VALUE key:{i} {i} {} <cas:{i}>\r\n{i}\r\n", i.to_string().len());
    (keys, (0..MANY).rev().map(value).collect())
}

/// Small, inline and large values side by side: those that take longer must not be overtaken.
fn large_values_in_order() -> Case {
    let sizes = [10, 300_000, 1, 16_384, 100_000, 0, 16_385, 70_000];
    let mut case = case("a get of small and large values keeps their order");
    let (mut keys, mut values) = (String::new(), String::new());
    for (i, size) in sizes.into_iter().enumerate() {
        let bytes = char::from(b'a' + i as u8).to_string().repeat(size);
        case = case.talk(format!("set k{i} 0 0 {size}\r\n{bytes}\r\n"), "STORED\r\n");
        keys += &format!(" k{i}");
        values += &format!("VALUE k{i} 0 {size}\r\n{bytes}\r\n");
    }
    case.talk(format!("get{keys}{keys}\r\n"), format!("{values}{values}END\r\n"))
}

/// Several multi-key reads in flight on one connection: each must be whole before the next begins.
fn many_gets_of_many_keys() -> Case {
    let (set, stored) = stored_many();
    let (mut gets, mut replies) = (String::new(), String::new());
    for first in 0..50 {
        let order: Vec<usize> = (0..20).map(|n| (first * 31 + n * 7) % MANY).collect();
        gets += &format!("get{}\r\n", order.iter().map(|i| format!(" key:{i}")).collect::<String>());
        replies += &format!("{}END\r\n", order.iter().map(|&i| value(i)).collect::<String>());
    }
    case("pipelined multi-key gets do not mix").talk(set, stored).talk(gets, replies)
}
