//! Any sequence of operations leaves the store as the model says, and in order within: every item is reachable, and
//! counts, lists and memory add up.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/store_model/model/mod.rs"]
mod model;

fuzz_target!(|data: &[u8]| model::decode::run(data));
