//! Whether figures show the server or the generator itself.

use std::fmt;

use serde::Serialize;

/// From this share of a core on, the generator was the bottleneck.
const BUSY_BOTTLENECK: f64 = 0.95;

/// When this share of the 99th percentile is the generator's own lateness, it was the bottleneck.
const LAG_BOTTLENECK: f64 = 0.5;

/// A lateness below this is that of a timer and no sign of strain, in microseconds.
const LAG_HARMLESS_US: f64 = 50.0;

/// How hard the generator had to work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Strain {
    /// The share of a core that the busiest generator thread used or waited for, 0 to 1, without polling for the next
    /// arrival.
    pub generator_busy: f64,
    /// CPU time that all generator threads used for each request, in microseconds, without that polling.
    pub generator_cpu_us: f64,
    /// 99 of 100 requests of an open loop were sent at most this late although the server held nothing up.
    pub send_lag_p99_us: f64,
}

impl Strain {
    /// Whether a load of this latency was limited by the generator.
    pub fn is_bottleneck(&self, p99_us: f64) -> bool {
        self.is_busy() || self.is_late(p99_us)
    }

    /// Why it was, in words.
    pub fn complaint(&self, p99_us: f64) -> Option<String> {
        let busy = format!("its thread used or waited for {:.0} % of a core", self.generator_busy * 100.0);
        let late = format!(
            "it sent 1 of 100 requests more than {:.0} us late, and p99 is {p99_us:.0} us",
            self.send_lag_p99_us
        );
        match (self.is_busy(), self.is_late(p99_us)) {
            (true, true) => Some(format!("{busy}, and {late}")),
            (true, false) => Some(busy),
            (false, true) => Some(late),
            (false, false) => None,
        }
    }

    fn is_busy(&self) -> bool {
        self.generator_busy >= BUSY_BOTTLENECK
    }

    fn is_late(&self, p99_us: f64) -> bool {
        self.send_lag_p99_us >= LAG_HARMLESS_US && self.send_lag_p99_us >= p99_us * LAG_BOTTLENECK
    }
}

impl fmt::Display for Strain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} % of a core, {:.3} us of CPU per request", self.generator_busy * 100.0, self.generator_cpu_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_core_or_a_late_sender_is_a_bottleneck() {
        let complaint = |busy, lag, p99| {
            let strain = Strain { generator_busy: busy, generator_cpu_us: 0.0, send_lag_p99_us: lag };
            assert_eq!(strain.is_bottleneck(p99), strain.complaint(p99).is_some());
            strain.complaint(p99).unwrap_or_default()
        };
        assert_eq!(complaint(0.94, 0.0, 100.0), "");
        assert_eq!(complaint(0.5, 40.0, 41.0), "", "a timer's lateness");
        assert_eq!(complaint(0.5, 300.0, 900.0), "", "most of the latency is the server's");
        assert!(complaint(0.96, 0.0, 100.0).contains("96 % of a core"));
        assert!(complaint(0.5, 500.0, 900.0).contains("more than 500 us late"));
        assert!(complaint(1.0, 500.0, 900.0).contains(", and it sent"));
    }
}
