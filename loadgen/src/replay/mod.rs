//! `ringload replay`: the requests of a trace, at the trace's speed or as fast as the server takes them, with the hit ratio
//! as the result.

mod agent;
mod report;
mod step;

use crate::{
    cli::ReplayArgs,
    clock::{Clock, Nanos},
    cores,
    driver::Driver,
    error::Error,
    hdr_log, page,
    progress::Answered,
    threads::{self, Span},
    timeline,
    trace::TraceReader,
};
use agent::ReplayAgent;
use report::{ReplayCounts, ReplayReport};

/// Largest `--value-size-max`.
const VALUE_SIZE_MAX: usize = 1 << 30;

/// Replays the trace; gives whether every request got its answer.
pub fn replay(args: &ReplayArgs) -> Result<bool, Error> {
    let core = match &args.common.cores {
        None => None,
        Some(list) if list.0.len() == 1 => Some(list.0[0]),
        Some(_) => return Err(Error::Usage("replay keeps the trace's order on one thread: name one core".into())),
    };
    if args.value_size_max.0 > VALUE_SIZE_MAX {
        return Err(Error::Usage("--value-size-max is at most 1g".into()));
    }
    // How long a trace is shows only at its end.
    let interval = timeline::interval(args.course.interval, Nanos::MAX)?;
    let endpoint = args.common.endpoint()?;
    let reader = TraceReader::open(&args.trace)?;
    let (clock, answered) = (Clock::start(), Answered::default());
    let worker = || {
        core.map_or(Ok(()), cores::pin)?;
        let mut driver = Driver::connect(&endpoint, args.connections as usize, 0, clock)?;
        let answered = &answered;
        Ok(move |intervals| {
            let mut agent = ReplayAgent::new(args, reader, intervals, answered);
            driver.drive(&mut agent)?;
            agent.finish(driver.worked())
        })
    };
    let span =
        Span { what: "replaying", requests: args.limit, warmup: 0, duration: Nanos::MAX, interval, rates: Vec::new() };
    let (totals, counts) = hdr_log::logged(args.course.hdr_log.as_deref(), |closed| {
        threads::measure(clock, span, &answered, vec![worker], closed)
    })?;
    let counts: ReplayCounts = counts.into_iter().next().ok_or(Error::Thread)?;
    if counts.requests == 0 {
        return Err(Error::TraceEmpty(args.trace.clone()));
    }
    let report = ReplayReport::new(args, counts, totals);
    print!("{report}");
    if let Some(path) = &args.common.json {
        crate::write_json(path, &report)?;
    }
    if let Some(path) = &args.course.report {
        page::write(path, &[page::Run::of(path, &report)?])?;
    }
    Ok(report.passed())
}
