//! What one key may answer: the sequential specification that a history is held against.

use super::history::{Action, Outcome};

/// What is known of the key between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing: where a part of a history is looked at alone.
    Any,
    /// Something is there.
    Some,
    /// Nothing is there.
    Absent,
    /// This number is there.
    Number(u64),
}

impl State {
    fn may_be_absent(self) -> bool {
        matches!(self, State::Any | State::Absent)
    }

    fn may_be_present(self) -> bool {
        self != State::Absent
    }

    fn may_be(self, number: u64) -> bool {
        match self {
            State::Any | State::Some => true,
            State::Absent => false,
            State::Number(is) => is == number,
        }
    }

    /// The state once it is known that something is there.
    fn present(self) -> State {
        if self == State::Any { State::Some } else { self }
    }

    /// The state after a request with this outcome, or `None` if it cannot have this outcome in this state. Where
    /// less than everything is known of the state, rather too much is allowed.
    pub fn after(self, action: Action, outcome: Outcome) -> Option<State> {
        match (action, outcome) {
            (Action::Get, Outcome::Number(number)) => self.may_be(number).then_some(State::Number(number)),
            (Action::Incr { makes: true }, Outcome::Absent) => None,
            (_, Outcome::Absent) => self.may_be_absent().then_some(State::Absent),
            (Action::Set(number), Outcome::Done | Outcome::Unknown) => Some(State::Number(number)),
            (Action::Add(number), Outcome::Done | Outcome::Unknown) => {
                self.may_be_absent().then_some(State::Number(number))
            }
            (Action::Add(_), Outcome::Present) => self.may_be_present().then_some(self.present()),
            (Action::Cas { old, new }, Outcome::Done | Outcome::Unknown) => {
                self.may_be(old).then_some(State::Number(new))
            }
            // A number is stored once, so another number is there, or nothing is known.
            (Action::Cas { old, .. }, Outcome::Present) => {
                (self.may_be_present() && self != State::Number(old)).then_some(self.present())
            }
            (Action::Incr { makes: true }, Outcome::Number(1)) if self.may_be_absent() => Some(State::Number(1)),
            (Action::Incr { .. }, Outcome::Number(number)) => {
                self.may_be(number.checked_sub(1)?).then_some(State::Number(number))
            }
            (Action::Incr { makes }, Outcome::Unknown) => match self {
                State::Absent => makes.then_some(State::Number(1)),
                State::Number(number) => Some(State::Number(number.wrapping_add(1))),
                State::Any | State::Some => Some(State::Some),
            },
            (Action::Delete, Outcome::Done | Outcome::Unknown) => self.may_be_present().then_some(State::Absent),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Absent, Done, Number, Present, Unknown};

    #[test]
    fn each_request_has_the_answers_that_the_state_allows() {
        let (empty, five) = (State::Absent, State::Number(5));
        for (state, action, outcome, after) in [
            (empty, Action::Get, Absent, Some(empty)),
            (empty, Action::Get, Number(5), None),
            (five, Action::Get, Number(5), Some(five)),
            (five, Action::Get, Number(4), None),
            (five, Action::Get, Absent, None),
            (empty, Action::Set(7), Done, Some(State::Number(7))),
            (five, Action::Set(7), Done, Some(State::Number(7))),
            (empty, Action::Add(7), Done, Some(State::Number(7))),
            (five, Action::Add(7), Done, None),
            (five, Action::Add(7), Present, Some(five)),
            (empty, Action::Add(7), Present, None),
            (five, Action::Cas { old: 5, new: 7 }, Done, Some(State::Number(7))),
            (five, Action::Cas { old: 4, new: 7 }, Done, None),
            (five, Action::Cas { old: 4, new: 7 }, Present, Some(five)),
            (five, Action::Cas { old: 5, new: 7 }, Present, None),
            (empty, Action::Cas { old: 5, new: 7 }, Absent, Some(empty)),
            (five, Action::Cas { old: 4, new: 7 }, Absent, None),
            (five, Action::Incr { makes: false }, Number(6), Some(State::Number(6))),
            (five, Action::Incr { makes: false }, Number(7), None),
            (empty, Action::Incr { makes: false }, Number(1), None),
            (empty, Action::Incr { makes: false }, Absent, Some(empty)),
            (five, Action::Incr { makes: true }, Number(6), Some(State::Number(6))),
            (five, Action::Incr { makes: true }, Number(1), None),
            (empty, Action::Incr { makes: true }, Number(1), Some(State::Number(1))),
            (empty, Action::Incr { makes: true }, Number(2), None),
            (empty, Action::Incr { makes: true }, Absent, None),
            (empty, Action::Incr { makes: true }, Unknown, Some(State::Number(1))),
            (State::Any, Action::Incr { makes: true }, Number(1), Some(State::Number(1))),
            (five, Action::Delete, Done, Some(empty)),
            (five, Action::Delete, Absent, None),
            (empty, Action::Delete, Done, None),
            (empty, Action::Delete, Absent, Some(empty)),
            (State::Any, Action::Add(1), Present, Some(State::Some)),
            (State::Some, Action::Get, Absent, None),
            (State::Some, Action::Get, Number(9), Some(State::Number(9))),
        ] {
            assert_eq!(state.after(action, outcome), after, "{state:?} {action:?} {outcome:?}");
        }
    }
}
