//! The load under a clock that the test sets.

use super::*;
use crate::{
    interval::{self, Inbox},
    protocol::Protocol,
    recorder::Recorder,
    run::composer::{PlainWork, Work},
    timeline::Timeline,
    units::SizeRange,
    workload::{Arrivals, Distribution, Keyspace, Mix, ValueSource},
};

const MS: Nanos = SECOND / 1000;

pub fn plan(pipeline: usize, rate: Option<&str>) -> Plan {
    Plan {
        protocol: Protocol::Text,
        pipeline,
        work: Work::Plain(PlainWork {
            keyspace: Keyspace::new(1000, 8).unwrap(),
            values: ValueSource::new(SizeRange { min: 4, max: 4 }, 1),
            distribution: Distribution::Uniform,
            mix: Mix::new(1.0),
            multiget: 1,
        }),
        course: rate.map(|rate| rate.parse().unwrap()),
        arrivals: Arrivals::Even,
        warmup: 0,
        duration: SECOND,
        requests: None,
        seed: 1,
        threads: 1,
    }
}

/// An agent that begins at 0 (its warm-up counted), with intervals of 100 ms.
pub fn agent_of<'a>(plan: &'a Plan, connections: usize, answered: &'a Answered) -> (RunAgent<'a>, Inbox) {
    let stages = plan.course.as_ref().map_or(1, |course| course.stages().len());
    let timeline = Timeline::new(plan.warmup, stages, plan.duration, 100 * MS);
    let (mut recorders, inbox) = interval::connect(1, timeline);
    (RunAgent::new(plan, 0, connections, recorders.remove(0), answered), inbox)
}

/// The result of an agent, and all that it recorded.
pub fn finish(agent: RunAgent, inbox: &Inbox) -> (Outcome, Recorder) {
    let outcome = agent.finish(CoreTime::default(), 0);
    let mut recorder = Recorder::default();
    inbox.intervals.try_iter().for_each(|mut interval| recorder.merge(&mut interval.recorder));
    (outcome, recorder)
}

/// One look of the driver at the agent: gives what every woken connection sends.
fn turn(agent: &mut RunAgent, now: Nanos) -> (Next, Vec<(usize, usize)>) {
    let (mut wake, mut meter) = (Vec::new(), BusyMeter::default());
    let next = agent.plan(now, &mut wake, &mut meter);
    let sent = wake.iter().map(|id| (*id, sent_by(agent, *id, now))).collect();
    (next, sent)
}

fn sent_by(agent: &mut RunAgent, id: usize, now: Nanos) -> usize {
    let mut out = Vec::new();
    agent.requests(id, now, &mut out);
    memchr::memchr_iter(b'\n', &out).count()
}

#[test]
fn a_closed_loop_sends_the_next_batch_after_the_last_reply() {
    let (plan, answered) = (plan(3, None), Answered::default());
    let (mut agent, inbox) = agent_of(&plan, 2, &answered);
    assert_eq!(turn(&mut agent, 0), (Next::WaitUntil(101 * MS), vec![]));
    assert_eq!(sent_by(&mut agent, 1, 0), 3);
    assert_eq!(sent_by(&mut agent, 1, 0), 0);
    let two = b"END\r\nVALUE key00000 0 4\r\nabcd\r\nEND\r\n";
    assert_eq!(agent.replies(1, 5 * MS, two), Ok(two.len()));
    assert_eq!(sent_by(&mut agent, 1, 5 * MS), 0);
    assert_eq!(agent.replies(1, 7 * MS, b"END\r\nEN"), Ok(5));
    assert_eq!(sent_by(&mut agent, 1, 7 * MS), 3);
    assert_eq!(agent.outstanding(), 3);
    let (_, recorder) = finish(agent, &inbox);
    let counts = &recorder.counts;
    assert_eq!((counts.requests, counts.hits, counts.misses), (3, 1, 2));
    assert!((recorder.percentiles().max_us - 7000.0).abs() < 10.0);
}

