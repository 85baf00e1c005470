//! Compression as clients and operators see it: values come back as they were, every length is the one they have, and
//! the statistics say what it saves.

mod support;

use std::time::Duration;

use support::{Connection, Random, Server, Shape, each_started, patterned, poll_for};

/// Within this, a dictionary is trained and in use: two ticks, and a training on a busy machine.
const TRAINING_WATCHDOG: Duration = Duration::from_secs(60);

/// A record as an application might keep it, of about this length.
fn record(number: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(number);
    let mut text = String::from("{");
    while text.len() < len {
        let (id, score) = (random.next() % 1_000_000, random.next() % 100);
        text += &format!(r#""user_id":{id},"display_name":"user{id:x}","score":{score},"is_active":true,"#);
    }
    text.truncate(len);
    text.into_bytes()
}

fn number(server: &Server, name: &str) -> u64 {
    server.stat(name).unwrap_or_else(|| panic!("{name}")).parse().expect("a number")
}

fn fill(connection: &mut Connection, from: u64, to: u64, len: usize) {
    for first in (from..to).step_by(100) {
        let mut bytes = Vec::new();
        for number in first..to.min(first + 100) {
            let value = record(number, len);
            bytes.extend_from_slice(format!("set key{number} 0 0 {} noreply\r\n", value.len()).as_bytes());
            bytes.extend_from_slice(&value);
            bytes.extend_from_slice(b"\r\n");
        }
        connection.send(&bytes);
    }
    connection.talk(b"mn\r\n", b"MN\r\n");
}

#[test]
fn values_of_every_size_come_back_and_have_their_own_length() {
    for how in ["lz4", "zstd", "zstd:dict"] {
        each_started("--compress", &["--compress", how, "--compress-min", "1"], |shape, server| {
            let mut connection = server.connect();
            // Of either shard, short and LARGE, in one piece and in several, compressed or too long for it.
            for len in [0, 1, 50, 2_000, 16_384, 16_385, 60_000, 65_537, 200_000, 262_144, 262_145, 700_000] {
                for key in ["a", "b", "c", "d"] {
                    connection.set(key, &record(len as u64, len));
                    let read = connection.get(key);
                    assert!(read == Some(record(len as u64, len)), "[{}, {how}] {len} bytes", shape.name());
                    connection.talk(format!("mg {key} s\r\n").as_bytes(), format!("HD s{len}\r\n").as_bytes());
                    // What does not get smaller is not harmed either.
                    connection.set(key, &patterned(len as u64, len));
                    assert!(connection.get(key) == Some(patterned(len as u64, len)));
                }
            }
            connection.set("k", &record(1, 1_000));
            connection.send(b"me k\r\n");
            let debug = String::from_utf8(connection.line()).expect("text");
            assert!(debug.ends_with("size=1060\r\n"), "{debug:?}");
            connection.send(b"lru_crawler metadump all\r\n");
            let lines = std::iter::repeat_with(|| String::from_utf8(connection.line()).expect("text"));
            let lines: Vec<String> = lines.take_while(|line| line != "END\r\n").collect();
            let line = lines.iter().find(|line| line.starts_with("key=k ")).expect("a line");
            assert!(line.contains("size=1060"), "{line:?}");
        });
    }
}

#[test]
fn what_it_saves_is_told_and_without_it_nothing_is() {
    each_started("--compress lz4", &["--compress", "lz4"], |shape, server| {
        let mut connection = server.connect();
        fill(&mut connection, 0, 100, 1_000);
        assert_eq!(number(&server, "compress_attempts"), 0, "[{}] shorter than 1 KiB", shape.name());
        fill(&mut connection, 0, 100, 4_000);
        connection.set("noise", &patterned(1, 4_000));
        let [attempts, failed, items, raw, stored] = [
            "compress_attempts",
            "compress_incompressible",
            "compressed_items",
            "compressed_raw_bytes",
            "compressed_bytes",
        ]
        .map(|name| number(&server, name));
        assert_eq!((attempts, failed, items, raw), (101, 1, 100, 400_000), "[{}]", shape.name());
        assert!(stored < 200_000, "{stored}");
        assert!(number(&server, "bytes") < 220_000);
        assert!(number(&server, "compress_memory_bytes") > 0);
        connection.talk(b"flush_all\r\n", b"OK\r\n");
        assert_eq!(number(&server, "compressed_items"), 0);
        assert_eq!(setting(&mut connection, "compress").as_deref(), Some("lz4"));
        assert_eq!(setting(&mut connection, "compress_min").as_deref(), Some("1024"));
    });
    each_started("without --compress", &[], |_, server| {
        assert_eq!(server.stat("compress_attempts"), None);
        assert_eq!(setting(&mut server.connect(), "compress").as_deref(), Some("off"));
    });
}

fn setting(connection: &mut Connection, name: &str) -> Option<String> {
    connection.send(b"stats settings\r\n");
    let lines = std::iter::repeat_with(|| String::from_utf8(connection.line()).expect("text"));
    let lines: Vec<String> = lines.take_while(|line| line != "END\r\n").collect();
    lines.iter().find_map(|line| line.strip_prefix(&format!("STAT {name} "))).map(|value| value.trim_end().to_owned())
}

#[test]
fn a_dictionary_is_trained_while_requests_are_served() {
    if support::external().is_some() {
        println!("skipped: an external server has its flags already");
        return;
    }
    // Room for all that is written until the training, at the lowest priority, has had its turn.
    let server = Server::start(Shape::OneShard, &["--compress", "zstd:dict", "-m", "1024"]);
    let mut connection = server.connect();
    let mut written = 0;
    let version = poll_for(TRAINING_WATCHDOG, || {
        fill(&mut connection, written, written + 1_000, 300);
        written += 1_000;
        Some(number(&server, "compress_dictionary_version")).filter(|&version| version > 0)
    });
    assert_eq!(version, Some(1), "a dictionary within {TRAINING_WATCHDOG:?}");
    let [items, raw, stored] =
        ["compressed_items", "compressed_raw_bytes", "compressed_bytes"].map(|name| number(&server, name));
    fill(&mut connection, 1_000_000, 1_010_000, 300);
    let [items, raw, stored] = [
        number(&server, "compressed_items") - items,
        number(&server, "compressed_raw_bytes") - raw,
        number(&server, "compressed_bytes") - stored,
    ];
    assert_eq!((items, raw), (10_000, 3_000_000));
    assert!(stored * 2 < raw, "{stored} bytes for {raw}");
    for number in [0, 1, written - 1, 1_000_000, 1_009_999] {
        assert_eq!(connection.get(&format!("key{number}")), Some(record(number, 300)));
    }
    assert!(number(&server, "compress_trainings") >= 1);
}
