//! `-k` and `-r`: what the process asks of the kernel for itself. Raising the limits comes before privileges are
//! dropped, [`settle`] after it.

use super::{Config, ConfigError};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

/// The capability to lock memory beyond the limit, a bit of `CapEff`.
const CAP_IPC_LOCK: u32 = 14;

/// Raises the limits that `config` needs raised for core files and locked memory.
pub(super) fn raise_limits(config: &Config) -> Result<(), ConfigError> {
    if config.core_files {
        raise_core_files()?;
    }
    if config.lock_memory {
        // Where it may: otherwise `settle` finds out whether the limit binds at all.
        let _ = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
    }
    Ok(())
}

/// As far as it may be, as memcached does: without limit if the process is privileged, else to the hard limit.
fn raise_core_files() -> Result<(), ConfigError> {
    let fail =
        |cause: nix::Error| ConfigError::Limit { limit: "on core files (RLIMIT_CORE)", cause: cause.desc().to_owned() };
    if setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY).is_ok() {
        return Ok(());
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).map_err(fail)?;
    if hard == 0 {
        return Err(ConfigError::NoCoreFiles);
    }
    setrlimit(Resource::RLIMIT_CORE, hard, hard).map_err(fail)
}

/// Address space is reserved far ahead of its use and counts in full, so that no figure would do as a limit. It does
/// not bind who has the capability.
fn check_lock_limit(limit: u64, status: &str) -> Result<(), ConfigError> {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    if limit == RLIM_INFINITY || effective & (1 << CAP_IPC_LOCK) != 0 {
        return Ok(());
    }
    Err(ConfigError::LockLimit { limit_kib: limit >> 10 })
}

/// Locks memory and allows core files, as `config` says. To be called after privileges are dropped (the kernel takes
/// core files from a process that changes its user) and before the first executor starts.
pub fn settle(config: &Config) -> Result<(), ConfigError> {
    if config.core_files {
        set_dumpable(true).map_err(|cause| ConfigError::Limit {
            limit: "on core files (PR_SET_DUMPABLE)",
            cause: cause.desc().to_owned(),
        })?;
    }
    if config.lock_memory {
        let (limit, _) = getrlimit(Resource::RLIMIT_MEMLOCK).map_err(|cause| ConfigError::Limit {
            limit: "on locked memory (RLIMIT_MEMLOCK)",
            cause: cause.desc().to_owned(),
        })?;
        check_lock_limit(limit, &std::fs::read_to_string("/proc/self/status").unwrap_or_default())?;
        // On first use: locked at once, all that is reserved would be taken from the machine.
        let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
        mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault)
            .map_err(|cause| ConfigError::LockRefused { cause: cause.desc().to_owned() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_on_locked_memory_is_told_with_its_mend() {
        let root = "Name:\tx\nCapEff:\t00000000a80425fb\n";
        check_lock_limit(RLIM_INFINITY, "").unwrap();
        check_lock_limit(8 << 20, "CapEff:\t0000000000004000\n").unwrap();
        let error = check_lock_limit(8 << 20, root).unwrap_err().to_string();
        assert!(error.contains("8192 KiB") && error.contains("LimitMEMLOCK=infinity"), "{error}");
    }
}
