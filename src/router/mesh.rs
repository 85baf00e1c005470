//! The rings between shards.
//!
//! Every ordered pair of shards has one ring for batches that ask and one for the same batches coming back.
//! A shard has [`BATCHES_PER_PEER`] batches for each peer and both rings hold as many, so neither can ever be
//! full: the bound is on the batches, and who has none left waits for one to come back.

use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer};

use super::batch::{Batch, Errand, Stamp};
use super::doorbell::Doorbell;

/// Batches that one shard may have under way to one other. With
/// [`BATCH_ENTRIES_MAX`](super::BATCH_ENTRIES_MAX) errands each and a reply of at most
/// [`INLINE_VALUE_MAX`](crate::command::INLINE_VALUE_MAX) bytes for each, this bounds what a pair holds.
pub const BATCHES_PER_PEER: usize = 16;

/// No batch is left for this owner; try again when one has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

type Message<T> = Box<Batch<T>>;

/// One shard's ends of the rings.
pub struct Mesh<T> {
    own: usize,
    /// By shard; `None` at the own place.
    peers: Vec<Option<Peer<T>>>,
    bell: Arc<Doorbell>,
    /// Batches sent and not yet back, over all peers.
    under_way: usize,
    /// The peer that is looked at first for its next request.
    next_served: usize,
    /// What batches are stamped with when they are begun.
    stamp: Stamp,
}

struct Peer<T> {
    bell: Arc<Doorbell>,
    requests_out: Producer<Message<T>>,
    requests_in: Consumer<Message<T>>,
    replies_out: Producer<Message<T>>,
    replies_in: Consumer<Message<T>>,
    filling: Option<Message<T>>,
    free: Vec<Message<T>>,
    /// Batches that exist, here or under way; made when they are first needed.
    made: usize,
    /// The fewest that were free since the last [`Mesh::trim`].
    free_min: usize,
    /// Something was pushed since the bell was last rung.
    pushed: bool,
}

/// Makes the ends for all shards, one bell each.
pub fn mesh<T: Copy>(bells: &[Arc<Doorbell>]) -> Vec<Mesh<T>> {
    let n = bells.len();
    let mut ends: Vec<Vec<Option<Peer<T>>>> = (0..n).map(|_| (0..n).map(|_| None).collect()).collect();
    for a in 0..n {
        for b in a + 1..n {
            let (a_asks, b_hears) = RingBuffer::new(BATCHES_PER_PEER);
            let (b_answers, a_learns) = RingBuffer::new(BATCHES_PER_PEER);
            let (b_asks, a_hears) = RingBuffer::new(BATCHES_PER_PEER);
            let (a_answers, b_learns) = RingBuffer::new(BATCHES_PER_PEER);
            ends[a][b] = Some(Peer::new(bells[b].clone(), a_asks, a_hears, a_answers, a_learns));
            ends[b][a] = Some(Peer::new(bells[a].clone(), b_asks, b_hears, b_answers, b_learns));
        }
    }
    let mesh_of = |(own, peers)| Mesh {
        own,
        peers,
        bell: bells[own].clone(),
        under_way: 0,
        next_served: 0,
        stamp: Stamp::default(),
    };
    ends.into_iter().enumerate().map(mesh_of).collect()
}

impl<T> Peer<T> {
    fn new(
        bell: Arc<Doorbell>,
        requests_out: Producer<Message<T>>,
        requests_in: Consumer<Message<T>>,
        replies_out: Producer<Message<T>>,
        replies_in: Consumer<Message<T>>,
    ) -> Self {
        Peer {
            bell,
            requests_out,
            requests_in,
            replies_out,
            replies_in,
            filling: None,
            free: Vec::new(),
            made: 0,
            free_min: 0,
            pushed: false,
        }
    }

    /// An empty batch: the one used last, or a new one.
    fn take_free(&mut self) -> Option<Message<T>> {
        if let Some(batch) = self.free.pop() {
            self.free_min = self.free_min.min(self.free.len());
            return Some(batch);
        }
        (self.made < BATCHES_PER_PEER).then(|| {
            self.made += 1;
            Box::default()
        })
    }

    fn has_room(&self) -> bool {
        self.made < BATCHES_PER_PEER || !self.free.is_empty()
    }
}

impl<T: Copy> Mesh<T> {
    /// Number of shards, the own included.
    pub fn shards(&self) -> usize {
        self.peers.len()
    }

    /// The own place among them.
    pub fn own(&self) -> usize {
        self.own
    }

    /// The own bell.
    pub fn bell(&self) -> &Arc<Doorbell> {
        &self.bell
    }

