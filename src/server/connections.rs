//! The table of a shard's connections.

use std::os::fd::OwnedFd;

use super::connection::Connection;
use super::table::Table;

/// Connections by number. A number is used again only after its last completion has been seen, and each use
/// has a generation of its own, which tells late answers from other shards apart.
#[derive(Default)]
pub(super) struct Connections {
    places: Table<Connection>,
    /// One more than the highest number that was ever used.
    end: u32,
    /// Numbers below `end` that nobody has.
    free: Vec<u32>,
    next_generation: u32,
}

impl Connections {
    /// Adds a connection and returns its number.
    pub(super) fn insert(&mut self, socket: OwnedFd) -> u32 {
        self.next_generation = self.next_generation.wrapping_add(1);
        let connection = Connection::new(socket, self.next_generation);
        let number = self.free.pop().unwrap_or_else(|| {
            self.end += 1;
            self.end - 1
        });
        self.places.insert(number, connection);
        number
    }

    /// The connection of that number, which the caller knows to exist.
    #[inline]
    pub(super) fn at(&mut self, number: u32) -> &mut Connection {
        self.places.get_mut(number).expect("a connection stays until its last completion")
    }

    /// The connection of that number if it is still the one of that generation.
    pub(super) fn find(&mut self, number: u32, generation: u32) -> Option<&mut Connection> {
        self.places.get_mut(number).filter(|connection| connection.generation == generation)
    }

    /// Whether there is a connection of that number.
    pub(super) fn contains(&self, number: u32) -> bool {
        self.places.get(number).is_some()
    }

    /// Frees a number; the socket closes with it.
    pub(super) fn remove(&mut self, number: u32) {
        if self.places.remove(number).is_some() {
            self.free.push(number);
        }
    }

    /// The numbers in use.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..self.end).filter(|number| self.contains(*number))
    }

    /// The numbers in use among the next `most` places from `cursor` on, which moves behind them and round.
    pub(super) fn next_numbers(&self, cursor: &mut usize, most: usize) -> Vec<u32> {
        let end = self.end as usize;
        let from = if *cursor < end { *cursor } else { 0 };
        let to = from.saturating_add(most).min(end);
        *cursor = to;
        (from as u32..to as u32).filter(|number| self.contains(*number)).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.end as usize - self.free.len()
    }

    /// Gives back what those that have gone have left. To be called now and then.
    pub(super) fn trim(&mut self) {
        self.places.trim();
        if self.len() == 0 {
            self.end = 0;
            self.free = Vec::new();
        }
    }

    /// Bytes of the table; an idle connection owns nothing beside its place.
    pub(super) fn memory_bytes(&self) -> usize {
        self.places.memory_bytes() + self.free.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_number_is_used_again_by_another_generation() {
        let socket = || File::open("/dev/null").expect("a descriptor").into();
        let mut connections = Connections::default();
        let numbers: Vec<u32> = (0..200).map(|_| connections.insert(socket())).collect();
        assert_eq!(numbers, (0..200).collect::<Vec<_>>());
        let generation = connections.at(70).generation;
        connections.remove(70);
        connections.remove(70);
        assert!(!connections.contains(70) && connections.find(70, generation).is_none());
        assert_eq!((connections.len(), connections.numbers().count()), (199, 199));
        assert_eq!(connections.insert(socket()), 70);
        assert!(connections.find(70, generation).is_none() && connections.contains(70));
        numbers.iter().for_each(|number| connections.remove(*number));
        connections.trim();
        assert_eq!((connections.len(), connections.insert(socket())), (0, 0));
    }
}
