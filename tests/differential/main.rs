//! The same random streams of commands, valid and invalid, to ringcached and to memcached: the replies agree.
//!
//! The generators ([`text`], [`meta`], [`binary`]) know nothing of what must be answered, and the judge ([`judge`])
//! nothing of what was asked: it holds the short list of permitted differences. A failure prints the seed and the
//! stream, shortened while it still differs. `RINGCACHED_SEED` adds another seed to those of every run, and
//! `RINGCACHED_STREAMS` sets how many streams there are.

#[path = "../support/mod.rs"]
mod support;

mod binary;
mod judge;
mod meta;
mod play;
mod reference;
mod shrink;
mod stream;
mod text;

use play::play;
use shrink::{differs, shrunk};
use stream::{Protocol, Stream};
use support::{Random, Server, Shape};

/// Streams of each kind in every run, and writes in a stream.
const STREAMS: u64 = 150;
const WRITES: usize = 24;

/// A second memcached, compared with the first.
const ITSELF: &str = "another memcached";

/// Streams that differ before a run is given up.
const FAILURES_MAX: usize = 5;

/// A kind of stream.
type Generate = fn(&mut Random) -> Stream;

fn text_stream(random: &mut Random) -> Stream {
    Stream::generate(Protocol::Text, random, WRITES, text::command)
}

fn meta_stream(random: &mut Random) -> Stream {
    Stream::generate(Protocol::Text, random, WRITES, meta::command)
}

fn binary_stream(random: &mut Random) -> Stream {
    let mut opaque = 0;
    Stream::generate(Protocol::Binary, random, WRITES, |random| {
        opaque += 1;
        binary::command(random, opaque)
    })
}

#[test]
fn binary_packets_are_answered_as_memcached_answers_them() {
    against_the_reference("binary", binary_stream);
}

#[test]
fn classic_commands_are_answered_as_memcached_answers_them() {
    against_the_reference("text", text_stream);
}

#[test]
fn meta_commands_are_answered_as_memcached_answers_them() {
    against_the_reference("meta", meta_stream);
}

/// This is what tests the test: a difference here is one of the judge, not of a server.
#[test]
fn memcached_agrees_with_itself() {
    let (Some(one), Some(other)) = (reference::memcached(), reference::memcached()) else { return };
    for (kind, generate, _) in KINDS {
        compare(kind, generate, &one, &[(ITSELF, other.address())]);
    }
}

/// What the streams must meet: a generator that only misses would agree with everything.
#[test]
fn the_streams_meet_every_kind_of_answer() {
    let Some(reference) = reference::memcached() else { return };
    for (kind, generate, wanted) in KINDS {
        let mut met = String::new();
        for seed in seeds() {
            let replies = play(reference.address(), &generate(&mut Random::new(seed))).expect("replies");
            met.extend(replies.iter().map(|reply| reply.shown() + "\n"));
        }
        let missed: Vec<&&str> = wanted.iter().filter(|wanted| !met.contains(**wanted)).collect();
        assert!(missed.is_empty(), "{kind} streams never meet {missed:?}");
    }
}

/// The kinds of streams, and parts of answers that they must meet.
const KINDS: [(&str, Generate, &[&str]); 3] = [
    (
        "text",
        text_stream,
        &[
            "STORED",
            "NOT_STORED",
            "EXISTS",
            "NOT_FOUND",
            "DELETED",
            "TOUCHED",
            "VALUE a",
            "END",
            "OK",
            "VERSION",
            "<closed>",
            "bad data chunk",
            "too large",
            "non-numeric",
            "invalid exptime",
            "invalid numeric delta",
            "bad command line format",
            "Usage: delete",
            "ERROR",
            "MN",
        ],
    ),
    (
        "meta",
        meta_stream,
        &[
            "HD",
            "VA ",
            "EN",
            "NF",
            "NS",
            "EX",
            "MN",
            "ME ",
            " X W",
            " Z X",
            " W\\r",
            " Z\\r",
            " h0",
            " h1",
            " t-1",
            " t1000",
            " l0",
            " f7",
            " c#",
            " s",
            " ka",
            " b\\r",
            " Oq",
            "duplicate flag",
            "invalid flag",
            "opaque token too long",
            "error decoding key",
            "invalid mode for ms",
            "invalid mode for ma",
            "bad token",
            "non-numeric",
        ],
    ),
    (
        "binary",
        binary_stream,
        &[
            "status 00",
            "status 01",
            "status 02",
            "status 03",
            "status 04",
            "status 05",
            "status 06",
            "status 81",
            "<closed>",
            "[op 05 key 0 extras 0 type 0 status 00",
            "[op 0d key 1 extras 4",
            "[op 1c key 0 extras 4",
            "[op 24 key 1 extras 4",
            "[op 04 key 0 extras 0 type 0 status 00",
        ],
    ),
];

fn against_the_reference(kind: &str, generate: Generate) {
    let Some(reference) = reference::memcached() else { return };
    let one = Server::start(Shape::OneShard, &[]);
    let two = (Shape::TwoShards.impossible().is_none()).then(|| Server::start(Shape::TwoShards, &[]));
    let mut ours = vec![(Shape::OneShard.name(), one.address())];
    // Its values are short and seldom get smaller, but each is tried.
    let compressing = Server::start(Shape::OneShard, &["--compress", "zstd", "--compress-min", "1"]);
    ours.push(("compressing", compressing.address()));
    ours.extend(two.iter().map(|two| (Shape::TwoShards.name(), two.address())));
    compare(kind, generate, &reference, &ours);
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number in the environment"));
    let mut seeds: Vec<u64> = (1..=number("RINGCACHED_STREAMS").unwrap_or(STREAMS)).collect();
    seeds.extend(number("RINGCACHED_SEED"));
    seeds
}

fn compare(kind: &str, generate: Generate, reference: &Server, ours: &[(&str, &support::Address)]) {
    let mut failures = Vec::new();
    for seed in seeds() {
        let stream = generate(&mut Random::new(seed));
        let expected = play(reference.address(), &stream);
        for (name, address) in ours {
            let Some(seen) = differs(&stream, &expected, &play(address, &stream)) else { continue };
            let shortest = shrunk(stream.clone(), reference.address(), address);
            let (expected, got) = (play(reference.address(), &shortest), play(address, &shortest));
            let how = match differs(&shortest, &expected, &got) {
                Some(how) => how,
                // Its own threads decide some answers, once in some ten thousand streams.
                None if *name == ITSELF => {
                    println!("[{kind}, seed {seed}] memcached answered otherwise once:\n{seen}");
                    continue;
                }
                None => format!("(not every time)\n{seen}"),
            };
            failures.push(format!("[{kind}, seed {seed}, {name}]\n{how}"));
        }
        if failures.len() >= FAILURES_MAX {
            break;
        }
    }
    assert!(failures.is_empty(), "{} streams differ:\n{}", failures.len(), failures.join("\n"));
}

/// Bytes for a failure message, long ones cut.
fn shown_all(bytes: &[u8]) -> String {
    support::shown(bytes)
}
