//! `stats latency`: how long requests take, by command and part of the way, in microseconds. Ours.

use crate::command::{OpKind, StatLines};
use crate::router::{Latencies, Part, Report};

/// What is told of each part: the end of the name, and which share of the requests took no longer.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// The lines of `stats latency`: of commands that were given since the start or the last `stats reset`.
pub(in crate::admin) fn latency(reports: Vec<(usize, Report)>) -> StatLines {
    let mut all = Latencies::default();
    for (_, report) in reports {
        if let Report::Latency(latencies) = report {
            all.merge(&latencies);
        }
    }
    let mut lines = StatLines::default();
    for kind in OpKind::ALL {
        let command = kind.name();
        if let Some(total) = all.get(kind, Part::Total) {
            lines.push(format!("{command}:count"), total.len());
        }
        for part in Part::ALL {
            let Some(histogram) = all.get(kind, part) else { continue };
            for (name, quantile) in QUANTILES {
                // A quantile is told as the end of its bucket, which may lie a percent above the greatest value.
                let nanos = histogram.value_at_quantile(quantile).min(histogram.max());
                let value = format!("{}.{:03}", nanos / 1000, nanos % 1000);
                lines.push(format!("{command}:{}_us_{name}", part.name()), value);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_shards_are_told_together_in_microseconds() {
        let (mut one, mut other) = (Latencies::default(), Latencies::default());
        one.record(OpKind::Get, Part::Total, 90, 98);
        other.record(OpKind::Get, Part::Total, 2_000_000, 2);
        other.record(OpKind::Get, Part::Hop, 70_000, 2);
        let lines = latency(vec![(0, Report::Latency(Box::new(one))), (1, Report::Latency(Box::new(other)))]);
        let value = |wanted: &str| lines.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
        assert_eq!(value("get:count").as_deref(), Some("100"));
        assert_eq!(value("get:total_us_p50").as_deref(), Some("0.090"));
        let micros = |name| value(name).expect(name).parse::<f64>().expect("a number");
        for (name, expected) in [("get:total_us_p99", 2000.0), ("get:total_us_max", 2000.0), ("get:hop_us_p50", 70.0)] {
            assert!((expected * 0.99..=expected * 1.01).contains(&micros(name)), "{name} {}", micros(name));
        }
        assert_eq!(value("get:wait_us_p50"), None);
        assert_eq!(lines.len(), 9);
    }
}
