//! `ringtune plan`, `apply` and `undo` on copies of the recorded hosts.

mod support;

use std::fs;
use std::path::Path;
use support::{HOSTS, copy, files, fixture, ringtune, snapshot};

const DROP_IN: &str = "etc/systemd/system/ringcached.service.d/ringtune.conf";

#[test]
fn plans_are_those_of_the_snapshots() {
    for (host, arguments, name) in [
        ("single-socket-8", &["--cores", "4", "--nic", "eth0"][..], "plan-single-socket-8.txt"),
        ("single-socket-8", &["--cores", "4", "--interrupts", "shards"], "plan-single-socket-8-shards.txt"),
        ("single-socket-8", &["--cores", "2", "--interrupts", "apart"], "plan-single-socket-8-apart.txt"),
        ("two-socket-64", &["--cores", "16", "--nic", "eth0"], "plan-two-socket-64.txt"),
        ("two-socket-64", &["--cores", "40"], "plan-two-socket-64-both-nodes.txt"),
        ("two-socket-64", &["--cores", "0,33-35,97"], "plan-two-socket-64-list.txt"),
    ] {
        let run = ringtune(&fixture(host), Path::new("."), &[&["plan"], arguments].concat());
        assert_eq!(run.code, 0, "{}", run.err);
        snapshot(name, &run.out);
    }
}

#[test]
fn plans_keep_their_promises() {
    for host in HOSTS {
        for cores in ["1", "2", "3", "5", "7"] {
            for interrupts in ["auto", "siblings", "apart", "shards"] {
                let arguments = ["plan", "--cores", cores, "--interrupts", interrupts, "--json"];
                let run = ringtune(&fixture(host), Path::new("."), &arguments);
                if run.code == 3 {
                    assert!(interrupts == "apart" && run.err.contains("all cores of the card's node"), "{}", run.err);
                    continue;
                }
                let plan: serde_json::Value = serde_json::from_str(&run.out).unwrap();
                let list = |of: &serde_json::Value| of.as_str().unwrap().parse::<ringtune::CpuSet>().unwrap();
                let shards = list(&plan["shards"]);
                assert_eq!(shards.count().to_string(), cores);
                assert!(shards.and(&list(&plan["rest"])).is_empty() && !shards.contains(0));
                for placed in plan["interrupts"].as_array().unwrap() {
                    let cpu = placed["cpu"].as_u64().unwrap() as usize;
                    assert_eq!(shards.contains(cpu), interrupts == "shards", "{host}, {cores}, {interrupts}");
                }
            }
        }
    }
}

#[test]
fn what_is_applied_is_undone_to_the_byte() {
    for host in HOSTS {
        let root = copy(host);
        let here = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| ringtune(root.path(), here.path(), arguments);
        let before = files(root.path());
        let apply = ["apply", "--cores", "4", "--nic", "eth0", "--despite-irqbalance"];
        let dry = run(&[&apply[..], &["--dry-run"]].concat());
        assert!(dry.code == 0 && dry.out.contains("dry run"), "{}{}", dry.out, dry.err);
        assert_eq!(files(root.path()), before, "a dry run writes nothing");
        assert_eq!(files(here.path()).len(), 1, "not even an undo file");

        let applied = run(&apply);
        assert_eq!(applied.code, 0, "{}", applied.err);
        let after = files(root.path());
        assert!(after.contains_key(Path::new(DROP_IN)));
        let changed = after.iter().filter(|(path, content)| before.get(*path) != Some(content)).count();
        assert!(applied.out.contains(&format!("{changed} changes made")), "{changed}: {}", applied.out);
        let again = run(&apply);
        assert!(again.out.contains("everything is so already"), "{}{}", again.out, again.err);

        // The host is then as its own check wants it.
        let plan: serde_json::Value = serde_json::from_str(&run(&["plan", "--cores", "4", "--json"]).out).unwrap();
        let cores = plan["shards"].as_str().unwrap();
        assert!(run(&["check", "--cores", cores]).out.contains("OK        interrupts of eth0"), "{host}");

        let undo = run(&["undo", "ringtune-undo.json", "--dry-run"]);
        assert!(undo.code == 0 && files(root.path()) == after, "{}", undo.err);
        let undone = run(&["undo", "ringtune-undo.json"]);
        assert_eq!(undone.code, 0, "{}", undone.err);
        assert!(files(root.path()) == before, "{host}: not as it was");
        let twice = run(&["undo", "ringtune-undo.json"]);
        assert!(twice.code == 0 && files(root.path()) == before, "{}", twice.err);
    }
}

#[test]
fn a_drop_in_that_was_there_comes_back() {
    let root = copy("single-socket-8");
    let drop_in = root.path().join(DROP_IN);
    fs::create_dir_all(drop_in.parent().unwrap()).unwrap();
    fs::write(&drop_in, "[Service]\nNice=-5\n").unwrap();
    let run = |arguments: &[&str]| ringtune(root.path(), root.path(), arguments).code;
    assert_eq!(run(&["apply", "--cores", "2"]), 0);
    assert!(fs::read_to_string(&drop_in).unwrap().contains("--cores 1-2"));
    assert_eq!(run(&["undo", "ringtune-undo.json"]), 0);
    assert_eq!(fs::read_to_string(&drop_in).unwrap(), "[Service]\nNice=-5\n");
}

#[test]
fn interrupts_only_leaves_systemd_alone() {
    let root = copy("single-socket-8");
    let run = ringtune(root.path(), root.path(), &["apply", "--cores", "3", "--interrupts-only", "--undo-file", "u"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(!root.path().join(DROP_IN).exists() && root.path().join("u").exists());
}

#[test]
fn what_somebody_changed_since_is_left_unless_forced() {
    let root = copy("single-socket-8");
    let here = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| ringtune(root.path(), here.path(), arguments);
    let before = files(root.path());
    assert_eq!(run(&["apply", "--cores", "2", "--nic", "eth0"]).code, 0);
    let irq = root.path().join("proc/irq/131/smp_affinity_list");
    fs::write(&irq, "13\n").unwrap();
    let undone = run(&["undo", "ringtune-undo.json"]);
    assert_eq!(undone.code, 1);
    assert!(undone.out.contains("/proc/irq/131/smp_affinity_list: changed by somebody since"), "{}", undone.out);
    assert_eq!(fs::read_to_string(&irq).unwrap(), "13\n");
    assert_eq!(run(&["undo", "ringtune-undo.json", "--force"]).code, 0);
    assert!(files(root.path()) == before);
}

#[test]
fn bad_input_is_refused_in_words() {
    let root = fixture("two-socket-64");
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("torn.json"), "{\"ringtune_undo\": 1, \"chan").unwrap();
    for (arguments, words) in [
        (&["plan", "--cores", "0"][..], "leaves no shard"),
        (&["plan", "--cores", "64"], "has 63 physical cores for shards"),
        (&["plan", "--cores", "120-130"], "CPUs 128-130 are not there"),
        (&["plan", "--cores", ","], "names no core"),
        (&["plan", "--cores", "4", "--nic", "eth9"], "there are: eth0"),
        (&["plan", "--cores", "0-127", "--interrupts", "siblings"], "no shard's core has a second thread"),
        (&["apply", "--cores", "4"], "irqbalance runs"),
        (&["undo", "none.json"], "No such file"),
        (&["undo", "torn.json"], "is no undo file: EOF"),
    ] {
        let run = ringtune(&root, here.path(), arguments);
        assert_eq!(run.code, 3, "{arguments:?}: {}", run.out);
        assert!(run.err.contains(words), "{arguments:?}: {}", run.err);
    }
}
