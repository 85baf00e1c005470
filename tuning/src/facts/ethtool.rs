//! What `ethtool` tells of a card and no file does: asking the kernel directly takes a system call. Its answers have two
//! blocks of lines, what may be set and what is:
//!
//! ```text
//! Pre-set maximums:
//! RX:             4096
//! Current hardware settings:
//! RX:             512
//! ```

use super::Tree;
use std::io;
use std::process::Command;

const MISSING: &str = "ethtool is not installed";

/// What `ethtool -LETTER NIC` says; `None` if it is not installed, or nothing of it was recorded.
pub(super) fn ask(tree: &Tree, letter: char, nic: &str) -> Option<String> {
    let text = tree.told(&format!("ethtool-{letter}-{nic}"), || {
        Some(match Command::new("ethtool").args([&format!("-{letter}"), nic]).output() {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => MISSING.to_owned(),
            Err(error) => error.to_string(),
        })
    });
    text.filter(|text| text != MISSING)
}

/// What may be set and what is; `None` where the driver tells neither.
pub(super) fn blocks(text: &str) -> Option<(&str, &str)> {
    text.split_once("Current hardware settings:")
}

/// The number on the line `name` of a block; `None` without that line, or for `n/a`.
pub(super) fn number(block: &str, name: &str) -> Option<u32> {
    block.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().parse().ok())
}
