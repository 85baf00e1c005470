//! The requests that are prefetched together: collected as they are parsed, loaded ahead, executed in the order of their
//! arrival. A group spans connections.
//!
//! Plain reads and writes take a way of their own from the parser to the output: what they ask fits in a few words, a run
//! of one connection's is looked after once, and each finds its item where the prefetch saw it. All others are kept apart,
//! so that a read does not carry the weight of the largest request.

use super::{Dispatch, Mark, block_on_output, output, touch};
use crate::clock::Exptime;
use crate::command::{Op, OpKind, Request};
use crate::protocol::memcache::{Answers, Form, FormTag, Resume, Set};
use crate::router::{Full, Hints, PlainRead, PlainWrite};
use crate::server::connection::Blocked;
use crate::server::limits::{GROUP, REQUESTS_PER_TIMING};

/// A parsed request that waits for its group.
struct Pending<'a> {
    hash: u64,
    key: &'a [u8],
    ask: Ask,
    owner: u32,
    place: Place,
}

/// Where a request came from.
#[derive(Clone, Copy)]
pub(super) struct Place {
    connection: u32,
    /// This turn's input, where in it, and the parser's state before it.
    input: u32,
    at: u32,
    resume: Resume,
}

impl Place {
    /// Inputs are far shorter than 4 GiB, and there are fewer of them.
    #[inline(always)]
    pub(super) fn new(connection: u32, input: usize, at: usize, resume: Resume) -> Self {
        Place { connection, input: input as u32, at: at as u32, resume }
    }
}

/// What a request asks.
#[derive(Clone, Copy)]
pub(super) enum Ask {
    /// A `get` of its key, perhaps the last of its command.
    Get { last: bool },
    /// The `set` at this place in [`Group::sets`].
    Set(u32),
    /// What stands at this place in [`Group::requests`].
    Other(u32),
}

/// At most [`GROUP`] requests.
#[derive(Default)]
pub(in crate::server) struct Group<'a> {
    pending: Vec<Pending<'a>>,
    sets: Vec<Set<'a>>,
    requests: Vec<(Request<'a>, Form<'a>)>,
    hints: Hints,
}

impl Group<'_> {
    /// Empties it for another turn, with other inputs. Collecting an iterator over a vector of the same size keeps its
    /// memory.
    pub(in crate::server) fn emptied(mut self) -> Group<'static> {
        self.pending.clear();
        self.sets.clear();
        self.requests.clear();
        Group {
            pending: self.pending.into_iter().map(|_| unreachable!("emptied")).collect(),
            sets: self.sets.into_iter().map(|_| unreachable!("emptied")).collect(),
            requests: self.requests.into_iter().map(|_| unreachable!("emptied")).collect(),
            hints: self.hints,
        }
    }
}

