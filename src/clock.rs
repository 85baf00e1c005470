//! Time as the cache counts it: whole seconds since the process started, and memcached's rules for `exptime`.
//!
//! Nothing else in the crate reads the time of day. The shard's loop reads the clock once a turn and passes
//! [`Seconds`] down, so that storage and its tests run on any clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// An exptime of more than this many seconds (30 days) is an absolute unix time, not a distance from now.
pub const RELATIVE_EXPTIME_MAX: i64 = 60 * 60 * 24 * 30;

/// The first value of the clock. Above zero, so that "already expired" has a value below every `now`.
const FIRST_SECOND: u32 = 2;

/// Seconds since shortly before the process started. Never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub u32);

/// The second from which on an item is gone; [`Deadline::NEVER`] for an item that does not expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deadline(u32);

impl Deadline {
    /// The item does not expire.
    pub const NEVER: Deadline = Deadline(0);
    /// The item is expired from the start.
    pub const PAST: Deadline = Deadline(1);
    /// Deadlines fit in 28 bits (8.5 years); later ones are brought forward to this.
    pub const MAX: Deadline = Deadline((1 << 28) - 1);

    /// A deadline from its stored form: 0 for never, else the second.
    pub const fn from_raw(raw: u32) -> Self {
        Deadline(raw)
    }

    /// The stored form: 0 for never, else the second. At most 28 bits.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// Whether an item with this deadline is gone at `now`.
    #[inline]
    pub const fn is_past(self, now: Seconds) -> bool {
        self.0 != 0 && self.0 <= now.0
    }

    /// Seconds left at `now`: `None` for never, 0 once expired.
    pub const fn remaining(self, now: Seconds) -> Option<u32> {
        if self.0 == 0 { None } else { Some(self.0.saturating_sub(now.0)) }
    }
}

/// An `exptime` as it stands on the wire: 0 never, negative already expired, up to 30 days a distance from
/// now, beyond that a unix time. See memcached's `doc/protocol.txt`, "Expiration times".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exptime(pub i64);

/// A moment as both clocks see it: the process's and the calendar's.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Seconds of the process's clock.
    pub seconds: Seconds,
    /// The unix time at which the process's clock showed zero.
    pub epoch_unix: i64,
}

impl Now {
    /// The current unix time in seconds.
    pub const fn unix(&self) -> i64 {
        self.epoch_unix + self.seconds.0 as i64
    }

    /// Resolves a wire `exptime` by memcached's rules.
    #[inline]
    pub fn deadline(&self, exptime: Exptime) -> Deadline {
        match exptime.0 {
            0 => Deadline::NEVER,
            t if t < 0 => Deadline::PAST,
            t if t <= RELATIVE_EXPTIME_MAX => clamp(i64::from(self.seconds.0) + t),
            t => clamp(t.saturating_sub(self.epoch_unix)),
        }
    }
}

fn clamp(second: i64) -> Deadline {
    let last = i64::from(Deadline::MAX.0);
    // In range after the clamp, so the cast keeps the value.
    Deadline(second.clamp(i64::from(Deadline::PAST.0), last) as u32)
}

/// The process's clock. Monotonic: a step of the wall clock moves no deadline that is already set.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    started_unix_ms: u64,
    epoch_unix: i64,
}

impl Clock {
    /// Starts the clock. One per process, copied to every shard.
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            started: Instant::now(),
            started_unix_ms: unix.as_millis() as u64,
            epoch_unix: unix.as_secs() as i64 - i64::from(FIRST_SECOND),
        }
    }

    /// The current second.
    #[inline]
    pub fn now(&self) -> Now {
        self.moment().0
    }

    /// The current second, and the nanoseconds since [`Clock::start`], of one look at the clock.
    #[inline]
    pub fn moment(&self) -> (Now, u64) {
        let elapsed = self.started.elapsed();
        let seconds = Seconds(FIRST_SECOND + elapsed.as_secs() as u32);
        (Now { seconds, epoch_unix: self.epoch_unix }, elapsed.as_nanos() as u64)
    }

    /// Nanoseconds since [`Clock::start`].
    #[inline]
    pub fn nanos(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    /// Time since [`Clock::start`], for what is counted in less than seconds.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The unix time of [`Clock::start`] in milliseconds.
    pub const fn started_unix_ms(&self) -> u64 {
        self.started_unix_ms
    }

    /// The time of day, since 1970, to the millisecond at the start and to the nanosecond from there.
    pub fn unix(&self) -> Duration {
        Duration::from_millis(self.started_unix_ms) + self.started.elapsed()
    }

    /// Whole seconds since [`Clock::start`].
    pub fn uptime_seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now { seconds: Seconds(100), epoch_unix: 1_700_000_000 };

    #[test]
    fn zero_never_expires() {
        assert_eq!(NOW.deadline(Exptime(0)), Deadline::NEVER);
        assert!(!Deadline::NEVER.is_past(Seconds(u32::MAX)));
        assert_eq!(Deadline::NEVER.remaining(Seconds(5)), None);
    }

    #[test]
    fn negative_is_already_expired() {
        for t in [-1, -2, i64::MIN] {
            assert!(NOW.deadline(Exptime(t)).is_past(NOW.seconds));
        }
    }

    #[test]
    fn up_to_thirty_days_is_relative() {
        assert_eq!(NOW.deadline(Exptime(1)).raw(), 101);
        assert_eq!(NOW.deadline(Exptime(RELATIVE_EXPTIME_MAX)).raw() as i64, 100 + RELATIVE_EXPTIME_MAX);
    }

    #[test]
    fn beyond_thirty_days_is_a_unix_time() {
        assert_eq!(NOW.deadline(Exptime(NOW.unix() + 7)).raw(), 107);
        assert!(NOW.deadline(Exptime(NOW.unix() - 7)).is_past(NOW.seconds));
        assert!(NOW.deadline(Exptime(RELATIVE_EXPTIME_MAX + 1)).is_past(NOW.seconds));
    }

    #[test]
    fn far_future_is_clamped_not_wrapped() {
        assert_eq!(NOW.deadline(Exptime(i64::MAX)), Deadline::MAX);
    }

    #[test]
    fn the_deadline_is_exclusive() {
        let d = NOW.deadline(Exptime(10));
        assert!(!d.is_past(Seconds(109)));
        assert!(d.is_past(Seconds(110)));
        assert_eq!(d.remaining(Seconds(105)), Some(5));
        assert_eq!(d.remaining(Seconds(500)), Some(0));
    }
}
