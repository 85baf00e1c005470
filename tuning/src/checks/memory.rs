//! Memory: huge pages, swap, overcommit.

use super::{Outcome, Scope, human};
use crate::facts::{Host, SwapArea};

pub(super) fn check(host: &Host, _: &Scope, found: &mut Vec<Outcome>) {
    let memory = &host.memory;
    let outcome = match memory.large_pages.as_deref() {
        None => "absent",
        Some("never") => "never",
        Some("always") => "always",
        Some(_) => "ok",
    };
    found.push(Outcome::new("large-pages", outcome).with("value", memory.large_pages.as_deref().unwrap_or_default()));
    if let Some(defrag) = &memory.defrag {
        let outcome = match defrag.as_str() {
            "always" => "always",
            "never" => "never",
            _ => "ok",
        };
        found.push(Outcome::new("large-pages-defrag", outcome).with("value", defrag));
    }
    found.push(swap(host));
    let overcommit = host.kernel.overcommit.unwrap_or(0);
    found.push(Outcome::new("overcommit", if overcommit == 2 { "strict" } else { "ok" }).with("value", overcommit));
}

fn swap(host: &Host) -> Outcome {
    let area = |area: &SwapArea| {
        format!("{} has {}, {} in use", area.name, human(area.size_kib << 10), human(area.used_kib << 10))
    };
    let areas: Vec<String> = host.memory.swaps.iter().map(area).collect();
    let outcome = match host.container.swap_max {
        _ if areas.is_empty() => "none",
        Some(0) => "kept-out",
        _ => "on",
    };
    Outcome::new("swap", outcome)
        .with("areas", areas.join("; "))
        .with("swappiness", host.memory.swappiness.map_or("unknown".to_owned(), |value| value.to_string()))
}
