//! When a check stops asking, and when it stops waiting for answers.

use crate::{
    clock::{Nanos, SECOND},
    driver::Next,
};

/// After the end, replies are awaited for this long.
const DRAIN: Nanos = 5 * SECOND;

/// How often the time is looked at while nothing happens.
const LOOK: Nanos = SECOND / 10;

/// The end of one thread's check.
#[derive(Debug)]
pub struct Ending {
    end: Nanos,
    noticed: Option<Nanos>,
    stopped: bool,
}

impl Ending {
    /// An end after `duration`, or none by time.
    pub fn new(begin: Nanos, duration: Option<Nanos>) -> Self {
        let end = duration.map_or(Nanos::MAX, |duration| begin.saturating_add(duration));
        Ending { end, noticed: None, stopped: false }
    }

    /// Ends the check now, if it has not ended.
    pub fn end(&mut self, now: Nanos) {
        self.end = self.end.min(now);
    }

    /// Whether nothing more is to be asked.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// What to wait for, where all is asked for that ever will be (`exhausted`) or not, and so much is unanswered.
    pub fn next(&mut self, now: Nanos, exhausted: bool, outstanding: usize) -> Next {
        self.stopped = now >= self.end || exhausted;
        // Not from the end itself: this process may have been stopped since.
        let noticed = if now >= self.end { *self.noticed.get_or_insert(now) } else { Nanos::MAX };
        if self.stopped && (outstanding == 0 || now >= noticed.saturating_add(DRAIN)) {
            return Next::Finish;
        }
        Next::WaitUntil(now + LOOK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_awaited_from_when_the_end_is_noticed() {
        let mut ending = Ending::new(SECOND, Some(SECOND));
        assert_eq!((ending.next(SECOND, false, 0), ending.is_stopped()), (Next::WaitUntil(SECOND + LOOK), false));
        // The process slept over the end and the time for answers.
        let late = 60 * SECOND;
        assert_eq!((ending.next(late, false, 3), ending.is_stopped()), (Next::WaitUntil(late + LOOK), true));
        assert_eq!(ending.next(late + DRAIN, false, 3), Next::Finish);
        assert_eq!(ending.next(late + 1, false, 0), Next::Finish);
    }

    #[test]
    fn a_check_without_a_time_ends_when_all_is_asked_and_answered_or_when_told() {
        let mut ending = Ending::new(0, None);
        assert_eq!(ending.next(1000 * SECOND, false, 0), Next::WaitUntil(1000 * SECOND + LOOK));
        assert_eq!(ending.next(1000 * SECOND, true, 1), Next::WaitUntil(1000 * SECOND + LOOK));
        assert_eq!(ending.next(1000 * SECOND, true, 0), Next::Finish);
        ending.end(5);
        assert_eq!(ending.next(5, false, 0), Next::Finish);
    }
}
