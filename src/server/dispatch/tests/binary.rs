//! Connections that speak the binary protocol.

use super::*;
use crate::config::Protocols;

/// Length of a packet's head.
const HEADER_LEN: usize = 24;

const SET: u8 = 0x01;
const SETQ: u8 = 0x11;
const GET: u8 = 0x00;
const GETKQ: u8 = 0x0d;
const STAT: u8 = 0x10;

/// A request, its opaque the opcode once more.
fn packet(opcode: u8, extras: &[u8], key: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, opcode];
    bytes.extend((key.len() as u16).to_be_bytes());
    bytes.extend([extras.len() as u8, 0, 0, 0]);
    bytes.extend(((extras.len() + key.len() + value.len()) as u32).to_be_bytes());
    bytes.extend(u32::from(opcode).to_be_bytes());
    bytes.extend([0; 8]);
    [&bytes, extras, key.as_bytes(), value].concat()
}

fn set(opcode: u8, key: &str, value: &[u8]) -> Vec<u8> {
    packet(opcode, &[0; 8], key, value)
}

fn bare(opcode: u8) -> Vec<u8> {
    packet(opcode, b"", "", b"")
}

/// What each response says: opcode, status, key and value, or the value's length if that is long.
fn told(mut bytes: &[u8]) -> Vec<String> {
    let mut told = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at(HEADER_LEN);
        let (extras, key) = (usize::from(head[4]), usize::from(head[3]));
        let body_len = u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let (body, rest) = rest.split_at(body_len);
        assert_eq!((head[0], head[15]), (0x81, head[1]));
        let (key, value) = body[extras..].split_at(key);
        let value = match value.len() {
            0..1000 => String::from_utf8_lossy(value).into_owned(),
            len if value.iter().all(|byte| *byte == b'v') => len.to_string(),
            len => format!("{len} wrong ones"),
        };
        told.push(format!("{:02x} {:x} {}={value}", head[1], head[7], String::from_utf8_lossy(key)));
        bytes = rest;
    }
    told
}

/// Exchanges with the other shards until nothing more is said.
fn all_output(world: &mut World, number: u32) -> Vec<u8> {
    let mut said = world.output(number);
    for _ in 0..20 {
        world.exchange();
        said.extend(world.output(number));
    }
    said
}

#[test]
fn replies_come_in_order_whoever_answers_first() {
    let mut world = World::new();
    let number = world.connect();
    let keys: Vec<_> = (0..SHARDS).map(|owner| world.key_of(owner)).collect();
    let mut packets = Vec::new();
    packets.extend(set(SETQ, &keys[0], b"x"));
    packets.extend(set(SET, &keys[2], b"y"));
    for key in &keys {
        packets.extend(packet(GETKQ, b"", key, b""));
        packets.extend(packet(GET, b"", key, b""));
    }
    // A no-op, the statistics, the version, and an opcode that is not known.
    packets.extend([bare(0x0a), bare(STAT), bare(0x0b), packet(0x42, b"1234", "key", b"value")].concat());
    packets.extend(packet(0x0c, b"", &keys[1], b""));
    packets.extend(packet(0x0c, b"", &keys[0], b""));
    assert_eq!(world.feed(number, &packets), packets.len());
    let said = all_output(&mut world, number);
    let [zero, one, two] = [&keys[0], &keys[1], &keys[2]];
    let wanted = [
        "01 0 =".into(),
        format!("0d 0 {zero}=x"),
        "00 0 =x".into(),
        "00 1 =Not found".into(),
        format!("0d 0 {two}=y"),
        "00 0 =y".into(),
        "0a 0 =".into(),
        "10 0 shard=0".into(),
        "10 0 shard=1".into(),
        "10 0 shard=2".into(),
        "10 0 =".into(),
        "0b 0 =x".into(),
        "42 81 =Unknown command".into(),
        format!("0c 1 {one}="),
        format!("0c 0 {zero}=x"),
    ];
    assert_eq!(told(&said), wanted);
}

#[test]
fn quiet_requests_say_nothing_until_the_no_op_behind_them() {
    let mut world = World::new();
    let number = world.connect();
    let keys: Vec<_> = (0..SHARDS).map(|owner| world.key_of(owner)).collect();
    let mut packets = Vec::new();
    for key in &keys {
        packets.extend(packet(GETKQ, b"", key, b""));
        packets.extend(set(SETQ, key, b"x"));
        packets.extend(packet(0x19, b"", key, b"y"));
        packets.extend(packet(0x14, b"", key, b""));
        // Errors are told all the same.
        packets.extend(packet(0x14, b"", key, b""));
    }
    packets.extend([bare(0x18), bare(0x0a)].concat());
    assert_eq!(world.feed(number, &packets), packets.len());
    let said = all_output(&mut world, number);
    assert_eq!(told(&said), ["14 1 =Not found", "14 1 =Not found", "14 1 =Not found", "0a 0 ="]);
    assert!(!world.dispatch.connections.at(number).has_queue());
}

