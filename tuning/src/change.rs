//! One file of the host with another content: what `apply` writes and `undo` takes back. Only few kinds of files are
//! ever written, and an undo file that names another is refused: it is run as root.

use crate::CpuSet;
use crate::plan::Plan;
use serde::{Deserialize, Serialize};

/// The drop-in for the server's unit.
pub const DROP_IN: &str = "/etc/systemd/system/ringcached.service.d/ringtune.conf";

/// What a file is to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The file, on the host.
    pub path: String,
    /// Its new content.
    pub new: String,
}

/// The kinds of files that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A list of CPUs.
    List,
    /// A mask of CPUs.
    Mask,
    /// A file of our own.
    Text,
}

impl Kind {
    /// The kind of the file `path`; `None` for one that is none of ours to write.
    pub fn of(path: &str) -> Option<Kind> {
        let parts: Vec<&str> = path.split('/').collect();
        let plain = |name: &str| !name.is_empty() && name != "." && name != "..";
        match parts.as_slice() {
            ["", "proc", "irq", number, "smp_affinity_list"] if number.parse::<u32>().is_ok() => Some(Kind::List),
            ["", "sys", "class", "net", nic, "queues", queue, "xps_cpus"] if plain(nic) && plain(queue) => {
                Some(Kind::Mask)
            }
            _ if path == DROP_IN => Some(Kind::Text),
            _ => None,
        }
    }

    /// Whether two contents mean the same: the kernel writes sets in its own way.
    pub fn is_same(self, one: &str, other: &str) -> bool {
        let set = |text: &str| match self {
            Kind::List => text.parse().ok(),
            Kind::Mask => CpuSet::from_mask(text),
            Kind::Text => None,
        };
        one == other || set(one).is_some_and(|cpus: CpuSet| Some(cpus) == set(other))
    }
}

/// What `plan` writes: interrupts and send queues, and unless `interrupts_only` the drop-in.
pub fn changes(plan: &Plan, interrupts_only: bool) -> Vec<Change> {
    let nic = plan.nic.as_deref().unwrap_or_default();
    let irq = plan.interrupts.iter().map(|placed| Change {
        path: format!("/proc/irq/{}/smp_affinity_list", placed.irq),
        new: format!("{}\n", placed.cpu),
    });
    let sends = plan.sends.iter().map(|sends| Change {
        path: format!("/sys/class/net/{nic}/queues/{}/xps_cpus", sends.queue),
        new: format!("{}\n", sends.cpus.to_mask()),
    });
    let unit = Change { path: DROP_IN.to_owned(), new: plan.drop_in() };
    irq.chain(sends).chain((!interrupts_only).then_some(unit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_kinds_of_files_are_written() {
        assert_eq!(Kind::of("/proc/irq/12/smp_affinity_list"), Some(Kind::List));
        assert_eq!(Kind::of("/sys/class/net/eth0/queues/tx-3/xps_cpus"), Some(Kind::Mask));
        assert_eq!(Kind::of(DROP_IN), Some(Kind::Text));
        for other in [
            "/etc/passwd",
            "/proc/irq/../sysrq-trigger/smp_affinity_list",
            "/proc/irq/x/smp_affinity_list",
            "/sys/class/net/../queues/tx-0/xps_cpus",
            "proc/irq/12/smp_affinity_list",
            "",
        ] {
            assert_eq!(Kind::of(other), None, "{other}");
        }
    }

    #[test]
    fn sets_are_compared_by_what_they_mean() {
        assert!(Kind::List.is_same("0,1,2", "0-2\n") && !Kind::List.is_same("0", "1"));
        assert!(Kind::Mask.is_same("00000000,0000000f", "f\n") && !Kind::Mask.is_same("e", "f"));
        assert!(Kind::Text.is_same("a", "a") && !Kind::Text.is_same("a", "a\n"));
    }
}
