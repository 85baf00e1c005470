//! One shard's view of the whole cache.

use std::sync::Arc;

use super::batch::{Batch, Errand, Host, ReplyWriter, Stamp, carry_out, list};
use super::doorbell::Doorbell;
use super::mesh::{Full, Mesh};
use crate::clock::Now;
use crate::command::{KindCounts, Reply, Request, UploadId};
use crate::shard::{
    Hints, Lent, Listing, OWNER_HASH_BITS, Order, Outcome, PlainRead, PlainWrite, Shard, ShardStats, Traffic,
};

/// Batches of other shards that are run in one turn, so that one's own connections get theirs.
const BATCHES_SERVED_PER_TURN: usize = 32;

/// The lowest bit of a hash that picks the owner.
pub const OWNER_SHIFT: u32 = OWNER_HASH_BITS.start;
/// How many bits do.
pub const OWNER_BITS: u32 = 22;

const _: () = assert!(OWNER_SHIFT + OWNER_BITS <= OWNER_HASH_BITS.end);

/// The shard that owns a key: 22 bits of its hash, disjoint from those that pick bucket, tag and directory
/// entry within the shard, scaled to the number of shards.
#[inline]
pub const fn owner_of(hash: u64, shards: usize) -> usize {
    (((hash >> OWNER_SHIFT) & ((1 << OWNER_BITS) - 1)) as usize * shards) >> OWNER_BITS
}

/// A shard and its way to the others. `T` is what a sender attaches to what it forwards.
pub struct Router<T> {
    shard: Shard,
    mesh: Mesh<T>,
    /// What other shards ask, in the order in which it will be run, and of whom each batch is.
    taken: Vec<(usize, Box<Batch<T>>)>,
    /// Requests run for other shards since they were last asked for.
    served: KindCounts,
}

impl<T: Copy> Router<T> {
    /// A router over its own shard and its ends of the mesh.
    pub fn new(shard: Shard, mesh: Mesh<T>) -> Self {
        Router { shard, mesh, taken: Vec::new(), served: KindCounts::default() }
    }

    /// The own shard's number.
    pub fn own(&self) -> usize {
        self.mesh.own()
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.mesh.shards()
    }

    /// The owner of a key.
    #[inline]
    pub fn owner(&self, hash: u64) -> usize {
        owner_of(hash, self.mesh.shards())
    }

