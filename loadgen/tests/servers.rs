//! The program against real servers: ringcached, memcached and redis-server, over every protocol that each speaks.
//!
//! ringcached is taken from where this program was built, the others from the system. What is missing is named and
//! left out, unless `RINGCACHED_REQUIRE_CLIENTS` is set, as in CI: then it is a failure.

mod support;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use support::{Kind, Server, ringload, temporary};

const ALL: [(Kind, &[&str]); 3] = [
    (Kind::Ringcached, &["text", "meta", "binary"]),
    (Kind::Memcached, &["text", "meta", "binary"]),
    (Kind::Redis, &["resp"]),
];

fn workloads() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    files
}

fn count(results: &Value, path: &str) -> u64 {
    results.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}

#[test]
fn gets_and_sets_are_counted_alike_by_every_server() {
    let mut runs = Vec::new();
    for (kind, protocols) in ALL {
        for protocol in protocols {
            let Some(server) = Server::start(kind, false) else { break };
            for options in ["--pipeline 16 --connections 3", "--pipeline 2 --multiget 7 --connections 2"] {
                let fixed =
                    "--load --keys 500 --requests 4000 --warmup 0s --seed 5 --get-ratio 0.6 --value-size 0-5000";
                let (passed, results, said) =
                    ringload(&format!("run --protocol {protocol} --server {} {fixed} {options}", server.address));
                assert!(passed, "{kind:?} {protocol}: {said}");
                assert_eq!(count(&results, "/errors"), 0, "{kind:?} {protocol}: {said}");
                assert_eq!((count(&results, "/requests"), count(&results, "/misses")), (4000, 0), "{said}");
                runs.push((options, count(&results, "/hits"), count(&results, "/stored")));
            }
        }
    }
    // The seed decides what is asked; all keys are there.
    for run in &runs {
        assert!(runs.iter().filter(|other| other.0 == run.0).all(|other| other == run), "{runs:?}");
    }
}

#[test]
fn every_workload_file_runs_on_every_server() {
    for (kind, protocols) in ALL {
        for protocol in protocols {
            for file in workloads() {
                let Some(server) = Server::start(kind, false) else { break };
                let text = std::fs::read_to_string(&file).unwrap();
                let options = "--requests 6000 --warmup 0s --connections 4 --pipeline 8 --seed 3";
                let (passed, results, said) = ringload(&format!(
                    "run --protocol {protocol} --server {} --workload {} {options}",
                    server.address,
                    file.display()
                ));
                let lacking = *protocol == "resp" && text.contains("cas = ");
                if lacking {
                    assert!(!passed && said.contains("line 2: key space `item`: cas cannot be asked for"), "{said}");
                    continue;
                }
                assert!(passed, "{kind:?} {protocol} {}: {said}", file.display());
                assert_eq!(count(&results, "/errors"), 0, "{kind:?} {protocol} {}: {said}", file.display());
                let operations = results["operations"].as_object().unwrap();
                let requests: u64 = operations.values().map(|counts| count(counts, "/requests")).sum();
                assert_eq!((requests, count(&results, "/requests")), (6000, 6000), "{said}");
                if text.contains("miss-then-set = true") {
                    let (fills, misses) = (count(&results, "/operations/fill/requests"), count(&results, "/misses"));
                    assert!(fills > 0 && fills <= misses, "{said}");
                }
            }
        }
    }
}

/// One request at a time, the same seed: whoever is asked and however, the answers are the same ones.
#[test]
fn protocols_and_servers_agree_about_every_answer() {
    for file in workloads() {
        let text = std::fs::read_to_string(&file).unwrap();
        // memcached makes no counter where there is none, Redis does.
        let resp = !text.contains("cas = ") && !text.contains("counters");
        let mut runs: Vec<(String, Value)> = Vec::new();
        for (kind, protocols) in ALL {
            for protocol in protocols.iter().filter(|protocol| **protocol != "resp" || resp) {
                let Some(server) = Server::start(kind, false) else { break };
                let (passed, results, said) = ringload(&format!(
                    "run --protocol {protocol} --server {} --workload {} --requests 4000 --warmup 0s --connections 1 \
                     --pipeline 1 --seed 11",
                    server.address,
                    file.display()
                ));
                assert!(passed, "{kind:?} {protocol}: {said}");
                runs.push((format!("{kind:?} {protocol}"), results["operations"].clone()));
            }
        }
        for (name, operations) in &runs {
            assert_eq!(operations, &runs[0].1, "{}: {name} and {}", file.display(), runs[0].0);
        }
    }
}

