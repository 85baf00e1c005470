//! Small shards and their ways to each other, for the tests of the layers above.

use std::fs::File;
use std::sync::Arc;

use super::{Doorbell, Router, mesh};
use crate::shard::{KeyHasher, Shard};

/// A router for each of `shards` shards. Nobody sleeps on their bells.
pub(crate) fn routers<T: Copy>(shards: usize, hasher: &KeyHasher) -> Vec<Router<T>> {
    let event = || File::open("/dev/null").expect("a descriptor").into();
    let bells: Vec<_> = (0..shards).map(|_| Arc::new(Doorbell::new(event()))).collect();
    mesh(&bells).into_iter().map(|mesh| Router::new(Shard::small(hasher), mesh)).collect()
}
