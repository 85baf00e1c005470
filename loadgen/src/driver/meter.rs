//! How much of a core the generator's thread takes, and whether it was the bottleneck.
//!
//! It needs what it uses, and what it is kept waiting for because something else runs on its core.

use std::ops::AddAssign;

use crate::clock::{Nanos, thread_cpu, thread_wait};

/// Time of a core, without that of polling for a near deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreTime {
    /// What a thread used.
    pub used: Nanos,
    /// The same, and for how long it could have run and something else did.
    pub needed: Nanos,
}

impl CoreTime {
    fn of_this_thread() -> Self {
        let used = thread_cpu();
        CoreTime { used, needed: used + thread_wait() }
    }

    /// What is left without `other`.
    fn without(self, other: CoreTime) -> Self {
        let less = |from: Nanos, what: Nanos| from.saturating_sub(what);
        CoreTime { used: less(self.used, other.used), needed: less(self.needed, other.needed) }
    }
}

impl AddAssign for CoreTime {
    fn add_assign(&mut self, other: CoreTime) {
        self.used += other.used;
        self.needed += other.needed;
    }
}

/// A poll takes a system call. One that seems longer spent the rest off the core.
const POLL_MAX: Nanos = 10_000;

/// Measures the time that a thread takes of its core.
#[derive(Clone, Copy, Debug, Default)]
pub struct BusyMeter {
    polled: CoreTime,
    start: Option<CoreTime>,
}

impl BusyMeter {
    /// Begins the measured interval.
    pub fn start(&mut self) {
        self.start = Some(self.taken());
    }

    /// Counts time that passed in a poll without result.
    pub fn polled(&mut self, time: Nanos) {
        self.polled += CoreTime { used: time.min(POLL_MAX), needed: time };
    }

    /// What work took since [`BusyMeter::start`]; to be asked on the thread that is measured.
    pub fn worked(&self) -> CoreTime {
        self.start.map(|start| self.taken().without(start)).unwrap_or_default()
    }

    fn taken(&self) -> CoreTime {
        CoreTime::of_this_thread().without(self.polled)
    }
}