impl Dispatch {
    /// Adds a request to the group, and executes the group if that fills it. Returns whether the rest of the
    /// request's input must wait.
    #[inline(always)]
    pub(super) fn enlist<'a>(
        &mut self,
        group: &mut Group<'a>,
        hash: u64,
        key: &'a [u8],
        ask: Ask,
        place: Place,
    ) -> bool {
        let owner = self.router.owner(hash);
        if owner == self.router.own() {
            self.router.prefetch_bucket(hash);
        }
        group.pending.push(Pending { hash, key, ask, owner: owner as u32, place });
        if group.pending.len() < GROUP {
            return false;
        }
        self.run_group(group);
        self.is_stopped(place.connection, place.input as usize)
    }

    /// The same for a plain write.
    #[inline(always)]
    pub(super) fn enlist_set<'a>(&mut self, group: &mut Group<'a>, set: Set<'a>, place: Place) -> bool {
        group.sets.push(set);
        let ask = Ask::Set(group.sets.len() as u32 - 1);
        self.enlist(group, set.hash, set.key, ask, place)
    }

    /// The same for any other request.
    #[inline(always)]
    pub(super) fn enlist_request<'a>(
        &mut self,
        group: &mut Group<'a>,
        request: Request<'a>,
        form: Form<'a>,
        place: Place,
    ) -> bool {
        group.requests.push((request, form));
        let ask = Ask::Other(group.requests.len() as u32 - 1);
        self.enlist(group, request.hash, request.key, ask, place)
    }

    /// Prefetches and executes the group in order, and empties it.
    #[inline(never)]
    pub(in crate::server) fn run_group(&mut self, group: &mut Group<'_>) {
        if group.pending.is_empty() {
            return;
        }
        let traffic = self.router.traffic_mut();
        traffic.groups += 1;
        traffic.grouped_requests += group.pending.len() as u64;
        let own = self.router.own();
        let hashes = group.pending.iter().map(|pending| (pending.owner as usize == own).then_some(pending.hash));
        self.router.prefetch_items(hashes, &mut group.hints);
        let mut next = 0;
        while let Some(pending) = group.pending.get(next) {
            let plain = self.run_plain(group, next);
            if plain > 0 {
                next += plain;
                continue;
            }
            next += 1;
            let Place { connection: number, input, at, resume } = pending.place;
            let connection = self.connections.at(number);
            let runs = connection.blocked == Blocked::No && connection.is_open();
            if runs && self.run_pending(group, pending).is_ok() {
                continue;
            }
            self.connections.at(number).need = None;
            let mark = &mut self.marks[input as usize];
            if !mark.stopped {
                *mark = Mark { consumed: at as usize, resume, stopped: true };
            }
        }
        group.pending.clear();
        group.sets.clear();
        group.requests.clear();
        self.time_groups(REQUESTS_PER_TIMING);
    }

    #[inline(always)]
    fn run_pending(&mut self, group: &Group<'_>, pending: &Pending<'_>) -> Result<(), Full> {
        let (number, owner) = (pending.place.connection, pending.owner as usize);
        match pending.ask {
            Ask::Other(at) => {
                let (request, form) = &group.requests[at as usize];
                self.run(number, request, *form, owner)
            }
            Ask::Set(at) => {
                let set = &group.sets[at as usize];
                self.run(number, &set.request(), set.form(), owner)
            }
            Ask::Get { last } => {
                let request = Request { hash: pending.hash, key: pending.key, op: Op::Get };
                self.run(number, &request, Form::text(FormTag::Get { with_cas: false, last }), owner)
            }
        }
    }

    /// Executes plain reads and writes of one connection's, from this place in the group on. Returns how many: it stops
    /// before whatever needs more than that.
    #[inline(always)]
    fn run_plain(&mut self, group: &Group<'_>, from: usize) -> usize {
        let pending = &group.pending[from..];
        let number = match pending.first() {
            None | Some(Pending { ask: Ask::Other(_), .. }) => return 0,
            Some(first) => first.place.connection,
        };
        let Dispatch { connections, router, pool, now, touched, stopwatch, watch, .. } = self;
        let connection = connections.at(number);
        let runs = connection.blocked == Blocked::No && connection.is_open();
        if !runs || connection.has_queue() || watch.is_on() {
            return 0;
        }
        let (own, high_bytes) = (router.own(), pool.high_bytes());
        let mut answers = Answers::behind(output(connection, pool));
        let (mut reads, mut writes) = (0, 0);
        for &Pending { hash, key, ask, owner, ref place } in pending {
            if place.connection != number || owner as usize != own || answers.output_bytes() >= high_bytes {
                break;
            }
            let at = from + reads + writes;
            match ask {
                Ask::Get { last } => {
                    match router.read_plain(hash, key, &group.hints, at, *now) {
                        PlainRead::Hit { flags, value } => answers.value(key, flags, value, last),
                        PlainRead::Miss => answers.miss(last),
                        PlainRead::NotPlain => break,
                    }
                    reads += 1;
                }
                Ask::Set(set) => {
                    let set = &group.sets[set as usize];
                    let deadline = now.deadline(Exptime(i64::from(set.exptime)));
                    let write = PlainWrite { flags: set.flags, deadline, value: set.value };
                    if !router.write_plain(hash, key, write, &group.hints, at, *now) {
                        break;
                    }
                    if !set.noreply {
                        answers.stored();
                    }
                    writes += 1;
                }
                Ask::Other(_) => break,
            }
        }
        drop(answers);
        if reads + writes > 0 {
            stopwatch.executed(OpKind::Get, reads as u32);
            stopwatch.executed(OpKind::Store, writes as u32);
            touch(connection, touched, number);
            block_on_output(connection, pool);
        }
        reads + writes
    }
}
