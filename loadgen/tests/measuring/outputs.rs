//! The series, the HDR log and the table agree with each other.

use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use serde_json::Value;

use crate::{
    Workplace,
    common::{Fault, start},
};

/// All latencies of an HDR log, and when its intervals end.
fn read_log(work: &Workplace, name: &str) -> (Histogram<u64>, Vec<f64>) {
    let text = std::fs::read(work.path(name)).unwrap();
    let mut whole = Histogram::<u64>::new_with_bounds(1, 100_000_000_000, 3).unwrap();
    let mut ends = Vec::new();
    for entry in IntervalLogIterator::new(&text) {
        let LogEntry::Interval(interval) = entry.unwrap() else { continue };
        let encoded =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, interval.encoded_histogram()).unwrap();
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut encoded.as_slice()).unwrap();
        whole.add(&histogram).unwrap();
        ends.push((interval.start_timestamp() + interval.duration()).as_secs_f64());
    }
    (whole, ends)
}

/// How many requests the rows of a series come to.
fn counted(series: &[Value]) -> f64 {
    series.iter().map(|row| row["requests_per_s"].as_f64().unwrap() * row["seconds"].as_f64().unwrap()).sum()
}

#[test]
fn the_hdr_log_the_series_and_the_totals_agree() {
    let work = Workplace::new();
    let options = "--keys 100 --connections 4 --warmup 0s --rate 300,900 --duration 500ms --interval 100ms \
                   --json result.json --hdr-log result.hlog";
    let (passed, said) = work.ringload(&format!("run --server {} {options}", start(Fault::AnswersErrors)));
    assert!(passed, "{said}");
    let result = work.json("result.json");

    let (whole, ends) = read_log(&work, "result.hlog");
    assert_eq!(Some(whole.len()), result["requests"].as_u64(), "{said}");
    let p99 = whole.value_at_quantile(0.99) as f64 / 1000.0;
    assert_eq!(Some(p99), result["latency"]["p99_us"].as_f64(), "{said}");

    let series = result["series"].as_array().unwrap();
    assert_eq!(series.len(), ends.len());
    for (row, end) in series.iter().zip(&ends) {
        assert!((row["at_s"].as_f64().unwrap() - end).abs() < 0.003, "{row} {end}");
    }
    assert!((counted(series) - whole.len() as f64).abs() < 0.5, "{series:?}");
    let errors: u64 = series.iter().map(|row| row["errors"].as_u64().unwrap()).sum();
    assert_eq!(Some(errors), result["errors"].as_u64());
    assert!(errors > 0, "{said}");
    let last = result["curve"].as_array().unwrap().last().unwrap();
    assert_eq!(last["latency_us"], result["latency"]["max_us"]);
}

#[test]
fn a_run_of_a_number_of_requests_has_a_series_too() {
    let work = Workplace::new();
    let server = start(Fault::None);
    let options = "--keys 100 --connections 2 --requests 500 --warmup 0s --json result.json --report result.html";
    let (passed, said) = work.ringload(&format!("run --server {server} {options}"));
    assert!(passed, "{said}");
    let result = work.json("result.json");
    assert_eq!(result["stages"].as_array().unwrap().len(), 1);
    assert!(result["stages"][0]["rate_from"].is_null());
    assert!(!result["series"].as_array().unwrap().is_empty());
    let line = result["command_line"].as_str().unwrap();
    assert_eq!(
        line,
        format!("ringload run --server {server} {}", options.split_whitespace().collect::<Vec<_>>().join(" "))
    );
    assert!(std::fs::read_to_string(work.path("result.html")).unwrap().contains(line));
}

