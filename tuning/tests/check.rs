//! `ringtune check` and `record` on the recorded hosts: what an expert would say of them.

mod support;

use std::fs;
use std::path::Path;
use support::{HOSTS, copy, files, fixture, ringtune, snapshot};

#[test]
fn findings_are_those_of_the_snapshots() {
    for (host, arguments, name, code) in [
        ("single-socket-8", &["check", "--cores", "1-7"][..], "check-single-socket-8.txt", 0),
        ("single-socket-8", &["check"], "check-single-socket-8-all-cores.txt", 1),
        ("two-socket-64", &["check"], "check-two-socket-64.txt", 1),
        ("two-socket-64", &["check", "--cores", "33-48", "--nic", "eth0"], "check-two-socket-64-16-shards.txt", 1),
    ] {
        let run = ringtune(&fixture(host), Path::new("."), arguments);
        assert_eq!(run.code, code, "{host}: {}", run.err);
        snapshot(name, &run.out);
    }
}

#[test]
fn json_has_the_same_findings() {
    let run = ringtune(&fixture("two-socket-64"), Path::new("."), &["check", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.code, report["worst"].as_str()), (1, Some("warning")));
    assert_eq!(report["kernel"], "6.8.0-45-generic");
    let findings = report["findings"].as_array().unwrap();
    let of = |check: &str| findings.iter().find(|finding| finding["check"] == check).unwrap();
    let somaxconn = of("somaxconn");
    assert_eq!((&somaxconn["severity"], &somaxconn["outcome"]), (&"warning".into(), &"low".into()));
    assert_eq!(somaxconn["change"][0], "sysctl -w net.core.somaxconn=4096");
    assert_eq!(somaxconn["undo"][0], "sysctl -w net.core.somaxconn=128");
    assert_eq!(of("large-pages")["outcome"], "never");
    assert_eq!(of("kernel")["severity"], "ok");
}

