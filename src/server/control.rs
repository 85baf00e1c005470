//! Commands that concern the whole server: carried out by every shard, answered once.

use super::dispatch::{Dispatch, block_on_output};
use super::gather::{Gather, GatherKind};
use super::worker::Ticket;
use crate::clock::Now;
use crate::protocol::memcache::{Admin, AdminForm, AdminReply};
use crate::router::{Errand, Full, Host, Order, Outcome, Report, Shard, Subject};

/// What the rest of the server says to commands that concern all of it.
pub trait Control: Send + Sync {
    /// The version, as `version` tells it.
    fn version(&self) -> &[u8];
    /// The reply to `stats` with these arguments, from every shard's counters; `None` if there is no such form.
    fn stats(&self, args: &[u8], shards: &[Report]) -> Option<Vec<u8>>;
    /// Whether [`stats`](Self::stats) knows these arguments.
    fn has_stats(&self, args: &[u8]) -> bool;
    /// Sets the log level.
    fn set_verbosity(&self, level: u32);
    /// Whether `flush_all` is allowed.
    fn flush_all_enabled(&self) -> bool;
}

/// What a shard's worker has to say to an order itself.
pub(super) struct Local;

impl Host for Local {
    fn carry_out(&mut self, _: Order, _: &mut Shard, _: Now) -> Option<Outcome> {
        None
    }
}

fn report(outcome: Outcome) -> Option<Report> {
    match outcome {
        Outcome::Report(report) => Some(*report),
        Outcome::Done => None,
    }
}

impl Dispatch {
    /// Serves what other shards have sent.
    pub(super) fn serve(&mut self) {
        self.router.serve(&mut Local, self.now);
    }

    fn carry_out(&mut self, order: Order) -> Outcome {
        self.router.carry_out(order, &mut Local, self.now)
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
            Admin::FlushAll { .. } if !self.control.flush_all_enabled() => {
                self.answer(number, form, AdminReply::FlushNotAllowed);
            }
            Admin::FlushAll { delay, noreply } => {
                self.gather(number, form, GatherKind::FlushAll { noreply }, Order::FlushAll(delay))?;
            }
            Admin::Stats { args: b"reset" } => {
                self.gather(number, form, GatherKind::StatsReset, Order::StatsReset)?;
            }
            Admin::Stats { args } if !self.control.has_stats(args) => {
                self.answer(number, form, AdminReply::NoSuchStats);
            }
            Admin::Stats { args } => {
                self.gather(number, form, GatherKind::Stats(args.into()), Order::Report(Subject::General))?;
            }
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
        let mut gather = Gather::new(number, generation, sequence, form, kind);
        gather.add(self.carry_out(order));
        let id = self.gathers.insert(gather);
        let own = self.router.own();
        for shard in (0..self.router.shards()).filter(|shard| *shard != own) {
            self.router.forward(shard, Ticket::Gather(id), &Errand::Order(order)).expect("there is room everywhere");
        }
        self.finish_gather(id);
        block_on_output(self.connections.at(number));
        Ok(())
    }

    /// Replies to a gather that every shard has answered.
    pub(super) fn finish_gather(&mut self, id: u32) {
        let Some(gather) = self.gathers.take_if_complete(id, self.router.shards()) else { return };
        let Gather { connection, generation, sequence, form, kind, outcomes } = gather;
        let lines;
        let reply = match &kind {
            GatherKind::FlushAll { noreply: true } => None,
            GatherKind::FlushAll { noreply: false } => Some(AdminReply::Done),
            GatherKind::StatsReset => Some(AdminReply::StatsReset),
            GatherKind::Stats(args) => {
                let reports: Vec<Report> = outcomes.into_iter().filter_map(report).collect();
                lines = self.control.stats(args, &reports).unwrap_or_default();
                Some(AdminReply::Stats { args, lines: &lines })
            }
        };
        self.fill(connection, generation, sequence, |out| {
            if let Some(reply) = reply {
                reply.encode(form, out);
            }
        });
    }
}
