//! One key space as it is written in a workload file, and what has to hold between its parts.

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::amount::{KeyBytes, Keys, Seconds, ValueBytes, Written, duration};
use crate::{
    operation::Operation,
    workload::{Amount, Distribution, Every, HotShift, Keyspace, OperationMix, Space},
};

/// Longest name of a key space in bytes.
const NAME_LEN_MAX: usize = 64;

/// Bytes of a key where the file does not say, if there is room for the name and the number.
const KEY_SIZE: u64 = 24;

/// Bytes of a value where the file does not say.
const VALUE_SIZE: u64 = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawSpace {
    name: Name,
    #[serde(default)]
    weight: Weight,
    keys: Count,
    key_size: Option<Written<KeyBytes>>,
    value_size: Option<Written<ValueBytes>>,
    #[serde(default)]
    counters: bool,
    distribution: Option<FromText<Distribution>>,
    hot_shift: Option<RawShift>,
    ttl: Option<Written<Seconds>>,
    multiget: Option<Written<Keys>>,
    #[serde(default)]
    miss_then_set: bool,
    mix: RawMix,
}

/// A share among others.
#[derive(Debug, Deserialize)]
#[serde(try_from = "f64")]
struct Weight(f64);

impl Default for Weight {
    fn default() -> Self {
        Weight(1.0)
    }
}

impl TryFrom<f64> for Weight {
    type Error = String;

    fn try_from(weight: f64) -> Result<Self, String> {
        if !weight.is_finite() || weight < 0.0 {
            return Err(format!("a weight of {weight}; weights are 0 or more"));
        }
        Ok(Weight(weight))
    }
}

/// How many keys there are.
#[derive(Debug, Deserialize)]
#[serde(try_from = "u64")]
struct Count(u64);

impl TryFrom<u64> for Count {
    type Error = &'static str;

    fn try_from(count: u64) -> Result<Self, &'static str> {
        if count == 0 { Err("at least one key is needed") } else { Ok(Count(count)) }
    }
}

/// The name of a key space, which its keys begin with.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || text.len() > NAME_LEN_MAX || !text.bytes().all(allowed) {
            return Err(format!("`{text}`: a name has 1 to {NAME_LEN_MAX} letters, digits, `-`, `_` and `.`"));
        }
        Ok(Name(text))
    }
}

/// A value that is written as a text.
#[derive(Debug)]
struct FromText<T>(T);

impl<'de, T: FromStr<Err = String>> Deserialize<'de> for FromText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(FromText).map_err(de::Error::custom)
    }
}

/// `{ keys = 500, every = "10s" }` or `{ keys = 500, every-requests = 100_000 }`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawShiftParts")]
struct RawShift(HotShift);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawShiftParts {
    keys: u64,
    every: Option<String>,
    every_requests: Option<u64>,
}

impl TryFrom<RawShiftParts> for RawShift {
    type Error = String;

    fn try_from(parts: RawShiftParts) -> Result<Self, String> {
        let every = match (parts.every, parts.every_requests) {
            (Some(text), None) => match duration(&text).map(|time| u64::try_from(time.as_nanos())) {
                Some(Ok(time)) if time > 0 => Every::Time(time),
                _ => return Err(format!("`{text}`: expected a time above 0 such as \"10s\"")),
            },
            (None, Some(requests)) if requests > 0 => Every::Requests(requests),
            (None, Some(_)) => return Err("every-requests lies above 0".into()),
            _ => return Err("a hot-shift has either `every` (a time) or `every-requests`".into()),
        };
        if parts.keys == 0 {
            return Err("a hot-shift moves by at least 1 key".into());
        }
        Ok(RawShift(HotShift { every, keys: parts.keys }))
    }
}

/// Weights by the operations' names.
#[derive(Debug)]
struct RawMix(OperationMix);

impl<'de> Deserialize<'de> for RawMix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MixVisitor;
        impl<'de> Visitor<'de> for MixVisitor {
            type Value = RawMix;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("operations with their weights, such as { get = 90, set = 10 }")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawMix, A::Error> {
                let mut weights = Vec::new();
                // The format refuses a name that stands twice.
                while let Some(MixName(operation)) = map.next_key()? {
                    weights.push((operation, map.next_value()?));
                }
                OperationMix::new(&weights).map(RawMix).map_err(|reason| de::Error::custom(format!("mix: {reason}")))
            }
        }
        deserializer.deserialize_map(MixVisitor)
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct MixName(Operation);

impl TryFrom<String> for MixName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let found = Operation::ALL.into_iter().find(|operation| operation.name() == name);
        found.map(MixName).ok_or_else(|| {
            let names: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
            format!("there is no operation `{name}`; there are {}", names.join(", "))
        })
    }
}

impl RawSpace {
    /// The space and its weight.
    pub fn checked(self) -> Result<(f64, Space), String> {
        let RawMix(mix) = self.mix;
        let (name, Count(count), Weight(weight)) = (self.name.0, self.keys, self.weight);
        let refused = |reason: String| format!("key space `{name}`: {reason}");
        let counts = mix.has(Operation::Incr) || mix.has(Operation::Decr);
        if counts && !self.counters {
            return Err(refused("incr and decr need `counters = true`, or the values are no numbers".into()));
        }
        if self.counters && self.value_size.is_some() {
            return Err(refused("`counters` says what the values are; `value-size` cannot be given too".into()));
        }
        if self.multiget.is_some() && !mix.has(Operation::Multiget) {
            return Err(refused("`multiget` is given and the mix has no multiget".into()));
        }
        let multiget = self.multiget.map_or(Amount::Constant(10), |written| written.0);
        if multiget.min() == 0 {
            return Err(refused("a multiget has at least 1 key".into()));
        }
        let ttl = self.ttl.map_or(Amount::Constant(0), |written| written.0);
        let reads = [Operation::Get, Operation::Multiget, Operation::Gat, Operation::Cas];
        if self.miss_then_set && !reads.iter().any(|read| mix.has(*read)) {
            return Err(refused("`miss-then-set` is given and the mix has no reads".into()));
        }
        if let Some(RawShift(shift)) = &self.hot_shift
            && shift.keys >= count
        {
            return Err(refused(format!("hot-shift moves by {} keys and there are {}", shift.keys, count)));
        }
        let prefix = format!("{name}:").into_bytes();
        let digits = Keyspace::new(count, crate::workload::KEY_LEN_MAX).map_err(refused)?.digits();
        let needed = (prefix.len() + digits) as u64;
        let key_size = self.key_size.map_or(Amount::Constant(KEY_SIZE.max(needed)), |written| written.0);
        if key_size.min() < needed {
            let name_len = prefix.len();
            return Err(refused(format!(
                "keys need at least {needed} bytes ({name_len} for `{name}:` and {digits} for the number)"
            )));
        }
        let space = Space {
            keyspace: Keyspace::new(count, key_size.max() as usize).map_err(refused)?,
            prefix,
            key_size,
            distribution: self.distribution.map_or(Distribution::Uniform, |written| written.0),
            shift: self.hot_shift.map(|RawShift(shift)| shift),
            value_size: self.value_size.map_or(Amount::Constant(VALUE_SIZE), |written| written.0),
            counters: self.counters,
            ttl,
            multiget,
            miss_then_set: self.miss_then_set,
            mix,
        };
        Ok((weight, space))
    }
}
