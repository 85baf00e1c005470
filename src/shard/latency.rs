//! How long requests take: histograms by kind of operation and by part of the way. Plain numbers of one core, as the
//! counters; who measures is above, where the time is known.
//!
//! ```text
//!   own key        |-- wait --|-- execute --|                 wait: from the start of the turn that received it
//!   other shard's  |-- wait --|------------ hop ------------|  hop: from its batch's first request to the answer
//!                             :    |-- execute --|          :  execute: there, told by the shard that owns the key
//!                  |------------------ total ----------------|  total: told by the shard of the connection
//! ```
//!
//! Requests are timed by the group, with which they share the time: `execute` is the group's time through its size.

use hdrhistogram::Histogram;

use crate::command::OpKind;

/// Times above this count as this, in nanoseconds: one minute.
const NANOS_MAX: u64 = 60_000_000_000;
/// Significant digits: values are told to one percent.
const DIGITS: u8 = 2;

/// A part of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, on the connection's shard.
    Total,
    /// Before it was its turn.
    Wait,
    /// To another shard and back.
    Hop,
    /// On the owner of its key.
    Execute,
}

impl Part {
    /// How many parts there are.
    pub const COUNT: usize = 4;
    /// All.
    pub const ALL: [Part; Self::COUNT] = [Part::Total, Part::Wait, Part::Hop, Part::Execute];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Part::Total => "total",
            Part::Wait => "wait",
            Part::Hop => "hop",
            Part::Execute => "execute",
        }
    }
}

/// The histograms of one shard, or of several added up. Each is made when it is first needed and takes 30 KiB, so all
/// of a shard take at most [`LATENCIES_BYTES_MAX`](Self::LATENCIES_BYTES_MAX).
#[derive(Clone, Debug, Default)]
pub struct Latencies([[Option<Histogram<u64>>; Part::COUNT]; OpKind::COUNT]);

impl Latencies {
    /// What a shard's histograms take at most, in bytes.
    pub const LATENCIES_BYTES_MAX: usize = OpKind::COUNT * Part::COUNT * (31 << 10);

    /// Adds `count` requests that took so many nanoseconds each.
    pub fn record(&mut self, kind: OpKind, part: Part, nanos: u64, count: u32) {
        let histogram = self.0[kind.index()][part as usize].get_or_insert_with(empty);
        histogram.saturating_record_n(nanos, u64::from(count));
    }

    /// Adds another shard's.
    pub fn merge(&mut self, other: &Latencies) {
        let own = self.0.iter_mut().flatten();
        for (own, other) in own.zip(other.0.iter().flatten()) {
            let Some(other) = other else { continue };
            // They are of one make, so that nothing is out of the other's range.
            let added = own.get_or_insert_with(empty).add(other);
            debug_assert!(added.is_ok());
        }
    }

    /// The times of a kind of operation in one part of its way, in nanoseconds; `None` if there were none.
    pub fn get(&self, kind: OpKind, part: Part) -> Option<&Histogram<u64>> {
        self.0[kind.index()][part as usize].as_ref()
    }
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, NANOS_MAX, DIGITS).expect("the bounds are good for a histogram")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_histograms_together_take_no_more_than_they_say() {
        assert!(empty().distinct_values() * size_of::<u64>() <= 31 << 10, "{}", empty().distinct_values());
    }

    #[test]
    fn shards_add_up_and_long_times_count_as_the_longest() {
        let (mut one, mut other) = (Latencies::default(), Latencies::default());
        one.record(OpKind::Get, Part::Total, 1_000, 98);
        one.record(OpKind::Get, Part::Total, 2_000, 1);
        other.record(OpKind::Get, Part::Total, u64::MAX, 1);
        other.record(OpKind::Touch, Part::Hop, 5, 1);
        one.merge(&other);
        let total = one.get(OpKind::Get, Part::Total).expect("recorded");
        assert_eq!(total.len(), 100);
        assert!((990..=1_010).contains(&total.value_at_quantile(0.5)), "{}", total.value_at_quantile(0.5));
        assert!((1_980..=2_020).contains(&total.value_at_quantile(0.99)));
        assert!((59_000_000_000..=61_000_000_000).contains(&total.max()));
        assert_eq!(one.get(OpKind::Touch, Part::Hop).map(Histogram::len), Some(1));
        assert!(one.get(OpKind::Touch, Part::Total).is_none());
    }
}
