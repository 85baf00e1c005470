//! Making a dictionary of samples: a second or so of work for whoever has the time, on any thread.

/// Bytes of values that one dictionary is made of; a store keeps no more of them.
pub const SAMPLES_BYTES_MAX: usize = 1 << 20;

/// Bytes of a dictionary.
pub const DICTIONARY_BYTES_MAX: usize = 16 << 10;

/// Some values, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrainingSamples {
    pub(super) bytes: Vec<u8>,
    pub(super) lens: Vec<usize>,
}

impl TrainingSamples {
    /// How many values.
    pub fn count(&self) -> usize {
        self.lens.len()
    }
}

/// Trains a dictionary of at most [`DICTIONARY_BYTES_MAX`]; `None` where the samples have nothing in common.
///
/// The algorithm is Zstandard's cover (Liao, Petri, Moffat, Wirth: "Effective construction of relative Lempel-Ziv
/// dictionaries", WWW 2016), in its fast form.
pub fn train(samples: &TrainingSamples) -> Option<Vec<u8>> {
    let mut dictionary = vec![0; DICTIONARY_BYTES_MAX.min(samples.bytes.len() / 8)];
    let len = zstd_safe::train_from_buffer(&mut dictionary[..], &samples.bytes, &samples.lens).ok()?;
    dictionary.truncate(len);
    Some(dictionary)
}
