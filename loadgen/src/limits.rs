//! The limit on open files, which is often 1024 and would end a run at that many connections.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as this process may. A refusal is not fatal: opening connections tells soon enough.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
