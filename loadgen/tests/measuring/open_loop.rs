//! Rates in turn, ramps, several threads: how many requests were asked for, stage by stage.

use serde_json::Value;

use crate::{
    Workplace,
    common::{Fault, start},
};

fn run(options: &str) -> (Value, String) {
    let work = Workplace::new();
    let fixed = "--keys 100 --load --warmup 100ms --connections 8 --pipeline 64 --json result.json";
    let (passed, said) = work.ringload(&format!("run --server {} {fixed} {options}", start(Fault::None)));
    assert!(passed, "{options}: {said}");
    (work.json("result.json"), said)
}

/// What was asked for in all: answered and not sent in time.
fn due(result: &Value) -> f64 {
    result["requests"].as_f64().unwrap() + result["unsent"].as_f64().unwrap()
}

#[test]
fn steps_follow_each_other_each_for_the_duration() {
    let (result, said) = run("--rate 200,1k,400 --duration 500ms");
    let stages = result["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 3, "{said}");
    let asked: Vec<_> = stages.iter().map(|s| (s["rate_from"].as_f64(), s["rate_to"].as_f64())).collect();
    assert_eq!(asked, [200.0, 1000.0, 400.0].map(|rate| (Some(rate), Some(rate))));
    // An arrival of a stage may be answered in the next; all of them come.
    assert!((due(&result) - 800.0).abs() <= 3.0, "{said}");
    assert_eq!(result["rates"], "200,1k,400");
    assert!(result["rate"].is_null() && result["unanswered"] == 0, "{said}");
    assert!(said.contains("stages ") && said.contains("from the intended moment"), "{said}");
    let of_stages: u64 = stages.iter().map(|stage| stage["requests"].as_u64().unwrap()).sum();
    assert_eq!(Some(of_stages), result["requests"].as_u64());
}

#[test]
fn a_ramp_asks_for_the_mean_of_its_ends() {
    for (options, expected, allowed) in [
        ("--rate 0..2k --duration 500ms", 500.0, 3.0),
        ("--rate 3k..1k --duration 500ms", 1000.0, 3.0),
        // The spread of a Poisson count is its square root.
        ("--rate 1k..3k --duration 500ms --arrivals poisson", 1000.0, 200.0),
    ] {
        let (result, said) = run(options);
        assert!((due(&result) - expected).abs() <= allowed, "{options}: {said}");
    }
}

#[test]
fn several_pinned_threads_share_the_rate() {
    let allowed: Vec<usize> = (0..4096).filter(|core| may_use(*core)).take(2).collect();
    let list: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    let (result, said) = run(&format!("--rate 500,1k --duration 500ms --cores {}", list.join(",")));
    assert!((due(&result) - 750.0).abs() <= 5.0, "{said}");
}

/// Whether this process may run on a core.
fn may_use(core: usize) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    list.trim().split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        (first.parse::<usize>().unwrap()..=last.parse().unwrap()).contains(&core)
    })
}

#[test]
fn what_a_pace_cannot_be_is_refused() {
    let work = Workplace::new();
    for (options, reason) in [
        ("--rate 1k,2k --requests 100", "--requests goes with one constant --rate only"),
        ("--rate 1k..2k --requests 100", "--requests goes with one constant --rate only"),
        ("--interval 1ms", "--interval is at least 10 ms"),
        ("--interval 10ms --duration 10h", "more than 100000 parts"),
        ("--rate 5x", "is not a rate"),
        ("--hdr-log /nowhere/a.hlog", "writing /nowhere/a.hlog"),
    ] {
        let (passed, said) = work.ringload(&format!("run --server 127.0.0.1:1 {options}"));
        assert!(!passed && said.contains(reason), "{options}: {said}");
    }
}
