//! Classic commands, valid and not. Left out are commands with more words than they could have, to which 1.6.18 says
//! `ERROR` where 1.6.45 and later look at the known words only (or, of `delete`, refuse them in other words): what is
//! stored would differ from there on. Also a flush with a delay, see [`flush`].

use super::stream::{CasForm, Choose, Command, Permit};
use super::support::Random;

/// Keys of the storage and retrieval commands: few, so that they meet.
pub const KEYS: [&str; 6] = ["a", "b", "n", "key:with/marks", "YQ==", "kc5"];

/// Values: numbers, near-numbers, bytes that look like protocol. None is from 2^63 on: for those memcached 1.6.18 looks
/// for a minus sign beyond the value's end, where it may find one in what an older item has left. The conformance
/// tables hold the bounds.
const VALUES: [&str; 17] = [
    "",
    "0",
    "5",
    "10",
    "99",
    "100",
    "9223372036854770000",
    "18446744073709551616",
    "123456789012345678901234567890",
    "007",
    "5x",
    " 5",
    "5 ",
    "hello",
    "END\r\n",
    "\r\nHD\r\n",
    "VALUE a 0 1\r\nx\r\n",
];

/// Lengths of larger values; the last ones are LARGE in ringcached.
const LENGTHS: [usize; 6] = [60, 513, 5000, 16_384, 16_385, 70_000];

/// What 1.6.18 says to a `gat` whose only word is no exptime; 1.6.45 misses its key before that.
const NO_EXPTIME: &str = "CLIENT_ERROR invalid exptime argument\r\n";

/// Exptimes that do not come near during a stream.
const EXPTIMES: [&str; 8] = ["0", "0", "0", "100", "1000", "2592000", "-1", "2592001"];

/// A value of one of the kinds.
pub fn value(random: &mut Random) -> Vec<u8> {
    if random.rarely(12) {
        let len = random.one(&LENGTHS);
        return vec![b'a' + random.below(26) as u8; len];
    }
    random.one(&VALUES).into()
}

/// A key; seldom one of exactly the longest length.
pub fn key(random: &mut Random) -> String {
    if random.rarely(40) { "k".repeat(250) } else { random.one(&KEYS).to_owned() }
}

/// A key that is too long.
pub fn long_key() -> String {
    "k".repeat(251)
}

/// One command.
pub fn command(random: &mut Random) -> Command {
    match random.below(26) {
        0..=5 => store(random),
        6 | 7 => cas(random),
        8..=11 => get(random),
        12 | 13 => gat(random),
        14 | 15 => arithmetic(random),
        16 | 17 => touch(random),
        18 | 19 => delete(random),
        20 => flush(random),
        21 | 22 => odd(random),
        23 => refused_store(random),
        24 => admin(random),
        _ => Command::plain(format!("gets {}\r\n", key(random))),
    }
}

fn noreply(random: &mut Random) -> &'static str {
    random.one(&["", "", "", "", " noreply"])
}

fn eol(random: &mut Random) -> &'static str {
    random.one(&["\r\n", "\r\n", "\r\n", "\n"])
}

fn store(random: &mut Random) -> Command {
    let verb = random.one(&["set", "set", "set", "add", "replace", "append", "prepend"]);
    let (value, flags) = (value(random), random.one(&["0", "0", "5", "4294967295"]));
    let line = format!(
        "{verb} {} {flags} {} {}{}{}",
        key(random),
        random.one(&EXPTIMES),
        value.len(),
        noreply(random),
        eol(random)
    );
    Command::plain([line.as_bytes(), &value, b"\r\n"].concat())
}

fn cas(random: &mut Random) -> Command {
    let (key, value) = (key(random), value(random));
    let mut command = Command::new();
    command.add(format!("cas {key} 3 0 {} ", value.len()));
    match random.below(6) {
        0 => command.add(random.one(&["1", "0", "18446744073709551615"])),
        1 => command.add_cas(key.as_bytes(), 1, CasForm::Text),
        _ => command.add_cas(key.as_bytes(), 0, CasForm::Text),
    };
    command.add(noreply(random)).add("\r\n").add(value).add("\r\n");
    command
}

/// Stores that are refused: their values are either swallowed or run as commands, which differs between versions.
fn refused_store(random: &mut Random) -> Command {
    let (key, long) = (key(random), long_key());
    let line = match random.below(9) {
        0 => format!("set {key} x 0 2\r\nzz\r\n"),
        1 => format!("set {key} -1 0 2\r\nzz\r\n"),
        2 => format!("set {key} 0 x 2\r\nzz\r\n"),
        3 => format!("set {long} 0 0 2\r\nzz\r\n"),
        4 => format!("cas {key} 0 0 2 x\r\nzz\r\n"),
        5 => format!("cas {long} 0 0 2 1\r\nzz\r\n"),
        // A value longer than announced; its rest is an unknown command, and not too short for that.
        6 => format!("set {key} 0 0 1\r\nzzzzz\r\n"),
        7 => format!("append {key} 0 0 1 noreply\r\nzzzzz\r\n"),
        _ => {
            let len = 1 << 20;
            let verb = random.one(&["set", "add", "replace", "append", "prepend"]);
            // Not more than the limit for the value, but with its key.
            format!("{verb} {key} 0 0 {len}\r\n{}\r\n", "z".repeat(len))
        }
    };
    Command::plain(line).permit(Permit::ErrorLines)
}

fn get(random: &mut Random) -> Command {
    let verb = random.one(&["get", "gets"]);
    let mut line = verb.to_owned();
    for _ in 0..random.one(&[1, 1, 1, 2, 3, 9]) {
        line += &format!(" {}", if random.rarely(5) { "missing".to_owned() } else { key(random) });
    }
    if random.rarely(30) {
        // memcached forgets replies that wait before it.
        return Command::plain(format!("{verb} {}{}", long_key(), eol(random))).first();
    }
    Command::plain(line + eol(random))
}

