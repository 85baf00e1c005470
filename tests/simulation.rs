//! Random clients that behave badly in every way a client can, and a judge that knows what each may be told.
//!
//! A key is written by one client only. Its value is made from a tag, which is also its flags, so that any value
//! proves itself; and the writer knows which tags its keys may hold: the last acknowledged one, or one whose fate it
//! did not stay to learn. A miss is always allowed, as memory is small. Every run prints its seed;
//! `RINGCACHED_SEED` repeats it (the clients' choices; not the timing).

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::{Connection, REPLY_WAIT, Random, Server, Shape, each_started, patterned, poll_for, shown};

/// Clients at a time, and how long each goes on.
const CLIENTS: u64 = 6;
const DURATION: Duration = Duration::from_secs(3);
/// Keys that a client writes.
const KEYS: usize = 16;
/// Longest value; LARGE, and several pages.
const VALUE_LEN_MAX: u64 = 600 << 10;
/// Commands, and bytes of values asked for or sent, in one pipeline.
const COMMANDS_MAX: u64 = 300;
const PIPELINE_BYTES_MAX: u64 = 4 << 20;
/// Longest pipeline that is written in pieces.
const DRIBBLED_MAX: usize = 200_000;
/// How long a full socket must be full before a slow reader begins to read.
const STALLED: Duration = Duration::from_millis(50);
/// What the process may hold beyond its memory limit: its buffers, and the heap's slack.
const RESIDENT_EXTRA_MAX: u64 = 96 << 20;
const MEMORY_LIMIT_MIB: u64 = 24;

fn value_len(tag: u32) -> usize {
    let mut random = Random::new(u64::from(tag) ^ 0x1e4);
    let most = match random.below(20) {
        0 => VALUE_LEN_MAX,
        1..=2 => 70 << 10,
        3..=4 => 17 << 10,
        5..=10 => 2000,
        _ => 60,
    };
    random.below(most + 1) as usize
}

fn value(tag: u32) -> Vec<u8> {
    patterned(u64::from(tag), value_len(tag))
}

fn key(client: u64, key: usize) -> String {
    format!("sim:{client}:{key}")
}

/// A command that is under way, as the judge sees it.
enum Asked {
    /// A store of a tag to an own key, and the words that may answer it.
    Store {
        key: usize,
        tag: u32,
        replies: &'static [&'static str],
    },
    /// A store that nobody answers.
    SilentStore {
        key: usize,
        tag: u32,
    },
    Delete {
        key: usize,
        replies: &'static [&'static str],
    },
    /// Reads of these keys, own or not, and whether with a CAS number.
    Get {
        keys: Vec<(u64, usize)>,
        with_cas: bool,
    },
    /// `mg` with flags `f s v`, or without the value.
    MetaGet {
        key: (u64, usize),
        with_value: bool,
    },
    /// `mg` with `q`, and `mn` behind it.
    QuietMetaGet {
        key: (u64, usize),
    },
    /// One of these lines.
    Line(&'static [&'static str]),
    /// A number, or `NOT_FOUND`.
    Number,
    /// `STAT` lines and `END`.
    Stats,
}

const STORED: &[&str] = &["STORED", "SERVER_ERROR out of memory storing object"];
const STORED_OR_NOT: &[&str] = &["STORED", "NOT_STORED", "SERVER_ERROR out of memory storing object"];
const COMPARED: &[&str] = &["STORED", "EXISTS", "NOT_FOUND", "SERVER_ERROR out of memory storing object"];
const JOINED: &[&str] =
    &["STORED", "NOT_STORED", "SERVER_ERROR out of memory storing object", "SERVER_ERROR object too large for cache"];
const META_STORED: &[&str] = &["HD", "SERVER_ERROR out of memory storing object"];

