//! The algorithms. Contexts are made when they are first needed and used again for every value.

use super::{Corrupt, DICTIONARY_BYTES_MAX, prefix::Coding};
use crate::storage::INLINE_VALUE_MAX;
use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};
use zstd_safe::{CCtx, CParameter, DCtx, DDict, DParameter, FrameFormat};

/// Zstandard's level: the fastest of its usual ones. With records of 200 to 60,000 bytes, level 3 made the shortest three
/// percent smaller and the others no smaller, at up to three times the work; the negative ones are half as much work and
/// leave up to twice the bytes.
const LEVEL: i32 = 1;

/// Bytes of the tables of LZ4.
const LZ4_TABLE_BYTES: usize = 8 << 10;
const LZ4_LARGE_TABLE_BYTES: usize = 16 << 10;

/// From this length on LZ4 needs the larger table.
const LZ4_LARGE_LEN_MIN: usize = u16::MAX as usize;

/// Contexts of one store.
#[derive(Default)]
pub(super) struct Codec {
    lz4: Option<CompressTable>,
    lz4_large: Option<CompressTable>,
    plain: Option<CCtx<'static>>,
    /// Has the dictionary of that version loaded.
    with_dictionary: Option<CCtx<'static>>,
    decoder: Option<DCtx<'static>>,
}

impl Codec {
    /// Compresses by this dictionary from now on. False if there is no memory for it.
    pub(super) fn load_dictionary(&mut self, dictionary: &[u8]) -> bool {
        debug_assert!(dictionary.len() <= DICTIONARY_BYTES_MAX);
        self.with_dictionary = encoder();
        // Its tables are made by the first value: made here, their memory counts from now on.
        let mut room = vec![0; INLINE_VALUE_MAX];
        let loaded = self.with_dictionary.as_mut().is_some_and(|encoder| {
            encoder.load_dictionary(dictionary).is_ok()
                && encoder.compress2(&mut room[..], &[0; INLINE_VALUE_MAX]).is_ok()
        });
        if !loaded {
            self.with_dictionary = None;
        }
        loaded
    }

    /// Adds the compressed form of `raw` to `out` if it takes at most `len_max` bytes. A [`Coding::Dictionary`] is the
    /// one that was loaded last.
    pub(super) fn encode(&mut self, coding: Coding, raw: &[u8], out: &mut Vec<u8>, len_max: usize) -> bool {
        let start = out.len();
        let len = match coding {
            Coding::Lz4 => {
                let table = if raw.len() < LZ4_LARGE_LEN_MIN {
                    self.lz4.get_or_insert_with(CompressTable::small)
                } else {
                    self.lz4_large.get_or_insert_with(CompressTable::large)
                };
                // It asks for the room that the worst case needs.
                out.resize(start + get_maximum_output_size(raw.len()), 0);
                compress_into_with_table(raw, &mut out[start..], table).ok()
            }
            Coding::Zstd | Coding::Dictionary(_) => {
                let context = match coding {
                    Coding::Dictionary(_) => self.with_dictionary.as_mut(),
                    _ => {
                        if self.plain.is_none() {
                            self.plain = encoder();
                        }
                        self.plain.as_mut()
                    }
                };
                out.resize(start + len_max, 0);
                // Where the room does not do, this fails.
                context.and_then(|context| context.compress2(&mut out[start..], raw).ok())
            }
        };
        let len = len.filter(|&len| len <= len_max);
        out.truncate(start + len.unwrap_or(0));
        len.is_some()
    }

    /// Adds the `raw_len` bytes that were compressed to `out`.
    pub(super) fn decode(
        &mut self,
        coding: Coding,
        dictionary: Option<&DDict<'static>>,
        stored: &[u8],
        raw_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let start = out.len();
        out.resize(start + raw_len, 0);
        let room = &mut out[start..];
        let len = match coding {
            Coding::Lz4 => decompress_into(stored, room).ok(),
            Coding::Zstd | Coding::Dictionary(_) => {
                if self.decoder.is_none() {
                    self.decoder = decoder();
                }
                let Some(decoder) = &mut self.decoder else { return Err(Corrupt) };
                match (coding, dictionary) {
                    (Coding::Dictionary(_), Some(dictionary)) => {
                        decoder.decompress_using_ddict(room, stored, dictionary).ok()
                    }
                    (Coding::Dictionary(_), None) => None,
                    _ => decoder.decompress(room, stored).ok(),
                }
            }
        };
        if len == Some(raw_len) {
            return Ok(());
        }
        out.truncate(start);
        Err(Corrupt)
    }

    /// Memory of the contexts.
    pub(super) fn memory_bytes(&self) -> usize {
        let tables = [(&self.lz4, LZ4_TABLE_BYTES), (&self.lz4_large, LZ4_LARGE_TABLE_BYTES)];
        let lz4: usize = tables.into_iter().filter(|(table, _)| table.is_some()).map(|(_, bytes)| bytes).sum();
        let encoders: usize = [&self.plain, &self.with_dictionary].into_iter().flatten().map(CCtx::sizeof).sum();
        lz4 + encoders + self.decoder.as_ref().map_or(0, DCtx::sizeof)
    }
}

/// A context without what the prefix says already: magic number, length, and the dictionary's number.
fn encoder() -> Option<CCtx<'static>> {
    let mut context = CCtx::try_create()?;
    for parameter in [
        CParameter::CompressionLevel(LEVEL),
        CParameter::Format(FrameFormat::Magicless),
        CParameter::ContentSizeFlag(false),
        CParameter::DictIdFlag(false),
    ] {
        context.set_parameter(parameter).ok()?;
    }
    Some(context)
}

fn decoder() -> Option<DCtx<'static>> {
    let mut context = DCtx::try_create()?;
    context.set_parameter(DParameter::Format(FrameFormat::Magicless)).ok()?;
    Some(context)
}