/// A replay told its end only: what happened on the way to it could not be seen.
#[test]
fn a_replay_has_a_log_a_series_and_a_page() {
    let work = Workplace::new();
    // 600 requests in 0.6 s, most of them gets.
    let line = |n: u64| {
        let operation = if n % 5 == 4 { "set" } else { "get" };
        format!("7.{:03},key{},10,{},1,{operation},0\n", n, n * n % 97, n % 300)
    };
    std::fs::write(work.path("trace.csv"), (0..600).map(line).collect::<String>()).unwrap();
    for (options, intervals) in
        [("--speed 1x --no-fill", 2), ("--speed 1x --connections 3 --protocol meta", 2), ("--limit 500", 1)]
    {
        let written = "--interval 100ms --json replay.json --hdr-log replay.hlog --report replay.html";
        let command = format!("replay --server {} --trace trace.csv {options} {written}", start(Fault::None));
        let (passed, said) = work.ringload(&command);
        assert!(passed, "{options}: {said}");
        let result = work.json("replay.json");
        let count = |name: &str| result[name].as_u64().unwrap_or_else(|| panic!("{options}: {name}"));
        let (answered, fills) = (count("answered"), count("fills"));
        assert_eq!(answered, count("requests") + fills, "{options}: {said}");
        assert_eq!(fills, if options.contains("--no-fill") { 0 } else { count("misses") }, "{options}: {said}");
        assert_eq!(count("gets"), count("hits") + count("misses"), "{options}: {said}");

        let (whole, ends) = read_log(&work, "replay.hlog");
        assert_eq!(whole.len(), answered, "{options}: {said}");
        let p99 = whole.value_at_quantile(0.99) as f64 / 1000.0;
        assert_eq!(Some(p99), result["latency"]["p99_us"].as_f64(), "{options}: {said}");
        let series = result["series"].as_array().unwrap();
        assert_eq!(series.len(), ends.len(), "{options}");
        assert!(ends.len() >= intervals, "{options}: {ends:?}");
        assert!((counted(series) - answered as f64).abs() < 0.5, "{options}: {series:?}");
        let elapsed = result["elapsed_s"].as_f64().unwrap();
        assert!((ends.last().unwrap() - elapsed).abs() < 0.003, "{options}: {ends:?} {elapsed}");
        let last = result["curve"].as_array().unwrap().last().unwrap();
        assert_eq!(last["latency_us"], result["latency"]["max_us"], "{options}");
        assert!(result["generator_busy"].as_f64() > Some(0.0), "{options}: {said}");
        assert!(result["generator_cpu_us"].is_number() && said.contains("us of CPU per request"), "{options}: {said}");

        let page = std::fs::read_to_string(work.path("replay.html")).unwrap();
        let ratio = format!("hit ratio {:.4}", result["hit_ratio"].as_f64().unwrap());
        for told in [result["command_line"].as_str().unwrap(), &ratio, "Throughput over time", "Latency over time"] {
            assert!(page.contains(told), "{options}: {told}");
        }
        assert_eq!(page.contains("at 1x the trace"), options.contains("--speed"), "{options}");
        assert!(said.contains(&ratio.replace("ratio ", "ratio   ")), "{options}: {said}");
    }
    let server = start(Fault::None);
    let (passed, said) = work.ringload(&format!("run --server {server} --requests 100 --keys 10 --json run.json"));
    assert!(passed, "{said}");
    let (passed, said) = work.ringload("report run.json replay.json -o compared.html");
    assert!(passed, "{said}");
    let page = std::fs::read_to_string(work.path("compared.html")).unwrap();
    assert!(page.contains("replay: 500 requests of trace.csv"), "{page}");
}

#[test]
fn a_replay_refuses_intervals_that_are_too_short() {
    let work = Workplace::new();
    let (passed, said) = work.ringload("replay --trace trace.csv --interval 9ms");
    assert!(!passed && said.contains("--interval is at least 10 ms"), "{said}");
}

#[test]
fn what_is_not_a_result_is_refused_with_a_reason() {
    let work = Workplace::new();
    for (name, text, reason) in [
        ("half.json", "{\"requests\": 1", "line 1"),
        ("other.json", "{\"requests\": 1}", "missing field"),
        ("nothing.json", "{\"probes\": [], \"verdict\": \"\", \"best\": null}", "no rate held"),
    ] {
        std::fs::write(work.path(name), text).unwrap();
        let (passed, said) = work.ringload(&format!("report {name} -o page.html"));
        assert!(!passed && said.contains(name) && said.contains(reason), "{said}");
        assert!(!work.path("page.html").exists());
    }
    let (passed, said) = work.ringload("report missing.json -o page.html");
    assert!(!passed && said.contains("missing.json: No such file"), "{said}");
}
