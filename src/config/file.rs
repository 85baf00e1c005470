//! The configuration file: TOML whose keys are the long flags' names.

use super::{ConfigError, Options, refused};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::fmt;
use std::path::Path;

/// Longest file that is read, in bytes; no configuration comes near it.
const FILE_SIZE_MAX_BYTES: u64 = 1 << 20;

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<Options, ConfigError> {
    let fail = |cause: String| ConfigError::File { path: path.to_owned(), cause };
    let length = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
    if length > FILE_SIZE_MAX_BYTES {
        return Err(fail(format!("it has {length} bytes, more than the {FILE_SIZE_MAX_BYTES} that are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
    parse(&text).map_err(fail)
}

/// Reads TOML; the error names the line and the key.
pub(super) fn parse(text: &str) -> Result<Options, String> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    for key in table.keys() {
        if let Some(why) = refused::why(key) {
            return Err(format!("memcached's {key} does not exist here: {why}"));
        }
    }
    // From the text again, not from the table, so that errors carry the line.
    toml::from_str(text).map_err(|e| e.to_string())
}

/// A size: `memory-limit = 64` or `memory-limit = "4g"`.
pub(super) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Size;
    impl Visitor<'_> for Size {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number or a size such as \"512m\"")
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
    }
    deserializer.deserialize_any(Size).map(Some)
}

/// Addresses: `listen = "127.0.0.1"` or `listen = ["127.0.0.1", "[::1]:11212"]`.
pub(super) fn one_or_more_texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Texts;
    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or an array of texts")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(vec![text.to_owned()])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<String>, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = seq.next_element()? {
                texts.push(text);
            }
            Ok(texts)
        }
    }
    deserializer.deserialize_any(Texts).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_long_flags_names() {
        let options = parse(
            "port = 1\nlisten = ['::1', '127.0.0.1:5']\nmemory-limit = 100\nmax-item-size = '2m'\nthreads = 2\n\
             disable-evictions = true\nsteering = 'incoming-cpu'\nverbose = 1\n",
        )
        .unwrap();
        assert_eq!(options.port, Some(1));
        assert_eq!(options.listen.unwrap().len(), 2);
        assert_eq!(options.memory_limit.as_deref(), Some("100"));
        assert_eq!(options.max_item_size.as_deref(), Some("2m"));
        assert_eq!(options.disable_evictions, Some(true));
        assert_eq!(parse("listen = '::1'").unwrap().listen.unwrap(), ["::1"]);
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        for (text, named) in [
            ("prot = 1", "prot"),
            ("memory_limit = 1", "memory_limit"),
            ("print-config = true", "print-config"),
            ("enable-ssl = true", "TLS is not built"),
            ("port = 'x'", "port"),
            ("memory-limit = 1.5", "memory-limit"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    /// Every flag that is a setting can be written into the file, by its long name.
    #[test]
    fn every_setting_is_a_key() {
        use crate::config::memcached::{FLAGS, OURS, Verdict};
        let honoured = FLAGS.iter().filter(|row| row.verdict != Verdict::Refused).map(|row| row.name);
        for name in honoured.chain(OURS.iter().copied()) {
            // A value of a type that no key has: told is what is wrong with it, or that there is no such key.
            let unknown = parse(&format!("{name} = 2020-01-01")).unwrap_err().contains("unknown field");
            let asks_only = ["help", "version", "license", "config", "print-config"].contains(&name);
            assert_eq!(unknown, asks_only, "{name}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("/no/such/file.toml")).unwrap_err().to_string();
        assert!(error.contains("/no/such/file.toml"), "{error}");
    }
}
