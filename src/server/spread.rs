//! Where accepted connections go: how many each shard has, and those handed from one to another.
//!
//! The kernel spreads connections by a hash of their addresses, which leaves few of them uneven by chance, and a shared
//! socket gives them to whoever asks first. A shard that has clearly more than another hands a new connection on,
//! before a byte of it is read. That is looked at once per connection, never for a request.

use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A shard keeps a new connection if it has at most this many more than the shard with the fewest, and
/// one in [`SLACK_DIVISOR`] of those: handing on costs the other shard a wake-up.
const SLACK: usize = 1;
/// See [`SLACK`].
const SLACK_DIVISOR: usize = 8;

/// The connections of all shards, by number. Shared by the workers.
#[derive(Debug, Default)]
pub struct Spread(Box<[Place]>);

/// One shard's.
#[derive(Debug, Default)]
struct Place {
    /// Connections that it has or is to take.
    connections: AtomicUsize,
    /// Those that it is to take, at most the server's limit of connections. The lock is held for a push or a swap.
    handed: Mutex<Vec<OwnedFd>>,
    has_handed: AtomicBool,
}

impl Spread {
    /// No connections yet on so many shards.
    pub fn new(shards: usize) -> Self {
        Spread((0..shards).map(|_| Place::default()).collect())
    }

    /// The shard that is to have the next connection, which `own` has accepted.
    pub(super) fn choose(&self, own: usize) -> usize {
        let count = |shard: usize| self.0[shard].connections.load(Ordering::Relaxed);
        let Some(least) = (0..self.0.len()).min_by_key(|shard| count(*shard)) else { return own };
        let bound = count(least) + SLACK + count(least) / SLACK_DIVISOR;
        if count(own) <= bound { own } else { least }
    }

    /// A shard has one connection more.
    pub(super) fn count(&self, shard: usize) {
        if let Some(place) = self.0.get(shard) {
            place.connections.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A shard has one connection less.
    pub(super) fn discount(&self, shard: usize) {
        if let Some(place) = self.0.get(shard) {
            place.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Hands a connection to a shard, which counts it from now on. It is to be woken.
    pub(super) fn hand(&self, shard: usize, socket: OwnedFd) {
        let place = &self.0[shard];
        self.count(shard);
        // A panic elsewhere leaves a list of sockets as good as any.
        place.handed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(socket);
        place.has_handed.store(true, Ordering::Release);
    }

    /// Whether a shard was handed connections.
    pub(super) fn has_handed(&self, shard: usize) -> bool {
        self.0.get(shard).is_some_and(|place| place.has_handed.load(Ordering::Acquire))
    }

    /// Takes what a shard was handed.
    pub(super) fn take(&self, shard: usize) -> Vec<OwnedFd> {
        let Some(place) = self.0.get(shard) else { return Vec::new() };
        place.has_handed.store(false, Ordering::Relaxed);
        std::mem::take(&mut *place.handed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_handed_on_only_where_it_is_uneven() {
        let spread = Spread::new(3);
        assert_eq!(spread.choose(1), 1);
        spread.count(1);
        assert_eq!(spread.choose(1), 1, "one more is even enough");
        spread.count(1);
        assert_eq!(spread.choose(1), 0);
        (0..80).for_each(|_| (0..3).for_each(|shard| spread.count(shard)));
        (0..9).for_each(|_| spread.count(1));
        assert_eq!(spread.choose(1), 1, "91 beside 80 is within an eighth");
        spread.count(1);
        assert_eq!(spread.choose(1), 0);
        spread.discount(1);
        assert_eq!(spread.choose(1), 1);
    }

    #[test]
    fn what_is_handed_is_taken_once_and_counted() {
        let spread = Spread::new(2);
        let socket = || std::fs::File::open("/dev/null").expect("a descriptor").into();
        assert!(!spread.has_handed(1));
        spread.hand(1, socket());
        spread.hand(1, socket());
        assert!(spread.has_handed(1) && !spread.has_handed(0));
        assert_eq!(spread.choose(1), 0);
        assert_eq!(spread.take(1).len(), 2);
        assert!(!spread.has_handed(1) && spread.take(1).is_empty());
    }
}
