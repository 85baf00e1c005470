//! The search against histories by hand, and against a twin that tries every order.

use super::*;
use crate::{check::linear::history::Action, workload::Rng};

fn record(invoked: Nanos, responded: Nanos, action: Action, outcome: Outcome) -> Record {
    Record { invoked, responded, connection: 0, key: 0, action, outcome }
}

const INCR: Action = Action::Incr { makes: false };

use Action::{Add, Cas, Delete, Get, Set};
use Outcome::{Absent, Done, Number, Present, Unknown};

#[test]
fn requests_that_overlap_may_come_in_either_order() {
    let seen = |number| vec![record(0, 10, Set(1), Done), record(2, 8, Set(2), Done), record(11, 12, Get, number)];
    assert_eq!(search(&seen(Number(1)), State::Absent), Verdict::Linearizable);
    assert_eq!(search(&seen(Number(2)), State::Absent), Verdict::Linearizable);
    assert_eq!(search(&seen(Number(3)), State::Absent), Verdict::Violated(2));
    assert_eq!(search(&seen(Absent), State::Absent), Verdict::Violated(2));
}

#[test]
fn a_stale_read_is_found_where_it_happened() {
    let mut history = vec![record(0, 1, Set(1), Done), record(2, 3, Set(2), Done), record(4, 5, Get, Number(1))];
    history.extend((0..100).map(|n| record(10 + 2 * n, 11 + 2 * n, Get, Number(2))));
    assert_eq!(search(&history, State::Absent), Verdict::Violated(2));
    history.remove(2);
    assert_eq!(search(&history, State::Absent), Verdict::Linearizable);
}

#[test]
fn two_readers_may_not_see_writes_in_different_orders() {
    let history = [
        record(0, 100, Set(1), Done),
        record(0, 100, Set(2), Done),
        record(10, 20, Get, Number(1)),
        record(10, 50, Get, Number(2)),
        record(30, 40, Get, Number(2)),
        record(60, 70, Get, Number(1)),
    ];
    assert_eq!(search(&history, State::Absent), Verdict::Violated(5));
    assert_eq!(search(&history[..5], State::Absent), Verdict::Linearizable);
}

#[test]
fn one_cas_and_one_add_of_several_wins() {
    let cas = |new, outcome| record(2, 9, Cas { old: 1, new }, outcome);
    let two = |a, b| [record(0, 1, Set(1), Done), cas(5, a), cas(6, b)];
    assert_eq!(search(&two(Done, Present), State::Absent), Verdict::Linearizable);
    assert!(matches!(search(&two(Done, Done), State::Absent), Verdict::Violated(_)));
    assert!(matches!(search(&two(Present, Present), State::Absent), Verdict::Violated(_)));
    let adds = |a, b| [record(0, 9, Add(1), a), record(0, 9, Add(2), b)];
    assert_eq!(search(&adds(Present, Done), State::Absent), Verdict::Linearizable);
    assert!(matches!(search(&adds(Done, Done), State::Absent), Verdict::Violated(_)));
}

#[test]
fn a_request_without_an_answer_may_have_been_done_or_not() {
    let then =
        |outcome| vec![record(0, 1, Set(1), Done), record(2, Nanos::MAX, Set(2), Unknown), record(5, 6, Get, outcome)];
    assert_eq!(search(&then(Number(1)), State::Absent), Verdict::Linearizable);
    assert_eq!(search(&then(Number(2)), State::Absent), Verdict::Linearizable);
    assert_eq!(search(&then(Absent), State::Absent), Verdict::Violated(2));
}

/// Tries every order by the definition alone.
fn has_order(history: &[Record], put: u32, state: State) -> bool {
    let open = |n: usize| put & (1 << n) == 0;
    let due: Vec<usize> = (0..history.len()).filter(|n| open(*n)).collect();
    if due.iter().all(|n| history[*n].outcome == Unknown) {
        return true;
    }
    let until = due.iter().map(|n| history[*n].responded).min().unwrap_or(Nanos::MAX);
    due.iter().any(|&n| {
        let record = &history[n];
        record.invoked <= until
            && state.after(record.action, record.outcome).is_some_and(|after| has_order(history, put | 1 << n, after))
    })
}

