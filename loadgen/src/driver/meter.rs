//! Whether the generator itself was the bottleneck: how much of a core its thread needed for work.
//!
//! It needs what it uses, and what it is kept waiting for because something else runs on its core.

use crate::clock::{Nanos, thread_cpu, thread_wait};

/// CPU time and time of waiting for a core, less the time spent polling for a near deadline, as a share of the time
/// that passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct BusyMeter {
    spun: Nanos,
    start: Option<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Nanos,
    needed: Nanos,
    spun: Nanos,
}

impl BusyMeter {
    /// Begins the measured interval.
    pub fn start(&mut self, now: Nanos) {
        self.start = Some(Mark { at: now, needed: needed(), spun: self.spun });
    }

    /// Counts time that went into polling without result.
    pub fn spun(&mut self, time: Nanos) {
        self.spun += time;
    }

    /// Time needed for work since [`BusyMeter::start`]; to be asked on the thread that is measured.
    pub fn worked(&self) -> Nanos {
        self.start.map_or(0, |start| needed().saturating_sub(start.needed).saturating_sub(self.spun - start.spun))
    }

    /// The busy share since [`BusyMeter::start`], 0.0 to 1.0; to be asked on the thread that is measured.
    pub fn busy(&self, now: Nanos) -> f64 {
        let Some(start) = self.start else { return 0.0 };
        (self.worked() as f64 / now.saturating_sub(start.at).max(1) as f64).clamp(0.0, 1.0)
    }
}

fn needed() -> Nanos {
    thread_cpu() + thread_wait()
}
