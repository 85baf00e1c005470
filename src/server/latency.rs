//! Timing requests by the group: the clock is read three times a turn, and once more for every
//! [`REQUESTS_PER_TIMING`](super::limits::REQUESTS_PER_TIMING) requests of a long one; never for a request.

use crate::clock::Clock;
use crate::command::{KindCounts, OpKind};
use crate::router::{Latencies, Part, Stamp};

/// Knows since when what is being executed is under way, and keeps what it took.
pub(super) struct Stopwatch {
    clock: Clock,
    stamp: Stamp,
    /// Requests for own keys since `stamp.begun_nanos`.
    executed: KindCounts,
    pub(super) latencies: Latencies,
}

impl Stopwatch {
    pub(super) fn new(clock: Clock) -> Self {
        let nanos = clock.nanos();
        let stamp = Stamp { turn_nanos: nanos, begun_nanos: nanos };
        Stopwatch { clock, stamp, executed: KindCounts::default(), latencies: Latencies::default() }
    }

    /// A turn begins. Returns the stamp for what is forwarded from now on, as the others do.
    pub(super) fn begin_turn(&mut self, nanos: u64) -> Stamp {
        self.stamp = Stamp { turn_nanos: nanos, begun_nanos: nanos };
        self.stamp
    }

    /// The first group of the turn is about to be parsed.
    pub(super) fn begin_groups(&mut self) -> Stamp {
        self.stamp.begun_nanos = self.clock.nanos();
        self.stamp
    }

    /// So many requests were executed.
    #[inline]
    pub(super) fn executed(&mut self, kind: OpKind, count: u32) {
        self.executed.add(kind, count);
    }

    /// Some groups were executed, and the next begin. `None` if they had fewer than `requests_min` requests for own
    /// keys: then they go on. Else how many they had.
    pub(super) fn end_groups(&mut self, requests_min: u32) -> Option<(Stamp, u32)> {
        let count = self.executed.total();
        if count < requests_min {
            return None;
        }
        let end = self.clock.nanos();
        let Stamp { turn_nanos, begun_nanos } = self.stamp;
        let each = end.saturating_sub(begun_nanos) / u64::from(count);
        for (kind, count) in std::mem::take(&mut self.executed).iter() {
            self.latencies.record(kind, Part::Wait, begun_nanos.saturating_sub(turn_nanos), count);
            self.latencies.record(kind, Part::Execute, each, count);
            self.latencies.record(kind, Part::Total, end.saturating_sub(turn_nanos), count);
        }
        self.stamp.begun_nanos = end;
        Some((self.stamp, count))
    }

    /// Now, for [`served`](Self::served).
    pub(super) fn read(&self) -> u64 {
        self.clock.nanos()
    }

    /// Requests of other shards were executed since `begun_nanos`.
    pub(super) fn served(&mut self, begun_nanos: u64, served: &KindCounts) {
        let count = served.total();
        if count == 0 {
            return;
        }
        let each = self.clock.nanos().saturating_sub(begun_nanos) / u64::from(count);
        for (kind, count) in served.iter() {
            self.latencies.record(kind, Part::Execute, each, count);
        }
    }

    /// The answers to requests that were forwarded under `stamp` have come, at `nanos`.
    pub(super) fn answered(&mut self, stamp: Stamp, nanos: u64, answered: &KindCounts) {
        let Stamp { turn_nanos, begun_nanos } = stamp;
        for (kind, count) in answered.iter() {
            self.latencies.record(kind, Part::Wait, begun_nanos.saturating_sub(turn_nanos), count);
            self.latencies.record(kind, Part::Hop, nanos.saturating_sub(begun_nanos), count);
            self.latencies.record(kind, Part::Total, nanos.saturating_sub(turn_nanos), count);
        }
    }

    /// Forgets all times.
    pub(super) fn reset(&mut self) {
        self.latencies = Latencies::default();
    }
}
