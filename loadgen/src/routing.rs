//! Which shard owns a key, as ringcached's `stats routing` tells, and where it listens.
//!
//! The hash of a key is that of the crate `ahash` 0.8 with the server's seeds. It depends on the processor, so the server
//! gives an example; if it does not come out the same here, nothing could be sent to the right place.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use ahash::RandomState;

use crate::{ask::Asking, error::Error, target::Endpoint};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most shards.
const SHARDS_MAX: usize = 1024;

/// The owners of all keys.
#[derive(Clone, Debug)]
pub struct Routing {
    hasher: RandomState,
    shift: u32,
    bits: u32,
    /// The port of every shard.
    ports: Vec<u16>,
}

impl Routing {
    /// Asks the server; refused in words where it does not tell, or where its keys hash differently here.
    pub fn ask(endpoint: &Endpoint) -> Result<Self, Error> {
        let mut asking = Asking::connect(endpoint)?;
        asking.send(b"stats routing\r\n", PATIENCE)?;
        let until = Instant::now() + PATIENCE;
        let mut fields = HashMap::new();
        loop {
            let Some(line) = asking.line(until)? else {
                return Err(Error::Usage("--shard-aware: the server does not answer `stats routing`".into()));
            };
            let text = String::from_utf8_lossy(line);
            match text.splitn(3, ' ').collect::<Vec<_>>()[..] {
                ["END"] => break,
                ["STAT", name, value] if fields.len() < 16 + 4 * SHARDS_MAX => {
                    fields.insert(name.to_owned(), value.to_owned());
                }
                _ => {
                    let reason = format!("--shard-aware: the server has no `stats routing`: it answers `{text}`");
                    return Err(Error::Usage(reason));
                }
            }
        }
        Routing::of(&fields).map_err(|reason| Error::Usage(format!("--shard-aware: {reason}")))
    }

    fn of(fields: &HashMap<String, String>) -> Result<Self, String> {
        let text = |name: &str| fields.get(name).ok_or_else(|| format!("`stats routing` has no {name}"));
        let number = |name: &str| -> Result<u64, String> {
            text(name)?.parse().map_err(|_| format!("`stats routing`: {name} is no number"))
        };
        let hexadecimal = |name: &str| -> Result<u64, String> {
            u64::from_str_radix(text(name)?, 16).map_err(|_| format!("`stats routing`: {name} is no hash"))
        };
        let hash = text("hash")?;
        if hash != "ahash-0.8" {
            return Err(format!("keys are hashed by {hash}, which this program does not know"));
        }
        if !fields.contains_key("seed0") {
            return Err("the server's shards have no ports of their own: start it with --per-shard-ports".into());
        }
        let shards = number("shards")? as usize;
        if !(1..=SHARDS_MAX).contains(&shards) {
            return Err(format!("{shards} shards cannot be"));
        }
        let (shift, bits) = (number("owner_shift")?, number("owner_bits")?);
        if shift >= 64 || !(1..=32).contains(&bits) {
            return Err(format!("an owner of {bits} bits from {shift} cannot be"));
        }
        let [a, b, c, d] = ["seed0", "seed1", "seed2", "seed3"].map(hexadecimal);
        let mut ports = Vec::new();
        for shard in 0..shards {
            let port = u16::try_from(number(&format!("{shard}:port"))?);
            ports.push(port.map_err(|_| format!("shard {shard} has no port"))?);
        }
        let hasher = RandomState::with_seeds(a?, b?, c?, d?);
        let routing = Routing { hasher, shift: shift as u32, bits: bits as u32, ports };
        let (example, expected) = (text("example_key")?, hexadecimal("example_hash")?);
        let here = routing.hasher.hash_one(example.as_bytes());
        if here != expected || routing.owner(example.as_bytes()) as u64 != number("example_owner")? {
            return Err(format!(
                "keys hash differently here (`{example}`: {here:016x}) and there ({expected:016x}), as between processors \
                 with and without AES instructions"
            ));
        }
        Ok(routing)
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.ports.len()
    }

    /// The shard that owns a key.
    #[inline]
    pub fn owner(&self, key: &[u8]) -> usize {
        let bits = (self.hasher.hash_one(key) >> self.shift) & ((1 << self.bits) - 1);
        ((u128::from(bits) * self.ports.len() as u128) >> self.bits) as usize
    }

    /// Where each shard listens.
    pub fn endpoints(&self, server: &Endpoint) -> Result<Vec<Endpoint>, Error> {
        let moved = self.ports.iter().map(|port| server.with_port(*port));
        moved.collect::<Option<_>>().ok_or_else(|| {
            Error::Usage("--shard-aware needs a server on TCP: a unix socket has no ports beside it".into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> HashMap<String, String> {
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        let hash = hasher.hash_one(b"ringcached".as_slice());
        let owner = (((hash >> 8) & 0xffff) * 3) >> 16;
        [
            ("shards", "3".to_owned()),
            ("hash", "ahash-0.8".to_owned()),
            ("owner_shift", "8".to_owned()),
            ("owner_bits", "16".to_owned()),
            ("seed0", "1".to_owned()),
            ("seed1", "2".to_owned()),
            ("seed2", "3".to_owned()),
            ("seed3", "4".to_owned()),
            ("example_key", "ringcached".to_owned()),
            ("example_hash", format!("{hash:016x}")),
            ("example_owner", owner.to_string()),
            ("0:port", "7000".to_owned()),
            ("1:port", "7001".to_owned()),
            ("2:port", "7002".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    #[test]
    fn owners_follow_from_what_the_server_tells() {
        let routing = Routing::of(&told()).unwrap();
        assert_eq!(routing.shards(), 3);
        let mut count = [0; 3];
        (0..3000).for_each(|n| count[routing.owner(format!("key{n}").as_bytes())] += 1);
        assert!(count.iter().all(|count| (800..1200).contains(count)), "{count:?}");
    }

    #[test]
    fn what_cannot_be_followed_is_refused_in_words() {
        for (name, value, reason) in [
            ("example_hash", Some("12"), "hash differently"),
            ("example_owner", Some("3"), "hash differently"),
            ("hash", Some("xxhash"), "hashed by xxhash"),
            ("seed0", None, "--per-shard-ports"),
            ("2:port", None, "no 2:port"),
            ("2:port", Some("70000"), "no port"),
            ("shards", Some("0"), "0 shards"),
            ("shards", Some("many"), "shards is no number"),
            ("owner_bits", Some("0"), "0 bits"),
            ("owner_shift", Some("64"), "from 64"),
        ] {
            let mut fields = told();
            match value {
                Some(value) => fields.insert(name.into(), value.into()),
                None => fields.remove(name),
            };
            let refusal = Routing::of(&fields).unwrap_err();
            assert!(refusal.contains(reason), "{name}: {refusal}");
        }
    }
}
