//! Which part may use which, and who may touch the host.

use std::fs;
use std::path::{Path, PathBuf};

/// A part and the parts that it may name. `CpuSet`, `Error` and `Steering` are everybody's.
const EDGES: &[(&str, &[&str])] = &[
    ("cpu_set", &[]),
    ("error", &[]),
    ("steering", &[]),
    ("facts", &["cpu_set"]),
    ("checks", &["facts"]),
    ("plan", &["facts"]),
    ("change", &["plan"]),
    ("apply", &["change"]),
    ("sweep", &[]),
    ("report", &["change", "checks", "facts", "plan"]),
    ("cli", &["plan", "sweep"]),
];

/// Parts that are pure: they read no file and start no program.
const PURE: [&str; 5] = ["checks", "plan", "change", "report", "cli"];

/// What the others do it by.
const IMPURE: [&str; 4] = ["std::fs", "std::process", "std::net", "Tree::"];

fn sources(part: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file = src.join(format!("{part}.rs"));
    if file.exists() {
        return vec![file];
    }
    let files = fs::read_dir(src.join(part)).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| !path.ends_with("tests.rs")).collect()
}

#[test]
fn parts_keep_to_the_table() {
    let parts: Vec<&str> = EDGES.iter().map(|(part, _)| *part).collect();
    for (part, allowed) in EDGES {
        for path in sources(part) {
            let text = fs::read_to_string(&path).unwrap();
            // What follows is tests.
            let code = text.split("#[cfg(test)]").next().unwrap();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in lines {
                for other in parts.iter().filter(|other| *other != part && !allowed.contains(other)) {
                    let names = [format!("crate::{other}::"), format!("crate::{{{other}")];
                    assert!(!names.iter().any(|name| line.contains(name)), "{part} may not use {other}: {line}");
                }
                let impure = IMPURE.iter().find(|word| PURE.contains(part) && line.contains(**word));
                assert!(impure.is_none(), "{part} is pure and may not name {impure:?}: {line}");
            }
        }
    }
}
