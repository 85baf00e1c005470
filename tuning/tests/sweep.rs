//! `ringtune sweep` against the real server and load generator, with small bounds.

mod support;

use std::path::Path;
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
