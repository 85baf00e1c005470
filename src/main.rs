//! ringcached's binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use ringcached::config::Flags;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ringcached::launch::main(Flags::from_command_line())
}