/// By its CPU each shard wants a queue: the 8-core host's card can have more than it has, the other's is at its end.
#[test]
fn a_card_is_told_what_it_can_have() {
    let queues = |root: &Path, cores: &str| {
        let arguments = ["check", "--cores", cores, "--steering", "incoming-cpu", "--json"];
        let run = ringtune(root, Path::new("."), &arguments);
        let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        report["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "queues").unwrap().clone()
    };
    let small = queues(&fixture("single-socket-8"), "1-7,9-12");
    assert_eq!((&small["outcome"], &small["severity"]), (&"below-max".into(), &"note".into()));
    assert!(small["change"][0].as_str().unwrap().starts_with("ethtool -L eth0 combined 11 ("), "{small}");
    assert_eq!(small["undo"][0], "ethtool -L eth0 combined 8");
    let large = queues(&fixture("two-socket-64"), "1-48");
    assert_eq!((&large["outcome"], &large["severity"]), (&"at-max-steered".into(), &"warning".into()));
    assert_eq!(large["change"][0], "ringcached --steering hash");

    // Where nothing is known of the card's most, nothing is claimed of it.
    let host = copy("single-socket-8");
    fs::remove_file(host.path().join("recorded/ethtool-l-eth0")).unwrap();
    let unknown = queues(host.path(), "1-7,9-12");
    assert_eq!(unknown["outcome"], "few");
    assert!(unknown["change"][0].as_str().unwrap().ends_with("combined 11, or as many as it can"), "{unknown}");
}

#[test]
fn what_keeps_the_server_from_starting_is_critical() {
    for (file, content, check) in [
        ("proc/sys/kernel/osrelease", "5.14.0-427.el9.x86_64\n", "kernel"),
        ("proc/sys/kernel/io_uring_disabled", "2\n", "io-uring-switch"),
        ("recorded/io_uring", "Operation not permitted (os error 1)\n", "io-uring"),
        ("proc/self/limits", "Max locked memory  65536  65536  bytes\n", "memlock"),
        ("proc/self/limits", "Max open files  256  256  files\n", "open-files"),
    ] {
        let host = copy("single-socket-8");
        fs::write(host.path().join(file), content).unwrap();
        let run = ringtune(host.path(), host.path(), &["check", "--cores", "1-7", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        let critical = report["findings"].as_array().unwrap().iter().find(|finding| finding["severity"] == "critical");
        assert_eq!(run.code, 2, "{check}");
        assert_eq!(critical.map(|finding| &finding["check"]), Some(&check.into()));
    }
}

#[test]
fn a_servers_process_says_which_cores_are_in_use() {
    let host = copy("single-socket-8");
    let status = |list: &str| format!("Name:\tringcached\nSeccomp:\t2\nCpus_allowed_list:\t{list}\n");
    let process = host.path().join("proc/4711");
    for (thread, cpus) in [("4711", "0-15"), ("4712", "1"), ("4713", "2")] {
        fs::create_dir_all(process.join("task").join(thread)).unwrap();
        fs::write(process.join("task").join(thread).join("status"), status(cpus)).unwrap();
    }
    fs::write(process.join("status"), status("0-15")).unwrap();
    fs::write(process.join("limits"), "Max open files  2000  2000  files\n").unwrap();
    let run = ringtune(host.path(), host.path(), &["check", "--pid", "4711"]);
    assert!(run.out.contains("shards on CPUs 1-2; limits are those of ringcached"), "{}", run.out);
    assert!(run.out.contains("the hard limit is 2000"), "{}", run.out);
    // Recorded, it is the process that a check looks at.
    let run = ringtune(host.path(), host.path(), &["record", "copy", "--pid", "4711"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let again = ringtune(&host.path().join("copy"), host.path(), &["check"]);
    assert!(again.out.contains("shards on CPUs 1-2; limits are those of ringcached"), "{}", again.out);
}

#[test]
fn a_recorded_host_is_judged_like_the_host() {
    for host in HOSTS {
        let directory = tempfile::tempdir().unwrap();
        let run = ringtune(&fixture(host), directory.path(), &["record", "copy"]);
        assert_eq!(run.code, 0, "{}", run.err);
        let copy = directory.path().join("copy");
        let check = |root: &Path| ringtune(root, directory.path(), &["check"]).out;
        assert_eq!(check(&copy), check(&fixture(host)));
        // The recorded hosts hold what is read of them and nothing else.
        let (recorded, original) = (files(&copy), files(&fixture(host)));
        let surplus: Vec<_> = original.keys().filter(|path| !recorded.contains_key(*path)).collect();
        assert!(surplus.is_empty(), "{host} has files that nothing reads: {surplus:?}");
        let refused = ringtune(&fixture(host), directory.path(), &["record", "copy"]);
        assert!(refused.code == 3 && refused.err.contains("is not empty"), "{}", refused.err);
    }
}

#[test]
fn the_running_host_can_be_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let run = ringtune(Path::new("/"), directory.path(), &["check"]);
    assert!((0..=2).contains(&run.code), "{}", run.err);
    assert!(run.out.contains("kernel: Linux"), "{}", run.out);
    let recorded = ringtune(Path::new("/"), directory.path(), &["record", "here"]);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    let again = ringtune(&directory.path().join("here"), directory.path(), &["check"]);
    assert_eq!(again.code, run.code, "{}{}", run.out, again.out);
}

#[test]
fn bad_input_is_refused_in_words() {
    let host = fixture("single-socket-8");
    let nothing = tempfile::tempdir().unwrap();
    for (root, arguments, words) in [
        (nothing.path(), &["check"][..], "is no host's file tree"),
        (&host, &["check", "--nic", "eth7"], "no network card eth7"),
        (&host, &["check", "--pid", "99"], "no process 99"),
        (&host, &["check", "--cores", "7-1"], "runs backwards"),
        (&host, &["check", "--cores", ""], "may be used"),
        (&host, &["frobnicate"], "unrecognized subcommand"),
    ] {
        let run = ringtune(root, nothing.path(), arguments);
        assert_eq!(run.code, 3, "{arguments:?}: {}", run.out);
        assert!(run.err.contains(words), "{arguments:?}: {}", run.err);
    }
}
