//! `ringtune sweep` against the real server and load generator, with small bounds.

mod support;

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{programs, ringtune};

const LOAD: [&str; 9] = ["--warmup", "100ms", "--duration", "300ms", "--", "--connections", "4", "--keys", "1000"];

fn sweep(arguments: &[&str]) -> support::Run {
    ringtune(Path::new("/"), &std::env::temp_dir(), &[&["sweep"], arguments].concat())
}

#[test]
fn every_combination_has_a_row_with_figures() {
    let Some(_) = programs() else { return };
    let grid = ["--grid", "cores=0;0,", "--grid", "threads=1", "--rounds", "2", "--json"];
    let refused = sweep(&[&grid[..], &LOAD].concat());
    assert!(refused.code == 3 && refused.err.contains("cores"), "contradicting flags: {}", refused.err);

    let run =
        sweep(&[&["--grid", "t=1", "--grid", "eviction=duel,clock", "--rounds", "2", "--json"], &LOAD[..]].concat());
    assert_eq!(run.code, 0, "{}", run.err);
    let outcome: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let rows = outcome["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row["rounds"].as_array().unwrap().len(), 2);
        for figure in ["requests_per_s", "cpu_us_per_request", "p50_us", "p99_us"] {
            assert!(row["median"][figure].as_f64().unwrap() > 0.0, "{figure}: {row}");
        }
        assert_eq!(row["median"]["errors"], 0, "{row}");
    }
    assert_eq!(rows[1]["flags"][1], serde_json::json!(["eviction", "clock"]));
    let best = |by: &str| outcome[by].as_u64().unwrap() as usize;
    let figure = |at: usize, name: &str| rows[at]["median"][name].as_f64().unwrap();
    let [cpu, p99] = [(best("best_by_cpu"), "cpu_us_per_request"), (best("best_by_p99"), "p99_us")];
    for (at, name) in [cpu, p99] {
        assert!(rows.iter().all(|row| row["median"][name].as_f64().unwrap() >= figure(at, name)), "{name}");
    }
}

