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

    /// What was taken since `start`, of which `spun` went into polling.
    fn since(self, start: CoreTime, spun: Nanos) -> Self {
        let less = |now: Nanos, then: Nanos| now.saturating_sub(then).saturating_sub(spun);
        CoreTime { used: less(self.used, start.used), needed: less(self.needed, start.needed) }
    }
}

impl AddAssign for CoreTime {
    fn add_assign(&mut self, other: CoreTime) {
        self.used += other.used;
        self.needed += other.needed;
    }
}

/// Measures the time that a thread takes of its core.
#[derive(Clone, Copy, Debug, Default)]
pub struct BusyMeter {
    spun: Nanos,
    start: Option<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    taken: CoreTime,
    spun: Nanos,
}

impl BusyMeter {
    /// Begins the measured interval.
    pub fn start(&mut self) {
        self.start = Some(Mark { taken: CoreTime::of_this_thread(), spun: self.spun });
    }

    /// Counts time that went into polling without result.
    pub fn spun(&mut self, time: Nanos) {
        self.spun += time;
    }

    /// What work took since [`BusyMeter::start`]; to be asked on the thread that is measured.
    pub fn worked(&self) -> CoreTime {
        let taken = |start: Mark| CoreTime::of_this_thread().since(start.taken, self.spun - start.spun);
        self.start.map(taken).unwrap_or_default()
    }
}
