//! The shortest part of a history that shows that it is not linearizable.

use super::{
    history::Record,
    model::State,
    search::{Verdict, search},
};

/// Longer parts are shown as they are: leaving out single requests takes a search for each.
const THINNED_MAX: usize = 400;

/// Cuts what is no part of the proof from a history of one key, sorted by `invoked`, in which the answer to the
/// request `end` cannot be.
///
/// What begins after that answer is no part of it. Nor is what ended before a moment without open requests, if
/// what follows is impossible whatever the state was. Of the rest, requests that only read are left out as long as
/// it stays impossible: leaving one out of a history that is possible leaves it possible.
pub fn shrink(history: &[Record], end: usize) -> Vec<Record> {
    let until = history[end].responded;
    let history = &history[..history.partition_point(|record| record.invoked <= until)];
    let mut cuts = vec![0];
    let mut open_until = 0;
    for (at, record) in history.iter().enumerate() {
        if at > 0 && open_until < record.invoked {
            cuts.push(at);
        }
        open_until = open_until.max(record.responded);
    }
    let from = |cut: usize| if cut == 0 { State::Absent } else { State::Any };
    let fails = |part: &[Record], state| matches!(search(part, state), Verdict::Violated(_));
    // Back in steps that double, then between the last two.
    let (mut good, mut step) = (cuts.len(), 1);
    let mut bad = loop {
        let at = cuts.len().saturating_sub(step);
        if at == 0 || fails(&history[cuts[at]..], from(cuts[at])) {
            break at;
        }
        good = at;
        step *= 2;
    };
    while bad + 1 < good {
        let middle = bad + (good - bad) / 2;
        if fails(&history[cuts[middle]..], from(cuts[middle])) { bad = middle } else { good = middle }
    }
    let (mut part, state) = (history[cuts[bad]..].to_vec(), from(cuts[bad]));
    let mut at = part.len();
    while part.len() <= THINNED_MAX && at > 0 {
        at -= 1;
        if part[at].is_observation() {
            let record = part.remove(at);
            if !fails(&part, state) {
                part.insert(at, record);
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::{
        super::history::{Action, Outcome},
        *,
    };

    #[test]
    fn what_shows_nothing_is_left_out() {
        let record = |at, action, outcome| Record {
            invoked: 10 * at,
            responded: 10 * at + 5,
            connection: 0,
            key: 0,
            action,
            outcome,
        };
        let mut history: Vec<Record> = Vec::new();
        for n in 0..500 {
            history.push(record(2 * n, Action::Set(n), Outcome::Done));
            history.push(record(2 * n + 1, Action::Get, Outcome::Number(n)));
        }
        history[901].outcome = Outcome::Number(3);
        assert_eq!(search(&history, State::Absent), Verdict::Violated(901));
        assert_eq!(shrink(&history, 901), history[900..902]);
        // Lost: the first thing that is told of the key.
        history[1].outcome = Outcome::Absent;
        assert_eq!(shrink(&history, 1), history[..2]);
    }
}
