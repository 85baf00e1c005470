//! `stats mrc`: what hit ratio is to be expected with less memory, and with more. Ours.

use crate::clock::Seconds;
use crate::command::StatLines;
use crate::router::{CURVE_HALF_LIFE_SECONDS, CURVE_PERCENTS, MissRatioCurve, Report};

/// The lines of `stats mrc`: all shards together, by their shares of the reads.
pub(in crate::admin) fn mrc(reports: &[(usize, Report)], now: Seconds) -> StatLines {
    let mut all = MissRatioCurve::default();
    for (_, report) in reports {
        if let Report::MissRatioCurve(curve) = report {
            all.merge(curve);
        }
    }
    let mut lines = StatLines::default();
    lines.push("counting_seconds", now.0.saturating_sub(all.since.0));
    lines.push("half_life_seconds", CURVE_HALF_LIFE_SECONDS);
    lines.push("sampled_items", all.sampled_items);
    lines.push("reads", all.reads as u64);
    // Without reads there is no ratio.
    let (Some(measured), Some(expected)) = (all.hit_ratio(), all.expected_hit_ratios()) else { return lines };
    lines.push("hit_ratio", format!("{measured:.4}"));
    for (percent, ratio) in CURVE_PERCENTS.into_iter().zip(expected) {
        lines.push(format!("{percent}:limit_maxbytes"), all.limit_bytes * u64::from(percent) / 100);
        lines.push(format!("{percent}:hit_ratio"), format!("{ratio:.4}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_count_by_their_reads() {
        let busy = MissRatioCurve {
            since: Seconds(5),
            limit_bytes: 100,
            reads: 900.0,
            misses: 90.0,
            sampled_items: 7,
            expected_misses: [180.0; CURVE_PERCENTS.len()],
        };
        let idle = MissRatioCurve { reads: 100.0, expected_misses: [70.0; CURVE_PERCENTS.len()], ..busy };
        let reports = [busy, idle].map(|curve| (0, Report::MissRatioCurve(Box::new(curve))));
        let lines = mrc(&reports, Seconds(25));
        let value = |wanted: &str| lines.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
        assert_eq!(value("counting_seconds").as_deref(), Some("20"));
        assert_eq!(value("sampled_items").as_deref(), Some("14"));
        assert_eq!(value("hit_ratio").as_deref(), Some("0.8200"));
        assert_eq!(value("25:hit_ratio").as_deref(), Some("0.7500"));
        assert_eq!(value("400:limit_maxbytes").as_deref(), Some("800"));
    }

    #[test]
    fn without_reads_no_ratio_is_told() {
        let lines = mrc(&[(0, Report::MissRatioCurve(Box::default()))], Seconds(0));
        assert!(lines.iter().all(|(name, _)| !name.ends_with("hit_ratio")));
        assert_eq!(lines.len(), 4);
    }
}
