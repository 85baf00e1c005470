//! What `run`, `saturate` and `report` measure and write, as a user sees it.

#[allow(dead_code, reason = "the checks need more of it")]
#[path = "../common/mod.rs"]
mod common;
mod examples;
mod null;
mod open_loop;
mod outputs;
mod page;
mod saturate;
#[allow(dead_code, reason = "the tests against real servers need more of it")]
#[path = "../support/mod.rs"]
mod support;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

/// A directory of the test's own, removed at its end.
struct Workplace(PathBuf);

impl Workplace {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ringload-measuring-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Workplace(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs ringload here; gives whether it succeeded, and what it said.
    fn ringload(&self, arguments: &str) -> (bool, String) {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        said(&ringload(&self.0).args(words).output().unwrap())
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ringload(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringload"));
    command.current_dir(directory);
    command
}

fn said(output: &Output) -> (bool, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Ends the test where a program that it needs is missing; fails it where CI demands that nothing is missing.
fn missing(program: &str) {
    assert!(std::env::var_os("RINGCACHED_REQUIRE_CLIENTS").is_none(), "{program} is required and not installed");
    println!("skipped: {program} is not installed");
    eprintln!("SKIPPED: {program} is not installed");
}
