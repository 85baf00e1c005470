//! The program as a user runs it, against a server that is right and against servers that are wrong.

mod common;

use std::{net::SocketAddr, path::PathBuf, process::Command};

use common::{Fault, start, start_tls};
use serde_json::Value;

/// Runs ringload; gives whether it succeeded, its results, and what it said.
fn ringload(command: &str, server: SocketAddr, options: &str) -> (bool, Value, String) {
    let json = temporary("json");
    let output = Command::new(env!("CARGO_BIN_EXE_ringload"))
        .arg(command)
        .args(["--server", &server.to_string(), "--json"])
        .arg(&json)
        .args(options.split_whitespace())
        .output()
        .unwrap();
    let results = std::fs::read(&json).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let _ = std::fs::remove_file(&json);
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), results.unwrap_or(Value::Null), String::from_utf8_lossy(&said).into_owned())
}

fn temporary(kind: &str) -> PathBuf {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    std::env::temp_dir().join(format!("ringload-test-{}-{number}.{kind}", std::process::id()))
}

#[test]
fn run_counts_what_the_server_answered() {
    let server = start(Fault::None);
    for (options, keys_per_get) in [
        ("--protocol text --pipeline 1", 1),
        ("--protocol text --pipeline 16", 1),
        ("--protocol text --pipeline 4 --multiget 10", 10),
        ("--protocol meta --pipeline 16", 1),
        ("--protocol meta --pipeline 2 --multiget 10", 10),
        ("--protocol binary --pipeline 2 --multiget 10", 10),
        ("--protocol resp --pipeline 2 --multiget 10", 10),
        ("--protocol text --rate 50000 --arrivals poisson", 1),
        ("--protocol text --distribution zipf:1.1 --value-size 0-9000", 1),
    ] {
        let fixed = "--load --keys 500 --connections 7 --requests 3000 --warmup 0s --get-ratio 0.5 --seed 1";
        let (passed, results, said) = ringload("run", server, &format!("{fixed} {options}"));
        assert!(passed, "{options}: {said}");
        let count = |name: &str| results[name].as_u64().unwrap_or_else(|| panic!("{options}: {name}"));
        assert_eq!(count("requests"), 3000, "{options}");
        assert_eq!(count("hits"), count("gets"), "{options}");
        assert_eq!(count("gets") / keys_per_get + count("stored"), 3000, "{options}");
        assert!((1300..1700).contains(&count("stored")), "{options}: {said}");
        assert_eq!((count("misses"), count("errors"), count("unanswered")), (0, 0, 0), "{options}");
        assert!(results["latency"]["p99_us"].as_f64().unwrap() > 0.0, "{options}");
    }
    let (_, results, _) = ringload("run", start(Fault::None), "--requests 100 --get-ratio 1 --warmup 0s");
    assert_eq!(results["misses"], 100);
}

#[test]
fn run_counts_error_lines_and_fails_on_broken_connections() {
    let options = "--requests 5000 --warmup 0s --connections 3";
    let (passed, results, said) = ringload("run", start(Fault::AnswersErrors), options);
    assert!(passed && results["errors"].as_u64() > Some(40), "{said}");
    let (passed, _, said) = ringload("run", start(Fault::AnswersNonsense), options);
    assert!(!passed && said.contains("not a reply: `NONSENSE`"), "{said}");
    let (passed, _, said) = ringload("run", start(Fault::ClosesConnections), options);
    assert!(!passed && (said.contains("closed") || said.contains("lost")), "{said}");
    let (passed, _, said) = ringload("run", "127.0.0.1:1".parse().unwrap(), options);
    assert!(!passed && said.contains("connecting to 127.0.0.1:1"), "{said}");
}

