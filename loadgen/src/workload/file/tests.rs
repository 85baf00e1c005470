//! What a workload file may say, and what is said of one that is wrong.

use super::*;
use crate::{
    operation::Operation,
    workload::{Amount, Distribution, Every},
};

const WHOLE: &str = r#"
# Everything that there is.
[[keyspace]]
name = "session"
weight = 3
keys = 100_000
key-size = "20-40"
value-size = { shape = "lognormal", median = 300, sigma = 1.1, min = 10, max = "16k" }
distribution = "zipf:0.99"
hot-shift = { keys = 500, every = "10s" }
ttl = [{ weight = 9, amount = "10m-1h" }, { weight = 1, amount = 0 }]
multiget = "2-20"
miss-then-set = true
mix = { get = 80, multiget = 5, gat = 1, set = 10.5, add = 1, cas = 1, delete = 1, touch = 1 }

[[keyspace]]
name = "count"
keys = 100
counters = true
hot-shift = { keys = 1, every-requests = 1000 }
[keyspace.mix]
incr = 1
decr = 1
"#;

#[test]
fn all_that_a_file_may_say_is_read() {
    let workload = parse(WHOLE, |_| Ok(())).unwrap();
    let [session, count] = workload.spaces.as_slice() else { panic!("{workload:?}") };
    assert_eq!(workload.bounds[0], (0.75 * u64::MAX as f64) as u64);
    assert_eq!((session.prefix.as_slice(), session.keyspace.count()), (b"session:".as_slice(), 100_000));
    assert_eq!((session.key_size.clone(), session.keyspace.key_size()), (Amount::Range(20, 40), 40));
    assert_eq!(session.value_size, Amount::Lognormal { median: 300.0, sigma: 1.1, min: 10, max: 16 << 10 });
    assert_eq!(session.distribution, Distribution::Zipf(0.99));
    assert_eq!(session.shift.map(|shift| (shift.every, shift.keys)), Some((Every::Time(10_000_000_000), 500)));
    assert_eq!((session.ttl.min(), session.ttl.max()), (0, 3600));
    assert_eq!(session.multiget, Amount::Range(2, 20));
    assert!(session.miss_then_set && session.mix.has(Operation::Gat) && !session.mix.has(Operation::Incr));
    assert!(count.counters && !count.miss_then_set);
    assert_eq!(count.key_size, Amount::Constant(24));
    assert_eq!(count.shift.map(|shift| shift.every), Some(Every::Requests(1000)));
}

/// The least that a file says, with more lines at its end.
fn with(lines: &str) -> String {
    format!("[[keyspace]]\nname = \"a\"\nkeys = 1000\nmix = {{ get = 1 }}\n{lines}")
}

