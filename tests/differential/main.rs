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
    for (kind, generate) in [("text", text_stream as Generate), ("meta", meta_stream), ("binary", binary_stream)] {
        compare(kind, generate, &one, &[("another memcached", other.address())]);
    }
}

fn against_the_reference(kind: &str, generate: Generate) {
    let Some(reference) = reference::memcached() else { return };
    let one = Server::start(Shape::OneShard, &[]);
    let two = (Shape::TwoShards.impossible().is_none()).then(|| Server::start(Shape::TwoShards, &[]));
    let mut ours = vec![(Shape::OneShard.name(), one.address())];
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
            let how = differs(&shortest, &expected, &got).unwrap_or(format!("(not every time)\n{seen}"));
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
