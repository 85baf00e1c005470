//! A read of one key or several, and what its answer says of each: found or missed, in the order asked.
//!
//! Protocols differ in how they say it. Text names the key of every value and leaves out those that it does not
//! have; so do meta and binary for several keys (a noop ends them), but to a read of one they answer with the value
//! or a miss alone; RESP answers for each key of an array in order and names none.

use std::ops::Range;

use crate::{
    protocol::{Protocol, Reply, Unparsable},
    workload::KeyRenderer,
};

/// A read that is sent and not answered, with what is kept of each key.
#[derive(Debug)]
pub struct Reading<K> {
    keys: Vec<K>,
    /// Keys before this one were told of.
    told: usize,
    /// The key that the next reply without a name is for.
    next: usize,
    /// Replies still to come of a RESP array.
    elements: usize,
    /// An error has come in the group.
    failed: bool,
}

/// A value's place.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// Keys before it that have no value.
    pub missed: Range<usize>,
    /// The value's key.
    pub at: usize,
    /// Whether the answer ends with it.
    pub ends: bool,
}

/// Appends a read of these keys, one of one key with its cas number if asked for.
pub fn ask(protocol: Protocol, out: &mut Vec<u8>, keys: &[u64], for_cas: bool, renderer: &mut KeyRenderer) {
    match keys {
        [key] if for_cas => protocol.gets(out, renderer.render(*key)),
        [key] => protocol.get(out, renderer.render(*key)),
        keys => {
            protocol.group_begin(out, keys.len());
            keys.iter().for_each(|key| protocol.group_key(out, renderer.render(*key)));
            protocol.group_end(out);
        }
    }
}

