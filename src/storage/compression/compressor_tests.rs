use super::*;
use crate::storage::compression::train;

const LIMIT_BYTES: usize = 64 << 20;

fn compressor(algorithm: Compression) -> Compressor {
    Compressor::new(algorithm, 1, LIMIT_BYTES).unwrap()
}

/// Something like what applications store: fields of changing contents around names that repeat.
fn record(number: usize, len: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut row = number;
    while text.len() < len {
        row = row.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
        let (id, name) = (row % 1_000_000, row >> 40);
        text.extend_from_slice(
            format!(r#"{{"id":{id},"name":"user-{name:x}","active":true,"city":"Paris"}},"#).as_bytes(),
        );
    }
    text.truncate(len);
    text
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(next).collect()
}

fn trained() -> Compressor {
    let mut compressor = compressor(Compression::ZstdDictionary);
    let mut out = Vec::new();
    let samples = (0..100_000).find_map(|number| {
        compressor.compress(&record(number, 300), &mut out);
        compressor.take_samples()
    });
    let dictionary = train(&samples.expect("samples")).expect("a dictionary");
    compressor.end_training(Some(&dictionary));
    assert_eq!(compressor.stats().dictionary_version, 1);
    compressor
}

#[test]
fn values_come_back_as_they_were() {
    for mut compressor in [compressor(Compression::Lz4), compressor(Compression::Zstd), trained()] {
        let (mut out, mut smaller, before) = (Vec::new(), 0, compressor.stats());
        for (number, len) in [1, 2, 7, 64, 128, 300, 1000, 4096, INLINE_VALUE_MAX].into_iter().enumerate() {
            let raw = record(number, len);
            if compressor.compress(&raw, &mut out) {
                smaller += 1;
                assert!(out.len() <= stored_len_max(len), "{len}: {}", out.len());
                let stored = std::mem::take(&mut out);
                assert_eq!(compressor.decompress(&stored).unwrap(), raw);
            }
        }
        assert!(smaller >= 4, "{:?}: {smaller}", compressor.algorithm);
        let after = compressor.stats();
        assert_eq!(after.attempts - before.attempts, after.incompressible - before.incompressible + smaller);
    }
}

#[test]
fn large_values_come_back_block_by_block() {
    for mut compressor in [compressor(Compression::Lz4), compressor(Compression::Zstd)] {
        for len in [INLINE_VALUE_MAX + 1, BLOCK_BYTES, BLOCK_BYTES + 1, COMPRESSED_LEN_MAX] {
            let mut raw = record(1, len);
            // A block that does not get smaller among others that do.
            raw[..BLOCK_BYTES.min(len / 4)].copy_from_slice(&noise(BLOCK_BYTES.min(len / 4)));
            let mut out = Vec::new();
            assert!(compressor.begin_large(len, &mut out));
            for (index, block) in raw.chunks(BLOCK_BYTES).enumerate() {
                compressor.add_block(index, block, &mut out);
            }
            assert!(compressor.end_large(len, &out), "{len}: {}", out.len());
            for (index, block) in raw.chunks(BLOCK_BYTES).enumerate().rev() {
                let gather = |range: std::ops::Range<usize>, to: &mut Vec<u8>| to.extend_from_slice(&out[range]);
                assert!(compressor.decompress_block(&out, index, gather) == Ok(block), "{len}, block {index}");
            }
            let beyond = len.div_ceil(BLOCK_BYTES);
            assert_eq!(compressor.decompress_block(&out, beyond, |_, _| ()), Err(Corrupt));
        }
    }
}

#[test]
fn a_dictionary_makes_small_values_smaller() {
    let stored_len = |compressor: &mut Compressor| {
        let mut out = Vec::new();
        let lens = (500_000..500_200).map(|number| {
            let raw = record(number, 200);
            if compressor.compress(&raw, &mut out) { out.len() } else { raw.len() }
        });
        lens.sum::<usize>()
    };
    let (with, without) = (stored_len(&mut trained()), stored_len(&mut compressor(Compression::Zstd)));
    assert!(with * 10 < without * 7, "{with} bytes with, {without} without");
}

#[test]
fn what_does_not_get_smaller_is_left_alone() {
    for algorithm in [Compression::Lz4, Compression::Zstd, Compression::ZstdDictionary] {
        let mut compressor = compressor(algorithm);
        let (mut out, raw) = (Vec::new(), noise(2000));
        for _ in 0..10_000 {
            assert!(!compressor.compress(&raw, &mut out));
        }
        let stats = compressor.stats();
        assert!(stats.attempts < 200 && stats.skipped > 9_800, "{stats:?}");
        assert_eq!(stats.attempts, stats.incompressible);
        // Values of another size have their own gate.
        assert!(compressor.compress(&record(1, 5000), &mut out));
    }
}

#[test]
fn values_outside_of_the_bounds_are_not_tried() {
    let mut compressor = Compressor::new(Compression::Zstd, 200, LIMIT_BYTES).unwrap();
    let mut out = Vec::new();
    assert!(!compressor.compress(&[b' '; 199], &mut out));
    assert!(compressor.compress(&[b' '; 200], &mut out));
    assert!(!compressor.begin_large(COMPRESSED_LEN_MAX + 1, &mut out));
    assert_eq!(compressor.stats().attempts, 1);
    assert!(Compressor::new(Compression::Off, 1, LIMIT_BYTES).is_none());
}

#[test]
fn a_dictionary_is_for_short_values() {
    let mut compressor = trained();
    for (len, is_short) in [(300, true), (DICTIONARY_LEN_MAX, true), (DICTIONARY_LEN_MAX + 1, false)] {
        let mut stored = Vec::new();
        assert!(compressor.compress(&record(1, len), &mut stored));
        let coding = Prefix::read(&stored).unwrap().coding;
        assert_eq!(coding, if is_short { Coding::Dictionary(0) } else { Coding::Zstd }, "{len}");
    }
}

#[test]
fn a_dictionary_is_kept_until_no_item_uses_it() {
    let mut compressor = trained();
    let other = train(&TrainingSamples {
        bytes: (0..2000).flat_map(|number| record(number * 7, 300)).collect(),
        lens: vec![300; 2000],
    })
    .unwrap();
    let mut items = Vec::new();
    let mut add = |compressor: &mut Compressor| {
        let (raw, mut stored) = (record(items.len(), 300), Vec::new());
        assert!(compressor.compress(&raw, &mut stored));
        compressor.item_added(Prefix::read(&stored).unwrap(), stored.len() as u64);
        items.push((raw, stored));
    };
    for _ in 0..10 {
        add(&mut compressor);
    }
    compressor.end_training(Some(&other));
    for _ in 0..5 {
        add(&mut compressor);
    }
    let stats = compressor.stats();
    assert_eq!((stats.dictionary_version, stats.dictionaries, stats.items), (2, 2, 15));
    assert_eq!(stats.raw_bytes, 15 * 300);
    for (raw, stored) in &items {
        assert_eq!(compressor.decompress(stored).unwrap(), raw);
    }
    // The last item of the first version takes it along.
    for (index, (_, stored)) in items.iter().enumerate() {
        assert_eq!(compressor.stats().dictionaries, if index < 10 { 2 } else { 1 });
        compressor.item_removed(Prefix::read(stored).unwrap(), stored.len() as u64);
    }
    assert_eq!(compressor.stats().dictionaries, 1, "the current one stays");
    assert_eq!(compressor.decompress(&items[0].1), Err(Corrupt));
    assert_eq!((compressor.stats().items, compressor.stats().stored_bytes), (0, 0));
}

#[test]
fn versions_are_bounded() {
    let mut compressor = trained();
    let dictionary = train(&TrainingSamples {
        bytes: (0..2000).flat_map(|number| record(number, 300)).collect(),
        lens: vec![300; 2000],
    })
    .unwrap();
    let mut stored = Vec::new();
    for _ in 0..20 {
        assert!(compressor.compress(&record(3, 300), &mut stored));
        compressor.item_added(Prefix::read(&stored).unwrap(), stored.len() as u64);
        compressor.end_training(Some(&dictionary));
    }
    assert_eq!((compressor.stats().dictionaries, compressor.stats().dictionary_version), (8, 8));
    compressor.all_items_removed();
    assert_eq!(compressor.stats().dictionaries, 1);
}

#[test]
fn damage_is_noticed_or_harmless() {
    for mut compressor in [compressor(Compression::Lz4), compressor(Compression::Zstd), trained()] {
        let (raw, mut stored) = (record(9, 400), Vec::new());
        assert!(compressor.compress(&raw, &mut stored));
        for index in 0..stored.len() {
            for mask in [1, 0x80, 0xff] {
                let mut damaged = stored.clone();
                damaged[index] ^= mask;
                // Never a panic; where it decompresses all the same, to a bounded length.
                assert!(compressor.decompress(&damaged).map_or(0, <[u8]>::len) <= INLINE_VALUE_MAX);
            }
        }
        for len in 0..stored.len() {
            assert_eq!(compressor.decompress(&stored[..len]), Err(Corrupt));
        }
        assert_eq!(compressor.decompress(&stored).unwrap(), raw);
    }
}

#[test]
fn memory_is_bounded_and_known() {
    for mut compressor in [compressor(Compression::Lz4), compressor(Compression::Zstd), trained()] {
        let before = compressor.memory_bytes();
        assert!(before < 1 << 20, "{:?}: {before}", compressor.algorithm);
        let mut out = Vec::new();
        for number in 0..200 {
            let raw = record(number, 100 + number * 81);
            if compressor.compress(&raw, &mut out) {
                let stored = std::mem::take(&mut out);
                compressor.decompress(&stored).unwrap();
            }
        }
        let grown = compressor.memory_bytes() - before;
        assert!(grown < 64 << 10, "{:?}: {grown} bytes more", compressor.algorithm);
    }
}
