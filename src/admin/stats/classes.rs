//! `stats items` and `stats slabs`: the slab classes, each the sum over the shards.

use std::collections::BTreeMap;

use crate::clock::Seconds;
use crate::command::StatLines;
use crate::router::{ClassReport, ClassStats, Report};

/// The lines of `stats items`: of classes that have items.
pub(in crate::admin) fn items(reports: &[(usize, Report)], now: Seconds) -> StatLines {
    let mut lines = StatLines::default();
    for (number, ClassReport { stats, .. }) in sum(reports).iter().filter(|(_, class)| class.stats.items > 0) {
        let mut add = |name: &str, value: u64| lines.push(format!("items:{number}:{name}"), value);
        add("number", stats.items);
        if let Some(accessed) = stats.candidate_accessed {
            add("age", u64::from(now.0.saturating_sub(accessed.0)));
        }
        add("mem_requested", stats.requested_bytes);
        add("evicted", stats.evictions);
        add("evicted_nonzero", stats.evicted_nonzero);
        add("evicted_time", u64::from(stats.evicted_idle_seconds));
        add("outofmemory", stats.out_of_memory);
        add("reclaimed", stats.reclaimed);
        add("expired_unfetched", stats.expired_unfetched);
        add("expired_bytes", stats.expired_bytes);
        add("evicted_unfetched", stats.evicted_unfetched);
        add("crawler_reclaimed", stats.crawler_reclaimed);
        add("crawler_items_checked", stats.crawler_items_checked);
        add("direct_reclaims", stats.direct_reclaims);
        add("s3fifo_shards", stats.s3_fifo_stores);
    }
    lines
}

/// The lines of `stats slabs`: of classes that have pages, and of all together.
pub(in crate::admin) fn slabs(reports: &[(usize, Report)]) -> StatLines {
    let mut lines = StatLines::default();
    let classes = sum(reports);
    let active = classes.iter().filter(|(_, class)| class.stats.total_pages > 0);
    for (number, ClassReport { stats, commands }) in active.clone() {
        let mut add = |name: &str, value: u64| lines.push(format!("{number}:{name}"), value);
        add("chunk_size", stats.chunk_bytes);
        add("chunks_per_page", stats.chunks_per_page);
        add("total_pages", stats.total_pages);
        add("total_chunks", stats.total_pages * stats.chunks_per_page);
        add("used_chunks", stats.used_chunks);
        add("free_chunks", stats.free_chunks);
        // memcached keeps the name and its zero: there is no end of a page that was never cut.
        add("free_chunks_end", 0);
        add("mem_requested", stats.requested_bytes);
        add("get_hits", commands.get_hits);
        add("cmd_set", commands.cmd_set);
        add("delete_hits", commands.delete_hits);
        add("incr_hits", commands.incr_hits);
        add("decr_hits", commands.decr_hits);
        add("cas_hits", commands.cas_hits);
        add("cas_badval", commands.cas_badval);
        add("touch_hits", commands.touch_hits);
    }
    lines.push("active_slabs", active.clone().count());
    let bytes = |class: &ClassStats| class.total_pages * class.chunks_per_page * class.chunk_bytes;
    lines.push("total_malloced", active.map(|(_, class)| bytes(&class.stats)).sum::<u64>());
    lines
}

/// The classes by number, each over all shards.
fn sum(reports: &[(usize, Report)]) -> BTreeMap<u32, ClassReport> {
    let mut sum: BTreeMap<u32, ClassReport> = BTreeMap::new();
    for (_, report) in reports {
        let Report::Classes(classes) = report else { continue };
        for class in classes {
            let merge = |all: &mut ClassReport| {
                all.stats.merge(&class.stats);
                all.commands.merge(&class.commands);
            };
            sum.entry(class.stats.class).and_modify(merge).or_insert(*class);
        }
    }
    sum
}
