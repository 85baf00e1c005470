//! Sets of CPUs, as the kernel writes them: lists such as `0-3,6` and masks such as `ff,ffffffff`.

use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Highest CPU number that is accepted: what the largest kernels are built for.
pub const CPU_MAX: usize = 8191;

/// CPUs by their number, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CpuSet(BTreeSet<usize>);

impl CpuSet {
    /// Reads a mask of hexadecimal words of 32 bits, the highest first, as in `rps_cpus`.
    pub fn from_mask(text: &str) -> Option<CpuSet> {
        let mut cpus = BTreeSet::new();
        for (word, digits) in text.trim().rsplit(',').enumerate() {
            let bits = u32::from_str_radix(digits, 16).ok()?;
            cpus.extend((0..32).filter(|bit| bits & (1 << bit) != 0).map(|bit| word * 32 + bit));
        }
        Some(CpuSet(cpus))
    }

    /// Writes the set as [`CpuSet::from_mask`] reads it.
    pub fn to_mask(&self) -> String {
        let words = self.0.last().map_or(1, |last| last / 32 + 1);
        let word = |at: usize| self.0.range(at * 32..at * 32 + 32).fold(0u32, |bits, cpu| bits | 1 << (cpu % 32));
        let mut parts: Vec<String> = (0..words).rev().map(|at| format!("{:08x}", word(at))).collect();
        if let [single] = parts.as_mut_slice() {
            *single = format!("{:x}", word(0));
        }
        parts.join(",")
    }

    /// The CPUs, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `cpu` is one of them.
    pub fn contains(&self, cpu: usize) -> bool {
        self.0.contains(&cpu)
    }

    /// The lowest.
    pub fn first(&self) -> Option<usize> {
        self.0.first().copied()
    }

    /// Takes `cpu` in; false if it was in already.
    pub fn insert(&mut self, cpu: usize) -> bool {
        self.0.insert(cpu)
    }

    /// Those that are in both.
    pub fn and(&self, other: &CpuSet) -> CpuSet {
        CpuSet(self.0.intersection(&other.0).copied().collect())
    }

    /// Those that are not in `other`.
    pub fn without(&self, other: &CpuSet) -> CpuSet {
        CpuSet(self.0.difference(&other.0).copied().collect())
    }

    /// Whether all of them are in `other`.
    pub fn is_within(&self, other: &CpuSet) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl FromIterator<usize> for CpuSet {
    fn from_iter<I: IntoIterator<Item = usize>>(cpus: I) -> Self {
        CpuSet(cpus.into_iter().collect())
    }
}

impl FromStr for CpuSet {
    type Err = String;

    /// Reads a list such as `0-3,6`; nothing at all is the empty set, as the kernel writes it.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut cpus = BTreeSet::new();
        let text = text.trim();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let number = |digits: &str| {
                let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                let cpu = if plain { digits.parse().ok().filter(|cpu| *cpu <= CPU_MAX) } else { None };
                cpu.ok_or_else(|| format!("`{part}` is no CPU and no range of CPUs; write 0-3,6"))
            };
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("`{part}` runs backwards; write the lower number first"));
            }
            for cpu in first..=last {
                if !cpus.insert(cpu) {
                    return Err(format!("CPU {cpu} is named twice in `{text}`"));
                }
            }
        }
        Ok(CpuSet(cpus))
    }
}

impl fmt::Display for CpuSet {
    /// Writes the list, runs as ranges.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = cpus.next() {
            let mut last = first;
            while let Some(next) = cpus.next_if_eq(&(last + 1)) {
                last = next;
            }
            if first == last {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl Serialize for CpuSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        for (text, written) in [("0-3,6", "0-3,6"), ("6,0,1", "0-1,6"), ("", ""), ("5\n", "5"), ("0-0", "0")] {
            assert_eq!(text.parse::<CpuSet>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn malformed_lists_are_refused() {
        for bad in [",", "1,", "a", "3-1", "1-", "-1", "1,1", "0-2,2", "+1", "8192", "0-99999999999999999999", " 1, 2"]
        {
            assert!(bad.parse::<CpuSet>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn masks_are_read_and_written() {
        for (mask, list, written) in [
            ("0", "", "0"),
            ("ff", "0-7", "ff"),
            ("00000001,00000000", "32", "00000001,00000000"),
            ("80000000,00000003\n", "0-1,63", "80000000,00000003"),
            ("00000000,0000000f", "0-3", "f"),
        ] {
            let set = CpuSet::from_mask(mask).unwrap();
            assert_eq!(set.to_string(), list);
            assert_eq!(set.to_mask(), written);
        }
        for bad in ["", "x", "1,,1", "100000000"] {
            assert_eq!(CpuSet::from_mask(bad), None, "{bad}");
        }
    }

    #[test]
    fn sets_are_compared() {
        let set = |text: &str| text.parse::<CpuSet>().unwrap();
        assert_eq!(set("0-3").and(&set("2-5")), set("2-3"));
        assert_eq!(set("0-3").without(&set("2-5")), set("0-1"));
        assert!(set("2-3").is_within(&set("0-3")) && !set("2-4").is_within(&set("0-3")));
        assert_eq!((set("4,2").first(), set("").first(), set("2,4").count()), (Some(2), None, 2));
    }
}
