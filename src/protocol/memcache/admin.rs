//! Commands that concern the whole server, not one key.

use std::ops::{BitOr, BitOrAssign};

use crate::command::{Exptime, StatsAnswer};
use crate::protocol::memcache::binary;
use crate::protocol::memcache::encode_stats::stats_text;
use crate::protocol::memcache::errors;
use crate::protocol::memcache::number;

/// In which words a command to the whole server wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminForm {
    /// Lines of text.
    Text,
    /// Packets of the binary protocol.
    Binary {
        /// The request's.
        opcode: u8,
        /// The request's, to be sent back.
        opaque: u32,
    },
}

/// A command that no shard can answer alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin<'a> {
    /// Make everything stored so far invisible, now or later. Answer `OK`.
    FlushAll {
        /// When. Zero or negative is now.
        delay: Exptime,
        /// Answer nothing.
        noreply: bool,
    },
    /// Answer `VERSION` and the version.
    Version,
    /// Set the log level. Answer `OK`.
    Verbosity {
        /// As given; above memcached's highest it means the highest.
        level: u32,
        /// Answer nothing.
        noreply: bool,
    },
    /// Answer statistics.
    Stats {
        /// What stands behind `stats`, without spaces around it; empty for the general statistics.
        args: &'a [u8],
    },
    /// Meta no-op: answer `MN`, once everything before it is answered.
    MetaNoop,
    /// Answer what is before it, then close.
    Quit,
    /// Set the memory limit of the whole server. Answer `OK`.
    CacheMemlimit {
        /// In MiB; 8 to 10^9.
        megabytes: u32,
        /// Answer nothing.
        noreply: bool,
    },
    /// Move a page from one slab class to another. Answer `OK`.
    SlabsReassign {
        /// As given; -1 means any.
        from: i32,
        /// As given.
        to: i32,
    },
    /// Whether pages move between slab classes by themselves. Answer `OK`.
    SlabsAutomove {
        /// memcached's modes 1 and 2 are one here.
        on: bool,
        /// Answer nothing.
        noreply: bool,
    },
    /// To what looks for expired items. Answer `OK`.
    Crawler(CrawlerCommand<'a>),
    /// List the items of these classes: `OK`, a line for each, an end line.
    Dump(DumpKind, Classes<'a>),
    /// Make the connection a stream of events. Answer `OK`, then lines.
    Watch(Streams),
    /// Stop the server.
    Shutdown {
        /// The mode asked for is one of memcached's.
        is_known: bool,
    },
}

/// What the crawler is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrawlerCommand<'a> {
    /// Switch it on or off.
    Enable(bool),
    /// How long it pauses between steps, in microseconds; at most a second.
    SleepUs(u32),
    /// How many items it looks at in one pass; 0 is all.
    ToCrawl(u32),
    /// Begin a pass.
    Crawl(Classes<'a>),
}

/// In which words a dump lists an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpKind {
    /// `lru_crawler metadump`: `key=... exp=... la=...`.
    Meta,
    /// `lru_crawler mgdump`: an `mg` command.
    Mg,
}

/// The slab classes that a command names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classes<'a> {
    /// `all`.
    All,
    /// `hash`: all, in no order of classes.
    Hash,
    /// Numbers with commas between them.
    Listed(&'a [u8]),
}

impl<'a> Classes<'a> {
    pub(super) fn new(token: &'a [u8]) -> Classes<'a> {
        match token {
            b"all" => Classes::All,
            b"hash" => Classes::Hash,
            listed => Classes::Listed(listed),
        }
    }

    /// The numbers listed; `None` for one that is no number.
    pub fn listed(&self) -> impl Iterator<Item = Option<u32>> + use<'a> {
        let listed: &'a [u8] = match *self {
            Classes::Listed(listed) => listed,
            Classes::All | Classes::Hash => b"",
        };
        listed.split(|&byte| byte == b',').filter(|id| !id.is_empty()).map(|id| number::unsigned_32(id).ok())
    }
}

/// The streams of events that a connection may watch, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams(u8);

impl Streams {
    /// Reads of items.
    pub const FETCHERS: Streams = Streams(1);
    /// Writes of items.
    pub const MUTATIONS: Streams = Streams(1 << 1);
    /// Items that made room.
    pub const EVICTIONS: Streams = Streams(1 << 2);
    /// Connections that come and go.
    pub const CONNEVENTS: Streams = Streams(1 << 3);
    /// Items deleted by command.
    pub const DELETIONS: Streams = Streams(1 << 4);

    /// Whether it holds one of `other`'s.
    pub const fn intersects(self, other: Streams) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether it holds none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Streams {
    type Output = Streams;

    fn bitor(self, other: Streams) -> Streams {
        Streams(self.0 | other.0)
    }
}

impl BitOrAssign for Streams {
    fn bitor_assign(&mut self, other: Streams) {
        *self = *self | other;
    }
}

/// The answer to a command that both protocols have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminReply<'a> {
    /// Carried out.
    Done,
    /// Everything before it is answered.
    Noop,
    /// The connection is about to close.
    Closing,
    /// The version, without words around it.
    Version(&'a [u8]),
    /// Statistics.
    Stats(&'a StatsAnswer),
    /// `flush_all` is switched off.
    FlushNotAllowed,
}

impl AdminReply<'_> {
    /// Appends the answer to `out`.
    pub fn encode(&self, form: AdminForm, out: &mut Vec<u8>) {
        match form {
            AdminForm::Text => self.encode_text(out),
            AdminForm::Binary { opcode, opaque } => binary::encode_admin(opcode, opaque, self, out),
        }
    }

    fn encode_text(&self, out: &mut Vec<u8>) {
        let line = match self {
            AdminReply::Done => errors::OK,
            AdminReply::Noop => errors::META_NOOP,
            AdminReply::Closing => b"",
            AdminReply::Version(version) => {
                out.extend_from_slice(b"VERSION ");
                out.extend_from_slice(version);
                b"\r\n"
            }
            AdminReply::Stats(answer) => return stats_text(answer, out),
            AdminReply::FlushNotAllowed => errors::FLUSH_NOT_ALLOWED,
        };
        out.extend_from_slice(line);
    }
}
