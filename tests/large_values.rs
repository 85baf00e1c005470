//! Values of almost 1 GiB, the largest there can be: received within the limit, sent by reference, and correct while
//! they are overwritten and deleted under their readers.

mod support;

use std::time::Duration;

use support::{Connection, Random, Server, Shape, each_server, patterned, poll_for};

/// Key, value and overhead fit in `-I 1024m`.
const VALUE_LEN: usize = (1 << 30) - 1000;
const LIMIT_MEGABYTES: u64 = 2200;
/// What a process may take beside its limit: code, connections, the kernel's socket buffers.
const OVER_LIMIT_BYTES: u64 = (LIMIT_MEGABYTES << 20) * 3 / 100 + (32 << 20);
/// What is under way to the server that it has not counted, or has received and not placed yet.
const UNDER_WAY_BYTES: u64 = 64 << 20;
const WAIT: Duration = Duration::from_secs(60);
/// Of no simple ratio to a page, so that a page in the wrong place is a wrong value.
const BLOCK_LEN: usize = (1 << 20) + 977;

/// The value's bytes are a block over and over.
struct Value(Vec<u8>);

impl Value {
    fn new(tag: u64) -> Self {
        Value(patterned(tag, BLOCK_LEN))
    }

    /// The bytes from `offset` to the end of their block.
    fn at(&self, offset: usize) -> &[u8] {
        let block = &self.0[offset % BLOCK_LEN..];
        &block[..block.len().min(VALUE_LEN - offset)]
    }

    fn send(&self, connection: &mut Connection, from: usize, to: usize) {
        let mut offset = from;
        while offset < to {
            let bytes = self.at(offset);
            let bytes = &bytes[..bytes.len().min(to - offset)];
            connection.send(bytes);
            offset += bytes.len();
        }
    }

    fn expect(&self, connection: &mut Connection, from: usize, to: usize) {
        let mut offset = from;
        while offset < to {
            if connection.unread().is_empty() {
                let received = connection.receive(WAIT).expect("more of the value");
                assert!(received > 0, "the connection ended at byte {offset}");
            }
            let expected = self.at(offset);
            let len = connection.unread().len().min(expected.len()).min(to - offset);
            assert!(connection.unread()[..len] == expected[..len], "wrong bytes between {offset} and {}", offset + len);
            connection.consume(len);
            offset += len;
        }
    }
}

/// Sends a value in two halves; returns what the server took for the first one.
fn store(server: &Server, connection: &mut Connection, value: &Value) {
    connection.send(format!("set big 5 0 {VALUE_LEN}\r\n").as_bytes());
    let before = server.resident_bytes();
    value.send(connection, 0, VALUE_LEN / 2);
    if let (Some(before), Some(now)) = (before, server.resident_bytes()) {
        let taken = now.saturating_sub(before);
        assert!(taken < VALUE_LEN as u64 / 2 + UNDER_WAY_BYTES, "half a value takes {taken} bytes");
    }
    value.send(connection, VALUE_LEN / 2, VALUE_LEN);
    connection.talk(b"\r\n", b"STORED\r\n");
    within_limit(server);
}

fn within_limit(server: &Server) {
    if let Some(now) = server.resident_bytes() {
        assert!(now < (LIMIT_MEGABYTES << 20) + OVER_LIMIT_BYTES, "{now} bytes resident");
    }
}

/// Asks for the value and reads a part of it.
fn begin_to_read(reader: &mut Connection, value: &Value, len: usize) {
    reader.send(b"get big\r\n");
    reader.expect(format!("VALUE big 5 {VALUE_LEN}\r\n").as_bytes());
    value.expect(reader, 0, len);
}

fn read_on(reader: &mut Connection, value: &Value, from: usize) {
    value.expect(reader, from, VALUE_LEN);
    reader.expect(b"\r\nEND\r\n");
}

fn stat(connection: &mut Connection, name: &str) -> u64 {
    connection.send(b"stats\r\n");
    let mut found = None;
    loop {
        let line = String::from_utf8_lossy(&connection.line()).into_owned();
        if line == "END\r\n" {
            return found.unwrap_or_else(|| panic!("no {name}"));
        }
        if let Some(value) = line.strip_prefix(&format!("STAT {name} ")) {
            found = value.trim_end().parse().ok();
        }
    }
}

#[test]
fn a_gigabyte_is_overwritten_and_deleted_under_its_readers() {
    if std::env::var_os("RINGCACHED_TEST_ADDR").is_some() {
        println!("skipped: large values (starts a server of its own)");
        return;
    }
    let megabytes = LIMIT_MEGABYTES.to_string();
    let server = Server::start(Shape::OneShard, &["-m", &megabytes, "-I", "1024m"]);
    let (first, second) = (Value::new(1), Value::new(2));
    let mut writer = server.connect();
    store(&server, &mut writer, &first);

    let mut reader = server.connect();
    begin_to_read(&mut reader, &first, 5 << 20);
    // The first one is out of reach now, and stays whole for its reader.
    store(&server, &mut writer, &second);
    let mut late_reader = server.connect();
    begin_to_read(&mut late_reader, &second, 70_000);
    // There is no room for a third: small items still find some.
    writer.talk(b"set small 0 0 5\r\nvalue\r\n", b"STORED\r\n");
    read_on(&mut reader, &first, 5 << 20);

    writer.talk(b"delete big\r\n", b"DELETED\r\n");
    writer.talk(b"get big\r\n", b"END\r\n");
    read_on(&mut late_reader, &second, 70_000);
    within_limit(&server);
    // Nobody holds either any more.
    let freed = poll_for(WAIT, || (stat(&mut writer, "bytes") < 1000).then_some(()));
    assert!(freed.is_some(), "the items take {} bytes", stat(&mut writer, "bytes"));
    writer.send(format!("set big 0 0 {VALUE_LEN} noreply\r\n").as_bytes());
    second.send(&mut writer, 0, VALUE_LEN / 8);
    // Left in the middle, an upload leaves nothing.
    writer.reset();
    let mut control = server.connect();
    control.talk(b"get big small\r\n", b"VALUE small 0 5\r\nvalue\r\nEND\r\n");
}