#[test]
fn an_open_loop_sends_on_schedule_and_charges_the_wait() {
    // One every 10 ms, two connections with room for one each.
    let (plan, answered) = (plan(1, Some("100")), Answered::default());
    let (mut agent, inbox) = agent_of(&plan, 2, &answered);
    assert_eq!(turn(&mut agent, 0), (Next::WaitUntil(10 * MS), vec![(0, 1)]));
    assert_eq!(turn(&mut agent, 4 * MS), (Next::WaitUntil(10 * MS), vec![]));
    assert_eq!(turn(&mut agent, 10 * MS), (Next::WaitUntil(20 * MS), vec![(1, 1)]));
    // No room for those of 20, 30 and 40 ms: the schedule goes on, nothing is sent, only events are awaited.
    assert_eq!(turn(&mut agent, 45 * MS), (Next::WaitUntil(101 * MS), vec![]));
    // The server was stuck until 50 ms. What was meant for 20 ms is sent now.
    assert_eq!(agent.replies(0, 50 * MS, b"END\r\n"), Ok(5));
    assert_eq!(turn(&mut agent, 50 * MS).1, vec![(0, 1)]);
    assert_eq!(agent.replies(0, 51 * MS, b"END\r\n"), Ok(5));
    let (outcome, recorder) = finish(agent, &inbox);
    let percentiles = recorder.percentiles();
    // 50 ms for the first, 31 for the delayed one, though that one was on the wire for 1 ms only.
    assert!((percentiles.max_us - 50_000.0).abs() < 100.0, "{percentiles:?}");
    assert!((percentiles.p50_us - 31_000.0).abs() < 100.0, "{percentiles:?}");
    assert_eq!((outcome.unanswered, outcome.unsent), (1, 97));
}

#[test]
fn the_end_stops_sending_and_waits_for_replies() {
    let (plan, answered) = (plan(1, None), Answered::default());
    let (mut agent, _inbox) = agent_of(&plan, 1, &answered);
    turn(&mut agent, 0);
    assert_eq!(sent_by(&mut agent, 0, 0), 1);
    assert!(matches!(turn(&mut agent, SECOND).0, Next::WaitUntil(_)));
    assert_eq!(agent.replies(0, SECOND + MS, b"END\r\n"), Ok(5));
    assert_eq!(sent_by(&mut agent, 0, SECOND + MS), 0);
    assert_eq!(turn(&mut agent, SECOND + MS).0, Next::Finish);

    let (mut agent, inbox) = agent_of(&plan, 1, &answered);
    turn(&mut agent, 0);
    sent_by(&mut agent, 0, 0);
    // However late the end is noticed, replies have time to come.
    let late = 30 * SECOND;
    assert!(matches!(turn(&mut agent, late).0, Next::WaitUntil(_)));
    assert!(matches!(turn(&mut agent, late + DRAIN - 1).0, Next::WaitUntil(_)));
    assert_eq!(turn(&mut agent, late + DRAIN).0, Next::Finish);
    assert_eq!(finish(agent, &inbox).0.unanswered, 1);
}

#[test]
fn the_warm_up_is_not_counted() {
    let plan = Plan { warmup: 100 * MS, ..plan(1, None) };
    let answered = Answered::default();
    let (mut agent, inbox) = agent_of(&plan, 1, &answered);
    for (now, sent) in [(0, 1), (100 * MS, 1)] {
        turn(&mut agent, now);
        assert_eq!(sent_by(&mut agent, 0, now), sent);
        assert_eq!(agent.replies(0, now + MS, b"END\r\n"), Ok(5));
    }
    let last = agent.last_reply;
    agent.finish(CoreTime::default(), 0);
    let seen: Vec<_> = inbox.intervals.try_iter().map(|i| (i.from, i.to, i.recorder.counts.requests)).collect();
    assert_eq!((seen, last), (vec![(100 * MS, 101 * MS, 1)], 101 * MS));
}

#[test]
fn replies_that_nothing_asked_for_are_faults() {
    let (plan, answered) = (plan(1, None), Answered::default());
    for wrong in
        [b"STORED\r\n".as_slice(), b"END\r\nEND\r\n", b"DELETED\r\n", b"HD\r\n", b"VALUE a 0 0\r\n\r\nSTORED\r\n"]
    {
        let (mut agent, _inbox) = agent_of(&plan, 1, &answered);
        turn(&mut agent, 0);
        sent_by(&mut agent, 0, 0);
        assert!(agent.replies(0, MS, wrong).is_err(), "{}", wrong.escape_ascii());
    }
}

/// What the replies to one batch count as, with each split of them: requests, keys found, keys missed, values stored,
/// errors.
fn assert_counts(plan: &Plan, input: &str, expected: [u64; 5]) {
    let (input, answered) = (input.replace('~', "\r\n").into_bytes(), Answered::default());
    for piece in 1..=input.len() {
        let (mut agent, inbox) = agent_of(plan, 1, &answered);
        turn(&mut agent, 0);
        sent_by(&mut agent, 0, 0);
        let (mut start, mut arrived) = (0, 0);
        while start < input.len() {
            arrived = (arrived + piece).min(input.len());
            start += agent.replies(0, MS, &input[start..arrived]).unwrap();
        }
        let (outcome, recorder) = finish(agent, &inbox);
        let c = recorder.counts;
        assert_eq!([c.requests, c.hits, c.misses, c.stored, c.errors], expected, "{piece}");
        assert_eq!((outcome.unanswered, c.bytes_received), (0, input.len() as u64), "{piece}");
    }
}