    /// Stamps the batches that are begun from now on.
    pub fn set_stamp(&mut self, stamp: Stamp) {
        self.stamp = stamp;
    }

    /// Adds an errand to the batch that is being filled for `owner`.
    ///
    /// # Errors
    /// [`Full`] when all batches for that owner are under way.
    #[inline]
    pub fn send(&mut self, owner: usize, ticket: T, errand: &Errand<'_>) -> Result<(), Full> {
        let peer = self.peers[owner].as_mut().expect("a shard does not send to itself");
        if peer.filling.as_ref().is_some_and(|batch| batch.is_full()) {
            peer.push_filling();
            self.under_way += 1;
        }
        if peer.filling.is_none() {
            let mut batch = peer.take_free().ok_or(Full)?;
            batch.set_stamp(self.stamp);
            peer.filling = Some(batch);
        }
        peer.filling.as_mut().expect("just made").push(ticket, errand);
        Ok(())
    }

    /// Sends off what was filled and rings the bells of those that have something new.
    pub fn publish(&mut self) {
        for peer in self.peers.iter_mut().flatten() {
            if peer.filling.is_some() {
                peer.push_filling();
                self.under_way += 1;
            }
            if std::mem::take(&mut peer.pushed) {
                peer.bell.ring();
            }
        }
    }

    /// The next batch that another shard asks this one to run, and whose it is. The peers take turns, so that
    /// those who ask much do not keep the others waiting.
    pub fn take_request(&mut self) -> Option<(usize, Message<T>)> {
        let request = take(&mut self.peers, self.next_served, |peer| &mut peer.requests_in)?;
        self.next_served = request.0 + 1;
        Some(request)
    }

    /// Sends a batch back to its home.
    pub fn answer(&mut self, home: usize, batch: Message<T>) {
        let peer = self.peers[home].as_mut().expect("a batch comes from a peer");
        assert!(peer.replies_out.push(batch).is_ok(), "a ring holds all batches of its home");
        peer.pushed = true;
    }

    /// The next batch that has come back with its answers, and from whom.
    pub fn take_reply(&mut self) -> Option<(usize, Message<T>)> {
        let reply = take(&mut self.peers, 0, |peer| &mut peer.replies_in)?;
        self.under_way -= 1;
        Some(reply)
    }

    /// Keeps a batch, whose answers have been read, for the next errands.
    pub fn reuse(&mut self, owner: usize, mut batch: Message<T>) {
        batch.clear();
        self.peers[owner].as_mut().expect("a batch belongs to a peer").free.push(batch);
    }

    /// Whether a batch waits to be taken.
    pub fn has_arrivals(&self) -> bool {
        self.peers.iter().flatten().any(|peer| !peer.requests_in.is_empty() || !peer.replies_in.is_empty())
    }

    /// Whether every peer can be sent one more errand.
    pub fn has_room_everywhere(&self) -> bool {
        let has_room = |peer: &Peer<T>| peer.filling.as_ref().is_some_and(|batch| !batch.is_full()) || peer.has_room();
        self.peers.iter().flatten().all(has_room)
    }

    /// Frees the batches that nothing was sent in since the last time. To be called about once a second.
    pub fn trim(&mut self) {
        for peer in self.peers.iter_mut().flatten() {
            // Used first is what came back last, so the first ones have rested longest.
            let unused = peer.free_min.min(peer.free.len());
            peer.free.drain(..unused);
            peer.made -= unused;
            peer.free_min = peer.free.len();
        }
    }

    /// Bytes of the rings' own ends and of the batches that are at home; those under way are counted as large as the
    /// largest of them.
    pub fn memory_bytes(&self) -> usize {
        let peer_bytes = |peer: &Peer<T>| {
            let at_home = peer.free.iter().chain(&peer.filling).map(|batch| batch.memory_bytes());
            let under_way = peer.made - peer.free.len() - usize::from(peer.filling.is_some());
            let largest = at_home.clone().max().unwrap_or(size_of::<Batch<T>>());
            at_home.sum::<usize>() + under_way * largest + 2 * BATCHES_PER_PEER * size_of::<Message<T>>()
        };
        self.peers.capacity() * size_of::<Option<Peer<T>>>()
            + self.peers.iter().flatten().map(peer_bytes).sum::<usize>()
    }

    /// Wakes a peer, if it sleeps.
    pub fn wake(&self, shard: usize) {
        if let Some(Some(peer)) = self.peers.get(shard) {
            peer.bell.ring();
        }
    }

    /// Batches sent and not yet back.
    pub fn under_way(&self) -> usize {
        self.under_way
    }
}

