//! Meta commands: every flag with good, bad and repeated arguments.
//!
//! Left out, because Debian's memcached 1.6.18 is older than what we follow; the conformance tables hold it instead:
//!
//! - `E`, an explicit CAS number, `x` of `md`, and `s` of `ms`: it does not have them.
//! - `C` of `mg`: it ignores it.
//! - `N` of `ms` with an append: it does not create the item.
//! - `q` of `md` and `ma`: it does not hide `NF`.
//! - `S` of `ms`: obsolete.
//! - `M` with none or several letters: it wants one, where 1.6.45 looks at the first.
//! - A key too long for `ma`: it says `bad command line format`, 1.6.45 what it says to every fault of `ma`.
//! - A value of more than a command line behind a key too long for `ms`: it closes, taking it for a line without end.
//! - An opaque too long for `ma` or `mg`: it counts or marks the item as read before it says so.
//! - An append to an item whose key was in base64: memcached forgets that, ours does not. So `ms` with `b` stores only
//!   under keys that nothing else names, and does not append.
//! - `T` of `ma`: where the number grows by a digit, 1.6.18 sets the exptime of the item that it has just replaced.
//! - `N` with a key in base64: memcached forgets how the key was written, ours does not.
//! - `N` with `T` in one command: which of them counts has changed.
//! - Commands without a key: it says `ERROR`, where 1.6.45 says what is bad.

use super::stream::{CasForm, Choose, Command, Permit};
use super::support::Random;
use super::text;

/// Keys in base64: of `a` and `n`, of a key with a space and a NUL, and what is no base64.
const ENCODED: [&str; 7] = ["YQ==", "bg==", "c3AgYWNl", "AAECA/8=", "YQ=", "Y Q==", "!!!!"];

/// One command, or now and then a classic one beside it.
pub fn command(random: &mut Random) -> Command {
    match random.below(20) {
        0..=6 => get(random),
        7..=11 => set(random),
        12..=14 => arithmetic(random),
        15 | 16 => delete(random),
        17 => {
            let key = key(random);
            Command::plain(format!("me {}\r\n", key.0 + if key.1 { " b" } else { "" }))
        }
        18 => Command::plain("mn\r\n"),
        _ => text::command(random),
    }
}

/// A key, and whether it is in base64.
fn key(random: &mut Random) -> (String, bool) {
    match random.below(20) {
        0 => (text::long_key(), false),
        1..=3 => (random.one(&ENCODED).to_owned(), true),
        4 => (text::key(random), true),
        _ => (text::key(random), false),
    }
}

fn opaque(random: &mut Random, reads: bool) -> String {
    match random.below(12) {
        0 => "O".to_owned(),
        1 => format!("O{}", "o".repeat(31)),
        2 if !reads => format!("O{}", "o".repeat(32)),
        3 if !reads => format!("O{}", "o".repeat(33)),
        n => format!("Oq{n}"),
    }
}

fn number(random: &mut Random) -> &'static str {
    random.one(&["0", "0", "100", "1000", "1000", "-1", "x", "", "2592001", "1x"])
}

/// Adds flags: a choice of `letters`, sometimes one that is not among them or one twice. A capital letter gets an
/// argument.
fn flags(random: &mut Random, command: &mut Command, key: &str, letters: &str) {
    let letters: Vec<char> = letters.chars().collect();
    let mut chosen: Vec<char> = Vec::new();
    for _ in 0..random.below(6) {
        let letter = random.one(&letters);
        let either = |a, b| letter == a && chosen.contains(&b);
        if either('N', 'T') || either('T', 'N') {
            continue;
        }
        if !chosen.contains(&letter) || random.rarely(30) {
            chosen.push(letter);
        }
    }
    if random.rarely(30) {
        chosen.push(random.one(&['!', '9', 'Z', 'W', 'X', 'j', 'z', '=', '~']));
    }
    // Told numbers are learnt for a key, so that later commands can name them.
    if chosen.contains(&'c') && !chosen.contains(&'k') && letters.contains(&'k') {
        chosen.push('k');
    }
    for letter in chosen {
        command.add(" ");
        let rarely = random.rarely(15);
        match letter {
            'O' => command.add(opaque(random, letters.contains(&'v'))),
            'T' | 'N' | 'R' => command.add(format!("{letter}{}", number(random))),
            'F' => command.add(format!(
                "F{}",
                if rarely { random.one(&["x", "", "-1"]) } else { random.one(&["0", "7", "4294967295"]) }
            )),
            'J' | 'D' => command
                .add(format!("{letter}{}", random.one(&["0", "1", "5", "18446744073709551616", "10", "x", "-1", ""]))),
            'C' if rarely => command.add(random.one(&["Cx", "C", "C0"])),
            'C' => command.add("C").add_cas(key.as_bytes(), random.below(2) as usize, CasForm::Text),
            'M' => &mut *command,
            'P' | 'L' => command.add(format!("{letter}xyz")),
            letter => command.add(letter.to_string()),
        };
    }
}

fn start(random: &mut Random, verb: &str) -> (Command, String, bool) {
    let (mut key, encoded) = key(random);
    if verb == "ms" && encoded && text::KEYS.iter().chain(&["bg=="]).any(|named| *named == key) {
        key = "c3AgYWNl".to_owned();
    }
    if verb == "ma" && key == text::long_key() {
        key = "a".to_owned();
    }
    let mut command = Command::new();
    command.add(format!("{verb} {key}"));
    (command, key, encoded)
}

fn get(random: &mut Random) -> Command {
    let (mut command, key, encoded) = start(random, "mg");
    if encoded {
        command.add(" b");
    }
    flags(random, &mut command, &key, if encoded { "cfhklOqstuvRTvvvkPL" } else { "cfhklOqstuvNRTvvvkPL" });
    command.add("\r\n");
    command
}

fn set(random: &mut Random) -> Command {
    let (mut command, key, encoded) = start(random, "ms");
    // Where it is run as commands it is an unknown one, and not too short for that.
    let value = if key == text::long_key() || key.contains(' ') { b"500".to_vec() } else { text::value(random) };
    command.add(format!(" {}", value.len()));
    if encoded {
        command.add(" b");
    }
    if random.rarely(2) {
        let mode = random.one(&["E", "A", "P", "R", "S", "e", "a", "p", "r", "s", "S", "A", "X"]);
        let mode = if encoded && "AaPp".contains(mode) { "S" } else { mode };
        command.add(format!(" M{mode}"));
    }
    flags(random, &mut command, &key, "cCFIkOqTPL");
    command.add("\r\n").add(value).add("\r\n");
    // memcached 1.6.18 runs the value of an `ms` with a bad key as commands.
    if key == text::long_key() { command.permit(Permit::ErrorLines) } else { command }
}

fn arithmetic(random: &mut Random) -> Command {
    let (mut command, key, encoded) = start(random, "ma");
    if encoded {
        command.add(" b");
    }
    if random.rarely(2) {
        let mode = random.one(&["I", "D", "i", "d", "+", "-", "X"]);
        command.add(format!(" M{mode}"));
    }
    flags(random, &mut command, &key, if encoded { "CJDOtcvkvJPL" } else { "CNJDOtcvkvNJPL" });
    command.add("\r\n");
    command.first()
}

fn delete(random: &mut Random) -> Command {
    let (mut command, key, encoded) = start(random, "md");
    if encoded {
        command.add(" b");
    }
    flags(random, &mut command, &key, "CIkOTIIPL");
    command.add("\r\n");
    command
}
