//! Every split of the same bytes gives the same steps and takes the same number of bytes.

#[path = "../../fuzz/driver.rs"]
mod driver;
mod packets;
mod text;

use driver::Outcome;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Splits in two are tried up to here: that reaches every command of a short stream and keeps a long one affordable.
const SPLITS_MAX: usize = 300;
/// A stream that is given byte by byte is cut to this.
const DRIBBLED_LEN_MAX: usize = 3000;

/// The stream in pieces of these lengths, over and over.
fn cut<'a>(stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = stream;
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn check_splits_in_two(stream: &[u8], run: fn(Vec<&[u8]>) -> Outcome) {
    let whole = run(vec![stream]);
    for at in 0..stream.len().min(SPLITS_MAX) {
        assert_eq!(whole, run(vec![&stream[..at], &stream[at..]]), "split at {at}");
    }
}

fn check_byte_by_byte(stream: &[u8], run: fn(Vec<&[u8]>) -> Outcome) {
    let stream = &stream[..stream.len().min(DRIBBLED_LEN_MAX)];
    assert_eq!(run(vec![stream]), run(stream.chunks(1).collect()));
}

fn check_kinds(streams: impl Strategy<Value = Vec<u8>>, run: fn(Vec<&[u8]>) -> Outcome, kinds: &[&str]) {
    let mut runner = TestRunner::deterministic();
    let mut steps = String::new();
    for _ in 0..300 {
        let stream = streams.new_tree(&mut runner).unwrap().current();
        steps.extend(run(vec![&stream]).steps);
    }
    for kind in kinds {
        assert!(steps.contains(kind), "no {kind}");
    }
}

fn run_text(pieces: Vec<&[u8]>) -> Outcome {
    driver::run(pieces)
}

fn run_packets(pieces: Vec<&[u8]>) -> Outcome {
    driver::run_binary(pieces)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_splits_of_text_change_nothing(stream in text::stream(), cuts in prop::collection::vec(1usize..400, 1..60)) {
        prop_assert_eq!(run_text(vec![&stream]), run_text(cut(&stream, &cuts)));
    }

    #[test]
    fn random_splits_of_packets_change_nothing(
        stream in packets::stream(),
        cuts in prop::collection::vec(1usize..400, 1..60),
    ) {
        prop_assert_eq!(run_packets(vec![&stream]), run_packets(cut(&stream, &cuts)));
    }

    #[test]
    fn every_split_of_text_in_two_changes_nothing(stream in text::stream()) {
        check_splits_in_two(&stream, run_text);
    }

    #[test]
    fn every_split_of_packets_in_two_changes_nothing(stream in packets::stream()) {
        check_splits_in_two(&stream, run_packets);
    }

    #[test]
    fn text_byte_by_byte_changes_nothing(stream in text::stream()) {
        check_byte_by_byte(&stream, run_text);
    }

    #[test]
    fn packets_byte_by_byte_change_nothing(stream in packets::stream()) {
        check_byte_by_byte(&stream, run_packets);
    }
}

#[test]
fn the_generators_reach_every_kind_of_step() {
    check_kinds(text::stream(), run_text, text::KINDS);
    check_kinds(packets::stream(), run_packets, packets::KINDS);
}