impl<T> Peer<T> {
    fn push_filling(&mut self) {
        let batch = self.filling.take().expect("a batch is being filled");
        assert!(self.requests_out.push(batch).is_ok(), "a ring holds all batches of its home");
        self.pushed = true;
    }
}

/// The first message of the peers' rings, looked at in order from `first` on.
fn take<T>(
    peers: &mut [Option<Peer<T>>],
    first: usize,
    ring: impl Fn(&mut Peer<T>) -> &mut Consumer<Message<T>>,
) -> Option<(usize, Message<T>)> {
    let (before, from) = (0..first.min(peers.len()), first.min(peers.len())..peers.len());
    from.chain(before).find_map(|shard| Some((shard, ring(peers[shard].as_mut()?).pop().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::BATCH_ENTRIES_MAX;

    fn meshes(n: usize) -> Vec<Mesh<u32>> {
        let event = || std::fs::File::open("/dev/null").expect("a descriptor").into();
        let bells: Vec<_> = (0..n).map(|_| Arc::new(Doorbell::new(event()))).collect();
        mesh(&bells)
    }

    /// Passes everything that is under way back unanswered, and returns how many batches that were.
    fn bounce(from: &mut Mesh<u32>, over: &mut Mesh<u32>) -> usize {
        from.publish();
        let mut n = 0;
        while let Some((home, batch)) = over.take_request() {
            over.answer(home, batch);
            n += 1;
        }
        over.publish();
        while let Some((owner, batch)) = from.take_reply() {
            from.reuse(owner, batch);
        }
        n
    }

    #[test]
    fn is_full_at_its_bound_and_has_room_once_a_batch_is_back() {
        let mut ends = meshes(2);
        let (mut b, mut a) = (ends.pop().expect("two"), ends.pop().expect("two"));
        for round in 0..3 {
            for n in 0..BATCHES_PER_PEER * BATCH_ENTRIES_MAX {
                assert!(a.has_room_everywhere(), "round {round}, errand {n}");
                assert_eq!(a.send(1, n as u32, &Errand::Unpin(0)), Ok(()), "round {round}, errand {n}");
            }
            assert!(!a.has_room_everywhere());
            assert_eq!(a.send(1, 0, &Errand::Unpin(0)), Err(Full));
            assert_eq!(bounce(&mut a, &mut b), BATCHES_PER_PEER);
            assert_eq!(a.under_way(), 0);
            assert!(!a.has_arrivals() && !b.has_arrivals());
        }
    }

    /// All batches of all pairs were made at the start, and stayed as large as they had ever been.
    #[test]
    fn batches_are_made_when_needed_and_go_when_not() {
        let mut ends = meshes(2);
        let (mut b, mut a) = (ends.pop().expect("two"), ends.pop().expect("two"));
        let empty_bytes = a.memory_bytes();
        assert!(empty_bytes < 1024, "{empty_bytes} bytes");
        for n in 0..BATCHES_PER_PEER * BATCH_ENTRIES_MAX {
            a.send(1, n as u32, &Errand::Unpin(0)).expect("room");
        }
        assert_eq!(bounce(&mut a, &mut b), BATCHES_PER_PEER);
        let full_bytes = a.memory_bytes();
        assert!(full_bytes > BATCHES_PER_PEER * BATCH_ENTRIES_MAX * size_of::<u32>());
        a.trim();
        for _ in 0..10 {
            a.send(1, 0, &Errand::Unpin(0)).expect("room");
            assert_eq!(bounce(&mut a, &mut b), 1);
        }
        a.trim();
        assert!(a.memory_bytes() <= full_bytes / 8, "{} of {full_bytes} bytes", a.memory_bytes());
        a.trim();
        a.trim();
        assert_eq!(a.memory_bytes(), empty_bytes);
        for n in 0..BATCHES_PER_PEER * BATCH_ENTRIES_MAX {
            assert_eq!(a.send(1, n as u32, &Errand::Unpin(0)), Ok(()), "errand {n}");
        }
        assert_eq!(a.send(1, 0, &Errand::Unpin(0)), Err(Full));
    }

    /// Serving always began with the lowest shard. Where that one kept its ring filled, the others waited.
    #[test]
    fn peers_are_served_in_turn() {
        let mut ends = meshes(3);
        let mut owner = ends.pop().expect("three");
        for end in &mut ends {
            for n in 0..2 * BATCH_ENTRIES_MAX {
                end.send(2, n as u32, &Errand::Unpin(0)).expect("room");
            }
            end.publish();
        }
        let homes: Vec<_> = std::iter::from_fn(|| owner.take_request()).map(|(home, _)| home).collect();
        assert_eq!(homes, [0, 1, 0, 1]);
    }
}
