//! Finds where replies differ, and shortens a stream for as long as they do.

use std::time::{Duration, Instant};

use super::play::{Learned, Replies, filled, play};
use super::stream::Stream;
use super::support::{Address, shown};

/// Streams that are played to shorten one, and for how long: one that hangs takes seconds each time.
const TRIES_MAX: usize = 150;
const TIME_MAX: Duration = Duration::from_secs(15);

/// Where the replies to a stream first differ, in words with all that led there; `None` if they agree.
pub fn differs(stream: &Stream, expected: &Result<Replies, String>, got: &Result<Replies, String>) -> Option<String> {
    let (expected, got) = match (expected, got) {
        (Ok(expected), Ok(got)) => (expected, got),
        (Err(why), _) => return Some(format!("memcached: {why}\n{}", told(stream, stream.writes.len()))),
        (_, Err(why)) => return Some(format!("this one: {why}\n{}", told(stream, stream.writes.len()))),
    };
    let agree = |at: &usize| expected[*at].agrees(&got[*at], stream.writes[*at].permit());
    let at = (0..stream.writes.len()).find(|at| !agree(at))?;
    Some(format!("{}  memcached: {}\n  this one:  {}", told(stream, at + 1), expected[at].shown(), got[at].shown()))
}

fn told(stream: &Stream, writes: usize) -> String {
    let told = stream.writes[..writes].iter().map(|write| {
        let cut = if write.cut == 0 { String::new() } else { format!(" in pieces of {}", write.cut) };
        format!("  > {}{cut}\n", shown(&filled(write, &Learned::default())))
    });
    told.collect()
}

/// The stream without what the difference does not need.
pub fn shrunk(mut stream: Stream, reference: &Address, other: &Address) -> Stream {
    let (mut tries, start) = (0, Instant::now());
    let mut still_differs = |candidate: &Stream| {
        tries += 1;
        tries <= TRIES_MAX
            && start.elapsed() < TIME_MAX
            && differs(candidate, &play(reference, candidate), &play(other, candidate)).is_some()
    };
    // Nothing after the first difference matters; then ever smaller runs of writes, then single commands.
    let mut step = stream.writes.len().div_ceil(2);
    while step >= 1 {
        let mut at = 0;
        while at < stream.writes.len() && stream.writes.len() > 1 {
            let mut candidate = stream.clone();
            candidate.writes.drain(at..(at + step).min(stream.writes.len()));
            if !candidate.writes.is_empty() && still_differs(&candidate) {
                stream = candidate;
            } else {
                at += step;
            }
        }
        step /= 2;
    }
    for at in 0..stream.writes.len() {
        let mut command = 0;
        while stream.writes[at].commands.len() > 1 && command < stream.writes[at].commands.len() {
            let mut candidate = stream.clone();
            candidate.writes[at].commands.remove(command);
            if still_differs(&candidate) {
                stream = candidate;
            } else {
                command += 1;
            }
        }
        let mut candidate = stream.clone();
        candidate.writes[at].cut = 0;
        if stream.writes[at].cut != 0 && still_differs(&candidate) {
            stream = candidate;
        }
    }
    stream
}
