//! An amount as it is written in a workload file: a constant, a range, a shape or a weighted list.

use std::{fmt, marker::PhantomData, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{units, workload::Amount};

/// Most entries of a weighted list.
const LIST_MAX: usize = 1024;

/// What an amount counts.
pub trait Unit {
    /// What may be written, in words.
    const WORDS: &'static str;
    /// The smallest amount.
    const MIN: u64 = 0;
    /// The largest amount.
    const MAX: u64;
    /// Where a shape's tail ends if the file does not say.
    const TAIL: u64 = Self::MAX;

    /// Reads an amount that is written as a text.
    fn parse(text: &str) -> Option<u64>;
}

/// Bytes of a value.
#[derive(Debug)]
pub struct ValueBytes;

impl Unit for ValueBytes {
    const WORDS: &'static str = "a size in bytes such as 512 or \"64k\", up to 1g";
    const MAX: u64 = 1 << 30;
    const TAIL: u64 = 1000 << 10;

    fn parse(text: &str) -> Option<u64> {
        text.parse::<units::Bytes>().ok().map(|bytes| bytes.0 as u64)
    }
}

/// Bytes of a key.
#[derive(Debug)]
pub struct KeyBytes;

impl Unit for KeyBytes {
    const WORDS: &'static str = "a size in bytes, up to 250";
    const MAX: u64 = 250;

    fn parse(text: &str) -> Option<u64> {
        text.parse().ok()
    }
}

/// Seconds that an item lives. Beyond 30 days memcached takes them for a date.
#[derive(Debug)]
pub struct Seconds;

impl Unit for Seconds {
    const WORDS: &'static str = "seconds or a time such as \"10m\", whole seconds, up to 30 days; 0 is without end";
    const MAX: u64 = 30 * 86_400;

    fn parse(text: &str) -> Option<u64> {
        match text.parse() {
            Ok(seconds) => Some(seconds),
            Err(_) => duration(text).filter(|time| time.subsec_nanos() == 0).map(|time| time.as_secs()),
        }
    }
}

/// Keys of a multiget.
#[derive(Debug)]
pub struct Keys;

impl Unit for Keys {
    const WORDS: &'static str = "a number of keys from 1 to 10000";
    const MIN: u64 = 1;
    const MAX: u64 = 10_000;

    fn parse(text: &str) -> Option<u64> {
        text.parse().ok()
    }
}

/// A length of time as people write it.
pub fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

/// An amount counted in `U`.
#[derive(Debug)]
pub struct Written<U>(pub Amount, PhantomData<U>);

impl<'de, U: Unit> Deserialize<'de> for Written<U> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor(PhantomData::<U>)).map(|amount| Written(amount, PhantomData))
    }
}

struct AmountVisitor<U>(PhantomData<U>);

impl<'de, U: Unit> Visitor<'de> for AmountVisitor<U> {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, a range \"A-B\", a shape or a weighted list", U::WORDS)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
        let number = u64::try_from(number).ok().filter(|number| (U::MIN..=U::MAX).contains(number));
        number.map(Amount::Constant).ok_or_else(|| E::custom(format!("expected {}", U::WORDS)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Amount, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(-1))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        let one = |text: &str| U::parse(text.trim()).filter(|amount| (U::MIN..=U::MAX).contains(amount));
        match text.split_once('-') {
            None => one(text).map(Amount::Constant),
            Some((min, max)) => match (one(min), one(max)) {
                (Some(min), Some(max)) if min > max => {
                    return Err(E::custom(format!("`{text}`: the first amount is the larger one")));
                }
                (Some(min), Some(max)) => Some(Amount::Range(min, max)),
                _ => None,
            },
        }
        .ok_or_else(|| E::custom(format!("`{text}`: expected {}", U::WORDS)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Amount, A::Error> {
        let shape = Shape::<U>::deserialize(MapAccessDeserializer::new(map))?;
        shape.amount().map_err(de::Error::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Amount, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element::<Entry<U>>()? {
            if entries.len() == LIST_MAX {
                return Err(de::Error::custom(format!("a weighted list has at most {LIST_MAX} entries")));
            }
            entries.push((entry.weight, entry.amount.0));
        }
        Amount::weighted(entries).map_err(de::Error::custom)
    }
}

/// One entry of a weighted list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "U: Unit", expecting = "an entry such as { weight = 9, amount = 100 }")]
struct Entry<U> {
    weight: f64,
    amount: Written<U>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ShapeName {
    Normal,
    Lognormal,
}

/// `{ shape = "normal", mean, deviation, min, max }` or `{ shape = "lognormal", median, sigma, min, max }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "U: Unit")]
struct Shape<U> {
    shape: ShapeName,
    mean: Option<Written<U>>,
    deviation: Option<Written<U>>,
    median: Option<Written<U>>,
    sigma: Option<f64>,
    min: Option<Written<U>>,
    max: Option<Written<U>>,
}

impl<U: Unit> Shape<U> {
    fn amount(self) -> Result<Amount, String> {
        let constant = |name: &str, of: Option<Written<U>>| match of {
            None => Ok(None),
            Some(Written(Amount::Constant(amount), _)) => Ok(Some(amount)),
            Some(_) => Err(format!("{name} is one amount")),
        };
        let min = constant("min", self.min)?.unwrap_or(U::MIN);
        let max = constant("max", self.max)?;
        let (mean, deviation) = (constant("mean", self.mean)?, constant("deviation", self.deviation)?);
        let median = constant("median", self.median)?;
        let max = max.unwrap_or(U::TAIL.max(min));
        if min > max {
            return Err(format!("min is {min} and max is {max}"));
        }
        let within = |name: &str, amount: u64| match (min..=max).contains(&amount) {
            true => Ok(amount as f64),
            false => Err(format!("{name} lies outside of {min} to {max}")),
        };
        match (self.shape, mean, deviation, median, self.sigma) {
            (ShapeName::Normal, Some(mean), Some(deviation), None, None) => {
                Ok(Amount::Normal { mean: within("mean", mean)?, deviation: deviation as f64, min, max })
            }
            (ShapeName::Lognormal, None, None, Some(median), Some(sigma)) => {
                if !(sigma > 0.0 && sigma <= 10.0) {
                    return Err("sigma lies above 0 and is at most 10".into());
                }
                if median == 0 {
                    return Err("the median of a lognormal shape lies above 0".into());
                }
                Ok(Amount::Lognormal { median: within("median", median)?, sigma, min, max })
            }
            (ShapeName::Normal, ..) => {
                Err("a normal shape has `mean` and `deviation`, and may have `min`, `max`".into())
            }
            (ShapeName::Lognormal, ..) => {
                Err("a lognormal shape has `median` and `sigma`, and may have `min`, `max`".into())
            }
        }
    }
}