/// A value in front of the right answer to a set went by unnoticed.
#[test]
fn a_value_is_no_part_of_an_answer_to_a_set() {
    let mut plan = plan(1, None);
    let Work::Plain(work) = &mut plan.work else { panic!() };
    work.mix = Mix::new(0.0);
    let answered = Answered::default();
    let (mut agent, _inbox) = agent_of(&plan, 1, &answered);
    turn(&mut agent, 0);
    sent_by(&mut agent, 0, 0);
    assert!(agent.replies(0, MS, b"VALUE a 0 0\r\n\r\nSTORED\r\n").is_err());
}

#[test]
fn every_split_of_the_replies_counts_the_same() {
    let mut few = plan(4, None);
    assert_counts(&few, "VALUE key00001 0 4~END\r~END~END~SERVER_ERROR busy~VALUE key00002 0 0~~END~", [4, 2, 1, 0, 1]);
    // More hits of one form than were asked for would be a fault.
    let hit = |key| format!("VALUE key0000{key} 0 4~abcd~END~");
    assert_counts(&few, &[hit(1), hit(2), hit(3), hit(4)].concat(), [4, 4, 0, 0, 0]);
    assert_counts(&few, &["END~", &hit(2), &hit(3), "SERVER_ERROR busy~"].concat(), [4, 2, 1, 0, 1]);
    let Work::Plain(work) = &mut few.work else { panic!() };
    work.mix = Mix::new(0.0);
    assert_counts(&few, "STORED~STORED~SERVER_ERROR out of memory storing object~STORED~", [4, 0, 0, 3, 1]);
}

#[test]
fn every_split_of_a_multiget_s_values_counts_the_same() {
    let mut plan = plan(3, None);
    let Work::Plain(work) = &mut plan.work else { panic!() };
    work.multiget = 3;
    let value = |key| format!("VALUE key0000{key} 0 6~END~\r~");
    let (one, two, three) = (value(1), value(2), value(3));
    assert_counts(&plan, &format!("{one}{two}{three}END~{two}END~{one}{three}END~"), [3, 6, 3, 0, 0]);
}

#[test]
fn more_values_than_keys_are_a_fault() {
    let mut plan = plan(1, None);
    let Work::Plain(work) = &mut plan.work else { panic!() };
    work.multiget = 3;
    let answered = Answered::default();
    let (mut agent, _inbox) = agent_of(&plan, 1, &answered);
    turn(&mut agent, 0);
    sent_by(&mut agent, 0, 0);
    let input = ["VALUE key00001 0 2\r\nab\r\n".repeat(4).as_str(), "END\r\n"].concat();
    assert!(agent.replies(0, MS, input.as_bytes()).is_err());
}

#[test]
fn the_generators_own_lateness_is_told_from_the_servers() {
    let (plan, answered) = (plan(1, Some("100")), Answered::default());
    let (mut agent, inbox) = agent_of(&plan, 1, &answered);
    // Meant for 0 and sent 3 ms later though there was room.
    assert_eq!(turn(&mut agent, 3 * MS).1, vec![(0, 1)]);
    // The server keeps the pipeline full until 45 ms: what was meant for 10 ms is late for its sake.
    assert_eq!(turn(&mut agent, 20 * MS).1, vec![]);
    assert_eq!(agent.replies(0, 45 * MS, b"END\r\n"), Ok(5));
    assert_eq!(turn(&mut agent, 45 * MS).1, vec![(0, 1)]);
    let (_, recorder) = finish(agent, &inbox);
    assert!((recorder.lag_p99_us() / 3000.0 - 1.0).abs() < 0.1, "{}", recorder.lag_p99_us());
}

#[test]
fn every_interval_is_handed_over_when_it_ends() {
    let (plan, answered) = (plan(1, None), Answered::default());
    let (mut agent, inbox) = agent_of(&plan, 1, &answered);
    for round in 0..3u64 {
        let now = round * 100 * MS;
        turn(&mut agent, now);
        assert_eq!(sent_by(&mut agent, 0, now), 1);
        assert_eq!(agent.replies(0, now + MS, b"END\r\n"), Ok(5));
    }
    agent.finish(CoreTime::default(), 0);
    let seen: Vec<_> =
        inbox.intervals.try_iter().map(|i| (i.number, i.from, i.to, i.recorder.counts.requests)).collect();
    assert_eq!(seen, [(0, 0, 100 * MS, 1), (1, 100 * MS, 200 * MS, 1), (2, 200 * MS, 201 * MS, 1)]);
}
