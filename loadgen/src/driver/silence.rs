//! How long the server has been silent.
//!
//! A wait lasts a second at most. One that seems longer was spent while this process was stopped or the machine slept:
//! that is not the server's silence.

use crate::clock::{Nanos, SECOND};

/// Longest wait for events.
pub const WAIT_MAX: Nanos = SECOND;

/// With requests outstanding, silence of this length ends the command.
pub const STALL_SECONDS: u64 = 10;

/// Time waited without an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence(Nanos);

impl Silence {
    /// Counts a wait that brought nothing.
    pub fn waited(&mut self, time: Nanos) {
        self.0 += time.min(WAIT_MAX);
    }

    /// Something came, or nothing is expected.
    pub fn broken(&mut self) {
        self.0 = 0;
    }

    /// Whether it is too long.
    pub fn is_stall(self) -> bool {
        self.0 > STALL_SECONDS * SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generator that had been stopped for longer than ten seconds took its own sleep for the server's silence.
    #[test]
    fn a_stop_of_the_generator_is_not_a_stall_of_the_server() {
        let mut silence = Silence::default();
        silence.waited(3600 * SECOND);
        assert!(!silence.is_stall());
        for _ in 0..9 {
            silence.waited(SECOND);
        }
        assert!(!silence.is_stall());
        silence.waited(1);
        assert!(silence.is_stall());
        silence.broken();
        assert!(!silence.is_stall());
    }
}
