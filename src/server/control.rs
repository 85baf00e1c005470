//! Commands that concern the whole server: carried out by every shard, answered once.

use super::connections::Connections;
use super::conns::{self, Listening};
use super::dispatch::{Dispatch, block_on_output, encode_whole};
use super::dump;
use super::gather::{Continuation, Gather, GatherKind};
use super::latency::Stopwatch;
use super::ledger::Ledger;
use super::limits::REPORT_PIECES_PER_TURN;
use super::runtime;
use super::ticket::Ticket;
use crate::clock::Now;
use crate::command::{Reply, StatsAnswer};
use crate::protocol::memcache::{self, Admin, AdminForm, AdminReply};
use crate::router::{
    Errand, Full, Host, MemoryLedger, Order, Outcome, ReplyWriter, Report, Shard, Subject, WalkedItem,
};

/// What the rest of the server says to commands that concern all of it.
pub trait Control: Send + Sync {
    /// The version, as `version` tells it.
    fn version(&self) -> &[u8];
    /// What every shard is to be asked for `stats` with these arguments; the answer itself where no shard is needed.
    fn stats_order(&self, args: &[u8]) -> Result<Order, StatsAnswer>;
    /// The answer to `stats` with these arguments, from every shard's reports, by the number of the shard.
    fn stats(&self, args: &[u8], reports: Vec<(usize, Report)>) -> StatsAnswer;
    /// Sets the log level.
    fn set_verbosity(&self, level: u32);
    /// Whether `flush_all` is allowed.
    fn flush_all_enabled(&self) -> bool;
    /// Begins to end the server, as SIGTERM does.
    fn shut_down(&self);
}

/// What a shard's worker has to say to an order itself.
pub(super) struct Local<'a> {
    connections: &'a mut Connections,
    listening: &'a [Listening],
    stopwatch: &'a mut Stopwatch,
    ledger: &'a Ledger,
}

impl Host for Local<'_> {
    fn carry_out(&mut self, order: Order, shard: &mut Shard, now: Now) -> Option<Outcome> {
        let report = match order {
            Order::Report(Subject::Latency) => Report::Latency(Box::new(self.stopwatch.latencies.clone())),
            Order::Report(Subject::Connections(from)) => {
                conns::report(self.connections, self.listening, from, now.seconds)
            }
            Order::Report(Subject::Memory) => {
                // As last added up, a second ago at most.
                let outside = self.ledger.outside;
                Report::Memory(Box::new(MemoryLedger { outside, ..shard.memory() }))
            }
            Order::StatsReset => {
                self.stopwatch.reset();
                return None;
            }
            _ => return None,
        };
        Some(Outcome::Report(Box::new(report)))
    }

    fn write_item(style: u8, item: &WalkedItem<'_>, now: Now, out: &mut Vec<u8>) {
        dump::write_item(style, item, now, out);
    }
}

impl ReplyWriter<Ticket> for Local<'_> {
    fn write_reply(ticket: &Ticket, key: &[u8], note: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) -> bool {
        let Ticket::Reply { form, .. } = ticket else { return false };
        encode_whole(form.with(note), key, reply, out);
        true
    }
}

impl Dispatch {
    /// Serves what other shards have sent.
    pub(super) fn serve(&mut self) {
        if !self.router.has_taken() {
            return;
        }
        if self.watch.is_on() {
            // Their connections are not known here.
            self.router.shard_mut().observe_for(0);
        }
        let begun_nanos = self.stopwatch.read();
        let Dispatch { connections, listening, stopwatch, ledger, router, now, .. } = self;
        router.serve::<Local<'_>>(&mut Local { connections, listening, stopwatch, ledger }, *now);
        let served = self.router.take_served();
        self.stopwatch.served(begun_nanos, &served);
    }

    fn carry_out(&mut self, order: Order) -> Outcome {
        let Dispatch { connections, listening, stopwatch, ledger, router, now, .. } = self;
        router.carry_out(order, &mut Local { connections, listening, stopwatch, ledger }, *now)
    }