/// What one client knows of its keys.
struct Client {
    number: u64,
    random: Random,
    next_tag: u32,
    /// By key: tags it may hold in the order of this connection's commands.
    current: Vec<Vec<u32>>,
    /// By key: tags of stores whose connection was left; they may still come to pass at any time.
    stray: Vec<Vec<u32>>,
    /// Stores without reply behind which no reply has come yet on their connection. Should the client leave now, they
    /// may still be on their way when its next connection reads.
    silent: Vec<(usize, u32)>,
    answered: u64,
}

impl Client {
    fn new(number: u64, seed: u64) -> Self {
        let random = Random::new(seed ^ number.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let none = || vec![Vec::new(); KEYS];
        Client {
            number,
            random,
            next_tag: (number as u32) << 24,
            current: none(),
            stray: none(),
            silent: Vec::new(),
            answered: 0,
        }
    }

    fn any_key(&mut self) -> (u64, usize) {
        let client = if self.random.below(3) == 0 { self.random.below(CLIENTS) } else { self.number };
        (client, self.random.below(KEYS as u64) as usize)
    }

    /// Adds a random command to `bytes`. Returns what it asks, and about how many bytes it moves.
    fn command(&mut self, bytes: &mut Vec<u8>) -> (Asked, u64) {
        let own = self.random.below(KEYS as u64) as usize;
        let name = key(self.number, own);
        let mut text = |line: &str, value: Option<&[u8]>| {
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(b"\r\n");
            if let Some(value) = value {
                bytes.extend_from_slice(value);
                bytes.extend_from_slice(b"\r\n");
            }
        };
        let choice = self.random.below(100);
        if choice < 35 {
            self.next_tag += 1;
            let tag = self.next_tag;
            let value = value(tag);
            let len = value.len();
            let (line, asked) = match choice {
                0..=13 => (format!("set {name} {tag} 0 {len}"), Asked::Store { key: own, tag, replies: STORED }),
                14..=16 => {
                    (format!("add {name} {tag} 0 {len}"), Asked::Store { key: own, tag, replies: STORED_OR_NOT })
                }
                17..=19 => {
                    (format!("replace {name} {tag} 0 {len}"), Asked::Store { key: own, tag, replies: STORED_OR_NOT })
                }
                20..=21 => {
                    let cas = self.random.below(1000);
                    (format!("cas {name} {tag} 0 {len} {cas}"), Asked::Store { key: own, tag, replies: COMPARED })
                }
                22..=27 => (format!("set {name} {tag} 0 {len} noreply"), Asked::SilentStore { key: own, tag }),
                _ => (format!("ms {name} {len} F{tag}"), Asked::Store { key: own, tag, replies: META_STORED }),
            };
            text(&line, Some(&value));
            return (asked, len as u64);
        }
        match choice {
            35..=54 => {
                let n = if self.random.below(4) == 0 { 1 + self.random.below(40) } else { 1 };
                let keys: Vec<_> = (0..n).map(|_| self.any_key()).collect();
                let with_cas = self.random.below(2) == 0;
                let verb = match (self.random.below(4), with_cas) {
                    (0, false) => "gat 0",
                    (0, true) => "gats 0",
                    (_, false) => "get",
                    (_, true) => "gets",
                };
                let names: Vec<_> = keys.iter().map(|&(client, k)| key(client, k)).collect();
                text(&format!("{verb} {}", names.join(" ")), None);
                (Asked::Get { keys, with_cas }, n * 20_000)
            }
            55..=60 => {
                let asked = self.any_key();
                text(&format!("mg {} f s v", key(asked.0, asked.1)), None);
                (Asked::MetaGet { key: asked, with_value: true }, 20_000)
            }
            61..=64 => {
                let asked = self.any_key();
                text(&format!("mg {} f s", key(asked.0, asked.1)), None);
                (Asked::MetaGet { key: asked, with_value: false }, 0)
            }
            65..=67 => {
                let asked = self.any_key();
                text(&format!("mg {} f s v q\r\nmn", key(asked.0, asked.1)), None);
                (Asked::QuietMetaGet { key: asked }, 20_000)
            }
            68..=71 => {
                text(&format!("delete {name}"), None);
                (Asked::Delete { key: own, replies: &["DELETED", "NOT_FOUND"] }, 0)
            }
            72..=73 => {
                text(&format!("md {name}"), None);
                (Asked::Delete { key: own, replies: &["HD", "NF"] }, 0)
            }
            74..=76 => {
                text(&format!("touch {name} 1000"), None);
                (Asked::Line(&["TOUCHED", "NOT_FOUND"]), 0)
            }
            77 => {
                text(&format!("set number:{name} 0 0 1"), Some(b"7"));
                (Asked::Line(STORED), 0)
            }
            78..=79 => {
                text(&format!("incr number:{name} 3"), None);
                (Asked::Number, 0)
            }
            80 => {
                text(&format!("decr number:{name} 1"), None);
                (Asked::Number, 0)
            }
            81 => {
                text(&format!("set joined:{name} 0 0 3"), Some(b"aaa"));
                (Asked::Line(STORED), 0)
            }
            82 => {
                text(&format!("append joined:{name} 0 0 30000"), Some(&[b'a'; 30_000]));
                (Asked::Line(JOINED), 30_000)
            }
            83 => {
                text(&format!("prepend joined:{name} 0 0 1"), Some(b"a"));
                (Asked::Line(JOINED), 0)
            }
            84..=86 => {
                text("version", None);
                (Asked::Line(&["VERSION "]), 0)
            }
            87 => {
                text("verbosity 0", None);
                (Asked::Line(&["OK"]), 0)
            }
            88..=89 => {
                text("mn", None);
                (Asked::Line(&["MN"]), 0)
            }
            90..=91 => {
                text("stats", None);
                (Asked::Stats, 0)
            }
            92 if self.random.below(8) == 0 => {
                text("flush_all", None);
                (Asked::Line(&["OK"]), 0)
            }
            92..=93 => {
                text("gibberish here", None);
                (Asked::Line(&["ERROR"]), 0)
            }
            94..=95 => {
                text(&format!("get {}", "k".repeat(251)), None);
                (Asked::Line(&["CLIENT_ERROR bad command line format"]), 0)
            }
            96 => {
                // The payload must not be run.
                text(&format!("set {name} nonsense 0 10"), Some(b"flush_all "));
                (Asked::Line(&["CLIENT_ERROR bad command line format"]), 0)
            }
            97..=98 => {
                bytes.extend_from_slice(format!("set bad:{name} 0 0 3\r\nabcde").as_bytes());
                (Asked::Line(&["CLIENT_ERROR bad data chunk"]), 0)
            }
            _ => {
                text(&format!("set big:{name} 0 0 {}", 1_100_000), Some(&vec![b'\n'; 1_100_000]));
                (Asked::Line(&["SERVER_ERROR object too large for cache"]), 1_100_000)
            }
        }
    }

    /// Checks one reply, and learns from it.
    fn judge(&mut self, asked: &Asked, from: &mut Reader) {
        self.answered += 1;
        match asked {
            Asked::Store { key, tag, replies } => {
                let line = from.one_of(replies);
                match line.as_str() {
                    "STORED" | "HD" => self.current[*key] = vec![*tag],
                    _ => {}
                }
            }
            // It may fail for lack of memory, and the old value stays or goes.
            Asked::SilentStore { key, tag } => {
                self.current[*key].push(*tag);
                self.silent.push((*key, *tag));
            }
            Asked::Delete { key, replies } => {
                from.one_of(replies);
                self.current[*key].clear();
            }
            Asked::Get { keys, with_cas } => {
                let mut keys = keys.iter();
                loop {
                    let line = from.line();
                    if line == "END" {
                        return;
                    }
                    let words: Vec<&str> = line.split(' ').collect();
                    assert!(words.len() == if *with_cas { 5 } else { 4 } && words[0] == "VALUE", "not a value: {line}");
                    // The hits come in the order asked for.
                    let hit = keys.find(|(client, k)| key(*client, *k) == words[1]);
                    let hit = *hit.unwrap_or_else(|| panic!("{line} was not asked for, or not here"));
                    self.check(hit, words[2], words[3], Some(from));
                }
            }
            Asked::MetaGet { key, with_value } => {
                let line = from.line();
                let words: Vec<&str> = line.split(' ').collect();
                match (&words[..], with_value) {
                    (["EN"], _) => {}
                    (["VA", len, flags, size], true) => {
                        assert_eq!(format!("s{len}"), *size);
                        self.check(*key, &flags[1..], len, Some(from));
                    }
                    (["HD", flags, size], false) => self.check(*key, &flags[1..], &size[1..], None),
                    _ => panic!("not an answer to mg: {line}"),
                }
            }
            Asked::QuietMetaGet { key } => {
                let line = from.line();
                if line != "MN" {
                    let words: Vec<&str> = line.split(' ').collect();
                    assert!(words.len() == 4 && words[0] == "VA", "not an answer to mg: {line}");
                    self.check(*key, &words[2][1..], words[1], Some(from));
                    from.one_of(&["MN"]);
                }
            }
            Asked::Line(lines) => {
                from.one_of(lines);
            }
            Asked::Number => {
                let line = from.line();
                assert!(line == "NOT_FOUND" || line.parse::<u64>().is_ok(), "not a number: {line}");
            }
            Asked::Stats => loop {
                let line = from.line();
                if line == "END" {
                    return;
                }
                assert!(line.starts_with("STAT "), "not a statistic: {line}");
            },
        }
    }

    /// Checks a hit: that the value belongs to its tag, and that the key may hold it.
    fn check(&mut self, (client, key): (u64, usize), flags: &str, len: &str, from: Option<&mut Reader>) {
        let tag: u32 = flags.parse().expect("flags are a number");
        assert_eq!(len.parse().ok(), Some(value_len(tag)), "the length of the value with tag {tag}");
        assert_eq!(u64::from(tag >> 24), client, "the tag {tag} in a key of client {client}");
        if let Some(from) = from {
            let got = from.exactly(value_len(tag) + 2);
            let (got, end) = got.split_at(value_len(tag));
            assert!(got == value(tag), "the value with tag {tag} is not whole");
            assert_eq!(end, b"\r\n", "behind the value with tag {tag}");
        }
        if client != self.number {
            return;
        }
        let may = self.current[key].contains(&tag) || self.stray[key].contains(&tag);
        assert!(may, "key {key} holds {tag}, not {:?}, nor {:?}", self.current[key], self.stray[key]);
        self.current[key] = vec![tag];
    }

    /// The client left without learning what became of its commands.
    fn give_up(&mut self, asked: &[Asked]) {
        for (key, tag) in self.silent.drain(..) {
            self.stray[key].push(tag);
        }
        for asked in asked {
            if let Asked::Store { key, tag, .. } | Asked::SilentStore { key, tag } = asked {
                self.stray[*key].push(*tag);
            }
        }
    }

    fn pipeline(&mut self) -> (Vec<u8>, Vec<Asked>) {
        let mut bytes = Vec::new();
        let mut asked = Vec::new();
        let commands = match self.random.below(3) {
            0 => 1,
            1 => 1 + self.random.below(20),
            _ => 1 + self.random.below(COMMANDS_MAX),
        };
        let mut moved = 0;
        while (asked.len() as u64) < commands && moved < PIPELINE_BYTES_MAX {
            let (command, about) = self.command(&mut bytes);
            asked.push(command);
            moved += about;
        }
        (bytes, asked)
    }

    /// One connection from its beginning to its end.
    fn session(&mut self, server: &Server) {
        let mut reader = Reader { connection: server.connect(), received: Vec::new(), at: 0 };
        for _ in 0..=self.random.below(4) {
            let (bytes, asked) = self.pipeline();
            let slow = self.random.below(4) == 0;
            if self.random.below(5) == 0 {
                let cut = self.random.below(bytes.len() as u64 + 1) as usize;
                self.give_up(&asked);
                reader.send(&bytes[..cut], slow, &mut self.random);
                for _ in 0..self.random.below(4) {
                    let _ = reader.connection.receive(Duration::from_millis(1));
                }
                match self.random.below(3) {
                    0 => reader.connection.reset(),
                    1 => reader.connection.finish_sending(),
                    _ => {}
                }
                return;
            }
            reader.send(&bytes, slow, &mut self.random);
            // Past the end of sending, everything is answered still.
            let half_closed = self.random.below(12) == 0;
            if half_closed {
                reader.connection.finish_sending();
            }
            for asked in &asked {
                self.judge(asked, &mut reader);
                if !matches!(asked, Asked::SilentStore { .. }) {
                    self.silent.clear();
                }
            }
            if half_closed {
                self.silent.clear();
                return reader.expect_end();
            }
        }
        if self.random.below(2) == 0 {
            self.silent.clear();
            reader.connection.send(b"quit\r\n");
            return reader.expect_end();
        }
        assert!(
            reader.received.len() == reader.at,
            "more than was asked for: {}",
            shown(&reader.received[reader.at..])
        );
        self.give_up(&[]);
    }
}

/// The replies of one connection.
struct Reader {
    connection: Connection,
    received: Vec<u8>,
    at: usize,
}

impl Reader {
    /// Sends everything. A slow reader takes nothing before the server takes no more; others read all along.
    fn send(&mut self, mut bytes: &[u8], slow: bool, random: &mut Random) {
        let mut progress = Instant::now();
        let dribble = bytes.len() < DRIBBLED_MAX && random.below(4) == 0;
        while !bytes.is_empty() {
            assert!(progress.elapsed() < REPLY_WAIT, "the server does not take {} bytes", bytes.len());
            let most = if dribble { 1 + random.below(3000) as usize } else { 256 << 10 };
            let wait = if slow { STALLED } else { Duration::from_millis(2) };
            let sent = self.connection.send_some(&bytes[..bytes.len().min(most)], wait).unwrap_or(0);
            bytes = &bytes[sent..];
            if sent > 0 {
                progress = Instant::now();
            }
            if !slow || sent == 0 {
                let _ = self.connection.receive(Duration::from_millis(1));
            }
        }
    }

