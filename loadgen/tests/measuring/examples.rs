//! Every example of `--help` and of the README runs as it is written. Only what belongs to the reader's machine is
//! replaced: addresses of servers, and a search is given less time.

use std::process::Command;

use crate::{
    Workplace,
    common::{Fault, start},
    support::{Kind, Server},
};

/// Addresses of a server that speaks memcached's protocols.
const ADDRESSES: [&str; 2] = ["127.0.0.1:11211", "unix:/run/cache.sock"];

/// The address of a server that speaks RESP.
const REDIS: &str = "127.0.0.1:6379";

/// A search would take a minute.
const SEARCH_TIME: &str = "--time-max 3s";

/// The commands after `Example:` in the help of every subcommand.
fn of_the_help() -> Vec<String> {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ringload")).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let overview = help(&["--help"]);
    let commands: Vec<&str> = overview
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.len() >= 5, "{overview}");
    let mut examples = Vec::new();
    for command in commands {
        let text = help(&[command, "--help"]);
        let own: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("Example: ")).collect();
        assert!(!own.is_empty(), "{command} shows no example: {text}");
        examples.extend(own.into_iter().map(str::to_owned));
    }
    examples
}

/// The commands in the README's blocks of shell.
fn of_the_readme() -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let mut inside = false;
    let mut examples = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && line.starts_with("ringload ") {
            examples.push(line.to_owned());
        }
    }
    assert!(examples.len() >= 5, "{examples:?}");
    examples
}

#[test]
fn every_example_runs() {
    let server = start(Fault::None).to_string();
    let work = Workplace::new();
    let trace: String = (0..1000).map(|n| format!("{n},key{},10,100,1,get,0\n", n % 77)).collect();
    std::fs::write(work.path("cluster52.csv.zst"), zstd::encode_all(trace.as_bytes(), 0).unwrap()).unwrap();
    for name in ["before.json", "after.json"] {
        let (passed, said) = work.ringload(&format!("run --server {server} --requests 100 --keys 10 --json {name}"));
        assert!(passed, "{said}");
    }
    let mut examples = [of_the_help(), of_the_readme()].concat();
    // tests/servers.rs runs those: the server here does not speak TLS, nor know all operations.
    examples.retain(|example| !["--tls", "--workload"].iter().any(|option| example.contains(option)));
    let (last, first): (Vec<_>, Vec<_>) = examples.iter().partition(|example| example.starts_with("ringload report "));
    // All at once, for most of their time is waiting; but pages after the results that they read.
    for examples in [first, last] {
        std::thread::scope(|scope| {
            for example in examples {
                let (work, server) = (&work, &server);
                scope.spawn(move || try_example(example, work, server));
            }
        });
    }
}

/// Runs one example in `work` against `server`.
fn try_example(example: &str, work: &Workplace, server: &str) {
    let arguments = example.strip_prefix("ringload ").unwrap_or_else(|| panic!("not of this program: {example}"));
    let mut line = ADDRESSES.iter().fold(arguments.to_owned(), |line, address| line.replace(address, server));
    let mut redis = None;
    if line.contains(REDIS) {
        let Some(started) = Server::start(Kind::Redis, false) else { return };
        line = line.replace(REDIS, &started.address.to_string());
        redis = Some(started);
    }
    let named = line.contains(server) || redis.is_some();
    let search = line.starts_with("saturate ");
    if search {
        line = format!("{line} {SEARCH_TIME}");
    }
    assert!(named || line.starts_with("report "), "{example} names no server");
    let (passed, said) = work.ringload(&line);
    // A search that has no time to end has no result, and says so.
    assert!(passed || (search && said.contains("no result: ")), "{example}: {said}");
    for option in ["--json", "--report", "--hdr-log", "-o"] {
        let file = line.split_once(&format!("{option} ")).map(|(_, rest)| rest.split(' ').next().unwrap());
        let written = file.is_none_or(|file| work.path(file).exists());
        assert!(written || search, "{example} did not write {option}: {said}");
    }
}