    /// Starts to fetch a local key's bucket into the cache.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.shard.prefetch_bucket(hash);
    }

    /// Starts to fetch local keys' items, for a group whose buckets were prefetched.
    #[inline]
    pub fn prefetch_items(&self, hashes: impl Iterator<Item = Option<u64>>, hints: &mut Hints) {
        self.shard.prefetch_items(hashes, hints);
    }

    /// Executes a plain read of a key of the own shard, if it is of the plainest kind; see [`Shard::read_plain`].
    #[inline(always)]
    pub fn read_plain(&mut self, hash: u64, key: &[u8], hints: &Hints, at: usize, now: Now) -> PlainRead<'_> {
        self.shard.read_plain(hash, key, hints, at, now)
    }

    /// Executes a plain write of a key of the own shard, if it is of the plainest kind; see [`Shard::write_plain`].
    #[inline(always)]
    pub fn write_plain(
        &mut self,
        hash: u64,
        key: &[u8],
        write: PlainWrite<'_>,
        hints: &Hints,
        at: usize,
        now: Now,
    ) -> bool {
        self.shard.write_plain(hash, key, write, hints, at, now)
    }

    /// Executes a request for a key of the own shard.
    #[inline]
    pub fn execute(&mut self, request: &Request<'_>, now: Now) -> Reply<'_> {
        self.shard.execute(request, now)
    }

    /// Sends an errand to another shard, to go out with the next [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`Full`] when too much is under way to that shard.
    #[inline]
    pub fn forward(&mut self, owner: usize, ticket: T, errand: &Errand<'_>) -> Result<(), Full> {
        self.mesh.send(owner, ticket, errand)?;
        self.shard.traffic_mut().forwarded_out += 1;
        Ok(())
    }

    /// Takes batches that other shards have sent, and starts to fetch what they are about into the cache. They are run
    /// by the next [`serve`](Self::serve), best after some other work.
    pub fn take_requests(&mut self) {
        while self.taken.len() < BATCHES_SERVED_PER_TURN {
            let Some((home, batch)) = self.mesh.take_request() else { break };
            batch.prefetch(&self.shard);
            self.taken.push((home, batch));
        }
    }

    /// Whether there are batches to [`serve`](Self::serve).
    pub fn has_taken(&self) -> bool {
        !self.taken.is_empty()
    }

    /// Runs the batches that were taken. `W` writes the replies. Returns whether there were any.
    pub fn serve<W: ReplyWriter<T>>(&mut self, host: &mut impl Host, now: Now) -> bool {
        let served = !self.taken.is_empty();
        for (home, mut batch) in self.taken.drain(..) {
            batch.run::<_, W>(&mut self.shard, host, now);
            self.served.merge(batch.kinds());
            let traffic = self.shard.traffic_mut();
            traffic.batches_in += 1;
            traffic.forwarded_in += batch.len() as u64;
            traffic.requests += u64::from(batch.kinds().total());
            self.mesh.answer(home, batch);
        }
        served
    }

    /// The requests that [`serve`](Self::serve) has run since this was last asked.
    pub fn take_served(&mut self) -> KindCounts {
        std::mem::take(&mut self.served)
    }

    /// Stamps what is forwarded in new batches from now on.
    pub fn set_stamp(&mut self, stamp: Stamp) {
        self.mesh.set_stamp(stamp);
    }

    /// Sends off what was forwarded and answered, and wakes those it is for.
    pub fn publish(&mut self) {
        self.mesh.publish();
    }

    /// The next batch that has come back; to be given to [`reuse`](Self::reuse) when read.
    pub fn take_reply(&mut self) -> Option<(usize, Box<Batch<T>>)> {
        let reply = self.mesh.take_reply()?;
        self.shard.traffic_mut().batches_out += 1;
        Some(reply)
    }

    /// Keeps a batch that was read.
    pub fn reuse(&mut self, owner: usize, batch: Box<Batch<T>>) {
        self.mesh.reuse(owner, batch);
    }

    /// Whether anything came from other shards.
    pub fn has_arrivals(&self) -> bool {
        self.mesh.has_arrivals()
    }

    /// Whether every other shard can be sent one more errand.
    pub fn has_room_everywhere(&self) -> bool {
        self.mesh.has_room_everywhere()
    }

    /// Batches that are with other shards.
    pub fn under_way(&self) -> usize {
        self.mesh.under_way()
    }

    /// Gives back what the way to the others did not need lately. To be called about once a second.
    pub fn trim(&mut self) {
        self.mesh.trim();
    }

    /// Bytes of memory of the way to the others.
    pub fn mesh_bytes(&self) -> usize {
        self.mesh.memory_bytes()
    }

    /// The own bell.
    pub fn bell(&self) -> &Arc<Doorbell> {
        self.mesh.bell()
    }

    /// Counts what its connections do.
    #[inline]
    pub fn traffic_mut(&mut self) -> &mut Traffic {
        self.shard.traffic_mut()
    }

    /// Wakes another shard, if it sleeps, for something that it was given beside the mesh.
    pub fn wake(&self, shard: usize) {
        self.mesh.wake(shard);
    }

    /// Bounded housekeeping. Returns whether more of it waits.
    pub fn maintain(&mut self, now: Now) -> bool {
        self.shard.maintain(now)
    }

    /// Sees to the dictionaries of the own shard, about once a second.
    pub fn exchange_dictionaries(&mut self) {
        self.shard.exchange_dictionaries();
    }

    /// Carries out an order on the own shard or its host.
    pub fn carry_out(&mut self, order: Order, host: &mut impl Host, now: Now) -> Outcome {
        // Every shard flushes, the one that was asked counts.
        if matches!(order, Order::FlushAll(_)) {
            self.shard.count_flush();
        }
        carry_out(order, &mut self.shard, host, now)
    }

    /// Writes the next piece of a listing of the own shard. Returns whether there is more.
    pub fn list<H: Host>(&mut self, listing: &mut Listing, now: Now, out: &mut Vec<u8>) -> bool {
        list::<H>(listing, &mut self.shard, now, out)
    }

    /// Whether the crawler is on.
    pub fn crawler_is_enabled(&self) -> bool {
        self.shard.crawler_is_enabled()
    }

    /// The own shard, to ask what it has observed.
    pub fn shard_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }

    /// How many slab classes a shard has; they are numbered from 1.
    pub fn classes(&self) -> u32 {
        self.shard.classes()
    }

    /// The own shard's counters.
    pub fn stats(&self) -> ShardStats {
        self.shard.stats()
    }

    /// Begins to receive a LARGE value for a local key.
    pub fn upload_begin(&mut self, id: UploadId, len: u64) {
        self.shard.upload_begin(id, len);
    }

    /// The next bytes of a LARGE value.
    pub fn upload_write(&mut self, id: UploadId, bytes: &[u8], now: Now) {
        self.shard.upload_write(id, bytes, now);
    }

    /// Where the next bytes of a LARGE value for a local key belong; empty where they are not kept.
    pub fn upload_room(&mut self, id: UploadId, now: Now) -> &mut [u8] {
        self.shard.upload_room(id, now)
    }

    /// So many bytes of a LARGE value were put where they belong.
    pub fn upload_advance(&mut self, id: UploadId, len: usize) {
        self.shard.upload_advance(id, len);
    }

    /// Gives up a LARGE value that is being received.
    pub fn upload_abort(&mut self, id: UploadId) {
        self.shard.upload_abort(id);
    }

    /// The contiguous bytes of a pinned local value from `offset` on; empty at its end, and where it is damaged.
    pub fn pinned_read(&mut self, pin: u32, offset: u64) -> &[u8] {
        self.shard.pinned_read(pin, offset)
    }

    /// Whether a pinned local value's bytes can be given away by reference.
    pub fn lends(&self, pin: u32) -> bool {
        self.shard.lends(pin)
    }

    /// What [`pinned_read`](Self::pinned_read) shows, by reference; `None` where it cannot be.
    pub fn lend(&mut self, pin: u32, offset: u64) -> Option<Lent> {
        self.shard.lend(pin, offset)
    }

    /// Ends what [`lend`](Self::lend) began.
    pub fn take_back(&mut self, lent: Lent) {
        self.shard.take_back(lent);
    }

    /// Lets a pinned local value go.
    pub fn unpin(&mut self, pin: u32) {
        self.shard.unpin(pin);
    }
}