    fn receive(&mut self) {
        if self.connection.unread().is_empty() {
            match self.connection.receive(REPLY_WAIT) {
                Ok(0) => panic!("the server closed instead of answering"),
                Ok(_) => {}
                Err(e) => panic!("no answer within {REPLY_WAIT:?}: {e}"),
            }
        }
        self.received.drain(..self.at);
        self.at = 0;
        self.received.extend_from_slice(self.connection.unread());
        let all = self.connection.unread().len();
        self.connection.consume(all);
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(len) = self.received[self.at..].iter().position(|byte| *byte == b'\n') {
                let line = self.received[self.at..self.at + len].to_vec();
                self.at += len + 1;
                let text = String::from_utf8(line).unwrap_or_else(|e| panic!("not a line: {}", shown(e.as_bytes())));
                return text.strip_suffix('\r').unwrap_or_else(|| panic!("no CR behind {text:?}")).to_owned();
            }
            assert!(self.received.len() - self.at < 4096, "not a line: {}", shown(&self.received[self.at..]));
            self.receive();
        }
    }

    /// A line that is, or begins with, one of these.
    fn one_of(&mut self, lines: &[&str]) -> String {
        let line = self.line();
        let known = lines.iter().any(|known| line == *known || (known.ends_with(' ') && line.starts_with(known)));
        assert!(known, "expected one of {lines:?}, received {line:?}");
        line
    }

