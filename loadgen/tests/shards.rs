//! Against a ringcached of two shards: histories are linearizable although requests are forwarded, no key is forwarded when
//! the generator knows the owners, and what is recorded replays.

#[allow(dead_code, reason = "the tests against other servers need more of it")]
mod support;

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
};

use support::{Kind, Server, ringload, temporary};

/// A ringcached of two shards with ports of their own; `None` where it is not built or there is one core only.
fn two_shards() -> Option<Server> {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        eprintln!("NOT TRIED: two shards take two cores");
        return None;
    }
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = (0..100).find_map(|_| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        (port < u16::MAX && free(port) && free(port + 1)).then_some(port)
    });
    let first = first.expect("two free ports in a row").to_string();
    Server::start_with(Kind::Ringcached, false, &["-t", "2", "--per-shard-ports", &first])
}

/// The sum over all shards of a field of `stats shards`.
fn of_shards(address: SocketAddr, field: &str) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"stats shards\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map(|line| line.unwrap()).take_while(|line| line != "END");
    lines
        .filter_map(|line| {
            let (name, value) = line.strip_prefix("STAT ")?.split_once(' ')?;
            name.ends_with(&format!(":{field}")).then(|| value.parse::<u64>().unwrap())
        })
        .sum()
}

#[test]
fn a_million_forwarded_operations_are_linearizable() {
    let Some(server) = two_shards() else { return };
    let address = server.address;
    let (passed, results, said) =
        ringload(&format!("check --server {address} --linearizable --requests 1000000 --connections 32"));
    assert!(passed, "{said}");
    assert!(results["operations"].as_u64() >= Some(1_000_000), "{said}");
    assert!(results["overlapping"].as_u64() > Some(100_000), "{said}");
    assert!(of_shards(address, "forwarded_out") > 100_000, "{said}");
}

#[test]
fn a_shard_aware_run_is_not_forwarded() {
    let Some(server) = two_shards() else { return };
    let address = server.address;
    let fixed = format!("run --server {address} --keys 2000 --connections 4 --pipeline 8 --warmup 0s --get-ratio 0.5");
    let forwarded = || of_shards(address, "forwarded_out");
    for (options, aware) in [
        ("--load", true),
        ("--multiget 10", true),
        ("--protocol meta --multiget 7 --load", true),
        ("--protocol binary --distribution zipf:0.9", true),
        ("--rate 50k", true),
        ("", false),
    ] {
        let before = forwarded();
        let how = if aware { "--shard-aware" } else { "" };
        let (passed, results, said) = ringload(&format!("{fixed} --requests 20000 {options} {how}"));
        assert!(passed, "{options}: {said}");
        assert_eq!(results["requests"], 20_000, "{options}: {said}");
        assert_eq!((&results["misses"], &results["errors"]), (&0.into(), &0.into()), "{options}: {said}");
        assert_eq!(said.contains("shard-aware: every key to its owner of 2 shards"), aware, "{said}");
        // Asking for statistics is forwarded, too.
        let rise = forwarded() - before;
        assert_eq!(rise < 100, aware, "{options} {how}: {rise} requests were forwarded");
    }
}

/// The examples of the README that need such a server run as they are written, but for address and file.
#[test]
fn examples_for_ringcached_run() {
    let Some(server) = two_shards() else { return };
    let trace = temporary("csv.zst");
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let wanted = ["ringload run --server 127.0.0.1:11211 --shard-aware", "ringload record "];
    let examples: Vec<&str> =
        readme.lines().filter(|line| wanted.iter().any(|start| line.starts_with(start))).collect();
    assert_eq!(examples.len(), 2, "{examples:?}");
    for example in examples {
        let line = example.strip_prefix("ringload ").unwrap();
        let line = line.replace("127.0.0.1:11211", &server.address.to_string());
        let line = line.replace("recorded.csv.zst", trace.to_str().unwrap());
        // The help shows the same.
        let command = line.split(' ').next().unwrap();
        let help = Command::new(env!("CARGO_BIN_EXE_ringload")).args([command, "--help"]).output().unwrap();
        assert!(String::from_utf8_lossy(&help.stdout).contains(&format!("Example: {example}")), "{example}");
        let (passed, _, said) = ringload(&line);
        assert!(passed, "{example}: {said}");
    }
    std::fs::remove_file(&trace).unwrap();
}

#[test]
fn servers_that_tell_no_owners_are_refused() {
    let Some(server) = Server::start(Kind::Ringcached, false) else { return };
    let (passed, _, said) = ringload(&format!("run --server {} --shard-aware --requests 10", server.address));
    assert!(!passed && said.contains("start it with --per-shard-ports"), "{said}");
}

#[test]
fn what_is_recorded_replays() {
    let Some(server) = two_shards() else { return };
    let address = server.address;
    let trace = temporary("csv.zst");
    let line = format!("record --server {address} --output {} --requests 5000 --duration 60s", trace.display());
    let recording = Command::new(env!("CARGO_BIN_EXE_ringload"))
        .args(line.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut recording = recording;
    // It says so when it watches.
    let mut begun = String::new();
    BufReader::new(recording.stderr.as_mut().unwrap()).read_line(&mut begun).unwrap();
    assert!(begun.contains("recording"), "{begun}");
    let (passed, _, said) =
        ringload(&format!("run --server {address} --load --keys 500 --rate 20k --duration 2s --warmup 0s"));
    assert!(passed, "{said}");
    let output = recording.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("recorded    5000 in"), "{told}");

    let text = String::from_utf8(zstd::decode_all(std::fs::File::open(&trace).unwrap()).unwrap()).unwrap();
    assert_eq!(text.lines().count(), 5000);
    assert!(!text.contains("key0"), "a key is told: {}", text.lines().next().unwrap());
    // The load stored every key once, and a write is not told as a read beside.
    let sets = text.lines().filter(|line| line.ends_with(",set,0")).count();
    assert!(sets >= 500, "{sets}");
    let head = text.lines().take(400).filter(|line| line.contains(",get,")).count();
    assert_eq!(head, 0, "the load is told as gets, too");

    for options in ["--no-fill --speed 10x", "--no-fill"] {
        let (passed, results, said) =
            ringload(&format!("replay --server {address} --trace {} {options}", trace.display()));
        assert!(passed && results["requests"] == 5000, "{said}");
        // All gets but those whose set came later in the stream than they did.
        assert!(results["hit_ratio"].as_f64() > Some(0.9), "{said}");
    }
    std::fs::remove_file(&trace).unwrap();
}
