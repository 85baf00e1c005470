//! Requests of a workload file and their replies, byte by byte.

use super::{
    tests::{agent_of, finish, plan},
    *,
};
use crate::{
    driver::Agent,
    protocol::Protocol,
    run::{
        composer::{MixedWork, Work},
        step::Step,
    },
    workload::file,
};

/// A plan of one request at a time by a key space with these lines.
fn mixed(protocol: Protocol, lines: &str) -> Plan {
    let text = format!("[[keyspace]]\nname = \"k\"\nkeys = 100_000\nkey-size = 10\nvalue-size = 2\n{lines}");
    let workload = file::parse(&text, |_| Ok(())).unwrap();
    Plan { protocol, work: Work::Mixed(MixedWork::new(workload, 1)), ..plan(1, None) }
}

struct Talk<'a>(RunAgent<'a>);

impl<'a> Talk<'a> {
    fn new(plan: &'a Plan, answered: &'a Answered) -> Self {
        let mut talk = Talk(agent_of(plan, 1, answered).0);
        talk.0.plan(0, &mut Vec::new(), &mut BusyMeter::default());
        talk
    }

    fn asks(&mut self) -> String {
        let mut out = Vec::new();
        self.0.requests(0, 0, &mut out);
        out.escape_ascii().to_string().replace(r"\r\n", " ")
    }

    fn hears(&mut self, reply: &str) -> Result<usize, Unparsable> {
        self.0.replies(0, 5, reply.replace(" ~ ", "\r\n").as_bytes())
    }
}

#[test]
fn a_miss_is_followed_by_a_set_of_that_key() {
    let (plan, answered) =
        (mixed(Protocol::Text, "ttl = 60\nmiss-then-set = true\nmix = { get = 1 }"), Answered::default());
    let mut talk = Talk::new(&plan, &answered);
    let first = talk.asks();
    let key = first.strip_prefix("get ").unwrap().trim();
    talk.hears("END ~ ").unwrap();
    let fill = talk.asks();
    assert!(fill.starts_with(&format!("set {key} 0 60 2 ")), "{fill}");
    talk.hears("STORED ~ ").unwrap();
    let second = talk.asks();
    assert!(second.starts_with("get k:"), "{second}");
    let key = second[4..].trim().to_owned();
    talk.hears(&format!("VALUE {key} 0 2 ~ ab ~ END ~ ")).unwrap();
    assert!(talk.asks().starts_with("get k:"));
    talk.hears("SERVER_ERROR busy ~ ").unwrap();
    assert!(talk.asks().starts_with("get k:"));
    let mut tally = talk.0.finish(CoreTime::default(), 0).tally;
    let get = tally.of(Step::Get);
    assert_eq!((get.requests, get.done, get.not_done, get.errors), (3, 1, 1, 1));
    assert_eq!((tally.of(Step::Fill).requests, tally.of(Step::Fill).done), (1, 1));
}

#[test]
fn a_multiget_is_followed_by_sets_of_the_keys_that_it_missed() {
    let lines = "multiget = 3\nmiss-then-set = true\nmix = { multiget = 1 }";
    for protocol in [Protocol::Text, Protocol::Meta, Protocol::Resp] {
        let (plan, answered) = (mixed(protocol, lines), Answered::default());
        let mut talk = Talk::new(&plan, &answered);
        let asked = talk.asks();
        let keys: Vec<&str> = asked.split(' ').filter(|word| word.starts_with("k:")).collect();
        assert_eq!(keys.len(), 3, "{asked}");
        talk.hears(&match protocol {
            Protocol::Text => format!("VALUE {} 0 2 ~ ab ~ END ~ ", keys[1]),
            Protocol::Meta => format!("VA 2 k{} ~ ab ~ MN ~ ", keys[1]),
            _ => "*3 ~ $-1 ~ $2 ~ ab ~ $-1 ~ ".into(),
        })
        .unwrap();
        for missed in [keys[0], keys[2]] {
            let fill = talk.asks();
            assert!(fill.contains(missed) && fill.to_lowercase().contains("s"), "{fill}");
            talk.hears(match protocol {
                Protocol::Text => "STORED ~ ",
                Protocol::Meta => "HD ~ ",
                _ => "+OK ~ ",
            })
            .unwrap();
        }
        assert_eq!(talk.asks().split(' ').filter(|word| word.starts_with("k:")).count(), 3);
        let mut tally = talk.0.finish(CoreTime::default(), 0).tally;
        assert_eq!((tally.of(Step::Multiget).done, tally.of(Step::Multiget).not_done), (1, 2));
        assert_eq!(tally.of(Step::Fill).done, 2);
    }
}

#[test]
fn a_cas_reads_the_number_and_gives_it_back() {
    for (protocol, hit, cas, exists) in [
        (Protocol::Text, "VALUE {} 0 2 77 ~ ab ~ END ~ ", "cas {} 0 0 2 77 ", "EXISTS ~ "),
        (Protocol::Meta, "VA 2 c77 ~ ab ~ ", "ms {} 2 C77 ", "EX ~ "),
    ] {
        let (plan, answered) = (mixed(protocol, "mix = { cas = 1 }"), Answered::default());
        let mut talk = Talk::new(&plan, &answered);
        let asked = talk.asks();
        let key = asked.split(' ').nth(1).unwrap().to_owned();
        talk.hears(&hit.replace("{}", &key)).unwrap();
        let said = talk.asks();
        assert!(said.starts_with(&cas.replace("{}", &key)), "{said}");
        talk.hears(exists).unwrap();
        // A miss is the end of it.
        talk.asks();
        talk.hears(if protocol == Protocol::Text { "END ~ " } else { "EN ~ " }).unwrap();
        assert!(talk.asks().split(' ').any(|word| word.starts_with("k:")));
        let mut tally = talk.0.finish(CoreTime::default(), 0).tally;
        assert_eq!((tally.of(Step::Gets).done, tally.of(Step::Gets).not_done), (1, 1));
        assert_eq!((tally.of(Step::Cas).requests, tally.of(Step::Cas).not_done), (1, 1));
    }
}

