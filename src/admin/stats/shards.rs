//! `stats shards`: the numbers of each shard. Ours.

use crate::command::StatLines;
use crate::router::Report;

/// The lines of `stats shards`.
pub(in crate::admin) fn shards(reports: &[(usize, Report)]) -> StatLines {
    let mut lines = StatLines::default();
    for (number, report) in reports {
        let Report::General(shard) = report else { continue };
        let traffic = &shard.traffic;
        let mut add = |name: &str, value: String| lines.push(format!("{number}:{name}"), value);
        add("curr_items", shard.curr_items.to_string());
        add("bytes", shard.bytes.to_string());
        add("memory_bytes", shard.memory_bytes.to_string());
        add("limit_maxbytes", shard.limit_bytes.to_string());
        add("curr_connections", traffic.curr_connections.to_string());
        add("handed_connections", traffic.handed_connections.to_string());
        add("requests", traffic.requests.to_string());
        add("forwarded_out", traffic.forwarded_out.to_string());
        add("forwarded_in", traffic.forwarded_in.to_string());
        add("batches_out", traffic.batches_out.to_string());
        add("batches_in", traffic.batches_in.to_string());
        add("forwarded_per_batch", per(traffic.forwarded_out, traffic.batches_out));
        add("groups", traffic.groups.to_string());
        add("requests_per_group", per(traffic.grouped_requests, traffic.groups));
        add("turns", traffic.turns.to_string());
        add("requests_per_turn", per(traffic.requests, traffic.turns));
        add("sleeps", traffic.sleeps.to_string());
    }
    lines
}

/// A mean with two digits.
fn per(sum: u64, count: u64) -> String {
    let mean = if count == 0 { 0.0 } else { sum as f64 / count as f64 };
    format!("{mean:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::ShardStats;

    #[test]
    fn shards_are_told_apart() {
        let mut second = ShardStats { curr_items: 7, ..ShardStats::default() };
        (second.traffic.requests, second.traffic.turns) = (10, 4);
        let lines = shards(&[(0, Report::General(Box::default())), (1, Report::General(Box::new(second)))]);
        let value = |wanted: &str| lines.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        assert_eq!((value("0:curr_items"), value("1:curr_items")), (Some("0"), Some("7")));
        assert_eq!((value("0:requests_per_turn"), value("1:requests_per_turn")), (Some("0.00"), Some("2.50")));
    }
}
