//! `stats memory`: where the memory goes, of each shard and of all. Ours.

use crate::command::StatLines;
use crate::heap;
use crate::router::Report;

/// The lines of `stats memory`, in bytes.
pub(in crate::admin) fn memory(reports: &[(usize, Report)]) -> StatLines {
    let mut lines = StatLines::default();
    let mut totals: Vec<(&str, u64)> = Vec::new();
    let (mut sum, mut limit) = (0, 0);
    for (number, report) in reports {
        let Report::Memory(ledger) = report else { continue };
        let mut shard_sum = 0;
        for (name, bytes) in ledger.parts() {
            lines.push(format!("{number}:{name}"), bytes);
            shard_sum += bytes;
            match totals.iter_mut().find(|(of, _)| *of == name) {
                Some((_, total)) => *total += bytes,
                None => totals.push((name, bytes)),
            }
        }
        lines.push(format!("{number}:sum"), shard_sum);
        lines.push(format!("{number}:limit"), ledger.limit_bytes);
        sum += shard_sum;
        limit += ledger.limit_bytes;
    }
    for (name, total) in totals {
        lines.push(name, total);
    }
    lines.push("sum", sum);
    lines.push("limit", limit);
    if let Some(resident) = heap::resident() {
        lines.push("resident", resident.total_bytes);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{MemoryLedger, OutsideMemory};

    #[test]
    fn parts_are_told_by_shard_and_added_up() {
        let ledger = |mesh_bytes| {
            let outside = OutsideMemory { mesh_bytes, base_bytes: 7, ..OutsideMemory::default() };
            Report::Memory(Box::new(MemoryLedger { outside, limit_bytes: 100, ..MemoryLedger::default() }))
        };
        let lines = memory(&[(0, ledger(3)), (1, ledger(4))]);
        let value = |wanted: &str| lines.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        for (name, expected) in [("0:mesh", "3"), ("1:mesh", "4"), ("1:sum", "11"), ("mesh", "7"), ("sum", "21")] {
            assert_eq!(value(name), Some(expected), "{name}");
        }
        assert_eq!((value("limit"), value("0:items"), value("items")), (Some("200"), Some("0"), Some("0")));
        assert!(value("resident").is_some());
    }
}