#[test]
fn a_wrong_file_is_refused_with_line_and_reason() {
    let space = "[[keyspace]]\nname = \"a\"\nkeys = 1000\n";
    for (text, line, reason) in [
        (String::new(), 1, "missing field `keyspace`"),
        ("keyspace = []".into(), 1, "1 to 256 key spaces"),
        ("[[keyspace]\n".into(), 1, "unclosed array table"),
        (with("colour = 3"), 5, "unknown field `colour`"),
        (with("keys = 5"), 5, "duplicate key"),
        (with("[server]\nport = 1"), 5, "unknown field `server`"),
        (format!("{space}mix = {{ get = 1, fly = 2 }}"), 4, "there is no operation `fly`; there are get, multiget"),
        (format!("{space}mix = {{ get = 0 }}"), 4, "mix: the weights' sum is not above 0"),
        (format!("{space}\n\nmix = {{ get = 1, set = -1 }}"), 6, "mix: a weight of -1; weights are 0 or more"),
        (format!("{space}mix = {{}}"), 4, "sum is not above 0"),
        (space.into(), 1, "missing field `mix`"),
        (with("name = 3"), 5, "duplicate key"),
        ("[[keyspace]]\nname = \"a b\"\nkeys = 1\nmix = { get = 1 }".into(), 2, "`a b`: a name has 1 to 64"),
        ("[[keyspace]]\nname = \"a\"\nkeys = -1\nmix = { get = 1 }".into(), 3, "-1"),
        ("[[keyspace]]\nname = \"a\"\nkeys = 0\nmix = { get = 1 }".into(), 3, "at least one key"),
        (with("weight = 0"), 1, "key spaces: the weights' sum"),
        (with("weight = nan"), 5, "a weight of NaN"),
        (with("weight = inf"), 5, "a weight of inf"),
        (with("\nweight = -1"), 6, "a weight of -1"),
        (with("weight = \"x\""), 5, "invalid type: string"),
        (with("value-size = [5]"), 5, "expected an entry such as { weight = 9, amount = 100 }"),
        (with("key-size = 4"), 1, "keys need at least 5 bytes (2 for `a:` and 3 for the number)"),
        (with("key-size = 251"), 5, "up to 250"),
        (with("key-size = \"40-20\""), 5, "the first amount is the larger one"),
        (with("value-size = \"2g\""), 5, "`2g`: expected a size in bytes"),
        (with("value-size = -5"), 5, "expected a size in bytes"),
        (with("value-size = 1.5"), 5, "invalid type: floating point"),
        (with("value-size = true"), 5, "invalid type: boolean"),
        (with("value-size = []"), 5, "the weights' sum"),
        (with("value-size = [\n  { weight = 1, amount = 3 },\n  { weight = -1, amount = 3 },\n]"), 5, "a weight of -1"),
        (
            with("value-size = [\n  { weight = 1, amount = 3 },\n  { weight = 1, amount = \"x\" },\n]"),
            7,
            "`x`: expected",
        ),
        (with("value-size = [\n  { weight = 1, size = 3 },\n]"), 6, "unknown field `size`"),
        (with("value-size = { shape = \"square\" }"), 5, "unknown variant `square`"),
        (with("value-size = { shape = \"normal\", mean = 5 }"), 5, "a normal shape has `mean` and `deviation`"),
        (with("value-size = { shape = \"normal\", mean = 5, deviation = 1, min = 7 }"), 5, "mean lies outside of 7"),
        (with("value-size = { shape = \"normal\", mean = 5, deviation = 1, sigma = 2 }"), 5, "a normal shape has"),
        (with("value-size = { shape = \"lognormal\", median = 5, sigma = 0 }"), 5, "sigma lies above 0"),
        (
            with("value-size = { shape = \"lognormal\", median = 5, sigma = 1, min = 9, max = 3 }"),
            5,
            "min is 9 and max is 3",
        ),
        (with("value-size = { shape = \"lognormal\", median = \"1-2\", sigma = 1 }"), 5, "median is one amount"),
        (with("distribution = \"zipf:0\""), 5, "`zipf:0` is neither"),
        (with("distribution = 3"), 5, "invalid type: integer"),
        (with("ttl = \"31d\""), 5, "up to 30 days"),
        (with("ttl = \"1.5s\""), 5, "expected seconds"),
        (with("ttl = \"500ms\""), 5, "whole seconds"),
        (with("multiget = 5"), 1, "`multiget` is given and the mix has no multiget"),
        (format!("{space}multiget = 0\nmix = {{ multiget = 1 }}"), 4, "from 1 to 10000"),
        (format!("{space}multiget = \"0-5\"\nmix = {{ multiget = 1 }}"), 4, "from 1 to 10000"),
        (format!("{space}multiget = 10_001\nmix = {{ multiget = 1 }}"), 4, "from 1 to 10000"),
        (format!("{space}mix = {{ incr = 1 }}"), 1, "incr and decr need `counters = true`"),
        (with("counters = true\nvalue-size = 3"), 1, "`counters` says what the values are"),
        (format!("{space}miss-then-set = true\nmix = {{ set = 1 }}"), 1, "the mix has no reads"),
        (with("hot-shift = { keys = 5 }"), 5, "either `every` (a time) or `every-requests`"),
        (with("hot-shift = { keys = 5, every = \"1s\", every-requests = 3 }"), 5, "either `every`"),
        (with("hot-shift = { keys = 0, every = \"1s\" }"), 5, "at least 1 key"),
        (with("hot-shift = { keys = 1, every = \"soon\" }"), 5, "`soon`: expected a time"),
        (with("hot-shift = { keys = 1, every-requests = 0 }"), 5, "above 0"),
        (with("hot-shift = { keys = 1000, every = \"1s\" }"), 1, "moves by 1000 keys and there are 1000"),
        (with(&with("")), 5, "the name `a` is taken"),
    ] {
        let (at, said) = parse(&text, |_| Ok(())).expect_err(&text);
        assert!(said.contains(reason), "{text}\n{at}: {said}");
        assert_eq!(at, line, "{text}\n{said}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    assert_eq!(text("ä\n".as_bytes()), Ok("ä\n"));
    assert_eq!(text(b"a\nb\nc = \"\xff\"\n"), Err((3, "bytes that are no UTF-8".into())));
}

#[test]
fn a_space_that_does_not_suit_is_refused() {
    let suits = |space: &Space| if space.mix.has(Operation::Cas) { Err("no cas".into()) } else { Ok(()) };
    assert!(parse(&with(""), suits).is_ok());
    let (line, said) = parse("\n[[keyspace]]\nname = \"a\"\nkeys = 9\nmix = { cas = 1 }", suits).unwrap_err();
    assert_eq!((line, said.as_str()), (2, "key space `a`: no cas"));
}
