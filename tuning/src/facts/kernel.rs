//! The kernel's version, io_uring, and the switches that are neither of the memory's nor of the network's.

use super::Tree;
use io_uring::IoUring;
use std::io;

/// Entries of the ring that is set up to see whether io_uring works.
const PROBE_ENTRIES: u32 = 8;

/// What setting up a ring as the server does came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It worked.
    Works,
    /// The kernel said no, in the words of its error.
    Refused(String),
    /// It was not tried: the host is a recorded one, and nothing of it was recorded.
    Unknown,
}

/// The kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its release, such as `6.8.0-45-generic`; empty if the host does not tell.
    pub release: String,
    /// Major and minor number of the release.
    pub version: (u32, u32),
    /// `kernel.io_uring_disabled`; `None` before Linux 6.6, which has no such switch.
    pub io_uring_disabled: Option<u8>,
    /// `kernel.io_uring_group`: who may use io_uring where the switch is 1; negative for nobody.
    pub io_uring_group: Option<i64>,
    /// Whether a ring can be set up.
    pub io_uring: Probe,
    /// What the kernel reads the time from.
    pub clock_source: Option<String>,
    /// `vm.overcommit_memory`.
    pub overcommit: Option<u8>,
    /// `kernel.numa_balancing`.
    pub numa_balancing: Option<u8>,
    /// `vm.zone_reclaim_mode`.
    pub zone_reclaim: Option<u8>,
}

impl Kernel {
    pub(super) fn read(tree: &Tree) -> Kernel {
        let release = tree.word("proc/sys/kernel/osrelease").unwrap_or_default();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
        Kernel {
            version: (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)),
            release,
            io_uring_disabled: tree.value("proc/sys/kernel/io_uring_disabled"),
            io_uring_group: tree.value("proc/sys/kernel/io_uring_group"),
            io_uring: probe(tree),
            clock_source: tree.word("sys/devices/system/clocksource/clocksource0/current_clocksource"),
            overcommit: tree.value("proc/sys/vm/overcommit_memory"),
            numa_balancing: tree.value("proc/sys/kernel/numa_balancing"),
            zone_reclaim: tree.value("proc/sys/vm/zone_reclaim_mode"),
        }
    }
}

fn probe(tree: &Tree) -> Probe {
    let told = tree.told("io_uring", || {
        Some(match set_up_ring() {
            Ok(()) => "works\n".to_owned(),
            Err(error) => format!("{error}\n"),
        })
    });
    match told.as_deref().map(str::trim) {
        None | Some("") => Probe::Unknown,
        Some("works") => Probe::Works,
        Some(words) => Probe::Refused(words.to_owned()),
    }
}

/// Sets a small ring up as the server's data path will, and drops it.
fn set_up_ring() -> io::Result<()> {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all();
    builder.build(PROBE_ENTRIES).map(|_ring: IoUring| ())
}
