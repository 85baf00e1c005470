//! Whether a history of one key is linearizable.
//!
//! It is if its requests can be put into an order in which each gets the answer that it got, and in which none comes
//! before one that was answered before it was sent. The search is that of J. Wing and C. Gong ("Testing and verifying
//! concurrent objects", 1993) in the form of G. Lowe ("Testing for linearizability", 2017), which the checkers Knossos
//! and Porcupine use too:
//!
//! 1. All moments of sending and of answers stand in one list, in order of time.
//! 2. Going through it from its head, a request whose answer the state allows is put next and taken out of the list,
//!    with its answer, and the search begins at the head again.
//! 3. An answer in the list that is reached this way belongs to a request which should have been put before: the
//!    request that was put last is taken back, and the next one after it is tried.
//! 4. Which requests are put and what state they left is remembered; the same twice is not tried again.
//!
//! A request that changes nothing is put as soon as its answer fits: to put it later can only be harder, so such a
//! choice is never taken back alone.

use ahash::AHashSet;

use super::{
    history::{Outcome, Record},
    model::State,
};
use crate::{clock::Nanos, workload::scramble};

/// Most remembered pairs of requests put and state, for one key: some 70 MB.
pub const REMEMBERED_MAX: usize = 1 << 20;

/// Most steps, for one key, for every request of its history and beyond [`STEPS_MIN`].
const STEPS_PER_REQUEST: u64 = 1000;

/// Steps that every search may take.
const STEPS_MIN: u64 = 10_000_000;

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none, and there is none already when the answer to the request with this index has come.
    Violated(usize),
    /// The search took more than its share of time.
    Undecided,
}

/// No further entry.
const NONE: u32 = u32::MAX;

/// A moment in the list.
#[derive(Clone, Copy, Debug)]
struct Moment {
    request: u32,
    is_answer: bool,
}

struct Search<'a> {
    history: &'a [Record],
    moments: Vec<Moment>,
    /// The list: neighbours by number, with the head at the end of both.
    next: Vec<u32>,
    previous: Vec<u32>,
    /// For every request: the place of its answer.
    answers: Vec<u32>,
    /// The requests that are put, as a sum without order of 128 bits: two different sets will not meet in it.
    put: [u64; 2],
    /// Requests with an answer that are not put.
    left: usize,
}

/// Looks for an order of `history`, all of one key and sorted by `invoked`, that begins in `from`.
pub fn search(history: &[Record], from: State) -> Verdict {
    Search::new(history).run(from)
}

impl<'a> Search<'a> {
    fn new(history: &'a [Record]) -> Self {
        let mut at: Vec<(Nanos, Moment)> = Vec::with_capacity(2 * history.len());
        for (request, record) in history.iter().enumerate() {
            let request = request as u32;
            at.push((record.invoked, Moment { request, is_answer: false }));
            if record.outcome != Outcome::Unknown {
                at.push((record.responded, Moment { request, is_answer: true }));
            }
        }
        // What happens in one nanosecond overlaps: requests come before answers.
        at.sort_by_key(|(at, moment)| (*at, moment.is_answer));
        let moments: Vec<Moment> = at.into_iter().map(|(_, moment)| moment).collect();
        let count = moments.len() as u32;
        let mut answers = vec![NONE; history.len()];
        for (place, moment) in moments.iter().enumerate().filter(|(_, moment)| moment.is_answer) {
            answers[moment.request as usize] = place as u32;
        }
        Search {
            history,
            left: answers.iter().filter(|place| **place != NONE).count(),
            answers,
            next: (0..count).map(|n| n + 1).chain([0]).collect(),
            previous: [count].into_iter().chain(0..count).collect(),
            moments,
            put: [0; 2],
        }
    }

    fn head(&self) -> u32 {
        self.moments.len() as u32
    }

    fn unlink(&mut self, place: u32) {
        let (before, after) = (self.previous[place as usize], self.next[place as usize]);
        self.next[before as usize] = after;
        self.previous[after as usize] = before;
    }

    fn link(&mut self, place: u32) {
        let (before, after) = (self.previous[place as usize], self.next[place as usize]);
        self.next[before as usize] = place;
        self.previous[after as usize] = place;
    }

    /// Takes the request at `place` out of the list.
    fn lift(&mut self, place: u32) {
        let request = self.moments[place as usize].request;
        self.unlink(place);
        let answer = self.answers[request as usize];
        if answer != NONE {
            self.unlink(answer);
            self.left -= 1;
        }
        self.note(request);
    }

    /// Notes that a request is put, or no longer.
    fn note(&mut self, request: u32) {
        let bits = scramble(u64::from(request));
        self.put[0] ^= bits;
        self.put[1] ^= scramble(bits);
    }

    /// Whether the request at `place` stands at the list's head with its answer behind it: there is no choice.
    fn is_forced(&self, place: u32) -> bool {
        let answer = self.answers[self.moments[place as usize].request as usize];
        self.previous[place as usize] == self.head() && self.next[place as usize] == answer
    }

    /// Puts it back; the last one taken out is the first to be put back.
    fn lower(&mut self, place: u32) {
        let request = self.moments[place as usize].request;
        let answer = self.answers[request as usize];
        if answer != NONE {
            self.link(answer);
            self.left += 1;
        }
        self.link(place);
        self.note(request);
    }

    fn run(mut self, from: State) -> Verdict {
        let head = self.head();
        let mut seen: AHashSet<([u64; 2], State)> = AHashSet::new();
        // What was put, where, and the state before.
        let mut order: Vec<(u32, State)> = Vec::new();
        let (mut state, mut place) = (from, self.next[head as usize]);
        // The latest answer that was reached with its request not put.
        let mut furthest = 0;
        let steps_max = STEPS_MIN + STEPS_PER_REQUEST * self.history.len() as u64;
        for _ in 0..steps_max {
            if self.left == 0 {
                return Verdict::Linearizable;
            }
            let moment = self.moments.get(place as usize).filter(|moment| !moment.is_answer);
            if let Some(moment) = moment {
                let record = &self.history[moment.request as usize];
                let Some(after) = state.after(record.action, record.outcome) else {
                    place = self.next[place as usize];
                    continue;
                };
                let forced = self.is_forced(place);
                let observes = record.is_observation() && after == state;
                self.lift(place);
                if seen.len() >= REMEMBERED_MAX {
                    // What is forgotten may be tried twice, which costs time only.
                    seen.clear();
                }
                if forced || seen.insert((self.put, after)) {
                    order.push((place, state));
                    state = after;
                    place = self.next[head as usize];
                    continue;
                }
                self.lower(place);
                if !observes {
                    place = self.next[place as usize];
                    continue;
                }
                // It changes nothing, and what follows from it is known to fail.
            } else if place != head {
                furthest = furthest.max(place);
            }
            loop {
                let Some((back, before)) = order.pop() else {
                    return Verdict::Violated(self.moments[furthest as usize].request as usize);
                };
                self.lower(back);
                let record = &self.history[self.moments[back as usize].request as usize];
                let observed = record.is_observation() && state == before;
                state = before;
                if !observed {
                    place = self.next[back as usize];
                    break;
                }
            }
        }
        Verdict::Undecided
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
