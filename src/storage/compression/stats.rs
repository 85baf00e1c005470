//! What compression did and does.

/// Figures of a store's compression. Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompressionStats {
    /// Values that were tried since the start or the last reset of the figures.
    pub attempts: u64,
    /// Those among them that did not get smaller by an eighth, and were stored as they came.
    pub incompressible: u64,
    /// Values that were not tried, because most of their size had not got smaller.
    pub skipped: u64,
    /// Compressed items present.
    pub items: u64,
    /// What their values would take uncompressed.
    pub raw_bytes: u64,
    /// What they take.
    pub stored_bytes: u64,
    /// Values that could not be decompressed, and were removed: memory was written over.
    pub failures: u64,
    /// The current dictionary's version, from 1; 0 for none. Of several stores the highest.
    pub dictionary_version: u64,
    /// Versions of dictionaries kept.
    pub dictionaries: u64,
    /// Times that samples were taken away for training.
    pub trainings: u64,
    /// Memory of contexts, dictionaries, samples and buffers.
    pub memory_bytes: u64,
}

impl CompressionStats {
    /// Adds another store's.
    pub fn merge(&mut self, other: &CompressionStats) {
        macro_rules! add {
            ($($field:ident)+) => { $( self.$field += other.$field; )+ };
        }
        add!(attempts incompressible skipped items raw_bytes stored_bytes failures dictionaries trainings memory_bytes);
        self.dictionary_version = self.dictionary_version.max(other.dictionary_version);
    }
}
