//! Expectations with placeholders, and how they fit what was received.

use std::collections::HashMap;

/// How many bytes both begin with.
pub(super) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// A piece of an expectation.
pub(super) enum Part<'a> {
    Literal(&'a [u8]),
    Number(&'a str),
    RestOfLine,
}

/// How an expectation fits what was received so far; a complete one says its length and the numbers it found.
pub(super) enum Match {
    Complete(usize, Vec<(String, Vec<u8>)>),
    Partial,
    No,
}

const NUMBER_MARK: &[u8] = b"<cas:";
const LINE_MARK: &[u8] = b"<line>";

/// Cuts an expectation at its placeholders.
pub(super) fn parts(bytes: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut literal, mut at) = (0, 0);
    while at < bytes.len() {
        let here = &bytes[at..];
        let (part, len) = if here.starts_with(LINE_MARK) {
            (Part::RestOfLine, LINE_MARK.len())
        } else if here.starts_with(NUMBER_MARK) {
            let end = here.iter().position(|&b| b == b'>').expect("a placeholder ends in >");
            let name = std::str::from_utf8(&here[NUMBER_MARK.len()..end]).expect("a placeholder's name is text");
            (Part::Number(name), end + 1)
        } else {
            at += 1;
            continue;
        };
        parts.push(Part::Literal(&bytes[literal..at]));
        parts.push(part);
        at += len;
        literal = at;
    }
    parts.push(Part::Literal(&bytes[literal..]));
    parts
}

/// Fits an expectation to the beginning of `bytes`. `known` are the numbers remembered so far.
pub(super) fn matched(pattern: &[Part], bytes: &[u8], known: &HashMap<String, Vec<u8>>) -> Match {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let mut at = 0;
    for part in pattern {
        let left = &bytes[at..];
        match part {
            Part::Literal(text) => {
                let both = text.len().min(left.len());
                if left[..both] != text[..both] {
                    return Match::No;
                }
                if both < text.len() {
                    return Match::Partial;
                }
                at += both;
            }
            Part::Number(name) => {
                let digits = left.iter().take_while(|b| b.is_ascii_digit()).count();
                if digits == left.len() {
                    return Match::Partial;
                }
                let number = left[..digits].to_vec();
                let before = found.iter().find(|(n, _)| n == name).map(|(_, v)| v).or(known.get(*name));
                if digits == 0 || before.is_some_and(|before| *before != number) {
                    return Match::No;
                }
                found.push(((*name).to_owned(), number));
                at += digits;
            }
            Part::RestOfLine => match left.iter().position(|&b| b == b'\r') {
                Some(len) => at += len,
                None => return Match::Partial,
            },
        }
    }
    Match::Complete(at, found)
}
