//! The times after which a ring wakes its owner.

use io_uring::types::Timespec;

/// A time after which the ring wakes its owner once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A second: housekeeping.
    Tick,
    /// Half a millisecond: the next look at whether a stopping server has answered everything.
    DrainStep,
}

// The kernel reads them when an operation is submitted, which is later than when it is queued.
static TICK: Timespec = Timespec::new().sec(1);
static DRAIN_STEP: Timespec = Timespec::new().nsec(500_000);

impl Timer {
    /// How long it takes, where the kernel can read it at any time, and its number.
    pub(super) fn time_and_index(self) -> (&'static Timespec, u32) {
        match self {
            Timer::Tick => (&TICK, 0),
            Timer::DrainStep => (&DRAIN_STEP, 1),
        }
    }

    /// The timer of this number.
    pub(super) fn from_index(index: u32) -> Self {
        if index == 0 { Timer::Tick } else { Timer::DrainStep }
    }
}
