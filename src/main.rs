//! The program; see [`jq2qmt::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    jq2qmt::cli::run()
}
