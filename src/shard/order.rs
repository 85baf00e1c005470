//! What the server asks of every shard, beside requests for keys.

use super::counters::ShardStats;
use crate::clock::Exptime;

/// Something that every shard carries out or reports on. Small, since it crosses cores by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Forget every item: at this time, or at once if it is zero or past.
    FlushAll(Exptime),
    /// Set the counters to zero.
    StatsReset,
    /// Report.
    Report(Subject),
}

/// What a shard can report on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The counters.
    General,
}

/// What came of an [`Order`].
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Done; there is nothing to say.
    Done,
    /// The report asked for.
    Report(Box<Report>),
}

/// A shard's report.
#[derive(Clone, Debug)]
pub enum Report {
    /// The counters.
    General(ShardStats),
}
