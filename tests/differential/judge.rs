//! Replies in a form that can be compared, and the permitted differences.
//!
//! Permitted everywhere, and no more than written here:
//!
//! - CAS numbers: each is named by the order of its first appearance in the stream, so which are equal is compared.
//! - Seconds that run (`t`, `l`, `la=`, `exp=`) by [`SECONDS_APART_MAX`]: the servers' clocks tick at different times. What has
//!   run out is 0 seconds, which memcached tells as 2^32 less some.
//! - The words for a fault in a meta command's flags: for all faults of `md` memcached 1.6.18 has the one line
//!   [`ANY_FAULT`], where 1.6.45 tells them apart.
//! - Lines with too few words for their command, and of less than four bytes: 1.6.18 says `ERROR`, to `gat` without a
//!   key `END`, where from 1.6.45 on all of them are [`MALFORMED`]. Permitted for the generated lines only, each with
//!   the one older answer that it has, see [`Permit::Malformed`].
//! - The slab class (`cls=`) and the version: ours are ours.
//!
//! What a single command may differ in is said by the generator that makes it, see [`Permit`].

use super::play::Learned;
use super::stream::Permit;

/// By how much a number of seconds may differ.
const SECONDS_APART_MAX: i64 = 3;

/// The line of memcached 1.6.18, and those of 1.6.45 that stand for it.
const ANY_FAULT: &[u8] = b"CLIENT_ERROR invalid or duplicate flag\r\n";
const FAULTS: [&[u8]; 4] = [
    b"CLIENT_ERROR duplicate flag\r\n",
    b"CLIENT_ERROR invalid flag\r\n",
    b"CLIENT_ERROR bad token in command line format\r\n",
    b"CLIENT_ERROR error decoding key\r\n",
];

/// What memcached says from 1.6.45 on to a line that is malformed.
const MALFORMED: &str = "CLIENT_ERROR bad command line format\r\n";

/// A part of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Compared as it is.
    Bytes(Vec<u8>),
    /// What stands before a number of seconds, and the number.
    Seconds(Vec<u8>, i64),
}

/// A line with its value, or a packet.
pub type Entry = Vec<Field>;

/// All that came for one write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    pub entries: Vec<Entry>,
    pub closed: bool,
}

impl Reply {
    /// Whether both say the same, but for what is permitted. `self` is the reference's.
    pub fn agrees(&self, other: &Reply, permit: Permit) -> bool {
        let error = |entry: &&Entry| !(permit == Permit::ErrorLines && entry[..] == [bytes(b"ERROR\r\n")]);
        let mine: Vec<&Entry> = self.entries.iter().filter(error).collect();
        let theirs: Vec<&Entry> = other.entries.iter().filter(error).collect();
        let entries = || {
            mine.len() == theirs.len()
                && mine.iter().zip(&theirs).all(|(a, b)| a.len() == b.len() && a.iter().zip(*b).all(same))
        };
        let malformed =
            |older: &str| self.entries[..] == [vec![bytes(older)]] && other.entries[..] == [vec![bytes(MALFORMED)]];
        let permitted = matches!(permit, Permit::Malformed(older) if malformed(older));
        self.closed == other.closed && (permitted || entries())
    }

    /// For a failure message.
    pub fn shown(&self) -> String {
        let mut all: String = self
            .entries
            .iter()
            .flatten()
            .map(|field| match field {
                Field::Bytes(text) if text.len() > 300 => format!("({} bytes)", text.len()),
                Field::Bytes(text) => text.escape_ascii().to_string(),
                Field::Seconds(before, n) => format!("{}{n}", before.escape_ascii()),
            })
            .collect();
        if self.closed {
            all += "<closed>";
        }
        all
    }
}

fn same((one, other): (&Field, &Field)) -> bool {
    match (one, other) {
        (Field::Seconds(a, n), Field::Seconds(b, m)) => {
            // -1 is "never", not a time.
            a == b && (n == m || (*n != -1 && *m != -1 && (n - m).abs() <= SECONDS_APART_MAX))
        }
        (Field::Bytes(one), Field::Bytes(other)) => one == other || (one == ANY_FAULT && FAULTS.contains(&&other[..])),
        _ => false,
    }
}

fn bytes(text: impl AsRef<[u8]>) -> Field {
    Field::Bytes(text.as_ref().to_vec())
}