#[test]
fn an_error_within_a_group_of_quiet_reads_waits_for_its_end() {
    let (plan, answered) = (mixed(Protocol::Meta, "multiget = 2\nmix = { multiget = 1 }"), Answered::default());
    let mut talk = Talk::new(&plan, &answered);
    talk.asks();
    talk.hears("SERVER_ERROR out of memory writing get response ~ ").unwrap();
    assert_eq!(talk.asks(), "");
    talk.hears("MN ~ ").unwrap();
    assert_ne!(talk.asks(), "");
    assert_eq!(talk.0.finish(CoreTime::default(), 0).tally.of(Step::Multiget).errors, 1);
}

/// The last value of a multiget looks like the hit of a get.
#[test]
fn gets_and_multigets_are_told_apart() {
    let plan = mixed(Protocol::Text, "multiget = 3\nmix = { get = 1, multiget = 1, set = 1 }");
    let answered = Answered::default();
    let mut talk = Talk::new(&plan, &answered);
    let (mut keys, mut sets) = (0, 0);
    for _ in 0..300 {
        let asked = talk.asks();
        let words: Vec<&str> = asked.split_whitespace().take_while(|word| *word != "~").collect();
        if words[0] == "set" {
            sets += 1;
            talk.hears("STORED ~ ").unwrap();
            continue;
        }
        keys += words.len() - 1;
        let values: String = words[1..].iter().map(|key| format!("VALUE {key} 0 2 ~ ab ~ ")).collect();
        talk.hears(&format!("{values}END ~ ")).unwrap();
    }
    let counts = &talk.0.intervals.recorder.counts;
    assert_eq!((counts.gets, counts.hits, counts.stored), (keys as u64, keys as u64, sets));
    let mut tally = talk.0.finish(CoreTime::default(), 0).tally;
    let done = [Step::Get, Step::Multiget, Step::Set].map(|step| (tally.of(step).requests, tally.of(step).done));
    let requests: u64 = done.iter().map(|(requests, _)| requests).sum();
    assert_eq!((requests, done[2].1), (300, sets));
    assert_eq!(done[0].1 + done[1].1, keys as u64);
}

#[test]
fn replies_that_cannot_be_are_faults() {
    let multiget = "multiget = 2\nmiss-then-set = true\nmix = { multiget = 1 }";
    for (protocol, lines, wrong) in [
        (Protocol::Text, multiget, "VALUE other 0 1 ~ x ~ END ~ "),
        (Protocol::Text, multiget, "STORED ~ "),
        (Protocol::Meta, multiget, "VA 1 kother ~ x ~ MN ~ "),
        (Protocol::Meta, multiget, "EN ~ "),
        (Protocol::Resp, multiget, "*3 ~ "),
        (Protocol::Resp, multiget, "$-1 ~ "),
        (Protocol::Resp, multiget, "$1 ~ x ~ "),
        (Protocol::Resp, multiget, "*2 ~ *2 ~ "),
        (Protocol::Resp, multiget, "*2 ~ $-1 ~ -ERR x ~ "),
        (Protocol::Resp, "mix = { get = 1 }", "+OK ~ "),
        (Protocol::Resp, "mix = { get = 1 }", ":1 ~ "),
        (Protocol::Resp, "mix = { delete = 1 }", ":2 ~ "),
        (Protocol::Resp, "mix = { set = 1 }", "$-1 ~ "),
        (Protocol::Meta, "mix = { get = 1 }", "MN ~ "),
        (Protocol::Meta, "mix = { get = 1 }", "HD ~ "),
        (Protocol::Text, "mix = { delete = 1 }", "TOUCHED ~ "),
        (Protocol::Text, "mix = { get = 1 }", "END ~ END ~ "),
    ] {
        let (plan, answered) = (mixed(protocol, lines), Answered::default());
        let mut talk = Talk::new(&plan, &answered);
        assert_ne!(talk.asks(), "");
        assert!(talk.hears(wrong).is_err(), "{protocol:?} {lines}: {wrong}");
    }
}

#[test]
fn a_budget_covers_what_answers_ask_for() {
    let base = mixed(Protocol::Text, "miss-then-set = true\nmix = { get = 1 }");
    let (plan, answered) = (Plan { requests: Some(3), duration: Nanos::MAX, ..base }, Answered::default());
    let (mut agent, inbox) = agent_of(&plan, 1, &answered);
    let mut asked = Vec::new();
    for _ in 0..5 {
        agent.plan(0, &mut Vec::new(), &mut BusyMeter::default());
        let mut out = Vec::new();
        agent.requests(0, 0, &mut out);
        if out.is_empty() {
            break;
        }
        let set = out.starts_with(b"set");
        agent.replies(0, 1, if set { b"STORED\r\n" } else { b"END\r\n" }).unwrap();
        asked.push(set);
    }
    assert_eq!(asked, [false, true, false]);
    let (_, recorder) = finish(agent, &inbox);
    assert_eq!((recorder.counts.requests, recorder.counts.misses, recorder.counts.stored), (3, 2, 1));
}
