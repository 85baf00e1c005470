//! The commands to the whole server as lines of text: what changes settings, lists items or watches.

use crate::protocol::memcache::admin::{Admin, AdminForm, Classes, CrawlerCommand, DumpKind, Streams};
use crate::protocol::memcache::errors;
use crate::protocol::memcache::line::{Line, tokens};
use crate::protocol::memcache::number;
use crate::protocol::memcache::parser::CommandLine;
use crate::protocol::memcache::step::Step;

/// The least `cache_memlimit`, in MiB.
const MEMLIMIT_MIN_MEGABYTES: u32 = 8;
/// From here on `cache_memlimit` was meant in bytes.
const MEMLIMIT_MAX_MEGABYTES: u32 = 1_000_000_000;
/// Longest pause between two steps of the crawler, in microseconds.
const CRAWLER_SLEEP_US_MAX: u32 = 1_000_000;
/// Most that `lru tune` may give to memcached's hot and warm segments together, in percent.
const HOT_AND_WARM_PERCENT_MAX: u32 = 80;

/// A command that is carried out.
pub(super) fn admin<'a>(admin: Admin<'a>, line: CommandLine<'a>) -> Step<'a> {
    Step::Admin { admin, form: AdminForm::Text, consumed: line.len }
}

/// `cache_memlimit <MiB> [noreply]`.
pub(super) fn cache_memlimit(line: CommandLine<'_>) -> Step<'_> {
    let args = Line::new(line.args);
    let noreply = args.noreply();
    match number::unsigned_32(args.token(0)) {
        Err(_) => Step::refused_unless(noreply, errors::ERROR, line.len),
        Ok(..MEMLIMIT_MIN_MEGABYTES) => Step::refused_unless(noreply, errors::MEMLIMIT_TOO_SMALL, line.len),
        Ok(megabytes) if megabytes > MEMLIMIT_MAX_MEGABYTES => {
            Step::refused_unless(noreply, errors::MEMLIMIT_IN_BYTES, line.len)
        }
        Ok(megabytes) => admin(Admin::CacheMemlimit { megabytes, noreply }, line),
    }
}

/// `slabs reassign <from> <to>`, `slabs automove <0|1|2> [noreply]`.
pub(super) fn slabs(line: CommandLine<'_>) -> Step<'_> {
    let args = Line::new(line.args);
    match (args.token(0), args.count()) {
        (b"reassign", 3) => match (class_or_any(args.token(1)), class_or_any(args.token(2))) {
            (Some(from), Some(to)) => admin(Admin::SlabsReassign { from, to }, line),
            _ => Step::refused(errors::BAD_COMMAND_LINE, line.len),
        },
        (b"automove", 2..) => {
            let noreply = args.noreply();
            match number::unsigned_32(args.token(1)) {
                Ok(mode @ 0..=2) => admin(Admin::SlabsAutomove { on: mode > 0, noreply }, line),
                Ok(_) => Step::refused_unless(noreply, errors::ERROR, line.len),
                Err(_) => Step::refused_unless(noreply, errors::BAD_COMMAND_LINE, line.len),
            }
        }
        _ => Step::refused(errors::ERROR, line.len),
    }
}

/// A class's number, as it is written: -1 stands for any.
fn class_or_any(token: &[u8]) -> Option<i32> {
    i32::try_from(number::signed(token).ok()?).ok()
}

/// `lru tune|mode|temp_ttl`. Eviction has no segments here: what asks for none is granted, what tunes them refused.
pub(super) fn lru(line: CommandLine<'_>) -> Step<'_> {
    let args = Line::new(line.args);
    let reply = match (args.token(0), args.count()) {
        (b"tune", 5..) => tune(&args),
        (b"mode", 2..) => match args.token(1) {
            b"flat" => errors::OK,
            b"segmented" => errors::NO_LRU_SEGMENTS,
            _ => errors::ERROR,
        },
        (b"temp_ttl", 2..) => match number::signed(args.token(1)).map(i32::try_from) {
            Ok(Ok(..0)) => errors::OK,
            Ok(Ok(_)) => errors::NO_TEMP_LRU,
            _ => errors::ERROR,
        },
        _ => errors::ERROR,
    };
    Step::refused(reply, line.len)
}

/// The answer to `lru tune <hot percent> <warm percent> <hot age factor> <warm age factor>`.
fn tune(args: &Line<'_>) -> &'static [u8] {
    let percent = |index| number::unsigned_32(args.token(index)).ok();
    let factor = |index| std::str::from_utf8(args.token(index)).ok()?.parse::<f64>().ok();
    let (Some(hot), Some(warm), Some(hot_age), Some(warm_age)) = (percent(1), percent(2), factor(3), factor(4)) else {
        return errors::ERROR;
    };
    if hot.saturating_add(warm) > HOT_AND_WARM_PERCENT_MAX {
        errors::LRU_PERCENTS_TOO_HIGH
    } else if hot_age <= 0.0 || warm_age <= 0.0 {
        errors::LRU_FACTORS_TOO_LOW
    } else {
        errors::NO_LRU_SEGMENTS
    }
}

/// `lru_crawler enable|disable|sleep|tocrawl|crawl|metadump|mgdump`.
pub(super) fn lru_crawler(line: CommandLine<'_>) -> Step<'_> {
    let args = Line::new(line.args);
    let crawler = |command| admin(Admin::Crawler(command), line);
    match (args.token(0), args.count()) {
        (b"enable", 1) => crawler(CrawlerCommand::Enable(true)),
        (b"disable", 1) => crawler(CrawlerCommand::Enable(false)),
        (b"crawl", 2) => crawler(CrawlerCommand::Crawl(Classes::new(args.token(1)))),
        (b"metadump", 2) => admin(Admin::Dump(DumpKind::Meta, Classes::new(args.token(1))), line),
        (b"mgdump", 2) => admin(Admin::Dump(DumpKind::Mg, Classes::new(args.token(1))), line),
        (b"sleep", 2) => match number::unsigned_32(args.token(1)) {
            Ok(us @ ..=CRAWLER_SLEEP_US_MAX) => crawler(CrawlerCommand::SleepUs(us)),
            Ok(_) => Step::refused(errors::CRAWLER_SLEEP_TOO_LONG, line.len),
            Err(_) => Step::refused(errors::BAD_COMMAND_LINE, line.len),
        },
        (b"tocrawl", 2) => match number::unsigned_32(args.token(1)) {
            Ok(items) => crawler(CrawlerCommand::ToCrawl(items)),
            Err(_) => Step::refused(errors::BAD_COMMAND_LINE, line.len),
        },
        _ => Step::refused(errors::ERROR, line.len),
    }
}

/// `watch [fetchers|mutations|evictions|connevents|deletions]*`.
pub(super) fn watch(line: CommandLine<'_>) -> Step<'_> {
    let mut streams = Streams::default();
    let mut unserved = false;
    for token in tokens(line.args) {
        match token {
            b"fetchers" => streams |= Streams::FETCHERS,
            b"mutations" => streams |= Streams::MUTATIONS,
            b"evictions" => streams |= Streams::EVICTIONS,
            b"connevents" => streams |= Streams::CONNEVENTS,
            b"deletions" => streams |= Streams::DELETIONS,
            b"rawcmds" | b"sysevents" | b"proxyreqs" | b"proxyevents" | b"proxyuser" => unserved = true,
            _ => return Step::refused(errors::ERROR, line.len),
        }
    }
    if unserved {
        return Step::refused(errors::NO_SUCH_STREAM, line.len);
    }
    if streams.is_empty() {
        streams = Streams::FETCHERS;
    }
    admin(Admin::Watch(streams), line)
}

/// `shutdown [graceful]`.
pub(super) fn shutdown(line: CommandLine<'_>) -> Step<'_> {
    let args = Line::new(line.args);
    let is_known = match args.count() {
        0 => true,
        1 => args.token(0) == b"graceful",
        _ => false,
    };
    admin(Admin::Shutdown { is_known }, line)
}
