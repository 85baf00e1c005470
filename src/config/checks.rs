//! The checks of the host that come before the first executor starts. What fails later would be told by a panic
//! of the runtime or an errno; here it is told in words, with the figures and the way to mend it.
//!
//! Each check is a function of plain data; [`check_host`] reads the data and calls them.

use super::host::number;
use super::{Config, ConfigError, process};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io;
use std::path::Path;

/// The oldest kernel that serves: 6.1 has multishot accept (5.19), provided-buffer rings (5.19) and
/// DEFER_TASKRUN (6.1).
pub const KERNEL_MIN: (u32, u32) = (6, 1);
/// What glommio 0.9 asks of RLIMIT_MEMLOCK, in bytes: its reactor compares the soft limit of the process with
/// this, whatever the number of executors and the user's rights, and gives up below. It does without the buffers
/// that it registers beyond it, and kernels as of [`KERNEL_MIN`] charge rings to the memory cgroup instead.
pub const MEMLOCK_MIN_BYTES: u64 = 512 << 10;
/// Files that a shard keeps open beside its connections and listeners: four of the executor's (its three rings and
/// an eventfd), the data path's ring and eventfd, and slack for what is opened for a moment.
pub const FDS_PER_SHARD: u64 = 24;
/// Files that the process keeps open beside its shards: the standard ones, logs, the control thread.
pub const FDS_PROCESS: u64 = 32;

/// The kernel's switch of large pages.
const LARGE_PAGES_SWITCH: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
/// Entries of the ring that is set up to see whether io_uring works.
const PROBE_ENTRIES: u32 = 8;

/// Checks that this machine lets `config` run, and raises the process's limits (open files, locked memory) where
/// it may. To be called before privileges are dropped and before the first executor starts.
pub fn check_host(config: &Config) -> Result<(), ConfigError> {
    let release = nix::sys::utsname::uname().map(|u| u.release().to_string_lossy().into_owned());
    check_kernel(&release.unwrap_or_default())?;
    raise_limit("on locked memory (RLIMIT_MEMLOCK)", Resource::RLIMIT_MEMLOCK, MEMLOCK_MIN_BYTES, check_memlock)?;
    process::raise_limits(config)?;
    if config.large_pages_required {
        let state = std::fs::read_to_string(LARGE_PAGES_SWITCH).unwrap_or_default();
        check_large_pages(state.trim())?;
    }
    let needed = open_files_needed(config);
    raise_limit("on open files (RLIMIT_NOFILE)", Resource::RLIMIT_NOFILE, needed, |limit| {
        check_open_files(limit, needed, config.conn_limit)
    })?;
    // After the limits: a ring that cannot be had for lack of locked memory is told as that.
    check_io_uring(number(Path::new("/proc/sys/kernel/io_uring_disabled")), probe_io_uring())
}

/// The error of binding `address` (an address with its port, or a socket's path), in words.
pub fn bind_error(address: &str, error: &io::Error) -> ConfigError {
    let address = address.to_owned();
    match error.kind() {
        io::ErrorKind::AddrInUse => ConfigError::AddressInUse { address },
        io::ErrorKind::PermissionDenied => ConfigError::AddressNotPermitted { address },
        io::ErrorKind::AddrNotAvailable => ConfigError::AddressNotHere { address },
        _ => ConfigError::Bind { address, cause: error.to_string() },
    }
}

fn check_kernel(release: &str) -> Result<(), ConfigError> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < KERNEL_MIN {
        let needed = format!("{}.{}", KERNEL_MIN.0, KERNEL_MIN.1);
        return Err(ConfigError::KernelTooOld { release: release.to_owned(), needed });
    }
    Ok(())
}

/// Raises the soft limit to `needed` if it is below, and the hard one with it where the process may. `check`
/// judges the limit that results.
fn raise_limit(
    name: &'static str,
    resource: Resource,
    needed: u64,
    check: impl Fn(u64) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let fail = |cause: nix::Error| ConfigError::Limit { limit: name, cause: cause.desc().to_owned() };
    let (soft, hard) = getrlimit(resource).map_err(fail)?;
    if soft >= needed {
        return Ok(());
    }
    if hard >= needed {
        return setrlimit(resource, needed, hard).map_err(fail);
    }
    // Only a privileged process may; otherwise the hard limit stands and is what the error names.
    match setrlimit(resource, needed, needed) {
        Ok(()) => Ok(()),
        Err(_) => check(hard),
    }
}

fn check_memlock(limit: u64) -> Result<(), ConfigError> {
    if limit < MEMLOCK_MIN_BYTES {
        return Err(ConfigError::Memlock { limit_kib: limit >> 10, needed_kib: MEMLOCK_MIN_BYTES >> 10 });
    }
    Ok(())
}

/// The kernel marks the state it is in by brackets: `always [madvise] never`. Without the file it has none.
fn check_large_pages(state: &str) -> Result<(), ConfigError> {
    if state.contains("[always]") || state.contains("[madvise]") {
        return Ok(());
    }
    Err(ConfigError::NoLargePages { path: LARGE_PAGES_SWITCH.to_owned(), state: state.to_owned() })
}

