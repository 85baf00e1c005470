//! `-o name[=value],...`: memcached's extended options. Several are separated by commas, the flag may be repeated,
//! and of an option that is given twice the last one holds, as in memcached.

use super::memcached::{self, Row, Takes, Verdict};
use super::{ConfigError, defaults};

/// Longest pause of the crawler between items, in microseconds, as memcached's.
pub const CRAWLER_SLEEP_US_MAX: u32 = 1_000_000;
/// Largest buffer of a watcher, in bytes.
pub const WATCHER_LOGBUF_MAX_BYTES: usize = 1 << 30;

/// What the extended options say, defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) idle_timeout_seconds: u32,
    pub(super) track_sizes: bool,
    pub(super) crawler_enabled: bool,
    pub(super) crawler_sleep_us: u32,
    pub(super) crawler_tocrawl: u32,
    pub(super) slab_automove: bool,
    pub(super) watcher_logbuf_bytes: usize,
}

impl Default for Extended {
    fn default() -> Self {
        Extended {
            idle_timeout_seconds: defaults::IDLE_TIMEOUT_SECONDS,
            track_sizes: false,
            crawler_enabled: true,
            crawler_sleep_us: defaults::CRAWLER_SLEEP_US,
            crawler_tocrawl: defaults::CRAWLER_TOCRAWL,
            slab_automove: true,
            watcher_logbuf_bytes: defaults::WATCHER_LOGBUF_BYTES,
        }
    }
}

impl Extended {
    /// Reads the values of every `-o`, in order.
    pub(super) fn parse(lists: &[String]) -> Result<Extended, ConfigError> {
        let mut extended = Extended::default();
        // A comma at the end is none, nor is an empty list, as in memcached.
        for list in lists.iter().map(|list| list.strip_suffix(',').unwrap_or(list)).filter(|list| !list.is_empty()) {
            list.split(',').try_for_each(|text| extended.read(text.trim()))?;
        }
        Ok(extended)
    }

    fn read(&mut self, text: &str) -> Result<(), ConfigError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let Some(Row { takes, verdict, note, .. }) = memcached::option_named(name) else {
            return Err(ConfigError::ExtendedUnknown { text: text.to_owned() });
        };
        let wrong = |reason| ConfigError::ExtendedValue { text: text.to_owned(), reason };
        match (verdict, takes, value) {
            (Verdict::Refused, ..) => {
                return Err(ConfigError::ExtendedRefused { name: name.to_owned(), why: note });
            }
            (_, Takes::Nothing, Some(_)) => return Err(wrong("it takes no value")),
            (_, Takes::Value, None) => return Err(wrong("a value is missing")),
            (Verdict::AlwaysSo, ..) => return Ok(()),
            (Verdict::Honoured, ..) => {}
        }
        let number = |max: u32| number(value.unwrap_or_default(), max).ok_or_else(|| (max, text.to_owned()));
        let bounds = |(max, text)| ConfigError::ExtendedBounds { text, max };
        match name {
            "idle_timeout" => self.idle_timeout_seconds = number(u32::MAX).map_err(bounds)?,
            "track_sizes" => self.track_sizes = true,
            "lru_crawler" => self.crawler_enabled = true,
            "no_lru_crawler" => self.crawler_enabled = false,
            "lru_crawler_sleep" => self.crawler_sleep_us = number(CRAWLER_SLEEP_US_MAX).map_err(bounds)?,
            "lru_crawler_tocrawl" => self.crawler_tocrawl = number(u32::MAX).map_err(bounds)?,
            "slab_automove" if value == Some("2") => {
                return Err(wrong("a page moves as soon as a class needs one, there is no more eager way; give 1"));
            }
            "slab_automove" => self.slab_automove = value.is_none() || number(1).map_err(bounds)? == 1,
            "no_slab_automove" => self.slab_automove = false,
            "watcher_logbuf_size" => {
                let kib = number((WATCHER_LOGBUF_MAX_BYTES >> 10) as u32).map_err(bounds)?;
                self.watcher_logbuf_bytes = (kib.max(1) as usize) << 10;
            }
            _ => return Err(ConfigError::ExtendedUnknown { text: text.to_owned() }),
        }
        Ok(())
    }

    /// The options that [`parse`](Self::parse) reads back to this, every one that is honoured.
    pub(super) fn to_list(self) -> Vec<String> {
        let mut list = vec![
            format!("idle_timeout={}", self.idle_timeout_seconds),
            if self.crawler_enabled { "lru_crawler" } else { "no_lru_crawler" }.to_owned(),
            format!("lru_crawler_sleep={}", self.crawler_sleep_us),
            format!("lru_crawler_tocrawl={}", self.crawler_tocrawl),
            format!("slab_automove={}", u8::from(self.slab_automove)),
            format!("watcher_logbuf_size={}", self.watcher_logbuf_bytes >> 10),
        ];
        if self.track_sizes {
            list.push("track_sizes".to_owned());
        }
        list
    }
}