    fn exactly(&mut self, n: usize) -> &[u8] {
        while self.received.len() - self.at < n {
            self.receive();
        }
        self.at += n;
        &self.received[self.at - n..self.at]
    }

    fn expect_end(mut self) {
        assert_eq!(self.at, self.received.len(), "more than was asked for: {}", shown(&self.received[self.at..]));
        assert!(self.connection.unread().is_empty(), "more than was asked for");
        match self.connection.receive(REPLY_WAIT) {
            Ok(0) => {}
            other => panic!("expected the end, received {other:?}: {}", shown(self.connection.unread())),
        }
    }
}

fn seed() -> u64 {
    let given = std::env::var("RINGCACHED_SEED").ok().map(|seed| seed.parse().expect("RINGCACHED_SEED is a number"));
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| now.as_nanos() as u64)
    });
    println!("RINGCACHED_SEED={seed}");
    seed
}

/// Lets all clients go on for a while, and returns how many replies were judged.
fn simulate(server: &Server, seed: u64, duration: Duration) -> u64 {
    let until = Instant::now() + duration;
    let answered = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let answered = &answered;
            scope.spawn(move || {
                let mut client = Client::new(number, seed);
                while Instant::now() < until {
                    client.session(server);
                }
                answered.fetch_add(client.answered, Ordering::Relaxed);
            });
        }
    });
    answered.into_inner()
}