/// The replies of the text protocol.
pub fn text_reply(raw: &[u8], closed: bool, learned: &mut Learned) -> Reply {
    let mut reply = Reply { entries: Vec::new(), closed };
    let mut at = 0;
    while at < raw.len() {
        let end = raw[at..].iter().position(|&b| b == b'\n').map_or(raw.len(), |n| at + n + 1);
        let line = &raw[at..end];
        at = end;
        let (entry, value_len) = text_line(line, learned);
        reply.entries.push(entry);
        if let Some(len) = value_len {
            let end = raw.len().min(at + len + 2);
            reply.entries.push(vec![bytes(&raw[at..end])]);
            at = end;
        }
    }
    reply
}

/// A line's fields, and the length of the value behind it.
fn text_line(line: &[u8], learned: &mut Learned) -> (Entry, Option<usize>) {
    let text = String::from_utf8_lossy(line);
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    let number = |word: &str| word.parse::<u64>().ok();
    match words[..] {
        ["VERSION", ..] => (vec![bytes(b"VERSION")], None),
        ["VALUE", key, flags, len, cas] => {
            let cas = number(cas).unwrap_or(0);
            learned.learn(key.as_bytes(), cas);
            let line = format!("VALUE {key} {flags} {len} {}\r\n", learned.name(cas));
            (vec![bytes(line)], len.parse().ok())
        }
        ["VALUE", _, _, len] => (vec![bytes(line)], len.parse().ok()),
        ["VA", len, ..] => (meta_line(&words, 2, learned), len.parse().ok()),
        ["HD" | "EN" | "NF" | "NS" | "EX", ..] => (meta_line(&words, 1, learned), None),
        ["ME", key, ..] => (debug_line(key, &words[2..], learned), None),
        _ => (vec![bytes(line)], None),
    }
}

fn meta_line(words: &[&str], first: usize, learned: &mut Learned) -> Entry {
    let mut entry = vec![bytes(words[..first].join(" "))];
    let flags = &words[first..];
    let key = flags.iter().find_map(|flag| flag.strip_prefix('k'));
    for flag in flags {
        let (letter, rest) = flag.split_at(flag.chars().next().map_or(0, char::len_utf8));
        entry.push(match (letter, rest.parse::<i64>(), rest.parse::<u64>()) {
            ("c", _, Ok(cas)) => {
                if let Some(key) = key {
                    learned.learn(key.as_bytes(), cas);
                }
                bytes(format!(" c{}", learned.name(cas)))
            }
            // Past is past: memcached's difference wraps at 2^32.
            ("t", Ok(seconds @ 0x8000_0000..), _) if seconds < 1 << 32 => Field::Seconds(b" t".to_vec(), 0),
            ("t" | "l", Ok(seconds), _) => Field::Seconds(format!(" {letter}").into(), seconds),
            _ => bytes(format!(" {flag}")),
        });
    }
    entry.push(bytes(b"\r\n"));
    entry
}

fn debug_line(key: &str, words: &[&str], learned: &mut Learned) -> Entry {
    let mut entry = vec![bytes(format!("ME {key}"))];
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        entry.push(match (name, value.parse::<i64>(), value.parse::<u64>()) {
            ("cas", _, Ok(cas)) => bytes(format!(" cas={}", learned.name(cas))),
            // 1.6.18 tells the exptime with the wrong sign.
            ("exp", Ok(seconds), _) if seconds != -1 => Field::Seconds(b" exp=".to_vec(), seconds.abs()),
            ("la" | "exp", Ok(seconds), _) => Field::Seconds(format!(" {name}=").into(), seconds),
            ("cls", ..) => bytes(b" cls"),
            _ => bytes(format!(" {word}")),
        });
    }
    entry
}

const HEADER_LEN: usize = 24;

/// The replies of the binary protocol. `sent` tells which key an opaque stands for.
pub fn binary_reply(raw: &[u8], closed: bool, sent: &[u8], learned: &mut Learned) -> Reply {
    let mut reply = Reply { entries: Vec::new(), closed };
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        if rest.len() < HEADER_LEN || rest[0] != 0x81 {
            reply.entries.push(vec![bytes(rest)]);
            break;
        }
        let number = |range: std::ops::Range<usize>| rest[range].iter().fold(0, |n, &b| n << 8 | u64::from(b));
        let end = rest.len().min(HEADER_LEN + number(8..12) as usize);
        let (cas, opaque) = (number(16..24), &rest[12..16]);
        if let Some(key) = key_of(sent, opaque)
            && cas != 0
        {
            learned.learn(key, cas);
        }
        let is_version = rest[1] == 0x0b && number(6..8) == 0;
        let body = if is_version { b"version" } else { &rest[HEADER_LEN..end] };
        let header = format!(
            "[op {:02x} key {} extras {} type {} status {:02x} length {} opaque {:08x} cas {}] ",
            rest[1],
            number(2..4),
            rest[4],
            rest[5],
            number(6..8),
            if is_version { 0 } else { number(8..12) },
            number(12..16),
            learned.name(cas)
        );
        reply.entries.push(vec![bytes(header), bytes(body)]);
        at += end;
    }
    reply
}

