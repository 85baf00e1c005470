//! One request on the wire: what it is, and how often it ended how.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::operation::Operation;

/// What a request is. A cas is two of them, and a read that misses may cause a further one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Get,
    Multiget,
    Gat,
    /// The read before a cas.
    Gets,
    Set,
    /// The set after a read that missed.
    Fill,
    Add,
    Cas,
    Incr,
    Decr,
    Delete,
    Touch,
}

impl Step {
    /// All of them, in the order of their declaration.
    const ALL: [Step; 12] = [
        Step::Get,
        Step::Multiget,
        Step::Gat,
        Step::Gets,
        Step::Set,
        Step::Fill,
        Step::Add,
        Step::Cas,
        Step::Incr,
        Step::Decr,
        Step::Delete,
        Step::Touch,
    ];

    /// Whether values answer it.
    #[inline]
    pub fn reads(self) -> bool {
        matches!(self, Step::Get | Step::Multiget | Step::Gat | Step::Gets)
    }

    /// Whether it stores a value.
    #[inline]
    pub fn stores(self) -> bool {
        matches!(self, Step::Set | Step::Fill | Step::Add | Step::Cas)
    }

    /// The operation whose answers it gets.
    #[inline]
    pub fn operation(self) -> Operation {
        match self {
            Step::Get | Step::Gets => Operation::Get,
            Step::Multiget => Operation::Multiget,
            Step::Gat => Operation::Gat,
            Step::Set | Step::Fill => Operation::Set,
            Step::Add => Operation::Add,
            Step::Cas => Operation::Cas,
            Step::Incr => Operation::Incr,
            Step::Decr => Operation::Decr,
            Step::Delete => Operation::Delete,
            Step::Touch => Operation::Touch,
        }
    }

    /// The name in reports.
    fn name(self) -> &'static str {
        match self {
            Step::Gets => "gets",
            Step::Fill => "fill",
            step => step.operation().name(),
        }
    }
}

/// How the requests of one step ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StepCounts {
    /// Requests answered.
    pub requests: u64,
    /// Keys found by a read; other requests that were done.
    pub done: u64,
    /// Keys not found by a read; other requests that found no item, or one that was in the way.
    pub not_done: u64,
    /// Requests answered by an error.
    pub errors: u64,
}

/// The answers of a run with a workload file, step by step.
#[derive(Clone, Debug, Default)]
pub struct Tally([StepCounts; Step::ALL.len()]);

impl Tally {
    /// The counts of one step.
    pub fn of(&mut self, step: Step) -> &mut StepCounts {
        &mut self.0[step as usize]
    }

    /// Adds another thread's.
    pub fn merge(&mut self, other: &Tally) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.requests += theirs.requests;
            mine.done += theirs.done;
            mine.not_done += theirs.not_done;
            mine.errors += theirs.errors;
        }
    }

    /// Names and counts of the steps that occurred.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, &StepCounts)> {
        Step::ALL
            .iter()
            .zip(&self.0)
            .filter(|(_, counts)| counts.requests > 0)
            .map(|(step, counts)| (step.name(), counts))
    }
}

impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, counts) in self.rows() {
            map.serialize_entry(name, counts)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_in_order_and_named_once() {
        for (at, step) in Step::ALL.iter().enumerate() {
            assert_eq!(*step as usize, at);
            assert!(Step::ALL[..at].iter().all(|earlier| earlier.name() != step.name()));
        }
    }
}
