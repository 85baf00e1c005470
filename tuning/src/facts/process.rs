//! What a process may do: its limits, its system-call filter, the CPUs it may run on.

use super::Tree;
use crate::CpuSet;

/// The bit of `CAP_SYS_ADMIN` in a mask of capabilities.
const SYS_ADMIN: u32 = 21;

/// A resource limit; `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What holds now.
    pub soft: Option<u64>,
    /// What the process may raise it to by itself.
    pub hard: Option<u64>,
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// How system calls are filtered: 0 not at all, 1 strictly, 2 by a program (seccomp).
    pub seccomp: u8,
    /// Locked memory in bytes; `None` if the host does not tell.
    pub memlock: Option<Limit>,
    /// Open files; `None` if the host does not tell.
    pub open_files: Option<Limit>,
    /// CPUs that it may run on.
    pub allowed: CpuSet,
    /// CPUs to which single threads of it are pinned: a running server's shards.
    pub pinned: CpuSet,
    /// Numbers of its groups.
    pub groups: Vec<i64>,
    /// Whether it has `CAP_SYS_ADMIN`.
    pub is_admin: bool,
}

impl Process {
    pub(super) fn read(tree: &Tree) -> Process {
        let status = tree.text("proc/self/status").unwrap_or_default();
        let limits = tree.text("proc/self/limits").unwrap_or_default();
        let capabilities = field(&status, "CapEff").and_then(|mask| u64::from_str_radix(mask, 16).ok());
        let numbers = |name| field(&status, name).into_iter().flat_map(str::split_whitespace);
        // Real, effective, saved and file system's group, then the supplementary ones.
        let groups = numbers("Gid").chain(numbers("Groups")).filter_map(|number| number.parse().ok());
        Process {
            name: field(&status, "Name").unwrap_or_default().to_owned(),
            seccomp: field(&status, "Seccomp").and_then(|mode| mode.parse().ok()).unwrap_or(0),
            memlock: limit(&limits, "Max locked memory"),
            open_files: limit(&limits, "Max open files"),
            allowed: allowed(&status),
            pinned: pinned(tree),
            groups: groups.collect(),
            is_admin: capabilities.is_some_and(|mask| mask & (1 << SYS_ADMIN) != 0),
        }
    }
}

/// A process with one thread is not pinned by being kept to one CPU: its container or shell may be.
fn pinned(tree: &Tree) -> CpuSet {
    let threads = tree.list("proc/self/task");
    let single = |thread: &String| {
        let status = tree.text(&format!("proc/self/task/{thread}/status"))?;
        allowed(&status).first().filter(|_| allowed(&status).count() == 1)
    };
    if threads.len() < 2 { CpuSet::default() } else { threads.iter().filter_map(single).collect() }
}

fn allowed(status: &str) -> CpuSet {
    field(status, "Cpus_allowed_list").and_then(|list| list.parse().ok()).unwrap_or_default()
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn limit(limits: &str, name: &str) -> Option<Limit> {
    let mut words = limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace();
    let mut next = || match words.next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some(Limit { soft: next()?, hard: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let text = "Limit   Soft Limit  Hard Limit  Units\nMax locked memory  65536  unlimited  bytes\n";
        assert_eq!(limit(text, "Max locked memory"), Some(Limit { soft: Some(65536), hard: None }));
        assert_eq!(limit(text, "Max open files"), None);
        assert_eq!(limit("Max open files x y", "Max open files"), None);
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "Seccomp_filters:\t3\nSeccomp:\t2\nCpus_allowed_list:\t0-3\n";
        assert_eq!(field(status, "Seccomp"), Some("2"));
        assert_eq!(allowed(status).to_string(), "0-3");
    }
}
