//! `ringload replay`: the requests of a trace, at the trace's speed or as fast as the server takes them, with the hit ratio
//! as the result.

mod agent;
mod report;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{
    cli::ReplayArgs,
    clock::Clock,
    cores,
    driver::Driver,
    error::Error,
    progress::{self, Answered},
    trace::TraceReader,
};
use agent::ReplayAgent;
use report::ReplayReport;

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
    let reader = TraceReader::open(&args.trace)?;
    let answered = Arc::new(Answered::default());
    let finished = Arc::new(AtomicBool::new(false));
    let worker = {
        let (args, answered, finished) = (args.clone(), answered.clone(), finished.clone());
        thread::spawn(move || {
            let result = drive(&args, core, reader, &answered);
            finished.store(true, Ordering::Release);
            result
        })
    };
    progress::watch("replaying", &answered, args.limit.unwrap_or(0), || {
        finished.load(Ordering::Acquire) || worker.is_finished()
    });
    let report = worker.join().map_err(|_| Error::Thread)??;
    print!("{report}");
    if let Some(path) = &args.common.json {
        crate::write_json(path, &report)?;
    }
    Ok(report.passed())
}

fn drive(
    args: &ReplayArgs,
    core: Option<usize>,
    reader: TraceReader,
    answered: &Answered,
) -> Result<ReplayReport, Error> {
    core.map_or(Ok(()), cores::pin)?;
    let clock = Clock::start();
    let mut driver = Driver::connect(&args.common.endpoint()?, args.connections as usize, 0, clock)?;
    let start = clock.now();
    let mut agent = ReplayAgent::new(args, reader, start, answered);
    driver.drive(&mut agent)?;
    let elapsed = clock.now() - start;
    let busy = driver.busy();
    let (counts, latency) = agent.finish()?;
    if counts.requests == 0 {
        return Err(Error::TraceEmpty(args.trace.clone()));
    }
    Ok(ReplayReport::new(args, counts, latency, elapsed, busy))
}
