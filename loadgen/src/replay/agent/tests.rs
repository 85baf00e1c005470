//! The replay under a clock that the test sets.

use clap::Parser;

use super::*;
use crate::{
    cli::{Cli, Command},
    interval::{self, Inbox},
    recorder::Recorder,
    timeline::Timeline,
};

const MS: Nanos = SECOND / 1000;

/// When the replays begin.
const BEGIN: Nanos = SECOND;

/// A replay of a trace with these lines over one connection, with intervals of 100 ms.
fn agent_of<'a>(name: &str, lines: &str, options: &str, answered: &'a Answered) -> (ReplayAgent<'a>, Inbox) {
    let path = std::env::temp_dir().join(format!("ringload-replay-{}-{name}.csv", std::process::id()));
    std::fs::write(&path, lines).unwrap();
    let line = format!("ringload replay --connections 1 --trace {} {options}", path.display());
    let Command::Replay(args) = Cli::parse_from(line.split_whitespace()).command else { panic!("{line}") };
    let reader = TraceReader::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let (mut recorders, inbox) = interval::connect(1, Timeline::new(BEGIN, 1, Nanos::MAX, 100 * MS));
    (ReplayAgent::new(&args, reader, recorders.remove(0), answered), inbox)
}

/// One look of the driver at the agent: when it wants the next, and what the connection sends if it is woken.
fn turn(agent: &mut ReplayAgent, now: Nanos) -> (Next, String) {
    let (mut wake, mut meter, mut out) = (Vec::new(), BusyMeter::default(), Vec::new());
    let next = agent.plan(now, &mut wake, &mut meter);
    wake.iter().for_each(|id| agent.requests(*id, now, &mut out));
    (next, String::from_utf8(out).unwrap())
}

#[test]
fn intervals_count_what_was_answered_in_them() {
    let answered = Answered::default();
    let lines = "0,a,1,3,1,get,0\n0,b,1,3,1,get,0\n0,a,1,3,1,get,0\n";
    let (mut agent, inbox) = agent_of("intervals", lines, "", &answered);
    // Nothing is sent that does not count.
    assert_eq!(turn(&mut agent, BEGIN - MS), (Next::WaitUntil(BEGIN), String::new()));
    // The second get of `a` waits for the fill that the first one may cause.
    assert_eq!(turn(&mut agent, BEGIN).1, "get a\r\nget b\r\n");
    assert_eq!(turn(&mut agent, BEGIN), (Next::WaitUntil(BEGIN + 101 * MS), String::new()));
    let replies = b"END\r\nVALUE b 0 3\r\nxxx\r\nEND\r\n";
    assert_eq!(agent.replies(0, BEGIN + 7 * MS, replies), Ok(replies.len()));
    let (_, sent) = turn(&mut agent, BEGIN + 100 * MS);
    assert!(sent.starts_with("set a 0 0 3\r\n") && sent.ends_with("\r\nget a\r\n"), "{sent}");
    let replies = b"STORED\r\nVALUE a 0 3\r\nxxx\r\nEND\r\n";
    assert_eq!(agent.replies(0, BEGIN + 120 * MS, replies), Ok(replies.len()));
    assert_eq!(turn(&mut agent, BEGIN + 121 * MS), (Next::Finish, String::new()));
    assert_eq!(answered.get(), 3);
    let counts = agent.finish(CoreTime::default()).unwrap();
    assert_eq!((counts.requests, counts.fills, counts.behind_us_max), (3, 1, 0));

    let shown: Vec<_> = inbox
        .intervals
        .try_iter()
        .map(|interval| {
            let counts = interval.recorder.counts;
            (interval.number, interval.to - BEGIN, counts.requests, counts.gets, counts.hits, counts.stored)
        })
        .collect();
    assert_eq!(shown, [(0, 100 * MS, 2, 2, 1, 0), (1, 120 * MS, 2, 1, 1, 1)]);
}

#[test]
fn lateness_is_the_generators_own_where_nothing_held_it_up() {
    let answered = Answered::default();
    let lines = "5.00,a,1,3,1,get,0\n5.01,b,1,3,1,get,0\n5.02,c,1,3,1,get,0\n";
    let (mut agent, inbox) = agent_of("lateness", lines, "--speed 1x --no-fill --pipeline 1", &answered);
    assert_eq!(turn(&mut agent, BEGIN).1, "get a\r\n");
    assert_eq!(agent.replies(0, BEGIN + MS, b"END\r\n"), Ok(5));
    assert_eq!(turn(&mut agent, BEGIN + MS).1, "");
    assert_eq!(turn(&mut agent, BEGIN + MS).0, Next::WaitUntil(BEGIN + 10 * MS));
    // The generator is two milliseconds late.
    assert_eq!(turn(&mut agent, BEGIN + 12 * MS).1, "get b\r\n");
    // The server holds up the next, whose latency counts from 20 ms all the same.
    assert_eq!(agent.replies(0, BEGIN + 50 * MS, b"END\r\n"), Ok(5));
    assert_eq!(turn(&mut agent, BEGIN + 50 * MS).1, "get c\r\n");
    assert_eq!(agent.replies(0, BEGIN + 51 * MS, b"END\r\n"), Ok(5));
    let counts = agent.finish(CoreTime::default()).unwrap();
    assert_eq!(counts.behind_us_max, 30_000);
    let mut recorder = Recorder::default();
    inbox.intervals.try_iter().for_each(|mut interval| recorder.merge(&mut interval.recorder));
    assert_eq!((recorder.counts.requests, recorder.counts.misses), (3, 3));
    assert!((recorder.lag_p99_us() / 2000.0 - 1.0).abs() < 0.1, "{}", recorder.lag_p99_us());
    let percentiles = recorder.percentiles();
    assert!((percentiles.max_us / 40_000.0 - 1.0).abs() < 0.01, "{percentiles:?}");
    assert!((percentiles.p50_us / 31_000.0 - 1.0).abs() < 0.01, "{percentiles:?}");
}