/// A random history: mostly what a right server would answer, sometimes with an answer of another.
fn random(rng: &mut Rng) -> Vec<Record> {
    let mut state = None;
    let (mut history, mut clock) = (Vec::new(), 0);
    for n in 0..2 + rng.below(7) {
        clock += rng.below(6);
        let number = 1000 * (n + 1);
        let old = history.len().checked_sub(1).map_or(1, |_| 1000 * (1 + rng.below(n)));
        let (action, outcome) = match rng.below(6) {
            0 => (Get, state.map_or(Absent, Number)),
            1 => (Set(number), Done),
            2 => (Add(number), if state.is_some() { Present } else { Done }),
            3 => {
                let outcome = match state {
                    None => Absent,
                    Some(is) if is == old => Done,
                    Some(_) => Present,
                };
                (Cas { old, new: number }, outcome)
            }
            4 => (INCR, state.map_or(Absent, |is: u64| Number(is + 1))),
            _ => (Delete, if state.is_some() { Done } else { Absent }),
        };
        match (action, outcome) {
            (Set(new) | Add(new) | Cas { new, .. }, Done) => state = Some(new),
            (INCR, Number(new)) => state = Some(new),
            (Delete, _) => state = None,
            _ => {}
        }
        let (invoked, responded) = (clock - rng.below(5).min(clock), clock + rng.below(5));
        history.push(record(invoked, responded, action, outcome));
    }
    for _ in 0..rng.below(3) {
        let at = rng.below(history.len() as u64) as usize;
        let other = history[rng.below(history.len() as u64) as usize].outcome;
        if history[at].outcome == Unknown {
            continue;
        }
        match (history[at].action, other) {
            (Get, Number(_) | Absent) => history[at].outcome = other,
            (Delete | Cas { .. }, Done | Absent) => history[at].outcome = other,
            _ => (history[at].outcome, history[at].responded) = (Unknown, Nanos::MAX),
        }
    }
    history.retain(|record| !(record.action == Get && record.outcome == Unknown));
    history.sort_by_key(|record| record.invoked);
    history
}

#[test]
fn the_search_finds_what_trying_every_order_finds() {
    let mut rng = Rng::new(7, 0);
    let mut found = [0; 2];
    for round in 0..20_000 {
        let history = random(&mut rng);
        let expected = has_order(&history, 0, State::Absent);
        let verdict = search(&history, State::Absent);
        assert_eq!(verdict == Verdict::Linearizable, expected, "round {round}: {history:#?}");
        if let Verdict::Violated(at) = verdict {
            // What was sent before that answer has no order either.
            let end = history[at].responded;
            let begun: Vec<Record> = history.iter().filter(|record| record.invoked <= end).copied().collect();
            assert!(!has_order(&begun, 0, State::Absent), "round {round}: {history:#?}");
            assert!(end < Nanos::MAX);
        }
        found[usize::from(expected)] += 1;
    }
    assert!(found.iter().all(|count| *count > 1000), "{found:?}");
}

/// Many requests at once for one key, as a right server would answer them.
#[test]
fn a_long_history_of_a_busy_key_is_quick() {
    let mut rng = Rng::new(3, 0);
    let (mut history, mut state) = (Vec::new(), None);
    for n in 0..100_000u64 {
        let (action, outcome) = match rng.below(4) {
            0 => (Set(n), Done),
            1 if state.is_some() => (Delete, Done),
            1 => (Add(n), Done),
            _ => (Get, state.map_or(Absent, Number)),
        };
        match action {
            Set(new) | Add(new) => state = Some(new),
            Delete => state = None,
            _ => {}
        }
        let at = n * 10;
        let (early, late) = (rng.below(80), rng.below(80));
        history.push(record(at.saturating_sub(early), at + late, action, outcome));
    }
    history.sort_by_key(|record| record.invoked);
    assert_eq!(search(&history, State::Absent), Verdict::Linearizable);
}
