//! What was asked of one key and what came of it, and when.

use std::fmt;

use crate::clock::Nanos;

/// What a request asks of its key. Values are numbers, each stored by one request only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// get or gets.
    Get,
    /// Stores this number.
    Set(u64),
    /// Stores this number if there is none.
    Add(u64),
    /// Stores `new` if the number is still `old`, by the cas number that came with `old`.
    Cas { old: u64, new: u64 },
    /// Adds 1; where there is none it answers so, or makes it 1.
    Incr { makes: bool },
    /// Removes it.
    Delete,
}

/// What the answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The number that was read, or that is there after incr.
    Number(u64),
    /// No item was there.
    Absent,
    /// It was done: stored or removed.
    Done,
    /// Something else was there: `NOT_STORED` of add, `EXISTS` of cas.
    Present,
    /// No answer, or an error: it may have been done, at any time, or not.
    Unknown,
}

/// One request for one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was sent, or a little earlier.
    pub invoked: Nanos,
    /// When its answer was there, or a little later; [`Nanos::MAX`] if its outcome is unknown.
    pub responded: Nanos,
    /// The connection that asked.
    pub connection: u32,
    /// The number of the key.
    pub key: u32,
    pub action: Action,
    pub outcome: Outcome,
}

impl Record {
    /// Whether it only tells what was there, changing nothing.
    pub fn is_observation(&self) -> bool {
        match self.action {
            Action::Get => true,
            _ => matches!(self.outcome, Outcome::Absent | Outcome::Present),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action {
            Action::Get => write!(f, "get")?,
            Action::Set(number) => write!(f, "set {number}")?,
            Action::Add(number) => write!(f, "add {number}")?,
            Action::Cas { old, new } => write!(f, "cas {new} over {old}")?,
            Action::Incr { .. } => write!(f, "incr 1")?,
            Action::Delete => write!(f, "delete")?,
        }
        f.write_str(" -> ")?;
        match (self.action, self.outcome) {
            (_, Outcome::Number(number)) => write!(f, "{number}"),
            (Action::Get, Outcome::Absent) => f.write_str("miss"),
            (_, Outcome::Absent) => f.write_str("NOT_FOUND"),
            (Action::Delete, Outcome::Done) => f.write_str("DELETED"),
            (_, Outcome::Done) => f.write_str("STORED"),
            (Action::Add(_), Outcome::Present) => f.write_str("NOT_STORED"),
            (_, Outcome::Present) => f.write_str("EXISTS"),
            (_, Outcome::Unknown) => f.write_str("no answer or an error"),
        }
    }
}
