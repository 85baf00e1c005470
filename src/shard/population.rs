//! Has memory populated by a thread that serves nobody: what a store will need goes out, and comes back when the kernel
//! has handed it over.
//!
//! A ring there and one back for each shard, each with room for all that a store has under way, so that neither is ever
//! full. The thread sleeps while there is nothing to do; being woken costs the shard some µs for 2 MiB.

use std::thread::{self, Thread};

use rtrb::{Consumer, Producer, RingBuffer};

use super::execute::Shard;
use crate::clock::Seconds;
use crate::storage::{POPULATIONS_MAX, Population, Store};

/// The thread's ends of a shard's rings.
struct Customer {
    orders: Consumer<Population>,
    done: Producer<Population>,
}

/// Populates for all shards, in turn.
pub struct Populator {
    customers: Vec<Customer>,
}

/// A shard's way to the populator. It has at most [`POPULATIONS_MAX`] pieces there.
pub struct PopulatorPort {
    orders: Producer<Population>,
    done: Consumer<Population>,
    under_way: usize,
    // Dropped after the rings: who is woken then finds them abandoned.
    waker: Waker,
}

/// Wakes the populator when it is dropped, too, to see that a shard has gone.
struct Waker(Option<Thread>);

impl Waker {
    fn wake(&self) {
        if let Some(thread) = &self.0 {
            thread.unpark();
        }
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.wake();
    }
}

impl Populator {
    /// A populator and a port for each of so many shards.
    pub fn new(shards: usize) -> (Populator, Vec<PopulatorPort>) {
        let pair = |_| {
            let (to_populator, orders) = RingBuffer::new(POPULATIONS_MAX);
            let (done, from_populator) = RingBuffer::new(POPULATIONS_MAX);
            let port = PopulatorPort { orders: to_populator, done: from_populator, under_way: 0, waker: Waker(None) };
            (Customer { orders, done }, port)
        };
        let (customers, ports) = (0..shards).map(pair).unzip();
        (Populator { customers }, ports)
    }

    /// Populates until every port is gone. `prepare` is called with the number of the shard before each piece.
    pub fn run(mut self, mut prepare: impl FnMut(usize)) {
        loop {
            let mut has_worked = false;
            for (shard, customer) in self.customers.iter_mut().enumerate() {
                if let Ok(population) = customer.orders.pop() {
                    prepare(shard);
                    population.run();
                    // Without its shard nobody wants it. Full it cannot be.
                    let _ = customer.done.push(population);
                    has_worked = true;
                }
            }
            if !has_worked {
                if self.customers.iter().all(|customer| customer.orders.is_abandoned()) {
                    return;
                }
                thread::park();
            }
        }
    }
}

impl PopulatorPort {
    /// Says which thread runs the populator. Until then it is not woken.
    pub fn wakes(self, thread: &Thread) -> Self {
        PopulatorPort { waker: Waker(Some(thread.clone())), ..self }
    }

    /// Takes what has been populated into use, and asks for what the store will need next. Where the populator has
    /// ended, the store populates by itself from then on.
    #[inline]
    pub fn exchange(&mut self, store: &mut Store, now: Seconds) {
        if self.under_way > 0 {
            while let Ok(population) = self.done.pop() {
                self.under_way -= 1;
                store.end_population(population);
            }
            if self.done.is_abandoned() {
                self.give_up(store);
            }
        }
        while let Some(population) = store.next_population(now) {
            self.send(population, store);
        }
    }

    #[cold]
    fn send(&mut self, population: Population, store: &mut Store) {
        if self.orders.is_abandoned() || self.orders.push(population).is_err() {
            self.give_up(store);
            return;
        }
        self.under_way += 1;
        self.waker.wake();
    }

    #[cold]
    fn give_up(&mut self, store: &mut Store) {
        self.under_way = 0;
        store.set_populated_elsewhere(false);
    }
}

impl Shard {
    /// Has its store's memory populated there from now on.
    pub fn populate_at(&mut self, port: PopulatorPort) {
        self.store.set_populated_elsewhere(true);
        self.populator = Some(port);
    }

    /// Exchanges with the populator, if there is one.
    #[inline]
    pub(super) fn exchange_populations(&mut self, now: Seconds) {
        if let Some(port) = &mut self.populator {
            port.exchange(&mut self.store, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{SetArgs, SetMode, Source, StoreConfig};

    const NOW: Seconds = Seconds(100);

    fn store() -> Store {
        let mut store = Store::new(StoreConfig::new(96 << 20), ahash::RandomState::with_seeds(1, 2, 3, 4)).unwrap();
        store.set_populated_elsewhere(true);
        store
    }

    fn set(store: &mut Store, number: u32) {
        let key = number.to_le_bytes();
        let args = SetArgs::new(SetMode::Set, Source::Inline(&[7; 400]));
        store.set(store.hash(&key), &key, args, NOW).unwrap();
    }

    #[test]
    fn a_store_grows_by_what_the_thread_populates_and_the_thread_ends_with_its_ports() {
        let (populator, ports) = Populator::new(2);
        let thread = thread::spawn(move || populator.run(|shard| assert!(shard < 2)));
        let mut ports: Vec<_> = ports.into_iter().map(|port| port.wakes(thread.thread())).collect();
        let mut stores = [store(), store()];
        for number in 0..300_000 {
            for (store, port) in stores.iter_mut().zip(&mut ports) {
                set(store, number);
                if number % 64 == 0 {
                    store.maintain(NOW);
                    port.exchange(store, NOW);
                }
            }
        }
        for store in &stores {
            let stats = store.stats();
            assert!(stats.evictions > 0 && stats.memory_bytes <= 96 << 20, "{stats:?}");
            store.check_invariants();
        }
        // The stores go before the thread, as when a server ends.
        drop(stores);
        drop(ports);
        thread.join().unwrap();
    }

    #[test]
    fn without_its_thread_a_store_populates_by_itself() {
        let (populator, mut ports) = Populator::new(1);
        let (mut port, mut store) = (ports.remove(0), store());
        port.exchange(&mut store, NOW);
        assert!(port.under_way > 0);
        drop(populator);
        for number in 0..300_000 {
            set(&mut store, number);
            if number % 64 == 0 {
                store.maintain(NOW);
                port.exchange(&mut store, NOW);
            }
        }
        assert!(store.stats().evictions > 0 && port.under_way == 0);
        store.check_invariants();
    }
}
