//! Time as the generator counts it: nanoseconds on one monotonic axis that all its threads share.
//!
//! Nothing else reads the clock; schedules and recorders are handed [`Nanos`], so their tests need no waiting.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since the [`Clock`] started, or a length of time in nanoseconds.
pub type Nanos = u64;

/// One second in [`Nanos`].
pub const SECOND: Nanos = 1_000_000_000;

/// The origin of the axis. Copied to every thread.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts the axis at zero.
    pub fn start() -> Self {
        Clock(Instant::now())
    }

    /// The present.
    #[inline]
    pub fn now(&self) -> Nanos {
        nanos(self.0.elapsed())
    }
}

/// A duration in nanoseconds; longer than 584 years becomes 584 years.
pub fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time that the calling thread has used.
pub fn thread_cpu() -> Nanos {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64
}

/// Time for which the calling thread could have run and waited for a core; 0 where the kernel does not tell.
pub fn thread_wait() -> Nanos {
    // CPU time, waiting time and time slices, in nanoseconds (Documentation/scheduler/sched-stats.rst).
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}
