//! Values that do not get smaller are left alone: after a window of tries that mostly failed, a gate stays shut for a
//! while, twice as long each time that it opens in vain. Random or already compressed data so costs next to nothing.

/// Tries after which a gate judges.
const WINDOW: u32 = 64;

/// Tries of a gate that was shut before.
const PROBE: u32 = 8;

/// Values let pass untried by the first closure, and by the longest.
const REST_MIN: u32 = 512;
const REST_MAX: u32 = 32 << 10;

/// Values of similar size and what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gate {
    tried: u32,
    failed: u32,
    /// Values still to be passed by.
    resting: u32,
    /// How long the last rest was; 0 if the last window was worth its while.
    rest: u32,
}

impl Gate {
    /// Whether the next value is to be tried. To be followed by [`note`](Self::note) if so.
    #[inline]
    pub(super) fn lets_pass(&mut self) -> bool {
        if self.resting == 0 {
            return true;
        }
        self.resting -= 1;
        false
    }

    /// What became of a value that was tried.
    pub(super) fn note(&mut self, got_smaller: bool) {
        self.tried += 1;
        self.failed += u32::from(!got_smaller);
        if self.tried < if self.rest > 0 { PROBE } else { WINDOW } {
            return;
        }
        let mostly_failed = self.failed * 8 >= self.tried * 7;
        self.rest = if mostly_failed { (self.rest * 2).clamp(REST_MIN, REST_MAX) } else { 0 };
        (self.resting, self.tried, self.failed) = (self.rest, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(gate: &mut Gate, values: u32, mut gets_smaller: impl FnMut(u32) -> bool) -> u32 {
        let mut tried = 0;
        for value in 0..values {
            if gate.lets_pass() {
                tried += 1;
                gate.note(gets_smaller(value));
            }
        }
        tried
    }

    #[test]
    fn what_never_works_is_tried_less_and_less() {
        let mut gate = Gate::default();
        assert_eq!(tries(&mut gate, WINDOW + REST_MIN, |_| false), WINDOW);
        assert_eq!(tries(&mut gate, PROBE + 2 * REST_MIN, |_| false), PROBE);
        let rare = tries(&mut gate, 1_000_000, |_| false);
        assert!(rare < 400, "{rare} tries");
    }

    #[test]
    fn what_works_again_is_tried_again() {
        let mut gate = Gate::default();
        tries(&mut gate, 100_000, |_| false);
        assert!(tries(&mut gate, 100_000, |_| true) > 100_000 - REST_MAX);
        // What works now and then is worth every try.
        assert_eq!(tries(&mut gate, 100_000, |value| value % 4 == 0), 100_000);
    }
}