/// The key of the request with this opaque; the generators give each request its own.
fn key_of<'a>(sent: &'a [u8], opaque: &[u8]) -> Option<&'a [u8]> {
    let mut at = 0;
    while let Some(packet) = sent.get(at..at + HEADER_LEN) {
        let number = |range: std::ops::Range<usize>| packet[range].iter().fold(0, |n, &b| n << 8 | usize::from(b));
        let (key, extras, body) = (number(2..4), usize::from(packet[4]), number(8..12));
        if packet[12..16] == *opaque {
            let from = at + HEADER_LEN + extras;
            return sent.get(from..from + key);
        }
        at += HEADER_LEN + body;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        text_reply(text.as_bytes(), false, &mut Learned::default())
    }

    #[test]
    fn numbers_agree_by_the_order_of_their_appearance_only() {
        let one = reply("HD c101 ka\r\nHD c102\r\nHD c101\r\n");
        assert!(one.agrees(&reply("HD c7001 ka\r\nHD c9002\r\nHD c7001\r\n"), Permit::Nothing));
        assert!(!one.agrees(&reply("HD c7001 ka\r\nHD c9002\r\nHD c9002\r\n"), Permit::Nothing));
        assert!(!one.agrees(&reply("HD c0 ka\r\nHD c9002\r\nHD c0\r\n"), Permit::Nothing));
    }

    #[test]
    fn seconds_agree_nearly_and_never_is_no_second() {
        assert!(reply("HD t30\r\n").agrees(&reply("HD t29\r\n"), Permit::Nothing));
        assert!(!reply("HD t30\r\n").agrees(&reply("HD t20\r\n"), Permit::Nothing));
        assert!(!reply("HD t-1\r\n").agrees(&reply("HD t1\r\n"), Permit::Nothing));
        assert!(!reply("HD s30\r\n").agrees(&reply("HD s29\r\n"), Permit::Nothing));
    }

    #[test]
    fn values_agree_byte_by_byte() {
        assert!(!reply("VA 2\r\nhi\r\n").agrees(&reply("VA 2\r\nho\r\n"), Permit::Nothing));
        assert!(!reply("VA 4\r\nt30\r\r\n").agrees(&reply("VA 4\r\nt29\r\r\n"), Permit::Nothing));
        assert!(!reply("VA 2\r\nhi\r\n").agrees(&reply("VA 2\r\nhi\r\nEN\r\n"), Permit::Nothing));
        assert!(reply("STORED\r\nERROR\r\n").agrees(&reply("STORED\r\n"), Permit::ErrorLines));
        assert!(!reply("STORED\r\nERROR\r\n").agrees(&reply("ERROR\r\n"), Permit::ErrorLines));
    }

    #[test]
    fn a_malformed_line_has_its_one_older_answer() {
        let (older, newer) = (reply("ERROR\r\n"), reply(MALFORMED));
        assert!(older.agrees(&newer, Permit::Malformed("ERROR\r\n")));
        assert!(newer.agrees(&newer, Permit::Malformed("ERROR\r\n")));
        assert!(!newer.agrees(&older, Permit::Malformed("ERROR\r\n")));
        assert!(!older.agrees(&newer, Permit::Malformed("END\r\n")));
        assert!(!older.agrees(&newer, Permit::Nothing));
        assert!(!reply("ERROR\r\nERROR\r\n").agrees(&newer, Permit::Malformed("ERROR\r\n")));
        assert!(!older.agrees(&reply("CLIENT_ERROR bad data chunk\r\n"), Permit::Malformed("ERROR\r\n")));
    }

    #[test]
    fn packets_agree_field_by_field() {
        let packet = |status: u8, cas: u8, body: &[u8]| {
            let mut packet = vec![0; HEADER_LEN];
            (packet[0], packet[7], packet[11], packet[23]) = (0x81, status, body.len() as u8, cas);
            packet.extend_from_slice(body);
            binary_reply(&packet, false, b"", &mut Learned::default())
        };
        assert!(packet(0, 5, b"x").agrees(&packet(0, 9, b"x"), Permit::Nothing));
        assert!(!packet(0, 5, b"x").agrees(&packet(0, 0, b"x"), Permit::Nothing));
        assert!(!packet(1, 5, b"x").agrees(&packet(0, 5, b"x"), Permit::Nothing));
        assert!(!packet(0, 5, b"x").agrees(&packet(0, 5, b"y"), Permit::Nothing));
    }
}
