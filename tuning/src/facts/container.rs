//! What the control group of a process, and those above it, allow it: of version 2, and of version 1 where that
//! manages a resource. The tightest bound on the way up holds.

use super::Tree;
use crate::CpuSet;
use std::path::Path;

/// Microseconds of CPU time in every so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// CPU time of all threads together in each period, in microseconds.
    pub quota_us: u64,
    /// In microseconds.
    pub period_us: u64,
    /// The file that says so.
    pub source: String,
}

impl Quota {
    /// How many CPUs it is worth.
    pub fn cpus(&self) -> f64 {
        self.quota_us as f64 / self.period_us as f64
    }
}

/// The bounds of a control group.
#[derive(Clone, Debug, Default)]
pub struct Container {
    /// CPU time; `None` is unlimited.
    pub quota: Option<Quota>,
    /// Memory in bytes above which the kernel kills, and the file that says so.
    pub memory_max: Option<(u64, String)>,
    /// Memory in bytes above which the kernel slows its users down, and the file that says so.
    pub memory_high: Option<(u64, String)>,
    /// Swap in bytes; `None` is unlimited.
    pub swap_max: Option<u64>,
    /// CPUs; `None` if the group does not tell.
    pub cpus: Option<CpuSet>,
}

impl Container {
    pub(super) fn read(tree: &Tree) -> Container {
        let mut container = Container::default();
        for line in tree.text("proc/self/cgroup").unwrap_or_default().lines() {
            // hierarchy:controllers:path, where version 2 has no controllers.
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            // A path that is not there is passed over: inside a container it may be the outer one's.
            for level in Path::new(path.trim_start_matches('/')).ancestors() {
                let below = |base: &str| Path::new(base).join(level).display().to_string();
                if controllers.is_empty() {
                    container.tighten_v2(tree, below("sys/fs/cgroup").trim_end_matches('/'));
                    continue;
                }
                for controller in controllers.split(',') {
                    let base = below(&format!("sys/fs/cgroup/{controller}"));
                    container.tighten_v1(tree, controller, base.trim_end_matches('/'));
                }
            }
        }
        container
    }

    fn tighten_v2(&mut self, tree: &Tree, base: &str) {
        let file = |name| format!("{base}/{name}");
        if let Some(text) = tree.text(&file("cpu.max")) {
            let mut numbers = text.split_whitespace().map(|word| word.parse().ok());
            // "max" in place of the quota is no limit and no number.
            if let (Some(Some(quota_us)), Some(Some(period_us))) = (numbers.next(), numbers.next()) {
                self.limit_quota(Quota { quota_us, period_us, source: format!("/{}", file("cpu.max")) });
            }
        }
        lower(&mut self.memory_max, tree.value(&file("memory.max")), file("memory.max"));
        lower(&mut self.memory_high, tree.value(&file("memory.high")), file("memory.high"));
        let swap = tree.value(&file("memory.swap.max"));
        self.swap_max = [self.swap_max, swap].into_iter().flatten().min();
        if self.cpus.is_none() {
            self.cpus = tree.value(&file("cpuset.cpus.effective")).filter(|cpus: &CpuSet| !cpus.is_empty());
        }
    }

    fn tighten_v1(&mut self, tree: &Tree, controller: &str, base: &str) {
        let file = |name| format!("{base}/{name}");
        match controller {
            "cpu" => {
                let quota: Option<u64> = tree.value(&file("cpu.cfs_quota_us"));
                let period: Option<u64> = tree.value(&file("cpu.cfs_period_us"));
                // -1 is no limit, and no number here.
                if let (Some(quota_us), Some(period_us)) = (quota, period) {
                    self.limit_quota(Quota { quota_us, period_us, source: format!("/{}", file("cpu.cfs_quota_us")) });
                }
            }
            "memory" => {
                // Unlimited is written as a number no machine has.
                let limit = tree.value(&file("memory.limit_in_bytes")).filter(|bytes: &u64| *bytes < 1 << 60);
                lower(&mut self.memory_max, limit, file("memory.limit_in_bytes"));
            }
            "cpuset" if self.cpus.is_none() => {
                self.cpus = tree.value(&file("cpuset.effective_cpus")).filter(|cpus: &CpuSet| !cpus.is_empty());
            }
            _ => {}
        }
    }

    fn limit_quota(&mut self, quota: Quota) {
        if quota.period_us > 0 && self.quota.as_ref().is_none_or(|held| quota.cpus() < held.cpus()) {
            self.quota = Some(quota);
        }
    }
}

fn lower(bound: &mut Option<(u64, String)>, bytes: Option<u64>, path: String) {
    if let Some(bytes) = bytes
        && bound.as_ref().is_none_or(|(held, _)| bytes < *held)
    {
        *bound = Some((bytes, format!("/{path}")));
    }
}
