//! Parser and encoder: nanoseconds per command. Parsing includes hashing the key, as on the server.
//!
//! `cargo bench --bench parse`

use std::hint::black_box;

use ahash::RandomState;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringcached::command::{Hit, Reply, Value};
use ringcached::protocol::memcache::{Form, FormTag, Parser, Resume, Step, encode};

const KEY: &str = "user:1234567890:sessions"; // 24 bytes
const VALUE_LEN: usize = 32;

/// Takes step after step; how many requests they were.
#[inline(always)]
fn count<'a>(mut input: &'a [u8], mut next: impl FnMut(&'a [u8]) -> Step<'a>) -> u64 {
    let mut requests = 0;
    while !input.is_empty() {
        match next(input) {
            Step::Request { request, consumed, .. } => {
                black_box(&request);
                requests += 1;
                input = &input[consumed..];
            }
            other => panic!("{other:?}"),
        }
    }
    requests
}

/// Parses everything; how many requests it was.
#[inline]
fn parse(parser: &Parser, hasher: &RandomState, input: &[u8]) -> u64 {
    let mut resume = Resume::Command;
    count(input, |rest| parser.next(rest, &mut resume, |key| hasher.hash_one(key)))
}

/// The same for packets.
#[inline]
fn parse_binary(parser: &Parser, hasher: &RandomState, input: &[u8]) -> u64 {
    count(input, |rest| parser.next_binary(rest, |key| hasher.hash_one(key)))
}

/// A packet of the binary protocol.
fn packet(opcode: u8, extras: &[u8], key: &str, value: &[u8]) -> Vec<u8> {
    let body_len = (extras.len() + key.len() + value.len()) as u32;
    let mut packet = vec![0x80, opcode, 0, key.len() as u8, extras.len() as u8, 0, 0, 0];
    packet.extend(body_len.to_be_bytes());
    packet.extend([0; 12]);
    [&packet, extras, key.as_bytes(), value].concat()
}

fn parsing(criterion: &mut Criterion) {
    let parser = Parser::new(1 << 20);
    let hasher = RandomState::new();
    let key = |i: usize| format!("user:{i:010}:sessions");
    let get = |i| format!("get {}\r\n", key(i));
    let set = format!("set {KEY} 0 0 {VALUE_LEN}\r\n{}\r\n", "v".repeat(VALUE_LEN));
    let inputs = [
        ("get", get(0)),
        ("get-pipeline-16", (0..16).map(get).collect()),
        ("multiget-100", format!("get {}\r\n", (0..100).map(key).collect::<Vec<_>>().join(" "))),
        ("set-32", set.clone()),
        ("set-32-pipeline-16", set.repeat(16)),
        ("mg", format!("mg {KEY} v\r\n")),
        ("mg-flags", format!("mg {KEY} v f c Oabcdef k\r\n")),
        ("ms-32", format!("ms {KEY} {VALUE_LEN} T60\r\n{}\r\n", "v".repeat(VALUE_LEN))),
        ("delete", format!("delete {KEY}\r\n")),
    ];
    let mut group = criterion.benchmark_group("parse");
    for (name, input) in &inputs {
        group.throughput(Throughput::Elements(parse(&parser, &hasher, input.as_bytes())));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| parse(&parser, &hasher, black_box(input.as_bytes())));
        });
    }
    let get = packet(0x00, b"", KEY, b"");
    let set = packet(0x01, &[0; 8], KEY, &[b'v'; VALUE_LEN]);
    let inputs = [
        ("binary-get", get.clone()),
        ("binary-get-pipeline-16", get.repeat(16)),
        ("binary-set-32", set.clone()),
        ("binary-set-32-pipeline-16", set.repeat(16)),
    ];
    for (name, input) in &inputs {
        group.throughput(Throughput::Elements(parse_binary(&parser, &hasher, input)));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| parse_binary(&parser, &hasher, black_box(input)));
        });
    }
    group.finish();
}

fn encoding(criterion: &mut Criterion) {
    let value = [b'v'; VALUE_LEN];
    let hit = Reply::Hit(Hit { fetched: true, ..Hit::of(1234, Value::Inline(&value)) });
    let cases: [(&str, Form<'_>, Reply<'_>); 7] = [
        ("hit", Form::text(FormTag::Get { with_cas: false, last: true }), hit),
        ("hit-cas", Form::text(FormTag::Get { with_cas: true, last: true }), hit),
        ("miss", Form::text(FormTag::Get { with_cas: false, last: true }), Reply::Miss),
        ("stored", Form::text(FormTag::Store { noreply: false }), Reply::Stored { cas: 1, value_len: 32 }),
        ("binary-hit", Form::text(FormTag::Binary { opcode: 0x00, opaque: 1 }), hit),
        (
            "binary-stored",
            Form::text(FormTag::Binary { opcode: 0x01, opaque: 1 }),
            Reply::Stored { cas: 1, value_len: 32 },
        ),
        ("mg-hit", FormTag::MetaGet { quiet: false, value: true, conditional: false }.with(b"v f c"), hit),
    ];
    let mut group = criterion.benchmark_group("encode");
    let mut out = Vec::with_capacity(64 << 10);
    for (name, form, reply) in &cases {
        group.throughput(Throughput::Elements(1));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                // A connection's output collects a turn's replies; start over before it grows.
                if out.len() > (60 << 10) {
                    out.clear();
                }
                encode(black_box(*form), black_box(KEY.as_bytes()), black_box(reply), &mut out)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parsing, encoding);
criterion_main!(benches);
