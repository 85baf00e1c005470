//! The lines that a watcher reads, in the form of memcached's `logger.c`.
//!
//! ```text
//!   ts=<unix seconds>.<six digits> gid=<n> type=<event> <name>=<value> ...
//! ```

use std::fmt::{self, Write};
use std::time::Duration;

use crate::protocol::memcache::admin::Streams;
use crate::protocol::memcache::dump::encode_key_as_uri;

/// When an event was told, and its place among all events.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Since 1970.
    pub unix: Duration,
    /// Rises by at least one with each event of the process.
    pub gid: u64,
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An item was looked for.
    Get {
        /// What was found.
        status: &'static str,
        /// Which and where.
        item: EventItem<'a>,
    },
    /// An item was to be stored.
    Store {
        /// What came of it.
        status: &'static str,
        /// The verb.
        command: &'static str,
        /// Seconds until it expires; 0 for never.
        ttl_seconds: u32,
        /// Which and where.
        item: EventItem<'a>,
    },
    /// An item made room for another.
    Eviction {
        /// Whether it was ever read.
        fetched: bool,
        /// Seconds that were left; -1 for no end.
        ttl_seconds: i64,
        /// Seconds since it was last accessed.
        idle_seconds: u32,
        /// Which and where.
        item: EventItem<'a>,
    },
    /// An item was deleted by a command.
    Deleted {
        /// The verb.
        command: &'static str,
        /// Which and where.
        item: EventItem<'a>,
    },
    /// A connection came.
    ConnNew(Peer<'a>),
    /// A connection went.
    ConnClose {
        /// Whose.
        peer: Peer<'a>,
        /// Why.
        reason: &'static str,
    },
}

/// The item of an event.
#[derive(Clone, Copy, Debug)]
pub struct EventItem<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its slab class; 0 where there is no item.
    pub class: u32,
    /// The descriptor of the connection; 0 where it is that of another shard.
    pub fd: i32,
    /// Length of the value in bytes.
    pub value_len: u64,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// Its address; `unix` for a socket in the file system.
    pub address: &'a str,
    /// Its port.
    pub port: u16,
    /// `tcp` or `local`.
    pub transport: &'static str,
    /// The descriptor.
    pub fd: i32,
}

impl Event<'_> {
    /// The stream that it belongs to.
    pub const fn stream(&self) -> Streams {
        match self {
            Event::Get { .. } => Streams::FETCHERS,
            Event::Store { .. } => Streams::MUTATIONS,
            Event::Eviction { .. } => Streams::EVICTIONS,
            Event::Deleted { .. } => Streams::DELETIONS,
            Event::ConnNew(_) | Event::ConnClose { .. } => Streams::CONNEVENTS,
        }
    }
}

/// Appends an event's line.
pub fn event_line(stamp: Stamp, event: &Event<'_>, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write_line(stamp, event, &mut Text(out));
}

/// Appends what a watcher is told that was too slow for this many lines.
pub fn skipped_line(lines: u64, out: &mut Vec<u8>) {
    let _ = writeln!(Text(out), "skipped={lines}");
}

fn write_line(stamp: Stamp, event: &Event<'_>, out: &mut Text<'_>) -> fmt::Result {
    write!(out, "ts={}.{:06} gid={}", stamp.unix.as_secs(), stamp.unix.subsec_micros(), stamp.gid)?;
    match *event {
        Event::Get { status, item } => {
            let EventItem { class, fd, value_len, .. } = item;
            write_key(" type=item_get", item.key, out)?;
            writeln!(out, " status={status} clsid={class} cfd={fd} size={value_len}")
        }
        Event::Store { status, command, ttl_seconds, item } => {
            let EventItem { class, fd, value_len, .. } = item;
            write_key(" type=item_store", item.key, out)?;
            write!(out, " status={status} cmd={command} ttl={ttl_seconds}")?;
            writeln!(out, " clsid={class} cfd={fd} size={value_len}")
        }
        Event::Eviction { fetched, ttl_seconds, idle_seconds, item } => {
            let fetch = if fetched { "yes" } else { "no" };
            write_key(" type=eviction", item.key, out)?;
            write!(out, " fetch={fetch} ttl={ttl_seconds} la={idle_seconds}")?;
            writeln!(out, " clsid={} size={}", item.class, item.value_len)
        }
        Event::Deleted { command, item } => {
            write_key(" type=deleted", item.key, out)?;
            writeln!(out, " cmd={command} clsid={} size={}", item.class, item.value_len)
        }
        Event::ConnNew(peer) => {
            let Peer { address, port, transport, fd } = peer;
            writeln!(out, " type=conn_new rip={address} rport={port} transport={transport} cfd={fd}")
        }
        Event::ConnClose { peer, reason } => {
            let Peer { address, port, transport, fd } = peer;
            write!(out, " type=conn_close rip={address} rport={port} transport={transport}")?;
            writeln!(out, " reason={reason} cfd={fd}")
        }
    }
}

fn write_key(kind: &str, key: &[u8], out: &mut Text<'_>) -> fmt::Result {
    write!(out, "{kind} key=")?;
    encode_key_as_uri(key, out.0);
    Ok(())
}

/// Bytes that text is written to.
struct Text<'o>(&'o mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_memcached_writes_them() {
        let stamp = Stamp { unix: Duration::new(1_795_176_666, 8_287_000), gid: 4 };
        let line = |event: Event<'_>| {
            let mut out = Vec::new();
            event_line(stamp, &event, &mut out);
            let text = String::from_utf8(out).expect("text");
            let rest = text.strip_prefix("ts=1795176666.008287 gid=4 ").expect("the stamp");
            rest.strip_suffix('\n').expect("a line").to_owned()
        };
        let item = EventItem { key: b"a b", class: 1, fd: 23, value_len: 2 };
        let peer = Peer { address: "127.0.0.1", port: 59764, transport: "tcp", fd: 23 };
        assert_eq!(
            line(Event::Get { status: "found", item }),
            "type=item_get key=a%20b status=found clsid=1 cfd=23 size=2"
        );
        assert_eq!(
            line(Event::Store { status: "stored", command: "set", ttl_seconds: 10, item }),
            "type=item_store key=a%20b status=stored cmd=set ttl=10 clsid=1 cfd=23 size=2"
        );
        assert_eq!(
            line(Event::Eviction { fetched: true, ttl_seconds: -1, idle_seconds: 7, item }),
            "type=eviction key=a%20b fetch=yes ttl=-1 la=7 clsid=1 size=2"
        );
        assert_eq!(
            line(Event::Deleted { command: "delete", item }),
            "type=deleted key=a%20b cmd=delete clsid=1 size=2"
        );
        assert_eq!(line(Event::ConnNew(peer)), "type=conn_new rip=127.0.0.1 rport=59764 transport=tcp cfd=23");
        assert_eq!(
            line(Event::ConnClose { peer, reason: "normal" }),
            "type=conn_close rip=127.0.0.1 rport=59764 transport=tcp reason=normal cfd=23"
        );
    }
}
