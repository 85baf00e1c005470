//! The table of a shard's connections.

use std::os::fd::OwnedFd;

use super::connection::Connection;

/// Connections by number. A number is used again only after its last completion has been seen, and each use
/// has a generation of its own, which tells late answers from other shards apart.
#[derive(Default)]
pub(super) struct Connections {
    places: Vec<Option<Connection>>,
    free: Vec<u32>,
    next_generation: u32,
}

impl Connections {
    /// Adds a connection and returns its number.
    pub(super) fn insert(&mut self, socket: OwnedFd) -> u32 {
        self.next_generation = self.next_generation.wrapping_add(1);
        let connection = Connection::new(socket, self.next_generation);
        match self.free.pop() {
            Some(number) => {
                self.places[number as usize] = Some(connection);
                number
            }
            None => {
                self.places.push(Some(connection));
                (self.places.len() - 1) as u32
            }
        }
    }

    /// The connection of that number, which the caller knows to exist.
    #[inline]
    pub(super) fn at(&mut self, number: u32) -> &mut Connection {
        self.places[number as usize].as_mut().expect("a connection stays until its last completion")
    }

    /// The connection of that number if it is still the one of that generation.
    pub(super) fn find(&mut self, number: u32, generation: u32) -> Option<&mut Connection> {
        self.places.get_mut(number as usize)?.as_mut().filter(|c| c.generation == generation)
    }

    /// Whether there is a connection of that number.
    pub(super) fn contains(&self, number: u32) -> bool {
        self.places.get(number as usize).is_some_and(Option::is_some)
    }

    /// Frees a number; the socket closes with it.
    pub(super) fn remove(&mut self, number: u32) {
        self.places[number as usize] = None;
        self.free.push(number);
    }

    /// The numbers in use.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.places).filter(|(_, place)| place.is_some()).map(|(number, _)| number)
    }

    /// The numbers in use among the next `most` places from `cursor` on, which moves behind them and round.
    pub(super) fn next_numbers(&self, cursor: &mut usize, most: usize) -> Vec<u32> {
        let from = if *cursor < self.places.len() { *cursor } else { 0 };
        let to = from.saturating_add(most).min(self.places.len());
        *cursor = to;
        (from..to).filter(|place| self.places[*place].is_some()).map(|place| place as u32).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}
