//! `ringload saturate`: the highest rate at which the server holds a latency goal.
//!
//! Every probe is an open loop of its own over fresh connections, so that what one overload left behind does not
//! burden the next probe. If a probe misses the goal while the generator itself is at its limit, there is no result:
//! the figure would be the generator's.

mod report;
mod search;

use std::time::Instant;

use crate::{
    cli::SaturateArgs,
    clock::{Nanos, SECOND, nanos},
    error::Error,
    page,
    run::{Measured, Pace, RunReport, measure},
    workload::{Rate, RateCourse},
};
use report::{Probe, SaturateReport, Verdict};
use search::{Finding, Search};

/// Of so many requests, one may be answered by an error line.
const ERRORS_ONE_IN: u64 = 1000;

/// Probes of this many intervals each.
const INTERVALS: Nanos = 20;

/// Searches; gives whether a rate was found and confirmed.
pub fn saturate(args: &SaturateArgs) -> Result<bool, Error> {
    let load = &args.load;
    let seed = load.common.seed.unwrap_or_else(crate::random_seed);
    eprintln!("ringload: {} connections to {}, seed {seed}", load.connections, load.common.server);
    let begin = Instant::now();
    let mut search = Search::new(args.from.0, args.to.0, args.precision, args.confirm);
    let mut probes: Vec<Probe> = Vec::new();
    // Of every probe that held: the fastest one may turn out to have been lucky.
    let mut reports: Vec<RunReport> = Vec::new();
    let mut bound = None;
    println!("{}", Probe::HEAD);
    while let Some(rate) = search.next() {
        if begin.elapsed() >= args.time_max {
            break;
        }
        let pace = pace(args, rate);
        let store = load.load && probes.is_empty();
        // Every probe asks for other keys in another order.
        let seed = seed.wrapping_add(probes.len() as u64);
        let measured = measure(load, seed, &pace, store, &format!("probing {}/s", Rate(rate)), |_| {})?;
        let goal = judge(&measured, args.p99_us);
        let report = RunReport::new(load, seed, &pace, measured);
        let probe = Probe::new(rate, &report, goal, search.is_confirming());
        println!("{probe}");
        let held = probe.held;
        let complaint = if held { None } else { probe.complaint() };
        let strained = |probe: &&Probe| probe.rate == rate && !probe.held && probe.generator_was_bottleneck;
        probes.push(probe);
        if let Some(complaint) = complaint {
            // Such a miss says nothing about the server. It is tried once more, for a moment of strain may pass.
            if probes.iter().filter(strained).count() > 1 {
                bound = Some(complaint);
                break;
            }
            continue;
        }
        search.tell(held);
        if held {
            reports.push(report);
        }
    }
    let best = reports.into_iter().rfind(|report| search.best().is_some() && report.rate() == search.best());
    let verdict = match (bound, search.finding()) {
        (Some(complaint), _) => Verdict::GeneratorBound { complaint, held: search.best() },
        (None, Some(Finding::Rate(rate))) => Verdict::Found { rate, missed: search.missed() },
        (None, Some(Finding::FastestAllowed(rate))) => Verdict::Found { rate, missed: None },
        (None, Some(Finding::Nothing)) => Verdict::Nothing,
        (None, None) => Verdict::OutOfTime { held: search.best(), missed: search.missed() },
    };
    let report = SaturateReport::new(args, seed, &verdict, probes, best);
    println!("{}", report.verdict);
    if let Some(path) = &load.common.json {
        crate::write_json(path, &report)?;
    }
    if let (Some(path), true) = (&args.report, report.best.is_some()) {
        page::write(path, &[page::Run::of(path, &report)?])?;
    } else if let Some(path) = &args.report {
        eprintln!("ringload: no rate held, so there is nothing to show in {}", path.display());
    }
    Ok(matches!(verdict, Verdict::Found { .. }))
}

fn pace(args: &SaturateArgs, rate: f64) -> Pace {
    let duration = nanos(args.duration).max(SECOND / 100);
    Pace {
        course: Some(RateCourse::constant(Rate(rate))),
        arrivals: args.arrivals,
        warmup: nanos(args.warmup),
        duration,
        requests: None,
        interval: (duration / INTERVALS).max(SECOND / 100),
    }
}

/// Why the goal was missed; none if it was held.
fn judge(measured: &Measured, p99_us: u64) -> Option<String> {
    let counts = &measured.totals.recorder.counts;
    let found = measured.totals.recorder.percentiles().p99_us;
    if measured.unanswered > 0 {
        return Some(format!("{} requests had no answer", measured.unanswered));
    }
    if measured.unsent > 0 {
        return Some("the rate was not reached".into());
    }
    if counts.requests == 0 {
        return Some("no request was due".into());
    }
    if counts.errors * ERRORS_ONE_IN > counts.requests {
        return Some(format!("{} error replies", counts.errors));
    }
    (found > p99_us as f64).then(|| "p99".into())
}
