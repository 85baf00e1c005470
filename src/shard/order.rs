//! What the server asks of every shard, beside requests for keys.

use super::change::{Change, Refusal};
use super::counters::ShardStats;
use super::latency::Latencies;
use super::ledger::MemoryLedger;
use super::prefixes::Prefixes;
use super::report::{ClassListing, ClassReport, ListedItem};
use crate::clock::Exptime;
use crate::storage::{MissRatioCurve, SizeHistogram, Walk};

/// Something that every shard carries out or reports on. Small, since it crosses cores by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Forget every item: at this time, or at once if it is zero or past.
    FlushAll(Exptime),
    /// Set the counters to zero.
    StatsReset,
    /// Change a setting.
    Change(Change),
    /// Count by key prefix with this delimiter, or no longer.
    CountPrefixes(Option<u8>),
    /// Report.
    Report(Subject),
}

/// What a shard, or the server around it, can report on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The counters.
    General,
    /// The slab classes.
    Classes,
    /// The counts by key prefix.
    Prefixes,
    /// How many items there are of which size, from where the walk stands.
    Sizes(Walk),
    /// The items of a slab class.
    Items(ClassListing),
    /// How long requests take.
    Latency,
    /// What hit ratio is to be expected with another memory limit.
    MissRatioCurve,
    /// The connections, from this number on.
    Connections(u32),
    /// Where the memory goes.
    Memory,
}

/// What came of an [`Order`].
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Done; there is nothing to say.
    Done,
    /// Not done.
    Refused(Refusal),
    /// The report asked for.
    Report(Box<Report>),
}

/// A shard's report. One that would take long comes in pieces: each but the last names the subject of the next.
#[allow(clippy::large_enum_variant)] // Always behind a pointer.
#[derive(Clone, Debug)]
pub enum Report {
    /// The counters.
    General(Box<ShardStats>),
    /// The slab classes that have pages or ever had, by rising number.
    Classes(Vec<ClassReport>),
    /// The counts by key prefix.
    Prefixes(Prefixes),
    /// How many items there are of which size.
    Sizes(SizeHistogram, Option<Subject>),
    /// Some items of a slab class.
    Items(Vec<ListedItem>, Option<Subject>),
    /// How long requests take.
    Latency(Box<Latencies>),
    /// What hit ratio is to be expected with another memory limit.
    MissRatioCurve(Box<MissRatioCurve>),
    /// Some connections.
    Connections(Vec<ConnectionReport>, Option<Subject>),
    /// Where the memory goes.
    Memory(Box<MemoryLedger>),
}

/// A connection, or a listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionReport {
    /// The descriptor.
    pub descriptor: i32,
    /// The peer's address, or a listener's own: `tcp:127.0.0.1:11211`, `tcp6:[::1]:11211`, `unix:/path`.
    pub address: String,
    /// The address it was accepted at; `None` for a listener.
    pub listen_address: Option<String>,
    /// What it is doing, in memcached's terms.
    pub state: &'static str,
    /// Seconds since it last brought something.
    pub idle_seconds: u32,
}

impl Report {
    /// What to ask for next, if this is not all.
    pub fn next(&self) -> Option<Subject> {
        match self {
            Report::Connections(_, next) | Report::Sizes(_, next) | Report::Items(_, next) => *next,
            Report::General(_)
            | Report::Classes(_)
            | Report::Prefixes(_)
            | Report::Latency(_)
            | Report::MissRatioCurve(_)
            | Report::Memory(_) => None,
        }
    }

    /// Adds the next piece of the same shard's report.
    pub fn append(&mut self, piece: Report) {
        match (self, piece) {
            (Report::Connections(all, _), Report::Connections(more, _)) => all.extend(more),
            (Report::Sizes(all, _), Report::Sizes(more, _)) => all.merge(&more),
            (Report::Items(all, _), Report::Items(more, _)) => all.extend(more),
            (whole, piece) => *whole = piece,
        }
    }
}
