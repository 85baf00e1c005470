//! `stats sizes`, `stats detail dump` and `stats cachedump`: what is listed of the items and their keys.

use std::collections::BTreeMap;
use std::io::Write;

use crate::command::StatLines;
use crate::router::{PrefixCounts, Report, SizeHistogram};

/// Bytes of lines that one `cachedump` answers, over all shards; as memcached.
pub(in crate::admin) const CACHEDUMP_BYTES_MAX: usize = 2 << 20;

/// The lines of `stats sizes` while it is enabled: a size in bytes, rounded up, and the items of that size.
pub(in crate::admin) fn sizes(reports: &[(usize, Report)]) -> StatLines {
    let mut all = SizeHistogram::default();
    for (_, report) in reports {
        if let Report::Sizes(sizes, _) = report {
            all.merge(sizes);
        }
    }
    let mut lines = StatLines::default();
    for (size, items) in all.iter() {
        lines.push(size.to_string(), items);
    }
    lines
}

/// What `sizes`, `sizes_enable` and `sizes_disable` say of the state.
pub(in crate::admin) fn sizes_status(enabled: bool) -> StatLines {
    let mut lines = StatLines::default();
    lines.push("sizes_status", if enabled { "enabled" } else { "disabled" });
    lines
}

/// The lines of `stats detail dump`, by prefix.
pub(in crate::admin) fn prefixes(reports: &[(usize, Report)]) -> Vec<u8> {
    let mut all: BTreeMap<&[u8], PrefixCounts> = BTreeMap::new();
    for (_, report) in reports {
        let Report::Prefixes(prefixes) = report else { continue };
        for (prefix, counts) in &prefixes.counts {
            all.entry(prefix).or_default().merge(counts);
        }
    }
    let mut lines = Vec::new();
    for (prefix, PrefixCounts { get, hit, set, del }) in all {
        lines.extend_from_slice(b"PREFIX ");
        lines.extend_from_slice(prefix);
        // Writing to memory does not fail.
        let _ = write!(lines, " get {get} hit {hit} set {set} del {del}\r\n");
    }
    lines
}

/// The lines of `stats cachedump`, at most so many; 0 for all.
pub(in crate::admin) fn cachedump(reports: &[(usize, Report)], items_max: u32) -> Vec<u8> {
    let items_max = if items_max == 0 { usize::MAX } else { items_max as usize };
    let items = reports.iter().flat_map(|(_, report)| match report {
        Report::Items(items, _) => &items[..],
        _ => &[],
    });
    let mut lines = Vec::new();
    for item in items.take(items_max) {
        let before = lines.len();
        lines.extend_from_slice(b"ITEM ");
        lines.extend_from_slice(&item.key);
        let _ = write!(lines, " [{} b; {} s]\r\n", item.value_len, item.expires_unix);
        if lines.len() > CACHEDUMP_BYTES_MAX {
            lines.truncate(before);
            break;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{ListedItem, Prefixes};

    #[test]
    fn prefixes_of_all_shards_are_added_up_and_sorted() {
        let shard = |prefixes: &[(&str, u64)]| {
            let counts = prefixes.iter().map(|(prefix, get)| {
                (prefix.as_bytes().into(), PrefixCounts { get: *get, hit: 1, ..PrefixCounts::default() })
            });
            Report::Prefixes(Prefixes { counts: counts.collect(), uncounted: 0 })
        };
        let lines = prefixes(&[(0, shard(&[("user", 2), ("page", 3)])), (1, shard(&[("user", 5)]))]);
        let expected = "PREFIX page get 3 hit 1 set 0 del 0\r\nPREFIX user get 7 hit 2 set 0 del 0\r\n";
        assert_eq!(String::from_utf8(lines).expect("text"), expected);
    }

    #[test]
    fn a_listing_ends_at_its_items_and_at_its_bytes() {
        let item = |key: &[u8]| ListedItem { key: key.into(), value_len: 3, expires_unix: 0 };
        let few = [(0, Report::Items(vec![item(b"a"), item(b"b")], None)), (1, Report::Items(vec![item(b"c")], None))];
        assert_eq!(cachedump(&few, 2), b"ITEM a [3 b; 0 s]\r\nITEM b [3 b; 0 s]\r\n");
        assert!(cachedump(&few, 0).ends_with(b"ITEM c [3 b; 0 s]\r\n"));
        let many = [(0, Report::Items(vec![item(&[b'k'; 250]); 10_000], None))];
        let lines = cachedump(&many, 0);
        assert!(lines.len() <= CACHEDUMP_BYTES_MAX && lines.len() > CACHEDUMP_BYTES_MAX - 300);
        assert!(lines.ends_with(b"\r\n"));
    }
}