#[test]
fn hits_follow_when_all_keys_were_stored_before() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads/everything.toml");
    let Some(server) = Server::start(Kind::Memcached, false) else { return };
    let options = "--load --requests 3000 --warmup 0s --connections 2 --pipeline 4 --seed 11";
    let (passed, results, said) =
        ringload(&format!("run --server {} --workload {} {options}", server.address, file.display()));
    assert!(passed && count(&results, "/load_errors") == 0, "{said}");
    let (hits, misses) = (count(&results, "/hits"), count(&results, "/misses"));
    // Only what was deleted meanwhile is missed.
    assert!(hits > 3 * misses, "{said}");
    assert!(count(&results, "/operations/incr/done") > 0 && count(&results, "/operations/cas/done") > 0, "{said}");
}

/// The examples of `run --help` and of the README that name a workload file or TLS, from the repository's root.
#[test]
fn examples_with_workloads_and_tls_run() {
    let help = Command::new(env!("CARGO_BIN_EXE_ringload")).args(["run", "--help"]).output().unwrap();
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let text = String::from_utf8(help.stdout).unwrap() + &readme;
    let examples: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().trim_start_matches("Example: ").strip_prefix("ringload "))
        .filter(|line| ["--tls", "--workload"].iter().any(|option| line.contains(option)))
        .collect();
    assert!(examples.len() >= 5, "{examples:?}");
    for example in examples {
        let resp = example.contains("--protocol resp");
        let Some(server) = Server::start(if resp { Kind::Redis } else { Kind::Memcached }, example.contains("--tls"))
        else {
            continue;
        };
        let words = example.split(' ').map(|word| match word {
            "127.0.0.1:11211" | "127.0.0.1:6379" | "127.0.0.1:6380" => server.address.to_string(),
            "ca.pem" => support::tls_file("ca.pem").display().to_string(),
            word => word.to_owned(),
        });
        // Shorter than the ten seconds of a run that does not say.
        let line = words.collect::<Vec<_>>().join(" ") + " --duration 300ms --warmup 0s";
        let (passed, results, said) = ringload(&line);
        assert!(passed && count(&results, "/requests") > 0, "{example}: {said}");
    }
}

#[test]
fn servers_are_driven_over_tls() {
    let ca = support::tls_file("ca.pem");
    // memcached 1.6.18 leaves pipelined requests of more than one TLS record lying, whoever sends them.
    let small = "--value-size 0-200 --pipeline 8";
    for (kind, protocol, sizes) in [
        (Kind::Memcached, "text", small),
        (Kind::Memcached, "binary", small),
        (Kind::Redis, "resp", "--value-size 0-100k --pipeline 32"),
    ] {
        let Some(server) = Server::start(kind, true) else { continue };
        let (passed, results, said) = ringload(&format!(
            "run --protocol {protocol} --server {} --tls --tls-ca {} --load --keys 200 {sizes} --connections 3 \
             --requests 5000 --warmup 0s --get-ratio 0.7",
            server.address,
            ca.display()
        ));
        assert!(passed, "{kind:?}: {said}");
        assert_eq!((count(&results, "/requests"), count(&results, "/errors")), (5000, 0), "{kind:?}: {said}");
        assert_eq!(count(&results, "/misses"), 0, "{kind:?}: {said}");
    }
}

/// A trace of 20,000 requests of these kinds for a thousand keys, and how many there are of each.
fn trace(operations: &[&str]) -> (PathBuf, impl Fn(&str) -> u64) {
    let mut random = 1u64;
    let drawn: Vec<String> = (0..20_000)
        .map(|_| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (key, dice) = ((random >> 33) % 1000, (random >> 50) as usize);
            format!("0,key{key},10,{},1,{},0", key * 3, operations[dice % operations.len()])
        })
        .collect();
    let path = temporary("csv");
    std::fs::write(&path, drawn.join("\n")).unwrap();
    let count =
        move |operation: &str| drawn.iter().filter(|line| line.split(',').nth(5) == Some(operation)).count() as u64;
    (path, count)
}

/// The counts of a replay.
const COUNTS: [&str; 9] =
    ["requests", "gets", "hits", "fills", "stored", "not_stored", "not_found", "deleted", "non_numeric"];

