//! Writes requests as lines of a trace in Twitter's columns, keys hashed.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use ring::{hmac, rand::SystemRandom};

use super::line::Event;
use crate::units::Share;

/// The characters of a hashed key, six bits each.
const DIGITS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.";

/// Characters of a hashed key: of 72 bits, so that a billion keys hardly ever share one.
const NAME_LEN: usize = 12;

/// Names keys so that the trace does not tell them, and chooses which are sampled.
pub struct Names {
    /// HMAC-SHA-256 with a secret that is never written: short keys cannot be guessed by trying them.
    secret: hmac::Key,
    sample: Share,
}

impl Names {
    /// Names with a fresh secret; `None` if the operating system gives no random bytes.
    pub fn new(sample: Share) -> Option<Self> {
        let secret = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        Some(Names { secret, sample })
    }

    /// The name of a key, if it is in the sample.
    pub fn name(&self, key: &[u8]) -> Option<[u8; NAME_LEN]> {
        let tag = hmac::sign(&self.secret, key);
        let (choice, name) = tag.as_ref().split_at(8);
        let hash = choice.iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte));
        self.sample.takes(hash).then(|| std::array::from_fn(|at| DIGITS[usize::from(name[at] & 63)]))
    }
}

/// The file, compressed or not.
pub enum Output {
    Plain(BufWriter<File>),
    Zstd(Box<zstd::Encoder<'static, BufWriter<File>>>),
}

impl Output {
    /// Creates the file; one whose name ends in `.zst` is compressed.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        if path.extension().is_some_and(|extension| extension == "zst") {
            return Ok(Output::Zstd(Box::new(zstd::Encoder::new(file, 0)?)));
        }
        Ok(Output::Plain(file))
    }

    /// Writes one request, `micros` after the first one.
    pub fn write(&mut self, event: &Event, name: &[u8], micros: u64) -> io::Result<()> {
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let name = String::from_utf8_lossy(name);
        let Event { key, value_size, client, verb, ttl, .. } = event;
        let key_size = key.len();
        let line = format_args!("{seconds}.{fraction:06},{name},{key_size},{value_size},{client},{verb},{ttl}\n");
        match self {
            Output::Plain(file) => file.write_fmt(line),
            Output::Zstd(encoder) => encoder.write_fmt(line),
        }
    }

    /// Ends the file.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Output::Plain(mut file) => file.flush(),
            Output::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_name_in_one_recording_and_another_in_the_next() {
        let all = "1/1".parse().unwrap();
        let (one, other) = (Names::new(all).unwrap(), Names::new(all).unwrap());
        assert_eq!(one.name(b"key"), one.name(b"key"));
        assert_ne!(one.name(b"key"), one.name(b"kez"));
        assert_ne!(one.name(b"key"), other.name(b"key"));
        let tenth = Names::new("1/10".parse().unwrap()).unwrap();
        let taken = (0..10_000).filter(|n| tenth.name(format!("key{n}").as_bytes()).is_some()).count();
        assert!((800..1200).contains(&taken), "{taken}");
    }
}