fn tls_file(name: &str) -> String {
    format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Values of all sizes up to several TLS records, verified byte by byte, with more on the way than a socket holds.
#[test]
fn check_and_run_speak_tls() {
    let ca = tls_file("ca.pem");
    for trust in [format!("--tls-ca {ca}"), "--tls-insecure".into()] {
        let (passed, results, said) = ringload("check", start_tls(Fault::None), &format!("{CHECK} --tls {trust}"));
        assert!(passed && results["values"].as_u64() > Some(5000), "{said}");
        let options = format!("--tls {trust} --load --keys 50 --value-size 100k-300k --pipeline 40 --connections 2");
        let (passed, results, said) =
            ringload("run", start_tls(Fault::None), &format!("{options} --requests 600 --warmup 0s --get-ratio 0.5"));
        assert!(passed && results["requests"] == 600 && results["misses"] == 0, "{said}");
    }
    let (passed, results, said) =
        ringload("check", start_tls(Fault::FlipsBits), &format!("{CHECK} --tls --tls-insecure"));
    assert!(!passed && results["wrong_values"].as_u64() > Some(0), "{said}");
}

#[test]
fn servers_that_are_not_trusted_or_speak_no_tls_are_refused() {
    let options = "--requests 10 --warmup 0s --connections 1";
    let refused = |server, more: &str, reason: &str| {
        let (passed, _, said) = ringload("run", server, &format!("{options} {more}"));
        assert!(!passed && said.contains(reason), "{more}: {said}");
    };
    let own = tls_file("server.pem");
    refused(start_tls(Fault::None), &format!("--tls --tls-ca {own}"), "invalid peer certificate");
    refused(start_tls(Fault::None), "--tls --tls-ca /nowhere.pem", "--tls-ca /nowhere.pem: ");
    let key = tls_file("server-key.pem");
    refused(start_tls(Fault::None), &format!("--tls --tls-ca {key}"), "holds no certificate");
    refused(start_tls(Fault::None), "", "connection 0");
    refused(start(Fault::None), "--tls --tls-insecure", "connecting to");
    refused(start(Fault::None), "--tls-insecure", "--tls");
}

const CHECK: &str = "--requests 20000 --connections 4 --keys 100 --pipeline 8 --value-size 70k";

const PROTOCOLS: [&str; 4] = ["text", "meta", "binary", "resp"];

#[test]
fn check_accepts_a_right_server() {
    for protocol in PROTOCOLS {
        for fault in [Fault::None, Fault::Evicts] {
            let (passed, results, said) = ringload("check", start(fault), &format!("{CHECK} --protocol {protocol}"));
            assert!(passed, "{protocol} {fault:?}: {said}");
            assert!(results["values"].as_u64() > Some(5000), "{protocol} {fault:?}: {said}");
            let wrong = (&results["wrong"], &results["errors"]);
            assert_eq!(wrong, (&Value::from(0), &Value::from(0)), "{protocol} {fault:?}");
            assert_eq!(results["protocol"], protocol);
        }
    }
}

#[test]
fn check_finds_every_kind_of_wrong_server() {
    // A server that keeps keys apart in one command cannot mix them up; RESP has no cas.
    let (all, together, with_cas): (&[&str], &[&str], &[&str]) = (&PROTOCOLS, &["text", "resp"], &PROTOCOLS[..3]);
    for (fault, found_as, protocols) in [
        (Fault::FlipsBits, "wrong_values", all),
        (Fault::GivesOldValues, "wrong_versions", all),
        (Fault::MixesUpKeys, "wrong_values", together),
        (Fault::ReversesKeys, "out_of_order", &["text"]),
        (Fault::IgnoresDeletes, "wrong_versions", all),
        (Fault::LosesWrites, "wrong_versions", all),
        (Fault::IgnoresCas, "wrong_answers", with_cas),
        (Fault::AnswersErrors, "errors", all),
    ] {
        for protocol in protocols {
            let (passed, results, said) = ringload("check", start(fault), &format!("{CHECK} --protocol {protocol}"));
            assert!(!passed, "{protocol} {fault:?}: {said}");
            assert!(results[found_as].as_u64() > Some(0), "{protocol} {fault:?}: {said}");
            assert!(said.contains("fault: "), "{protocol} {fault:?}: {said}");
        }
    }
    for fault in [Fault::AnswersNonsense, Fault::ClosesConnections] {
        for protocol in PROTOCOLS {
            let (passed, _, said) = ringload("check", start(fault), &format!("{CHECK} --protocol {protocol}"));
            assert!(!passed, "{protocol} {fault:?}: {said}");
        }
    }
}

/// A history that no order explains is found, and shown.
#[test]
fn check_finds_histories_that_are_not_linearizable() {
    for protocol in PROTOCOLS {
        let options = "--linearizable --requests 20000 --connections 6 --pipeline 4 --keys 20 --seed 5";
        let options = format!("{options} --protocol {protocol}");
        let (passed, results, said) = ringload("check", start(Fault::None), &options);
        assert!(passed && results["not_linearizable"] == 0, "{protocol}: {said}");
        let (operations, overlapping) = (results["operations"].as_u64(), results["overlapping"].as_u64());
        assert!(operations > Some(20_000) && overlapping > Some(1000), "{protocol}: {said}");
        for fault in [
            Fault::LosesWrites,
            Fault::DelaysWrites,
            Fault::GivesOldValues,
            Fault::IgnoresDeletes,
            Fault::IgnoresCas,
            Fault::FlipsBits,
            Fault::Evicts,
        ] {
            if fault == Fault::IgnoresCas && protocol == "resp" {
                continue;
            }
            let (passed, results, said) = ringload("check", start(fault), &options);
            let found = results["not_linearizable"].as_u64() > Some(0);
            assert!(!passed && found, "{protocol} {fault:?}: {said}");
            assert!(said.contains("no order explains these") && said.contains(" -> "), "{protocol} {fault:?}: {said}");
        }
        let (passed, results, said) = ringload("check", start(Fault::AnswersErrors), &options);
        assert!(!passed && results["errors"].as_u64() > Some(0), "{protocol}: {said}");
    }
}

/// Requests are sent when the trace says so: a slow clock makes a replay of few requests long.
#[test]
fn replay_keeps_the_trace_s_time() {
    let path = temporary("csv");
    let trace: String = (0..4).map(|n| format!("{n},key{n},10,100,1,get,0\n")).collect();
    std::fs::write(&path, trace).unwrap();
    let (passed, results, said) =
        ringload("replay", start(Fault::None), &format!("--trace {} --speed 10x --no-fill", path.display()));
    assert!(passed && results["requests"] == 4 && results["stored"] == 0, "{said}");
    assert!(results["elapsed_s"].as_f64() >= Some(0.3) && said.contains("10x the trace's"), "{said}");
    std::fs::remove_file(&path).unwrap();

    let path = temporary("oracleGeneral.bin");
    let record = |n: u32| [n.to_le_bytes(), (n % 3).to_le_bytes(), [0; 4], 50u32.to_le_bytes(), [0xff; 4], [0xff; 4]];
    std::fs::write(&path, (0..30).flat_map(record).flatten().collect::<Vec<u8>>()).unwrap();
    let (passed, results, said) =
        ringload("replay", start(Fault::None), &format!("--trace {} --speed 1000x", path.display()));
    assert!(passed && results["gets"] == 30 && results["hits"] == 27, "{said}");
    std::fs::write(&path, [0; 30]).unwrap();
    let (passed, _, said) = ringload("replay", start(Fault::None), &format!("--trace {}", path.display()));
    assert!(!passed && said.contains("record 2: the last record has fewer than 24 bytes"), "{said}");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn record_tells_why_a_server_cannot_be_watched() {
    let path = temporary("csv");
    let (passed, _, said) = ringload("record", start(Fault::None), &format!("--output {}", path.display()));
    assert!(!passed && said.contains("the server refuses to be watched: ERROR"), "{said}");
    assert!(!path.exists());
}

#[test]
fn replay_gives_the_hit_ratio_of_the_trace() {
    // Against a model: every key that was asked for or set is there until it is deleted.
    let mut model = std::collections::HashSet::new();
    let (mut trace, mut gets, mut hits, mut random) = (String::new(), 0u64, 0u64, 1u64);
    for _ in 0..20_000 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let key = (random >> 33) % 700;
        let operation = match (random >> 20) % 20 {
            0 => "set",
            1 => "delete",
            2 => "add",
            3 => "gets",
            4 => "append",
            5 => "cas",
            6 => "incr",
            _ => "get",
        };
        match operation {
            "get" | "gets" => {
                gets += 1;
                hits += u64::from(!model.insert(key));
            }
            "set" | "add" => _ = model.insert(key),
            "delete" => _ = model.remove(&key),
            _ => {}
        }
        trace += &format!("0,key{key},10,{},1,{operation},0\n", key * 3);
    }
    let path = temporary("csv");
    std::fs::write(&path, trace).unwrap();
    for options in [
        "",
        "--connections 1 --pipeline 1",
        "--connections 13 --pipeline 100 --value-size-max 1k",
        "--protocol meta",
        "--protocol binary --connections 3",
    ] {
        let options = format!("--trace {} {options}", path.display());
        let (passed, results, said) = ringload("replay", start(Fault::None), &options);
        assert!(passed, "{said}");
        assert_eq!(results["requests"], 20_000, "{said}");
        assert_eq!(results["gets"], gets, "{said}");
        assert_eq!(results["hits"], hits, "{said}");
    }
    let (passed, results, said) =
        ringload("replay", start(Fault::None), &format!("--trace {} --limit 123", path.display()));
    assert!(passed && results["requests"] == 123, "{said}");
    std::fs::write(&path, "0,k,1,1,0,get,0\n0,k,1,1,0,fly,0\n").unwrap();
    let (passed, _, said) = ringload("replay", start(Fault::None), &format!("--trace {}", path.display()));
    assert!(!passed && said.contains("line 2: unknown operation"), "{said}");
    std::fs::write(&path, "\n").unwrap();
    let (passed, _, said) = ringload("replay", start(Fault::None), &format!("--trace {}", path.display()));
    assert!(!passed && said.contains("the trace holds no request"), "{said}");
    std::fs::remove_file(&path).unwrap();
}