/// Whoever is asked and however, a trace has one hit ratio; RESP leaves out what it cannot ask for and says so.
#[test]
fn replays_agree_over_every_protocol_and_server() {
    let (everywhere, _) = trace(&["get", "get", "get", "gets", "set", "add", "replace", "delete"]);
    let (memcached_s, count_of) =
        trace(&["get", "get", "set", "delete", "cas", "append", "prepend", "incr", "decr", "add", "replace"]);
    let mut seen: Vec<(String, Vec<u64>, Option<Vec<u64>>)> = Vec::new();
    for (kind, protocols) in ALL {
        for protocol in protocols {
            let mut counts = [None, None];
            for (path, counts) in [&everywhere, &memcached_s].into_iter().zip(&mut counts) {
                let Some(server) = Server::start(kind, false) else { break };
                let (address, path) = (server.address, path.display());
                let (passed, results, said) =
                    ringload(&format!("replay --server {address} --protocol {protocol} --trace {path} --seed 3"));
                assert!(passed, "{kind:?} {protocol}: {said}");
                assert_eq!(results["protocol"], *protocol);
                *counts = Some((COUNTS.map(|name| count(&results, &format!("/{name}"))).to_vec(), results, said));
            }
            let [Some((everywhere, ..)), Some((memcached_s, results, said))] = counts else { continue };
            let resp = *protocol == "resp";
            let left_out = if resp { count_of("cas") + count_of("prepend") } else { 0 };
            assert_eq!(count(&results, "/left_out"), left_out, "{said}");
            assert_eq!(said.contains("requests were left out: resp has neither cas nor prepend"), resp, "{said}");
            seen.push((format!("{kind:?} {protocol}"), everywhere, (!resp).then_some(memcached_s)));
        }
    }
    for (name, everywhere, memcached_s) in &seen {
        assert_eq!(everywhere, &seen[0].1, "{name} and {}: {COUNTS:?}", seen[0].0);
        assert!(memcached_s.is_none() || *memcached_s == seen[0].2, "{name} {memcached_s:?} and {:?}", seen[0]);
    }
    [everywhere, memcached_s].iter().for_each(|path| std::fs::remove_file(path).unwrap());
}

#[test]
fn checks_pass_over_every_protocol_on_every_server() {
    let two = std::thread::available_parallelism().map_or(1, usize::from) > 1;
    let shapes: [(Kind, &[&str], &[&str]); 4] = [
        (Kind::Ringcached, &["-t", "1"], &["text", "meta", "binary"]),
        (Kind::Ringcached, &["-t", "2"], if two { &["text", "meta", "binary"] } else { &[] }),
        (Kind::Memcached, &[], &["text", "meta", "binary"]),
        (Kind::Redis, &[], &["resp"]),
    ];
    for (kind, options, protocols) in shapes {
        for protocol in protocols {
            let Some(server) = Server::start_with(kind, false, options) else { break };
            let check = format!("check --server {} --protocol {protocol} --connections 6", server.address);
            let (passed, results, said) =
                ringload(&format!("{check} --requests 20000 --keys 300 --pipeline 8 --value-size 70k"));
            assert!(passed && count(&results, "/values") > 5000, "{kind:?} {options:?} {protocol}: {said}");
            assert!(count(&results, "/stored") > 2000, "{kind:?} {options:?} {protocol}: {said}");
            let (passed, results, said) = ringload(&format!("{check} --linearizable --requests 50000"));
            assert!(passed, "{kind:?} {options:?} {protocol}: {said}");
            assert!(count(&results, "/operations") > 50_000, "{said}");
            assert!(count(&results, "/overlapping") > 1000, "{said}");
        }
    }
}

/// memcached 1.6.18 knows no stream of deletes and refused the whole watch for it: nothing could be recorded.
#[test]
fn memcached_is_recorded() {
    let Some(server) = Server::start(Kind::Memcached, false) else { return };
    let trace = temporary("csv");
    let line =
        format!("record --server {} --output {} --requests 1000 --duration 60s", server.address, trace.display());
    let mut recording = Command::new(env!("CARGO_BIN_EXE_ringload"))
        .args(line.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut begun = String::new();
    BufReader::new(recording.stderr.as_mut().unwrap()).read_line(&mut begun).unwrap();
    let (passed, _, said) =
        ringload(&format!("run --server {} --load --keys 500 --rate 5k --duration 1s --warmup 0s", server.address));
    assert!(passed && begun.contains("recording"), "{begun} {said}");
    let output = recording.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("recorded    1000 in"), "{told}");
    let (passed, results, said) =
        ringload(&format!("replay --server {} --trace {} --no-fill", server.address, trace.display()));
    assert!(passed && count(&results, "/requests") == 1000, "{said}");
    std::fs::remove_file(&trace).unwrap();
}
