//! Settings that are changed while the server runs: every shard changes, the client gets one answer.

use super::dispatch::Dispatch;
use super::dump::class_set;
use super::gather::GatherKind;
use crate::protocol::memcache::{Admin, AdminForm, Classes, CrawlerCommand, errors};
use crate::router::{Change, Full, Order, Outcome, Refusal};

/// What `slabs reassign` writes for the class that has most pages.
const ANY_CLASS: i32 = -1;

impl Dispatch {
    /// Carries out a command that changes a setting of the whole server.
    pub(super) fn run_change(&mut self, number: u32, admin: Admin<'_>) -> Result<(), Full> {
        match admin {
            Admin::CacheMemlimit { megabytes, noreply } => {
                let bytes = (u64::from(megabytes) << 20) / self.router.shards() as u64;
                self.change(number, Change::MemoryLimit(bytes), noreply)
            }
            Admin::SlabsAutomove { on, noreply } => self.change(number, Change::Automove(on), noreply),
            Admin::SlabsReassign { from, to } => {
                let from = if from == ANY_CLASS { None } else { Some(u32::try_from(from)) };
                match (from.transpose(), u32::try_from(to)) {
                    (Ok(from), Ok(to)) => self.change(number, Change::Reassign { from, to }, false),
                    _ => {
                        self.reply(number, errors::REASSIGN_BAD_CLASS);
                        Ok(())
                    }
                }
            }
            Admin::Crawler(command) => self.run_crawler(number, command),
            _ => Ok(()),
        }
    }

    fn run_crawler(&mut self, number: u32, command: CrawlerCommand<'_>) -> Result<(), Full> {
        let change = match command {
            CrawlerCommand::Enable(on) => Change::CrawlerEnabled(on),
            CrawlerCommand::SleepUs(us) => Change::CrawlerSleepUs(us),
            CrawlerCommand::ToCrawl(items) => Change::CrawlerLimit(items),
            CrawlerCommand::Crawl(classes) => {
                let refusal = match (classes, class_set(classes, self.router.classes())) {
                    _ if !self.router.crawler_is_enabled() => errors::CRAWLER_DISABLED,
                    (Classes::Hash, _) => errors::CRAWLER_ERROR,
                    (_, Some(classes)) => return self.change(number, Change::Crawl(classes), false),
                    (_, None) => errors::CRAWLER_BAD_CLASS,
                };
                self.reply(number, refusal);
                return Ok(());
            }
        };
        self.change(number, change, false)
    }

    fn change(&mut self, number: u32, change: Change, noreply: bool) -> Result<(), Full> {
        self.gather(number, AdminForm::Text, GatherKind::Change { change, noreply }, Order::Change(change))
    }
}

/// The answer to a change that every shard was asked to make. A page is moved, and a crawl begun, where one shard
/// could; everything else is done by all shards or refused by all of them.
pub(super) fn answer<'o>(change: Change, outcomes: impl Iterator<Item = &'o Outcome>) -> &'static [u8] {
    let (mut refusal, mut done) = (None, false);
    for outcome in outcomes {
        match outcome {
            Outcome::Refused(refused) => refusal = Some(*refused),
            Outcome::Done | Outcome::Report(_) => done = true,
        }
    }
    let done_by_one = done && matches!(change, Change::Reassign { .. } | Change::Crawl(_));
    match refusal {
        Some(refusal) if !done_by_one => refused(change, refusal),
        _ => errors::OK,
    }
}

fn refused(change: Change, refusal: Refusal) -> &'static [u8] {
    match (refusal, change) {
        (Refusal::OutOfBounds, _) => errors::MEMLIMIT_ADJUST_FAILED,
        (Refusal::BadClass, Change::Reassign { .. }) => errors::REASSIGN_BAD_CLASS,
        (Refusal::BadClass, _) => errors::CRAWLER_BAD_CLASS,
        (Refusal::NoSpare, _) => errors::REASSIGN_NO_SPARE,
        (Refusal::SameClass, _) => errors::REASSIGN_SAME,
        (Refusal::Busy, _) => errors::CRAWLER_BUSY,
        (Refusal::CrawlerState, Change::CrawlerEnabled(_)) => errors::CRAWLER_NOT_ENABLED,
        (Refusal::CrawlerState, _) => errors::CRAWLER_DISABLED,
    }
}