/// Hands the replies at the head of `input` to `each`, with the whole value if it is one; gives how many bytes they
/// were. A value has at most `value_len_max` bytes.
pub fn take(
    protocol: Protocol,
    input: &[u8],
    value_len_max: usize,
    mut each: impl FnMut(Reply<'_>, &[u8]) -> Result<(), &'static str>,
) -> Result<usize, Unparsable> {
    let mut used = 0;
    while let Some((reply, mut taken)) = protocol.parse(&input[used..])? {
        let rest = &input[used..];
        let mut whole: &[u8] = b"";
        if let Reply::Value(head) = reply {
            if head.len > value_len_max {
                return Err(Unparsable::new("a value longer than any written", rest));
            }
            let Some((value, span)) = protocol.value_span(&rest[taken..], head.len)? else { break };
            whole = value;
            taken += span;
        }
        each(reply, whole).map_err(|reason| Unparsable::new(reason, rest))?;
        used += taken;
    }
    Ok(used)
}

impl<K> Reading<K> {
    /// A read as [`ask`] sends it.
    pub fn new(keys: Vec<K>) -> Self {
        Reading { keys, told: 0, next: 0, elements: 0, failed: false }
    }

    /// What is kept of the keys.
    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    fn is_group(&self) -> bool {
        self.keys.len() > 1
    }

    /// Finds the key of a value; `is_named` says whether a key is the one that the value names. `None`: it is none of
    /// those still to come.
    pub fn value(
        &mut self,
        protocol: Protocol,
        is_named: impl FnMut(&K) -> bool,
    ) -> Result<Option<Found>, &'static str> {
        let group = self.is_group();
        let array = group && !protocol.names_keys();
        let named = if group { protocol.names_keys() } else { !protocol.value_answers() };
        let at = if named {
            self.keys[self.told..].iter().position(is_named).map(|step| self.told + step)
        } else {
            Some(self.next).filter(|next| *next < self.keys.len())
        };
        if array {
            self.elements = self.elements.checked_sub(1).ok_or("a value outside of its array")?;
        }
        let Some(at) = at else { return Ok(None) };
        let missed = self.told..at;
        (self.told, self.next) = (at + 1, at + 1);
        let ends = if array { self.elements == 0 } else { !group && protocol.value_answers() };
        Ok(Some(Found { missed, at, ends }))
    }

    /// Takes a reply that is no value; or why it cannot be one to a read. If the answer ends with it, gives the keys that
    /// are known by then to have no value: if an error was in the answer, nothing is known of those not told of.
    pub fn other(&mut self, protocol: Protocol, reply: &Reply<'_>) -> Result<Option<Range<usize>>, &'static str> {
        let group = self.is_group();
        let array = group && !protocol.names_keys();
        let closed_by_noop = group && matches!(protocol, Protocol::Meta | Protocol::Binary);
        Ok(match reply {
            Reply::End => Some(self.end()),
            Reply::Miss if array => {
                self.elements = self.elements.checked_sub(1).ok_or("a value outside of its array")?;
                self.next += 1;
                (self.elements == 0).then(|| self.end())
            }
            Reply::Miss if !group => Some(self.end()),
            Reply::Noop if closed_by_noop => Some(self.end()),
            Reply::Array(count) if array && self.next == 0 && self.elements == 0 && *count == self.keys.len() => {
                self.elements = *count;
                None
            }
            Reply::Refused(_) if self.elements > 0 => return Err("an error within an array"),
            Reply::Refused(_) => {
                self.failed = true;
                (!closed_by_noop).then(|| self.end())
            }
            _ => return Err("a reply to a request of another kind"),
        })
    }

    fn end(&self) -> Range<usize> {
        if self.failed { 0..0 } else { self.told..self.keys.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an answer to a read of `keys` says: `+n` for a value of key n, `-n` for a miss, and how it ended.
    fn told(protocol: Protocol, keys: &[&str], input: &[u8]) -> Result<String, String> {
        let mut reading = Reading::new(keys.to_vec());
        let mut told = String::new();
        let mut ended = false;
        let used = take(protocol, input, 100, |reply, _| {
            let missed = if let Reply::Value(head) = reply {
                let Some(found) = reading.value(protocol, |key| key.as_bytes() == head.key)? else {
                    told += "?";
                    return Ok(());
                };
                found.missed.for_each(|key| told += &format!("-{key}"));
                told += &format!("+{}", found.at);
                found.ends.then(|| reading.end())
            } else {
                reading.other(protocol, &reply)?
            };
            let Some(missed) = missed else { return Ok(()) };
            missed.for_each(|key| told += &format!("-{key}"));
            if reading.failed {
                told += "!";
            }
            assert!(!std::mem::replace(&mut ended, true));
            told += ".";
            Ok(())
        });
        let used = used.map_err(|error| error.to_string())?;
        assert_eq!(used, input.len());
        Ok(told)
    }

    #[test]
    fn every_protocol_s_answers_are_found_and_missed_in_order() {
        let (one, three) = (["a"].as_slice(), ["a", "b", "c"].as_slice());
        for (protocol, keys, input, expected) in [
            (Protocol::Text, one, b"VALUE a 0 1\r\nx\r\nEND\r\n".as_slice(), "+0."),
            (Protocol::Text, one, b"END\r\n", "-0."),
            (Protocol::Text, three, b"VALUE b 0 1\r\nx\r\nEND\r\n", "-0+1-2."),
            (Protocol::Text, three, b"VALUE c 0 1\r\nx\r\nVALUE a 0 1\r\nx\r\nEND\r\n", "-0-1+2?."),
            (Protocol::Text, three, b"VALUE a 0 1\r\nx\r\nSERVER_ERROR x\r\n", "+0!."),
            (Protocol::Meta, one, b"VA 1\r\nx\r\n", "+0."),
            (Protocol::Meta, one, b"EN\r\n", "-0."),
            (Protocol::Meta, one, b"SERVER_ERROR x\r\n", "!."),
            (Protocol::Meta, three, b"VA 1 kb\r\nx\r\nMN\r\n", "-0+1-2."),
            (Protocol::Meta, three, b"VA 1 kb\r\nx\r\nSERVER_ERROR x\r\nMN\r\n", "-0+1!."),
            (Protocol::Resp, one, b"$1\r\nx\r\n", "+0."),
            (Protocol::Resp, one, b"$-1\r\n", "-0."),
            (Protocol::Resp, three, b"*3\r\n$-1\r\n$1\r\nx\r\n$-1\r\n", "-0+1-2."),
            (Protocol::Resp, three, b"*3\r\n$-1\r\n$-1\r\n$1\r\nx\r\n", "-0-1+2."),
            (Protocol::Resp, three, b"-OOM\r\n", "!."),
        ] {
            assert_eq!(told(protocol, keys, input).as_deref(), Ok(expected), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn answers_that_cannot_be_are_refused() {
        let (one, two) = (["a"].as_slice(), ["a", "b"].as_slice());
        for (protocol, keys, input) in [
            (Protocol::Text, one, b"STORED\r\n".as_slice()),
            (Protocol::Meta, one, b"MN\r\n"),
            (Protocol::Meta, two, b"EN\r\n"),
            (Protocol::Resp, two, b"$1\r\nx\r\n"),
            (Protocol::Resp, two, b"*3\r\n"),
            (Protocol::Resp, one, b"*1\r\n"),
            (Protocol::Resp, two, b"*2\r\n-ERR\r\n"),
            (Protocol::Text, one, b"VALUE a 0 101\r\n"),
        ] {
            assert!(told(protocol, keys, input).is_err(), "{}", input.escape_ascii());
        }
    }
}
