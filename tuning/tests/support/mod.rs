//! Runs ringtune, on copies of the recorded hosts where it writes.

// Each test file uses some of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The recorded hosts.
pub const HOSTS: [&str; 2] = ["single-socket-8", "two-socket-64"];

/// What a run of ringtune came to.
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `ringtune` with `arguments` on the host below `root`, in the directory `here`.
pub fn ringtune(root: &Path, here: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringtune"));
    let output = command.args(arguments).current_dir(here).env("RINGTUNE_ROOT", root).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    Run { code: output.status.code().expect("it exits"), out: text(output.stdout), err: text(output.stderr) }
}

/// Where a recorded host is.
pub fn fixture(host: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(host)
}

/// A copy of a recorded host, to be written to.
pub fn copy(host: &str) -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    for (path, content) in files(&fixture(host)) {
        let path = target.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    target
}

/// Every file below `root` with its content, and every directory without any.
pub fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        let mut entries = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).peekable();
        if entries.peek().is_none() {
            found.insert(directory.strip_prefix(root).unwrap().to_owned(), b"(an empty directory)".to_vec());
        }
        for path in entries {
            if path.is_dir() {
                pending.push(path);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Holds `text` to the file `name` of tests/snapshots; RINGTUNE_UPDATE=1 writes it instead.
pub fn snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("RINGTUNE_UPDATE").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(text.lines()).find(|(expected, got)| expected != got);
    assert!(
        expected == text,
        "{} is not what was printed (RINGTUNE_UPDATE=1 writes it anew); first difference: {differs:?}\n{text}",
        path.display()
    );
}

/// Where ringcached and ringload are: beside ringtune, where building the workspace puts them. Without them a test is
/// skipped by name, unless RINGCACHED_REQUIRE_CLIENTS says that nothing may be.
pub fn programs() -> Option<(PathBuf, PathBuf)> {
    let beside = |name| Path::new(env!("CARGO_BIN_EXE_ringtune")).with_file_name(name);
    let (server, ringload) = (beside("ringcached"), beside("ringload"));
    if server.is_file() && ringload.is_file() {
        return Some((server, ringload));
    }
    let required = std::env::var_os("RINGCACHED_REQUIRE_CLIENTS").is_some();
    assert!(!required, "{} and {} are to be built first", server.display(), ringload.display());
    println!("skipped: sweeps (build the workspace first: cargo build --workspace)");
    None
}