/// A shell script that stands for the program `name`, in `directory`.
fn script(directory: &Path, name: &str, lines: &str) -> PathBuf {
    let path = directory.join(format!("{name}.sh"));
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// One failing measurement once threw away all that were finished.
#[test]
fn a_combination_that_fails_costs_its_own_row_only() {
    let Some((server, ringload)) = programs() else { return };
    let (server, ringload) = (server.display(), ringload.display());
    let directory = tempfile::tempdir().unwrap();
    let json = |arguments: &[&str], words: &[&str]| {
        let run = sweep(&[&["--grid", "t=1", "--json"], arguments, &LOAD].concat());
        assert_eq!(run.code, 1, "not all was measured: {}", run.err);
        assert!(words.iter().all(|words| run.err.contains(words)), "{}", run.err);
        serde_json::from_str::<serde_json::Value>(&run.out).unwrap()
    };
    let good = |row: &serde_json::Value| row["failure"].is_null() && row["median"]["p99_us"].as_f64().unwrap() > 0.0;
    let says = |row: &serde_json::Value, words: &str| row["failure"].as_str().unwrap().contains(words);

    // The server refuses a value, which is told before anything is measured.
    let outcome = json(&["--grid", "eviction=sideways,clock"], &["failed: -t 1 --eviction=sideways: ringcached"]);
    let rows = outcome["rows"].as_array().unwrap();
    assert!(says(&rows[0], "sideways") && rows[0]["median"].is_null(), "{}", rows[0]);
    assert!(good(&rows[1]) && outcome["best_by_cpu"] == 1 && outcome["best_by_p99"] == 1, "{outcome}");
    let run = sweep(&[&["--grid", "t=1", "--grid", "eviction=sideways,clock"], &LOAD[..]].concat());
    assert!(run.code == 1 && run.out.contains("--eviction=sideways  not measured: ringcached: "), "{}", run.out);

    // It takes the value, but does not start with it.
    let refusing =
        format!("case \"$*\" in *--print-config*) ;; *clock*) echo no room >&2; exit 4 ;; esac\nexec {server} \"$@\"");
    let refusing = script(directory.path(), "refusing", &refusing).display().to_string();
    let outcome = json(&["--grid", "eviction=clock,duel", "--server", &refusing], &["failed: ", "1/2", "2/2"]);
    let rows = outcome["rows"].as_array().unwrap();
    assert!(says(&rows[0], "it ended before it served: no room") && rows[0]["median"].is_null(), "{}", rows[0]);
    assert!(good(&rows[1]) && outcome["best_by_cpu"] == 1, "{outcome}");

    // ringload fails in the second round, the fifth time it is called: the first round is kept, but not ranked.
    let count = directory.path().join("count");
    let count = count.display();
    let failing = format!("echo >>{count}\n[ $(wc -l <{count}) = 5 ] && exit 7\nexec {ringload} \"$@\"");
    let failing = script(directory.path(), "failing", &failing).display().to_string();
    let outcome = json(&["--grid", "eviction=clock,duel", "--rounds", "2", "--ringload", &failing], &["4/4"]);
    let rows = outcome["rows"].as_array().unwrap();
    let rounds = |row: &serde_json::Value| row["rounds"].as_array().unwrap().len();
    assert!(says(&rows[0], "exit status: 7") && rounds(&rows[0]) == 1, "{}", rows[0]);
    assert!(good(&rows[1]) && rounds(&rows[1]) == 2 && outcome["best_by_cpu"] == 1, "{outcome}");
}

#[test]
fn an_interrupt_prints_what_is_finished_and_leaves_nothing_running() {
    let Some((server, ringload)) = programs() else { return };
    let flags = ["sweep", "--grid", "t=1", "--grid", "eviction=clock,duel", "--duration", "1s", "--warmup", "100ms"];
    // Each combination takes two runs of ringload.
    let interrupted_in_run = |runs: usize| {
        let directory = tempfile::tempdir().unwrap();
        let noted = |name: &str, program: &Path| {
            let (note, program) = (directory.path().join(name), program.display());
            let path = script(directory.path(), name, &format!("echo $$ >>{}\nexec {program} \"$@\"", note.display()));
            (note, path)
        };
        let [(servers, server), (loads, ringload)] = [noted("server", &server), noted("load", &ringload)];
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringtune"));
        command.args(flags).arg("--server").arg(server).arg("--ringload").arg(ringload);
        command.args(["--", "--connections", "4", "--keys", "1000"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let run = command.spawn().unwrap();
        let pids = |of: &Path| -> Vec<String> {
            fs::read_to_string(of).unwrap_or_default().lines().map(str::to_owned).collect()
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while pids(&loads).len() < runs {
            assert!(Instant::now() < deadline, "ringload was run {} times", pids(&loads).len());
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(Pid::from_child(&run), Signal::INT).unwrap();
        let output = run.wait_with_output().unwrap();
        for pid in [pids(&servers), pids(&loads)].concat() {
            assert!(!Path::new("/proc").join(&pid).exists(), "process {pid} is left behind");
        }
        let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), out, err)
    };
    let (code, out, err) = interrupted_in_run(4);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("--eviction=duel   not measured: interrupted\n"), "{out}");
    assert!(out.contains("best by p99:             -t 1 --eviction=clock\n"), "{out}");
    let (code, out, err) = interrupted_in_run(1);
    assert_eq!((code, out.as_str()), (Some(3), ""));
    assert!(err.contains("interrupted before anything was measured"), "{err}");
}

#[test]
fn the_server_takes_the_flags_of_a_plan() {
    let Some((server, _)) = programs() else { return };
    let run = ringtune(Path::new("/"), &std::env::temp_dir(), &["plan", "--cores", "1", "--json"]);
    if run.err.contains("several network cards") {
        println!("skipped: the_server_takes_the_flags_of_a_plan ({})", run.err.trim());
        return;
    }
    let plan: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let flags = plan["flags"].as_str().unwrap();
    let taken = std::process::Command::new(server).args(flags.split(' ')).arg("--print-config").output().unwrap();
    assert!(taken.status.success(), "{flags}: {}", String::from_utf8_lossy(&taken.stderr));
}

#[test]
fn bad_input_is_refused_before_anything_is_measured() {
    let Some(_) = programs() else { return };
    for (arguments, words) in [
        (&["--grid", "steering=sideways"][..], "sideways"),
        (&["--grid", "no-such-flag=1"], "no-such-flag"),
        (&["--grid", "cores=999"], "999"),
        (&["--grid", "t=1,2", "--grid", "t=3"], "given twice"),
        (&["--grid", "max-reqs-per-event=1,2,3,4", "--duration", "1h"], "--time-limit"),
        (&["--server", "/no/such/server"], "/no/such/server"),
        (&["--grid", "t=1", "--warmup", "100ms", "--", "--connections", "0"], "--connections"),
        (&["--", "--server", "127.0.0.1:1"], "is set by the sweep"),
        (&["--grid", "port=1,2"], "is not for a sweep to vary"),
    ] {
        let run = sweep(arguments);
        assert_eq!(run.code, 3, "{arguments:?}: {}", run.out);
        assert!(run.err.contains(words), "{arguments:?}: {}", run.err);
    }
}
