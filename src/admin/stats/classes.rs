//! `stats items` and `stats slabs`: the slab classes, each the sum over the shards.

use std::collections::BTreeMap;

use crate::command::StatLines;
use crate::router::{ClassStats, Report};

/// The lines of `stats items`: of classes that have items.
pub(in crate::admin) fn items(reports: &[(usize, Report)]) -> StatLines {
    let mut lines = StatLines::default();
    for (number, class) in sum(reports).iter().filter(|(_, class)| class.items > 0) {
        let mut add = |name: &str, value: u64| lines.push(format!("items:{number}:{name}"), value);
        add("number", class.items);
        add("mem_requested", class.bytes);
        add("evicted", class.evictions);
        add("evicted_unfetched", class.evicted_unfetched);
        add("outofmemory", class.out_of_memory);
        add("reclaimed", class.reclaimed);
    }
    lines
}

/// The lines of `stats slabs`: of classes that have pages, and of all together.
pub(in crate::admin) fn slabs(reports: &[(usize, Report)]) -> StatLines {
    let mut lines = StatLines::default();
    let classes = sum(reports);
    let active = classes.iter().filter(|(_, class)| class.total_pages > 0);
    for (number, class) in active.clone() {
        let mut add = |name: &str, value: u64| lines.push(format!("{number}:{name}"), value);
        add("chunk_size", class.chunk_bytes);
        add("chunks_per_page", class.chunks_per_page);
        add("total_pages", class.total_pages);
        add("total_chunks", class.total_pages * class.chunks_per_page);
        add("used_chunks", class.used_chunks);
        add("free_chunks", class.free_chunks);
        add("free_chunks_end", 0);
        add("mem_requested", class.bytes);
    }
    lines.push("active_slabs", active.clone().count());
    let bytes = |class: &ClassStats| class.total_pages * class.chunks_per_page * class.chunk_bytes;
    lines.push("total_malloced", active.map(|(_, class)| bytes(class)).sum::<u64>());
    lines
}

/// The classes by number, each over all shards.
fn sum(reports: &[(usize, Report)]) -> BTreeMap<u32, ClassStats> {
    let mut sum: BTreeMap<u32, ClassStats> = BTreeMap::new();
    for (_, report) in reports {
        let Report::Classes(classes) = report else { continue };
        for class in classes {
            sum.entry(class.class).and_modify(|all| merge(all, class)).or_insert(*class);
        }
    }
    sum
}

fn merge(all: &mut ClassStats, one: &ClassStats) {
    macro_rules! add {
        ($($field:ident)+) => { $( all.$field += one.$field; )+ };
    }
    add!(total_pages used_chunks free_chunks items bytes evictions evicted_unfetched reclaimed out_of_memory);
}