    pub(super) fn run_admin(&mut self, number: u32, admin: Admin<'_>, form: AdminForm) -> Result<(), Full> {
        match admin {
            Admin::Version => {
                let control = self.control.clone();
                self.answer(number, form, AdminReply::Version(control.version()));
            }
            Admin::Verbosity { level, noreply } => {
                self.control.set_verbosity(level);
                if !noreply {
                    self.answer(number, form, AdminReply::Done);
                }
            }
            Admin::MetaNoop => self.answer(number, form, AdminReply::Noop),
            Admin::Quit => {
                self.answer(number, form, AdminReply::Closing);
                self.close_after_replies(number);
            }
            Admin::CacheMemlimit { .. }
            | Admin::SlabsReassign { .. }
            | Admin::SlabsAutomove { .. }
            | Admin::Crawler(_) => return self.run_change(number, admin),
            Admin::Watch(streams) => self.watch(number, streams),
            Admin::Shutdown { .. } if !self.rules.shutdown_enabled => {
                self.reply(number, memcache::errors::SHUTDOWN_DISABLED);
            }
            Admin::Shutdown { is_known: false } => self.reply(number, memcache::errors::SHUTDOWN_MODE),
            Admin::Shutdown { is_known: true } => {
                // Without a word, as in memcached.
                self.close_after_replies(number);
                self.control.shut_down();
            }
            Admin::Dump(kind, classes) => self.begin_dump(number, kind, classes),
            Admin::FlushAll { .. } if !self.control.flush_all_enabled() => {
                self.answer(number, form, AdminReply::FlushNotAllowed);
            }
            Admin::FlushAll { delay, noreply } => {
                self.gather(number, form, GatherKind::FlushAll { noreply }, Order::FlushAll(delay))?;
            }
            Admin::Stats { args } => match self.control.stats_order(args) {
                Ok(order) => self.gather(number, form, GatherKind::Stats(args.into()), order)?,
                Err(answer) => self.answer(number, form, AdminReply::Stats(&answer)),
            },
        }
        Ok(())
    }

    /// Answers a command to the whole server at once.
    pub(super) fn answer(&mut self, number: u32, form: AdminForm, reply: AdminReply<'_>) {
        self.reply_with(number, |out| reply.encode(form, out));
    }

    /// Asks every shard, and replies when all have answered.
    pub(super) fn gather(&mut self, number: u32, form: AdminForm, kind: GatherKind, order: Order) -> Result<(), Full> {
        if !self.router.has_room_everywhere() {
            return Err(Full);
        }
        let connection = self.connections.at(number);
        let generation = connection.generation;
        let sequence = connection.queue.get_or_insert_default().push_waiting();
        let own = self.router.own();
        let id = self.gathers.insert(Gather::new(number, generation, sequence, form, kind));
        let outcome = self.carry_out(order);
        self.gathers.add(id, own, outcome);
        for shard in (0..self.router.shards()).filter(|shard| *shard != own) {
            self.router.forward(shard, Ticket::Gather(id), &Errand::Order(order)).expect("there is room everywhere");
        }
        self.finish_gather(id);
        block_on_output(self.connections.at(number), &self.pool);
        Ok(())
    }

    /// Asks for the next pieces of the reports under way, a few each turn, whoever has waited longest first.
    pub(super) fn go_on_gathering(&mut self) {
        for _ in 0..self.gathers.continuing.len().min(REPORT_PIECES_PER_TURN) {
            let Some(continuation) = self.gathers.continuing.pop_front() else { break };
            let Continuation { gather, shard, subject } = continuation;
            let asker = self.gathers.connection(gather);
            if asker.is_none_or(|(number, generation)| self.connections.find(number, generation).is_none()) {
                self.gathers.cut_short(gather);
                self.finish_gather(gather);
            } else if shard == self.router.own() {
                let outcome = self.carry_out(Order::Report(subject));
                self.gathers.add(gather, shard, outcome);
                self.finish_gather(gather);
            } else if self
                .router
                .forward(shard, Ticket::Gather(gather), &Errand::Order(Order::Report(subject)))
                .is_err()
            {
                self.gathers.continuing.push_back(continuation);
            }
        }
    }

    /// Replies to a gather that every shard has answered.
    pub(super) fn finish_gather(&mut self, id: u32) {
        let Some(mut gather) = self.gathers.take_if_complete(id, self.router.shards()) else { return };
        let line = match &gather.kind {
            GatherKind::Change { change, noreply } if !noreply => runtime::answer(*change, gather.outcomes()),
            _ => b"",
        };
        let reports = gather.reports();
        let Gather { connection, generation, sequence, form, kind, .. } = gather;
        let answer;
        let reply = match &kind {
            GatherKind::FlushAll { noreply: true } | GatherKind::Change { .. } => None,
            GatherKind::FlushAll { noreply: false } => Some(AdminReply::Done),
            GatherKind::Stats(args) => {
                answer = self.control.stats(args, reports);
                Some(AdminReply::Stats(&answer))
            }
        };
        self.fill(connection, generation, sequence, |out| {
            out.extend_from_slice(line);
            if let Some(reply) = reply {
                reply.encode(form, out);
            }
        });
    }
}