/// Files that are open at most: connections, one listener per shard and address, and the server's own.
fn open_files_needed(config: &Config) -> u64 {
    let listeners = config.inherited_sockets + config.listen.len() + usize::from(config.unix_socket.is_some());
    let per_shard = FDS_PER_SHARD + listeners as u64;
    FDS_PROCESS + config.shards.len() as u64 * per_shard + config.conn_limit as u64
}

fn check_open_files(limit: u64, needed: u64, conn_limit: usize) -> Result<(), ConfigError> {
    if limit < needed {
        return Err(ConfigError::OpenFiles { limit, needed, conn_limit, own: needed - conn_limit as u64 });
    }
    Ok(())
}

/// Sets a small ring up as the data path will, and drops it.
fn probe_io_uring() -> io::Result<()> {
    let mut builder = io_uring::IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all();
    builder.build(PROBE_ENTRIES).map(|_ring: io_uring::IoUring| ())
}

/// `disabled` is the sysctl, absent before Linux 6.6. It is asked only to explain a failure: 1 lets members of a
/// group through.
fn check_io_uring(disabled: Option<u8>, probe: io::Result<()>) -> Result<(), ConfigError> {
    let Err(error) = probe else { return Ok(()) };
    let refused = matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported);
    Err(match disabled {
        Some(2) if refused => ConfigError::IoUringDisabled,
        Some(1) if refused => ConfigError::IoUringPrivileged,
        _ if refused => ConfigError::IoUringRefused { cause: error.to_string() },
        _ => ConfigError::IoUringFails { cause: error.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Host, Options};

    fn config(options: Options) -> Config {
        let host = Host {
            allowed_cores: vec![0, 1],
            memory: None,
            is_root: false,
            somaxconn: None,
            inherited_sockets: 0,
            nodes: Vec::new(),
        };
        Config::resolve(options, &host).unwrap().0
    }

    #[test]
    fn kernels_are_compared_by_number() {
        for good in ["6.1.0-13-amd64", "6.18.44", "10.0", "6.1"] {
            check_kernel(good).unwrap();
        }
        for bad in ["5.19.0", "6.0.12", "4", "", "x"] {
            assert!(matches!(check_kernel(bad), Err(ConfigError::KernelTooOld { .. })), "{bad}");
        }
    }

    #[test]
    fn open_files_cover_connections_and_our_own() {
        let config = config(Options { conn_limit: Some(1000), ..Options::default() });
        let needed = open_files_needed(&config);
        assert_eq!(needed, 1000 + 32 + 2 * 25);
        check_open_files(needed, needed, 1000).unwrap();
        let error = check_open_files(1024, needed, 1000).unwrap_err().to_string();
        assert!(error.contains("is 1024") && error.contains("ulimit -n 1082") && error.contains("-c 942"), "{error}");
        let error = check_open_files(50, needed, 1000).unwrap_err().to_string();
        assert!(error.contains("fewer cores"), "{error}");
    }

    #[test]
    fn memlock_names_the_figures() {
        check_memlock(512 << 10).unwrap();
        let error = check_memlock(64 << 10).unwrap_err().to_string();
        assert!(error.contains("64 KiB") && error.contains("ulimit -l 512"), "{error}");
    }

    #[test]
    fn large_pages_must_be_had() {
        check_large_pages("always [madvise] never").unwrap();
        check_large_pages("[always] madvise never").unwrap();
        for off in ["always madvise [never]", ""] {
            let error = check_large_pages(off).unwrap_err().to_string();
            assert!(error.contains("echo madvise") && error.contains("leave -L away"), "{error}");
        }
    }

    #[test]
    fn a_refused_ring_is_explained() {
        let refused = |errno| Err(io::Error::from_raw_os_error(errno));
        assert_eq!(check_io_uring(Some(2), Ok(())), Ok(()), "what works is not argued with");
        assert_eq!(check_io_uring(Some(2), refused(libc::EPERM)), Err(ConfigError::IoUringDisabled));
        assert_eq!(check_io_uring(Some(1), refused(libc::EPERM)), Err(ConfigError::IoUringPrivileged));
        for errno in [libc::EPERM, libc::ENOSYS] {
            let error = check_io_uring(Some(0), refused(errno)).unwrap_err().to_string();
            assert!(error.contains("seccomp"), "{error}");
        }
        assert!(matches!(check_io_uring(None, refused(libc::ENOMEM)), Err(ConfigError::IoUringFails { .. })));
    }

    #[test]
    fn bind_errors_are_told_in_words() {
        let of = |errno| bind_error("127.0.0.1:80", &io::Error::from_raw_os_error(errno)).to_string();
        assert!(of(libc::EADDRINUSE).starts_with("127.0.0.1:80 is in use"));
        assert!(of(libc::EACCES).contains("not permitted"));
        assert!(of(libc::EADDRNOTAVAIL).contains("not an address of this machine"));
        assert!(of(libc::EMFILE).contains("failed"));
    }

    #[test]
    fn this_machine_passes() {
        check_host(&config(Options::default())).unwrap();
    }
}
