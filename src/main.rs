//! ringcached's binary.
fn main() {}
