//! A trace in memory: what is asked for, in order, with keys as numbers. Knows no cache.

use ringload::{
    error::Error,
    trace::{Operation, TraceReader},
};
use std::{collections::HashMap, path::Path};

/// Keys and values of this many bytes together are the longest that caches with memcached's defaults take.
pub const ITEM_BYTES_MAX: u32 = 1 << 20;

/// A key's number is written in digits of six bits each.
const DIGIT_BITS: u32 = 6;
const DIGITS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.";

/// What is done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read it; if it is missing, store it.
    Get,
    /// Store it.
    Set,
    /// Remove it.
    Delete,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Since the trace's beginning; never falls.
    pub second: u32,
    /// The key's number, from 0 without gaps.
    pub key: u32,
    /// Bytes of the value that is stored, by a set or after a miss.
    pub value_len: u32,
    /// Seconds that the stored item lives; 0 for ever.
    pub ttl: u32,
    /// Bytes of the key.
    pub key_len: u8,
    /// What is asked.
    pub action: Action,
}

/// Requests in order.
pub struct Trace {
    /// As the table shows it.
    pub name: String,
    /// All requests.
    pub events: Vec<Event>,
    /// Keys are below this.
    pub keys: u32,
    /// Whether any item expires.
    pub expires: bool,
}

impl Trace {
    /// A trace of these requests.
    pub fn new(name: impl Into<String>, events: Vec<Event>) -> Self {
        let keys = events.iter().map(|event| event.key + 1).max().unwrap_or(0);
        let expires = events.iter().any(|event| event.ttl != 0);
        Trace { name: name.into(), events, keys, expires }
    }

    /// Reads a file in the column format of Twitter's traces. Whatever writes is a set of the size that the line
    /// tells; `gets` is a get.
    pub fn read(path: &Path, requests_max: usize) -> Result<Self, Error> {
        let mut reader = TraceReader::open(path)?;
        let (mut events, mut numbers) = (Vec::new(), HashMap::new());
        let (mut first, mut second) = (None, 0);
        while events.len() < requests_max
            && let Some(request) = reader.next_request()?
        {
            let begin = *first.get_or_insert(request.second);
            second = second.max(request.second.saturating_sub(begin) as u32);
            let key_len = request.key.len() as u8;
            let next = numbers.len() as u32;
            let key = *numbers.entry(request.key).or_insert(next);
            let action = match request.operation {
                Operation::Get | Operation::Gets => Action::Get,
                Operation::Delete => Action::Delete,
                _ => Action::Set,
            };
            let value_len = request.value_size.min(ITEM_BYTES_MAX as usize) as u32;
            events.push(Event { second, key, value_len, ttl: request.ttl as u32, key_len, action });
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".xz").trim_end_matches(".zst").trim_end_matches(".csv");
        Ok(Trace::new(name, events))
    }

    /// Bytes of all keys that are asked for more than once, each at its last size and as the simulated caches count
    /// them: what a cache of unlimited size would need to hold.
    pub fn footprint_bytes(&self) -> u64 {
        let mut bytes = vec![0; self.keys as usize];
        let mut requests = vec![0u8; self.keys as usize];
        for event in &self.events {
            if event.action != Action::Delete {
                bytes[event.key as usize] = event.counted_bytes();
                requests[event.key as usize] = requests[event.key as usize].saturating_add(1);
            }
        }
        bytes.iter().zip(requests).map(|(&bytes, requests)| if requests > 1 { u64::from(bytes) } else { 0 }).sum()
    }
}

impl Event {
    /// What an item takes in a cache without any slack: our layout (a header of 8 bytes, 4 for the last access of
    /// what may expire, key and value, rounded up to 8) and 9 bytes of index.
    pub fn counted_bytes(&self) -> u32 {
        const HEADER: u32 = 8;
        const INDEX: u32 = 9;
        let access = if self.ttl == 0 { 0 } else { 4 };
        (HEADER + access + u32::from(self.key_len) + self.value_len).next_multiple_of(8) + INDEX
    }

    /// Whether the item is small enough to be cached by default.
    pub fn fits(&self) -> bool {
        // Room for the server's own part of an item.
        u32::from(self.key_len) + self.value_len + 256 <= ITEM_BYTES_MAX
    }

    /// Writes the key's bytes.
    pub fn write_key(&self, key: &mut Vec<u8>) {
        key.clear();
        let mut rest = self.key;
        loop {
            key.push(DIGITS[(rest & 63) as usize]);
            rest >>= DIGIT_BITS;
            if rest == 0 {
                break;
            }
        }
        // Not a digit, so that no two numbers give the same key.
        key.resize(key.len().max(usize::from(self.key_len)), b'_');
    }
}