fn number(text: &str, max: u32) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?.filter(|number| *number <= max)
}

/// The help's section on `-o`: what may be given, from the table.
pub(super) fn help() -> String {
    let mut text = "Extended options (-o):\n".to_owned();
    for Row { name, takes, note, .. } in memcached::EXTENDED.iter().filter(|row| row.verdict == Verdict::Honoured) {
        let name = match takes {
            Takes::Nothing => (*name).to_owned(),
            Takes::Value => format!("{name}=<NUM>"),
            Takes::Either => format!("{name}[=<NUM>]"),
        };
        text += &format!("  {name:<28} {}\n", note.replace('`', ""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lists: &[&str]) -> Result<Extended, ConfigError> {
        Extended::parse(&lists.iter().map(|list| (*list).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_come_in_lists_and_the_last_one_holds() {
        let extended = parse(&[
            "idle_timeout=30,track_sizes,lru_crawler_sleep=0",
            "no_lru_crawler,slab_automove=0,idle_timeout=31",
            "lru_crawler_tocrawl=7, watcher_logbuf_size=64,modern",
        ])
        .unwrap();
        let expected = Extended {
            idle_timeout_seconds: 31,
            track_sizes: true,
            crawler_enabled: false,
            crawler_sleep_us: 0,
            crawler_tocrawl: 7,
            slab_automove: false,
            watcher_logbuf_bytes: 64 << 10,
        };
        assert_eq!(extended, expected);
        assert_eq!(Extended::parse(&extended.to_list()).unwrap(), extended);
        assert_eq!(parse(&["", "modern,"]).unwrap(), Extended::default());
        assert!(parse(&["slab_automove=0,slab_automove"]).unwrap().slab_automove);
        assert!(!parse(&["slab_automove,no_slab_automove"]).unwrap().slab_automove);
    }

    /// The table and the reader agree on every option.
    #[test]
    fn every_option_is_honoured_or_refused_as_its_row_says() {
        for Row { name, takes, verdict, note, .. } in memcached::EXTENDED {
            let text = if *takes == Takes::Nothing { (*name).to_owned() } else { format!("{name}=1") };
            match (parse(&[&text]), verdict) {
                (Ok(_), Verdict::Honoured | Verdict::AlwaysSo) => {}
                (Err(error @ ConfigError::ExtendedRefused { .. }), Verdict::Refused) => {
                    let error = error.to_string();
                    assert!(error.contains(name) && error.contains(note), "{error}");
                }
                (outcome, _) => panic!("{text}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn what_is_malformed_is_named() {
        for bad in [
            "modern,,track_sizes",
            "no_such",
            "idle_timeout",
            "idle_timeout=",
            "idle_timeout=-1",
            "idle_timeout=4294967296",
        ] {
            assert!(parse(&[bad]).is_err(), "{bad:?}");
        }
        for (bad, words) in [
            ("slab_automove=2", "give 1"),
            ("slab_automove=3", "at most 1"),
            ("track_sizes=1", "takes no value"),
            ("modern=1", "takes no value"),
            ("lru_crawler_sleep", "missing"),
            ("lru_crawler_sleep=1000001", "at most 1000000"),
        ] {
            let error = parse(&[bad]).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(bad), "{error}");
        }
    }
}