fn gat(random: &mut Random) -> Command {
    let verb = random.one(&["gat", "gats"]);
    let exptime = random.one(&["0", "100", "1000", "-1", "2592001", "0", "x", "", "18446744073709551616"]);
    let mut line = format!("{verb} {exptime}");
    for _ in 0..random.one(&[1, 1, 2]) {
        line += &format!(" {}", key(random));
    }
    let line = line + eol(random);
    // Without an exptime, a single key is taken for one, and there is no key.
    let no_key = exptime.is_empty() && line.split_whitespace().count() < 3;
    if no_key { Command::plain(line).permit(Permit::Malformed(NO_EXPTIME)) } else { Command::plain(line) }
}

fn arithmetic(random: &mut Random) -> Command {
    let verb = random.one(&["incr", "decr"]);
    let delta = random.one(&[
        "1",
        "1",
        "5",
        "90",
        "0",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "x",
        "1x",
        "",
        "+1",
    ]);
    with_number(format!("{verb} {} {delta}{}", key(random), noreply(random)), random).first()
}

fn touch(random: &mut Random) -> Command {
    let exptime = random.one(&["0", "100", "1000", "-1", "2592001", "x", "", "1x"]);
    with_number(format!("touch {} {exptime}{}", key(random), noreply(random)), random)
}

/// A command with a key and a number, where there may be none.
fn with_number(line: String, random: &mut Random) -> Command {
    let too_few = line.split_whitespace().count() < 3;
    let command = Command::plain(line + eol(random));
    if too_few { command.permit(Permit::Malformed("ERROR\r\n")) } else { command }
}

fn delete(random: &mut Random) -> Command {
    let tail = random.one(&["", "", "", "", " 0", " noreply", " 0 noreply", " 1", " x"]);
    Command::plain(format!("delete {}{tail}{}", key(random), eol(random)))
}

fn flush(random: &mut Random) -> Command {
    // None with a delay: in memcached it revives what a flush before it has hidden and nobody has met since.
    const TAILS: &[&str] = &["", " 0", " noreply", " 0 noreply", " x", " x noreply"];
    Command::plain(format!("flush_all{}\r\n", random.one(TAILS)))
}

/// Lines that are no command, or nearly one.
fn odd(random: &mut Random) -> Command {
    const LINES: [&str; 18] = [
        "bogus",
        "bogus a b c",
        "GET a",
        "Set a 0 0 1",
        "geta",
        "getss a",
        "mn",
        "mn x",
        "me",
        "mz a",
        "  get a",
        "get  a   b",
        "version",
        "version x",
        "verbosity 0",
        "verbosity x",
        "verbosity 0 noreply",
        "get a ",
    ];
    // Malformed from 1.6.45 on. To 1.6.18 what follows the `cas` is a command, to which there is no reply.
    const MALFORMED: [(&str, &str); 26] = [
        ("", "ERROR\r\n"),
        (" ", "ERROR\r\n"),
        ("get", "ERROR\r\n"),
        ("gets", "ERROR\r\n"),
        ("gat", "ERROR\r\n"),
        ("gats", "ERROR\r\n"),
        ("set", "ERROR\r\n"),
        ("set a", "ERROR\r\n"),
        ("set a 0", "ERROR\r\n"),
        ("set a 0 0", "ERROR\r\n"),
        ("add a 0 0", "ERROR\r\n"),
        ("append", "ERROR\r\n"),
        ("cas", "ERROR\r\n"),
        ("cas a 0 0", "ERROR\r\n"),
        ("incr", "ERROR\r\n"),
        ("incr a", "ERROR\r\n"),
        ("decr a", "ERROR\r\n"),
        ("touch", "ERROR\r\n"),
        ("touch a", "ERROR\r\n"),
        ("delete", "ERROR\r\n"),
        ("verbosity", "ERROR\r\n"),
        ("m", "ERROR\r\n"),
        ("cas a 0 0 19\r\nverbosity 0 noreply", "ERROR\r\n"),
        ("gat 0", "END\r\n"),
        ("gats 100 ", "END\r\n"),
        ("gat x", NO_EXPTIME),
    ];
    match random.below(30) {
        0 => Command::plain("quit\r\n").closes(),
        1 => Command::plain(format!("delete {}\r\n", long_key())),
        2 => Command::plain(format!("{} {} 1\r\n", random.one(&["touch", "incr", "decr"]), long_key())),
        3..=14 => {
            let (line, older) = random.one(&MALFORMED);
            // The value of the `cas` ends in both bytes.
            let end = if line.contains('\n') { "\r\n" } else { eol(random) };
            Command::plain(format!("{line}{end}")).permit(Permit::Malformed(older))
        }
        _ => Command::plain(format!("{}{}", random.one(&LINES), eol(random))),
    }
}

/// Administration, refused: what it does well differs between the servers.
fn admin(random: &mut Random) -> Command {
    const LINES: [&str; 23] = [
        "slabs",
        "slabs reassign",
        "slabs reassign x y",
        "slabs bogus 1",
        "slabs automove",
        "slabs automove x",
        "lru",
        "lru bogus",
        "lru mode",
        "lru mode bogus",
        "lru tune",
        "lru tune x y z",
        "lru temp_ttl",
        "lru temp_ttl x",
        "lru_crawler",
        "lru_crawler bogus",
        "lru_crawler sleep",
        "lru_crawler sleep x",
        "lru_crawler tocrawl x",
        "cache_memlimit",
        "cache_memlimit x",
        "config get cluster",
        "stats detail",
    ];
    Command::plain(format!("{}\r\n", random.one(&LINES)))
}
