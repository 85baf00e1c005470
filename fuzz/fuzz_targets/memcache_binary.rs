//! Any chunking of the same packets gives the same steps, within the stated bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../driver.rs"]
mod driver;

fuzz_target!(|data: &[u8]| {
    let Some((&piece_len, stream)) = data.split_first() else { return };
    let whole = driver::run_binary([stream]);
    let pieces = driver::run_binary(stream.chunks(usize::from(piece_len).max(1)));
    assert_eq!(whole, pieces);
});