/// A LARGE value has no line end behind it: what follows at once is the next packet.
#[test]
fn large_values_come_and_go_in_pieces() {
    for owner in 0..SHARDS {
        for piece in [1000, 4096, LARGE_LEN, usize::MAX] {
            let mut world = World::new();
            let (number, key) = (world.connect(), world.key_of(owner));
            let large = [b'v'; LARGE_LEN];
            let packets = [set(SET, &key, &large), packet(GETKQ, b"", &key, b""), bare(0x0a)].concat();
            let mut tail: Vec<u8> = Vec::new();
            let mut said = Vec::new();
            for bytes in packets.chunks(piece.min(packets.len())) {
                tail.extend_from_slice(bytes);
                let consumed = world.feed(number, &tail);
                tail.drain(..consumed);
                world.exchange();
                said.extend(world.output(number));
            }
            while !tail.is_empty() {
                let consumed = world.feed(number, &tail);
                tail.drain(..consumed);
                said.extend(all_output(&mut world, number));
            }
            said.extend(all_output(&mut world, number));
            let wanted = ["01 0 =".into(), format!("0d 0 {key}={LARGE_LEN}"), "0a 0 =".into()];
            assert_eq!(told(&said), wanted, "owner {owner}, pieces of {piece}");
        }
    }
}

#[test]
fn a_value_too_large_is_swallowed_and_leaves_no_old_one() {
    for owner in 0..SHARDS {
        let mut world = World::new();
        let (number, key) = (world.connect(), world.key_of(owner));
        let over = vec![b'v'; (1 << 20) + 1];
        let get = packet(GET, b"", &key, b"");
        let packets =
            [set(SET, &key, b"x"), set(0x12, &key, &over), get.clone(), set(SETQ, &key, &over), get.clone()].concat();
        assert_eq!(world.feed(number, &packets), packets.len());
        let said = all_output(&mut world, number);
        assert_eq!(told(&said), ["01 0 =", "12 3 =Too large.", "00 0 =x", "11 3 =Too large.", "00 1 =Not found"]);
    }
}

#[test]
fn a_packet_that_closes_lets_the_replies_before_it_go_out() {
    let text = b"get key\r\n".to_vec();
    let misshapen = packet(0x0a, b"", "key", b"");
    for (last, words) in [(text, None), (misshapen, Some("0a 4 =Invalid arguments")), (bare(0x17), None)] {
        let mut world = World::new();
        let (number, key) = (world.connect(), world.key_of(1));
        let packets = [packet(GET, b"", &key, b""), last, bare(0x0a)].concat();
        world.feed(number, &packets);
        assert_eq!(world.dispatch.connections.at(number).closing, Closing::AfterReplies);
        let said = all_output(&mut world, number);
        let wanted: Vec<_> = ["00 1 =Not found"].into_iter().chain(words).collect();
        assert_eq!(told(&said), wanted);
    }
}

#[test]
fn a_full_mesh_stops_a_connection_between_two_packets() {
    let mut world = World::new();
    let number = world.connect();
    let (here, there) = (world.key_of(0), world.key_of(1));
    world.fill_mesh_to(1);
    let first = set(SET, &here, b"x");
    let packets = [first.clone(), packet(GET, b"", &there, b""), packet(GET, b"", &here, b"")].concat();
    assert_eq!(world.feed(number, &packets), first.len());
    assert_eq!(world.dispatch.connections.at(number).blocked, Blocked::Mesh);
    world.exchange();
    assert_eq!(world.feed(number, &packets[first.len()..]), packets.len() - first.len());
    let said = all_output(&mut world, number);
    assert_eq!(told(&said), ["01 0 =", "00 1 =Not found", "00 0 =x"]);
}

#[test]
fn the_protocol_is_told_once_and_where_it_is_set_not_at_all() {
    let mut world = World::new();
    let number = world.connect();
    assert_eq!(world.feed(number, &bare(0x0a)[..1]), 0);
    // Only the first byte tells. From here on text is no longer understood.
    assert_eq!(world.feed(number, &bare(0x0a)), HEADER_LEN);
    world.feed(number, b"version\r\n");
    assert_eq!(told(&world.output(number)), ["0a 0 ="]);
    assert_eq!(world.dispatch.connections.at(number).closing, Closing::AfterReplies);

    world.dispatch.rules.protocols = Protocols::Ascii;
    let number = world.connect();
    world.feed(number, b"\x80\0\0\r\n");
    assert_eq!(world.output(number), memcache::errors::ERROR);

    world.dispatch.rules.protocols = Protocols::Binary;
    let number = world.connect();
    world.feed(number, b"version\r\n");
    assert_eq!(world.output(number), b"");
    assert_eq!(world.dispatch.connections.at(number).closing, Closing::AfterReplies);
}
