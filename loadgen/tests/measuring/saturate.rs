//! The search for the highest rate, against servers whose limit is known.

use serde_json::Value;

use crate::{
    Workplace,
    common::{Fault, start},
    null::start_null,
    support::{Kind, Server},
};

/// A machine that is busy with other things may spoil a search; it does not spoil it every time.
const ATTEMPTS: usize = 5;

fn saturate(server: std::net::SocketAddr, options: &str) -> (bool, Value, String) {
    let work = Workplace::new();
    let (passed, said) =
        work.ringload(&format!("saturate --server {server} --keys 100 --warmup 50ms --json result.json {options}"));
    let result = if work.path("result.json").exists() { work.json("result.json") } else { Value::Null };
    (passed, result, said)
}

#[test]
fn a_servers_limit_is_found() {
    // A server of 1000 requests a second at most. Its p99 is hundreds of milliseconds once it is asked for more.
    let options = "--p99-us 100000 --from 100 --precision 20 --confirm 1 --duration 400ms --connections 16";
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let (passed, result, said) = saturate(start(Fault::TakesTime), options);
        let (Some(rate), Some(probes)) = (result["rate"].as_f64(), result["probes"].as_array()) else {
            assert!(!passed, "{said}");
            last = said;
            continue;
        };
        assert!(passed && said.contains("\nresult: "), "{said}");
        // What a server cannot do, it is not said to do; a tenth is what the start of a probe may hide.
        assert!(rate <= 1100.0, "{said}");
        assert_eq!(result["generator_bound"], false);
        assert!(probes.iter().any(|probe| probe["held"] == false), "{said}");
        assert_eq!(said.matches("held again").count(), 1, "{said}");
        assert_eq!(result["best"]["rate"], result["rate"]);
        return;
    }
    panic!("no result in {ATTEMPTS} attempts; the last said: {last}");
}

#[test]
fn a_result_that_is_the_generators_is_refused() {
    // A thousand million requests per second are more than any one thread sends. Many connections keep it from ever
    // waiting for the server.
    let options = "--p99-us 1000 --from 1000m --to 1000m --get-ratio 1 --connections 32 --pipeline 512 \
                   --duration 200ms --time-max 1s";
    let mut last = String::new();
    for _ in 0..4 * ATTEMPTS {
        let (passed, result, said) = saturate(start_null(), options);
        assert!(!passed && result["rate"].is_null(), "{said}");
        if result["generator_bound"] == true {
            assert!(said.contains("no result: generator-bound"), "{said}");
            return;
        }
        last = said;
    }
    panic!("not told; the last attempt said: {last}");
}

#[test]
fn a_goal_that_no_rate_holds_and_a_search_without_time_have_no_result() {
    let (passed, result, said) = saturate(
        start(Fault::TakesTime),
        "--p99-us 1 --from 500 --duration 50ms --connections 4 --load --arrivals poisson",
    );
    assert!(!passed && result["rate"].is_null() && result["best"].is_null(), "{said}");
    assert!(said.contains("no result: "), "{said}");
    let (passed, result, said) = saturate(start(Fault::None), "--p99-us 1000 --time-max 0s");
    assert!(!passed && said.contains("--time-max is over"), "{said}");
    assert_eq!(result["probes"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_server_that_answers_errors_holds_nothing() {
    let options = "--p99-us 10000000 --from 2k --to 2k --duration 400ms --time-max 2s --connections 4";
    let (passed, result, said) = saturate(start(Fault::AnswersErrors), options);
    assert!(!passed && result["rate"].is_null(), "{said}");
    assert!(said.contains("error replies"), "{said}");
}

#[test]
fn real_servers_are_searched_and_shown_on_one_page() {
    let work = Workplace::new();
    let mut results = Vec::new();
    for (kind, protocol) in
        [(Kind::Ringcached, "text"), (Kind::Ringcached, "binary"), (Kind::Memcached, "meta"), (Kind::Redis, "resp")]
    {
        let Some(server) = Server::start(kind, false) else { continue };
        let name = format!("{kind:?}-{protocol}.json");
        let options = "--load --keys 1000 --connections 4 --p99-us 5000000 --from 500 --to 2k --confirm 1 \
                       --warmup 50ms --duration 300ms";
        let line = format!("saturate --server {} --protocol {protocol} {options} --json {name}", server.address);
        let (passed, said) = work.ringload(&line);
        assert!(passed && said.contains("result: 2k/s with p99 within 5000000 us"), "{name}: {said}");
        let result = work.json(&name);
        assert_eq!(
            (&result["best"]["misses"], &result["best"]["errors"]),
            (&Value::from(0), &Value::from(0)),
            "{said}"
        );
        results.push(name);
    }
    if !results.is_empty() {
        let (passed, said) = work.ringload(&format!("report {} -o servers.html", results.join(" ")));
        assert!(passed, "{said}");
        let page = std::fs::read_to_string(work.path("servers.html")).unwrap();
        assert!(results.iter().all(|name| page.contains(name.trim_end_matches(".json"))));
    }
}
