//! `lru_crawler metadump` and `mgdump`: listing the items of every shard without stopping one.
//!
//! ```text
//!   OK   items of shard 0, piece by piece   items of shard 1 ...   END
//! ```
//!
//! A dump is a place in its connection's reply queue, so what is pipelined behind it waits in order. Its pieces are
//! written as the output empties: of the own shard one per turn, of another by an errand that brings the lines and
//! where to go on, one under way at a time. Who reads slowly is asked for slowly, and nobody else notices.

use std::sync::atomic::Ordering;

use super::connection::Connection;
use super::control::Local;
use super::dispatch::{Dispatch, block_on_output, touch};
use super::limits::{DUMPS_MAX, OUTPUT_HIGH_BYTES};
use super::shared::Shared;
use super::ticket::{Ticket, WorkerRouter};
use crate::clock::{Deadline, Now};
use crate::protocol::memcache::{Classes, DumpKind, DumpedItem, dump_end, dump_line, errors};
use crate::router::{ClassSet, Errand, Listing, Walk, WalkedItem};

/// One dump.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dump {
    kind: DumpKind,
    /// The shard that is being listed.
    shard: usize,
    listing: Listing,
    /// A piece is on its way from that shard.
    asked: bool,
    begun: bool,
}

/// What came of an attempt to go on with a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It waits for room in the output, or for another shard.
    Waiting,
    /// It can go on in the next turn.
    GoesOn,
    /// The mesh has no room to ask for the next piece.
    Full,
    /// All is written.
    Over,
}

/// The dumps of one shard's connections, by number. At most [`DUMPS_MAX`] over all shards.
#[derive(Default)]
pub(super) struct Dumps(Vec<Option<Dump>>);

impl Dumps {
    fn insert(&mut self, dump: Dump) -> u32 {
        let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        if free == self.0.len() {
            self.0.push(None);
        }
        self.0[free] = Some(dump);
        free as u32
    }

    fn at(&mut self, id: u32) -> Option<&mut Dump> {
        self.0.get_mut(id as usize)?.as_mut()
    }

    /// A dump is over.
    pub(super) fn remove(&mut self, id: u32, shared: &Shared) {
        if self.0.get_mut(id as usize).is_some_and(|place| place.take().is_some()) {
            shared.dumps.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Writes what can be written now of a dump whose reply is the next.
    pub(super) fn go_on(
        &mut self,
        id: u32,
        number: u32,
        connection: &mut Connection,
        router: &mut WorkerRouter,
        now: Now,
    ) -> Progress {
        let Some(dump) = self.at(id) else { return Progress::Over };
        if !std::mem::replace(&mut dump.begun, true) {
            connection.out.extend_from_slice(errors::OK);
        }
        if dump.shard == router.shards() {
            connection.out.extend_from_slice(dump_end(dump.kind));
            return Progress::Over;
        }
        if dump.asked || connection.out.len() >= OUTPUT_HIGH_BYTES {
            return Progress::Waiting;
        }
        if dump.shard != router.own() {
            let ticket = Ticket::Dump { connection: number, generation: connection.generation };
            dump.asked = router.forward(dump.shard, ticket, &Errand::List(dump.listing)).is_ok();
            return if dump.asked { Progress::Waiting } else { Progress::Full };
        }
        let more = router.list::<Local<'_>>(&mut dump.listing, now, &mut connection.out);
        dump.move_on(more);
        Progress::GoesOn
    }

    /// Another shard's piece has been written; it came with where to go on.
    fn piece_came(&mut self, id: u32, walk: Walk, more: bool) {
        if let Some(dump) = self.at(id) {
            dump.asked = false;
            dump.listing.walk = walk;
            dump.move_on(more);
        }
    }
}

impl Dump {
    fn move_on(&mut self, more: bool) {
        if !more {
            self.shard += 1;
            self.listing.walk = Walk::default();
        }
    }
}

impl Dispatch {
    /// Begins a dump, in its place among the connection's replies.
    pub(super) fn begin_dump(&mut self, number: u32, kind: DumpKind, classes: Classes<'_>) {
        if !self.router.crawler_is_enabled() {
            return self.reply(number, errors::CRAWLER_DISABLED);
        }
        if !self.rules.dumping_enabled {
            return self.reply(
                number,
                match kind {
                    DumpKind::Meta => errors::METADUMP_DISABLED,
                    DumpKind::Mg => errors::MGDUMP_DISABLED,
                },
            );
        }
        let Some(classes) = class_set(classes, self.router.classes()) else {
            return self.reply(number, errors::CRAWLER_BAD_CLASS);
        };
        if self.shared.dumps.fetch_add(1, Ordering::Relaxed) >= DUMPS_MAX {
            self.shared.dumps.fetch_sub(1, Ordering::Relaxed);
            return self.reply(number, errors::CRAWLER_BUSY);
        }
        let listing = Listing { walk: Walk::default(), classes, style: style(kind) };
        let id = self.dumps.insert(Dump { kind, shard: 0, listing, asked: false, begun: false });
        let connection = self.connections.at(number);
        connection.queue.get_or_insert_default().push_dump(id);
        block_on_output(connection, &self.pool);
        touch(connection, &mut self.touched, number);
    }

    /// A piece of another shard's items has come.
    pub(super) fn take_dump_piece(&mut self, number: u32, generation: u32, lines: &[u8], walk: Walk, more: bool) {
        let Dispatch { connections, dumps, pool, touched, .. } = self;
        if let Some(connection) = connections.find(number, generation)
            && let Some(id) = connection.queue.as_ref().and_then(|queue| queue.front_dump())
        {
            super::dispatch::output(connection, pool).extend_from_slice(lines);
            dumps.piece_came(id, walk, more);
            touch(connection, touched, number);
        }
    }
}

/// The set that a command names; `None` if there is no such class.
pub(super) fn class_set(classes: Classes<'_>, classes_known: u32) -> Option<ClassSet> {
    let Classes::Listed(_) = classes else { return Some(ClassSet::ALL) };
    let mut set = ClassSet::default();
    for id in classes.listed() {
        let id = id.filter(|id| (1..=classes_known).contains(id))?;
        set.insert(id);
    }
    Some(set)
}

fn style(kind: DumpKind) -> u8 {
    match kind {
        DumpKind::Meta => 0,
        DumpKind::Mg => 1,
    }
}

/// Writes an item in the words of a listing.
pub(super) fn write_item(style: u8, item: &WalkedItem<'_>, now: Now, out: &mut Vec<u8>) {
    let kind = if style == self::style(DumpKind::Mg) { DumpKind::Mg } else { DumpKind::Meta };
    let unix = |second: u32| now.epoch_unix + i64::from(second);
    let dumped = DumpedItem {
        key: item.key,
        binary_key: item.binary_key,
        expires_unix: (item.deadline != Deadline::NEVER).then(|| unix(item.deadline.raw())),
        accessed_unix: unix(item.accessed.0),
        // 0 is no item's number: nobody was told one.
        cas: item.cas.unwrap_or(0),
        fetched: item.was_fetched,
        class: item.class,
        size_bytes: item.size_bytes,
        flags: item.flags,
    };
    dump_line(kind, &dumped, out);
}