/// Lengths around those of a chunk, a page and what is received at a time.
const LENGTHS: [usize; 12] =
    [16_384, 16_385, 20_000, 57_345, 65_535, 65_536, 65_537, 100_000, 131_072, 135_166, 500_000, 1_000_000];

/// Values are received by the page where more of them has arrived than a receive takes, with what follows them behind:
/// each byte has to go where it belongs, wherever the bytes are cut, and each command has to be answered once.
#[test]
fn pipelined_values_of_any_length_arrive_whole() {
    each_server(|shape, server| {
        let mut random = Random::new(5);
        for piece_len in [usize::MAX, 70_001, 4_096, 1_717] {
            let mut order = LENGTHS;
            (1..order.len()).for_each(|i| order.swap(i, random.below(i as u64 + 1) as usize));
            let mut requests = Vec::new();
            let mut replies = Vec::new();
            for (n, len) in order.into_iter().enumerate() {
                let value = patterned(len as u64 + n as u64, len);
                match n % 3 {
                    0 => requests.extend(format!("ms k{len} {len} Oo{n} k\r\n").bytes()),
                    _ => requests.extend(format!("set k{len} {n} 0 {len}\r\n").bytes()),
                }
                requests.extend(&value);
                requests.extend(b"\r\nmn\r\n");
                replies.extend(if n % 3 == 0 { format!("HD Oo{n} kk{len}\r\n") } else { "STORED\r\n".into() }.bytes());
                replies.extend(b"MN\r\n");
                // And one of the same length that does not end as it should.
                requests.extend(format!("set bad 0 0 {len}\r\n").bytes());
                requests.extend(&value);
                requests.extend(b"??get bad\r\n");
                replies.extend(b"CLIENT_ERROR bad data chunk\r\nEND\r\n");
            }
            let mut connection = server.connect();
            let mut writer = connection.writer().expect("a second handle");
            let sender = std::thread::spawn(move || writer.send_in_pieces(&requests, piece_len.min(requests.len())));
            connection.expect(&replies);
            sender.join().expect("the sender");
            for (n, len) in order.into_iter().enumerate() {
                let value = patterned(len as u64 + n as u64, len);
                assert!(connection.get(&format!("k{len}")) == Some(value), "[{shape}] {len} bytes, by {piece_len}");
            }
        }
    });
}

/// Replies refer to the values where the store keeps them, until the client has taken them: one that does not read for a
/// while must be shown each value whole, as it was when it was read, whatever became of it since.
#[test]
fn pipelined_reads_are_whole_while_their_values_are_replaced_and_deleted() {
    each_server(|shape, server| {
        let value = |len: usize, round: u64| patterned(len as u64 * 2 + round, len);
        let mut writer = server.connect();
        let store = |writer: &mut Connection, round| {
            for len in LENGTHS {
                writer.send(format!("set k{len} 0 0 {len}\r\n").as_bytes());
                writer.send(&value(len, round));
                writer.talk(b"\r\n", b"STORED\r\n");
            }
        };
        store(&mut writer, 0);
        let mut random = Random::new(9);
        let asked: Vec<usize> = (0..200).map(|_| LENGTHS[random.below(LENGTHS.len() as u64) as usize]).collect();
        let mut reader = server.connect();
        for (n, len) in asked.iter().enumerate() {
            // With what is small before, between and behind.
            reader.send(format!("mn\r\nget no k{len} no\r\n").as_bytes());
            if n % 3 == 0 {
                reader.send(format!("mg k{len} v Oo{n}\r\n").as_bytes());
            }
        }
        reader.expect(b"MN\r\n");
        store(&mut writer, 1);
        LENGTHS.iter().for_each(|len| writer.talk(format!("delete k{len}\r\n").as_bytes(), b"DELETED\r\n"));
        for (n, &len) in asked.iter().enumerate() {
            if n > 0 {
                reader.expect(b"MN\r\n");
            }
            let whole = |reader: &mut Connection, head: String| {
                let line = reader.line();
                if line != head.as_bytes() {
                    return Some(line);
                }
                let got = reader.try_read(len + 2, WAIT).expect("the value");
                let is = |round| got[..len] == value(len, round)[..] && got.ends_with(b"\r\n");
                assert!(is(0) || is(1), "[{shape}] value {n} of {len} bytes");
                None
            };
            if let Some(end) = whole(&mut reader, format!("VALUE k{len} 0 {len}\r\n")) {
                assert_eq!(end, b"END\r\n", "[{shape}] value {n}");
            } else {
                reader.expect(b"END\r\n");
            }
            if n % 3 == 0
                && let Some(miss) = whole(&mut reader, format!("VA {len} Oo{n}\r\n"))
            {
                assert_eq!(miss, format!("EN Oo{n}\r\n").as_bytes(), "[{shape}] value {n}");
            }
        }
        let freed = poll_for(WAIT, || (stat(&mut writer, "bytes") < 1000).then_some(()));
        assert!(freed.is_some(), "[{shape}] {} bytes are kept", stat(&mut writer, "bytes"));
    });
}
