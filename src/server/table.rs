//! Places by number, in chunks that never move: growing copies nothing, and what nobody uses any more can be given
//! back. A `Vec` would hold up to twice what it needs, and three times while it grows.

/// Places in a chunk.
const CHUNK_PLACES: usize = 64;

struct Chunk<T> {
    places: [Option<T>; CHUNK_PLACES],
    used: u32,
}

/// A table of values by number. Its bound is its user's.
pub(super) struct Table<T> {
    chunks: Vec<Option<Box<Chunk<T>>>>,
    /// Chunks that are there.
    allocated: usize,
    /// Chunks that have become empty, perhaps not for long, since the last [`trim`](Self::trim).
    emptied: bool,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { chunks: Vec::new(), allocated: 0, emptied: false }
    }
}

impl<T> Table<T> {
    /// The value of that number.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.chunks.get(number as usize / CHUNK_PLACES)?.as_ref()?.places[number as usize % CHUNK_PLACES].as_ref()
    }

    /// The value of that number.
    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.chunks.get_mut(number as usize / CHUNK_PLACES)?.as_mut()?.places[number as usize % CHUNK_PLACES].as_mut()
    }

    /// Puts a value at a number and returns the one that was there.
    #[inline]
    pub(super) fn insert(&mut self, number: u32, value: T) -> Option<T> {
        let index = number as usize / CHUNK_PLACES;
        if self.chunks.get(index).is_none_or(Option::is_none) {
            self.make_chunk(index);
        }
        let chunk = self.chunks[index].as_mut().expect("just made");
        let old = chunk.places[number as usize % CHUNK_PLACES].replace(value);
        chunk.used += u32::from(old.is_none());
        old
    }

    /// Takes the value of that number out.
    #[inline]
    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let chunk = self.chunks.get_mut(number as usize / CHUNK_PLACES)?.as_mut()?;
        let old = chunk.places[number as usize % CHUNK_PLACES].take();
        chunk.used -= u32::from(old.is_some());
        self.emptied |= chunk.used == 0;
        old
    }

    /// Takes all values out.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        let chunks = std::mem::take(self).chunks;
        chunks.into_iter().flatten().flat_map(|chunk| chunk.places).flatten()
    }

    /// Gives back the memory of chunks that are empty. Looks at a chunk in some nanoseconds, and only if one has become
    /// empty.
    pub(super) fn trim(&mut self) {
        if !std::mem::take(&mut self.emptied) {
            return;
        }
        for chunk in &mut self.chunks {
            if chunk.take_if(|chunk| chunk.used == 0).is_some() {
                self.allocated -= 1;
            }
        }
        while self.chunks.last().is_some_and(Option::is_none) {
            self.chunks.pop();
        }
    }

    /// Bytes of memory, without what the values themselves own.
    pub(super) fn memory_bytes(&self) -> usize {
        self.allocated * size_of::<Chunk<T>>() + self.chunks.capacity() * size_of::<Option<Box<Chunk<T>>>>()
    }

    #[cold]
    fn make_chunk(&mut self, index: usize) {
        if self.chunks.len() <= index {
            self.chunks.resize_with(index + 1, || None);
        }
        self.chunks[index] = Some(Box::new(Chunk { places: [const { None }; CHUNK_PLACES], used: 0 }));
        self.allocated += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Against a map, with trims in between.
    #[test]
    fn holds_what_was_put_in() {
        let (mut table, mut model) = (Table::default(), BTreeMap::new());
        let mut state = 7u32;
        for step in 0..20_000u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = (state >> 8) % 1000;
            match state >> 30 {
                0 => assert_eq!(table.insert(number, step), model.insert(number, step)),
                1 | 2 => assert_eq!(table.remove(number), model.remove(&number)),
                _ if step % 50 == 0 => table.trim(),
                _ => assert_eq!(table.get(number), model.get(&number)),
            }
            assert_eq!(table.get_mut(number).copied(), model.get(&number).copied());
        }
        assert!(table.take_all().eq(model.into_values()));
        assert_eq!(table.memory_bytes(), 0);
    }

    #[test]
    fn memory_follows_what_is_used() {
        let mut table = Table::default();
        for number in 0..10_000 {
            table.insert(number, [0u64; 16]);
        }
        let full_bytes = table.memory_bytes();
        assert!(full_bytes < 10_100 * (17 * 8 + 1), "{full_bytes} bytes for 10,000 of 128 each");
        for number in 5..10_000 {
            table.remove(number);
        }
        table.trim();
        let bytes = table.memory_bytes();
        assert!(bytes < 64 * 17 * 8 + 4096, "{bytes} bytes for five");
        assert!(table.get(4).is_some() && table.get(5).is_none());
    }
}
