//! The kernel: its version, io_uring, what it does with memory and time for everybody.

use super::{Outcome, Scope};
use crate::facts::{Host, Kernel, Probe, Process};

/// The oldest kernel that serves: 6.1 has DEFER_TASKRUN, the youngest of what the rings need.
const KERNEL_MIN: (u32, u32) = (6, 1);

/// The kernel whose rings poll network cards: what the server's `--busy-poll-us` takes.
const KERNEL_BUSY_POLL: (u32, u32) = (6, 9);

/// Clock sources that are read without a system call.
const FAST_CLOCKS: [&str; 4] = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"];

pub(super) fn check(host: &Host, _: &Scope, found: &mut Vec<Outcome>) {
    let kernel = &host.kernel;
    found.push(version(kernel));
    found.push(switch(kernel, &host.process));
    found.push(io_uring(kernel, &host.process));
    if let Some(source) = &kernel.clock_source {
        let outcome = if FAST_CLOCKS.contains(&source.as_str()) { "ok" } else { "slow" };
        found.push(Outcome::new("clock", outcome).with("value", source));
    }
}

fn version(kernel: &Kernel) -> Outcome {
    let outcome = match kernel.version {
        _ if kernel.release.is_empty() => "unknown",
        version if version < KERNEL_MIN => "old",
        _ => "ok",
    };
    let except = if kernel.version < KERNEL_BUSY_POLL { "; --busy-poll-us takes 6.9" } else { "" };
    Outcome::new("kernel", outcome).with("release", &kernel.release).with("except", except)
}

fn switch(kernel: &Kernel, process: &Process) -> Outcome {
    let outcome = |name| Outcome::new("io-uring-switch", name);
    let group = kernel.io_uring_group.unwrap_or(-1);
    match kernel.io_uring_disabled {
        None => outcome("absent"),
        Some(0) => outcome("ok").with("value", 0),
        Some(1) if process.is_admin || process.groups.contains(&group) => outcome("member"),
        Some(1) => outcome("group").with("group", group),
        Some(_) => outcome("off"),
    }
}

fn io_uring(kernel: &Kernel, process: &Process) -> Outcome {
    let outcome = |name| Outcome::new("io-uring", name);
    let filtered = process.seccomp != 0;
    match &kernel.io_uring {
        Probe::Works => outcome("ok").with("filter", if filtered { ", through a seccomp filter" } else { "" }),
        Probe::Refused(error) if filtered => outcome("filtered").with("error", error),
        Probe::Refused(error) => outcome("refused").with("error", error),
        Probe::Unknown if filtered => outcome("untried"),
        Probe::Unknown => outcome("unknown"),
    }
}
