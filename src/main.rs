//! ringcached's binary.

use std::process::ExitCode;

use ringcached::config::Flags;
use ringcached::heap::{Heap, keep_huge_pages_to_those_asked_for};

#[global_allocator]
static HEAP: Heap = Heap;

fn main() -> ExitCode {
    keep_huge_pages_to_those_asked_for();
    ringcached::launch::main(Flags::from_command_line())
}
