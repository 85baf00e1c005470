//! The series, the HDR log and the table agree with each other.

use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};

use crate::{
    Workplace,
    common::{Fault, start},
};

#[test]
fn the_hdr_log_the_series_and_the_totals_agree() {
    let work = Workplace::new();
    let options = "--keys 100 --connections 4 --warmup 0s --rate 300,900 --duration 500ms --interval 100ms \
                   --json result.json --hdr-log result.hlog";
    let (passed, said) = work.ringload(&format!("run --server {} {options}", start(Fault::AnswersErrors)));
    assert!(passed, "{said}");
    let result = work.json("result.json");

    let text = std::fs::read(work.path("result.hlog")).unwrap();
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
    assert_eq!(Some(whole.len()), result["requests"].as_u64(), "{said}");
    let p99 = whole.value_at_quantile(0.99) as f64 / 1000.0;
    assert_eq!(Some(p99), result["latency"]["p99_us"].as_f64(), "{said}");

    let series = result["series"].as_array().unwrap();
    assert_eq!(series.len(), ends.len());
    for (row, end) in series.iter().zip(&ends) {
        assert!((row["at_s"].as_f64().unwrap() - end).abs() < 0.003, "{row} {end}");
    }
    let counted: f64 =
        series.iter().map(|row| row["requests_per_s"].as_f64().unwrap() * row["seconds"].as_f64().unwrap()).sum();
    assert!((counted - whole.len() as f64).abs() < 0.5, "{counted}");
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
