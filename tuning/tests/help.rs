//! Every command's help has an example, and each runs as it is written there.

mod support;

use std::path::Path;
use support::{copy, ringtune};

/// The example in the help of `command`, as words.
fn example(command: &str) -> Vec<String> {
    let help = ringtune(Path::new("/"), Path::new("."), &[command, "--help"]).out;
    let (_, rest) = help.split_once("Example: ringtune ").unwrap_or_else(|| panic!("{command} has no example"));
    let example = rest.split("\n\n").next().unwrap();
    example.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn examples_run_as_written() {
    for command in ["check", "plan", "apply", "undo", "record"] {
        let host = copy("single-socket-8");
        let here = tempfile::tempdir().unwrap();
        if command == "undo" {
            let run = ringtune(host.path(), here.path(), &["apply", "--cores", "4", "--nic", "eth0"]);
            assert_eq!(run.code, 0, "{}", run.err);
        }
        let example = example(command);
        let words: Vec<&str> = example.iter().map(String::as_str).collect();
        let run = ringtune(host.path(), here.path(), &words);
        assert_eq!(run.code, 0, "{words:?}: {}", run.err);
        assert!(!run.out.is_empty(), "{words:?}");
    }
}

#[test]
fn the_example_of_sweep_runs_as_written() {
    let Some(_) = support::programs() else { return };
    let here = tempfile::tempdir().unwrap();
    let example = example("sweep");
    let words: Vec<&str> = example.iter().map(String::as_str).collect();
    let run = ringtune(Path::new("/"), here.path(), &words);
    assert_eq!(run.code, 0, "{words:?}: {}", run.err);
    assert!(run.out.contains("best by CPU per request: --steering="), "{}", run.out);
    assert!(run.out.contains("best by p99:"), "{}", run.out);
}

#[test]
fn the_program_names_its_commands() {
    let help = ringtune(Path::new("/"), Path::new("."), &["--help"]);
    assert_eq!(help.code, 0);
    for command in ["check", "plan", "apply", "undo", "record", "sweep"] {
        assert!(help.out.contains(command), "{}", help.out);
    }
    assert_eq!(ringtune(Path::new("/"), Path::new("."), &["--version"]).code, 0);
}