/// With all clients gone, nothing of them is left.
fn expect_rest(shape: Shape, server: &Server) {
    let stat = |name: &str| server.stat(name).and_then(|value| value.parse::<u64>().ok());
    for (name, expected) in [("curr_connections", 1), ("large_uploads_bytes", 0), ("large_pins", 0)] {
        let settled = poll_for(REPLY_WAIT, || (stat(name) == Some(expected)).then_some(()));
        assert!(settled.is_some(), "[{}] {name} is {:?} after all have left", shape.name(), stat(name));
    }
    let resident = server.resident_bytes().expect("a server of our own");
    println!("{}: {} MiB resident in the end", shape.name(), resident >> 20);
    let most = (MEMORY_LIMIT_MIB << 20) + RESIDENT_EXTRA_MAX;
    assert!(resident < most, "[{}] {resident} bytes are resident", shape.name());
}

fn end(shape: Shape, mut server: Server) {
    let process = server.process().expect("a server of our own");
    process.signal("TERM");
    let status = process.wait(REPLY_WAIT);
    assert_eq!(status.and_then(|s| s.code()), Some(0), "[{}] {}", shape.name(), process.said());
}

#[test]
fn whatever_clients_do_they_are_told_the_truth_and_leave_nothing_behind() {
    let seed = seed();
    let memory = MEMORY_LIMIT_MIB.to_string();
    each_started("simulation", &["-m", &memory], |shape, server| {
        let answered = simulate(&server, seed, DURATION);
        println!("{}: {answered} replies judged", shape.name());
        assert!(answered > 100, "[{}] the clients were hardly answered", shape.name());
        expect_rest(shape, &server);
        end(shape, server);
    });
}

/// The shards' threads are kept off their cores for whole time slices, as wake-ups and the order in which shards see
/// each other's batches then differ from those of an idle machine.
#[test]
fn every_request_is_answered_while_others_take_the_cpu() {
    const HOGS: usize = 6;
    let seed = seed();
    let memory = MEMORY_LIMIT_MIB.to_string();
    each_started("simulation beside others", &["-m", &memory], |shape, server| {
        let stop = AtomicBool::new(false);
        let answered = std::thread::scope(|scope| {
            for _ in 0..HOGS {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            // Ended also if a client panics, as the scope waits for the hogs.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                simulate(&server, seed, DURATION / 2) //
            }));
            stop.store(true, Ordering::Relaxed);
            outcome
        });
        match answered {
            Ok(answered) => println!("{}: {answered} replies judged", shape.name()),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        expect_rest(shape, &server);
    });
}
