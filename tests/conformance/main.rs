//! Wire conformance: the protocols byte for byte, in every deployment shape.
//!
//! The reference is memcached. `RINGCACHED_TEST_ADDR=127.0.0.1:11211` aims the same tables at a running memcached,
//! which tests the tables. Cases marked `ours` are not asked of it, with the reason beside them.

#[path = "../support/mod.rs"]
mod support;

mod admin;
mod arithmetic;
mod binary;
mod cas;
mod control;
mod expiry;
mod flush;
mod framing;
mod meta_arithmetic;
mod meta_client;
mod meta_delete;
mod meta_get;
mod meta_keys;
mod meta_set;
mod meta_stale;
mod refused;
mod removal;
mod retrieval;
mod storage;

use support::run_suite;

#[test]
fn storage_commands() {
    run_suite(storage::cases);
}

#[test]
fn refused_storage_commands() {
    run_suite(refused::cases);
}

#[test]
fn retrieval_commands() {
    run_suite(retrieval::cases);
}

#[test]
fn check_and_set() {
    run_suite(cas::cases);
}

#[test]
fn arithmetic_commands() {
    run_suite(arithmetic::cases);
}

#[test]
fn removal_commands() {
    run_suite(removal::cases);
}

#[test]
fn expiry_and_touch() {
    run_suite(expiry::cases);
}

#[test]
fn flushing() {
    run_suite(flush::cases);
}

#[test]
fn administration() {
    run_suite(admin::cases);
}

#[test]
fn framing_and_pipelines() {
    run_suite(framing::cases);
}

#[test]
fn meta_get_commands() {
    run_suite(meta_get::cases);
}

#[test]
fn meta_set_commands() {
    run_suite(meta_set::cases);
}

#[test]
fn meta_delete_commands() {
    run_suite(meta_delete::cases);
}

#[test]
fn meta_arithmetic_commands() {
    run_suite(meta_arithmetic::cases);
}

#[test]
fn meta_stale_and_recached_items() {
    run_suite(meta_stale::cases);
}

#[test]
fn meta_keys_and_debug() {
    run_suite(meta_keys::cases);
}

#[test]
fn binary_packets() {
    run_suite(binary::cases);
}

#[test]
fn control() {
    run_suite(control::cases);
}

#[test]
fn what_a_meta_client_sends() {
    run_suite(meta_client::cases);
}
