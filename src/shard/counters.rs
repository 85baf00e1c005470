//! What a shard counts. Plain numbers of one core; merging is addition.

use super::report::Upkeep;
use crate::storage::{ClassCommands, CompressionStats};

/// Counts of executed requests, under memcached's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are memcached's; its protocol document describes them.
pub struct Counters {
    pub cmd_get: u64,
    pub cmd_set: u64,
    pub cmd_flush: u64,
    pub cmd_touch: u64,
    pub cmd_meta: u64,
    pub get_hits: u64,
    pub get_misses: u64,
    pub delete_hits: u64,
    pub delete_misses: u64,
    pub incr_hits: u64,
    pub incr_misses: u64,
    pub decr_hits: u64,
    pub decr_misses: u64,
    pub cas_hits: u64,
    pub cas_misses: u64,
    pub cas_badval: u64,
    pub touch_hits: u64,
    pub touch_misses: u64,
    pub store_too_large: u64,
    pub store_no_memory: u64,
}

impl Counters {
    /// With the hits, which the store counts by slab class, and the sums that follow from hits and misses.
    pub(super) fn with_hits(self, commands: &ClassCommands) -> Self {
        Counters {
            cmd_get: commands.get_hits + self.get_misses,
            cmd_set: commands.cmd_set,
            cmd_touch: commands.touch_hits + self.touch_misses,
            get_hits: commands.get_hits,
            delete_hits: commands.delete_hits,
            incr_hits: commands.incr_hits,
            decr_hits: commands.decr_hits,
            cas_hits: commands.cas_hits,
            cas_badval: commands.cas_badval,
            touch_hits: commands.touch_hits,
            ..self
        }
    }
}

/// Counts of what a shard's connections do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that are open.
    pub curr_connections: u64,
    /// Connections accepted since the start.
    pub total_connections: u64,
    /// Connections refused because of the connection limit.
    pub rejected_connections: u64,
    /// Connections handed to a shard that had fewer.
    pub handed_connections: u64,
    /// Times that accepting failed, as a rule for lack of descriptors; the listener then rests for a tick.
    pub accept_failures: u64,
    /// Bytes received.
    pub bytes_read: u64,
    /// Bytes sent.
    pub bytes_written: u64,
    /// Times that a connection's turn ended before its input did.
    pub conn_yields: u64,
    /// Connections closed for their silence.
    pub idle_kicks: u64,
    /// Errands sent to other shards.
    pub forwarded_out: u64,
    /// Errands run for other shards.
    pub forwarded_in: u64,
    /// Requests run on keys of the shard, whoever received them.
    pub requests: u64,
    /// Groups in which the requests of its own connections were run.
    pub groups: u64,
    /// Requests run in them.
    pub grouped_requests: u64,
    /// Batches of errands that came back from other shards.
    pub batches_out: u64,
    /// Batches of errands run for other shards.
    pub batches_in: u64,
    /// Turns of the loop that found work.
    pub turns: u64,
    /// Times that the shard went to sleep.
    pub sleeps: u64,
    /// Connections that watch, now.
    pub log_watchers: u64,
    /// Events that were not kept for the watchers, for lack of room.
    pub log_worker_dropped: u64,
    /// Events that were.
    pub log_worker_written: u64,
    /// Lines that a watcher's buffer had no room for.
    pub log_watcher_skipped: u64,
    /// Lines that it had.
    pub log_watcher_sent: u64,
}

/// Everything that one shard reports, or several added up.
#[derive(Clone, Debug, Default)]
pub struct ShardStats {
    /// Requests.
    pub counters: Counters,
    /// Connections.
    pub traffic: Traffic,
    /// Items now.
    pub curr_items: u64,
    /// Items ever stored.
    pub total_items: u64,
    /// Bytes of the items: header, key and value.
    pub bytes: u64,
    /// Bytes of memory committed to pages, index and their bookkeeping.
    pub memory_bytes: u64,
    /// Bytes of the index alone.
    pub index_bytes: u64,
    /// The shard's share of the memory limit.
    pub limit_bytes: u64,
    /// Items thrown out to make room.
    pub evictions: u64,
    /// Of those, the ones that had never been read.
    pub evicted_unfetched: u64,
    /// Times that an expired item's memory was used again for a new one.
    pub reclaimed: u64,
    /// Reads that found an expired item.
    pub get_expired: u64,
    /// Expired items that had never been read.
    pub expired_unfetched: u64,
    /// Bytes held by expired items that are still there.
    pub expired_bytes: u64,
    /// Pages in the free pool.
    pub free_pages: u64,
    /// Bytes announced by LARGE values that are being received.
    pub uploads_bytes: u64,
    /// LARGE values held for replies on their way out.
    pub pins: u64,
    /// What compression of values does.
    pub compression: CompressionStats,
    /// What the store does by itself.
    pub upkeep: Upkeep,
}

macro_rules! add_fields {
    ($to:expr, $from:expr, $($field:ident)+) => { $( $to.$field += $from.$field; )+ };
}

impl ShardStats {
    /// Adds another shard's numbers.
    pub fn merge(&mut self, other: &ShardStats) {
        add_fields!(self.counters, other.counters,
            cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses delete_hits delete_misses
            incr_hits incr_misses decr_hits decr_misses cas_hits cas_misses cas_badval touch_hits touch_misses
            store_too_large store_no_memory);
        add_fields!(self.traffic, other.traffic,
            curr_connections total_connections rejected_connections handed_connections accept_failures bytes_read bytes_written conn_yields
            idle_kicks
            forwarded_out forwarded_in requests groups grouped_requests batches_out batches_in turns sleeps
            log_watchers log_worker_dropped log_worker_written log_watcher_skipped log_watcher_sent);
        self.upkeep.merge(&other.upkeep);
        self.compression.merge(&other.compression);
        add_fields!(self, other,
            curr_items total_items bytes memory_bytes index_bytes limit_bytes evictions evicted_unfetched
            reclaimed get_expired expired_unfetched expired_bytes free_pages uploads_bytes pins);
    }
}

impl Traffic {
    /// Sets to zero what `stats reset` sets to zero: everything but what is open now.
    pub fn reset(&mut self) {
        let Traffic { curr_connections, log_watchers, .. } = *self;
        *self = Traffic { curr_connections, log_watchers, ..Traffic::default() };
    }
}
