//! The program; the library's documentation says what it is for.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringtune::main()
}
