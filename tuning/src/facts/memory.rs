//! Memory: large pages and swap.

use super::{Tree, chosen};

const LARGE_PAGES: &str = "sys/kernel/mm/transparent_hugepage";

/// A device or file that memory is swapped to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapArea {
    /// Its path.
    pub name: String,
    /// Its size, in KiB.
    pub size_kib: u64,
    /// What of it is in use, in KiB.
    pub used_kib: u64,
}

/// The host's memory.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Who gets transparent huge pages: `always`, `madvise` or `never`; `None` for a kernel without them.
    pub large_pages: Option<String>,
    /// How hard the kernel works for one at a page fault.
    pub defrag: Option<String>,
    /// Where memory is swapped to.
    pub swaps: Vec<SwapArea>,
    /// `vm.swappiness`.
    pub swappiness: Option<u32>,
}

impl Memory {
    pub(super) fn read(tree: &Tree) -> Memory {
        Memory {
            large_pages: tree.text(&format!("{LARGE_PAGES}/enabled")).and_then(|text| chosen(&text)),
            defrag: tree.text(&format!("{LARGE_PAGES}/defrag")).and_then(|text| chosen(&text)),
            swaps: swaps(&tree.text("proc/swaps").unwrap_or_default()),
            swappiness: tree.value("proc/sys/vm/swappiness"),
        }
    }
}

/// A line for each area under a line of titles: name, kind, size, used, priority.
fn swaps(text: &str) -> Vec<SwapArea> {
    let area = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let mut numbers = words.skip(1).map_while(|word| word.parse().ok());
        Some(SwapArea { name, size_kib: numbers.next()?, used_kib: numbers.next()? })
    };
    text.lines().skip(1).filter_map(area).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_areas_are_read() {
        let text = "Filename\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/dm-1  partition\t8388604\t52\t-2\n";
        let area = SwapArea { name: "/dev/dm-1".to_owned(), size_kib: 8_388_604, used_kib: 52 };
        assert_eq!(swaps(text), [area]);
        assert_eq!(swaps("Filename Type Size\n"), []);
        assert_eq!(swaps(""), []);
    }
}
